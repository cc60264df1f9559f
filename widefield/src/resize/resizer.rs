//! The prepared operation.

use super::bins::{self, Binned, Bins};
use super::points::{self, Points};
use super::weighted::Weighted;
use super::weights::Weights;
use super::whole::{Filled, Stored, Whole};
use super::{Resize, Size};
use crate::Error;
use crate::error::same_shape;
use crate::invalid::clear_row;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::sync::Arc;

/// Resizes one frame after the other with weights computed once.
///
/// Clone it to resize on several threads; a clone shares the weights and brings its own scratch memory.
#[derive(Clone, Debug)]
pub struct Resizer {
    #[cfg(feature = "motion")]
    pub(super) resize: Resize,
    pub(super) from: Size,
    pub(super) to: Size,
    way: Way,
    /// The faster way for camera counts, where there is one.
    whole: Option<Whole>,
    /// A frame from a source of rows, where it is needed as a whole.
    frame: Vec<u16>,
    /// For frames whose content has moved.
    #[cfg(feature = "motion")]
    pub(super) shifted: Weighted,
}

/// How output pixels come from input pixels.
#[derive(Clone, Debug)]
enum Way {
    Weighted(Weighted),
    Points(Points),
    Bins(Bins, bins::Lines),
}

impl Resizer {
    pub(super) fn new(resize: Resize, from: Size, to: Size) -> Result<Self, Error> {
        let (from, to) = (from.checked()?, to.checked()?);
        let (way, whole) = match resize {
            Resize::Triangle => weighted(Weights::triangle, from, to),
            Resize::Box => weighted(Weights::boxes, from, to),
            Resize::Lanczos3 => weighted(Weights::lanczos3, from, to),
            Resize::Nearest => {
                let columns = points::nearest(from.width, to.width);
                let rows = points::nearest(from.height, to.height);
                (Way::Points(Points { columns, rows }), None)
            }
            Resize::Binning => (Way::Bins(bins(from, to)?, bins::Lines::default()), None),
        };
        Ok(Self {
            #[cfg(feature = "motion")]
            resize,
            from,
            to,
            way,
            whole,
            frame: Vec::new(),
            #[cfg(feature = "motion")]
            shifted: Weighted::new(None, None),
        })
    }

    /// Size of the frames that go in.
    pub fn input_size(&self) -> Size {
        self.from
    }

    /// Size of the frames that come out.
    pub fn output_size(&self) -> Size {
        self.to
    }

    /// Resizes `frame` `(y, x)` into `out`.
    ///
    /// # Errors
    /// [`Error::Shape`] if a shape is not the one the resizer was made for.
    pub fn frame_into(
        &mut self,
        frame: ArrayView2<'_, f32>,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), Error> {
        self.check(frame.shape(), out.shape())?;
        let frame = frame.as_standard_layout();
        let frame = frame.as_slice().unwrap_or_default();
        let (from, to) = (self.from, self.to);
        with_slice(out, |out| self.way.frame(frame, from.width, out, to.width));
        Ok(())
    }

    /// Resizes a frame of camera counts: the same numbers as converting it to f32 first.
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::{Resize, Size};
    ///
    /// let size = |width| Size { width, height: 1 };
    /// let mut resizer = Resize::Triangle.resizer(size(2), size(1))?;
    /// let mut out = ndarray::Array2::zeros((1, 1));
    /// resizer.frame_u16_into(array![[100, 200]].view(), out.view_mut())?;
    /// assert_eq!(out[(0, 0)], 150.0);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] as [`Resizer::frame_into`].
    pub fn frame_u16_into(
        &mut self,
        frame: ArrayView2<'_, u16>,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), Error> {
        self.check(frame.shape(), out.shape())?;
        let frame = frame.as_standard_layout();
        let frame = frame.as_slice().unwrap_or_default();
        let (from, to) = (self.from, self.to);
        with_slice(out, |out| match &mut self.whole {
            Some(whole) => {
                let Ok(_) = whole.frame(Stored(frame), out);
            }
            None => self.way.frame(frame, from.width, out, to.width),
        });
        Ok(())
    }

