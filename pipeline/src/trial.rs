//! One trial: read, call the libraries in order, write.

use crate::config::{Config, MatScale};
use crate::error::with_causes;
use crate::plan::TrialPlan;
use crate::record::{Check, Fit, Level, Output, Status, TrialRecord};
use dcimg::{Dcimg, Mapped, Movie};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use widefield::{BackgroundLevel, Baseline, Mask, Resize, Size, Subtract};
use widefield_storage::{Dataset, ErrorKind, MatMovie, Place};

/// What trials of one run share.
pub(crate) struct Worker<'a> {
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Place,
    pub(crate) output: &'a Place,
    /// Bytes one trial may hold.
    pub(crate) memory: u64,
    pub(crate) cancelled: &'a AtomicBool,
}

/// What is decided once for a session instead of by each trial.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionWide {
    pub(crate) background: Option<f64>,
    pub(crate) mask: Option<Mask>,
}

/// What the first round learns of a trial where something is decided for the session.
pub(crate) struct Measured {
    pub(crate) background: BackgroundLevel,
    pub(crate) mean: Array2<f64>,
}

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrialError {
    #[error(transparent)]
    Open(#[from] dcimg::OpenError),
    #[error(transparent)]
    Dcimg(#[from] dcimg::Error),
    #[error("{step}")]
    Analysis {
        step: &'static str,
        source: widefield::Error,
    },
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    #[error("the recording holds no frame")]
    Empty,
    #[error("{key} = [{from}, {to}] reaches beyond the {frames} frames of the movie")]
    BeyondEnd {
        key: &'static str,
        from: usize,
        to: usize,
        frames: usize,
    },
    #[error(
        "no frame lies before analysis.baseline.before_s = {before_s} s; the first is at {first_frame_s} s"
    )]
    NoBaseline { before_s: f64, first_frame_s: f64 },
    #[error(
        "needs about {needed} MiB of memory, one trial may have {allowed}; lower --jobs, raise --memory, or set analysis.resolution"
    )]
    Memory { needed: u64, allowed: u64 },
    #[error("its frames are {0} x {1} px, the session's mask is {2} x {3}")]
    Shape(usize, usize, usize, usize),
    #[error("interrupted")]
    Cancelled,
}

fn analysis(step: &'static str) -> impl Fn(widefield::Error) -> TrialError {
    move |source| TrialError::Analysis { step, source }
}

/// A resized movie and what was seen while it was read.
struct Loaded {
    /// (t, y, x), camera orientation, counts.
    movie: Array3<f32>,
    dropped: Option<u64>,
    checks: Vec<Check>,
}

/// The source of a movie: mapped from a file, or all its bytes.
enum Source {
    Mapped(Box<Mapped>),
    Bytes(bytes::Bytes),
}

/// Frames a writer is given at a time; bounds the memory beside the movie.
const BLOCK: usize = 32;

