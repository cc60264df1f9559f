//! Seeded inputs for comparing variants of each step: how fast, and how near to the truth.
//!
//! Every benchmark and the accuracy table take their movies from here, so variants meet the same
//! pixels. `README.md` explains how to add a variant and holds the measured results.
//!
//! ```
//! use widefield::simulate::Light;
//! use widefield_benches::Input;
//!
//! let input = Input::new(64, 20, Light::Gaussian);
//! assert_eq!(input.raw().dim(), (20, 64, 64));
//! assert_eq!(input.name(), "64x64x20");
//! assert!(dcimg::Dcimg::parse(&input.dcimg()).is_ok());
//! ```

mod input;
mod sparse;

pub use input::Input;
pub use sparse::{Layout, sparse_dcimg};
