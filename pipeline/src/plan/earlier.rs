//! What earlier runs left in the output place, and what is left to do.

use super::{RUN_JSON, TrialPlan, Work, input, movies};
use crate::config::{Config, Existing};
use crate::error::Error;
use crate::manifest::{self, Identity, Manifest, Measurement, comparable, set_of};
use crate::record::{Output, RunRecord, TrialRecord};
use crate::step::Placed;
use std::collections::{BTreeMap, BTreeSet};
use widefield_storage::{Entry, Place};

/// What earlier runs left.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// By the name of the movie without ending; nothing for what cannot be read.
    manifests: BTreeMap<String, Option<Manifest>>,
    /// Names of what the first round measured.
    pub(super) measured: BTreeSet<String>,
    /// Movies that the last run that came to its end could not do.
    failed: BTreeSet<String>,
}

impl Earlier {
    /// Looks what is there, and refuses the place of another session.
    pub(super) fn find(config: &Config, steps: &[Placed], output: &Place) -> Result<Self, Error> {
        let resume = config.output.existing == Existing::Resume;
        let clean = config.output.existing == Existing::Clean;
        let mut earlier = Self::default();
        if let Some(run) = last_run(config, output)? {
            let failed = run.trials.into_iter().filter(|t| !t.good());
            earlier.failed = failed.map(|t| t.file).collect();
        }
        let folder = config.output.beside(manifest::FOLDER);
        let stem = |entry: Entry| {
            let name = entry.name.strip_prefix(&folder)?.strip_prefix('/')?;
            Some(name.to_owned())
        };
        let names: Vec<String> = match output.list(&folder) {
            Ok(entries) => entries.into_iter().filter_map(stem).collect(),
            // A place that does not exist yet has nothing in it.
            Err(widefield_storage::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let (stems, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|n| n.ends_with(".json"));
        let of_round = others.iter().filter_map(|n| n.strip_suffix(".measured"));
        earlier.measured = of_round.map(|n| Measurement::name(config, n)).collect();
        let read = crate::concurrent::map(&stems, |name| {
            let stem = name.trim_end_matches(".json");
            Ok::<_, Error>((
                stem.to_owned(),
                Manifest::read(output, &Manifest::name(config, stem))?,
            ))
        });
        for found in read {
            let (stem, manifest) = found?;
            if let Some(manifest) = &manifest
                && !clean
                && !manifest.config.same_session(config)
            {
                return Err(foreign(output, &manifest.config));
            }
            // Another program made this with a step of its own: without it, this one would silently make something else.
            let strange = manifest.iter().flat_map(|manifest| &manifest.steps);
            let mut strange =
                strange.filter(|placed| steps.iter().all(|s| s.step.name != placed.step.name));
            if resume && let Some(placed) = strange.next() {
                return Err(Error::UnknownStep {
                    name: placed.step.name.clone(),
                    why: format!(
                        "{} was made with it; run the program that has it, or set output.existing = \"replace\"",
                        Manifest::name(config, &stem)
                    ),
                });
            }
            earlier.manifests.insert(stem, manifest);
        }
        Ok(earlier)
    }

    /// The manifest of a movie that was finished as it is now.
    pub(super) fn finished(&self, movie: &Entry) -> Option<&Manifest> {
        let manifest = self.manifests.get(movies::stem(&movie.name))?.as_ref()?;
        let same = manifest.record.file == movie.name
            && manifest.record.input.as_ref() == Some(&input(movie));
        (manifest.finished && same).then_some(manifest)
    }

    /// Fills in what is to be done with each trial, why, and what it replaces. `given` is what is decided before
    /// any trial is looked at.
    pub(super) fn decide(
        &self,
        config: &Config,
        steps: &[Placed],
        output: &Place,
        given: Option<Identity>,
        trials: &mut [TrialPlan],
    ) -> Result<(), Error> {
        let there = |wanted: bool| -> Result<Standing, Error> {
            match wanted {
                true => Standing::look(output, config, self),
                false => Ok(Standing::default()),
            }
        };
        match config.output.existing {
            Existing::Error => {
                let standing = there(true)?;
                return self.refuse(config, output, &standing, trials);
            }
            Existing::Resume => {
                let standing = there(!self.manifests.is_empty())?;
                let parameters = comparable(config);
                for trial in trials.iter_mut() {
                    trial.work = self.work(&parameters, steps, &standing, given.as_ref(), trial);
                }
                self.undecided(config, trials);
            }
            Existing::Replace | Existing::Clean => {
                for trial in trials.iter_mut() {
                    let known = self.manifests.contains_key(&trial.stem);
                    trial.work = Work::Do(if known { "to be replaced" } else { "new" }.into());
                }
            }
        }
        // What no trial will write any more goes when the new outputs are safe; `clean` does so at the end.
        let planned: BTreeSet<String> = trials
            .iter()
            .flat_map(|t| t.outputs.names())
            .map(str::to_owned)
            .collect();
        for trial in trials.iter_mut() {
            if let Some(Some(manifest)) = self.manifests.get(&trial.stem) {
                trial.decided.clone_from(&manifest.decided);
                trial.mask.clone_from(&manifest.mask);
                trial.earlier.clone_from(&manifest.record.outputs);
                if config.output.existing != Existing::Clean {
                    let names = trial.earlier.iter().map(|o| o.path.clone());
                    trial.stale = names.filter(|name| !planned.contains(name)).collect();
                }
            }
        }
        Ok(())
    }

    fn work(
        &self,
        parameters: &Config,
        steps: &[Placed],
        standing: &Standing,
        given: Option<&Identity>,
        trial: &TrialPlan,
    ) -> Work {
        let manifest = match self.manifests.get(&trial.stem) {
            None if self.failed.contains(&trial.file) => return Work::Do("failed before".into()),
            None => return Work::Do("new".into()),
            Some(None) => return Work::Do("its manifest cannot be read".into()),
            Some(Some(manifest)) => manifest,
        };
        let why = if !manifest.finished {
            "an earlier run was about to replace its outputs".to_owned()
        } else if manifest.version != crate::VERSION {
            format!(
                "version {} did it, this is {}",
                manifest.version,
                crate::VERSION
            )
        } else if comparable(&manifest.config) != *parameters {
            format!(
                "parameters changed: {}",
                changed(&manifest.config, parameters).join(", ")
            )
        } else if manifest.steps != steps {
            format!("steps changed: {}", changed_steps(&manifest.steps, steps))
        } else if given.is_some_and(|given| {
            let before = manifest.decided.as_ref();
            before.and_then(|before| before.mask) != given.mask
        }) {
            "the image of analysis.segmentation.file changed".to_owned()
        } else if manifest.record.file != trial.file
            || manifest.record.input.as_ref() != Some(&trial.input)
        {
            "the movie changed".to_owned()
        } else if manifest.label != trial.label {
            "its label changed".to_owned()
        } else if let Some(name) = standing.lacks(&manifest.record, trial) {
            format!("{name} is missing or changed")
        } else {
            return Work::Keep(Box::new(manifest.record.clone()));
        };
        Work::Do(why)
    }

    /// What is decided for the session depends on every trial of it.
    fn undecided(&self, config: &Config, trials: &mut [TrialPlan]) {
        if !config.analysis.of_session() {
            return;
        }
        let all = set_of(trials.iter().map(|t| t.file.as_str()));
        let settled = |trial: &TrialPlan| {
            let manifest = self.manifests.get(&trial.stem).and_then(Option::as_ref);
            let of = manifest.and_then(|m| m.decided.as_ref()).map(|d| d.of);
            matches!(trial.work, Work::Keep(_)) && of == Some(all)
        };
        if trials.iter().all(settled) {
            return;
        }
        for trial in trials {
            if let Work::Keep(record) = &mut trial.work {
                let record = std::mem::replace(record, Box::new(TrialRecord::of("")));
                trial.work = Work::Undecided(record);
            }
        }
    }

    fn refuse(
        &self,
        config: &Config,
        output: &Place,
        standing: &Standing,
        trials: &[TrialPlan],
    ) -> Result<(), Error> {
        let mut there: Vec<String> = Vec::new();
        let run = config.output.beside(RUN_JSON);
        if output.head(&run)?.is_some() {
            there.push(run);
        }
        for trial in trials {
            let names = trial
                .outputs
                .names()
                .filter(|n| standing.bytes.contains_key(*n));
            there.extend(names.map(str::to_owned));
            if self.manifests.contains_key(&trial.stem) {
                there.push(Manifest::name(config, &trial.stem));
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
}

/// Sizes of the outputs that are there, by name.
#[derive(Default)]
struct Standing {
    bytes: BTreeMap<String, u64>,
}

impl Standing {
    /// Lists each folder once rather than asking for each output.
    fn look(output: &Place, config: &Config, earlier: &Earlier) -> Result<Self, Error> {
        let out = &config.output;
        let mut folders: BTreeSet<&str> = [&out.movie, &out.dff, &out.mat]
            .into_iter()
            .map(String::as_str)
            .filter(|f| !f.is_empty())
            .collect();
        let outputs = earlier.manifests.values().flatten();
        let outputs = outputs.flat_map(|m| &m.record.outputs);
        folders.extend(outputs.filter_map(|o| Some(o.path.rsplit_once('/')?.0)));
        let mut bytes = BTreeMap::new();
        for folder in folders {
            match output.list(folder) {
                Ok(entries) => bytes.extend(entries.into_iter().map(|e| (e.name, e.bytes))),
                Err(widefield_storage::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { bytes })
    }

    /// The first output that should be there and is not as it was written.
    fn lacks<'t>(&self, record: &'t TrialRecord, trial: &'t TrialPlan) -> Option<&'t str> {
        let written = |name: &str| record.outputs.iter().any(|o| o.path == name);
        // A MAT file that was too large to write is missing from the record and need not stand.
        let too_large = |name: &str| trial.outputs.mat.as_deref() == Some(name);
        let unwritten = trial.outputs.names().find(|n| !written(n) && !too_large(n));
        let stands = |o: &&Output| self.bytes.get(&o.path) != Some(&o.bytes);
        unwritten.or_else(|| record.outputs.iter().find(stands).map(|o| o.path.as_str()))
    }
}

/// The last run that came to its end, if this session's.
fn last_run(config: &Config, output: &Place) -> Result<Option<RunRecord>, Error> {
    let bytes = match output.read(&config.output.beside(RUN_JSON)) {
        Ok(bytes) => bytes,
        Err(widefield_storage::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match serde_json::from_slice::<RunRecord>(&bytes) {
        Ok(record) if record.config.same_session(config) => Ok(Some(record)),
        _ if config.output.existing == Existing::Clean => Ok(None),
        Ok(record) => Err(foreign(output, &record.config)),
        Err(error) => Err(Error::ForeignPlace {
            place: output.url().to_owned(),
            theirs: format!("its {RUN_JSON} cannot be read: {error}"),
        }),
    }
}

fn foreign(output: &Place, theirs: &Config) -> Error {
    let data = &theirs.data;
    let log = data.behaviour_log.as_deref().unwrap_or("no log");
    Error::ForeignPlace {
        place: output.url().to_owned(),
        theirs: format!("{}, prefix `{}`, {log}", data.url, data.prefix),
    }
}

/// Names of the steps of one's own that are not the same in both.
fn changed_steps(before: &[Placed], now: &[Placed]) -> String {
    let gone = before.iter().filter(|step| !now.contains(step));
    let new = now.iter().filter(|step| !before.contains(step));
    let names: BTreeSet<&str> = gone
        .chain(new)
        .map(|placed| placed.step.name.as_str())
        .collect();
    match names.len() {
        0 => "their order".to_owned(),
        _ => names.into_iter().collect::<Vec<_>>().join(", "),
    }
}

/// Keys whose values differ from those of an earlier description, which is made comparable.
fn changed(before: &Config, now: &Config) -> Vec<String> {
    let changes = now.changes(&comparable(before)).into_iter();
    changes.map(|change| change.key).collect()
}
