//! Where the time of a trial goes.

use crate::record::{Quality, TrialRecord};
use std::time::{Duration, Instant};

/// Times the stages of one trial.
pub(super) struct Stage<'a> {
    pub(super) record: &'a mut TrialRecord,
    began: Instant,
}

impl<'a> Stage<'a> {
    pub(super) fn new(record: &'a mut TrialRecord) -> Self {
        Self {
            record,
            began: Instant::now(),
        }
    }

    /// Adds the time since the last stage ended to this one.
    pub(super) fn ends(&mut self, name: &str) {
        let now = Instant::now();
        let seconds = (now - self.began).as_secs_f64();
        *self.record.seconds.entry(name.to_owned()).or_default() += seconds;
        self.began = now;
    }

    /// Counts time that was spent within one stage to another.
    pub(super) fn moves(&mut self, spent: Duration, from: &str, to: &str) {
        let spent = spent.as_secs_f64();
        for (name, seconds) in [(from, -spent), (to, spent)] {
            *self.record.seconds.entry(name.to_owned()).or_default() += seconds;
        }
    }

    pub(super) fn quality(&mut self) -> &mut Quality {
        self.record.quality.get_or_insert_default()
    }
}
