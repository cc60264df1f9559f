//! What happens to a movie, in order: motion is taken away while it is resized; then transforms, background, mean image,
//! mask, F0, dF/F.
//!
//! Nothing here knows of files, records, pictures or time spent: values come out as they arise, to an [`Observer`].
//! A session that decides something for all trials calls [`measure`] in its first round; whoever wants dF/F calls
//! all of them, as [`Steps::analyse`] does.

pub use crate::movie::rewrite;

use crate::movie::each_block;
use crate::observer::Observer;
use crate::recording::{Movie, MovieStore};
use crate::step::{
    Background, Clip, Masking, Normal, Normalise, Register, Stage, StepError, Transform, failed,
};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};
use std::ops::Range;
use std::sync::Arc;
use widefield::motion::Crop;
use widefield::{BackgroundLevel, Mask, MeanImage, MovieSource, Subtract, TimeAxis};

/// The steps between a resized movie and dF/F. The default is the lab's notebook, for 20 frames a second of which the
/// first is 3 s before the stimulus.
#[derive(Clone)]
#[non_exhaustive]
pub struct Steps {
    /// From the number of a frame to seconds.
    pub axis: TimeAxis,
    /// How motion is taken away while a movie is read; `None`: not at all. What is in memory already is taken as it is.
    pub register: Option<Arc<dyn Register>>,
    /// What the resized movie goes through first, one after the other.
    pub transforms: Vec<Arc<dyn Transform>>,
    /// How the light that is no fluorescence is estimated.
    pub background: Arc<dyn Background>,
    /// Frames whose mean the background is estimated from.
    pub background_frames: Range<usize>,
    /// Whether fluorescence below the background becomes 0.
    pub clamp_negative: bool,
    /// Which pixels are brain.
    pub mask: Arc<dyn Masking>,
    /// How F0 is taken, and dF/F made with it.
    pub normalise: Arc<dyn Normalise>,
}

/// What is known of a movie before its steps, from an earlier round or decided for all trials of a session.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Given<'a> {
    /// The image the background is estimated from, `(y, x)`: the mean of its frames before motion was taken away. `None`:
    /// from the movie, as where there are transforms, which may change the scale; what some frame does not have is then as its
    /// nearest pixel that all have.
    pub image: Option<&'a Array2<f64>>,
    /// The background that was estimated in this movie.
    pub level: Option<BackgroundLevel>,
    /// The background that is taken off, counts; `None`: the movie's own.
    pub background: Option<f64>,
    /// The mask; `None`: one of its own.
    pub mask: Option<&'a Mask>,
}

/// What [`measure`] finds: all that a session decides from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    /// The background that was estimated in this movie.
    pub level: BackgroundLevel,
    /// What is taken off every frame.
    pub subtract: Subtract,
    /// Mean fluorescence over all frames `(y, x)`, counts; `None` where the mask is given.
    pub mean: Option<Array2<f64>>,
}

/// What dF/F is made of.
#[non_exhaustive]
pub struct Finished {
    /// What is taken off every frame.
    pub subtract: Subtract,
    /// Which pixels are brain.
    pub mask: Mask,
    /// Makes dF/F of blocks of frames.
    pub normal: Box<dyn Normal>,
}

/// Everything after the transforms, in order.
///
/// # Errors
/// [`StepError`] where a step does not go; those of the observer.
pub fn analyse<O: Observer + ?Sized>(
    movie: &dyn MovieSource,
    clip: &Clip,
    steps: &Steps,
    given: &Given<'_>,
    observer: &mut O,
) -> Result<(), O::Error> {
    check(clip, steps, observer)?;
    let measured = measure(movie, clip, steps, given, observer)?;
    let finished = finish(movie, clip, steps, given, &measured, observer)?;
    normalise(movie, clip, &finished, observer)
}

/// Lets the movie go through its transforms, which rewrite it.
///
/// # Errors
/// Those of the transforms.
pub fn transform(
    movie: &mut dyn MovieStore,
    clip: &Clip,
    transforms: &[Arc<dyn Transform>],
) -> Result<(), StepError> {
    for transform in transforms {
        let apply = transform
            .prepare(movie, clip)
            .map_err(failed(Stage::Transform))?;
        crate::movie::rewrite(movie, clip, transform.context(clip), &*apply)
            .map_err(failed(Stage::Transform))?;
    }
    Ok(())
}

