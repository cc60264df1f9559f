//! Runs that are killed or interrupted at any moment, and what the next run makes of what they left.
#![cfg(unix)]

use crate::common::killing::{
    self, Moment, Run, events_of, tells_times, was_killed, without_times,
};
use crate::common::{
    assert_nothing_temporary, files, golden_experiment, record, run_experiment, widefield,
};
use crate::nothing_lost::show;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The golden session with more trials, so that two are at work most of the time.
fn eight_trials(dir: &Path, more: &str) -> PathBuf {
    let experiment = golden_experiment(dir, more);
    let movie = std::fs::read(dir.join("20170214_102233_1")).expect("movie");
    for trial in 4..9 {
        std::fs::write(dir.join(format!("20170214_103000_{trial}")), &movie).expect("copy");
    }
    experiment
}

#[test]
#[ignore = "what the others start and kill"]
fn run_that_is_killed() {
    killing::run_to_be_killed();
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

/// Every event of a run, and writing after every event: the first bytes, and further and further into a movie as long
/// as movies are to come.
fn moments(events: u64) -> impl Iterator<Item = Moment> {
    (0..events).flat_map(move |event| {
        let bytes = if 2 * event < events { 5000 * event } else { 0 };
        let after = event;
        [Moment::Event(event), Moment::Byte { after, bytes }]
    })
}

/// Kills a run at each of its moments, in a session of its own, and resumes it.
fn kill_sessions(more: &str) {
    let unbroken = tempfile::tempdir().expect("folder");
    let temporary = tempfile::tempdir().expect("folder");
    let run = |experiment: &Path, moment| {
        let mut command = Run::new(experiment, &[]).command(moment);
        command.env("TMPDIR", temporary.path());
        command
    };
    let events = events_of(run(&eight_trials(unbroken.path(), more), None));
    let mut kept = 0;
    for moment in moments(events) {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = eight_trials(dir.path(), more);
        let killed = run(&experiment, Some(moment)).output().expect("a run");
        assert!(was_killed(killed.status), "{moment:?}: {killed:?}");
        events_of(run(&experiment, None));
        kept += record(dir.path())["totals"]["skipped"]
            .as_u64()
            .expect("a count");
        assert_as_unbroken(dir.path(), unbroken.path(), temporary.path());
    }
    assert!(
        kept > events,
        "killed runs leave what need not be done again"
    );
}

#[test]
fn killed_at_any_moment_and_resumed_a_session_is_as_if_unbroken() {
    kill_sessions("");
}

#[test]
fn killed_in_either_round_a_session_decides_as_if_unbroken() {
    kill_sessions("scope = \"session\"\n");
}

#[test]
fn killed_while_replacing_nothing_old_passes_for_new() {
    // Without compression outputs have the same size whatever the parameters.
    let before = ["output.compression=0"];
    let other = ["output.compression=0", "analysis.clamp_negative=false"];
    let replace = [other[0], other[1], "output.existing=replace"];
    let unbroken = tempfile::tempdir().expect("folder");
    let temporary = tempfile::tempdir().expect("folder");
    let whole =
        |experiment: &Path, set: &[&str]| events_of(Run::new(experiment, set).command(None));
    let events = whole(&eight_trials(unbroken.path(), ""), &other);
    for moment in moments(events).step_by(5) {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = eight_trials(dir.path(), "");
        whole(&experiment, &before);
        let killed = Run::new(&experiment, &replace)
            .command(Some(moment))
            .output()
            .expect("a run");
        assert!(was_killed(killed.status), "{moment:?}: {killed:?}");
        whole(&experiment, &before);
        whole(&experiment, &other);
        assert_as_unbroken(dir.path(), unbroken.path(), temporary.path());
    }
}

#[test]
fn labels_that_change_around_a_killed_run_leave_no_file_behind() {
    const NO_GO: &str = "Texture 7 P1200";
    let whole = |experiment: &Path| events_of(Run::new(experiment, &[]).command(None));
    let labelled = || {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(dir.path(), "");
        whole(&experiment);
        // Trial 3 shall now be called as trial 1 was.
        show(dir.path(), 1, NO_GO);
        (dir, experiment)
    };
    let events = whole(&labelled().1);
    for event in 0..events {
        let (dir, experiment) = labelled();
        let mut killed = Run::new(&experiment, &[]).command(Some(Moment::Event(event)));
        let killed = killed.output().expect("a run");
        assert!(was_killed(killed.status), "{event}: {killed:?}");
        show(dir.path(), 3, NO_GO);
        whole(&experiment);
        let want = [1, 2, 3].map(|k| format!("cond_1200_trial{k}.mat"));
        let found = files(&dir.path().join("mat_out"));
        assert_eq!(found[..3], want, "{event}");
        assert_eq!(found[3..], ["refImg.mat", "trials_ind.mat"], "{event}");
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
    // Nothing was read.
    assert!(stderr.contains(" s (0 MB/s); "), "{stderr}");
}

#[test]
fn one_interrupt_abandons_in_order_and_a_second_one_stops_at_once() {
    let unbroken = tempfile::tempdir().expect("folder");
    let experiment = eight_trials(unbroken.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    for times in [1, 2] {
        let dir = tempfile::tempdir().expect("folder");
        let temporary = tempfile::tempdir().expect("folder");
        let experiment = eight_trials(dir.path(), "");
        // Far more to do than can be done before the signal arrives, and all of it alike.
        let surplus = (0..60).map(|n| dir.path().join(format!("20170214_110000_{}", 100 + n)));
        let surplus: Vec<PathBuf> = surplus.collect();
        for link in &surplus {
            std::fs::hard_link(dir.path().join("20170214_103000_8"), link).expect("link");
        }
        let mut child = widefield()
            .arg("run")
            .arg(&experiment)
            .args(["--jobs", "2", "--progress", "json"])
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let mut until = |what: &str| {
            let line = lines
                .by_ref()
                .map_while(Result::ok)
                .find(|line| line.contains(what));
            assert!(line.is_some(), "no line says {what}");
        };
        let id = Pid::from_child(&child);
        until(r#""event":"started""#);
        kill_process(id, Signal::INT).expect("signal");
        if times == 2 {
            until("once more to stop");
            // One that has ended by now is as good.
            let _ = kill_process(id, Signal::INT);
        }
        for _ in lines {}
        assert_eq!(child.wait().expect("wait").code(), Some(130), "{times}");
        if times == 1 {
            assert_nothing_temporary(dir.path());
            assert_eq!(files(temporary.path()), [""; 0]);
            let totals = &record(dir.path())["totals"];
            assert_eq!(totals["interrupted"], true);
            assert!(totals["ok"].as_u64().expect("a count") < 68, "{totals}");
        }
        for link in &surplus {
            std::fs::remove_file(link).expect("remove");
        }
        let clean = ["--existing", "clean"];
        let (status, _, stderr) = run_experiment(&experiment, &clean);
        assert_eq!(status, 0, "{stderr}");
        assert_as_unbroken(dir.path(), unbroken.path(), temporary.path());
    }
}
