//! What is made of finished trials beside their results: a report, and whatever else a program wants.
//!
//! A consumer watches every trial where it is computed, here or on a cluster, and may keep a part of it as an object in a
//! folder of its name. When the session ends, it has its parts, those of trials from an earlier run too, and all results.

use crate::config::Config;
use crate::observer::Observer;
use crate::record::{Output, RunRecord, TrialRecord, with_causes};
use crate::step::{Cause, Clip, StepError};
use crate::trial::Worker;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use widefield::MovieSource;
use widefield::motion::Shift;
use widefield::quality::Summary;
use widefield_storage::bytes::Bytes;
use widefield_storage::{Error, Place};

/// Makes something of the trials of a session.
pub trait Consumer: Send + Sync {
    /// Name of the folder of its parts beside `run.json`, different from those of all others.
    fn name(&self) -> &'static str;

    /// What the names of its parts end in, `json` say; `None`: it keeps none, and workers elsewhere need not know it.
    fn extension(&self) -> Option<&'static str>;

    /// Whether it makes results of a session: while those of before stand, before the others are asked, and
    /// [by itself](crate::Plan::consume).
    fn makes(&self, config: &Config) -> bool {
        !self.folders(config).is_empty()
    }

    /// More folders beside `run.json` that hold nothing but what it makes of a session, and what names in them end in.
    fn folders(&self, _config: &Config) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    /// Which share of this machine's memory for trials it holds while they are watched; half of it at most.
    fn share(&self, _config: &Config) -> f64 {
        0.0
    }

    /// Watches a trial from here on; `None`: it does not care for this one.
    ///
    /// # Errors
    /// Whatever makes it impossible. The trial goes on without.
    fn watch(&self, trial: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause>;

    /// Whether this is such a part, whole. One that is not counts as lost.
    fn is_part(&self, _part: &[u8]) -> bool {
        true
    }

    /// Makes its results of a session that ended; says which outputs of the session are its own, written now or before.
    ///
    /// # Errors
    /// Whatever makes it impossible. The session's check `session_files` fails of it.
    fn session(&self, session: &Session<'_>) -> Result<Vec<Output>, Cause>;
}

/// A session that ended.
pub struct Session<'a> {
    /// Its record so far.
    pub record: &'a RunRecord,
    /// The parts of its trials, in the order of the record; `None` where there is none.
    pub parts: &'a [Option<Vec<u8>>],
    /// Where its results are.
    pub output: &'a Place,
    /// Bytes that may be held.
    pub memory: u64,
    pub(crate) worker: &'a Worker<'a>,
    pub(crate) failures: Mutex<Vec<String>>,
}

impl Session<'_> {
    /// Refuses to go on where another run has taken the session over: to be asked before anything appears.
    ///
    /// # Errors
    /// [`widefield_storage::Error`] then, or if the place does not answer.
    pub fn owned(&self) -> Result<(), Error> {
        self.worker.owned(None)
    }

    /// Says that something could not be made, though the rest was: the session's check `session_files` fails of it.
    pub fn failed(&self, error: &dyn std::error::Error) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push(with_causes(error));
    }

    /// Whether the run is to end.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.worker.cancelled.load(Ordering::Relaxed)
    }

    /// Writes an object beside `run.json`, if the session still is this run's.
    ///
    /// # Errors
    /// As [`Session::owned`] and [`Place::put`]; [`Error::Usage`] if log or table of the session are called so.
    pub fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Result<Output, Error> {
        self.owned()?;
        let data = &self.record.config.data;
        let name = self.record.config.output.beside(name);
        let (folder, file) = crate::results::split(&name);
        for read in [&data.behaviour_log, &data.trials].into_iter().flatten() {
            let (at, called) = crate::results::split(read);
            if called == file && self.worker.data.resolved(at)? == self.output.resolved(folder)? {
                let (object, reason) = (name.clone(), "the session reads it".into());
                return Err(Error::Usage { object, reason });
            }
        }
        Ok(self.output.put(&name, bytes)?.into())
    }
}

/// A trial before it is analysed.
#[non_exhaustive]
pub struct Watched<'a> {
    /// The session's description.
    pub config: &'a Config,
    /// The resized movie, after its transforms.
    pub movie: &'a dyn MovieSource,
    /// What is known of it.
    pub clip: &'a Clip,
    /// Its record so far: what log and table say of it.
    pub record: &'a TrialRecord,
    /// Bytes that all of its consumer's watching may hold: its [`Consumer::share`].
    pub held: u64,
}

/// Watches one trial. An error of its own ends the watching, not the trial.
pub trait Watch: Observer<Error = StepError> + Send {
    /// What is kept of the trial, also of one that failed on its way: nothing without [`Consumer::extension`].
    ///
    /// # Errors
    /// Whatever makes it impossible: a check of the trial warns.
    fn finish(self: Box<Self>, seen: &Seen<'_>) -> Result<Vec<u8>, Cause>;
}

/// What was seen of a trial by its end.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// Its record so far.
    pub record: &'a TrialRecord,
    /// From each frame to the next by the camera's clock, seconds.
    pub intervals_s: &'a [f64],
    /// What the pass over its movie and dF/F gave, peaks as of [`widefield::render::PeakMap::since_time_0`]; `None` if it failed
    /// before.
    pub summary: Option<&'a Summary>,
    /// Frames whose motion was measured, and their shifts; pixels of the resized frames.
    pub shifts: &'a [(usize, Shift)],
}

/// Name, beside `run.json`, of the part of a trial, if parts are kept.
pub(crate) fn part_name(consumer: &dyn Consumer, stem: &str) -> Option<String> {
    let extension = consumer.extension()?;
    Some(format!("{}/{stem}.{extension}", consumer.name()))
}

/// A share of so many bytes, a half at most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "no fewer than 0, no more than half of the bytes"
)]
pub(crate) fn share(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share.clamp(0.0, 0.5)) as u64
}
