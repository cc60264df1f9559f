//! Runs that are killed or interrupted at any moment, and what the next run makes of what they left.
#![cfg(unix)]

mod common;

use common::killing::{Killed, Random, kill_and_resume, tells_times, whole_run, without_times};
use common::{
    assert_nothing_temporary, files, golden_experiment, record, run, run_experiment, widefield,
};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The golden session with more trials, so that a run takes long enough to be hit in every stage.
fn eight_trials(dir: &Path, more: &str) -> PathBuf {
    let experiment = golden_experiment(dir, more);
    let movie = std::fs::read(dir.join("20170214_102233_1")).expect("movie");
    for trial in 4..9 {
        std::fs::write(dir.join(format!("20170214_103000_{trial}")), &movie).expect("copy");
    }
    experiment
}

fn start(experiment: &Path, temporary: &Path) -> Child {
    let mut command = widefield();
    command.arg("run").arg(experiment).args(["--jobs", "2"]);
    command.env("TMPDIR", temporary);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts")
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(status.expect("kill").success());
}

/// Everything that a whole run leaves but its record and page, which tell times.
fn results(dir: &Path) -> Vec<String> {
    files(dir).into_iter().filter(|f| !tells_times(f)).collect()
}

fn assert_as_unbroken(dir: &Path, unbroken: &Path, temporary: &Path) {
    assert_nothing_temporary(dir);
    assert_eq!(files(temporary), [""; 0]);
    assert_eq!(files(dir), files(unbroken));
    for name in results(unbroken) {
        let read = |at: &Path| std::fs::read(at.join(&name)).expect("result");
        // What is kept for the report has the same content.
        assert!(read(dir) == read(unbroken), "{name} differs");
    }
    assert_eq!(without_times(record(dir)), without_times(record(unbroken)));
}

/// A session in a folder of its own.
struct Folder<'a> {
    dir: tempfile::TempDir,
    experiment: PathBuf,
    /// Of the system, for the run.
    temporary: &'a Path,
    unbroken: &'a Path,
}

impl Killed for Folder<'_> {
    fn start(&self) -> Child {
        start(&self.experiment, self.temporary)
    }

    fn resume(&self) -> u64 {
        let mut command = widefield();
        command.arg("run").arg(&self.experiment);
        let (status, _, stderr) = run(command.env("TMPDIR", self.temporary));
        assert_eq!(status, 0, "{stderr}");
        let kept = record(self.dir.path())["totals"]["skipped"].as_u64();
        kept.expect("a count")
    }

    fn assert_as_unbroken(&self) {
        assert_as_unbroken(self.dir.path(), self.unbroken, self.temporary);
    }
}

/// Kills a run `moments` times, each in a session of its own, and resumes each.
fn kill_sessions(more: &str, moments: usize, seed: u64) {
    let unbroken = tempfile::tempdir().expect("folder");
    let experiment = eight_trials(unbroken.path(), more);
    let temporary = tempfile::tempdir().expect("folder");
    let whole_s = whole_run(start(&experiment, temporary.path()));
    kill_and_resume(moments, seed, whole_s, || {
        let dir = tempfile::tempdir().expect("folder");
        Folder {
            experiment: eight_trials(dir.path(), more),
            dir,
            temporary: temporary.path(),
            unbroken: unbroken.path(),
        }
    });
}

#[test]
fn killed_at_any_moment_and_resumed_a_session_is_as_if_unbroken() {
    kill_sessions("", 20, 1);
}

#[test]
fn killed_in_either_round_a_session_decides_as_if_unbroken() {
    let more = "scope = \"session\"\n";
    kill_sessions(more, 10, 2);
}

#[test]
fn killed_while_replacing_nothing_old_passes_for_new() {
    let unbroken = tempfile::tempdir().expect("folder");
    let experiment = eight_trials(unbroken.path(), "");
    let other = [
        "--set",
        "output.compression=0",
        "--set",
        "analysis.clamp_negative=false",
    ];
    let (status, _, stderr) = run_experiment(&experiment, &other);
    assert_eq!(status, 0, "{stderr}");
    let temporary = tempfile::tempdir().expect("folder");
    let mut random = Random(3);
    for _ in 0..5 {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = eight_trials(dir.path(), "");
        // Without compression outputs have the same size whatever the parameters.
        let first = run_experiment(&experiment, &["--set", "output.compression=0"]);
        assert_eq!(first.0, 0, "{}", first.2);
        let mut child = widefield()
            .args(["run", "--existing", "replace"])
            .arg(&experiment)
            .args(other)
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        std::thread::sleep(Duration::from_secs_f64(0.3 * random.next()));
        child.kill().expect("kill");
        child.wait().expect("wait");
        let back = run_experiment(&experiment, &["--set", "output.compression=0"]);
        assert_eq!(back.0, 0, "{}", back.2);
        let (status, _, stderr) = run_experiment(&experiment, &other);
        assert_eq!(status, 0, "{stderr}");
        assert_as_unbroken(dir.path(), unbroken.path(), temporary.path());
    }
}

#[test]
fn the_place_of_a_killed_first_run_belongs_to_its_session() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = eight_trials(dir.path(), "");
    let (status, _, _) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0);
    // What a first run leaves that is killed before its end.
    std::fs::remove_file(dir.path().join("run.json")).expect("remove");
    let (status, _, stderr) =
        run_experiment(&experiment, &["--set", "data.prefix=\"20170214_1022\""]);
    assert_eq!(status, 2);
    assert!(stderr.contains("belongs to another session"), "{stderr}");
    let (status, _, stderr) = run_experiment(&experiment, &["--existing", "error"]);
    assert_eq!(status, 2, "{stderr}");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stderr.contains("8 trials are finished and unchanged, 0"),
        "{stderr}"
    );
}

#[test]
fn one_interrupt_abandons_in_order_and_a_second_one_stops_at_once() {
    for times in [1, 2] {
        let unbroken = tempfile::tempdir().expect("folder");
        let experiment = eight_trials(unbroken.path(), "");
        assert_eq!(run_experiment(&experiment, &[]).0, 0);
        let dir = tempfile::tempdir().expect("folder");
        let temporary = tempfile::tempdir().expect("folder");
        let experiment = eight_trials(dir.path(), "");
        let mut child = start(&experiment, temporary.path());
        let manifest = dir.path().join("manifest");
        assert!(
            common::within_a_minute(|| manifest.exists()),
            "the run does not begin"
        );
        for _ in 0..times {
            signal(&child, "INT");
            std::thread::sleep(Duration::from_millis(5));
        }
        let began = Instant::now();
        let status = child.wait().expect("wait");
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(status.code(), Some(130), "{times}");
        if times == 1 {
            assert_nothing_temporary(dir.path());
            assert_eq!(files(temporary.path()), [""; 0]);
            assert_eq!(record(dir.path())["totals"]["interrupted"], true);
        }
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        assert_eq!(status, 0, "{stderr}");
        assert_as_unbroken(dir.path(), unbroken.path(), temporary.path());
    }
}
