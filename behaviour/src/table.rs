//! Trials as tables: written for statistics programs, and read from any lab.
//!
//! Texts as RFC 4180 has them: one header line, a row a trial, quotes where a cell holds a separator,
//! a quotation mark or a line break. [`Table::parse`] says which columns are understood.

mod fault;
mod read;
mod recognition;
mod write;

pub use fault::{Fault, What};
pub use read::{Onset, Row, Separator, Table, stem};
pub use recognition::is_table;
pub use write::{events, rows, trials};
