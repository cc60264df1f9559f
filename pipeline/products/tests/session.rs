//! Products of simulated sessions: as numbers made another way have them, the same by every way they can be made, and kept.

use ndarray::{Array3, Array4, Axis, s};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widefield_pipeline::record::{CheckName, RunRecord};
use widefield_pipeline::simulate::{Kind, Session};
use widefield_pipeline::{Engine, Event, Experiment, Plan};
use widefield_products::Products;
use widefield_storage::{Orientation, Place};

fn session(dir: &Path, trials: u32) -> PathBuf {
    written(dir, trials, 48, Kind::Trials)
}

fn written(dir: &Path, trials: u32, size: usize, kind: Kind) -> PathBuf {
    let session = Session {
        trials,
        size,
        frames: 90,
        kind,
        ..Session::default()
    };
    session.write(dir, |_| {}).expect("session")
}

fn plan(experiment: &Path, set: &[&str]) -> Plan {
    let set: Vec<_> = set.iter().map(|s| s.parse().expect("override")).collect();
    let experiment = Experiment::load_with(experiment, &set).expect("experiment");
    experiment
        .with(|own| own.consumer(Products::default()))
        .plan()
        .expect("plan")
}

fn run(experiment: &Path, set: &[&str]) -> RunRecord {
    let record = plan(experiment, set)
        .run(Engine::local(), |_| {})
        .expect("run");
    assert!(record.all_done());
    let failed: Vec<_> = record
        .failed_checks()
        .filter(|c| c.name == CheckName::SessionFiles)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    record
}

fn consume(experiment: &Path, memory: u64, set: &[&str]) -> RunRecord {
    plan(experiment, set)
        .consume(memory, &AtomicBool::new(false), |event| panic!("{event:?}"))
        .expect("products")
}

/// A dataset of a result, `(t, y, x)`.
fn read(dir: &Path, name: &str, dataset: &str) -> Array3<f32> {
    let place = Place::open(dir.to_str().expect("UTF-8")).expect("place");
    let file = place.open_hdf5(name).expect(name);
    let read = file
        .dataset(dataset)
        .and_then(|d| d.read_movie(Orientation::Notebook, .., ..));
    read.expect(dataset)
}

/// Mean, s.e.m. and n over trials, in f64, one pixel and frame after the other.
fn by_hand(trials: &[Array3<f32>]) -> [Array3<f64>; 3] {
    let views: Vec<_> = trials.iter().map(|trial| trial.view()).collect();
    let all: Array4<f32> = ndarray::stack(Axis(0), &views).expect("one shape");
    let of = |f: fn(&[f64]) -> f64| {
        all.map_axis(Axis(0), |values| {
            let finite: Vec<f64> = values
                .iter()
                .filter(|v| v.is_finite())
                .map(|v| f64::from(*v))
                .collect();
            f(&finite)
        })
    };
    let mean: fn(&[f64]) -> f64 = |v| v.iter().sum::<f64>() / v.len() as f64;
    let sem: fn(&[f64]) -> f64 = |v| {
        let n = v.len() as f64;
        let mean = v.iter().sum::<f64>() / n;
        let squares = v.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        if v.len() < 2 {
            f64::NAN
        } else {
            (squares / (n - 1.0) / n).sqrt()
        }
    };
    [of(mean), of(sem), of(|v| v.len() as f64)]
}

fn assert_near(a: &Array3<f32>, b: &Array3<f64>, what: &str) {
    assert_eq!(a.dim(), b.dim(), "{what}");
    for (a, b) in a.iter().zip(b) {
        let near = (f64::from(*a) - b).abs() <= 1e-6 * b.abs().max(1e-3);
        assert!(near || (a.is_nan() && b.is_nan()), "{what}: {a} {b}");
    }
}

