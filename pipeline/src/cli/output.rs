//! Results to stdout, everything else to stderr, and neither ever panics on a closed pipe.

use miette::IntoDiagnostic;
use std::io::{self, Write};

/// Writes one result and a line end to stdout.
pub(super) fn result(text: impl std::fmt::Display) -> miette::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .into_diagnostic()
}

/// Writes one message to stderr; a closed stderr has nobody to tell.
pub(super) fn message(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Shows an error with its place and help.
pub(super) fn complain(report: &miette::Report) {
    message(format_args!("{report:?}"));
}

pub(super) fn is_closed_pipe(report: &miette::Report) -> bool {
    let broken = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    report
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(broken))
        || report.downcast_ref().is_some_and(broken)
}
