//! What a run leaves behind for machines: the content of `run.json`, and how it is judged.
//!
//! # Read the record of a run
//!
//! ```no_run
//! let text = std::fs::read_to_string("run.json")?;
//! let run: widefield_record::RunRecord = serde_json::from_str(&text)?;
//! for (check, files) in run.failed_of_trials() {
//!     println!("{check}: {}", files.join(", "));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Measures become verdicts in [`checks`].

mod check;
pub mod checks;
pub mod motion;

pub use check::{Check, CheckName, Level};
pub use motion::{Correction, Motion};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield::TimeAxis;
use widefield::background::Bound;
use widefield_experiment::Config;

// What public signatures are made of, in the versions they are made of.
pub use {ndarray, widefield, widefield_experiment, widefield_storage};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of the software.
    pub version: String,
    /// The experiment description, all defaults written out.
    pub config: Config,
    /// One entry a movie, by name of file.
    pub trials: Vec<TrialRecord>,
    /// Checks of the session.
    pub checks: Vec<Check>,
    /// Counts of the task; `None` without a log.
    pub behaviour: Option<BehaviourRecord>,
    /// Sums over the trials.
    pub totals: Totals,
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All outputs are there.
    Ok,
    /// Not done; `error` says why.
    Failed,
    /// Finished by an earlier run whose numbers stand here.
    Skipped,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Name of the movie in the data place.
    pub file: String,
    /// Number in its name.
    pub trial: Option<u32>,
    /// What log or table say was shown.
    pub stimulus: Option<String>,
    /// What log or table say the animal did.
    pub decision: Option<String>,
    /// Name in files of what was shown; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What that means: as [`OutcomeRecord::outcome`]; `None` without an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Time 0: `onset_s`, in seconds after the first frame, and `onset_from`. `None` where recordings have none.
    #[serde(flatten)]
    pub onset: Option<Onset>,
    /// When what `products.align` names happened, seconds after the first frame, where that is not the onset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aligned_s: Option<f64>,
    /// Is in no score, as its row of the table says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
    /// The cells of its row that mean nothing here, by the names of their columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// How the trial ended.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// Frames in the movie.
    pub frames: Option<usize>,
    /// Frames missing by the framestamps.
    pub dropped_frames: Option<u64>,
    /// Subtracted background, counts.
    pub background: Option<f64>,
    /// The fit the background comes from.
    pub fit: Option<Fit>,
    /// Mean fluorescence below which a pixel is masked, counts above background.
    pub threshold: Option<f64>,
    /// Pixels outside the mask's window, NaN in every frame.
    pub masked_pixels: Option<usize>,
    /// Kept pixels whose dF/F is not finite in some frame.
    pub nonfinite_pixels: Option<usize>,
    /// Checks of this trial.
    pub checks: Vec<Check>,
    /// What was written.
    pub outputs: Vec<Output>,
    /// What was kept of it for the session's end; `None` in records of versions that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<Output>>,
    /// Wall-clock time by stage.
    pub seconds: BTreeMap<String, f64>,
    /// What was read, so that a later run can tell whether it changed.
    pub input: Option<Input>,
    /// How far its frames lie from the session's reference, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<Motion>,
    /// What the checks are made from.
    #[serde(default)]
    pub quality: Option<Quality>,
}

/// When the stimulus of a trial began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// Seconds after the first frame.
    #[serde(rename = "onset_s")]
    pub s: f64,
    /// What says so.
    #[serde(rename = "onset_from")]
    pub from: OnsetFrom,
}

/// What says when a stimulus began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnsetFrom {
    /// The behaviour log.
    Log,
    /// The table of trials.
    Table,
    /// `experiment.first_frame_s`, the same for all trials.
    Fixed,
}

