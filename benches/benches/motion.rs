//! Where the content of frames lies, and taking that away while they are resized; one thread.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ndarray::{Array3, ArrayView3, Axis, s};
use widefield::motion::{Reference, Rigid};
use widefield::{Resize, Resizer, Size};
use widefield_benches::variants::motion;
use widefield_benches::{Failure, Moving, Scene, name_of};

const FRAMES: usize = 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let moving = Moving::new(512, FRAMES, Scene::Mild);
    let reference = moving.reference();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a thread");

    let mut group = criterion.benchmark_group("motion");
    group.sample_size(10);
    group.throughput(Throughput::Elements(moving.raw().len() as u64));
    let name = name_of(moving.raw().dim());
    for variant in motion::VARIANTS {
        let run = || (variant.run)(reference.view(), black_box(moving.movie()));
        let [y, x] = moving.error(&run().expect("frames with structure")).rms_px;
        variant.hold(y.max(x));
        group.bench_function(format!("{}/{name}", variant.name), |bench| {
            bench.iter(|| one.install(run));
        });
    }

    let mut resizer = Resize::Triangle
        .resizer(square(512), square(256))
        .expect("half the size");
    let mut small = Array3::zeros((FRAMES, 256, 256));
    resized(moving.raw(), &mut resizer, &mut small).expect("half the size");
    let first = small.slice(s![..10, .., ..]).mean_axis(Axis(0));
    let reference = Rigid::default()
        .reference(first.expect("ten frames").view())
        .expect("an image with structure");
    group.bench_function(format!("resize_measure_move/{name}"), |bench| {
        bench.iter(|| {
            let raw = black_box(moving.raw());
            one.install(|| corrected(raw, &mut resizer, &reference, &mut small))
        });
    });
    group.finish();
    criterion.final_summary();
}

fn square(side: usize) -> Size {
    Size {
        width: side,
        height: side,
    }
}

fn resized(
    raw: ArrayView3<'_, u16>,
    resizer: &mut Resizer,
    out: &mut Array3<f32>,
) -> Result<(), Failure> {
    for (frame, out) in raw.outer_iter().zip(out.outer_iter_mut()) {
        resizer.frame_u16_into(frame, out)?;
    }
    Ok(())
}

/// Frames in the small size, measured there, then resized once more from where their content is.
fn corrected(
    raw: ArrayView3<'_, u16>,
    resizer: &mut Resizer,
    reference: &Reference,
    small: &mut Array3<f32>,
) -> Result<(), Failure> {
    resized(raw, resizer, small)?;
    let shifts = reference.shifts(small.view())?;
    for ((frame, shift), out) in raw.outer_iter().zip(shifts).zip(small.outer_iter_mut()) {
        resizer.shifted_u16_into(frame, shift, out)?;
    }
    Ok(())
}
