//! Motion while a movie is read: every frame against the first ones of the session's reference movie.

use super::reading::Decoder;
use super::{TrialError, Worker};
use crate::contract::Origin;
use crate::movie::{Movie, MovieStore};
use crate::order_of_steps::Steps;
use crate::plan::{TrialPlan, Work};
use crate::record::{Correction, Motion};
use crate::recording::{Block, Recording};
use crate::step::{Cause, Clip, Locate, Register, Stage, StepError, failed, measuring};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayViewMut3, Axis, s};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use widefield::motion::{Crop, Edges, Judgement, Shift};
use widefield::{MeanImage, MovieSource, Resize, Size, Subtract};

/// Frames that the reference is made of.
const FIRST: usize = 10;
/// Of so many frames one is measured where nothing is corrected, and looked at again where it is.
const EVERY: usize = 10;
/// Smaller sides are not halved before they are measured: too little would be left.
const HALVED: usize = 128;

/// What was found of a trial's motion.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) motion: Motion,
    /// The frames that were measured, and their shifts; those taken away of all frames.
    pub(crate) shifts: Vec<(usize, Shift)>,
}

/// What the trials of a session are compared with, prepared once for all that compute here.
#[derive(Default)]
pub(crate) struct References(Mutex<Option<(Origin, Arc<Comparison>)>>);

impl std::fmt::Debug for References {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("References").finish_non_exhaustive()
    }
}

/// An image, ready to be compared with.
pub(super) struct Comparison {
    image: Array2<f32>,
    locate: Box<dyn Locate>,
    register: Arc<dyn Register>,
    /// Where nothing is corrected: compared are frames of that size.
    halved: Option<Size>,
}

impl Worker<'_> {
    /// The movie that all are compared with: the first of the session, in the order of names, whose first frames can be
    /// read and are fit for it.
    pub(crate) fn origin(&self, trials: &[TrialPlan]) -> Option<Origin> {
        let readable = |t: &&TrialPlan| !matches!(t.work, Work::Fail(_));
        trials.iter().filter(readable).find_map(|trial| {
            let origin = Origin {
                file: trial.file.clone(),
                input: trial.input.clone(),
                corrects: self.steps(trial).register.is_some(),
            };
            self.comparison(&origin, &self.steps(trial)).ok()?;
            Some(origin)
        })
    }

    pub(super) fn comparison(
        &self,
        origin: &Origin,
        steps: &Steps,
    ) -> Result<Arc<Comparison>, TrialError> {
        // A panic elsewhere leaves a whole value behind.
        let mut kept = self
            .references
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((of, comparison)) = &*kept
            && of == origin
        {
            return Ok(Arc::clone(comparison));
        }
        let wrong = |cause| TrialError::from(failed(Stage::Motion)(cause));
        let first = self.first_frames(&origin.file, steps, FIRST)?;
        let rigid = || Arc::new(measuring(&self.config.analysis.motion)) as Arc<dyn Register>;
        let register = steps.register.clone().unwrap_or_else(rigid);
        let image = register.reference(first.view()).map_err(wrong)?;
        let (height, width) = image.dim();
        let halved = (!origin.corrects && height.min(width) >= HALVED).then_some(Size {
            width: width / 2,
            height: height / 2,
        });
        let mut reduced = Array2::zeros(halved.map_or((0, 0), |to| (to.height, to.width)));
        if let Some(to) = halved {
            let resizer = Resize::Box.resizer(Size { width, height }, to);
            let made = resizer.and_then(|mut r| r.frame_into(image.view(), reduced.view_mut()));
            made.map_err(|error| wrong(error.into()))?;
        }
        let compared = if halved.is_some() { &reduced } else { &image };
        let locate = register.prepare(compared.view());
        let comparison = Arc::new(Comparison {
            locate: locate.map_err(wrong)?,
            image,
            register,
            halved,
        });
        *kept = Some((origin.clone(), Arc::clone(&comparison)));
        Ok(comparison)
    }
}

impl Comparison {
    fn fits(&self, clip: &Clip) -> bool {
        (clip.size.height, clip.size.width) == self.image.dim()
    }

    fn side(&self) -> usize {
        let (height, width) = self.image.dim();
        height.max(width)
    }

