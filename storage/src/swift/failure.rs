//! What a Swift server or the way to it can do wrong.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;

/// A request that did not succeed. Holds no credentials: neither addresses with a
/// query nor headers nor bodies of a login.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the server answered {status}{}", shown(.detail))]
    Status { status: StatusCode, detail: String },
    #[error("no answer from the server")]
    Connection {
        #[source]
        source: Arc<reqwest::Error>,
    },
    #[error("no answer from the server within {limit:?}")]
    Timeout { limit: Duration },
    #[error("logging in: {reason}")]
    Login { reason: String, refused: bool },
    #[error("{0}")]
    Answer(String),
    #[error("the object was replaced while it was read")]
    Replaced,
    #[error("{0}")]
    NotSupported(&'static str),
}

fn shown(detail: &str) -> String {
    if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    }
}

impl Failure {
    pub(super) fn connection(error: reqwest::Error) -> Self {
        Failure::Connection {
            source: Arc::new(error.without_url()),
        }
    }

    pub(super) fn answer(reason: impl Into<String>) -> Self {
        Failure::Answer(reason.into())
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Failure::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether a quota or the disks of the store are used up.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.status(), Some(413 | 507))
    }

    /// The same in the language of `object_store`; `path` names the object.
    pub(super) fn at(self, path: &str) -> object_store::Error {
        use object_store::Error;
        let path = path.to_owned();
        let status = self.status();
        let refused = matches!(self, Failure::Login { refused: true, .. });
        let replaced = matches!(self, Failure::Replaced);
        let unsupported = matches!(self, Failure::NotSupported(_));
        let source = Box::new(self);
        match status {
            Some(404) => Error::NotFound { path, source },
            Some(403) => Error::PermissionDenied { path, source },
            Some(401) => Error::Unauthenticated { path, source },
            Some(412) => Error::Precondition { path, source },
            Some(304) => Error::NotModified { path, source },
            _ if replaced => Error::Precondition { path, source },
            _ if refused => Error::Unauthenticated { path, source },
            _ if unsupported => Error::NotSupported { source },
            _ => Error::Generic {
                store: "Swift",
                source,
            },
        }
    }
}
