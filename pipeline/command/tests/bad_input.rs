//! What is wrong is named with file and reason, the rest is done, nothing half-written stays, and the exit status
//! tells. Each test spoils one thing of the golden session.

use crate::common::{
    assert_nothing_temporary, files, golden_experiment, movie, record, run, run_experiment, spot,
    widefield,
};
use std::path::Path;
use std::process::Command;

const FIRST: &str = "20170214_102233_1";

struct Ended {
    dir: tempfile::TempDir,
    status: i32,
    stderr: String,
}

impl Ended {
    /// The first movie failed with `reason`, the other two are done.
    fn only_the_first_failed(&self, reason: &str) {
        assert_eq!(self.status, 1, "{}", self.stderr);
        let record = record(self.dir.path());
        let trials = record["trials"].as_array().expect("trials");
        assert_eq!(trials.len(), 3);
        assert_eq!(trials[0]["status"], "failed");
        let error = trials[0]["error"].as_str().expect("reason");
        assert!(error.contains(reason), "{error}");
        assert!(
            self.stderr.contains(FIRST) && self.stderr.contains(reason),
            "{}",
            self.stderr
        );
        assert!(trials[1]["status"] == "ok" && trials[2]["status"] == "ok");
        self.only_these_movies(&["20170214_102250_2.h5", "20170214_102307_3.h5"]);
    }

    /// The first and the second trial have their MAT files, the third has none.
    fn no_mat_of_the_third(&self) {
        assert_eq!(
            files(&self.dir.path().join("mat_out")),
            [
                "cond_100_trial1.mat",
                "cond_1200_trial1.mat",
                "refImg.mat",
                "trials_ind.mat"
            ]
        );
    }

    fn only_these_movies(&self, want: &[&str]) {
        assert_nothing_temporary(self.dir.path());
        assert_eq!(files(&self.dir.path().join("mov_out")), want);
        assert_eq!(files(&self.dir.path().join("dff_out")), want);
    }

    /// The request was refused before any output.
    fn refused(&self, reason: &str) {
        assert_eq!(self.status, 2, "{}", self.stderr);
        assert!(
            self.stderr.replace("\n  │ ", " ").contains(reason),
            "{}",
            self.stderr
        );
        for name in ["mov_out", "dff_out", "mat_out", "run.json", "report.html"] {
            assert!(!self.dir.path().join(name).exists(), "{name}");
        }
    }

