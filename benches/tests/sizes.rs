//! Files beside what shuffle and libdeflate's level 1 make of the same numbers.
//!
//! ```text
//! cargo test --release -p widefield-benches --test sizes -- --nocapture
//! ```

use libdeflater::{CompressionLvl, Compressor};
use ndarray::{ArrayView3, Axis};
use widefield::simulate::Light;
use widefield_benches::variants::dff;
use widefield_benches::{Failure, Input};
use widefield_storage::{Dataset, MatMovie, Place, Precision};

const FRAMES: usize = 48;
/// Elements of a chunk along x, y and t.
const CHUNK: [usize; 3] = [64, 64, 16];
/// Largest size relative to libdeflate's.
const MOST: f64 = 1.15;

#[test]
fn files_are_hardly_larger_than_those_of_a_search() -> Result<(), Failure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let place = Place::open(&folder.path().display().to_string())?;
    for light in [Light::Gaussian, Light::Flat] {
        let small = Input::new(512, FRAMES, light).small(256);
        let dff = dff::reference(small.movie(), small.subtract(), small.brain());
        for precision in [Precision::F32, Precision::F64] {
            let movie = (small.movie(), hdf5(&place, small.movie(), precision)?);
            let change = (dff.view(), hdf5(&place, dff.view(), precision)?);
            for (name, (movie, bytes)) in [("mov", movie), ("dff", change)] {
                compare(
                    &format!("{light:?} {precision:?} {name}.h5"),
                    bytes,
                    chunks(movie, precision),
                );
            }
            let bytes = mat(&place, dff.view(), precision)?;
            compare(
                &format!("{light:?} {precision:?} tr.mat"),
                bytes,
                vec![plain(dff.view(), precision)],
            );
        }
    }
    Ok(())
}

fn compare(name: &str, bytes: u64, parts: Vec<Vec<u8>>) {
    let level = CompressionLvl::new(1).expect("a level that exists");
    let mut compressor = Compressor::new(level);
    let searched: usize = parts
        .iter()
        .map(|part| {
            let mut out = vec![0; compressor.zlib_compress_bound(part.len())];
            let length = compressor.zlib_compress(part, &mut out);
            length.expect("a buffer of the stated bound")
        })
        .sum();
    let ratio = bytes as f64 / searched as f64;
    println!("{name:<28}{bytes:>12}{searched:>12}{ratio:>8.3}");
    assert!(
        ratio <= MOST,
        "{name}: {bytes} bytes, {searched} by a search"
    );
}

fn hdf5(place: &Place, movie: ArrayView3<'_, f32>, precision: Precision) -> Result<u64, Failure> {
    let dataset = Dataset::new("dff", shape(movie)).precision(precision);
    let mut file = place.create_hdf5("dff.h5", dataset)?;
    file.push(movie)?;
    Ok(file.finish()?.bytes)
}

fn mat(place: &Place, movie: ArrayView3<'_, f32>, precision: Precision) -> Result<u64, Failure> {
    let variable = MatMovie::new("tr", shape(movie)).precision(precision);
    let mut file = place.create_mat("tr.mat", variable)?;
    file.push(movie)?;
    Ok(file.finish()?.bytes)
}

fn shape(movie: ArrayView3<'_, f32>) -> [usize; 3] {
    let (t, y, x) = movie.dim();
    [t, y, x]
}

fn number(value: f32, precision: Precision) -> Vec<u8> {
    match precision {
        Precision::F32 => value.to_le_bytes().to_vec(),
        Precision::F64 => f64::from(value).to_le_bytes().to_vec(),
    }
}

/// The bytes of all chunks, shuffled, from the axes (x, reversed y, t), t fastest.
fn chunks(movie: ArrayView3<'_, f32>, precision: Precision) -> Vec<Vec<u8>> {
    let turned = movie.slice(ndarray::s![.., ..;-1, ..]);
    // In order, since `exact_chunks` overflows on reversed axes in builds that check for that.
    let turned = turned.permuted_axes([2, 1, 0]);
    let turned = turned.as_standard_layout();
    let size = number(0.0, precision).len();
    turned
        .exact_chunks(CHUNK)
        .into_iter()
        .map(|chunk| {
            let plain: Vec<u8> = chunk.iter().flat_map(|&v| number(v, precision)).collect();
            (0..size)
                .flat_map(|byte| plain.iter().skip(byte).step_by(size).copied())
                .collect()
        })
        .collect()
}

/// The bytes of the variable, x fastest, then y from the bottom, then t.
fn plain(movie: ArrayView3<'_, f32>, precision: Precision) -> Vec<u8> {
    movie
        .axis_iter(Axis(0))
        .flat_map(|frame| {
            frame
                .slice_move(ndarray::s![..;-1, ..])
                .into_iter()
                .copied()
                .collect::<Vec<_>>()
        })
        .flat_map(|value| number(value, precision))
        .collect()
}
