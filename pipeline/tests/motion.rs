//! Motion of the head in a session: measured in every run, taken away on request, judged, and kept for later runs.

mod common;

use common::files;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use widefield::motion::{Rigid, Shift, Verdict};
use widefield_pipeline::config::Override;
use widefield_pipeline::record::{CheckName, Level, Motion, RunRecord, Status, TrialRecord};
use widefield_pipeline::simulate::{Motion as Moving, SceneConfig, Session};
use widefield_pipeline::step::{Cause, Locate, Own, Parameters, Register};
use widefield_pipeline::{Engine, Experiment, Plan};
use widefield_storage::{Orientation, Place};

const RIGID: &str = "analysis.motion.method=rigid";
const SIZE: usize = 128;
const FRAMES: usize = 60;

/// Trials in which the head drifts by some 3 px of 256, and lies elsewhere each time.
fn moving(trials: u32) -> Session {
    let scene = SceneConfig {
        motion: Moving {
            drift_px: 3.0,
            jitter_px: 0.3,
            step_px: 2.0,
        },
        ..SceneConfig::default()
    };
    Session {
        trials,
        size: SIZE,
        frames: FRAMES,
        scene,
        ..Session::default()
    }
}

fn plan(experiment: &Path, set: &[&str], own: impl FnOnce(Own) -> Own) -> Plan {
    let set: Vec<Override> = set
        .iter()
        .map(|set| set.parse().expect("override"))
        .collect();
    let experiment = Experiment::load_with(experiment, &set).expect("experiment");
    experiment.with(own).plan().expect("plan")
}

fn run(experiment: &Path, set: &[&str]) -> RunRecord {
    let plan = plan(experiment, set, |own| own);
    plan.run(Engine::local(), |_| {}).expect("run")
}

fn motion(trial: &TrialRecord) -> &Motion {
    trial.motion.as_ref().expect("measured")
}

fn check(record: &TrialRecord, name: CheckName) -> Level {
    let found = record.checks.iter().find(|check| check.name == name);
    found
        .unwrap_or_else(|| panic!("{name}: {:?}", record.checks))
        .level
}

/// The true shifts of a trial against the mean of the first ten frames of the first movie.
fn truth(dir: &Path, trial: usize) -> Vec<[f64; 2]> {
    let text = std::fs::read(dir.join("truth.json")).expect("truth");
    let truth: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let of = |trial: usize| -> Vec<[f64; 2]> {
        let shifts = truth["trials"][trial]["shift_yx_px"].clone();
        serde_json::from_value(shifts).expect("shifts")
    };
    let first = &of(0)[..10];
    let [y, x] = [0, 1].map(|axis| first.iter().map(|s| s[axis]).sum::<f64>() / 10.0);
    of(trial).iter().map(|[dy, dx]| [dy - y, dx - x]).collect()
}

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v * v));
    f64::sqrt(sum / n)
}

#[test]
fn motion_is_measured_in_every_run_and_its_effect_is_told() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = moving(3).write(dir.path(), |_| {}).expect("session");
    let record = run(&experiment, &[]);
    for (i, trial) in record.trials.iter().enumerate() {
        let motion = motion(trial);
        assert_eq!(motion.reference, record.trials[0].file);
        assert_eq!(
            (motion.side_px, motion.measured, motion.flagged),
            (SIZE, 6, 0)
        );
        let truth: Vec<[f64; 2]> = truth(dir.path(), i).into_iter().step_by(10).collect();
        let shifts: Vec<Shift> = truth.iter().map(|s| Shift::from_px(s[0], s[1])).collect();
        let true_motion = Motion::from_shifts("", SIZE, &shifts);
        let ([y, x], [true_y, true_x]) = (
            motion.place_px.expect("place"),
            true_motion.place_px.expect("place"),
        );
        assert!(
            (y - true_y).hypot(x - true_x) < 0.1,
            "{motion:?} {true_motion:?}"
        );
        let high = motion.high_px.expect("high");
        assert!((high - true_motion.high_px.expect("high")).abs() < 0.1);
        assert_ne!(check(trial, CheckName::Motion), Level::Pass);
        let [median, most] = motion.predicted_dff.expect("predicted");
        assert!(
            0.001 < median && median < most && most < 0.5,
            "{median} {most}"
        );
        assert!(
            trial
                .checks
                .iter()
                .all(|c| c.name != CheckName::MotionCorrection)
        );
    }
    let between = record
        .checks
        .iter()
        .find(|c| c.name == CheckName::MotionBetweenTrials);
    assert_ne!(between.expect("judged").level, Level::Pass);
    // Nothing depends on what is only measured.
    assert!(!dir.path().join("motion_out").exists());
    let again = run(&experiment, &["analysis.motion.max_shift_px=8"]);
    assert_eq!(again.totals.skipped, 3);
}

