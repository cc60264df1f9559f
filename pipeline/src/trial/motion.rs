//! Motion while a movie is read: every frame against the first ones of the session's reference movie.

use super::reading::Decoder;
use super::{TrialError, Worker};
use crate::contract::Origin;
use crate::order_of_steps::Steps;
use crate::plan::{TrialPlan, Work};
use crate::record::{Correction, Motion};
use crate::recording::{Block, Recording};
use crate::recording::{Movie, MovieStore};
use crate::step::{Cause, Clip, Locate, Register, Stage, StepError, failed, measuring};
use crate::worker::caught;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayViewMut3, Axis, s};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use widefield::motion::{Crop, Edges, Judgement, Sampled, Shift};
use widefield::{MeanImage, MovieSource, Subtract};

/// Frames that the reference is made of.
const FIRST: usize = 10;
/// Of so many frames one is measured where nothing is corrected, and looked at again where it is.
const EVERY: usize = 10;

/// What was found of a trial's motion.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) motion: Motion,
    /// The frames that were measured, and their shifts; those taken away of all frames.
    pub(crate) shifts: Vec<(usize, Shift)>,
}

/// What the trials of a session are compared with, prepared once for all that compute here.
#[derive(Default)]
pub(crate) struct References(Mutex<Option<(Origin, Comparison)>>);

impl std::fmt::Debug for References {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("References").finish_non_exhaustive()
    }
}

/// An image, ready to be compared with.
#[derive(Clone)]
pub(super) enum Comparison {
    /// Motion is only measured.
    Measures(Arc<Sampled>, u32),
    /// Motion is taken away.
    Takes(Arc<Taking>),
}

/// What motion is taken away by.
pub(super) struct Taking {
    register: Arc<dyn Register>,
    image: Array2<f32>,
    id: u32,
    locate: Box<dyn Locate>,
}

impl Worker<'_> {
    /// The movie that all are compared with: the first of the session, in the order of names, whose first frames can be
    /// read and are fit for it. A store that does not answer makes no other one of it, and is not asked for all of them.
    ///
    /// # Errors
    /// Why the first one, or that in the store, is not.
    pub(crate) fn origin(&self, trials: &[TrialPlan]) -> Result<Origin, TrialError> {
        let mut first = Err(TrialError::Empty);
        let readable = |t: &&TrialPlan| !matches!(t.work, Work::Fail(_));
        for (i, trial) in trials.iter().filter(readable).enumerate() {
            self.alive()?;
            let steps = self.steps(trial);
            let origin = Origin {
                file: trial.file.clone(),
                input: trial.input.clone(),
                corrects: steps.register.is_some(),
            };
            let Err(error) = self.comparison(&origin, &steps) else {
                return Ok(origin);
            };
            let (of_store, file) = (error.is_of_store(), origin.file);
            let source = Box::new(error);
            if i == 0 || of_store {
                first = Err(TrialError::Reference { file, source });
            }
            if of_store {
                break;
            }
        }
        first
    }

    pub(super) fn comparison(
        &self,
        origin: &Origin,
        steps: &Steps,
    ) -> Result<Comparison, TrialError> {
        // A panic elsewhere leaves a whole value behind.
        let kept = || {
            self.references
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some((of, comparison)) = &*kept()
            && of == origin
        {
            return Ok(comparison.clone());
        }
        // Not under the lock: what computes in parallel may begin with another trial of this session.
        let wrong = |cause: Cause| TrialError::from(failed(Stage::Motion)(cause));
        let first = self.first_frames(&origin.file, steps, FIRST)?;
        let made = || -> Result<Comparison, Cause> {
            match &steps.register {
                Some(register) => {
                    let image = register.reference(first.view())?;
                    Ok(Comparison::Takes(Arc::new(Taking {
                        locate: register.prepare(image.view())?,
                        register: Arc::clone(register),
                        id: id(&image),
                        image,
                    })))
                }
                None => {
                    let rigid = measuring(&self.config.analysis.motion);
                    let image = Register::reference(&rigid, first.view())?;
                    let sampled = rigid.sampled(image.view(), EVERY)?;
                    Ok(Comparison::Measures(Arc::new(sampled), id(&image)))
                }
            }
        };
        let comparison = caught(made).unwrap_or_else(|panic| Err(panic.into()));
        let comparison = comparison.map_err(wrong)?;
        *kept() = Some((origin.clone(), comparison.clone()));
        Ok(comparison)
    }

    /// What takes motion away from a movie while it is read; `None` where no step does.
    pub(super) fn registration(
        &self,
        steps: &Steps,
        origin: Option<&Origin>,
        clip: &Clip,
    ) -> Result<Option<Registration>, TrialError> {
        if steps.register.is_none() {
            return Ok(None);
        }
        let none = "no movie of the session could be read that others can be compared with";
        let origin = origin.ok_or_else(|| failed(Stage::Motion)(none))?;
        Ok(match self.comparison(origin, steps)? {
            Comparison::Measures(..) => None,
            Comparison::Takes(taking) => {
                let background = steps.background_frames.clone();
                Some(Registration::new(taking, origin, background, clip)?)
            }
        })
    }

    /// Measures the motion of a movie that stays as it is: of no frame where that is not possible, since its frames are
    /// of another size, say, which makes the trial no worse.
    pub(super) fn measured(
        &self,
        origin: &Origin,
        steps: &Steps,
        movie: &Movie,
        clip: &Clip,
    ) -> Found {
        let (shifts, id) = match self.comparison(origin, steps) {
            Ok(Comparison::Measures(sampled, id)) => (sampled.shifts(movie, clip.block), id),
            _ => (Ok(Vec::new()), 0),
        };
        let shifts = shifts.unwrap_or_default();
        let side = clip.size.width.max(clip.size.height);
        let of_all: Vec<Shift> = shifts.iter().map(|(_, shift)| *shift).collect();
        Found {
            motion: found(origin, id, side, &of_all),
            shifts,
        }
    }
}

