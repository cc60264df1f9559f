//! Runs that are killed at given moments, and what the next run makes of what they left.
//!
//! A run is killed by itself, in a process of its own: at the event after which it is to go no further, or in the
//! middle of the first file thereafter that grows beyond a size. So every moment is met on a busy machine, too.

use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use widefield_pipeline::config::Override;
use widefield_pipeline::{Engine, Experiment};
use widefield_report::Report;

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// As it tells this event, counted from 0, while its other thread goes on.
    Event(u64),
    /// As it writes this byte of a file, any time after that event.
    Byte {
        /// The event from which on files are watched.
        after: u64,
        /// Bytes that a file may have.
        bytes: u64,
    },
}

/// A run that may be killed, of two trials at a time.
pub(crate) struct Run {
    experiment: PathBuf,
    set: Vec<String>,
}

/// Says to the process what to run, and when to die.
const REQUEST: &str = "WIDEFIELD_TEST_RUN";

impl Run {
    pub(crate) fn new(experiment: &Path, set: &[&str]) -> Self {
        let set = set.iter().map(|&s| s.to_owned()).collect();
        Self {
            experiment: experiment.into(),
            set,
        }
    }

    /// The process, which the test `killed::run_that_is_killed` becomes.
    pub(crate) fn command(&self, moment: Option<Moment>) -> Command {
        let (event, bytes) = match moment {
            None => (None, None),
            Some(Moment::Event(event)) => (Some(event), None),
            Some(Moment::Byte { after, bytes }) => (Some(after), Some(bytes)),
        };
        let request =
            json!({"experiment": self.experiment, "set": self.set, "event": event, "bytes": bytes});
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args([
                "--exact",
                "killed::run_that_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(REQUEST, request.to_string())
            .stdin(Stdio::null());
        command
    }
}

/// What [`Run::command`] starts: a run that tells on stdout how many events there were, if it lives to.
pub(crate) fn run_to_be_killed() {
    let Ok(request) = std::env::var(REQUEST) else {
        return;
    };
    let request: Value = serde_json::from_str(&request).expect("request");
    let path = request["experiment"].as_str().expect("path");
    let set = request["set"].as_array().expect("list");
    let set: Vec<Override> = set
        .iter()
        .map(|s| s.as_str().expect("text").parse().expect("override"))
        .collect();
    let (at, bytes) = (request["event"].as_u64(), request["bytes"].as_u64());
    let experiment = Experiment::load_with(path, &set).expect("experiment");
    // As the command does.
    let experiment = experiment.with(|own| own.consumer(Report));
    let plan = experiment.plan().expect("plan");
    let mut events = 0;
    let record = plan.run(Engine::local().jobs(2), |_| {
        match bytes {
            _ if at != Some(events) => {}
            None => kill_process(getpid(), Signal::KILL).expect("the end"),
            // The write that passes the limit ends in SIGXFSZ, which kills.
            Some(bytes) => {
                for (resource, most) in [(Resource::Core, 0), (Resource::Fsize, bytes)] {
                    let limit = Rlimit {
                        current: Some(most),
                        maximum: Some(most),
                    };
                    setrlimit(resource, limit).expect("limit");
                }
            }
        }
        events += 1;
    });
    assert!(record.expect("run").all_done());
    println!("events: {events}");
}

/// How many events the whole run tells.
pub(crate) fn events_of(mut whole: Command) -> u64 {
    let output = whole.output().expect("the run starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (_, count) = text.split_once("events: ").expect("a count");
    count
        .lines()
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number")
}

/// Whether a run was killed, and not otherwise ended, at the moment.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    const OF_A_LIMIT: i32 = Signal::XFSZ.as_raw();
    const KILLED: i32 = Signal::KILL.as_raw();
    matches!(status.signal(), Some(KILLED | OF_A_LIMIT))
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
    // How often a session was gone over is no matter.
    run["config"]["output"]["existing"] = Value::Null;
    run
}

/// Whether a file that a run leaves tells times and places.
pub(crate) fn tells_times(name: &str) -> bool {
    name == "run.json" || name == "report.html" || name.starts_with("manifest/")
}
