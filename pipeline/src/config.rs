//! What `experiment.toml` says: keys, defaults, and the rules between them.

mod error;
mod folders;
mod limits;
mod overrides;
mod read;
mod steps;
mod template;

pub use error::{ConfigError, Place};
pub use limits::Checks;
pub use overrides::Override;
pub use steps::{
    BackgroundMethod, BackgroundStep, BaselineMethod, BaselineStep, Scope, SegmentationMethod,
    SegmentationStep,
};
pub use template::TEMPLATE;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield::{Resize, Size, TimeAxis};
use widefield_behaviour::Correct;
use widefield_storage::{Orientation, Precision};

/// A whole experiment description. Every key but `data.prefix` has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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

/// Where results go, and in which form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Output {
    /// Folder or store of the results; `None` means the one of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Folder of the resized movies; empty writes none.
    pub movie: String,
    /// Folder of the dF/F movies; empty writes none.
    pub dff: String,
    /// Folder of the MAT files; empty writes none.
    pub mat: String,
    /// Folder of what is the session's own: `run.json`, report, texts, manifests; empty: the top.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub records: String,
    /// Width of the numbers in HDF5 and MAT movies.
    pub precision: NumberWidth,
    /// Order of axes in HDF5, MAT and the reference image.
    pub orientation: Axes,
    /// What `dff` of the HDF5 files holds.
    pub dff_scale: Scale,
    /// What `tr` of the MAT files holds.
    pub mat_scale: Scale,
    /// Deflate level, 0 to 9.
    pub compression: u8,
    /// What happens to results that are there already.
    pub existing: Existing,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            url: None,
            movie: "mov_out".into(),
            dff: "dff_out".into(),
            mat: "mat_out".into(),
            records: String::new(),
            precision: NumberWidth::F32,
            orientation: Axes::Notebook,
            dff_scale: Scale::Dff,
            mat_scale: Scale::Dff,
            compression: 1,
            existing: Existing::Resume,
        }
    }
}

/// Width of the numbers in files; `f64` is `f32` widened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NumberWidth {
    /// 4 bytes.
    F32,
    /// 8 bytes.
    F64,
}

impl From<NumberWidth> for Precision {
    fn from(width: NumberWidth) -> Self {
        match width {
            NumberWidth::F32 => Precision::F32,
            NumberWidth::F64 => Precision::F64,
        }
    }
}

/// Order of axes in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Axes {
    /// (x, reversed y, t), as the lab's notebook wrote them.
    Notebook,
    /// (y, x, t), as OCIA's own files have them.
    Camera,
}

impl From<Axes> for Orientation {
    fn from(axes: Axes) -> Self {
        match axes {
            Axes::Notebook => Orientation::Notebook,
            Axes::Camera => Orientation::Camera,
        }
    }
}

/// What files hold: relative change or relative brightness. Checks and report are of the change always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scale {
    /// (F - F0) / F0: 0 at rest.
    Dff,
    /// F / F0: 1 at rest, what OCIA subtracts 1 from.
    FOverF0,
}

/// What happens to results that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Existing {
    /// Keep what is finished and unchanged, do the rest.
    Resume,
    /// Do all trials again.
    Replace,
    /// Do all trials again, then remove every other file of the result folders.
    Clean,
    /// Refuse before any work.
    Error,
}

/// Timing and stimuli of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Timing {
    /// Frames per second.
    pub sample_rate_hz: f64,
    /// Time of frame 0 in seconds from stimulus onset.
    pub first_frame_s: f64,
    /// Size of a resized pixel at the brain in micrometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_um: Option<f64>,
    /// Named moments in seconds; drawn and checked, never computed with.
    pub events: BTreeMap<String, f64>,
    /// What is shown and what is right.
    pub stimulus: Vec<Stimulus>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            sample_rate_hz: 20.0,
            first_frame_s: -3.0,
            pixel_um: None,
            events: BTreeMap::new(),
            stimulus: Vec::new(),
        }
    }
}

