//! F0, the fluorescence at rest.

mod bleaching;
mod frames;
mod held;
mod ranks;
mod result;
mod sliding;

pub use frames::{Frames, Span};
pub use held::Held;
pub(crate) use result::Course;
pub use result::F0;
pub(crate) use sliding::{Buffers, Sliding};

use crate::number::count;
use crate::source::{each_block, image_of};
use crate::{Error, Mask, MeanImage, MovieSource, Subtract, TimeAxis};
use ndarray::{Array2, ArrayView3, ArrayViewMut2};
use std::fmt;
use std::ops::Range;

/// Largest standard deviation, in frames, of the smoothing of [`Baseline::Maximin`].
pub const MAX_SD_FRAMES: f64 = 1e4;

/// How F0 is taken from each pixel's trace.
///
/// The trace is fluorescence, background taken off. A NaN among the frames an F0 is made of makes it NaN.
///
/// Times are in seconds or in frames; before anything is computed, [`Baseline::resolve`] makes seconds frames. With
/// the feature `serde` this is what the table `[analysis.baseline]` of an experiment file holds: `method` and the
/// parameters of the variant, in seconds.
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
/// assert_eq!(f0(Baseline::Percentile { percentile: 25.0 })?, ndarray::array![[100.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Baseline {
    /// Mean over some frames: those before a stimulus, say.
    Frames(Frames),
    /// Mean over all frames. For spontaneous activity; responses lift it.
    Mean,
    /// Median over all frames, of an even number the mean of the middle two: responses of less than half
    /// the time hardly lift it.
    Median,
    /// A percentile, 0 to 100, over all frames, with linear interpolation as `numpy.percentile`. 10 is usual
    /// where activity is frequent; noise makes it lie below the light at rest.
    Percentile {
        /// Which, 0 to 100.
        #[cfg_attr(feature = "serde", serde(default = "defaults::tenth"))]
        percentile: f64,
    },
    /// The percentile of the frames around each frame: F0 follows slow changes of light.
    ///
    /// The window of frame `t` is `t - span/2 ..= t + (span - 1)/2`, as far as the movie goes.
    SlidingPercentile {
        /// 0 to 100, as [`Baseline::Percentile`].
        #[cfg_attr(feature = "serde", serde(default = "defaults::eighth"))]
        percentile: f64,
        /// Length of the window; several times that of a response.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "span_s", default = "defaults::five_seconds")
        )]
        span: Span,
    },
    /// The largest of the least smoothed values around each frame: the lower envelope of the trace.
    ///
    /// The trace is smoothed by a Gaussian, continued by reflection at both ends (`b a | a b c | c b`); then
    /// every frame takes the least value of its window, and of these minima every frame takes the largest in
    /// its window; windows as those of [`Baseline::SlidingPercentile`]. What suite2p calls `maximin`:
    /// `gaussian_filter1d`, `minimum_filter1d` and `maximum_filter1d` of SciPy.
    Maximin {
        /// Length of the window; suite2p takes 60 s.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "span_s", default = "defaults::five_seconds")
        )]
        span: Span,
        /// Standard deviation of the smoothing, 0 to [`MAX_SD_FRAMES`] frames; suite2p takes 10. Below 0.125 frames
        /// nothing is smoothed.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "smoothing_s", default = "defaults::half_a_second")
        )]
        smoothing: Span,
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
        #[cfg_attr(
            feature = "serde",
            serde(
                default,
                with = "frames::pair",
                skip_serializing_if = "Option::is_none"
            )
        )]
        frames: Option<Range<usize>>,
    },
}

/// What parameters are where a text does not say.
#[cfg(feature = "serde")]
mod defaults {
    use super::Span;

    pub(super) fn tenth() -> f64 {
        10.0
    }

    pub(super) fn eighth() -> f64 {
        8.0
    }

    pub(super) fn five_seconds() -> Span {
        Span::Seconds(5.0)
    }

    pub(super) fn half_a_second() -> Span {
        Span::Seconds(0.5)
    }
}

/// The mean of frames 9, 10 and 11.
impl Default for Baseline {
    fn default() -> Self {
        Self::Frames(Frames::default())
    }
}

impl Baseline {
    /// Mean over the frames `frames`, half-open: `9..12` takes frames 9, 10 and 11.
    pub fn frames(frames: Range<usize>) -> Self {
        Self::Frames(Frames::Range(frames))
    }

