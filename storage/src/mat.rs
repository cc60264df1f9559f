//! MAT files, level 5 (what MATLAB calls v6 and v7).

mod deflate;
mod element;
mod name;
mod read;
mod variables;
mod write;

pub use name::valid_name;
pub use read::{Class, Variable, read, read_with};
pub use variables::MatFile;
pub use write::{MatMovie, MatWriter};
