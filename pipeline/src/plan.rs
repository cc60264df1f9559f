//! What a run will do, decided before anything is written.

mod compute;
mod earlier;
mod given;
mod ground;
mod movies;
pub(crate) mod neighbours;
mod work;

use crate::config::{Align, Config, Kind, Match, Override};
use crate::contract::{CONTRACT, Decided, Request, Round};
use crate::error::Error;
use crate::labels::{self, Label, Labels, Sources};
use crate::manifest::{Identity, Manifest};
use crate::record::{Check, Input, Onset, OnsetFrom, Output};
use crate::recording::Spare;
use crate::results;
use crate::step::Own;
use crate::trial::{ReferenceImage, References};
use earlier::Earlier;
pub(crate) use ground::Ground;
pub(crate) use movies::stem;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widefield::Mask;
use widefield_storage::{Entry, Place};
pub use work::{Why, Work};

/// A checked experiment description.
#[derive(Clone, Debug)]
pub struct Experiment {
    config: Config,
    own: Own,
    /// The file it was read from.
    file: Option<PathBuf>,
    verify: bool,
    take_over: bool,
}

impl Experiment {
    /// Reads an `experiment.toml`; of a folder, the one in it.
    ///
    /// # Errors
    /// [`Error::Config`] with the place in the text.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_with(path, &[])
    }

    /// As [`Experiment::load`], with single values replaced.
    ///
    /// # Errors
    /// [`Error::Config`] with the place in the text, or the override that is wrong.
    pub fn load_with(path: impl AsRef<Path>, overrides: &[Override]) -> Result<Self, Error> {
        let mut path = path.as_ref().to_owned();
        if path.is_dir() {
            path.push("experiment.toml");
        }
        Ok(Self {
            config: Config::load(&path, overrides)?,
            own: Own::default(),
            file: Some(path),
            verify: false,
            take_over: false,
        })
    }

    /// A description made in code, checked like one that was read; relative places start at `base`.
    ///
    /// ```
    /// use widefield_pipeline::config::Config;
    /// use widefield_pipeline::{Experiment, simulate};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let session = simulate::Session { trials: 1, size: 64, frames: 20, ..Default::default() };
    /// session.write(dir.path(), |_file| {})?;
    ///
    /// let mut config = Config::new("20170214_");
    /// config.output.mat = String::new();
    /// config.analysis.resolution = Some([32, 32]);
    /// let plan = Experiment::from_config(config.clone(), dir.path())?.plan()?;
    /// assert_eq!(plan.trials().len(), 1);
    ///
    /// config.analysis.resolution = Some([0, 32]);
    /// let error = Experiment::from_config(config, dir.path()).expect_err("no pixels");
    /// assert_eq!(error.to_string(), "analysis.resolution: [0, 32] is outside 1 to 32768 pixels");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] with the key of what is wrong.
    pub fn from_config(config: Config, base: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self {
            config: config.checked(base.as_ref())?,
            own: Own::default(),
            file: None,
            verify: false,
            take_over: false,
        })
    }

    /// The description, all defaults filled in.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Puts steps of one's own in their places, and adds consumers. To be called before [`Experiment::plan`], since
    /// what is done already depends on them.
    ///
    /// ```no_run
    /// # use widefield_pipeline::Experiment;
    /// let plan = Experiment::load("experiment.toml")?.with(|own| own.mask(widefield::Segmentation::Otsu)).plan()?;
    /// # Ok::<(), widefield_pipeline::Error>(())
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(Own) -> Own) -> Self {
        self.own = change(self.own);
        self
    }

    /// Compares the content of every result that is kept with its check sum, not only of those that were written
    /// since. Costs to read them all.
    #[must_use]
    pub fn verify(mut self, all: bool) -> Self {
        self.verify = all;
        self
    }

    /// Runs even where another run claims the folders of results; nothing more of that one appears then.
    #[must_use]
    pub fn take_over(mut self, from_any: bool) -> Self {
        self.take_over = from_any;
        self
    }

    /// The sessions it describes: one for each of `data.folders`, itself where there are none.
    #[must_use]
    pub fn sessions(self) -> Vec<Experiment> {
        let sessions = self.config.sessions().into_iter();
        let of = |config| Experiment {
            config,
            ..self.clone()
        };
        sessions.map(of).collect()
    }

    /// Looks at both places and the log and decides what each trial needs. Writes nothing.
    ///
    /// # Errors
    /// Everything that makes the request unusable; see [`Error`]. [`Error::Folders`] where [`Experiment::sessions`]
    /// are to be planned instead.
    pub fn plan(self) -> Result<Plan, Error> {
        match self.config.data.folders.len() {
            0 => Plan::new(self),
            sessions => Err(Error::Folders { sessions }),
        }
    }
}

