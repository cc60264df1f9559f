//! From measures to verdicts: pass, warn or fail, each with what was measured, the limit, and what to do.
//!
//! Measures come from [`Quality`] in the record of a trial, so that trials kept from an earlier run are judged by
//! today's limits like all others. A measure that could not be taken gives no check.
//!
//! Some faults make others unavoidable: a dark movie has no sensible mask. Such a consequence is reported as part of
//! its cause, by the table `CONSEQUENCES`, so that the page names what is wrong and not all that follows.

mod motion;
mod session;

pub use session::{Session, of_session};

use crate::CheckName::{self, *};
use crate::{Check, Level, OnsetFrom, Quality, Status, TrialRecord};
use widefield::background::Bound;
use widefield_experiment::{Checks, Config, Kind};

/// What follows from what: cause, and the checks that are part of it once it is raised.
const CONSEQUENCES: &[(CheckName, &[CheckName])] = &[
    // Without light nothing that is computed from pixels means anything.
    (NoLight, OF_PIXELS),
    // Frames of two kinds have no common mask and F0, and the background is that of the kind of the first frame.
    (AlternatingLight, OF_PIXELS),
    // A fit that misses the background misses the image, and what is left after subtraction is masked wrongly.
    (BackgroundImplausible, BAD_BACKGROUND),
    (BackgroundBound, BAD_BACKGROUND),
    // Pixels that the background leaves nothing of have no F0.
    (Clamped, &[LowF0, DffRange]),
    // The threshold 0 masks nothing.
    (ThresholdZero, &[MaskedShare, MaskStability, Clamped]),
    // An interval over lost frames that the camera did not count is both.
    (ClockJitter, &[FrameRate]),
];

const OF_PIXELS: &[CheckName] = &[
    BackgroundImplausible,
    BackgroundBound,
    FitResidual,
    BackgroundStep,
    Clamped,
    FirstFrame,
    LowF0,
    MaskedShare,
    MaskStability,
    ThresholdZero,
    Bleaching,
    SlowDrift,
    BaselineEvent,
    DffRange,
    Motion,
    MotionCorrection,
];

const BAD_BACKGROUND: &[CheckName] = &[
    FitResidual,
    BackgroundStep,
    Clamped,
    LowF0,
    MaskedShare,
    MaskStability,
    ThresholdZero,
];

/// Checks that [`of_trial`] and [`of_session`] make, as opposed to what was noticed on the way.
const JUDGED: &[CheckName] = &[
    NoLight,
    BackgroundImplausible,
    BackgroundBound,
    FitResidual,
    BackgroundStep,
    Clamped,
    AlternatingLight,
    FirstFrame,
    Saturation,
    LowF0,
    MaskedShare,
    MaskStability,
    ThresholdZero,
    DroppedFrames,
    FrameRate,
    ClockJitter,
    Bleaching,
    SlowDrift,
    OnsetOutside,
    BaselineEvent,
    DffRange,
    Motion,
    MotionCorrection,
];

/// Judges a trial by its own measures, those of [`TrialRecord::quality`], and replaces earlier verdicts.
///
/// Limits are those of `[checks]` in the description. What was noticed while the trial was read stays, and so does the
/// verdict on a mask against those of the session until [`of_session`] compares them again.
///
/// ```
/// use widefield_record::{Level, Quality, TrialRecord, checks};
///
/// let config = serde_json::from_str(r#"{"data": {"prefix": "a"}, "checks": {"saturation": [0.1, 0.2]}}"#)?;
/// let mut trial = TrialRecord::of("a_1");
/// trial.quality = Some(Quality { saturated_share: Some(0.15), ..Quality::default() });
/// checks::judge(&config, &mut trial);
/// assert_eq!(trial.checks.len(), 1);
/// assert_eq!(trial.checks[0].level, Level::Warn);
/// assert!(trial.checks[0].message.starts_with("15 % of the raw pixels"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn judge(config: &Config, record: &mut TrialRecord) {
    // Of a trial whose mask is not known any more the verdict on it stands, until all trials are looked at.
    let judged = |c: &Check| JUDGED.contains(&c.name) && c.name != MaskStability;
    record.checks.retain(|c| !judged(c));
    let checks = of_trial(config, record);
    record.checks.extend(checks);
    settle(&mut record.checks);
}

