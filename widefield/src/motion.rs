//! Motion of the whole picture: how far every frame lies from a reference, and what taking that away did.
//!
//! A head that moves by one pixel of a picture 256 px wide makes |dF/F| of 0.8 % at the median and 4 % at the 99th
//! percentile, as large as responses. [`Rigid::reference`] prepares an image, the mean of some frames say;
//! [`Reference::shifts`] says where the content of other frames lies, [`interpolate`] fills in where that could not be
//! told. [`Resizer::shifted_into`](crate::Resizer::shifted_into) takes a shift away while it resizes, without a second
//! interpolation. [`Crop`] says which pixels every frame then has, [`Judgement`] whether it helped.
//!
//! ```
//! use ndarray::Array2;
//! use widefield::{Resize, Size, motion::Rigid};
//!
//! // A spot with a smaller one below, and the same 3 px lower and 5 px further left.
//! let spot = |dy: f32, dx: f32| Array2::from_shape_fn((128, 128), |(y, x)| {
//!     let (y, x) = (y as f32 - 60.0 - dy, x as f32 - 68.0 - dx);
//!     100.0 + 900.0 * (-(y * y / 18.0 + x * x / 50.0)).exp() + 500.0 * (-((y - 9.0).powi(2) + x * x) / 8.0).exp()
//! });
//! let reference = Rigid::default().reference(spot(0.0, 0.0).view())?;
//! let shift = reference.shift(spot(3.0, -5.0).view())?;
//! assert!((shift.dy_px - 3.0).abs() < 0.1 && (shift.dx_px + 5.0).abs() < 0.1);
//! assert!(shift.peak > 0.9 && shift.flag.is_none());
//!
//! // Back to where it was.
//! let size = Size { width: 128, height: 128 };
//! let mut still = Array2::zeros((128, 128));
//! Resize::Triangle.resizer(size, size)?.shifted_into(spot(3.0, -5.0).view(), shift, still.view_mut())?;
//! assert!((still[(62, 66)] - spot(0.0, 0.0)[(62, 66)]).abs() < 20.0);
//! assert!(still[(127, 0)].is_nan());
//! # Ok::<(), widefield::Error>(())
//! ```
//!
//! # How
//!
//! Frames are cross-correlated with the reference by Fourier transforms in f32, both without their mean, under a Hann
//! window and in a band of sizes, and not whitened: one-photon images hold nearly all signal below an eighth per
//! pixel, and whitening gives the noise of all other frequencies the same weight. The lower end of the band is there
//! for noise and fixed pattern, which pulls every shift towards 0, the upper one for responses; along sides of 64 px or
//! more what is the same in a whole row or column does not count either, as the gains of a sensor's columns. A parabola
//! through the 3 x 3 pixels around the highest one says where the top is. Guizar-Sicairos et al. 2008,
//! doi:10.1364/OL.33.000156, compare such measures; here nothing is interpolated but the peak.
//!
//! Blocks and threads do not change a bit. The transforms use the widest vector instructions that a processor has,
//! so another kind of processor may differ in the last places.
//!
//! # Sign
//!
//! `dy_px` above 0 says that the content of a frame lies lower in the picture than in the reference, `dx_px` above 0 that
//! it lies further right: row 0 is at the top.

mod crop;
mod peak;
mod predicted;
mod reference;
mod sampled;
mod verdict;

pub use crop::Crop;
pub(crate) use crop::inside;
pub use predicted::dff_per_px;
pub use reference::Reference;
pub use sampled::Sampled;
pub use verdict::{EdgeNoise, Edges, Extent, Judgement, Verdict};

use crate::Error;
use crate::number::{count, index};
use ndarray::ArrayView2;

/// How far one frame lies from the reference, in pixels of the compared images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Shift {
    /// Above 0 if the content lies lower than in the reference.
    pub dy_px: f64,
    /// Above 0 if the content lies further right than in the reference.
    pub dx_px: f64,
    /// Height of the correlation there: 1 for the reference itself, 0 for what has nothing in common with it.
    pub peak: f64,
    /// Height of the next summit of the correlation; 0 if there is none above it.
    pub second_peak: f64,
    /// Why the shift is not to be believed.
    pub flag: Option<Flag>,
}

/// Why a shift is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Flag {
    /// A pixel is NaN or infinite, or too large for sums in f32.
    NotFinite,
    /// All pixels are equal, or nothing lies in the band.
    Blank,
    /// It lies at the limit of the search, so it may be larger.
    AtLimit,
    /// The peak is low, or hardly higher than the next one.
    Weak,
}

impl Shift {
    /// A shift that is known.
    pub fn from_px(dy_px: f64, dx_px: f64) -> Self {
        Self {
            dy_px,
            dx_px,
            peak: 1.0,
            ..Self::default()
        }
    }

    /// The same in pixels that are `factor` times smaller: 2 for what was measured on pixels binned 2 x 2. -1 turns it
    /// round.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            dy_px: self.dy_px * factor,
            dx_px: self.dx_px * factor,
            ..self
        }
    }

    /// Distance from the reference, pixels.
    pub fn length_px(self) -> f64 {
        self.dy_px.hypot(self.dx_px)
    }

    fn flagged(flag: Flag) -> Self {
        Self {
            flag: Some(flag),
            ..Self::default()
        }
    }
}