/// Asks for the frames F0 is taken from: if they are not there, that is a mistake in the request and not in the
/// pixels, so it is asked before anything is computed.
///
/// # Errors
/// [`StepError::Request`]; those of the observer.
pub fn check<O: Observer + ?Sized>(
    clip: &Clip,
    steps: &Steps,
    observer: &mut O,
) -> Result<(), O::Error> {
    let frames = steps.normalise.frames(clip).map_err(StepError::Request)?;
    observer.f0_frames(frames)
}

/// From the movie to its background and mean image.
///
/// # Errors
/// [`StepError`] where a step does not go; those of the observer.
pub fn measure<O: Observer + ?Sized>(
    movie: &dyn MovieSource,
    clip: &Clip,
    steps: &Steps,
    given: &Given<'_>,
    observer: &mut O,
) -> Result<Measured, O::Error> {
    let first = steps.background_frames.clone();
    clip.has("analysis.background.frames", &first)?;
    let mut own;
    let image = match given.image.filter(|_| steps.transforms.is_empty()) {
        Some(image) => image.view(),
        None => {
            own =
                mean(movie, first, clip, &Subtract::NOTHING).map_err(failed(Stage::Background))?;
            own = clip.seen.extended(own);
            own.view()
        }
    };
    let level = match given.level {
        Some(level) => level,
        None => steps
            .background
            .estimate(image)
            .map_err(failed(Stage::Background))?,
    };
    let subtract = Subtract {
        background: given.background.unwrap_or(level.value),
        clamp_negative: steps.clamp_negative,
    };
    observer.background(image, &level, &subtract)?;
    let mean = match given.mask {
        Some(_) => None,
        None => {
            Some(mean(movie, 0..clip.frames, clip, &subtract).map_err(failed(Stage::MeanImage))?)
        }
    };
    Ok(Measured {
        level,
        subtract,
        mean,
    })
}

/// From background and mean image to what dF/F is made of.
///
/// # Errors
/// [`StepError`] where a step does not go; those of the observer.
pub fn finish<O: Observer + ?Sized>(
    movie: &dyn MovieSource,
    clip: &Clip,
    steps: &Steps,
    given: &Given<'_>,
    measured: &Measured,
    observer: &mut O,
) -> Result<Finished, O::Error> {
    let subtract = measured.subtract;
    let mask = match (given.mask, &measured.mean) {
        (Some(mask), _) => {
            let (height, width) = mask.kept().dim();
            if (clip.size.height, clip.size.width) != (height, width) {
                let (size, mask) = (clip.size, widefield::Size { width, height });
                return Err(StepError::MaskSize { size, mask }.into());
            }
            let mask = mask.clone().cropped(&clip.seen);
            mask.map_err(failed(Stage::Mask))?
        }
        (None, Some(mean)) => mask(steps, mean.view(), &clip.seen)?,
        (None, None) => return Err(StepError::NoMean.into()),
    };
    observer.mask(&mask, given.mask.is_none())?;
    let normal = steps
        .normalise
        .prepare(movie, &subtract, &mask, clip)
        .map_err(failed(Stage::Baseline))?;
    observer.f0(&*normal)?;
    Ok(Finished {
        subtract,
        mask,
        normal,
    })
}

/// Makes dF/F block by block and shows each block, with its counts, to the observer.
///
/// # Errors
/// [`StepError`] where dF/F cannot be made; those of the observer.
pub fn normalise<O: Observer + ?Sized>(
    movie: &dyn MovieSource,
    clip: &Clip,
    finished: &Finished,
    observer: &mut O,
) -> Result<(), O::Error> {
    let (height, width) = (clip.size.height, clip.size.width);
    let mut out = Array3::<f32>::zeros((clip.block.min(clip.frames), height, width));
    let unread = |error| failed(Stage::Movie)(error).into();
    each_block(
        movie,
        0..clip.frames,
        clip.block,
        unread,
        |first, counts| {
            let mut dff = out.slice_mut(s![..counts.len_of(Axis(0)), .., ..]);
            let made = finished
                .normal
                .block_into(movie, first, counts, dff.view_mut());
            made.map_err(failed(Stage::DeltaF))?;
            observer.block(first, counts, dff.view())
        },
    )
}