    /// The same in frames, for a movie of `n_frames` with that axis. What is in frames already stays as it is.
    ///
    /// ```
    /// use widefield::{Baseline, TimeAxis, baseline::{Frames, Span}};
    ///
    /// let axis = TimeAxis { sample_rate_hz: 20.0, first_frame_s: -3.0 };
    /// let before = Baseline::Frames(Frames::Before(-2.5));
    /// assert_eq!(before.resolve(&axis, 200), Baseline::frames(0..10));
    /// let sliding = Baseline::SlidingPercentile { percentile: 8.0, span: Span::Seconds(5.0) };
    /// assert_eq!(sliding.to_string(), "percentile 8 of 5 s around each");
    /// assert_eq!(sliding.resolve(&axis, 200).to_string(), "percentile 8 of 100 frames around each");
    /// ```
    #[must_use]
    pub fn resolve(&self, axis: &TimeAxis, n_frames: usize) -> Self {
        let mut resolved = self.clone();
        match &mut resolved {
            Self::Frames(frames) => *frames = Frames::Range(frames.range(axis, n_frames)),
            Self::SlidingPercentile { span, .. } => *span = span.resolve(axis).whole(),
            Self::Maximin { span, smoothing } => {
                *span = span.resolve(axis).whole();
                *smoothing = smoothing.resolve(axis);
            }
            Self::Mean | Self::Median | Self::Percentile { .. } | Self::Bleaching { .. } => {}
        }
        resolved
    }

