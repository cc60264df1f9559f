//! F0, the fluorescence at rest.

mod bleaching;
mod held;
mod ranks;
mod result;
pub(crate) mod sliding;

pub(crate) use result::{Buffers, Course, PIECE};
pub use held::Held;
pub use result::F0;

use crate::number::count;
use crate::source::{each_block, image_of};
use crate::{Error, Mask, MeanImage, MovieSource, Subtract};
use ndarray::{Array2, ArrayView3};
use sliding::Sliding;
use std::fmt;
use std::ops::Range;

/// Largest standard deviation, in frames, of the smoothing of [`Baseline::Maximin`].
pub const MAX_SD_FRAMES: f64 = 1e4;

/// How F0 is taken from each pixel's trace.
///
/// The trace is fluorescence, background taken off. A NaN among the frames an F0 is made of makes it NaN.
///
/// ```
/// use widefield::{Baseline, Subtract};
///
/// // Light at rest is 100 counts; a response lifts it for 2 of 5 frames.
/// let movie = ndarray::array![[[100.0]], [[101.0]], [[150.0]], [[130.0]], [[99.0]]];
/// let f0 = |baseline: Baseline| baseline.f0(movie.view(), &Subtract::NOTHING);
/// assert_eq!(f0(Baseline::frames(0..2))?, ndarray::array![[100.5]]);
/// assert_eq!(f0(Baseline::Mean)?, ndarray::array![[116.0]]);
/// assert_eq!(f0(Baseline::Median)?, ndarray::array![[101.0]]);
/// assert_eq!(f0(Baseline::Percentile(25.0))?, ndarray::array![[100.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Baseline {
    /// Mean over a half-open range of frames, counted from 0: those before a stimulus, say.
    /// [`TimeAxis::frames_between`](crate::TimeAxis::frames_between) turns seconds into such a range.
    Frames(Range<usize>),
    /// Mean over all frames. For spontaneous activity; responses lift it.
    Mean,
    /// Median over all frames, of an even number the mean of the middle two: responses of less than half
    /// the time hardly lift it.
    Median,
    /// A percentile, 0 to 100, over all frames, with linear interpolation as `numpy.percentile`. 10 is usual
    /// where activity is frequent; noise makes it lie below the light at rest.
    Percentile(f64),
    /// The percentile of the frames around each frame: F0 follows slow changes of light.
    ///
    /// The window of frame `t` is `t - span/2 ..= t + (span - 1)/2`, as far as the movie goes.
    SlidingPercentile {
        /// 0 to 100, as [`Baseline::Percentile`].
        percent: f64,
        /// Frames in the window, at least 1; several times the length of a response.
        span_frames: usize,
    },
    /// The largest of the least smoothed values around each frame: the lower envelope of the trace.
    ///
    /// The trace is smoothed by a Gaussian, continued by reflection at both ends (`b a | a b c | c b`); then
    /// every frame takes the least value of its window, and of these minima every frame takes the largest in
    /// its window; windows as those of [`Baseline::SlidingPercentile`]. What suite2p calls `maximin`:
    /// `gaussian_filter1d`, `minimum_filter1d` and `maximum_filter1d` of SciPy.
    Maximin {
        /// Standard deviation of the smoothing in frames, 0 to [`MAX_SD_FRAMES`]; suite2p takes 10. Below
        /// 0.125 nothing is smoothed.
        smoothing_sd_frames: f64,
        /// Frames in the window, at least 1; suite2p takes 60 s.
        span_frames: usize,
    },
    /// The mean image over some frames, fading as the brain as a whole does:
    /// `F0(t, y, x) = I(y, x) g(t) / mean of g over the frames`.
    ///
    /// `g` is the exponential `a exp(-k t) + c`, by least squares from the mean trace of the kept pixels over
    /// all frames, divided by its mean. One curve for all pixels, as bleaching of one dye under one light:
    /// a curve for each pixel would follow its noise. The fit takes the responses for light too, so it suits
    /// responses that are short or local. Decays slower than 1000 movies are a line, faster ones than 1/100
    /// of a movie are not followed. At least 4 frames and one kept pixel are needed.
    Bleaching {
        /// Frames that `I` is the mean of; `None` for all.
        frames: Option<Range<usize>>,
    },
}

