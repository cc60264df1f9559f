//! What a run will do, decided before anything is written.

use crate::config::{Config, Existing, Override};
use crate::error::Error;
use crate::label::{Label, SessionLog};
use crate::manifest::comparable;
use crate::record::{Check, Input, Level, Output, RunRecord, TrialRecord};
use crate::trial::Reference;
use crate::worker::{CONTRACT, Decided, Request, Round};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use widefield_storage::{Entry, Place};

/// A checked experiment description.
#[derive(Clone, Debug)]
pub struct Experiment {
    config: Config,
}

impl Experiment {
    /// Reads `experiment.toml`.
    ///
    /// # Errors
    /// [`Error::Config`] with the place in the text.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_with(path, &[])
    }

    /// Reads `experiment.toml` and replaces single values.
    ///
    /// # Errors
    /// [`Error::Config`] with the place in the text, or the override that is wrong.
    pub fn load_with(path: impl AsRef<Path>, overrides: &[Override]) -> Result<Self, Error> {
        let config = Config::load(path.as_ref(), overrides)?;
        Ok(Self { config })
    }

    /// The description, all defaults filled in.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Looks at both places and the log and decides what each trial needs. Writes nothing.
    ///
    /// # Errors
    /// Everything that makes the request unusable; see [`Error`].
    pub fn plan(self) -> Result<Plan, Error> {
        Plan::new(self.config)
    }
}

/// What a run will do.
#[derive(Debug)]
pub struct Plan {
    pub(crate) config: Config,
    pub(crate) data: Place,
    pub(crate) output: Place,
    pub(crate) trials: Vec<TrialPlan>,
    pub(crate) ignored: Vec<String>,
    pub(crate) log: Option<SessionLog>,
    pub(crate) checks: Vec<Check>,
    pub(crate) previous: Option<RunRecord>,
    pub(crate) reference: Reference,
}

/// What one trial needs. As text, for a worker elsewhere, it leaves out [`TrialPlan::work`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrialPlan {
    /// Name of the movie in the data place.
    pub file: String,
    /// The name without a `.dcimg` ending: what outputs are called.
    pub stem: String,
    /// The number after the last `_`.
    pub number: Option<u32>,
    /// What the log says of it.
    pub label: Option<Label>,
    /// Outputs that will be written.
    pub outputs: Outputs,
    /// What identifies the movie.
    pub input: Input,
    /// What is known before the movie is opened.
    pub checks: Vec<Check>,
    /// What an earlier run made of this trial and this one will replace.
    #[serde(default)]
    pub earlier: Vec<Output>,
    /// Names of those that no trial will write any more: removed when the new ones are safe.
    #[serde(default)]
    pub stale: Vec<String>,
    /// Why it has to be done, or the record of an earlier run that did it.
    #[serde(skip)]
    pub work: Work,
}

/// Names of a trial's outputs below the output place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// Resized movie.
    pub movie: Option<String>,
    /// dF/F.
    pub dff: Option<String>,
    /// dF/F for OCIA.
    pub mat: Option<String>,
}

impl Outputs {
    /// Those that are written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.movie, &self.dff, &self.mat]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// Whether a trial is done already.
#[derive(Clone, Debug)]
pub enum Work {
    /// To be done, with the reason.
    Do(&'static str),
    /// Finished earlier and unchanged.
    Keep(Box<TrialRecord>),
}

impl Default for Work {
    fn default() -> Self {
        Self::Do("planned elsewhere")
    }
}

impl Plan {
    fn new(config: Config) -> Result<Self, Error> {
        let data = Place::open(&config.data.url)?;
        let output = Place::open(config.output_url())?;
        let log = SessionLog::load(&config, &data)?;
        let previous = previous_run(&config, &output)?;

        let listing = data.list("")?;
        let (movies, ignored) = find_movies(&config, &data, &listing)?;
        if movies.is_empty() {
            return Err(Error::NothingToDo {
                place: data.url().to_owned(),
                prefix: config.data.prefix.clone(),
                seen: seen(&listing, &ignored),
            });
        }
        refuse_same_trial(&movies)?;

        let mut trials: Vec<TrialPlan> = movies
            .into_iter()
            .map(|entry| trial_plan(&config, log.as_ref(), entry))
            .collect();
        if config.output.existing == Existing::Error {
            refuse_existing(&output, &trials)?;
        }
        decide_work(&config, &output, previous.as_ref(), &mut trials)?;
        let mut checks = Vec::new();
        if let Some(log) = &log {
            checks.extend(log.checks());
            checks.extend(match_check(log, &trials));
        }
        Ok(Self {
            config,
            data,
            output,
            trials,
            ignored,
            log,
            checks,
            previous,
            reference: Reference::default(),
        })
    }

