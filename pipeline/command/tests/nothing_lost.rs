//! No recording, log, mask or experiment file is ever removed or replaced, no result is removed that a run does not
//! make again, and none of another session is touched.

use crate::common::{contents, files, golden_experiment, record, run, run_experiment, widefield};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MOVIES: [&str; 3] = [
    "20170214_102233_1",
    "20170214_102250_2",
    "20170214_102307_3",
];

/// `R/raw` with the raw files, `R/experiment.toml` with `output.url = R`.
fn apart(dir: &Path, more: &str) -> PathBuf {
    let raw = dir.join("raw");
    std::fs::create_dir(&raw).expect("folder");
    let inside = golden_experiment(&raw, more);
    let text = std::fs::read_to_string(&inside).expect("experiment");
    std::fs::remove_file(&inside).expect("remove");
    let data = "[output]\nurl = \".\"\n[data]\nurl = \"raw\"";
    let path = dir.join("experiment.toml");
    std::fs::write(&path, text.replacen("[data]", data, 1)).expect("experiment");
    path
}

/// Runs with each way to treat what is there; all are refused, and nothing is touched.
fn refused(dir: &Path, experiment: &Path, more: &[&str], reason: &str) {
    let before = contents(dir);
    for existing in ["clean", "replace", "resume"] {
        let arguments = [more, &["--existing", existing]].concat();
        let (status, _, stderr) = run_experiment(experiment, &arguments);
        assert_eq!(status, 2, "{stderr}");
        let flat = stderr.replace("\n  │ ", " ");
        assert!(flat.contains(reason), "{stderr}");
        assert!(contents(dir) == before, "{more:?} {existing}");
    }
}

#[test]
fn results_never_go_where_recordings_are() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = apart(dir.path(), "");
    let reason = "the folder of the recordings";
    for key in ["movie", "dff", "mat"] {
        let set = format!("output.{key}=raw");
        refused(dir.path(), &experiment, &["--set", &set], reason);
    }
    let url = format!("output.url=file://{}/new/..", dir.path().display());
    let set = ["--set", &url, "--set", "output.mat=raw"];
    refused(dir.path(), &experiment, &set, reason);
}

#[test]
fn recordings_in_a_folder_called_as_results_are_stay() {
    for kind in ["mov_out", "report", "manifest"] {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = apart(dir.path(), "");
        let data = dir.path().join(kind);
        std::fs::rename(dir.path().join("raw"), &data).expect("rename");
        let set = format!("data.url={}", data.display());
        let reason = "the folder of the recordings";
        refused(dir.path(), &experiment, &["--set", &set], reason);
    }
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_results_to_recordings() {
    use std::os::unix::fs::symlink;
    for kind in ["mov_out", "dff_out", "mat_out", "report", "manifest"] {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = apart(dir.path(), "");
        let out = dir.path().join("out");
        std::fs::create_dir(&out).expect("folder");
        symlink("../raw", out.join(kind)).expect("link");
        let set = format!("output.url={}", out.display());
        let reason = "the folder of the recordings";
        refused(dir.path(), &experiment, &["--set", &set], reason);
        std::fs::remove_file(out.join(kind)).expect("remove");
        // Neither do two kinds meet.
        if kind != "dff_out" {
            std::fs::create_dir(out.join("dff_out")).expect("folder");
            symlink("dff_out", out.join(kind)).expect("link");
            let reason = "would both write into";
            refused(dir.path(), &experiment, &["--set", &set], reason);
        }
    }
    // The recordings by a link.
    let dir = tempfile::tempdir().expect("folder");
    let experiment = apart(dir.path(), "");
    symlink("raw", dir.path().join("link")).expect("link");
    let set = ["--set", "output.dff=raw", "--set"];
    let data = format!("data.url={}", dir.path().join("link").display());
    let reason = "the folder of the recordings";
    refused(
        dir.path(),
        &experiment,
        &[&set[..], &[&data]].concat(),
        reason,
    );
}

#[test]
fn masks_and_experiment_files_stay_where_they_are() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = apart(dir.path(), "");
    let mask = dir.path().join("masks/mask.png");
    std::fs::create_dir(dir.path().join("masks")).expect("folder");
    std::fs::write(&mask, "not looked into").expect("mask");
    let file = format!("analysis.segmentation.file={}", mask.display());
    let set = [
        "analysis.segmentation.method=file",
        &file,
        "output.mat=masks",
    ];
    let more: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
    let reason = "the folder of the image of analysis.segmentation.file";
    refused(dir.path(), &experiment, &more, reason);

    let deeper = dir.path().join("dff_out");
    std::fs::create_dir(&deeper).expect("folder");
    let moved = deeper.join("experiment.toml");
    let text = std::fs::read_to_string(&experiment).expect("experiment");
    let text = text
        .replace("\".\"", "\"..\"")
        .replace("\"raw\"", "\"../raw\"");
    std::fs::write(&moved, text).expect("experiment");
    refused(dir.path(), &moved, &[], "the folder of the experiment file");
}

