//! Where the time of a trial goes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Times the stages of one trial.
pub(super) struct Timing {
    seconds: BTreeMap<String, f64>,
    began: Instant,
}

impl Timing {
    pub(super) fn begin() -> Self {
        Self {
            seconds: BTreeMap::new(),
            began: Instant::now(),
        }
    }

    /// Adds the time since the last stage ended to this one.
    pub(super) fn ends(&mut self, stage: &str) {
        let now = Instant::now();
        self.add(stage, (now - self.began).as_secs_f64());
        self.began = now;
    }

    /// Counts time that was spent within one stage to another.
    pub(super) fn moves(&mut self, spent: Duration, from: &str, to: &str) {
        self.add(from, -spent.as_secs_f64());
        self.add(to, spent.as_secs_f64());
    }

    /// Seconds by stage.
    pub(super) fn seconds(self) -> BTreeMap<String, f64> {
        self.seconds
    }

    fn add(&mut self, stage: &str, seconds: f64) {
        *self.seconds.entry(stage.to_owned()).or_default() += seconds;
    }
}
