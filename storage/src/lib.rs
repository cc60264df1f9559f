//! Named bytes and arrays in folders and object stores, whole or not at all.
//!
//! A [`Place`] is a folder or store opened by URL. Objects in it are read and written
//! whole; movies are written as HDF5 or MAT files frame by frame, compressed on all threads,
//! and appear under their name only when they are complete.
//!
//! # Write a movie and read it back
//!
//! ```
//! use ndarray::Array3;
//! use widefield_storage::{Dataset, Orientation, Place};
//!
//! let place = Place::open("memory://")?;
//! let movie = Array3::from_shape_fn((20, 48, 64), |(t, y, x)| (t + y + x) as f32);
//!
//! let dataset = Dataset::new("dff", [20, 48, 64]).orientation(Orientation::Camera);
//! let mut file = place.create_hdf5("dff_out/trial.h5", dataset)?;
//! for block in movie.axis_chunks_iter(ndarray::Axis(0), 7) {
//!     file.push(block)?;
//! }
//! let written = file.finish()?;
//! assert_eq!(written.bytes, place.head("dff_out/trial.h5")?.unwrap().bytes);
//!
//! let file = place.open_hdf5("dff_out/trial.h5")?;
//! let back = file.dataset("dff")?.read_movie(Orientation::Camera, 15..20, ..)?;
//! assert_eq!(back, movie.slice(ndarray::s![15..20, .., ..]));
//! # Ok::<(), widefield_storage::Error>(())
//! ```
//!
//! # Features
//!
//! Folders, `memory://` and MAT files need none. `png` reads mask images, `areas` named areas. `hdf5` (default) reads and writes
//! HDF5 by the system's library; `static-hdf5` compiles that in. `swift` opens places in OpenStack Swift, `cloud` (or `s3`, `gs`,
//! `az`, `http` alone) those of the large providers and web servers, `object-store` any store of the crate `object_store` that the
//! program makes itself.

#[cfg(feature = "areas")]
pub mod areas;
mod checksum;
mod claim;
#[cfg(any(feature = "s3", feature = "gs", feature = "az", feature = "http"))]
mod cloud;
pub mod concurrent;
pub mod conformance;
mod entry;
mod error;
mod fetch;
mod folder;
#[cfg(feature = "hdf5")]
mod hdf5;
#[cfg(feature = "object-store")]
mod interrupt;
mod limits;
mod location;
#[cfg(feature = "png")]
pub mod mask;
pub mod mat;
mod memory;
mod movie_file;
mod name;
mod objects;
mod open_file;
mod orientation;
#[cfg(feature = "object-store")]
mod patience;
mod place;
pub mod positioned;
#[cfg(feature = "object-store")]
mod runtime;
mod scratch;
mod stack;
#[cfg(feature = "object-store")]
mod store;
#[cfg(feature = "swift")]
pub mod swift;
mod temporary;
mod watch;

// What signatures are made of.
pub use bytes;
pub use ndarray;
#[cfg(feature = "object-store")]
pub use object_store;

pub use claim::{Claim, Holder};
pub use entry::{Entry, Listing, Strange, Written};
pub use error::{Cause, Error, ErrorKind};
pub use fetch::{Ahead, Fetch};
#[cfg(feature = "hdf5")]
pub use hdf5::{
    Attribute, CHUNK_FRAMES, Dataset, Hdf5Array, Hdf5Arrays, Hdf5Dataset, Hdf5File, Hdf5Writer,
};
#[cfg(feature = "object-store")]
pub use interrupt::{interrupt, resume};
pub use limits::ReadLimits;
pub use mat::{MatFile, MatMovie, MatWriter};
pub use orientation::{Orientation, Precision};
pub use place::Place;
pub use stack::{Sample, Stack, StackFormat, StackWriter};
pub use watch::Transfer;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
