//! What can be wrong with the arrays or the choices handed to an operator.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Why an operator gave no result.
///
/// Every operator checks its input first, so an error leaves output buffers as they were.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array has no elements where at least one is needed.
    #[error("the {what} is empty")]
    Empty {
        /// Which input.
        what: &'static str,
    },
    /// Two arrays that belong together differ in shape.
    #[error("the {what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which input.
        what: &'static str,
        /// The shape that fits, slowest axis first.
        expected: Vec<usize>,
        /// The shape that came.
        found: Vec<usize>,
    },
    /// A side of a frame is zero or beyond what a camera can have.
    #[error(
        "a frame of {width} x {height} px cannot be resized: sides from 1 to {max} px are possible"
    )]
    Size {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Largest possible side.
        max: usize,
    },
    /// Pixels cannot be binned to a size that does not divide theirs.
    #[error(
        "{from_width} x {from_height} px cannot be binned to {to_width} x {to_height}: \
         each side must be a whole number of times smaller"
    )]
    NotWhole {
        /// Columns of the frame.
        from_width: usize,
        /// Rows of the frame.
        from_height: usize,
        /// Columns asked for.
        to_width: usize,
        /// Rows asked for.
        to_height: usize,
    },
    /// A choice is outside its range.
    #[error("{name} is {value}, expected {expected}")]
    Parameter {
        /// Name of the choice.
        name: &'static str,
        /// What was chosen.
        value: f64,
        /// What is possible.
        expected: &'static str,
    },
    /// A pixel is NaN or infinite where the result would be meaningless.
    #[error("the {what} has a value that is not finite ({value}) at row {y}, column {x}")]
    NotFinite {
        /// Which input.
        what: &'static str,
        /// Row.
        y: usize,
        /// Column.
        x: usize,
        /// The value.
        value: f64,
    },
    /// All pixels are equal, so there is nothing to estimate from.
    #[error(
        "all pixels of the {what} are {value}: a constant image has neither background nor density"
    )]
    ZeroVariance {
        /// Which input.
        what: &'static str,
        /// The value of every pixel.
        value: f64,
    },
    /// No pixel is above 0, so there is no scale of brightness.
    #[error("no pixel of the {what} is above 0: the brightest is {max}")]
    NoLight {
        /// Which input.
        what: &'static str,
        /// The largest value.
        max: f64,
    },
    /// Fewer pixels than the estimate has unknowns.
    #[error("the {what} has {found} px, at least {needed} are needed")]
    TooFewPixels {
        /// Which input.
        what: &'static str,
        /// Fewest that would do.
        needed: usize,
        /// How many came.
        found: usize,
    },
    /// The least-squares fit found no minimum.
    #[error(
        "the Gaussian fit did not converge after {evaluations} evaluations ({reason}); \
         a different background method may suit this image"
    )]
    NotConverged {
        /// How often the model was computed.
        evaluations: usize,
        /// What stopped the search.
        reason: String,
    },
    /// The density stays at or above the cutoff on the whole grid.
    #[error(
        "no density below the cutoff {cutoff}: the lowest of {points} points from 0 to {max} is {lowest}; \
         raise the cutoff, or use one relative to the peak of the density"
    )]
    NoDensityBelow {
        /// The cutoff asked for, per count.
        cutoff: f64,
        /// The lowest density found, per count.
        lowest: f64,
        /// Number of grid points.
        points: usize,
        /// Last grid point, counts.
        max: f64,
    },
    /// A movie that lies elsewhere could not be read.
    #[error("the movie cannot be read")]
    Source(#[source] Cause),
    /// A rectangle is not part of the frame.
    #[error(
        "the rectangle of {columns} x {rows} px from column {x}, row {y} reaches beyond the frame of \
         {width} x {height} px"
    )]
    Rectangle {
        /// First column.
        x: usize,
        /// First row.
        y: usize,
        /// Columns of the rectangle.
        columns: usize,
        /// Rows of the rectangle.
        rows: usize,
        /// Columns of the frame.
        width: usize,
        /// Rows of the frame.
        height: usize,
    },
    /// Fewer frames than the estimate needs.
    #[error("the movie has {found} frames, {what} needs at least {needed}")]
    TooFewFrames {
        /// Which estimate.
        what: &'static str,
        /// Fewest that would do.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// The light over time is nothing that a bleaching curve could follow.
    #[error("no bleaching curve: {reason}")]
    NoCurve {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The baseline takes frames that the movie does not have.
    #[error("baseline frames {start}..{end} reach beyond the movie of {n_frames} frames")]
    BaselineBeyondEnd {
        /// First frame of the baseline.
        start: usize,
        /// Frame after the last one of the baseline.
        end: usize,
        /// Frames in the movie.
        n_frames: usize,
    },
    /// The baseline takes no frame at all.
    #[error("baseline frames {start}..{end} select nothing")]
    BaselineEmpty {
        /// First frame of the baseline.
        start: usize,
        /// Frame after the last one of the baseline.
        end: usize,
    },
    /// A time is in seconds where frames are needed: resolve the baseline first.
    #[error(
        "the {what} of the baseline are in seconds; which frames that is follows from a time axis"
    )]
    InSeconds {
        /// Which parameter.
        what: &'static str,
    },
    /// An array would be larger than any memory.
    #[error("the {what} of shape {shape:?} is larger than any memory")]
    TooLarge {
        /// Which array.
        what: &'static str,
        /// Its shape, slowest axis first.
        shape: Vec<usize>,
    },
    /// Time bins that an average does not hold.
    #[error("bins {asked:?} are not among those that the average holds, {held:?}")]
    Bins {
        /// The bins asked for, half-open.
        asked: Range<i64>,
        /// The bins held, half-open.
        held: Range<i64>,
    },
    /// A time bin has as many trials as can be counted.
    #[error("bin {bin} of the average has more than {most} trials")]
    TooManyTrials {
        /// The bin.
        bin: i64,
        /// The largest number that can be counted.
        most: usize,
    },
    /// Frames that the movie does not have.
    #[error("frames {frames:?} are not among the {n_frames} of the movie")]
    Frames {
        /// The frames asked for, half-open.
        frames: Range<usize>,
        /// Frames in the movie.
        n_frames: usize,
    },
    /// No frame of a trial lies in a window of time, or none can.
    #[error("the window {name:?} from {from_s} s to {to_s} s has no frame of the trial")]
    Window {
        /// Which window.
        name: &'static str,
        /// Where it begins, seconds.
        from_s: f64,
        /// Where it ends, seconds; this time does not belong to it.
        to_s: f64,
    },
    /// An area was drawn for frames of another size.
    #[error("the area {name:?} is a mask of shape {found:?}, the frames have {expected:?}")]
    AreaShape {
        /// Its name.
        name: String,
        /// Height and width of the frames.
        expected: Vec<usize>,
        /// Height and width of the mask.
        found: Vec<usize>,
    },
    /// An area has no pixel.
    #[error("the area {name:?} has no pixel in the frame")]
    AreaEmpty {
        /// Its name.
        name: String,
    },
    /// Two areas could not be told from each other.
    #[error("two areas have the name {name:?}")]
    AreaTwice {
        /// Their name.
        name: String,
    },
}

impl Error {
    /// [`Error::Source`] with what the owner of the movie says.
    ///
    /// ```
    /// use std::{error::Error as _, io};
    ///
    /// let full = io::Error::new(io::ErrorKind::StorageFull, "no space left");
    /// let error = widefield::Error::from_source(full);
    /// assert_eq!(error.source().unwrap().to_string(), "no space left");
    /// let widefield::Error::Source(cause) = error else { panic!("made of a cause") };
    /// assert_eq!(cause.get().downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::StorageFull);
    /// ```
    pub fn from_source(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause: Box<dyn StdError + Send + Sync> = cause.into();
        Self::Source(Cause(Arc::from(cause)))
    }
}

/// What the owner of a movie says about why it cannot be read. Two are equal if they say the same.
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn StdError + Send + Sync>);

impl Cause {
    /// The error itself, to be downcast.
    pub fn get(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// `Ok` if `found` is `expected`, else [`Error::Shape`].
pub(crate) fn same_shape(
    what: &'static str,
    expected: &[usize],
    found: &[usize],
) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        expected: expected.to_vec(),
        found: found.to_vec(),
    })
}