/// What a run will do.
#[derive(Debug)]
pub struct Plan {
    pub(crate) config: Config,
    pub(crate) own: Own,
    pub(crate) data: Place,
    pub(crate) output: Place,
    pub(crate) trials: Vec<TrialPlan>,
    pub(crate) ignored: Vec<String>,
    pub(crate) labels: Option<Labels>,
    pub(crate) checks: Vec<Check>,
    pub(crate) reference_image: ReferenceImage,
    pub(crate) references: References,
    /// Memory of movies that were observed.
    pub(crate) spare: Spare,
    /// The mask that the description names, for all trials.
    pub(crate) mask: Option<Mask>,
    /// Names of objects that the first round of an earlier run left.
    pub(crate) measured: BTreeSet<String>,
    pub(crate) ground: Ground,
    /// What earlier runs left, on which this rests.
    known: earlier::Known,
    pub(crate) take_over: bool,
}

/// What one trial needs. As text, for a worker elsewhere, it leaves out [`TrialPlan::work`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrialPlan {
    /// Name of the movie in the data place.
    pub file: String,
    /// The name without a `.dcimg` ending: what outputs are called.
    pub stem: String,
    /// The number in the name.
    pub number: Option<u32>,
    /// What log or table say of it that results depend on.
    pub label: Option<Label>,
    /// Its time 0; nothing where recordings have none.
    pub onset: Option<Onset>,
    /// What log or table say besides.
    pub said: Said,
    /// Outputs that will be written.
    pub outputs: Outputs,
    /// What identifies the movie.
    pub input: Input,
    /// What is known before the movie is opened.
    pub checks: Vec<Check>,
    /// What the session had decided when an earlier run finished it.
    #[serde(skip)]
    pub(crate) decided: Option<Identity>,
    /// The mask that an earlier run finished it with.
    #[serde(skip)]
    pub(crate) mask: Option<Mask>,
    /// What an earlier run made of this trial and this one will replace.
    #[serde(default)]
    pub earlier: Vec<Output>,
    /// What an earlier run made of this trial and no change has a say in: stays as it is.
    #[serde(default)]
    pub kept: Vec<Output>,
    /// Which movie they are moved to, if to any.
    #[serde(default)]
    pub(crate) moved_to: Option<u32>,
    /// Names of those that no trial will write any more: removed when the new ones are safe.
    #[serde(default)]
    pub stale: Vec<String>,
    /// Why it has to be done, or the record of an earlier run that did it.
    #[serde(skip)]
    pub work: Work,
    /// Its manifest, where results that are not as they were left proved to have the same content.
    #[serde(skip)]
    pub(crate) verified: Option<Box<Manifest>>,
}

/// What log or table say of a trial that no result depends on, for its record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Name of what was shown in files; nothing where that is not known.
    pub condition: Option<String>,
    /// What became of it; nothing without an entry.
    pub outcome: Option<String>,
    /// Its number in the log.
    pub running: Option<u32>,
    /// When its stimulus began by them, seconds after the first frame.
    pub onset_s: Option<f64>,
    /// When what products are aligned to happened, seconds after the first frame, where that is not the onset.
    #[serde(default)]
    pub aligned_s: Option<f64>,
    /// Whether it is in no score.
    pub exclude: bool,
    /// The table's own columns.
    pub columns: BTreeMap<String, String>,
}

impl TrialPlan {
    /// When its stimulus began after the first frame; nothing where time 0 is the same for all trials.
    pub(crate) fn own_onset_s(&self) -> Option<f64> {
        own_onset_s(self.onset)
    }
}

fn own_onset_s(onset: Option<Onset>) -> Option<f64> {
    let own = onset.filter(|onset| onset.from != OnsetFrom::Fixed);
    own.map(|onset| onset.s)
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
    /// The shifts that were taken away.
    #[serde(default)]
    pub motion: Option<String>,
}

