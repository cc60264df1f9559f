//! What is told of a trial while it is analysed: to its record, its files, and those who watch.

use super::files::{Files, Told};
use super::motion::Found;
use super::reading::Resized;
use super::timing::Timing;
use super::{TrialError, Worker, described};
use crate::config::Kind;
use crate::consumer::{Seen, Watch, Watched, part_name, share};
use crate::observer::Observer;
use crate::plan::TrialPlan;
use crate::record::{
    Check, CheckName, Fit, Level, Output, Quality, TrialRecord, motion, with_causes,
};
use crate::step::{Cause, Clip, Normal, Stage, StepError, failed};
use ndarray::{Array2, ArrayView2, ArrayView3, s};
use std::ops::Range;
use std::time::{Duration, Instant};
use widefield::motion::{Shift, dff_per_px};
use widefield::quality::{self, MovieSummary, Summary};
use widefield::render::PeakMap;
use widefield::{BackgroundLevel, Mask, MovieSource, Subtract};

/// Kept pixels whose F0 is below this share of the median count as low.
const LOW_F0: f64 = 0.05;

/// Follows one trial.
pub(super) struct Watcher<'a> {
    worker: &'a Worker<'a>,
    trial: &'a TrialPlan,
    pub(super) record: TrialRecord,
    pub(super) timing: Timing,
    /// One for each consumer; nothing where its watching has failed.
    watches: Vec<Option<Box<dyn Watch>>>,
    clip: Option<Clip>,
    gaps: Vec<dcimg::Gap>,
    moved: Option<Found>,
    intervals_s: Vec<f64>,
    background: f64,
    mask: Option<Mask>,
    files: Option<Files>,
    collecting: Option<MovieSummary>,
    /// Mean fluorescence of each frame, of recordings that are judged by it.
    light: Option<Vec<f64>>,
    summary: Option<Summary>,
    /// Time of the blocks that went to the summary.
    collected_in: Duration,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(worker: &'a Worker<'a>, trial: &'a TrialPlan) -> Self {
        Self {
            worker,
            trial,
            record: described(trial),
            timing: Timing::begin(),
            watches: Vec::new(),
            clip: None,
            gaps: Vec::new(),
            moved: None,
            intervals_s: Vec::new(),
            background: 0.0,
            mask: None,
            files: None,
            collecting: None,
            light: (worker.config.experiment.kind == Kind::Spontaneous).then(Vec::new),
            summary: None,
            collected_in: Duration::ZERO,
        }
    }

    fn quality(&mut self) -> &mut Quality {
        self.record.quality.get_or_insert_default()
    }

    /// The movie has been read.
    pub(super) fn movie(&mut self, read: &Resized) -> Result<(), TrialError> {
        self.timing.ends("read");
        let Resized { movie, clip, .. } = read;
        self.record.frames = Some(clip.frames);
        self.record.dropped_frames = read.dropped;
        self.record.checks.extend(read.checks.iter().cloned());
        self.record.quality = Some(read.quality.clone());
        self.clip = Some(*clip);
        self.gaps.clone_from(&read.gaps);
        self.intervals_s.clone_from(&read.intervals_s);
        self.moved.clone_from(&read.motion);
        self.record.motion = self.moved.as_ref().map(|found| found.motion.clone());
        self.quality().light_over_noise = light_over_noise(movie, clip)?;
        for consumer in &self.worker.own.consumers {
            let config = self.worker.config;
            let watch = consumer.watch(&Watched {
                config,
                movie,
                clip,
                record: &self.record,
                held: share(self.worker.held, consumer.share(config)),
            });
            let watch = watch.map_err(|error| self.missing(consumer.name(), &*error));
            self.watches.push(watch.ok().flatten());
        }
        self.timing.ends("report");
        Ok(())
    }

    /// Shows something to all who watch.
    fn show(&mut self, mut what: impl FnMut(&mut dyn Watch) -> Result<(), StepError>) {
        for i in 0..self.watches.len() {
            if let Some(watch) = &mut self.watches[i]
                && let Err(error) = what(&mut **watch)
            {
                self.watches[i] = None;
                let name = self.worker.own.consumers[i].name();
                self.missing(name, &error);
            }
        }
    }

    /// That a trial goes on without its part of a consumer is no failure of the trial.
    fn missing(&mut self, consumer: &str, error: &(dyn std::error::Error + 'static)) {
        let message = format!(
            "its part of the {consumer} is missing: {}",
            with_causes(error)
        );
        let check = Check::found(CheckName::Other(consumer.into()), Level::Warn, message);
        self.record.checks.push(check);
    }

    /// All blocks have been told: lets the files appear; the mean over frames of the movie.
    pub(super) fn finish_files(&mut self) -> Result<Array2<f64>, TrialError> {
        self.worker.alive()?;
        self.timing.ends("write");
        self.timing.moves(self.collected_in, "write", "report");
        let Some(collected) = self.collecting.take() else {
            return Err(StepError::NoMean.into());
        };
        let summary = collected.finish().map_err(failed(Stage::Report))?;
        let finite = |value: f64| value.is_finite().then_some(value);
        let kept = self.mask.as_ref().map(Mask::kept);
        let clamped = kept.and_then(|kept| summary.clamped_share(kept).ok());
        let light = self.light.take();
        let quality = self.quality();
        let trace = &summary.trace;
        quality.first_frame = finite(quality::first_frame(trace));
        quality.bleaching = finite(quality::bleaching(trace));
        if let Some(light) = &light {
            // F0 may follow the light, which then is not seen in dF/F.
            let relative: Vec<f64> = light.iter().map(|l| l / light[0] - 1.0).collect();
            quality.bleaching = finite(quality::bleaching(&relative));
            quality.slow_drift = finite(quality::slow_drift(light));
        }
        quality.alternation = finite(quality::alternation(trace));
        quality.dff_p999 = finite(summary.size);
        quality.clamped_share = clamped.filter(|share| share.is_finite());
        let [start, end] = quality.baseline_frames.unwrap_or([0, 0]);
        let baseline = trace.get(start..end).unwrap_or_default();
        quality.baseline_dff = finite(baseline.iter().sum::<f64>() / baseline.len() as f64);
        let mean = summary.mean.clone();
        if let (Some(motion), Some(mask)) = (&mut self.record.motion, &self.mask) {
            let fluorescence = &mean - self.background;
            let made =
                dff_per_px(fluorescence.view(), mask.kept()).map_err(failed(Stage::Report))?;
            let predicted = made.zip(motion.high_px);
            motion.predicted_dff = predicted.map(|(made, px)| made.map(|share| share * px));
        }
        self.timing.ends("report");
        // Last, as nothing is to appear of a trial that fails.
        if let Some(files) = self.files.take() {
            let mut outputs = files.finish(self.worker)?;
            outputs.extend(self.shifts()?);
            outputs.extend(self.trial.kept.iter().cloned());
            let place = |name: &str| self.trial.outputs.names().position(|n| n == name);
            outputs.sort_by_key(|output| place(&output.path));
            self.record.outputs = outputs;
        }
        self.timing.ends("write");
        self.summary = Some(summary);
        Ok(mean)
    }

    /// Writes the shifts that were taken away.
    fn shifts(&self) -> Result<Option<Output>, TrialError> {
        let name = self.trial.outputs.motion.as_ref();
        let new = |name: &&String| self.trial.kept.iter().all(|kept| kept.path != **name);
        let (Some(name), Some(found), Some(clip)) = (name.filter(new), &self.moved, &self.clip)
        else {
            return Ok(None);
        };
        self.worker
            .owned(name.rsplit_once('/').map(|(folder, _)| folder))?;
        let shifts: Vec<Shift> = found.shifts.iter().map(|(_, shift)| *shift).collect();
        let text = motion::csv(&shifts, &clip.axis);
        Ok(Some(
            self.worker.output.put(name, text.into_bytes())?.into(),
        ))
    }

    /// Keeps what consumers made of a trial that was read; its record, and its mask.
    pub(super) fn end(mut self) -> (TrialRecord, Option<Mask>) {
        let began = Instant::now();
        let mut keeping = false;
        // A trial whose files appeared is finished, also when the run is cancelled now: it is kept with its parts.
        let finished = self.summary.is_some();
        let (worker, records) = (self.worker, &self.worker.config.output.records);
        let ours = || (finished || worker.alive().is_ok()) && worker.owned(Some(records)).is_ok();
        let mut parts = Vec::new();
        for (i, watch) in std::mem::take(&mut self.watches).into_iter().enumerate() {
            let consumer = &self.worker.own.consumers[i];
            if let Some(watch) = watch
                && ours()
            {
                keeping = true;
                let name = part_name(&**consumer, &self.trial.stem);
                match self.keep(watch, name.as_deref()) {
                    Ok(part) => parts.extend(part),
                    Err(error) => self.missing(consumer.name(), &*error),
                }
            }
        }
        self.record.parts = Some(parts);
        self.record.seconds = self.timing.seconds();
        if keeping {
            let seconds = self.record.seconds.entry("report".into()).or_default();
            *seconds += began.elapsed().as_secs_f64();
        }
        // How it was decided is told; what is kept is which pixels.
        let mask = self
            .mask
            .map(|mask| Mask::from_kept(mask.kept().to_owned()));
        (self.record, mask)
    }

    fn keep(&self, watch: Box<dyn Watch>, name: Option<&str>) -> Result<Option<Output>, Cause> {
        let seen = Seen {
            record: &self.record,
            intervals_s: &self.intervals_s,
            summary: self.summary.as_ref(),
            shifts: self.moved.as_ref().map_or(&[], |found| &found.shifts),
        };
        let bytes = watch.finish(&seen)?;
        let Some(name) = name else { return Ok(None) };
        let name = self.worker.config.output.beside(name);
        Ok(Some(self.worker.output.put(&name, bytes)?.into()))
    }
}

