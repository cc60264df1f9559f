//! Several sessions in one run, and what a dry run says of them.

use crate::common::{
    assert_nothing_temporary, files, golden_experiment, record, run, run_experiment, widefield,
};
use serde_json::Value;
use std::path::Path;

fn copy_raw(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for name in files(from) {
        std::fs::copy(from.join(&name), to.join(&name)).expect("copy");
    }
}

/// Two folders with the raw files of the golden session, and one description of both.
fn folders(dir: &Path) -> std::path::PathBuf {
    let raw = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(raw.path(), "");
    let text = std::fs::read_to_string(&experiment).expect("experiment");
    std::fs::remove_file(&experiment).expect("remove");
    for folder in ["mouse 1/day1", "day2"] {
        copy_raw(raw.path(), &dir.join(folder));
    }
    let text = text.replace("[data]", "[data]\nfolders = [\"mouse 1/day1\", \"day2\"]");
    let path = dir.join("experiment.toml");
    std::fs::write(&path, text).expect("experiment");
    path
}

#[test]
fn folders_are_sessions_with_results_by_kind() {
    let alone = tempfile::tempdir().expect("folder");
    assert_eq!(
        run_experiment(&golden_experiment(alone.path(), ""), &[]).0,
        0
    );
    let dir = tempfile::tempdir().expect("folder");
    let experiment = folders(dir.path());
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    for folder in ["mouse 1/day1", "day2"] {
        for kind in ["mov_out", "dff_out", "mat_out"] {
            let [one, other] = [alone.path().join(kind), dir.path().join(kind).join(folder)];
            assert_eq!(files(&one), files(&other));
            for name in files(&one) {
                let read = |at: &Path| std::fs::read(at.join(&name)).expect("result");
                assert!(read(&one) == read(&other), "{kind}/{folder}/{name}");
            }
        }
        let home = dir.path().join(folder);
        assert_eq!(record(&home)["totals"]["ok"], 3);
        for own in ["report.html", "TrialList.txt", "BehaviourPerformance.txt"] {
            assert!(home.join(own).exists(), "{own}");
        }
        assert_eq!(files(&home.join("manifest")).len(), 3);
    }
    assert_nothing_temporary(dir.path());
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0);
    assert_eq!(
        stderr
            .matches("3 trials are finished and unchanged, 0")
            .count(),
        2,
        "{stderr}"
    );
    // Moved as a whole they are still done.
    let moved = tempfile::tempdir().expect("folder");
    let target = moved.path().join("there");
    std::fs::rename(dir.path(), &target).expect("rename");
    let (status, _, stderr) = run_experiment(&target.join("experiment.toml"), &[]);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(
        stderr
            .matches("3 trials are finished and unchanged, 0")
            .count(),
        2,
        "{stderr}"
    );
}

#[test]
fn clean_of_one_folder_leaves_the_other_alone() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = folders(dir.path());
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let all = files(dir.path());
    for stray in [
        "dff_out/day2/old.h5",
        "day2/manifest/20160101_1.json",
        "day2/report/20160101_1.json",
    ] {
        std::fs::write(dir.path().join(stray), "old").expect("stray");
    }
    let only = ["--set", "data.folders=[\"day2\"]", "--existing", "clean"];
    let (status, _, stderr) = run_experiment(&experiment, &only);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(files(dir.path()), all);
}

#[test]
fn one_unusable_session_does_not_stop_the_others() {
    let [good, bad, failing] = [(); 3].map(|()| tempfile::tempdir().expect("folder"));
    let first = golden_experiment(good.path(), "");
    let second = golden_experiment(bad.path(), "");
    let third = golden_experiment(failing.path(), "");
    std::fs::remove_file(bad.path().join("behaviour.txt")).expect("remove");
    let movie = failing.path().join("20170214_102233_1");
    let bytes = std::fs::read(&movie).expect("movie");
    std::fs::write(&movie, &bytes[..100_000]).expect("cut");
    let command =
        |experiments: &[&Path]| run(widefield().arg("run").args(experiments).arg("--json"));
    let (status, stdout, stderr) = command(&[&second, &first, &third]);
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("behaviour.txt"), "{stderr}");
    let runs: Vec<Value> = stdout
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0]["totals"]["ok"], 3);
    assert_eq!(
        (&runs[1]["totals"]["ok"], &runs[1]["totals"]["failed"]),
        (&2.into(), &1.into())
    );
    // Movies of two sessions may have one name: each is told of by its place.
    let failed = format!("{}/20170214_102233_1: failed", failing.path().display());
    assert!(stderr.contains(&failed), "{stderr}");
    let (status, _, _) = command(&[&first, &third]);
    assert_eq!(status, 1);
}