impl Outputs {
    /// Those that are written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.movie, &self.dff, &self.mat, &self.motion]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

impl Plan {
    fn new(experiment: Experiment) -> Result<Self, Error> {
        let Experiment {
            config,
            own,
            file,
            verify,
            take_over,
        } = experiment;
        let data = Place::open(&config.data.url)?;
        let output = Place::open(config.output_url())?;
        own.refuse_lost()?;
        let ground = Ground::of(&config, &own, &data, &output, file.as_deref())?;
        let mask = given::mask(&config, &own)?;
        let sources = Sources::load(&config, &data)?;
        // Another session's place is refused only after a wrong prefix, which makes it look like one, would have been told.
        let earlier = Earlier::find(&config, &own.placed(), &output);

        let listing = data.survey("")?;
        let finished = |entry: &Entry| Some(earlier.as_ref().ok()?.finished(entry).is_some());
        let known = |entry: &Entry| finished(entry).unwrap_or(false);
        let labels::Movies {
            movies,
            unreadable,
            ignored,
            broken,
            ..
        } = labels::Movies::find(&config, &data, &listing, known);
        if movies.is_empty() && unreadable.is_empty() {
            return Err(Error::NothingToDo {
                place: data.url().to_owned(),
                wanted: labels::movies::asked(&config),
                seen: labels::movies::near(&config, &listing.entries)
                    .unwrap_or_else(|| labels::movies::seen(&listing.entries, &ignored)),
            });
        }
        let ground = ground.with_movies(&movies)?;
        let earlier = earlier?;
        let by_number = sources.as_ref().is_none_or(|s| s.by_number(&config));
        movies::refuse_same_trial(&config, &movies, by_number)?;
        movies::refuse_own_names(&config, &movies)?;
        let of_both = movies
            .iter()
            .chain(unreadable.iter().map(|(entry, _)| entry));
        let of_both: Vec<&Entry> = of_both.collect();
        let labelled = sources.map(|sources| {
            let begin = |entry: &Entry| {
                let manifest = earlier.finished(entry)?;
                manifest.record.quality.as_ref()?.first_frame_unix_s
            };
            let movies = movies::for_labels(&config, &data, &of_both, &broken, begin);
            Labels::new(&config, sources, &movies)
        });
        let labelled = labelled.transpose()?;

        let given = Decided {
            mask,
            ..Decided::default()
        };
        let planned =
            |(i, entry): (usize, &&Entry)| trial_plan(&config, &own, labelled.as_ref(), i, entry);
        let mut trials: Vec<TrialPlan> = of_both.iter().enumerate().map(planned).collect();
        let mut failing = trials.split_off(movies.len());
        earlier.decide(
            &config,
            &own,
            &output,
            given.identity(),
            verify,
            &mut trials,
        )?;
        for (trial, (_, why)) in failing.iter_mut().zip(&unreadable) {
            trial.work = Work::Fail(why.clone());
        }
        trials.append(&mut failing);
        trials.sort_by(|a, b| a.file.cmp(&b.file));
        let checks = labelled
            .as_ref()
            .map(|labels| labels.checks(&config))
            .unwrap_or_default();
        Ok(Self {
            config,
            own,
            data,
            output,
            trials,
            ignored,
            labels: labelled,
            checks,
            reference_image: ReferenceImage::default(),
            references: References::default(),
            spare: Spare::default(),
            mask: given.mask,
            known: earlier.known,
            measured: earlier.measured,
            ground,
            take_over,
        })
    }

    /// Refuses plans that cannot run together, as [`run_all`](crate::run_all) does before any work.
    ///
    /// # Errors
    /// [`Error::SharedFolder`] where two would write into one folder, [`Error::OverInputs`] and
    /// [`Error::ReplacesInput`] where one would write what another reads.
    pub fn refuse_shared(plans: &[Plan]) -> Result<(), Error> {
        Ground::refuse_shared(&plans.iter().map(|p| &p.ground).collect::<Vec<_>>())
    }

    /// Refuses the output place if another run has come there since this was planned, and gives it to this session.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        earlier::refuse_changed(&self.config, &self.output, &self.known)?;
        neighbours::sign(&self.config, &self.output)
    }

