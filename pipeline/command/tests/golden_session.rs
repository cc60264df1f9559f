//! The golden session through the whole command, against values computed by Pillow, scipy and numpy.

use crate::common::{
    assert_nothing_temporary, files, golden_experiment, golden_session, record, run_experiment,
};
use ndarray::{Array3, ArrayD, Axis};
use std::path::Path;
use widefield_storage::{Place, mat};

fn expected() -> serde_json::Value {
    let text = std::fs::read(golden_session().join("expected.json")).expect("expected.json");
    serde_json::from_slice(&text).expect("JSON")
}

fn golden(name: &str) -> Array3<f32> {
    ndarray_npy::read_npy(golden_session().join(name)).expect(name)
}

fn dataset(dir: &std::path::Path, file: &str, name: &str) -> ArrayD<f64> {
    let place = Place::open(dir.to_str().expect("UTF-8")).expect("place");
    place.read_hdf5(file, name).expect(file).values
}

/// Largest difference; NaN must meet NaN.
fn difference(ours: &ArrayD<f64>, theirs: &Array3<f32>) -> f64 {
    assert_eq!(ours.shape(), theirs.shape());
    let pairs = ours.iter().zip(theirs.iter());
    pairs.fold(0.0, |worst: f64, (&a, &b)| {
        assert_eq!(a.is_nan(), b.is_nan(), "masks differ");
        if a.is_nan() {
            worst
        } else {
            worst.max((a - f64::from(b)).abs())
        }
    })
}

#[test]
fn every_output_equals_the_golden_values() {
    let dir = tempfile::tempdir().expect("folder");
    let (status, _, stderr) = run_experiment(&golden_experiment(dir.path(), ""), &[]);
    assert_eq!(status, 0, "{stderr}");
    let record = record(dir.path());
    let expected = expected();
    for (ours, theirs) in record["trials"]
        .as_array()
        .unwrap()
        .iter()
        .zip(expected["trials"].as_array().unwrap())
    {
        let file = theirs["file"].as_str().unwrap();
        assert_eq!(ours["file"], theirs["file"]);
        assert_eq!(ours["status"], "ok");
        assert_eq!(ours["masked_pixels"], theirs["masked_pixels"]);
        let number = |v: &serde_json::Value, key: &str| v[key].as_f64().unwrap();
        let amplitude = number(&theirs["fit"], "amplitude");
        let off = (number(ours, "background") - number(theirs, "background")).abs();
        assert!(off <= 1e-8 * amplitude, "{file}: background off by {off}");
        // The same grid point: the grid has 500 points from 0 to the largest mean, a few counts apart.
        let off = (number(ours, "threshold") - number(theirs, "threshold")).abs();
        assert!(off < 1e-3, "{file}: threshold off by {off}");
        for (key, scale) in [
            ("x0", 1.0),
            ("y0", 1.0),
            ("sigma_x", 1.0),
            ("sigma_y", 1.0),
            ("amplitude", amplitude),
        ] {
            let off = (number(&ours["fit"], key) - number(&theirs["fit"], key)).abs();
            assert!(off <= 1e-6 * scale, "{file}: {key} off by {off}");
        }
        let off = difference(
            &dataset(dir.path(), &format!("mov_out/{file}.h5"), "mov"),
            &golden(&format!("{file}.mov.npy")),
        );
        assert!(off <= 1e-4, "{file}: movie off by {off}");
        let off = difference(
            &dataset(dir.path(), &format!("dff_out/{file}.h5"), "dff"),
            &golden(&format!("{file}.dff.npy")),
        );
        assert!(off <= 1e-5, "{file}: dF/F off by {off}");
    }
    for text in ["TrialList.txt", "BehaviourPerformance.txt"] {
        let theirs = std::fs::read(golden_session().join(text)).expect(text);
        assert_eq!(
            std::fs::read(dir.path().join(text)).expect(text),
            theirs,
            "{text}"
        );
    }
    assert_nothing_temporary(dir.path());
}

