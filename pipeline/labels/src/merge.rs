//! Log and table as one list of trials.

use crate::error::Cell;
use crate::pair::Pairs;
use crate::{Entry, Error, Label, Labels, Movie, Sources, recorded};
use std::collections::{BTreeMap, BTreeSet};
use widefield_behaviour::table::{self, Row, Table};
use widefield_behaviour::{Decision, Matching, Stimuli, Trial, Unlabelled, Verdict};
use widefield_experiment::{Config, Kind, Stimulus};
use widefield_record::{Onset, OnsetFrom};
use widefield_storage::mat;

impl Labels {
    /// Finds the entry of each movie, and what log and table say of it: what a row leaves empty is the log's.
    ///
    /// # Errors
    /// [`Error::Row`] for a row that contradicts another or has a condition that no file can bear, [`Error::Pairing`] where
    /// movies and entries do not belong together one to one under `match = "order"` or `"time"`; [`Error::Stimuli`].
    pub fn new(config: &Config, sources: Sources, movies: &[Movie<'_>]) -> Result<Self, Error> {
        let pairs = Pairs::find(config, &sources, movies)?;
        let rules = config.experiment.rules();
        let stimuli = Stimuli::new(&rules, Matching::FullName)?.unlabelled(Unlabelled::LeaveOut);
        let merging = Merging {
            config,
            stimuli: &stimuli,
        };

        let logged = sources.log.iter().flat_map(|(_, log)| log.trials());
        let mut entries: Vec<Entry> = logged
            .zip(&pairs.log)
            .map(|(trial, movie)| merging.of_log(trial, *movie))
            .collect();
        let of_log = entries.len();
        let by_running: BTreeMap<u32, usize> =
            (0..of_log).map(|i| (entries[i].running, i)).collect();
        let mut of = vec![None; movies.len()];
        for (i, entry) in entries.iter().enumerate() {
            if let Some(movie) = entry.movie {
                of[movie] = Some(i);
            }
        }
        if let Some((name, table)) = &sources.table {
            for (row, movie) in table.rows().iter().zip(&pairs.table) {
                let wrong = |cause: String| Error::Row {
                    name: name.clone(),
                    at: Cell::of(table, row, "trial"),
                    cause,
                };
                // A movie that is gone may still say in its name which trial of the log it was.
                let lost = || {
                    config
                        .data
                        .number(row.file.as_deref().filter(|_| movie.is_none())?)
                };
                let trial = row.trial.or_else(lost);
                let by_trial = trial.and_then(|trial| by_running.get(&trial).copied());
                let by_movie = movie.and_then(|movie| of[movie]);
                let found = match (by_movie, by_trial) {
                    (Some(own), Some(other)) if own != other => {
                        let (own, other) = (entries[own].running, entries[other].running);
                        return Err(wrong(format!(
                            "its movie is that of trial {own} of the log, not of {other}"
                        )));
                    }
                    (Some(own), None) if row.trial.is_some() => {
                        let own = entries[own].running;
                        return Err(wrong(format!(
                            "its movie is that of trial {own} of the log, which has no such one"
                        )));
                    }
                    (own, other) => own.or(other),
                };
                let at = match found {
                    Some(at) => at,
                    None => {
                        let number = movie.and_then(|m| movies[m].number);
                        let place = u32::try_from(entries.len() + 1).unwrap_or(u32::MAX);
                        let running = trial.or(number).unwrap_or(place);
                        entries.push(merging.empty(running, *movie));
                        entries.len() - 1
                    }
                };
                let entry = &mut entries[at];
                if let Some(other) = &entry.row {
                    return Err(wrong(format!("line {} is of the same trial", other.line)));
                }
                if let Some(movie) = *movie {
                    match entry.movie {
                        Some(other) if other != movie => {
                            let (running, file) = (entry.running, movies[other].file);
                            return Err(wrong(format!(
                                "the movie of trial {running} of the log is {file}"
                            )));
                        }
                        _ => (entry.movie, of[movie]) = (Some(movie), Some(at)),
                    }
                }
                merging.correct(entry, table, row);
            }
            merging.refuse_bad_conditions(name, table)?;
        }
        // Numbers of several animals, say, are none of the session.
        let distinct: BTreeSet<u32> = entries.iter().map(|entry| entry.running).collect();
        if of_log == 0 && distinct.len() < entries.len() {
            for (place, entry) in (1..).zip(&mut entries) {
                entry.running = place;
            }
        }
        let conditions = merging.name_files(&mut entries);
        Ok(Self {
            score: entries.iter().map(|entry| entry.verdict).collect(),
            files: movies.iter().map(|movie| movie.file.to_owned()).collect(),
            sources,
            entries,
            of,
            conditions,
            stimuli,
        })
    }
}

struct Merging<'a> {
    config: &'a Config,
    stimuli: &'a Stimuli,
}