impl Baseline {
    /// Mean over the frames `frames`, half-open: `9..12` takes frames 9, 10 and 11.
    pub fn frames(frames: Range<usize>) -> Self {
        Self::Frames(frames)
    }

    /// The range of frames this takes from a movie of `n_frames`: all of them where F0 is made of all.
    ///
    /// # Errors
    /// [`Error::BaselineEmpty`] if it selects nothing, [`Error::BaselineBeyondEnd`] if it reaches
    /// beyond the movie.
    pub fn range(&self, n_frames: usize) -> Result<Range<usize>, Error> {
        let range = match self {
            Self::Frames(frames)
            | Self::Bleaching {
                frames: Some(frames),
            } => frames.clone(),
            _ => 0..n_frames,
        };
        let Range { start, end } = range;
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

    /// F0 of a movie that can be read again, wherever it lies.
    ///
    /// `mask` says which pixels count where all pixels are taken together, as for the curve of
    /// [`Baseline::Bleaching`]; F0 of the others is computed too. Memory beside the movie is a few images and
    /// blocks of 8 MiB; baselines that follow the trace hold 32 frames and as many as they look around.
    /// Reading by frames or by rows, blocks of any length and any number of threads give the same bits.
    ///
    /// ```
    /// use widefield::{Baseline, Mask, Subtract};
    ///
    /// let movie = ndarray::array![[[9.0]], [[104.0]], [[108.0]], [[500.0]]];
    /// let subtract = Subtract { background: 6.0, clamp_negative: true };
    /// let f0 = Baseline::Median.estimate(&movie.view(), &subtract, &Mask::keep_all((1, 1)))?;
    /// assert_eq!(f0.image(), ndarray::array![[100.0]]);
    /// assert_eq!(f0.baseline().to_string(), "median");
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Baseline::range`]; [`Error::Parameter`] if a percentile, span or smoothing is not possible;
    /// [`Error::Shape`] if the mask has another shape; [`Error::Source`] if the movie cannot be read; for
    /// [`Baseline::Bleaching`] [`Error::TooFewFrames`], [`Error::Empty`] if no pixel is kept and
    /// [`Error::NoCurve`] if the light is not finite and above 0.
    pub fn estimate(
        &self,
        movie: &(impl MovieSource + ?Sized),
        subtract: &Subtract,
        mask: &Mask,
    ) -> Result<F0, Error> {
        let (n_frames, height, width) = movie.dim();
        crate::error::same_shape("mask", &[height, width], mask.kept().shape())?;
        self.check()?;
        let range = self.range(n_frames)?;
        let percentiles = |percent| {
            image_of(movie, |tile, out| {
                ranks::percentiles(tile, percent, subtract, out);
            })
        };
        let (image, course) = match *self {
            Self::Frames(_) | Self::Mean => (mean(movie, range, subtract)?, Course::Constant),
            Self::Median => (percentiles(50.0)?, Course::Constant),
            Self::Percentile(percent) => (percentiles(percent)?, Course::Constant),
            Self::Bleaching { .. } => {
                let curve = bleaching::curve(&bleaching::mean_trace(movie, subtract, mask)?)?;
                let level = curve[range.clone()].iter().sum::<f64>() / count(range.len());
                let image = mean(movie, range, subtract)?.mapv(|value| value / level);
                (image, Course::Scaled(curve))
            }
            Self::SlidingPercentile {
                percent,
                span_frames,
            } => {
                return F0::sliding(
                    self,
                    Sliding::percentile(percent, span_frames, n_frames),
                    movie,
                    subtract,
                );
            }
            Self::Maximin {
                smoothing_sd_frames: sd,
                span_frames,
            } => {
                return F0::sliding(
                    self,
                    Sliding::maximin(sd, span_frames, n_frames),
                    movie,
                    subtract,
                );
            }
        };
        Ok(F0::new(self.clone(), image, course))
    }

    /// F0 of every pixel `(y, x)` of a movie `(t, y, x)` in memory, in its unit, f64; the mean over time of
    /// those that change. No pixel is masked.
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
    /// As [`Baseline::estimate`].
    pub fn f0(
        &self,
        movie: ArrayView3<'_, f32>,
        subtract: &Subtract,
    ) -> Result<Array2<f64>, Error> {
        let (_, height, width) = movie.dim();
        let f0 = self.estimate(&movie, subtract, &Mask::keep_all((height, width)))?;
        Ok(f0.into_image())
    }

    /// Whether the parameters are possible at all.
    fn check(&self) -> Result<(), Error> {
        if let Self::Percentile(percent) | Self::SlidingPercentile { percent, .. } = *self
            && !(0.0..=100.0).contains(&percent)
        {
            return Err(Error::Parameter {
                name: "percentile",
                value: percent,
                expected: "0 to 100",
            });
        }
        if let Self::Maximin {
            smoothing_sd_frames: sd,
            ..
        } = *self
            && !(0.0..=MAX_SD_FRAMES).contains(&sd)
        {
            return Err(Error::Parameter {
                name: "smoothing_sd_frames",
                value: sd,
                expected: "0 to 10000 frames",
            });
        }
        if let Self::SlidingPercentile { span_frames, .. } | Self::Maximin { span_frames, .. } =
            *self
            && span_frames == 0
        {
            return Err(Error::Parameter {
                name: "span_frames",
                value: 0.0,
                expected: "at least 1",
            });
        }
        Ok(())
    }
}

/// Name and parameters, in words.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(frames) => write!(f, "mean of frames {}..{}", frames.start, frames.end),
            Self::Mean => write!(f, "mean"),
            Self::Median => write!(f, "median"),
            Self::Percentile(percent) => write!(f, "percentile {percent}"),
            Self::SlidingPercentile {
                percent,
                span_frames,
            } => write!(
                f,
                "percentile {percent} of {span_frames} frames around each"
            ),
            Self::Maximin {
                smoothing_sd_frames: sd,
                span_frames,
            } => write!(
                f,
                "maximin over {span_frames} frames, smoothed by {sd} frames"
            ),
            Self::Bleaching { frames: None } => write!(f, "mean, bleaching exponentially"),
            Self::Bleaching {
                frames: Some(frames),
            } => write!(
                f,
                "mean of frames {}..{}, bleaching exponentially",
                frames.start, frames.end
            ),
        }
    }
}

fn mean(
    movie: &(impl MovieSource + ?Sized),
    frames: Range<usize>,
    subtract: &Subtract,
) -> Result<Array2<f64>, Error> {
    let (_, height, width) = movie.dim();
    let mut mean = MeanImage::new((height, width));
    each_block(movie, frames, |_, block| mean.add(block, subtract))?;
    mean.finish()
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

    #[test]
    fn impossible_parameters_are_errors() {
        let movie = Array3::<f32>::ones((10, 2, 2));
        let sliding = |percent, span_frames| Baseline::SlidingPercentile {
            percent,
            span_frames,
        };
        let maximin = |smoothing_sd_frames, span_frames| Baseline::Maximin {
            smoothing_sd_frames,
            span_frames,
        };
        for wrong in [
            Baseline::Percentile(-1.0),
            Baseline::Percentile(f64::NAN),
            sliding(101.0, 5),
            sliding(8.0, 0),
            maximin(f64::INFINITY, 5),
            maximin(-1.0, 5),
            maximin(1.0, 0),
        ] {
            let error = wrong.f0(movie.view(), &Subtract::NOTHING);
            assert!(matches!(error, Err(Error::Parameter { .. })), "{wrong}");
        }
        for possible in [
            sliding(8.0, usize::MAX),
            maximin(MAX_SD_FRAMES, usize::MAX),
            maximin(0.0, 1),
        ] {
            let f0 = possible.f0(movie.view(), &Subtract::NOTHING).unwrap();
            assert!(f0.iter().all(|f0| (f0 - 1.0).abs() < 1e-12), "{possible}");
        }
    }
}
