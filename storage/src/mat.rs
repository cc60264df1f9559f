//! MAT files, level 5 (what MATLAB calls v6 and v7).

mod deflate;
mod element;
mod file;
mod movie;
mod name;
mod read;

pub use file::MatFile;
pub use movie::{MatMovie, MatWriter};
pub use name::valid_name;
pub use read::{Class, Variable, read, read_with};