/// Measures of a trial that its checks are made from; `None` where one could not be taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quality {
    /// Range of brightness of a frame over its noise, [`widefield::quality::light_over_noise`] of frames 1 to 4.
    pub light_over_noise: Option<f64>,
    /// Share of the raw pixels above `analysis.invalid_above`.
    pub saturated_share: Option<f64>,
    /// When frame 0 was taken by the camera's clock, seconds since 1970.
    pub first_frame_unix_s: Option<f64>,
    /// Frames per second by the camera's clock, missing ones counted.
    pub camera_rate_hz: Option<f64>,
    /// Largest deviation of an interval between frames, [`widefield::quality::jitter`].
    pub clock_jitter: Option<f64>,
    /// Frames missing between the first and last frame of the baseline, or just before it.
    pub dropped_in_baseline: Option<u64>,
    /// Why there is no background.
    pub background_error: Option<String>,
    /// Largest plausible background, counts: 5th percentile of the smoothed frame.
    pub background_limit: Option<f64>,
    /// The bound at which the fit of the background ended.
    pub background_bound: Option<Bound>,
    /// Root mean square residual of the background fit over its amplitude.
    pub fit_residual: Option<f64>,
    /// Whether the threshold is the first point of the density; `None` for a mask of the session.
    pub threshold_zero: Option<bool>,
    /// Share of the pixels that are masked.
    pub masked_share: Option<f64>,
    /// Median F0 of the kept pixels, counts above background.
    pub f0: Option<f64>,
    /// Share of the kept pixels with an F0 below 5 % of that median.
    pub low_f0_share: Option<f64>,
    /// Share of the values of kept pixels that are below the background.
    pub clamped_share: Option<f64>,
    /// Half-open range of frames F0 is the mean of.
    pub baseline_frames: Option<[usize; 2]>,
    /// Mean dF/F of the kept pixels over those frames.
    pub baseline_dff: Option<f64>,
    /// Frame 0 against the next nine, [`widefield::quality::first_frame`] of the mean trace.
    pub first_frame: Option<f64>,
    /// Share of light lost during the trial, [`widefield::quality::bleaching`] of the mean trace.
    pub bleaching: Option<f64>,
    /// How much the light goes up and down from frame to frame, [`widefield::quality::alternation`] of the mean trace.
    pub alternation: Option<f64>,
    /// How much the light goes up and down over a recording without trials, [`widefield::quality::slow_drift`] of the
    /// mean fluorescence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_drift: Option<f64>,
    /// 99.9th percentile of |dF/F| over kept pixels and frames.
    pub dff_p999: Option<f64>,
}

/// Parameters of the fitted Gaussian, in camera axes of the resized frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Height above the offset, counts.
    pub amplitude: f64,
    /// Column of the centre, pixels.
    pub x0: f64,
    /// Row of the centre, pixels.
    pub y0: f64,
    /// Width along the first axis, pixels.
    pub sigma_x: f64,
    /// Width along the second axis, pixels.
    pub sigma_y: f64,
    /// Rotation, radians.
    pub theta: f64,
    /// Level far from the centre, counts: the background.
    pub offset: f64,
}

impl From<&widefield::GaussianFit> for Fit {
    fn from(fit: &widefield::GaussianFit) -> Self {
        Self {
            amplitude: fit.amplitude,
            x0: fit.x0,
            y0: fit.y0,
            sigma_x: fit.sigma_x,
            sigma_y: fit.sigma_y,
            theta: fit.theta,
            offset: fit.offset,
        }
    }
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Name below the output place.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// CRC-32C of the content.
    pub crc32c: u32,
}

impl From<widefield_storage::Written> for Output {
    fn from(written: widefield_storage::Written) -> Self {
        Self {
            path: written.name,
            bytes: written.bytes,
            crc32c: written.crc32c,
        }
    }
}

/// What identifies an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Size.
    pub bytes: u64,
    /// Last change, where the store tells.
    pub modified: Option<String>,
    /// Entity tag, where the store tells.
    pub etag: Option<String>,
}

/// The six counts, and what they leave out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BehaviourRecord {
    /// Trials in log and table.
    pub trials: usize,
    /// Scored trials with a Go stimulus.
    pub go_trials: u32,
    /// Scored trials with a No Go stimulus.
    pub no_go_trials: u32,
    /// Correct responses.
    pub hits: u32,
    /// Correct rejects.
    pub correct_rejections: u32,
    /// Missed responses.
    pub misses: u32,
    /// False alarms.
    pub false_alarms: u32,
    /// Early licks, in neither total.
    pub early: u32,
    /// Outcomes that count nowhere.
    pub unscored: u32,
    /// Trials left out of the scores: stimulus missing or not configured, lines of the log unusable, or excluded.
    pub left_out: u32,
    /// Sensitivity with the log-linear correction; `None` without both kinds of trial.
    pub d_prime: Option<f64>,
    /// Hits per Go trial; `None` without one.
    #[serde(default)]
    pub hit_rate: Option<f64>,
    /// False alarms per No Go trial; `None` without one.
    #[serde(default)]
    pub false_alarm_rate: Option<f64>,
    /// Every trial of log and table in order.
    #[serde(default)]
    pub outcomes: Vec<OutcomeRecord>,
}

