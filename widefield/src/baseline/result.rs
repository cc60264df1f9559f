//! What a baseline gives: F0 of every pixel, constant or changing over time.

use super::Baseline;
use super::sliding::Sliding;
use crate::Error;
use ndarray::{Array2, ArrayView2};

/// F0 of every pixel, with the baseline it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct F0 {
    baseline: Option<Baseline>,
    image: Array2<f64>,
    course: Course,
}

/// How F0 changes over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Course {
    Constant,
    /// The image times one of these numbers for each frame; their mean is 1.
    Scaled(Vec<f64>),
    /// Made of the movie again, frame by frame.
    Sliding {
        sliding: Sliding,
        /// Where F0 is 0 in some frame.
        zero: Array2<bool>,
        /// The least F0 of all frames.
        lowest: Array2<f64>,
    },
}

impl F0 {
    pub(super) fn new(baseline: Baseline, image: Array2<f64>, course: Course) -> Self {
        Self {
            baseline: Some(baseline),
            image,
            course,
        }
    }

    /// An F0 `(y, x)` made elsewhere, the same in every frame; for [`Normaliser::from_f0`](crate::Normaliser::from_f0).
    pub fn from_image(image: Array2<f64>) -> Self {
        Self {
            baseline: None,
            image,
            course: Course::Constant,
        }
    }

    /// An F0 made elsewhere that is in each frame the image `(y, x)` times a number of its own, as light that fades.
    ///
    /// # Errors
    /// [`Error::NoCurve`] if a number is not finite or not above 0.
    pub fn from_image_and_curve(image: Array2<f64>, curve: Vec<f64>) -> Result<Self, Error> {
        if curve
            .iter()
            .any(|scale| !(scale.is_finite() && *scale > 0.0))
        {
            return Err(Error::NoCurve {
                reason: "a number is not above 0",
            });
        }
        Ok(Self {
            baseline: None,
            image,
            course: Course::Scaled(curve),
        })
    }

    /// What it comes from; `None` if it was made elsewhere.
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// F0 in the unit of the movie, `(y, x)`; the mean over all frames where a baseline changes over time.
    pub fn image(&self) -> ArrayView2<'_, f64> {
        self.image.view()
    }

    /// [`F0::image`], owned.
    pub fn into_image(self) -> Array2<f64> {
        self.image
    }

    /// Whether F0 is the same in every frame.
    pub fn is_constant(&self) -> bool {
        self.course == Course::Constant
    }

    /// What the image is multiplied with in each frame; `None` where F0 is constant or
    /// follows the trace of each pixel.
    pub fn curve(&self) -> Option<&[f64]> {
        match &self.course {
            Course::Scaled(curve) => Some(curve),
            _ => None,
        }
    }

    pub(crate) fn course(&self) -> &Course {
        &self.course
    }
}
