//! Many small requests at once: a store answers a hundred as fast as one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Requests on their way at a time.
const WIDTH: usize = 32;

/// `work` of every item, in order of the items, several at a time.
///
/// ```
/// let place = widefield_storage::Place::open("memory://")?;
/// place.put("a", b"1234".to_vec())?;
/// let found = widefield_storage::concurrent::map(&["a", "b"], |name| place.head(name).ok()?.map(|it| it.bytes));
/// assert_eq!(found, [Some(4), None]);
/// # Ok::<(), widefield_storage::Error>(())
/// ```
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..WIDTH.min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = take(items, &next) {
                    let result = work(item);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.push((index, result));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, result)| result).collect()
}

fn take<'t, T>(items: &'t [T], next: &AtomicUsize) -> Option<(usize, &'t T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Condvar;
    use std::time::Duration;

    #[test]
    fn in_order_and_at_once() {
        assert!(map(&[], |n: &u8| *n).is_empty());
        let items: Vec<usize> = (0..64).collect();
        let (begun, all) = (Mutex::new(0), Condvar::new());
        let squares = map(&items, |n| {
            let mut begun = begun.lock().unwrap();
            *begun += 1;
            all.notify_all();
            // None ends before so many have begun; the limit is for those that would come one after the other.
            let wait = all.wait_timeout_while(begun, Duration::from_secs(60), |b| *b < WIDTH);
            assert!(!wait.unwrap().1.timed_out(), "not at once");
            n * n
        });
        assert!(squares.iter().enumerate().all(|(i, s)| *s == i * i));
    }
}