fn bytes(dir: &Path, record: &RunRecord) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = record
        .totals
        .outputs
        .iter()
        .filter(|o| {
            o.path.starts_with("h5_avg/") || o.path.contains("_ave") || o.path.starts_with("traces")
        })
        .map(|o| {
            (
                o.path.clone(),
                std::fs::read(dir.join(&o.path)).expect("file"),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn averages_are_those_made_by_hand_whichever_way() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 8);
    let set = ["products.averages=true"];
    let record = run(&experiment, &set);
    let conditions: std::collections::BTreeSet<_> = record
        .trials
        .iter()
        .filter_map(|t| t.condition.clone())
        .collect();
    assert_eq!(conditions.len(), 2);
    for condition in &conditions {
        let of: Vec<_> = record
            .trials
            .iter()
            .filter(|t| t.condition.as_ref() == Some(condition))
            .collect();
        let dff = |file: &str| read(dir.path(), &format!("dff_out/{file}.h5"), "dff");
        let all: Vec<_> = of.iter().map(|t| dff(&t.file)).collect();
        let name = format!("h5_avg/dff_out_P{condition}_AVG.h5");
        for (dataset, want) in ["dff_AVG", "sem", "n"].iter().zip(by_hand(&all)) {
            assert_near(&read(dir.path(), &name, dataset), &want, dataset);
        }
        // What OCIA and the notebooks read is the same movie.
        let place = Place::open(dir.path().to_str().expect("UTF-8")).expect("place");
        for (file, variable) in [
            ("_ave", format!("cond_{condition}_ave")),
            ("_average", "tr_ave".into()),
        ] {
            let mat = place
                .read_mat(&format!("mat_out/cond_{condition}{file}.mat"))
                .expect("MAT");
            assert_eq!(mat[0].name, variable);
            let movie = mat[0].movie(Orientation::Notebook, .., ..).expect("movie");
            let mean = read(dir.path(), &name, "dff_AVG");
            assert!(
                movie
                    .iter()
                    .zip(&mean)
                    .all(|(a, b)| a.to_bits() == b.to_bits())
            );
            assert!(
                mat.iter()
                    .skip(1)
                    .all(|v| v.name == "N" && v.values[[0, 0]] == all.len() as f64)
            );
        }
        let outcomes: std::collections::BTreeSet<_> =
            of.iter().filter_map(|t| t.outcome.clone()).collect();
        for outcome in outcomes {
            let trials: Vec<_> = of
                .iter()
                .filter(|t| t.outcome.as_ref() == Some(&outcome))
                .map(|t| dff(&t.file))
                .collect();
            let name = format!("h5_avg/dff_{condition}_{}.h5", outcome.replace(' ', "_"));
            for (dataset, want) in ["mean", "sem", "n"].iter().zip(by_hand(&trials)) {
                assert_near(&read(dir.path(), &name, dataset), &want, &name);
            }
        }
    }
    // From files, with room for all and with room for hardly anything, they are the same bytes.
    let during = bytes(dir.path(), &record);
    assert!(during.len() >= 6, "{}", during.len());
    for memory in [1 << 30, 1 << 16] {
        std::fs::remove_file(dir.path().join("products.json")).expect("list");
        let again = consume(&experiment, memory, &set);
        assert_eq!(bytes(dir.path(), &again), during);
    }
}

#[test]
fn what_was_made_is_kept_until_something_differs() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 4);
    let set = ["products.averages=true"];
    run(&experiment, &set);
    let file = |name: &str| dir.path().join(name);
    let made = |name: &str| {
        std::fs::metadata(file(name))
            .and_then(|m| m.modified())
            .expect("time")
    };
    let of_a_condition = |record: &RunRecord| {
        let mut names: Vec<String> = record
            .totals
            .outputs
            .iter()
            .map(|o| o.path.clone())
            .collect();
        names.retain(|name| name.ends_with("_AVG.h5"));
        names
    };
    let names = of_a_condition(&run(&experiment, &set));
    assert_eq!(names.len(), 2);
    let before: Vec<_> = names.iter().map(|name| made(name)).collect();
    let kept = |i: usize| made(&names[i]) == before[i];
    // Nothing differs: nothing is made, and all of it is in the record.
    assert_eq!(of_a_condition(&consume(&experiment, 1 << 30, &set)), names);
    assert!(kept(0) && kept(1));
    // A file that was touched, or is gone, is made again, and no other.
    std::fs::write(file(&names[0]), b"x").expect("write");
    run(&experiment, &set);
    assert!(!kept(0) && kept(1));
    // Without the key nothing is made, removed or listed, not even by `clean`.
    let record = run(&experiment, &["output.existing=clean"]);
    assert!(of_a_condition(&record).is_empty());
    assert!(names.iter().all(|name| file(name).exists()));
    // With it `clean` keeps what the session has, and removes what it had.
    std::fs::write(file("h5_avg/dff_77_hit.h5"), b"x").expect("write");
    std::fs::write(file("h5_avg/notes.txt"), b"x").expect("write");
    let record = run(
        &experiment,
        &["products.averages=true", "output.existing=clean"],
    );
    assert_eq!(of_a_condition(&record), names);
    assert!(names.iter().all(|name| file(name).exists()));
    assert!(!file("h5_avg/dff_77_hit.h5").exists() && file("h5_avg/notes.txt").exists());
}