/// Tells an image from another: the same wherever its movie lies.
fn id(image: &Array2<f32>) -> u32 {
    let bytes: Vec<u8> = image.iter().flat_map(|value| value.to_le_bytes()).collect();
    crc32c::crc32c(&bytes)
}

fn found(origin: &Origin, id: u32, side: usize, shifts: &[Shift]) -> Motion {
    let mut motion = Motion::from_shifts(&origin.file, side, shifts);
    motion.reference_id = id;
    motion
}

/// Takes motion away while a movie is read.
pub(super) struct Registration {
    taking: Arc<Taking>,
    origin: Origin,
    shifts: Vec<Shift>,
    /// The mean of the frames of the background as they were recorded.
    uncorrected: MeanImage,
    background: Range<usize>,
    edges: Edges,
}

impl Registration {
    /// For a movie whose background is estimated from those frames.
    pub(super) fn new(
        taking: Arc<Taking>,
        origin: &Origin,
        background: Range<usize>,
        clip: &Clip,
    ) -> Result<Self, StepError> {
        let wrong = failed(Stage::Motion);
        let (height, width) = taking.image.dim();
        if (clip.size.height, clip.size.width) != (height, width) {
            let message = format!(
                "its frames are {} x {} px, those of {}, which it is compared with, {width} x {height}",
                clip.size.width, clip.size.height, origin.file
            );
            return Err(failed(Stage::Motion)(message));
        }
        let all = Array2::from_elem(taking.image.dim(), true);
        Ok(Self {
            edges: Edges::from_image(taking.image.view(), all.view()).map_err(wrong)?,
            uncorrected: MeanImage::new(taking.image.dim()),
            origin: origin.clone(),
            shifts: Vec::with_capacity(clip.frames),
            taking,
            background,
        })
    }

    /// Resizes the frames of a block, which `out` holds as they are, again from where their content is. What is flagged
    /// stays for [`Registration::finish`].
    pub(super) fn block(
        &mut self,
        decoder: &Decoder,
        block: &Block<'_>,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), TrialError> {
        let first = block.frames().start;
        let of_block = |all: &Range<usize>| {
            let end = first + out.len_of(Axis(0));
            all.start.clamp(first, end) - first..all.end.clamp(first, end) - first
        };
        let background = out.slice(s![of_block(&self.background), .., ..]);
        self.uncorrected
            .add(background, &Subtract::NOTHING)
            .map_err(failed(Stage::Motion))?;
        let found = self.taking.locate.shifts(out.view());
        let found = found.map_err(failed(Stage::Motion))?;
        if found.len() != out.len_of(Axis(0)) {
            let message = format!("{} shifts for {} frames", found.len(), out.len_of(Axis(0)));
            return Err(failed(Stage::Motion)(message).into());
        }
        let looked_at: Vec<Option<[Array2<f32>; 2]>> = out
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(&found)
            .enumerate()
            .map(|(i, (out, &shift))| {
                let t = first + i;
                if shift.flag.is_some() {
                    return Ok(None);
                }
                let looked_at = match t.is_multiple_of(EVERY) {
                    true => {
                        let mut inverted = Array2::zeros(out.dim());
                        decoder.shifted(block, t, shift.scaled(-1.0), inverted.view_mut())?;
                        Some([out.to_owned(), inverted])
                    }
                    false => None,
                };
                decoder.shifted(block, t, shift, out)?;
                Ok(looked_at)
            })
            .collect::<Result<_, TrialError>>()?;
        for (corrected, looked_at) in out.outer_iter().zip(&looked_at) {
            if let Some([recorded, inverted]) = looked_at {
                let added = self
                    .edges
                    .add([recorded.view(), corrected, inverted.view()]);
                added.map_err(failed(Stage::Motion))?;
            }
        }
        self.shifts.extend(found);
        Ok(())
    }

