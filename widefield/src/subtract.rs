//! Counts to fluorescence: the background taken off on the fly.

use crate::number::narrow;
use crate::{Error, MeanImage};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, Axis};

/// How counts become fluorescence: `max(count - background, 0)`, or without the `max`.
///
/// In f64 for every pixel. The operators that follow take it as an argument, so that no second
/// movie needs to be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subtract {
    /// Counts of a pixel without fluorescence.
    pub background: f64,
    /// Whether values below the background become 0.
    pub clamp_negative: bool,
}

impl Subtract {
    /// Takes nothing off: every value as it is.
    pub const NOTHING: Self = Self {
        background: 0.0,
        clamp_negative: false,
    };

    /// Fluorescence of one pixel. NaN stays NaN.
    ///
    /// ```
    /// let subtract = widefield::Subtract { background: 60.5, clamp_negative: true };
    /// assert_eq!(subtract.value(100.0), 39.5);
    /// assert_eq!(subtract.value(20.0), 0.0);
    /// ```
    #[inline(always)]
    pub fn value(&self, count: f32) -> f64 {
        let value = f64::from(count) - self.background;
        if value < self.floor() {
            self.floor()
        } else {
            value
        }
    }

    /// Mean fluorescence over the frames of a movie `(t, y, x)`: an image `(y, x)`.
    ///
    /// One pass, no second movie; frames are added in order in f64, so the result is the same for
    /// any number of threads, and the same as [`MeanImage`] gives for any blocks.
    ///
    /// ```
    /// let movie = ndarray::array![[[50.0, 10.0]], [[70.0, 30.0]]];
    /// let subtract = widefield::Subtract { background: 20.0, clamp_negative: true };
    /// assert_eq!(subtract.mean(movie.view())?, ndarray::array![[40.0, 5.0]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] if the movie has no frame.
    pub fn mean(&self, movie: ArrayView3<'_, f32>) -> Result<Array2<f64>, Error> {
        let (_, height, width) = movie.dim();
        let mut mean = MeanImage::new((height, width));
        mean.add(movie, self)?;
        mean.finish()
    }

    /// The fluorescence movie `(t, y, x)`, rounded to f32.
    pub fn movie(&self, movie: ArrayView3<'_, f32>) -> Array3<f32> {
        let mut out = movie.as_standard_layout().into_owned();
        out.axis_iter_mut(Axis(0))
            .into_par_iter()
            .for_each(|mut frame| {
                if let Some(frame) = frame.as_slice_mut() {
                    clean(frame, self.background, self.floor());
                }
            });
        out
    }

    /// The lowest fluorescence possible.
    #[inline(always)]
    pub(crate) fn floor(&self) -> f64 {
        if self.clamp_negative {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn clean(frame: &mut [f32], background: f64, floor: f64) {
    for value in frame {
        let clean = f64::from(*value) - background;
        *value = narrow(if clean < floor { floor } else { clean });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn movie_holds_the_values_rounded_once() {
        let movie = array![[[1000.1_f32, 3.0], [f32::NAN, f32::INFINITY]]];
        let subtract = Subtract {
            background: 10.000_000_1,
            clamp_negative: true,
        };
        let clean = subtract.movie(movie.view());
        // Neighbours of 990.1 in f32 are 6e-5 away, so what is taken off beyond 10 rounds away.
        assert_eq!(clean[(0, 0, 0)], 990.1);
        assert_eq!(clean[(0, 0, 1)], 0.0);
        assert!(clean[(0, 1, 0)].is_nan());
        assert_eq!(clean[(0, 1, 1)], f32::INFINITY);
    }

    #[test]
    fn without_clamping_negative_values_stay() {
        let subtract = Subtract {
            background: 5.0,
            clamp_negative: false,
        };
        assert_eq!(subtract.value(3.0), -2.0);
        assert_eq!(Subtract::NOTHING.value(-0.5), -0.5);
    }
}