/// The mask of a mean image, of which what some frame does not have is no part of what decides.
pub(crate) fn mask(
    steps: &Steps,
    mean: ArrayView2<'_, f64>,
    seen: &Crop,
) -> Result<Mask, StepError> {
    let of_part = steps.mask.mask(seen.part(mean));
    let of_part = of_part.map_err(failed(Stage::Mask))?;
    let of_whole = match of_part.kept().dim() == mean.dim() {
        true => of_part.cropped(seen),
        false => of_part.within(seen),
    };
    of_whole.map_err(failed(Stage::Mask))
}

/// Mean fluorescence over `frames`.
pub(crate) fn mean(
    movie: &dyn MovieSource,
    frames: Range<usize>,
    clip: &Clip,
    subtract: &Subtract,
) -> Result<Array2<f64>, widefield::Error> {
    let mut mean = MeanImage::new((clip.size.height, clip.size.width));
    let add = |_, block: ArrayView3<'_, f32>| mean.add(block, subtract);
    each_block(movie, frames, clip.block, |error| error, add)?;
    mean.finish()
}

/// A trial that was analysed in memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Analysis {
    /// The movie after its transforms `(t, y, x)`, counts.
    pub movie: Array3<f32>,
    /// The background that was taken off, counts.
    pub background: f64,
    /// Which pixels are brain.
    pub mask: Mask,
    /// F0 `(y, x)`, counts above background; the mean over time where it changes.
    pub f0: Array2<f64>,
    /// dF/F `(t, y, x)`, NaN where masked.
    pub dff: Array3<f32>,
}

impl Steps {
    /// The whole analysis of a resized movie `(t, y, x)` of counts, in memory.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_pipeline::Steps;
    ///
    /// // A bright round window on an offset of 100 counts, where the light rises by 10 % in frame 15.
    /// let movie = Array3::from_shape_fn((20, 64, 64), |(t, y, x)| {
    ///     let (dx, dy) = (x as f32 - 32.0, y as f32 - 32.0);
    ///     let brain = 4000.0 * (-(dx * dx + dy * dy) / 128.0).exp();
    ///     100.0 + if t == 15 { 1.1 * brain } else { brain }
    /// });
    /// let trial = Steps::default().analyse(movie.view())?;
    /// assert!((trial.dff[(15, 32, 32)] - 0.1).abs() < 0.01);
    /// assert!(trial.dff[(15, 0, 0)].is_nan());
    /// # Ok::<(), widefield_pipeline::StepError>(())
    /// ```
    ///
    /// # Errors
    /// [`StepError`] where a step does not go.
    pub fn analyse(&self, movie: ArrayView3<'_, f32>) -> Result<Analysis, StepError> {
        self.analyse_owned(movie.to_owned())
    }

    /// As [`Steps::analyse`], without a copy of the movie.
    ///
    /// # Errors
    /// As [`Steps::analyse`].
    pub fn analyse_owned(&self, movie: Array3<f32>) -> Result<Analysis, StepError> {
        let clip = Clip::of(&movie.view(), self.axis);
        let mut movie = Movie::Memory(movie);
        transform(&mut movie, &clip, &self.transforms)?;
        self.analyse_transformed(movie, &clip, &Given::default())
    }

    /// Of a movie in memory that has been through its transforms.
    pub(crate) fn analyse_transformed(
        &self,
        movie: Movie,
        clip: &Clip,
        given: &Given<'_>,
    ) -> Result<Analysis, StepError> {
        check(clip, self, &mut ())?;
        let measured = measure(&movie, clip, self, given, &mut ())?;
        let finished = finish(&movie, clip, self, given, &measured, &mut ())?;
        let movie = movie.into_memory().unwrap_or_default();
        let mut dff = Array3::zeros(movie.raw_dim());
        let counts = movie.view();
        let made = finished
            .normal
            .block_into(&counts, 0, counts, dff.view_mut());
        made.map_err(failed(Stage::DeltaF))?;
        Ok(Analysis {
            background: measured.subtract.background,
            mask: finished.mask,
            f0: finished.normal.f0().to_owned(),
            movie,
            dff,
        })
    }
}
