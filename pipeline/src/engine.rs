//! Where trials run.

pub(crate) mod local;
mod memory;

use crate::error::Error;
use crate::plan::{Plan, TrialPlan};
use crate::worker::{Decided, Reply, Request, Round};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use widefield::BackgroundLevel;

/// Where trials run, and with how much.
#[derive(Clone, Debug)]
pub struct Engine {
    kind: Kind,
    jobs: Option<usize>,
    memory: Option<u64>,
    cancelled: Arc<AtomicBool>,
}

/// Who runs them.
#[derive(Clone, Debug)]
enum Kind {
    Local,
}

/// One trial for an engine.
pub(crate) struct Task<'a> {
    /// Different from those of all other tasks of a call.
    pub(crate) id: String,
    pub(crate) round: Round,
    pub(crate) plan: &'a Plan,
    /// Number of the trial in the plan.
    pub(crate) number: usize,
    pub(crate) session: &'a Decided,
    pub(crate) level: Option<&'a BackgroundLevel>,
}

impl Task<'_> {
    pub(crate) fn trial(&self) -> &TrialPlan {
        &self.plan.trials[self.number]
    }

    /// The task for a worker elsewhere, that may hold `memory` bytes and compute on `threads` threads.
    #[expect(dead_code, reason = "for engines that have workers elsewhere")]
    pub(crate) fn request(&self, memory: u64, threads: usize) -> Option<Request> {
        let request = self.plan.request(self.number, memory, threads)?;
        Some(Request {
            id: self.id.clone(),
            round: self.round,
            session: self.session.clone(),
            level: self.level.copied(),
            ..request
        })
    }
}

/// What an engine tells while it goes on; numbers are those of the tasks.
pub(crate) enum Told {
    /// Work on a task began, here or elsewhere, perhaps not for the first time.
    Started(usize),
    /// A task ended. Told once for each task, unless the run is cancelled or the engine lost it.
    Ended(usize, Box<Reply>),
    /// For people.
    #[expect(dead_code, reason = "for engines that have something to say")]
    Note(String),
}

impl Engine {
    /// Threads of this machine: as many trials at a time as cores, within half of the memory.
    #[must_use]
    pub fn local() -> Self {
        Self {
            kind: Kind::Local,
            jobs: None,
            memory: None,
            cancelled: Arc::default(),
        }
    }

    /// At most so many trials at a time; at least 1.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs.max(1));
        self
    }

    /// Bytes that all trials at a time may hold. Fewer run at a time if they do not fit.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// A flag that ends the run when set: no trial begins, those under way are abandoned without output.
    #[must_use]
    pub fn cancelled_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.cancelled = flag;
        self
    }

    /// Whether the run was told to end.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// Runs all tasks and calls `tell` on this thread as things happen.
    ///
    /// # Errors
    /// When the engine as a whole does not work. Tasks that ended before have been told of; the others are lost.
    pub(crate) fn run(&self, tasks: &[Task<'_>], tell: &mut dyn FnMut(Told)) -> Result<(), Error> {
        match self.kind {
            Kind::Local => {
                local::run(self, tasks, tell);
                Ok(())
            }
        }
    }

    /// Trials at a time, and the bytes each may hold, for movies of up to `largest` bytes.
    pub(crate) fn width(&self, largest: u64) -> (usize, u64) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = self
            .memory
            .unwrap_or_else(|| memory::half().unwrap_or(u64::MAX));
        let fit = memory / crate::trial::needs(largest);
        let fit = fit.max(1);
        let jobs = self
            .jobs
            .unwrap_or(cores)
            .min(usize::try_from(fit).unwrap_or(usize::MAX));
        (jobs, memory / jobs as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_trials_at_a_time_when_they_do_not_fit() {
        let movie = 100 << 20;
        let each = crate::trial::needs(movie);
        let memory = 4 * each + 3;
        let engine = Engine::local().jobs(8).memory(memory);
        assert_eq!(engine.width(movie), (4, memory / 4));
        assert_eq!(engine.width(100 * movie), (1, memory));
        assert_eq!(engine.width(0), (8, memory / 8));
    }
}
