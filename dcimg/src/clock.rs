//! The clock of a movie: all framestamps and timestamps, and what they say about dropped frames.

use crate::{Error, Stamp, Timestamp, Warning};

/// Framestamps and timestamps of a movie, in frame order.
///
/// ```
/// use dcimg::{Clock, Stamp, Timestamp};
/// let stamp = |framestamp, microseconds| Stamp {
///     framestamp,
///     time: Timestamp { seconds: 100, microseconds },
/// };
/// // Frame 2 was dropped by the camera.
/// let clock = Clock::from_stamps([stamp(0, 0), stamp(1, 50_000), stamp(3, 150_000)]);
/// assert_eq!(clock.dropped(), 1);
/// assert_eq!(clock.gaps()[0].after, 1);
/// assert!((clock.rate_hz() - 2.0 / 0.15).abs() < 1e-12);
/// assert!((clock.camera_rate_hz() - 3.0 / 0.15).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    pub(crate) framestamps: Vec<u32>,
    pub(crate) times: Vec<Timestamp>,
}

/// Frames that the camera counted but the recorder did not store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Gap {
    /// Index of the frame after which frames are missing.
    pub after: usize,
    /// How many are missing.
    pub missing: u32,
}

/// Steps of the framestamp from this size on are taken as backward.
const HALF: u32 = 1 << 31;

impl Clock {
    /// A clock of these stamps.
    #[must_use]
    pub fn from_stamps(stamps: impl IntoIterator<Item = Stamp>) -> Self {
        let (framestamps, times) = stamps
            .into_iter()
            .map(|stamp| (stamp.framestamp, stamp.time))
            .unzip();
        Self { framestamps, times }
    }

    /// Without stamps, but with room for those of `frames` frames.
    pub(crate) fn with_room(frames: usize) -> Result<Self, Error> {
        let mut clock = Self::default();
        clock
            .framestamps
            .try_reserve_exact(frames)
            .and_then(|()| clock.times.try_reserve_exact(frames))
            .map_err(|_| Error::Memory {
                what: "the clock",
                bytes: (frames as u64).saturating_mul(12),
            })?;
        Ok(clock)
    }

    pub(crate) fn extend(&mut self, stamps: impl IntoIterator<Item = Stamp>) {
        for Stamp { framestamp, time } in stamps {
            self.framestamps.push(framestamp);
            self.times.push(time);
        }
    }

