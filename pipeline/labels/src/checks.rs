//! What is wrong with log and table, and with how movies fit them.

use crate::{Entry, Labels};
use widefield_behaviour::{Correct, Outcome};
use widefield_experiment::{Align, Config, Kind, Match};
use widefield_record::{Check, CheckName, Level};

impl Labels {
    /// Checks of the session: lines that could not be used, stimuli that are not configured, movies without entry and
    /// entries without movie.
    #[must_use]
    pub fn checks(&self, config: &Config) -> Vec<Check> {
        let mut checks = Vec::new();
        checks.extend(self.log_lines());
        checks.extend(self.table(config));
        checks.extend(self.outcomes(config));
        // Recordings without stimulus bear their own names.
        if config.experiment.kind == Kind::Trials {
            checks.extend(self.unlisted());
        }
        checks.push(self.matched());
        checks
    }

    /// Checks of the movie at that place, which has that number: one for a trial that gets no name of a condition, one
    /// without onset where trials are aligned by theirs.
    #[must_use]
    pub fn checks_of(&self, config: &Config, movie: usize, number: Option<u32>) -> Vec<Check> {
        let entry = self.of(movie);
        let mut checks = Vec::new();
        let named = config.experiment.kind == Kind::Spontaneous;
        if let Some(why) = self.unlabelled(config, entry, number).filter(|_| !named) {
            let message = format!("{why}; HDF5 is written, MAT is not");
            checks.push(Check::found(CheckName::Label, Level::Warn, message));
        }
        let timing = &config.experiment;
        let aligned = timing.align == Align::Log && timing.kind == Kind::Trials;
        if aligned && entry.is_none_or(|entry| entry.onset.is_none()) {
            let why = match entry {
                Some(entry) if entry.unrelated => {
                    "the table gives the time of day of its onset, which without the log's begin of the recording says \
                     nothing of the movie's frames; give onset_s"
                }
                Some(Entry {
                    trial: Some(trial), ..
                }) if trial.damaged => {
                    "lines of its trial in the log cannot be used; give its onset_s in a table"
                }
                Some(Entry { row: Some(row), .. }) => &format!("{row} of the table gives no onset"),
                _ => "neither log nor table give its onset",
            };
            let message = format!(
                "{why}; its time 0 is {} s after its first frame, as experiment.first_frame_s says",
                0.0 - timing.first_frame_s
            );
            checks.push(Check::found(CheckName::Onset, Level::Warn, message));
        }
        checks
    }

    /// Why a movie gets no name of a condition.
    fn unlabelled(
        &self,
        config: &Config,
        entry: Option<&Entry>,
        number: Option<u32>,
    ) -> Option<String> {
        let called = self.sources.called();
        let Some(entry) = entry else {
            let why = match (number, &config.data.name) {
                _ if self.sources.by_file() => "no row names its file".to_owned(),
                _ if config.data.matching == Match::Time => {
                    "it is not known when it began, or its trial has no end".to_owned()
                }
                _ if config.data.matching == Match::Order => {
                    "its place is that of a trial without end".to_owned()
                }
                (Some(n), None) => {
                    format!("none of trial {n}, the number after the last _ of its name")
                }
                (Some(n), Some(_)) => format!("none of trial {n}, as data.name reads its name"),
                (None, None) => "its name does not end in _ and the number of a trial".to_owned(),
                (None, Some(pattern)) => {
                    format!("data.name = \"{pattern}\" reads no number in its name")
                }
            };
            return Some(format!("the {called} has no entry for this movie: {why}"));
        };
        match (&entry.label.file_name, &entry.label.stimulus) {
            (Some(_), _) => None,
            (None, None) => Some(format!("the {called} names no stimulus for this movie")),
            (None, Some(s)) => Some(format!(
                "the stimulus `{s}` of this movie is not configured"
            )),
        }
    }

    fn log_lines(&self) -> Option<Check> {
        let (name, log) = self.sources.log.as_ref()?;
        let problems = log.problems();
        let damaged = problems.iter().any(|p| p.is_unusable());
        let level = match (problems.is_empty(), damaged) {
            (true, _) => Level::Pass,
            (false, false) => Level::Warn,
            (false, true) => Level::Fail,
        };
        let most = 10;
        let mut listed: Vec<String> = problems
            .iter()
            .take(most)
            .map(ToString::to_string)
            .collect();
        if problems.len() > most {
            listed.push(format!("and {} more", problems.len() - most));
        }
        let message = match problems.is_empty() {
            true => format!("{name}: every line was understood"),
            false => format!("{name}: {}", listed.join("; ")),
        };
        let value = problems.len() as f64;
        Some(Check::new(CheckName::LogLines, level, value, 0.0, message))
    }

