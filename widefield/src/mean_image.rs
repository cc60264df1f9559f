//! The mean over frames, one block of frames after the other.

use crate::error::same_shape;
use crate::number::count;
use crate::{Error, Subtract};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView3, Axis, Slice};

/// Pixels, in whole rows, that are summed over all frames before the next ones are begun: few enough for
/// their sums to stay in the cache, enough to read every frame in long runs.
const BAND_PIXELS: usize = 1 << 12;

/// Frames that are added together: a sum is loaded and stored once for all of them.
const TOGETHER: usize = 4;

/// Whole rows of `width` pixels that one task goes through.
pub(crate) fn rows_of_a_band(width: usize) -> usize {
    (BAND_PIXELS / width.max(1)).max(1)
}

/// Collects the mean over frames from blocks `(t, y, x)` in order.
///
/// Sums are f64 and take the frames in the order they come, pixel by pixel, so blocks of any length
/// and any number of threads give the same bits.
///
/// ```
/// use widefield::{MeanImage, Subtract};
///
/// let mut mean = MeanImage::new((1, 2));
/// mean.add(ndarray::array![[[1.0, 10.0]], [[2.0, 20.0]]].view(), &Subtract::NOTHING)?;
/// mean.add(ndarray::array![[[6.0, 60.0]]].view(), &Subtract::NOTHING)?;
/// assert_eq!(mean.finish()?, ndarray::array![[3.0, 30.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MeanImage {
    sum: Array2<f64>,
    n_frames: usize,
}

impl MeanImage {
    /// Nothing collected yet, for frames of the shape `(height, width)`.
    pub fn new(dim: (usize, usize)) -> Self {
        Self {
            sum: Array2::zeros(dim),
            n_frames: 0,
        }
    }

    /// Adds the fluorescence of a block of frames. NaN makes the pixel NaN.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape.
    pub fn add(&mut self, block: ArrayView3<'_, f32>, subtract: &Subtract) -> Result<(), Error> {
        same_shape("block of frames", self.sum.shape(), &block.shape()[1..])?;
        self.n_frames += block.len_of(Axis(0));
        let (background, floor) = (subtract.background, subtract.floor());
        let rows = rows_of_a_band(self.sum.ncols());
        self.sum
            .axis_chunks_iter_mut(Axis(0), rows)
            .into_par_iter()
            .enumerate()
            .for_each(|(band, mut sums)| {
                let first = band * rows;
                let range = Slice::from(first..first + sums.nrows());
                for frames in block.axis_chunks_iter(Axis(0), TOGETHER) {
                    let rows = frames.slice_axis(Axis(1), range);
                    let slices: [_; TOGETHER] = std::array::from_fn(|t| {
                        (t < rows.len_of(Axis(0)))
                            .then(|| rows.index_axis_move(Axis(0), t).to_slice())?
                    });
                    if let (Some(sums), [Some(a), Some(b), Some(c), Some(d)]) =
                        (sums.as_slice_mut(), slices)
                    {
                        add_together(sums, [a, b, c, d], background, floor);
                        continue;
                    }
                    for frame in rows.outer_iter() {
                        match (sums.as_slice_mut(), frame.as_slice()) {
                            (Some(sums), Some(frame)) => add_one(sums, frame, background, floor),
                            _ => sums
                                .zip_mut_with(&frame, |sum, &value| *sum += subtract.value(value)),
                        }
                    }
                }
            });
        Ok(())
    }

    /// Number of frames added so far.
    pub fn n_frames(&self) -> usize {
        self.n_frames
    }

    /// The mean image `(y, x)`.
    ///
    /// # Errors
    /// [`Error::Empty`] if no frame was added.
    pub fn finish(self) -> Result<Array2<f64>, Error> {
        if self.n_frames == 0 {
            return Err(Error::Empty { what: "movie" });
        }
        Ok(self.sum / count(self.n_frames))
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_together(sums: &mut [f64], frames: [&[f32]; TOGETHER], background: f64, floor: f64) {
    add(sums, frames, background, floor);
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_one(sums: &mut [f64], frame: &[f32], background: f64, floor: f64) {
    add(sums, [frame], background, floor);
}

/// One frame after the other for every pixel, the sum in a register.
#[inline(always)]
fn add<const N: usize>(sums: &mut [f64], frames: [&[f32]; N], background: f64, floor: f64) {
    let n = sums.len();
    let frames = frames.map(|frame| &frame[..n]);
    for (x, sum) in sums.iter_mut().enumerate() {
        for frame in frames {
            let value = f64::from(frame[x]) - background;
            *sum += if value < floor { floor } else { value };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, s};

    #[test]
    fn strided_frames_give_the_same_sums() {
        let movie =
            Array3::from_shape_fn((5, 20, 9), |(t, y, x)| (t * 100 + y * 10 + x) as f32 * 0.1);
        let subtract = Subtract {
            background: 7.3,
            clamp_negative: true,
        };
        let turned = movie.view().permuted_axes([0, 2, 1]);
        let turned_mean = subtract.mean(turned).unwrap();
        assert_eq!(turned_mean.t(), subtract.mean(movie.view()).unwrap());
    }

    #[test]
    fn no_frame_is_an_error_and_shapes_must_fit() {
        let movie = Array3::zeros((3, 4, 5));
        assert_eq!(
            Subtract::NOTHING.mean(movie.slice(s![..0, .., ..])),
            Err(Error::Empty { what: "movie" })
        );
        let mut mean = MeanImage::new((5, 4));
        assert!(matches!(
            mean.add(movie.view(), &Subtract::NOTHING),
            Err(Error::Shape { .. })
        ));
        assert_eq!(mean.n_frames(), 0);
    }
}
