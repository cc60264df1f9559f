//! The steps of `[analysis]` that can be done in several ways: method, parameters, and which belongs to which.

use serde::{Deserialize, Serialize};
use widefield::background::Rectangle;
use widefield::{Background, Baseline, DeltaF, Denominator, Error, Mask, Segmentation, TimeAxis};

/// Keys of each table that belong to some methods only: table, method, keys.
pub(super) const METHODS: &[(&str, &str, &[&str])] = &[
    ("background", "gaussian_fit", &["smoothing_sd_px"]),
    ("background", "coarse_fit", &["smoothing_sd_px", "step_px"]),
    ("background", "bounded_fit", &["smoothing_sd_px"]),
    ("background", "percentile", &["percentile"]),
    ("background", "mode", &[]),
    ("background", "rectangle", &["rectangle"]),
    ("background", "constant", &["counts"]),
    ("segmentation", "density_cutoff", &["density_cutoff"]),
    ("segmentation", "relative_cutoff", &["relative_cutoff"]),
    ("segmentation", "otsu", &[]),
    ("segmentation", "triangle", &[]),
    ("segmentation", "percentile", &["percentile"]),
    ("segmentation", "file", &["file"]),
    ("segmentation", "none", &[]),
    ("baseline", "frames", &["frames", "before_s", "window_s"]),
    ("baseline", "mean", &[]),
    ("baseline", "median", &[]),
    ("baseline", "percentile", &["percentile"]),
    ("baseline", "sliding_percentile", &["percentile", "span_s"]),
    ("baseline", "maximin", &["span_s", "smoothing_s"]),
    ("baseline", "bleaching", &["frames"]),
];

/// Whether a key of a table of `[analysis]` has no meaning under a method.
pub(super) fn misplaced(table: &str, method: &str, key: &str) -> bool {
    let mut of_table = METHODS.iter().filter(|(t, ..)| *t == table);
    let bound = of_table.clone().any(|(_, _, keys)| keys.contains(&key));
    bound && !of_table.any(|(_, m, keys)| *m == method && keys.contains(&key))
}

/// The first key of `[analysis]` that belongs to another method than the chosen one, and why.
pub(super) fn first_misplaced(config: &toml::Table) -> Option<(String, String)> {
    let analysis = config.get("analysis")?.as_table()?;
    for (table, default) in [
        ("background", "gaussian_fit"),
        ("segmentation", "density_cutoff"),
        ("baseline", "frames"),
    ] {
        let Some(values) = analysis.get(table).and_then(toml::Value::as_table) else {
            continue;
        };
        let method = values.get("method").and_then(toml::Value::as_str);
        let method = method.unwrap_or(default);
        if let Some(key) = values.keys().find(|key| misplaced(table, method, key)) {
            let owners = METHODS
                .iter()
                .filter(|(t, _, keys)| *t == table && keys.contains(&key.as_str()));
            let owners: Vec<String> = owners.map(|(_, m, _)| format!("\"{m}\"")).collect();
            let message = format!(
                "belongs to method = {}, the method is \"{method}\"",
                owners.join(" or ")
            );
            return Some((format!("analysis.{table}.{key}"), message));
        }
    }
    None
}

/// A key below `[analysis]`, and what is wrong with it.
type Problem = Option<(String, String)>;

fn problem(key: &str, message: impl Into<String>) -> Problem {
    Some((format!("analysis.{key}"), message.into()))
}

fn percent_problem(key: &str, percent: Option<f64>) -> Problem {
    let percent = percent.filter(|percent| !(0.0..=100.0).contains(percent))?;
    problem(key, format!("{percent} is outside 0 to 100"))
}

/// The whole part, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a window may be longer than any movie"
)]
fn whole(x: f64) -> usize {
    x.max(1.0) as usize
}

/// Whether something is decided for each trial or once for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// For each trial.
    Trial,
    /// Once for the session.
    Session,
}

/// How the background is estimated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackgroundStep {
    /// Which estimator.
    pub method: BackgroundMethod,
    /// Smoothing before a fit, in pixels of the resized frame.
    pub smoothing_sd_px: f64,
    /// Side of the blocks of a coarse fit, pixels of the resized frame; `None`: an eighth of the smoothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_px: Option<usize>,
    /// Which percentile of the pixels; `None`: the 5th.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// `[x, y, width, height]` of the dark rectangle, pixels of the resized frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rectangle: Option<[usize; 4]>,
    /// The known background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<f64>,
    /// Frames averaged before, half-open.
    pub frames: [usize; 2],
    /// For each trial, or the median of the trials.
    pub scope: Scope,
}

