//! Frames and movies in another size.

mod bins;
mod passes;
mod points;
mod weights;
mod whole;

use crate::Error;
use crate::error::same_shape;
use bins::{Binned, Bins};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut2, Axis};
use points::Points;
use std::ops::Range;
use weights::Weights;

/// Longest side that can be resized from or to, in pixels.
pub const MAX_SIDE: usize = 1 << 16;

/// Width and height of a frame in pixels, as the camera counts: columns, rows.
///
/// The array of such a frame has the shape `(height, width)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// Size of a frame `(y, x)`.
    ///
    /// ```
    /// let frame = ndarray::Array2::<f32>::zeros((120, 320));
    /// assert_eq!(widefield::Size::of(frame.view()), widefield::Size { width: 320, height: 120 });
    /// ```
    pub fn of<T>(frame: ArrayView2<'_, T>) -> Self {
        Self {
            width: frame.ncols(),
            height: frame.nrows(),
        }
    }

    fn checked(self) -> Result<Self, Error> {
        let possible = 1..=MAX_SIDE;
        if possible.contains(&self.width) && possible.contains(&self.height) {
            Ok(self)
        } else {
            Err(Error::Size {
                width: self.width,
                height: self.height,
                max: MAX_SIDE,
            })
        }
    }
}

/// How a frame gets another size.
///
/// Values are f32 counts in, f32 counts out, `(y, x)`. The same size on an axis leaves that axis
/// as it is. NaN and infinite pixels spread to every output pixel whose filter covers them.
///
/// ```
/// use widefield::{Resize, Size};
///
/// let frame = ndarray::array![[0.0, 100.0, 200.0, 900.0], [40.0, 60.0, 300.0, 600.0]];
/// let small = |method: Resize| method.frame(frame.view(), Size { width: 2, height: 1 });
/// assert_eq!(small(Resize::Box)?, ndarray::array![[50.0, 500.0]]);
/// assert_eq!(small(Resize::Binning)?, ndarray::array![[50.0, 500.0]]);
/// assert_eq!(small(Resize::Nearest)?, ndarray::array![[60.0, 600.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resize {
    /// Separable triangle filter, one output pixel to either side when shrinking, so nothing
    /// between the sampling points is lost; linear interpolation when growing.
    ///
    /// Along rows first, then along columns, sums in f64, rounded to f32 after each. These are the
    /// definition and the order of operations of Pillow's `BILINEAR` for mode `F`, to the bit.
    #[default]
    Triangle,
    /// Mean of the pixels whose middle lies within the output pixel; the nearest pixel when growing.
    ///
    /// Pillow's `BOX` for mode `F`, to the bit: along rows first, rounded to f32 after each pass. Where
    /// every block has the same whole number of pixels, [`Resize::Binning`] is faster and rounds once.
    Box,
    /// Windowed sinc of three lobes, `sinc(x) sinc(x / 3)` up to 3 output pixels to either side when
    /// shrinking, 3 input pixels when growing: the sharpest, at the price of ringing, up to about a tenth of
    /// a step beside an edge, negative counts included.
    ///
    /// Pillow's `LANCZOS` for mode `F`: the same order of operations, to the bit where `sin` is the same.
    Lanczos3,
    /// The pixel in the middle of each output pixel; all others are lost, so noise is not averaged.
    ///
    /// Pillow's `NEAREST`, to the bit.
    Nearest,
    /// Mean of blocks of whole pixels, as a camera bins but for the scale, which stays that of one pixel.
    ///
    /// Sums of camera counts are whole numbers, exact and rounded once by the division. Only for sizes that
    /// are a whole number of times smaller on each axis, which may differ.
    Binning,
}

impl Resize {
    /// One frame `(y, x)` in the size `to`.
    ///
    /// ```
    /// use widefield::{Resize, Size};
    ///
    /// // A single bright column: the filter of width 2 has the weights 1/8, 3/8, 3/8, 1/8.
    /// let mut frame = ndarray::Array2::<f32>::zeros((4, 8));
    /// frame.column_mut(3).fill(800.0);
    /// let small = Resize::Triangle.frame(frame.view(), Size { width: 4, height: 4 })?;
    /// assert_eq!(small.row(0).to_vec(), [0.0, 300.0, 100.0, 0.0]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Size`] if a side of either size is 0 or above [`MAX_SIDE`], [`Error::NotWhole`] if
    /// [`Resize::Binning`] cannot give that size.
    pub fn frame(self, frame: ArrayView2<'_, f32>, to: Size) -> Result<Array2<f32>, Error> {
        let mut resizer = self.resizer(Size::of(frame), to)?;
        let mut out = Array2::zeros((to.height, to.width));
        resizer.frame_into(frame, out.view_mut())?;
        Ok(out)
    }

