//! Reading the notebook's two text files back.

use jiff::civil::DateTime;

use super::{MISSING, NONE};
use crate::date::DateOrder;
use crate::error::Error;
use crate::event::Decision;
use crate::problem::excerpt;
use crate::time::parse_date_time;

/// A line of `TrialList.txt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialRow {
    /// Running number.
    pub running: u32,
    /// Logged number.
    pub logged: u32,
    /// Start of the trial.
    pub start: DateTime,
    /// Stimulus; `None` where the file says `missing`.
    pub stimulus: Option<String>,
    /// Decision.
    pub decision: Decision,
}

/// The content of `BehaviourPerformance.txt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Performance {
    /// Names of the Go stimuli, split at `, `.
    pub go_stimuli: Vec<String>,
    /// Names of the No Go stimuli.
    pub no_go_stimuli: Vec<String>,
    /// Go trials.
    pub go_trials: u32,
    /// No Go trials.
    pub no_go_trials: u32,
    /// "Correct responses".
    pub hits: u32,
    /// "Correct rejects".
    pub correct_rejections: u32,
    /// "Missed responses".
    pub misses: u32,
    /// "False alarms".
    pub false_alarms: u32,
}

/// Reads `TrialList.txt`, as written by [`trial_list`](super::trial_list) or the notebook.
///
/// ```
/// use widefield_behaviour::text::read_trial_list;
/// let rows = read_trial_list("3\t17\t2017-02-14 10:22:33\tTexture 1 P100\tNo Go\n")?;
/// assert_eq!((rows[0].running, rows[0].logged), (3, 17));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Text`] for the first line that is none such. Empty lines are passed over.
pub fn read_trial_list(text: &str) -> Result<Vec<TrialRow>, Error> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            trial_row(line).map_err(|message| Error::Text {
                line: index + 1,
                message,
            })
        })
        .collect()
}

fn trial_row(line: &str) -> Result<TrialRow, String> {
    // A stimulus may itself hold tabs, so the decision is what follows the last one.
    let cells = || -> Option<[&str; 5]> {
        let mut leading = line.splitn(4, '\t');
        let (running, logged, start) = (leading.next()?, leading.next()?, leading.next()?);
        let (stimulus, decision) = leading.next()?.rsplit_once('\t')?;
        Some([running, logged, start, stimulus, decision])
    };
    let [running, logged, start, stimulus, decision] = cells().ok_or("fewer than five cells")?;
    let number = |cell: &str| {
        cell.trim()
            .parse()
            .map_err(|_| format!("{:?} is no trial number", excerpt(cell)))
    };
    Ok(TrialRow {
        running: number(running)?,
        logged: number(logged)?,
        start: parse_date_time(start, DateOrder::DayFirst).map_err(|error| error.to_string())?,
        stimulus: (stimulus != MISSING).then(|| stimulus.to_owned()),
        decision: decision.parse().map_err(|error: Error| error.to_string())?,
    })
}

/// Reads `BehaviourPerformance.txt`, as written by [`performance`](super::performance) or the notebook.
///
/// # Errors
/// [`Error::Text`] for the first of the six lines that is missing or not as written.
pub fn read_performance(text: &str) -> Result<Performance, Error> {
    let mut lines = text.lines().enumerate();
    let end = text.lines().count();
    let mut next = |start: &str| -> Result<(String, u32), Error> {
        let (index, line) = lines.next().unwrap_or((end, ""));
        let parsed = line.strip_prefix(start).and_then(|rest| {
            let (between, count) = rest.rsplit_once(": ")?;
            Some((between.to_owned(), count.trim_end().parse().ok()?))
        });
        parsed.ok_or_else(|| Error::Text {
            line: index + 1,
            message: format!("expected {start:?} and a count, found {:?}", excerpt(line)),
        })
    };
    let (go, go_trials) = next("Go trials ")?;
    let (no_go, no_go_trials) = next("No Go trials ")?;
    let mut count = |start| next(start).map(|(_, count)| count);
    Ok(Performance {
        go_stimuli: names(&go),
        no_go_stimuli: names(&no_go),
        go_trials,
        no_go_trials,
        hits: count("Correct responses")?,
        correct_rejections: count("Correct rejects")?,
        misses: count("Missed responses")?,
        false_alarms: count("False alarms")?,
    })
}

fn names(text: &str) -> Vec<String> {
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(text);
    if inner == NONE {
        Vec::new()
    } else {
        inner.split(", ").map(str::to_owned).collect()
    }
}