impl Default for BackgroundStep {
    fn default() -> Self {
        Self {
            method: BackgroundMethod::GaussianFit,
            smoothing_sd_px: 30.0,
            step_px: None,
            percentile: None,
            rectangle: None,
            counts: None,
            frames: [0, 1],
            scope: Scope::Trial,
        }
    }
}

impl BackgroundStep {
    /// The estimator of the library.
    #[must_use]
    pub fn estimator(&self) -> Background {
        let smoothing_sd_px = self.smoothing_sd_px;
        match self.method {
            BackgroundMethod::GaussianFit => Background::GaussianFit { smoothing_sd_px },
            BackgroundMethod::CoarseFit => Background::CoarseFit {
                smoothing_sd_px,
                step_px: self.step_px.unwrap_or(whole(smoothing_sd_px / 8.0)),
            },
            BackgroundMethod::BoundedFit => Background::BoundedFit { smoothing_sd_px },
            BackgroundMethod::Percentile => Background::Percentile(self.percentile.unwrap_or(5.0)),
            BackgroundMethod::Mode => Background::Mode,
            BackgroundMethod::Rectangle => {
                let [x, y, width, height] = self.rectangle.unwrap_or_default();
                Background::Rectangle(Rectangle {
                    x,
                    y,
                    width,
                    height,
                })
            }
            BackgroundMethod::Constant => Background::Constant(self.counts.unwrap_or_default()),
        }
    }

    pub(super) fn problem(&self) -> Problem {
        let sd = self.smoothing_sd_px;
        if !(sd.is_finite() && (0.0..=10_000.0).contains(&sd)) {
            let message = format!("{sd} is outside 0 to 10000 pixels");
            return problem("background.smoothing_sd_px", message);
        }
        let [from, to] = self.frames;
        if from >= to {
            let message =
                format!("[{from}, {to}] holds no frame; ranges are half-open, [0, 1] is frame 0");
            return problem("background.frames", message);
        }
        if self.step_px == Some(0) {
            return problem("background.step_px", "0 is no size of a block");
        }
        match (self.method, self.rectangle, self.counts) {
            (BackgroundMethod::Rectangle, None | Some([_, _, 0, _] | [_, _, _, 0]), _) => {
                let message = "needs `rectangle = [x, y, width, height]` with pixels in it";
                return problem("background", message);
            }
            (BackgroundMethod::Constant, _, counts) if !counts.is_some_and(f64::is_finite) => {
                return problem("background", "needs a finite number as `counts`");
            }
            _ => {}
        }
        percent_problem("background.percentile", self.percentile)
    }
}

/// Which background estimator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackgroundMethod {
    /// Offset of a 2-D Gaussian fitted to the smoothed frame.
    GaussianFit,
    /// The same fitted to blocks of pixels.
    CoarseFit,
    /// The same with the offset from 0 to the 5th percentile.
    BoundedFit,
    /// A percentile of the pixels.
    Percentile,
    /// The most frequent brightness.
    Mode,
    /// Mean of a dark rectangle.
    Rectangle,
    /// A known number of counts.
    Constant,
}

/// How the dark surround is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentationStep {
    /// Which rule.
    pub method: SegmentationMethod,
    /// Density at which the threshold is set; larger keeps more pixels.
    pub density_cutoff: f64,
    /// The same as a share of the peak; `None`: 0.05.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_cutoff: Option<f64>,
    /// Per cent of the pixels that are masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// A grey PNG of the size of the resized frame: kept where it is not black.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether only the largest connected part is kept.
    #[serde(skip_serializing_if = "is_off")]
    pub largest_component: bool,
    /// Whether masked pixels within the kept ones are kept too.
    #[serde(skip_serializing_if = "is_off")]
    pub fill_holes: bool,
    /// For each trial, or one mask for all.
    pub scope: Scope,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_off(switch: &bool) -> bool {
    !switch
}

impl Default for SegmentationStep {
    fn default() -> Self {
        Self {
            method: SegmentationMethod::DensityCutoff,
            density_cutoff: 0.0002,
            relative_cutoff: None,
            percentile: None,
            file: None,
            largest_component: false,
            fill_holes: false,
            scope: Scope::Trial,
        }
    }
}