    /// How the table was read: what separates its columns is found, not told; and what it does not say.
    fn table(&self, config: &Config) -> Option<Check> {
        let (name, table) = self.sources.table.as_ref()?;
        let mut message = format!(
            "{name}: {} rows, {}s between the columns",
            table.rows().len(),
            table.separator()
        );
        if !table.other().is_empty() {
            message += &format!(
                "; kept without a meaning here: {}",
                table.other().join(", ")
            );
        }
        let has_none = |columns: [&str; 2]| columns.iter().all(|column| !table.has(column));
        let alone = self.sources.log.is_none();
        let timing = &config.experiment;
        let lacks = [
            (
                alone && has_none(["stimulus", "condition"]),
                "no column is called stimulus or condition, so no movie gets a name of what was shown",
            ),
            (
                alone && !timing.stimulus.is_empty() && has_none(["decision", "outcome"]),
                "no column is called decision or outcome, so nothing is scored",
            ),
            (
                self.sources.by_file() && config.data.matching != Match::Number,
                "data.match has no say, since every row names its file",
            ),
        ];
        let lacks: Vec<&str> = lacks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, what)| *what)
            .collect();
        let level = if lacks.is_empty() {
            Level::Pass
        } else {
            Level::Warn
        };
        for what in lacks {
            message += &format!("; {what}");
        }
        Some(Check::found(CheckName::Table, level, message))
    }

    /// Outcomes and conditions of the table that the stimulus of their row cannot have.
    fn outcomes(&self, config: &Config) -> Option<Check> {
        let (name, _) = self.sources.table.as_ref()?;
        let wrong = self.entries.iter().filter_map(|entry| {
            let stimulus = entry.label.stimulus.as_deref()?;
            let line = entry.row.as_ref()?.line;
            let other = |condition: &&str| {
                config
                    .experiment
                    .stimulus(stimulus)
                    .is_some_and(|s| s.condition() != *condition)
            };
            if let Some(condition) = entry.given.as_deref().filter(other) {
                return Some(format!("line {line}, condition {condition} of {stimulus}"));
            }
            let outcome = entry.given_outcome?;
            let of_other = match self.stimuli.correct(stimulus)? {
                Correct::Go => [Outcome::CorrectRejection, Outcome::FalseAlarm],
                Correct::NoGo => [Outcome::Hit, Outcome::Miss],
            };
            of_other
                .contains(&outcome)
                .then(|| format!("line {line}, {outcome} to {stimulus}"))
        });
        let wrong: Vec<String> = wrong.collect();
        (!wrong.is_empty()).then(|| {
            let message = format!(
                "{name}: outcomes or conditions that the [[experiment.stimulus]] of their row does not have, taken as they stand: {}",
                wrong.join("; ")
            );
            Check::new(CheckName::Outcome, Level::Warn, wrong.len() as f64, 0.0, message)
        })
    }

    /// Stimuli that are not configured, with what they may be called there.
    fn unlisted(&self) -> Option<Check> {
        let unnamed = self.entries.iter().filter(|entry| entry.given.is_none());
        let shown: Vec<&str> = unnamed
            .filter_map(|entry| entry.label.stimulus.as_deref())
            .collect();
        let unlisted = self.stimuli.unlisted(shown.iter().copied());
        if unlisted.is_empty() {
            return None;
        }
        let names = unlisted.iter().map(|u| {
            let near = u.nearest.map(|name| format!(", like `{name}`"));
            let near = near.unwrap_or_default();
            format!("`{}` ({} trials{near})", u.stimulus, u.trials)
        });
        let names: Vec<String> = names.collect();
        let configured: Vec<String> = self
            .stimuli
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let configured = match configured.is_empty() {
            true => "none".to_owned(),
            false => configured.join(", "),
        };
        let value = unlisted.len() as f64;
        let of_log = self.sources.log.iter().map(|(name, _)| name.as_str());
        let of_table = self.sources.table.iter().map(|(name, _)| name.as_str());
        let source = of_log.chain(of_table).collect::<Vec<_>>().join(", ");
        let called = self.sources.called();
        let message = format!(
            "{source}: stimuli that are not configured: {}; configured: {configured}; spell [[experiment.stimulus]] entries as the {called} does to have them scored and written for OCIA",
            names.join(", ")
        );
        // A list of which nothing is ever shown is a mistake; stimuli beside it may be left out on purpose.
        let some = shown.iter().any(|s| self.stimuli.correct(s).is_some());
        let level = match some || self.stimuli.iter().next().is_none() {
            true => Level::Warn,
            false => Level::Fail,
        };
        let name = CheckName::UnknownStimulus;
        Some(Check::new(name, level, value, 0.0, message))
    }

    /// Whether movies and entries belong together one to one.
    fn matched(&self) -> Check {
        let called = self.sources.called();
        let movies = self.of.iter().zip(&self.files);
        let no_entry: Vec<&str> = movies
            .filter(|(entry, _)| entry.is_none())
            .map(|(_, file)| file.as_str())
            .collect();
        let lonely = self.entries.iter().filter(|entry| entry.movie.is_none());
        let no_movie: Vec<String> = lonely.map(Entry::name).collect();
        let unmatched = no_entry.len() + no_movie.len();
        let mut parts = Vec::new();
        if !no_entry.is_empty() {
            parts.push(format!(
                "movies without an entry in the {called}: {}",
                no_entry.join(", ")
            ));
        }
        if !no_movie.is_empty() {
            parts.push(format!(
                "trials of the {called} without a movie: {}",
                no_movie.join(", ")
            ));
        }
        let (level, message) = match unmatched {
            0 => (
                Level::Pass,
                format!("every movie has its entry in the {called}, and every entry its movie"),
            ),
            _ => (Level::Warn, parts.join("; ")),
        };
        Check::new(CheckName::LogMatch, level, unmatched as f64, 0.0, message)
    }
}
