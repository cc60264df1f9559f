//! What is made of the trials of a session when they are done: averages by condition and outcome, traces of areas, correlation
//! with them, the lab's regression, and how well two conditions can be told apart.
//!
//! [`Products`] is a consumer of trials, as any program could write one: put into a session it makes what `[products]` of the
//! description asks for. What costs little while a movie is in memory is taken then, everything else from the files of dF/F; the
//! numbers are the same, but for the order in which trials are summed, which moves a mean by less than the f32 it is written as,
//! and for what files of F / F0 (`output.dff_scale`) have lost of a small dF/F, up to 6e-8.
//!
//! ```
//! use widefield_pipeline::config::Config;
//! use widefield_pipeline::{Engine, Experiment, simulate};
//! use widefield_products::Products;
//!
//! let dir = tempfile::tempdir()?;
//! let session = simulate::Session { trials: 4, size: 32, frames: 80, ..Default::default() };
//! let experiment = Experiment::load_with(session.write(dir.path(), |_| {})?, &["products.averages=true".parse()?])?;
//! let plan = experiment.with(|own| own.consumer(Products::default())).plan()?;
//! let record = plan.run(Engine::local(), |_| {})?;
//! assert!(record.totals.outputs.iter().any(|output| output.path.starts_with("h5_avg/")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod areas;
mod auc;
mod averages;
mod consumer;
mod dff_file;
mod error;
mod glm;
mod image;
mod made;
mod montage;
mod seeds;
mod sums;
mod traces;
mod trials;

pub use consumer::{Product, Products};
pub use error::Error;

// What public signatures are made of, in the versions they are made of.
pub use {widefield, widefield_pipeline, widefield_storage};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