impl Observer for Watcher<'_> {
    type Error = TrialError;

    fn f0_frames(&mut self, frames: Range<usize>) -> Result<(), TrialError> {
        if !frames.is_empty() {
            let missing = missing_in(&self.gaps, &frames);
            let quality = self.quality();
            quality.baseline_frames = Some([frames.start, frames.end]);
            quality.dropped_in_baseline = Some(missing);
        }
        self.show(|watch| watch.f0_frames(frames.clone()));
        self.worker.alive()
    }

    fn background(
        &mut self,
        image: ArrayView2<'_, f64>,
        level: &BackgroundLevel,
        subtract: &Subtract,
    ) -> Result<(), TrialError> {
        self.record.fit = level.fit.as_ref().map(Fit::from);
        self.record.background = Some(subtract.background);
        self.background = subtract.background;
        let relative = level.fit.map(|fit| fit.residual_rms / fit.amplitude.abs());
        let quality = self.quality();
        quality.background_limit = Some(level.plausible_max);
        quality.background_bound = level.bound;
        quality.fit_residual = relative.filter(|r| r.is_finite());
        self.timing.ends("background");
        self.show(|watch| watch.background(image, level, subtract));
        self.timing.ends("report");
        self.worker.alive()
    }

    fn mask(&mut self, mask: &Mask, own: bool) -> Result<(), TrialError> {
        if own {
            self.quality().threshold_zero = Some(mask.threshold_zero());
        }
        let pixels = mask.kept().len() as f64;
        self.record.threshold = Some(mask.threshold());
        self.record.masked_pixels = Some(mask.masked_pixels());
        self.quality().masked_share = Some(mask.masked_pixels() as f64 / pixels);
        self.mask = Some(mask.clone());
        self.timing.ends("mask");
        self.show(|watch| watch.mask(mask, own));
        self.timing.ends("report");
        self.worker.alive()
    }

    fn f0(&mut self, normal: &dyn Normal) -> Result<(), TrialError> {
        let (Some(clip), Some(mask)) = (self.clip, &self.mask) else {
            return Err(StepError::NoMean.into());
        };
        let median = quality::kept_median(normal.f0(), mask.kept());
        let low = quality::low_share(normal.f0(), mask.kept(), LOW_F0);
        let told = Told {
            frames: clip.frames,
            size: clip.size,
            background: self.background,
            threshold: mask.threshold(),
            normal,
            motion: self.record.motion.as_ref(),
        };
        let quality = self.record.quality.get_or_insert_default();
        quality.f0 = median.ok().filter(|f0| f0.is_finite());
        quality.low_f0_share = low.ok().filter(|share| share.is_finite());
        self.record.nonfinite_pixels = Some(normal.nonfinite_pixels());
        let files = self
            .worker
            .create(self.trial, &told, &mut self.record.checks)?;
        self.files = Some(files);
        let peaks = PeakMap::since_time_0(normal.f0().dim(), clip.frames, &clip.axis);
        let collecting = MovieSummary::new(peaks, clip.frames, 0.999);
        self.collecting = Some(collecting.background(self.background));
        self.show(|watch| watch.f0(normal));
        Ok(())
    }

    fn block(
        &mut self,
        first: usize,
        counts: ArrayView3<'_, f32>,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), TrialError> {
        self.worker.alive()?;
        let began = Instant::now();
        if let Some(summary) = &mut self.collecting {
            summary.add(counts, dff).map_err(failed(Stage::Report))?;
        }
        if let (Some(light), Some(mask)) = (&mut self.light, &self.mask) {
            for frame in counts.outer_iter() {
                let mean = quality::kept_mean(frame, mask.kept()).map_err(failed(Stage::Report))?;
                light.push(mean - self.background);
            }
        }
        self.show(|watch| watch.block(first, counts, dff));
        self.collected_in += began.elapsed();
        match &mut self.files {
            Some(files) => files.push(counts, dff),
            None => Ok(()),
        }
    }
}

/// Of frames 1 to 4, as frame 0 may be dim, or as many as there are; of 0 and 1 where there are no more.
fn light_over_noise(movie: &dyn MovieSource, clip: &Clip) -> Result<Option<f64>, TrialError> {
    let (frames, height, width) = movie.dim();
    let first = usize::from(frames > 2);
    let few = first..frames.min(first + 4);
    let mut read = ndarray::Array3::zeros((few.len(), height, width));
    let done = movie.frames_into(few, read.view_mut());
    done.map_err(failed(Stage::Movie))?;
    let seen = read.slice(s![.., clip.seen.rows(), clip.seen.columns()]);
    let found = quality::light_over_noise(seen);
    Ok(Some(found).filter(|found| found.is_finite()))
}

/// Frames that are missing within a range of frames, or just before it.
fn missing_in(gaps: &[dcimg::Gap], range: &Range<usize>) -> u64 {
    let within = |gap: &&dcimg::Gap| range.contains(&(gap.after + 1));
    let missing = gaps.iter().filter(within).map(|gap| u64::from(gap.missing));
    missing.sum()
}
