//! Brain or surround, from a mean image of 256 x 256 px.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use widefield::simulate::Light;
use widefield_benches::Input;
use widefield_benches::variants::segment;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let small = Input::new(512, 20, Light::Gaussian).small(256);
    let mean = small.mean();
    let reference = segment::reference(mean);

    let mut group = criterion.benchmark_group("segment");
    group.sample_size(20);
    group.throughput(Throughput::Elements(mean.len() as u64));
    for variant in segment::VARIANTS {
        let kept = (variant.run)(mean).expect("an image with light");
        variant.hold(segment::differing(&kept, &reference));
        group.bench_function(format!("{}/256x256", variant.name), |bench| {
            bench.iter(|| (variant.run)(black_box(mean)));
        });
    }
    group.finish();
    criterion.final_summary();
}
