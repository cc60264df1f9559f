//! Frames and seconds.

use crate::number::count;
use std::ops::Range;

/// Time of every frame: `frame / sample_rate_hz + first_frame_s`, in f64.
///
/// ```
/// let axis = widefield::TimeAxis { sample_rate_hz: 20.0, first_frame_s: -3.0 };
/// assert_eq!(axis.time_s(60), 0.0);
/// assert_eq!(axis.frames_before(-2.0, 200), 20); // frames 0 to 19; frame 20 is at -2.0
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeAxis {
    /// Frames per second, above 0.
    pub sample_rate_hz: f64,
    /// Time of frame 0 in seconds, relative to the event that is time 0.
    pub first_frame_s: f64,
}

impl TimeAxis {
    /// Time of frame `frame` (from 0) in seconds.
    pub fn time_s(&self, frame: usize) -> f64 {
        count(frame) / self.sample_rate_hz + self.first_frame_s
    }

    /// How many of `n_frames` frames have a time before `s`; they are the first ones.
    ///
    /// 0 if a number is NaN or the rate is not above 0.
    pub fn frames_before(&self, s: f64, n_frames: usize) -> usize {
        if self.sample_rate_hz.is_nan() || self.sample_rate_hz <= 0.0 {
            return 0;
        }
        // Times never decrease, so the border is found by halving.
        let (mut low, mut high) = (0, n_frames);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.time_s(middle) < s {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    }

    /// The frames of `n_frames` whose time is from `from_s` on and before `to_s`; empty if there are none.
    ///
    /// ```
    /// let axis = widefield::TimeAxis { sample_rate_hz: 20.0, first_frame_s: -3.0 };
    /// assert_eq!(axis.frames_between(-2.5, -2.0, 200), 10..20);
    /// ```
    pub fn frames_between(&self, from_s: f64, to_s: f64, n_frames: usize) -> Range<usize> {
        let end = self.frames_before(to_s, n_frames);
        self.frames_before(from_s, n_frames).min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_before_counts_what_the_definition_selects() {
        for rate in [0.1, 20.0, 29.97, 1e9] {
            let axis = TimeAxis {
                sample_rate_hz: rate,
                first_frame_s: -3.0,
            };
            for s in [-10.0, -3.0, -2.0, -2.95, 0.0, 1e12, f64::INFINITY, f64::NAN] {
                let count = (0..100).filter(|&frame| axis.time_s(frame) < s).count();
                assert_eq!(axis.frames_before(s, 100), count, "rate {rate}, before {s}");
            }
        }
        let axis = TimeAxis {
            sample_rate_hz: 20.0,
            first_frame_s: -3.0,
        };
        assert_eq!(axis.frames_between(-3.0, -2.9, 100), 0..2);
        assert_eq!(axis.frames_between(-2.0, -2.5, 100), 10..10);
        assert!(axis.frames_between(50.0, 60.0, 100).is_empty());
        for rate in [0.0, -20.0, f64::NAN] {
            let axis = TimeAxis {
                sample_rate_hz: rate,
                first_frame_s: 0.0,
            };
            assert_eq!(axis.frames_before(1.0, 100), 0);
        }
    }
}