    /// Number of frames with stamps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.framestamps.len()
    }

    /// Whether there are no stamps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.framestamps.is_empty()
    }

    /// The camera's counter, one a frame.
    #[must_use]
    pub fn framestamps(&self) -> &[u32] {
        &self.framestamps
    }

    /// When each frame was recorded.
    #[must_use]
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// From the first frame to the last, in seconds; NaN below two frames.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        match (self.times.first(), self.times.last()) {
            (Some(&first), Some(&last)) if self.len() > 1 => last.seconds_since(first),
            _ => f64::NAN,
        }
    }

    /// Stored frames per second, `(len - 1) / duration`; NaN below two frames, infinite if all
    /// have one time. Dropped frames lower it: see [`Clock::camera_rate_hz`].
    #[must_use]
    pub fn rate_hz(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "frame counts are far below 2^53"
        )]
        let steps = self.len().saturating_sub(1) as f64;
        steps / self.duration_s()
    }

    /// Frames per second that the camera counted, dropped ones included: what a nominal frame
    /// rate is compared with. Equals [`Clock::rate_hz`] if nothing was dropped.
    #[must_use]
    pub fn camera_rate_hz(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "frame counts are far below 2^53"
        )]
        let steps = (self.len().saturating_sub(1) as u64 + self.dropped()) as f64;
        steps / self.duration_s()
    }

    /// Relative deviation of the camera's rate from a nominal one, `rate / nominal - 1`:
    /// 0.01 is one per cent too fast. NaN below two frames.
    #[must_use]
    pub fn rate_deviation(&self, nominal_hz: f64) -> f64 {
        self.camera_rate_hz() / nominal_hz - 1.0
    }

    /// Seconds from each frame to the next; one fewer than frames, none for no frame. Negative
    /// where the clock was set back.
    #[must_use]
    pub fn intervals_s(&self) -> Vec<f64> {
        self.times
            .windows(2)
            .map(|pair| pair[1].seconds_since(pair[0]))
            .collect()
    }

    /// Where framestamps jump forward by more than one, wrap-around included.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.steps()
            .filter(|&(_, step)| step > 1 && step < HALF)
            .map(|(after, step)| Gap {
                after,
                missing: step - 1,
            })
            .collect()
    }

    /// Number of frames missing in all gaps.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.gaps().iter().map(|gap| u64::from(gap.missing)).sum()
    }

    /// Frames after which the clock goes back: the next timestamp is earlier.
    #[must_use]
    pub fn backward_steps(&self) -> Vec<usize> {
        self.times
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| pair[1].as_microseconds() < pair[0].as_microseconds())
            .map(|(after, _)| after)
            .collect()
    }

    /// Frames after which the framestamp repeats or goes back.
    #[must_use]
    pub fn framestamp_resets(&self) -> Vec<usize> {
        self.steps()
            .filter(|&(_, step)| step == 0 || step >= HALF)
            .map(|(after, _)| after)
            .collect()
    }

    /// What is odd about the clock, except dropped frames, which [`Clock::gaps`] tells.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let odd = |time: &Timestamp| time.microseconds >= 1_000_000;
        if let Some(frame) = self.times.iter().position(odd) {
            let time = self.times[frame];
            warnings.push(Warning::Microseconds { frame, time });
        }
        let backward = self.backward_steps();
        if let Some(&frame) = backward.first() {
            let count = backward.len();
            warnings.push(Warning::ClockBackwards { frame, count });
        }
        let resets = self.framestamp_resets();
        if let Some(&frame) = resets.first() {
            let count = resets.len();
            warnings.push(Warning::FramestampOrder { frame, count });
        }
        warnings
    }

    /// Each frame but the last with the wrapping step of the framestamp to the next.
    fn steps(&self) -> impl Iterator<Item = (usize, u32)> {
        self.framestamps
            .windows(2)
            .map(|pair| pair[1].wrapping_sub(pair[0]))
            .enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(stamps: &[(u32, u32, u32)]) -> Clock {
        Clock::from_stamps(
            stamps
                .iter()
                .map(|&(framestamp, seconds, microseconds)| Stamp {
                    framestamp,
                    time: Timestamp {
                        seconds,
                        microseconds,
                    },
                }),
        )
    }

    #[test]
    fn steady_recording() {
        let clock = clock(&[(5, 10, 0), (6, 10, 250_000), (7, 10, 500_000)]);
        assert_eq!(clock.rate_hz(), 4.0);
        assert_eq!(clock.camera_rate_hz(), 4.0);
        assert_eq!(clock.rate_deviation(5.0), 4.0 / 5.0 - 1.0);
        assert_eq!(clock.intervals_s(), [0.25, 0.25]);
        assert_eq!((clock.dropped(), clock.gaps().len()), (0, 0));
        assert!(clock.warnings().is_empty());
    }

    #[test]
    fn below_two_frames_there_is_no_rate() {
        assert!(clock(&[]).rate_hz().is_nan());
        assert!(clock(&[(0, 1, 0)]).rate_hz().is_nan());
        assert!(clock(&[(0, 1, 0)]).intervals_s().is_empty());
        assert_eq!(clock(&[(0, 1, 0), (1, 1, 0)]).rate_hz(), f64::INFINITY);
    }

    #[test]
    fn wrap_around_is_no_gap_and_gaps_cross_it() {
        let wrapped = clock(&[(u32::MAX - 1, 1, 0), (u32::MAX, 2, 0), (0, 3, 0), (2, 4, 0)]);
        assert_eq!(
            wrapped.gaps(),
            [Gap {
                after: 2,
                missing: 1
            }]
        );
        let across = clock(&[(u32::MAX, 1, 0), (3, 2, 0)]);
        assert_eq!(across.dropped(), 3);
        assert!(across.framestamp_resets().is_empty());
    }

    #[test]
    fn a_restarted_counter_is_no_gap() {
        let clock = clock(&[(8, 1, 0), (9, 2, 0), (0, 3, 0), (0, 4, 0)]);
        assert!(clock.gaps().is_empty());
        assert_eq!(clock.framestamp_resets(), [1, 2]);
        assert_eq!(
            clock.warnings(),
            [Warning::FramestampOrder { frame: 1, count: 2 }]
        );
    }

    #[test]
    fn clock_set_back_is_reported() {
        let clock = clock(&[(0, 5, 0), (1, 6, 0), (2, 4, 0), (3, 5, 0)]);
        assert_eq!(clock.backward_steps(), [1]);
        assert_eq!(clock.intervals_s(), [1.0, -2.0, 1.0]);
        assert!(matches!(
            clock.warnings()[..],
            [Warning::ClockBackwards { frame: 1, count: 1 }]
        ));
    }
}
