//! Why there are no labels.

use std::fmt;
use widefield_behaviour::table::{Row, Table};

/// Why log or table cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The place does not answer or does not let us in.
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    /// Stimuli are configured that contradict each other.
    #[error("experiment.stimulus: {0}")]
    Stimuli(#[from] widefield_behaviour::Error),
    /// The named log is not there, or no log.
    #[error("behaviour log {place}/{name}: {cause}")]
    Log {
        /// Where it should be.
        place: String,
        /// Its name.
        name: String,
        /// What went wrong.
        cause: String,
    },
    /// The named table is not there, or no table.
    #[error("table of trials {place}/{name}: {cause}")]
    Table {
        /// Where it should be.
        place: String,
        /// Its name.
        name: String,
        /// What went wrong, with line and column.
        cause: String,
    },
    /// A row of the table contradicts another, or the configuration.
    #[error("{name}, {at}: {cause}")]
    Row {
        /// Name of the table.
        name: String,
        /// The cell.
        at: Cell,
        /// What is wrong.
        cause: String,
    },
    /// Movies and entries do not belong together one to one.
    #[error(
        "data.match = \"{by}\": {cause}; movies: {}; entries: {}",
        list(movies),
        list(entries)
    )]
    Pairing {
        /// `number`, `order` or `time`.
        by: &'static str,
        /// What is wrong.
        cause: String,
        /// The movies that it is about.
        movies: Vec<String>,
        /// The entries that it is about.
        entries: Vec<String>,
    },
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Line of the text, from 1.
    pub line: usize,
    /// Name of the column.
    pub column: &'static str,
    /// Its place, from 1; `None` if the table has it not.
    pub place: Option<usize>,
}

impl Cell {
    pub(crate) fn of(table: &Table, row: &Row, column: &'static str) -> Self {
        Self {
            line: row.line,
            column,
            place: table.column(column),
        }
    }

    /// That which says of which movie a row is.
    pub(crate) fn of_movie(table: &Table, row: &Row) -> Self {
        let column = if row.file.is_some() { "file" } else { "trial" };
        Self::of(table, row, column)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            place,
        } = self;
        match place {
            Some(place) => write!(f, "line {line}, column {place} ({column})"),
            None => write!(f, "line {line}"),
        }
    }
}

impl Error {
    /// What can be done about it, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        Some(match self {
            Self::Storage(_) | Self::Stimuli(_) => return None,
            Self::Log { .. } => {
                "data.behaviour_log is the name of a file in data.url; without that key trials are not labelled"
            }
            Self::Table { .. } | Self::Row { .. } => {
                "data.trials is the name of a table in data.url: a header line, one row a trial; columns file or trial, stimulus or \
                 condition, decision or outcome, onset_s or onset, exclude"
            }
            Self::Pairing { .. } => {
                "nothing is guessed: name each movie's file in a table (data.trials, column file), or match by number"
            }
        })
    }
}

/// Names that an error lists one by one.
const NAMED: usize = 8;

fn list(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    match (names, more) {
        ([], _) => "none".into(),
        (names, 0) => names.join(", "),
        (names, more) => format!("{} and {more} more", names[..NAMED].join(", ")),
    }
}
