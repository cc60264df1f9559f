//! Which trials products are made of, and when each happened on their common time.

use std::collections::BTreeMap;
use std::ops::Range;
use widefield_pipeline::config::{Config, ONSET, Output as Wanted};
use widefield_pipeline::record::{OnsetFrom, Output, RunRecord, TrialRecord};

/// A trial that products are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial<'a> {
    pub(crate) record: &'a TrialRecord,
    /// Its dF/F.
    pub(crate) dff: &'a Output,
    /// Its frames on the common time: bin b is time b / rate.
    pub(crate) first_bin: i64,
    pub(crate) frames: usize,
}

/// Files of trials that are not used, with the reason.
pub(crate) type LeftOut<'a> = Vec<(&'a str, &'static str)>;

/// The trials by condition.
pub(crate) type Conditions<'a> = BTreeMap<&'a str, Vec<Trial<'a>>>;

/// The trials of a session, in the order of their names.
#[derive(Debug)]
pub(crate) struct Trials<'a> {
    pub(crate) used: Vec<Trial<'a>>,
    /// The others.
    pub(crate) left_out: LeftOut<'a>,
}

impl<'a> Trials<'a> {
    pub(crate) fn of(record: &'a RunRecord) -> Self {
        let (mut used, mut left_out) = (Vec::new(), Vec::new());
        for trial in &record.trials {
            match of_trial(record, trial) {
                Ok(trial) => used.push(trial),
                Err(why) => left_out.push((trial.file.as_str(), why)),
            }
        }
        Self { used, left_out }
    }

    /// Those with a condition, by it; the others are left out, with the reason.
    pub(crate) fn by_condition(&self) -> (Conditions<'a>, LeftOut<'a>) {
        let mut conditions = Conditions::new();
        let mut left_out = self.left_out.clone();
        for trial in &self.used {
            match trial.record.condition.as_deref() {
                Some(condition) => conditions.entry(condition).or_default().push(*trial),
                None => left_out.push((&trial.record.file, "without condition")),
            }
        }
        (conditions, left_out)
    }
}

fn of_trial<'a>(run: &RunRecord, trial: &'a TrialRecord) -> Result<Trial<'a>, &'static str> {
    if !trial.good() {
        return Err("failed");
    }
    if trial.exclude {
        return Err("excluded");
    }
    let dff = dff(&run.config.output, trial).ok_or("without dF/F")?;
    let frames = trial
        .frames
        .filter(|frames| *frames > 0)
        .ok_or("without frames")?;
    let first_bin = first_bin(&run.config, trial, frames)?;
    Ok(Trial {
        record: trial,
        dff,
        first_bin,
        frames,
    })
}

fn dff<'a>(wanted: &Wanted, trial: &'a TrialRecord) -> Option<&'a Output> {
    let is_dff = |output: &&Output| {
        let folder = output.path.rsplit_once('/').map(|(folder, _)| folder);
        folder == Some(wanted.dff.as_str())
    };
    trial.outputs.iter().find(is_dff)
}

/// The bin of a trial's first frame: the trial is moved by one whole number of frames.
///
/// # Errors
/// Without the event that is asked for, and where log or table say a time that is further from the movie than the movie is
/// long: a slip in one cell would make all averages as long as that.
pub(crate) fn first_bin(
    config: &Config,
    trial: &TrialRecord,
    frames: usize,
) -> Result<i64, &'static str> {
    let fixed = trial.onset.is_none_or(|o| o.from == OnsetFrom::Fixed);
    let (event_s, fixed) = match config.products.align.as_str() {
        // Recordings without time 0 begin at it.
        ONSET => (trial.onset.map_or(0.0, |onset| onset.s), fixed),
        _ => (trial.aligned_s.ok_or("without the event")?, false),
    };
    let frame = (event_s * config.experiment.sample_rate_hz + 0.5).floor();
    let length = frames as f64;
    let near = -length..=2.0 * length;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "far fewer, and `as` saturates"
    )]
    match fixed && frame.abs() < 1e9 || near.contains(&frame) {
        true => Ok(-(frame as i64)),
        false => Err("its event is far from the movie"),
    }
}

/// The bins that any of the trials has.
pub(crate) fn bins(trials: &[Trial<'_>]) -> Range<i64> {
    let ends = |trial: &Trial<'_>| trial.first_bin.saturating_add_unsigned(trial.frames as u64);
    let first = trials
        .iter()
        .map(|trial| trial.first_bin)
        .min()
        .unwrap_or(0);
    first..trials.iter().map(ends).max().unwrap_or(first)
}

/// What an outcome is called in names of files; nothing for one that is no outcome of the task.
pub(crate) fn outcome(trial: &TrialRecord) -> Option<String> {
    let outcome = trial.outcome.as_deref()?;
    (outcome != "left out").then(|| outcome.replace(' ', "_"))
}

/// Names with reasons, as attributes say them.
pub(crate) fn said(left_out: &[(&str, &str)]) -> String {
    let said = left_out.iter().map(|(file, why)| format!("{file}: {why}"));
    said.collect::<Vec<_>>().join("; ")
}