    /// What is done again for a reason that holds for the session: how many trials, and how many files of an earlier
    /// run they replace.
    pub(crate) fn again(&self) -> Vec<(&Why, usize, usize)> {
        let mut found: Vec<(&Why, usize, usize)> = Vec::new();
        for trial in &self.trials {
            let Work::Do(why) = &trial.work else { continue };
            if !why.of_session() {
                continue;
            }
            let files = trial.earlier.len();
            match found.iter_mut().find(|(other, ..)| *other == why) {
                Some((_, trials, all)) => (*trials, *all) = (*trials + 1, *all + files),
                None => found.push((why, 1, files)),
            }
        }
        found
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
    /// use widefield_pipeline::contract::{Outcome, Request};
    /// use widefield_pipeline::step::Known;
    /// use widefield_pipeline::{Experiment, simulate};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let session = simulate::Session { trials: 1, size: 64, frames: 20, ..Default::default() };
    /// let plan = Experiment::load(session.write(dir.path(), |_file| {})?)?.plan()?;
    /// let line = serde_json::to_string(&plan.request(0, 1 << 28, 1).expect("one trial"))?;
    /// let reply = Request::parse(&line)?.serve(&Known::default(), &AtomicBool::new(false))?;
    /// assert!(matches!(reply.outcome, Outcome::Done { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn request(&self, trial: usize, memory: u64, threads: usize) -> Option<Request> {
        let trial = self.trials.get(trial)?;
        let cancelled = AtomicBool::new(false);
        let mut config = self.config.clone();
        config.data.url = self.data.url().to_owned();
        config.output.url = Some(self.output.url().to_owned());
        Some(Request {
            version: CONTRACT,
            id: trial.file.clone(),
            round: Round::Process,
            config,
            steps: self.own.placed(),
            consumers: self.own.consumer_names(),
            trial: trial.clone(),
            session: Decided {
                reference: self.worker(&cancelled).origin(&self.trials).ok(),
                ..self.given()
            },
            level: None,
            memory,
            threads,
            attempt: 0,
            claim: None,
            last: false,
        })
    }

    /// What is known of all trials before any is looked at.
    pub(crate) fn given(&self) -> Decided {
        Decided {
            mask: self.mask.clone(),
            ..Decided::default()
        }
    }

    /// Where `run.json` and the report go: the output place, or the session's folder of it.
    #[must_use]
    pub fn records_url(&self) -> String {
        match self.config.output.records.as_str() {
            "" => self.output.url().to_owned(),
            folder => format!("{}/{folder}", self.output.url()),
        }
    }

    /// Where results go.
    #[must_use]
    pub fn output_url(&self) -> &str {
        self.output.url()
    }
}

/// Of the movie at that place among those that were labelled.
fn trial_plan(
    config: &Config,
    own: &Own,
    labelled: Option<&Labels>,
    movie: usize,
    entry: &Entry,
) -> TrialPlan {
    let stem = movies::stem(&entry.name).to_owned();
    let number = config.data.number(&stem);
    let found = labelled.and_then(|labels| labels.of(movie));
    let label = found.map(|entry| entry.label.clone());
    let in_folder =
        |folder: &str, name: String| (!folder.is_empty()).then(|| format!("{folder}/{name}"));
    let (out, timing) = (&config.output, &config.experiment);
    let by_condition = label.as_ref().and_then(|label| label.file_name.clone());
    let own_name = labelled.is_none() || timing.kind == Kind::Spontaneous;
    let mat = by_condition.or_else(|| own_name.then(|| format!("{stem}.mat")));
    let outputs = Outputs {
        movie: in_folder(&out.movie, format!("{stem}.h5")),
        dff: in_folder(&out.dff, format!("{stem}.h5")),
        mat: mat.and_then(|name| in_folder(&out.mat, name)),
        motion: results::of_shifts(config, own).map(|folder| format!("{folder}/{stem}.csv")),
    };
    let fixed = Onset {
        s: 0.0 - timing.first_frame_s,
        from: OnsetFrom::Fixed,
    };
    let logged = found.filter(|_| timing.align == Align::Log);
    TrialPlan {
        input: input(entry),
        file: entry.name.clone(),
        number,
        label,
        onset: (timing.kind == Kind::Trials)
            .then(|| logged.and_then(|entry| entry.onset).unwrap_or(fixed)),
        said: Said {
            condition: found.and_then(|found| found.condition.clone()),
            outcome: found.map(labels::Entry::outcome),
            running: match config.data.matching {
                Match::Number => number,
                _ => found.and_then(labels::Entry::logged),
            },
            onset_s: found.and_then(|found| found.onset).map(|onset| onset.s),
            aligned_s: found.and_then(|found| found.aligned_s),
            exclude: found.is_some_and(|found| found.exclude),
            columns: found.map(|found| found.columns.clone()).unwrap_or_default(),
        },
        outputs,
        checks: labelled.map_or_else(Vec::new, |labels| labels.checks_of(config, movie, number)),
        stem,
        decided: None,
        moved_to: None,
        mask: None,
        earlier: Vec::new(),
        kept: Vec::new(),
        stale: Vec::new(),
        work: Work::Do(Why::New),
        verified: None,
    }
}

/// What identifies a movie.
fn input(entry: &Entry) -> Input {
    Input {
        bytes: entry.bytes,
        modified: entry.modified.clone(),
        etag: entry.etag.clone(),
    }
}

/// Name of the record of a run.
pub(crate) const RUN_JSON: &str = "run.json";