    fn checks(&self, name: &str) -> Vec<String> {
        let record = record(self.dir.path());
        let of_trials = record["trials"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|t| t["checks"].as_array().unwrap());
        let all = of_trials.chain(record["checks"].as_array().unwrap());
        let raised = all.filter(|c| c["name"] == name && c["level"] != "pass");
        raised
            .map(|c| c["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Spoils the golden session, runs it, and keeps what came of it.
fn after(spoil: impl FnOnce(&Path), more: &str) -> Ended {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), more);
    spoil(dir.path());
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    Ended {
        dir,
        status,
        stderr,
    }
}

fn edit(path: impl AsRef<Path>, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(&path).expect("read");
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("write");
}

fn edit_text(path: impl AsRef<Path>, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, change(text)).expect("write");
}

#[test]
fn files_that_are_no_movies_are_ignored_and_listed() {
    let spoil = |dir: &Path| {
        std::fs::write(dir.join("20170214_notes_7"), "not a movie").unwrap();
        std::fs::write(dir.join("20170214_102324_4"), "").unwrap();
    };
    let ended = after(spoil, "");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("20170214_notes_7: not a DCIMG file"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("20170214_102324_4: empty file"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        record(ended.dir.path())["totals"]["ignored"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn cut_in_the_header() {
    for length in [8, 0x50, 0xb0] {
        after(|dir| edit(dir.join(FIRST), |b| b.truncate(length)), "")
            .only_the_first_failed("byte");
    }
}

#[test]
fn cut_in_a_frame() {
    let ended = after(|dir| edit(dir.join(FIRST), |b| b.truncate(200_000)), "");
    ended.only_the_first_failed("frames");
}

#[test]
fn cut_in_the_footer() {
    let ended = after(
        |dir| edit(dir.join(FIRST), |b| b.truncate(b.len() - 900)),
        "",
    );
    ended.only_the_first_failed("the file is cut");
}

#[test]
fn header_that_claims_more_than_the_file() {
    // Frames in file header and session header.
    let claim = |b: &mut Vec<u8>| {
        b[0x24..0x28].copy_from_slice(&4_000_000_u32.to_le_bytes());
        b[0x98..0x9c].copy_from_slice(&4_000_000_u32.to_le_bytes());
    };
    after(|dir| edit(dir.join(FIRST), claim), "").only_the_first_failed("byte");
}

#[test]
fn zero_frames() {
    let ended = after(|dir| movie(&dir.join(FIRST), [0, 64, 64], |_, _, _| 0), "");
    ended.only_the_first_failed("no frame");
}

#[test]
fn baseline_beyond_the_end() {
    let ended = after(
        |dir| movie(&dir.join(FIRST), [11, 64, 64], spot([64, 64])),
        "",
    );
    ended.only_the_first_failed("[9, 12] reaches beyond the 11 frames");
}

#[test]
fn constant_image() {
    let ended = after(
        |dir| movie(&dir.join(FIRST), [20, 64, 64], |_, _, _| 500),
        "",
    );
    ended.only_the_first_failed("constant");
}

#[test]
fn a_fit_that_does_not_converge() {
    // On a saddle an ever flatter and larger Gaussian fits ever better.
    let saddle = |_: usize, y: usize, x: usize| {
        crate::common::counts((x as f64 - 32.0).powi(2) - (y as f64 - 32.0).powi(2) + 2000.0)
    };
    let ended = after(|dir| movie(&dir.join(FIRST), [20, 64, 64], saddle), "");
    ended.only_the_first_failed("converge");
}

#[test]
fn no_density_below_the_cutoff() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let (status, _, stderr) = run_experiment(
        &experiment,
        &["--set", "analysis.segmentation.density_cutoff=1e-12"],
    );
    assert_eq!(status, 1);
    assert!(
        stderr.contains("cutoff") && stderr.contains("relative"),
        "{stderr}"
    );
    assert_eq!(record(dir.path())["totals"]["failed"], 3);
    assert_nothing_temporary(dir.path());
    assert!(files(&dir.path().join("mov_out")).is_empty());
}

#[test]
fn a_log_line_with_three_cells_costs_its_trial_only() {
    let spoil = |dir: &Path| {
        edit_text(dir.join("behaviour.txt"), |t| {
            t.replacen("\t1\tTexture 1 P100", "\tTexture 1 P100", 1)
        });
    };
    let ended = after(spoil, "");
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("behaviour.txt") && ended.stderr.contains("line 4"),
        "{}",
        ended.stderr
    );
    let record = record(ended.dir.path());
    assert_eq!(record["totals"]["ok"], 3);
    assert_eq!(record["behaviour"]["left_out"], 1);
    ended.no_mat_of_the_third();
    assert!(
        ended
            .dir
            .path()
            .join("dff_out")
            .join(format!("{FIRST}.h5"))
            .exists()
    );
}

#[test]
fn a_log_without_any_trial_is_refused() {
    let ended = after(
        |dir| std::fs::write(dir.join("behaviour.txt"), "Date\tTime\tTrial\tEvent\n").unwrap(),
        "",
    );
    ended.refused("holds no trial");
    after(
        |dir| std::fs::remove_file(dir.join("behaviour.txt")).unwrap(),
        "",
    )
    .refused("no such file");
}

#[test]
fn a_movie_without_entry_and_an_entry_without_movie() {
    let spoil = |dir: &Path| {
        std::fs::rename(dir.join("20170214_102307_3"), dir.join("20170214_102307_9")).unwrap();
    };
    let ended = after(spoil, "");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended
            .dir
            .path()
            .join("dff_out/20170214_102307_9.h5")
            .exists()
    );
    ended.no_mat_of_the_third();
    let matched = ended.checks("log_match").join(" ");
    assert!(
        matched.contains("20170214_102307_9") && matched.contains("without a movie: 3"),
        "{matched}"
    );
}

#[test]
fn a_stimulus_the_configuration_does_not_know() {
    let spoil = |dir: &Path| {
        edit_text(dir.join("behaviour.txt"), |t| {
            t.replace("Texture 7 P1200", "Texture 5 P800")
        })
    };
    let ended = after(spoil, "");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(
        ended
            .checks("unknown_stimulus")
            .join("")
            .contains("Texture 5 P800")
    );
    assert!(
        ended
            .dir
            .path()
            .join("dff_out/20170214_102250_2.h5")
            .exists()
    );
    assert_eq!(files(&ended.dir.path().join("mat_out")).len(), 4);
    let text = std::fs::read_to_string(ended.dir.path().join("BehaviourPerformance.txt")).unwrap();
    assert!(text.contains("No Go trials (Texture 7 P1200): 0"), "{text}");
}

#[test]
fn stimuli_that_are_all_spelt_differently() {
    let spoil = |dir: &Path| edit_text(dir.join("behaviour.txt"), |t| t.replace(" P1", " p1"));
    let ended = after(spoil, "");
    let told = ended.checks("unknown_stimulus").join("");
    for text in [
        "`Texture 1 p100` (2 trials, like `Texture 1 P100`)",
        "`Texture 7 p1200` (1 trials, like `Texture 7 P1200`)",
        "configured: `Texture 1 P100`, `Texture 7 P1200`",
    ] {
        assert!(told.contains(text), "{told}");
    }
    let record = crate::common::record(ended.dir.path());
    let checks = record["checks"].as_array().unwrap();
    let mut levels = checks.iter().filter(|c| c["name"] == "unknown_stimulus");
    assert_eq!(levels.next().unwrap()["level"], "fail");
}

#[test]
fn a_log_in_utf_16_is_read_and_told() {
    let spoil = |dir: &Path| {
        let path = dir.join("behaviour.txt");
        let text = std::fs::read_to_string(&path).unwrap();
        let units = format!("\u{feff}{text}");
        let bytes: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(path, bytes).unwrap();
    };
    let ended = after(spoil, "");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let told = ended.checks("log_lines").join("");
    assert!(told.contains("the text is UTF-16"), "{told}");
    assert!(
        ended
            .dir
            .path()
            .join("mat_out/cond_100_trial2.mat")
            .exists()
    );
}

#[test]
fn two_movies_with_one_number() {
    let spoil = |dir: &Path| {
        _ = std::fs::copy(dir.join(FIRST), dir.join("20170214_999999_1.dcimg")).unwrap()
    };
    let ended = after(spoil, "");
    ended.refused("20170214_999999_1.dcimg");
    assert!(ended.stderr.contains(FIRST), "{}", ended.stderr);
}

#[test]
fn another_sessions_output_place() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let before = std::fs::read(dir.path().join("run.json")).unwrap();
    let other = tempfile::tempdir().expect("folder");
    let theirs = golden_experiment(other.path(), "");
    let place = format!("output.url={}", dir.path().display());
    for existing in ["resume", "replace", "error"] {
        let (status, _, stderr) =
            run_experiment(&theirs, &["--set", &place, "--existing", existing]);
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains("another session"), "{stderr}");
        assert_eq!(std::fs::read(dir.path().join("run.json")).unwrap(), before);
    }
    assert_eq!(
        run_experiment(&theirs, &["--set", &place, "--existing", "clean"]).0,
        0
    );
    assert_ne!(std::fs::read(dir.path().join("run.json")).unwrap(), before);
}

