//! Errors of the libraries as the terminal shows them: message, place in the source, and what to try.

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use std::fmt::{self, Display};
use widefield_pipeline::Error;
use widefield_pipeline::config::ConfigError;
use widefield_report::view::ViewError;

/// Why a request could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The experiment description is unusable.
    #[error(transparent)]
    Description(Box<Description>),
    /// The job said no.
    #[error(transparent)]
    Job(Error),
    /// There is no picture.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Config(error) => Self::Description(Box::new(Description::new(error))),
            error => Self::Job(error),
        }
    }
}

/// What is wrong with a description, and the text it is wrong in.
#[derive(Debug)]
pub(crate) struct Description {
    error: ConfigError,
    text: Option<NamedSource<String>>,
}

impl Description {
    fn new(error: ConfigError) -> Self {
        let text = error.place().map(|place| {
            let named = NamedSource::new(place.path.to_string_lossy(), place.text.to_string());
            named.with_language("toml")
        });
        Self { error, text }
    }
}

impl Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.error, ConfigError::Override { .. }) {
            write!(f, "--set ")?;
        }
        self.error.fmt(f)
    }
}

impl std::error::Error for Description {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl Diagnostic for Failure {
    fn help(&self) -> Option<Box<dyn Display + '_>> {
        match self {
            Self::Description(it) => it.error.help().map(|help| Box::new(help) as _),
            Self::Job(Error::Storage(error)) | Self::View(ViewError::Storage(error))
                if not_built_in(error).is_some() =>
            {
                not_built_in(error).map(|help| Box::new(help) as _)
            }
            Self::Job(error) => error.help().map(|help| Box::new(help) as _),
            Self::View(error) => option(error).map(|help| Box::new(help) as _),
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match self {
            Self::Description(it) => it.text.as_ref().map(|text| text as _),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Self::Description(it) = self else {
            return None;
        };
        let bytes = it.error.place()?.bytes.clone()?;
        let label = LabeledSpan::new(Some("here".into()), bytes.start, bytes.len());
        Some(Box::new(std::iter::once(label)))
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
            Some("movies that widefield writes stand in mov_out, dff_out and mat_out")
        }
        ViewError::Dataset { .. } => Some("name one with --dataset"),
        ViewError::Exists { .. } => Some("name another with --output, or add --overwrite"),
        ViewError::Ffmpeg { .. } => Some(
            "mp4 needs the program ffmpeg on the PATH, or --ffmpeg=PATH; .png and .gif need no program",
        ),
        _ => None,
    }
}
