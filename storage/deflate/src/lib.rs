//! Deflate (RFC 1951) for numeric arrays, at the speed of memory rather than of a general compressor.
//!
//! What such data offer is known: bytes that are noise, bytes of few values, and bytes equal to
//! those of the number before (runs in a plane of shuffled bytes; constant, masked or
//! widened numbers otherwise). So there is no search: a match always has one [`Distance`], given by
//! the caller, and the bytes between matches get a Huffman code made for their block. Blocks
//! that would hardly shrink are stored, noise after a look at a 32nd of it. The bytes depend on
//! the input alone: not on the processor, the threads or what was compressed before.
//!
//! Any reader of deflate reads them. Texts and other bytes with repetitions at changing distances belong to a general
//! compressor, which makes them several times smaller.
//!
//! ```
//! use widefield_deflate::{Deflater, shuffle_f32};
//!
//! // A chunk of 64 x 64 pixels, half of them masked.
//! let chunk: Vec<f32> = (0..64 * 64)
//!     .map(|i| if i % 64 < 32 { f32::NAN } else { 1.0 + (i * i % 100) as f32 / 1000.0 })
//!     .collect();
//! let mut planes = vec![0; 4 * chunk.len()];
//! shuffle_f32(&chunk, &mut planes);
//! let mut deflater = Deflater::new();
//! let stream = deflater.zlib_planes(&planes, 4); // what HDF5 stores with its filters shuffle and deflate
//! assert!(stream.len() < planes.len() / 2);
//! assert_eq!(miniz_oxide::inflate::decompress_to_vec_zlib(stream).unwrap(), planes);
//! ```

mod adler;
mod bits;
mod block;
mod deflater;
mod huffman;
mod planes;
mod processor;
mod runs;
mod vectors;

pub use adler::{adler32, combine as adler32_combine};
pub use deflater::{Deflater, Distance};
pub use planes::{shuffle, shuffle_f32, shuffle_f32_as_f64};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
