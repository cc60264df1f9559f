//! `widefield-deflate` beside general compressors at their fastest level, on one thread: MB/s and what is left.
//!
//! ```text
//! cargo run --release -p widefield-benches --example deflate [-- ROUNDS]
//! ```
//!
//! Shuffled chunks of 64 x 64 px x 16 frames, as HDF5 files of movies hold them, of the simulated trial of all benchmarks:
//! the resized movie and its dF/F with the surround NaN. The compressors take turns; the time of each is the median of its
//! rounds. Before that each stream is inflated and compared.

use libdeflater::{CompressionLvl, Compressor};
use miniz_oxide::deflate::compress_to_vec_zlib;
use ndarray::{ArrayView3, Axis};
use widefield::simulate::Light;
use widefield_benches::variants::dff;
use widefield_benches::{Failure, Input, in_turn};
use widefield_deflate::{Deflater, shuffle_f32};
use zlib_rs::{DeflateConfig, ReturnCode, compress_bound, compress_slice};

const FRAMES: usize = 96;
/// Elements of a chunk along y, x and t.
const CHUNK: [usize; 3] = [64, 64, 16];

/// Planes of the bytes of each chunk.
fn chunks(movie: ArrayView3<'_, f32>) -> Vec<Vec<u8>> {
    let movie = movie.permuted_axes([1, 2, 0]);
    let chunk = |chunk: ArrayView3<'_, f32>| {
        let elements: Vec<f32> = chunk.iter().copied().collect();
        let mut planes = vec![0; 4 * elements.len()];
        shuffle_f32(&elements, &mut planes);
        planes
    };
    movie.exact_chunks(CHUNK).into_iter().map(chunk).collect()
}

/// Compresses the planes of a chunk into `out`; how many bytes those are.
type Compress = Box<dyn FnMut(&[u8], &mut [u8]) -> Result<usize, Failure>>;

fn copied(stream: &[u8], out: &mut [u8]) -> Result<usize, Failure> {
    let room = out.get_mut(..stream.len()).ok_or("too little room")?;
    room.copy_from_slice(stream);
    Ok(stream.len())
}

fn ours(mut deflater: Deflater) -> Compress {
    Box::new(move |planes, out| copied(deflater.zlib_planes(planes, 4), out))
}

fn compressors() -> Result<Vec<(&'static str, Compress)>, Failure> {
    let level = CompressionLvl::new(1).map_err(|_| "libdeflate has a level 1")?;
    let mut libdeflate = Compressor::new(level);
    Ok(vec![
        ("widefield-deflate, portable", ours(Deflater::portable())),
        ("widefield-deflate", ours(Deflater::new())),
        (
            "libdeflate 1",
            Box::new(move |planes, out| Ok(libdeflate.zlib_compress(planes, out)?)),
        ),
        (
            "zlib-rs 1",
            Box::new(
                |planes, out| match compress_slice(out, planes, DeflateConfig::new(1)) {
                    (stream, ReturnCode::Ok) => Ok(stream.len()),
                    (_, code) => Err(format!("zlib-rs: {code:?}").into()),
                },
            ),
        ),
        (
            "miniz_oxide 1",
            Box::new(|planes, out| copied(&compress_to_vec_zlib(planes, 1), out)),
        ),
    ])
}

fn main() -> Result<(), Failure> {
    let rounds = std::env::args()
        .nth(1)
        .map_or(Ok(15), |text| text.parse())?;
    let small = Input::new(512, FRAMES, Light::Gaussian).small(256);
    let change = dff::reference(small.movie(), small.subtract(), small.brain());
    println!("| compressor | movie, MB/s | of its size | dF/F, MB/s | of its size |");
    println!("| --- | --- | --- | --- | --- |");
    let mut rows = vec![String::new(); compressors()?.len()];
    for movie in [small.movie(), change.view()] {
        let chunks = chunks(movie);
        let bytes = 4 * movie.len();
        assert_eq!(movie.len_of(Axis(0)) * 256 * 256 * 4, bytes);
        let room = compress_bound(chunks[0].len()) + chunks[0].len() / 2;
        let mut sizes = Vec::new();
        for (name, mut compress) in compressors()? {
            let mut out = vec![0; room];
            let mut size = 0;
            for planes in &chunks {
                let length = compress(planes, &mut out)?;
                let back = miniz_oxide::inflate::decompress_to_vec_zlib(&out[..length])
                    .map_err(|error| error.to_string())?;
                assert!(back == *planes, "{name}");
                size += length;
            }
            sizes.push(size);
        }
        let mut compressors = compressors()?;
        let mut run: Vec<_> = compressors
            .iter_mut()
            .map(|(name, compress)| {
                let mut out = vec![0; room];
                let chunks = &chunks;
                let all = move || {
                    for planes in chunks {
                        std::hint::black_box(compress(planes, &mut out).expect("as before"));
                    }
                };
                (*name, all)
            })
            .collect();
        let mut tasks: Vec<(&'static str, &mut dyn FnMut())> = run
            .iter_mut()
            .map(|(name, all)| (*name, all as &mut dyn FnMut()))
            .collect();
        let turns = in_turn(rounds, &mut tasks);
        for ((turn, size), row) in turns.iter().zip(sizes).zip(&mut rows) {
            if row.is_empty() {
                *row = format!("| {} |", turn.name);
            }
            let speed = bytes as f64 / 1e6 / turn.median.as_secs_f64();
            *row += &format!(" {speed:.0} | {:.3} |", size as f64 / bytes as f64);
        }
    }
    println!("{}", rows.join("\n"));
    Ok(())
}