#[test]
fn what_is_read_is_not_written() {
    // The results beside the recordings, as by default.
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let at = |name: &str| dir.path().join(name);
    std::fs::rename(at("behaviour.txt"), at("TrialList.txt")).expect("rename");
    let set = ["--set", "data.behaviour_log=TrialList.txt"];
    let reason = "which would also write it";
    refused(dir.path(), &experiment, &set, reason);

    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let at = |name: &str| dir.path().join(name);
    std::fs::rename(at(MOVIES[0]), at("run.json")).expect("rename");
    let set = ["--set", "data.prefix=run"];
    refused(dir.path(), &experiment, &set, reason);
}

#[test]
fn clean_removes_results_and_nothing_else() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let all = files(dir.path());
    let old = [
        "mov_out/old.h5",
        "mat_out/cond_5_trial9.mat",
        "report/old.json",
    ];
    let mine = [
        "mov_out/notes.txt",
        "mat_out/20170214_102233_1",
        "dff_out/a/old.h5",
    ];
    for name in old.iter().chain(&mine) {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, name).expect("write");
    }
    let (status, _, stderr) = run_experiment(&experiment, &["--existing", "clean"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("no results: 2 files"), "{stderr}");
    let mut expected = all;
    expected.extend(mine.map(str::to_owned));
    expected.sort();
    assert_eq!(files(dir.path()), expected);
}

/// MAT files of the session by name and content.
fn mats(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    contents(&dir.join("mat_out"))
}

#[test]
fn what_a_run_does_not_make_it_does_not_remove() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let before = mats(dir.path());
    assert_eq!(before.len(), 5);
    for other in ["output.mat=\"\"", "output.mat=other"] {
        let (status, _, stderr) = run_experiment(&experiment, &["--set", other]);
        assert_eq!(status, 0, "{stderr}");
        let said = "3 trials are done again, 0 files replaced: parameters changed: output.mat";
        let (said, first) = (stderr.find(said), stderr.find("[1/3]"));
        assert!(said.is_some() && said < first, "{stderr}");
        assert!(mats(dir.path()) == before, "{other}");
    }
    let films = files(&dir.path().join("mov_out"));
    assert_eq!(
        run_experiment(&experiment, &["--set", "output.movie="]).0,
        0
    );
    assert_eq!(files(&dir.path().join("mov_out")), films);
}

#[test]
fn what_is_done_again_is_an_event() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let set = "analysis.clamp_negative=false";
    let more = ["--progress", "json", "--set", set];
    let (status, _, stderr) = run_experiment(&experiment, &more);
    assert_eq!(status, 0, "{stderr}");
    let events: Vec<Value> = stderr
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    let position = |name: &str| events.iter().position(|e| e["event"] == name);
    let again = &events[position("again").expect("said")];
    assert!(position("again") < position("started"));
    assert_eq!(again["parameters"][0], "analysis.clamp_negative");
    assert_eq!((&again["trials"], &again["files"]), (&3.into(), &6.into()));
}

/// Replaces what the log says was shown in a trial.
pub(crate) fn show(dir: &Path, trial: u32, stimulus: &str) {
    let path = dir.join("behaviour.txt");
    let text = std::fs::read_to_string(&path).expect("log");
    let line = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let shown = parts.get(2) == Some(&trial.to_string().as_str())
            && parts
                .get(3)
                .is_some_and(|event| event.starts_with("Texture"));
        match shown {
            true => format!("{}\t{}\t{trial}\t{stimulus}\n", parts[0], parts[1]),
            false => format!("{line}\n"),
        }
    };
    std::fs::write(&path, text.lines().map(line).collect::<String>()).expect("log");
}

#[test]
fn a_trial_under_another_label_takes_its_former_file_with_it() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    show(dir.path(), 3, "Texture 7 P1200");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let want = [
        "cond_1200_trial1.mat",
        "cond_1200_trial2.mat",
        "cond_100_trial1.mat",
        "refImg.mat",
        "trials_ind.mat",
    ];
    let mut want = want.map(str::to_owned);
    want.sort();
    assert_eq!(files(&dir.path().join("mat_out")), want);
    assert_eq!(record(dir.path())["totals"]["skipped"], 2);
}

