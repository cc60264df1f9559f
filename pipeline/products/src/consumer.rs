//! Products as a consumer of trials: what is cheap while a movie is at hand is taken then, the rest from files.

use crate::Error;
use crate::areas::AreaFile;
use crate::made::Files;
use crate::sums::{Adding, Group, Sums};
use crate::traces::Seen;
use crate::trials::{Trials, first_bin, outcome};
use crate::{auc, averages, glm, seeds, traces};
use ndarray::{Array2, ArrayView3, s};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use widefield::Areas;
use widefield_pipeline::Observer;
use widefield_pipeline::config::Config;
use widefield_pipeline::consumer::{Consumer, Seen as End, Session, Watch, Watched};
use widefield_pipeline::record::Output;
use widefield_pipeline::step::{Cause, StepError};

/// A kind of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Product {
    /// Averages by condition and outcome.
    Averages,
    /// Traces of areas.
    Traces,
    /// Correlation with areas.
    Seeds,
    /// The lab's regression.
    Glm,
    /// How well two conditions can be told apart.
    Auc,
}

/// Makes what `[products]` of a description asks for. Sessions that are run together have clones of one, which share what may be held.
#[derive(Clone, Debug, Default)]
pub struct Products {
    only: Option<Product>,
    /// What is kept of sessions whose trials are processed here, by the place of their records.
    sessions: Arc<Mutex<BTreeMap<String, Arc<Kept>>>>,
    /// Bytes that these hold.
    held: Arc<Mutex<u64>>,
}

/// What is kept of a session while its trials are processed.
#[derive(Debug, Default)]
struct Kept {
    sums: Sums,
    seen: Mutex<Seen>,
    areas: Mutex<Option<Parsed>>,
    /// What the sums take.
    bytes: Mutex<u64>,
}

/// Areas of a file with this check sum, in frames of this size.
type Parsed = (u32, (usize, usize), Arc<Areas>);

impl Kept {
    /// The areas of a file, which are many pixels and the same for all trials.
    fn areas(&self, file: &AreaFile, size: (usize, usize)) -> Option<(u32, Arc<Areas>)> {
        let crc = file.crc32c();
        let kept = lock(&self.areas).clone();
        if let Some((.., areas)) = kept.filter(|parsed| (parsed.0, parsed.1) == (crc, size)) {
            return Some((crc, areas));
        }
        let areas = Arc::new(file.areas(size).ok()?);
        *lock(&self.areas) = Some((crc, size, Arc::clone(&areas)));
        Some((crc, areas))
    }
}

fn lock<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a session's records, which no other has.
fn place(config: &Config) -> String {
    format!("{} {}", config.output_url(), config.output.records)
}

impl Products {
    /// Only products of one kind, as far as they are asked for.
    #[must_use]
    pub fn only(kind: Product) -> Self {
        Self {
            only: Some(kind),
            ..Self::default()
        }
    }

    fn wants(&self, kind: Product) -> bool {
        self.only.is_none_or(|only| only == kind)
    }

    fn kept(&self, config: &Config) -> Arc<Kept> {
        Arc::clone(lock(&self.sessions).entry(place(config)).or_default())
    }
}

impl Consumer for Products {
    fn name(&self) -> &'static str {
        "products"
    }

    /// What it keeps is in memory; what was not seen here is in files.
    fn extension(&self) -> Option<&'static str> {
        None
    }

    fn makes(&self, config: &Config) -> bool {
        config.products.any()
    }

    fn folders(&self, config: &Config) -> Vec<(String, &'static str)> {
        let products = &config.products;
        let averages = products.averages.then(|| averages::FOLDER.to_owned());
        let glm = products.glm.then(|| glm::FOLDER.to_owned());
        let seeds = products.seeds.iter().map(|seed| seeds::folder(seed));
        let folders = averages.into_iter().chain(glm).chain(seeds);
        folders.map(|folder| (folder, "h5")).collect()
    }

    fn share(&self, config: &Config) -> f64 {
        let averages = if config.products.averages { 0.25 } else { 0.0 };
        // Means of areas are small beside the frames they are of.
        let traces = if config.products.rois.is_some() {
            0.01
        } else {
            0.0
        };
        averages + traces
    }

    fn watch(&self, trial: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause> {
        let config = trial.config;
        if trial.held == 0 || trial.record.exclude || !config.products.any() {
            return Ok(None);
        }
        let Ok(first_bin) = first_bin(config, trial.record, trial.clip.frames) else {
            return Ok(None);
        };
        let kept = self.kept(config);
        let size = (trial.clip.size.height, trial.clip.size.width);
        let file = &trial.record.file;
        let mut group = None;
        if let Some(condition) = &trial.record.condition
            && config.products.averages
        {
            let of: Group = (condition.clone(), outcome(trial.record));
            let bins = first_bin..first_bin.saturating_add_unsigned(trial.clip.frames as u64);
            let adding = self.begin(&kept, &of, file, bins, size, trial.held);
            group = adding.map(|adding| (of, adding));
        }
        // What is wrong with the file is said once, when the session ends.
        let areas = AreaFile::read(config).ok().flatten();
        let areas = areas.and_then(|file| kept.areas(&file, size));
        let means = areas.map(|(crc, areas)| {
            let means = Array2::zeros((trial.clip.frames, areas.len()));
            (crc, areas, means)
        });
        if group.is_none() && means.is_none() {
            return Ok(None);
        }
        Ok(Some(Box::new(Follow {
            kept,
            file: file.clone(),
            group,
            means,
        })))
    }

    fn session(&self, session: &Session<'_>) -> Result<Vec<Output>, Cause> {
        let config = &session.record.config;
        let kept = lock(&self.sessions)
            .remove(&place(config))
            .unwrap_or_default();
        let made = self.make(session, &kept);
        // Until now the next session had no use of it.
        let bytes = *lock(&kept.bytes);
        drop(kept);
        let mut held = lock(&self.held);
        *held = held.saturating_sub(bytes);
        made
    }
}

