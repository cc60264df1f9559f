//! What is wrong with a description, and where: plain values that any program can show in its way.

use super::template;
use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// Why an experiment description cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text of a file breaks a rule.
    #[error("{}: {message}", place.path.display())]
    Rule {
        /// What is wrong, naming the key.
        message: String,
        /// What to try.
        help: Option<String>,
        /// Where in the text.
        place: Box<Place>,
    },
    /// A value of a configuration made in code breaks a rule.
    #[error("{key}: {message}")]
    Value {
        /// Its key, as `analysis.resolution`.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// An override is no `KEY=VALUE`, or names no key.
    #[error("{given}: {message}")]
    Override {
        /// What was given.
        given: String,
        /// What is wrong with it.
        message: String,
    },
}

impl ConfigError {
    /// What to try, where there is something to say.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Unreadable { .. } => Some("widefield init writes a commented experiment.toml"),
            Self::Rule { help, .. } => help.as_deref(),
            Self::Value { .. } | Self::Override { .. } => None,
        }
    }

    /// Where in which text.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Rule { place, .. } => Some(place),
            _ => None,
        }
    }
}

/// A place in the text of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The text that was read; with overrides, the file with their values put in.
    pub text: Arc<str>,
    /// Bytes of the text that are wrong; `None` if what is wrong is what is missing.
    pub bytes: Option<Range<usize>>,
}

impl Place {
    /// Line and column, both from 1, columns in characters.
    ///
    /// ```
    /// use widefield_experiment::Config;
    ///
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("experiment.toml");
    /// std::fs::write(&path, "[data]\nprefix = \"a_\"\nulr = \".\"\n")?;
    /// let error = Config::load(&path, &[]).expect_err("there is no key `ulr`");
    /// assert_eq!(error.help(), Some("the nearest known key is `data.url`"));
    /// assert_eq!(error.place().and_then(|place| place.line_column()), Some((3, 1)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let before = self.text.get(..self.bytes.as_ref()?.start)?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        Some((before.matches('\n').count() + 1, line.chars().count() + 1))
    }
}

/// A rule that a configuration breaks, wherever it comes from.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Whether a rule is kept.
pub(super) type Rule = Result<(), Problem>;

impl Problem {
    pub(super) fn new(key: impl Into<String>, message: impl Display) -> Self {
        Self {
            key: key.into(),
            message: message.to_string(),
            help: None,
        }
    }

    /// With how a key is written, as help.
    pub(super) fn spelt(mut self, key: &str) -> Self {
        let line = template::spelt(key);
        self.help = line.map(|line| format!("it is written as in: {line}"));
        self
    }
}

/// A rule about a key.
pub(super) fn ensure(kept: bool, key: &str, message: impl Display) -> Rule {
    match kept {
        true => Ok(()),
        false => Err(Problem::new(key, message)),
    }
}

/// What the parser says, on one line.
pub(super) fn one_line(error: &toml::de::Error) -> String {
    error.message().trim_end().replace('\n', "; ")
}
