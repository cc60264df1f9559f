//! Products of sessions by the command: against numpy, scipy and scikit-learn, alone and with a run, and what is said of requests
//! that do not go.

use crate::common::{files, record, run, run_experiment, tests, widefield};
use ndarray::Array2;
use std::path::{Path, PathBuf};

const SIDE: usize = 48;

/// Two areas and a third that lies in the masked corner.
fn labels(dir: &Path) -> PathBuf {
    let labels = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| match (y, x) {
        (12..20, 10..22) => 1,
        (24..36, 20..30) => 2,
        (0..2, 0..2) => 9_u16,
        _ => 0,
    });
    let path = dir.join("labels.npy");
    ndarray_npy::write_npy(&path, &labels).expect("labels");
    path
}

fn simulated(dir: &Path) -> PathBuf {
    let side = SIDE.to_string();
    let more = ["--trials", "9", "--size", &side, "--frames", "190"];
    let (status, _, stderr) = run(widefield().arg("simulate").arg(dir).args(more));
    assert_eq!(status, 0, "{stderr}");
    labels(dir);
    dir.join("experiment.toml")
}

const ALL: &str = r#"
[products]
averages = true
rois = "labels.npy"
seeds = ["1", "2"]
glm = true
auc = ["100", "1200"]
windows = { early = [0.0, 0.5], late = [1.0, 2.5] }
"#;

/// Adds lines to an experiment file.
fn add(experiment: &Path, lines: &str) {
    let text = std::fs::read_to_string(experiment).expect("experiment");
    std::fs::write(experiment, text + lines).expect("experiment");
}

/// Files of products, with their content.
fn made(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let of = [
        "h5_avg/", "corr_", "glm/", "traces", "windows", "auc.h5", "seeds.h5",
    ];
    let is = |name: &String| of.iter().any(|of| name.starts_with(of)) || name.contains("_ave");
    let names = files(dir).into_iter().filter(is);
    names
        .map(|name| (name.clone(), std::fs::read(dir.join(name)).expect("file")))
        .collect()
}

fn recomputed(dir: &Path) {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON") else {
        eprintln!("SKIPPED: WIDEFIELD_PYTHON names no Python");
        return;
    };
    let script = tests().join("python/products.py");
    let mut command = std::process::Command::new(python);
    let (status, stdout, stderr) = run(command.arg(script).arg(dir).arg(dir.join("labels.npy")));
    assert_eq!(status, 0, "{stdout}\n{stderr}");
    let held = stdout
        .lines()
        .filter(|line| line.starts_with("ok "))
        .count();
    assert!(held > 100, "{stdout}");
}

#[test]
fn every_product_is_what_numpy_and_others_make() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = simulated(dir.path());
    add(&experiment, ALL);
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(
        made(dir.path()).len(),
        2 * 9 + 4 + 2 + 3 + 3 + averages_by_outcome(dir.path())
    );
    recomputed(dir.path());
    // The other axes and scale, f64, and trials that meet at what the log says.
    let other = [
        "--set",
        "output.orientation=camera",
        "--set",
        "output.dff_scale=f_over_f0",
        "--set",
        "output.mat_scale=f_over_f0",
        "--set",
        "output.precision=f64",
        "--set",
        "experiment.align=log",
        "--set",
        "products.align=response_cue",
    ];
    let (status, _, stderr) = run_experiment(&experiment, &other);
    assert_eq!(status, 0, "{stderr}");
    recomputed(dir.path());
}

fn averages_by_outcome(dir: &Path) -> usize {
    let record = record(dir);
    let groups = record["trials"].as_array().expect("trials").iter();
    let groups = groups.map(|t| (t["condition"].to_string(), t["outcome"].to_string()));
    groups.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn products_alone_are_those_of_a_run() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = simulated(dir.path());
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let before = std::fs::read(dir.path().join("run.json")).expect("run.json");
    // Nothing is asked for.
    let products = |more: &[&str]| run(widefield().arg("products").arg(&experiment).args(more));
    let (status, _, stderr) = products(&[]);
    assert_eq!((status, made(dir.path()).len()), (2, 0), "{stderr}");
    add(&experiment, ALL);
    let (status, _, stderr) = products(&["--only", "averages"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        made(dir.path())
            .iter()
            .all(|(name, _)| name.starts_with("h5_avg/") || name.contains("_ave"))
    );
    // Trials that the next run would make again are there all the same.
    let again = ["--set", "output.existing=replace"];
    let (status, _, stderr) = products(&[&["--memory", "1MiB"], &again[..]].concat());
    assert_eq!(status, 0, "{stderr}");
    let alone = made(dir.path());
    assert_eq!(
        std::fs::read(dir.path().join("run.json")).expect("run.json"),
        before
    );
    // With the run that makes the trials again they are the same bytes.
    let (status, _, stderr) = run_experiment(&experiment, &["--existing", "clean"]);
    assert_eq!(status, 0, "{stderr}");
    std::fs::remove_file(dir.path().join("products.json")).expect("list");
    let (status, _, stderr) = run_experiment(&experiment, &["--existing", "replace"]);
    assert_eq!(status, 0, "{stderr}");
    let differ = |((name, a), (other, b)): &((_, _), (_, _))| (name, a) != (other, b);
    let differing: Vec<_> = made(dir.path())
        .into_iter()
        .zip(alone)
        .filter(differ)
        .collect();
    let names: Vec<_> = differing.iter().map(|((name, _), _)| name).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn what_does_not_go_is_said_and_the_rest_is_made() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = simulated(dir.path());
    add(&experiment, ALL);
    let set = [
        "--set",
        "products.seeds=[\"1\", \"V1\"]",
        "--set",
        "products.auc=[\"hit\", \"100x\"]",
    ];
    let (status, _, stderr) = run_experiment(&experiment, &set);
    assert_eq!(status, 1, "{stderr}");
    assert!(
        stderr.contains("`V1` is none of the areas 1, 2, 9"),
        "{stderr}"
    );
    assert!(
        stderr.contains("`100x` is neither a condition nor an outcome"),
        "{stderr}"
    );
    let failed = record(dir.path())["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter(|check| check["name"] == "session_files" && check["level"] == "fail")
        .count();
    assert_eq!(failed, 2);
    let names: Vec<String> = made(dir.path()).into_iter().map(|(name, _)| name).collect();
    assert!(
        names.iter().any(|name| name == "glm/glm.h5")
            && names.iter().any(|name| name == "traces.csv")
    );
    // A picture of another size.
    let small = Array2::from_elem((4, 5), 1_u8);
    ndarray_npy::write_npy(dir.path().join("labels.npy"), &small).expect("labels");
    let (status, _, stderr) = run(widefield().arg("products").arg(&experiment));
    assert_eq!(status, 1, "{stderr}");
    assert!(
        stderr.contains("labels.npy: the array has 4 rows and 5 columns, the frame 48 and 48"),
        "{stderr}"
    );
    // Trials that are not done as they are described today are named.
    let (status, _, stderr) = run(widefield().arg("products").arg(&experiment).args([
        "--only",
        "glm",
        "--set",
        "analysis.baseline.method=median",
    ]));
    assert_eq!(status, 1, "{stderr}");
    assert!(
        stderr.contains("left out, not done: parameters changed: analysis.baseline"),
        "{stderr}"
    );
}
