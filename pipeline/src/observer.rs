//! Who is told what is found in a movie, as it is found.

use crate::step::{Normal, StepError};
use ndarray::{ArrayView2, ArrayView3};
use std::ops::Range;
use widefield::{BackgroundLevel, Mask, Subtract};

/// Is told of values as they arise, in this order; what it answers with an error ends the analysis.
///
/// `()` is one that does not care.
pub trait Observer {
    /// What ends an analysis: an error of a step, or one of the observer's own.
    type Error: From<StepError>;

    /// The frames F0 is taken from.
    ///
    /// # Errors
    /// Ends the analysis.
    fn f0_frames(&mut self, frames: Range<usize>) -> Result<(), Self::Error> {
        let _ = frames;
        Ok(())
    }

    /// The image `(y, x)` the background was estimated from, what was estimated, and what is taken off.
    ///
    /// # Errors
    /// Ends the analysis.
    fn background(
        &mut self,
        image: ArrayView2<'_, f64>,
        level: &BackgroundLevel,
        subtract: &Subtract,
    ) -> Result<(), Self::Error> {
        let _ = (image, level, subtract);
        Ok(())
    }

    /// Which pixels are kept; `own` if this mask was made from this movie, not given.
    ///
    /// # Errors
    /// Ends the analysis.
    fn mask(&mut self, mask: &Mask, own: bool) -> Result<(), Self::Error> {
        let _ = (mask, own);
        Ok(())
    }

    /// F0 is known.
    ///
    /// # Errors
    /// Ends the analysis.
    fn f0(&mut self, normal: &dyn Normal) -> Result<(), Self::Error> {
        let _ = normal;
        Ok(())
    }

    /// A block of frames `(t, y, x)`, the first of them frame `first`: its counts and its dF/F. Every frame once, in
    /// order.
    ///
    /// # Errors
    /// Ends the analysis.
    fn block(
        &mut self,
        first: usize,
        counts: ArrayView3<'_, f32>,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), Self::Error> {
        let _ = (first, counts, dff);
        Ok(())
    }
}

impl Observer for () {
    type Error = StepError;
}
