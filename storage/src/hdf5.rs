//! HDF5 files: movies written chunk by chunk, datasets read whole.

mod attribute;
mod chunk;
mod failure;
mod raw;
mod read;
mod write;

pub use attribute::Attribute;
pub use read::Hdf5Array;
pub use write::{Dataset, Hdf5Writer};
