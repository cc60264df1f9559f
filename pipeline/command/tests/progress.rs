//! What a run says on stderr, for people and for programs.

use crate::common::{golden_experiment, run_experiment};
use serde_json::Value;

/// The lines of stderr, each of which must be an object with the key `event`.
fn events(stderr: &str) -> Vec<Value> {
    let line = |line: &str| -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(value["event"].is_string(), "{line}");
        value
    };
    stderr.lines().map(line).collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

#[test]
fn json_lines_tell_everything_in_order() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    std::fs::write(dir.path().join("20170214_102400_9"), b"no movie").expect("file");
    let (status, stdout, stderr) = run_experiment(&experiment, &["--progress", "json"]);
    let events = events(&stderr);
    assert_eq!((status, stdout.as_str()), (0, ""), "{stderr}");
    assert!(stderr.contains("ignored: 20170214_102400_9"), "{stderr}");
    let begins = named(&events, "begins");
    assert_eq!(begins.len(), 1);
    assert_eq!(
        (&begins[0]["to_do"], &begins[0]["kept"]),
        (&3.into(), &0.into())
    );

    let started = named(&events, "started");
    let ended = named(&events, "ended");
    assert_eq!((started.len(), ended.len()), (3, 3));
    let bytes: u64 = ended.iter().filter_map(|e| e["bytes"].as_u64()).sum();
    assert_eq!(Some(bytes), begins[0]["bytes"].as_u64());
    for (i, event) in ended.iter().enumerate() {
        assert_eq!(event["status"], "ok");
        assert_eq!(event["done"], i as u64 + 1);
        let place = |kind: &str| {
            let same = |e: &Value| e["event"] == kind && e["file"] == event["file"];
            events.iter().position(same).expect("both")
        };
        assert!(place("started") < place("ended"));
    }
    let times: Vec<f64> = events.iter().filter_map(|e| e["t"].as_f64()).collect();
    assert!(times.len() >= 8 && times.is_sorted());
    let last = events.last().expect("events");
    assert_eq!(last["event"], "finished");
    assert_eq!((&last["ok"], &last["failed"]), (&3.into(), &0.into()));

    // The second time everything is kept.
    let (_, _, stderr) = run_experiment(&experiment, &["--progress", "json"]);
    let events = self::events(&stderr);
    assert_eq!(named(&events, "begins")[0]["kept"], 3);
    assert!(named(&events, "ended").is_empty());
}

#[test]
fn failures_are_told_in_every_mode() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let whole = std::fs::read(dir.path().join("20170214_102250_2")).expect("movie");
    std::fs::write(
        dir.path().join("20170214_102250_2"),
        &whole[..whole.len() / 2],
    )
    .expect("cut");

    let (status, _, stderr) = run_experiment(&experiment, &["--quiet"]);
    assert_eq!(status, 1);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(lines[0].contains("20170214_102250_2: failed: "), "{stderr}");

    let (status, _, stderr) = run_experiment(&experiment, &["--progress", "json"]);
    assert_eq!(status, 1);
    let events = events(&stderr);
    let failed = named(&events, "ended");
    assert_eq!(failed.len(), 1, "{stderr}");
    assert_eq!(failed[0]["status"], "failed");
    assert!(
        failed[0]["error"]
            .as_str()
            .expect("reason")
            .contains("frames"),
        "{stderr}"
    );

    // What cannot be run at all is an event, too.
    let (status, _, stderr) = run_experiment(
        &experiment,
        &[
            "--progress",
            "json",
            "--set",
            "data.prefix=\"x\"",
            "--set",
            "output.url=\"memory://other\"",
        ],
    );
    assert_eq!(status, 2);
    let events = self::events(&stderr);
    assert_eq!(events.len(), 1, "{stderr}");
    assert_eq!(events[0]["event"], "error");
    assert!(
        events[0]["message"]
            .as_str()
            .expect("text")
            .contains("nothing to process")
    );
    assert!(
        events[0]["help"]
            .as_str()
            .expect("text")
            .contains("20170214_102233_1")
    );
}

#[test]
fn lines_and_silence() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    // Not a terminal: lines, without the letters that move a cursor.
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stderr.contains("[3/3]") && stderr.contains("3 done, 0 failed"),
        "{stderr}"
    );
    assert!(
        !stderr.contains('\u{1b}') && !stderr.contains('\r'),
        "{stderr:?}"
    );
    let (status, stdout, stderr) = run_experiment(&experiment, &["-q", "--existing", "replace"]);
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (0, "", ""));
}