impl Timing {
    /// Frame number to seconds.
    #[must_use]
    pub fn axis(&self) -> TimeAxis {
        TimeAxis {
            sample_rate_hz: self.sample_rate_hz,
            first_frame_s: self.first_frame_s,
        }
    }

    /// The table stimulus -> correct decision that scoring takes.
    #[must_use]
    pub fn rules(&self) -> Vec<(String, Correct)> {
        let rule = |s: &Stimulus| (s.name.clone(), s.decision.into());
        self.stimulus.iter().map(rule).collect()
    }

    /// The stimulus of that name.
    #[must_use]
    pub fn stimulus(&self, name: &str) -> Option<&Stimulus> {
        self.stimulus.iter().find(|s| s.name == name)
    }
}

/// One stimulus and its correct decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Stimulus {
    /// As the log spells it, e.g. `Texture 1 P100`.
    pub name: String,
    /// What the animal should do.
    pub decision: Answer,
    /// Name of the condition in files; default: what follows the last blank of the name, first letter dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

impl Stimulus {
    /// A stimulus as the log spells it, and what is right; its condition is taken from the name.
    #[must_use]
    pub fn new(name: impl Into<String>, decision: Answer) -> Self {
        Self {
            name: name.into(),
            decision,
            condition: None,
        }
    }

    /// Name of the condition in files, e.g. `100`. Empty only in a configuration that has not been checked.
    #[must_use]
    pub fn condition(&self) -> &str {
        match &self.condition {
            Some(given) => given,
            None => widefield_behaviour::condition(&self.name).unwrap_or_default(),
        }
    }
}

/// What the animal should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Lick.
    Go,
    /// Withhold.
    #[serde(rename = "No Go")]
    NoGo,
}

impl From<Answer> for Correct {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Go => Correct::Go,
            Answer::NoGo => Correct::NoGo,
        }
    }
}

/// Arithmetic of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Analysis {
    /// `[width, height]` in camera terms; `None`: the camera's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<[usize; 2]>,
    /// How frames are resized.
    pub resize: ResizeMethod,
    /// Pixels above become 0.
    pub invalid_above: u16,
    /// Whether fluorescence below the background becomes 0.
    pub clamp_negative: bool,
    /// How the background is estimated.
    pub background: BackgroundStep,
    /// How the dark surround is found.
    pub segmentation: SegmentationStep,
    /// Which frames give F0.
    pub baseline: BaselineStep,
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            resolution: None,
            resize: ResizeMethod::Triangle,
            invalid_above: 60_000,
            clamp_negative: true,
            background: BackgroundStep::default(),
            segmentation: SegmentationStep::default(),
            baseline: BaselineStep::default(),
        }
    }
}

impl Analysis {
    /// Whether the trials of a session decide something together.
    pub(crate) fn of_session(&self) -> bool {
        self.background.scope == Scope::Session || self.segmentation.of_session()
    }

    /// Size of the resized frames for a camera of that size.
    #[must_use]
    pub fn size(&self, camera: Size) -> Size {
        match self.resolution {
            Some([width, height]) => Size { width, height },
            None => camera,
        }
    }
}

/// How frames are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResizeMethod {
    /// Triangle filter, antialiased when shrinking.
    Triangle,
    /// Mean of the pixels below each new one.
    Box,
    /// Windowed sinc: sharper, with ringing at edges.
    Lanczos3,
    /// One pixel of many.
    Nearest,
    /// Mean of whole blocks of pixels.
    Binning,
}

impl From<ResizeMethod> for Resize {
    fn from(method: ResizeMethod) -> Self {
        match method {
            ResizeMethod::Triangle => Resize::Triangle,
            ResizeMethod::Box => Resize::Box,
            ResizeMethod::Lanczos3 => Resize::Lanczos3,
            ResizeMethod::Nearest => Resize::Nearest,
            ResizeMethod::Binning => Resize::Binning,
        }
    }
}

impl Config {
    /// Everything by default for the files whose names start with `prefix`.
    /// [`Experiment::from_config`](crate::Experiment::from_config) plans it.
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

