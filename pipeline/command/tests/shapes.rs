//! Any number of conditions, frames of any shape, with and without resolution and log.

use crate::common::{assert_nothing_temporary, files, golden_experiment, record, run_experiment};
use ndarray::ArrayD;
use std::path::Path;
use widefield_pipeline::config::{Answer, Stimulus};
use widefield_pipeline::simulate::{Layout, SceneConfig, Session};
use widefield_storage::{Place, mat};

fn session(conditions: usize, trials: u32, [height, width]: [usize; 2]) -> Session {
    let stimulus = |k: usize| {
        let decision = if k % 2 == 1 { Answer::Go } else { Answer::NoGo };
        Stimulus::new(format!("Texture {k} P{k}00"), decision)
    };
    Session {
        trials,
        layout: Layout::Packed,
        stimuli: (1..=conditions).map(stimulus).collect(),
        scene: SceneConfig {
            size: widefield::Size { width, height },
            frames: 20,
            ..SceneConfig::default()
        },
        ..Session::default()
    }
}

fn recompute(dir: &Path) {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON") else {
        eprintln!("SKIPPED: WIDEFIELD_PYTHON names no Python");
        return;
    };
    let script = crate::common::tests().join("python/recompute.py");
    let mut command = std::process::Command::new(python);
    let (status, stdout, stderr) = crate::common::run(
        command
            .arg(script)
            .args([dir, dir])
            .arg(dir.join("run.json")),
    );
    assert_eq!(status, 0, "{stdout}\n{stderr}");
}

fn dff(dir: &Path, file: &str) -> ArrayD<f64> {
    let place = Place::open(dir.to_str().expect("UTF-8")).expect("place");
    place
        .read_hdf5(&format!("dff_out/{file}.h5"), "dff")
        .expect("dff")
        .values
}

#[test]
fn one_two_and_five_conditions() {
    for conditions in [1, 2, 5] {
        let dir = tempfile::tempdir().expect("folder");
        let trials = u32::try_from(2 * conditions).unwrap();
        let experiment = session(conditions, trials, [64, 64])
            .write(dir.path(), |_| ())
            .expect("session");
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        assert_eq!(status, 0, "{stderr}");
        let read = std::fs::read(dir.path().join("mat_out/trials_ind.mat")).expect("indices");
        let rows = mat::read(&read).expect("MAT");
        assert_eq!(rows.len(), conditions);
        for (k, row) in rows.iter().enumerate() {
            assert_eq!(row.name, format!("tr_{}00", k + 1));
            assert_eq!(row.values.shape(), [1, 2]);
            for n in 1..=2 {
                assert!(
                    dir.path()
                        .join(format!("mat_out/cond_{}00_trial{n}.mat", k + 1))
                        .exists()
                );
            }
        }
        let text =
            std::fs::read_to_string(dir.path().join("BehaviourPerformance.txt")).expect("text");
        let (go, no_go) = match conditions {
            1 => ("(Texture 1 P100)", "(none)"),
            2 => ("(Texture 1 P100)", "(Texture 2 P200)"),
            _ => (
                "(Texture 1 P100, Texture 3 P300, Texture 5 P500)",
                "(Texture 2 P200, Texture 4 P400)",
            ),
        };
        assert!(text.starts_with(&format!("Go trials {go}: ")), "{text}");
        assert!(
            text.contains(&format!("\nNo Go trials {no_go}: ")),
            "{text}"
        );
        recompute(dir.path());
    }
}

#[test]
fn frames_that_are_not_square_in_both_directions_and_orientations() {
    for size in [[60, 96], [96, 60]] {
        for orientation in ["notebook", "camera"] {
            let dir = tempfile::tempdir().expect("folder");
            let experiment = session(2, 2, size)
                .write(dir.path(), |_| ())
                .expect("session");
            let set = format!("output.orientation={orientation}");
            let (status, _, stderr) = run_experiment(&experiment, &["--set", &set]);
            assert_eq!(status, 0, "{stderr}");
            let [height, width] = size;
            let file = record(dir.path())["trials"][0]["file"]
                .as_str()
                .unwrap()
                .to_owned();
            let want = if orientation == "camera" {
                [height, width, 20]
            } else {
                [width, height, 20]
            };
            assert_eq!(dff(dir.path(), &file).shape(), want);
            recompute(dir.path());
        }
    }
}

/// The notebook itself mixed the axes of such frames up.
#[test]
fn the_fit_of_an_elongated_spot_gives_its_offset() {
    for [height, width] in [[120, 320], [320, 120]] {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(dir.path(), "");
        let spot = |_: usize, y: usize, x: usize| {
            let dy = (y as f64 - 0.5 * height as f64) / (0.15 * height as f64);
            let dx = (x as f64 - 0.5 * width as f64) / (0.15 * width as f64);
            crate::common::counts(60.0 + 4000.0 * (-0.5 * (dx * dx + dy * dy)).exp())
        };
        crate::common::movie(&dir.path().join("20170215_1"), [12, height, width], spot);
        let size = format!("analysis.resolution=[{width},{height}]");
        let set = [
            "--set",
            "data.prefix=20170215_",
            "--set",
            &size,
            "--set",
            "analysis.background.smoothing_sd_px=1.0",
        ];
        let (status, _, stderr) = run_experiment(&experiment, &set);
        assert_eq!(status, 0, "{stderr}");
        let trial = &record(dir.path())["trials"][0];
        let background = trial["background"].as_f64().expect("background");
        // Counts are whole numbers, whose rounding the fit averages out.
        assert!((background - 60.0).abs() < 0.05, "{background}");
        let centre = |key: &str| trial["fit"][key].as_f64().expect(key);
        assert!(
            (centre("x0") - width as f64 / 2.0).abs() < 0.01
                && (centre("y0") - height as f64 / 2.0).abs() < 0.01
        );
    }
}

