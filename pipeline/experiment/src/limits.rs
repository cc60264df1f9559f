//! Limits of the checks: from where a measure warns, and from where it fails.

use super::error::{Rule, ensure};
use serde::{Deserialize, Serialize};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = [$warn:literal, $fail:literal],)*) => {
        /// `[warn, fail]` for every check that has limits; shares as fractions of 1.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct Checks {
            $($(#[$doc])* pub $name: [f64; 2],)*
        }

        impl Default for Checks {
            fn default() -> Self {
                Self { $($name: [$warn, $fail],)* }
            }
        }

        impl Checks {
            pub(super) fn problem(&self) -> Rule {
                [$((stringify!($name), self.$name),)*].iter().try_for_each(|(name, limits)| {
                    let [warn, fail] = limits;
                    let possible = limits.iter().all(|limit| limit.is_finite() && *limit >= 0.0);
                    let message = format_args!("[{warn}, {fail}] are no two limits from 0 on: warn, fail");
                    ensure(possible, &format!("checks.{name}"), message)
                })
            }
        }
    };
}

limits! {
    /// Range of brightness over its noise; below.
    no_light = [10.0, 5.0],
    /// Root mean square residual of the background fit over its amplitude; above.
    fit_residual = [0.1, 0.2],
    /// Background against the median of the session, over the median F0; above.
    background_step = [0.02, 0.1],
    /// Share of the values of kept pixels that are below the background; above.
    #[serde(skip_serializing_if = "clamped_is_usual")]
    clamped = [0.001, 0.01],
    /// Range of brightness over the frames of a cycle of 2 to 4, over the brightest; above.
    #[serde(skip_serializing_if = "alternating_light_is_usual")]
    alternating_light = [0.05, 0.2],
    /// Frame 0 against the median of frames 1 to 9; above.
    first_frame = [0.02, 0.1],
    /// Share of raw pixels above `analysis.invalid_above`; above.
    saturation = [0.0, 0.001],
    /// Share of kept pixels with an F0 below 5 % of its median; above.
    low_f0 = [0.001, 0.01],
    /// 99th percentile of how far frames lie from where the trial does, or of what a correction leaves of it; pixels of a
    /// picture 256 px wide; from.
    #[serde(skip_serializing_if = "motion_is_usual")]
    motion = [0.5, 2.0],
    /// How far a trial lies from the middle of the session, pixels of a picture 256 px wide; from.
    #[serde(skip_serializing_if = "motion_between_trials_is_usual")]
    motion_between_trials = [0.5, 2.0],
    /// Share of masked pixels; below, and fails at the second value.
    masked_share_low = [0.05, 0.0],
    /// Share of masked pixels; above.
    masked_share_high = [0.8, 0.95],
    /// Intersection over union with the session's mask; below.
    mask_stability = [0.95, 0.85],
    /// Missing frames anywhere, and missing in or just before the baseline; from.
    dropped_frames = [1.0, 1.0],
    /// Camera's rate against `experiment.sample_rate_hz`; above.
    frame_rate = [0.005, 0.02],
    /// Largest deviation of an interval between frames from the median interval; above.
    clock_jitter = [0.1, 0.5],
    /// Share of light lost during a trial; above.
    bleaching = [0.01, 0.03],
    /// How far slow changes of light lie apart over a recording without trials, besides a straight line; above.
    #[serde(skip_serializing_if = "slow_drift_is_usual")]
    slow_drift = [0.05, 0.2],
    /// Change of F0 over the session; above.
    f0_drift = [0.1, 0.25],
    /// Mean dF/F over the baseline, away from 0; above.
    baseline_event = [0.001, 0.01],
    /// 99.9th percentile of |dF/F|; above.
    dff_range = [0.5, 2.0],
    /// Share of early trials; above.
    early_share = [0.3, 0.5],
    /// Seconds between a movie's begin and its entry in the log, the median taken away; above. Numbers that
    /// slipped fail whatever the second value.
    clock_match = [2.0, 60.0],
    /// Frames between the earliest and the latest onset that log or table give, where `experiment.align` is fixed; above.
    #[serde(skip_serializing_if = "onset_spread_is_usual")]
    onset_spread = [2.0, 40.0],
}

// Limits that version 0.1.0 did not have are written only where they are changed.

fn clamped_is_usual(limits: &[f64; 2]) -> bool {
    *limits == Checks::default().clamped
}

fn motion_is_usual(limits: &[f64; 2]) -> bool {
    *limits == Checks::default().motion
}

fn motion_between_trials_is_usual(limits: &[f64; 2]) -> bool {
    *limits == Checks::default().motion_between_trials
}

fn slow_drift_is_usual(limits: &[f64; 2]) -> bool {
    *limits == Checks::default().slow_drift
}

fn onset_spread_is_usual(limits: &[f64; 2]) -> bool {
    *limits == Checks::default().onset_spread
}

fn alternating_light_is_usual(limits: &[f64; 2]) -> bool {
    *limits == Checks::default().alternating_light
}
