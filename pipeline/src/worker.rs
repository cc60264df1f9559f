//! Carries out requests: within a run on this machine, and as the worker that a cluster starts.

mod program;

pub use program::{Served, end_with_parent, lines, serve, serve_if_asked};

use crate::contract::{Decided, Outcome, Reply, Request, Round, failed};
use crate::error::Error;
use crate::manifest::{Manifest, Measurement};
use crate::plan::TrialPlan;
use crate::record::with_causes;
use crate::recording::Spare;
use crate::results;
use crate::step::Known;
use crate::trial::{ReferenceImage, References, Worker};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use widefield::BackgroundLevel;
use widefield_storage::{ErrorKind, Place};

impl Request {
    /// Carries it out, on `threads` threads. What goes wrong, a panic included, is in the reply.
    ///
    /// `known` are the steps and consumers that may be asked for; `cancelled` ends it early, without outputs.
    ///
    /// # Errors
    /// [`Error::UnknownStep`] if the request has a step or a consumer that is not known: nothing is done then.
    pub fn serve(&self, known: &Known, cancelled: &AtomicBool) -> Result<Reply, Error> {
        let own = known.with_consumers(&self.steps, &self.consumers)?;
        let began = Instant::now();
        let outcome = self.places().map_or_else(
            |error| Outcome::failed(&self.trial, &error),
            |(data, output)| {
                let worker = Worker {
                    config: &self.config,
                    own: &own,
                    data: &data,
                    output: &output,
                    memory: self.memory,
                    held: 0,
                    cancelled,
                    claim: self.claim.as_ref(),
                    references: &References::default(),
                    reference_image: &ReferenceImage::default(),
                    spare: &Spare::default(),
                };
                let perform = || {
                    let Self {
                        round,
                        trial,
                        session,
                        level,
                        ..
                    } = self;
                    perform(&worker, *round, trial, session, level.as_ref())
                };
                let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads);
                // A system that gives no more threads still has those of the common pool.
                match pool.build() {
                    Ok(pool) => pool.install(perform),
                    Err(_) => perform(),
                }
            },
        );
        Ok(Reply::new(self.id.clone(), self.attempt, began, outcome))
    }

    fn places(&self) -> Result<(Place, Place), widefield_storage::Error> {
        let data = Place::open(&self.config.data.url)?;
        Ok((data, Place::open(self.config.output_url())?))
    }
}

impl Outcome {
    /// A failure of storage outside of the trial's own steps.
    fn failed(trial: &TrialPlan, error: &widefield_storage::Error) -> Self {
        Self::Failed {
            record: Box::new(failed(trial, with_causes(error))),
            retry: matches!(error.kind(), ErrorKind::Full | ErrorKind::Other),
        }
    }
}

/// Carries out one round of one trial.
pub(crate) fn perform(
    worker: &Worker<'_>,
    round: Round,
    trial: &TrialPlan,
    session: &Decided,
    level: Option<&BackgroundLevel>,
) -> Outcome {
    guarded(trial, || match round {
        Round::Measure => measure(worker, trial, session),
        Round::Process => process(worker, trial, session, level)
            .unwrap_or_else(|error| Outcome::failed(trial, &error)),
    })
}

/// A panic becomes the failure of its trial, so that one never takes others with it.
fn guarded(trial: &TrialPlan, work: impl FnOnce() -> Outcome) -> Outcome {
    caught(work).unwrap_or_else(|message| Outcome::Failed {
        record: Box::new(failed(trial, message)),
        retry: false,
    })
}

/// What a panic says, if there is one.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("internal error: {}", text.unwrap_or("unknown"))
    })
}

fn measure(worker: &Worker<'_>, trial: &TrialPlan, session: &Decided) -> Outcome {
    match worker.measure(trial, session) {
        _ if interrupted(worker) => Outcome::Interrupted,
        Ok(measured) => {
            let level = measured.level;
            let mean = measured.mean.unwrap_or_default();
            let steps = worker.own.placed();
            let measurement = Measurement::new(worker.config, &steps, trial, session, level);
            let records = Some(worker.config.output.records.as_str());
            let ours = worker.owned(records);
            match ours.and_then(|()| measurement.put(worker.output, mean.view())) {
                Ok(()) => Outcome::Measured { level },
                Err(error) => Outcome::failed(trial, &error),
            }
        }
        Err(done) => Outcome::Failed {
            retry: done.retry,
            record: Box::new(done.record),
        },
    }
}

fn process(
    worker: &Worker<'_>,
    trial: &TrialPlan,
    session: &Decided,
    level: Option<&BackgroundLevel>,
) -> Result<Outcome, widefield_storage::Error> {
    let from_file = worker.config.analysis.segmentation.file().is_some();
    if from_file && worker.own.mask.is_none() && session.mask.is_none() {
        let message = "the request lacks the mask of analysis.segmentation.file".to_owned();
        return Ok(Outcome::Failed {
            record: Box::new(failed(trial, message)),
            retry: false,
        });
    }
    let records = Some(worker.config.output.records.as_str());
    worker.owned(records)?;
    // What was moved to another movie than the others now are does not stay.
    let elsewhere = !trial.kept.is_empty() && trial.moved_to != session.moved_to();
    let whole = elsewhere.then(|| TrialPlan {
        earlier: [&trial.earlier[..], &trial.kept].concat(),
        kept: Vec::new(),
        ..trial.clone()
    });
    let trial = whole.as_ref().unwrap_or(trial);
    let manifest = Manifest::new(worker.config, &worker.own.placed(), trial, session);
    // From now on old outputs may be replaced one by one: should this be killed, nobody may trust them together.
    if !trial.earlier.is_empty() {
        manifest.put(worker.output)?;
    }
    let done = worker.run(trial, session, level);
    if !done.record.good() {
        return Ok(if interrupted(worker) {
            Outcome::Interrupted
        } else {
            Outcome::Failed {
                retry: done.retry,
                record: Box::new(done.record),
            }
        });
    }
    let finished = manifest.finished(worker.output, trial, &done.record, done.mask.as_ref());
    // Looked for after the results: what another run replaces from now on is told from what they were.
    worker.owned(None)?;
    for name in &trial.stale {
        results::remove(worker.config, worker.own, worker.data, worker.output, name)?;
    }
    finished.put(worker.output)?;
    Ok(Outcome::Done {
        record: Box::new(done.record),
        mask: done.mask,
    })
}

fn interrupted(worker: &Worker<'_>) -> bool {
    worker.cancelled.load(Ordering::Relaxed)
}
