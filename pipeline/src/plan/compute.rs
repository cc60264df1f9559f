//! A trial of a plan into memory, instead of into files.

use super::Plan;
use crate::contract::Decided;
use crate::error::Error;
use crate::movie::Spare;
use crate::order_of_steps::{Analysis, Given};
use crate::trial::{ReferenceImage, Worker};
use std::sync::atomic::AtomicBool;

impl Plan {
    /// Computes a trial as a run would, and writes nothing. The movie and its dF/F are held in memory.
    ///
    /// `decided` is what a session decided for all of its trials, from [`crate::record`] say; nothing of it where
    /// each trial decides for itself.
    ///
    /// ```
    /// use widefield_pipeline::{Experiment, simulate};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let session = simulate::Session { trials: 1, size: 64, frames: 20, ..Default::default() };
    /// let plan = Experiment::load(session.write(dir.path(), |_file| {})?)?.plan()?;
    /// let trial = plan.compute(0, &Default::default())?;
    /// assert_eq!(trial.dff.dim(), (20, 64, 64));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Trial`] with what the record of a run would say; there is no such trial, for one.
    pub fn compute(&self, trial: usize, decided: &Decided) -> Result<Analysis, Error> {
        let failed = |file: &str, cause: Box<dyn std::error::Error + Send + Sync>| Error::Trial {
            file: file.to_owned(),
            source: cause,
        };
        let count = self.trials.len();
        let planned = self.trials.get(trial);
        let planned = planned.ok_or_else(|| {
            failed(
                "",
                format!("there is no trial {trial}, the plan has {count}").into(),
            )
        })?;
        let worker = Worker {
            config: &self.config,
            own: &self.own,
            data: &self.data,
            output: &self.output,
            memory: u64::MAX,
            cancelled: &AtomicBool::new(false),
            claim: None,
            reference_image: &ReferenceImage::default(),
            spare: &Spare::default(),
        };
        let steps = worker.steps();
        let read = worker.read(planned, &steps);
        let read = read.map_err(|error| failed(&planned.file, error.into()))?;
        let given = Given {
            background: decided.background,
            mask: decided.mask.as_ref().or(self.mask.as_ref()),
            ..Given::default()
        };
        let analysis = steps.analyse_transformed(read.movie, &read.clip, &given);
        analysis.map_err(|error| failed(&planned.file, error.into()))
    }
}
