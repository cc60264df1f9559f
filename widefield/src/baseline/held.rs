//! How much of a movie is held that does not lie in memory.

use super::{Baseline, Frames, Span};
use crate::source::PART_BYTES;

/// Frames for which F0 that follows the trace is estimated at a time.
pub(super) const FOLLOWED: usize = 32;

/// Bytes of frames that are read from a movie that does not lie in memory, and held at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// While F0 is estimated.
    pub estimating: u64,
    /// While a block of frames becomes dF/F, beside that block.
    pub normalising: u64,
}

impl Baseline {
    /// What [`Baseline::estimate`] and [`Normaliser::block_into`](crate::Normaliser::block_into) hold at most of a
    /// movie of `n_frames` frames of `frame_bytes` bytes each, on so many threads, in blocks of `block` frames.
    /// Of a baseline in seconds it is the whole movie. Nothing overflows: what is too much is `u64::MAX`.
    ///
    /// ```
    /// use widefield::Baseline;
    ///
    /// let held = Baseline::Mean.held(200, 1 << 18, 2, 16);
    /// assert_eq!((held.estimating, held.normalising), (8 << 20, 0));
    /// ```
    pub fn held(&self, n_frames: usize, frame_bytes: u64, threads: usize, block: usize) -> Held {
        let part = PART_BYTES as u64;
        let frames = |n: usize| frame_bytes.saturating_mul(n.min(n_frames) as u64);
        let once = |estimating| Held {
            estimating,
            normalising: 0,
        };
        let around = |n: usize| Held {
            estimating: frames(n.saturating_add(FOLLOWED)),
            normalising: frames(n.saturating_add(block)),
        };
        match self {
            Self::Frames(Frames::Range(range)) => once(frames(range.len()).min(part)),
            Self::Frames(_) | Self::Mean | Self::Bleaching { .. } => {
                once(frames(n_frames).min(part))
            }
            // Tiles of rows, read by every thread.
            Self::Median | Self::Percentile { .. } => {
                once(part.saturating_mul(2).saturating_mul(threads as u64))
            }
            Self::SlidingPercentile { span, .. } => around(most(*span)),
            Self::Maximin { span, smoothing } => {
                // Both windows, and four standard deviations to either side.
                let smoothing = most(*smoothing).saturating_mul(8);
                around(most(*span).saturating_mul(2).saturating_add(smoothing))
            }
        }
    }
}

/// Whole frames that a length reaches over; any number of them where it is in seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn most(span: Span) -> usize {
    span.in_frames("span")
        .map_or(usize::MAX, |frames| frames.ceil() as usize)
}
