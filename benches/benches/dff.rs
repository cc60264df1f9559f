//! dF/F of 200 frames of 512 x 512 px.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ndarray::s;
use widefield::simulate::Light;
use widefield_benches::variants::{dff, largest_difference};
use widefield_benches::{Input, name_of};

/// Frames of the slow variants and of the comparison before timing.
const FEW: usize = 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    // The size stays, so that this is the largest movie the default job meets.
    let small = Input::new(512, 200, Light::Gaussian).small(512);
    let few = small.movie().slice_move(s![..FEW, .., ..]);
    let reference = dff::reference(few, small.subtract(), small.brain());

    let mut group = criterion.benchmark_group("dff");
    group.sample_size(20);
    for variant in dff::VARIANTS {
        let run = |movie| (variant.run)(movie, small.subtract(), small.brain());
        let out = run(few).expect("a baseline within the movie");
        variant.hold(largest_difference(&out, &reference));
        let movie = if variant.slow { few } else { small.movie() };
        group.throughput(Throughput::Elements(movie.len() as u64));
        group.bench_function(
            format!("{}/{}", variant.name, name_of(movie.dim())),
            |bench| bench.iter(|| run(black_box(movie))),
        );
    }
    group.finish();
    criterion.final_summary();
}