#[test]
fn mat_files_hold_the_same_numbers_under_the_names_ocia_reads() {
    let dir = tempfile::tempdir().expect("folder");
    let (status, _, stderr) = run_experiment(&golden_experiment(dir.path(), ""), &[]);
    assert_eq!(status, 0, "{stderr}");
    let read = |name: &str| {
        mat::read(&std::fs::read(dir.path().join("mat_out").join(name)).expect(name)).expect(name)
    };
    for (name, file) in [
        ("cond_100_trial1.mat", "20170214_102233_1"),
        ("cond_1200_trial1.mat", "20170214_102250_2"),
        ("cond_100_trial2.mat", "20170214_102307_3"),
    ] {
        let variables = read(name);
        assert_eq!(variables.len(), 1);
        assert_eq!(variables[0].name, "tr");
        assert!(difference(&variables[0].values, &golden(&format!("{file}.dff.npy"))) <= 1e-5);
    }
    let indices = read("trials_ind.mat");
    let rows: Vec<_> = indices
        .iter()
        .map(|v| {
            (
                v.name.as_str(),
                v.values.shape().to_vec(),
                v.values.iter().copied().collect(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("tr_100", vec![1, 2], vec![1.0, 3.0]),
            ("tr_1200", vec![1, 1], vec![2.0])
        ]
    );

    let reference = &read("refImg.mat")[0];
    assert_eq!(reference.name, "refImg");
    let first = golden("20170214_102233_1.mov.npy").mapv(f64::from);
    let mean = first.mean_axis(Axis(2)).expect("frames");
    let max = mean.iter().copied().fold(f64::MIN, f64::max);
    for (ours, theirs) in reference.values.iter().zip(mean.iter()) {
        assert!((ours - theirs / max / 10.0).abs() < 1e-9);
    }
    let listed = files(&dir.path().join("mat_out"));
    let want = [
        "cond_100_trial1.mat",
        "cond_100_trial2.mat",
        "cond_1200_trial1.mat",
        "refImg.mat",
        "trials_ind.mat",
    ];
    assert_eq!(listed, want);
}

#[test]
fn a_second_run_keeps_what_is_done_and_a_changed_parameter_redoes_it() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let before = record(dir.path());
    let stamp = |name: &str| {
        std::fs::metadata(dir.path().join(name))
            .expect(name)
            .modified()
            .expect("time")
    };
    let movie = "mov_out/20170214_102233_1.h5";
    let written = stamp(movie);

    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let after = record(dir.path());
    assert_eq!(after["totals"]["skipped"], 3);
    assert_eq!(stamp(movie), written);
    for key in ["background", "fit", "threshold", "masked_pixels", "outputs"] {
        assert_eq!(after["trials"][0][key], before["trials"][0][key], "{key}");
    }

    // What is shown of a trial does not depend on which run did it.
    let pictures = |name: &str| {
        let page = std::fs::read_to_string(dir.path().join(name)).expect(name);
        page.matches("<img").count()
    };
    // Four of each trial, and the peak map of the session.
    assert_eq!(pictures("report.html"), 3 * 4 + 1);
    // Limits change verdicts and nothing else.
    let strict = ["--set", "checks.fit_residual=[0.0, 0.0]"];
    assert_eq!(run_experiment(&experiment, &strict).0, 0);
    let judged = record(dir.path());
    assert_eq!(judged["totals"]["skipped"], 3);
    for trial in judged["trials"].as_array().unwrap() {
        let checks = trial["checks"].as_array().unwrap();
        let found = checks.iter().find(|c| c["name"] == "fit_residual").unwrap();
        assert_eq!(found["level"], "fail");
    }

    std::fs::remove_file(dir.path().join(movie)).expect("remove");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    assert_eq!(record(dir.path())["totals"]["skipped"], 2);
    assert!(dir.path().join(movie).exists());

    let (status, _, _) = run_experiment(
        &experiment,
        &["--set", "analysis.segmentation.density_cutoff=0.0005"],
    );
    assert_eq!(status, 0);
    assert_eq!(record(dir.path())["totals"]["ok"], 3);
}

#[test]
fn results_that_a_change_has_no_say_in_stay() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let before = record(dir.path());
    let names = |kind: usize| {
        let path = |trial: &serde_json::Value| {
            dir.path()
                .join(trial["outputs"][kind]["path"].as_str().unwrap())
        };
        let trials = before["trials"].as_array().unwrap();
        trials.iter().map(path).collect::<Vec<_>>()
    };
    let times = |kind: usize| {
        let time = |path| {
            std::fs::metadata(path)
                .and_then(|m| m.modified())
                .expect("time")
        };
        names(kind).into_iter().map(time).collect::<Vec<_>>()
    };
    let [movies, dff, mat] = [0, 1, 2].map(times);

    // F0 has no say in the movie.
    let baseline = ["--set", "analysis.baseline.frames=[4, 7]"];
    let (status, _, stderr) = run_experiment(&experiment, &baseline);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stderr.contains("3 trials are done again, 6 files replaced: parameters changed: analysis.baseline.frames"),
        "{stderr}"
    );
    let after = record(dir.path());
    for (old, new) in before["trials"]
        .as_array()
        .unwrap()
        .iter()
        .zip(after["trials"].as_array().unwrap())
    {
        assert_eq!(new["status"], "ok");
        assert_eq!(new["outputs"][0], old["outputs"][0]);
        for kind in [1, 2] {
            assert_eq!(new["outputs"][kind]["path"], old["outputs"][kind]["path"]);
            assert_ne!(
                new["outputs"][kind]["crc32c"],
                old["outputs"][kind]["crc32c"]
            );
        }
    }
    assert_eq!(times(0), movies);
    assert!(times(1) != dff && times(2) != mat);
    assert_eq!(run_experiment(&experiment, &baseline).0, 0);
    assert_eq!(record(dir.path())["totals"]["skipped"], 3);

    // A scale of MAT files has no say in those of HDF5.
    let (movies, dff) = (times(0), times(1));
    let scale = [
        baseline[0],
        baseline[1],
        "--set",
        "output.mat_scale=\"f_over_f0\"",
    ];
    assert_eq!(run_experiment(&experiment, &scale).0, 0);
    assert_eq!((times(0), times(1)), (movies.clone(), dff));

    // One that is not as it was left is written again.
    let movie = &names(0)[1];
    let was = std::fs::read(movie).expect("movie");
    std::fs::write(movie, vec![0; was.len()]).expect("write");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    assert!(std::fs::read(movie).expect("movie") == was);
    let now = times(0);
    assert_eq!((now[0], now[2]), (movies[0], movies[2]));

    // `--verify` finds what does not show, and a copy that says another time stays.
    std::fs::write(movie, vec![0; was.len()]).expect("write");
    let set_time = |path: &Path, time| {
        let file = std::fs::File::options().write(true).open(path);
        file.and_then(|file| file.set_modified(time)).expect("time");
    };
    set_time(movie, now[1]);
    set_time(&names(0)[0], std::time::SystemTime::UNIX_EPOCH);
    let verified = [baseline[0], baseline[1], "--verify"];
    assert_eq!(run_experiment(&experiment, &verified).0, 0);
    assert!(std::fs::read(movie).expect("movie") == was);
    assert_eq!(times(0)[0], std::time::SystemTime::UNIX_EPOCH);
}

