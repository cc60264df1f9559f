//! Steps and consumers that a program brings: in sessions that resume, in workers, and for programs without them.

use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis, s};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use widefield::MovieSource;
use widefield_pipeline::consumer::{Consumer, Seen, Session, Watch, Watched};
use widefield_pipeline::order_of_steps::rewrite;
use widefield_pipeline::record::{Output, RunRecord, Status};
use widefield_pipeline::recording::{Movie, MovieStore};
use widefield_pipeline::step::{Apply, Cause, Clip, Context, Known, Masking, Own, Parameters};
use widefield_pipeline::{Engine, Error, Experiment, Observer, StepError, simulate};

/// Masks the darkest share of the pixels.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Darkest {
    share: f64,
}

impl Parameters for Darkest {
    const NAME: &'static str = "darkest";
}

impl Masking for Darkest {
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<widefield::Mask, Cause> {
        let percentile = 100.0 * self.share;
        Ok(widefield::Segmentation::Percentile { percentile }.mask(mean)?)
    }
}

/// Keeps the number of masked pixels of each trial, and their sum over the session.
struct Sums;

struct Sum(usize);

impl Consumer for Sums {
    fn name(&self) -> &'static str {
        "sums"
    }

    fn extension(&self) -> Option<&'static str> {
        Some("txt")
    }

    fn watch(&self, _: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause> {
        Ok(Some(Box::new(Sum(0))))
    }

    fn session(&self, session: &Session<'_>) -> Result<Vec<Output>, Cause> {
        let number = |part: &Vec<u8>| -> Result<usize, Cause> {
            Ok(std::str::from_utf8(part)?.parse::<usize>()?)
        };
        let parts = session.parts.iter().flatten();
        let sum: usize = parts.map(number).sum::<Result<_, _>>()?;
        Ok(vec![session.put("sum.txt", sum.to_string())?])
    }
}

impl Observer for Sum {
    type Error = StepError;

    fn mask(&mut self, mask: &widefield::Mask, own: bool) -> Result<(), StepError> {
        assert!(own);
        self.0 = mask.masked_pixels();
        Ok(())
    }
}

impl Watch for Sum {
    fn finish(self: Box<Self>, seen: &Seen<'_>) -> Result<Vec<u8>, Cause> {
        assert_eq!(seen.record.masked_pixels, Some(self.0));
        Ok(self.0.to_string().into_bytes())
    }
}

fn session(dir: &Path) -> PathBuf {
    let session = simulate::Session {
        trials: 2,
        size: 48,
        frames: 24,
        ..Default::default()
    };
    session.write(dir, |_| {}).expect("session")
}

fn run(experiment: &Path, own: impl FnOnce(Own) -> Own) -> Result<RunRecord, Error> {
    let plan = Experiment::load(experiment)?.with(own).plan()?;
    plan.run(Engine::local(), |_| {})
}

fn text(path: PathBuf) -> String {
    std::fs::read_to_string(path).expect("text")
}

#[test]
fn resuming_knows_a_step_and_its_parameters() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path());
    let statuses = |record: &RunRecord| -> Vec<Status> {
        record.trials.iter().map(|trial| trial.status).collect()
    };
    let darkest = |share: f64| run(&experiment, |own| own.mask(Darkest { share })).expect("run");
    let first = darkest(0.25);
    assert_eq!(statuses(&first), [Status::Ok; 2]);
    let masked = |record: &RunRecord| record.trials[0].masked_pixels.expect("a mask");
    // The percentile lies between two pixels.
    assert!(
        masked(&first).abs_diff(48 * 48 / 4) <= 2,
        "{}",
        masked(&first)
    );
    assert_eq!(statuses(&darkest(0.25)), [Status::Skipped; 2]);
    let other = darkest(0.5);
    assert_eq!(statuses(&other), [Status::Ok; 2]);
    assert!(
        masked(&other).abs_diff(48 * 48 / 2) <= 2,
        "{}",
        masked(&other)
    );

    // A program without the step does not make something else of the session.
    let without = run(&experiment, |own| own).expect_err("refused");
    assert!(
        matches!(&without, Error::UnknownStep { name, .. } if name == "darkest"),
        "{without}"
    );
}

#[test]
fn a_worker_without_the_step_refuses() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = Experiment::load(session(dir.path())).expect("experiment");
    let plan = experiment
        .with(|own| own.mask(Darkest { share: 0.25 }).consumer(Sums))
        .plan();
    let request = plan.expect("plan").request(0, 1 << 28, 1).expect("a trial");
    let cancelled = AtomicBool::new(false);
    for known in [
        Known::default(),
        Known::default().mask::<Darkest>(),
        Known::default().consumer(Sums),
    ] {
        let refused = request.serve(&known, &cancelled).expect_err("refused");
        assert!(matches!(refused, Error::UnknownStep { .. }), "{refused}");
    }
    assert!(!dir.path().join("manifest").exists());
    let known = Known::default().mask::<Darkest>().consumer(Sums);
    request.serve(&known, &cancelled).expect("known");
}

