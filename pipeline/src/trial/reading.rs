//! From the bytes of a recording to its resized movie, in one pass.

use super::budget::{Room, Sizes, needs};
use super::motion::Found;
use super::{TrialError, Worker};
use crate::config::Config;
use crate::contract::Origin;
use crate::order_of_steps::{self, Steps};
use crate::plan::TrialPlan;
use crate::record::{Check, CheckName, Level, Quality};
use crate::recording::Movie;
use crate::recording::{Block, Recording};
use crate::step::{Clip, Stage, failed};
use dcimg::{Basis, Clock, Stamp, Warning};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayViewMut2, ArrayViewMut3, Axis, s};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use widefield::motion::Shift;
use widefield::{MeanImage, Resizer, Size, Subtract};
use widefield_storage::{Ahead, Place};

/// A resized movie, after its transforms, and what was seen while it was read.
pub(crate) struct Resized {
    pub(crate) movie: Movie,
    pub(crate) clip: Clip,
    pub(super) dropped: Option<u64>,
    pub(super) gaps: Vec<dcimg::Gap>,
    pub(super) intervals_s: Vec<f64>,
    pub(super) quality: Quality,
    pub(super) checks: Vec<Check>,
    /// What was found of its motion.
    pub(super) motion: Option<Found>,
    /// The mean of the background's frames before motion was taken away, where it was.
    pub(crate) uncorrected: Option<Array2<f64>>,
}

/// Bytes with which the trial runs without a scratch file, by its header; if that cannot be read, which the trial
/// itself will say, by the size of the file.
pub(crate) fn needed(config: &Config, steps: &Steps, data: &Place, trial: &TrialPlan) -> u64 {
    let sizes = Recording::open(data, &trial.file)
        .map_err(TrialError::from)
        .and_then(|recording| sizes(config, steps, &recording));
    sizes.map_or_else(|_| needs(trial.input.bytes), |sizes| sizes.whole())
}

/// Decodes, repairs, clears and resizes the frames of one recording.
pub(super) struct Decoder {
    pub(super) resizer: Resizer,
    above: u16,
    /// What threads need for a frame; as many as decode at a time.
    tools: Mutex<Vec<Tool>>,
}

struct Tool {
    bytes: Vec<u8>,
    resizer: Resizer,
    /// A whole frame, where motion is taken away.
    frame: Array2<u16>,
}

/// What can go wrong between the bytes of a row and its resized pixels.
enum RowError {
    Decode(dcimg::Error),
    Resize(widefield::Error),
}

impl From<widefield::Error> for RowError {
    fn from(error: widefield::Error) -> Self {
        Self::Resize(error)
    }
}

/// What is seen of a frame beside its pixels.
struct Seen {
    cleared: usize,
    stamp: Option<Stamp>,
    /// Row and column of pixels that were restored where no junk stood.
    doubtful: Option<(usize, usize)>,
}

/// A recording that is about to be read.
struct Reader {
    recording: Recording,
    sizes: Sizes,
    room: Room,
    decoder: Decoder,
}

