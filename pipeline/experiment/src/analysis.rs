//! The keys of `[analysis]`: what a trial is computed with. Methods and their parameters are the library's own.

use super::error::{Problem, Rule, ensure, one_line};
use super::methods::{self, Choice, Method, Step};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Table;
use widefield::{
    Background, Baseline, DeltaF, Denominator, Error, Mask, Resize, Segmentation, Size,
};

/// The tables in which a method is chosen.
pub(super) const STEPS: [Step; 3] = [
    Step::of::<Background>("background"),
    Step::of::<Masking>("segmentation"),
    Step::of::<Baseline>("baseline"),
];

impl Choice for Background {}
impl Choice for Baseline {}

/// Arithmetic of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Analysis {
    /// `[width, height]` in camera terms; `None`: the camera's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<[usize; 2]>,
    /// How frames are resized.
    pub resize: Resize,
    /// Pixels above become 0.
    pub invalid_above: u16,
    /// Whether fluorescence below the background becomes 0.
    pub clamp_negative: bool,
    /// What is done about motion of the head.
    #[serde(skip_serializing_if = "MotionStep::is_usual")]
    pub motion: MotionStep,
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
            resize: Resize::Triangle,
            invalid_above: 60_000,
            clamp_negative: true,
            motion: MotionStep::default(),
            background: BackgroundStep::default(),
            segmentation: SegmentationStep::default(),
            baseline: BaselineStep::default(),
        }
    }
}

impl Analysis {
    /// Whether the trials of a session decide something together.
    #[must_use]
    pub fn of_session(&self) -> bool {
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

    /// The same with everything written out that frames of that size decide.
    #[must_use]
    pub fn resolved(&self, resized: Size) -> Self {
        let mut resolved = self.clone();
        resolved.background.method = self.background.method.resolve(resized);
        resolved
    }

    pub(super) fn problem(&self) -> Rule {
        let most = 32_768;
        if let Some([w, h]) = self.resolution {
            let possible = (1..=most).contains(&w) && (1..=most).contains(&h);
            let message = format_args!("[{w}, {h}] is outside 1 to {most} pixels");
            ensure(possible, "analysis.resolution", message)?;
        }
        let reach = self.motion.max_shift_px;
        ensure(
            reach > 0.0 && reach <= 256.0,
            "analysis.motion.max_shift_px",
            format_args!("{reach} is not above 0 and at most 256 px of a picture 256 px wide"),
        )?;
        let [from, to] = self.background.frames;
        ensure(
            from < to,
            "analysis.background.frames",
            format_args!("[{from}, {to}] holds no frame; ranges are half-open, [0, 1] is frame 0"),
        )?;
        parameters("background", self.background.method.check())?;
        if let Masking::Rule(rule) = &self.segmentation.method {
            parameters("segmentation", rule.check())?;
        }
        parameters("baseline", self.baseline.method.check())?;
        self.baseline.floors()
    }
}

/// What the library says of the parameters of a step, under their keys.
fn parameters(step: &str, checked: Result<(), Error>) -> Rule {
    checked.map_err(|error| match error {
        Error::Parameter { name, value, expected } => {
            Problem::new(format!("analysis.{step}.{name}"), format!("{value} is not {expected}"))
        }
        Error::BaselineEmpty { start, end } => Problem::new(
            format!("analysis.{step}.frames"),
            format!("[{start}, {end}] holds no frame; ranges are half-open, [9, 12] is frames 9, 10 and 11"),
        ),
        other => Problem::new(format!("analysis.{step}"), other.to_string()),
    })
}

/// Whether something is decided for each trial or once for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// For each trial.
    #[default]
    Trial,
    /// Once for the session.
    Session,
}

/// What is done about motion of the head. It is measured in any case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MotionStep {
    /// How it is taken away.
    pub method: MotionMethod,
    /// Shifts up to here are looked for, in y and in x; pixels of a picture 256 px wide, in proportion.
    pub max_shift_px: f64,
}

/// How motion of the head is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MotionMethod {
    /// Not at all.
    #[default]
    None,
    /// Frames are shifted as a whole, while they are resized, to where the session's first movie lies.
    Rigid,
}

impl Default for MotionStep {
    fn default() -> Self {
        Self {
            method: MotionMethod::None,
            max_shift_px: 16.0,
        }
    }
}

