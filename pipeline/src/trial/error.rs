//! Why a trial failed.

use crate::recording::RecordingError;
use crate::recording::ScratchError;
use crate::step::StepError;
use std::io::ErrorKind as IoErrorKind;
use widefield_storage::ErrorKind;

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error("the recording holds no frame")]
    Empty,
    #[error(
        "a few of its frames at a time need {needed} MiB of memory, one trial may have {allowed}; raise --memory, lower --jobs, or set analysis.resolution"
    )]
    Memory { needed: u64, allowed: u64 },
    #[error("what motion is measured against, {file}")]
    Reference { file: String, source: Box<Self> },
    #[error("interrupted")]
    Cancelled,
}

impl TrialError {
    /// Whether a store did not give what was asked for, and may when asked again.
    pub(super) fn is_of_store(&self) -> bool {
        let of_store = matches!(
            self,
            Self::Recording(RecordingError::Storage(_)) | Self::Storage(_)
        );
        of_store && self.retry()
    }

    /// Whether trying again may help: places that do not answer or are full, as opposed to bad input.
    pub(super) fn retry(&self) -> bool {
        let may_pass = |source: &std::io::Error| {
            !matches!(
                source.kind(),
                IoErrorKind::NotFound | IoErrorKind::PermissionDenied
            )
        };
        match self {
            Self::Recording(RecordingError::Io { source, .. }) => may_pass(source),
            Self::Recording(RecordingError::Storage(error)) | Self::Storage(error) => {
                matches!(error.kind(), ErrorKind::Full | ErrorKind::Other)
            }
            Self::Reference { source, .. } => source.retry(),
            Self::Scratch(_) => true,
            // A movie that is not in memory could not be read again.
            Self::Step(StepError::Failed { source, .. }) => {
                let error = source.downcast_ref::<widefield::Error>();
                matches!(error, Some(widefield::Error::Source { .. }))
            }
            _ => false,
        }
    }
}