    /// The range of frames this takes from a movie of `n_frames`: all of them where F0 is made of all.
    ///
    /// # Errors
    /// [`Error::BaselineEmpty`] if it selects nothing, [`Error::BaselineBeyondEnd`] if it reaches
    /// beyond the movie; [`Error::InSeconds`] if it is not [resolved](Baseline::resolve).
    pub fn range(&self, n_frames: usize) -> Result<Range<usize>, Error> {
        let range = match self {
            Self::Frames(Frames::Before(_) | Frames::Window(..)) => {
                return Err(Error::InSeconds { what: "frames" });
            }
            Self::Frames(Frames::Range(frames))
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
    /// [`Baseline::Bleaching`]; F0 of the others is computed too. Memory beside the movie is a few images and what
    /// [`Baseline::held`] says. Reading by frames or by rows, blocks of any length and any number of threads give the same bits.
    ///
    /// ```
    /// use widefield::{Baseline, Mask, Subtract};
    ///
    /// let movie = ndarray::array![[[9.0]], [[104.0]], [[108.0]], [[500.0]]];
    /// let subtract = Subtract { background: 6.0, clamp_negative: true };
    /// let f0 = Baseline::Median.estimate(&movie.view(), &subtract, &Mask::keep_all((1, 1)))?;
    /// assert_eq!(f0.image(), ndarray::array![[100.0]]);
    /// assert_eq!(f0.baseline(), Some(&Baseline::Median));
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Baseline::range`]; [`Error::InSeconds`] before [`Baseline::resolve`]; [`Error::Parameter`] if a percentile, span or smoothing is not possible;
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
        let (image, course) = match self.taken(n_frames, subtract)? {
            Taken::Mean => (mean(movie, range, subtract)?, Course::Constant),
            Taken::OfTraces(of_tile) => (image_of(movie, of_tile)?, Course::Constant),
            Taken::Around(sliding) => sliding.estimate(movie, subtract)?,
            Taken::Fading => {
                let curve = bleaching::curve(&bleaching::mean_trace(movie, subtract, mask)?)?;
                let level = curve[range.clone()].iter().sum::<f64>() / count(range.len());
                let image = mean(movie, range, subtract)?.mapv(|value| value / level);
                (image, Course::Scaled(curve))
            }
        };
        Ok(F0::new(self.clone(), image, course))
    }

    fn taken<'s>(&self, n_frames: usize, subtract: &'s Subtract) -> Result<Taken<'s>, Error> {
        let percentiles = |percent| -> Taken<'s> {
            Taken::OfTraces(Box::new(move |tile, out| {
                ranks::percentiles(tile, percent, subtract, out);
            }))
        };
        Ok(match *self {
            Self::Frames(_) | Self::Mean => Taken::Mean,
            Self::Median => percentiles(50.0),
            Self::Percentile { percentile } => percentiles(percentile),
            Self::Bleaching { .. } => Taken::Fading,
            Self::SlidingPercentile { percentile, span } => {
                let span = span.in_whole_frames("span")?;
                Taken::Around(Sliding::percentile(percentile, span, n_frames))
            }
            Self::Maximin { span, smoothing } => {
                let sd = smoothing.in_frames("smoothing")?;
                let span = span.in_whole_frames("span")?;
                Taken::Around(Sliding::maximin(sd, span, n_frames))
            }
        })
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

    /// Whether the parameters are possible, whatever the movie.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the name that experiment files have for the parameter; [`Error::BaselineEmpty`].
    pub fn check(&self) -> Result<(), Error> {
        let within = |name, value, possible: bool, expected| match possible {
            true => Ok(()),
            false => Err(Error::Parameter {
                name,
                value,
                expected,
            }),
        };
        let percent = |percentile: f64| {
            let possible = (0.0..=100.0).contains(&percentile);
            within("percentile", percentile, possible, "0 to 100")
        };
        let length = |span: Span| {
            let length = span.value();
            let possible = length.is_finite() && length > 0.0;
            within("span_s", length, possible, "a length above 0")
        };
        match self {
            Self::Frames(frames) => frames.check(),
            Self::Mean | Self::Median | Self::Bleaching { frames: None } => Ok(()),
            Self::Percentile { percentile } => percent(*percentile),
            Self::SlidingPercentile { percentile, span } => {
                percent(*percentile)?;
                length(*span)
            }
            Self::Maximin { span, smoothing } => {
                length(*span)?;
                let sd = smoothing.value();
                let possible = (0.0..=MAX_SD_FRAMES).contains(&sd);
                within("smoothing_s", sd, possible, "0 to 10000")
            }
            Self::Bleaching {
                frames: Some(frames),
            } => Frames::Range(frames.clone()).check(),
        }
    }
}

/// What F0 is taken from, and thereby how a movie is read for it.
enum Taken<'s> {
    /// Some frames, one after the other: their mean.
    Mean,
    /// All frames twice: the mean of some, fading as all do.
    Fading,
    /// The traces of a few rows at a time `(t, rows, x)`, to `(rows, x)`.
    OfTraces(OfTraces<'s>),
    /// The frames around each.
    Around(Sliding),
}

type OfTraces<'s> = Box<dyn Fn(ArrayView3<'_, f32>, ArrayViewMut2<'_, f64>) + Sync + 's>;

/// Name and parameters, in words.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(frames) => write!(f, "mean of {frames}"),
            Self::Mean => write!(f, "mean"),
            Self::Median => write!(f, "median"),
            Self::Percentile { percentile } => write!(f, "percentile {percentile}"),
            Self::SlidingPercentile { percentile, span } => {
                write!(f, "percentile {percentile} of {span} around each")
            }
            Self::Maximin { span, smoothing } => {
                write!(f, "maximin over {span}, smoothed by {smoothing}")
            }
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
        let sliding = |percentile, span| Baseline::SlidingPercentile { percentile, span };
        let frames = |frames| Span::Frames { frames };
        let maximin = |smoothing, span| Baseline::Maximin {
            smoothing: frames(smoothing),
            span: frames(span),
        };
        for wrong in [
            Baseline::Percentile { percentile: -1.0 },
            Baseline::Percentile {
                percentile: f64::NAN,
            },
            sliding(101.0, Span::frames(5)),
            sliding(8.0, Span::frames(0)),
            sliding(8.0, Span::Seconds(f64::NAN)),
            maximin(f64::INFINITY, 5.0),
            maximin(-1.0, 5.0),
            maximin(1.0, 0.0),
        ] {
            let error = wrong.f0(movie.view(), &Subtract::NOTHING);
            assert!(matches!(error, Err(Error::Parameter { .. })), "{wrong}");
        }
        for possible in [
            sliding(8.0, Span::frames(usize::MAX)),
            maximin(MAX_SD_FRAMES, 1e300),
            maximin(0.0, 1.0),
        ] {
            let f0 = possible.f0(movie.view(), &Subtract::NOTHING).unwrap();
            assert!(f0.iter().all(|f0| (f0 - 1.0).abs() < 1e-12), "{possible}");
        }
    }

    #[test]
    fn seconds_are_resolved_first() {
        let movie = Array3::<f32>::ones((10, 2, 2));
        let sliding = Baseline::SlidingPercentile {
            percentile: 8.0,
            span: Span::Seconds(0.1),
        };
        let axis = TimeAxis {
            sample_rate_hz: 20.0,
            first_frame_s: -0.2,
        };
        for baseline in [sliding, Baseline::Frames(Frames::Window(-0.1, 0.0))] {
            let f0 = |baseline: &Baseline| baseline.f0(movie.view(), &Subtract::NOTHING);
            let error = f0(&baseline);
            assert!(matches!(error, Err(Error::InSeconds { .. })), "{error:?}");
            assert!(f0(&baseline.resolve(&axis, 10)).is_ok(), "{baseline}");
        }
    }
}