/// Moves consequences into their causes.
fn settle(checks: &mut [Check]) {
    for (cause, parts) in CONSEQUENCES {
        let raised = |c: &Check| c.level != Level::Pass;
        if !checks.iter().any(|c| c.name == *cause && raised(c)) {
            continue;
        }
        let mut worst = Level::Pass;
        let mut moved = Vec::new();
        for check in checks.iter_mut() {
            if parts.contains(&check.name) && raised(check) {
                worst = worst.max(check.level);
                moved.push(check.name.to_string());
                check.level = Level::Pass;
                check.message = format!("{} (part of {cause})", check.message);
            }
        }
        if let Some(check) = checks.iter_mut().find(|c| c.name == *cause)
            && !moved.is_empty()
        {
            check.level = check.level.max(worst);
            check.message = format!("{}; it follows: {}", check.message, moved.join(", "));
        }
    }
}

/// A measure against its two limits.
struct Measure<'a> {
    name: CheckName,
    value: f64,
    limits: [f64; 2],
    /// Whether a value is beyond a limit.
    beyond: fn(f64, f64) -> bool,
    /// What was measured, in words with the number.
    found: String,
    /// A limit in the unit of the words.
    show: fn(f64) -> String,
    /// What to do.
    advice: &'a str,
}

impl Measure<'_> {
    fn check(self) -> Check {
        let [warn, fail] = self.limits;
        let (level, limit) = if (self.beyond)(self.value, fail) {
            (Level::Fail, fail)
        } else if (self.beyond)(self.value, warn) {
            (Level::Warn, warn)
        } else {
            (Level::Pass, warn)
        };
        let shown = (self.show)(limit);
        let message = match level {
            Level::Pass => format!("{} (limit {shown})", self.found),
            _ => format!("{}, beyond {shown}: {}", self.found, self.advice),
        };
        Check::new(self.name, level, self.value, limit, message)
    }
}

fn above(value: f64, limit: f64) -> bool {
    value > limit
}

fn below(value: f64, limit: f64) -> bool {
    value < limit
}

fn from(value: f64, limit: f64) -> bool {
    value >= limit
}

/// A share in per cent with what digits it needs.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let digits = match percent.abs() {
        p if p == 0.0 || p >= 10.0 => 0,
        p if p >= 1.0 => 1,
        p if p >= 0.1 => 2,
        _ => 3,
    };
    format!("{percent:.digits$} %")
}

fn plain(value: f64) -> String {
    format!("{value}")
}

fn of_trial(config: &Config, record: &TrialRecord) -> Vec<Check> {
    let Some(quality) = &record.quality else {
        return Vec::new();
    };
    let limits = &config.checks;
    let mut checks: Vec<Check> = of_light(limits, quality, record);
    checks.extend(of_clock(config, quality, record));
    checks.extend(of_mask(config, quality));
    checks.extend(onset(config, record));
    checks.extend(of_dff(config, quality, record));
    let motion = record.motion.as_ref();
    checks.extend(motion.map_or_else(Vec::new, |motion| motion::of_trial(limits, motion)));
    checks
}

