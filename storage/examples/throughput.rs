//! Bytes per second of a place: one large object, and twenty smaller ones at a time.
//!
//!     cargo run --release -p widefield-storage --features swift --example throughput -- swift://container/trial
//!
//! Prints one line a measurement, megabytes per second of the better of three, for comparison with other
//! programs on the same server. The objects are removed again.

use std::time::Instant;

use widefield_storage::{Ahead, Error, Place};

const LARGE: usize = 100_000_000;
const SMALL: usize = 5_000_000;
const COUNT: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args()
        .nth(1)
        .ok_or("the URL of a place is missing")?;
    let place = &Place::open(&url)?;
    let content: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
    let content = bytes::Bytes::from(content);
    let names: Vec<_> = (0..COUNT).map(|number| format!("small-{number}")).collect();

    best("put one", LARGE, || {
        place.put("large", content.clone()).map(drop)
    })?;
    best("get one", LARGE, || place.read("large").map(drop))?;
    best("fetch one in parts of 8 MB", LARGE, || {
        let parts = (0..LARGE as u64).step_by(8_000_000);
        let parts = parts.map(|start| start..(start + 8_000_000).min(LARGE as u64));
        place
            .fetch("large", parts.collect(), Ahead::default())?
            .try_for_each(|part| part.map(drop))
    })?;
    best("put twenty", COUNT * SMALL, || {
        all(&names, |name| {
            place.put(name, content.slice(..SMALL)).map(drop)
        })
    })?;
    best("get twenty", COUNT * SMALL, || {
        all(&names, |name| place.read(name).map(drop))
    })?;
    all(&names, |name| place.remove(name))?;
    place.remove("large")?;
    Ok(())
}

/// The same for all names, ten at a time.
fn all(names: &[String], work: impl Fn(&str) -> Result<(), Error> + Sync) -> Result<(), Error> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .chunks(names.len().div_ceil(10))
            .map(|names| scope.spawn(|| names.iter().try_for_each(|name| work(name))))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}

fn best(what: &str, bytes: usize, work: impl Fn() -> Result<(), Error>) -> Result<(), Error> {
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        work()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    println!("{what:28} {:8.1} MB/s", bytes as f64 / 1e6 / least);
    Ok(())
}