    /// Every frame of a movie `(t, y, x)` in the size `to`, frames in parallel.
    ///
    /// A movie without frames stays one without frames.
    ///
    /// # Errors
    /// As [`Resize::frame`].
    pub fn movie(self, movie: ArrayView3<'_, f32>, to: Size) -> Result<Array3<f32>, Error> {
        let (n_frames, height, width) = movie.dim();
        let resizer = self.resizer(Size { width, height }, to)?;
        let mut out = Array3::zeros((n_frames, to.height, to.width));
        out.axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(movie.axis_iter(Axis(0)))
            .try_for_each_init(
                || resizer.clone(),
                |resizer, (out, frame)| resizer.frame_into(frame, out),
            )?;
        Ok(out)
    }

    /// The prepared operation for many frames of one size.
    ///
    /// # Errors
    /// As [`Resize::frame`].
    pub fn resizer(self, from: Size, to: Size) -> Result<Resizer, Error> {
        let (from, to) = (from.checked()?, to.checked()?);
        let weights = match self {
            Self::Triangle => Weights::triangle,
            Self::Box => Weights::boxes,
            Self::Lanczos3 => Weights::lanczos3,
            Self::Nearest | Self::Binning => return self.unweighted(from, to),
        };
        let axis = |from, to| (from != to).then(|| weights(from, to));
        let horizontal = axis(from.width, to.width);
        let vertical = axis(from.height, to.height);
        let whole = match (&horizontal, &vertical) {
            (Some(horizontal), Some(vertical)) => [2, 4, 8]
                .into_iter()
                .find(|&ratio| whole::fits(horizontal, ratio) && whole::fits(vertical, ratio)),
            _ => None,
        };
        Ok(Resizer {
            from,
            to,
            horizontal,
            vertical,
            whole,
            direct: None,
            scratch: Scratch::default(),
        })
    }

    /// The methods that weigh no pixel.
    fn unweighted(self, from: Size, to: Size) -> Result<Resizer, Error> {
        let direct = if self == Self::Nearest {
            Direct::Points(Points {
                columns: points::nearest(from.width, to.width),
                rows: points::nearest(from.height, to.height),
            })
        } else if from.width.is_multiple_of(to.width) && from.height.is_multiple_of(to.height) {
            Direct::Bins(Bins {
                columns: from.width / to.width,
                rows: from.height / to.height,
            })
        } else {
            return Err(Error::NotWhole {
                from_width: from.width,
                from_height: from.height,
                to_width: to.width,
                to_height: to.height,
            });
        };
        Ok(Resizer {
            from,
            to,
            horizontal: None,
            vertical: None,
            whole: None,
            direct: Some(direct),
            scratch: Scratch::default(),
        })
    }
}

/// How output pixels come from input pixels without weights.
#[derive(Clone, Debug)]
enum Direct {
    Points(Points),
    Bins(Bins),
}

/// Resizes one frame after the other with weights computed once.
///
/// Clone it to resize on several threads; a clone brings its own scratch memory.
#[derive(Clone, Debug)]
pub struct Resizer {
    from: Size,
    to: Size,
    horizontal: Option<Weights>,
    vertical: Option<Weights>,
    /// How many times smaller both sides become, if camera counts can be summed in whole numbers.
    whole: Option<usize>,
    direct: Option<Direct>,
    scratch: Scratch,
}

/// Memory that is used again for every frame.
#[derive(Clone, Debug, Default)]
struct Scratch {
    /// Rows of the frame after the pass along rows, each as long as those that come out.
    rows: Vec<f32>,
    columns: Vec<[f64; passes::ROWS]>,
    line: Vec<i32>,
    bins: bins::Lines,
}

impl Resizer {
    /// Size of the frames that go in.
    pub fn from(&self) -> Size {
        self.from
    }

    /// Size of the frames that come out.
    pub fn to(&self) -> Size {
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
        with_slice(out, |out| self.resize(frame, out));
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
        with_slice(out, |out| match self.whole {
            Some(ratio) => self.resize_whole(frame, ratio, out),
            None => self.resize(frame, out),
        });
        Ok(())
    }

