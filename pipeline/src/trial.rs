//! One trial: read, call the libraries in order, write.

use crate::checks;
use crate::config::{Config, MatScale};
use crate::error::with_causes;
use crate::plan::TrialPlan;
use crate::record::{Check, Fit, Level, Output, Quality, Status, TrialRecord};
use crate::report::pictures::{Gather, Pictures};
use dcimg::{Dcimg, Mapped, Movie};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use widefield::{BackgroundLevel, Baseline, Mask, Resize, Size, Subtract, quality};
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
    gaps: Vec<dcimg::Gap>,
    intervals_s: Vec<f64>,
    quality: Quality,
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
        let mut pictures = Pictures::default();
        match self.process(trial, session, level, &mut record, &mut pictures) {
            Ok(()) => record.status = Status::Ok,
            Err(error) => {
                record.status = Status::Failed;
                record.error = Some(with_causes(&error));
                record.outputs.clear();
                if let TrialError::Analysis {
                    step: "background",
                    source,
                } = &error
                {
                    let quality = record.quality.get_or_insert_default();
                    quality.background_error = Some(source.to_string());
                }
            }
        }
        self.keep(trial, &pictures, &mut record);
        checks::judge(self.config, &mut record);
        record
    }

    /// Keeps what the report shows of a trial that was read. A report without pictures is no failed trial.
    fn keep(&self, trial: &TrialPlan, pictures: &Pictures, record: &mut TrialRecord) {
        if pictures.first.is_none() || self.alive().is_err() {
            return;
        }
        let began = Instant::now();
        let name = Pictures::name(&trial.stem);
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
        pictures: &mut Pictures,
    ) -> Result<(), TrialError> {
        let mut stage = Stage::new(record);
        let loaded = self.load(trial)?;
        stage.ends("read");
        let movie = loaded.movie;
        let frames = movie.len_of(Axis(0));
        stage.record.frames = Some(frames);
        stage.record.dropped_frames = loaded.dropped;
        stage.record.checks.extend(loaded.checks);
        stage.record.quality = Some(loaded.quality);
        pictures.first_frame(movie.index_axis(Axis(0), 0));
        pictures.intervals(&loaded.intervals_s);
        stage.quality().light_over_noise = light_over_noise(movie.view());
        stage.ends("report");

        // Asked for first: a baseline that does not fit is a mistake in the request, not in the pixels.
        let baseline = self.baseline(frames)?;
        if let Ok(range) = baseline.range(frames) {
            stage.quality().baseline_frames = Some([range.start, range.end]);
            stage.quality().dropped_in_baseline = Some(missing_in(&loaded.gaps, &range));
        }
        self.alive()?;
        let level = match level {
            Some(measured) => *measured,
            None => self.background(movie.view())?,
        };
        stage.record.fit = level.fit.as_ref().map(Fit::from);
        stage.quality().background_limit = Some(level.plausible_max);
        let relative = level.fit.map(|fit| fit.residual_rms / fit.amplitude.abs());
        stage.quality().fit_residual = relative.filter(|r| r.is_finite());
        let background = session.background.unwrap_or(level.value);
        stage.record.background = Some(background);
        stage.ends("background");
        let step = &self.config.analysis.background;
        let fitted = movie.slice(s![step.frames[0]..step.frames[1], .., ..]);
        if let Ok(image) = Subtract::NOTHING.mean(fitted) {
            pictures.fit(image.view(), step.smoothing_sd_px, &level);
        }
        stage.ends("report");

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
        let f0 = baseline
            .f0(movie.view(), &subtract)
            .map_err(analysis("baseline"))?;
        let nonfinite = widefield::dff::nonfinite_pixels(f0.view(), &mask);
        stage.record.nonfinite_pixels = Some(nonfinite);
        let median = quality::kept_median(f0.view(), mask.kept());
        stage.quality().f0 = median.ok().filter(|f0| f0.is_finite());
        let low = quality::low_share(f0.view(), mask.kept(), LOW_F0);
        stage.quality().low_f0_share = low.ok().filter(|share| share.is_finite());
        let mut gather = Gather::new(f0.dim(), frames, &self.config.experiment.axis());
        self.write(
            trial,
            &movie,
            &subtract,
            &f0,
            &mask,
            stage.record,
            &mut gather,
        )?;
        stage.ends("write");
        stage.moves(gather.spent, "write", "report");
        gather
            .finish(stage.quality(), pictures)
            .map_err(analysis("report"))?;
        stage.ends("report");
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

        let clock = raw.clock().ok().filter(|clock| !clock.is_empty());
        let pixels = raw.len() as f64 * camera.width as f64 * camera.height as f64;
        let mut quality = Quality {
            saturated_share: Some(invalid.into_inner() as f64 / pixels),
            ..Quality::default()
        };
        if let Some(clock) = &clock {
            let finite = |v: f64| v.is_finite().then_some(v);
            let stamps = clock.framestamps().windows(2);
            let steps: Vec<u32> = stamps.map(|pair| pair[1].wrapping_sub(pair[0])).collect();
            quality.first_frame_unix_s = clock.times().first().map(|time| time.as_seconds());
            quality.camera_rate_hz = finite(clock.camera_rate_hz());
            quality.clock_jitter = finite(quality::jitter(&clock.intervals_s(), &steps));
        }
        let mut checks: Vec<Check> = warnings
            .iter()
            .map(|w| Check::new("file", Level::Warn, f64::NAN, f64::NAN, w.to_string()))
            .collect();
        checks.extend(aspect_check(camera, size));
        Ok(Loaded {
            movie,
            dropped: clock.as_ref().map(dcimg::Clock::dropped),
            gaps: clock.as_ref().map(dcimg::Clock::gaps).unwrap_or_default(),
            intervals_s: clock.map(|clock| clock.intervals_s()).unwrap_or_default(),
            quality,
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

    /// Opens all outputs, feeds them and the report block by block, and lets them appear only when all are complete.
    #[expect(clippy::too_many_arguments, reason = "everything a trial has computed")]
    fn write(
        &self,
        trial: &TrialPlan,
        movie: &Array3<f32>,
        subtract: &Subtract,
        f0: &Array2<f64>,
        mask: &Mask,
        record: &mut TrialRecord,
        gather: &mut Gather,
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
        let mut normalised = Array3::<f32>::zeros((BLOCK.min(frames), height, width));
        for block in movie.axis_chunks_iter(Axis(0), BLOCK) {
            self.alive()?;
            if let Some(file) = &mut mov_file {
                file.push(block)?;
            }
            let n = block.len_of(Axis(0));
            let mut dff = normalised.slice_mut(s![..n, .., ..]);
            widefield::dff::normalise_into(block, subtract, f0.view(), mask, dff.view_mut())
                .map_err(analysis("dF/F"))?;
            gather.add(block, dff.view()).map_err(analysis("report"))?;
            if let Some(file) = &mut dff_file {
                file.push(dff.view())?;
            }
            if let Some(file) = &mut mat_file {
                file.push(dff.view())?;
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

    /// Adds the time since the last stage ended to this one.
    fn ends(&mut self, name: &str) {
        let now = Instant::now();
        let seconds = (now - self.began).as_secs_f64();
        *self.record.seconds.entry(name.to_owned()).or_default() += seconds;
        self.began = now;
    }

    /// Counts time that was spent within one stage to another.
    fn moves(&mut self, spent: std::time::Duration, from: &str, to: &str) {
        let spent = spent.as_secs_f64();
        for (name, seconds) in [(from, -spent), (to, spent)] {
            *self.record.seconds.entry(name.to_owned()).or_default() += seconds;
        }
    }

    fn quality(&mut self) -> &mut Quality {
        self.record.quality.get_or_insert_default()
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

/// Kept pixels whose F0 is below this share of the median count as low.
const LOW_F0: f64 = 0.05;

/// Of frames 1 and 2, as frame 0 may be dim; of 0 and 1 where there are no more.
fn light_over_noise(movie: ArrayView3<'_, f32>) -> Option<f64> {
    let last = movie.len_of(Axis(0)).checked_sub(1).filter(|&n| n > 0)?;
    let first = last.min(2) - 1;
    let [a, b] = [first, first + 1].map(|t| movie.index_axis(Axis(0), t));
    let found = quality::light_over_noise(a, b).ok()?;
    found.is_finite().then_some(found)
}

/// Frames that are missing within a range of frames, or just before it.
fn missing_in(gaps: &[dcimg::Gap], range: &std::ops::Range<usize>) -> u64 {
    let within = |gap: &&dcimg::Gap| range.contains(&(gap.after + 1));
    let missing = gaps.iter().filter(within).map(|gap| u64::from(gap.missing));
    missing.sum()
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
