//! Timing that a busy or throttled machine disturbs least: tasks take turns.

use std::time::{Duration, Instant};

/// One task of [`in_turn`] and the median of its times.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Name of the task.
    pub name: &'static str,
    /// Median time of a run.
    pub median: Duration,
}

/// Runs all tasks once, all once more, and so on for `rounds` rounds: what slows the machine for
/// a while slows all of them, so ratios of the medians are steadier than those of benchmarks that
/// run one after the other. An additional first round is not counted.
///
/// ```
/// let turns = widefield_benches::in_turn(5, &mut [("nothing", &mut || {}), ("wait", &mut || {
///     std::thread::sleep(std::time::Duration::from_millis(2));
/// })]);
/// assert!(turns[1].median > turns[0].median);
/// ```
pub fn in_turn(rounds: usize, tasks: &mut [(&'static str, &mut dyn FnMut())]) -> Vec<Turn> {
    let mut times = vec![Vec::with_capacity(rounds); tasks.len()];
    for round in 0..=rounds {
        for ((_, task), times) in tasks.iter_mut().zip(&mut times) {
            let start = Instant::now();
            task();
            let time = start.elapsed();
            if round > 0 {
                times.push(time);
            }
        }
    }
    let turns = tasks.iter().zip(times).map(|((name, _), mut times)| {
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        Turn { name, median }
    });
    turns.collect()
}

/// Each task with its median time and the ratio of the first task's time to its own: 1 is as
/// fast as the first, 0.5 takes twice as long.
#[must_use]
pub fn ratios(turns: &[Turn]) -> String {
    let mut text = String::new();
    for turn in turns {
        let first = turns[0].median.as_secs_f64();
        let own = turn.median.as_secs_f64();
        text += &format!(
            "{:<44}{:>12.4} ms{:>9.3}\n",
            turn.name,
            1e3 * own,
            first / own
        );
    }
    text
}
