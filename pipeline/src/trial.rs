//! One trial: read, call the steps in order, write.

mod budget;
mod error;
mod files;
mod motion;
mod reading;
mod reference_image;
mod timing;
mod watcher;

pub(crate) use budget::needs;
pub(crate) use error::TrialError;
pub(crate) use motion::References;
pub(crate) use reading::{Resized, needed};
pub(crate) use reference_image::ReferenceImage;

use crate::claim::Ticket;
use crate::config::Config;
use crate::contract::Decided;
use crate::order_of_steps::{self, Given, Measured, Steps};
use crate::plan::TrialPlan;
use crate::record::{Status, TrialRecord, checks, with_causes};
use crate::recording::Spare;
use crate::step::{Own, Stage, StepError};
use ndarray::Array2;
use std::sync::atomic::{AtomicBool, Ordering};
use watcher::Watcher;
use widefield::{BackgroundLevel, Mask};
use widefield_storage::Place;

/// What trials of one run share.
pub(crate) struct Worker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) own: &'a Own,
    pub(crate) data: &'a Place,
    pub(crate) output: &'a Place,
    /// Bytes one trial may hold.
    pub(crate) memory: u64,
    /// Bytes there are for all trials and those who watch them; 0 where nothing outlives a trial.
    pub(crate) held: u64,
    pub(crate) cancelled: &'a AtomicBool,
    /// The claim of the session on the output place.
    pub(crate) claim: Option<&'a Ticket>,
    /// What movies are compared with.
    pub(crate) references: &'a References,
    /// Keeps what the reference image is made of.
    pub(crate) reference_image: &'a ReferenceImage,
    /// Memory of movies of earlier trials.
    pub(crate) spare: &'a Spare,
}

/// How a trial ended.
pub(crate) struct Done {
    pub(crate) record: TrialRecord,
    /// The mask it ended with, if it came so far.
    pub(crate) mask: Option<Mask>,
    /// Whether it failed of what may be gone when it is tried again.
    pub(crate) retry: bool,
}

impl Worker<'_> {
    /// The steps of a trial: those of every trial, from its own time 0.
    pub(crate) fn steps(&self, trial: &TrialPlan) -> Steps {
        let timing = &self.config.experiment;
        let mut steps = Steps::configured(&self.config.analysis, timing, self.own);
        steps.axis = timing.axis(trial.own_onset_s());
        steps
    }

    /// First round: background and mean image, or the record of the failure.
    pub(crate) fn measure(
        &self,
        trial: &TrialPlan,
        session: &Decided,
    ) -> Result<Measured, Box<Done>> {
        self.measures(trial, session).map_err(|error| {
            let mut record = described(trial);
            let retry = fail(&mut record, &error);
            checks::judge(self.config, &mut record);
            Box::new(Done {
                record,
                mask: None,
                retry,
            })
        })
    }

    fn measures(&self, trial: &TrialPlan, session: &Decided) -> Result<Measured, TrialError> {
        let steps = self.steps(trial);
        // Nothing of what is measured depends on motion that stays.
        let origin = session.reference.as_ref().filter(|it| it.corrects);
        let read = self.read(trial, &steps, origin)?;
        let given = Given {
            image: read.uncorrected.as_ref(),
            ..Given::default()
        };
        let measured = order_of_steps::measure(&read.movie, &read.clip, &steps, &given, &mut ())?;
        self.spare.keep(read.movie);
        Ok(measured)
    }

    /// The whole trial, with its background level if the first round has measured it.
    ///
    /// Never fails as a whole: what went wrong is in the record.
    pub(crate) fn run(
        &self,
        trial: &TrialPlan,
        session: &Decided,
        level: Option<&BackgroundLevel>,
    ) -> Done {
        let mut watcher = Watcher::new(self, trial);
        let mut retry = false;
        match self.process(trial, session, level, &mut watcher) {
            Ok(mean) => {
                watcher.record.status = Status::Ok;
                self.reference_image.offer(&trial.file, mean);
            }
            Err(error) => retry = fail(&mut watcher.record, &error),
        }
        let (mut record, mask) = watcher.end();
        checks::judge(self.config, &mut record);
        Done {
            record,
            mask,
            retry,
        }
    }

    /// Writes the outputs; the mean over frames of the movie after its transforms, before subtraction.
    fn process(
        &self,
        trial: &TrialPlan,
        session: &Decided,
        level: Option<&BackgroundLevel>,
        watcher: &mut Watcher<'_>,
    ) -> Result<Array2<f64>, TrialError> {
        let steps = self.steps(trial);
        let read = self.read(trial, &steps, session.reference.as_ref())?;
        let given = Given {
            image: read.uncorrected.as_ref(),
            level: level.copied(),
            background: session.background,
            mask: session.mask.as_ref(),
        };
        // Handed to the pool as a whole: to hand over each of its many parallel parts means to wake and to wait each
        // time. Waiting for files or stores has no place in there.
        let (movie, clip) = (&read.movie, &read.clip);
        rayon::scope(|_| {
            watcher.movie(&read)?;
            order_of_steps::analyse(movie, clip, &steps, &given, watcher)
        })?;
        let mean = watcher.finish_files()?;
        self.spare.keep(read.movie);
        watcher.timing.ends("report");
        Ok(mean)
    }

    /// Whether a folder of results, or all of them, still are the session's.
    pub(crate) fn owned(&self, folder: Option<&str>) -> Result<(), widefield_storage::Error> {
        let check = |claim: &Ticket| claim.check(self.output, folder);
        self.claim.map_or(Ok(()), check)
    }

    fn alive(&self) -> Result<(), TrialError> {
        if self.cancelled.load(Ordering::Relaxed) {
            Err(TrialError::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// A record that says what the plan knows.
pub(crate) fn described(trial: &TrialPlan) -> TrialRecord {
    let label = trial.label.as_ref();
    TrialRecord {
        stimulus: label.and_then(|l| l.stimulus.clone()),
        decision: label.and_then(|l| l.decision.clone()),
        checks: trial.checks.clone(),
        input: Some(trial.input.clone()),
        ..told(trial, TrialRecord::of(&trial.file))
    }
}

/// A record with what log and table say today that no result depends on.
pub(crate) fn told(trial: &TrialPlan, record: TrialRecord) -> TrialRecord {
    TrialRecord {
        trial: trial.number,
        onset: trial.onset,
        condition: trial.said.condition.clone(),
        outcome: trial.said.outcome.clone(),
        aligned_s: trial.said.aligned_s,
        exclude: trial.said.exclude,
        columns: trial.said.columns.clone(),
        ..record
    }
}

/// Puts the failure into the record; whether trying again may help.
fn fail(record: &mut TrialRecord, error: &TrialError) -> bool {
    record.status = Status::Failed;
    record.error = Some(with_causes(error));
    record.outputs.clear();
    if let TrialError::Step(StepError::Failed {
        stage: Stage::Background,
        source,
    }) = error
    {
        let quality = record.quality.get_or_insert_default();
        quality.background_error = Some(source.to_string());
    }
    error.retry()
}
