//! The behaviour log beside the movies: which trial is which condition.

use crate::config::Config;
use crate::error::Error;
use crate::record::{BehaviourRecord, Check, CheckName, Level, OutcomeRecord, Output};
use crate::results::INDICES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield_behaviour::{
    Correction, Log, Matching, ReactionFrom, Score, Stimuli, Trial, Unlabelled, text,
};
use widefield_storage::{Place, mat};

/// What the log says of one movie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What was shown; `None` when the log does not say.
    pub stimulus: Option<String>,
    /// What the animal did, in the log's spelling.
    pub decision: String,
    /// Name of the MAT file; `None` for a stimulus that is missing or not configured.
    pub file_name: Option<String>,
}

/// A parsed log and what the configuration makes of it.
#[derive(Debug)]
pub(crate) struct SessionLog {
    name: String,
    log: Log,
    labels: BTreeMap<u32, Label>,
    /// Running numbers by condition, in order of the configuration.
    conditions: Vec<(String, Vec<u32>)>,
    stimuli: Stimuli,
    score: Score,
}

/// That the log is missing, with the texts that are there instead.
fn no_such_file(data: &Place) -> Result<String, Error> {
    let entries = data.list("")?;
    let is_text = |name: &&str| name.ends_with(".txt") || name.ends_with(".log");
    let texts: Vec<&str> = entries
        .iter()
        .map(|e| e.name.as_str())
        .filter(is_text)
        .collect();
    let most = 8;
    Ok(match texts.len() {
        0 => "there is no such file, and no other text file there".into(),
        n if n > most => format!(
            "there is no such file; texts there: {}, ...",
            texts[..most].join(", ")
        ),
        _ => format!("there is no such file; texts there: {}", texts.join(", ")),
    })
}

impl SessionLog {
    /// Reads the log that the configuration names; `None` if it names none.
    pub(crate) fn load(config: &Config, data: &Place) -> Result<Option<Self>, Error> {
        let Some(name) = &config.data.behaviour_log else {
            return Ok(None);
        };
        let wrong = |cause: String| Error::Log {
            place: data.url().to_owned(),
            name: name.clone(),
            cause,
        };
        if data.head(name)?.is_none() {
            return Err(wrong(no_such_file(data)?));
        }
        let bytes = data.read(name)?;
        let log = Log::from_bytes(&bytes);
        if log.trials().is_empty() {
            let first = log
                .problems()
                .first()
                .map(|p| format!("; {p}"))
                .unwrap_or_default();
            return Err(wrong(format!("holds no trial{first}")));
        }
        Self::new(config, name, log).map(Some).map_err(wrong)
    }

    fn new(config: &Config, name: &str, log: Log) -> Result<Self, String> {
        let stimuli = Stimuli::new(&config.experiment.rules(), Matching::FullName)
            .map_err(|e| e.to_string())?
            .unlabelled(Unlabelled::LeaveOut);
        let mut labels = BTreeMap::new();
        let mut conditions: Vec<(String, Vec<u32>)> = Vec::new();
        for stimulus in &config.experiment.stimulus {
            conditions.push((stimulus.condition().to_owned(), Vec::new()));
        }
        for trial in log.trials() {
            let place = |s: &String| {
                config
                    .experiment
                    .stimulus
                    .iter()
                    .position(|known| known.name == *s)
            };
            let file_name = trial.stimulus.as_ref().and_then(place).map(|i| {
                let (condition, numbers) = &mut conditions[i];
                numbers.push(trial.running);
                format!("cond_{condition}_trial{}.mat", numbers.len())
            });
            let label = Label {
                stimulus: trial.stimulus.clone(),
                decision: trial.decision.to_string(),
                file_name,
            };
            labels.insert(trial.running, label);
        }
        let score = Score::from_trials(log.trials(), &stimuli).map_err(|e| e.to_string())?;
        Ok(Self {
            name: name.to_owned(),
            log,
            labels,
            conditions,
            stimuli,
            score,
        })
    }