#[test]
fn verified_outputs_are_the_same_bytes() {
    let results = |set: &[&str]| {
        let dir = tempfile::tempdir().expect("folder");
        let (status, _, stderr) = run_experiment(&golden_experiment(dir.path(), ""), set);
        assert_eq!(status, 0, "{stderr}");
        let kinds = ["mov_out", "dff_out", "mat_out"].map(|kind| dir.path().join(kind));
        let names = kinds.iter().flat_map(|kind| {
            let path = move |name: String| kind.join(name);
            files(kind).into_iter().map(path)
        });
        let bytes = names
            .map(|path| std::fs::read(path).expect("result"))
            .collect::<Vec<_>>();
        (bytes, dir)
    };
    let (plain, dir) = results(&[]);
    let (verified, _) = results(&["--set", "output.verify=true"]);
    assert!(plain.len() > 8, "{}", plain.len());
    assert!(plain == verified);
    // It is no parameter: what is finished stays.
    let experiment = dir.path().join("experiment.toml");
    assert_eq!(
        run_experiment(&experiment, &["--set", "output.verify=true"]).0,
        0
    );
    assert_eq!(record(dir.path())["totals"]["skipped"], 3);
}

#[test]
fn existing_results_are_refused_replaced_or_cleaned_as_asked() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);

    let before = std::fs::read(dir.path().join("run.json")).unwrap();
    let (status, _, stderr) = run_experiment(&experiment, &["--existing", "error"]);
    assert_eq!(status, 2);
    assert!(stderr.contains("already holds"), "{stderr}");
    assert_eq!(std::fs::read(dir.path().join("run.json")).unwrap(), before);

    // A renamed condition leaves no file of the old name behind, and nothing else is touched.
    std::fs::write(dir.path().join("mat_out/notes.txt"), "mine").unwrap();
    let text = std::fs::read_to_string(&experiment).unwrap();
    let renamed = text.replace(
        "decision = \"No Go\"",
        "decision = \"No Go\"\ncondition = \"rough\"",
    );
    std::fs::write(&experiment, renamed).unwrap();
    assert_eq!(run_experiment(&experiment, &["--existing", "replace"]).0, 0);
    let listed = files(&dir.path().join("mat_out"));
    assert!(listed.contains(&"cond_rough_trial1.mat".to_owned()));
    assert!(!listed.contains(&"cond_1200_trial1.mat".to_owned()));
    assert!(listed.contains(&"notes.txt".to_owned()));

    // `clean` removes other results, and still nothing else.
    std::fs::write(dir.path().join("mat_out/cond_9_trial1.mat"), "old").unwrap();
    assert_eq!(run_experiment(&experiment, &["--existing", "clean"]).0, 0);
    let listed = files(&dir.path().join("mat_out"));
    assert!(!listed.contains(&"cond_9_trial1.mat".to_owned()));
    assert!(listed.contains(&"notes.txt".to_owned()));
    assert_eq!(record(dir.path())["totals"]["ok"], 3);
}

