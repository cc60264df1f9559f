//! Frames to chunks: the order of elements, byte shuffling, compression.
//!
//! A dataset has the axes (a, b, t), row-major, so t runs fastest. A chunk holds the
//! same axes of a part of it, and is always stored whole: what lies beyond the dataset is zero.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;

use libdeflater::{CompressionLvl, Compressor};
use ndarray::{ArrayView3, s};
use widefield_deflate::{Deflater, shuffle_f32, shuffle_f32_as_f64};

use crate::movie_file::{Layout, damaged};
use crate::{Error, Orientation, Precision};

/// Pixels of a chunk along each image axis.
const SIDE: usize = 64;
/// Most frames in a chunk of an HDF5 file: writers take blocks of as many, or of multiples, from where they lie.
pub const CHUNK_FRAMES: usize = 16;
/// Elements of all chunks that start at one frame, above which they get fewer frames.
const SLAB: usize = 1 << 24;

/// How a movie is cut into chunks. Depends on its shape alone, so that files do not
/// depend on how the frames arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    orientation: Orientation,
    precision: Precision,
    /// Frames, rows and columns of the movie.
    frames: usize,
    height: usize,
    width: usize,
    /// Sizes of a chunk along a, b, t.
    pub(super) chunk: [usize; 3],
}

/// One chunk: its index along a and b.
pub(super) type Tile = [usize; 2];

impl Grid {
    /// For a movie that has pixels.
    pub(super) fn new(layout: &Layout) -> Self {
        let &Layout {
            shape: [frames, height, width],
            orientation,
            precision,
            ..
        } = layout;
        let [a, b] = orientation.axes(height, width);
        let mut depth = CHUNK_FRAMES;
        while depth > 1 && depth.saturating_mul(a.saturating_mul(b)) > SLAB {
            depth /= 2;
        }
        let chunk = [a.min(SIDE), b.min(SIDE), frames.min(depth)];
        Grid {
            orientation,
            precision,
            frames,
            height,
            width,
            chunk,
        }
    }

    /// Shape of the dataset, (a, b, t).
    pub(super) fn shape(&self) -> [usize; 3] {
        let [a, b] = self.orientation.axes(self.height, self.width);
        [a, b, self.frames]
    }

    /// Frames of the chunks that start at frame `start`.
    pub(super) fn slab(&self, start: usize) -> Range<usize> {
        start..self.frames.min(start + self.chunk[2])
    }

    /// All chunks of a slab in the order in which they are stored.
    pub(super) fn tiles(&self) -> Vec<Tile> {
        let [a, b, _] = self.shape();
        let [chunk_a, chunk_b, _] = self.chunk;
        let along_b = b.div_ceil(chunk_b);
        (0..a.div_ceil(chunk_a))
            .flat_map(|a| (0..along_b).map(move |b| [a, b]))
            .collect()
    }

    /// Index of the chunk's first element in the dataset.
    pub(super) fn offset(&self, [a, b]: Tile, start: usize) -> [u64; 3] {
        [
            (a * self.chunk[0]) as u64,
            (b * self.chunk[1]) as u64,
            start as u64,
        ]
    }

    /// Elements of a chunk.
    fn elements(&self) -> usize {
        self.chunk.iter().product()
    }
}

