//! Checks that need all trials: what changes from one to the next, and how they fit the log.

use super::{Measure, above, below, counts, percent, plain, settle};
use crate::CheckName::*;
use crate::{BehaviourRecord, Check, Level, TrialRecord};
use ndarray::ArrayView2;
use widefield::quality::{self, Offset, Relabelling};
use widefield_experiment::{Align, Config, Kind};

/// What the session's checks are made from, beside the records of the trials. Without it they are fewer.
#[derive(Clone, Debug, Default)]
pub struct Session<'a> {
    /// Kept pixels of each trial as `(y, x)`, in the order of the records; `None` where they are not known.
    pub masks: Vec<Option<ArrayView2<'a, bool>>>,
    /// Running number and start of each trial of the log, seconds.
    pub log_starts: Vec<(u32, f64)>,
    /// The running number of each trial, in the order of the records; where there are none, [`TrialRecord::trial`].
    pub numbers: Vec<Option<u32>>,
    /// When the stimulus of each trial began by log or table, seconds after the first frame, in the order of the records.
    pub onsets_s: Vec<Option<f64>>,
    /// Counts of the task, for the share of early licks.
    pub behaviour: Option<&'a BehaviourRecord>,
}

/// Adds to each trial what it takes all of them to see, and returns the checks of the session.
///
/// Each trial has been judged by itself, with [`judge`](super::judge). Failed trials, and those without light or with
/// light that alternates, count for nothing. Without enough trials, masks or times a check is missing.
///
/// ```
/// use widefield_record::{Quality, Status, TrialRecord, checks};
///
/// let config = serde_json::from_str(r#"{"data": {"prefix": "a"}}"#)?;
/// let mut trials: Vec<TrialRecord> = (0..20)
///     .map(|i| {
///         let mut trial = TrialRecord::of(&format!("a_{i}"));
///         trial.status = Status::Ok;
///         trial.quality = Some(Quality { f0: Some(1000.0 - 20.0 * f64::from(i)), ..Quality::default() });
///         checks::judge(&config, &mut trial);
///         trial
///     })
///     .collect();
/// let found = checks::of_session(&config, &mut trials, &checks::Session::default());
/// assert_eq!(found[0].name, widefield_record::CheckName::F0Drift);
/// assert!(found[0].message.starts_with("F0 falls by"));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn of_session(
    config: &Config,
    trials: &mut [TrialRecord],
    session: &Session<'_>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    background_step(config, trials);
    mask_stability(config, trials, &session.masks);
    for trial in trials.iter_mut() {
        settle(&mut trial.checks);
    }
    checks.extend(f0_drift(config, trials));
    checks.extend(super::motion::of_session(&config.checks, trials));
    checks.extend(clock_match(config, trials, session));
    checks.extend(onset_spread(config, &session.onsets_s));
    checks.extend(session.behaviour.and_then(|b| early_share(config, b)));
    checks
}

fn background_step(config: &Config, trials: &mut [TrialRecord]) {
    let of = |value: fn(&TrialRecord) -> Option<f64>| {
        let values = trials.iter().filter(|t| counts(t)).filter_map(value);
        widefield::percentiles::median(values)
    };
    let own = |t: &TrialRecord| t.fit.map(|fit| fit.offset);
    let f0 = |t: &TrialRecord| t.quality.as_ref().and_then(|q| q.f0);
    let (Some(middle), Some(light)) = (of(own), of(f0)) else {
        return;
    };
    if trials.iter().filter(|t| counts(t)).count() < 2 {
        return;
    }
    for trial in trials.iter_mut() {
        let Some(background) = own(trial) else {
            continue;
        };
        let measure = Measure {
            name: BackgroundStep,
            value: (background - middle).abs() / light,
            limits: config.checks.background_step,
            beyond: above,
            found: format!(
                "background {background:.1} counts, the session's median is {middle:.1} (off by {} of F0)",
                percent((background - middle).abs() / light)
            ),
            show: percent,
            advice: "the camera's offset or stray light changed; look at the background over trials",
        };
        trial.checks.push(measure.check());
    }
}