    /// Resizes a frame of camera counts that `source` delivers row by row: `source(y, row)` fills `row` with
    /// row `y`, each once, from the top. Counts above `invalid_above` become 0 before they are resized, as
    /// by [`crate::invalid::clear`]; the result is how many there were. `u16::MAX` clears nothing.
    ///
    /// The same numbers as from a whole frame, but every row is still in the first cache when it is used.
    ///
    /// ```
    /// use widefield::{Resize, Size};
    ///
    /// let size = |width| Size { width, height: 2 };
    /// let mut resizer = Resize::Triangle.resizer(size(2), size(1))?;
    /// let frame = [[100, 200], [100, 65_535]];
    /// let mut out = ndarray::Array2::zeros((2, 1));
    /// let source = |y: usize, row: &mut [u16]| {
    ///     row.copy_from_slice(&frame[y]);
    ///     Ok(())
    /// };
    /// let cleared = resizer.rows_u16_into::<widefield::Error>(60_000, source, out.view_mut())?;
    /// assert_eq!(cleared, 1);
    /// assert_eq!(out, ndarray::array![[150.0], [50.0]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if `out` does not have the shape the resizer was made for, and those of the source.
    pub fn rows_u16_into<E: From<Error>>(
        &mut self,
        invalid_above: u16,
        mut source: impl FnMut(usize, &mut [u16]) -> Result<(), E>,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<usize, E> {
        let (from, to) = (self.from, self.to);
        same_shape("resized frame", &[to.height, to.width], out.shape())?;
        with_slice(out, |out| match &mut self.whole {
            Some(whole) => {
                let rows = Filled {
                    fill: source,
                    invalid_above,
                };
                whole.frame(rows, out)
            }
            None => {
                let mut cleared = 0;
                self.frame.resize(from.width * from.height, 0);
                for (y, row) in self.frame.chunks_exact_mut(from.width).enumerate() {
                    source(y, row)?;
                    cleared += clear_row(row, invalid_above);
                }
                self.way.frame(&self.frame, from.width, out, to.width);
                Ok(cleared)
            }
        })
    }

    pub(super) fn check(&self, frame: &[usize], out: &[usize]) -> Result<(), Error> {
        let Self { from, to, .. } = self;
        same_shape("frame to resize", &[from.height, from.width], frame)?;
        same_shape("resized frame", &[to.height, to.width], out)
    }
}

/// The weights of both axes; an axis that keeps its length needs none.
fn weighted(
    weights: impl Fn(usize, usize) -> Weights,
    from: Size,
    to: Size,
) -> (Way, Option<Whole>) {
    let axis = |from, to| (from != to).then(|| Arc::new(weights(from, to)));
    let horizontal = axis(from.width, to.width);
    let vertical = axis(from.height, to.height);
    let whole = horizontal
        .as_ref()
        .zip(vertical.as_ref())
        .and_then(|(horizontal, vertical)| Whole::new(horizontal, vertical));
    (Way::Weighted(Weighted::new(horizontal, vertical)), whole)
}

fn bins(from: Size, to: Size) -> Result<Bins, Error> {
    if from.width.is_multiple_of(to.width) && from.height.is_multiple_of(to.height) {
        Ok(Bins {
            columns: from.width / to.width,
            rows: from.height / to.height,
        })
    } else {
        Err(Error::NotWhole {
            from_width: from.width,
            from_height: from.height,
            to_width: to.width,
            to_height: to.height,
        })
    }
}

impl Way {
    fn frame<T: Binned + Into<f32> + Into<f64>>(
        &mut self,
        frame: &[T],
        width: usize,
        out: &mut [f32],
        to_width: usize,
    ) {
        match self {
            Self::Weighted(weighted) => weighted.frame(frame, width, out, to_width),
            Self::Points(points) => points.frame(frame, width, out),
            Self::Bins(bins, lines) => bins.frame(frame, width, lines, out),
        }
    }
}

/// Calls `write` with the pixels of `out` in order, through a copy where they are not.
pub(super) fn with_slice<T>(
    mut out: ArrayViewMut2<'_, f32>,
    write: impl FnOnce(&mut [f32]) -> T,
) -> T {
    if let Some(out) = out.as_slice_mut() {
        return write(out);
    }
    let mut copy = vec![0.0; out.len()];
    let result = write(&mut copy);
    out.iter_mut()
        .zip(copy)
        .for_each(|(out, value)| *out = value);
    result
}