#[test]
#[expect(clippy::cast_possible_truncation, reason = "numbers of frames")]
fn trials_meet_at_the_event_and_the_rest_is_nan() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 4);
    let record = run(
        &experiment,
        &["products.averages=true", "experiment.align=log"],
    );
    let condition = record.trials[0].condition.clone().expect("a condition");
    let of: Vec<_> = record
        .trials
        .iter()
        .filter(|t| t.condition.as_ref() == Some(&condition))
        .collect();
    let mean = read(
        dir.path(),
        &format!("h5_avg/dff_out_P{condition}_AVG.h5"),
        "dff_AVG",
    );
    let starts: Vec<i64> = of
        .iter()
        .map(|t| -((t.onset.expect("onset").s * 20.0 + 0.5).floor() as i64))
        .collect();
    let first = *starts.iter().min().expect("trials");
    let movies: Vec<_> = of
        .iter()
        .map(|t| read(dir.path(), &format!("dff_out/{}.h5", t.file), "dff"))
        .collect();
    let length = starts
        .iter()
        .zip(&movies)
        .map(|(s, m)| usize::try_from(s - first).expect("later") + m.dim().0)
        .max();
    let padded: Vec<Array3<f32>> = starts
        .iter()
        .zip(&movies)
        .map(|(start, movie)| {
            let (t, y, x) = movie.dim();
            let at = usize::try_from(start - first).expect("later");
            let mut whole = Array3::from_elem((length.expect("trials"), y, x), f32::NAN);
            whole.slice_mut(s![at..at + t, .., ..]).assign(movie);
            whole
        })
        .collect();
    let [want, ..] = by_hand(&padded);
    assert_near(&mean, &want, "aligned");
}

#[test]
fn conditions_of_stimuli_that_end_alike_have_files_of_their_own() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 4);
    let mut movies: Vec<String> = std::fs::read_dir(dir.path())
        .expect("folder")
        .filter_map(|entry| entry.expect("entry").file_name().into_string().ok())
        .filter(|name| name.starts_with("2017"))
        .collect();
    movies.sort();
    let mut table = String::from("file,stimulus,condition,outcome\n");
    for (i, movie) in movies.iter().enumerate() {
        let (stimulus, condition) = [("left P100", "l"), ("right P100", "r")][i % 2];
        table += &format!("{movie},{stimulus},{condition},hit\n");
    }
    std::fs::write(dir.path().join("trials.csv"), table).expect("table");
    let record = run(
        &experiment,
        &["products.averages=true", "data.trials=trials.csv"],
    );
    let name = |kind: &str| format!("h5_avg/dff_out_{kind}_AVG.h5");
    let has = |name: &String| record.totals.outputs.iter().any(|o| o.path == *name);
    assert!(has(&name("l")) && has(&name("r")) && !has(&name("P100")));
}

/// A label image of the frames of [`session`]: one area above `rows` rows, another below.
fn write_areas(path: &Path, rows: usize) {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (48, 48), }";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(118_u16.to_le_bytes());
    file.extend(format!("{header:<117}\n").bytes());
    file.extend((0..48 * 48).map(|i| if i / 48 < rows { 1 } else { 2 }));
    std::fs::write(path, file).expect("areas");
}

#[test]
fn areas_that_change_during_a_run_are_those_of_all_traces() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 3);
    let areas = dir.path().join("areas.npy");
    write_areas(&areas, 20);
    let set = [&*format!("products.rois={}", areas.display())];
    let mut ended = 0;
    let record = plan(&experiment, &set).run(Engine::local(), |event| {
        if let Event::Ended { .. } = event {
            ended += 1;
            write_areas(&areas, 30);
        }
    });
    let record = record.expect("run");
    assert!(
        record.all_done(),
        "{:?}",
        record.failed_checks().collect::<Vec<_>>()
    );
    let during = bytes(dir.path(), &record);
    assert_eq!((ended, during.len()), (3, 2));
    // Made of files, with the areas that there are now.
    std::fs::remove_file(dir.path().join("products.json")).expect("list");
    let after = bytes(dir.path(), &consume(&experiment, 1 << 30, &set));
    assert!(during == after, "traces are of two files of areas");
}

