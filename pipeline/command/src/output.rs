//! Results to stdout, everything else to stderr, and neither ever panics on a closed pipe.

use miette::{Diagnostic, IntoDiagnostic};
use std::io::{self, Write};

/// Whoever read stdout has had enough.
#[derive(Debug, thiserror::Error)]
#[error("stdout was closed")]
struct ClosedPipe;

impl Diagnostic for ClosedPipe {}
/// Writes a line to stdout.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush())
}

/// Writes one result and a line end to stdout.
pub(super) fn result(text: impl std::fmt::Display) -> miette::Result<()> {
    match line(&text.to_string()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClosedPipe.into()),
        other => other.into_diagnostic(),
    }
}

/// Writes one message to stderr; a closed stderr has nobody to tell.
pub(super) fn message(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Shows an error with its place and help.
pub(super) fn complain(report: &miette::Report) {
    message(format_args!("{report:?}"));
}

/// No error of the command: it ends without a word.
pub(super) fn is_closed_pipe(report: &miette::Report) -> bool {
    use super::failure::Failure;
    use widefield_pipeline::Error::Reply;
    let broken = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    match report.downcast_ref() {
        Some(Failure::Job(Reply { source })) => broken(source),
        _ => report.downcast_ref::<ClosedPipe>().is_some(),
    }
}
