//! One trial: read, call the libraries in order, write.

mod error;
mod intake;
mod memory;
mod reference;
mod stage;
mod write;

pub(crate) use error::TrialError;
use intake::Intake;
pub(crate) use intake::needed;
pub(crate) use memory::needs;
pub(crate) use reference::Reference;

use crate::checks;
use crate::config::Config;
use crate::error::with_causes;
use crate::movie::{Movie, ScratchError, Spare};
use crate::plan::TrialPlan;
use crate::record::{Check, Fit, Level, Status, TrialRecord};
use crate::report::pictures::{Gather, Pictures};
use crate::worker::Decided;
use error::analysis;
use ndarray::{Array2, Axis};
use stage::Stage;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use widefield::{BackgroundLevel, Baseline, MovieSource, Subtract, quality};
use widefield_storage::Place;
use write::{Files, Normal};

/// What trials of one run share.
pub(crate) struct Worker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Place,
    pub(crate) output: &'a Place,
    /// Bytes one trial may hold.
    pub(crate) memory: u64,
    pub(crate) cancelled: &'a AtomicBool,
    /// Keeps what the reference image is made of.
    pub(crate) reference: &'a Reference,
    /// Memory of movies of earlier trials.
    pub(crate) spare: &'a Spare,
}

/// How a trial ended.
pub(crate) struct Done {
    pub(crate) record: TrialRecord,
    /// Whether it failed of what may be gone when it is tried again.
    pub(crate) retry: bool,
}

/// What the first round learns of a trial where something is decided for the session.
pub(crate) struct Measured {
    pub(crate) background: BackgroundLevel,
    pub(crate) mean: Array2<f64>,
}

