//! One trial from the raw file to dF/F in memory, against copying the file's bytes; and whole
//! sessions from files to files.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput};
use rayon::prelude::*;
use widefield::motion::Rigid;
use widefield::simulate::Light;
use widefield_benches::variants::{Tables, dff, largest_difference};
use widefield_benches::{Input, Trial, in_turn, ratios};
use widefield_pipeline::config::Override;
use widefield_pipeline::contract::Decided;
use widefield_pipeline::{Engine, Experiment, Own, Plan, simulate};

/// Trials of a session on disk.
const TRIALS: u32 = 4;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    in_memory(&mut criterion);
    sessions(&mut criterion);
    criterion.final_summary();
}

fn in_memory(criterion: &mut Criterion) {
    let input = Input::new(512, 200, Light::Gaussian);
    let file = input.dcimg();
    let trial = Trial::new("job", &file, 256).expect("room");
    let plan = |own| trial.plan(own).expect("a session of one trial");
    let ours = plan(Own::default());
    check(&input, &ours);
    let run = |plan: &Plan| Trial::run(plan).expect("the default session");

    let mut group = criterion.benchmark_group("job");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(file.len() as u64));
    let mut copy = vec![0; file.len()];
    let half = file.len().div_ceil(2);
    group.bench_function(format!("memcpy_1_thread/{}", input.name()), |bench| {
        bench.iter(|| black_box(&mut copy).copy_from_slice(black_box(&file)));
    });
    group.bench_function(format!("memcpy_2_threads/{}", input.name()), |bench| {
        bench.iter(|| {
            let halves = black_box(&mut copy).par_chunks_mut(half);
            halves
                .zip(file.par_chunks(half))
                .for_each(|(to, from)| to.copy_from_slice(from));
        });
    });
    group.bench_function(format!("raw_to_dff/{}", input.name()), |bench| {
        bench.iter(|| run(&ours));
    });
    group.bench_function(format!("raw_to_dff_kept/{}", input.name()), |bench| {
        bench.iter(|| ours.compute(0, &Decided::default()));
    });
    group.finish();
    let tables = Tables::default();
    let mut group = criterion.benchmark_group("job/with");
    group.sample_size(10);
    let mut with = |step: &str, name: &str, own: Own| {
        let plan = plan(own);
        group.bench_function(format!("{step}/{name}/{}", input.name()), |bench| {
            bench.iter(|| run(&plan));
        });
    };
    with("motion", "rigid", Own::default().register(Rigid::default()));
    for variant in tables.background.iter().filter(|variant| !variant.slow) {
        with(
            "background",
            variant.name,
            Own::default().background(*variant),
        );
    }
    for variant in tables.segment.iter().filter(|variant| !variant.slow) {
        with("segment", variant.name, Own::default().mask(*variant));
    }
    for variant in tables.dff.iter().filter(|variant| !variant.slow) {
        with("dff", variant.name, Own::default().normalise(*variant));
    }
    group.finish();

    println!("in turns: median, speed relative to the first");
    let turns = in_turn(
        100,
        &mut [
            ("memcpy of the file, 2 threads", &mut || {
                let halves = black_box(&mut copy).par_chunks_mut(half);
                halves
                    .zip(file.par_chunks(half))
                    .for_each(|(to, from)| to.copy_from_slice(from));
            }),
            ("raw to dF/F", &mut || run(&ours)),
        ],
    );
    println!("{}", ratios(&turns));
}

/// The job gives what the slow, obvious steps give.
fn check(input: &Input, plan: &Plan) {
    let analysis = plan
        .compute(0, &Decided::default())
        .expect("the default session");
    let small = input.small(256);
    assert_eq!(largest_difference(&analysis.movie, small.movie()), 0.0);
    let subtract = widefield::Subtract {
        background: analysis.background,
        clamp_negative: true,
    };
    let slow = dff::reference(small.movie(), &subtract, analysis.mask.kept());
    let difference = largest_difference(&analysis.dff, &slow);
    assert!(difference <= 1e-6, "dF/F differs by {difference:e}");
}

/// Files in page cache to HDF5 and MAT files on disk.
fn sessions(criterion: &mut Criterion) {
    let folder = tempfile::Builder::new()
        .prefix("job-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder under target");
    let session = simulate::Session {
        trials: TRIALS,
        ..simulate::Session::default()
    };
    let experiment = session
        .write(folder.path(), |_| {})
        .expect("room for a session");

    let mut group = criterion.benchmark_group("job");
    group.sample_size(10);
    group.throughput(Throughput::Elements(TRIALS.into()));
    for precision in ["f32", "f64"] {
        group.bench_function(format!("session_{precision}/512x512x200"), |bench| {
            bench.iter(|| run(&experiment, precision));
        });
    }
    group.finish();
}

fn run(experiment: &Path, precision: &str) {
    let set = |text: String| text.parse::<Override>().expect("KEY=VALUE");
    let overrides = [
        set(format!("output.precision=\"{precision}\"")),
        set("output.existing=\"replace\"".to_owned()),
    ];
    let record = Experiment::load_with(experiment, &overrides)
        .and_then(Experiment::plan)
        .and_then(|plan| plan.run(Engine::local(), |_| {}))
        .expect("a session that was just made");
    assert_eq!(record.totals.ok, TRIALS as usize);
}