#[test]
fn a_window_beyond_all_counting_leaves_no_running_correlation() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 2);
    let areas = dir.path().join("areas.npy");
    write_areas(&areas, 20);
    let rois = format!("products.rois={}", areas.display());
    let running = |window_s: &str| {
        let window_s = format!("products.seed_window_s={window_s}");
        let record = run(&experiment, &[&rois, "products.seeds=[\"1\"]", &window_s]);
        let file = &record.trials[0].file;
        read(dir.path(), &format!("corr_1/{file}.h5"), "corr")
    };
    let short = running("1.0");
    assert!(short.iter().any(|r| r.is_finite()));
    // The other is a frame longer than the trials.
    for window_s in ["1e18", "4.55"] {
        let long = running(window_s);
        assert!(long.dim() == short.dim() && long.iter().all(|r| r.is_nan()));
    }
}

#[test]
fn traces_follow_the_numbers_of_trials_and_the_name_of_their_area() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = Session {
        kind: Kind::Csv,
        trials: 2,
        size: 48,
        frames: 90,
        ..Session::default()
    };
    let experiment = experiment.write(dir.path(), |_| {}).expect("session");
    let table = "file,condition,outcome,onset_s\nrec-000001,a,hit,3\nrec-000002,a,hit,3\n";
    std::fs::write(dir.path().join("trials.csv"), table).expect("table");
    // A rectangle without a name in it.
    let mut rectangle = b"Iout\0\xe4\x01\0\0\x0a\0\x0a\0\x14\0\x14".to_vec();
    rectangle.resize(64, 0);
    let lines = |pattern: &str, area: &str| {
        let rois = dir.path().join(format!("{area}.roi"));
        std::fs::write(&rois, &rectangle).expect("areas");
        let rois = format!("products.rois={}", rois.display());
        // MAT files have the number in their names.
        let set = ["data.prefix=rec-", pattern, &rois, "output.mat=\"\""];
        run(&experiment, &set);
        let text = std::fs::read_to_string(dir.path().join("traces.csv")).expect("traces");
        let cells = |line: &str| -> (String, String) {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[1].to_owned(), cells[4].to_owned())
        };
        let mut lines: Vec<_> = text.lines().skip(1).map(cells).collect();
        lines.dedup();
        lines
    };
    let want = |numbers: [&str; 2], area: &str| numbers.map(|n| (n.to_owned(), area.to_owned()));
    let (numbers, none) = ("data.name=rec-{trial}", "data.name=rec-{any}");
    assert_eq!(lines(numbers, "M1"), want(["1", "2"], "M1"));
    assert_eq!(lines(numbers, "M2"), want(["1", "2"], "M2"));
    assert_eq!(lines(none, "M2"), [(String::new(), "M2".to_owned())]);
}

#[test]
fn an_interruption_leaves_what_was_made() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), 4);
    let set = ["products.averages=true"];
    let before = bytes(dir.path(), &run(&experiment, &set));
    std::fs::remove_file(dir.path().join("products.json")).expect("list");
    let mut told = String::new();
    let record = plan(&experiment, &set)
        .consume(1 << 30, &AtomicBool::new(true), |event| {
            told += &format!("{event:?}");
        })
        .expect("a record");
    assert!(told.contains("interrupted"), "{told}");
    let failed: Vec<_> = record.failed_checks().map(|c| c.name.clone()).collect();
    assert_eq!(failed, [CheckName::SessionFiles]);
    for (name, content) in before {
        let now = std::fs::read(dir.path().join(&name)).expect("file");
        assert!(now == content, "{name}");
    }
}

