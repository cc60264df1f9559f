//! The largest response of every pixel.

use crate::error::same_shape;
use crate::mean_image::rows_of_a_band;
use crate::{Error, TimeAxis};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView3, ArrayViewMut2, Axis, Slice};

/// Seconds that frames are averaged over by [`PeakMap::since_time_0`].
pub const PEAK_WINDOW_S: f64 = 0.25;

/// Collects the peak of every pixel's dF/F from blocks of frames `(t, y, x)` in order.
///
/// The largest of a pixel's single frames is mostly noise, so frames are averaged first: the peak is the
/// largest of the means over consecutive windows of `window` frames, the first starting at frame
/// `from`. A rest shorter than a window is left out, unless there is no whole window. Any blocks give the same
/// bits. NaN in a window makes that window NaN; a pixel whose windows are all NaN is NaN.
///
/// ```
/// use widefield::render::PeakMap;
///
/// let mut peak = PeakMap::new((1, 1), 1, 2);
/// // Windows: (frame 0 is before), frames 1 and 2, frames 3 and 4.
/// for value in [9.0, 0.1, 0.3, 0.5, 0.1] {
///     peak.add(ndarray::Array3::from_elem((1, 1, 1), value).view())?;
/// }
/// assert!((peak.finish()[(0, 0)] - 0.3).abs() < 1e-6);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PeakMap {
    from: usize,
    window: usize,
    frames: usize,
    sum: Array2<f32>,
    largest: Array2<f32>,
}

impl PeakMap {
    /// Nothing collected yet, for frames of the shape `(height, width)`; a window of 0 counts as 1.
    #[must_use]
    pub fn new(dim: (usize, usize), from: usize, window: usize) -> Self {
        Self {
            from,
            window: window.max(1),
            frames: 0,
            sum: Array2::zeros(dim),
            largest: Array2::from_elem(dim, f32::NAN),
        }
    }

    /// Nothing collected yet, for means over [`PEAK_WINDOW_S`] from time 0 on, in a movie of `frames` frames with the
    /// times of `axis`. A movie that ends before time 0 is looked at from its first frame on, and where no rate is
    /// known a window is one frame.
    ///
    /// ```
    /// use widefield::{TimeAxis, render::PeakMap};
    ///
    /// let axis = TimeAxis { sample_rate_hz: 8.0, first_frame_s: -0.5 };
    /// let mut peak = PeakMap::since_time_0((1, 1), 8, &axis);
    /// // Frames 0 to 3 are before; windows: frames 4 and 5, frames 6 and 7.
    /// for value in [9.0, 9.0, 9.0, 9.0, 1.0, 3.0, 4.0, 5.0] {
    ///     peak.add(ndarray::Array3::from_elem((1, 1, 1), value).view())?;
    /// }
    /// assert_eq!(peak.finish()[(0, 0)], 4.5);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    #[must_use]
    pub fn since_time_0(dim: (usize, usize), frames: usize, axis: &TimeAxis) -> Self {
        let before = axis.frames_before(0.0, frames);
        let from = if before < frames { before } else { 0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is used as a count of frames"
        )]
        let window = (PEAK_WINDOW_S * axis.sample_rate_hz).round() as usize;
        Self::new(dim, from, window)
    }

    /// Adds a block of frames of dF/F.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape.
    pub fn add(&mut self, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        same_shape("block of frames", self.sum.shape(), &block.shape()[1..])?;
        let rows = rows_of_a_band(self.sum.ncols());
        self.bands(rows, block.len_of(Axis(0)))
            .enumerate()
            .for_each(|(band, mut peaks)| {
                let first = band * rows;
                let range = Slice::from(first..first + peaks.sum.nrows());
                for (t, frame) in block.axis_iter(Axis(0)).enumerate() {
                    let frame = frame.slice_axis(Axis(0), range);
                    if let Some(frame) = frame.as_standard_layout().as_slice() {
                        peaks.add(t, frame);
                    }
                }
            });
        Ok(())
    }

    /// Height and width of a frame.
    pub(crate) fn dim(&self) -> (usize, usize) {
        self.sum.dim()
    }

    /// Bands of so many rows, from top to bottom, each of which must be given the next `frames` frames.
    pub(crate) fn bands(
        &mut self,
        rows: usize,
        frames: usize,
    ) -> impl IndexedParallelIterator<Item = Band<'_>> {
        let (from, window, seen) = (self.from, self.window, self.frames);
        self.frames += frames;
        self.sum
            .axis_chunks_iter_mut(Axis(0), rows)
            .into_par_iter()
            .zip(self.largest.axis_chunks_iter_mut(Axis(0), rows))
            .map(move |(sum, largest)| Band {
                sum,
                largest,
                from,
                window,
                seen,
            })
    }

    /// The peaks `(y, x)`; all NaN if no frame came after the start.
    #[must_use]
    pub fn finish(mut self) -> Array2<f32> {
        let seen = self.frames.saturating_sub(self.from);
        let mut length = self.window;
        if seen < self.window && seen > 0 {
            // `f32::max` prefers a number to NaN.
            self.largest
                .zip_mut_with(&self.sum, |largest, &sum| *largest = largest.max(sum));
            length = seen;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few frames")]
        let length = length as f32;
        self.largest / length
    }
}

