//! What is wrong with a table, where, and what helps.

use std::fmt;

/// Why a table cannot be used.
///
/// ```
/// use widefield_behaviour::table::Table;
/// let fault = Table::parse("trial,onset_s\n1,3.02\n2,\"3,1\"\n").unwrap_err();
/// assert_eq!(
///     fault.to_string(),
///     "line 3, column 2 (onset_s): \"3,1\" is no number of seconds; the decimal sign is a point, and \
///      what is not known is left empty"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Fault {
    /// Line of the text, from 1; of a row of several lines its first.
    pub line: usize,
    /// Column of the table, from 1; `None` where it is the whole row.
    pub column: Option<usize>,
    /// Name of that column.
    pub header: Option<String>,
    /// What is wrong.
    pub what: What,
}

/// What can be wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A byte is no UTF-8.
    NoUtf8,
    /// There is no line.
    Empty,
    /// The header has as many of one separator as of another.
    Separators(char, char),
    /// No column says which movie a row is of. The columns there are.
    NoMovieColumn(Vec<String>),
    /// Two columns have one name.
    RepeatedColumn,
    /// A row has more or fewer cells than the header.
    Cells {
        /// Of the row.
        found: usize,
        /// Of the header.
        needed: usize,
    },
    /// A quotation mark is opened and not closed, or closed before the end of its cell.
    Quotes,
    /// A row names neither a file nor a trial.
    NoMovie,
    /// A row is of the movie of an earlier one.
    RepeatedMovie {
        /// Line of that.
        line: usize,
    },
    /// No trial number that fits 32 bits.
    Trial(String),
    /// No finite number.
    Seconds(String),
    /// No date and time.
    DateTime(String),
    /// No decision of the log.
    Decision(String),
    /// No outcome.
    Outcome(String),
    /// Neither `true` nor `false`.
    Exclude(String),
    /// A stimulus that is not listed; the listed name most like it.
    Stimulus(String, Option<String>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(header) = &self.header {
            write!(f, " ({header})")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::NoUtf8 => f.write_str("the text is not UTF-8; save the table as CSV UTF-8"),
            What::Empty => f.write_str("the table is empty; a header line is needed"),
            What::Separators(one, other) => write!(
                f,
                "the header has as many {} as {}, so what separates columns is not known; put names \
                 that hold one in quotes",
                spoken(*one),
                spoken(*other)
            ),
            What::NoMovieColumn(columns) => write!(
                f,
                "no column is called file or trial, so rows cannot be matched to movies; there are: {}",
                columns.join(", ")
            ),
            What::RepeatedColumn => f.write_str("another column has this name"),
            What::Cells { found, needed } => write!(
                f,
                "{found} cells, the header has {needed}; a cell that holds a separator stands in quotes"
            ),
            What::Quotes => f.write_str(
                "a quotation mark is not closed, or closed before the end of its cell; within quotes \
                 a mark is written twice",
            ),
            What::NoMovie => f.write_str("names neither a file nor a trial"),
            What::RepeatedMovie { line } => write!(f, "line {line} is of the same movie"),
            What::Trial(text) => write!(f, "{text:?} is no trial number such as 12"),
            What::Seconds(text) => write!(
                f,
                "{text:?} is no number of seconds; the decimal sign is a point, and what is not known \
                 is left empty"
            ),
            What::DateTime(text) => write!(
                f,
                "{text:?} is no date and time such as 2017-02-14 10:22:36.25; what is not known is left \
                 empty"
            ),
            What::Decision(text) => write!(
                f,
                "{text:?} is no decision: Go, No Go, No Response, Inappropriate Response or Early"
            ),
            What::Outcome(text) => write!(
                f,
                "{text:?} is no outcome: hit, miss, correct_rejection, false_alarm or early"
            ),
            What::Exclude(text) => write!(f, "{text:?} is neither true nor false"),
            What::Stimulus(text, nearest) => {
                write!(f, "stimulus {text:?} is not listed")?;
                nearest
                    .iter()
                    .try_for_each(|name| write!(f, "; {name:?} is"))
            }
        }
    }
}

fn spoken(separator: char) -> &'static str {
    match separator {
        ';' => "semicolons",
        '\t' => "tabs",
        _ => "commas",
    }
}