impl Worker<'_> {
    /// Reads and resizes a recording and lets it go through its transforms. Its motion against the first frames of
    /// `origin` is measured, and taken away where a step does that.
    pub(crate) fn read(
        &self,
        trial: &TrialPlan,
        steps: &Steps,
        origin: Option<&Origin>,
    ) -> Result<Resized, TrialError> {
        let reader = self.reader(&trial.file, steps)?;
        let Reader { sizes, room, .. } = &reader;
        let mut clip = Clip::new(sizes.frames, sizes.resized, steps.axis).block(room.block);
        let mut registration = self.registration(steps, origin, &clip)?;
        let spare = self.spare.take();
        let dim = (sizes.frames, sizes.resized.height, sizes.resized.width);
        let mut movie = if room.in_memory {
            Movie::in_memory(dim, spare)
        } else {
            Movie::on_disk(dim, &self.scratch_folder())?
        };
        let mut seen = Vec::new();
        let mut fill = || {
            reader.each_block(self, |block| {
                movie.fill(block.frames(), |mut out| {
                    reader.decoder.block(&block, out.view_mut(), &mut seen)?;
                    match &mut registration {
                        Some(registration) => registration.block(&reader.decoder, &block, out),
                        None => Ok(()),
                    }
                })
            })
        };
        if reader.recording.is_local() {
            rayon::scope(|_| fill())?;
        } else {
            // Threads of the pool are not for waiting.
            fill()?;
        }
        let (motion, uncorrected) = match (registration, origin) {
            (Some(registration), _) => {
                let Reader {
                    decoder, recording, ..
                } = &reader;
                let (found, image) =
                    registration.finish(self, decoder, recording, &mut movie, &mut clip)?;
                (Some(found), image)
            }
            (None, Some(origin)) => {
                let measured = rayon::scope(|_| self.measured(origin, steps, &movie, &clip));
                (Some(measured), None)
            }
            (None, None) => (None, None),
        };
        if !steps.transforms.is_empty() {
            self.alive()?;
            rayon::scope(|_| order_of_steps::transform(&mut movie, &clip, &steps.transforms))?;
        }

        let clock = clock(&seen);
        let cleared: usize = seen.iter().map(|seen| seen.cleared).sum();
        let pixels = sizes.camera.width as f64 * sizes.camera.height as f64;
        let quality = Quality {
            saturated_share: Some(cleared as f64 / (sizes.frames as f64 * pixels)),
            ..clock.as_ref().map(clock_quality).unwrap_or_default()
        };
        let warnings = reader.recording.layout().warnings().iter();
        let mut checks: Vec<Check> = warnings.map(file_check).collect();
        checks.extend(no_junk(&seen).map(|w| file_check(&w)));
        checks.extend(aspect_check(sizes.camera, sizes.resized));
        Ok(Resized {
            movie,
            clip,
            dropped: clock.as_ref().map(Clock::dropped),
            gaps: clock.as_ref().map(Clock::gaps).unwrap_or_default(),
            intervals_s: clock.map(|clock| clock.intervals_s()).unwrap_or_default(),
            quality,
            checks,
            motion,
            uncorrected,
        })
    }

    /// The first frames of a recording, resized; as many as there are.
    pub(super) fn first_frames(
        &self,
        file: &str,
        steps: &Steps,
        most: usize,
    ) -> Result<Array3<f32>, TrialError> {
        let reader = self.reader(file, steps)?;
        let Size { width, height } = reader.sizes.resized;
        let frames = most.min(reader.sizes.frames);
        let mut out = Array3::zeros((frames, height, width));
        let length = reader.room.request.min(frames);
        let ahead = Ahead::default().bytes(0).requests(1);
        let mut blocks = reader.recording.blocks(length, ahead)?;
        for first in (0..frames).step_by(length) {
            let Some(block) = blocks.next_block() else {
                break;
            };
            let part = out.slice_mut(s![first..frames.min(first + length), .., ..]);
            reader.decoder.block(&block?, part, &mut Vec::new())?;
        }
        Ok(out)
    }

    /// The mean over frames of the resized movie after its transforms, before subtraction: the one kept from the
    /// trial's run, or else read again; without transforms the movie itself is not kept.
    pub(crate) fn raw_mean(
        &self,
        trial: &TrialPlan,
        session: &[TrialPlan],
    ) -> Result<Array2<f64>, TrialError> {
        if let Some(mean) = self.reference_image.of(&trial.file) {
            return Ok(mean);
        }
        let steps = self.steps(trial);
        let wrong = failed(Stage::ReferenceImage);
        if steps.register.is_some() || !steps.transforms.is_empty() {
            let origin = steps.register.as_ref().map(|_| self.origin(session));
            let origin = origin.transpose()?;
            let Resized { movie, clip, .. } = self.read(trial, &steps, origin.as_ref())?;
            let mean = order_of_steps::mean(&movie, 0..clip.frames, &clip, &Subtract::NOTHING);
            return Ok(mean.map_err(wrong)?);
        }
        let reader = self.reader(&trial.file, &steps)?;
        let Size { width, height } = reader.sizes.resized;
        let mut mean = MeanImage::new((height, width));
        let mut frames = Array3::zeros((reader.room.request, height, width));
        reader.each_block(self, |block| {
            let mut out = frames.slice_mut(s![..block.frames().len(), .., ..]);
            reader
                .decoder
                .block(&block, out.view_mut(), &mut Vec::new())?;
            Ok(mean.add(out.view(), &Subtract::NOTHING).map_err(&wrong)?)
        })?;
        Ok(mean.finish().map_err(&wrong)?)
    }

    fn reader(&self, file: &str, steps: &Steps) -> Result<Reader, TrialError> {
        let recording = Recording::open(self.data, file)?;
        let sizes = sizes(self.config, steps, &recording)?;
        Ok(Reader {
            room: sizes.room(self.memory)?,
            decoder: Decoder::new(self.config, &sizes)?,
            recording,
            sizes,
        })
    }

    /// Where a movie goes that does not fit: beside the outputs, where room for them is needed anyway, or into the
    /// system's temporary folder.
    fn scratch_folder(&self) -> PathBuf {
        let beside = self.output.local_path("x");
        let folder = beside.and_then(|path| Some(path.parent()?.to_owned()));
        folder.unwrap_or_else(std::env::temp_dir)
    }
}

