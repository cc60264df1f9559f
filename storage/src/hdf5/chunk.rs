//! Frames to chunks: the order of elements, byte shuffling, compression.
//!
//! A dataset has the axes (a, b, t), row-major, so t runs fastest. A chunk holds the
//! same axes of a part of it, and is always stored whole: what lies beyond the dataset is zero.

use std::ops::Range;

use libdeflater::{CompressionLvl, Compressor};
use ndarray::{ArrayView3, s};

use crate::{Orientation, Precision};

/// Pixels of a chunk along each image axis, and the most frames in it.
const SIDE: usize = 64;
const DEPTH: usize = 16;
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
    /// For a movie of `[t, y, x]`, none of which is 0.
    pub(super) fn new(
        [frames, height, width]: [usize; 3],
        orientation: Orientation,
        precision: Precision,
    ) -> Self {
        let [a, b] = orientation.axes(height, width);
        let mut depth = DEPTH;
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

    /// Bytes of a chunk before compression.
    fn bytes(&self) -> usize {
        self.chunk.iter().product::<usize>() * self.precision.bytes()
    }
}

/// Makes the stored bytes of chunks; one for each thread, since it owns the buffers.
pub(super) struct Encoder {
    compressor: Option<Compressor>,
    /// A row of the chunk for all its frames, as (t, pixel).
    row: Vec<f32>,
    plain: Vec<u8>,
}

