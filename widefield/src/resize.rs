//! Frames and movies in another size.

mod bins;
mod passes;
mod points;
mod resizer;
#[cfg(feature = "motion")]
mod shifted;
mod weighted;
mod weights;
mod whole;

pub use resizer::Resizer;

use crate::Error;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

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
    /// assert_eq!(widefield::Size::from_frame(frame.view()), widefield::Size { width: 320, height: 120 });
    /// ```
    pub fn from_frame<T>(frame: ArrayView2<'_, T>) -> Self {
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
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
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
        let mut resizer = self.resizer(Size::from_frame(frame), to)?;
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
        Resizer::new(self, from, to)
    }
}
