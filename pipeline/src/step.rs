//! Steps of the analysis behind small traits: ours and anybody's.
//!
//! A step is a value. It is called a few times a trial, so `dyn` costs nothing. The library's enums implement these
//! traits, and so does whatever a program brings: see [`Own`] for how it takes the place of a configured one,
//! and the package `widefield-conformance` for what every step promises.
//!
//! # A mask of one's own
//!
//! ```
//! use ndarray::ArrayView2;
//! use serde::{Deserialize, Serialize};
//! use widefield_pipeline::step::{Cause, Masking, Parameters};
//!
//! /// The darkest share of the pixels is vessel or surround.
//! #[derive(Serialize, Deserialize)]
//! struct Vessels {
//!     darkest: f64,
//! }
//!
//! impl Parameters for Vessels {
//!     const NAME: &'static str = "vessels";
//! }
//!
//! impl Masking for Vessels {
//!     fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<widefield::Mask, Cause> {
//!         let percentile = 100.0 * self.darkest;
//!         Ok(widefield::Segmentation::Percentile { percentile }.mask(mean)?)
//!     }
//! }
//!
//! let mean = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
//! assert_eq!(Vessels { darkest: 0.5 }.mask(mean.view())?.masked_pixels(), 2);
//! # Ok::<(), Cause>(())
//! ```

mod configured;
pub(crate) use configured::measuring;
mod library;
mod own;

pub use own::{Known, Own, Placed, Slot};

use ndarray::{Array2, ArrayView2, ArrayView3, ArrayViewMut3};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::error::Error;
use std::ops::Range;
use widefield::motion::{Crop, Shift};
use widefield::{BackgroundLevel, Mask, MovieSource, Size, Subtract, TimeAxis};

/// Why a step does not go, as the step itself says it.
pub type Cause = Box<dyn Error + Send + Sync>;

/// What tells one step from another: in records, for resuming, and in requests to workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Which step.
    pub name: String,
    /// Raised when the same parameters give other results than before.
    pub revision: u32,
    /// Its parameters; they make the step again.
    pub parameters: serde_json::Value,
}

/// A step of whatever kind.
pub trait Step: Send + Sync {
    /// Tells this step, with its parameters, from every other.
    fn identity(&self) -> Identity;
}

/// A step that is its parameters: as JSON they travel to workers, which make the step again.
pub trait Parameters: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name of the step, different from those of all others.
    const NAME: &'static str;
    /// To be raised when the same parameters give other results than before.
    const REVISION: u32 = 1;
}

impl<T: Parameters> Step for T {
    fn identity(&self) -> Identity {
        Identity {
            name: T::NAME.into(),
            revision: T::REVISION,
            parameters: parameters(self).unwrap_or_else(|why| serde_json::json!({ LOST: why })),
        }
    }
}

/// Key of what stands for parameters that no worker could make the step from again, nor a resumed run tell from others.
pub(crate) const LOST: &str = "not as JSON";

/// Parameters as JSON that gives the same again, which a map with keys that are no text, or NaN, does not.
fn parameters<T: Parameters>(step: &T) -> Result<serde_json::Value, String> {
    let value = serde_json::to_value(step).map_err(|e| e.to_string())?;
    match T::deserialize(&value).and_then(serde_json::to_value) {
        Ok(again) if again == value => Ok(value),
        other => Err(format!("{value} comes back as {other:?}")),
    }
}

/// What a step may know of a movie before it sees pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Clip {
    /// From the number of a frame to seconds.
    pub axis: TimeAxis,
    /// Frames of the movie.
    pub frames: usize,
    /// Size of the resized frames.
    pub size: Size,
    /// Frames that are worked on at a time.
    pub block: usize,
    /// The pixels that every frame has; others are NaN in some, as motion was taken away.
    pub seen: Crop,
}

/// Frames that operators and writers are given at a time, where there is room: as many as are in a chunk of the HDF5
/// files, so that their writers take blocks from where they lie.
pub const BLOCK: usize = widefield_storage::CHUNK_FRAMES;

impl Clip {
    /// What is known of a movie `(t, y, x)`, worked on [`BLOCK`] frames at a time.
    #[must_use]
    pub fn of(movie: &dyn MovieSource, axis: TimeAxis) -> Self {
        let (frames, height, width) = movie.dim();
        let size = Size { width, height };
        Self::new(frames, size, axis)
    }

