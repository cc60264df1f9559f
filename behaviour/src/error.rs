//! What can go wrong, and where.

use crate::problem::Problem;

/// Errors of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line of the log cannot be used; says line, column and reason.
    #[error("{0}")]
    Unusable(Problem),
    /// A trial's stimulus is not listed.
    #[error("trial {running}: stimulus {stimulus:?} is not in the table of correct decisions")]
    UnknownStimulus {
        /// The stimulus as the log spells it.
        stimulus: String,
        /// Running number of the first such trial.
        running: u32,
    },
    /// A trial has no stimulus line, so it cannot be scored.
    #[error("trial {running}: the log names no stimulus")]
    MissingStimulus {
        /// Running number of the first such trial.
        running: u32,
    },
    /// Two correct decisions are listed for one stimulus.
    #[error("stimulus {stimulus:?} is listed both as Go and as No Go")]
    Contradiction {
        /// The stimulus, or under [`Matching::Grit`](crate::Matching::Grit) its grit.
        stimulus: String,
    },
    /// Under [`Matching::Grit`](crate::Matching::Grit) a listed name has no grit.
    #[error(
        "{stimulus:?} has no blank followed by a letter and a condition, so it cannot be matched by grit"
    )]
    NoGrit {
        /// The listed name.
        stimulus: String,
    },
    /// A text is no date and time that can be read without guessing.
    #[error("{text:?} is no date and time")]
    DateTime {
        /// The text, shortened.
        text: String,
    },
    /// A text names no decision of the log.
    #[error("{text:?} is no decision (Go, No Go, No Response, Inappropriate Response or Early)")]
    Decision {
        /// The text, shortened.
        text: String,
    },
    /// A text names no outcome.
    #[error(
        "{text:?} is no outcome (hit, miss, correct rejection, false alarm, early or unscored)"
    )]
    Outcome {
        /// The text, shortened.
        text: String,
    },
    /// A text names no correct decision.
    #[error("{text:?} is no correct decision (Go or No Go)")]
    Correct {
        /// The text, shortened.
        text: String,
    },
    /// A text names no correction of rates.
    #[error("{text:?} is no correction (none, half-trial or log-linear)")]
    Correction {
        /// The text, shortened.
        text: String,
    },
    /// A count exceeds the number of trials it is taken from.
    #[error("{count} of {trials} trials")]
    Count {
        /// The count.
        count: u32,
        /// The number of trials.
        trials: u32,
    },
    /// A number lies outside its range.
    #[error("{what} is {value}, must be {range}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        range: &'static str,
    },
    /// A text to be written holds a tab, a line break or nothing.
    #[error("{text:?} cannot be written into a log cell: {reason}")]
    Cell {
        /// The text, shortened.
        text: String,
        /// Why not.
        reason: &'static str,
    },
    /// A date-time to be written lies outside the calendar.
    #[error("{what} lies outside the calendar")]
    Calendar {
        /// Which one.
        what: &'static str,
    },
    /// A session of a learning curve cannot be scored.
    #[error("session {session}: {cause}")]
    Session {
        /// Its name.
        session: String,
        /// Why not.
        cause: Box<Error>,
    },
    /// A line of `TrialList.txt` or `BehaviourPerformance.txt` is not as they are written.
    #[error("line {line}: {message}")]
    Text {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}