impl Reader {
    fn each_block(
        &self,
        worker: &Worker<'_>,
        mut see: impl FnMut(Block<'_>) -> Result<(), TrialError>,
    ) -> Result<(), TrialError> {
        let ahead = Ahead::default().bytes(self.room.ahead);
        let mut blocks = self.recording.blocks(self.room.request, ahead)?;
        while let Some(block) = blocks.next_block() {
            worker.alive()?;
            see(block?)?;
        }
        Ok(())
    }
}

impl Decoder {
    fn new(config: &Config, sizes: &Sizes) -> Result<Self, TrialError> {
        Ok(Self {
            resizer: config
                .analysis
                .resize
                .resizer(sizes.camera, sizes.resized)
                .map_err(failed(Stage::Resize))?,
            above: config.analysis.invalid_above,
            tools: Mutex::default(),
        })
    }

    /// Decodes a block into `out`, frames in parallel, and adds what is seen of each.
    fn block(
        &self,
        block: &Block<'_>,
        mut out: ArrayViewMut3<'_, f32>,
        seen: &mut Vec<Seen>,
    ) -> Result<(), TrialError> {
        let first = block.frames().start;
        let frames = out.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        let decoded: Result<Vec<Seen>, TrialError> = frames
            .map(|(i, out)| {
                let mut tool = self.tool();
                let Tool { bytes, resizer, .. } = &mut tool;
                let seen = block.frame(first + i, bytes, |frame| {
                    let named = |error| TrialError::from(block.format(error));
                    let rows = frame.rows::<u16>().map_err(named)?;
                    let row = |y: usize, row: &mut [u16]| {
                        rows.read_into(y, row).map_err(RowError::Decode)
                    };
                    let cleared = resizer
                        .rows_u16_into(self.above, row, out)
                        .map_err(|error| match error {
                            RowError::Decode(error) => named(error),
                            RowError::Resize(error) => failed(Stage::Resize)(error).into(),
                        })?;
                    let doubtful = rows
                        .relocated()
                        .filter(|it| it.basis == Basis::Announced && !it.junk)
                        .map(|it| (it.row, it.column));
                    Ok::<_, TrialError>(Seen {
                        cleared,
                        stamp: frame.stamp().map_err(named)?,
                        doubtful,
                    })
                })?;
                self.tools().push(tool);
                Ok(seen)
            })
            .collect();
        seen.extend(decoded?);
        Ok(())
    }

    /// Resizes a frame of a block whose content lies off by `shift`.
    pub(super) fn shifted(
        &self,
        block: &Block<'_>,
        index: usize,
        shift: Shift,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), TrialError> {
        let mut tool = self.tool();
        let Size { width, height } = self.resizer.input_size();
        let mut pixels = std::mem::take(&mut tool.frame);
        if pixels.dim() != (height, width) {
            pixels = Array2::zeros((height, width));
        }
        block.frame(index, &mut tool.bytes, |frame| {
            let named = |error| TrialError::from(block.format(error));
            let rows = frame.rows::<u16>().map_err(named)?;
            let mut all = pixels.outer_iter_mut().enumerate();
            all.try_for_each(|(y, mut row)| {
                let row = row.as_slice_mut().unwrap_or_default();
                rows.read_into(y, row).map_err(named)
            })
        })?;
        tool.frame = self.moved(&mut tool.resizer, pixels, shift, out)?;
        self.tools().push(tool);
        Ok(())
    }