    /// The rules that types cannot say. Each message names its key.
    fn problem(&self) -> Option<(String, String)> {
        let err = |key: &str, message: String| Some((key.to_owned(), message));
        let o = &self.output;
        if self.data.prefix.is_empty() {
            return err(
                "data.prefix",
                "is empty, which would take every file".into(),
            );
        }
        if self.data.prefix.contains(['/', '\\']) {
            return err(
                "data.prefix",
                "names the start of a file name; folders belong into data.url".into(),
            );
        }
        let kinds = [("movie", &o.movie), ("dff", &o.dff), ("mat", &o.mat)];
        for (i, (kind, folder)) in kinds.iter().enumerate() {
            if !folder.is_empty() && !folders::is_below(folder) {
                return err(
                    &format!("output.{kind}"),
                    format!("`{folder}` is no folder below output.url"),
                );
            }
            let twin = kinds[..i]
                .iter()
                .find(|(_, f)| !f.is_empty() && f == folder);
            if let Some((other, _)) = twin {
                return err(
                    &format!("output.{kind}"),
                    format!("`{folder}` is the folder of output.{other} too"),
                );
            }
        }
        if o.compression > 9 {
            return err(
                "output.compression",
                format!("{} is above 9", o.compression),
            );
        }
        let wrong = |pair: &(&str, [f64; 2])| !pair.1.iter().all(|v| v.is_finite() && *v >= 0.0);
        if let Some((name, [warn, fail])) = self.checks.pairs().find(wrong) {
            let message = format!("[{warn}, {fail}] are no two limits from 0 on: warn, fail");
            return err(&format!("checks.{name}"), message);
        }
        self.folders_problem()
            .or_else(|| self.experiment.problem())
            .or_else(|| self.analysis.problem())
    }
}

impl Timing {
    fn problem(&self) -> Option<(String, String)> {
        let err = |key: &str, message: String| Some((key.to_owned(), message));
        if !(self.sample_rate_hz.is_finite() && self.sample_rate_hz > 0.0) {
            return err(
                "experiment.sample_rate_hz",
                format!("{} is no rate above 0", self.sample_rate_hz),
            );
        }
        if !self.first_frame_s.is_finite() {
            return err("experiment.first_frame_s", "is not finite".into());
        }
        if self
            .pixel_um
            .is_some_and(|um| !(um.is_finite() && um > 0.0))
        {
            return err("experiment.pixel_um", "is no size above 0".into());
        }
        if let Some((name, _)) = self.events.iter().find(|(_, s)| !s.is_finite()) {
            return err(&format!("experiment.events.{name}"), "is not finite".into());
        }
        for (i, stimulus) in self.stimulus.iter().enumerate() {
            let key = "experiment.stimulus";
            let condition = stimulus.condition();
            if !widefield_storage::mat::valid_name(&format!("tr_{condition}")) {
                return err(
                    key,
                    format!(
                        "condition `{condition}` of `{}` is no valid name in MATLAB; set `condition` to letters, digits and _",
                        stimulus.name
                    ),
                );
            }
            for earlier in &self.stimulus[..i] {
                if earlier.name == stimulus.name {
                    return err(key, format!("`{}` is listed twice", stimulus.name));
                }
                if earlier.condition().eq_ignore_ascii_case(condition) {
                    return err(
                        key,
                        format!(
                            "`{}` and `{}` share the condition `{condition}`, so their files would collide; set `condition` of one",
                            earlier.name, stimulus.name
                        ),
                    );
                }
            }
        }
        None
    }
}

impl Analysis {
    fn problem(&self) -> Option<(String, String)> {
        let err = |key: &str, message: String| Some((key.to_owned(), message));
        let most = 32_768;
        if let Some([w, h]) = self.resolution
            && !((1..=most).contains(&w) && (1..=most).contains(&h))
        {
            return err(
                "analysis.resolution",
                format!("[{w}, {h}] is outside 1 to {most} pixels"),
            );
        }
        self.background
            .problem()
            .or_else(|| self.segmentation.problem())
            .or_else(|| self.baseline.problem())
    }
}
