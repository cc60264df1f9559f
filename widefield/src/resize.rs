//! Frames and movies in another size.

mod passes;
mod weights;

use crate::Error;
use crate::error::same_shape;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut2, Axis};
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
    /// [`Error::Size`] if a side of either size is 0 or above [`MAX_SIDE`].
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
    /// [`Error::Size`] as [`Resize::frame`].
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
    /// [`Error::Size`] as [`Resize::frame`].
    pub fn resizer(self, from: Size, to: Size) -> Result<Resizer, Error> {
        let (from, to) = (from.checked()?, to.checked()?);
        let Self::Triangle = self;
        let horizontal = (from.width != to.width).then(|| Weights::triangle(from.width, to.width));
        let vertical =
            (from.height != to.height).then(|| Weights::triangle(from.height, to.height));
        Ok(Resizer {
            from,
            to,
            horizontal,
            vertical,
            rows: Vec::new(),
        })
    }
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
    /// The frame after the pass along rows: `to.width` columns, `from.height` rows.
    rows: Vec<f32>,
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
        self.resize(frame, out)
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
        self.resize(frame, out)
    }

    fn resize<T>(
        &mut self,
        frame: ArrayView2<'_, T>,
        mut out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), Error>
    where
        T: Copy + Into<f32> + Into<f64>,
    {
        let Self {
            from,
            to,
            horizontal,
            vertical,
            rows,
        } = self;
        same_shape("frame to resize", &[from.height, from.width], frame.shape())?;
        same_shape("resized frame", &[to.height, to.width], out.shape())?;
        rows.resize(from.height * to.width, 0.0);
        let mut strided = Vec::new();
        for (frame_row, row) in frame
            .rows()
            .into_iter()
            .zip(rows.chunks_exact_mut(to.width))
        {
            let frame_row = frame_row.as_slice().unwrap_or_else(|| {
                strided.clear();
                strided.extend(frame_row.iter().copied());
                &strided
            });
            match horizontal {
                Some(weights) => passes::along_rows(frame_row, weights, row),
                None => row
                    .iter_mut()
                    .zip(frame_row)
                    .for_each(|(row, &value)| *row = value.into()),
            }
        }
        let mut strided = Vec::new();
        for (y, mut out_row) in out.rows_mut().into_iter().enumerate() {
            let mut write = |out: &mut [f32]| match vertical {
                Some(weights) => {
                    let (start, weights) = weights.get(y);
                    passes::along_columns(rows, to.width, start, weights, out);
                }
                None => out.copy_from_slice(&rows[y * to.width..][..to.width]),
            };
            match out_row.as_slice_mut() {
                Some(slice) => write(slice),
                None => {
                    strided.resize(to.width, 0.0);
                    write(&mut strided);
                    out_row
                        .iter_mut()
                        .zip(&strided)
                        .for_each(|(out, &value)| *out = value);
                }
            }
        }
        Ok(())
    }
}
