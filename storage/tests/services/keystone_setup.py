"""Projects, users, roles and the catalogue; prints what tests must know as shell assignments.

keystone_setup.py KEYSTONE PROXY NOWHERE ADMIN_PASSWORD SERVICE_PASSWORD
"""
import sys

from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

url, proxy, nowhere, admin_password, service_password = sys.argv[1:6]


def connect(user, password, project):
    login = v3.Password(auth_url=url, username=user, password=password, project_name=project,
                        user_domain_id="default", project_domain_id="default")
    return client.Client(session=session.Session(auth=login))


keystone = connect("admin", admin_password, "admin")
roles = {role.name: role for role in keystone.roles.list()}
for name in ("service", "nothing"):
    roles.setdefault(name, None)
    roles[name] = roles[name] or keystone.roles.create(name)
corp = keystone.domains.create("corp")
service = keystone.projects.create("service", domain="default")
demo = keystone.projects.create("demo", domain="default")
other = keystone.projects.create("demo", domain=corp)  # The same names in another domain.
for name, domain, password, project, granted in (
        ("swift", "default", service_password, service, ("admin", "service")),
        ("demo", "default", "demo-secret", demo, ("member",)),
        ("guest", "default", "guest-secret", demo, ("nothing",)),
        ("demo", corp, "corp-secret", other, ("member",))):
    user = keystone.users.create(name, domain=domain, password=password)
    for role in granted:
        keystone.roles.grant(roles[role], user=user, project=project)
    if (name, domain) == ("demo", "default"):
        demo_user = user
store = keystone.services.create("swift", type="object-store")
keystone.regions.create("RegionTwo")
for region, base in (("RegionOne", proxy), ("RegionTwo", nowhere)):
    for interface in ("public", "internal", "admin"):
        keystone.endpoints.create(store, base + "/v1/AUTH_%(project_id)s", interface=interface,
                                  region=region)
application = connect("demo", "demo-secret", "demo").application_credentials.create("tests")
for name, value in (("PROJECT_ID", demo.id), ("USER_ID", demo_user.id),
                    ("APPCRED_ID", application.id), ("APPCRED_SECRET", application.secret),
                    ("CORP_DOMAIN_ID", corp.id)):
    print(f"{name}='{value}'")