impl Worker<'_> {
    /// First round: background and mean image, or the record of the failure.
    pub(crate) fn measure(&self, trial: &TrialPlan) -> Result<Measured, Box<Done>> {
        self.measures(trial).map_err(|error| {
            let mut record = described(trial);
            let retry = fail(&mut record, &error);
            checks::judge(self.config, &mut record);
            Box::new(Done { record, retry })
        })
    }

    fn measures(&self, trial: &TrialPlan) -> Result<Measured, TrialError> {
        let intake = self.intake(trial)?;
        let (movie, block) = (&intake.movie, intake.room.block);
        let background = self.background(&self.fitted(movie, block)?)?;
        let mean = movie
            .mean(0..movie.dim().0, block, &self.subtract(background.value))
            .map_err(analysis("mean image"))?;
        self.spare.keep(intake.movie);
        Ok(Measured { background, mean })
    }

    /// The whole trial, with its background level if the first round has measured it.
    ///
    /// Never fails as a whole: what went wrong is in the record.
    pub(crate) fn run(
        &self,
        trial: &TrialPlan,
        session: &Decided,
        level: Option<&BackgroundLevel>,
    ) -> Done {
        let mut record = described(trial);
        let mut pictures = Pictures::default();
        let mut retry = false;
        match self.process(trial, session, level, &mut record, &mut pictures) {
            Ok(mean) => {
                record.status = Status::Ok;
                self.reference.offer(&trial.file, mean);
            }
            Err(error) => retry = fail(&mut record, &error),
        }
        self.keep(trial, &pictures, &mut record);
        checks::judge(self.config, &mut record);
        Done { record, retry }
    }

    /// Keeps what the report shows of a trial that was read. A report without pictures is no failed trial.
    fn keep(&self, trial: &TrialPlan, pictures: &Pictures, record: &mut TrialRecord) {
        if pictures.first.is_none() || self.alive().is_err() {
            return;
        }
        let began = Instant::now();
        let name = self.config.output.beside(&Pictures::name(&trial.stem));
        let json = serde_json::to_vec(pictures).unwrap_or_default();
        if let Err(error) = self.output.put(&name, json) {
            let message = format!(
                "its pictures are missing from the report: {}",
                with_causes(&error)
            );
            let check = Check::new("pictures", Level::Warn, f64::NAN, f64::NAN, message);
            record.checks.push(check);
        }
        *record.seconds.entry("report".into()).or_default() += began.elapsed().as_secs_f64();
    }

    /// Fills the record; the mean over frames of the resized movie, before subtraction.
    fn process(
        &self,
        trial: &TrialPlan,
        session: &Decided,
        level: Option<&BackgroundLevel>,
        record: &mut TrialRecord,
        pictures: &mut Pictures,
    ) -> Result<Array2<f64>, TrialError> {
        let mut stage = Stage::new(record);
        let intake = self.intake(trial)?;
        stage.ends("read");
        // Handed to the pool as a whole: to hand over each of its many parallel parts means to wake and to wait each
        // time. Waiting for files or stores has no place in there.
        let (files, gather) =
            rayon::scope(|_| self.analyse(trial, session, level, &intake, &mut stage, pictures))?;
        self.alive()?;
        stage.record.outputs = files.finish()?;
        stage.ends("write");
        stage.moves(gather.spent, "write", "report");
        let mean = gather
            .finish(stage.quality(), pictures)
            .map_err(analysis("report"))?;
        self.spare.keep(intake.movie);
        stage.ends("report");
        Ok(mean)
    }

    /// All that is computed of a trial. The files are complete, but not finished.
    fn analyse(
        &self,
        trial: &TrialPlan,
        session: &Decided,
        level: Option<&BackgroundLevel>,
        intake: &Intake,
        stage: &mut Stage<'_>,
        pictures: &mut Pictures,
    ) -> Result<(Files, Gather), TrialError> {
        let (movie, block) = (&intake.movie, intake.room.block);
        let (frames, height, width) = movie.dim();
        stage.record.frames = Some(frames);
        stage.record.dropped_frames = intake.dropped;
        stage.record.checks.extend(intake.checks.iter().cloned());
        stage.record.quality = Some(intake.quality.clone());
        pictures.first_frame(movie.frames(0..1)?.index_axis(Axis(0), 0));
        pictures.intervals(&intake.intervals_s);
        stage.quality().light_over_noise = light_over_noise(movie)?;
        stage.ends("report");

        // Asked for first: a baseline that does not fit is a mistake in the request, not in the pixels.
        let baseline = self.baseline(frames)?;
        if let Ok(range) = baseline.range(frames) {
            stage.quality().baseline_frames = Some([range.start, range.end]);
            stage.quality().dropped_in_baseline = Some(missing_in(&intake.gaps, &range));
        }
        self.alive()?;
        let fitted = self.fitted(movie, block)?;
        let level = match level {
            Some(measured) => *measured,
            None => self.background(&fitted)?,
        };
        stage.record.fit = level.fit.as_ref().map(Fit::from);
        stage.quality().background_limit = Some(level.plausible_max);
        let relative = level.fit.map(|fit| fit.residual_rms / fit.amplitude.abs());
        stage.quality().fit_residual = relative.filter(|r| r.is_finite());
        let background = session.background.unwrap_or(level.value);
        stage.record.background = Some(background);
        stage.ends("background");
        let smoothing_sd_px = self.config.analysis.background.smoothing_sd_px;
        pictures.fit(fitted.view(), smoothing_sd_px, &level);
        stage.ends("report");

        self.alive()?;
        let subtract = self.subtract(background);
        let mask = match &session.mask {
            Some(mask) => {
                let (h, w) = mask.kept().dim();
                if (h, w) != (height, width) {
                    return Err(TrialError::Shape(width, height, w, h));
                }
                mask.clone()
            }
            None => {
                let mean = movie
                    .mean(0..frames, block, &subtract)
                    .map_err(analysis("mean image"))?;
                let mask = self
                    .config
                    .analysis
                    .segmentation
                    .mask(mean.view())
                    .map_err(analysis("mask"))?;
                stage.quality().threshold_zero = Some(mask.threshold_zero());
                mask
            }
        };
        stage.record.threshold = Some(mask.threshold());
        stage.record.masked_pixels = Some(mask.masked_pixels());
        let pixels = mask.kept().len() as f64;
        stage.quality().masked_share = Some(mask.masked_pixels() as f64 / pixels);
        stage.ends("mask");
        pictures.mask(&mask);
        stage.ends("report");

        self.alive()?;
        let how = self.config.analysis.baseline.delta_f(baseline);
        let normaliser = how
            .prepare(movie, &subtract, &mask)
            .map_err(analysis("baseline"))?;
        stage.record.nonfinite_pixels = Some(normaliser.nonfinite_pixels());
        let f0 = normaliser.f0().image();
        let median = quality::kept_median(f0, mask.kept());
        stage.quality().f0 = median.ok().filter(|f0| f0.is_finite());
        let low = quality::low_share(f0, mask.kept(), LOW_F0);
        stage.quality().low_f0_share = low.ok().filter(|share| share.is_finite());
        let mut gather = Gather::new(f0.dim(), frames, &self.config.experiment.axis());
        let normal = Normal {
            movie,
            how: &how,
            normaliser: &normaliser,
            background,
            threshold: mask.threshold(),
        };
        let files = self.write(trial, &normal, block, stage.record, &mut gather)?;
        Ok((files, gather))
    }

    fn alive(&self) -> Result<(), TrialError> {
        if self.cancelled.load(Ordering::Relaxed) {
            Err(TrialError::Cancelled)
        } else {
            Ok(())
        }
    }

    fn subtract(&self, background: f64) -> Subtract {
        Subtract {
            background,
            clamp_negative: self.config.analysis.clamp_negative,
        }
    }

    /// The mean of the frames that the background is estimated from.
    fn fitted(&self, movie: &Movie, block: usize) -> Result<Array2<f64>, TrialError> {
        let [from, to] = self.config.analysis.background.frames;
        let (frames, _, _) = movie.dim();
        if to > frames {
            return Err(TrialError::BeyondEnd {
                key: "analysis.background.frames",
                from,
                to,
                frames,
            });
        }
        movie
            .mean(from..to, block, &Subtract::NOTHING)
            .map_err(analysis("background"))
    }

    fn background(&self, fitted: &Array2<f64>) -> Result<BackgroundLevel, TrialError> {
        let estimator = self.config.analysis.background.estimator();
        estimator
            .estimate_image(fitted.view())
            .map_err(analysis("background"))
    }

    fn baseline(&self, frames: usize) -> Result<Baseline, TrialError> {
        let step = &self.config.analysis.baseline;
        let timing = &self.config.experiment;
        let baseline = step.of(&timing.axis(), frames);
        if let Baseline::Frames(range) = &baseline {
            if range.end > frames {
                return Err(TrialError::BeyondEnd {
                    key: "analysis.baseline.frames",
                    from: range.start,
                    to: range.end,
                    frames,
                });
            }
            if let (true, Some(before_s)) = (range.is_empty(), step.before_s) {
                return Err(TrialError::NoBaseline {
                    before_s,
                    first_frame_s: timing.first_frame_s,
                });
            }
        }
        Ok(baseline)
    }
}

