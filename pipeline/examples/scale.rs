//! How long many trials take on 1 to 1,000 executors, and what they wait for.
//!
//! A small model, not a measurement: each executor fetches, computes and stores one trial after the other, all share
//! the bandwidth of the store evenly, and one driver hands out the trials. The costs of a trial are measured ones,
//! see `SCALE.md`; replace them by those of your `run.json`:
//!
//! ```text
//! cargo run --release -p widefield-pipeline --example scale -- [KEY=VALUE]...
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a trial and a cluster cost. Seconds, bytes, bytes per second.
#[derive(Clone, Copy, Debug)]
struct Costs {
    trials: usize,
    /// One core computes a trial so long.
    compute_s: f64,
    /// Durations spread so much around that, relative.
    spread: f64,
    read_bytes: f64,
    written_bytes: f64,
    /// Requests of a trial to the store, and the wait of each.
    requests: f64,
    request_s: f64,
    /// All executors together get at most so much from the store.
    store_bytes_per_s: f64,
    /// One of them gets at most so much.
    link_bytes_per_s: f64,
    /// Work of the driver for each trial, one after the other.
    driver_s: f64,
    /// Until the first trial begins.
    start_s: f64,
    /// The plan looks at each movie so long before the first trial.
    plan_s: f64,
    /// The report takes so long for each trial after the last one.
    report_s: f64,
    seed: u64,
}

const MEASURED: Costs = Costs {
    trials: 10_000,
    compute_s: 0.6,
    spread: 0.1,
    read_bytes: 105e6,
    written_bytes: 64e6,
    requests: 30.0,
    request_s: 0.01,
    store_bytes_per_s: 10e9 / 8.0,
    link_bytes_per_s: 1e9 / 8.0,
    driver_s: 0.015,
    start_s: 10.5,
    plan_s: 0.0002,
    report_s: 0.016,
    seed: 1,
};

impl Costs {
    fn set(&mut self, argument: &str) -> Result<(), String> {
        let (key, text) = argument
            .split_once('=')
            .ok_or(format!("{argument}: is no KEY=VALUE"))?;
        let value: f64 = text
            .parse()
            .map_err(|_| format!("{argument}: is no number"))?;
        if !(value.is_finite() && value >= 0.0) {
            return Err(format!("{argument}: must be a number from 0"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole numbers from 0 are meant"
        )]
        let whole = value as u64;
        match key {
            "trials" => self.trials = usize::try_from(whole).map_err(|e| e.to_string())?,
            "seed" => self.seed = whole,
            _ => *self.number(key)? = value,
        }
        Ok(())
    }

    fn number(&mut self, key: &str) -> Result<&mut f64, String> {
        Ok(match key {
            "compute_s" => &mut self.compute_s,
            "spread" => &mut self.spread,
            "read_bytes" => &mut self.read_bytes,
            "written_bytes" => &mut self.written_bytes,
            "requests" => &mut self.requests,
            "request_s" => &mut self.request_s,
            "store_bytes_per_s" => &mut self.store_bytes_per_s,
            "link_bytes_per_s" => &mut self.link_bytes_per_s,
            "driver_s" => &mut self.driver_s,
            "start_s" => &mut self.start_s,
            "plan_s" => &mut self.plan_s,
            "report_s" => &mut self.report_s,
            _ => return Err(format!("{key}: is no cost; see the source for their names")),
        })
    }
}

/// When something is due: a finite number that orders.
#[derive(Clone, Copy, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What came out, seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    total: f64,
    /// Time during which the store gave all it has.
    store_full: f64,
    driver_busy: f64,
    /// Executors' time with work at hand that only waits for the store's share.
    transfer: f64,
    compute: f64,
    idle: f64,
}

#[derive(Clone, Copy)]
enum Stage {
    Fetch,
    Compute,
    Store,
}