    /// The description this plan follows.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// One entry a movie, by name of file.
    #[must_use]
    pub fn trials(&self) -> &[TrialPlan] {
        &self.trials
    }

    /// Files whose names match but which are no DCIMG movies, with the reason.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// What is known of the session before any movie is opened.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The request for the trial of that number, for a worker elsewhere that may hold `memory` bytes and compute on
    /// `threads` threads; nothing if there is no such trial. Where nothing is decided for the session, carrying out
    /// the requests of all trials in any order and then running the plan is the same as running it.
    ///
    /// ```
    /// use std::sync::atomic::AtomicBool;
    /// use widefield_pipeline::worker::{Outcome, Request};
    /// use widefield_pipeline::{Experiment, simulate};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let session = simulate::Session { trials: 1, size: 64, frames: 20, ..Default::default() };
    /// let plan = Experiment::load(session.write(dir.path(), |_file| {})?)?.plan()?;
    /// let line = serde_json::to_string(&plan.request(0, 1 << 28, 1).expect("one trial"))?;
    /// let reply = Request::parse(&line)?.serve(&AtomicBool::new(false));
    /// assert!(matches!(reply.outcome, Outcome::Done { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn request(&self, trial: usize, memory: u64, threads: usize) -> Option<Request> {
        let trial = self.trials.get(trial)?;
        let mut config = self.config.clone();
        config.data.url = self.data.url().to_owned();
        config.output.url = Some(self.output.url().to_owned());
        Some(Request {
            version: CONTRACT,
            id: trial.file.clone(),
            round: Round::Process,
            config,
            trial: trial.clone(),
            session: Decided::default(),
            level: None,
            memory,
            threads,
            attempt: 0,
        })
    }

