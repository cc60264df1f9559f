//! What can go wrong, with the object it concerns.

use std::{fmt, io};

/// Failure of an operation on a place or of an encoding.
///
/// Every variant names the object or place it concerns, without credentials.
/// Match on the variant, or on [`Error::kind`] where only the sort matters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL of a place cannot be understood.
    #[error("{url}: {reason}")]
    Url {
        /// The URL, without credentials and query.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL names a kind of place that this build cannot open.
    #[error(
        "{url}: this program was built without places of the kind {scheme}:// (feature {feature} of widefield-storage)"
    )]
    NotAvailable {
        /// The URL, without credentials and query.
        url: String,
        /// The scheme, for example `s3a`.
        scheme: String,
        /// The feature of this crate that opens such places, for example `s3`.
        feature: &'static str,
    },
    /// The name of an object cannot be used.
    #[error("{place}: the name {name:?} {reason}")]
    Name {
        /// The place in which the object was asked for.
        place: String,
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such object, or no such place.
    #[error("{object}: not found")]
    NotFound {
        /// Place and name.
        object: String,
    },
    /// The object was replaced or changed while it was read.
    #[error("{object}: changed while it was read")]
    Changed {
        /// Place and name.
        object: String,
    },
    /// Another has the folder to itself, see [`Place::claim`](crate::Place::claim).
    #[error("{object}: {holder}")]
    Claimed {
        /// Place and folder.
        object: String,
        /// Who has it since when, as the rest of a sentence.
        holder: String,
    },
    /// The program was asked to end while this waited, see `interrupt`.
    #[error("{object}: interrupted")]
    Interrupted {
        /// Place and name.
        object: String,
    },
    /// The system or the store refused access.
    #[error("{object}: {doing}: permission denied")]
    Permission {
        /// Place and name.
        object: String,
        /// What was being done.
        doing: &'static str,
        /// The cause as the system states it.
        #[source]
        source: Cause,
    },
    /// The place can do this never, whatever the object.
    #[error("{object}: {doing} is not possible in places of this kind")]
    Unsupported {
        /// Place and name.
        object: String,
        /// What was asked for.
        doing: &'static str,
    },
    /// The disk, the quota or the permitted file size is used up.
    #[error("{object}: {doing}: no space left")]
    Full {
        /// Place and name.
        object: String,
        /// What was being done.
        doing: &'static str,
        /// The cause as the system states it.
        #[source]
        source: Cause,
    },
    /// Something is larger than its format or a limit permits.
    #[error("{object}: {what} takes {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Place and name, or the name of a variable.
        object: String,
        /// What is too large.
        what: &'static str,
        /// Its size in bytes; `u64::MAX` if that does not fit.
        bytes: u64,
        /// The largest size permitted, in bytes.
        limit: u64,
    },
    /// Bytes of a file contradict its format, or hold what is not supported.
    #[error("{object}: {reason}")]
    Format {
        /// Place and name, or the name of a variable.
        object: String,
        /// What is wrong and where.
        reason: String,
    },
    /// What was compressed did not inflate to the same bytes, where that was to be verified; nothing was written.
    #[error(
        "{object}: what was compressed does not inflate to the same bytes; nothing was written"
    )]
    Damaged {
        /// Place and name, or the name of a variable.
        object: String,
    },
    /// What the caller asked to write does not fit together.
    #[error("{object}: {reason}")]
    Usage {
        /// Place and name, or the name of a variable.
        object: String,
        /// What does not fit.
        reason: String,
    },
    /// Any other failure of the system, the store or a library.
    #[error("{object}: {doing}")]
    Other {
        /// Place and name.
        object: String,
        /// What was being done.
        doing: &'static str,
        /// The cause as the system or library states it.
        #[source]
        source: Cause,
    },
}

/// Cause of an [`Error`], as the system or a library stated it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object or place does not exist.
    NotFound,
    /// The object changed while it was read.
    Changed,
    /// Another has the folder to itself.
    Claimed,
    /// The program was asked to end.
    Interrupted,
    /// The kind of place cannot be opened by this build.
    NotAvailable,
    /// This kind of place cannot do it.
    Unsupported,
    /// Access was refused.
    Permission,
    /// Disk, quota or permitted file size used up.
    Full,
    /// Beyond what the format or a limit permits.
    TooLarge,
    /// A URL, a name, a file or a request that is wrong in itself.
    Invalid,
    /// Anything else.
    Other,
}

impl Error {
    /// The sort of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::NotFound { .. } => ErrorKind::NotFound,
            Error::Changed { .. } => ErrorKind::Changed,
            Error::Claimed { .. } => ErrorKind::Claimed,
            Error::Interrupted { .. } => ErrorKind::Interrupted,
            Error::NotAvailable { .. } => ErrorKind::NotAvailable,
            Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Permission { .. } => ErrorKind::Permission,
            Error::Full { .. } => ErrorKind::Full,
            Error::TooLarge { .. } => ErrorKind::TooLarge,
            Error::Url { .. } | Error::Name { .. } | Error::Format { .. } | Error::Usage { .. } => {
                ErrorKind::Invalid
            }
            Error::Damaged { .. } | Error::Other { .. } => ErrorKind::Other,
        }
    }

    /// The message with its causes on one line, separated by `: `.
    ///
    /// `Display` states only what this layer knows; the causes follow through
    /// [`std::error::Error::source`].
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }

    /// An error of the operating system while `doing` something to `object`.
    pub(crate) fn io(object: impl fmt::Display, doing: &'static str, source: io::Error) -> Self {
        let object = object.to_string();
        match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { object },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                let source = source.into();
                Error::Permission {
                    object,
                    doing,
                    source,
                }
            }
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => {
                let source = source.into();
                Error::Full {
                    object,
                    doing,
                    source,
                }
            }
            _ => Error::Other {
                object,
                doing,
                source: source.into(),
            },
        }
    }

    /// The same failure of a file's content, of the file with this name.
    pub(crate) fn of_object(self, name: &str) -> Self {
        let object = name.to_owned();
        match self {
            Error::Format { reason, .. } => Error::Format { object, reason },
            Error::TooLarge {
                what, bytes, limit, ..
            } => Error::TooLarge {
                object,
                what,
                bytes,
                limit,
            },
            other => other,
        }
    }

    /// A request of the caller that does not fit together.
    pub(crate) fn usage(object: impl fmt::Display, reason: impl Into<String>) -> Self {
        Error::Usage {
            object: object.to_string(),
            reason: reason.into(),
        }
    }

    /// Content of a file that contradicts its format.
    pub(crate) fn format(object: impl fmt::Display, reason: impl Into<String>) -> Self {
        Error::Format {
            object: object.to_string(),
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_are_sorted() {
        let kind =
            |code| Error::io("place/x", "writing", io::Error::from_raw_os_error(code)).kind();
        assert_eq!(kind(2), ErrorKind::NotFound);
        assert_eq!(kind(13), ErrorKind::Permission);
        assert_eq!(kind(30), ErrorKind::Permission);
        assert_eq!(kind(28), ErrorKind::Full);
        assert_eq!(kind(27), ErrorKind::Full);
        assert_eq!(kind(5), ErrorKind::Other);
    }

    #[test]
    fn causes_follow_the_message() {
        let error = Error::io("p/x", "writing", io::Error::other("the dog"));
        assert_eq!(error.to_string(), "p/x: writing");
        assert_eq!(error.with_causes(), "p/x: writing: the dog");
    }
}
