//! Runs that are killed at random moments, and what the next run makes of what they left.

use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::{Duration, Instant};

/// Evenly distributed from 0 to 1, the same at every run of the test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A session in some place.
pub(crate) trait Killed {
    /// Starts a run of a session whose results do not exist yet.
    fn start(&self) -> Child;
    /// Runs to the end what was killed; how many trials were kept.
    fn resume(&self) -> u64;
    /// Everything is as after a run that nobody killed, and nothing else is there.
    fn assert_as_unbroken(&self);
}

/// Seconds that a whole run takes.
pub(crate) fn whole_run(mut child: Child) -> f64 {
    let began = Instant::now();
    assert!(child.wait().expect("wait").success());
    began.elapsed().as_secs_f64()
}

/// Kills a run of `whole_s` seconds `moments` times, each in a session of its own, and resumes each.
pub(crate) fn kill_and_resume<K: Killed>(
    moments: usize,
    seed: u64,
    whole_s: f64,
    mut fresh: impl FnMut() -> K,
) {
    let mut random = Random(seed);
    let mut killed = 0;
    let mut finished_before = 0;
    for _ in 0..moments {
        let session = fresh();
        let mut child = session.start();
        std::thread::sleep(Duration::from_secs_f64(whole_s * random.next()));
        child.kill().expect("kill");
        killed += usize::from(child.wait().expect("wait").signal() == Some(9));
        finished_before += session.resume();
        session.assert_as_unbroken();
    }
    // Otherwise the moments were not those of a run at work.
    assert!(killed >= moments / 2, "{killed} of {moments} were killed");
    assert!(finished_before > 0, "nothing was ever kept");
}

/// Numbers that are the same whenever, where and in how many runs the trials were done.
pub(crate) fn without_times(mut run: Value) -> Value {
    for trial in run["trials"].as_array_mut().expect("trials") {
        trial["seconds"] = Value::Null;
        trial["input"]["modified"] = Value::Null;
        trial["input"]["etag"] = Value::Null;
        assert!(trial["status"] == "ok" || trial["status"] == "skipped");
        trial["status"] = Value::Null;
    }
    let totals = &mut run["totals"];
    for name in ["ok", "skipped", "seconds", "report_seconds", "ended"] {
        totals[name] = Value::Null;
    }
    run["config"]["data"]["url"] = Value::Null;
    run["config"]["output"]["url"] = Value::Null;
    run
}

/// Whether a file that a run leaves tells times and places.
pub(crate) fn tells_times(name: &str) -> bool {
    name == "run.json" || name == "report.html" || name.starts_with("manifest/")
}
