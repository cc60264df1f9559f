//! The notebook's two text files.

mod read;

pub use read::{Performance, TrialRow, read_performance, read_trial_list};

use std::fmt::Write as _;

use crate::score::Score;
use crate::stimuli::Stimuli;
use crate::stimulus::Correct;
use crate::time::format_date_time;
use crate::trial::Trial;

/// Stands in `TrialList.txt` for a stimulus that the log does not name.
const MISSING: &str = "missing";
/// Stands in `BehaviourPerformance.txt`, in parentheses, for an empty list of stimuli.
const NONE: &str = "none";

/// `TrialList.txt`: one line per trial with running number, logged number, start, stimulus and
/// decision, tabs between, LF at each end, no header.
///
/// The start is written by [`format_date_time`]; a stimulus that is `None` as `missing`.
///
/// ```
/// use widefield_behaviour::{Log, text};
/// let log = Log::parse("Date\tTime\tTrial\tEvent\n\
///     14.02.2017\t10:22:33.5\t1\tBegin Trial\n14.02.2017\t10:22:34\t1\tTexture 1 P100\n\
///     14.02.2017\t10:22:39\t1\tGo\n14.02.2017\t10:22:40\t1\tEnd Trial\n")?;
/// assert_eq!(text::trial_list(log.trials()), "1\t1\t2017-02-14 10:22:33.500000\tTexture 1 P100\tGo\n");
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
pub fn trial_list(trials: &[Trial]) -> String {
    let mut text = String::new();
    for trial in trials {
        let start = format_date_time(trial.start);
        let stimulus = trial.stimulus.as_deref().unwrap_or(MISSING);
        let (running, logged, decision) = (trial.running, trial.logged, trial.decision);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{running}\t{logged}\t{start}\t{stimulus}\t{decision}");
    }
    text
}

/// `BehaviourPerformance.txt`: the six counts, one per line.
///
/// Several stimuli are joined by `, `, none is `(none)`.
///
/// ```
/// use widefield_behaviour::{Correct, Matching, Score, Stimuli, text};
/// let stimuli = Stimuli::new(&[("Texture 1 P100", Correct::Go)], Matching::FullName)?;
/// let text = text::performance(&Score::default(), &stimuli);
/// assert!(text.starts_with("Go trials (Texture 1 P100): 0\nNo Go trials (none): 0\n"));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
pub fn performance(score: &Score, stimuli: &Stimuli) -> String {
    format!(
        "Go trials ({}): {}\nNo Go trials ({}): {}\nCorrect responses: {}\nCorrect rejects: {}\n\
         Missed responses: {}\nFalse alarms: {}\n",
        names(stimuli, Correct::Go),
        score.go_trials(),
        names(stimuli, Correct::NoGo),
        score.no_go_trials(),
        score.hits(),
        score.correct_rejections(),
        score.misses(),
        score.false_alarms()
    )
}

fn names(stimuli: &Stimuli, wanted: Correct) -> String {
    let of_kind = stimuli.iter().filter(|(_, correct)| *correct == wanted);
    let names: Vec<&str> = of_kind.map(|(name, _)| name).collect();
    if names.is_empty() {
        NONE.to_owned()
    } else {
        names.join(", ")
    }
}