#[test]
fn results_do_not_depend_on_the_number_of_jobs() {
    let outputs = |jobs: &str| {
        let dir = tempfile::tempdir().expect("folder");
        assert_eq!(
            run_experiment(&golden_experiment(dir.path(), ""), &["--jobs", jobs]).0,
            0
        );
        let of = |folder: &str| {
            let read =
                |name: String| std::fs::read(dir.path().join(folder).join(name)).expect("output");
            files(&dir.path().join(folder))
                .into_iter()
                .map(read)
                .collect::<Vec<_>>()
        };
        [of("mov_out"), of("dff_out"), of("mat_out")]
    };
    assert!(outputs("1") == outputs("8"));
}

#[test]
fn a_session_wide_mask_and_background_are_the_same_in_every_trial() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "scope = \"session\"\n");
    let scope = "analysis.background.scope=\"session\"";
    let (status, _, stderr) = run_experiment(&experiment, &["--set", scope]);
    assert_eq!(status, 0, "{stderr}");
    let record = record(dir.path());
    let trials = record["trials"].as_array().unwrap();
    let mut single: Vec<f64> = expected()["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["background"].as_f64().unwrap())
        .collect();
    single.sort_by(f64::total_cmp);
    for trial in trials {
        assert!((trial["background"].as_f64().unwrap() - single[1]).abs() < 1e-4);
        assert_eq!(trial["threshold"], trials[0]["threshold"]);
        assert_eq!(trial["masked_pixels"], trials[0]["masked_pixels"]);
    }
    let nan =
        |file: &str| dataset(dir.path(), &format!("dff_out/{file}.h5"), "dff").mapv(f64::is_nan);
    assert!(nan("20170214_102233_1") == nan("20170214_102307_3"));
}