    fn check(&self, frame: &[usize], out: &[usize]) -> Result<(), Error> {
        let Self { from, to, .. } = self;
        same_shape("frame to resize", &[from.height, from.width], frame)?;
        same_shape("resized frame", &[to.height, to.width], out)
    }

    /// Any sizes and numbers.
    fn resize<T: Binned + Into<f32> + Into<f64>>(&mut self, frame: &[T], out: &mut [f32]) {
        let width = self.from.width;
        match &self.direct {
            Some(Direct::Points(points)) => return points.frame(frame, width, out),
            Some(Direct::Bins(bins)) => {
                return bins.frame(frame, width, &mut self.scratch.bins, out);
            }
            None => {}
        }
        self.rows_between(frame, 0..self.from.height);
        for (y, out) in out.chunks_exact_mut(self.to.width).enumerate() {
            self.row_out(y, 0, out);
        }
    }

    /// Fills the scratch rows with the given rows of the frame, after the pass along rows.
    fn rows_between<T: Copy + Into<f32> + Into<f64>>(&mut self, frame: &[T], range: Range<usize>) {
        let Self {
            from,
            to,
            horizontal,
            scratch,
            ..
        } = self;
        let frame = &frame[range.start * from.width..range.end * from.width];
        scratch.rows.resize(range.len() * to.width, 0.0);
        let Some(weights) = horizontal else {
            scratch
                .rows
                .iter_mut()
                .zip(frame)
                .for_each(|(row, &value)| *row = value.into());
            return;
        };
        let blocks = frame.chunks(passes::ROWS * from.width);
        for (block, out) in blocks.zip(scratch.rows.chunks_mut(passes::ROWS * to.width)) {
            passes::along_rows(block, from.width, weights, &mut scratch.columns, out);
        }
    }

    /// Row `y` of the result from the scratch rows, whose first one is row `first` of the frame.
    fn row_out(&self, y: usize, first: usize, out: &mut [f32]) {
        let (rows, width) = (&self.scratch.rows, self.to.width);
        match &self.vertical {
            Some(weights) => {
                let (start, weights) = weights.get(y);
                passes::along_columns(rows, width, start - first, weights, out);
            }
            None => out.copy_from_slice(&rows[(y - first) * width..][..width]),
        }
    }

    /// Camera counts and a whole ratio: whole numbers but for the pixels at the edge.
    fn resize_whole(&mut self, frame: &[u16], ratio: usize, out: &mut [f32]) {
        let (Some(horizontal), Some(vertical)) = (&self.horizontal, &self.vertical) else {
            return;
        };
        let (width, to_width) = (self.from.width, self.to.width);
        let line = &mut self.scratch.line;
        line.resize(width, 0);
        let last_row = self.to.height - 1;
        for (y, out) in out
            .chunks_exact_mut(to_width)
            .enumerate()
            .take(last_row)
            .skip(1)
        {
            let (start, weights) = vertical.get(y);
            let rows = &frame[start * width..(start + weights.len()) * width];
            whole::inner_row(rows, ratio, line, out);
        }
        for x in [0, to_width - 1] {
            let (start, weights) = horizontal.get(x);
            let column = &mut self.scratch.rows;
            column.clear();
            column.extend(
                frame
                    .chunks_exact(width)
                    .map(|row| passes::weighted(&row[start..], weights)),
            );
            for (y, out) in out.chunks_exact_mut(to_width).enumerate() {
                let (start, weights) = vertical.get(y);
                out[x] = passes::weighted(&column[start..], weights);
            }
        }
        for y in [0, last_row] {
            if let Some((start, weights)) = self.vertical.as_ref().map(|vertical| vertical.get(y)) {
                let range = start..start + weights.len();
                self.rows_between(frame, range);
                self.row_out(y, start, &mut out[y * to_width..][..to_width]);
            }
        }
    }
}

/// Calls `write` with the pixels of `out` in order, through a copy where they are not.
fn with_slice(mut out: ArrayViewMut2<'_, f32>, write: impl FnOnce(&mut [f32])) {
    if let Some(out) = out.as_slice_mut() {
        return write(out);
    }
    let mut copy = vec![0.0; out.len()];
    write(&mut copy);
    out.iter_mut()
        .zip(copy)
        .for_each(|(out, value)| *out = value);
}
