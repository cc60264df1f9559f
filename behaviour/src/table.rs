//! Trials as tables, for statistics programs.

mod write;

pub use write::{events, trials};
