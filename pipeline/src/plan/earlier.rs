//! What earlier runs left in the output place, and what is left to do.

use super::{Outputs, RUN_JSON, TrialPlan, Why, Work, input, movies, neighbours, own_onset_s};
use crate::config::{Affects, Change, Config, Existing};
use crate::contract::Origin;
use crate::error::Error;
use crate::manifest::{self, Identity, Manifest, Measurement, comparable, set_of};
use crate::record::{Output, RunRecord, TrialRecord};
use crate::results;
use crate::step::{Own, Placed};
use std::collections::{BTreeMap, BTreeSet};
use widefield_storage::{Ahead, Entry, Place, concurrent};

/// Check sums of manifests by the name of the movie without ending; nothing for one that went.
pub(super) type Known = BTreeMap<String, Option<u32>>;

/// What earlier runs left.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// By the name of the movie without ending; nothing for what cannot be read.
    manifests: BTreeMap<String, Option<Manifest>>,
    /// Check sums of what was read, which tell whether another run has written since.
    pub(super) known: Known,
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
        neighbours::refuse(config, output)?;
        if let Some(run) = last_run(config, output)? {
            let failed = run.trials.into_iter().filter(|t| !t.good());
            earlier.failed = failed.map(|t| t.file).collect();
        }
        let folder = config.output.beside(manifest::FOLDER);
        let stem = |entry: Entry| {
            let name = entry.name.strip_prefix(&folder)?.strip_prefix('/')?;
            Some(name.to_owned())
        };
        let names = listed(output, &folder)?.into_iter().filter_map(stem);
        let (found, others): (Vec<_>, Vec<_>) = names.partition(|n| n.ends_with(".json"));
        // Of a movie called `x.json` it is `x.json.json`.
        let stems: Vec<&str> = found
            .iter()
            .filter_map(|n| n.strip_suffix(".json"))
            .collect();
        let of_round = others.iter().filter_map(|n| n.strip_suffix(".measured"));
        earlier.measured = of_round.map(|n| Measurement::name(config, n)).collect();
        let read = concurrent::map(&stems, |stem| {
            let manifest = Manifest::read(output, config, stem)?;
            Ok::<_, Error>(((*stem).to_owned(), manifest))
        });
        for found in read {
            let (stem, (manifest, sum)) = found?;
            earlier.known.insert(stem.clone(), sum);
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
    /// any trial is looked at; `all` compares the content of every result that is kept.
    pub(super) fn decide(
        &self,
        config: &Config,
        own: &Own,
        output: &Place,
        given: Option<Identity>,
        all: bool,
        trials: &mut [TrialPlan],
    ) -> Result<(), Error> {
        let steps = &own.placed()[..];
        let origin = likely_origin(config, own, trials);
        match config.output.existing {
            Existing::Error => {
                let standing = Standing::look(output, config, own)?;
                return self.refuse(config, output, &standing, trials);
            }
            Existing::Resume => {
                let standing = match self.manifests.is_empty() {
                    true => Standing::default(),
                    false => Standing::look(output, config, own)?,
                };
                let parameters = comparable(config);
                for trial in trials.iter_mut() {
                    let work = |parameters: &Config, trial: &TrialPlan| {
                        self.work(parameters, steps, &standing, given.as_ref(), trial)
                    };
                    trial.work = work(&parameters, trial);
                    if let Work::Do(Why::Parameters { .. }) = trial.work
                        && let Some(Some(manifest)) = self.manifests.get(&trial.stem)
                        // All but the parameters is as it was, and lies where it did.
                        && manifest.decided.as_ref().and_then(|d| d.reference) == origin
                        && let Work::Keep(record) = work(&comparable(&manifest.config), trial)
                    {
                        let unaffected = unaffected(&manifest.config, &parameters, &trial.outputs);
                        let stays = |o: &Output| unaffected.contains(&o.path.as_str());
                        trial.kept = record.outputs.into_iter().filter(stays).collect();
                        trial.moved_to = origin;
                    }
                }
                self.compare(output, &standing, all, trials)?;
                self.undecided(config, origin, trials);
            }
            Existing::Replace | Existing::Clean => {
                for trial in trials.iter_mut() {
                    let known = self.manifests.contains_key(&trial.stem);
                    trial.work = Work::Do(if known { Why::Replaced } else { Why::New });
                }
            }
        }
        // What no trial will write any more goes when the new outputs are safe; `clean`, which may not come to its end,
        // looks for more of it there.
        let planned: BTreeSet<String> = trials
            .iter()
            .flat_map(|t| t.outputs.names())
            .map(str::to_owned)
            .collect();
        let manifests = self.manifests.values().flatten();
        let owned: BTreeSet<&str> = manifests
            .flat_map(|manifest| &manifest.record.outputs)
            .map(|o| o.path.as_str())
            .collect();
        for trial in trials.iter_mut() {
            if let Some(Some(manifest)) = self.manifests.get(&trial.stem) {
                trial.decided.clone_from(&manifest.decided);
                trial.mask.clone_from(&manifest.mask);
                // A manifest is believed in what this session would have written, and in nothing else: what this
                // run does not make, such as MAT files with `output.mat = ""`, is not its to replace or remove.
                let believed = |o: &&Output| results::is_of_trial(config, &trial.stem, &o.path);
                let former = manifest.former.iter();
                let former = former.filter(|o| !owned.contains(o.path.as_str()));
                let outputs = manifest.record.outputs.iter().chain(former);
                let replaced = outputs.filter(believed).filter(|o| !trial.kept.contains(o));
                trial.earlier = replaced.cloned().collect();
                let names = trial.earlier.iter().map(|o| o.path.clone());
                let ours = manifest.config.same_session(config);
                trial.stale = names.filter(|n| ours && !planned.contains(n)).collect();
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
            None if self.failed.contains(&trial.file) => return Work::Do(Why::Failed),
            None => return Work::Do(Why::New),
            Some(None) => return Work::Do(Why::Unreadable),
            Some(Some(manifest)) => manifest,
        };
        let record = &manifest.record;
        let other_mask = |given: &Identity| {
            let before = manifest.decided.as_ref();
            before.and_then(|before| before.mask) != given.mask
        };
        Work::Do(if !manifest.finished {
            Why::Unfinished
        } else if manifest.version != crate::VERSION {
            let before = manifest.version.clone();
            Why::Version { before }
        } else if comparable(&manifest.config) != *parameters {
            let changes = changes(&manifest.config, parameters).into_iter();
            let keys = changes.map(|change| change.key).collect();
            Why::Parameters { keys }
        } else if manifest.steps != steps {
            let names = changed_steps(&manifest.steps, steps);
            Why::Steps { names }
        } else if given.is_some_and(other_mask) {
            Why::MaskImage
        } else if record.file != trial.file || record.input.as_ref() != Some(&trial.input) {
            Why::Movie
        } else if manifest.label != trial.label {
            Why::Label
        } else if trial.own_onset_s() != own_onset_s(record.onset) {
            Why::Onset
        } else if let Some(name) = standing.lacks(record, trial) {
            let name = name.to_owned();
            Why::Output { name }
        } else {
            return Work::Keep(Box::new(record.clone()));
        })
    }

    /// Does trials again of which a result has other content than when it was safe, and writes such a result again
    /// where the others are written anyway. Only results that were written since, by what the place tells of them, are
    /// read, unless `all` are to be.
    fn compare(
        &self,
        output: &Place,
        standing: &Standing,
        all: bool,
        trials: &mut [TrialPlan],
    ) -> Result<(), Error> {
        let mut doubted = Vec::new();
        for (i, trial) in trials.iter().enumerate() {
            let results = match &trial.work {
                Work::Keep(record) => &record.outputs,
                _ => &trial.kept,
            };
            let manifest = self.manifests.get(&trial.stem).and_then(Option::as_ref);
            let known = |o: &Output| {
                let entry = standing.entries.get(&o.path)?;
                Some(manifest?.stamps.get(&o.path)? == &manifest::stamp(output, entry))
            };
            let other = |o: &&Output| all || known(o) != Some(true);
            doubted.extend(results.iter().filter(other).map(|o| (i, o.clone())));
        }
        let same = concurrent::map(&doubted, |(_, written)| holds(output, written));
        for ((i, written), same) in doubted.into_iter().zip(same) {
            let trial = &mut trials[i];
            let (same, whole) = (same?, matches!(trial.work, Work::Keep(_)));
            if !same {
                let name = written.path;
                trial.kept.retain(|o| o.path != name);
                if whole {
                    trial.work = Work::Do(Why::Output { name });
                    trial.verified = None;
                }
            } else if whole {
                let found = || self.manifests.get(&trial.stem)?.clone();
                if trial.verified.is_none() {
                    trial.verified = found().map(Box::new);
                }
                let stamp = standing.entries.get(&written.path);
                let stamp = stamp.map(|entry| manifest::stamp(output, entry));
                if let (Some(manifest), Some(stamp)) = (&mut trial.verified, stamp) {
                    manifest.stamps.insert(written.path, stamp);
                }
            }
        }
        Ok(())
    }

    /// What is decided for the session depends on every trial of it.
    fn undecided(&self, config: &Config, origin: Option<u32>, trials: &mut [TrialPlan]) {
        let of_session = config.analysis.of_session();
        let all = set_of(trials.iter().map(|t| t.file.as_str()));
        let settled = |trial: &TrialPlan| {
            let manifest = self.manifests.get(&trial.stem).and_then(Option::as_ref);
            let decided = manifest.and_then(|m| m.decided.as_ref());
            matches!(trial.work, Work::Keep(_))
                && (!of_session || decided.map(|d| d.of) == Some(all))
                && (origin.is_none() || decided.and_then(|d| d.reference) == origin)
        };
        if !(of_session || origin.is_some()) || trials.iter().all(settled) {
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
                .filter(|n| standing.entries.contains_key(*n));
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

/// What is in the folders of results, by name.
#[derive(Default)]
struct Standing {
    entries: BTreeMap<String, Entry>,
}

impl Standing {
    /// Lists each folder once rather than asking for each output.
    fn look(output: &Place, config: &Config, own: &Own) -> Result<Self, Error> {
        let out = &config.output;
        let mut found = Self::default();
        let shifts = results::of_shifts(config, own);
        let kinds = [&out.movie, &out.dff, &out.mat].into_iter().chain(&shifts);
        for path in kinds.filter(|path| !path.is_empty()) {
            let entries = listed(output, path)?.into_iter();
            found.entries.extend(entries.map(|e| (e.name.clone(), e)));
        }
        Ok(found)
    }

    /// The first output that should be there and is not as it was written.
    fn lacks<'t>(&self, record: &'t TrialRecord, trial: &'t TrialPlan) -> Option<&'t str> {
        let written = |name: &str| record.outputs.iter().any(|o| o.path == name);
        // A MAT file that was too large to write is missing from the record and need not stand.
        let too_large = |name: &str| trial.outputs.mat.as_deref() == Some(name);
        let unwritten = trial.outputs.names().find(|n| !written(n) && !too_large(n));
        let size = |o: &Output| self.entries.get(&o.path).map(|e| e.bytes);
        let planned = |o: &Output| trial.outputs.names().any(|n| n == o.path);
        let other = |o: &&Output| planned(o) && size(o) != Some(o.bytes);
        unwritten.or_else(|| record.outputs.iter().find(other).map(|o| o.path.as_str()))
    }
}

/// Bytes of a result that are read at a time.
const PART: u64 = 1 << 20;

/// Whether an object holds what was written. One that went or changes is another.
fn holds(output: &Place, written: &Output) -> Result<bool, Error> {
    use widefield_storage::ErrorKind::{Changed, Invalid, NotFound};
    let starts = (0..written.bytes.div_ceil(PART)).map(|part| part * PART);
    let ranges = starts.map(|start| start..(start + PART).min(written.bytes));
    let ahead = Ahead::default().bytes(4 * PART).requests(2);
    let read = || -> Result<u32, widefield_storage::Error> {
        let mut parts = output.fetch(&written.path, ranges.collect(), ahead)?;
        parts.try_fold(0, |crc, part| Ok(crc32c::crc32c_append(crc, &part?)))
    };
    match read() {
        Ok(crc) => Ok(crc == written.crc32c),
        Err(error) => match error.kind() {
            NotFound | Changed | Invalid => Ok(false),
            _ => Err(error.into()),
        },
    }
}

/// Refuses the place where another run has left something since a session was planned on what is `known`: under the
/// claim, what it decided would be carried out on results that are not there any more.
pub(super) fn refuse_changed(config: &Config, output: &Place, known: &Known) -> Result<(), Error> {
    if config.output.existing == Existing::Clean {
        return Ok(());
    }
    neighbours::refuse(config, output)?;
    last_run(config, output)?;
    let folder = config.output.beside(manifest::FOLDER);
    let entries = listed(output, &folder)?;
    let stem = |entry: &Entry| {
        let name = entry.name.strip_prefix(&folder)?.strip_prefix('/')?;
        Some(name.strip_suffix(".json")?.to_owned())
    };
    // A listing may lag behind: what was known is asked for whether it is listed or not.
    let mut stems: BTreeSet<String> = entries.iter().filter_map(stem).collect();
    stems.extend(known.keys().cloned());
    let stems: Vec<String> = stems.into_iter().collect();
    let read = concurrent::map(&stems, |stem| Manifest::read(output, config, stem));
    for (stem, read) in stems.iter().zip(read) {
        let (manifest, sum) = read?;
        match (known.get(stem), manifest) {
            (Some(before), _) if *before == sum => {}
            (_, Some(found)) if !found.config.same_session(config) => {
                return Err(foreign(output, &found.config));
            }
            (Some(_), _) => {
                return Err(Error::Overtaken {
                    place: output.url().to_owned(),
                    name: Manifest::name(config, stem),
                });
            }
            // Of a trial that is done anyway.
            (None, _) => {}
        }
    }
    Ok(())
}

/// What is in a folder; a place that does not exist yet has nothing in it.
pub(super) fn listed(output: &Place, folder: &str) -> Result<Vec<Entry>, Error> {
    match output.list(folder) {
        Err(widefield_storage::Error::NotFound { .. }) => Ok(Vec::new()),
        entries => Ok(entries?),
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
        Err(error) => Err(Error::Record {
            place: output.url().to_owned(),
            name: config.output.beside(RUN_JSON),
            cause: unreadable(&bytes, &error),
        }),
    }
}

/// Why a record cannot be read: it is of another version, or damaged.
fn unreadable(bytes: &[u8], error: &serde_json::Error) -> String {
    #[derive(serde::Deserialize)]
    struct Version {
        version: String,
    }
    match serde_json::from_slice::<Version>(bytes) {
        Ok(Version { version }) if version != crate::VERSION => format!(
            "was written by version {version} and says what this version, {}, does not know: {error}",
            crate::VERSION
        ),
        _ => format!("is damaged: {error}"),
    }
}

pub(super) fn foreign(output: &Place, theirs: &Config) -> Error {
    let data = &theirs.data;
    let log = data.behaviour_log.as_deref().unwrap_or("no log");
    let named = data.name.as_ref().filter(|_| data.prefix.is_empty());
    let called = match named {
        Some(pattern) => format!("name `{pattern}`"),
        None => format!("prefix `{}`", data.prefix),
    };
    Error::ForeignPlace {
        place: output.url().to_owned(),
        theirs: format!("{}, {called}, {log}", data.url),
    }
}

/// Names of the steps of one's own that are not the same in both.
fn changed_steps(before: &[Placed], now: &[Placed]) -> Vec<String> {
    let gone = before.iter().filter(|step| !now.contains(step));
    let new = now.iter().filter(|step| !before.contains(step));
    let names = gone.chain(new).map(|placed| placed.step.name.clone());
    BTreeSet::from_iter(names).into_iter().collect()
}

/// What differs from an earlier description, which is made comparable.
fn changes(before: &Config, now: &Config) -> Vec<Change> {
    now.changes(&comparable(before))
}

/// Names of those results that what differs has no say in. What a session decides depends on all of its trials, and with
/// it all that is made after the movie.
fn unaffected<'o>(before: &Config, now: &Config, outputs: &'o Outputs) -> Vec<&'o str> {
    let of_session = now.analysis.of_session();
    let changes = changes(before, now);
    let any = |of: fn(&Affects) -> bool| changes.iter().any(|change| of(&change.affects));
    let kinds = [
        (&outputs.movie, any(|affects| affects.movie)),
        (&outputs.dff, of_session || any(|affects| affects.dff)),
        (&outputs.mat, of_session || any(|affects| affects.mat)),
        (&outputs.motion, any(|affects| affects.movie)),
    ];
    let stay = kinds.into_iter().filter(|(_, affected)| !affected);
    stay.filter_map(|(name, _)| name.as_deref()).collect()
}

/// What tells the movie that all are most likely moved to, where motion is taken away; it may turn out not to be fit for it.
fn likely_origin(config: &Config, own: &Own, trials: &[TrialPlan]) -> Option<u32> {
    let first = trials.iter().min_by_key(|trial| &trial.file)?;
    results::of_shifts(config, own)?;
    Some(Origin::identity(&first.file, &first.input))
}
