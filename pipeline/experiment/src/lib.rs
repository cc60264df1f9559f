//! What `experiment.toml` says of a session of widefield calcium imaging: keys, defaults, and the rules between them.
//!
//! [`Config::load`] reads and checks a file, [`Config::checked`] one made in code, [`Config::changes`] tells what differs
//! between two. Methods and their parameters are the enums of [`widefield`], in users' units.

mod analysis;
mod changes;
mod error;
mod folders;
mod limits;
mod methods;
mod output;
mod overrides;
mod read;
mod template;
mod timing;
mod unknown_key;

pub use analysis::{
    Analysis, BackgroundStep, BaselineStep, MaskFile, Masking, Scope, SegmentationStep,
};
pub use changes::{Affects, Change};
pub use error::{ConfigError, Place};
pub use limits::Checks;
pub use output::{Axes, Existing, NumberWidth, Output, Scale};
pub use overrides::Override;
pub use template::TEMPLATE;
pub use timing::{Answer, Stimulus, Timing};

use error::{Rule, ensure};
use serde::{Deserialize, Serialize};

/// A whole experiment description. Every key but `data.prefix` has a default.
///
/// [`Config::load`] reads what a person wrote and refuses what it does not know. [`Deserialize`] is for what a program
/// stored: keys of other versions are passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Config {
    /// Where the raw files are.
    pub data: Data,
    /// Where results go, and in which form.
    #[serde(default)]
    pub output: Output,
    /// Timing and stimuli.
    #[serde(default)]
    pub experiment: Timing,
    /// Arithmetic.
    #[serde(default)]
    pub analysis: Analysis,
    /// Limits of the checks; they change no result.
    #[serde(default)]
    pub checks: Checks,
}

/// Where the raw files are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Data {
    /// Folder or store of the raw files; not searched recursively.
    #[serde(default = "here")]
    pub url: String,
    /// Folders below `url`, each a session of its own; none: `url` is the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// Files whose name starts so are taken.
    pub prefix: String,
    /// Name of the behaviour log below `url`; `None`: no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behaviour_log: Option<String>,
}

fn here() -> String {
    ".".into()
}

impl Data {
    /// The files in the folder of the description whose names start with `prefix`, without a log.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            url: here(),
            folders: Vec::new(),
            prefix: prefix.into(),
            behaviour_log: None,
        }
    }
}

impl Config {
    /// Everything by default for the files whose names start with `prefix`.
    /// [`Config::checked`] holds it to the rules.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            data: Data::new(prefix),
            output: Output::default(),
            experiment: Timing::default(),
            analysis: Analysis::default(),
            checks: Checks::default(),
        }
    }

    /// The place of the results.
    #[must_use]
    pub fn output_url(&self) -> &str {
        self.output.url.as_deref().unwrap_or(&self.data.url)
    }

    /// Whether both descriptions speak of the same recordings.
    ///
    /// A session folder that holds its own results may be moved as a whole.
    #[must_use]
    pub fn same_session(&self, other: &Config) -> bool {
        self.data.prefix == other.data.prefix
            && self.data.behaviour_log == other.data.behaviour_log
            && (self.data.url == other.data.url || (self.inside() && other.inside()))
    }

    /// The rules that types cannot say.
    fn problem(&self) -> Rule {
        let prefix = &self.data.prefix;
        let empty = "is empty, which would take every file";
        ensure(!prefix.is_empty(), "data.prefix", empty)?;
        let folder = "names the start of a file name; folders belong into data.url";
        ensure(!prefix.contains(['/', '\\']), "data.prefix", folder)?;
        self.folders_problem()?;
        self.output.problem()?;
        self.checks.problem()?;
        self.experiment.problem()?;
        self.analysis.problem()
    }
}

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