impl Encoder {
    /// For deflate `level` 1 to 9; 0 stores elements as they are, unshuffled.
    pub(super) fn new(level: u8) -> Self {
        let level = CompressionLvl::new(level.into()).ok().filter(|_| level > 0);
        Encoder {
            compressor: level.map(Compressor::new),
            row: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// The bytes of chunk `tile`, from the `frames` (t, y, x) of its slab.
    pub(super) fn encode(
        &mut self,
        grid: &Grid,
        tile: Tile,
        frames: ArrayView3<'_, f32>,
    ) -> Vec<u8> {
        self.plain.clear();
        self.plain.resize(grid.bytes(), 0);
        let shuffled = self.compressor.is_some();
        match (grid.precision, shuffled) {
            (Precision::F32, true) => self.gather(grid, tile, frames, shuffle::<f32, 4>),
            (Precision::F32, false) => self.gather(grid, tile, frames, store::<f32, 4>),
            (Precision::F64, true) => self.gather(grid, tile, frames, shuffle::<f64, 8>),
            (Precision::F64, false) => self.gather(grid, tile, frames, store::<f64, 8>),
        }
        let Some(compressor) = &mut self.compressor else {
            return self.plain.clone();
        };
        let mut compressed = vec![0; compressor.zlib_compress_bound(self.plain.len())];
        match compressor.zlib_compress(&self.plain, &mut compressed) {
            Ok(length) => compressed.truncate(length),
            // The one failure is a buffer below the bound, which it is not.
            Err(error) => unreachable!("{error:?} with a buffer of the stated bound"),
        }
        compressed
    }

    /// Fills `plain` by `put(plain, position, values)`: runs of values along t, each at
    /// its element position within the chunk.
    fn gather(
        &mut self,
        grid: &Grid,
        [tile_a, tile_b]: Tile,
        frames: ArrayView3<'_, f32>,
        put: fn(&mut [u8], usize, &[f32]),
    ) {
        let [chunk_a, chunk_b, chunk_t] = grid.chunk;
        let [size_a, size_b, _] = grid.shape();
        let (a, b) = (tile_a * chunk_a, tile_b * chunk_b);
        let (along_a, along_b) = (chunk_a.min(size_a - a), chunk_b.min(size_b - b));
        let depth = frames.dim().0;
        let mut values = [0.0; DEPTH];
        let values = &mut values[..depth];

        // Rows of the camera are contiguous in memory, so each is fetched for all
        // frames and then read across them.
        let (rows, columns, first_column) = match grid.orientation {
            Orientation::Notebook => (along_b, along_a, a),
            Orientation::Camera => (along_a, along_b, b),
        };
        self.row.resize(DEPTH * columns, 0.0);
        for row in 0..rows {
            let y = match grid.orientation {
                Orientation::Notebook => grid.height - 1 - (b + row),
                Orientation::Camera => a + row,
            };
            for t in 0..depth {
                let source = frames.slice(s![t, y, first_column..first_column + columns]);
                let target = &mut self.row[t * columns..][..columns];
                match source.to_slice() {
                    Some(source) => target.copy_from_slice(source),
                    None => target
                        .iter_mut()
                        .zip(source)
                        .for_each(|(to, &from)| *to = from),
                }
            }
            for column in 0..columns {
                for (t, value) in values.iter_mut().enumerate() {
                    *value = self.row[t * columns + column];
                }
                let position = match grid.orientation {
                    Orientation::Notebook => column * chunk_b + row,
                    Orientation::Camera => row * chunk_b + column,
                };
                put(&mut self.plain, position * chunk_t, values);
            }
        }
    }
}

/// A number as the file holds it, little-endian.
trait Number<const N: usize>: From<f32> {
    fn bytes(self) -> [u8; N];
}

impl Number<4> for f32 {
    fn bytes(self) -> [u8; 4] {
        self.to_le_bytes()
    }
}

impl Number<8> for f64 {
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
}

/// Elements one after the other.
fn store<T: Number<N>, const N: usize>(plain: &mut [u8], position: usize, values: &[f32]) {
    let target = plain[position * N..].chunks_exact_mut(N);
    for (target, &value) in target.zip(values) {
        target.copy_from_slice(&T::from(value).bytes());
    }
}

/// The library's shuffle filter: first the first bytes of all elements, then the second ones, ...
fn shuffle<T: Number<N>, const N: usize>(plain: &mut [u8], position: usize, values: &[f32]) {
    let elements = plain.len() / N;
    for (byte, plane) in plain.chunks_exact_mut(elements).enumerate() {
        let target = &mut plane[position..position + values.len()];
        for (target, &value) in target.iter_mut().zip(values) {
            *target = T::from(value).bytes()[byte];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

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

    #[test]
    fn chunks_equal_the_naive_ones() {
        for shape in [[1, 1, 1], [3, 65, 70], [16, 64, 64], [2, 130, 3]] {
            let frames = movie(shape);
            for orientation in [Orientation::Notebook, Orientation::Camera] {
                let grid = Grid::new(shape, orientation, Precision::F32);
                for tile in grid.tiles() {
                    let expected = naive(&grid, tile, &frames);
                    let plain: Vec<u8> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
                    assert_eq!(Encoder::new(0).encode(&grid, tile, frames.view()), plain);

                    let shuffled: Vec<u8> = (0..4)
                        .flat_map(|byte| expected.iter().map(move |v| v.to_le_bytes()[byte]))
                        .collect();
                    let packed = Encoder::new(1).encode(&grid, tile, frames.view());
                    let mut unpacked = vec![0; shuffled.len()];
                    libdeflater::Decompressor::new()
                        .zlib_decompress(&packed, &mut unpacked)
                        .unwrap();
                    assert_eq!(unpacked, shuffled, "{shape:?} {orientation:?} {tile:?}");
                }
            }
        }
    }

    #[test]
    fn doubles_are_the_singles_widened() {
        let frames = movie([2, 3, 4]).mapv(|v| v + 0.1);
        let grid = Grid::new([2, 3, 4], Orientation::Camera, Precision::F64);
        let expected: Vec<u8> = naive(&grid, [0, 0], &frames)
            .into_iter()
            .flat_map(|v| f64::from(v).to_le_bytes())
            .collect();
        assert_eq!(
            Encoder::new(0).encode(&grid, [0, 0], frames.view()),
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
        let grid = Grid::new([4, 20, 30], Orientation::Notebook, Precision::F32);
        let straight = Encoder::new(1).encode(&grid, [0, 0], frames.view());
        assert_eq!(Encoder::new(1).encode(&grid, [0, 0], turned.t()), straight);
    }

    #[test]
    fn large_frames_get_flatter_chunks() {
        let depth =
            |side| Grid::new([100, side, side], Orientation::Camera, Precision::F32).chunk[2];
        assert_eq!(depth(512), 16);
        assert_eq!(depth(1024), 16);
        assert_eq!(depth(2048), 4);
        assert_eq!(depth(1 << 20), 1);
    }
}
