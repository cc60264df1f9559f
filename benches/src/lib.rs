//! Seeded inputs and tables of variants: which way to do a step is fast, and which is right.
//!
//! Every benchmark and the accuracy table take their movies from [`Input`] and [`Small`], so
//! variants meet the same pixels, and their functions from [`variants`], so whoever adds one
//! there sees it everywhere. `README.md` explains how and holds the measured results.
//!
//! ```
//! use widefield::simulate::Light;
//! use widefield_benches::{Input, variants::background};
//!
//! let input = Input::new(64, 20, Light::Gaussian);
//! let small = input.small(32);
//! let first = small.first_frame();
//! for variant in background::VARIANTS.iter().filter(|variant| !variant.slow) {
//!     println!("{}: {:.1} counts", variant.name, (variant.run)(first)?);
//! }
//! # Ok::<(), widefield_benches::Failure>(())
//! ```

pub mod accuracy;
mod input;
mod moving;
mod small;
mod sparse;
mod trial;
mod turns;
pub mod variants;

pub use input::{Input, name_of};
pub use moving::{MotionError, Moving, Scene};
pub use small::Small;
pub use sparse::{Layout, sparse_dcimg};
pub use trial::Trial;
pub use turns::{Turn, in_turn, ratios};
pub use variants::{Failure, Variant};

/// The examples of the workspace's README are tests; this package sees all of its crates.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So are those of the page for readers of MATLAB and NumPy.
#[cfg(doctest)]
#[doc = include_str!("../../docs/idioms.md")]
struct Idioms;
