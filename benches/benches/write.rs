//! Writing 200 frames of dF/F, 256 x 256 px, as the job does: with the surround NaN.
//!
//! Before timing each file is read back, and its size printed.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ndarray::{Array3, Axis};
use widefield::simulate::Light;
use widefield_benches::variants::dff;
use widefield_benches::{Failure, Input, name_of};
use widefield_storage::{Dataset, MatMovie, Orientation, Place, Precision, mat};

/// One way to write a movie; the bytes of the file.
struct Variant {
    name: &'static str,
    mat: bool,
    precision: Precision,
    level: u8,
}

const VARIANTS: &[Variant] = &[
    variant("hdf5_f32_level_0", false, Precision::F32, 0),
    variant("hdf5_f32_level_1", false, Precision::F32, 1),
    variant("hdf5_f32_level_4", false, Precision::F32, 4),
    variant("hdf5_f64_level_1", false, Precision::F64, 1),
    variant("mat_f32_level_1", true, Precision::F32, 1),
    variant("mat_f64_level_1", true, Precision::F64, 1),
];

const fn variant(name: &'static str, mat: bool, precision: Precision, level: u8) -> Variant {
    Variant {
        name,
        mat,
        precision,
        level,
    }
}

/// Frames that a writer is given at a time.
const BLOCK: usize = 32;

impl Variant {
    fn write(&self, place: &Place, movie: &Array3<f32>) -> Result<u64, Failure> {
        let (t, y, x) = movie.dim();
        let shape = [t, y, x];
        let blocks = movie.axis_chunks_iter(Axis(0), BLOCK);
        let written = if self.mat {
            let file = MatMovie::new("tr", shape)
                .orientation(Orientation::Camera)
                .precision(self.precision)
                .compression(self.level);
            let mut file = place.create_mat(self.name, file)?;
            for block in blocks {
                file.push(block)?;
            }
            file.finish()?
        } else {
            let file = Dataset::new("dff", shape)
                .orientation(Orientation::Camera)
                .precision(self.precision)
                .compression(self.level);
            let mut file = place.create_hdf5(self.name, file)?;
            for block in blocks {
                file.push(block)?;
            }
            file.finish()?
        };
        Ok(written.bytes)
    }

    /// The movie as the file has it, axes (y, x, t).
    fn read(&self, place: &Place) -> Result<ndarray::ArrayD<f64>, Failure> {
        if self.mat {
            Ok(mat::read(&place.read(self.name)?)?.remove(0).values)
        } else {
            Ok(place.read_hdf5(self.name, "dff")?.values)
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::Builder::new()
        .prefix("write-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder under target");
    let place = Place::open(&folder.path().display().to_string()).expect("a folder");
    let small = Input::new(512, 200, Light::Gaussian).small(256);
    let movie = dff::reference(small.movie(), small.subtract(), small.brain());

    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(4 * movie.len() as u64));
    for variant in VARIANTS {
        let bytes = variant.write(&place, &movie).expect("room for a movie");
        let read = variant.read(&place).expect("what was just written");
        let expected = movie.view().permuted_axes([1, 2, 0]);
        assert_eq!(read.shape(), expected.shape());
        let same = |(a, b): (&f64, &f32)| *a == f64::from(*b) || (a.is_nan() && b.is_nan());
        assert!(read.iter().zip(expected).all(same), "{}", variant.name);
        let mib = bytes as f64 / f64::from(1 << 20);
        println!("{}: {mib:.1} MiB", variant.name);
        group.bench_function(
            format!("{}/{}", variant.name, name_of(movie.dim())),
            |bench| bench.iter(|| variant.write(&place, black_box(&movie))),
        );
    }
    group.finish();
    criterion.final_summary();
}
