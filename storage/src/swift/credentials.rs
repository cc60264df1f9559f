//! Who asks for the storage: what the usual variables of OpenStack and Swift say.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How to log in to a Swift store. Its `Debug` form shows no password, key or token.
///
/// ```
/// use widefield_storage::swift::Credentials;
///
/// let variables = |name: &str| match name {
///     "ST_AUTH" => Some("https://swift.example.org/auth/v1.0".to_owned()),
///     "ST_USER" => Some("lab:me".to_owned()),
///     "ST_KEY" => Some("hunter2".to_owned()),
///     _ => None,
/// };
/// let credentials = Credentials::from_variables(variables)?;
/// assert!(!format!("{credentials:?}").contains("hunter2"));
/// # Ok::<(), widefield_storage::swift::CredentialsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    pub(super) method: Method,
    /// Region of the catalogue; the first one if absent.
    pub(super) region: Option<String>,
    /// `public`, `internal` or `admin`.
    pub(super) interface: String,
    /// Where the objects are, in place of what the login answers.
    pub(super) storage_url: Option<String>,
    /// More certificates to trust, as PEM.
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub(super) enum Method {
    /// `TempAuth` and its relatives.
    V1 {
        url: String,
        user: String,
        key: Secret,
    },
    V2 {
        url: String,
        login: Login,
        project: Option<Named>,
    },
    V3 {
        url: String,
        login: Login,
        project: Option<(Named, Named)>,
    },
    /// Nothing to log in to: the token is given, and where the objects are.
    Token { token: Secret },
}

#[derive(Clone, Debug)]
pub(super) enum Login {
    /// The second of the pair is the domain, which an id does not need.
    Password {
        user: (Named, Named),
        password: Secret,
    },
    /// A name needs the user it belongs to.
    Application {
        credential: Named,
        user: Option<(Named, Named)>,
        secret: Secret,
    },
    Token(Secret),
}

/// Something that Keystone knows by id or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Id(String),
    Name(String),
}

/// What is missing or contradictory in the variables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CredentialsError {
    text: String,
    /// The variable of the password, if nothing else is missing, and the user it belongs to.
    password: Option<(&'static str, String)>,
}

impl From<String> for CredentialsError {
    fn from(text: String) -> Self {
        CredentialsError {
            text,
            password: None,
        }
    }
}

/// Asks a person for the password of a user; nothing if nobody answers.
pub type Prompt = fn(user: &str) -> Option<String>;

static PROMPT: OnceLock<Prompt> = OnceLock::new();
/// The user and what was answered, so that one program asks once.
static ANSWER: Mutex<Option<(String, Secret)>> = Mutex::new(None);

/// Lets [`Place::open`](crate::Place::open) ask for a password that alone is missing in the environment. For
/// programs with a terminal; the first call in a process counts.
pub fn set_prompt(prompt: Prompt) {
    let _ = PROMPT.set(prompt);
}

impl Credentials {
    /// The credentials in the environment; see [`Credentials::from_variables`].
    ///
    /// # Errors
    /// [`CredentialsError`] if a variable is missing.
    pub fn from_environment() -> Result<Self, CredentialsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The credentials in the environment, the password from the prompt if it alone is missing.
    pub(crate) fn from_environment_or_prompt() -> Result<Self, CredentialsError> {
        let ask = |user: &str| {
            let mut answer = ANSWER.lock().unwrap_or_else(PoisonError::into_inner);
            if answer.as_ref().is_none_or(|(known, _)| known != user) {
                let given = PROMPT.get()?(user).filter(|given| !given.is_empty())?;
                *answer = Some((user.to_owned(), Secret::new(given)));
            }
            answer.as_ref().map(|(_, secret)| secret.clone())
        };
        Self::or_ask(|name| std::env::var(name).ok(), ask)
    }

