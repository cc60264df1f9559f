//! The background of one frame of 256 x 256 px.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use widefield::simulate::Light;
use widefield_benches::Input;
use widefield_benches::variants::background;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let small = Input::new(512, 1, Light::Gaussian).small(256);
    let frame = small.first_frame();
    let reference = background::reference(frame).expect("a frame that can be fitted");

    let mut group = criterion.benchmark_group("background");
    group.sample_size(20);
    group.throughput(Throughput::Elements(frame.len() as u64));
    for variant in background::VARIANTS {
        let level = (variant.run)(frame).expect("a frame that can be fitted");
        variant.hold((level - reference).abs());
        group.bench_function(format!("{}/256x256", variant.name), |bench| {
            bench.iter(|| (variant.run)(black_box(frame)));
        });
    }
    group.finish();
    criterion.final_summary();
}
