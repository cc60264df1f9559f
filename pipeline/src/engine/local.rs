//! Trials on threads of this machine.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

/// What a worker tells while it goes on.
pub(crate) enum Progress<T> {
    Started(usize),
    Ended(usize, T),
}

/// Calls `work` for every index below `count` on `jobs` threads and `tell` on this one as things happen.
///
/// Indices start in order. After `cancelled` is set no further one starts. A panic in `work` becomes the result
/// that `broken` makes of its message, so that one trial never takes others with it.
pub(crate) fn run<T: Send>(
    count: usize,
    jobs: usize,
    cancelled: &AtomicBool,
    work: impl Fn(usize) -> T + Sync,
    broken: impl Fn(usize, String) -> T + Sync,
    mut tell: impl FnMut(Progress<&T>),
) -> Vec<Option<T>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
    let (sender, events) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            let sender = sender.clone();
            let (next, work, broken) = (&next, &work, &broken);
            scope.spawn(move || {
                while !cancelled.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    // The receiver outlives this scope; a failed send has nobody to tell.
                    let _ = sender.send(Progress::Started(index));
                    let caught =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(index)));
                    let result = caught.unwrap_or_else(|panic| broken(index, message(&*panic)));
                    let _ = sender.send(Progress::Ended(index, result));
                }
            });
        }
        drop(sender);
        for event in events {
            match event {
                Progress::Started(index) => tell(Progress::Started(index)),
                Progress::Ended(index, result) => {
                    tell(Progress::Ended(index, &result));
                    if let Ok(mut all) = results.lock() {
                        all[index] = Some(result);
                    }
                }
            }
        }
    });
    results
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("internal error: {}", text.unwrap_or("unknown"))
}

/// Half of what the machine has, or half of the control group's limit where there is a lower one.
pub(crate) fn half_of_memory() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
        let limit = limit
            .and_then(|t| t.trim().parse().ok())
            .unwrap_or(u64::MAX);
        Some((kib * 1024).min(limit) / 2)
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_once_and_a_panic_stays_alone() {
        let cancelled = AtomicBool::new(false);
        let mut ended = 0;
        let results = run(
            20,
            3,
            &cancelled,
            |i| {
                assert!(i != 7, "seven");
                i.to_string()
            },
            |_, message| message,
            |event| ended += usize::from(matches!(event, Progress::Ended(..))),
        );
        assert_eq!(ended, 20);
        for (i, result) in results.iter().enumerate() {
            let want = if i == 7 {
                "internal error: seven".to_owned()
            } else {
                i.to_string()
            };
            assert_eq!(result.as_ref(), Some(&want));
        }
    }

    #[test]
    fn nothing_starts_after_cancelling() {
        let cancelled = AtomicBool::new(false);
        let work = |i: usize| {
            if i == 2 {
                cancelled.store(true, Ordering::Relaxed);
            }
        };
        let results = run(100, 1, &cancelled, work, |_, _| (), |_| ());
        assert_eq!(results.iter().filter(|r| r.is_some()).count(), 3);
    }
}