    fn or_ask(
        variable: impl Fn(&str) -> Option<String>,
        ask: impl FnOnce(&str) -> Option<Secret>,
    ) -> Result<Self, CredentialsError> {
        let error = match Self::from_variables(&variable) {
            Err(error) => error,
            found => return found,
        };
        let Some((missing, user)) = &error.password else {
            return Err(error);
        };
        let Some(secret) = ask(user) else {
            return Err(error);
        };
        Self::from_variables(|name| {
            if name == *missing {
                Some(secret.expose().to_owned())
            } else {
                variable(name)
            }
        })
    }

    /// The credentials that `variable` tells by name; empty texts count as absent.
    ///
    /// The first of these that is complete:
    ///
    /// 1. a token and its store: `OS_AUTH_TOKEN` or `OS_TOKEN`, with `OS_STORAGE_URL`, and no
    ///    `OS_AUTH_URL`;
    /// 2. version 1: `ST_AUTH`, `ST_USER`, `ST_KEY`;
    /// 3. Keystone at `OS_AUTH_URL`, version by `OS_IDENTITY_API_VERSION`, else by the URL, else 3:
    ///    `OS_APPLICATION_CREDENTIAL_ID` (or `_NAME`) and `_SECRET`; `OS_USERNAME` (or
    ///    `OS_USER_ID`) and `OS_PASSWORD`; or a token. Project by `OS_PROJECT_ID`,
    ///    `OS_PROJECT_NAME`, `OS_TENANT_ID`, `OS_TENANT_NAME`; domains by
    ///    `OS_USER_DOMAIN_ID` or `_NAME` and `OS_PROJECT_DOMAIN_ID` or `_NAME`, by
    ///    default that of id `default`.
    ///
    /// Besides `OS_REGION_NAME`, `OS_INTERFACE` (or `OS_ENDPOINT_TYPE`; `public`), `OS_STORAGE_URL`
    /// and `OS_CACERT`.
    ///
    /// # Errors
    /// [`CredentialsError`] names the variables that are missing, never a value.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let interface = get("OS_INTERFACE")
            .or_else(|| get("OS_ENDPOINT_TYPE"))
            .unwrap_or_else(|| "public".to_owned());
        Ok(Credentials {
            method: method(&get)?,
            region: get("OS_REGION_NAME"),
            interface: interface.trim_end_matches("URL").to_ascii_lowercase(),
            storage_url: get("OS_STORAGE_URL"),
            ca_file: get("OS_CACERT").map(PathBuf::from),
        })
    }
}

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

fn method(get: Get<'_>) -> Result<Method, CredentialsError> {
    let token = get("OS_AUTH_TOKEN")
        .or_else(|| get("OS_TOKEN"))
        .map(Secret::new);
    let url = get("OS_AUTH_URL");
    if let (Some(token), Some(_), None) = (&token, get("OS_STORAGE_URL"), &url) {
        return Ok(Method::Token {
            token: token.clone(),
        });
    }
    if let (Some(url), Some(user), Some(key)) = (get("ST_AUTH"), get("ST_USER"), get("ST_KEY")) {
        let key = Secret::new(key);
        return Ok(Method::V1 { url, user, key });
    }
    let Some(url) = url else {
        if let (Some(_), Some(user)) = (get("ST_AUTH"), get("ST_USER")) {
            return Err(missing_password("ST_KEY", user));
        }
        return Err(CredentialsError::from(
            "no credentials: set OS_AUTH_URL with OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME (source the RC file \
             of the project), or ST_AUTH, ST_USER and ST_KEY"
                .to_owned(),
        ));
    };
    let project = named(get, "OS_PROJECT").or_else(|| named(get, "OS_TENANT"));
    let domain = |of: &str| {
        named(get, &format!("{of}_DOMAIN")).unwrap_or_else(|| Named::Id("default".to_owned()))
    };
    match version(get, &url)? {
        1 => match (get("OS_USERNAME"), get("OS_PASSWORD")) {
            (Some(user), Some(key)) => {
                let key = Secret::new(key);
                Ok(Method::V1 { url, user, key })
            }
            (Some(user), None) => Err(missing_password("OS_PASSWORD", user)),
            (None, _) => Err(missing("OS_USERNAME and OS_PASSWORD")),
        },
        2 => {
            let login = login(get, token, domain("OS_USER"))?;
            if matches!(login, Login::Application { .. }) {
                let reason = "application credentials need version 3 of Keystone";
                return Err(CredentialsError::from(reason.to_owned()));
            }
            Ok(Method::V2 {
                url,
                login,
                project,
            })
        }
        _ => Ok(Method::V3 {
            url,
            login: login(get, token, domain("OS_USER"))?,
            project: project.map(|project| (project, domain("OS_PROJECT"))),
        }),
    }
}

