//! Requests in lines to workers on a cluster, an answer in a line for each.
//!
//! A worker is a program that can be started somewhere, reads one line and writes one; what they say is between it and
//! whoever asks. A [`Cluster`] answers rounds of such requests. [`Slurm`] and [`Spark`] are such clusters, and anything
//! that implements the trait is one:
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use widefield_cluster::{Cluster, ClusterError, Ended, Heard, Line};
//!
//! /// Answers in this process.
//! struct Here;
//!
//! impl Cluster for Here {
//!     fn round(
//!         &mut self,
//!         requests: &[Line],
//!         cancelled: &AtomicBool,
//!         tell: &mut dyn FnMut(Heard),
//!     ) -> Result<Ended, ClusterError> {
//!         for (index, request) in requests.iter().enumerate() {
//!             if cancelled.load(Ordering::Relaxed) {
//!                 break;
//!             }
//!             tell(match request.json.parse::<f64>() {
//!                 Ok(number) => Heard::Reply { index, line: (2.0 * number).to_string() },
//!                 Err(error) => Heard::Failed { index, error: error.to_string() },
//!             });
//!         }
//!         Ok(Ended::Here)
//!     }
//! }
//!
//! let mut told = Vec::new();
//! let requests = [Line::new("a", "21"), Line::new("b", "many")];
//! Here.round(&requests, &AtomicBool::new(false), &mut |heard| told.push(heard))?;
//! assert_eq!(told[0], Heard::Reply { index: 0, line: "42".into() });
//! assert!(matches!(&told[1], Heard::Failed { index: 1, .. }));
//! # Ok::<(), ClusterError>(())
//! ```

mod error;
mod round;
mod shipping;
#[cfg(feature = "slurm")]
pub mod slurm;
#[cfg(feature = "spark")]
pub mod spark;

pub use error::ClusterError;
pub use round::{Cluster, Ended, Heard, Line, Unanswered};
pub use shipping::{executable, forwarded, write_lines, write_private};
#[cfg(feature = "slurm")]
pub use slurm::Slurm;
#[cfg(feature = "spark")]
pub use spark::Spark;

/// The example of the README is a test.
#[cfg(all(doctest, feature = "slurm"))]
#[doc = include_str!("../README.md")]
struct Readme;
