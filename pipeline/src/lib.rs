//! From DCIMG movies and a behaviour log to dF/F: the whole job, in order.
//!
//! Widefield (one-photon, mesoscale) calcium imaging films the cortex through the skull, one movie a trial. This
//! crate composes the libraries [`dcimg`], [`widefield`], [`widefield_behaviour`] and [`widefield_storage`] into the
//! job a lab runs on a session: read, repair and resize each movie, estimate the background, mask the dark
//! surround, compute dF/F, write HDF5 and MAT files, score the task, and let others report. It holds the order of steps, the
//! configuration and the engines; every formula is in a library.
//!
//! # Run a session
//!
//! ```no_run
//! use widefield_pipeline::{Engine, Event, Experiment};
//!
//! let plan = Experiment::load("experiment.toml")?.plan()?;
//! let record = plan.run(Engine::local(), |event| {
//!     if let Event::Ended { record } = event {
//!         println!("{}: {:?}", record.file, record.status);
//!     }
//! })?;
//! println!("{} of {} trials", record.totals.done(), record.totals.trials);
//! # Ok::<(), widefield_pipeline::Error>(())
//! ```
//!
//! # Analyse a movie, or put a step of one's own into a session
//!
//! [`Steps::analyse`] takes an array; the order of steps is the module [`order_of_steps`], the traits behind which they
//! stand is [`step`].
//!
//! # Simulate one first
//!
//! ```
//! use widefield_pipeline::{Engine, Experiment, simulate};
//!
//! let dir = tempfile::tempdir()?;
//! let session = simulate::Session { trials: 2, size: 64, frames: 20, ..Default::default() };
//! let experiment = session.write(dir.path(), |_file| {})?;
//! let record = Experiment::load(&experiment)?.plan()?.run(Engine::local(), |_| {})?;
//! assert!(record.all_done());
//! assert_eq!(record.totals.ok, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claim;
pub mod consumer;
pub mod contract;
mod engine;
mod error;
mod manifest;
mod movie;
mod observer;
pub mod order_of_steps;
mod plan;
mod results;
mod run;
pub mod step;
mod trial;
pub mod worker;

pub use engine::Engine;
pub use error::{Error, MaskError};
pub use observer::Observer;
pub use order_of_steps::{Analysis, Steps};
pub use plan::{Experiment, Outputs, Plan, Said, TrialPlan, Why, Work};
pub use recording::MovieStore;
pub use run::{Event, run_all};
pub use step::{Own, StepError};

pub use widefield_cluster::ClusterError;
#[cfg(feature = "slurm")]
pub use widefield_cluster::Slurm;
#[cfg(feature = "spark")]
pub use widefield_cluster::Spark;

/// Engines that have their workers elsewhere.
pub use widefield_cluster as cluster;
/// What `experiment.toml` says.
pub use widefield_experiment as config;
/// Which movie is which trial: behaviour log and table.
pub use widefield_labels as labels;
pub use widefield_labels::Label;
/// What a run leaves behind for machines: the content of `run.json`, and how it is judged.
pub use widefield_record as record;
/// DCIMG movies on a disk or in a store.
pub use widefield_recording as recording;
/// A whole simulated session on disk: movies, behaviour log, `experiment.toml`, and the truth.
#[cfg(feature = "simulate")]
pub use widefield_simulate as simulate;
// What public signatures are made of, in the versions they are made of.
pub use {dcimg, ndarray, widefield, widefield_behaviour, widefield_storage};

/// Version of the software, as it stands in every output.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