    /// What is known of a movie of so many frames of that size, worked on [`BLOCK`] frames at a time.
    #[must_use]
    pub fn new(frames: usize, size: Size, axis: TimeAxis) -> Self {
        Self {
            axis,
            frames,
            size,
            block: BLOCK,
            seen: Crop::whole((size.height, size.width)),
        }
    }

    /// The same with so many frames at a time; at least 1.
    #[must_use]
    pub fn block(mut self, frames: usize) -> Self {
        self.block = frames.max(1);
        self
    }

    /// Refuses frames that the movie does not have, which `key` asks for.
    pub(crate) fn has(&self, key: &'static str, asked: &Range<usize>) -> Result<(), StepError> {
        if asked.end <= self.frames {
            return Ok(());
        }
        let (from, to, frames) = (asked.start, asked.end, self.frames);
        Err(StepError::BeyondEnd {
            key,
            from,
            to,
            frames,
        })
    }

    /// Bytes of a resized frame.
    #[must_use]
    pub fn frame_bytes(&self) -> u64 {
        (self.size.width as u64)
            .saturating_mul(self.size.height as u64)
            .saturating_mul(4)
    }
}

/// Says where the content of frames lies, so that frames are resized from there: takes motion away while a movie is read.
pub trait Register: Step {
    /// The image `(y, x)` that all movies of a session are compared with, from the first ten resized frames, or as many as
    /// there are, of its first movie.
    ///
    /// # Errors
    /// Whatever makes them unfit: the next movie is asked.
    fn reference(&self, first: ArrayView3<'_, f32>) -> Result<Array2<f32>, Cause>;

    /// Gets ready to compare frames with that image, or with a part of it.
    ///
    /// # Errors
    /// Whatever makes it impossible; the trial fails of it.
    fn prepare(&self, reference: ArrayView2<'_, f32>) -> Result<Box<dyn Locate>, Cause>;

    /// Looks at all shifts of a movie before those of flagged frames are used. By default these get the shift between those
    /// of their neighbours. What it makes of other frames, and of flags, counts for nothing.
    fn settle(&self, shifts: &mut [Shift]) {
        widefield::motion::interpolate(shifts);
    }
}

/// Is ready to say where the content of frames lies.
pub trait Locate: Send + Sync {
    /// The shift of every resized frame, flagged where it is not to be believed. Any blocks must give the same bits.
    ///
    /// # Errors
    /// Whatever makes it impossible; the trial fails of it.
    fn shifts(&self, frames: ArrayView3<'_, f32>) -> Result<Vec<Shift>, Cause>;
}

/// Estimates the light that is no fluorescence.
pub trait Background: Step {
    /// The background of an image `(y, x)`, counts: the mean of the frames that the session takes it from.
    ///
    /// # Errors
    /// Whatever makes an estimate impossible; the trial fails of it.
    fn estimate(&self, image: ArrayView2<'_, f64>) -> Result<BackgroundLevel, Cause>;
}

/// Tells brain from surround.
pub trait Masking: Step {
    /// The mask of a mean image `(y, x)`, counts above background; where motion was taken away, of the part of it that every
    /// frame has. A mask of whole frames will do as well.
    ///
    /// # Errors
    /// Whatever makes a mask impossible; the trial fails of it.
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<Mask, Cause>;
}

/// Rewrites the resized movie before anything is estimated from it. Where motion was taken away, pixels that a frame does
/// not have are NaN.
pub trait Transform: Step {
    /// Which frames around a block are needed, and how much memory.
    fn context(&self, clip: &Clip) -> Context;

    /// Looks at the whole movie, as often as needed, before its blocks are rewritten.
    ///
    /// # Errors
    /// Whatever makes it impossible; the trial fails of it.
    fn prepare(&self, movie: &dyn MovieSource, clip: &Clip) -> Result<Box<dyn Apply>, Cause>;
}

/// What a transform needs beside the block it rewrites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Frames before a block.
    pub before: usize,
    /// Frames behind it.
    pub after: usize,
    /// Bytes that are held beside frames.
    pub bytes: u64,
}

/// A transform that has looked at its movie.
pub trait Apply: Send + Sync {
    /// Fills `out` with what becomes of as many frames, the first of them frame `first` of the movie. `around` are the
    /// frames as they were: from `context.before` before the first to `context.after` behind the last, as far as
    /// the movie goes; `first` of the movie is frame `at` of them. Any blocks must give the same bits.
    ///
    /// # Errors
    /// Whatever makes it impossible; the trial fails of it.
    fn apply(
        &self,
        first: usize,
        around: ArrayView3<'_, f32>,
        at: usize,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Cause>;
}

/// Takes F0 and makes dF/F.
pub trait Normalise: Step {
    /// The frames F0 is taken from; all of them where it follows the trace.
    ///
    /// # Errors
    /// If the movie does not have them.
    fn frames(&self, clip: &Clip) -> Result<Range<usize>, Cause>;

    /// What is held beside the movie.
    fn held(&self, clip: &Clip, threads: usize) -> Held;

    /// Estimates F0, and what else is needed before the first block. Pixels that `mask` does not keep become NaN.
    ///
    /// # Errors
    /// Whatever makes it impossible; the trial fails of it.
    fn prepare(
        &self,
        movie: &dyn MovieSource,
        subtract: &Subtract,
        mask: &Mask,
        clip: &Clip,
    ) -> Result<Box<dyn Normal>, Cause>;
}

/// Bytes held beside the movie and a few images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Of frames from a movie that is not in memory, while F0 is estimated.
    pub preparing: u64,
    /// Of frames from a movie that is not in memory, while every block is normalised.
    pub normalising: u64,
    /// Wherever the movie is, from the estimate to the last block.
    pub always: u64,
}

/// Makes dF/F of blocks.
pub trait Normal: Send + Sync {
    /// F0 `(y, x)`, counts above background; the mean over time where it changes.
    fn f0(&self) -> ArrayView2<'_, f64>;

    /// Kept pixels whose dF/F is not finite in some frame.
    fn nonfinite_pixels(&self) -> usize;

    /// How dF/F is made, in words; `ratio` where files hold F/F0.
    fn describe(&self, ratio: bool) -> String;

    /// dF/F of a block of frames of counts, the first of them frame `first` of `movie`, in which more frames may be
    /// looked at. Any blocks must give the same bits.
    ///
    /// # Errors
    /// Whatever makes it impossible; the trial fails of it.
    fn block_into(
        &self,
        movie: &dyn MovieSource,
        first: usize,
        block: ArrayView3<'_, f32>,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Cause>;
}

/// Why a movie could not be analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// A step does not go.
    #[error("{stage}")]
    Failed {
        /// Which.
        stage: Stage,
        /// Why.
        source: Cause,
    },
    /// What is asked for does not suit the movie.
    #[error(transparent)]
    Request(Cause),
    /// Frames are asked for that the movie does not have.
    #[error("{key} = [{from}, {to}] reaches beyond the {frames} frames of the movie")]
    BeyondEnd {
        /// Where it is asked for.
        key: &'static str,
        /// First frame.
        from: usize,
        /// The frame behind the last.
        to: usize,
        /// Frames of the movie.
        frames: usize,
    },
    /// No frame lies before the time that is asked for.
    #[error(
        "no frame lies before analysis.baseline.before_s = {before_s} s; the first is at {first_frame_s} s"
    )]
    NoneBefore {
        /// The time that is asked for.
        before_s: f64,
        /// Time of the first frame.
        first_frame_s: f64,
    },
    /// The given mask has another size than the frames.
    #[error(
        "its frames are {} x {} px, the session's mask is {} x {}",
        size.width, size.height, mask.width, mask.height
    )]
    MaskSize {
        /// Of the frames.
        size: Size,
        /// Of the mask.
        mask: Size,
    },
    /// Neither a mask was given nor a mean image taken that one could be made from.
    #[error("there is neither a mask nor a mean image")]
    NoMean,
}

/// Where a trial is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Stage {
    /// Resizing.
    Resize,
    /// Taking motion away.
    Motion,
    /// Before the background.
    Transform,
    /// Reading the resized movie again.
    Movie,
    /// Estimating the background.
    Background,
    /// The mean fluorescence over all frames.
    #[serde(rename = "mean image")]
    MeanImage,
    /// Telling brain from surround.
    Mask,
    /// Taking F0.
    Baseline,
    /// Making dF/F of a block.
    #[serde(rename = "dF/F")]
    DeltaF,
    /// Summing up what was seen.
    Report,
    /// The mean of the first trial.
    #[serde(rename = "reference image")]
    ReferenceImage,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Names the stage in what went wrong.
pub(crate) fn failed<E: Into<Cause>>(stage: Stage) -> impl Fn(E) -> StepError {
    move |cause| StepError::Failed {
        stage,
        source: cause.into(),
    }
}
