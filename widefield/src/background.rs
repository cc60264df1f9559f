//! Counts of a pixel without fluorescence, estimated from one frame.

mod coarse;
pub mod gaussian_fit;
mod model_free;
mod moments;

use crate::number::count;
use crate::percentiles::percentile;
use crate::{Error, Size, Subtract, smooth};
use gaussian_fit::GaussianFit;
use ndarray::{ArrayView2, ArrayView3};
use std::fmt;

/// How the background is estimated.
///
/// | light | take |
/// | --- | --- |
/// | brightest in the middle, fading to the edges | [`Background::GaussianFit`], faster [`Background::CoarseFit`] |
/// | flat, a window with hard edges | [`Background::Rectangle`] beside the window, or [`Background::Percentile`] |
/// | unknown, a wide dark surround | [`Background::Mode`] |
/// | anything, with a dark recording | [`Background::Constant`] |
///
/// With flat light a Gaussian fits only by a negative offset: of 30,000 counts in a window with hard edges on a
/// background of 100 the fit undershoots by thousands, and dF/F becomes too small by as much.
/// [`Background::BoundedFit`] then gives the bound, 0 counts, which is less wrong; a variant without a model is
/// right.
///
/// Fits are made to a smoothed frame. Without a number the smoothing is in proportion to the frame, 30 px where its
/// longer side has 256, so that another resolution does not change what is fitted. With the feature `serde` this is
/// what the table `[analysis.background]` of an experiment file holds: `method` and the parameters of the variant.
///
/// ```
/// use widefield::{Background, background::{Bound, Rectangle}};
///
/// // A flat window of 30,000 counts on a surround of 96 to 104.
/// let frame = ndarray::Array2::from_shape_fn((64, 64), |(y, x)| {
///     let inside = (x as f32 - 32.0).hypot(y as f32 - 32.0) < 25.0;
///     if inside { 30_000.0 } else { 96.0 + ((x * 7 + y * 3) % 9) as f32 }
/// });
/// let level = |background: Background| background.estimate(frame.view()).map(|level| level.value);
/// assert!(level(Background::GaussianFit { smoothing_sd_px: None })? < -1000.0);
/// let bounded = Background::BoundedFit { smoothing_sd_px: None }.estimate(frame.view())?;
/// assert_eq!((bounded.value, bounded.bound), (0.0, Some(Bound::Lower)));
/// assert_eq!(level(Background::Percentile { percentile: 25.0 })?, 100.0);
/// let rectangle = Rectangle { x: 0, y: 0, width: 9, height: 9 };
/// assert_eq!(level(Background::Rectangle { rectangle })?, 100.0);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Background {
    /// The offset of a rotated 2-D Gaussian fitted to the smoothed frame, [`GaussianFit::from_image`].
    ///
    /// Suits light that is brightest in the middle and fades to the edges. A bright window with hard
    /// edges and flat light makes the fit undershoot, by thousands of counts where the image has tens
    /// of thousands; [`BackgroundLevel::implausible`] then tells.
    GaussianFit {
        /// Standard deviation of the smoothing before the fit, pixels of the frame; 0 for none. `None`: 30 px times
        /// the longer side of the frame over 256.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        smoothing_sd_px: Option<f64>,
    },
    /// The same fit to a smaller image: means of blocks of `step_px` times `step_px` pixels, smoothed by what
    /// makes block and smoothing together as wide as `smoothing_sd_px`.
    ///
    /// `step_px^2` times fewer pixels are smoothed and fitted. Pixels that fill no block are left out, as many
    /// on either side. For light that fades like a Gaussian, a step of a quarter of the smoothing moves the
    /// offset by less than 0.2 % of the amplitude, one of an eighth by less than 0.03 %; where no Gaussian
    /// fits, by up to 10 %. A step of 1 is [`Background::GaussianFit`].
    CoarseFit {
        /// Standard deviation of the smoothing before the fit, pixels of the frame; 0 for none. `None`: 30 px times
        /// the longer side of the frame over 256.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        smoothing_sd_px: Option<f64>,
        /// Side of a block, pixels of the frame, at least 1. `None`: an eighth of the smoothing.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        step_px: Option<usize>,
    },
    /// The same fit as [`Background::GaussianFit`] with the offset from 0 to the 5th percentile of the smoothed
    /// frame: if the free fit lies outside, the other parameters are fitted with the offset at that bound.
    BoundedFit {
        /// Standard deviation of the smoothing before the fit, pixels of the frame; 0 for none. `None`: 30 px times
        /// the longer side of the frame over 256.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        smoothing_sd_px: Option<f64>,
    },
    /// A percentile of all pixels, 0 to 100, as `numpy.percentile`. Right where at least that share of the
    /// frame is dark: half the share of the dark surround is a good choice.
    Percentile {
        /// Which, 0 to 100.
        #[cfg_attr(feature = "serde", serde(default = "fifth"))]
        percentile: f64,
    },
    /// The half-sample mode (Bickel & Frühwirth 2006, doi:10.1016/j.csda.2005.07.011): of the sorted pixels the
    /// shortest run of half of them, of that the shortest run of half of it, and so on until two or three are left, whose
    /// middle it is. Not the highest bin of a histogram: a narrow peak of few pixels that lies outside of the shortest half
    /// is never seen. Right where the dark surround is more even than the brain, or larger than it; of flat light on more
    /// than half of the frame it is the light.
    Mode,
    /// Mean of a rectangle that no light reaches.
    Rectangle {
        /// Which; as text `[x, y, width, height]`.
        rectangle: Rectangle,
    },
    /// Known counts, from a recording without light.
    Constant {
        /// How many.
        counts: f64,
    },
}

