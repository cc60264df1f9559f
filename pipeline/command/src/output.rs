//! Results to stdout, everything else to stderr, and neither ever panics on a closed pipe.

use miette::Diagnostic;
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

/// A result that was computed and could not be told.
#[derive(Debug, thiserror::Error)]
#[error("the result could not be written to stdout: {0}")]
pub(super) struct Untold(io::Error);

impl Diagnostic for Untold {}

/// Writes one result and a line end to stdout.
pub(super) fn result(text: impl std::fmt::Display) -> miette::Result<()> {
    match line(&text.to_string()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClosedPipe.into()),
        Err(error) => Err(Untold(error).into()),
        Ok(()) => Ok(()),
    }
}

/// The same of a text for people in which names and texts of files stand.
pub(super) fn text(text: &str) -> miette::Result<()> {
    let lines = text.split('\n').map(|line| {
        let cells = line.split('\t').map(name).collect::<Vec<_>>();
        cells.join("\t")
    });
    result(lines.collect::<Vec<_>>().join("\n"))
}

/// Writes one message to stderr; a closed stderr has nobody to tell.
pub(super) fn message(text: impl std::fmt::Display) {
    let text = harmless(&text.to_string());
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Shows an error with its place and help.
pub(super) fn complain(report: &miette::Report) {
    message(format_args!("{report:?}"));
}

/// Without what steers a terminal: names and texts of files may hold anything. Lines, tabs and colours, which
/// [`complain`] uses, stay; text that blinks, is swapped or hidden does not.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let coloured = colour(rest);
        if coloured > 0 || !c.is_control() || matches!(c, '\n' | '\t') {
            let length = coloured.max(c.len_utf8());
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            out.extend(c.escape_default());
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Length of the change of colour that a text begins with.
fn colour(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let digits = inner.find(|c: char| !c.is_ascii_digit() && c != ';');
    match digits.filter(|&end| inner[end..].starts_with('m') && !hides(&inner[..end])) {
        Some(end) => end + 3,
        None => 0,
    }
}

/// Whether codes of colours and the like have text blink, be swapped with its ground, or be hidden.
fn hides(codes: &str) -> bool {
    let mut codes = codes
        .split(';')
        .map(|code| code.parse::<u32>().unwrap_or(0));
    while let Some(code) = codes.next() {
        match code {
            5..=8 => return true,
            // A colour follows: one number of a table, or three.
            38 | 48 => match codes.next() {
                Some(5) => drop(codes.next()),
                Some(2) => drop(codes.nth(2)),
                _ => return true,
            },
            _ => {}
        }
    }
    false
}

/// A name as part of a line: no control character at all.
pub(super) fn name(text: &str) -> String {
    let plain = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(plain).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        for (text, want) in [
            ("é\tx\ny", "é\tx\ny"),
            ("\u{1b}[31;1mred\u{1b}[0m", "\u{1b}[31;1mred\u{1b}[0m"),
            ("\u{1b}[38;5;8mgrey", "\u{1b}[38;5;8mgrey"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("\u{1b}[1;07m", "\\u{1b}[1;07m"),
            ("\u{1b}[38;5;1;8m", "\\u{1b}[38;5;1;8m"),
            ("\u{1b}[38;2;7;8;5;1m", "\u{1b}[38;2;7;8;5;1m"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\u{9b}31m", "a\\rb\\u{9b}31m"),
            ("\u{1b}", "\\u{1b}"),
            ("\u{1b}[3", "\\u{1b}[3"),
        ] {
            assert_eq!(harmless(text), want);
        }
        assert_eq!(name("a\n\u{1b}[31mé"), "a\\n\\u{1b}[31mé");
    }
}
