//! What is decided once for a session, from the measurements of its trials.

use crate::config::Scope;
use crate::contract::Decided;
use crate::manifest::{Measurement, set_of};
use crate::order_of_steps::{self, Steps};
use crate::plan::Plan;
use crate::record::with_causes;
use crate::worker::caught;
use widefield::BackgroundLevel;
use widefield::motion::Crop;
use widefield::session::MeanOf;

impl Plan {
    /// The level that an earlier run measured in a trial, if nothing that matters has changed since.
    pub(super) fn measured_before(&self, trial: usize, known: &Decided) -> Option<BackgroundLevel> {
        let trial = &self.trials[trial];
        if !self
            .measured
            .contains(&Measurement::name(&self.config, &trial.stem))
        {
            return None;
        }
        // One that cannot be read is measured again.
        let read = Measurement::read(&self.output, &self.config, &self.own.placed(), trial, known);
        read.ok().flatten().map(|(level, _)| level)
    }

    /// Decides from the measured trials `of`, by their order of names; the message of what is not possible.
    pub(super) fn decide(
        &self,
        of: &[usize],
        levels: &[Option<BackgroundLevel>],
        known: &Decided,
    ) -> Result<Decided, String> {
        let analysis = &self.config.analysis;
        let files = of.iter().map(|&i| self.trials[i].file.as_str());
        let mut decided = Decided {
            of: set_of(files),
            ..known.clone()
        };
        if analysis.background.scope == Scope::Session {
            let values = of.iter().filter_map(|&i| levels[i]).map(|l| l.value);
            decided.background = widefield::percentiles::median(values);
        }
        if analysis.segmentation.of_session() && !of.is_empty() {
            let mut mean = MeanOf::default();
            for &i in of {
                let trial = &self.trials[i];
                let wrong = |cause: &str| format!("mean image: that of {}: {cause}", trial.file);
                let read =
                    Measurement::read(&self.output, &self.config, &self.own.placed(), trial, known);
                let (_, image) = read
                    .map_err(|e| wrong(&with_causes(&e)))?
                    .ok_or_else(|| wrong("is missing"))?;
                // A movie of another size fails by itself, when the mask does not fit it.
                if mean.dim().is_none_or(|dim| dim == image.dim()) {
                    mean.add(image.view()).map_err(|e| wrong(&e.to_string()))?;
                }
            }
            let mean = mean.finish().map_err(|e| format!("mean image: {e}"))?;
            let steps = Steps::configured(analysis, &self.config.experiment, &self.own);
            // NaN where some frame of some trial has nothing.
            let seen = Crop::from_image(mean.view());
            let mask = caught(|| order_of_steps::mask(&steps, mean.view(), &seen))?;
            decided.mask = Some(mask.map_err(|e| with_causes(&e))?);
        }
        Ok(decided)
    }
}
