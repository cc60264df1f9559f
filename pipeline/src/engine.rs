//! Where trials run.

mod cluster;
mod local;
mod memory;

use crate::claim::Ticket;
use crate::contract::{Decided, Reply, Round};
use crate::error::Error;
use crate::plan::{Plan, TrialPlan};
use cluster::Held;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use widefield::BackgroundLevel;
use widefield_cluster::Cluster;
#[cfg(feature = "slurm")]
use widefield_cluster::Slurm;
#[cfg(feature = "spark")]
use widefield_cluster::Spark;

/// Where trials run, and with how much.
#[derive(Clone)]
pub struct Engine {
    kind: Kind,
    jobs: Option<usize>,
    memory: Option<u64>,
    cancelled: Arc<AtomicBool>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Engine");
        shown.field("kind", &self.kind).field("jobs", &self.jobs);
        shown.field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// Who runs them.
#[derive(Clone, Debug)]
enum Kind {
    Local,
    Cluster(Held),
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
    pub(crate) claim: Option<Ticket>,
}

impl Task<'_> {
    pub(crate) fn trial(&self) -> &TrialPlan {
        &self.plan.trials[self.number]
    }
}

/// What an engine tells while it goes on; numbers are those of the tasks.
pub(crate) enum Told {
    /// Work on a task began, here or elsewhere, perhaps not for the first time.
    Started(usize),
    /// A task ended. Told once for each task, unless the run is cancelled or the engine lost it.
    Ended(usize, Box<Reply>),
    /// For people.
    Note(String),
}

impl Engine {
    /// Threads of this machine: one trial more at a time than there are cores, within half of the memory.
    #[must_use]
    pub fn local() -> Self {
        Self::of(Kind::Local)
    }

    /// Jobs of a Spark cluster. Both places must be within reach of its machines by the same URL.
    #[cfg(feature = "spark")]
    #[must_use]
    pub fn spark(spark: Spark) -> Self {
        let elsewhere = !spark.is_local();
        Self::of(Kind::Cluster(Held::off("spark", elsewhere, move |jobs| {
            spark.start(jobs)
        })))
    }

    /// Tasks of a Slurm job array. Both places must be within reach of its nodes by the same URL.
    #[cfg(feature = "slurm")]
    #[must_use]
    pub fn slurm(slurm: Slurm) -> Self {
        Self::of(Kind::Cluster(Held::off("slurm", true, move |jobs| {
            slurm.start(jobs)
        })))
    }

    /// A cluster of one's own. Both places must be within reach of its workers by the same URL.
    ///
    /// The lines of its requests are those of [`contract::Request`](crate::contract::Request), and what it tells as a
    /// reply is a line with a [`contract::Reply`](crate::contract::Reply), such as [`worker`](crate::worker) makes of
    /// it. `name` stands in errors. How many trials it carries out at a time is its own affair: [`jobs`](Self::jobs) has
    /// no say.
    #[must_use]
    pub fn cluster(name: &'static str, cluster: impl Cluster + 'static) -> Self {
        Self::of(Kind::Cluster(Held::on(name, cluster)))
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            jobs: None,
            memory: None,
            cancelled: Arc::default(),
        }
    }

    /// At most so many trials at a time; at least 1. If nothing is said, one more than the cores of this machine, so
    /// that one trial can wait for its files while the cores compute others; on a cluster, what it gives.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs.max(1));
        self
    }

    /// Bytes that all trials at a time may hold; fewer run at a time if they do not fit. On a cluster, bytes that
    /// each of them may hold, 1 GiB if nothing is said.
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

    /// `local`, or what the cluster is called.
    pub(crate) fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Local => "local",
            Kind::Cluster(cluster) => cluster.name,
        }
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
        match &self.kind {
            Kind::Local => {
                local::run(self, tasks, tell);
                Ok(())
            }
            Kind::Cluster(cluster) => cluster.run(self, tasks, tell),
        }
    }

    /// The bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.memory
            .unwrap_or_else(|| memory::half().unwrap_or(u64::MAX))
    }

    /// Trials at a time, and the bytes each may hold of `memory`, if each needs `needed` bytes.
    pub(crate) fn width(&self, memory: u64, needed: u64) -> (usize, u64) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let fit = (memory / needed.max(1)).max(1);
        let jobs = self
            .jobs
            .unwrap_or(cores + 1)
            .min(usize::try_from(fit).unwrap_or(usize::MAX));
        (jobs, memory / jobs as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_trials_at_a_time_when_they_do_not_fit() {
        let memory = (400 << 20) + 3;
        let engine = Engine::local().jobs(8);
        assert_eq!(engine.width(memory, 100 << 20), (4, memory / 4));
        assert_eq!(engine.width(memory, memory + 1), (1, memory));
        assert_eq!(engine.width(memory, 0), (8, memory / 8));
    }
}
