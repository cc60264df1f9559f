//! Averages, traces, correlation, GLM and AUC against numpy, scipy, scikit-learn and statsmodels.
//!
//! Needs a Python that has them, named by the environment variable `WIDEFIELD_PYTHON`; without it the test says so and
//! passes. `python/products.py` reads what is written here and writes what it computes.

use ndarray::{Array, Array1, Array2, Array3, Array4, ArrayView, Axis, Dimension, s};
use ndarray_npy::{ReadNpyExt, ReadableElement, WritableElement, WriteNpyExt};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use widefield::glm::{Cells, Glm, Windows};
use widefield::{Areas, Average, TimeAxis, auc, average, correlation};

/// A folder of arrays: inputs, and what Python makes of them.
struct Case {
    folder: PathBuf,
    name: &'static str,
}

impl Case {
    fn write<T: WritableElement, D: Dimension>(&self, name: &str, array: &Array<T, D>) {
        let file = File::create(self.folder.join(format!("{name}.npy"))).unwrap();
        array.write_npy(file).unwrap();
    }

    fn read<T: ReadableElement, D: Dimension>(&self, name: &str) -> Array<T, D> {
        let file = File::open(self.folder.join(format!("{name}.npy"))).unwrap();
        Array::read_npy(file).unwrap()
    }

    /// NaN in the same places, and otherwise within `tolerance`, of the larger of 1 and the number.
    fn close<D: Dimension>(&self, name: &str, ours: ArrayView<'_, f64, D>, tolerance: f64) {
        let theirs: Array<f64, D> = self.read(name);
        assert_eq!(ours.shape(), theirs.shape(), "{}, {name}", self.name);
        for ((at, ours), theirs) in ours.into_dyn().indexed_iter().zip(&theirs) {
            let same = ours.is_nan() && theirs.is_nan();
            let close = (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0);
            assert!(
                same || close,
                "{}, {name} at {at:?}: {ours}, {theirs}",
                self.name
            );
        }
    }
}

/// 0 to 1, without pattern.
fn noise(i: usize) -> f32 {
    let hash = (i as u64 ^ 0x5dee_ce66).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 40) as f32 / (1 << 24) as f32
}

/// Values with a mask, holes, infinities and a pixel that is constant.
fn value(trial: usize, t: usize, y: usize, x: usize) -> f32 {
    let noise = noise(((trial * 1000 + t) * 100 + y) * 100 + x);
    match (y, x) {
        (0, _) => f32::NAN,
        (1, 0) => 0.1,
        (1, 1) if noise < 0.1 => f32::NAN,
        (1, 2) if noise < 0.02 => f32::INFINITY,
        (2, 0) if trial % 2 == 1 => f32::NAN,
        (2, 1) => 2000.0 + noise,
        _ => noise * 0.1 + ((t + 3 * x) as f32 * 0.15).sin() * 0.05 * (trial % 3) as f32,
    }
}

const AXIS: TimeAxis = TimeAxis {
    sample_rate_hz: 20.0,
    first_frame_s: -3.0,
};
const BINS: [i64; 2] = [-70, 140];
const WINDOWS: [i64; 3] = [2, 20, 21];
const CONDITIONS: [&str; 3] = ["P100", "never", "P1200"];

/// Inputs of so many trials, movies of so many frames for averages and correlation, and trials of each group for AUC.
fn inputs(case: &Case, trials: usize, n_frames: usize, groups: [usize; 2]) {
    let movies = Array4::from_shape_fn((trials, n_frames, 4, 5), |(k, t, y, x)| value(k, t, y, x));
    case.write("trials", &movies);
    let starts = (0..trials).map(|k| -60 + [0, 7, -15, 130][k % 4]);
    case.write("starts", &Array1::from_iter(starts.map(i64::from)));
    case.write("bins", &Array1::from(BINS.to_vec()));
    // Area 9 is masked, 4 partly.
    let labels = Array2::from_shape_fn((4, 5), |(y, x)| match (y, x) {
        (0, 0..3) => 9,
        (0..3, 3..) => 4,
        (1, _) => 7,
        (3, _) => 30,
        _ => 0_u32,
    });
    case.write("labels", &labels);

    case.write("movie", &movies.index_axis(Axis(0), trials - 1).to_owned());
    let seeds = Array2::from_shape_fn((n_frames, 4), |(t, seed)| match seed {
        0 if t == 33 => f64::NAN,
        1 => 0.7,
        2 => f64::NAN,
        _ => f64::from(noise(t + 7)) + (t as f64 * 0.15).sin() + 3.0 * seed as f64,
    });
    case.write("seeds", &seeds);
    case.write("windows", &Array1::from(WINDOWS.to_vec()));
    case.write("frames", &Array1::from(vec![0, n_frames as i64 * 2 / 3]));

    let glm = Array4::from_shape_fn((trials, 200, 4, 5), |(k, t, y, x)| value(k, t, y, x));
    case.write("glm_trials", &glm);
    case.write(
        "conditions",
        &Array1::from_iter((0..trials).map(|k| k as i64 % 2 * 2)),
    );
    case.write("n_conditions", &Array1::from(vec![CONDITIONS.len() as i64]));

    for (group, name) in ["first", "second"].into_iter().enumerate() {
        // Coarse, so that many are equal.
        let values = Array2::from_shape_fn((groups[group], 40), |(trial, sample)| {
            match noise(group * 5000 + trial * 40 + sample) {
                _ if sample == 3 => 1.5,
                _ if sample == 4 && group == 1 => f32::NAN,
                noise if noise < 0.1 && sample % 4 == 1 => f32::NAN,
                noise => (noise * 12.0).floor() * 0.1 + 0.05 * (group * (sample % 5)) as f32,
            }
        });
        case.write(name, &values);
    }
}

