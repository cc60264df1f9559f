//! Where trials run.

pub(crate) mod local;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where trials run, and with how much.
#[derive(Clone, Debug)]
pub struct Engine {
    jobs: Option<usize>,
    memory: Option<u64>,
    cancelled: Arc<AtomicBool>,
}

impl Engine {
    /// Threads of this machine: as many trials at a time as cores, within half of the memory.
    #[must_use]
    pub fn local() -> Self {
        Self {
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

    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// Trials at a time, and the bytes each may hold, for movies of up to `largest` bytes.
    pub(crate) fn width(&self, largest: u64) -> (usize, u64) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = self
            .memory
            .unwrap_or_else(|| local::half_of_memory().unwrap_or(u64::MAX));
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
