//! What people look at: the report of a run, and pictures and films of the movies of widefield calcium imaging.
//!
//! # A session with a report
//!
//! ```
//! use widefield_pipeline::{Engine, Experiment};
//! use widefield_report::Report;
//! # use widefield_pipeline::simulate::Session;
//! # let dir = tempfile::tempdir()?;
//! # let session = Session { trials: 1, size: 32, frames: 20, ..Session::default() };
//! # let experiment = session.write(dir.path(), |_file| {})?;
//!
//! let plan = Experiment::load(&experiment)?.with(|own| own.consumer(Report)).plan()?;
//! plan.run(Engine::local(), |_| {})?;
//! assert!(dir.path().join("report.html").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A picture of a movie
//!
//! Of an HDF5 file that a run has written, or a DCIMG recording.
//!
//! ```
//! use widefield_report::view::{Movie, OpenOptions, Show, View};
//! # use ndarray::Array3;
//! # use widefield_storage::{Dataset, Place};
//! # let dir = tempfile::tempdir()?;
//! # let movie = Array3::from_shape_fn((20, 32, 48), |(t, y, x)| (t + y + x) as f32);
//! # let place = Place::open(dir.path().to_str().ok_or("no UTF-8")?)?;
//! # let mut file = place.create_hdf5("trial_1.h5", Dataset::new("mov", [20, 32, 48]))?;
//! # file.push(movie.view())?;
//! # file.finish()?;
//! # let (input, output) = (dir.path().join("trial_1.h5"), dir.path().join("mean.png"));
//! # let input = input.to_str().ok_or("no UTF-8")?;
//!
//! let movie = Movie::open(input, &OpenOptions::default())?;
//! let mut view = View::default();
//! view.show = Show::Mean;
//! view.save(&movie, &output)?;
//! assert!(output.exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod report;
pub mod view;

pub use report::Report;

// What public signatures are made of, in the versions they are made of.
pub use {widefield, widefield_pipeline, widefield_storage};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
