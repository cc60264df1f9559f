"""Keystone's own application, and the token request of version 2.0, which Keystone has dropped.

A version 2.0 request is translated into one of version 3, and its answer back: the
token is real, only the form of the answer is made here.
"""
import io
import json
import sys

sys.argv = sys.argv[:1]  # Keystone would read gunicorn's options.
from keystone.wsgi.api import application as keystone  # noqa: E402


def ask(env, question):
    body = json.dumps(question).encode()
    path = "/v3/auth/tokens"
    inner = dict(env, PATH_INFO=path, RAW_URI=path, REQUEST_URI=path, REQUEST_METHOD="POST",
                 QUERY_STRING="", CONTENT_TYPE="application/json", CONTENT_LENGTH=str(len(body)))
    inner["wsgi.input"] = io.BytesIO(body)
    got = {}

    def start(status, headers, failure=None):
        got.update(status=status, headers={name.lower(): value for name, value in headers})

    answer = b"".join(keystone(inner, start))
    return got["status"], got["headers"], answer


def version_2(env):
    asked = json.loads(env["wsgi.input"].read(int(env.get("CONTENT_LENGTH") or 0)))["auth"]
    login = asked["passwordCredentials"]
    domain = {"id": "default"}
    user = {"name": login["username"], "domain": domain, "password": login["password"]}
    project = {"name": asked["tenantName"], "domain": domain}
    status, headers, answer = ask(env, {"auth": {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": project}}})
    if not status.startswith("201"):
        return status, answer
    token = json.loads(answer)["token"]
    catalogue = []
    for service in token["catalog"]:
        regions = {}
        for point in service["endpoints"]:
            region = regions.setdefault(point["region"], {"region": point["region"]})
            region[point["interface"] + "URL"] = point["url"]
        catalogue.append({"type": service["type"], "endpoints": list(regions.values())})
    return "200 OK", json.dumps({"access": {
        "token": {"id": headers["x-subject-token"], "issued_at": token["issued_at"],
                  "expires": token["expires_at"][:19] + "Z"},
        "serviceCatalog": catalogue}}).encode()


def application(env, start):
    if env.get("PATH_INFO") != "/v2.0/tokens":
        return keystone(env, start)
    status, answer = version_2(env)
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
