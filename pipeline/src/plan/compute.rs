//! A trial of a plan into memory, instead of into files.

use super::Plan;
use crate::contract::Decided;
use crate::error::Error;
use crate::observer::Observer;
use crate::order_of_steps::{self, Analysis, Given, Steps};
use crate::step::Cause;
use crate::trial::{Resized, Worker};
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
        self.read(trial, decided, |steps, read, given| {
            Ok(steps.analyse_transformed(read.movie, &read.clip, given)?)
        })
    }

    /// As [`Plan::compute`], but shows dF/F to `observer` block by block instead of holding it; a movie that was
    /// observed leaves its memory to the next one of this plan.
    ///
    /// ```
    /// use ndarray::{ArrayView3, Axis};
    /// use widefield_pipeline::{Experiment, Observer, StepError, simulate};
    ///
    /// /// The mean of each frame's kept pixels.
    /// #[derive(Default)]
    /// struct Trace(Vec<f32>);
    ///
    /// impl Observer for Trace {
    ///     type Error = StepError;
    ///
    ///     fn block(&mut self, _: usize, _: ArrayView3<f32>, dff: ArrayView3<f32>) -> Result<(), StepError> {
    ///         self.0.extend(dff.axis_iter(Axis(0)).map(|frame| {
    ///             let kept: Vec<f32> = frame.iter().copied().filter(|v| v.is_finite()).collect();
    ///             kept.iter().sum::<f32>() / kept.len() as f32
    ///         }));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let dir = tempfile::tempdir()?;
    /// let session = simulate::Session { trials: 1, size: 64, frames: 20, ..Default::default() };
    /// let plan = Experiment::load(session.write(dir.path(), |_file| {})?)?.plan()?;
    /// let mut trace = Trace::default();
    /// plan.observe(0, &Default::default(), &mut trace)?;
    /// assert_eq!(trace.0.len(), 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Plan::compute`]; [`Error::Trial`] with that of the observer.
    pub fn observe<O>(&self, trial: usize, decided: &Decided, observer: &mut O) -> Result<(), Error>
    where
        O: Observer + Send,
        O::Error: Into<Cause> + Send,
    {
        self.read(trial, decided, |steps, read, given| {
            let (movie, clip) = (&read.movie, &read.clip);
            rayon::scope(|_| order_of_steps::analyse(movie, clip, steps, given, observer))
                .map_err(Into::into)?;
            self.spare.keep(read.movie);
            Ok(())
        })
    }

    /// Computes a trial alone, without a limit.
    pub(crate) fn worker<'a>(&'a self, cancelled: &'a AtomicBool) -> Worker<'a> {
        Worker {
            config: &self.config,
            own: &self.own,
            data: &self.data,
            output: &self.output,
            memory: u64::MAX,
            held: 0,
            cancelled,
            claim: None,
            references: &self.references,
            reference_image: &self.reference_image,
            spare: &self.spare,
        }
    }

    /// Reads a trial and hands it over.
    fn read<T>(
        &self,
        trial: usize,
        decided: &Decided,
        then: impl FnOnce(&Steps, Resized, &Given<'_>) -> Result<T, Cause>,
    ) -> Result<T, Error> {
        let failed = |file: &str, source: Cause| {
            let file = file.to_owned();
            Error::Trial { file, source }
        };
        let planned = self.trials.get(trial).ok_or_else(|| {
            let count = self.trials.len();
            failed(
                "",
                format!("there is no trial {trial}, the plan has {count}").into(),
            )
        })?;
        let cancelled = AtomicBool::new(false);
        let worker = self.worker(&cancelled);
        let steps = worker.steps(planned);
        // Of motion that stays nothing is computed with.
        let named = |cause| failed(&planned.file, cause);
        let origin = match (&steps.register, &decided.reference) {
            (None, _) => None,
            (_, Some(origin)) => Some(origin.clone()),
            _ => Some(worker.origin(&self.trials).map_err(|e| named(e.into()))?),
        };
        let read = worker.read(planned, &steps, origin.as_ref());
        let mut read = read.map_err(|error| named(error.into()))?;
        let uncorrected = read.uncorrected.take();
        let given = Given {
            image: uncorrected.as_ref(),
            background: decided.background,
            mask: decided.mask.as_ref().or(self.mask.as_ref()),
            ..Given::default()
        };
        then(&steps, read, &given).map_err(named)
    }
}