/// Some rows of a [`PeakMap`].
pub(crate) struct Band<'a> {
    sum: ArrayViewMut2<'a, f32>,
    largest: ArrayViewMut2<'a, f32>,
    from: usize,
    window: usize,
    /// Frames before this block.
    seen: usize,
}

impl Band<'_> {
    /// Adds these rows of frame `t` of the block, row after row.
    pub(crate) fn add(&mut self, t: usize, rows: &[f32]) {
        let Some(place) = (self.seen + t).checked_sub(self.from) else {
            return;
        };
        if let (Some(sum), Some(largest)) = (self.sum.as_slice_mut(), self.largest.as_slice_mut()) {
            add(sum, rows, place.is_multiple_of(self.window));
            if (place + 1).is_multiple_of(self.window) {
                raise(largest, sum);
            }
        }
    }
}

/// Adds a frame to the window, or begins one with it.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add(sum: &mut [f32], frame: &[f32], begins: bool) {
    if begins {
        sum.copy_from_slice(frame);
        return;
    }
    for (sum, &value) in sum.iter_mut().zip(frame) {
        *sum += value;
    }
}

/// Takes over what is larger; a number is preferred to NaN.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn raise(largest: &mut [f32], sum: &[f32]) {
    for (largest, &sum) in largest.iter_mut().zip(sum) {
        *largest = if sum > *largest || largest.is_nan() {
            sum
        } else {
            *largest
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn blocks_do_not_matter_and_nan_stays() {
        let movie = Array3::from_shape_fn((23, 3, 4), |(t, y, x)| match (y, x) {
            (0, 0) => f32::NAN,
            _ => ((t * 7 + y * 5 + x * 3) % 11) as f32,
        });
        let of = |length: usize| {
            let mut peak = PeakMap::new((3, 4), 4, 5);
            for block in movie.axis_chunks_iter(Axis(0), length) {
                peak.add(block).unwrap();
            }
            peak.finish()
        };
        let whole = of(23);
        assert!(whole[(0, 0)].is_nan());
        for length in [1, 3, 8] {
            let parts = of(length);
            for (a, b) in parts.iter().zip(&whole) {
                assert!(a.to_bits() == b.to_bits());
            }
        }
        // Windows 4..9, 9..14, 14..19; the rest 19..23 is left out.
        let mean = |from: usize| (from..from + 5).map(|t| movie[(t, 1, 2)]).sum::<f32>() / 5.0;
        let want = mean(4).max(mean(9)).max(mean(14));
        assert!((whole[(1, 2)] - want).abs() < 1e-6);
    }

    #[test]
    fn a_movie_shorter_than_a_window_is_one_window() {
        let mut peak = PeakMap::new((1, 1), 0, 10);
        peak.add(ndarray::array![[[1.0]], [[3.0]]].view()).unwrap();
        assert_eq!(peak.clone().finish(), ndarray::array![[2.0]]);
        assert!(peak.add(Array3::zeros((1, 2, 1)).view()).is_err());
        assert!(PeakMap::new((1, 1), 0, 10).finish()[(0, 0)].is_nan());
    }
}
