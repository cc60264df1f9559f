//! The steps that a configuration asks for.

use super::{
    Background, Cause, Clip, Held, Identity, Masking, Normal, Normalise, Own, Register, Step,
};
use crate::Steps;
use crate::config::{
    Analysis, BackgroundStep, BaselineStep, MotionMethod, MotionStep, SegmentationStep, Timing,
};
use crate::error::MaskError;
use ndarray::ArrayView2;
use std::ops::Range;
use std::sync::Arc;
use widefield::motion::Rigid;
use widefield::{BackgroundLevel, Mask, MovieSource, Subtract};

impl Steps {
    /// The steps of a configuration, those in `own` in their places.
    #[must_use]
    pub fn configured(analysis: &Analysis, timing: &Timing, own: &Own) -> Self {
        let [from, to] = analysis.background.frames;
        let configured = Self {
            axis: timing.axis(None),
            register: match analysis.motion.method {
                MotionMethod::None => None,
                _ => Some(Arc::new(measuring(&analysis.motion)) as Arc<dyn Register>),
            },
            transforms: Vec::new(),
            background: Arc::new(analysis.background.clone()),
            background_frames: from..to,
            clamp_negative: analysis.clamp_negative,
            mask: Arc::new(analysis.segmentation.clone()),
            normalise: Arc::new(analysis.baseline.clone()),
        };
        own.take_their_places(configured)
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::configured(&Analysis::default(), &Timing::default(), &Own::default())
    }
}

/// How motion is measured, whether it is taken away or not.
pub(crate) fn measuring(motion: &MotionStep) -> Rigid {
    Rigid {
        max_shift_px: motion.max_shift_px,
        ..Rigid::default()
    }
}

fn identity(name: &str, parameters: &impl serde::Serialize) -> Identity {
    Identity {
        name: name.into(),
        revision: 1,
        parameters: serde_json::to_value(parameters).unwrap_or_default(),
    }
}

impl Step for BackgroundStep {
    fn identity(&self) -> Identity {
        identity("analysis.background", self)
    }
}

impl Background for BackgroundStep {
    fn estimate(&self, image: ArrayView2<'_, f64>) -> Result<BackgroundLevel, Cause> {
        Ok(self.method.estimate_image(image)?)
    }
}

impl Step for SegmentationStep {
    fn identity(&self) -> Identity {
        identity("analysis.segmentation", self)
    }
}

impl Masking for SegmentationStep {
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<Mask, Cause> {
        let rule = self.rule().ok_or(MaskError::Given)?;
        Ok(self.tidied(rule.mask(mean)?))
    }
}

impl Step for BaselineStep {
    fn identity(&self) -> Identity {
        identity("analysis.baseline", self)
    }
}

impl Normalise for BaselineStep {
    fn frames(&self, clip: &Clip) -> Result<Range<usize>, Cause> {
        self.delta_f().frames(clip)
    }

    fn held(&self, clip: &Clip, threads: usize) -> Held {
        self.delta_f().held(clip, threads)
    }

    fn prepare(
        &self,
        movie: &dyn MovieSource,
        subtract: &Subtract,
        mask: &Mask,
        clip: &Clip,
    ) -> Result<Box<dyn Normal>, Cause> {
        Normalise::prepare(&self.delta_f(), movie, subtract, mask, clip)
    }
}