#[cfg(feature = "serde")]
fn fifth() -> f64 {
    5.0
}

/// The Gaussian fit, smoothed in proportion to the frame.
impl Default for Background {
    fn default() -> Self {
        Self::GaussianFit {
            smoothing_sd_px: None,
        }
    }
}

/// Standard deviation of the smoothing before a fit, pixels, where none is given.
fn smoothing_of((height, width): (usize, usize)) -> f64 {
    30.0 * count(height.max(width)) / 256.0
}

/// Side of the blocks of a coarse fit where none is given: an eighth of the smoothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and blocks may be larger than any frame"
)]
fn step_of(smoothing_sd_px: f64) -> usize {
    (smoothing_sd_px / 8.0).max(1.0) as usize
}

/// Part of a frame, in pixels of the frame after resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "[usize; 4]", into = "[usize; 4]")
)]
pub struct Rectangle {
    /// First column, from 0.
    pub x: usize,
    /// First row, from 0 at the top.
    pub y: usize,
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

/// From column, row, width and height.
impl From<[usize; 4]> for Rectangle {
    fn from([x, y, width, height]: [usize; 4]) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }
}

impl From<Rectangle> for [usize; 4] {
    fn from(part: Rectangle) -> Self {
        [part.x, part.y, part.width, part.height]
    }
}

/// An estimated background.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BackgroundLevel {
    /// The background in counts.
    pub value: f64,
    /// The fit it comes from.
    pub fit: Option<GaussianFit>,
    /// A background above it is hardly one, counts: the 5th percentile of the smoothed frame for a fit, else
    /// the median of the frame. NaN for a constant where there is no frame.
    pub plausible_max: f64,
    /// The bound at which a [`Background::BoundedFit`] ended: the light alone would give a background beyond it, so this
    /// one is a guess.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub bound: Option<Bound>,
    /// Whether the background is below 0 or above [`BackgroundLevel::plausible_max`]. The value is
    /// kept as it was estimated.
    pub implausible: bool,
}

/// An end of the offsets that [`Background::BoundedFit`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Bound {
    /// 0 counts.
    Lower,
    /// The 5th percentile of the smoothed frame.
    Upper,
}

impl Background {
    /// The same with what the size of the frames decides written out.
    ///
    /// ```
    /// use widefield::{Background, Size};
    ///
    /// let fit = Background::CoarseFit { smoothing_sd_px: None, step_px: None };
    /// let resolved = fit.resolve(Size { width: 512, height: 256 });
    /// assert_eq!(resolved, Background::CoarseFit { smoothing_sd_px: Some(60.0), step_px: Some(7) });
    /// ```
    #[must_use]
    pub fn resolve(mut self, frames: Size) -> Self {
        if let Some(sd) = self.smoothing() {
            sd.get_or_insert(smoothing_of((frames.height, frames.width)));
        }
        if let Self::CoarseFit {
            smoothing_sd_px: Some(sd),
            step_px,
        } = &mut self
        {
            step_px.get_or_insert(step_of(*sd));
        }
        self
    }

    /// Standard deviation of the smoothing of frames of that size before the fit, pixels; `None` if nothing is fitted.
    pub fn smoothing_sd_px(self, frames: Size) -> Option<f64> {
        *self.resolve(frames).smoothing()?
    }

    /// The smoothing of those that fit.
    fn smoothing(&mut self) -> Option<&mut Option<f64>> {
        match self {
            Self::GaussianFit { smoothing_sd_px }
            | Self::CoarseFit {
                smoothing_sd_px, ..
            }
            | Self::BoundedFit { smoothing_sd_px } => Some(smoothing_sd_px),
            _ => None,
        }
    }

