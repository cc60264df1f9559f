//! Outputs of the command against a recomputation from the raw files by numpy, scipy and Pillow, read by h5py and
//! `scipy.io`. Needs the Python that `WIDEFIELD_PYTHON` names; skips aloud without it.

use crate::common::{golden_experiment, run, run_experiment, widefield};
use std::path::Path;
use std::process::Command;

fn python(variable: &str) -> Option<Command> {
    let found = std::env::var_os(variable).map(Command::new);
    if found.is_none() {
        eprintln!("SKIPPED: {variable} names no Python");
    }
    found
}

/// Runs the recomputation and expects every comparison to hold.
fn recomputed(session: &Path, output: &Path) {
    let Some(mut python) = python("WIDEFIELD_PYTHON") else {
        return;
    };
    let script = crate::common::tests().join("python/recompute.py");
    let (status, stdout, stderr) = run(python
        .arg(script)
        .arg(session)
        .arg(output)
        .arg(output.join("run.json")));
    assert_eq!(status, 0, "{stdout}\n{stderr}");
    assert!(
        stdout.lines().filter(|l| l.starts_with("ok ")).count() > 20,
        "{stdout}"
    );
}

fn simulated(dir: &Path, more: &[&str], run_more: &[&str]) {
    let (status, _, stderr) = run(widefield().arg("simulate").arg(dir).args(more));
    assert_eq!(status, 0, "{stderr}");
    let (status, _, stderr) = run_experiment(&dir.join("experiment.toml"), run_more);
    assert_eq!(status, 0, "{stderr}");
    recomputed(dir, dir);
}

#[test]
fn golden_session() {
    let dir = tempfile::tempdir().expect("folder");
    let (status, _, stderr) = run_experiment(&golden_experiment(dir.path(), ""), &[]);
    assert_eq!(status, 0, "{stderr}");
    recomputed(dir.path(), dir.path());
}

#[test]
fn every_layout() {
    for layout in ["7", "1", "2"] {
        let dir = tempfile::tempdir().expect("folder");
        let session = [
            "--trials", "2", "--size", "96", "--frames", "24", "--layout", layout,
        ];
        simulated(dir.path(), &session, &[]);
    }
}

#[test]
fn camera_orientation_double_precision_and_ocia_scale() {
    let dir = tempfile::tempdir().expect("folder");
    let session = ["--trials", "3", "--size", "80", "--frames", "30"];
    let set = [
        "--set",
        "output.orientation=camera",
        "--set",
        "output.precision=f64",
        "--set",
        "output.mat_scale=f_over_f0",
        "--set",
        "analysis.resolution=[64,60]",
        "--set",
        "analysis.baseline.before_s=-2.0",
    ];
    simulated(dir.path(), &session, &set);
}

#[test]
fn session_wide_decisions() {
    let dir = tempfile::tempdir().expect("folder");
    let session = ["--trials", "3", "--size", "96", "--frames", "24"];
    let set = [
        "--set",
        "analysis.background.scope=session",
        "--set",
        "analysis.segmentation.scope=session",
        "--set",
        "analysis.background.frames=[0,5]",
    ];
    simulated(dir.path(), &session, &set);
}

#[test]
fn movies_that_the_package_dcimg_reads() {
    let Some(mut python) = python("WIDEFIELD_PYTHON_DCIMG") else {
        return;
    };
    let dir = tempfile::tempdir().expect("folder");
    for (layout, seed) in [("7", "1"), ("1", "2")] {
        let session = dir.path().join(layout);
        let more = [
            "--trials", "1", "--size", "64", "--frames", "6", "--layout", layout, "--seed", seed,
        ];
        let (status, _, stderr) = run(widefield().arg("simulate").arg(&session).args(more));
        assert_eq!(status, 0, "{stderr}");
        let script = crate::common::tests().join("python/read_dcimg_package.py");
        let mut command = Command::new(python.get_program());
        let (status, stdout, stderr) = run(command.arg(script).arg(&session));
        assert_eq!(status, 0, "{stdout}\n{stderr}");
        assert!(stdout.lines().any(|l| l.starts_with("ok ")), "{stdout}");
    }
    python.arg("--version");
}