fn of_light(limits: &Checks, quality: &Quality, record: &TrialRecord) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |measure: Measure<'_>| checks.push(measure.check());
    if let Some(value) = quality.light_over_noise {
        add(Measure {
            name: NoLight,
            value,
            limits: limits.no_light,
            beyond: below,
            found: format!(
                "brightness over the frame spans {value:.1} times its noise (noise alone: 3.3)"
            ),
            show: plain,
            advice: "the frame is nearly dark; was the lens cap on, the lamp off or the shutter closed?",
        });
    }
    if let Some(value) = quality.saturated_share {
        add(Measure {
            name: Saturation,
            value,
            limits: limits.saturation,
            beyond: above,
            found: format!(
                "{} of the raw pixels are above analysis.invalid_above and were set to 0",
                percent(value)
            ),
            show: percent,
            advice: "lower exposure or light; dF/F is wrong where pixels saturate",
        });
    }
    if let Some(value) = quality.fit_residual {
        add(Measure {
            name: FitResidual,
            value,
            limits: limits.fit_residual,
            beyond: above,
            found: format!(
                "the background fit leaves {} of its amplitude unexplained",
                percent(value)
            ),
            show: percent,
            advice: "the light is not Gaussian; compare the profile with the fit, and the background with a dark corner",
        });
    }
    if let Some(value) = quality.first_frame {
        add(Measure {
            name: FirstFrame,
            value,
            limits: limits.first_frame,
            beyond: above,
            found: format!(
                "frame 0 differs by {} from the median of frames 1 to 9",
                percent(value)
            ),
            show: percent,
            advice: "lamp or shutter were late; take the background from later frames (analysis.background.frames)",
        });
    }
    if let Some(value) = quality.alternation {
        add(Measure {
            name: AlternatingLight,
            value,
            limits: limits.alternating_light,
            beyond: above,
            found: format!(
                "brightness goes up and down by {} from frame to frame",
                percent(value)
            ),
            show: percent,
            advice: "light sources or shutter take turns; split the recording by light source, since frames of two \
                     kinds have no common F0",
        });
    }
    if let Some(value) = quality.bleaching {
        add(Measure {
            name: Bleaching,
            value,
            limits: limits.bleaching,
            beyond: above,
            found: if value < 0.0 {
                format!(
                    "no light is lost during the trial ({} gained)",
                    percent(-value)
                )
            } else {
                format!("{} of the light is lost during the trial", percent(value))
            },
            show: percent,
            advice: "dF/F sinks with it; let F0 fade with the light (analysis.baseline.method = \"bleaching\"), lower the light, \
                     or compare only within the same time of trials",
        });
    }
    if let Some(value) = quality.slow_drift {
        add(Measure {
            name: SlowDrift,
            value,
            limits: limits.slow_drift,
            beyond: above,
            found: format!(
                "besides a straight line the light goes up and down by {} over the recording",
                percent(value)
            ),
            show: percent,
            advice: "a lamp that warms up, drying immersion or a focus that wanders; let F0 follow slow changes \
                     (analysis.baseline.method = \"sliding_percentile\" or \"maximin\")",
        });
    }
    checks.extend(background(limits.background_step, quality, record));
    checks.extend(bound(quality, record));
    checks
}

/// That the fit would go on beyond a bound, where the background is only a guess.
fn bound(quality: &Quality, record: &TrialRecord) -> Option<Check> {
    let end = match quality.background_bound? {
        Bound::Lower => "0",
        _ => "the 5th percentile of the smoothed frame",
    };
    let value = record.fit.map_or(f64::NAN, |fit| fit.offset);
    let message = format!(
        "the fit of the background, {value:.1} counts, ended at its bound, {end}: the light is not Gaussian, and dF/F may be \
         scaled wrongly; compare with a dark corner of the first frame, and try another analysis.background.method"
    );
    let name = BackgroundBound;
    Some(Check::new(name, Level::Warn, value, value, message))
}

fn background(steps: [f64; 2], quality: &Quality, record: &TrialRecord) -> Option<Check> {
    let name = BackgroundImplausible;
    if let Some(error) = &quality.background_error {
        let message = format!("no background: {error}; look at the first frame");
        return Some(Check::found(name, Level::Fail, message));
    }
    let most = quality.background_limit.filter(|most| most.is_finite())?;
    let (value, slack, what, why) = match (record.fit, record.background) {
        (Some(fit), _) => (
            fit.offset,
            0.0,
            "the 5th percentile of the smoothed frame",
            "the light is not Gaussian, or analysis.background.smoothing_sd_px does not suit it, and dF/F is scaled wrongly",
        ),
        // The dark part may be most of the frame: what moves dF/F by little more than a step that passes is no finding.
        (None, Some(background)) => (
            background,
            steps[0] * quality.f0.unwrap_or(0.0),
            "the median of the frame",
            "it is no dark part of the image, and dF/F is scaled wrongly",
        ),
        (None, None) => return None,
    };
    let plausible = (-slack..=most + slack).contains(&value);
    let (level, message) = if plausible {
        let message = format!("background {value:.1} counts, within 0 to {most:.1}");
        (Level::Pass, message)
    } else {
        let message = format!(
            "background {value:.1} is outside 0 to {most:.1} counts, {what}: {why}; \
             compare with a dark corner of the first frame, and try another analysis.background.method"
        );
        (Level::Warn, message)
    };
    let limit = if value < 0.0 { 0.0 } else { most };
    Some(Check::new(name, level, value, limit, message))
}