    pub(crate) fn label(&self, running: u32) -> Option<Label> {
        self.labels.get(&running).cloned()
    }

    /// Running numbers of all trials.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.labels.keys().copied()
    }

    /// What is wrong with the log by itself.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let problems = self.log.problems();
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
        let message = if problems.is_empty() {
            format!("{}: every line was understood", self.name)
        } else {
            format!("{}: {}", self.name, listed.join("; "))
        };
        let value = problems.len() as f64;
        checks.push(Check::new(CheckName::LogLines, level, value, 0.0, message));

        checks.extend(self.unlisted());
        checks
    }

    /// Stimuli of the log that are not configured, with what they may be called there.
    fn unlisted(&self) -> Option<Check> {
        let shown = || {
            self.log
                .trials()
                .iter()
                .filter_map(|t| t.stimulus.as_deref())
        };
        let unlisted = self.stimuli.unlisted(shown());
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
        let message = format!(
            "{}: stimuli that are not configured: {}; configured: {configured}; spell [[experiment.stimulus]] entries as the log does to have them scored and written for OCIA",
            self.name,
            names.join(", ")
        );
        // A list of which nothing is ever shown is a mistake; stimuli beside it may be left out on purpose.
        let some = shown().any(|s| self.stimuli.correct(s).is_some());
        let level = match some || self.stimuli.iter().next().is_none() {
            true => Level::Warn,
            false => Level::Fail,
        };
        let name = CheckName::UnknownStimulus;
        Some(Check::new(name, level, value, 0.0, message))
    }

    pub(crate) fn record(&self) -> BehaviourRecord {
        let s = &self.score;
        let d_prime = s.d_prime(Correction::default());
        BehaviourRecord {
            trials: self.log.trials().len(),
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
            outcomes: self.log.trials().iter().map(|t| self.outcome(t)).collect(),
        }
    }

    fn outcome(&self, trial: &Trial) -> OutcomeRecord {
        let verdict = self.stimuli.judge(trial).ok();
        let outcome = verdict.and_then(|verdict| verdict.outcome());
        let reaction = trial.reaction_time(ReactionFrom::Report);
        OutcomeRecord {
            trial: trial.running,
            outcome: outcome.map_or_else(|| "left out".into(), |o| o.to_string()),
            reaction_s: reaction.map(|r| r.as_secs_f64()),
        }
    }

    /// Running number and start of every trial, seconds since 1970 of the rig's clock.
    pub(crate) fn starts(&self) -> Vec<(u32, f64)> {
        let epoch = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);
        let since = |t: &Trial| (t.running, t.start.duration_since(epoch).as_secs_f64());
        self.log.trials().iter().map(since).collect()
    }

    /// Writes both texts and the trial indices.
    pub(crate) fn write(
        &self,
        config: &Config,
        output: &Place,
    ) -> Result<Vec<Output>, widefield_storage::Error> {
        let mut files = vec![
            (
                config.output.beside("TrialList.txt"),
                text::trial_list(self.log.trials()).into_bytes(),
            ),
            (
                config.output.beside("BehaviourPerformance.txt"),
                text::performance(&self.score, &self.stimuli).into_bytes(),
            ),
        ];
        let rows: Vec<_> = self
            .conditions
            .iter()
            .filter(|(_, numbers)| !numbers.is_empty())
            .collect();
        if !config.output.mat.is_empty() && !rows.is_empty() {
            let mut indices = mat::MatFile::new().verify(config.output.verify);
            for (condition, numbers) in rows {
                let numbers: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
                indices = indices.row(format!("tr_{condition}"), &numbers);
            }
            let bytes = indices.encode(config.output.compression)?;
            files.push((format!("{}/{INDICES}", config.output.mat), bytes));
        }
        files
            .into_iter()
            .map(|(name, bytes)| Ok(output.put(&name, bytes)?.into()))
            .collect()
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
