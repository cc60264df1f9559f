//! HDF5 files: movies written chunk by chunk, datasets read whole or in parts.

mod arrays;
mod attribute;
mod chunk;
mod failure;
mod raw;
mod read;
mod write;

pub use arrays::Hdf5Arrays;
pub use attribute::Attribute;
pub use chunk::CHUNK_FRAMES;
pub use read::{Hdf5Array, Hdf5Dataset, Hdf5File};
pub use write::{Dataset, Hdf5Writer};
