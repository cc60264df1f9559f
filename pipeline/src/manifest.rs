//! What a later run must know of each trial, in a small object beside the results.
//!
//! `manifest/<movie>.json` is written last, when all outputs of a trial are safe. A run that is killed at any moment
//! therefore leaves nothing that looks finished and is not. Where an earlier run had finished the trial, its manifest
//! is first marked as unfinished, since new and old outputs may then stand side by side for a while.

use crate::config::{Config, Existing, Masking, Match, MotionMethod, MotionStep};
use crate::contract::{Decided, Origin};
use crate::labels::Label;
use crate::plan::TrialPlan;
use crate::record::{Input, Output, TrialRecord};
use crate::step::Placed;
use crate::trial::described;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield::{BackgroundLevel, Mask, Size};
use widefield_storage::{Entry, Error, Place};

/// Folder of these objects in the output place.
pub(crate) const FOLDER: &str = "manifest";

/// Content of `manifest/<movie>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Version of the software.
    pub(crate) version: String,
    /// Whether all outputs stand as the record says.
    pub(crate) finished: bool,
    /// The experiment.
    pub(crate) config: Config,
    /// The steps that are not among the configured ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) steps: Vec<Placed>,
    /// What log or table said of the trial.
    pub(crate) label: Option<Label>,
    /// What the session had decided.
    #[serde(default)]
    pub(crate) decided: Option<Identity>,
    /// The trial; of an unfinished one the outputs that may be there.
    pub(crate) record: TrialRecord,
    /// Results of before, under names that another trial was to write when this one was finished. They go once no trial
    /// is to write them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) former: Vec<Output>,
    /// Its mask; `None` also where a version that did not keep it has written this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mask: Option<Mask>,
    /// [`stamp`] of each output when it was safe; manifests of earlier versions have none.
    #[serde(default)]
    pub(crate) stamps: BTreeMap<String, String>,
    #[serde(skip)]
    stem: String,
}

/// What tells one decision of a session from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The common background.
    pub(crate) background: Option<f64>,
    /// CRC-32C of the common mask, a byte a pixel.
    pub(crate) mask: Option<u32>,
    /// [`set_of`] the movies it was decided from.
    pub(crate) of: u32,
    /// [`Origin::identity`] of the movie to which motion was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<u32>,
}

impl Origin {
    /// One number for a movie, as it is.
    pub(crate) fn identity(file: &str, input: &Input) -> u32 {
        crc32c::crc32c(&serde_json::to_vec(&(file, input)).unwrap_or_default())
    }
}

/// One number for a set of movies, given in order of their names.
pub(crate) fn set_of<'n>(names: impl Iterator<Item = &'n str>) -> u32 {
    names.fold(0, |crc, name| {
        let crc = crc32c::crc32c_append(crc, name.as_bytes());
        // A byte that no name has ends each.
        crc32c::crc32c_append(crc, &[0])
    })
}

impl Decided {
    /// What tells this decision from another; nothing where each trial decides for itself.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let crc = |mask: &widefield::Mask| {
            let bytes: Vec<u8> = mask.kept().iter().copied().map(u8::from).collect();
            crc32c::crc32c(&bytes)
        };
        let reference = self.moved_to();
        let any = self.background.is_some() || self.mask.is_some() || reference.is_some();
        any.then(|| Identity {
            reference,
            background: self.background,
            mask: self.mask.as_ref().map(crc),
            of: self.of,
        })
    }

    /// [`Origin::identity`] of the movie to which motion is taken away.
    pub(crate) fn moved_to(&self) -> Option<u32> {
        let origin = self.reference.as_ref().filter(|it| it.corrects)?;
        Some(Origin::identity(&origin.file, &origin.input))
    }
}

impl Manifest {
    /// Of a trial that is about to be processed.
    pub(crate) fn new(
        config: &Config,
        steps: &[Placed],
        trial: &TrialPlan,
        decided: &Decided,
    ) -> Self {
        Self {
            version: crate::VERSION.into(),
            finished: false,
            config: config.clone(),
            steps: steps.to_vec(),
            label: trial.label.clone(),
            decided: decided.identity(),
            record: TrialRecord {
                outputs: trial.earlier.clone(),
                ..described(trial)
            },
            former: Vec::new(),
            mask: None,
            stamps: BTreeMap::new(),
            stem: trial.stem.clone(),
        }
    }

    pub(crate) fn name(config: &Config, stem: &str) -> String {
        config.output.beside(&format!("{FOLDER}/{stem}.json"))
    }

    /// Reads what [`Manifest::put`] wrote of this movie, nothing if it is damaged; and the check sum of what was read.
    pub(crate) fn read(
        output: &Place,
        config: &Config,
        stem: &str,
    ) -> Result<(Option<Self>, Option<u32>), Error> {
        let bytes = match output.read(&Self::name(config, stem)) {
            Ok(bytes) => bytes,
            // It went between listing and reading.
            Err(Error::NotFound { .. }) => return Ok((None, None)),
            Err(error) => return Err(error),
        };
        let found = serde_json::from_slice(&bytes).ok().map(|found| Self {
            stem: stem.to_owned(),
            ..found
        });
        Ok((found, Some(crc32c::crc32c(&bytes))))
    }