/// How shifts are measured: of the picture as a whole, without turning.
///
/// Lengths are pixels of pictures of a certain longer side, in proportion for others, so that binning changes nothing.
///
/// ```
/// use widefield::motion::Rigid;
///
/// let rigid = Rigid { max_shift_px: 8.0, ..Rigid::default() };
/// assert_eq!(rigid.reach_px((512, 512)), 16);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rigid {
    /// Searches so far in y and in x, pixels of a picture 256 px wide; 16 by default. At least one pixel of an image is
    /// searched and at most half of it. Larger shifts lie at the limit or correlate weakly, and are flagged.
    pub max_shift_px: f64,
    /// Compares structures between these standard deviations of a Gaussian, pixels of a picture 512 px wide; 1.15 and 8
    /// by default.
    pub band_px: (f64, f64),
    /// Flags frames whose correlation stays below this, 0 to 1; 0.3 by default.
    pub lowest_peak: f64,
}

impl Default for Rigid {
    fn default() -> Self {
        Self {
            max_shift_px: 16.0,
            band_px: (1.15, 8.0),
            lowest_peak: 0.3,
        }
    }
}

impl Rigid {
    /// Pixels up to which an image of the shape `(height, width)` is searched, if it is large enough.
    pub fn reach_px(&self, (height, width): (usize, usize)) -> usize {
        index((self.max_shift_px * count(height.max(width)) / 256.0).ceil()).max(1)
    }

    /// Prepares an image `(y, x)` that frames are compared with: the mean of a few frames. Sides without large prime
    /// factors are faster; a side below 3 px is too short to move along.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a choice is not possible or counts exceed some 1e13, [`Error::Empty`] without pixels, [`Error::NotFinite`] if one is NaN
    /// or infinite, [`Error::ZeroVariance`] if there is nothing to compare: all pixels equal.
    pub fn reference(&self, image: ArrayView2<'_, f32>) -> Result<Reference, Error> {
        let (narrow, wide) = self.band_px;
        let checks = [
            (
                "max_shift_px",
                self.max_shift_px,
                self.max_shift_px > 0.0 && self.max_shift_px <= 256.0,
                "above 0, at most 256 px of a picture 256 px wide",
            ),
            (
                "band_px.0",
                narrow,
                (0.0..=512.0).contains(&narrow),
                "0 to 512 px of a picture 512 px wide",
            ),
            (
                "band_px.1",
                wide,
                wide > narrow && wide <= 512.0,
                "more than the narrow end of the band, at most 512 px",
            ),
            (
                "lowest_peak",
                self.lowest_peak,
                (0.0..=1.0).contains(&self.lowest_peak),
                "0 to 1",
            ),
        ];
        for (name, value, possible, expected) in checks {
            if !possible {
                return Err(Error::Parameter {
                    name,
                    value,
                    expected,
                });
            }
        }
        Reference::new(self, image)
    }
}

/// Gives flagged frames the shift between those of the nearest frames before and after them that are not flagged, in
/// proportion to time; before the first and behind the last of these it is theirs, without any it is 0. Flags and peaks
/// stay. Says how many are flagged.
///
/// ```
/// use widefield::motion::{Flag, Shift, interpolate};
///
/// let mut shifts = [Shift::from_px(1.0, 0.0), Shift::default(), Shift::default(), Shift::from_px(4.0, -3.0)];
/// shifts[1].flag = Some(Flag::Blank);
/// shifts[2].flag = Some(Flag::AtLimit);
/// assert_eq!(interpolate(&mut shifts), 2);
/// assert_eq!((shifts[1].dy_px, shifts[1].dx_px), (2.0, -1.0));
/// assert_eq!((shifts[2].dy_px, shifts[2].dx_px), (3.0, -2.0));
/// ```
pub fn interpolate(shifts: &mut [Shift]) -> usize {
    let good: Vec<usize> = (0..shifts.len())
        .filter(|&t| shifts[t].flag.is_none())
        .collect();
    for t in 0..shifts.len() {
        if shifts[t].flag.is_none() {
            continue;
        }
        let next = good.partition_point(|&known| known < t);
        let before = next.checked_sub(1).map(|i| good[i]);
        let after = good.get(next).copied();
        let (dy, dx) = match before.or(after).zip(after.or(before)) {
            Some((from, to)) => {
                let (a, b) = (shifts[from], shifts[to]);
                let share = match from < to {
                    true => count(t - from) / count(to - from),
                    false => 0.0,
                };
                (
                    a.dy_px + (b.dy_px - a.dy_px) * share,
                    a.dx_px + (b.dx_px - a.dx_px) * share,
                )
            }
            None => (0.0, 0.0),
        };
        (shifts[t].dy_px, shifts[t].dx_px) = (dy, dx);
    }
    shifts.len() - good.len()
}