#[test]
fn what_is_taken_away_is_the_motion() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = moving(3).write(dir.path(), |_| {}).expect("session");
    let recorded = run(&experiment, &[]);
    let movie = |file: &str| {
        let place = Place::open(&dir.path().display().to_string()).expect("place");
        let read = |folder: &str, dataset: &str| {
            let file = place
                .open_hdf5(&format!("{folder}/{file}.h5"))
                .expect("file");
            let dataset = file.dataset(dataset).expect("dataset");
            dataset
                .read_movie(Orientation::Notebook, .., ..)
                .expect("movie")
        };
        (read("mov_out", "mov"), read("dff_out", "dff"))
    };
    let before = movie(&recorded.trials[1].file).0;
    let record = run(&experiment, &[RIGID]);
    assert_eq!(record.totals.ok, 3, "{:?}", record.trials[0].error);
    for (i, trial) in record.trials.iter().enumerate() {
        let motion = motion(trial);
        let correction = motion.correction.as_ref().expect("corrected");
        assert_eq!(correction.verdict, Verdict::Helped, "{motion:?}");
        assert_eq!(check(trial, CheckName::MotionCorrection), Level::Pass);
        assert_eq!(check(trial, CheckName::Motion), Level::Pass, "{motion:?}");
        for slope in correction.slope.into_iter().flatten() {
            assert!(slope.abs() < 0.1, "{slope}");
        }

        // The table beside the truth.
        let name = format!("motion_out/{}.csv", trial.file);
        assert!(trial.outputs.iter().any(|output| output.path == name));
        let text = std::fs::read_to_string(dir.path().join(&name)).expect("table");
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(1)
            .map(|line| {
                line.split(',')
                    .map(|v| v.parse().expect("number"))
                    .collect()
            })
            .collect();
        assert_eq!(rows.len(), FRAMES);
        assert_eq!((rows[1][0], rows[1][1], rows[1][6]), (1.0, -2.95, 0.0));
        let truth = truth(dir.path(), i);
        for axis in 0..2 {
            let errors = rows
                .iter()
                .zip(&truth)
                .map(|(row, truth)| row[2 + axis] - truth[axis]);
            assert!(rms(errors.clone()) < 0.05, "{}", rms(errors));
        }

        // What comes from outside is NaN in both files, in dF/F in every frame.
        let (rows, columns) = (correction.rows, correction.columns);
        let inside = (rows[1] - rows[0]) * (columns[1] - columns[0]);
        assert_eq!(correction.outside_pixels, SIZE * SIZE - inside);
        assert!(correction.outside_pixels > 0);
        let (counts, dff) = movie(&trial.file);
        for ((_, y, x), value) in counts.indexed_iter() {
            let seen = (rows[0]..rows[1]).contains(&y) && (columns[0]..columns[1]).contains(&x);
            assert!(!value.is_nan() || !seen, "{y} {x}");
        }
        for ((_, y, x), value) in dff.indexed_iter() {
            let seen = (rows[0]..rows[1]).contains(&y) && (columns[0]..columns[1]).contains(&x);
            assert!(seen || value.is_nan(), "{y} {x}");
        }
        assert!(trial.masked_pixels.expect("masked") >= correction.outside_pixels);
        // The background sees frames as they were recorded.
        assert_eq!(trial.background, recorded.trials[i].background);
    }
    let after = movie(&record.trials[1].file).0;
    let unrest = |movie: &ndarray::Array3<f32>| {
        let part = movie.slice(ndarray::s![.., 32..96, 32..96]);
        let sd = part.std_axis(Axis(0), 1.0);
        sd.mean().expect("pixels")
    };
    assert!(
        unrest(&after) < 0.8 * unrest(&before),
        "{} {}",
        unrest(&after),
        unrest(&before)
    );
    let names: Vec<String> = record
        .checks
        .iter()
        .map(|c| format!("{} {:?}", c.name, c.level))
        .collect();
    assert!(
        names.contains(&"motion_between_trials Pass".to_owned()),
        "{names:?}"
    );
    assert!(
        names.contains(&"motion_correction Pass".to_owned()),
        "{names:?}"
    );
    // Without it again: dF/F as it was, and no shifts of something that is not moved.
    let back = run(&experiment, &[]);
    assert_eq!(back.trials[1].outputs, recorded.trials[1].outputs);
    assert!(files(&dir.path().join("motion_out")).is_empty());
}

