//! Numbers of tasks as the arrays that `sbatch` takes.

use std::collections::BTreeSet;

/// Tasks of one submission.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    offset: usize,
    /// Inclusive ranges of numbers less the offset, in order.
    ranges: Vec<(usize, usize)>,
}

impl Array {
    /// Arrays for these tasks, none with an index of `largest` or above.
    pub(super) fn of(tasks: &BTreeSet<usize>, largest: usize) -> Vec<Self> {
        let mut arrays: Vec<Self> = Vec::new();
        for &task in tasks {
            let offset = task - task % largest;
            let index = task - offset;
            match arrays.last_mut().filter(|a| a.offset == offset) {
                Some(array) => match array.ranges.last_mut() {
                    Some((_, last)) if *last + 1 == index => *last = index,
                    _ => array.ranges.push((index, index)),
                },
                None => arrays.push(Self {
                    offset,
                    ranges: vec![(index, index)],
                }),
            }
        }
        arrays
    }

    /// What is added to the number of each task.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The value of `--array`, with at most `width` tasks at a time.
    pub(super) fn option(&self, width: Option<usize>) -> String {
        let range = |&(first, last): &(usize, usize)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        };
        let ranges: Vec<String> = self.ranges.iter().map(range).collect();
        let at_a_time = width.map(|n| format!("%{n}")).unwrap_or_default();
        ranges.join(",") + &at_a_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(tasks: impl IntoIterator<Item = usize>, largest: usize) -> Vec<(usize, String)> {
        let tasks = tasks.into_iter().collect();
        Array::of(&tasks, largest)
            .iter()
            .map(|a| (a.offset(), a.option(None)))
            .collect()
    }

    #[test]
    fn tasks_become_ranges_below_the_largest_index() {
        assert_eq!(options([], 10), []);
        assert_eq!(options(0..1, 10), [(0, "0".into())]);
        assert_eq!(options(0..10, 10), [(0, "0-9".into())]);
        assert_eq!(
            options(0..25, 10),
            [(0, "0-9".into()), (10, "0-9".into()), (20, "0-4".into())]
        );
        assert_eq!(
            options([3, 4, 5, 7, 12], 10),
            [(0, "3-5,7".into()), (10, "2".into())]
        );
        assert_eq!(options(0..2, 1), [(0, "0".into()), (1, "0".into())]);
    }

    #[test]
    fn some_at_a_time() {
        let arrays = Array::of(&(0..6).collect(), 100);
        assert_eq!(arrays[0].option(Some(2)), "0-5%2");
    }
}
