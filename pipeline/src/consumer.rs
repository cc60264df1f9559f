//! What is made of finished trials beside their results: a report, and whatever else a program wants.
//!
//! A consumer watches every trial where it is computed, here or on a cluster, and keeps a part of it as an object in a
//! folder of its name. When the session ends, its parts are joined, those of trials from an earlier run too.

use crate::config::Config;
use crate::observer::Observer;
use crate::record::{RunRecord, TrialRecord};
use crate::step::{Cause, Clip, StepError};
use widefield::MovieSource;
use widefield::motion::Shift;
use widefield::quality::Summary;

/// Makes something of the trials of a session.
pub trait Consumer: Send + Sync {
    /// Name of its folder beside `run.json`, different from those of all others.
    fn name(&self) -> &'static str;

    /// What the names of its parts end in, `json` say.
    fn extension(&self) -> &'static str;

    /// Watches a trial from here on.
    ///
    /// # Errors
    /// Whatever makes it impossible. The trial goes on without.
    fn watch(&self, trial: &Watched<'_>) -> Result<Box<dyn Watch>, Cause>;

    /// Whether this is such a part, whole. One that is not counts as lost.
    fn is_part(&self, _part: &[u8]) -> bool {
        true
    }

    /// Joins the parts of a session, in the order of the record's trials; `None` where there is none. What it gives
    /// is written: names beside `run.json`, and their content.
    ///
    /// # Errors
    /// Whatever makes it impossible. The session's check `session_files` fails of it.
    fn session(
        &self,
        record: &RunRecord,
        parts: &[Option<Vec<u8>>],
    ) -> Result<Vec<(String, Vec<u8>)>, Cause>;
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
}

/// Watches one trial. An error of its own ends the watching, not the trial.
pub trait Watch: Observer<Error = StepError> + Send {
    /// What is kept of the trial, also of one that failed on its way.
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

/// Name, beside `run.json`, of the part of a trial.
pub(crate) fn part_name(consumer: &dyn Consumer, stem: &str) -> String {
    format!("{}/{stem}.{}", consumer.name(), consumer.extension())
}