#[test]
fn later_runs_keep_the_reference() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = moving(3).write(dir.path(), |_| {}).expect("session");
    let movies: Vec<PathBuf> = (0..3)
        .map(|i| {
            dir.path()
                .join(&run(&experiment, &["output.mat="]).trials[i].file)
        })
        .collect();
    // The first and the last come later.
    let aside = tempfile::tempdir().expect("folder");
    let away = |i: usize| aside.path().join(format!("{i}"));
    for i in [0, 2] {
        std::fs::rename(&movies[i], away(i)).expect("away");
    }
    let statuses = |record: &RunRecord| -> Vec<Status> {
        record.trials.iter().map(|trial| trial.status).collect()
    };
    let one = run(&experiment, &[RIGID]);
    assert_eq!(statuses(&one), [Status::Ok]);
    std::fs::rename(away(2), &movies[2]).expect("back");
    let two = run(&experiment, &[RIGID]);
    assert_eq!(statuses(&two), [Status::Skipped, Status::Ok]);
    assert_eq!(motion(&two.trials[1]).reference, one.trials[0].file);
    let of = |trial: &TrialRecord, name: &str| {
        let mut outputs = trial.outputs.iter();
        outputs
            .find(|o| o.path.starts_with(name))
            .expect("output")
            .clone()
    };
    // One that comes before is what all others are moved to, whatever else changes.
    std::fs::rename(away(0), &movies[0]).expect("back");
    let baseline = "analysis.baseline.frames=[0,9]";
    let three = run(&experiment, &[RIGID, baseline]);
    assert_eq!(statuses(&three), [Status::Ok; 3]);
    for (before, after) in two.trials.iter().zip(&three.trials[1..]) {
        assert_eq!(motion(after).reference, three.trials[0].file);
        assert_ne!(of(before, "mov_out").crc32c, of(after, "mov_out").crc32c);
        assert_ne!(
            of(before, "motion_out").crc32c,
            of(after, "motion_out").crc32c
        );
    }
    assert_eq!(
        statuses(&run(&experiment, &[RIGID, baseline])),
        [Status::Skipped; 3]
    );
    // What follows the movie alone leaves movie and shifts as they are.
    let other = run(&experiment, &[RIGID]);
    assert_eq!(statuses(&other), [Status::Ok; 3]);
    for (before, after) in three.trials.iter().zip(&other.trials) {
        assert_eq!(of(before, "motion_out"), of(after, "motion_out"));
        assert_eq!(of(before, "mov_out"), of(after, "mov_out"));
        assert_ne!(of(before, "dff_out").crc32c, of(after, "dff_out").crc32c);
    }
}

/// Shifts of the wrong sign, as one of the programs in use had them.
#[derive(Debug, Serialize, Deserialize)]
struct Inverted;

struct Back(Box<dyn Locate>);

impl Parameters for Inverted {
    const NAME: &'static str = "inverted";
}

impl Register for Inverted {
    fn reference(&self, first: ArrayView3<'_, f32>) -> Result<Array2<f32>, Cause> {
        Register::reference(&Rigid::default(), first)
    }

    fn prepare(&self, reference: ArrayView2<'_, f32>) -> Result<Box<dyn Locate>, Cause> {
        Ok(Box::new(Back(Register::prepare(
            &Rigid::default(),
            reference,
        )?)))
    }
}