fn login(get: Get<'_>, token: Option<Secret>, domain: Named) -> Result<Login, CredentialsError> {
    let user = get("OS_USER_ID")
        .map(Named::Id)
        .or_else(|| get("OS_USERNAME").map(Named::Name));
    let kind = get("OS_AUTH_TYPE").unwrap_or_default();
    let application = named(get, "OS_APPLICATION_CREDENTIAL");
    if let Some(credential) = application.filter(|_| !kind.contains("password")) {
        let secret = get("OS_APPLICATION_CREDENTIAL_SECRET")
            .ok_or_else(|| missing("OS_APPLICATION_CREDENTIAL_SECRET"))?;
        let user = user.map(|user| (user, domain));
        if user.is_none() && matches!(credential, Named::Name(_)) {
            return Err(missing(
                "OS_USERNAME or OS_USER_ID, to which the application credential belongs",
            ));
        }
        return Ok(Login::Application {
            credential,
            user,
            secret: Secret::new(secret),
        });
    }
    match (user, get("OS_PASSWORD"), token) {
        (_, _, Some(token)) if kind.contains("token") => Ok(Login::Token(token)),
        (Some(user), Some(password), _) => Ok(Login::Password {
            user: (user, domain),
            password: Secret::new(password),
        }),
        (_, _, Some(token)) => Ok(Login::Token(token)),
        (None, ..) => Err(missing("OS_USERNAME")),
        (Some(Named::Id(user) | Named::Name(user)), None, None) => {
            Err(missing_password("OS_PASSWORD", user))
        }
    }
}

/// Version of the login: as said, else as the URL says, else 3.
fn version(get: Get<'_>, url: &str) -> Result<u8, CredentialsError> {
    let said = get("OS_IDENTITY_API_VERSION").or_else(|| get("OS_AUTH_VERSION"));
    let text = said.unwrap_or_else(|| {
        let last = url.trim_end_matches('/').rsplit('/').next();
        last.filter(|part| part.starts_with("v1") || part.starts_with("v2"))
            .unwrap_or("3")
            .to_owned()
    });
    match text.trim_start_matches('v').split('.').next() {
        Some("1") => Ok(1),
        Some("2") => Ok(2),
        Some("3") => Ok(3),
        _ => Err(CredentialsError::from(
            "OS_IDENTITY_API_VERSION is none of 1, 2.0 and 3".to_owned(),
        )),
    }
}

fn named(get: Get<'_>, stem: &str) -> Option<Named> {
    get(&format!("{stem}_ID"))
        .map(Named::Id)
        .or_else(|| get(&format!("{stem}_NAME")).map(Named::Name))
}

fn missing(what: &str) -> CredentialsError {
    format!("no credentials: {what} is not set").into()
}

