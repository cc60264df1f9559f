//! What is made of the dF/F of trials of 256 x 256 px and 200 frames; one thread.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use ndarray::{Array2, Array3, Array4, s};
use widefield::{Areas, Average, auc, correlation};

const FRAMES: usize = 200;
const SIDE: usize = 256;
const DIM: (usize, usize) = (SIDE, SIDE);

/// A number like dF/F within a disc, NaN around it.
fn pixel(trial: usize, (t, y, x): (usize, usize, usize)) -> f32 {
    let [dy, dx] = [y, x].map(|p| p as f32 - 128.0);
    let noise = (t * 7919 + y * 104_729 + x * 1_299_709 + trial * 15_485_863) % 1009;
    if dy.hypot(dx) > 115.0 {
        f32::NAN
    } else {
        noise as f32 * 1e-4 - 0.05
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");
    let dff = Array3::from_shape_fn((FRAMES, SIDE, SIDE), |place| pixel(0, place));
    let bins = || Average::new(0..200, DIM).expect("a small range of bins");

    let mut group = criterion.benchmark_group("products");
    group.sample_size(10);
    group.throughput(Throughput::Elements(dff.len() as u64));
    group.bench_function("average/first_trial", |bench| {
        let add = |mut average: Average| {
            one.install(|| average.add(0, black_box(dff.view())))
                .expect("frames of this size");
            average
        };
        bench.iter_batched(bins, add, BatchSize::PerIteration);
    });
    group.bench_function("average/later_trial", |bench| {
        let mut average = bins();
        average.add(0, dff.view()).expect("frames of this size");
        bench.iter(|| one.install(|| average.add(0, black_box(dff.view()))));
    });
    let one_of_two = [bins(), bins()].map(|mut average| {
        average.add(0, dff.view()).expect("frames of this size");
        average
    });
    group.bench_function("average/mean_sem_n_of_two_groups", |bench| {
        let of = one_of_two.each_ref();
        let mut into = [(); 3].map(|()| vec![0.0; SIDE * SIDE]);
        bench.iter(|| {
            (0..200).try_for_each(|bin| {
                Average::bin_into(black_box(&of), bin, into.each_mut().map(Vec::as_mut_slice))
            })
        });
    });
    drop(one_of_two);
    group.throughput(Throughput::Elements(2 * dff.len() as u64));
    group.bench_function("average/later_trials_two_together", |bench| {
        let mut average = bins();
        average.add(0, dff.view()).expect("frames of this size");
        let two = [dff.view(), dff.view()];
        bench.iter(|| one.install(|| average.add_all(0, black_box(&two))));
    });
    group.throughput(Throughput::Elements(dff.len() as u64));

    // As many as an atlas has.
    let labels = Array2::from_shape_fn(DIM, |(_, x)| u32::try_from(x * 27 / SIDE + 1).unwrap_or(1));
    let areas = Areas::from_labels(labels.view());
    group.bench_function("traces/27_areas", |bench| {
        bench.iter(|| one.install(|| areas.means(black_box(dff.view()))));
    });
    let traces = areas.means(dff.view()).expect("frames of this size");
    let seeds = traces.slice(s![.., 10..14]);
    group.bench_function("correlation/4_seeds", |bench| {
        bench
            .iter(|| one.install(|| correlation::running::<f32>(black_box(dff.view()), seeds, 20)));
    });
    group.bench_function("correlation/4_seeds_memory_used_before", |bench| {
        let mut r = Array4::<f32>::zeros((4, FRAMES, SIDE, SIDE));
        bench.iter(|| {
            let dff = black_box(dff.view());
            one.install(|| correlation::running_into(dff, seeds, 20, r.view_mut()))
        });
    });
    group.bench_function("correlation/maps_of_4_seeds", |bench| {
        bench.iter(|| one.install(|| correlation::maps(black_box(dff.view()), seeds, 0..FRAMES)));
    });

    // A frame of 40 trials.
    let sample = |(trial, i)| pixel(trial, (0, i / SIDE, i % SIDE));
    let trials = Array2::from_shape_fn((40, SIDE * SIDE), sample);
    let (first, second) = trials.view().split_at(ndarray::Axis(0), 20);
    group.throughput(Throughput::Elements(trials.len() as u64));
    group.bench_function("auc/20_against_20", |bench| {
        bench.iter(|| one.install(|| auc::auc(black_box(first), second)));
    });
    group.finish();
    criterion.final_summary();
}