/// A record that says what the plan knows.
pub(crate) fn described(trial: &TrialPlan) -> TrialRecord {
    let label = trial.label.as_ref();
    TrialRecord {
        trial: trial.number,
        stimulus: label.and_then(|l| l.stimulus.clone()),
        decision: label.map(|l| l.decision.clone()),
        checks: trial.checks.clone(),
        input: Some(trial.input.clone()),
        ..TrialRecord::of(&trial.file)
    }
}

/// Puts the failure into the record; whether trying again may help.
fn fail(record: &mut TrialRecord, error: &TrialError) -> bool {
    record.status = Status::Failed;
    record.error = Some(with_causes(error));
    record.outputs.clear();
    if let TrialError::Analysis {
        step: "background",
        source,
    } = error
    {
        let quality = record.quality.get_or_insert_default();
        quality.background_error = Some(source.to_string());
    }
    error.retry()
}

impl From<&widefield::GaussianFit> for Fit {
    fn from(fit: &widefield::GaussianFit) -> Self {
        Self {
            amplitude: fit.amplitude,
            x0: fit.x0,
            y0: fit.y0,
            sigma_x: fit.sigma_x,
            sigma_y: fit.sigma_y,
            theta: fit.theta,
            offset: fit.offset,
        }
    }
}

/// Kept pixels whose F0 is below this share of the median count as low.
const LOW_F0: f64 = 0.05;

/// Of frames 1 and 2, as frame 0 may be dim; of 0 and 1 where there are no more.
fn light_over_noise(movie: &Movie) -> Result<Option<f64>, ScratchError> {
    let (frames, _, _) = movie.dim();
    let Some(last) = frames.checked_sub(1).filter(|&n| n > 0) else {
        return Ok(None);
    };
    let first = last.min(2) - 1;
    let pair = movie.frames(first..first + 2)?;
    let [a, b] = [0, 1].map(|t| pair.index_axis(Axis(0), t));
    let found = quality::light_over_noise(a, b).ok();
    Ok(found.filter(|found| found.is_finite()))
}

/// Frames that are missing within a range of frames, or just before it.
fn missing_in(gaps: &[dcimg::Gap], range: &std::ops::Range<usize>) -> u64 {
    let within = |gap: &&dcimg::Gap| range.contains(&(gap.after + 1));
    let missing = gaps.iter().filter(within).map(|gap| u64::from(gap.missing));
    missing.sum()
}
