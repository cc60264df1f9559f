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
mod name;
mod output;
mod overrides;
mod products;
mod read;
mod template;
mod timing;
mod unknown_key;

pub use analysis::{
    Analysis, BackgroundStep, BaselineStep, MaskFile, Masking, MotionMethod, MotionStep, Scope,
    SegmentationStep,
};
pub use changes::{Affects, Change};
pub use error::{ConfigError, Place};
pub use limits::Checks;
pub use name::{Mismatch, NamePattern, Named};
pub use output::{Axes, Existing, NumberWidth, Output, Scale};
pub use overrides::Override;
pub use products::{ONSET, Products};
pub use template::TEMPLATE;
pub use timing::{Align, Answer, Kind, Stimulus, Timing};

use error::{Rule, ensure};
use serde::{Deserialize, Serialize};

/// A whole experiment description. Every key has a default, but one of `data.prefix` and `data.name` is needed.
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
    /// What is made of the trials when they are done.
    #[serde(default, skip_serializing_if = "is_default")]
    pub products: Products,
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
    /// Files whose name starts so are taken; empty: those that [`Data::name`] reads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// How the names are built; `None`: the trial's number follows the last `_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<NamePattern>,
    /// Name of the behaviour log below `url`; `None`: no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behaviour_log: Option<String>,
    /// Name of a table of trials below `url`, instead of a log or over it; `None`: no table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<String>,
    /// How the entries of log and table find their movies.
    #[serde(default, rename = "match", skip_serializing_if = "is_default")]
    pub matching: Match,
}

/// How the entries of a log, or of a table whose rows name no file, find their movies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Match {
    /// By the number in the name.
    #[default]
    Number,
    /// The first with the first, and so on; movies in the order of their names, numbers in them as numbers.
    Order,
    /// By when both began.
    Time,
}

/// Values of keys that descriptions of before do not have are written only where they are set.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
            name: None,
            behaviour_log: None,
            trials: None,
            matching: Match::Number,
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
            products: Products::default(),
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
        let named = |data: &Data| (data.prefix.is_empty()).then(|| data.name.clone());
        self.data.prefix == other.data.prefix
            && named(&self.data) == named(&other.data)
            && self.data.behaviour_log == other.data.behaviour_log
            && (self.data.url == other.data.url || (self.inside() && other.inside()))
    }

    /// The rules that types cannot say.
    fn problem(&self) -> Rule {
        self.data.problem()?;
        self.folders_problem()?;
        self.output.problem()?;
        self.checks.problem()?;
        self.experiment.problem()?;
        let by_labels = self.experiment.align == Align::Log;
        let onsets =
            "\"log\" takes onsets from data.behaviour_log or data.trials; give one of them";
        ensure(
            !by_labels || self.data.labelled(),
            "experiment.align",
            onsets,
        )?;
        self.analysis.problem()?;
        self.experiment.suits(&self.analysis.baseline.method)?;
        self.products.problem(self)
    }
}

impl Data {
    fn problem(&self) -> Rule {
        let needed =
            "is needed: files whose name starts so are taken; or data.name, a pattern of names";
        let given = !self.prefix.is_empty() || self.name.is_some();
        ensure(given, "data.prefix", needed)?;
        let folder = "names the start of a file name; folders belong into data.url";
        ensure(!self.prefix.contains(['/', '\\']), "data.prefix", folder)?;
        let labelled = self.labelled();
        let alone =
            "says how a log or table finds its movies: give data.behaviour_log or data.trials";
        ensure(
            labelled || self.matching == Match::Number,
            "data.match",
            alone,
        )
    }

    /// The number of the trial in a name without ending: as [`Data::name`] says, or what follows the last `_`.
    ///
    /// ```
    /// let mut data = widefield_experiment::Data::new("a_");
    /// assert_eq!([data.number("a_007"), data.number("a_x")], [Some(7), None]);
    /// data.name = "{any}-t{trial}".parse().ok();
    /// assert_eq!([data.number("a_7"), data.number("m1-t7")], [None, Some(7)]);
    /// ```
    #[must_use]
    pub fn number(&self, stem: &str) -> Option<u32> {
        match &self.name {
            Some(pattern) => pattern.read(stem).ok()?.trial,
            None => name::trailing_number(stem),
        }
    }

    /// Whether something says what its trials were.
    #[must_use]
    pub fn labelled(&self) -> bool {
        self.behaviour_log.is_some() || self.trials.is_some()
    }
}

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