impl Merging<'_> {
    fn empty(&self, running: u32, movie: Option<usize>) -> Entry {
        Entry {
            label: Label::default(),
            onset: None,
            aligned_s: None,
            verdict: Verdict::LeftOut,
            exclude: false,
            columns: BTreeMap::new(),
            running,
            movie,
            trial: None,
            row: None,
            file: None,
            given_outcome: None,
            given: None,
            condition: None,
            unrelated: false,
        }
    }

    fn of_log(&self, trial: &Trial, movie: Option<usize>) -> Entry {
        // A begin line that cannot be used does not say when the recording began.
        let onset = (recorded(trial) && !trial.damaged)
            .then(|| trial.stimulus_onset())
            .flatten();
        Entry {
            label: Label {
                stimulus: trial.stimulus.clone(),
                decision: Some(trial.decision.to_string()),
                file_name: None,
            },
            onset: onset.and_then(|moment| self.onset(after(trial, moment), OnsetFrom::Log)),
            aligned_s: self.event(trial),
            verdict: self.stimuli.judge(trial).unwrap_or(Verdict::LeftOut),
            trial: Some(trial.clone()),
            ..self.empty(trial.running, movie)
        }
    }

    /// When what products are aligned to happened, by the log.
    fn event(&self, trial: &Trial) -> Option<f64> {
        let usable = recorded(trial) && !trial.damaged;
        let licked = matches!(
            trial.decision,
            Decision::Go | Decision::InappropriateResponse
        );
        let moment = match self.config.products.align.as_str() {
            "response_cue" => trial.report_at,
            "answer" => trial.decision_at.filter(|_| licked),
            "reward" => trial.rewards.first().map(|reward| reward.at),
            _ => None,
        };
        Some(after(trial, moment.filter(|_| usable)?))
    }

    /// Where trials have a time 0.
    fn onset(&self, s: f64, from: OnsetFrom) -> Option<Onset> {
        (self.config.experiment.kind == Kind::Trials).then_some(Onset { s, from })
    }

    /// What a row says goes before what the log says.
    fn correct(&self, entry: &mut Entry, table: &Table, row: &Row) {
        let label = &mut entry.label;
        let named = row.stimulus.as_deref().or_else(|| {
            let condition = row.condition.as_deref()?;
            let configured = self.config.experiment.stimulus.iter();
            let mut configured = configured.filter(|known| known.condition() == condition);
            configured.next().map(|known| known.name.as_str())
        });
        if let Some(stimulus) = named {
            label.stimulus = Some(stimulus.to_owned());
        }
        if let Some(decision) = row.decision {
            label.decision = Some(decision.to_string());
        }
        let moment = match row.onset {
            Some(table::Onset::Seconds(s)) => Some(s),
            // The rig's clock is related to the movie's by the log alone.
            Some(table::Onset::At(moment)) => {
                let trial = entry.trial.as_ref().filter(|t| recorded(t) && !t.damaged);
                entry.unrelated = trial.is_none();
                trial.map(|trial| after(trial, moment))
            }
            None => None,
        };
        if let Some(s) = moment {
            entry.onset = self.onset(s, OnsetFrom::Table);
        }
        entry.exclude = row.exclude;
        entry.row = Some(Cell::of_movie(table, row));
        entry.file.clone_from(&row.file);
        entry.given.clone_from(&row.condition);
        entry.given_outcome = row.outcome;
        let filled = table.other().iter().cloned().zip(row.other.iter().cloned());
        entry.columns = filled.filter(|(_, cell)| !cell.is_empty()).collect();
        if let Some(cell) = entry.columns.get(&self.config.products.align) {
            entry.aligned_s = cell.parse().ok().filter(|s: &f64| s.is_finite());
        }
        if let Some(trial) = &mut entry.trial {
            trial.stimulus.clone_from(&entry.label.stimulus);
            trial.decision = row.decision.unwrap_or(trial.decision);
            // What the lines that were lost may have held stands in the row.
            trial.damaged &= named.is_none() || row.decision.is_none();
        }
        entry.verdict = match (row.exclude, row.outcome, &entry.trial) {
            (true, ..) => Verdict::LeftOut,
            (_, Some(outcome), _) => outcome.into(),
            (_, None, Some(trial)) => self.stimuli.judge(trial).unwrap_or(Verdict::LeftOut),
            (_, None, None) => {
                let mut row = row.clone();
                row.stimulus.clone_from(&entry.label.stimulus);
                table.judge(&row, self.stimuli).unwrap_or(Verdict::LeftOut)
            }
        };
    }

    /// Conditions of a table are parts of names of files and variables as they stand.
    fn refuse_bad_conditions(&self, name: &str, table: &Table) -> Result<(), Error> {
        let configured = self.config.experiment.stimulus.iter();
        let mut known: Vec<String> = configured.map(|s| s.condition().to_owned()).collect();
        for row in table.rows() {
            let Some(condition) = &row.condition else {
                continue;
            };
            let wrong = |cause: String| Error::Row {
                name: name.to_owned(),
                at: Cell::of(table, row, "condition"),
                cause,
            };
            if !mat::valid_name(&format!("tr_{condition}")) {
                return Err(wrong(format!(
                    "condition `{condition}` is no part of a valid name in MATLAB; use letters, digits and _"
                )));
            }
            let alike = known.iter().find(|k| k.eq_ignore_ascii_case(condition));
            match alike {
                Some(other) if other != condition => {
                    return Err(wrong(format!(
                        "conditions `{other}` and `{condition}` differ in case only, so their files would collide"
                    )));
                }
                Some(_) => {}
                None => known.push(condition.clone()),
            }
        }
        Ok(())
    }

    /// Gives each entry with a condition the name of its MAT file; running numbers by condition.
    fn name_files(&self, entries: &mut [Entry]) -> Vec<(String, Vec<u32>)> {
        let configured = self.config.experiment.stimulus.iter();
        let mut conditions: Vec<(String, Vec<u32>)> = configured
            .map(|s: &Stimulus| (s.condition().to_owned(), Vec::new()))
            .collect();
        for entry in entries {
            let stimulus = entry.label.stimulus.as_deref();
            let configured = || {
                self.config
                    .experiment
                    .stimulus(stimulus?)
                    .map(Stimulus::condition)
            };
            let Some(condition) = entry.given.as_deref().or_else(configured) else {
                continue;
            };
            let at = conditions.iter().position(|(known, _)| known == condition);
            let at = at.unwrap_or_else(|| {
                conditions.push((condition.to_owned(), Vec::new()));
                conditions.len() - 1
            });
            let (condition, numbers) = &mut conditions[at];
            entry.condition = Some(condition.clone());
            numbers.push(entry.running);
            entry.label.file_name = Some(format!("cond_{condition}_trial{}.mat", numbers.len()));
        }
        conditions
    }
}

/// Seconds from the recording's begin by the log.
fn after(trial: &Trial, moment: jiff::civil::DateTime) -> f64 {
    moment.duration_since(trial.start).as_secs_f64()
}
