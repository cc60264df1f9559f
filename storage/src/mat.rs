//! MAT files, level 5 (what MATLAB calls v6 and v7).

mod deflate;
mod element;
mod name;
#[cfg(feature = "areas")]
mod nested;
mod read;
mod variables;
mod write;

pub use name::valid_name;
#[cfg(feature = "areas")]
pub(crate) use nested::{Value, read_values};
pub use read::{Class, Variable, read, read_with};
pub use variables::MatFile;
pub use write::{MatMovie, MatWriter};