    /// Where results go.
    #[must_use]
    pub fn output_url(&self) -> &str {
        self.output.url()
    }
}

/// Movies by name, and what has the prefix but is none.
fn find_movies(
    config: &Config,
    data: &Place,
    listing: &[Entry],
) -> Result<(Vec<Entry>, Vec<String>), Error> {
    let mut movies = Vec::new();
    let mut ignored = Vec::new();
    for entry in listing
        .iter()
        .filter(|e| e.name.starts_with(&config.data.prefix))
    {
        if config.data.behaviour_log.as_ref() == Some(&entry.name) {
            continue;
        }
        if entry.bytes == 0 {
            ignored.push(format!("{}: empty file", entry.name));
        } else if dcimg::is_dcimg(&data.read_range(&entry.name, 0..entry.bytes.min(8))?) {
            movies.push(entry.clone());
        } else {
            ignored.push(format!("{}: not a DCIMG file", entry.name));
        }
    }
    movies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((movies, ignored))
}

fn seen(listing: &[Entry], ignored: &[String]) -> String {
    let most = 5;
    let (what, names): (_, Vec<&str>) = if ignored.is_empty() {
        ("it has", listing.iter().map(|e| e.name.as_str()).collect())
    } else {
        (
            "these start so",
            ignored.iter().map(String::as_str).collect(),
        )
    };
    if names.is_empty() {
        return "the folder has no files; check data.url".into();
    }
    let more = names.len().saturating_sub(most);
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    format!(
        "{what}: {}{more}",
        names[..names.len().min(most)].join(", ")
    )
}

/// The name without a `.dcimg` ending.
fn stem(name: &str) -> &str {
    let cut = name
        .len()
        .checked_sub(6)
        .filter(|&at| name.is_char_boundary(at));
    match cut {
        Some(at) if name[at..].eq_ignore_ascii_case(".dcimg") && at > 0 => &name[..at],
        _ => name,
    }
}

/// The number after the last `_`.
fn number(stem: &str) -> Option<u32> {
    let (_, digits) = stem.rsplit_once('_')?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

fn refuse_same_trial(movies: &[Entry]) -> Result<(), Error> {
    let mut owners: BTreeMap<(Option<u32>, &str), Vec<&str>> = BTreeMap::new();
    for entry in movies {
        let stem = stem(&entry.name);
        // Without a number only the names of outputs can clash.
        let key = match number(stem) {
            Some(n) => (Some(n), ""),
            None => (None, stem),
        };
        owners.entry(key).or_default().push(&entry.name);
    }
    let clash = |((number, stem), files): (&(Option<u32>, &str), &Vec<&str>)| {
        let claimed = number.map_or_else(|| (*stem).to_owned(), |n| n.to_string());
        (files.len() > 1).then(|| format!("{claimed}: {}", files.join(", ")))
    };
    let clashes: Vec<String> = owners.iter().filter_map(clash).collect();
    if clashes.is_empty() {
        Ok(())
    } else {
        Err(Error::SameTrial { clashes })
    }
}

fn trial_plan(config: &Config, log: Option<&SessionLog>, entry: Entry) -> TrialPlan {
    let stem = stem(&entry.name).to_owned();
    let number = number(&stem);
    let label = log.and_then(|log| number.and_then(|n| log.label(n)));
    let mut checks = Vec::new();
    let in_folder =
        |folder: &str, name: String| (!folder.is_empty()).then(|| format!("{folder}/{name}"));
    let out = &config.output;
    let mat = match (log.is_some(), &label) {
        (false, _) => in_folder(&out.mat, format!("{stem}.mat")),
        (
            true,
            Some(Label {
                file_name: Some(name),
                ..
            }),
        ) => in_folder(&out.mat, name.clone()),
        (true, label) => {
            let why = match label {
                None => "the log has no entry for it".to_owned(),
                Some(Label { stimulus: None, .. }) => "the log names no stimulus for it".to_owned(),
                Some(Label {
                    stimulus: Some(s), ..
                }) => format!("its stimulus `{s}` is not configured"),
            };
            checks.push(Check::new(
                "label",
                Level::Warn,
                f64::NAN,
                f64::NAN,
                format!("{}: {why}; HDF5 is written, MAT is not", entry.name),
            ));
            None
        }
    };
    let outputs = Outputs {
        movie: in_folder(&out.movie, format!("{stem}.h5")),
        dff: in_folder(&out.dff, format!("{stem}.h5")),
        mat,
    };
    TrialPlan {
        input: Input {
            bytes: entry.bytes,
            modified: entry.modified,
            etag: entry.etag,
        },
        file: entry.name,
        stem,
        number,
        label,
        outputs,
        checks,
        earlier: Vec::new(),
        stale: Vec::new(),
        work: Work::Do("new"),
    }
}

/// The record of the run that owns the output place, if there is one.
fn previous_run(config: &Config, output: &Place) -> Result<Option<RunRecord>, Error> {
    if output.head(RUN_JSON)?.is_none() {
        return Ok(None);
    }
    let ours_now = config.output.existing == Existing::Clean;
    let foreign = |theirs: String| {
        Err(Error::ForeignPlace {
            place: output.url().to_owned(),
            theirs,
        })
    };
    match serde_json::from_slice::<RunRecord>(&output.read(RUN_JSON)?) {
        Ok(record) if record.config.same_session(config) => Ok(Some(record)),
        _ if ours_now => Ok(None),
        Ok(record) => {
            let data = &record.config.data;
            let log = data.behaviour_log.as_deref().unwrap_or("no log");
            foreign(format!("{}, prefix `{}`, {log}", data.url, data.prefix))
        }
        Err(error) => foreign(format!("its {RUN_JSON} cannot be read: {error}")),
    }
}

/// Name of the record of a run.
pub(crate) const RUN_JSON: &str = "run.json";

fn refuse_existing(output: &Place, trials: &[TrialPlan]) -> Result<(), Error> {
    let mut there = Vec::new();
    let session = [RUN_JSON];
    for name in trials.iter().flat_map(|t| t.outputs.names()).chain(session) {
        if output.head(name)?.is_some() {
            there.push(name.to_owned());
        }
    }
    match there.first() {
        None => Ok(()),
        Some(first) => Err(Error::Exists {
            place: output.url().to_owned(),
            first: first.clone(),
            count: there.len(),
        }),
    }
}

fn decide_work(
    config: &Config,
    output: &Place,
    previous: Option<&RunRecord>,
    trials: &mut [TrialPlan],
) -> Result<(), Error> {
    let Some(previous) = previous.filter(|_| config.output.existing == Existing::Resume) else {
        return Ok(());
    };
    let same_parameters =
        previous.version == crate::VERSION && comparable(&previous.config) == comparable(config);
    let by_file: BTreeMap<&str, &TrialRecord> = previous
        .trials
        .iter()
        .map(|t| (t.file.as_str(), t))
        .collect();
    for trial in trials.iter_mut() {
        trial.work = match by_file.get(trial.file.as_str()) {
            None => Work::Do("new"),
            Some(record) if !record.good() => Work::Do("failed before"),
            Some(_) if !same_parameters => Work::Do("parameters or version changed"),
            Some(record) if record.input.as_ref() != Some(&trial.input) => {
                Work::Do("the movie changed")
            }
            Some(record) if !same_label(record, trial) => Work::Do("its label changed"),
            Some(record) if !outputs_stand(output, record, trial)? => {
                Work::Do("an output is missing or changed")
            }
            Some(record) => Work::Keep(Box::new((*record).clone())),
        };
    }
    // What is decided for the session depends on every trial of it.
    let session_wide = config.analysis.background.scope == crate::config::Scope::Session
        || config.analysis.segmentation.scope == crate::config::Scope::Session;
    let partly = trials.iter().any(|t| matches!(t.work, Work::Do(_)))
        || trials.len() != previous.trials.len();
    if session_wide && partly {
        for trial in trials.iter_mut() {
            if matches!(trial.work, Work::Keep(_)) {
                trial.work = Work::Do("the session's background or mask may change");
            }
        }
    }
    Ok(())
}

fn same_label(record: &TrialRecord, trial: &TrialPlan) -> bool {
    let label = trial.label.as_ref();
    record.stimulus.as_deref() == label.and_then(|l| l.stimulus.as_deref())
        && record.decision.as_deref() == label.map(|l| l.decision.as_str())
}

fn outputs_stand(output: &Place, record: &TrialRecord, trial: &TrialPlan) -> Result<bool, Error> {
    // A MAT file that was too large to write is missing from the record and need not stand.
    let wanted = |name: &str| record.outputs.iter().any(|o| o.path == name);
    let too_large = |name: &str| trial.outputs.mat.as_deref() == Some(name);
    if !trial.outputs.names().all(|n| wanted(n) || too_large(n)) {
        return Ok(false);
    }
    for written in &record.outputs {
        let stands = output
            .head(&written.path)?
            .is_some_and(|e| e.bytes == written.bytes);
        if !stands {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether movies and log entries belong together one to one.
fn match_check(log: &SessionLog, trials: &[TrialPlan]) -> Option<Check> {
    let no_entry: Vec<&str> = trials
        .iter()
        .filter(|t| t.label.is_none())
        .map(|t| t.file.as_str())
        .collect();
    let imaged = |running: u32| trials.iter().any(|t| t.number == Some(running));
    let no_movie: Vec<String> = log
        .numbers()
        .filter(|&n| !imaged(n))
        .map(|n| n.to_string())
        .collect();
    let unmatched = no_entry.len() + no_movie.len();
    let mut parts = Vec::new();
    if !no_entry.is_empty() {
        parts.push(format!(
            "movies without an entry in the log: {}",
            no_entry.join(", ")
        ));
    }
    if !no_movie.is_empty() {
        parts.push(format!(
            "trials of the log without a movie: {}",
            no_movie.join(", ")
        ));
    }
    let (level, message) = if unmatched == 0 {
        (
            Level::Pass,
            "every movie has its entry in the log, and every entry its movie".to_owned(),
        )
    } else {
        (Level::Warn, parts.join("; "))
    };
    let value = unmatched as f64;
    Some(Check::new("log_match", level, value, 0.0, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_stem_and_number() {
        for (name, want_stem, want_number) in [
            ("20170214_102233_1", "20170214_102233_1", Some(1)),
            ("20170214_102233_12.dcimg", "20170214_102233_12", Some(12)),
            ("a_7.DCIMG", "a_7", Some(7)),
            ("a_007", "a_007", Some(7)),
            ("a_x", "a_x", None),
            ("a_", "a_", None),
            ("12", "12", None),
            ("a_99999999999", "a_99999999999", None),
            (".dcimg", ".dcimg", None),
            ("é_3", "é_3", Some(3)),
            ("ééé", "ééé", None),
        ] {
            assert_eq!(
                (stem(name), number(stem(name))),
                (want_stem, want_number),
                "{name}"
            );
        }
    }
}