#[test]
fn former_labels_go_with_their_trials_where_a_run_that_cleans_does_not_come_to_its_end() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let before = record(dir.path());
    let outputs = before["trials"][2]["outputs"].as_array().expect("outputs");
    let mut paths = outputs.iter().filter_map(|o| o["path"].as_str());
    let former = paths.find(|p| p.ends_with(".mat")).expect("a MAT file");
    show(dir.path(), 3, "Texture 7 P1200");
    let movie = dir.path().join(MOVIES[0]);
    let bytes = std::fs::read(&movie).expect("movie");
    std::fs::write(&movie, &bytes[..100_000]).expect("cut");
    let (status, _, stderr) = run_experiment(&experiment, &["--existing", "clean"]);
    assert_eq!(status, 1, "{stderr}");
    assert!(!dir.path().join(former).exists(), "{former}");
}

#[test]
fn no_file_keeps_the_name_of_a_trial_that_failed() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    // Trial 2 would now have the name that the file of trial 3 had, and fails.
    show(dir.path(), 2, "Texture 1 P100");
    let movie = dir.path().join(MOVIES[1]);
    let bytes = std::fs::read(&movie).expect("movie");
    std::fs::write(&movie, &bytes[..100_000]).expect("cut");
    assert_eq!(run_experiment(&experiment, &[]).0, 1);
    let left = files(&dir.path().join("mat_out"));
    assert!(left.contains(&"cond_100_trial3.mat".to_owned()), "{left:?}");
    assert!(
        !left.contains(&"cond_100_trial2.mat".to_owned()),
        "{left:?}"
    );
}

/// A session without a log, of the golden movies under other names.
fn unlabelled(dir: &Path, names: [&str; 3]) -> PathBuf {
    let path = golden_experiment(dir, "");
    for (movie, name) in MOVIES.iter().zip(names) {
        std::fs::rename(dir.join(movie), dir.join(name)).expect("rename");
    }
    let text = std::fs::read_to_string(&path).expect("experiment");
    let (_, rest) = text.split_once("[analysis]").expect("analysis");
    let text = format!("[data]\nprefix = \"{}\"\n[analysis]{rest}", &names[0][..1]);
    std::fs::write(&path, text).expect("experiment");
    path
}

#[test]
fn a_movie_may_be_called_as_manifests_are() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = unlabelled(dir.path(), ["x.json", "x", "x.json.json"]);
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let kept = "3 trials are finished and unchanged, 0";
    assert!(stderr.contains(kept), "{stderr}");
}

#[test]
fn a_movie_called_as_a_file_of_the_session_is_refused() {
    for name in ["refImg", "refimg.DCIMG", "trials_ind"] {
        let dir = tempfile::tempdir().expect("folder");
        let other = name[..1].to_owned();
        let names = [name, &format!("{other}_1"), &format!("{other}_2")];
        let experiment = unlabelled(dir.path(), names);
        let reason = format!("the MAT file of {name} would be");
        refused(dir.path(), &experiment, &[], &reason);
        // Without MAT files there is nothing to mix up.
        assert_eq!(run_experiment(&experiment, &["--set", "output.mat="]).0, 0);
    }
}

#[test]
fn an_altered_manifest_cannot_have_other_files_removed() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let outside = tempfile::tempdir().expect("folder");
    let victim = outside.path().join("victim.h5");
    std::fs::write(&victim, "mine").expect("victim");
    for name in ["victim.h5", "mov_out/victim.h5", "deeper/victim.mat"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        std::fs::write(path, "mine").expect("victim");
    }
    let all = files(dir.path());
    let manifest = dir.path().join(format!("manifest/{}.json", MOVIES[0]));
    let text = std::fs::read(&manifest).expect("manifest");
    let mut altered: Value = serde_json::from_slice(&text).expect("JSON");
    let outputs = altered["record"]["outputs"]
        .as_array_mut()
        .expect("outputs");
    let up = "../".repeat(20) + &victim.display().to_string();
    for path in [
        MOVIES[0],
        "behaviour.txt",
        "experiment.toml",
        "victim.h5",
        "mov_out/victim.h5",
        "mov_out/../victim.h5",
        "deeper/victim.mat",
        "mat_out/refImg.mat",
        "run.json",
        &victim.display().to_string(),
        &up,
    ] {
        outputs.push(serde_json::json!({"path": path, "bytes": 4, "crc32c": 0}));
    }
    std::fs::write(&manifest, altered.to_string()).expect("manifest");
    for more in [&[][..], &["--set", "output.compression=2"]] {
        std::fs::write(&manifest, altered.to_string()).expect("manifest");
        let (status, _, stderr) = run_experiment(&experiment, more);
        assert_eq!(status, 0, "{stderr}");
        assert_eq!(files(dir.path()), all);
        assert!(victim.exists());
    }
}