    /// Whether the parameters are possible, whatever the frame.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the name that experiment files have for the parameter.
    pub fn check(mut self) -> Result<(), Error> {
        let within = |name, value: f64, least, most, expected| {
            let possible = (least..=most).contains(&value);
            let error = Error::Parameter {
                name,
                value,
                expected,
            };
            possible.then_some(()).ok_or(error)
        };
        if let Some(&mut Some(sd)) = self.smoothing() {
            within(
                "smoothing_sd_px",
                sd,
                0.0,
                smooth::MAX_SD_PX,
                "0 to 100000 px",
            )?;
        }
        match self {
            Self::CoarseFit {
                step_px: Some(0), ..
            } => within("step_px", 0.0, 1.0, 1.0, "at least 1 px"),
            Self::Percentile { percentile } => {
                within("percentile", percentile, 0.0, 100.0, "0 to 100")
            }
            Self::Rectangle { rectangle } => {
                let sides = count(rectangle.width.min(rectangle.height));
                within(
                    "rectangle",
                    sides,
                    1.0,
                    f64::MAX,
                    "a width and height of at least 1 px",
                )
            }
            Self::Constant { counts } => {
                let expected = "a finite number of counts";
                within("counts", counts, f64::MIN, f64::MAX, expected)
            }
            _ => Ok(()),
        }
    }

    /// Background of one frame `(y, x)` of counts.
    ///
    /// ```
    /// use widefield::Background;
    ///
    /// // Light that fades from 1000 counts in the middle of 64 x 64 px to the offset of 60.
    /// let frame = ndarray::Array2::from_shape_fn((64, 64), |(y, x)| {
    ///     let (dx, dy) = (x as f32 - 30.0, y as f32 - 33.0);
    ///     60.0 + 940.0 * (-(dx * dx + dy * dy) / 72.0).exp()
    /// });
    /// let level = Background::GaussianFit { smoothing_sd_px: Some(2.0) }.estimate(frame.view())?;
    /// assert!((level.value - 60.0).abs() < 0.1);
    /// assert!(!level.implausible);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Background::estimate_image`].
    pub fn estimate(self, frame: ArrayView2<'_, f32>) -> Result<BackgroundLevel, Error> {
        self.estimate_image(frame.mapv(f64::from).view())
    }

    /// Background of the mean over the frames of `(t, y, x)`.
    ///
    /// # Errors
    /// [`Error::Empty`] without a frame, and those of [`Background::estimate_image`].
    pub fn estimate_mean(self, frames: ArrayView3<'_, f32>) -> Result<BackgroundLevel, Error> {
        self.estimate_image(Subtract::NOTHING.mean(frames)?.view())
    }

    /// Background of an image `(y, x)` of counts in f64.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a choice is not possible, [`Error::Empty`] without pixels and
    /// [`Error::NotFinite`] if a pixel is NaN or infinite; a constant needs no pixels. Of fits also
    /// [`Error::ZeroVariance`] if all pixels are equal, [`Error::TooFewPixels`] below 7 and
    /// [`Error::NotConverged`] if no minimum is found; [`Error::Rectangle`] if the rectangle reaches beyond
    /// the frame.
    pub fn estimate_image(self, image: ArrayView2<'_, f64>) -> Result<BackgroundLevel, Error> {
        let smoothing = |given: Option<f64>| given.unwrap_or_else(|| smoothing_of(image.dim()));
        let value = match self {
            Self::GaussianFit { smoothing_sd_px } => {
                gaussian_fit::check(image)?;
                let smoothed = smooth::gaussian(image, smoothing(smoothing_sd_px))?;
                return fitted(smoothed.view(), |image| {
                    Ok((GaussianFit::from_image(image)?, None))
                });
            }
            Self::CoarseFit {
                smoothing_sd_px,
                step_px,
            } => {
                let sd = smoothing(smoothing_sd_px);
                return coarse::fit(image, sd, step_px.unwrap_or_else(|| step_of(sd)));
            }
            Self::BoundedFit { smoothing_sd_px } => {
                gaussian_fit::check(image)?;
                let smoothed = smooth::gaussian(image, smoothing(smoothing_sd_px))?;
                return fitted(smoothed.view(), bounded);
            }
            Self::Constant { counts } => {
                self.check()?;
                counts
            }
            Self::Percentile {
                percentile: percent,
            } => {
                self.check()?;
                gaussian_fit::check_pixels(image)?;
                percentile(image.iter().copied(), percent).unwrap_or(f64::NAN)
            }
            Self::Mode => {
                gaussian_fit::check_pixels(image)?;
                model_free::mode(image.iter().copied().collect()).unwrap_or(f64::NAN)
            }
            Self::Rectangle { rectangle } => {
                gaussian_fit::check_pixels(image)?;
                model_free::rectangle(image, rectangle)?
            }
        };
        let plausible_max = percentile(image.iter().copied(), 50.0).unwrap_or(f64::NAN);
        Ok(level(value, None, plausible_max))
    }
}

