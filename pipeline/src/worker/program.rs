//! The program that a cluster starts: requests in lines, a line of reply for each.
//!
//! An engine starts its executable as `PROGRAM worker`, with one request in a line on stdin, or as `PROGRAM worker
//! --plan FILE --index N[..M]` for those lines of a file. It ends with status 0 when all is answered, 1 when a trial
//! failed that may do another time, 2 when the request is unusable and 130 when it was stopped.

use crate::contract::{Outcome, Request};
use crate::error::Error;
use crate::step::Known;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longer than any request: a mask has a few thousand numbers.
const LONGEST: u64 = 64 << 20;

/// How it went with all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Every request has its reply.
    Done,
    /// So it is, but another try may help a trial that failed.
    Again,
    /// Stopped on the way.
    Interrupted,
}

/// If this program was started as a worker, does the work and ends; otherwise returns at once. To be called first of
/// all in `main`.
///
/// # Errors
/// [`Error::Request`] for arguments and lines that are no request, [`Error::UnknownStep`] for one whose steps this
/// program does not have.
pub fn serve_if_asked(known: &Known) -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let wrong = |cause: String| Error::Request { cause };
    let cancelled = Arc::new(AtomicBool::new(false));
    let say = |line: &str| {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush())
    };
    let served = match arguments[..] {
        ["worker"] => {
            end_with_parent(&cancelled);
            serve(std::io::stdin(), 0..1, known, &cancelled, say)?
        }
        ["worker", "--plan", path, "--index", index] => {
            end_with_parent(&cancelled);
            let file = File::open(path).map_err(|cause| wrong(format!("{path}: {cause}")))?;
            serve(file, lines(index).map_err(wrong)?, known, &cancelled, say)?
        }
        _ => return Ok(()),
    };
    std::process::exit(match served {
        Served::Done => 0,
        Served::Again => 1,
        Served::Interrupted => 130,
    })
}

/// Answers the requests on those lines, each with a line given to `say`.
///
/// # Errors
/// As [`serve_if_asked`]; [`Error::Reply`] if a reply cannot be said.
pub fn serve(
    from: impl Read,
    range: Range<usize>,
    known: &Known,
    cancelled: &AtomicBool,
    mut say: impl FnMut(&str) -> std::io::Result<()>,
) -> Result<Served, Error> {
    let mut served = Served::Done;
    for request in read(from, range)? {
        let reply = request.serve(known, cancelled)?;
        if reply.outcome == Outcome::Interrupted {
            return Ok(Served::Interrupted);
        }
        // Whoever asked may try again; what no second try can cure is a result like any other.
        if reply.retry() && !request.last {
            served = Served::Again;
        }
        let line = serde_json::to_string(&reply);
        let line = line.map_err(|error| Error::Reply {
            source: error.into(),
        })?;
        say(&line).map_err(|source| Error::Reply { source })?;
    }
    Ok(served)
}

/// Which lines of a file, from 0: one as in `4`, or several as in `4..8`, the last one excluded.
///
/// # Errors
/// What is wrong with the text.
pub fn lines(text: &str) -> Result<Range<usize>, String> {
    let number = |text: &str| text.parse::<usize>().ok();
    let range = match text.split_once("..") {
        None => number(text).and_then(|n| Some(n..n.checked_add(1)?)),
        Some((from, to)) => number(from).zip(number(to)).map(|(from, to)| from..to),
    };
    let told = || "is neither a line such as 4 nor lines such as 4..8".to_owned();
    range.filter(|r| r.start < r.end).ok_or_else(told)
}

/// The requests on those lines.
fn read(from: impl Read, range: Range<usize>) -> Result<Vec<Request>, Error> {
    let wrong = |cause: String| Error::Request { cause };
    let mut from = BufReader::new(from);
    let mut requests = Vec::new();
    for number in 0..range.end {
        let mut line = String::new();
        let mut limited = (&mut from).take(LONGEST);
        limited
            .read_line(&mut line)
            .map_err(|cause| wrong(cause.to_string()))?;
        if line.is_empty() {
            return Err(wrong(format!(
                "there is no line {number}: the input has {number}"
            )));
        }
        if range.contains(&number) {
            requests.push(Request::parse(&line)?);
        }
    }
    Ok(requests)
}

/// Ends this process soon after the one that started it: a cluster that gives up a task or loses the program that
/// runs it knows nothing of workers.
pub fn end_with_parent(cancelled: &Arc<AtomicBool>) {
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
