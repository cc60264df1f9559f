//! `widefield worker`

use super::failure::Failure;
use super::{Outcome, output};
use miette::IntoDiagnostic;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use widefield_pipeline::worker::{self, Request};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take requests from this file, one a line, instead of one from stdin
    #[arg(long, requires = "index")]
    plan: Option<PathBuf>,
    /// Which lines of the file, from 0: one, or several as in 4..8, the last one excluded
    #[arg(long, value_name = "N[..M]", value_parser = lines, requires = "plan")]
    index: Option<Range<usize>>,
}

/// Longer than any request: a mask has a few thousand numbers.
const LONGEST: u64 = 64 << 20;

fn lines(text: &str) -> Result<Range<usize>, String> {
    let number = |text: &str| text.parse::<usize>().ok();
    let range = match text.split_once("..") {
        None => number(text).and_then(|n| Some(n..n.checked_add(1)?)),
        Some((from, to)) => number(from).zip(number(to)).map(|(from, to)| from..to),
    };
    let told = || "is neither a line such as 4 nor lines such as 4..8".to_owned();
    range.filter(|r| r.start < r.end).ok_or_else(told)
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&cancelled);
    ctrlc::set_handler(move || set.store(true, Ordering::Relaxed)).into_diagnostic()?;
    end_with_parent(&cancelled);
    let requests = match (&args.plan, &args.index) {
        (Some(path), Some(range)) => {
            let file = std::fs::File::open(path)
                .map_err(|cause| miette::miette!("{}: {cause}", path.display()))?;
            read(file, range.clone())?
        }
        _ => read(std::io::stdin(), 0..1)?,
    };
    let mut worst = Outcome::Done;
    for request in requests {
        let reply = request.serve(&cancelled);
        if reply.outcome == worker::Outcome::Interrupted {
            return Ok(Outcome::Interrupted);
        }
        // Whoever asked may try again; what no second try can cure is a result like any other.
        if reply.retry() && !request.last {
            worst = Outcome::Partly;
        }
        output::result(serde_json::to_string(&reply).into_diagnostic()?)?;
    }
    Ok(worst)
}

/// The requests on those lines.
fn read(from: impl Read, range: Range<usize>) -> miette::Result<Vec<Request>> {
    let mut from = BufReader::new(from);
    let mut requests = Vec::new();
    for number in 0..range.end {
        let mut line = String::new();
        let mut limited = (&mut from).take(LONGEST);
        limited.read_line(&mut line).into_diagnostic()?;
        if line.is_empty() {
            miette::bail!("there is no line {number}: the input has {number}");
        }
        if range.contains(&number) {
            requests.push(Request::parse(&line).map_err(Failure::from)?);
        }
    }
    Ok(requests)
}

/// Ends this process soon after the one that started it: a cluster that gives up a task or loses the program that
/// runs it knows nothing of workers.
fn end_with_parent(cancelled: &Arc<AtomicBool>) {
    #[cfg(unix)]
    {
        let parent = std::os::unix::process::parent_id();
        let cancelled = Arc::clone(cancelled);
        std::thread::spawn(move || {
            while std::os::unix::process::parent_id() == parent {
                std::thread::sleep(Duration::from_millis(100));
            }
            cancelled.store(true, Ordering::Relaxed);
            // Time to remove what is half-written; the next run sweeps what this one cannot.
            std::thread::sleep(Duration::from_secs(2));
            std::process::exit(130);
        });
    }
    #[cfg(not(unix))]
    let _ = (cancelled, Duration::ZERO);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_plan() {
        assert_eq!(lines("4"), Ok(4..5));
        assert_eq!(lines("4..8"), Ok(4..8));
        for wrong in ["", "-1", "4..4", "8..4", "a", "1..", "18446744073709551615"] {
            assert!(lines(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_request_is_named() {
        let wrong = |text: &str| read(text.as_bytes(), 0..1).unwrap_err().to_string();
        assert!(wrong("").contains("no line 0"));
        assert!(wrong("{}\n").contains("version"));
        assert!(wrong("{\"version\": 99}\n").contains("version 99"));
        assert!(
            read("{}\n".as_bytes(), 1..2)
                .unwrap_err()
                .to_string()
                .contains("no line 1")
        );
    }
}