#[test]
fn what_a_consumer_makes_is_kept_and_joined() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path());
    let own = |own: Own| own.mask(Darkest { share: 0.25 }).consumer(Sums);
    let record = run(&experiment, own).expect("run");
    let masked = record.trials.iter().filter_map(|trial| trial.masked_pixels);
    let want = masked.sum::<usize>().to_string();
    let sum = dir.path().join("sum.txt");
    assert_eq!(text(sum.clone()), want);
    // Trials of an earlier run have their parts.
    std::fs::remove_file(&sum).expect("remove");
    run(&experiment, own).expect("run");
    assert_eq!(text(sum), want);
    // `clean` knows what is a consumer's, and what in its folder is nobody's.
    let strange = dir.path().join("sums/strange.txt");
    std::fs::write(&strange, "").expect("write");
    let clean = "output.existing=clean".parse().expect("override");
    let experiment = Experiment::load_with(&experiment, &[clean]).expect("experiment");
    let plan = experiment.with(own).plan().expect("plan");
    plan.run(Engine::local(), |_| {}).expect("run");
    assert!(!strange.exists());
    let parts = std::fs::read_dir(dir.path().join("sums")).expect("folder");
    assert_eq!(parts.count(), 2);
}

/// Runs the example, which checks what it says.
fn example(arguments: &[&str]) -> String {
    let test = std::env::current_exe().expect("this test");
    let folder = test.parent().and_then(Path::parent).expect("target folder");
    let name = format!("own_step{}", std::env::consts::EXE_SUFFIX);
    let program = folder.join("examples").join(name);
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("the example starts");
    let [out, err] = [output.stdout, output.stderr].map(|b| String::from_utf8(b).expect("UTF-8"));
    assert!(output.status.success(), "{out}{err}");
    out
}

#[test]
fn the_example_is_its_own_worker_on_spark() {
    let here = example(&[]);
    assert_eq!(here.lines().count(), 3, "{here}");
    match std::env::var("SPARK_MASTER_URL") {
        Ok(master) => assert_eq!(example(&[&master]), here),
        Err(_) => {
            eprintln!("SKIPPED: no Spark; eval \"$(pipeline/tests/services/spark-up)\" starts one")
        }
    }
}

/// The sum of each frame, the two before and the one behind it.
struct Around;

impl Apply for Around {
    fn apply(
        &self,
        first: usize,
        around: ArrayView3<'_, f32>,
        at: usize,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Cause> {
        assert_eq!(at, first.min(2));
        for (t, mut out) in out.outer_iter_mut().enumerate() {
            let from = (at + t).saturating_sub(2);
            let to = (at + t + 2).min(around.len_of(Axis(0)));
            out.assign(&around.slice(s![from..to, .., ..]).sum_axis(Axis(0)));
        }
        Ok(())
    }
}

#[test]
fn a_movie_is_rewritten_from_what_it_was() {
    let dim = (11, 2, 3);
    let was = Array3::from_shape_fn(dim, |(t, y, x)| (t * 100 + y * 10 + x) as f32 * 0.37);
    let mut memory = Movie::Memory(was.clone());
    let context = Context {
        before: 2,
        after: 1,
        bytes: 0,
    };
    let axis = widefield::TimeAxis {
        sample_rate_hz: 20.0,
        first_frame_s: 0.0,
    };
    for block in [1, 2, 5, 16] {
        let mut disk = Movie::on_disk(dim, &std::env::temp_dir()).expect("scratch");
        disk.write(0, was.view()).expect("write");
        let mut memory = Movie::Memory(was.clone());
        for movie in [&mut memory, &mut disk] {
            let clip = Clip::of(movie, axis).block(block);
            rewrite(movie, &clip, context, &Around).expect("rewrite");
            let mut now = Array3::zeros(dim);
            movie.frames_into(0..11, now.view_mut()).expect("read");
            for t in 0..11_usize {
                let sum = was
                    .slice(s![t.saturating_sub(2)..(t + 2).min(11), .., ..])
                    .sum_axis(Axis(0));
                assert_eq!(now.index_axis(Axis(0), t), sum, "{block} {t}");
            }
        }
    }
    assert!(memory.write(10, was.slice(s![..2, .., ..])).is_err());
}

#[test]
fn parts_of_other_parameters_are_not_believed() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path());
    let darkest = |own: Own, share| own.mask(Darkest { share });
    run(&experiment, |own| darkest(own, 0.25).consumer(Sums)).expect("run");
    assert_ne!(text(dir.path().join("sum.txt")), "0");
    // Done again by a program without the consumer, whose parts of before stay.
    run(&experiment, |own| darkest(own, 0.5)).expect("run");
    let record = run(&experiment, |own| darkest(own, 0.5).consumer(Sums)).expect("run");
    assert_eq!(text(dir.path().join("sum.txt")), "0");
    for trial in &record.trials {
        assert_eq!(trial.status, Status::Skipped);
        let lost = |check: &widefield_pipeline::record::Check| check.message.contains("is lost");
        assert!(trial.checks.iter().any(lost), "{:?}", trial.checks);
    }
}

