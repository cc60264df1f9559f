//! Something measured against a limit, and its verdict.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something measured against a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub name: CheckName,
    /// Verdict.
    pub level: Level,
    /// What was measured.
    pub value: Option<f64>,
    /// Where the verdict turns.
    pub limit: Option<f64>,
    /// For people: what was measured, and what to do.
    pub message: String,
}

/// Verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Pass,
    /// Worth a look.
    Warn,
    /// Do not trust without a look.
    Fail,
}

/// Which check, shown and stored in `snake_case`.
///
/// ```
/// use widefield_record::CheckName;
///
/// assert_eq!(CheckName::LowF0.to_string(), "low_f0");
/// let read: CheckName = serde_json::from_str(r#""of_another_version""#)?;
/// assert_eq!(read, CheckName::Other("of_another_version".into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckName {
    /// Range of brightness of a frame over its noise.
    NoLight,
    /// The background against 0 and what is plausible above.
    BackgroundImplausible,
    /// Whether a fit of the background ended at a bound.
    BackgroundBound,
    /// Residual of the background's fit over its amplitude.
    FitResidual,
    /// Background against the session's median.
    BackgroundStep,
    /// Share of the values of kept pixels that are below the background.
    Clamped,
    /// Brightness that goes up and down from frame to frame.
    AlternatingLight,
    /// Frame 0 against the next.
    FirstFrame,
    /// Share of raw pixels that are too bright.
    Saturation,
    /// Share of kept pixels with next to no F0.
    #[serde(rename = "low_f0")]
    LowF0,
    /// Share of masked pixels.
    MaskedShare,
    /// Overlap of the mask with the session's.
    MaskStability,
    /// The density is below its cutoff from the start.
    ThresholdZero,
    /// How far frames lie from where the trial does.
    Motion,
    /// How far trials lie from the middle of the session.
    MotionBetweenTrials,
    /// What taking motion away did.
    MotionCorrection,
    /// Frames missing by the framestamps.
    DroppedFrames,
    /// The camera's rate against the configured one.
    FrameRate,
    /// The largest deviation of an interval between frames.
    ClockJitter,
    /// Share of light lost during a trial.
    Bleaching,
    /// Whether F0 is taken at rest.
    BaselineEvent,
    /// What nearly all of |dF/F| stays below.
    DffRange,
    /// Change of F0 over the session.
    #[serde(rename = "f0_drift")]
    F0Drift,
    /// Share of early trials.
    EarlyShare,
    /// Movies without entry in the log, and entries without movie.
    LogMatch,
    /// Begin of each movie against its entry.
    ClockMatch,
    /// Stimuli of the log that are not configured.
    UnknownStimulus,
    /// Lines of the log that cannot be used.
    LogLines,
    /// How the table of trials was read.
    Table,
    /// Outcomes and conditions of the table that their stimuli cannot have.
    Outcome,
    /// An onset that lies outside of its movie.
    OnsetOutside,
    /// A trial without onset where each has its own.
    Onset,
    /// How much the onsets of the trials differ where time 0 is fixed.
    OnsetSpread,
    /// How much the light goes up and down over a recording without trials.
    SlowDrift,
    /// What is odd about a movie's file.
    File,
    /// Pixels that stop being square.
    Aspect,
    /// A trial without a label.
    Label,
    /// A MAT file that would be too large.
    MatSize,
    /// Pictures of the report that got lost.
    Pictures,
    /// Something of the session that could not be made.
    SessionFiles,
    /// Old files that could not be removed.
    OldFiles,
    /// One of another program or version.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Check {
    /// A check with that verdict; infinite and NaN numbers become `None`, as JSON has none.
    #[must_use]
    pub fn new(
        name: CheckName,
        level: Level,
        value: f64,
        limit: f64,
        message: impl Into<String>,
    ) -> Self {
        let finite = |v: f64| v.is_finite().then_some(v);
        Self {
            name,
            level,
            value: finite(value),
            limit: finite(limit),
            message: message.into(),
        }
    }

    /// A finding without a number.
    #[must_use]
    pub fn found(name: CheckName, level: Level, message: impl Into<String>) -> Self {
        Self::new(name, level, f64::NAN, f64::NAN, message)
    }
}
