//! Why a cluster could not be used. What concerns one request is [`Heard::Failed`](crate::Heard::Failed) instead.

/// Why a cluster could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A property that cannot be given.
    #[error("property {property}: {why}")]
    Property {
        /// Its key.
        property: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file for the cluster could not be written.
    #[error("{what}")]
    File {
        /// What was to be done.
        what: String,
        /// Why it could not.
        source: std::io::Error,
    },
    /// A command of the cluster does not start.
    #[error("{command} cannot be started")]
    Command {
        /// Which.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// A command of the cluster failed.
    #[error("{command} failed ({status}): {output}")]
    Failed {
        /// Which.
        command: String,
        /// How it ended.
        status: String,
        /// Its last words.
        output: String,
    },
    /// The driver is not there in time.
    #[error("Spark did not start within {seconds} s; its last messages: {output}")]
    Silent {
        /// How long was waited.
        seconds: u64,
        /// The last of its log.
        output: String,
    },
    /// What a cluster that is none of ours says.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}
