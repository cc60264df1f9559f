//! Results that are not as they were left are made again, and only those; what is only copied is not.

use crate::common::{files, golden_experiment, record, run_experiment};
use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

const STEMS: [&str; 3] = [
    "20170214_102233_1",
    "20170214_102250_2",
    "20170214_102307_3",
];

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|m| m.modified()).expect("time")
}

/// Overwrites a file with zeros; keeps its time if asked to.
fn zeros(path: &Path, keep_time: bool) {
    let time = modified(path);
    let length = std::fs::read(path).expect("read").len();
    std::fs::write(path, vec![0; length]).expect("write");
    let file = File::options().write(true).open(path).expect("open");
    // A time that differs, however coarse the clock of the file system is.
    let other = time + std::time::Duration::from_secs(3);
    file.set_modified(if keep_time { time } else { other })
        .expect("time");
}

fn ran(experiment: &Path, more: &[&str]) -> String {
    let (status, _, stderr) = run_experiment(experiment, more);
    assert_eq!(status, 0, "{stderr}");
    stderr
}

fn all_kept(experiment: &Path, more: &[&str]) {
    let stderr = ran(experiment, more);
    let kept = "3 trials are finished and unchanged, 0";
    assert!(stderr.contains(kept), "{stderr}");
}

#[test]
fn a_result_of_the_same_length_and_other_content_is_made_again() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    ran(&experiment, &[]);
    for name in [
        format!("dff_out/{}.h5", STEMS[1]),
        format!("mov_out/{}.h5", STEMS[2]),
        "mat_out/cond_100_trial1.mat".to_owned(),
    ] {
        let path = dir.path().join(&name);
        let good = std::fs::read(&path).expect("read");
        zeros(&path, false);
        let (_, plan, _) = run_experiment(&experiment, &["--dry-run"]);
        let why = format!("({name} is missing or changed)");
        assert!(plan.contains(&why), "{plan}");
        let stderr = ran(&experiment, &[]);
        let kept = "2 trials are finished and unchanged, 1";
        assert!(stderr.contains(kept), "{stderr}");
        assert!(std::fs::read(&path).expect("read") == good);
        // Damage that time does not show is found on request.
        zeros(&path, true);
        all_kept(&experiment, &[]);
        let stderr = ran(&experiment, &["--verify"]);
        assert!(stderr.contains(kept), "{stderr}");
        assert!(std::fs::read(&path).expect("read") == good);
    }
    all_kept(&experiment, &["--verify"]);
}

/// Whether the manifests know the time of every result.
fn stamped(dir: &Path) -> bool {
    STEMS.iter().all(|stem| {
        let path = dir.join(format!("manifest/{stem}.json"));
        let text = std::fs::read(path).expect("manifest");
        let manifest: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let stamps = manifest["stamps"].as_object().expect("stamps");
        let same = |(name, stamp): (&String, &serde_json::Value)| {
            let nanoseconds = |time: SystemTime| {
                let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("1970");
                since.as_nanos()
            };
            let told: jiff::Timestamp = stamp.as_str().expect("text").parse().expect("time");
            nanoseconds(modified(&dir.join(name))) == u128::try_from(told.as_nanosecond()).unwrap()
        };
        stamps.len() == 3 && stamps.iter().all(same)
    })
}

#[test]
fn a_copied_folder_costs_one_reading() {
    let [dir, copy] = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
    let experiment = golden_experiment(dir.path(), "");
    ran(&experiment, &[]);
    assert!(stamped(dir.path()));
    for name in files(dir.path()) {
        let to = copy.path().join(&name);
        std::fs::create_dir_all(to.parent().expect("folder")).expect("folder");
        let from = dir.path().join(&name);
        if STEMS.contains(&name.as_str()) {
            // A movie must be the same file still.
            std::fs::hard_link(&from, &to).expect("link");
            continue;
        }
        std::fs::copy(&from, &to).expect("copy");
        let file = File::options().write(true).open(&to).expect("open");
        let later = modified(&from) + std::time::Duration::from_secs(9);
        file.set_modified(later).expect("time");
    }
    let experiment = copy.path().join("experiment.toml");
    assert!(!stamped(copy.path()));
    all_kept(&experiment, &[]);
    assert!(stamped(copy.path()));
    // It is not read again: damage that time does not show stays unseen.
    zeros(&copy.path().join("mat_out/cond_100_trial1.mat"), true);
    all_kept(&experiment, &[]);
}

#[test]
fn manifests_of_earlier_versions_are_verified_once() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    ran(&experiment, &[]);
    for stem in STEMS {
        let path = dir.path().join(format!("manifest/{stem}.json"));
        let text = std::fs::read(&path).expect("manifest");
        let mut manifest: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        manifest.as_object_mut().expect("object").remove("stamps");
        std::fs::write(&path, manifest.to_string()).expect("manifest");
    }
    // Read for want of a time, though this one keeps its own.
    zeros(&dir.path().join(format!("dff_out/{}.h5", STEMS[0])), true);
    let stderr = ran(&experiment, &[]);
    let kept = "2 trials are finished and unchanged, 1";
    assert!(stderr.contains(kept), "{stderr}");
    assert!(stamped(dir.path()));
    zeros(&dir.path().join(format!("dff_out/{}.h5", STEMS[0])), true);
    all_kept(&experiment, &[]);
}

#[test]
fn lost_pictures_are_said() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    ran(&experiment, &[]);
    let at = |stem: &str| dir.path().join(format!("report/{stem}.json"));
    std::fs::remove_file(at(STEMS[0])).expect("remove");
    // Whether its time tells so or not.
    zeros(&at(STEMS[1]), true);
    let stderr = ran(&experiment, &[]);
    let said = format!("2 kept trials, such as report/{}.json;", STEMS[0]);
    assert!(stderr.contains(&said), "{stderr}");
    let record = record(dir.path());
    for (i, lacks) in [(0, true), (1, true), (2, false)] {
        let checks = record["trials"][i]["checks"].as_array().expect("checks");
        let lost = checks.iter().any(|c| c["name"] == "pictures");
        assert_eq!(lost, lacks, "{i}");
    }
    ran(&experiment, &["--existing", "replace"]);
    assert!(!ran(&experiment, &[]).contains("lacks its parts"));
}