fn of_clock(config: &Config, quality: &Quality, record: &TrialRecord) -> Vec<Check> {
    let limits = &config.checks;
    let mut checks = Vec::new();
    if let Some(dropped) = record.dropped_frames {
        let in_baseline = quality.dropped_in_baseline.unwrap_or(0);
        let [warn, fail] = limits.dropped_frames;
        let (anywhere, baseline) = (dropped as f64, in_baseline as f64);
        let advice = "times after a gap are shifted; check disk and cable of the camera";
        let (level, value, limit, message) = if from(baseline, fail) && in_baseline > 0 {
            let message =
                format!("{in_baseline} of {dropped} missing frames lie in the baseline: {advice}");
            (Level::Fail, baseline, fail, message)
        } else if from(anywhere, warn) && dropped > 0 {
            let message = format!("{dropped} frames are missing by the framestamps: {advice}");
            (Level::Warn, anywhere, warn, message)
        } else {
            let message = format!("{dropped} frames are missing by the framestamps");
            (Level::Pass, anywhere, warn, message)
        };
        checks.push(Check::new(DroppedFrames, level, value, limit, message));
    }
    if let Some(rate) = quality.camera_rate_hz {
        let nominal = config.experiment.sample_rate_hz;
        let measure = Measure {
            name: FrameRate,
            value: (rate / nominal - 1.0).abs(),
            limits: limits.frame_rate,
            beyond: above,
            found: format!(
                "the camera ran at {rate:.3} Hz, experiment.sample_rate_hz is {nominal}"
            ),
            show: percent,
            advice: "correct experiment.sample_rate_hz, or the camera's trigger",
        };
        checks.push(measure.check());
    }
    if let Some(value) = quality.clock_jitter {
        let measure = Measure {
            name: ClockJitter,
            value,
            limits: limits.clock_jitter,
            beyond: above,
            found: format!(
                "intervals between frames differ by up to {} from their median",
                percent(value)
            ),
            show: percent,
            advice: "frames are not evenly spaced in time; check the trigger, and look at the intervals",
        };
        checks.push(measure.check());
    }
    checks
}

/// Whether the stimulus came while the movie was taken.
fn onset(config: &Config, record: &TrialRecord) -> Option<Check> {
    let onset = record
        .onset
        .filter(|onset| onset.from != OnsetFrom::Fixed)?;
    let length_s = record.frames? as f64 / config.experiment.sample_rate_hz;
    if (0.0..=length_s).contains(&onset.s) {
        return None;
    }
    let message = format!(
        "the onset of its stimulus, {} s after its first frame, lies outside of the movie, which is {length_s:.2} s long; \
         onset_s is in seconds",
        onset.s
    );
    Some(Check::new(
        OnsetOutside,
        Level::Fail,
        onset.s,
        length_s,
        message,
    ))
}

fn of_mask(config: &Config, quality: &Quality) -> Vec<Check> {
    let limits = &config.checks;
    let mut checks = Vec::new();
    if quality.threshold_zero == Some(true) {
        checks.push(Check::new(
            ThresholdZero,
            Level::Warn,
            0.0,
            0.0,
            "the density of pixel means is below the cutoff from the start, so nothing is masked: \
             lower analysis.segmentation.density_cutoff",
        ));
    }
    if let Some(value) = quality.masked_share {
        let found = format!("{} of the pixels are masked", percent(value));
        let advice =
            "look at the outline over the mean; change analysis.segmentation.density_cutoff";
        let ([low, none], high) = (limits.masked_share_low, limits.masked_share_high);
        let measure = if value < low {
            Measure {
                name: MaskedShare,
                value,
                limits: [low, none],
                beyond: |value, limit| value < limit || value == 0.0,
                found,
                show: percent,
                advice,
            }
        } else {
            Measure {
                name: MaskedShare,
                value,
                limits: high,
                beyond: above,
                found,
                show: percent,
                advice,
            }
        };
        checks.push(measure.check());
    }
    if let Some(value) = quality.clamped_share {
        let became = match config.analysis.clamp_negative {
            true => " and became 0",
            false => "",
        };
        let measure = Measure {
            name: Clamped,
            value,
            limits: limits.clamped,
            beyond: above,
            found: format!(
                "{} of the values of kept pixels are below the background{became}",
                percent(value)
            ),
            show: percent,
            advice: "the background is too high and dF/F too large, or dark pixels are kept; compare the background with a \
                     dark corner of the first frame, and look at the outline",
        };
        checks.push(measure.check());
    }
    if let Some(value) = quality.low_f0_share {
        let measure = Measure {
            name: LowF0,
            value,
            limits: limits.low_f0,
            beyond: above,
            found: format!(
                "{} of the kept pixels have an F0 below 5 % of the median F0",
                percent(value)
            ),
            show: percent,
            advice: "their dF/F is noise; lower analysis.segmentation.density_cutoff so that they are masked",
        };
        checks.push(measure.check());
    }
    checks
}