    /// Of the same trial when all its outputs are safe.
    pub(crate) fn finished(
        mut self,
        output: &Place,
        trial: &TrialPlan,
        record: &TrialRecord,
        mask: Option<&Mask>,
    ) -> Self {
        self.finished = true;
        self.former.clone_from(&trial.earlier);
        self.former.retain(|o| {
            !trial.stale.contains(&o.path) && record.outputs.iter().all(|new| new.path != o.path)
        });
        self.record = record.clone();
        self.mask = mask.cloned();
        for Output { path, .. } in &record.outputs {
            // One without a stamp is compared by its content the next time.
            if let Ok(Some(entry)) = output.head(path) {
                self.stamps.insert(path.clone(), stamp(output, &entry));
            }
        }
        self
    }

    pub(crate) fn put(&self, output: &Place) -> Result<(), Error> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        output
            .put(&Self::name(&self.config, &self.stem), json)
            .map(drop)
    }
}

/// What differs when an object was written again: its entity tag in a store, its time on a file system, where a copy
/// that keeps times counts as unchanged.
pub(crate) fn stamp(place: &Place, entry: &Entry) -> String {
    let tag = || entry.etag.clone();
    let time = || entry.modified.clone();
    let told = match place.local_path(&entry.name) {
        Some(_) => time().or_else(tag),
        None => tag().or_else(time),
    };
    told.unwrap_or_default()
}

/// A description without what does not change results.
pub(crate) fn comparable(config: &Config) -> Config {
    let mut c = config.clone();
    c.data.url.clear();
    c.data.folders.clear();
    // What they say of a trial is compared, wherever it comes from.
    c.data.name = None;
    c.data.trials = None;
    c.data.matching = Match::Number;
    c.output.url = None;
    c.output.records.clear();
    c.output.existing = Existing::Resume;
    c.output.verify = false;
    // Where motion is only measured, no result depends on it.
    if c.analysis.motion.method == MotionMethod::None {
        c.analysis.motion = MotionStep::default();
    }
    // The image counts, wherever it lies: its checksum is compared.
    if let Masking::File(given) = &mut c.analysis.segmentation.method {
        given.file.clear();
    }
    c.checks = crate::config::Checks::default();
    c.products = crate::config::Products::default();
    // What goes without saying counts as if it had been said.
    if let Some([width, height]) = c.analysis.resolution {
        c.analysis = c.analysis.resolved(Size { width, height });
    }
    // Drawn only, or part of what the log says of a trial, which is compared by itself.
    c.experiment.events.clear();
    c.experiment.pixel_um = None;
    c.experiment.stimulus.clear();
    c
}

/// Content of `manifest/<movie>.measured`: what the first round learned of a trial. One line of JSON, then the mean
/// image as little-endian f64, row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    version: String,
    config: Config,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Placed>,
    input: Input,
    pub(crate) level: BackgroundLevel,
    /// [`Origin::identity`] of the movie to which motion was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<u32>,
    /// Height and width of the mean image.
    shape: [usize; 2],
    /// CRC-32C of the mean image.
    crc32c: u32,
    #[serde(skip)]
    stem: String,
}

impl Measurement {
    pub(crate) fn new(
        config: &Config,
        steps: &[Placed],
        trial: &TrialPlan,
        session: &Decided,
        level: BackgroundLevel,
    ) -> Self {
        Self {
            reference: session.moved_to(),
            version: crate::VERSION.into(),
            config: config.clone(),
            steps: steps.to_vec(),
            input: trial.input.clone(),
            level,
            shape: [0, 0],
            crc32c: 0,
            stem: trial.stem.clone(),
        }
    }

    pub(crate) fn name(config: &Config, stem: &str) -> String {
        config.output.beside(&format!("{FOLDER}/{stem}.measured"))
    }

    /// Writes it with the mean image `(y, x)`.
    pub(crate) fn put(mut self, output: &Place, mean: ArrayView2<'_, f64>) -> Result<(), Error> {
        let pixels: Vec<u8> = mean.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.shape = mean.dim().into();
        self.crc32c = crc32c::crc32c(&pixels);
        let mut bytes = serde_json::to_vec(&self).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend(pixels);
        output
            .put(&Self::name(&self.config, &self.stem), bytes)
            .map(drop)
    }

    /// Reads what [`Measurement::put`] wrote of this trial under these parameters; nothing if it is of another
    /// movie, moved to another one, of other parameters, of another version of the software, or damaged.
    pub(crate) fn read(
        output: &Place,
        config: &Config,
        steps: &[Placed],
        trial: &TrialPlan,
        session: &Decided,
    ) -> Result<Option<(BackgroundLevel, Array2<f64>)>, Error> {
        let bytes = match output.read(&Self::name(config, &trial.stem)) {
            Ok(bytes) => bytes,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut parts = bytes.splitn(2, |&b| b == b'\n');
        let (Some(head), Some(pixels)) = (parts.next(), parts.next()) else {
            return Ok(None);
        };
        let Ok(found) = serde_json::from_slice::<Self>(head) else {
            return Ok(None);
        };
        let same = found.version == crate::VERSION
            && found.input == trial.input
            && found.reference == session.moved_to()
            && found.steps == steps
            && comparable(&found.config) == comparable(config);
        if !same || crc32c::crc32c(pixels) != found.crc32c {
            return Ok(None);
        }
        let values = pixels.chunks_exact(8).map(|eight| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(eight);
            f64::from_le_bytes(bytes)
        });
        let mean = Array2::from_shape_vec(found.shape, values.collect());
        Ok(mean.ok().map(|mean| (found.level, mean)))
    }
}