#[test]
fn a_dry_run_says_why_in_words_and_as_json() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    std::fs::remove_file(dir.path().join("dff_out/20170214_102250_2.h5")).expect("remove");
    let before = files(dir.path());
    let json = |more: &[&str]| -> Value {
        let arguments = [&["--dry-run", "--json"], more].concat();
        let (status, stdout, stderr) = run_experiment(&experiment, &arguments);
        assert_eq!(status, 0, "{stderr}");
        serde_json::from_str(&stdout).expect("one line of JSON")
    };
    let plan = json(&[]);
    let trial = |i: usize| &plan["trials"][i];
    assert_eq!(trial(0)["work"], "keep");
    assert_eq!(trial(0)["writes"], Value::Array(Vec::new()));
    assert_eq!(trial(1)["work"], "do");
    assert_eq!(
        trial(1)["why"],
        "dff_out/20170214_102250_2.h5 is missing or changed"
    );
    assert_eq!(trial(1)["writes"][0], "mov_out/20170214_102250_2.h5");

    let plan = json(&[
        "--set",
        "analysis.clamp_negative=false",
        "--set",
        "output.mat=other",
    ]);
    let why = plan["trials"][0]["why"].as_str().expect("why");
    assert_eq!(
        why,
        "parameters changed: analysis.clamp_negative, output.mat"
    );
    // The other MAT files are none that this run makes.
    assert_eq!(plan["trials"][0]["removes"], Value::Array(Vec::new()));
    let replace = json(&["--existing", "replace"]);
    assert_eq!(replace["trials"][0]["why"], "to be replaced");
    assert_eq!(files(dir.path()), before);

    // What is announced to be removed is removed, once the new files stand.
    let text = std::fs::read_to_string(&experiment).expect("experiment");
    let renamed = "decision = \"Go\"\ncondition = \"smooth\"";
    let text = text.replace("decision = \"Go\"", renamed);
    std::fs::write(&experiment, text).expect("experiment");
    let plan = json(&[]);
    let removed = &plan["trials"][0]["removes"];
    assert_eq!(removed[0], "mat_out/cond_100_trial1.mat");
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let left = files(&dir.path().join("mat_out"));
    let want = ["cond_1200_trial1.mat", "cond_smooth_trial1.mat"];
    assert_eq!(left[..2], want);
    assert!(!left.iter().any(|name| name.starts_with("cond_100_")));
}

#[test]
fn ten_thousand_listed_files_are_planned() {
    let dir = tempfile::tempdir().expect("folder");
    for trial in 0..10_000 {
        let name = format!("a_{trial}");
        std::fs::write(dir.path().join(name), b"DCIMG\0\0\0 and so on").expect("file");
    }
    let experiment = dir.path().join("experiment.toml");
    std::fs::write(&experiment, "[data]\nprefix = \"a_\"\n").expect("experiment");
    let (status, stdout, stderr) = run_experiment(&experiment, &["--dry-run"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stdout.contains("10000 trials to do, 0 kept"));
    assert_eq!(files(dir.path()).len(), 10_001);
}

#[test]
fn a_session_decides_anew_only_when_its_movies_change() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "scope = \"session\"\n");
    let measured = || {
        files(&dir.path().join("manifest"))
            .iter()
            .filter(|f| f.ends_with(".measured"))
            .count()
    };
    let again = || {
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        (status, stderr, record(dir.path()))
    };
    let (status, stderr, first) = again();
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(measured(), 0);
    let (_, stderr, second) = again();
    assert!(
        stderr.contains("3 trials are finished and unchanged, 0"),
        "{stderr}"
    );
    assert_eq!(
        first["trials"][2]["threshold"],
        second["trials"][2]["threshold"]
    );
    // An output is gone: all are measured, the decision stays, one is done.
    std::fs::remove_file(dir.path().join("mov_out/20170214_102233_1.h5")).expect("remove");
    let (_, stderr, third) = again();
    assert!(stderr.contains("measuring 3 trials"), "{stderr}");
    assert_eq!(
        (&third["totals"]["ok"], &third["totals"]["skipped"]),
        (&1.into(), &2.into())
    );
    // A movie is damaged: what was measured of the others stays for the next run.
    let movie = dir.path().join("20170214_102307_3");
    let bytes = std::fs::read(&movie).expect("movie");
    std::fs::write(&movie, &bytes[..100_000]).expect("cut");
    let (status, stderr, fourth) = again();
    assert_eq!((status, measured()), (1, 2), "{stderr}");
    assert_eq!(fourth["totals"]["failed"], 1);
    assert_ne!(
        fourth["trials"][0]["threshold"],
        first["trials"][0]["threshold"]
    );
    let (_, stderr, fifth) = again();
    assert!(stderr.contains("measuring 1 trials"), "{stderr}");
    assert_eq!(fifth["totals"]["skipped"], 2);
    std::fs::write(&movie, &bytes).expect("whole");
    let (status, _, sixth) = again();
    assert_eq!((status, measured()), (0, 0));
    assert_eq!(
        sixth["trials"][0]["threshold"],
        first["trials"][0]["threshold"]
    );
}