impl MotionStep {
    /// Whether nothing is taken away and shifts are looked for as usual.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// How the background is estimated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BackgroundStep {
    /// The estimator.
    #[serde(flatten, deserialize_with = "methods::lenient")]
    pub method: Background,
    /// Frames averaged before, half-open.
    pub frames: [usize; 2],
    /// For each trial, or the median of the trials.
    pub scope: Scope,
}

impl Default for BackgroundStep {
    fn default() -> Self {
        Self {
            method: Background::default(),
            frames: [0, 1],
            scope: Scope::Trial,
        }
    }
}

/// How the dark surround is found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SegmentationStep {
    /// Where the mask comes from.
    #[serde(flatten, deserialize_with = "methods::lenient")]
    pub method: Masking,
    /// Whether only the largest connected part is kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub largest_component: bool,
    /// Whether masked pixels within the kept ones are kept too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fill_holes: bool,
    /// For each trial, or one mask for all.
    pub scope: Scope,
}

/// Where a mask comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Masking {
    /// A rule of the library makes it of the mean image.
    Rule(Segmentation),
    /// A given image, whatever the movies show.
    File(MaskFile),
}

/// A mask that is read from a file: `method = "file"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename = "file")]
#[non_exhaustive]
pub struct MaskFile {
    /// A grey PNG of the size of the resized frame: kept where it is not black.
    pub file: String,
}

impl Default for Masking {
    fn default() -> Self {
        Self::Rule(Segmentation::default())
    }
}

impl Choice for Masking {
    fn methods() -> Vec<Method> {
        let mut methods = methods::of::<Segmentation>();
        methods.push(MaskFile::METHOD);
        methods
    }
}

impl<'de> Deserialize<'de> for Masking {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let table = Table::deserialize(from)?;
        let read = match methods::name(&table) {
            Some(name) if name == MaskFile::METHOD.name => table.try_into().map(Self::File),
            _ => table.try_into().map(Self::Rule),
        };
        read.map_err(|error| D::Error::custom(one_line(&error)))
    }
}

impl MaskFile {
    const METHOD: Method = Method {
        name: "file",
        keys: &["file"],
    };

    /// The image at that path.
    #[must_use]
    pub fn new(file: impl Into<String>) -> Self {
        Self { file: file.into() }
    }
}

impl SegmentationStep {
    /// The rule of the library; `None` where the mask is a given image.
    #[must_use]
    pub fn rule(&self) -> Option<Segmentation> {
        match self.method {
            Masking::Rule(rule) => Some(rule),
            Masking::File(_) => None,
        }
    }

    /// The path of the given image.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match &self.method {
            Masking::Rule(_) => None,
            Masking::File(given) => Some(&given.file),
        }
    }

    /// Whether the mask is made from the trials of a session together.
    #[must_use]
    pub fn of_session(&self) -> bool {
        self.scope == Scope::Session && self.rule().is_some()
    }

    /// The largest part alone and holes filled, where asked.
    #[must_use]
    pub fn tidied(&self, mut mask: Mask) -> Mask {
        if self.largest_component {
            mask = mask.largest_component();
        }
        if self.fill_holes {
            mask = mask.fill_holes();
        }
        mask
    }
}

/// How F0 is taken, and what the difference from it is divided by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BaselineStep {
    /// The estimator.
    #[serde(flatten, deserialize_with = "methods::lenient")]
    pub method: Baseline,
    /// The difference is divided by at least so many counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_counts: Option<f64>,
    /// The difference is divided by at least so many times the noise of the pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_noise: Option<f64>,
}

impl BaselineStep {
    /// How the library makes dF/F, times in seconds.
    #[must_use]
    pub fn delta_f(&self) -> DeltaF {
        DeltaF::new(self.method.clone()).denominator(match (self.floor_counts, self.floor_noise) {
            (Some(counts), _) => Denominator::Floor(counts),
            (None, Some(times)) => Denominator::Noise(times),
            (None, None) => Denominator::F0,
        })
    }

    fn floors(&self) -> Rule {
        for (key, value) in [
            ("floor_counts", self.floor_counts),
            ("floor_noise", self.floor_noise),
        ] {
            let value = value.unwrap_or_default();
            let message = format_args!("{value} is no number from 0 on");
            ensure(
                value.is_finite() && value >= 0.0,
                &format!("analysis.baseline.{key}"),
                message,
            )?;
        }
        ensure(
            self.floor_counts.is_none() || self.floor_noise.is_none(),
            "analysis.baseline",
            "`floor_counts` and `floor_noise` both say what to divide by; keep one",
        )
    }
}