#[test]
fn an_own_mask_stands_in_place_of_one_from_a_file_and_is_told() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path());
    let file = "analysis.segmentation={method=\"file\",file=\"none.png\"}";
    let overrides = [file.parse().expect("override")];
    let load = || Experiment::load_with(&experiment, &overrides).expect("experiment");
    assert!(matches!(load().plan(), Err(Error::Mask { .. })));
    let plan = load().with(|own| own.mask(Darkest { share: 0.25 })).plan();
    let record = plan.expect("plan").run(Engine::local(), |_| {});
    for trial in record.expect("run").trials {
        let masked = trial.masked_pixels.expect("a mask");
        assert!(masked.abs_diff(48 * 48 / 4) <= 2, "{masked}");
        let place = widefield_storage::Place::open(&dir.path().display().to_string());
        let place = place.expect("place");
        for output in trial.outputs.iter().filter(|o| o.path.ends_with(".h5")) {
            let dataset = output.path.split('_').next().unwrap_or_default();
            let file = place.open_hdf5(&output.path).expect("HDF5");
            let dataset = file.dataset(dataset).expect("dataset");
            let steps = dataset.attribute("steps").expect("the steps");
            assert!(format!("{steps:?}").contains("darkest"), "{steps:?}");
        }
    }
}

/// A step whose parameters JSON has no words for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Odd {
    pairs: std::collections::BTreeMap<(u8, u8), f64>,
    limit: f64,
}

impl Parameters for Odd {
    const NAME: &'static str = "odd";
}

impl Masking for Odd {
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<widefield::Mask, Cause> {
        Ok(widefield::Segmentation::None.mask(mean)?)
    }
}

#[test]
fn parameters_that_do_not_come_back_are_refused() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path());
    let plan = |pairs: &[(u8, u8)], limit| {
        let pairs = pairs.iter().map(|pair| (*pair, 1.0)).collect();
        let experiment = Experiment::load(&experiment).expect("experiment");
        experiment.with(|own| own.mask(Odd { pairs, limit })).plan()
    };
    for refused in [plan(&[(1, 2)], 0.5), plan(&[], f64::NAN)] {
        let error = refused.expect_err("refused").to_string();
        assert!(error.contains("step `odd`: its parameters"), "{error}");
    }
    assert!(plan(&[], 0.5).is_ok());
}

/// What a consumer may do wrong when a session ends.
enum Wrong {
    Panics,
    Replaces(&'static str),
    Loses(Box<std::sync::Mutex<Option<widefield_storage::Claim>>>),
}

impl Consumer for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn extension(&self) -> Option<&'static str> {
        None
    }

    fn makes(&self, _: &widefield_pipeline::config::Config) -> bool {
        true
    }

    fn watch(&self, _: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause> {
        Ok(None)
    }

    fn session(&self, session: &Session<'_>) -> Result<Vec<Output>, Cause> {
        match self {
            Self::Panics => panic!("of the consumer"),
            Self::Replaces(name) => Ok(vec![session.put(name, "mine")?]),
            Self::Loses(kept) => {
                let taken = session.output.claim_from(&["mov_out"], |_| true)?;
                *kept.lock().expect("alone") = Some(taken);
                Ok(Vec::new())
            }
        }
    }
}

#[test]
fn what_a_consumer_does_wrong_ends_nothing_else() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path());
    let log = std::fs::read_dir(dir.path()).expect("folder");
    let log = log.map(|entry| entry.expect("entry").file_name().into_string());
    let log = log.map(|name| name.expect("UTF-8"));
    let log = log.into_iter().find(|name| name.ends_with(".txt"));
    let log: &'static str = Box::leak(log.expect("a log").into_boxed_str());
    let before = text(dir.path().join(log));
    for (wrong, says) in [
        (Wrong::Panics, "of the consumer"),
        (Wrong::Replaces(log), "the session reads it"),
    ] {
        let record = run(&experiment, |own| own.consumer(wrong)).expect("run");
        assert!(record.trials.iter().all(|trial| trial.good()));
        let said = |check: &widefield_pipeline::record::Check| check.message.contains(says);
        assert!(record.checks.iter().any(said), "{:?}", record.checks);
        assert!(text(dir.path().join("run.json")).contains(says));
    }
    assert_eq!(text(dir.path().join(log)), before);
    // Taken over by another while it makes: what the other has is left alone.
    let strange = dir.path().join("mov_out/theirs.h5");
    std::fs::write(&strange, "theirs").expect("write");
    let run_json = text(dir.path().join("run.json"));
    let clean = "output.existing=clean".parse().expect("override");
    let experiment = Experiment::load_with(&experiment, &[clean]).expect("experiment");
    let loses = Wrong::Loses(Box::default());
    let plan = experiment.with(|own| own.consumer(loses)).plan();
    let lost = plan.expect("plan").run(Engine::local(), |_| {});
    let lost = lost.expect_err("taken over").to_string();
    assert!(lost.contains("claimed by"), "{lost}");
    assert_eq!(text(strange), "theirs");
    assert_eq!(text(dir.path().join("run.json")), run_json);
}