    /// Resizes a frame whose content lies off by `shift`; gives its memory back.
    pub(super) fn moved(
        &self,
        resizer: &mut Resizer,
        mut frame: Array2<u16>,
        shift: Shift,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<Array2<u16>, TrialError> {
        widefield::invalid::clear(frame.view_mut(), self.above);
        let resized = resizer.shifted_u16_into(frame.view(), shift, out);
        resized.map_err(failed(Stage::Resize))?;
        Ok(frame)
    }

    fn tool(&self) -> Tool {
        let spare = self.tools().pop();
        spare.unwrap_or_else(|| Tool {
            frame: Array2::default((0, 0)),
            bytes: Vec::new(),
            resizer: self.resizer.clone(),
        })
    }

    fn tools(&self) -> std::sync::MutexGuard<'_, Vec<Tool>> {
        // A panic elsewhere leaves whole tools behind.
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sizes(config: &Config, steps: &Steps, recording: &Recording) -> Result<Sizes, TrialError> {
    let layout = recording.layout();
    if layout.frames() == 0 {
        return Err(TrialError::Empty);
    }
    let camera = Size {
        width: layout.width(),
        height: layout.height(),
    };
    let resized = config.analysis.size(camera);
    let clip = Clip::new(layout.frames(), resized, steps.axis);
    let threads = rayon::current_num_threads();
    let rewriting = steps.transforms.iter().map(|transform| {
        let context = transform.context(&clip);
        // The frames around a block, kept and read, and what becomes of them.
        let frames = context
            .before
            .saturating_add(context.after)
            .saturating_add(clip.block);
        let frames = frames.min(clip.frames).saturating_mul(2) as u64;
        frames
            .saturating_mul(clip.frame_bytes())
            .saturating_add(context.bytes)
    });
    Ok(Sizes {
        frames: clip.frames,
        camera,
        resized,
        stored_frame: layout.header().frame_stride,
        tables: recording.table_bytes()?,
        threads,
        held: steps.normalise.held(&clip, threads),
        registering: steps.register.is_some(),
        rewriting: rewriting.max().unwrap_or(0),
        remote: !recording.is_local(),
    })
}

fn file_check(warning: &Warning) -> Check {
    Check::found(CheckName::File, Level::Warn, warning.to_string())
}

/// Pixels that were restored in every frame, though junk stood in none.
fn no_junk(seen: &[Seen]) -> Option<Warning> {
    let (row, column) = seen.first()?.doubtful?;
    let none = seen.iter().all(|seen| seen.doubtful.is_some());
    none.then_some(Warning::NoJunk {
        row,
        column,
        examined: seen.len(),
    })
}

/// Of all frames up to the first without a stamp: only the last frame of a cut file may lack its own.
fn clock(seen: &[Seen]) -> Option<Clock> {
    let clock = Clock::from_stamps(seen.iter().map_while(|seen| seen.stamp));
    (!clock.is_empty()).then_some(clock)
}

fn clock_quality(clock: &Clock) -> Quality {
    let finite = |v: f64| v.is_finite().then_some(v);
    let stamps = clock.framestamps().windows(2);
    let steps: Vec<u32> = stamps.map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let jitter = widefield::quality::jitter(&clock.intervals_s(), &steps);
    Quality {
        first_frame_unix_s: clock.times().first().map(|time| time.as_seconds()),
        camera_rate_hz: finite(clock.camera_rate_hz()),
        clock_jitter: finite(jitter),
        ..Quality::default()
    }
}

/// Pixels that stop being square are seldom meant.
fn aspect_check(camera: Size, resized: Size) -> Option<Check> {
    let aspect = |s: Size| s.width as f64 / s.height as f64;
    let change = aspect(resized) / aspect(camera);
    let off = change.max(1.0 / change) - 1.0;
    (off > 0.01).then(|| {
        let message = format!(
            "analysis.resolution changes the aspect ratio by {:.1} %: {} x {} px to {} x {} px; unless that is meant, choose sides in the camera's ratio",
            100.0 * off,
            camera.width,
            camera.height,
            resized.width,
            resized.height
        );
        Check::new(CheckName::Aspect, Level::Warn, off, 0.01, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_restored_where_junk_stands_in_no_frame_are_a_warning() {
        let seen = |doubtful| Seen {
            cleared: 0,
            stamp: None,
            doubtful,
        };
        let place = Some((3, 4));
        let warning = Warning::NoJunk {
            row: 3,
            column: 4,
            examined: 2,
        };
        assert_eq!(no_junk(&[seen(place), seen(place)]), Some(warning));
        assert_eq!(no_junk(&[seen(place), seen(None)]), None);
        assert_eq!(no_junk(&[]), None);
    }
}
