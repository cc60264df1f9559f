//! Reading DCIMG files: summing pixels in place, decoding them, opening a file; against plain
//! memory and against another reader.
//!
//! `WIDEFIELD_PYTHON_DCIMG=<python with numpy<2 and dcimg> cargo bench --bench decode` also times
//! the Python package on the same file.

use std::cell::RefCell;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use criterion::{Criterion, Throughput};
use dcimg::{Dcimg, File, Movie};
use ndarray::{Array2, Array3, Axis};
use openreadout_core::reader::{FormatReader, PlaneIndex};
use openreadout_dcimg::DcimgReader;
use widefield::simulate::Light;
use widefield_benches::{Input, Layout, in_turn, ratios, sparse_dcimg};

/// Rounds of the comparisons in turns.
const ROUNDS: usize = 100;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::Builder::new()
        .prefix("decode-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("a folder under target");
    let input = Input::new(512, 200, Light::Gaussian);
    let path = folder.path().join("trial");
    std::fs::write(&path, input.dcimg()).expect("room for a trial");

    let file = std::fs::read(&path).expect("what was just written");
    sum(&mut criterion, &input, &file);
    frames(&mut criterion, &input, &file);
    movie(&mut criterion, &input, &file);
    from_disk(&mut criterion, &input, &path);
    open(&mut criterion, folder.path());
    criterion.final_summary();
    against_memory(&input, &file);
    if let Some(python) = std::env::var_os("WIDEFIELD_PYTHON_DCIMG") {
        in_python(&PathBuf::from(python), &path);
    }
}

/// The stored pixels of all frames as one slice.
fn plain<'a>(input: &Input, file: &'a [u8]) -> &'a [u16] {
    let start = 232;
    let bytes = 2 * input.raw().len();
    bytemuck::cast_slice(&file[start..start + bytes])
}

fn bytes(input: &Input) -> Throughput {
    Throughput::Bytes(2 * input.raw().len() as u64)
}

fn total(pixels: &[u16]) -> u64 {
    pixels.iter().map(|&pixel| u64::from(pixel)).sum()
}

fn sum_of_views(movie: Movie<'_>) -> u64 {
    let frames = movie.frames().map(|frame| {
        let view = frame.raw_u16().expect("aligned 16-bit pixels");
        view.iter().map(|&pixel| u64::from(pixel)).sum::<u64>()
    });
    frames.sum()
}

/// Sum of all stored pixels.
fn sum(criterion: &mut Criterion, input: &Input, file: &[u8]) {
    let parsed = Dcimg::parse(file).expect("a valid file");
    let movie = parsed.movie();
    let slice = plain(input, file);
    assert_eq!(sum_of_views(movie), total(slice));

    let mut group = criterion.benchmark_group("decode/sum");
    group.throughput(bytes(input));
    group.bench_function(format!("plain_slice/{}", input.name()), |bench| {
        bench.iter(|| total(black_box(slice)));
    });
    group.bench_function(format!("frame_views/{}", input.name()), |bench| {
        bench.iter(|| sum_of_views(black_box(movie)));
    });
}

/// Frame after frame into the same small buffer.
fn frames(criterion: &mut Criterion, input: &Input, file: &[u8]) {
    let parsed = Dcimg::parse(file).expect("a valid file");
    let movie = parsed.movie();
    let slice = plain(input, file);
    let mut counts = Array2::<u16>::zeros((movie.height(), movie.width()));
    let mut wide = Array2::<f32>::zeros(counts.dim());
    for (frame, expected) in movie.frames().zip(input.raw().axis_iter(Axis(0))) {
        frame.read_into(counts.view_mut()).expect("its own shape");
        frame.read_into(wide.view_mut()).expect("its own shape");
        assert_eq!(counts, expected);
        assert_eq!(wide, expected.mapv(f32::from));
    }

    let mut group = criterion.benchmark_group("decode/frames");
    group.throughput(bytes(input));
    group.bench_function(format!("memcpy/{}", input.name()), |bench| {
        let buffer = counts.as_slice_mut().expect("contiguous");
        bench.iter(|| {
            for frame in black_box(slice).chunks_exact(buffer.len()) {
                buffer.copy_from_slice(frame);
                black_box(&mut *buffer);
            }
        });
    });
    group.bench_function(format!("read_into_u16/{}", input.name()), |bench| {
        bench.iter(|| {
            for frame in movie.frames() {
                frame.read_into(counts.view_mut()).expect("its own shape");
                black_box(&mut counts);
            }
        });
    });
    group.bench_function(format!("read_into_f32/{}", input.name()), |bench| {
        bench.iter(|| {
            for frame in movie.frames() {
                frame.read_into(wide.view_mut()).expect("its own shape");
                black_box(&mut wide);
            }
        });
    });
}

/// All frames into one large array.
fn movie(criterion: &mut Criterion, input: &Input, file: &[u8]) {
    let parsed = Dcimg::parse(file).expect("a valid file");
    let movie = parsed.movie();
    let slice = plain(input, file);
    let mut counts = Array3::<u16>::zeros(input.raw().dim());
    let all = 0..movie.len();
    movie
        .read_into(all.clone(), counts.view_mut())
        .expect("its own shape");
    assert_eq!(counts, input.raw());

    let mut group = criterion.benchmark_group("decode/movie");
    group.throughput(bytes(input));
    group.bench_function(format!("memcpy/{}", input.name()), |bench| {
        let buffer = counts.as_slice_mut().expect("contiguous");
        bench.iter(|| {
            buffer.copy_from_slice(black_box(slice));
            black_box(&mut *buffer);
        });
    });
    group.bench_function(format!("read_into_u16/{}", input.name()), |bench| {
        bench.iter(|| {
            let read = movie.read_into(all.clone(), counts.view_mut());
            black_box(read).expect("its own shape");
        });
    });
    group.bench_function(format!("par_read_into_u16/{}", input.name()), |bench| {
        bench.iter(|| {
            let read = movie.par_read_into(all.clone(), counts.view_mut());
            black_box(read).expect("its own shape");
        });
    });
}

