//! What an earlier run leaves to do of a trial.

use crate::record::TrialRecord;

/// Whether a trial is done already.
#[derive(Clone, Debug)]
pub enum Work {
    /// To be done, with the reason.
    Do(Why),
    /// Finished earlier and unchanged.
    Keep(Box<TrialRecord>),
    /// Finished earlier and unchanged, but other trials of the session are not: kept if the session decides for the
    /// same background, mask and movie to move to again, otherwise done.
    Undecided(Box<TrialRecord>),
    /// Cannot be done, since its file cannot be looked into; with the reason.
    Fail(String),
}

impl Default for Work {
    fn default() -> Self {
        Self::Do(Why::Asked)
    }
}

/// Why a trial is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// No earlier run finished it.
    New,
    /// The last run could not do it.
    Failed,
    /// `existing` asks for everything anew.
    Replaced,
    /// What an earlier run noted of it is damaged.
    Unreadable,
    /// An earlier run ended while it replaced results.
    Unfinished,
    /// Another version of the software did it.
    Version {
        /// Which.
        before: String,
    },
    /// The description gives other results.
    Parameters {
        /// Keys whose values differ.
        keys: Vec<String>,
    },
    /// A program's own steps are others, or have other parameters.
    Steps {
        /// Their names; none where only their order changed.
        names: Vec<String>,
    },
    /// The image of `analysis.segmentation.file` has other pixels.
    MaskImage,
    /// It is another movie than that time.
    Movie,
    /// Log or table say something else of it.
    Label,
    /// Its time 0 is another.
    Onset,
    /// A result is gone, or not as it was written.
    Output {
        /// Its name.
        name: String,
    },
    /// Another process asks for it.
    Asked,
}

impl Why {
    /// Whether it holds for a session as a whole and not for some of its trials.
    #[must_use]
    pub fn of_session(&self) -> bool {
        matches!(
            self,
            Self::Version { .. } | Self::Parameters { .. } | Self::Steps { .. } | Self::MaskImage
        )
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Failed => "failed before",
            Self::Replaced => "to be replaced",
            Self::Unreadable => "its manifest cannot be read",
            Self::Unfinished => "an earlier run was about to replace its outputs",
            Self::Version { before } => {
                return write!(f, "version {before} did it, this is {}", crate::VERSION);
            }
            Self::Parameters { keys } => {
                return write!(f, "parameters changed: {}", keys.join(", "));
            }
            Self::Steps { names } if names.is_empty() => "steps changed: their order",
            Self::Steps { names } => return write!(f, "steps changed: {}", names.join(", ")),
            Self::MaskImage => "the image of analysis.segmentation.file changed",
            Self::Movie => "the movie changed",
            Self::Label => "its label changed",
            Self::Onset => "its onset changed",
            Self::Output { name } => return write!(f, "{name} is missing or changed"),
            Self::Asked => "planned elsewhere",
        })
    }
}