impl SegmentationStep {
    /// The rule of the library; `None` where no rule makes the mask.
    #[must_use]
    pub fn rule(&self) -> Option<Segmentation> {
        Some(match self.method {
            SegmentationMethod::DensityCutoff => Segmentation::DensityCutoff(self.density_cutoff),
            SegmentationMethod::RelativeCutoff => {
                Segmentation::RelativeCutoff(self.relative_cutoff.unwrap_or(0.05))
            }
            SegmentationMethod::Otsu => Segmentation::Otsu,
            SegmentationMethod::Triangle => Segmentation::Triangle,
            SegmentationMethod::Percentile => {
                Segmentation::Percentile(self.percentile.unwrap_or_default())
            }
            SegmentationMethod::File | SegmentationMethod::None => return None,
        })
    }

    /// The mask of a mean image `(y, x)`, tidied as asked. Under [`SegmentationMethod::File`] that of nothing
    /// masked: there [`Experiment::plan`](crate::Experiment::plan) reads the mask.
    ///
    /// # Errors
    /// Those of [`Segmentation::mask`].
    pub fn mask(&self, mean: ndarray::ArrayView2<'_, f64>) -> Result<Mask, Error> {
        Ok(self.tidied(match self.rule() {
            Some(rule) => rule.mask(mean)?,
            None => Mask::keep_all(mean.dim()),
        }))
    }

    /// Whether the mask is made from the trials of a session together.
    pub(crate) fn of_session(&self) -> bool {
        self.scope == Scope::Session && self.method != SegmentationMethod::File
    }

    /// The largest part alone and holes filled, where asked.
    pub(crate) fn tidied(&self, mut mask: Mask) -> Mask {
        if self.largest_component {
            mask = mask.largest_component();
        }
        if self.fill_holes {
            mask = mask.fill_holes();
        }
        mask
    }

    pub(super) fn problem(&self) -> Problem {
        let cutoff = self.density_cutoff;
        if !(cutoff.is_finite() && cutoff > 0.0) {
            let message = format!("{cutoff} is no density above 0");
            return problem("segmentation.density_cutoff", message);
        }
        if let Some(share) = self.relative_cutoff
            && !(share > 0.0 && share < 1.0)
        {
            let message = format!("{share} is no share between 0 and 1");
            return problem("segmentation.relative_cutoff", message);
        }
        if self.method == SegmentationMethod::Percentile && self.percentile.is_none() {
            let message = "needs `percentile`, the per cent of the pixels to mask";
            return problem("segmentation", message);
        }
        if self.method == SegmentationMethod::File && self.file.is_none() {
            return problem("segmentation", "needs `file`, a grey PNG");
        }
        percent_problem("segmentation.percentile", self.percentile)
    }
}

/// Which segmentation rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentationMethod {
    /// First point at which the density of pixel means falls below a cutoff.
    DensityCutoff,
    /// The same above the darkest mode, relative to the peak of the density.
    RelativeCutoff,
    /// Largest variance between two classes.
    Otsu,
    /// Farthest from the line between peak and tail of the histogram.
    Triangle,
    /// A share of the pixels.
    Percentile,
    /// A given image.
    File,
    /// Nothing is masked.
    None,
}

/// How F0 is taken. Of `frames`, `before_s` and `window_s` one at most; none means frames 9 to 11.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BaselineStep {
    /// Which estimator.
    pub method: BaselineMethod,
    /// Half-open range of frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<[usize; 2]>,
    /// All frames before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_s: Option<f64>,
    /// The frames from the first time on and before the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_s: Option<[f64; 2]>,
    /// Which percentile of the trace; `None`: the 10th, sliding the 8th.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// Length of the window around each frame; `None`: 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_s: Option<f64>,
    /// Standard deviation of the smoothing before minimum and maximum; `None`: 0.5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smoothing_s: Option<f64>,
    /// The difference is divided by at least so many counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_counts: Option<f64>,
    /// The difference is divided by at least so many times the noise of the pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor_noise: Option<f64>,
}

impl Default for BaselineStep {
    fn default() -> Self {
        Self {
            method: BaselineMethod::Frames,
            frames: None,
            before_s: None,
            window_s: None,
            percentile: None,
            span_s: None,
            smoothing_s: None,
            floor_counts: None,
            floor_noise: None,
        }
    }
}

/// Which F0 estimator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineMethod {
    /// Mean of some frames.
    Frames,
    /// Mean of all frames.
    Mean,
    /// Median of all frames.
    Median,
    /// Percentile of all frames.
    Percentile,
    /// Percentile of the frames around each.
    SlidingPercentile,
    /// Maximum of the minima of the frames around each.
    Maximin,
    /// Mean of some frames, fading as all kept pixels do.
    Bleaching,
}

