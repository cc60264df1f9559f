//! F0, the fluorescence at rest.

use crate::{Error, Subtract};
use ndarray::{Array2, ArrayView3, Axis, Slice};
use std::ops::Range;

/// How F0 is taken from each pixel's trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Baseline {
    /// Mean over a half-open range of frames, counted from 0.
    Frames(Range<usize>),
}

impl Baseline {
    /// Mean over the frames `frames`, half-open: `9..12` takes frames 9, 10 and 11.
    pub fn frames(frames: Range<usize>) -> Self {
        Self::Frames(frames)
    }

    /// The range of frames this takes from a movie of `n_frames`.
    ///
    /// # Errors
    /// [`Error::BaselineEmpty`] if it selects nothing, [`Error::BaselineBeyondEnd`] if it reaches
    /// beyond the movie.
    pub fn range(&self, n_frames: usize) -> Result<Range<usize>, Error> {
        let Self::Frames(Range { start, end }) = *self;
        if start >= end {
            return Err(Error::BaselineEmpty { start, end });
        }
        if end > n_frames {
            return Err(Error::BaselineBeyondEnd {
                start,
                end,
                n_frames,
            });
        }
        Ok(start..end)
    }

    /// F0 of every pixel `(y, x)`, in the unit of the movie `(t, y, x)`, f64.
    ///
    /// Frames are added in order, so the result is the same for any number of threads. A NaN in a
    /// selected frame makes F0 of that pixel NaN.
    ///
    /// ```
    /// use widefield::{Baseline, Subtract};
    ///
    /// let movie = ndarray::array![[[9.0]], [[104.0]], [[108.0]], [[500.0]]];
    /// let subtract = Subtract { background: 6.0, clamp_negative: true };
    /// assert_eq!(Baseline::frames(1..3).f0(movie.view(), &subtract)?, ndarray::array![[100.0]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Baseline::range`].
    pub fn f0(
        &self,
        movie: ArrayView3<'_, f32>,
        subtract: &Subtract,
    ) -> Result<Array2<f64>, Error> {
        let range = self.range(movie.len_of(Axis(0)))?;
        subtract.mean(movie.slice_axis(Axis(0), Slice::from(range)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn selections_outside_the_movie_are_errors() {
        let movie = Array3::<f32>::zeros((10, 2, 2));
        let f0 = |range| Baseline::frames(range).f0(movie.view(), &Subtract::NOTHING);
        assert!(f0(9..10).is_ok());
        assert_eq!(
            f0(9..12),
            Err(Error::BaselineBeyondEnd {
                start: 9,
                end: 12,
                n_frames: 10
            })
        );
        assert_eq!(f0(4..4), Err(Error::BaselineEmpty { start: 4, end: 4 }));
        #[expect(clippy::reversed_empty_ranges, reason = "what a configuration may say")]
        let reversed = f0(5..3);
        assert_eq!(reversed, Err(Error::BaselineEmpty { start: 5, end: 3 }));
        assert!(f0(usize::MAX - 1..usize::MAX).is_err());
    }
}