/// Uniform numbers in [0, 1) from a seed: splitmix64.
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Runs all trials on that many executors of one core.
///
/// Transfers share the store evenly, so each moves on by the same number of bytes; `moved` counts them, and a
/// transfer ends when `moved` reaches what it was at its begin plus its size.
fn simulate(costs: &Costs, executors: usize) -> Found {
    let mut state = costs.seed;
    let mut found = Found::default();
    let mut now = costs.plan_s * costs.trials as f64 + costs.start_s;
    let (begin, mut driver_free) = (now, now);
    let mut timers: BinaryHeap<Reverse<(At, usize)>> = BinaryHeap::new();
    let mut transfers: BinaryHeap<Reverse<(At, usize)>> = BinaryHeap::new();
    let mut stage = vec![Stage::Fetch; executors];
    let mut moved = 0.0;
    let (mut handed, mut done) = (0, 0);
    let mut hand = |executor: usize, now: f64, timers: &mut BinaryHeap<_>| {
        if handed < costs.trials {
            handed += 1;
            driver_free = f64::max(driver_free, now) + costs.driver_s;
            timers.push(Reverse((
                At(driver_free + costs.requests * costs.request_s / 2.0),
                executor,
            )));
        }
    };
    for executor in 0..executors {
        hand(executor, now, &mut timers);
    }
    // A timer of an executor whose stage is Fetch lets it begin that; one that computes has then computed.
    while done < costs.trials {
        let sharing = transfers.len().max(1) as f64;
        let rate = f64::min(costs.link_bytes_per_s, costs.store_bytes_per_s / sharing);
        let next_timer = timers.peek().map_or(f64::INFINITY, |Reverse((at, _))| at.0);
        let next_end = transfers.peek().map_or(f64::INFINITY, |Reverse((at, _))| {
            now + (at.0 - moved).max(0.0) / rate
        });
        let next = f64::min(next_timer, next_end);
        let step = next - now;
        moved += step * rate;
        found.transfer += step * transfers.len() as f64;
        if rate < costs.link_bytes_per_s {
            found.store_full += step;
        }
        now = next;
        if next_end <= next_timer {
            let Some(Reverse((_, executor))) = transfers.pop() else {
                break;
            };
            match stage[executor] {
                Stage::Store => {
                    done += 1;
                    stage[executor] = Stage::Fetch;
                    hand(executor, now, &mut timers);
                }
                _ => {
                    let spread = costs.spread * (2.0 * random(&mut state) - 1.0);
                    let seconds = costs.compute_s * (1.0 + spread);
                    found.compute += seconds;
                    stage[executor] = Stage::Compute;
                    let wait = costs.requests * costs.request_s / 2.0;
                    timers.push(Reverse((At(now + seconds + wait), executor)));
                }
            }
        } else {
            let Some(Reverse((_, executor))) = timers.pop() else {
                break;
            };
            let bytes = match stage[executor] {
                Stage::Compute => {
                    stage[executor] = Stage::Store;
                    costs.written_bytes
                }
                _ => costs.read_bytes,
            };
            transfers.push(Reverse((At(moved + bytes), executor)));
        }
    }
    found.driver_busy = costs.driver_s * costs.trials as f64;
    let working = found.transfer + found.compute;
    found.idle = ((now - begin) * executors as f64 - working).max(0.0);
    found.total = now + costs.report_s * costs.trials as f64;
    found
}

fn main() {
    let mut costs = MEASURED;
    for argument in std::env::args().skip(1) {
        if let Err(wrong) = costs.set(&argument) {
            eprintln!("{wrong}");
            std::process::exit(2);
        }
    }
    println!("{costs:?}\n");
    println!(
        "| executors | all, s | trials/s | times faster | computing | moving bytes | waiting | store full | driver busy |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let alone = simulate(&costs, 1).total;
    for executors in [1, 10, 100, 1000] {
        let found = simulate(&costs, executors);
        let share = |seconds: f64| 100.0 * seconds / (found.transfer + found.compute + found.idle);
        println!(
            "| {executors} | {:.0} | {:.1} | {:.1} | {:.0} % | {:.0} % | {:.0} % | {:.0} % | {:.0} % |",
            found.total,
            costs.trials as f64 / found.total,
            alone / found.total,
            share(found.compute),
            share(found.transfer),
            share(found.idle),
            100.0 * found.store_full / found.total,
            100.0 * found.driver_busy / found.total,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Costs = Costs {
        trials: 100,
        spread: 0.0,
        requests: 0.0,
        driver_s: 0.0,
        start_s: 0.0,
        plan_s: 0.0,
        report_s: 0.0,
        compute_s: 1.0,
        read_bytes: 100.0,
        written_bytes: 100.0,
        store_bytes_per_s: 1e9,
        link_bytes_per_s: 100.0,
        ..MEASURED
    };

    #[test]
    fn one_executor_does_one_after_the_other() {
        // One second each to fetch, compute and store.
        assert!((simulate(&PLAIN, 1).total - 300.0).abs() < 1e-6);
        assert!((simulate(&PLAIN, 10).total - 30.0).abs() < 1e-6);
    }

    #[test]
    fn a_full_store_gives_its_bandwidth() {
        let costs = Costs {
            store_bytes_per_s: 100.0,
            compute_s: 0.0,
            ..PLAIN
        };
        let found = simulate(&costs, 20);
        assert!((found.total - 200.0).abs() < 1e-6, "{}", found.total);
        assert!(found.store_full > 199.0);
    }

    #[test]
    fn a_slow_driver_hands_out_one_at_a_time() {
        let costs = Costs {
            driver_s: 5.0,
            ..PLAIN
        };
        assert!((simulate(&costs, 50).total - (100.0 * 5.0 + 3.0)).abs() < 1e-6);
    }
}