/// What is not in use of encoders and of chunks they made, so that the memory serves one slab after the other.
pub(super) struct Encoders {
    layout: Layout,
    idle: Mutex<Vec<Encoder>>,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Encoders {
    pub(super) fn new(layout: &Layout) -> Self {
        Encoders {
            layout: layout.clone(),
            idle: Mutex::default(),
            spare: Mutex::default(),
        }
    }

    /// As [`Encoder::encode`], by one that no other thread uses meanwhile. `object` names the file.
    pub(super) fn encode(
        &self,
        grid: &Grid,
        tile: Tile,
        frames: ArrayView3<'_, f32>,
        object: &str,
    ) -> Result<Vec<u8>, Error> {
        let level = self.layout.compression;
        let mut encoder = take(&self.idle).unwrap_or_else(|| Encoder::new(level));
        let mut bytes = take(&self.spare).unwrap_or_default();
        bytes.clear();
        encoder.encode(grid, tile, frames, &mut bytes);
        #[cfg(test)]
        if self.layout.damage {
            crate::movie_file::damage(&mut bytes);
        }
        if self.layout.verify
            && level > 0
            && !inflates_to(&bytes, &encoder.elements, grid.precision)
        {
            return Err(damaged(object));
        }
        keep(&self.idle, encoder);
        Ok(bytes)
    }

    /// Takes back the bytes of a chunk that is written.
    pub(super) fn done(&self, bytes: Vec<u8>) {
        keep(&self.spare, bytes);
    }
}

/// Whatever a panic elsewhere left behind is not used again.
fn take<T>(kept: &Mutex<Vec<T>>) -> Option<T> {
    kept.lock().ok().and_then(|mut kept| kept.pop())
}

fn keep<T>(kept: &Mutex<Vec<T>>, one: T) {
    if let Ok(mut kept) = kept.lock() {
        kept.push(one);
    }
}

impl fmt::Debug for Encoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoders")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Makes the stored bytes of chunks; it owns the buffers, so that each thread has its own.
pub(super) struct Encoder {
    packer: Packer,
    /// The last chunk that had but one value, and its bytes: masked chunks are many, and all the same.
    constant: Option<(Constant, Vec<u8>)>,
    /// A row of the chunk for all its frames, frame by frame.
    row: Vec<f32>,
    /// The chunk's elements in their order.
    elements: Vec<f32>,
    /// Their bytes, as the last filter gets them.
    plain: Vec<u8>,
}

/// What the bytes of a chunk of one value depend on.
#[derive(Clone, Copy, PartialEq)]
struct Constant {
    /// Bits of the value.
    value: u32,
    elements: usize,
    precision: Precision,
}

/// What becomes of the bytes of a chunk.
enum Packer {
    /// Stored, unshuffled.
    Plain,
    /// Shuffled; each plane of bytes compressed by itself.
    Planes(Deflater),
    /// Shuffled; compressed by a search for repetitions.
    Search(Compressor),
}

impl Encoder {
    /// For deflate `level` 1 to 9; 0 stores elements as they are, unshuffled.
    pub(super) fn new(level: u8) -> Self {
        let search = CompressionLvl::new(level.into()).map(Compressor::new);
        Encoder {
            packer: match (level, search) {
                (1, _) => Packer::Planes(Deflater::default()),
                (2.., Ok(compressor)) => Packer::Search(compressor),
                _ => Packer::Plain,
            },
            constant: None,
            row: Vec::new(),
            elements: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// Appends the bytes of chunk `tile`, from the `frames` (t, y, x) of its slab.
    pub(super) fn encode(
        &mut self,
        grid: &Grid,
        tile: Tile,
        frames: ArrayView3<'_, f32>,
        out: &mut Vec<u8>,
    ) {
        self.gather(grid, tile, frames);
        let Some(value) = only_value(&self.elements) else {
            return self.pack(grid.precision, out);
        };
        let constant = Constant {
            value,
            elements: self.elements.len(),
            precision: grid.precision,
        };
        match &self.constant {
            Some((known, bytes)) if *known == constant => out.extend_from_slice(bytes),
            _ => {
                let from = out.len();
                self.pack(grid.precision, out);
                self.constant = Some((constant, out[from..].to_vec()));
            }
        }
    }

    /// Appends the bytes of the elements gathered.
    fn pack(&mut self, precision: Precision, out: &mut Vec<u8>) {
        let size = precision.bytes();
        self.plain.resize(self.elements.len() * size, 0);
        let (elements, plain) = (self.elements.as_slice(), self.plain.as_mut_slice());
        match (&self.packer, precision) {
            (Packer::Plain, Precision::F32) => store(elements, plain, f32::to_le_bytes),
            (Packer::Plain, Precision::F64) => {
                store(elements, plain, |element| f64::from(element).to_le_bytes());
            }
            (_, Precision::F32) => shuffle_f32(elements, plain),
            (_, Precision::F64) => shuffle_f32_as_f64(elements, plain),
        }
        match &mut self.packer {
            Packer::Plain => out.extend_from_slice(&self.plain),
            Packer::Planes(deflater) => {
                out.extend_from_slice(deflater.zlib_planes(&self.plain, size));
            }
            Packer::Search(compressor) => {
                let from = out.len();
                out.resize(from + compressor.zlib_compress_bound(self.plain.len()), 0);
                match compressor.zlib_compress(&self.plain, &mut out[from..]) {
                    Ok(length) => out.truncate(from + length),
                    // The one failure is a buffer below the bound, which it is not.
                    Err(error) => unreachable!("{error:?} with a buffer of the stated bound"),
                }
            }
        }
    }

    /// Fills `elements`.
    fn gather(&mut self, grid: &Grid, [tile_a, tile_b]: Tile, frames: ArrayView3<'_, f32>) {
        let [chunk_a, chunk_b, chunk_t] = grid.chunk;
        let [size_a, size_b, _] = grid.shape();
        let (a, b) = (tile_a * chunk_a, tile_b * chunk_b);
        let (along_a, along_b) = (chunk_a.min(size_a - a), chunk_b.min(size_b - b));
        let depth = frames.dim().0;
        if [along_a, along_b, depth] != grid.chunk {
            self.elements.clear();
        }
        self.elements.resize(grid.elements(), 0.0);

        // Rows of the camera are contiguous in memory, so each is fetched for all
        // frames and then read across them.
        let (rows, columns, first_column) = match grid.orientation {
            Orientation::Notebook => (along_b, along_a, a),
            Orientation::Camera => (along_a, along_b, b),
        };
        self.row.resize(depth * columns, 0.0);
        let contiguous = frames.to_slice();
        for row in 0..rows {
            let y = match grid.orientation {
                Orientation::Notebook => grid.height - 1 - (b + row),
                Orientation::Camera => a + row,
            };
            for (t, target) in self.row.chunks_exact_mut(columns).enumerate() {
                if let Some(all) = contiguous {
                    let start = (t * grid.height + y) * grid.width + first_column;
                    target.copy_from_slice(&all[start..start + columns]);
                    continue;
                }
                let source = frames.slice(s![t, y, first_column..first_column + columns]);
                match source.to_slice() {
                    Some(source) => target.copy_from_slice(source),
                    None => target
                        .iter_mut()
                        .zip(source)
                        .for_each(|(to, &from)| *to = from),
                }
            }
            let (start, step) = match grid.orientation {
                Orientation::Notebook => (row, chunk_b),
                Orientation::Camera => (row * chunk_b, 1),
            };
            let pixels = self.elements.chunks_exact_mut(chunk_t).skip(start);
            for (column, pixel) in pixels.step_by(step).take(columns).enumerate() {
                let values = self.row[column..].iter().step_by(columns);
                pixel
                    .iter_mut()
                    .zip(values)
                    .for_each(|(to, &from)| *to = from);
            }
        }
    }
}

/// Fills `plain` with the bytes of the elements, one after the other.
fn store<const N: usize>(elements: &[f32], plain: &mut [u8], bytes: impl Fn(f32) -> [u8; N]) {
    let (numbers, _) = plain.as_chunks_mut::<N>();
    for (number, &element) in numbers.iter_mut().zip(elements) {
        *number = bytes(element);
    }
}

/// Whether a stored chunk holds the shuffled bytes of just these elements, as another decoder reads it.
fn inflates_to(stream: &[u8], elements: &[f32], precision: Precision) -> bool {
    fn planes<const N: usize>(
        found: &[u8],
        elements: &[f32],
        bytes: impl Fn(f32) -> [u8; N],
    ) -> bool {
        found
            .chunks_exact(elements.len())
            .enumerate()
            .all(|(byte, plane)| {
                let pairs = plane.iter().zip(elements);
                pairs.fold(true, |same, (&found, &element)| {
                    same & (found == bytes(element)[byte])
                })
            })
    }
    let size = elements.len() * precision.bytes();
    match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(stream, size) {
        Ok(found) if found.len() == size => match precision {
            Precision::F32 => planes(&found, elements, f32::to_le_bytes),
            Precision::F64 => planes(&found, elements, |v| f64::from(v).to_le_bytes()),
        },
        _ => false,
    }
}

/// The bits of all elements, if those are the same.
fn only_value(elements: &[f32]) -> Option<u32> {
    /// Compared without a branch between them.
    const LANES: usize = 64;
    let first = elements.first()?.to_bits();
    let differs = |lanes: &[f32]| {
        lanes
            .iter()
            .fold(0, |any, value| any | (value.to_bits() ^ first))
    };
    (elements.chunks(LANES).all(|lanes| differs(lanes) == 0)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn grid(shape: [usize; 3], orientation: Orientation, precision: Precision) -> Grid {
        Grid::new(&Layout {
            orientation,
            precision,
            ..Layout::new(shape)
        })
    }

    /// Values that tell where they come from.
    fn movie(shape: [usize; 3]) -> Array3<f32> {
        Array3::from_shape_fn(shape, |(t, y, x)| (t * 10_000 + y * 100 + x) as f32)
    }

    /// The slow and obvious chunk: every element looked up where the axes say it is.
    fn naive(grid: &Grid, [tile_a, tile_b]: Tile, frames: &Array3<f32>) -> Vec<f32> {
        let [chunk_a, chunk_b, chunk_t] = grid.chunk;
        let [size_a, size_b, _] = grid.shape();
        let mut elements = vec![0.0; chunk_a * chunk_b * chunk_t];
        for a in 0..chunk_a {
            for b in 0..chunk_b {
                for t in 0..frames.dim().0 {
                    let (i, j) = (tile_a * chunk_a + a, tile_b * chunk_b + b);
                    if i < size_a && j < size_b {
                        let (y, x) = match grid.orientation {
                            Orientation::Notebook => (grid.height - 1 - j, i),
                            Orientation::Camera => (i, j),
                        };
                        elements[(a * chunk_b + b) * chunk_t + t] = frames[[t, y, x]];
                    }
                }
            }
        }
        elements
    }

    fn encode(
        encoder: &mut Encoder,
        grid: &Grid,
        tile: Tile,
        frames: ArrayView3<'_, f32>,
    ) -> Vec<u8> {
        // Bytes that are there already stay.
        let mut bytes = vec![1, 2];
        encoder.encode(grid, tile, frames, &mut bytes);
        assert_eq!(bytes[..2], [1, 2]);
        bytes.split_off(2)
    }

    #[test]
    fn chunks_equal_the_naive_ones() {
        for shape in [
            [1, 1, 1],
            [3, 65, 70],
            [16, 64, 64],
            [16, 70, 100],
            [16, 3, 16],
            [2, 130, 3],
        ] {
            let frames = movie(shape);
            for orientation in [Orientation::Notebook, Orientation::Camera] {
                let grid = grid(shape, orientation, Precision::F32);
                for tile in grid.tiles() {
                    let expected = naive(&grid, tile, &frames);
                    let plain: Vec<u8> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
                    assert_eq!(
                        encode(&mut Encoder::new(0), &grid, tile, frames.view()),
                        plain
                    );

                    let shuffled: Vec<u8> = (0..4)
                        .flat_map(|byte| expected.iter().map(move |v| v.to_le_bytes()[byte]))
                        .collect();
                    for level in [1, 6] {
                        let mut encoder = Encoder::new(level);
                        let packed = encode(&mut encoder, &grid, tile, frames.view());
                        assert_eq!(
                            unpack(&packed, shuffled.len()),
                            shuffled,
                            "{shape:?} {orientation:?} {tile:?} level {level}"
                        );
                    }
                }
            }
        }
    }

    /// By two readers of zlib streams, check sum included.
    fn unpack(packed: &[u8], length: usize) -> Vec<u8> {
        let mut unpacked = vec![0; length];
        let found = libdeflater::Decompressor::new()
            .zlib_decompress(packed, &mut unpacked)
            .unwrap();
        assert_eq!(found, length);
        let other = miniz_oxide::inflate::decompress_to_vec_zlib(packed).unwrap();
        assert!(other == unpacked);
        unpacked
    }

    #[test]
    fn an_encoder_keeps_nothing_of_the_chunk_before() {
        // The last tile and the last slab are smaller than their chunks.
        let frames = movie([20, 70, 70]);
        let grid = grid([20, 70, 70], Orientation::Notebook, Precision::F64);
        for level in [0, 1, 6] {
            let mut encoder = Encoder::new(level);
            for (start, tile) in [(0, [0, 0]), (0, [1, 1]), (0, [0, 0]), (16, [0, 0])] {
                let frames = frames.slice(s![grid.slab(start), .., ..]);
                let fresh = encode(&mut Encoder::new(level), &grid, tile, frames);
                assert!(encode(&mut encoder, &grid, tile, frames) == fresh);
            }
        }
    }

    #[test]
    fn noise_and_masks_are_no_larger_than_after_a_search() {
        let mut state = 1_u64;
        let frames = Array3::from_shape_simple_fn([16, 64, 128], || {
            let mut sum = 0.0;
            for _ in 0..4 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                sum += (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
            }
            0.02 * sum
        });
        let mut frames = frames;
        frames.slice_mut(s![.., .., 64..100]).fill(f32::NAN);
        for precision in [Precision::F32, Precision::F64] {
            let grid = grid([16, 64, 128], Orientation::Camera, precision);
            for tile in grid.tiles() {
                let fast = encode(&mut Encoder::new(1), &grid, tile, frames.view());
                unpack(&fast, grid.elements() * precision.bytes());
                let mut bytes = encode(&mut Encoder::new(0), &grid, tile, frames.view());
                let size = precision.bytes();
                bytes = (0..size)
                    .flat_map(|byte| bytes.iter().skip(byte).step_by(size).copied())
                    .collect();
                let mut search = Compressor::new(CompressionLvl::new(1).unwrap());
                let mut packed = vec![0; search.zlib_compress_bound(bytes.len())];
                let searched = search.zlib_compress(&bytes, &mut packed).unwrap();
                assert!(fast.len() <= searched, "{} {searched}", fast.len());
            }
        }
    }

    #[test]
    fn doubles_are_the_singles_widened() {
        let frames = movie([2, 3, 4]).mapv(|v| v + 0.1);
        let grid = grid([2, 3, 4], Orientation::Camera, Precision::F64);
        let expected: Vec<u8> = naive(&grid, [0, 0], &frames)
            .into_iter()
            .flat_map(|v| f64::from(v).to_le_bytes())
            .collect();
        assert_eq!(
            encode(&mut Encoder::new(0), &grid, [0, 0], frames.view()),
            expected
        );
    }

    #[test]
    fn frames_of_any_layout_give_the_same_chunk() {
        let frames = movie([4, 20, 30]);
        let turned = frames
            .clone()
            .reversed_axes()
            .as_standard_layout()
            .into_owned();
        let grid = grid([4, 20, 30], Orientation::Notebook, Precision::F32);
        let straight = encode(&mut Encoder::new(1), &grid, [0, 0], frames.view());
        assert_eq!(
            encode(&mut Encoder::new(1), &grid, [0, 0], turned.t()),
            straight
        );
    }

    #[test]
    fn large_frames_get_flatter_chunks() {
        let depth = |side| grid([100, side, side], Orientation::Camera, Precision::F32).chunk[2];
        assert_eq!(depth(512), 16);
        assert_eq!(depth(1024), 16);
        assert_eq!(depth(2048), 4);
        assert_eq!(depth(1 << 20), 1);
    }
}
