//! Errors of the libraries as the terminal shows them: message, place in the source, and what to try.

use miette::{Diagnostic, LabeledSpan, SourceCode};
use std::fmt::Display;
use widefield_pipeline::Error;
use widefield_report::view::ViewError;

/// Why a request could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The job said no.
    #[error(transparent)]
    Job(#[from] Error),
    /// There is no picture.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Diagnostic for Failure {
    fn help(&self) -> Option<Box<dyn Display + '_>> {
        match self {
            Self::Job(Error::Config(error)) => error.help(),
            Self::Job(Error::Storage(error)) | Self::View(ViewError::Storage(error)) => {
                not_built_in(error).map(|help| Box::new(help) as _)
            }
            Self::Job(error) => error.help().map(|help| Box::new(help) as _),
            Self::View(error) => option(error).map(|help| Box::new(help) as _),
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match self {
            Self::Job(Error::Config(error)) => error.source_code(),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self {
            Self::Job(Error::Config(error)) => error.labels(),
            _ => None,
        }
    }
}

/// How a command is had that knows this kind of place.
fn not_built_in(error: &widefield_storage::Error) -> Option<&'static str> {
    matches!(error, widefield_storage::Error::NotAvailable { .. }).then_some(
        "stores are a choice when widefield is installed: cargo install --path pipeline/command --features swift,cloud",
    )
}

/// The option that helps.
fn option(error: &ViewError) -> Option<&'static str> {
    match error {
        ViewError::Format { .. } => {
            Some("movies that widefield writes end in .h5 and stand in mov_out and dff_out")
        }
        ViewError::Dataset { .. } => Some("name one with --dataset"),
        ViewError::Exists { .. } => Some("name another with --output, or add --overwrite"),
        ViewError::Ffmpeg { .. } => Some(
            "mp4 needs the program ffmpeg on the PATH, or --ffmpeg=PATH; .png and .gif need no program",
        ),
        _ => None,
    }
}
