//! Whether a movie is kept in memory or in a scratch file, comes from a disk or from a store, alone or with others:
//! the outputs are the same bytes, and so are the numbers of `run.json`.

mod common;

use common::{assert_nothing_temporary, files};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use widefield_pipeline::config::Override;
use widefield_pipeline::record::Status;
use widefield_pipeline::simulate::{Faults, Layout, Motion, SceneConfig, Session};
use widefield_pipeline::{Engine, Event, Experiment};
use widefield_storage::Place;

/// Below the buffers of the writers, so that no movie is kept in memory, and less than the movies of [`session`].
const TINY: u64 = 1 << 20;

/// Movies of 1.2 MiB after resizing, whose frames fill no whole number of blocks.
fn session(dir: &Path, layout: Layout) -> PathBuf {
    let session = Session {
        trials: 4,
        layout,
        scene: SceneConfig {
            size: widefield::Size {
                width: 80,
                height: 72,
            },
            frames: 77,
            faults: Faults::default(),
            motion: Motion {
                drift_px: 4.0,
                jitter_px: 0.4,
                step_px: 1.0,
            },
            ..SceneConfig::default()
        },
        ..Session::default()
    };
    let experiment = session.write(dir, |_| ()).expect("session");
    let text = std::fs::read_to_string(&experiment).expect("experiment");
    assert!(text.contains("[analysis]"), "{text}");
    std::fs::write(
        &experiment,
        text.replace("[analysis]\n", "[analysis]\nresolution = [64, 64]\n"),
    )
    .expect("experiment");
    experiment
}

/// What a run left: outputs by name, and its record without times and places.
fn outcome(
    experiment: &Path,
    engine: Engine,
    set: &[String],
) -> (BTreeMap<String, Vec<u8>>, Value) {
    let out = tempfile::tempdir().expect("folder");
    let place = format!("output.url={}", out.path().display());
    let overrides: Vec<Override> = [place]
        .iter()
        .chain(set)
        .map(|set| set.parse().expect("override"))
        .collect();
    let plan = Experiment::load_with(experiment, &overrides)
        .expect("experiment")
        .plan()
        .expect("plan");
    let record = plan.run(engine, |_| ()).expect("run");
    for trial in &record.trials {
        assert_eq!(trial.status, Status::Ok, "{:?}", trial.error);
    }
    assert_nothing_temporary(out.path());
    let read = |name: String| {
        let bytes = std::fs::read(out.path().join(&name)).expect("read");
        (name, bytes)
    };
    // These tell how long things took.
    let tells_times = |name: &String| {
        name == "run.json" || name == "report.html" || name.starts_with("manifest/")
    };
    let outputs = files(out.path())
        .into_iter()
        .filter(|name| !tells_times(name));
    let outputs = outputs.map(read).collect();
    let mut record = serde_json::to_value(&record).expect("JSON");
    for key in ["seconds", "report_seconds", "ended"] {
        record["totals"][key] = Value::Null;
    }
    for trial in record["trials"].as_array_mut().expect("trials") {
        trial["seconds"] = Value::Null;
        // Stores know other things of a file than disks.
        trial["input"] = Value::Null;
    }
    record["config"]["output"]["url"] = Value::Null;
    record["config"]["data"]["url"] = Value::Null;
    (outputs, record)
}

fn assert_same(
    one: &(BTreeMap<String, Vec<u8>>, Value),
    other: &(BTreeMap<String, Vec<u8>>, Value),
    case: &str,
) {
    assert_eq!(one.1, other.1, "{case}");
    let names = |outputs: &BTreeMap<String, Vec<u8>>| outputs.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one.0), names(&other.0), "{case}");
    for (name, bytes) in &one.0 {
        assert!(other.0[name] == *bytes, "{case}: {name} differs");
    }
}

#[test]
fn memory_jobs_and_stores_change_nothing() {
    for layout in [Layout::Packed, Layout::Framed, Layout::Framed2] {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = session(dir.path(), layout);
        // Motion is taken away in one of them, measured in all.
        let method = match layout {
            Layout::Framed => "rigid",
            _ => "none",
        };
        let set = [format!("analysis.motion.method={method}")];
        let whole = outcome(&experiment, Engine::local().jobs(2), &set);
        // Movie, dF/F and MAT of four trials are there, and the clock was read.
        assert!(whole.0.len() >= 12, "{:?}", whole.0.keys());
        let rate = &whole.1["trials"][0]["quality"]["camera_rate_hz"];
        assert!(rate.as_f64().is_some_and(|rate| rate > 1.0), "{rate}");

        for jobs in [1, 8] {
            let engine = Engine::local().jobs(jobs).memory(TINY);
            let streamed = outcome(&experiment, engine, &set);
            assert_same(&whole, &streamed, &format!("{layout:?}, {jobs} jobs"));
        }

        let url = format!("memory://streaming-{layout:?}");
        let store = Place::open(&url).expect("place");
        for name in files(dir.path()) {
            let bytes = std::fs::read(dir.path().join(&name)).expect("read");
            store.put(&name, bytes).expect("put");
        }
        let set = [set[0].clone(), format!("data.url={url}")];
        for memory in [1 << 30, TINY] {
            let fetched = outcome(&experiment, Engine::local().memory(memory), &set);
            assert_same(
                &whole,
                &fetched,
                &format!("{layout:?} from a store, {memory} bytes"),
            );
        }
    }
}

/// Both rounds, and steps that look at frames far behind the first block.
#[test]
fn the_session_s_decisions_and_late_frames_are_the_same() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), Layout::Packed);
    let set = [
        "analysis.motion.method=\"rigid\"",
        "analysis.background.scope=\"session\"",
        "analysis.segmentation.scope=\"session\"",
        "analysis.background.frames=[40, 70]",
        "analysis.baseline.frames=[30, 66]",
    ];
    let set = set.map(str::to_owned);
    let whole = outcome(&experiment, Engine::local(), &set);
    let streamed = outcome(&experiment, Engine::local().jobs(2).memory(TINY), &set);
    assert_same(&whole, &streamed, "session");
    assert_eq!(
        whole.1["config"]["analysis"]["background"]["frames"],
        json!([40, 70])
    );
}

/// Movies are read once: the reference image comes from the pass over the first.
#[test]
fn the_reference_image_needs_no_second_reading() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), Layout::Framed);
    let (whole, _) = outcome(&experiment, Engine::local(), &[]);
    let plan = Experiment::load(&experiment)
        .expect("experiment")
        .plan()
        .expect("plan");
    let engine = Engine::local().jobs(4);
    let forget = |event: Event<'_>| {
        if let Event::Ended { record } = event {
            std::fs::remove_file(dir.path().join(&record.file)).expect("remove");
        }
    };
    let record = plan.run(engine, forget).expect("run");
    assert!(record.all_done(), "{:?}", record.checks);
    let image = std::fs::read(dir.path().join("mat_out/refImg.mat")).expect("reference image");
    assert!(image == whole["mat_out/refImg.mat"]);
}

#[test]
fn a_share_too_small_for_a_few_frames_names_what_is_needed() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session(dir.path(), Layout::Packed);
    let plan = Experiment::load(&experiment)
        .expect("experiment")
        .plan()
        .expect("plan");
    let record = plan
        .run(Engine::local().memory(100 << 10), |_| ())
        .expect("run");
    assert_eq!(record.totals.failed, 4);
    let error = record.trials[0].error.as_deref().expect("reason");
    assert!(
        error.contains("1 MiB") && error.contains("--memory"),
        "{error}"
    );
    assert_nothing_temporary(dir.path());
    assert!(files(&dir.path().join("mov_out")).is_empty());
}
