//! What cannot be looked at in the folder of the recordings is a failure of its own, or ignored by name; the other
//! movies are done.

use crate::common::{golden_experiment, record, run_experiment};
use serde_json::Value;
use std::path::Path;

/// The golden session with something more in its folder; status, the trials by name, what was ignored, and stderr.
fn with(more: impl FnOnce(&Path)) -> (i32, Vec<(String, Value)>, Vec<String>, String) {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    more(dir.path());
    let (_, plan, _) = run_experiment(&experiment, &["--dry-run"]);
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    let record = record(dir.path());
    let of = |value: &Value| value.as_array().expect("array").clone();
    let trials = of(&record["trials"])
        .into_iter()
        .map(|t| (t["file"].as_str().expect("file").to_owned(), t));
    let ignored = of(&record["totals"]["ignored"])
        .iter()
        .map(|i| i.as_str().expect("text").to_owned())
        .collect();
    assert!(plan.contains("20170214_102250_2"), "{plan}");
    (status, trials.collect(), ignored, stderr)
}

/// Of the session only the trial of that name failed, for that reason, and it is named on the terminal.
fn only_failed(trials: &[(String, Value)], stderr: &str, name: &str, reason: &str) {
    let good = |t: &&(String, Value)| t.1["status"] == "ok";
    assert_eq!(trials.iter().filter(good).count(), 3);
    assert_eq!(trials.len(), 4);
    let failed = trials.iter().find(|t| t.1["status"] == "failed");
    let (file, record) = failed.expect("one failed");
    assert_eq!(file, name);
    let error = record["error"].as_str().expect("reason");
    assert!(error.contains(reason), "{error}");
    assert!(stderr.contains("failed: "), "{stderr}");
}

#[cfg(unix)]
#[test]
fn links_in_a_circle() {
    use std::os::unix::fs::symlink;
    let (status, trials, _, stderr) = with(|dir| {
        symlink("20170214_loop_9", dir.join("20170214_loop_9")).expect("link");
        // One that nobody asks for concerns nobody.
        symlink("other", dir.join("other")).expect("link");
    });
    assert_eq!(status, 1, "{stderr}");
    only_failed(
        &trials,
        &stderr,
        "20170214_loop_9",
        "levels of symbolic links",
    );
    assert!(stderr.contains("20170214_loop_9: failed"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn names_with_control_characters() {
    let name = "20170214_102233_8\n\u{1b}[31m";
    let (status, trials, _, stderr) = with(|dir| {
        std::fs::copy(dir.join("20170214_102233_1"), dir.join(name)).expect("copy");
    });
    assert_eq!(status, 1, "{stderr}");
    only_failed(&trials, &stderr, name, "control character");
    assert!(!stderr.contains("\u{1b}[31m"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn links_to_nothing_and_names_that_are_no_text_are_listed() {
    use std::os::unix::ffi::OsStrExt;
    let (status, trials, ignored, stderr) = with(|dir| {
        std::os::unix::fs::symlink("nowhere", dir.join("20170214_gone_7")).expect("link");
        let name = std::ffi::OsStr::from_bytes(b"20170214_\xff_5");
        std::fs::write(dir.join(name), "?").expect("write");
        std::fs::write(dir.join("20170214_notes_6"), "no movie").expect("write");
    });
    assert_eq!((status, trials.len()), (0, 3), "{stderr}");
    let want = [
        "20170214_gone_7: a link to nothing",
        "20170214_notes_6: not a DCIMG file",
        "20170214_\u{fffd}_5: its name is no UTF-8",
    ];
    let mut found = ignored;
    found.sort();
    assert_eq!(found, want);
    for line in want {
        assert!(stderr.contains(line), "{stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn files_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    // Root may read everything but what the system has no bytes of.
    let write_only = "/sys/bus/cpu/drivers_probe";
    let is_file = Path::new(write_only).is_file();
    let (status, trials, _, stderr) = with(|dir| {
        let path = dir.join("20170214_102233_4");
        std::fs::copy(dir.join("20170214_102233_1"), &path).expect("copy");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).expect("mode");
        if std::fs::File::open(&path).is_ok() && is_file {
            std::fs::remove_file(&path).expect("remove");
            std::os::unix::fs::symlink(write_only, &path).expect("link");
        } else if std::fs::File::open(&path).is_ok() {
            eprintln!("skipped: this user may read everything");
            std::fs::write(&path, "no movie").expect("write");
        }
    });
    if trials.len() == 4 {
        assert_eq!(status, 1, "{stderr}");
        only_failed(&trials, &stderr, "20170214_102233_4", "20170214_102233_4");
    }
}
