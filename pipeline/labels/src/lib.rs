//! Which movie is which trial: labels, onsets and scores from a behaviour log, a table of trials, or both.
//!
//! ```
//! use widefield_labels::{Labels, Movie, Sources};
//! use widefield_storage::Place;
//!
//! let data = Place::open("memory://")?;
//! let table = "file,condition,outcome,onset_s\nrec-000001,A,hit,3.02\nrec-000002,B,miss,2.98\n";
//! data.put("trials.csv", table)?;
//! let mut config = widefield_experiment::Config::new("rec-");
//! config.data.trials = Some("trials.csv".into());
//!
//! let movies = [Movie::new("rec-000001"), Movie::new("rec-000002")];
//! let sources = Sources::load(&config, &data)?.expect("a table");
//! let labels = Labels::new(&config, sources, &movies)?;
//! let second = labels.of(1).expect("a row");
//! assert_eq!(second.label.file_name.as_deref(), Some("cond_B_trial1.mat"));
//! assert_eq!(second.onset.map(|onset| onset.s), Some(2.98));
//! assert_eq!(labels.record().hits, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checks;
mod error;
mod files;
mod merge;
pub mod movies;
mod pair;
mod sources;

pub use error::{Cell, Error};
pub use files::{INDICES, PERFORMANCE, TRIAL_LIST};
pub use movies::Movies;
pub use sources::Sources;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield_behaviour::table::stem;
use widefield_behaviour::{Outcome, Recording, Score, Stimuli, Trial, Verdict};
use widefield_record::{BehaviourRecord, Onset, OutcomeRecord};

// What public signatures are made of, in the versions they are made of.
pub use {widefield_behaviour, widefield_experiment, widefield_record, widefield_storage};

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What a movie has that may say which trial it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Movie<'a> {
    /// Its name.
    pub file: &'a str,
    /// The number of the trial in it.
    pub number: Option<u32>,
    /// When it began, in seconds since 1970 of a clock without time zone; needed under `match = "time"` only.
    pub begin_s: Option<f64>,
}

impl<'a> Movie<'a> {
    /// A movie of which nothing but the name is known.
    #[must_use]
    pub fn new(file: &'a str) -> Self {
        Self {
            file,
            number: None,
            begin_s: None,
        }
    }

    /// The name without a `.dcimg` ending.
    #[must_use]
    pub fn stem(&self) -> &'a str {
        stem(self.file)
    }
}

/// What results of a movie depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What was shown; `None` where nothing says it.
    pub stimulus: Option<String>,
    /// What the animal did, in the log's spelling; `None` where nothing says it.
    pub decision: Option<String>,
    /// Name of the MAT file; `None` without a condition.
    pub file_name: Option<String>,
}

/// A trial as log and table have it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// What results depend on.
    pub label: Label,
    /// Name of what was shown in files; `None` where nothing says it.
    pub condition: Option<String>,
    /// When the stimulus began, after the movie's first frame.
    pub onset: Option<Onset>,
    /// When what `products.align` names happened, seconds after the movie's first frame; `None` also where that is the onset.
    pub aligned_s: Option<f64>,
    /// What becomes of it in the score.
    pub verdict: Verdict,
    /// Is in no score, though its movie is processed.
    pub exclude: bool,
    /// The table's own columns.
    pub columns: BTreeMap<String, String>,
    /// The number it goes by.
    running: u32,
    /// The place of its movie.
    movie: Option<usize>,
    /// Its trial of the log, corrected by the table.
    trial: Option<Trial>,
    /// Where the table names its movie.
    row: Option<Cell>,
    /// A file that the table names.
    file: Option<String>,
    /// An outcome that the table names.
    given_outcome: Option<Outcome>,
    /// A condition that the table names.
    given: Option<String>,
    /// A time of the table that nothing relates to the movie's first frame.
    unrelated: bool,
}

impl Entry {
    /// `hit`, `miss`, ...; `left out` if it is in no score.
    #[must_use]
    pub fn outcome(&self) -> String {
        let outcome = self.verdict.outcome();
        outcome.map_or_else(|| "left out".into(), |outcome| outcome.to_string())
    }

    /// Its number in the log.
    #[must_use]
    pub fn logged(&self) -> Option<u32> {
        self.trial.as_ref().map(|trial| trial.running)
    }

    /// What it is called in a list.
    fn name(&self) -> String {
        let name = self.file.clone();
        let name = name.unwrap_or_else(|| self.running.to_string());
        match &self.row {
            Some(row) => format!("{name}: {row}"),
            None => name,
        }
    }
}

/// The trials of a session, and their movies.
#[derive(Debug)]
pub struct Labels {
    sources: Sources,
    /// In the order of the log, then of the table.
    entries: Vec<Entry>,
    /// The place of each movie's entry.
    of: Vec<Option<usize>>,
    /// Names of the movies.
    files: Vec<String>,
    /// Running numbers by condition, in order of the configuration, then of the table.
    conditions: Vec<(String, Vec<u32>)>,
    stimuli: Stimuli,
    score: Score,
}

impl Labels {
    /// The entry of the movie at that place.
    #[must_use]
    pub fn of(&self, movie: usize) -> Option<&Entry> {
        self.entries.get((*self.of.get(movie)?)?)
    }

    /// All entries: those of the log in its order, then the rows of the table that have none.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Counts of the task.
    #[must_use]
    pub fn record(&self) -> BehaviourRecord {
        let s = &self.score;
        let finite = |value: f64| value.is_finite().then_some(value);
        let d_prime = s.d_prime(widefield_behaviour::Correction::default());
        BehaviourRecord {
            trials: self.entries.len(),
            go_trials: s.go_trials(),
            no_go_trials: s.no_go_trials(),
            hits: s.hits(),
            correct_rejections: s.correct_rejections(),
            misses: s.misses(),
            false_alarms: s.false_alarms(),
            early: s.early(),
            unscored: s.unscored(),
            left_out: s.left_out() + s.damaged(),
            d_prime: (s.go_trials() > 0 && s.no_go_trials() > 0 && d_prime.is_finite())
                .then_some(d_prime),
            hit_rate: finite(s.hit_rate()),
            false_alarm_rate: finite(s.false_alarm_rate()),
            outcomes: self.entries.iter().map(outcome_record).collect(),
        }
    }

    /// Number and begin of the trials of the log, in seconds since 1970 of the rig's clock.
    #[must_use]
    pub fn starts(&self) -> Vec<(u32, f64)> {
        let logged = self.entries.iter().filter_map(|entry| entry.trial.as_ref());
        logged
            .map(|trial| (trial.running, seconds_at(trial.start)))
            .collect()
    }
}

fn outcome_record(entry: &Entry) -> OutcomeRecord {
    let report = widefield_behaviour::ReactionFrom::Report;
    let reaction = entry
        .trial
        .as_ref()
        .and_then(|trial| trial.reaction_time(report));
    OutcomeRecord {
        trial: entry.running,
        outcome: entry.outcome(),
        reaction_s: reaction.map(|r| r.as_secs_f64()),
    }
}

/// A moment without time zone as seconds since 1970, as [`Movie::begin_s`].
#[must_use]
pub fn seconds_at(moment: jiff::civil::DateTime) -> f64 {
    let epoch = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);
    moment.duration_since(epoch).as_secs_f64()
}

/// Whether the camera may have recorded a trial of the log.
fn recorded(trial: &Trial) -> bool {
    trial.recording != Recording::No
}
