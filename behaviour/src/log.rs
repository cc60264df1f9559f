//! A whole log: its trials and what is wrong with it.

use crate::problem::{Problem, What};
use crate::trial::Trial;

/// The trials of a behaviour log, with a report of every line that was not as expected.
///
/// # Policy for broken logs
///
/// * A line that cannot be used (fewer than four cells, no date, time, trial number or event) is
///   left out and reported; the trial it lies in is marked [`damaged`](Trial::damaged).
/// * It may have been a begin line. So an end without begin, with an unusable line since the end
///   before, counts as a damaged trial with its own running number; later numbers stay right. If
///   instead the next begin follows, the lines between count as an incomplete trial when they hold a
///   texture, stimulus or decision, and are passed over otherwise.
/// * It may have been an end line: a trial whose last line before the next begin is unusable is
///   listed among the trials, damaged, with [`end`](Trial::end) `None`.
/// * Any other trial without end is listed in [`incomplete`](Log::incomplete), not among the
///   trials; it keeps its running number. Any other end without begin is reported and not used
///   (under [`Rules::notebook`](crate::Rules::notebook) it repeats the trial before).
/// * A missing header, further headers, clocks that go back, textures or decisions outside a trial
///   are reported. Blank lines, a byte order mark and CR LF are not.
///
/// Memory is bounded by a small multiple of the text: of one event 1024 bytes are kept, of one
/// faulty cell 64 characters, and at most [`Log::MAX_PROBLEMS`] problems.
///
/// ```
/// use widefield_behaviour::{Decision, Log};
///
/// let log = Log::parse(
///     "Date\tTime\tTrial\tEvent\n\
///      14.02.2017 \t10:22:33.250\t1\tBegin Trial / Recording\n\
///      14.02.2017 \t10:22:36.250\t1\tTexture 1 P100\n\
///      14.02.2017 \t10:22:41.850\t1\tGo\n\
///      14.02.2017 \t10:22:43.850\t1\tEnd Trial\n",
/// )?;
/// let trial = &log.trials()[0];
/// assert_eq!((trial.running, trial.decision), (1, Decision::Go));
/// assert_eq!(trial.stimulus.as_deref(), Some("Texture 1 P100"));
/// assert!(log.problems().is_empty());
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    pub(crate) trials: Vec<Trial>,
    pub(crate) incomplete: Vec<Trial>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) problems_omitted: usize,
    pub(crate) lines: usize,
    pub(crate) begun: u32,
    pub(crate) ended: u32,
}

impl Log {
    /// Problems kept; further ones are only counted.
    pub const MAX_PROBLEMS: usize = 10_000;

    /// The trials, in the order of the log.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The trials, owned.
    pub fn into_trials(self) -> Vec<Trial> {
        self.trials
    }

    /// Trials that were begun and not ended, with the running numbers they took.
    pub fn incomplete(&self) -> &[Trial] {
        &self.incomplete
    }

    /// What was found wrong, in the order of the log (a trial without end at its begin line).
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many problems beyond [`Log::MAX_PROBLEMS`] were not kept.
    pub fn problems_omitted(&self) -> usize {
        self.problems_omitted
    }

    /// How many lines the text has, blank ones included.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// How many trials were begun, incomplete ones included: the highest running number.
    pub fn begun(&self) -> u32 {
        self.begun
    }

    /// Joins the log that follows this one, as if the two texts had been one: running numbers, and
    /// the line numbers of problems and trials, are continued.
    ///
    /// The trials are equal to those of the joined text if the cut lies between two trials. Between
    /// the two, clocks that go back are not reported, and no stimulus is carried over.
    pub fn append(&mut self, next: Log) {
        let (begun, ended, lines) = (self.begun, self.ended, self.lines);
        let shift = |mut trial: Trial| {
            trial.running = trial.running.saturating_add(begun);
            trial.running_at_end = trial.running_at_end.map(|n| n.saturating_add(ended));
            trial.line = trial.line.saturating_add(lines);
            trial
        };
        self.trials.extend(next.trials.into_iter().map(shift));
        self.incomplete
            .extend(next.incomplete.into_iter().map(shift));
        for mut problem in next.problems {
            problem.line = problem.line.saturating_add(lines);
            match &mut problem.what {
                What::Incomplete { running }
                | What::NoStimulus { running }
                | What::TwoStimuli { running } => {
                    *running = running.saturating_add(begun);
                }
                _ => {}
            }
            self.report(problem);
        }
        self.problems_omitted = self.problems_omitted.saturating_add(next.problems_omitted);
        self.lines = self.lines.saturating_add(next.lines);
        self.begun = self.begun.saturating_add(next.begun);
        self.ended = self.ended.saturating_add(next.ended);
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        if self.problems.len() < Self::MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.problems_omitted += 1;
        }
    }
}