#[test]
fn configurations_that_cannot_be_used() {
    let third = "[[experiment.stimulus]]\nname = \"Other P100\"\ndecision = \"Go\"\n";
    after(|_| (), third).refused("share the condition `100`");
    let ended = after(|_| (), "densty_cutoff = 0.1\n");
    ended.refused("analysis.segmentation.densty_cutoff");
    assert!(
        ended
            .stderr
            .contains("analysis.segmentation.density_cutoff"),
        "{}",
        ended.stderr
    );
    let (status, _, stderr) = run_experiment(Path::new("/nowhere/experiment.toml"), &[]);
    assert_eq!(status, 2);
    assert!(stderr.contains("/nowhere/experiment.toml"), "{stderr}");
}

#[test]
fn nothing_to_process() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let (status, _, stderr) = run_experiment(&experiment, &["--set", "data.prefix=20180101_"]);
    assert_eq!(status, 2);
    assert!(
        stderr.contains("20180101_") && stderr.contains(FIRST),
        "lists what is there: {stderr}"
    );
    let (status, _, stderr) = run_experiment(&experiment, &["--set", "data.url=/nowhere/at/all"]);
    assert_eq!(status, 2);
    assert!(stderr.contains("/nowhere/at/all"), "{stderr}");
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    // A file where the folder should be stops everybody, root too.
    let ended = after(
        |dir| std::fs::write(dir.join("mov_out"), "in the way").unwrap(),
        "",
    );
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("mov_out"), "{}", ended.stderr);
    assert!(
        !ended
            .dir
            .path()
            .join("dff_out")
            .join("20170214_102250_2.h5")
            .exists()
    );
    assert_nothing_temporary(ended.dir.path());
}

