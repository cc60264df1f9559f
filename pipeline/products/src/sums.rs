//! Running averages of the trials of a session by condition and outcome, kept while trials are processed.

use crate::Error;
use crate::dff_file::DffFiles;
use crate::trials::Trial;
use ndarray::{Array3, ArrayView3, Axis};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use widefield::Average;

/// A bin has an average of its own, so that trials that are processed side by side wait for a frame at most; and what holds
/// the lock of one does nothing in parallel, which could take up another trial that waits for it.
type Bin = Arc<Mutex<Paired>>;

/// An average to which two trials are added together, the first of which waits: less to read and write than sums twice.
#[derive(Clone, Debug)]
struct Paired {
    average: Average,
    frame: Array3<f32>,
    waits: bool,
}

impl Paired {
    fn new(bin: i64, (height, width): (usize, usize)) -> Result<Self, widefield::Error> {
        Ok(Self {
            average: Average::new(bin..bin + 1, (height, width))?,
            frame: Array3::zeros((1, height, width)),
            waits: false,
        })
    }

    fn bytes((height, width): (usize, usize)) -> u64 {
        let pixels = (height as u64).saturating_mul(width as u64);
        let frame = pixels.saturating_mul(size_of::<f32>() as u64);
        Average::bytes(1, (height, width)).saturating_add(frame)
    }

    fn add(&mut self, frame: ArrayView3<'_, f32>) -> Result<(), widefield::Error> {
        self.waits = !self.waits;
        if self.waits {
            self.frame.assign(&frame);
            return Ok(());
        }
        let bin = self.average.bins().start;
        self.average.add_all(bin, &[self.frame.view(), frame])
    }

    /// With what still waits.
    fn finish(mut self) -> Result<Average, widefield::Error> {
        if self.waits {
            let bin = self.average.bins().start;
            self.average.add(bin, self.frame.view())?;
        }
        Ok(self.average)
    }
}

fn lock<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Condition and outcome.
pub(crate) type Group = (String, Option<String>);

/// Sums of the groups of a session.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    groups: Mutex<BTreeMap<Group, Of>>,
}

/// Sums of a group.
#[derive(Debug, Default)]
struct Of {
    bins: BTreeMap<i64, Bin>,
    /// Height and width of the frames.
    size: (usize, usize),
    /// Trials of which frames may have been added.
    begun: BTreeSet<String>,
    /// Trials that were added whole.
    added: BTreeSet<String>,
    /// Whether there was no room for it, or a trial was added in part: it is made from files then.
    given_up: bool,
}

/// Adds a trial to the sums of its group: the bins of its frames.
#[derive(Debug)]
pub(crate) struct Adding(Vec<Bin>);

impl Sums {
    /// Gets ready for a trial, if there is room within `left` bytes, from which it is taken.
    pub(crate) fn begin(
        &self,
        group: &Group,
        file: &str,
        bins: Range<i64>,
        size: (usize, usize),
        left: &mut u64,
    ) -> Option<Adding> {
        let mut groups = lock(&self.groups);
        let of = groups.entry(group.clone()).or_default();
        let new: Vec<i64> = bins
            .clone()
            .filter(|bin| !of.bins.contains_key(bin))
            .collect();
        let bytes = Paired::bytes(size).saturating_mul(new.len() as u64);
        let other_size = !of.begun.is_empty() && of.size != size;
        // A trial that begins anew may have been added in part.
        if of.given_up || other_size || !of.begun.insert(file.to_owned()) || bytes > *left {
            *left += of.give_up();
            return None;
        }
        of.size = size;
        for bin in new {
            let Ok(paired) = Paired::new(bin, size) else {
                *left += of.give_up();
                return None;
            };
            of.bins.insert(bin, Arc::new(Mutex::new(paired)));
        }
        *left -= bytes;
        let of_trial = bins.clone().filter_map(|bin| of.bins.get(&bin).cloned());
        Some(Adding(of_trial.collect()))
    }

    /// A trial was added whole, and is good.
    pub(crate) fn end(&self, group: &Group, file: &str) {
        if let Some(of) = lock(&self.groups).get_mut(group) {
            of.added.insert(file.to_owned());
        }
    }

    /// The sums of a group, if they are of these trials and no others.
    pub(crate) fn take(
        &self,
        group: &Group,
        trials: &[Trial<'_>],
    ) -> Option<BTreeMap<i64, Average>> {
        let of = lock(&self.groups).remove(group)?;
        let wanted: BTreeSet<String> = trials.iter().map(|t| t.record.file.clone()).collect();
        if of.given_up || of.begun != of.added || of.added != wanted {
            return None;
        }
        let whole = |(bin, paired): (i64, Bin)| {
            let paired = match Arc::try_unwrap(paired) {
                Ok(paired) => paired.into_inner().unwrap_or_else(PoisonError::into_inner),
                Err(shared) => lock(&shared).clone(),
            };
            Some((bin, paired.finish().ok()?))
        };
        of.bins.into_par_iter().map(whole).collect()
    }
}

impl Of {
    /// Lets go of everything; the bytes that it held.
    fn give_up(&mut self) -> u64 {
        self.given_up = true;
        let bins = std::mem::take(&mut self.bins);
        Paired::bytes(self.size).saturating_mul(bins.len() as u64)
    }
}

impl Adding {
    /// Adds frames of dF/F, the first of them frame `first` of the trial.
    pub(crate) fn add(
        &self,
        first: usize,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), widefield::Error> {
        let bins = self.0.get(first..).unwrap_or_default();
        let frames: Vec<_> = dff.axis_chunks_iter(Axis(0), 1).zip(bins).collect();
        frames
            .into_par_iter()
            .try_for_each(|(frame, bin)| lock(bin).add(frame))
    }
}

/// Sums of a range of bins of a group, as far as it has some there.
pub(crate) type Tile<'a> = BTreeMap<i64, Cow<'a, Average>>;

/// From what was kept while the trials were processed.
pub(crate) fn kept(kept: &BTreeMap<i64, Average>, bins: Range<i64>) -> Tile<'_> {
    let bins = kept.range(bins);
    bins.map(|(bin, of)| (*bin, Cow::Borrowed(of))).collect()
}

/// From the files of the trials, in order.
pub(crate) fn read(
    files: &DffFiles<'_>,
    bins: Range<i64>,
    size: (usize, usize),
    cancelled: &dyn Fn() -> bool,
) -> Result<Tile<'static>, Error> {
    let averages = bins
        .clone()
        .map(|bin| Ok((bin, Average::new(bin..bin + 1, size)?)));
    let mut averages: BTreeMap<i64, Average> = averages.collect::<Result<_, Error>>()?;
    files.each(|_, trial, file| {
        let frame = |bin: i64| {
            let frame = usize::try_from(bin - trial.first_bin).unwrap_or(0);
            frame.min(file.shape[0])
        };
        file.blocks(frame(bins.start)..frame(bins.end), |first, block| {
            if cancelled() {
                return Err(Error::Interrupted);
            }
            let frames = block.len_of(Axis(0)) as u64;
            let first = trial.first_bin.saturating_add_unsigned(first as u64);
            let until = first.saturating_add_unsigned(frames);
            let of: Vec<_> = averages.range_mut(first..until).collect();
            let add = |(_, average): (&i64, &mut Average)| average.add(first, block.view());
            Ok(of.into_par_iter().try_for_each(add)?)
        })
    })?;
    averages.retain(|bin, average| average.trials(*bin..bin + 1).is_ok_and(|n| n[0] > 0));
    let bins = averages.into_iter();
    Ok(bins.map(|(bin, of)| (bin, Cow::Owned(of))).collect())
}