impl Products {
    fn make(&self, session: &Session<'_>, kept: &Kept) -> Result<Vec<Output>, Cause> {
        let config = &session.record.config;
        let products = &config.products;
        if !products.any() || session.record.totals.interrupted {
            return Ok(Vec::new());
        }
        let trials = Trials::of(session.record);
        let mut files = Files::of(session);
        let areas = AreaFile::read(config);
        let files_of = &mut files;
        let mut make =
            |kind, asked: bool, make: &mut dyn FnMut(&mut Files<'_>) -> Result<(), Error>| {
                if !asked || !self.wants(kind) {
                    return;
                }
                // One that does not go leaves the others alone.
                if let Err(error) = make(files_of) {
                    session.failed(&error);
                }
            };
        make(Product::Averages, products.averages, &mut |files| {
            averages::make(session, &trials, &kept.sums, files)?;
            files.remove_others(|name| averages::is_named(&config.output, name))
        });
        match areas {
            Err(error) => session.failed(&error),
            Ok(None) => {}
            Ok(Some(areas)) => {
                make(Product::Traces, true, &mut |files| {
                    traces::make(session, &trials, &areas, &lock(&kept.seen), files)
                });
                make(Product::Seeds, !products.seeds.is_empty(), &mut |files| {
                    seeds::make(session, &trials, &areas, files)?;
                    files.remove_others(|name| seeds::is_named(config, name))
                });
            }
        }
        make(Product::Glm, products.glm, &mut |files| {
            glm::make(session, &trials, files)
        });
        make(Product::Auc, !products.auc.is_empty(), &mut |files| {
            auc::make(session, &trials, files)
        });
        Ok(files.finish()?)
    }

    /// Gets ready to add a trial to sums, within what may be held.
    fn begin(
        &self,
        kept: &Kept,
        group: &Group,
        file: &str,
        bins: Range<i64>,
        size: (usize, usize),
        most: u64,
    ) -> Option<Adding> {
        let mut held = lock(&self.held);
        let mut left = most.saturating_sub(*held);
        let before = left;
        let adding = kept.sums.begin(group, file, bins, size, &mut left);
        let mut bytes = lock(&kept.bytes);
        *bytes = bytes.saturating_add(before).saturating_sub(left);
        *held = held.saturating_add(before).saturating_sub(left);
        adding
    }
}

/// Follows one trial.
struct Follow {
    kept: Arc<Kept>,
    file: String,
    group: Option<(Group, Adding)>,
    /// What the areas are, and their means so far, `(t, area)`.
    means: Option<(u32, Arc<Areas>, Array2<f64>)>,
}

impl Observer for Follow {
    type Error = StepError;

    fn block(
        &mut self,
        first: usize,
        _: ArrayView3<'_, f32>,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), StepError> {
        let wrong = |error: widefield::Error| StepError::Request(error.into());
        if let Some((_, adding)) = &self.group {
            adding.add(first, dff).map_err(wrong)?;
        }
        if let Some((_, areas, means)) = &mut self.means {
            let until = first + dff.dim().0;
            let of = areas.means(dff).map_err(wrong)?;
            means.slice_mut(s![first..until, ..]).assign(&of);
        }
        Ok(())
    }
}

impl Watch for Follow {
    fn finish(self: Box<Self>, seen: &End<'_>) -> Result<Vec<u8>, Cause> {
        if seen.record.good() {
            if let Some((group, _)) = &self.group {
                self.kept.sums.end(group, &self.file);
            }
            if let Some((crc, _, means)) = self.means {
                lock(&self.kept.seen).insert(self.file, (crc, means));
            }
        }
        Ok(Vec::new())
    }
}
