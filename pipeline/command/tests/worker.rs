//! The worker contract from outside: a line in, a line out, and the exit status.

use crate::common::{
    assert_nothing_temporary, files, golden_experiment, record, run_experiment, widefield,
};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use widefield_pipeline::contract::{Outcome, Reply, Request};
use widefield_pipeline::{Experiment, Plan};
use widefield_report::Report;

fn plan(experiment: &Path) -> Plan {
    let experiment = Experiment::load(experiment).expect("experiment");
    let plan = experiment.with(|own| own.consumer(Report)).plan();
    plan.expect("plan")
}

fn line(request: &Request) -> String {
    serde_json::to_string(request).expect("JSON") + "\n"
}

fn start(arguments: &[&str]) -> Child {
    widefield()
        .arg("worker")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker starts")
}

/// Sends a line, and returns exit status, stdout and stderr.
fn ask(text: &str) -> (i32, String, String) {
    let mut child = start(&[]);
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(text.as_bytes())
        .expect("write");
    ended(child.wait_with_output().expect("output"))
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code().expect("no signal"),
        text(output.stdout),
        text(output.stderr),
    )
}

fn reply(stdout: &str) -> Reply {
    assert_eq!(stdout.matches('\n').count(), 1, "{stdout}");
    serde_json::from_str(stdout).expect("a reply")
}

#[test]
fn what_workers_did_a_run_finds_done_and_equal() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
    assert_eq!(
        run_experiment(&golden_experiment(here.path(), ""), &[]).0,
        0
    );
    let experiment = golden_experiment(there.path(), "");
    let plan = plan(&experiment);
    let lines: String = (0..3)
        .filter_map(|i| plan.request(i, 1 << 28, 1))
        .map(|r| line(&r))
        .collect();
    let file = there.path().join("plan.jsonl");
    std::fs::write(&file, lines).expect("plan");
    let path = file.to_str().expect("UTF-8");
    // One by its number, two as a range.
    for (index, replies) in [("0", 1), ("1..3", 2)] {
        let child = start(&["--plan", path, "--index", index]);
        let (status, stdout, stderr) = ended(child.wait_with_output().expect("output"));
        assert_eq!((status, stderr.as_str()), (0, ""));
        let found: Vec<Reply> = stdout.lines().map(|l| reply(&format!("{l}\n"))).collect();
        assert_eq!(found.len(), replies);
        for reply in found {
            let Outcome::Done { record, .. } = reply.outcome else {
                panic!("{:?}", reply.outcome)
            };
            assert_eq!(record.file, reply.id);
            assert!(reply.ran.pid != std::process::id() && reply.ran.seconds > 0.0);
        }
    }
    std::fs::remove_file(&file).expect("remove");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0);
    assert!(
        stderr.contains("3 trials are finished and unchanged, 0"),
        "{stderr}"
    );
    assert_eq!(files(here.path()), files(there.path()));
    for name in files(here.path()).iter().filter(|n| n.contains("_out/")) {
        let read = |dir: &Path| std::fs::read(dir.join(name)).expect("result");
        assert!(read(here.path()) == read(there.path()), "{name}");
    }
    for i in 0..3 {
        let [a, b] = [here.path(), there.path()].map(|dir| record(dir)["trials"][i].clone());
        for key in [
            "background",
            "fit",
            "threshold",
            "quality",
            "checks",
            "outputs",
        ] {
            assert_eq!(a[key], b[key], "{key}");
        }
    }
}

#[test]
fn bad_input_is_a_result_and_ends_well() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let movie = dir.path().join("20170214_102233_1");
    let bytes = std::fs::read(&movie).expect("movie");
    std::fs::write(&movie, &bytes[..100_000]).expect("cut");
    let request = plan(&experiment).request(0, 1 << 28, 0).expect("trial");
    let (status, stdout, stderr) = ask(&line(&request));
    assert_eq!((status, stderr.as_str()), (0, ""));
    let Outcome::Failed { record, retry } = reply(&stdout).outcome else {
        panic!("{stdout}")
    };
    assert!(!retry);
    assert!(record.error.expect("why").contains("the file is cut"));
    assert!(!dir.path().join("manifest").exists());
    assert_nothing_temporary(dir.path());
}

#[test]
fn what_another_try_may_cure_ends_badly() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let mut request = plan(&experiment).request(0, 1 << 28, 0).expect("trial");
    // A place below a file cannot be written now; later the file may be gone.
    let file = dir.path().join("20170214_102233_1");
    request.config.output.url = Some(file.join("out").to_string_lossy().into_owned());
    let (status, stdout, _) = ask(&line(&request));
    assert_eq!(status, 1);
    assert!(reply(&stdout).retry());
}

#[test]
fn what_is_no_request_is_refused() {
    for text in ["", "{}\n", "{\"version\": 99}\n", "no JSON\n", "\u{0}\n"] {
        let (status, stdout, stderr) = ask(text);
        assert_eq!((status, stdout.as_str()), (2, ""), "{text:?}");
        assert!(
            !stderr.is_empty() && !stderr.contains("panicked"),
            "{stderr}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_worker_ends_with_its_parent() {
    let dir = tempfile::tempdir().expect("folder");
    let note = dir.path().join("pid");
    // The shell starts a worker that waits for its line, tells its number, and is killed.
    let script = format!(
        "exec 3<&0; \"$0\" worker <&3 & echo $! > {note}.new; mv {note}.new {note}; wait",
        note = note.display()
    );
    let mut shell = std::process::Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_widefield")])
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh");
    let stdin = shell.stdin.take();
    assert!(
        crate::common::within_a_minute(|| note.exists()),
        "the worker does not start"
    );
    let pid = std::fs::read_to_string(&note).expect("number");
    let pid = pid.trim();
    let alive = || {
        let asked = std::process::Command::new("kill")
            .args(["-0", pid])
            .stderr(Stdio::null())
            .status();
        asked.expect("kill").success()
    };
    assert!(alive());
    // It has looked who its parent is once the thread that goes on looking is there, beside the first and the one
    // for signals.
    #[cfg(target_os = "linux")]
    {
        let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        assert!(
            crate::common::within_a_minute(|| threads() >= 3),
            "the worker does not watch its parent"
        );
    }
    shell.kill().expect("kill");
    shell.wait().expect("wait");
    assert!(
        crate::common::within_a_minute(|| !alive()),
        "worker {pid} goes on without its parent"
    );
    drop(stdin);
}

#[cfg(unix)]
#[test]
fn a_worker_that_is_told_to_end_leaves_nothing() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    crate::common::movie(
        &dir.path().join("20170214_102233_1"),
        [600, 256, 256],
        crate::common::spot([256, 256]),
    );
    let request = plan(&experiment).request(0, 1 << 28, 1).expect("trial");
    let mut child = start(&[]);
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(line(&request).as_bytes()).expect("write");
    drop(stdin);
    // When it writes, it has something to leave.
    let movies = dir.path().join("mov_out");
    assert!(
        crate::common::within_a_minute(|| movies.exists() && !files(&movies).is_empty()),
        "nothing is written"
    );
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("signal");
    let (status, stdout, _) = ended(child.wait_with_output().expect("output"));
    assert_eq!((status, stdout.as_str()), (130, ""));
    assert!(
        files(dir.path())
            .iter()
            .all(|f| !f.contains("_out/") && !f.starts_with("manifest"))
    );
    assert_nothing_temporary(dir.path());
}