fn of_dff(config: &Config, quality: &Quality, record: &TrialRecord) -> Vec<Check> {
    let limits = &config.checks;
    let mut checks = Vec::new();
    if let Some([start, end]) = quality.baseline_frames {
        checks.push(match start == 0 && Some(end) == record.frames {
            true => whole_baseline(end),
            false => baseline(config, record, start, end, quality.baseline_dff),
        });
    }
    if let Some(value) = quality.dff_p999 {
        let measure = Measure {
            name: DffRange,
            value,
            limits: limits.dff_range,
            beyond: above,
            found: format!("99.9 % of |dF/F| stay below {}", percent(value)),
            show: percent,
            advice: "more than cortex can do; look for dark pixels within the mask, movement, or flashes of light",
        };
        checks.push(measure.check());
    }
    checks
}

/// F0 of all frames is no window that could lie wrongly, and dF/F is 0 there only where it is a mean.
fn whole_baseline(frames: usize) -> Check {
    let last = frames.saturating_sub(1);
    let message = format!("F0 is taken from the whole recording, frames 0 to {last}");
    Check::found(BaselineEvent, Level::Pass, message)
}

/// Whether F0 is taken at rest: before the stimulus, from no event on, and so that dF/F is 0 there.
fn baseline(
    config: &Config,
    record: &TrialRecord,
    start: usize,
    end: usize,
    mean: Option<f64>,
) -> Check {
    let name = BaselineEvent;
    let axis = record.axis(config);
    let (first_s, last_s) = (axis.time_s(start), axis.time_s(end.saturating_sub(1)));
    let window = format!(
        "the baseline, frames {start} to {}, {first_s:.2} to {last_s:.2} s",
        end.saturating_sub(1)
    );
    let advice = "move analysis.baseline to frames at rest";
    let has_onset = config.experiment.kind == Kind::Trials;
    if has_onset && last_s >= 0.0 {
        let message = format!("{window}, reaches beyond stimulus onset at 0 s: {advice}");
        return Check::new(name, Level::Fail, last_s, 0.0, message);
    }
    let within = |(_, s): &(&String, &f64)| (first_s..=last_s).contains(*s);
    if let Some((event, s)) = config.experiment.events.iter().find(within) {
        let message = format!("{window}, holds the event {event} = {s}: {advice}");
        return Check::new(name, Level::Warn, last_s, *s, message);
    }
    let value = mean.unwrap_or(0.0).abs();
    let measure = Measure {
        name,
        value,
        limits: config.checks.baseline_event,
        beyond: above,
        found: match has_onset {
            true => format!(
                "{window}, is before all events, mean dF/F there {}",
                percent(value)
            ),
            false => format!("{window}: mean dF/F there {}", percent(value)),
        },
        show: percent,
        advice: "dF/F should be 0 on average where F0 is taken; look at the trace, and for pixels that are not finite",
    };
    measure.check()
}

/// Whether the trial's numbers may enter what is computed over the session.
fn counts(record: &TrialRecord) -> bool {
    let unlike = |c: &Check| matches!(c.name, NoLight | AlternatingLight) && c.level != Level::Pass;
    record.status != Status::Failed && !record.checks.iter().any(unlike)
}

#[cfg(test)]
mod tests;