impl Locate for Back {
    fn shifts(&self, frames: ArrayView3<'_, f32>) -> Result<Vec<Shift>, Cause> {
        let found = self.0.shifts(frames)?.into_iter();
        Ok(found.map(|shift| shift.scaled(-1.0)).collect())
    }
}

#[test]
fn a_step_of_one_s_own_that_inverts_the_sign_is_caught() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = moving(2).write(dir.path(), |_| {}).expect("session");
    let plan = plan(&experiment, &[], |own| own.register(Inverted));
    let record = plan.run(Engine::local(), |_| {}).expect("run");
    let harmed = record.trials.iter().filter(|t| {
        let correction = motion(t).correction.as_ref().expect("corrected");
        correction.verdict == Verdict::Harmed
            && check(t, CheckName::MotionCorrection) == Level::Fail
    });
    assert_eq!(harmed.count(), 2);
    // A program without the step does not go on with what it made.
    let refused = Experiment::load(&experiment).expect("experiment").plan();
    assert!(
        refused
            .expect_err("unknown")
            .to_string()
            .contains("inverted")
    );
}

#[test]
fn trials_that_lie_elsewhere_as_a_whole_are_judged_too() {
    let mut session = moving(3);
    session.scene.motion = Moving {
        step_px: 4.0,
        ..Moving::default()
    };
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session.write(dir.path(), |_| {}).expect("session");
    let level = |record: &RunRecord, name: CheckName| {
        let found = record.checks.iter().find(|check| check.name == name);
        found.expect("judged").level
    };
    let verdicts = |record: &RunRecord| -> Vec<Verdict> {
        let of = |t| motion(t).correction.as_ref().expect("corrected").verdict;
        record.trials.iter().map(of).collect()
    };
    let right = run(&experiment, &[RIGID]);
    assert_eq!(verdicts(&right)[1..], [Verdict::Helped; 2]);
    assert_eq!(level(&right, CheckName::MotionBetweenTrials), Level::Pass);
    let replace = "output.existing=replace";
    let plan = plan(&experiment, &[replace], |own| own.register(Inverted));
    let wrong = plan.run(Engine::local(), |_| {}).expect("run");
    assert_eq!(verdicts(&wrong)[1..], [Verdict::Harmed; 2]);
    assert_ne!(level(&wrong, CheckName::MotionBetweenTrials), Level::Pass);
}

/// Finds no reference when it is told so.
#[derive(Debug, Serialize, Deserialize)]
struct Blind;

static BLIND: AtomicBool = AtomicBool::new(false);

impl Parameters for Blind {
    const NAME: &'static str = "blind";
}

impl Register for Blind {
    fn reference(&self, first: ArrayView3<'_, f32>) -> Result<Array2<f32>, Cause> {
        match BLIND.load(Ordering::Relaxed) {
            true => Err("it sees nothing".into()),
            false => Register::reference(&Rigid::default(), first),
        }
    }

    fn prepare(&self, reference: ArrayView2<'_, f32>) -> Result<Box<dyn Locate>, Cause> {
        Register::prepare(&Rigid::default(), reference)
    }
}

#[test]
fn without_a_reference_what_is_finished_stays() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = moving(3).write(dir.path(), |_| {}).expect("session");
    let run = || {
        let plan = plan(&experiment, &[], |own| own.register(Blind));
        plan.run(Engine::local(), |_| {}).expect("run")
    };
    let first = run();
    assert_eq!(first.totals.ok, 3);
    let gone = first.trials[2].outputs[0].path.clone();
    std::fs::remove_file(dir.path().join(gone)).expect("removed");
    BLIND.store(true, Ordering::Relaxed);
    let blind = run();
    let statuses: Vec<Status> = blind.trials.iter().map(|trial| trial.status).collect();
    assert_eq!(statuses, [Status::Skipped, Status::Skipped, Status::Failed]);
    let why = blind.trials[2].error.as_deref().expect("a reason");
    assert!(
        why.contains("no movie that motion is taken away to") && why.contains("sees nothing"),
        "{why}"
    );
    BLIND.store(false, Ordering::Relaxed);
    let again = run();
    assert_eq!((again.totals.ok, again.totals.skipped), (1, 2));
    assert_eq!(again.trials[2].outputs, first.trials[2].outputs);
}