/// A limit on the size of files stands in for a full disk: writing fails half-way.
#[cfg(unix)]
#[test]
fn disk_full() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    // 64 blocks of 1024 bytes: less than a movie, more than the texts.
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec {} run {}",
        env!("CARGO_BIN_EXE_widefield"),
        experiment.display()
    );
    let (status, _, stderr) = run(Command::new("bash").arg("-c").arg(script));
    assert_eq!(status, 1, "{stderr}");
    let record = record(dir.path());
    assert_eq!(record["totals"]["failed"], 3);
    for trial in record["trials"].as_array().unwrap() {
        let error = trial["error"].as_str().unwrap();
        assert!(error.contains("mov_out/"), "{error}");
    }
    assert_nothing_temporary(dir.path());
    assert!(
        files(&dir.path().join("mov_out")).is_empty()
            && files(&dir.path().join("dff_out")).is_empty()
    );
    assert_eq!(
        run_experiment(&experiment, &[]).0,
        0,
        "room again: the same command completes"
    );
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let before = files(dir.path());
    for (engine, missing) in [("spark", "spark-submit"), ("slurm", "sbatch")] {
        let mut command = widefield();
        command
            .env_clear()
            .env("PATH", "")
            .arg("run")
            .arg(&experiment);
        let (status, _, stderr) = run(command.args(["--engine", engine]));
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains(missing), "{stderr}");
    }
    for left in files(dir.path()) {
        let folder = ["mov_out", "dff_out", "mat_out"];
        assert!(
            before.contains(&left) || !folder.iter().any(|f| left.starts_with(f)),
            "{left}"
        );
    }
}

#[cfg(feature = "swift")]
#[test]
fn a_store_without_credentials_says_which_are_missing() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let mut command = widefield();
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("OS_") || text.starts_with("ST_") {
            command.env_remove(&name);
        }
    }
    command.arg("run").arg(&experiment);
    let (status, _, stderr) = run(command.args(["--set", "data.url=swift://a/b"]));
    assert_eq!(status, 2, "{stderr}");
    assert!(
        stderr.contains("OS_AUTH_URL") && stderr.contains("ST_AUTH"),
        "{stderr}"
    );
}

#[test]
fn hostile_bytes_never_cause_a_panic() {
    let original = std::fs::read(crate::common::golden_session().join(FIRST)).expect("movie");
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    // Flip bytes all over the headers and the footer, a different one in each movie of each run.
    let footer = original.len() - 2000;
    for round in 0..12 {
        for (k, name) in [FIRST, "20170214_102250_2", "20170214_102307_3"]
            .iter()
            .enumerate()
        {
            let mut bytes = original.clone();
            let draw = (round * 3 + k) * 37;
            bytes[8 + draw % 220] ^= 0xff;
            bytes[footer + draw * 11 % 2000] ^= 0x81;
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let (status, _, stderr) = run_experiment(&experiment, &["--existing", "replace"]);
        assert!(status == 0 || status == 1, "{status}: {stderr}");
        assert!(
            !stderr.contains("panicked") && !stderr.contains("internal error"),
            "{stderr}"
        );
        assert_nothing_temporary(dir.path());
    }
}

#[test]
fn a_log_does_not_steer_the_terminal() {
    let dir = tempfile::tempdir().expect("folder");
    golden_experiment(dir.path(), "");
    let path = dir.path().join("behaviour.txt");
    let log = std::fs::read_to_string(&path).expect("log");
    let steering = "Texture 1\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[8m";
    std::fs::write(&path, log.replace("Texture 1", steering)).expect("log");
    let (_, stdout, stderr) = run(widefield().arg("behaviour").arg(&path));
    for text in [&stdout, &stderr] {
        assert!(text.contains("Texture 1\\u{1b}[2J"), "{text}");
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(control), "{text:?}");
    }
}
