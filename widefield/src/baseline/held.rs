//! How much is held beside the movie and a few images.

use super::sliding::{LANE_BYTES, Sliding};
use super::{Baseline, Frames, Taken};
use crate::Subtract;
use crate::source::PART_BYTES;

/// Bytes held at a time, beside the movie and what is as small as a few images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Frames that are read while F0 is estimated, of a movie that does not lie in memory.
    pub estimating: u64,
    /// Frames that are read while blocks become dF/F, of a movie that does not lie in memory.
    pub normalising: u64,
    /// F0 of the frames that come next and traces of single pixels, also where the movie lies in memory.
    pub always: u64,
}

impl Baseline {
    /// What [`Baseline::estimate`] and [`Normaliser::block_into`](crate::Normaliser::block_into) hold at most for a
    /// movie of `n_frames` frames of `frame_bytes` bytes each, on so many threads, in blocks of `block` frames.
    /// Of a baseline in seconds it is the whole movie, of parameters that are not possible 0. Nothing overflows: what is
    /// too much is `u64::MAX`.
    ///
    /// ```
    /// use widefield::{Baseline, baseline::Span};
    ///
    /// let held = Baseline::Mean.held(200, 1 << 18, 2, 16);
    /// assert_eq!((held.estimating, held.normalising, held.always), (8 << 20, 0, 0));
    /// // 600 frames around each of 149, which are done at a time, and F0 of these in f64.
    /// let sliding = Baseline::SlidingPercentile { percentile: 8.0, span: Span::frames(600) };
    /// let held = sliding.held(6000, 1 << 18, 2, 16);
    /// assert_eq!(held.normalising, 748 << 18);
    /// assert!((149 << 19..190 << 19).contains(&held.always));
    /// ```
    pub fn held(&self, n_frames: usize, frame_bytes: u64, threads: usize, block: usize) -> Held {
        if self.check().is_err() {
            return Held::default();
        }
        let part = PART_BYTES as u64;
        let threads = threads as u64;
        let frames = |n: usize| frame_bytes.saturating_mul(n.min(n_frames) as u64);
        let once = |estimating| Held {
            estimating,
            ..Held::default()
        };
        // Tiles of rows of all frames; a thread may begin another while it waits for the first.
        let tiles = part.saturating_mul(2).saturating_mul(threads);
        let following = |sliding: Sliding| {
            // A longer block is made as it is.
            let stretch = match sliding.stretch() {
                stretch if block < stretch => stretch.min(n_frames),
                _ => 0,
            };
            let traces = (n_frames as u64)
                .saturating_mul(LANE_BYTES)
                .saturating_mul(threads);
            Held {
                estimating: tiles,
                normalising: frames(sliding.needed(block.max(stretch))),
                always: frames(stretch).saturating_mul(2).saturating_add(traces),
            }
        };
        let whole = Held {
            estimating: tiles,
            normalising: frames(n_frames),
            always: frames(n_frames).saturating_mul(2),
        };
        let read = match self {
            Self::Frames(Frames::Range(range)) => range.len(),
            _ => n_frames,
        };
        match self.taken(n_frames, &Subtract::NOTHING) {
            Ok(Taken::Mean | Taken::Fading) => once(frames(read).min(part)),
            Ok(Taken::OfTraces(_)) => once(tiles),
            Ok(Taken::Around(sliding)) => following(sliding),
            Err(_) => whole,
        }
    }
}