#[test]
fn sessions_of_one_run_do_not_share_a_folder() {
    let [a, b, out] = [(); 3].map(|()| tempfile::tempdir().expect("folder"));
    let one = golden_experiment(a.path(), "");
    let other = golden_experiment(b.path(), "\n[output]\nrecords = \"b\"\n");
    let place = format!("output.url={}", out.path().display());
    // Only the results of trials would meet; everything would.
    for (one, other, set) in [(&one, &other, &place[..]), (&one, &one, "output.mat=m")] {
        for more in [&["--existing", "clean"][..], &["--dry-run"], &[]] {
            let mut command = widefield();
            command.arg("run").args([one, other]).args(["--set", set]);
            let (status, _, stderr) = run(command.args(more));
            assert_eq!(status, 2, "{stderr}");
            let flat = stderr.replace("\n  │ ", " ");
            assert!(flat.contains("would both write into"), "{stderr}");
            for path in [one, other] {
                let name = path.parent().and_then(Path::file_name).expect("folder");
                assert!(flat.contains(name.to_str().expect("UTF-8")), "{stderr}");
            }
            assert!(files(out.path()).is_empty());
            assert!(!a.path().join("mov_out").exists());
        }
    }
}

#[test]
fn sessions_one_after_the_other_do_not_share_a_folder() {
    let [a, b, out] = [(); 3].map(|()| tempfile::tempdir().expect("folder"));
    let place = format!("output.url={}", out.path().display());
    // Whose records are at the top, below, or both below.
    for records in [["", "b"], ["a", ""], ["a", "b"]] {
        let [one, other] = [(a.path(), records[0]), (b.path(), records[1])]
            .map(|(dir, r)| golden_experiment(dir, &format!("\n[output]\nrecords = {r:?}\n")));
        let go = |experiment: &Path, more: &[&str]| {
            let mut command = widefield();
            command.arg("run").arg(experiment).args(["--set", &place]);
            let (status, _, stderr) = run(command.args(more));
            (status, stderr.replace("\n  │ ", " "))
        };
        let (status, stderr) = go(&one, &["--existing", "clean"]);
        assert_eq!(status, 0, "{stderr}");
        let before = contents(out.path());
        // Also where the first never came to its end.
        let run_json = out.path().join(records[0]).join("run.json");
        let text = std::fs::read(&run_json).expect("run.json");
        std::fs::remove_file(&run_json).expect("remove");
        for more in [&[][..], &["--dry-run"], &["--existing", "replace"]] {
            let (status, stderr) = go(&other, more);
            assert_eq!(status, 2, "{stderr}");
            assert!(stderr.contains("belongs to another session"), "{stderr}");
        }
        std::fs::write(&run_json, text).expect("run.json");
        let (status, stderr) = go(&other, &[]);
        assert_eq!(status, 2, "{stderr}");
        assert!(contents(out.path()) == before);
        // With folders of results of its own it goes, and leaves those of the first alone.
        let own = ["movie", "dff", "mat"].map(|kind| format!("output.{kind}=\"own_{kind}\""));
        let own: Vec<&str> = own.iter().flat_map(|set| ["--set", set]).collect();
        let (status, stderr) = go(&other, &own);
        assert_eq!(status, 0, "{stderr}");
        let after = contents(out.path());
        assert!(
            before
                .iter()
                .all(|(name, bytes)| after.get(name) == Some(bytes))
        );
        // Whoever cleans has the place.
        let (status, stderr) = go(&other, &["--existing", "clean"]);
        assert_eq!(status, 0, "{stderr}");
        let (status, stderr) = go(&one, &[]);
        assert_eq!(status, 2, "{stderr}");
        for folder in [a.path(), b.path(), out.path()] {
            std::fs::remove_dir_all(folder)
                .and_then(|()| std::fs::create_dir(folder))
                .expect("empty");
        }
    }
}