#[test]
fn odd_movies_end_with_a_result_or_a_reason() {
    // Dark, of a single frame, of 8 px, of 3 px.
    for (size, frames, dark) in [
        (64, 24, true),
        (64, 1, false),
        (8, 24, false),
        (3, 4, false),
    ] {
        for set in [&[][..], &[RIGID]] {
            let dir = tempfile::tempdir().expect("folder");
            let mut session = Session {
                size,
                frames,
                ..moving(2)
            };
            session.scene.baseline = 0..1;
            if dark {
                session.scene.peak_counts = 0.0;
            }
            let experiment = session.write(dir.path(), |_| {}).expect("session");
            let mut set = set.to_vec();
            set.extend([
                "analysis.baseline.frames=[0,1]",
                "analysis.segmentation.method=none",
            ]);
            set.push("analysis.background.method=constant");
            set.push("analysis.background.counts=50");
            let record = run(&experiment, &set);
            for trial in &record.trials {
                let told = trial.error.is_some() || trial.motion.is_some() || set[0] != RIGID;
                assert!(told && trial.status != Status::Skipped, "{trial:?}");
                let error = trial.error.as_deref().unwrap_or_default();
                assert!(!error.contains("internal error"), "{error}");
            }
        }
    }
}

#[test]
fn a_movie_without_structure_is_no_reference() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = moving(2).write(dir.path(), |_| {}).expect("session");
    let first = run(&experiment, &[]).trials[0].file.clone();
    // The same movie with pixels that are all alike.
    let file = std::fs::File::create(dir.path().join(&first)).expect("file");
    let size = u32::try_from(SIZE).expect("size");
    let spec = dcimg::write::Spec::packed(size, size);
    let mut writer = dcimg::write::Writer::new(file, &spec).expect("writer");
    for _ in 0..FRAMES {
        let frame = Array2::from_elem((SIZE, SIZE), 700_u16);
        writer
            .push(frame.view(), dcimg::Stamp::default())
            .expect("frame");
    }
    writer.finish().expect("movie");
    let record = run(&experiment, &[RIGID]);
    assert_eq!(
        record.trials[1].status,
        Status::Ok,
        "{:?}",
        record.trials[1].error
    );
    assert_eq!(motion(&record.trials[1]).reference, record.trials[1].file);
}

#[test]
fn what_was_moved_to_another_movie_does_not_stay() {
    let [dir, apart] = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
    let experiment = moving(3).write(dir.path(), |_| {}).expect("session");
    let first = run(&experiment, &[RIGID]);
    let [reference, other] = [0, 1].map(|i| first.trials[i].file.clone());
    assert_eq!(motion(&first.trials[2]).reference, reference);
    // The first movie cannot be read any more, which is not seen until it is opened.
    let path = dir.path().join(&reference);
    let about = std::fs::metadata(&path).expect("the movie");
    let garbage = vec![7; usize::try_from(about.len()).expect("small")];
    std::fs::write(&path, garbage).expect("write");
    let file = std::fs::File::options().append(true).open(&path);
    let touched = file.and_then(|file| file.set_modified(about.modified()?));
    touched.expect("touched");
    // A baseline has no say in `mov_out`.
    let baseline = "analysis.baseline.frames=[2,9]";
    let again = run(&experiment, &[RIGID, baseline]);
    let output = format!("output.url={}", apart.path().display());
    let fresh = run(&experiment, &[RIGID, baseline, &output]);
    for again in &again.trials[1..] {
        let fresh = fresh.trials.iter().find(|trial| trial.file == again.file);
        let fresh = fresh.expect("the same movie");
        assert_eq!((again.status, fresh.status), (Status::Ok, Status::Ok));
        assert_eq!(motion(again).reference, other);
        assert_eq!(again.outputs.len(), fresh.outputs.len());
        for (again, fresh) in again.outputs.iter().zip(&fresh.outputs) {
            assert_eq!(again, fresh);
        }
    }
}