/// Name and parameters, in words.
impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let smoothed = |sd: &Option<f64>| match sd {
            Some(sd) => format!("smoothed by {sd} px"),
            None => "smoothed in proportion".to_owned(),
        };
        match self {
            Self::GaussianFit {
                smoothing_sd_px: sd,
            } => {
                write!(f, "Gaussian fit, {}", smoothed(sd))
            }
            Self::CoarseFit {
                smoothing_sd_px: sd,
                step_px,
            } => {
                let step = step_px.map(|step| format!(" of {step} px"));
                let step = step.unwrap_or_default();
                write!(f, "Gaussian fit to blocks{step}, {}", smoothed(sd))
            }
            Self::BoundedFit {
                smoothing_sd_px: sd,
            } => {
                write!(f, "bounded Gaussian fit, {}", smoothed(sd))
            }
            Self::Percentile { percentile } => write!(f, "percentile {percentile}"),
            Self::Mode => write!(f, "mode"),
            Self::Rectangle {
                rectangle:
                    Rectangle {
                        x,
                        y,
                        width,
                        height,
                    },
            } => write!(f, "mean of {width} x {height} px from column {x}, row {y}"),
            Self::Constant { counts } => write!(f, "{counts} counts"),
        }
    }
}

/// The fit with the offset from 0 to the 5th percentile.
fn bounded(smoothed: ArrayView2<'_, f64>) -> Result<(GaussianFit, Option<Bound>), Error> {
    let free = GaussianFit::from_image(smoothed)?;
    let most = percentile(smoothed.iter().copied(), 5.0).unwrap_or(f64::NAN);
    // Counts below 0 have no room between the bounds but the upper one.
    let offset = free.offset.max(0.0).min(most);
    if offset == free.offset {
        return Ok((free, None));
    }
    let bound = if offset == 0.0 && free.offset < 0.0 {
        Bound::Lower
    } else {
        Bound::Upper
    };
    let fit = GaussianFit::from_image_with_offset(smoothed, offset)?;
    Ok((fit, Some(bound)))
}

/// The level by a fit, and what it is judged by, side by side.
fn fitted(
    smoothed: ArrayView2<'_, f64>,
    fit: impl FnOnce(ArrayView2<'_, f64>) -> Result<(GaussianFit, Option<Bound>), Error> + Send,
) -> Result<BackgroundLevel, Error> {
    let (fit, plausible_max) = rayon::join(
        || fit(smoothed),
        || percentile(smoothed.iter().copied(), 5.0).unwrap_or(f64::NAN),
    );
    let (fit, bound) = fit?;
    Ok(BackgroundLevel {
        bound,
        ..level(fit.offset, Some(fit), plausible_max)
    })
}

fn level(value: f64, fit: Option<GaussianFit>, plausible_max: f64) -> BackgroundLevel {
    BackgroundLevel {
        value,
        fit,
        plausible_max,
        bound: None,
        implausible: value < 0.0 || value > plausible_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn unusable_frames_are_typed_errors() {
        let fit = Background::GaussianFit {
            smoothing_sd_px: Some(3.0),
        };
        assert!(matches!(
            fit.estimate(Array2::from_elem((9, 9), 100.0).view()),
            Err(Error::ZeroVariance { value: 100.0, .. })
        ));
        assert!(matches!(
            fit.estimate(Array2::zeros((0, 9)).view()),
            Err(Error::Empty { .. })
        ));
        assert!(matches!(
            fit.estimate(Array2::zeros((1, 1)).view()),
            Err(Error::TooFewPixels { .. })
        ));
        let mut frame = Array2::from_shape_fn((9, 9), |(y, x)| (y + x) as f32);
        frame[(4, 5)] = f32::NAN;
        assert!(matches!(
            fit.estimate(frame.view()),
            Err(Error::NotFinite { y: 4, x: 5, .. })
        ));
        frame[(4, 5)] = 0.0;
        let bad = Background::GaussianFit {
            smoothing_sd_px: Some(-1.0),
        };
        assert!(matches!(
            bad.estimate(frame.view()),
            Err(Error::Parameter { .. })
        ));
    }
}