impl BaselineStep {
    /// The baseline of the library for a movie of `n_frames`.
    #[must_use]
    pub fn of(&self, axis: &TimeAxis, n_frames: usize) -> Baseline {
        let span_frames = || whole((self.span_s.unwrap_or(5.0) * axis.sample_rate_hz).round());
        match self.method {
            BaselineMethod::Frames => match (self.before_s, self.window_s, self.frames) {
                (Some(end_s), ..) => Baseline::frames(0..axis.frames_before(end_s, n_frames)),
                (None, Some([from_s, to_s]), _) => {
                    Baseline::frames(axis.frames_between(from_s, to_s, n_frames))
                }
                (None, None, Some([from, to])) => Baseline::frames(from..to),
                (None, None, None) => Baseline::frames(9..12),
            },
            BaselineMethod::Mean => Baseline::Mean,
            BaselineMethod::Median => Baseline::Median,
            BaselineMethod::Percentile => Baseline::Percentile(self.percentile.unwrap_or(10.0)),
            BaselineMethod::SlidingPercentile => Baseline::SlidingPercentile {
                percent: self.percentile.unwrap_or(8.0),
                span_frames: span_frames(),
            },
            BaselineMethod::Maximin => Baseline::Maximin {
                smoothing_sd_frames: self.smoothing_s.unwrap_or(0.5) * axis.sample_rate_hz,
                span_frames: span_frames(),
            },
            BaselineMethod::Bleaching => Baseline::Bleaching {
                frames: self.frames.map(|[from, to]| from..to),
            },
        }
    }

    /// How the library makes dF/F with that baseline.
    #[must_use]
    pub fn delta_f(&self, baseline: Baseline) -> DeltaF {
        DeltaF::new(baseline).denominator(match (self.floor_counts, self.floor_noise) {
            (Some(counts), _) => Denominator::Floor(counts),
            (None, Some(times)) => Denominator::Noise(times),
            (None, None) => Denominator::F0,
        })
    }

    /// Writes out what applies where nothing is said of the frames.
    pub(super) fn fill(&mut self) {
        let placed = self.before_s.is_some() || self.window_s.is_some();
        if self.method == BaselineMethod::Frames && !placed {
            self.frames.get_or_insert([9, 12]);
        }
    }

    pub(super) fn problem(&self) -> Problem {
        let given = [
            ("frames", self.frames.is_some()),
            ("before_s", self.before_s.is_some()),
            ("window_s", self.window_s.is_some()),
        ];
        let given: Vec<_> = given.iter().filter(|(_, given)| *given).collect();
        if let [(one, _), (other, _), ..] = given.as_slice() {
            let message = format!("`{one}` and `{other}` both say where F0 is; keep one");
            return problem("baseline", message);
        }
        if let Some([from, to]) = self.frames
            && from >= to
        {
            let message = format!(
                "[{from}, {to}] holds no frame; ranges are half-open, [9, 12] is frames 9, 10 and 11"
            );
            return problem("baseline.frames", message);
        }
        if self.before_s.is_some_and(|s| !s.is_finite()) {
            return problem("baseline.before_s", "is not finite");
        }
        if let Some([from, to]) = self.window_s
            && !(from.is_finite() && to.is_finite() && from < to)
        {
            let message = format!("[{from}, {to}] is no window from one time to a later one");
            return problem("baseline.window_s", message);
        }
        let positive = |s: f64| s.is_finite() && s > 0.0;
        if let Some(s) = self.span_s.filter(|s| !positive(*s)) {
            return problem("baseline.span_s", format!("{s} is no length above 0 s"));
        }
        for (key, value) in [
            ("smoothing_s", self.smoothing_s),
            ("floor_counts", self.floor_counts),
            ("floor_noise", self.floor_noise),
        ] {
            if let Some(value) = value.filter(|v| !(v.is_finite() && *v >= 0.0)) {
                let message = format!("{value} is no number from 0 on");
                return problem(&format!("baseline.{key}"), message);
            }
        }
        if self.floor_counts.is_some() && self.floor_noise.is_some() {
            let message = "`floor_counts` and `floor_noise` both say what to divide by; keep one";
            return problem("baseline", message);
        }
        percent_problem("baseline.percentile", self.percentile)
    }
}