fn mask_stability(
    config: &Config,
    trials: &mut [TrialRecord],
    masks: &[Option<ArrayView2<'_, bool>>],
) {
    let known: Vec<_> = trials
        .iter()
        .zip(masks)
        .filter(|(t, _)| counts(t))
        .filter_map(|(_, mask)| *mask)
        .collect();
    let Some(shape) = known.first().map(|m| m.dim()) else {
        return;
    };
    let same: Vec<_> = known.into_iter().filter(|m| m.dim() == shape).collect();
    let Ok(Some(usual)) = quality::majority(&same) else {
        return;
    };
    for (trial, mask) in trials.iter_mut().zip(masks) {
        let Some(value) = mask.and_then(|m| quality::overlap(m, usual.view()).ok()) else {
            continue;
        };
        let measure = Measure {
            name: MaskStability,
            value,
            limits: config.checks.mask_stability,
            beyond: below,
            found: format!("intersection over union with the session's mask is {value:.3}"),
            show: plain,
            advice: "the head, the light or the focus moved; compare the means, and do not average over the move",
        };
        trial.checks.retain(|check| check.name != MaskStability);
        trial.checks.push(measure.check());
    }
}

fn f0_drift(config: &Config, trials: &[TrialRecord]) -> Option<Check> {
    let f0: Vec<f64> = trials
        .iter()
        .filter(|t| counts(t))
        .filter_map(|t| t.quality.as_ref()?.f0)
        .collect();
    let drift = quality::drift(&f0);
    if drift.is_nan() {
        return None;
    }
    let way = if drift < 0.0 { "falls" } else { "rises" };
    let measure = Measure {
        name: F0Drift,
        value: drift.abs(),
        limits: config.checks.f0_drift,
        beyond: above,
        found: format!("F0 {way} by {} over the session", percent(drift.abs())),
        show: percent,
        advice: "bleaching, a lamp that warms up, or drying immersion; dF/F of early and late trials differ in noise",
    };
    Some(measure.check())
}

fn clock_match(config: &Config, trials: &[TrialRecord], session: &Session<'_>) -> Option<Check> {
    let number = |(i, trial): (usize, &TrialRecord)| match session.numbers.get(i) {
        Some(number) => *number,
        None => trial.trial,
    };
    let begins = trials.iter().enumerate().filter_map(|(i, trial)| {
        let begin = trial.quality.as_ref()?.first_frame_unix_s?;
        Some((number((i, trial))?, begin))
    });
    let limits = config.checks.clock_match;
    let found = quality::align(&begins.collect::<Vec<_>>(), &session.log_starts, limits[0]);
    let (worst, value) = found
        .residuals_s
        .iter()
        .map(|(n, r)| (*n, r.abs()))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (name, offset_s) = (ClockMatch, found.offset_s);
    if let Some(shift) = found.shift {
        let (way, cause) = if shift.by > 0 {
            ("later", "a recording is missing before it")
        } else {
            ("earlier", "it has no entry itself: a recording too many")
        };
        let message = format!(
            "from movie {} on, movies fit the entries of the log one number {way}: the mean distance shrinks from \
             {:.1} to {:.1} s, apart from a constant offset of {offset_s:+.1} s; {cause}, and the labels from there on \
             are wrong. Renumber the files, or mend the log",
            shift.from, shift.before_s, shift.after_s
        );
        return Some(Check::new(
            name,
            Level::Fail,
            shift.before_s,
            limits[0],
            message,
        ));
    }
    if let Offset::Relabelled(Relabelling {
        by, offset_s: left, ..
    }) = found.offset
    {
        let way = if by > 0 { "later" } else { "earlier" };
        let message = format!(
            "movies begin {offset_s:+.1} s from their entries in the log, which is no difference of clocks that are set, but \
             {left:+.1} s from the entries {} {way}: all numbers are off by {}, and all labels are wrong. Renumber the \
             files, or mend the log",
            by.abs(),
            by.abs()
        );
        let limit = quality::USUAL_WITHIN_S;
        return Some(Check::new(name, Level::Fail, offset_s, limit, message));
    }
    let off: Vec<String> = found
        .residuals_s
        .iter()
        .filter(|(_, r)| r.abs() > limits[0])
        .map(|(n, r)| format!("{n} ({r:+.1} s)"))
        .collect();
    let measure = Measure {
        name,
        value,
        limits,
        beyond: above,
        found: match off.len() {
            0 => format!(
                "movies begin within {value:.2} s of their entries in the log, apart from a constant offset of \
                 {offset_s:+.1} s"
            ),
            _ => format!(
                "movie {worst} begins {value:.1} s off its entry in the log, apart from a constant offset of \
                 {offset_s:+.1} s; off are {}",
                off.join(", ")
            ),
        },
        show: |s| format!("{s} s"),
        advice: "check that movies and log belong together before trusting labels",
    };
    let mut check = measure.check();
    if found.offset == Offset::Odd {
        check.level = check.level.max(Level::Warn);
        check.message.push_str(
            "; clocks that are set differ by about 0 or a multiple of 15 minutes: set both, and see that files and log \
             have the same numbers",
        );
    }
    Some(check)
}

/// Whether one time 0 suits all trials.
fn onset_spread(config: &Config, onsets_s: &[Option<f64>]) -> Option<Check> {
    let timing = &config.experiment;
    if timing.align != Align::Fixed || timing.kind != Kind::Trials {
        return None;
    }
    let known = || onsets_s.iter().flatten().copied();
    let (low, high) = (known().reduce(f64::min)?, known().reduce(f64::max)?);
    let middle = widefield::percentiles::median(known())?;
    let measure = Measure {
        name: OnsetSpread,
        value: (high - low).max((middle + timing.first_frame_s).abs()) * timing.sample_rate_hz,
        limits: config.checks.onset_spread,
        beyond: above,
        found: format!(
            "log and table have the stimulus {low:.3} to {high:.3} s after the first frame, median {middle:.3} s; \
             time 0 is {:.3} s after it in all trials",
            0.0 - timing.first_frame_s
        ),
        show: |frames| format!("{frames} frames"),
        advice: "responses smear in averages over trials, or come at another time than 0; set experiment.align = \"log\"",
    };
    let mut check = measure.check();
    // What the rig calls the begin may lie a constant before the first frame.
    if (high - low) * timing.sample_rate_hz <= config.checks.onset_spread[1] {
        check.level = check.level.min(Level::Warn);
    }
    Some(check)
}

/// Fewer trials than this have no share worth a verdict.
const FEWEST: usize = 5;

fn early_share(config: &Config, behaviour: &BehaviourRecord) -> Option<Check> {
    if behaviour.trials < FEWEST {
        return None;
    }
    let early = behaviour.early;
    let value = f64::from(early) / behaviour.trials as f64;
    let measure = Measure {
        name: EarlyShare,
        value,
        limits: config.checks.early_share,
        beyond: above,
        found: format!(
            "{early} of {} trials early, {}",
            behaviour.trials,
            percent(value)
        ),
        show: percent,
        advice: "rates and averages rest on the few trials that are left",
    };
    Some(measure.check())
}
