//! Logging in: what each version of the login is asked, and how it answers.

use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::catalogue;
use super::credentials::{Credentials, Login, Method, Named, Secret};

/// A token and the store it opens.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) token: Secret,
    /// Address of the account, without a slash at its end.
    pub(super) storage_url: String,
    /// When the token ends, if the server said so.
    pub(super) ends: Option<Instant>,
    /// When it is time for a new one.
    pub(super) renew: Option<Instant>,
}

/// A token this much before its end is not used for new requests.
const MARGIN: Duration = Duration::from_secs(60);

impl Session {
    fn new(token: Secret, storage_url: String, life: Option<Duration>) -> Self {
        let now = Instant::now();
        // Some servers hand out one token until it ends: with a fixed margin each request
        // within it would log in again.
        let usable = life.map(|life| life - MARGIN.min(life / 10));
        Session {
            token,
            storage_url: storage_url.trim_end_matches('/').to_owned(),
            ends: life.and_then(|life| now.checked_add(life)),
            renew: usable.and_then(|usable| now.checked_add(usable)),
        }
    }
}

/// What is to be sent for a login.
pub(super) enum Question {
    /// Nothing: all is known.
    Known(Session),
    Get {
        url: String,
        headers: [(&'static str, Secret); 2],
    },
    Post {
        url: String,
        body: Secret,
    },
}

/// The request by which `credentials` log in.
pub(super) fn question(credentials: &Credentials) -> Result<Question, String> {
    Ok(match &credentials.method {
        Method::Token { token } => {
            let url = credentials.storage_url.clone();
            let url = url.ok_or("a token needs OS_STORAGE_URL")?;
            Question::Known(Session::new(token.clone(), url, None))
        }
        Method::V1 { url, user, key } => Question::Get {
            url: url.clone(),
            headers: [
                ("X-Auth-User", Secret::new(user)),
                ("X-Auth-Key", key.clone()),
            ],
        },
        Method::V2 {
            url,
            login,
            project,
        } => Question::Post {
            url: tokens(url, "v2.0", "/tokens"),
            body: Secret::new(v2(login, project.as_ref())?.to_string()),
        },
        Method::V3 {
            url,
            login,
            project,
        } => Question::Post {
            url: tokens(url, "v3", "/auth/tokens"),
            body: Secret::new(v3(login, project.as_ref()).to_string()),
        },
    })
}

/// Address for tokens at a Keystone that was named with or without its version.
fn tokens(url: &str, version: &str, path: &str) -> String {
    let base = url.trim_end_matches('/');
    let base = ["v3", "v2.0"]
        .iter()
        .find_map(|known| base.strip_suffix(&format!("/{known}")))
        .unwrap_or(base);
    format!("{base}/{version}{path}")
}

fn v3(login: &Login, project: Option<&(Named, Named)>) -> Value {
    let identity = match login {
        Login::Password { user, password } => {
            let mut user = owned(user);
            user["password"] = json!(password.expose());
            json!({"methods": ["password"], "password": {"user": user}})
        }
        Login::Application {
            credential,
            user,
            secret,
        } => {
            let mut application = plain(credential);
            application["secret"] = json!(secret.expose());
            if let (Named::Name(_), Some(user)) = (credential, user) {
                application["user"] = owned(user);
            }
            json!({"methods": ["application_credential"], "application_credential": application})
        }
        Login::Token(token) => json!({"methods": ["token"], "token": {"id": token.expose()}}),
    };
    let mut auth = json!({"identity": identity});
    // An application credential is bound to its project and refuses a scope.
    if let (Some(project), false) = (project, matches!(login, Login::Application { .. })) {
        auth["scope"] = json!({"project": owned(project)});
    }
    json!({"auth": auth})
}

fn v2(login: &Login, project: Option<&Named>) -> Result<Value, String> {
    let mut auth = match login {
        Login::Password {
            user: (Named::Id(id), _),
            password,
        } => json!({"passwordCredentials": {"userId": id, "password": password.expose()}}),
        Login::Password {
            user: (Named::Name(name), _),
            password,
        } => json!({"passwordCredentials": {"username": name, "password": password.expose()}}),
        Login::Token(token) => json!({"token": {"id": token.expose()}}),
        Login::Application { .. } => {
            return Err("version 2.0 knows no application credentials".to_owned());
        }
    };
    match project {
        Some(Named::Id(id)) => auth["tenantId"] = json!(id),
        Some(Named::Name(name)) => auth["tenantName"] = json!(name),
        None => {}
    }
    Ok(json!({"auth": auth}))
}

fn plain(named: &Named) -> Value {
    match named {
        Named::Id(id) => json!({"id": id}),
        Named::Name(name) => json!({"name": name}),
    }
}

/// A user or project; names count within a domain.
fn owned((named, domain): &(Named, Named)) -> Value {
    let mut value = plain(named);
    if matches!(named, Named::Name(_)) {
        value["domain"] = plain(domain);
    }
    value
}

/// The session in the answer to a login that succeeded.
pub(super) fn answer(
    credentials: &Credentials,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Session, String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = credentials.storage_url.as_deref();
    if matches!(credentials.method, Method::V1 { .. }) {
        let token = header("X-Auth-Token").or_else(|| header("X-Storage-Token"));
        let token = token.ok_or("the answer has no token: is this the address of a login?")?;
        let url = given.or_else(|| header("X-Storage-Url"));
        let url = url.ok_or("the answer names no store")?;
        let life = header("X-Auth-Token-Expires").and_then(|text| text.parse().ok());
        let life = life.map(Duration::from_secs);
        return Ok(Session::new(Secret::new(token), usable(url)?, life));
    }
    let body: Value =
        serde_json::from_slice(body).map_err(|_| "the answer is no JSON: is this Keystone?")?;
    let (token, times, catalogue): (_, _, &dyn Fn() -> Result<String, String>) =
        if matches!(credentials.method, Method::V2 { .. }) {
            let access = &body["access"];
            let token = &access["token"];
            (
                token["id"].as_str(),
                (&token["issued_at"], &token["expires"]),
                &|| {
                    catalogue::v2(
                        &access["serviceCatalog"],
                        credentials.region.as_deref(),
                        &credentials.interface,
                    )
                },
            )
        } else {
            let token = &body["token"];
            (
                header("X-Subject-Token"),
                (&token["issued_at"], &token["expires_at"]),
                &|| {
                    catalogue::v3(
                        &token["catalog"],
                        credentials.region.as_deref(),
                        &credentials.interface,
                    )
                },
            )
        };
    let url = given.map_or_else(catalogue, |url| Ok(url.to_owned()))?;
    let token = token.ok_or("the answer has no token: is this Keystone?")?;
    Ok(Session::new(Secret::new(token), usable(&url)?, life(times)))
}

/// The address of a store, unless no request could be made to it.
fn usable(url: &str) -> Result<String, String> {
    let parsed = reqwest::Url::parse(url).ok();
    let usable = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    match parsed.filter(usable) {
        Some(_) => Ok(url.to_owned()),
        None => Err(format!(
            "`{url}`, which it says to be the store, is no address of one"
        )),
    }
}

/// How long a token lives, by the server's own clock where it tells that.
fn life((issued, expires): (&Value, &Value)) -> Option<Duration> {
    let time = |value: &Value| value.as_str()?.parse::<jiff::Timestamp>().ok();
    let issued = time(issued).unwrap_or_else(jiff::Timestamp::now);
    Duration::try_from(time(expires)?.duration_since(issued)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_an_address() {
        for url in [
            "",
            "garbage",
            "/v1/AUTH_a",
            "file:///etc/passwd",
            "ftp://x/v1",
            "http:",
        ] {
            let error = usable(url).expect_err(url);
            assert!(error.contains("is no address"), "{error}");
        }
        assert_eq!(
            usable("http://s:8080/v1/AUTH_a").unwrap(),
            "http://s:8080/v1/AUTH_a"
        );
    }

    #[test]
    fn the_version_in_the_address_does_not_matter() {
        for url in [
            "http://k:5000",
            "http://k:5000/",
            "http://k:5000/v3",
            "http://k:5000/v2.0/",
        ] {
            assert_eq!(
                tokens(url, "v3", "/auth/tokens"),
                "http://k:5000/v3/auth/tokens"
            );
        }
        assert_eq!(
            tokens("http://k/identity/v3", "v3", "/x"),
            "http://k/identity/v3/x"
        );
    }

    #[test]
    fn names_have_domains_and_ids_have_none() {
        let login = Login::Password {
            user: (Named::Name("me".into()), Named::Name("corp".into())),
            password: Secret::new("x"),
        };
        let project = (Named::Id("7".into()), Named::Id("default".into()));
        let expected = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user":
                {"name": "me", "domain": {"name": "corp"}, "password": "x"}}},
            "scope": {"project": {"id": "7"}}}});
        assert_eq!(v3(&login, Some(&project)), expected);
        let login = Login::Application {
            credential: Named::Id("9".into()),
            user: None,
            secret: Secret::new("x"),
        };
        let expected = json!({"auth": {"identity": {"methods": ["application_credential"],
            "application_credential": {"id": "9", "secret": "x"}}}});
        assert_eq!(v3(&login, Some(&project)), expected);
    }

    #[test]
    fn the_life_is_measured_by_the_servers_clock() {
        let life = |issued, expires| life((&issued, &expires));
        assert_eq!(
            life(
                json!("2000-01-01T00:00:00.500000Z"),
                json!("2000-01-01T01:00:00.500000Z")
            ),
            Some(Duration::from_secs(3600))
        );
        assert_eq!(life(json!(null), json!("2000-01-01T01:00:00Z")), None);
        assert_eq!(life(json!(null), json!(null)), None);
    }

    #[test]
    fn short_lives_keep_some_use() {
        let session = |seconds| {
            let life = Some(Duration::from_secs(seconds));
            let session = Session::new(Secret::new("t"), "http://s/".into(), life);
            (session.ends.unwrap() - session.renew.unwrap()).as_secs_f64()
        };
        assert!((session(3600) - 60.0).abs() < 1e-6);
        assert!((session(10) - 1.0).abs() < 1e-6);
    }
}
