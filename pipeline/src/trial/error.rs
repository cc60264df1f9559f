//! Why a trial failed.

use crate::movie::ScratchError;
use crate::recording::RecordingError;
use std::io::ErrorKind as IoErrorKind;
use widefield_storage::ErrorKind;

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    #[error(transparent)]
    Recording(#[from] RecordingError),
    #[error("{step}")]
    Analysis {
        step: &'static str,
        source: widefield::Error,
    },
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error("the recording holds no frame")]
    Empty,
    #[error("{key} = [{from}, {to}] reaches beyond the {frames} frames of the movie")]
    BeyondEnd {
        key: &'static str,
        from: usize,
        to: usize,
        frames: usize,
    },
    #[error(
        "no frame lies before analysis.baseline.before_s = {before_s} s; the first is at {first_frame_s} s"
    )]
    NoBaseline { before_s: f64, first_frame_s: f64 },
    #[error(
        "a few of its frames at a time need {needed} MiB of memory, one trial may have {allowed}; raise --memory, lower --jobs, or set analysis.resolution"
    )]
    Memory { needed: u64, allowed: u64 },
    #[error("its frames are {0} x {1} px, the session's mask is {2} x {3}")]
    Shape(usize, usize, usize, usize),
    #[error("interrupted")]
    Cancelled,
}

impl TrialError {
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
            Self::Scratch(_) => true,
            _ => false,
        }
    }
}

/// Names the step in an error of an operator.
pub(super) fn analysis(step: &'static str) -> impl Fn(widefield::Error) -> TrialError {
    move |source| TrialError::Analysis { step, source }
}
