//! Time to read a log into trials, beside the time to read the same text line by line.
//!
//! `cargo run --release -p widefield-behaviour --example parse_speed [MEGABYTES]`

use std::hint::black_box;
use std::io::BufRead;
use std::time::Instant;

use jiff::SignedDuration;
use jiff::civil::date;
use widefield_behaviour::write::LogWriter;
use widefield_behaviour::{Decision, Log};

const DECISIONS: [Decision; 5] = [
    Decision::Go,
    Decision::NoGo,
    Decision::NoResponse,
    Decision::InappropriateResponse,
    Decision::Early,
];
/// Best of so many runs.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let megabytes: usize = std::env::args()
        .nth(1)
        .map_or(Ok(100), |number| number.parse())?;
    let text = log_of(megabytes * 1_000_000)?;
    println!(
        "{} bytes, {} lines, best of {RUNS}",
        text.len(),
        text.lines().count()
    );

    let by_line = time("BufRead::lines, a String each", || {
        text.as_bytes()
            .lines()
            .map_while(Result::ok)
            .map(|line| line.len())
            .sum()
    });
    let reused = time("BufRead::read_line, one String", || {
        let (mut reader, mut line, mut sum) = (text.as_bytes(), String::new(), 0);
        while let Ok(1..) = reader.read_line(&mut line) {
            sum += line.trim_end().len();
            line.clear();
        }
        sum
    });
    let borrowed = time("str::lines, borrowed", || {
        text.lines().map(|line| line.len()).sum()
    });
    let parsed = time("Log::parse", || {
        Log::parse(&text).map_or(0, |log| log.trials().len())
    });
    println!(
        "Log::parse takes {:.2} times BufRead::lines, {:.2} times read_line, {:.2} times str::lines",
        parsed / by_line,
        parsed / reused,
        parsed / borrowed
    );
    Ok(())
}

/// Trials until the log has so many bytes.
fn log_of(bytes: usize) -> Result<String, widefield_behaviour::Error> {
    let mut log = LogWriter::new();
    let mut at = date(2017, 2, 14).at(10, 0, 0, 0);
    for number in (1..).take(bytes / 250 + 1) {
        let decision = DECISIONS[number as usize % 5];
        let stimulus = if number % 3 == 0 {
            "Texture 1 P100"
        } else {
            "Texture 7 P1200"
        };
        at = log.trial(
            number,
            at,
            stimulus,
            decision,
            SignedDuration::from_millis(700),
        )?;
    }
    Ok(log.finish())
}

fn time(what: &str, mut run: impl FnMut() -> usize) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        black_box(run());
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{:>8.1} ms  {what}", best * 1000.0);
    best
}
