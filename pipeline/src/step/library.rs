//! The operators of the library as steps.

use super::{
    Background, Cause, Clip, Held, Identity, Locate, Masking, Normal, Normalise, Register,
};
use super::{Step, StepError};
use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut3, Axis};
use std::ops::Range;
use widefield::baseline::Frames;
use widefield::motion::{Reference, Rigid, Shift};
use widefield::{
    BackgroundLevel, Baseline, DeltaF, Error, Mask, MovieSource, Normaliser, Subtract,
};

/// Operators say what they are with all their parameters.
fn identity(name: &str, operator: &impl ToString) -> Identity {
    Identity {
        name: name.into(),
        revision: 1,
        parameters: operator.to_string().into(),
    }
}

impl Step for Rigid {
    fn identity(&self) -> Identity {
        let Self {
            max_shift_px,
            band_px,
            lowest_peak,
        } = self;
        let parameters =
            format!("up to {max_shift_px} px, band {band_px:?} px, peaks from {lowest_peak}");
        identity("rigid", &parameters)
    }
}

/// The mean of the frames.
impl Register for Rigid {
    fn reference(&self, first: ArrayView3<'_, f32>) -> Result<Array2<f32>, Cause> {
        let mean = first.mean_axis(Axis(0));
        let mean = mean.ok_or(Error::Empty { what: "movie" })?;
        // Whether it can be compared with.
        Rigid::reference(self, mean.view())?;
        Ok(mean)
    }

    fn prepare(&self, reference: ArrayView2<'_, f32>) -> Result<Box<dyn Locate>, Cause> {
        Ok(Box::new(Rigid::reference(self, reference)?))
    }
}

impl Locate for Reference {
    fn shifts(&self, frames: ArrayView3<'_, f32>) -> Result<Vec<Shift>, Cause> {
        Ok(Reference::shifts(self, frames)?)
    }
}

impl Step for widefield::Background {
    fn identity(&self) -> Identity {
        identity("background", self)
    }
}

impl Background for widefield::Background {
    fn estimate(&self, image: ArrayView2<'_, f64>) -> Result<BackgroundLevel, Cause> {
        Ok(self.estimate_image(image)?)
    }
}

impl Step for widefield::Segmentation {
    fn identity(&self) -> Identity {
        identity("segmentation", self)
    }
}

impl Masking for widefield::Segmentation {
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<Mask, Cause> {
        Ok(widefield::Segmentation::mask(*self, mean)?)
    }
}

impl Step for DeltaF {
    fn identity(&self) -> Identity {
        identity("dff", self)
    }
}

impl Normalise for DeltaF {
    fn frames(&self, clip: &Clip) -> Result<Range<usize>, Cause> {
        let resolved = self.resolve(&clip.axis, clip.frames);
        if let Baseline::Frames(Frames::Range(range)) = resolved.baseline() {
            clip.has("analysis.baseline.frames", range)?;
            if let &Baseline::Frames(Frames::Before(before_s)) = self.baseline()
                && range.is_empty()
            {
                let first_frame_s = clip.axis.first_frame_s;
                let none = StepError::NoneBefore {
                    before_s,
                    first_frame_s,
                };
                return Err(none.into());
            }
        }
        // What else is wrong is said where F0 is taken.
        Ok(resolved.baseline().range(clip.frames).unwrap_or(0..0))
    }

    fn held(&self, clip: &Clip, threads: usize) -> Held {
        let bytes = clip.frame_bytes();
        let resolved = self.resolve(&clip.axis, clip.frames);
        let held = resolved
            .baseline()
            .held(clip.frames, bytes, threads, clip.block);
        Held {
            preparing: held.estimating,
            normalising: held.normalising,
            always: held.always,
        }
    }

    fn prepare(
        &self,
        movie: &dyn MovieSource,
        subtract: &Subtract,
        mask: &Mask,
        clip: &Clip,
    ) -> Result<Box<dyn Normal>, Cause> {
        let how = self.resolve(&clip.axis, clip.frames);
        Ok(Box::new(Prepared {
            normaliser: how.prepare(movie, subtract, mask)?,
            how,
        }))
    }
}

/// A normaliser, and how it came to be.
struct Prepared {
    how: DeltaF,
    normaliser: Normaliser,
}

impl Normal for Prepared {
    fn f0(&self) -> ArrayView2<'_, f64> {
        self.normaliser.f0().image()
    }

    fn nonfinite_pixels(&self) -> usize {
        self.normaliser.nonfinite_pixels()
    }

    fn describe(&self, ratio: bool) -> String {
        let how = self.how.clone();
        match ratio {
            true => how.quantity(widefield::Quantity::Ratio).to_string(),
            false => how.to_string(),
        }
    }

    fn block_into(
        &self,
        movie: &dyn MovieSource,
        first: usize,
        block: ArrayView3<'_, f32>,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Cause> {
        Ok(self.normaliser.block_into(movie, first, block, out)?)
    }
}