/// Pixels of the golden session under other parameters, computed by Pillow, scipy and numpy:
/// `tests/python/golden_variants.py`.
#[test]
fn other_parameters_give_the_values_of_other_software() {
    let text = std::fs::read(golden_session().join("variants.json")).expect("variants.json");
    let variants: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let variants = variants.as_object().expect("variants");
    assert_eq!(variants.len(), 3);
    for (name, variant) in variants {
        let dir = tempfile::tempdir().expect("folder");
        let mut more = vec!["--set", "output.orientation=camera"];
        for set in variant["set"].as_array().expect("list") {
            more.extend(["--set", set.as_str().expect("text")]);
        }
        let (status, _, stderr) = run_experiment(&golden_experiment(dir.path(), ""), &more);
        assert_eq!(status, 0, "{stderr}");
        let record = record(dir.path());
        let trials = variant["trials"].as_array().expect("trials");
        assert_eq!(trials.len(), 3);
        for (ours, theirs) in record["trials"]
            .as_array()
            .expect("trials")
            .iter()
            .zip(trials)
        {
            let file = theirs["file"].as_str().expect("name");
            let number = |v: &serde_json::Value, key: &str| v[key].as_f64().expect("number");
            let off = (number(ours, "background") - number(theirs, "background")).abs();
            // As in `recompute.py`, which says why.
            let limit = 1e-8 * number(theirs, "amplitude");
            assert!(off <= limit, "{name}, {file}: background off by {off}");
            assert_eq!(
                ours["masked_pixels"], theirs["masked_pixels"],
                "{name}, {file}"
            );
            let movie = dataset(dir.path(), &format!("mov_out/{file}.h5"), "mov");
            let dff = dataset(dir.path(), &format!("dff_out/{file}.h5"), "dff");
            let pixels = theirs["pixels"].as_array().expect("pixels");
            assert_eq!(pixels.len(), 40);
            for pixel in pixels {
                let index =
                    |k: usize| usize::try_from(pixel[k].as_u64().expect("index")).expect("small");
                let at = [index(1), index(2), index(0)];
                let off = (movie[&at[..]] - pixel[3].as_f64().expect("counts")).abs();
                assert!(off <= 1e-4, "{name}, {file} {at:?}: movie off by {off}");
                match pixel[4].as_f64() {
                    None => assert!(dff[&at[..]].is_nan(), "{name}, {file} {at:?}: not masked"),
                    Some(value) => {
                        let off = (dff[&at[..]] - value).abs();
                        let limit = 1e-6 * value.abs().max(1.0);
                        assert!(off <= limit, "{name}, {file} {at:?}: dF/F off by {off}");
                    }
                }
            }
        }
    }
}

/// The same numbers whatever the axes, the precision and the scale of the files.
#[test]
fn camera_axes_double_precision_and_the_ratio_hold_the_golden_values() {
    let dir = tempfile::tempdir().expect("folder");
    let set = [
        "output.orientation=camera",
        "output.precision=f64",
        "output.mat_scale=f_over_f0",
    ];
    let more: Vec<&str> = set.iter().flat_map(|s| ["--set", s]).collect();
    let (status, _, stderr) = run_experiment(&golden_experiment(dir.path(), ""), &more);
    assert_eq!(status, 0, "{stderr}");
    // (y, x, t) from (x, reversed y, t).
    let camera = |name: &str| {
        let mut golden = golden(name);
        golden.invert_axis(Axis(1));
        golden.permuted_axes([1, 0, 2])
    };
    for (mat, file) in [
        ("cond_100_trial1.mat", "20170214_102233_1"),
        ("cond_1200_trial1.mat", "20170214_102250_2"),
        ("cond_100_trial2.mat", "20170214_102307_3"),
    ] {
        let mov = dataset(dir.path(), &format!("mov_out/{file}.h5"), "mov");
        assert!(difference(&mov, &camera(&format!("{file}.mov.npy"))) <= 1e-4);
        let dff = dataset(dir.path(), &format!("dff_out/{file}.h5"), "dff");
        let golden = camera(&format!("{file}.dff.npy"));
        assert!(difference(&dff, &golden) <= 1e-5);
        let bytes = std::fs::read(dir.path().join("mat_out").join(mat)).expect(mat);
        let ratio = &mat::read(&bytes).expect(mat)[0].values;
        assert!(difference(ratio, &golden.mapv(|v| 1.0 + v)) <= 1e-5);
    }
}
