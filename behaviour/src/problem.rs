//! What is wrong with a log although it could be read.

use std::fmt;

/// Characters of a faulty text that a message repeats.
const EXCERPT: usize = 64;

/// A finding about one line: where, what, and what was done about it.
///
/// ```
/// let log = widefield_behaviour::Log::read("Date\tTime\tTrial\tEvent\n14.02.2017\t10:22:33\t1\n");
/// assert_eq!(
///     log.problems()[0].to_string(),
///     "line 2, column 1: 3 cells, 4 are needed (date, time, trial, event): line skipped"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Line number, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was found.
    pub what: What,
    /// What was done.
    pub done: Done,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// Fewer than the four cells date, time, trial, event.
    Cells {
        /// How many there are.
        found: usize,
    },
    /// The first cell is no date that can be read without guessing.
    Date(String),
    /// The second cell is no time of day.
    Time(String),
    /// The third cell is no trial number that fits 32 bits.
    TrialNumber(String),
    /// The fourth cell is empty.
    NoEvent,
    /// The text is UTF-16.
    Utf16,
    /// The text does not begin with a header line.
    NoHeader,
    /// A header line that is not the first line; usually two files were joined.
    RepeatedHeader,
    /// The date makes sense only in the order of day and month that was not asked for.
    DateOrder(String),
    /// The clock is before that of the line above.
    Backwards,
    /// The event's text is longer than what is kept.
    LongEvent {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A texture or decision line outside any trial.
    OutsideTrial(String),
    /// A trial was begun and not ended before the next one or the end of the log.
    Incomplete {
        /// Its running number.
        running: u32,
    },
    /// A trial's end without its begin.
    EndWithoutBegin,
    /// A trial without texture line.
    NoStimulus {
        /// Its running number.
        running: u32,
    },
    /// A trial with lines of two different textures.
    TwoStimuli {
        /// Its running number.
        running: u32,
    },
}

/// What was done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The line was left out; a trial it lies in is marked damaged.
    Skipped,
    /// The line's event was not used.
    Ignored,
    /// The line was used as it is.
    Used,
    /// The line was used with its text shortened.
    Cut,
    /// The trial is listed as incomplete.
    SetAside,
    /// An unusable line is taken for the missing one: the trial counts, marked damaged.
    Counted,
    /// The previous trial's row is repeated, as the notebook does.
    Repeated,
    /// The trial's stimulus is missing.
    Missing,
    /// The notebook's rule: the stimulus of the trial before is kept.
    Carried,
    /// The last one counts.
    LastTaken,
}

impl Problem {
    /// Whether the line could not be used at all.
    pub fn is_unusable(&self) -> bool {
        self.what.is_unusable()
    }
}

impl What {
    pub(crate) fn is_unusable(&self) -> bool {
        matches!(
            self,
            What::Cells { .. }
                | What::Date(_)
                | What::Time(_)
                | What::TrialNumber(_)
                | What::NoEvent
        )
    }
}

/// The beginning of a text that a message can repeat without harm.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}: {}",
            self.line, self.column, self.what, self.done
        )
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Cells { found } => {
                let s = if *found == 1 { "" } else { "s" };
                write!(
                    f,
                    "{found} cell{s}, 4 are needed (date, time, trial, event)"
                )
            }
            What::Date(text) => write!(f, "{text:?} is no date"),
            What::Time(text) => write!(f, "{text:?} is no time of day"),
            What::TrialNumber(text) => write!(f, "{text:?} is no trial number"),
            What::NoEvent => f.write_str("the event is empty"),
            What::NoHeader => f.write_str("no header line"),
            What::Utf16 => f.write_str("the text is UTF-16, not UTF-8"),
            What::RepeatedHeader => f.write_str("another header line"),
            What::DateOrder(text) => {
                write!(
                    f,
                    "{text:?} is a date only with day and month the other way round"
                )
            }
            What::Backwards => f.write_str("the time is before that of the line above"),
            What::LongEvent { bytes } => write!(f, "an event of {bytes} bytes"),
            What::OutsideTrial(text) => write!(f, "{text:?} outside any trial"),
            What::Incomplete { running } => {
                write!(f, "trial {running} was begun here and has no end")
            }
            What::EndWithoutBegin => f.write_str("end of a trial that was not begun"),
            What::NoStimulus { running } => write!(f, "trial {running} has no texture line"),
            What::TwoStimuli { running } => write!(f, "trial {running} has another texture"),
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Done::Skipped => "line skipped",
            Done::Ignored => "event ignored",
            Done::Used => "used as it is",
            Done::Cut => "text shortened",
            Done::SetAside => "listed as incomplete",
            Done::Counted => "an unusable line is taken for the missing one, damaged trial",
            Done::Repeated => "row of the trial before repeated",
            Done::Missing => "stimulus missing",
            Done::Carried => "stimulus of the trial before kept",
            Done::LastTaken => "the last one counts",
        })
    }
}