#[test]
fn one_wrong_cell_lengthens_no_average() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = written(dir.path(), 4, 48, Kind::Csv);
    let table = dir.path().join("trials.csv");
    let text = std::fs::read_to_string(&table).expect("table");
    let mut rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
    let onset = rows[0].iter().position(|cell| *cell == "onset_s");
    let onset = onset.expect("a column of onsets");
    let stimulus = rows[1][1];
    let first = rows.iter().rposition(|row| row[1] == stimulus);
    // Milliseconds instead of seconds.
    rows[first.expect("a trial")][onset] = "3020";
    let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
    std::fs::write(&table, rows.join("\n")).expect("table");
    let set = ["products.averages=true", "experiment.align=log"];
    let record = plan(&experiment, &set).run(Engine::local(), |_| {});
    let record = record.expect("run");
    let far = |t: &&widefield_pipeline::record::TrialRecord| t.onset.expect("onset").s > 3000.0;
    let far = record.trials.iter().find(far).expect("the trial");
    let condition = far.condition.as_ref().expect("a condition");
    let place = Place::open(dir.path().to_str().expect("UTF-8")).expect("place");
    let made = |o: &&widefield_pipeline::record::Output| {
        o.path.starts_with("h5_avg/") && o.path.ends_with("_AVG.h5")
    };
    let averages: Vec<_> = record.totals.outputs.iter().filter(made).collect();
    assert!(!averages.is_empty());
    for average in averages {
        let file = place.open_hdf5(&average.path).expect("HDF5");
        let dataset = file.dataset("dff_AVG").expect("dataset");
        assert!(dataset.shape()[2] < 2 * 90, "{condition}");
        let left_out = format!("{:?}", dataset.attribute("left_out"));
        let said = format!("{}: its event is far from the movie", far.file);
        assert!(left_out.contains(&said), "{left_out}");
    }
}

#[test]
fn frames_of_another_size_spoil_no_trial() {
    let [dir, small] = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
    let experiment = session(dir.path(), 6);
    written(small.path(), 6, 32, Kind::Trials);
    let movies = |dir: &Path| {
        let entries = std::fs::read_dir(dir).expect("folder");
        let movies = entries.map(|entry| entry.expect("entry").path());
        let mut movies: Vec<_> = movies
            .filter(|path| path.extension().is_none())
            .filter(|path| path.is_file())
            .collect();
        movies.sort();
        movies
    };
    let (ours, theirs) = (movies(dir.path()), movies(small.path()));
    assert_eq!((ours.len(), theirs.len()), (6, 6));
    // Whichever is first of its condition and outcome.
    for replaced in [1, 4] {
        std::fs::copy(&theirs[replaced], &ours[replaced]).expect("copy");
        let record = plan(&experiment, &["products.averages=true"]).run(Engine::local(), |_| {});
        let record = record.expect("run");
        let failed: Vec<_> = record.trials.iter().filter(|t| !t.good()).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
}

#[test]
fn averages_of_what_no_trial_is_any_more_go() {
    for replaced in [false, true] {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = written(dir.path(), 8, 48, Kind::Csv);
        let set = ["products.averages=true"];
        let record = run(&experiment, &set);
        let mut groups = std::collections::BTreeMap::<_, Vec<_>>::new();
        for trial in &record.trials {
            let [condition, outcome] = [&trial.condition, &trial.outcome].map(|o| o.clone());
            let outcome = outcome.expect("known").replace(' ', "_");
            let name = format!("dff_{}_{outcome}.h5", condition.expect("known"));
            groups.entry(name).or_default().push(trial.trial);
        }
        let alone = groups.iter().find(|(_, trials)| trials.len() == 1);
        let (gone, trials) = alone.expect("an outcome of one trial");
        let file = |name: &str| dir.path().join("h5_avg").join(name);
        assert!(groups.keys().all(|name| file(name).exists()));
        if replaced {
            std::fs::write(file(gone), "theirs").expect("write");
        }
        let table = dir.path().join("trials.csv");
        let text = std::fs::read_to_string(&table).expect("table");
        let excluded = trials[0].expect("a number").to_string();
        let rows = text.lines().enumerate().map(|(i, row)| match i {
            0 => format!("{row},exclude\n"),
            _ => format!("{row},{}\n", row.split(',').next() == Some(&excluded)),
        });
        std::fs::write(&table, rows.collect::<String>()).expect("table");
        run(&experiment, &set);
        // What somebody else has put there is not ours.
        for name in groups.keys() {
            assert_eq!(file(name).exists(), name != gone || replaced, "{name}");
        }
        let list = std::fs::read_to_string(dir.path().join("products.json")).expect("list");
        assert!(!list.contains(gone.as_str()));
    }
}
