//! Camera counts, 512 x 512 px, to a movie of 256 x 256 px.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ndarray::{ArrayView3, s};
use widefield::Size;
use widefield::simulate::Light;
use widefield_benches::variants::{largest_difference, resize};
use widefield_benches::{Input, name_of};

const TO: Size = Size {
    width: 256,
    height: 256,
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let input = Input::new(512, 200, Light::Gaussian);
    let few = resize::reference(input.first(2), TO);

    let mut group = criterion.benchmark_group("resize");
    group.sample_size(20);
    for variant in resize::VARIANTS {
        let raw: ArrayView3<'_, u16> = input.first(if variant.slow { 2 } else { 200 });
        let out = (variant.run)(raw, TO).expect("a possible size");
        variant.hold(largest_difference(out.slice(s![..2, .., ..]), &few));
        group.throughput(Throughput::Elements(raw.len() as u64));
        group.bench_function(
            format!("{}/{}", variant.name, name_of(raw.dim())),
            |bench| {
                bench.iter(|| (variant.run)(black_box(raw), TO));
            },
        );
    }
    group.finish();
    criterion.final_summary();
}
