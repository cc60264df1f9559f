//! The percentile of the values around each frame.

use super::{LANES, Lanes, Reach, Traces};
use crate::Subtract;
use crate::baseline::ranks::interpolate;
use crate::percentiles::{key, place};
use std::ops::Range;

/// F0 of `frames`; see [`super::Buffers::f0`].
pub(super) fn f0(
    percent: f64,
    reach: Reach,
    traces: Traces<'_>,
    subtract: &Subtract,
    frames: Range<usize>,
    window: &mut Window,
    out: &mut Vec<Lanes>,
) {
    let Reach {
        before,
        after,
        n_frames,
    } = reach;
    out.clear();
    out.resize(frames.len(), [0.0; LANES]);
    for lane in 0..traces.lanes {
        window.clear(traces.rows.iter().map(|row| row[lane]));
        let place = |frame: usize| frame - traces.first;
        // The frame behind the last one of the window before each step.
        let mut end = frames.start.saturating_add(after).min(n_frames);
        let first = frames.start.saturating_sub(before);
        (first..end).for_each(|frame| window.insert(place(frame)));
        for (out, frame) in out.iter_mut().zip(frames.clone()) {
            let until = frame.saturating_add(after + 1).min(n_frames);
            (end..until).for_each(|frame| window.insert(place(frame)));
            end = until;
            out[lane] = window.percentile(percent, subtract);
            if let Some(gone) = frame.checked_sub(before) {
                window.remove(place(gone));
            }
        }
    }
}

/// What of a trace is in a window that slides over it.
///
/// All values are sorted once. Then a value is a rank, the window a set of ranks, one bit for each, and the place of
/// the percentile in it moves by a few ranks from frame to frame.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Keys of the values with their places, in order.
    sorted: Vec<u64>,
    /// The rank of each value; [`NAN`] for those that have none.
    ranks: Vec<u32>,
    /// One bit for each rank: whether it is in the window.
    set: Vec<u64>,
    /// How many are in the window, and how many NaN.
    len: usize,
    nans: usize,
    /// Some rank, and how many smaller ones are in the window.
    at: usize,
    below: usize,
}

/// In place of a rank.
const NAN: u32 = u32::MAX;

impl Window {
    /// An empty window on another trace, of less than 2^32 values.
    fn clear(&mut self, trace: impl ExactSizeIterator<Item = f32>) {
        self.ranks.clear();
        self.ranks.resize(trace.len(), NAN);
        self.sorted.clear();
        let numbers = (0_u32..).zip(trace).filter(|(_, value)| !value.is_nan());
        self.sorted
            .extend(numbers.map(|(place, value)| (ordered(value) << 32) | u64::from(place)));
        self.sorted.sort_unstable();
        for (rank, value) in (0_u32..).zip(&self.sorted) {
            let place = usize::try_from(value & u64::from(u32::MAX)).unwrap_or(0);
            self.ranks[place] = rank;
        }
        self.set.clear();
        self.set.resize(self.sorted.len().div_ceil(64), 0);
        (self.len, self.nans, self.at, self.below) = (0, 0, 0, 0);
    }

    /// Takes in the value at a place of the trace, which is not in the window.
    fn insert(&mut self, place: usize) {
        let rank = self.ranks[place];
        if rank == NAN {
            self.nans += 1;
            return;
        }
        let rank = rank as usize;
        self.set[rank / 64] |= 1 << (rank % 64);
        self.len += 1;
        self.below += usize::from(rank < self.at);
    }

    /// Takes out a value that is in the window.
    fn remove(&mut self, place: usize) {
        let rank = self.ranks[place];
        if rank == NAN {
            self.nans -= 1;
            return;
        }
        let rank = rank as usize;
        self.set[rank / 64] &= !(1 << (rank % 64));
        self.len -= 1;
        self.below -= usize::from(rank < self.at);
    }

    /// The percentile of the values; NaN if one is NaN or there are none.
    fn percentile(&mut self, percent: f64, subtract: &Subtract) -> f64 {
        match place(self.len, percent) {
            Some((low, between)) if self.nans == 0 => {
                while self.below > low {
                    self.at = self.before(self.at);
                    self.below -= 1;
                }
                self.at = self.from(self.at);
                while self.below < low {
                    self.at = self.from(self.at + 1);
                    self.below += 1;
                }
                let upper = (between > 0.0).then(|| self.key(self.from(self.at + 1)));
                interpolate(self.key(self.at), upper, between, subtract)
            }
            _ => f64::NAN,
        }
    }

    fn key(&self, rank: usize) -> i32 {
        let ordered = u32::try_from(self.sorted[rank] >> 32).unwrap_or(0);
        (ordered ^ SIGN).cast_signed()
    }

    /// The first rank in the window from this one on; there must be one.
    fn from(&self, rank: usize) -> usize {
        let mut word = rank / 64;
        let mut bits = self.set[word] >> (rank % 64) << (rank % 64);
        while bits == 0 {
            word += 1;
            bits = self.set[word];
        }
        64 * word + bits.trailing_zeros() as usize
    }

    /// The last rank in the window before this one; there must be one.
    fn before(&self, rank: usize) -> usize {
        let mut word = rank / 64;
        let mut bits = match rank % 64 {
            0 => 0,
            below => self.set[word] << (64 - below) >> (64 - below),
        };
        while bits == 0 {
            word -= 1;
            bits = self.set[word];
        }
        64 * word + 63 - bits.leading_zeros() as usize
    }
}

const SIGN: u32 = 1 << 31;

/// A number that sorts as the [`key`] does, without sign.
fn ordered(value: f32) -> u64 {
    u64::from(key(value).cast_unsigned() ^ SIGN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_to_sorting_every_window(
            trace in prop::collection::vec(
                prop_oneof![4 => 0_u8..9, 1 => Just(200), 1 => Just(255)], 1..200),
            span in 1..150_usize,
            percent in 0.0_f64..=100.0,
        ) {
            // Few different values, infinity and now and then NaN.
            let trace: Vec<f32> = trace.iter().map(|&v| match v {
                255 if span % 3 == 0 => f32::NAN,
                200 => f32::INFINITY,
                v => f32::from(v),
            }).collect();
            let mut window = Window::default();
            window.clear(trace.iter().copied());
            for last in 0..trace.len() {
                window.insert(last);
                let first = (last + 1).saturating_sub(span);
                if first > 0 {
                    window.remove(first - 1);
                }
                let mut sorted = trace[first..=last].to_vec();
                sorted.sort_by(f32::total_cmp);
                let want = match sorted.iter().any(|v| v.is_nan()) {
                    true => f64::NAN,
                    false => {
                        let (low, between) = place(sorted.len(), percent).unwrap();
                        let upper = (between > 0.0).then(|| key(sorted[low + 1]));
                        interpolate(key(sorted[low]), upper, between, &Subtract::NOTHING)
                    }
                };
                let found = window.percentile(percent, &Subtract::NOTHING);
                prop_assert!(found.to_bits() == want.to_bits() || found.is_nan() && want.is_nan());
            }
        }
    }
}