/// One trial of log or table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    /// The number it goes by.
    pub trial: u32,
    /// `hit`, `miss`, `correct rejection`, `false alarm`, `early`, `unscored`; `left out` if it was not scored.
    pub outcome: String,
    /// From when the animal may answer to its lick, seconds; `None` without a lick.
    pub reaction_s: Option<f64>,
}

/// Sums over the trials of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Movies found.
    pub trials: usize,
    /// Done in this run.
    pub ok: usize,
    /// Failed in this run.
    pub failed: usize,
    /// Finished by an earlier run.
    pub skipped: usize,
    /// Bytes of all outputs of all good trials.
    pub bytes: u64,
    /// Wall-clock time of this run.
    pub seconds: f64,
    /// Part of it that session checks and the report took; what trials spent on it stands with them.
    #[serde(default)]
    pub report_seconds: f64,
    /// When this run ended, UTC.
    pub ended: String,
    /// Whether the run was interrupted, so that trials may be missing from the list, though they count.
    pub interrupted: bool,
    /// Outputs of the session: texts, trial indices, reference image.
    pub outputs: Vec<Output>,
    /// Files whose names match but which are no DCIMG movies.
    pub ignored: Vec<String>,
}

impl Totals {
    /// Trials that are finished, by this run or an earlier one.
    #[must_use]
    pub fn done(&self) -> usize {
        self.ok + self.skipped
    }
}

impl RunRecord {
    /// Whether every trial is done and the log was sound: exit status 0.
    #[must_use]
    pub fn all_done(&self) -> bool {
        let bad_check = |c: &Check| {
            c.level == Level::Fail
                && matches!(c.name, CheckName::LogLines | CheckName::SessionFiles)
        };
        self.totals.failed == 0 && !self.totals.interrupted && !self.checks.iter().any(bad_check)
    }
}

impl RunRecord {
    /// Checks of the session that failed.
    pub fn failed_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|c| c.level == Level::Fail)
    }

    /// The checks that failed of trials, each with the files of those trials, in order of names.
    #[must_use]
    pub fn failed_of_trials(&self) -> BTreeMap<String, Vec<&str>> {
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for trial in &self.trials {
            for check in trial.checks.iter().filter(|c| c.level == Level::Fail) {
                let files = found.entry(check.name.to_string()).or_default();
                files.push(&trial.file);
            }
        }
        found
    }
}

impl TrialRecord {
    /// A trial of which nothing is known but its name.
    #[must_use]
    pub fn of(file: &str) -> Self {
        Self {
            file: file.into(),
            trial: None,
            stimulus: None,
            decision: None,
            condition: None,
            outcome: None,
            onset: None,
            exclude: false,
            columns: BTreeMap::new(),
            aligned_s: None,
            status: Status::Failed,
            error: None,
            frames: None,
            dropped_frames: None,
            background: None,
            fit: None,
            threshold: None,
            masked_pixels: None,
            nonfinite_pixels: None,
            checks: Vec::new(),
            outputs: Vec::new(),
            parts: None,
            seconds: BTreeMap::new(),
            input: None,
            motion: None,
            quality: None,
        }
    }

    /// Frame number to seconds from its time 0.
    #[must_use]
    pub fn axis(&self, config: &Config) -> TimeAxis {
        let own = self.onset.filter(|onset| onset.from != OnsetFrom::Fixed);
        config.experiment.axis(own.map(|onset| onset.s))
    }

    /// Whether the outputs are there, from this run or an earlier one.
    #[must_use]
    pub fn good(&self) -> bool {
        self.status != Status::Failed
    }
}

/// A message and its causes on one line, each said once.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}