#[test]
fn without_resolution_the_camera_s_size_is_kept() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let text = std::fs::read_to_string(&experiment)
        .unwrap()
        .replace("resolution = [48, 48]\n", "");
    std::fs::write(&experiment, text).unwrap();
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(dff(dir.path(), "20170214_102233_1").shape(), [96, 96, 24]);
    recompute(dir.path());
}

#[test]
fn without_a_log_every_movie_has_its_mat_file() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let text = std::fs::read_to_string(&experiment)
        .unwrap()
        .replace("behaviour_log = \"behaviour.txt\"\n", "");
    std::fs::write(&experiment, text).unwrap();
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let names = [
        "20170214_102233_1.mat",
        "20170214_102250_2.mat",
        "20170214_102307_3.mat",
        "refImg.mat",
    ];
    assert_eq!(files(&dir.path().join("mat_out")), names);
    assert!(
        !dir.path().join("TrialList.txt").exists()
            && !dir.path().join("BehaviourPerformance.txt").exists()
    );
    assert!(record(dir.path())["behaviour"].is_null());
    recompute(dir.path());
}

#[test]
fn kinds_that_are_switched_off_are_not_written() {
    for (off, left) in [
        ("movie", ["dff_out", "manifest", "mat_out", "report"]),
        ("dff", ["manifest", "mat_out", "mov_out", "report"]),
        ("mat", ["dff_out", "manifest", "mov_out", "report"]),
    ] {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(dir.path(), "");
        let set = format!("output.{off}=\"\"");
        let (status, _, stderr) = run_experiment(&experiment, &["--set", &set]);
        assert_eq!(status, 0, "{stderr}");
        let folders = files(dir.path())
            .into_iter()
            .filter_map(|f| f.split_once('/').map(|(d, _)| d.to_owned()));
        let mut folders: Vec<String> = folders.collect();
        folders.dedup();
        assert_eq!(folders, left);
        assert_nothing_temporary(dir.path());
        recompute(dir.path());
    }
}

#[test]
fn names_with_an_ending_blanks_and_letters_beyond_ascii() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let odd = "20170214_gordito é 50%_1.DCIMG";
    std::fs::rename(dir.path().join("20170214_102233_1"), dir.path().join(odd)).unwrap();
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        dir.path()
            .join("dff_out/20170214_gordito é 50%_1.h5")
            .exists()
    );
    assert!(dir.path().join("mat_out/cond_100_trial1.mat").exists());
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    assert_eq!(record(dir.path())["totals"]["skipped"], 3);
}

#[test]
fn hdf5_holds_one_plus_dff_where_f_over_f0_is_asked_for() {
    let [change, ratio] = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
    let run = |dir: &Path, set: &str| {
        let (status, _, stderr) = run_experiment(&golden_experiment(dir, ""), &["--set", set]);
        assert_eq!(status, 0, "{stderr}");
        record(dir)
    };
    let usual = run(change.path(), "output.dff_scale=dff");
    let other = run(ratio.path(), "output.dff_scale=f_over_f0");
    let name = "20170214_102250_2";
    let [a, b] = [change.path(), ratio.path()].map(|dir| dff(dir, name));
    let mut finite = 0;
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a.is_nan(), b.is_nan());
        if a.is_finite() {
            assert!(
                (1.0 + a - b).abs() <= f64::from(f32::EPSILON) * b.abs(),
                "{a} {b}"
            );
            finite += 1;
        }
    }
    assert!(finite > 1000 && a.len() == b.len());
    let text = |dir: &Path, key: &str| {
        let place = Place::open(dir.to_str().expect("UTF-8")).expect("place");
        let file = place
            .open_hdf5(&format!("dff_out/{name}.h5"))
            .expect("file");
        let dataset = file.dataset("dff").expect("dff");
        format!("{:?}", dataset.attribute(key).expect(key))
    };
    for (key, words) in [
        ("scale", ["(F - F0) / F0; NaN", "F / F0; NaN"]),
        ("how", ["dF/F0, F0 = mean", "F/F0, F0 = mean"]),
    ] {
        for (dir, words) in [change.path(), ratio.path()].iter().zip(words) {
            assert!(text(dir, key).contains(&format!("\"{words}")), "{key}");
        }
    }
    // MAT files, checks and report do not change.
    for file in files(&change.path().join("mat_out")) {
        let read = |dir: &Path| std::fs::read(dir.join("mat_out").join(&file)).expect("MAT");
        assert!(read(change.path()) == read(ratio.path()), "{file}");
    }
    for key in ["quality", "checks"] {
        assert_eq!(usual["trials"][1][key], other["trials"][1][key], "{key}");
    }
    recompute(ratio.path());
}
