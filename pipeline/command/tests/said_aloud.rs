//! What must not pass in silence: failed checks, misspelt stimuli, damaged records, results that stdout does not take.

use crate::common::{files, golden_experiment, record, run, run_experiment, widefield};
use serde_json::Value;
use std::path::Path;

/// Runs the golden session with its log changed.
fn with_log(dir: &Path, change: impl Fn(String) -> String, more: &[&str]) -> (i32, String) {
    let experiment = golden_experiment(dir, "");
    let log = dir.join("behaviour.txt");
    let text = std::fs::read_to_string(&log).expect("log");
    std::fs::write(&log, change(text)).expect("log");
    let (status, _, stderr) = run_experiment(&experiment, more);
    (status, stderr)
}

/// No stimulus of the log is configured, by a slip of the keyboard.
fn misspelt(text: String) -> String {
    text.replace("Texture 1 P100", "Texture 1 P10")
        .replace("Texture 7 P1200", "Texture 7  P1200")
}

#[test]
fn failed_checks_are_said_at_the_end_and_strict_fails_for_them() {
    for (more, want) in [(&["-q"][..], 0), (&[], 0), (&["-q", "--strict"], 1)] {
        let dir = tempfile::tempdir().expect("folder");
        let (status, stderr) = with_log(dir.path(), misspelt, more);
        assert_eq!(status, want, "{stderr}");
        let last: Vec<&str> = stderr
            .lines()
            .filter(|l| l.starts_with("check failed: "))
            .collect();
        let found = record(dir.path());
        let failed = |checks: &Value| {
            let checks = checks.as_array().expect("checks").clone();
            checks.into_iter().filter(|c| c["level"] == "fail").count()
        };
        assert!(failed(&found["checks"]) >= 1);
        let trials = found["trials"].as_array().expect("trials");
        let of_trials = trials.iter().any(|t| failed(&t["checks"]) > 0);
        assert!(
            last.len() >= failed(&found["checks"]) + usize::from(of_trials),
            "{stderr}"
        );
        assert!(
            stderr.contains("check failed: unknown_stimulus: "),
            "{stderr}"
        );
    }
    // A sound session is sound strictly, too.
    let dir = tempfile::tempdir().expect("folder");
    let (_, stderr) = with_log(dir.path(), |text| text, &["-q"]);
    assert!(!stderr.contains("unknown_stimulus"), "{stderr}");
}

#[test]
fn failed_checks_are_in_the_last_event() {
    let dir = tempfile::tempdir().expect("folder");
    let (_, stderr) = with_log(dir.path(), misspelt, &["--progress", "json"]);
    let last: Value = serde_json::from_str(stderr.lines().last().expect("line")).expect("JSON");
    assert_eq!(last["event"], "finished");
    let checks = last["failed_checks"].as_array().expect("checks");
    assert!(
        checks.iter().any(|c| c["name"] == "unknown_stimulus"),
        "{last}"
    );
}

#[test]
fn misspelt_stimuli_are_shown_beside_what_was_meant() {
    let dir = tempfile::tempdir().expect("folder");
    let one = |text: String| text.replace("Texture 7 P1200", "Texture 7 P12000");
    let (status, _) = with_log(dir.path(), one, &[]);
    assert_eq!(status, 0);
    let found = record(dir.path());
    let checks = found["checks"].as_array().expect("checks");
    let check = checks.iter().find(|c| c["name"] == "unknown_stimulus");
    let check = check.expect("told");
    assert_eq!(check["level"], "warn");
    let message = check["message"].as_str().expect("text");
    for part in [
        "`Texture 7 P12000` (1 trials, like `Texture 7 P1200`)",
        "configured: `Texture 1 P100`, `Texture 7 P1200`",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_was_looked_for_in_the_log_is_said() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let at = |name: &str| dir.path().join(name);
    std::fs::rename(at("20170214_102233_1"), at("20170214_first")).expect("rename");
    std::fs::rename(at("20170214_102250_2"), at("20170214_102250_7")).expect("rename");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    for said in [
        "its name does not end in _ and the number",
        "none of trial 7",
    ] {
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[test]
fn a_damaged_or_newer_record_is_called_that() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let path = dir.path().join("run.json");
    let text = std::fs::read_to_string(&path).expect("run.json");
    let newer = r#"{"version": "99.0.0", "other": 1}"#;
    for (damaged, said) in [
        (&text[..text.len() / 2], "run.json is damaged"),
        ("", "run.json is damaged"),
        (newer, "was written by version 99.0.0"),
    ] {
        std::fs::write(&path, damaged).expect("write");
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        assert_eq!(status, 2, "{stderr}");
        let flat = stderr.replace("\n  │ ", " ");
        assert!(flat.contains(said), "{stderr}");
        assert!(!flat.contains("another session"), "{stderr}");
        assert_eq!(std::fs::read_to_string(&path).expect("run.json"), damaged);
    }
    // As it says: without it nothing is lost.
    std::fs::remove_file(&path).expect("remove");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stderr.contains("3 trials are finished and unchanged, 0"),
        "{stderr}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_stdout_does_not_take_are_missed() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("device");
    let mut command = widefield();
    command
        .arg("run")
        .arg(&experiment)
        .arg("--json")
        .stdout(full);
    let (status, _, stderr) = run(&mut command);
    assert_eq!(status, 1, "{stderr}");
    assert!(
        stderr.contains("could not be written to stdout"),
        "{stderr}"
    );
    // The session is done all the same.
    assert_eq!(record(dir.path())["totals"]["ok"], 3);
    assert!(files(dir.path()).contains(&"report.html".to_owned()));
}

#[test]
fn what_is_drawn_or_scored_only_does_no_trial_again() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let before = record(dir.path());
    let text = std::fs::read_to_string(&experiment).expect("experiment");
    let swapped = text
        .replace("\"No Go\"", "\"-\"")
        .replace("\"Go\"", "\"No Go\"")
        .replace("\"-\"", "\"Go\"");
    std::fs::write(&experiment, swapped).expect("experiment");
    let more = [
        "--set",
        "experiment.pixel_um=12.5",
        "--set",
        "experiment.events.cue_s=-1.9",
    ];
    let (status, _, stderr) = run_experiment(&experiment, &more);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stderr.contains("3 trials are finished and unchanged, 0"),
        "{stderr}"
    );
    let after = record(dir.path());
    let of = |record: &Value, key: &str| record["behaviour"][key].clone();
    assert_eq!(of(&after, "go_trials"), of(&before, "no_go_trials"));
    assert_eq!(of(&after, "hits"), of(&before, "false_alarms"));
    let page = std::fs::read_to_string(dir.path().join("report.html")).expect("report");
    assert!(page.contains("cue"), "the event is drawn");
    // Another name of a condition is another file.
    let text = std::fs::read_to_string(&experiment).expect("experiment");
    let renamed = text.replacen("decision", "condition = \"other\"\ndecision", 1);
    std::fs::write(&experiment, renamed).expect("experiment");
    let (_, plan, _) = run_experiment(&experiment, &["--dry-run"]);
    assert_eq!(plan.matches("its label changed").count(), 2, "{plan}");
}
