//! Behaviour logs of Go / No-Go texture discrimination: log text to events, trials and scores.
//!
//! A log is a tab-separated text with one event per line, written by the behaviour program of the
//! Helmchen lab (University of Zurich). No description of it is published; what is known comes from
//! programs that read such logs. Where those differ, [`Rules`] names the choice, and
//! [`Rules::notebook`] follows the notebook that this workspace stands in for.
//!
//! The crate takes text and returns values: it reads no files, prints nothing and knows no images.
//!
//! # Score a session
//!
//! ```
//! use widefield_behaviour::Correct::{Go, NoGo};
//! use widefield_behaviour::{Correction, Log, Matching, Score, Stimuli, text};
//!
//! # let text = include_str!("../tests/data/every_decision.txt");
//! let log = Log::parse(text)?; // or Log::read(text), which keeps what is sound
//! let stimuli = Stimuli::new(&[("Texture 1 P100", Go), ("Texture 7 P1200", NoGo)], Matching::FullName)?;
//! let score = Score::from_trials(log.trials(), &stimuli)?;
//! println!("{} hits, d' {:.2}", score.hits(), score.d_prime(Correction::default()));
//! print!("{}", text::performance(&score, &stimuli));
//! # assert_eq!((score.hits(), score.misses(), score.early()), (1, 2, 2));
//! # Ok::<(), widefield_behaviour::Error>(())
//! ```

mod assemble;
mod course;
mod date;
mod encoding;
mod error;
mod event;
mod interval;
mod line;
mod log;
mod outcome;
pub mod pairing;
mod parse;
mod problem;
mod reaction;
mod rules;
mod score;
pub mod sdt;
mod stimuli;
mod stimulus;
pub mod table;
pub mod text;
mod time;
mod trial;
pub mod write;

pub use course::{Session, Window, learning_curve, sliding};
pub use date::DateOrder;
pub use error::Error;
pub use event::{Decision, Event, Recording};
pub use interval::{Interval, wilson};
pub use log::Log;
pub use outcome::{Outcome, Verdict};
pub use problem::{Done, Problem, What};
pub use reaction::{quantiles, reaction_times_s};
pub use rules::Rules;
pub use score::Score;
pub use sdt::Correction;
pub use stimuli::{Matching, Stimuli, Unlabelled, Unlisted, nearest};
pub use stimulus::{Correct, condition};
pub use time::{format_date_time, parse_date_time};
pub use trial::{OtherEvent, ReactionFrom, Reward, Trial};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