impl Worker<'_> {
    /// First round: background and mean image.
    pub(crate) fn measure(&self, trial: &TrialPlan) -> Result<Measured, TrialError> {
        let movie = self.load(trial)?.movie;
        let background = self.background(movie.view())?;
        let mean = self
            .subtract(background.value)
            .mean(movie.view())
            .map_err(analysis("mean image"))?;
        Ok(Measured { background, mean })
    }

    /// The whole trial, with its background level if the first round has measured it.
    ///
    /// Never fails as a whole: what went wrong is in the record.
    pub(crate) fn run(
        &self,
        trial: &TrialPlan,
        session: &SessionWide,
        level: Option<&BackgroundLevel>,
    ) -> TrialRecord {
        let mut record = described(trial);
        match self.process(trial, session, level, &mut record) {
            Ok(()) => record.status = Status::Ok,
            Err(error) => {
                record.status = Status::Failed;
                record.error = Some(with_causes(&error));
                record.outputs.clear();
            }
        }
        record
    }

    /// The mean over frames of the resized movie, before subtraction.
    pub(crate) fn raw_mean(&self, trial: &TrialPlan) -> Result<Array2<f64>, TrialError> {
        let movie = self.load(trial)?.movie;
        let as_read = Subtract {
            background: 0.0,
            clamp_negative: false,
        };
        as_read
            .mean(movie.view())
            .map_err(analysis("reference image"))
    }

    fn process(
        &self,
        trial: &TrialPlan,
        session: &SessionWide,
        level: Option<&BackgroundLevel>,
        record: &mut TrialRecord,
    ) -> Result<(), TrialError> {
        let mut stage = Stage::new(record);
        let loaded = self.load(trial)?;
        stage.ends("read");
        let movie = loaded.movie;
        stage.record.frames = Some(movie.len_of(Axis(0)));
        stage.record.dropped_frames = loaded.dropped;
        stage.record.checks.extend(loaded.checks);

        // Asked for first: a baseline that does not fit is a mistake in the request, not in the pixels.
        let baseline = self.baseline(movie.len_of(Axis(0)))?;
        self.alive()?;
        let level = match level {
            Some(measured) => *measured,
            None => self.background(movie.view())?,
        };
        stage.record.fit = level.fit.as_ref().map(Fit::from);
        stage.record.checks.push(background_check(&level));
        let background = session.background.unwrap_or(level.value);
        stage.record.background = Some(background);
        stage.ends("background");

        self.alive()?;
        let subtract = self.subtract(background);
        let mask = match &session.mask {
            Some(mask) => {
                let (h, w) = mask.kept().dim();
                let (_, y, x) = movie.dim();
                if (h, w) != (y, x) {
                    return Err(TrialError::Shape(x, y, w, h));
                }
                mask.clone()
            }
            None => {
                let mean = subtract
                    .mean(movie.view())
                    .map_err(analysis("mean image"))?;
                let mask = self
                    .config
                    .analysis
                    .segmentation
                    .rule()
                    .mask(mean.view())
                    .map_err(analysis("mask"))?;
                stage.record.checks.extend(threshold_check(&mask));
                mask
            }
        };
        stage.record.threshold = Some(mask.threshold());
        stage.record.masked_pixels = Some(mask.masked_pixels());
        stage.ends("mask");

        self.alive()?;
        let f0 = baseline
            .f0(movie.view(), &subtract)
            .map_err(analysis("baseline"))?;
        let nonfinite = widefield::dff::nonfinite_pixels(f0.view(), &mask);
        stage.record.nonfinite_pixels = Some(nonfinite);
        self.write(trial, &movie, &subtract, &f0, &mask, stage.record)?;
        stage.ends("write");
        Ok(())
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

    fn background(&self, movie: ArrayView3<'_, f32>) -> Result<BackgroundLevel, TrialError> {
        let step = &self.config.analysis.background;
        let [from, to] = step.frames;
        let frames = movie.len_of(Axis(0));
        if to > frames {
            return Err(TrialError::BeyondEnd {
                key: "analysis.background.frames",
                from,
                to,
                frames,
            });
        }
        let chosen = movie.slice(s![from..to, .., ..]);
        step.estimator()
            .estimate_mean(chosen)
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

    fn load(&self, trial: &TrialPlan) -> Result<Loaded, TrialError> {
        let source = match self.data.local_path(&trial.file) {
            Some(path) => Source::Mapped(Box::new(Mapped::open(path)?)),
            None => Source::Bytes(self.data.read(&trial.file)?),
        };
        match &source {
            Source::Mapped(file) => self.decode(&file.movie(), file.warnings()),
            Source::Bytes(bytes) => {
                let file = Dcimg::parse(bytes)?;
                self.decode(&file.movie(), file.warnings())
            }
        }
    }

    /// Decodes, repairs, clears and resizes each frame in one go.
    fn decode(&self, raw: &Movie<'_>, warnings: &[dcimg::Warning]) -> Result<Loaded, TrialError> {
        if raw.is_empty() {
            return Err(TrialError::Empty);
        }
        let camera = Size {
            width: raw.width(),
            height: raw.height(),
        };
        let size = self.config.analysis.size(camera);
        let mut movie = self.allocate(raw.len(), size)?;
        let resize = Resize::from(self.config.analysis.resize);
        let above = self.config.analysis.invalid_above;
        let invalid = AtomicUsize::new(0);
        let per_task = 8;
        movie
            .axis_chunks_iter_mut(Axis(0), per_task)
            .into_par_iter()
            .enumerate()
            .try_for_each(|(task, mut frames)| -> Result<(), TrialError> {
                self.alive()?;
                let mut resizer = resize.resizer(camera, size).map_err(analysis("resize"))?;
                let mut pixels = Array2::<u16>::zeros((camera.height, camera.width));
                for (i, resized) in frames.outer_iter_mut().enumerate() {
                    raw.frame(task * per_task + i)?
                        .read_into(pixels.view_mut())?;
                    let cleared = widefield::invalid::clear(pixels.view_mut(), above);
                    invalid.fetch_add(cleared, Ordering::Relaxed);
                    resizer
                        .frame_u16_into(pixels.view(), resized)
                        .map_err(analysis("resize"))?;
                }
                Ok(())
            })?;

        let clock = raw.clock().ok();
        let mut checks: Vec<Check> = warnings
            .iter()
            .map(|w| Check::new("file", Level::Warn, f64::NAN, f64::NAN, w.to_string()))
            .collect();
        let dropped = clock.as_ref().map(dcimg::Clock::dropped);
        checks.extend(dropped.map(dropped_check));
        checks.extend(aspect_check(camera, size));
        checks.extend(invalid_check(invalid.into_inner(), above));
        Ok(Loaded {
            movie,
            dropped,
            checks,
        })
    }

    fn allocate(&self, frames: usize, size: Size) -> Result<Array3<f32>, TrialError> {
        let pixels = [frames, size.height, size.width]
            .into_iter()
            .try_fold(1_usize, usize::checked_mul)
            .filter(|&n| n <= isize::MAX as usize / 4);
        // The movie, and blocks of dF/F and of chunks on their way to the files.
        let beside = 4 * BLOCK.min(frames) as u64 * size.height as u64 * size.width as u64 * 4;
        let needed = pixels.map_or(u64::MAX, |n| (n as u64 * 4).saturating_add(beside));
        if needed > self.memory {
            return Err(TrialError::Memory {
                needed: needed >> 20,
                allowed: self.memory >> 20,
            });
        }
        Ok(Array3::zeros((frames, size.height, size.width)))
    }

    /// Opens all outputs, feeds them block by block, and lets them appear only when all are complete.
    fn write(
        &self,
        trial: &TrialPlan,
        movie: &Array3<f32>,
        subtract: &Subtract,
        f0: &Array2<f64>,
        mask: &Mask,
        record: &mut TrialRecord,
    ) -> Result<(), TrialError> {
        let (frames, height, width) = movie.dim();
        let shape = [frames, height, width];
        let out = &self.config.output;
        let hdf5 = |path: &Option<String>, dataset: Dataset| {
            let create = |path: &String| self.output.create_hdf5(path, dataset);
            path.as_ref().map(create).transpose()
        };
        let mut mov_file = hdf5(&trial.outputs.movie, self.movie_dataset(trial, shape))?;
        let mut dff_file = hdf5(
            &trial.outputs.dff,
            self.dff_dataset(trial, shape, subtract, mask),
        )?;
        let mut mat_file = None;
        if let Some(path) = &trial.outputs.mat {
            let add = match out.mat_scale {
                MatScale::Dff => 0.0,
                MatScale::FOverF0 => 1.0,
            };
            let description = MatMovie::new("tr", shape)
                .orientation(out.orientation.into())
                .precision(out.precision.into())
                .compression(out.compression)
                .add(add);
            mat_file = match self.output.create_mat(path, description) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::TooLarge => {
                    let message = format!("{path} is not written: {error}");
                    record.checks.push(Check::new(
                        "mat_size",
                        Level::Warn,
                        f64::NAN,
                        f64::NAN,
                        message,
                    ));
                    None
                }
                Err(error) => return Err(error.into()),
            };
        }
        let wants_dff = dff_file.is_some() || mat_file.is_some();
        let mut normalised =
            Array3::<f32>::zeros((if wants_dff { BLOCK.min(frames) } else { 0 }, height, width));
        for block in movie.axis_chunks_iter(Axis(0), BLOCK) {
            self.alive()?;
            if let Some(file) = &mut mov_file {
                file.push(block)?;
            }
            if wants_dff {
                let n = block.len_of(Axis(0));
                let mut dff = normalised.slice_mut(s![..n, .., ..]);
                widefield::dff::normalise_into(block, subtract, f0.view(), mask, dff.view_mut())
                    .map_err(analysis("dF/F"))?;
                if let Some(file) = &mut dff_file {
                    file.push(dff.view())?;
                }
                if let Some(file) = &mut mat_file {
                    file.push(dff.view())?;
                }
            }
        }
        self.alive()?;
        let mut written: Vec<Output> = Vec::new();
        for file in [mov_file, dff_file].into_iter().flatten() {
            written.push(file.finish()?.into());
        }
        if let Some(file) = mat_file {
            written.push(file.finish()?.into());
        }
        record.outputs = written;
        Ok(())
    }

    /// What both HDF5 files say of themselves.
    fn dataset(&self, name: &str, trial: &TrialPlan, shape: [usize; 3]) -> Dataset {
        let out = &self.config.output;
        let timing = &self.config.experiment;
        let axes = match out.orientation {
            crate::config::Axes::Notebook => "x, reversed y, t",
            crate::config::Axes::Camera => "y, x, t",
        };
        let parameters = serde_json::to_string(&self.config.analysis).unwrap_or_default();
        Dataset::new(name, shape)
            .orientation(out.orientation.into())
            .precision(out.precision.into())
            .compression(out.compression)
            .attribute("axes", axes)
            .attribute("source", trial.file.as_str())
            .attribute("sample_rate_hz", timing.sample_rate_hz)
            .attribute("first_frame_s", timing.first_frame_s)
            .attribute("parameters", parameters.as_str())
            .attribute("software", concat!("widefield ", env!("CARGO_PKG_VERSION")))
    }

    fn movie_dataset(&self, trial: &TrialPlan, shape: [usize; 3]) -> Dataset {
        self.dataset("mov", trial, shape)
            .attribute("units", "counts")
            .attribute(
                "scale",
                "camera counts after repair and resizing, before background subtraction",
            )
    }

    fn dff_dataset(
        &self,
        trial: &TrialPlan,
        shape: [usize; 3],
        subtract: &Subtract,
        mask: &Mask,
    ) -> Dataset {
        self.dataset("dff", trial, shape)
            .attribute("units", "1")
            .attribute("scale", "(F - F0) / F0; NaN outside the mask")
            .attribute("background", subtract.background)
            .attribute("threshold", mask.threshold())
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

/// Times the stages of one trial.
struct Stage<'a> {
    record: &'a mut TrialRecord,
    began: Instant,
}

impl<'a> Stage<'a> {
    fn new(record: &'a mut TrialRecord) -> Self {
        Self {
            record,
            began: Instant::now(),
        }
    }

    fn ends(&mut self, name: &str) {
        let now = Instant::now();
        let seconds = (now - self.began).as_secs_f64();
        self.record.seconds.insert(name.to_owned(), seconds);
        self.began = now;
    }
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

fn background_check(level: &BackgroundLevel) -> Check {
    let (verdict, message) = if level.implausible {
        (
            Level::Warn,
            format!(
                "background {:.1} is outside 0 to {:.1} counts, the 5th percentile of the smoothed frame; dF/F is scaled wrongly if light is not Gaussian",
                level.value, level.plausible_max
            ),
        )
    } else {
        (Level::Pass, format!("background {:.1} counts", level.value))
    };
    Check::new(
        "background_implausible",
        verdict,
        level.value,
        level.plausible_max,
        message,
    )
}

fn threshold_check(mask: &Mask) -> Option<Check> {
    mask.threshold_zero().then(|| {
        Check::new(
            "threshold_zero",
            Level::Warn,
            mask.threshold(),
            0.0,
            "the density of pixel means is below the cutoff from the start, so nothing is masked; lower analysis.segmentation.density_cutoff",
        )
    })
}

fn dropped_check(dropped: u64) -> Check {
    let value = dropped as f64;
    let (level, message) = match dropped {
        0 => (
            Level::Pass,
            "no frame is missing by the framestamps".to_owned(),
        ),
        n => (
            Level::Warn,
            format!("{n} frames are missing by the framestamps; times after the gap are shifted"),
        ),
    };
    Check::new("dropped_frames", level, value, 0.0, message)
}

/// Pixels that stop being square are seldom meant.
fn aspect_check(camera: Size, resized: Size) -> Option<Check> {
    let aspect = |s: Size| s.width as f64 / s.height as f64;
    let change = aspect(resized) / aspect(camera);
    let off = change.max(1.0 / change) - 1.0;
    (off > 0.01).then(|| {
        let message = format!(
            "analysis.resolution changes the aspect ratio by {:.1} %: {} x {} px to {} x {} px",
            100.0 * off,
            camera.width,
            camera.height,
            resized.width,
            resized.height
        );
        Check::new("aspect", Level::Warn, off, 0.01, message)
    })
}

fn invalid_check(cleared: usize, above: u16) -> Option<Check> {
    (cleared > 0).then(|| {
        let value = cleared as f64;
        let message = format!("{cleared} raw pixels above {above} were set to 0");
        Check::new("invalid_pixels", Level::Warn, value, 0.0, message)
    })
}