    /// Measures some frames of a movie that stays as it is. `None` where its frames are of another size.
    pub(super) fn measure(
        &self,
        origin: &Origin,
        movie: &dyn MovieSource,
        clip: &Clip,
    ) -> Result<Option<Found>, Cause> {
        if !self.fits(clip) {
            return Ok(None);
        }
        let (height, width) = self.image.dim();
        let size = self.halved.unwrap_or(clip.size);
        let (down, right) = (
            height as f64 / size.height as f64,
            width as f64 / size.width as f64,
        );
        let mut resizer = Resize::Box.resizer(clip.size, size)?;
        let sampled: Vec<usize> = (0..clip.frames).step_by(EVERY).collect();
        let mut shifts = Vec::with_capacity(sampled.len());
        let mut frame = Array3::zeros((1, height, width));
        let mut some = Array3::zeros((clip.block.min(sampled.len()), size.height, size.width));
        for part in sampled.chunks(clip.block) {
            for (&t, out) in part.iter().zip(some.outer_iter_mut()) {
                movie.frames_into(t..t + 1, frame.view_mut())?;
                resizer.frame_into(frame.index_axis(Axis(0), 0), out)?;
            }
            let found = self
                .locate
                .shifts(some.slice(s![..part.len(), .., ..]))?
                .into_iter();
            shifts.extend(part.iter().copied().zip(found.map(|mut shift| {
                shift.dy_px *= down;
                shift.dx_px *= right;
                shift
            })));
        }
        let of_all: Vec<Shift> = shifts.iter().map(|(_, shift)| *shift).collect();
        Ok(Some(Found {
            motion: Motion::from_shifts(&origin.file, self.side(), &of_all),
            shifts,
        }))
    }
}

/// Takes motion away while a movie is read.
pub(super) struct Registration {
    comparison: Arc<Comparison>,
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
        comparison: Arc<Comparison>,
        origin: &Origin,
        background: Range<usize>,
        clip: &Clip,
    ) -> Result<Self, StepError> {
        let wrong = failed(Stage::Motion);
        if !comparison.fits(clip) {
            let (height, width) = comparison.image.dim();
            let message = format!(
                "its frames are {} x {} px, those of {}, which it is compared with, {width} x {height}",
                clip.size.width, clip.size.height, origin.file
            );
            return Err(failed(Stage::Motion)(message));
        }
        let all = Array2::from_elem(comparison.image.dim(), true);
        Ok(Self {
            edges: Edges::from_image(comparison.image.view(), all.view()).map_err(wrong)?,
            uncorrected: MeanImage::new(comparison.image.dim()),
            origin: origin.clone(),
            shifts: Vec::with_capacity(clip.frames),
            comparison,
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
        let found = self.comparison.locate.shifts(out.view());
        let found = found.map_err(failed(Stage::Motion))?;
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
        decoder: &Decoder,
        recording: &Recording,
        movie: &mut Movie,
        clip: &mut Clip,
    ) -> Result<(Found, Option<Array2<f64>>), TrialError> {
        let wrong = failed(Stage::Motion);
        let dim = self.comparison.image.dim();
        self.comparison.register.settle(&mut self.shifts);
        for (t, &shift) in self.shifts.iter().enumerate() {
            if shift.flag.is_some() && shift.length_px() > 0.0 {
                let mut again = Array3::zeros((1, dim.0, dim.1));
                let frame = recording.frame(t)?;
                decoder.shift(frame, shift, again.index_axis_mut(Axis(0), 0))?;
                movie.write(t, again.view()).map_err(&wrong)?;
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
        // A part that is too small to compare leaves the verdict to the edges.
        let left = self.left(movie, clip, &sampled).unwrap_or_default();
        let taken: Vec<Shift> = sampled.iter().map(|&t| self.shifts[t]).collect();
        let judgement = Judgement::new(dim, &taken, &left, self.edges.noise());
        let side = self.comparison.side();
        let of = |shifts: &[Shift]| Motion::from_shifts(&self.origin.file, side, shifts);
        let mut motion = of(&self.shifts);
        motion.correction = Some(Correction::new(&judgement, of(&left).high_px, &clip.seen));
        let shifts = self.shifts.into_iter().enumerate().collect();
        Ok((Found { motion, shifts }, self.uncorrected.finish().ok()))
    }

    /// The shifts of some frames of the corrected movie, within what every frame has.
    fn left(&self, movie: &Movie, clip: &Clip, sampled: &[usize]) -> Result<Vec<Shift>, Cause> {
        let Comparison {
            image, register, ..
        } = &*self.comparison;
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