/// A password that alone is missing, and that a person may know.
fn missing_password(variable: &'static str, user: String) -> CredentialsError {
    CredentialsError {
        password: Some((variable, user)),
        ..missing(variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(variables: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        Credentials::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_password_that_alone_is_missing_is_asked_for() {
        let ask = |known: &'static [(&'static str, &'static str)], asked: &'static str| {
            let variable = move |name: &str| {
                let found = known.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Credentials::or_ask(variable, move |user| {
                assert_eq!(user, asked);
                Some(Secret::new("typed"))
            })
        };
        let keystone = &[("OS_AUTH_URL", "https://k/v3"), ("OS_USERNAME", "me")];
        let found = ask(keystone, "me").unwrap();
        let Method::V3 {
            login: Login::Password { password, .. },
            ..
        } = &found.method
        else {
            panic!("{found:?}");
        };
        assert_eq!(password.expose(), "typed");
        assert!(!format!("{found:?}").contains("typed"));
        let v1 = &[("ST_AUTH", "https://s/auth/v1.0"), ("ST_USER", "lab:me")];
        let found = ask(v1, "lab:me").unwrap();
        assert!(matches!(&found.method, Method::V1 { key, .. } if key.expose() == "typed"));
        // Nobody is asked where more is missing, and nothing changes where nobody answers.
        let nobody = Credentials::or_ask(|_| None, |_| unreachable!("no user is known"));
        assert!(nobody.unwrap_err().to_string().contains("OS_AUTH_URL"));
        let silent = |name: &str| (name == "ST_AUTH" || name == "ST_USER").then(|| "x".to_owned());
        let silent = Credentials::or_ask(silent, |_| None).unwrap_err();
        assert_eq!(silent.to_string(), "no credentials: ST_KEY is not set");
    }

    #[test]
    fn an_rc_file_is_understood() {
        let found = credentials(&[
            ("OS_AUTH_URL", "https://k:5000/v3"),
            ("OS_USERNAME", "me"),
            ("OS_PASSWORD", "marker"),
            ("OS_TENANT_NAME", "lab"),
            ("OS_USER_DOMAIN_NAME", "corp"),
            ("OS_PROJECT_ID", ""),
            ("OS_ENDPOINT_TYPE", "internalURL"),
        ])
        .unwrap();
        assert_eq!(found.interface, "internal");
        let Method::V3 { login, project, .. } = &found.method else {
            panic!("{found:?}")
        };
        assert_eq!(
            *project,
            Some((Named::Name("lab".into()), Named::Id("default".into())))
        );
        let Login::Password { user, password } = login else {
            panic!("{login:?}")
        };
        assert_eq!(
            *user,
            (Named::Name("me".into()), Named::Name("corp".into()))
        );
        assert_eq!(password.expose(), "marker");
        assert!(!format!("{found:?}").contains("marker"));
    }

    #[test]
    fn the_version_is_said_or_read_from_the_url() {
        let method = |url: &str, version: &str| {
            let variables = [
                ("OS_AUTH_URL", url),
                ("OS_USERNAME", "me"),
                ("OS_PASSWORD", "x"),
                ("OS_IDENTITY_API_VERSION", version),
            ];
            match credentials(&variables).map(|found| found.method) {
                Ok(Method::V1 { .. }) => 1,
                Ok(Method::V2 { .. }) => 2,
                Ok(Method::V3 { .. }) => 3,
                _ => 0,
            }
        };
        assert_eq!(method("http://k", ""), 3);
        assert_eq!(method("http://k/v3/", ""), 3);
        assert_eq!(method("http://k/v2.0/", ""), 2);
        assert_eq!(method("http://k/auth/v1.0", ""), 1);
        assert_eq!(method("http://k/v3", "2.0"), 2);
        assert_eq!(method("http://k/v3", "v3"), 3);
        assert_eq!(method("http://k/v3", "four"), 0);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (variables, name) in [
            (&[][..], "OS_AUTH_URL"),
            (&[("OS_AUTH_URL", "http://k")], "OS_USERNAME"),
            (
                &[("OS_AUTH_URL", "http://k"), ("OS_USERNAME", "me")],
                "OS_PASSWORD",
            ),
            (
                &[
                    ("OS_AUTH_URL", "http://k"),
                    ("OS_APPLICATION_CREDENTIAL_ID", "1"),
                ],
                "OS_APPLICATION_CREDENTIAL_SECRET",
            ),
            (&[("ST_AUTH", "http://k"), ("ST_USER", "me")], "ST_KEY"),
        ] {
            let error = credentials(variables).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn a_token_needs_a_place() {
        let found = credentials(&[
            ("OS_AUTH_TOKEN", "marker"),
            ("OS_STORAGE_URL", "http://s/v1/AUTH_x"),
        ])
        .unwrap();
        assert!(matches!(found.method, Method::Token { .. }));
        assert!(credentials(&[("OS_AUTH_TOKEN", "marker")]).is_err());
    }
}
