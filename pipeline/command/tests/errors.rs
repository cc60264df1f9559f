//! What is said when a request cannot be carried out: what, where, and what to try.

use crate::common::{golden_experiment, run_experiment};

/// A message without the line ends that fit it to a terminal.
fn flat(stderr: &str) -> String {
    let words: Vec<&str> = stderr.split_whitespace().filter(|w| *w != "│").collect();
    words.join(" ")
}

/// Exit status 2, and everything said that should be.
fn says(more: &[&str], wanted: &[&str]) {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    std::fs::write(dir.path().join("notes.txt"), b"hello").expect("file");
    let (status, stdout, stderr) = run_experiment(&experiment, more);
    assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
    let said = flat(&stderr);
    for part in wanted {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
}

#[test]
fn a_misspelt_key_is_named_with_its_nearest() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "\n[analysis.baseline]\nframse = [1, 2]\n");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 2);
    for part in [
        "`analysis.baseline.framse`",
        "`analysis.baseline.frames`",
        "experiment.toml:19",
    ] {
        assert!(flat(&stderr).contains(part), "{part}: {stderr}");
    }
    says(
        &["--set", "data.prefx=\"a\""],
        &["`data.prefx`", "`data.prefix`"],
    );
}

#[test]
fn a_value_of_the_wrong_kind_shows_how_it_is_written() {
    let wanted = [
        "analysis.resolution",
        "expected an array",
        "resolution = [256, 256] # [width, height]",
    ];
    says(&["--set", "analysis.resolution=128"], &wanted);
}

#[test]
fn a_missing_log_lists_the_texts() {
    let wanted = [
        "nolog.txt",
        "behaviour.txt, notes.txt",
        "help: data.behaviour_log",
    ];
    says(&["--set", "data.behaviour_log=\"nolog.txt\""], &wanted);
}

#[test]
fn a_wrong_prefix_lists_what_is_there() {
    let wanted = ["nothing to process", "`2018_`", "20170214_102233_1"];
    says(&["--set", "data.prefix=\"2018_\""], &wanted);
    // Also where an earlier run with the right one has its results, which makes the place another session's.
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let wrong = ["--set", "data.prefix=\"2018_\""];
    let (status, _, stderr) = run_experiment(&experiment, &wrong);
    assert_eq!(status, 2);
    for part in wanted {
        assert!(flat(&stderr).contains(part), "{part}: {stderr}");
    }
}

/// A program without stores says how one with them is had, wherever a place is named.
#[cfg(not(feature = "swift"))]
#[test]
fn a_store_that_is_not_built_in_is_a_feature_away() {
    let wanted = ["swift://raw/day", "--features swift,cloud"];
    says(&["--set", "data.url=\"swift://raw/day\""], &wanted);
    for command in ["inspect", "view"] {
        let (status, _, stderr) =
            crate::common::run(crate::common::widefield().args([command, "swift://raw/day/movie"]));
        assert_ne!(status, 0);
        for part in wanted {
            assert!(flat(&stderr).contains(part), "{part}: {stderr}");
        }
    }
}

#[cfg(feature = "swift")]
#[test]
fn missing_credentials_name_the_variables() {
    // Whatever the environment of the test holds is taken away.
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let mut command = crate::common::widefield();
    for (name, _) in std::env::vars() {
        if name.starts_with("OS_") || name.starts_with("ST_") {
            command.env_remove(name);
        }
    }
    let command = command.arg("run").arg(&experiment);
    let (status, _, stderr) =
        crate::common::run(command.args(["--set", "data.url=\"swift://raw/day\""]));
    assert_eq!(status, 2);
    for part in ["swift://raw/day", "OS_AUTH_URL", "OS_PASSWORD", "ST_KEY"] {
        assert!(flat(&stderr).contains(part), "{part}: {stderr}");
    }
}

#[test]
fn a_missing_description_says_how_to_get_one() {
    let nowhere = std::path::Path::new("/nowhere/experiment.toml");
    let (status, _, stderr) = run_experiment(nowhere, &[]);
    assert_eq!(status, 2);
    let said = flat(&stderr);
    assert!(
        said.contains("/nowhere/experiment.toml") && said.contains("widefield init"),
        "{said}"
    );
}

#[test]
fn of_a_folder_its_description_is_taken() {
    let dir = tempfile::tempdir().expect("folder");
    golden_experiment(dir.path(), "");
    let (status, stdout, stderr) = run_experiment(dir.path(), &["--dry-run"]);
    assert_eq!(status, 0, "{stderr}");
    assert!((stdout + &stderr).contains("20170214_102233_1"));
    let empty = tempfile::tempdir().expect("folder");
    let (status, _, stderr) = run_experiment(empty.path(), &[]);
    assert_eq!(status, 2);
    assert!(flat(&stderr).contains("widefield init"), "{stderr}");
}