    /// Resizes the flagged frames again, by the shifts of those around, and judges what all that did. Tells `clip` which
    /// pixels every frame has; the mean of the background's frames as they were recorded, if there are any.
    pub(super) fn finish(
        mut self,
        worker: &Worker<'_>,
        decoder: &Decoder,
        recording: &Recording,
        movie: &mut Movie,
        clip: &mut Clip,
    ) -> Result<(Found, Option<Array2<f64>>), TrialError> {
        let wrong = |cause: Cause| failed(Stage::Motion)(cause);
        let dim = self.taking.image.dim();
        let measured = self.shifts.clone();
        self.taking.register.settle(&mut self.shifts);
        for (t, (shift, measured)) in self.shifts.iter_mut().zip(measured).enumerate() {
            // What is believed has been resized by it.
            if measured.flag.is_none() {
                *shift = measured;
                continue;
            }
            shift.flag = measured.flag;
            if shift.length_px() > 0.0 {
                worker.alive()?;
                let mut again = Array3::zeros((1, dim.0, dim.1));
                let frame = recording.frame(t)?;
                let out = again.index_axis_mut(Axis(0), 0);
                decoder.moved(&mut decoder.resizer.clone(), frame, *shift, out)?;
                movie.write(t, again.view()).map_err(|e| wrong(e.into()))?;
            }
        }
        clip.seen = Crop::from_shifts(dim, &self.shifts);
        if clip.seen.rows().is_empty() {
            let most = self
                .shifts
                .iter()
                .map(|s| s.length_px())
                .fold(0.0, f64::max);
            let message =
                format!("shifts of up to {most:.1} px leave no pixel that every frame has");
            return Err(failed(Stage::Motion)(message).into());
        }
        let sampled: Vec<usize> = (0..self.shifts.len()).step_by(EVERY).collect();
        let left = match self.left(movie, clip, &sampled) {
            Err(error) if error.downcast_ref().is_some_and(is_source) => {
                return Err(wrong(error).into());
            }
            // A part that is too small to compare leaves the verdict open.
            left => left.unwrap_or_default(),
        };
        let taken: Vec<Shift> = sampled.iter().map(|&t| self.shifts[t]).collect();
        let judgement = Judgement::new(dim, &taken, &left, self.edges.noise());
        let side = dim.0.max(dim.1);
        let mut motion = found(&self.origin, self.taking.id, side, &self.shifts);
        let left = found(&self.origin, self.taking.id, side, &left);
        motion.correction = Some(Correction::new(&judgement, &left, &clip.seen));
        let shifts = self.shifts.into_iter().enumerate().collect();
        Ok((Found { motion, shifts }, self.uncorrected.finish().ok()))
    }

    /// The shifts of some frames of the corrected movie, within what every frame has.
    fn left(&self, movie: &Movie, clip: &Clip, sampled: &[usize]) -> Result<Vec<Shift>, Cause> {
        let Taking {
            image, register, ..
        } = &*self.taking;
        let locate = register.prepare(clip.seen.part(image.view()))?;
        let mut frame = Array3::zeros((1, image.nrows(), image.ncols()));
        let of = |&t: &usize| {
            movie.frames_into(t..t + 1, frame.view_mut())?;
            let (rows, columns) = (clip.seen.rows(), clip.seen.columns());
            let part = frame.slice(s![.., rows, columns]);
            let found = locate.shifts(part.as_standard_layout().view())?;
            Ok(found.into_iter().next().unwrap_or_default())
        };
        sampled.iter().map(of).collect()
    }
}

/// Whether a movie that is not in memory could not be read again.
fn is_source(error: &widefield::Error) -> bool {
    matches!(error, widefield::Error::Source(_))
}