fn averages(case: &Case) {
    let trials: Array4<f32> = case.read("trials");
    let starts: Array1<i64> = case.read("starts");
    let (_, n_frames, height, width) = trials.dim();
    let bins = BINS[0]..BINS[1];
    let mut average = Average::new(bins.clone(), (height, width)).unwrap();
    for (trial, start) in trials.outer_iter().zip(starts) {
        average.add(start, trial).unwrap();
    }
    let wide = |values: Array3<f32>| values.mapv(f64::from);
    case.close(
        "average_mean",
        wide(average.mean(bins.clone()).unwrap()).view(),
        1e-6,
    );
    case.close(
        "average_sem",
        wide(average.sem(bins.clone()).unwrap()).view(),
        1e-6,
    );
    let n: Array3<u32> = case.read("average_n");
    assert_eq!(average.n(bins).unwrap().mapv(u32::from), n);

    let areas = Areas::from_labels(case.read::<u32, _>("labels").view());
    let mut traces = Array3::zeros((trials.len_of(Axis(0)), n_frames, areas.len()));
    for (trial, mut traces) in trials.outer_iter().zip(traces.outer_iter_mut()) {
        traces.assign(&areas.means(trial).unwrap());
    }
    case.close("traces", traces.view(), 1e-6);
    let of = average::of_traces(traces.view());
    case.close("traces_mean", of.mean.view(), 1e-6);
    case.close("traces_sem", of.sem.view(), 1e-6);
    assert_eq!(of.n, case.read::<u32, _>("traces_n"));
}

fn correlations(case: &Case) {
    let (movie, seeds): (Array3<f32>, Array2<f64>) = (case.read("movie"), case.read("seeds"));
    for window in WINDOWS {
        let frames = usize::try_from(window).unwrap();
        let r = correlation::running::<f64>(movie.view(), seeds.view(), frames).unwrap();
        case.close(&format!("running_{window}"), r.view(), 1e-10);
    }
    let end = movie.len_of(Axis(0)) * 2 / 3;
    let maps = correlation::maps(movie.view(), seeds.view(), 0..end).unwrap();
    case.close("maps", maps.view(), 1e-10);
    case.close("matrix", correlation::matrix(seeds.view()).view(), 1e-10);
}

fn glm(case: &Case) {
    let trials: Array4<f32> = case.read("glm_trials");
    let conditions: Array1<i64> = case.read("conditions");
    let (n, _, height, width) = trials.dim();
    let mut glm = Glm::new(&CONDITIONS, Windows::default(), (height, width)).unwrap();
    let mut all = Array4::zeros((n, 5, height, width));
    for ((trial, condition), mut all) in trials
        .outer_iter()
        .zip(conditions)
        .zip(all.outer_iter_mut())
    {
        let cells = Cells::of(trial, &AXIS, &Windows::default()).unwrap();
        all.assign(&cells.values());
        let condition = CONDITIONS[usize::try_from(condition).unwrap()];
        assert!(glm.add(condition, &cells).unwrap());
    }
    // Cells of numpy may be infinite, ours are NaN then.
    let theirs: Array4<f64> = case.read("cells");
    case.write(
        "cells",
        &theirs.mapv(|v| if v.is_finite() { v } else { f64::NAN }),
    );
    case.close("cells", all.view(), 1e-12);
    let fit = glm.fit();
    let intercept = fit.intercept.view().insert_axis(Axis(0));
    let coefficients = ndarray::concatenate![Axis(0), intercept, fit.betas];
    for method in ["lstsq", "ols"] {
        case.close(&format!("{method}_coefficients"), coefficients.view(), 1e-8);
        case.close(&format!("{method}_rsq"), fit.rsq.view(), 1e-8);
    }
    assert!(
        coefficients
            .slice(s![3, .., ..])
            .iter()
            .all(|beta| beta.is_nan())
    );
}

fn aucs(case: &Case) {
    let (first, second): (Array2<f32>, Array2<f32>) = (case.read("first"), case.read("second"));
    let auc = auc::auc(first.view(), second.view()).unwrap();
    for package in ["sklearn", "scipy"] {
        case.close(&format!("auc_{package}"), auc.view(), 1e-8);
    }
}

/// Whether Python computed; it says why not.
fn python(folder: &Path) -> bool {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON") else {
        eprintln!("SKIPPED: WIDEFIELD_PYTHON names no Python");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/products.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) {
        eprintln!("SKIPPED: {}", text.trim());
        return false;
    }
    assert!(output.status.success(), "{text}");
    true
}

#[test]
fn products_are_those_of_numpy_scipy_sklearn_and_statsmodels() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("products");
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    let cases = [
        ("many trials", 13, 90, [31, 23]),
        ("two trials", 2, 40, [2, 1]),
        ("one trial of one frame", 1, 1, [1, 1]),
    ];
    let cases = cases.map(|(name, trials, n_frames, groups)| {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let case = Case { folder, name };
        inputs(&case, trials, n_frames, groups);
        case
    });
    if python(&root) {
        for case in &cases {
            averages(case);
            correlations(case);
            glm(case);
            aucs(case);
        }
    }
}