/// Opening a file in page cache and decoding every frame, as each reader offers it.
fn from_disk(criterion: &mut Criterion, input: &Input, path: &Path) {
    let read_openreadout = |each: &mut dyn FnMut(usize, Vec<u8>)| {
        let mut dataset = DcimgReader.open(path).expect("a valid file");
        for t in 0..input.raw().len_of(Axis(0)) {
            let index = u32::try_from(t).expect("few frames");
            let index = PlaneIndex {
                c: 0,
                z: 0,
                t: index,
            };
            each(t, dataset.read_plane(0, index).expect("a frame").data);
        }
    };
    read_openreadout(&mut |t, data| {
        let expected = input.raw();
        let expected = expected.index_axis(Axis(0), t);
        let expected = expected.as_slice().expect("contiguous");
        assert_eq!(data, bytemuck::cast_slice::<u16, u8>(expected));
    });

    let mut group = criterion.benchmark_group("decode/from_disk");
    group.throughput(bytes(input));
    group.bench_function(format!("dcimg/{}", input.name()), |bench| {
        bench.iter(|| {
            let file = File::open(path).expect("a valid file");
            let movie = file.movie();
            let mut counts = Array2::<u16>::zeros((movie.height(), movie.width()));
            for frame in movie.frames() {
                frame.read_into(counts.view_mut()).expect("its own shape");
                black_box(&mut counts);
            }
        });
    });
    group.bench_function(format!("openreadout-dcimg/{}", input.name()), |bench| {
        bench.iter(|| read_openreadout(&mut |_, data| drop(black_box(data))));
    });
}

/// Opening files of 10 MB and 10 GB.
fn open(criterion: &mut Criterion, folder: &Path) {
    let mut group = criterion.benchmark_group("decode/open");
    for (layout, name) in [(Layout::Packed, "packed"), (Layout::Framed, "framed")] {
        for (frames, size) in [(20, "10MB"), (20_000, "10GB")] {
            let path = folder.join(format!("{name}-{size}"));
            sparse_dcimg(&path, layout, frames).expect("a file system with sparse files");
            group.bench_function(format!("{name}/{size}"), |bench| {
                bench.iter(|| black_box(File::open(&path).expect("a valid file")));
            });
        }
    }
}

/// The same comparisons with memory in turns, which is fairer on a machine that is not idle.
fn against_memory(input: &Input, file: &[u8]) {
    let parsed = Dcimg::parse(file).expect("a valid file");
    let movie = parsed.movie();
    let slice = plain(input, file);
    let buffer = RefCell::new(Array3::<u16>::zeros(input.raw().dim()));
    let frame_pixels = movie.width() * movie.height();
    println!(
        "in turns, {}: median, speed relative to the first",
        input.name()
    );
    let sums = in_turn(
        ROUNDS,
        &mut [
            ("sum: plain slice", &mut || {
                black_box(total(black_box(slice)));
            }),
            ("sum: frame views", &mut || {
                black_box(sum_of_views(movie));
            }),
        ],
    );
    let into_frame = in_turn(
        ROUNDS,
        &mut [
            ("one frame's buffer: memcpy", &mut || {
                let mut buffer = buffer.borrow_mut();
                let out = buffer.as_slice_mut().expect("contiguous");
                for frame in black_box(slice).chunks_exact(frame_pixels) {
                    out[..frame_pixels].copy_from_slice(frame);
                    black_box(&mut *out);
                }
            }),
            ("one frame's buffer: read_into u16", &mut || {
                let mut buffer = buffer.borrow_mut();
                let mut out = buffer.index_axis_mut(Axis(0), 0);
                for frame in movie.frames() {
                    frame.read_into(out.view_mut()).expect("its own shape");
                    black_box(&mut out);
                }
            }),
        ],
    );
    let into_movie = in_turn(
        ROUNDS,
        &mut [
            ("whole movie: memcpy", &mut || {
                let mut buffer = buffer.borrow_mut();
                let out = buffer.as_slice_mut().expect("contiguous");
                out.copy_from_slice(black_box(slice));
            }),
            ("whole movie: read_into u16", &mut || {
                let mut buffer = buffer.borrow_mut();
                let read = movie.read_into(0..movie.len(), buffer.view_mut());
                black_box(read).expect("its own shape");
            }),
            ("whole movie: par_read_into u16", &mut || {
                let mut buffer = buffer.borrow_mut();
                let read = movie.par_read_into(0..movie.len(), buffer.view_mut());
                black_box(read).expect("its own shape");
            }),
        ],
    );
    for turns in [sums, into_frame, into_movie] {
        println!("{}", ratios(&turns));
    }
}

fn in_python(python: &Path, file: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/decode_dcimg.py");
    let status = Command::new(python).arg(script).arg(file).status();
    assert!(
        status.expect("a Python interpreter").success(),
        "{script} failed"
    );
}
