//! Frames whose content has moved, resized from where it is now.

use super::resizer::{Resizer, with_slice};
use super::weights::Weights;
use crate::Error;
use crate::motion::{Shift, inside};
use ndarray::{ArrayView2, ArrayViewMut2};
use std::sync::Arc;

impl Resizer {
    /// Resizes `frame` `(y, x)`, whose content lies off by `shift` pixels of the resized frame, into `out` where it
    /// belongs. One interpolation does both: the filter is that of the method at moved places.
    ///
    /// Pixels whose centre lies outside of the frame are NaN, as [`Crop`](crate::motion::Crop) says; at the edge the
    /// filter takes what there is. A shift that is not finite leaves NaN alone. No shift gives the bits of
    /// [`Resizer::frame_into`]. [`Resize::Box`](crate::Resize::Box) and
    /// [`Resize::Binning`](crate::Resize::Binning) count parts of pixels, [`Resize::Nearest`](crate::Resize::Nearest) moves by whole pixels of the frame.
    ///
    /// ```
    /// use widefield::{Resize, Size, motion::Shift};
    ///
    /// // Content one pixel of the result too far to the right, and half of one.
    /// let frame = ndarray::array![[0.0, 0.0, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0]];
    /// let mut resizer = Resize::Box.resizer(Size { width: 8, height: 1 }, Size { width: 4, height: 1 })?;
    /// let mut out = ndarray::Array2::zeros((1, 4));
    /// resizer.shifted_into(frame.view(), Shift::from_px(0.0, 1.0), out.view_mut())?;
    /// assert_eq!(out.row(0).to_vec()[..3], [10.0, 20.0, 30.0]);
    /// assert!(out[(0, 3)].is_nan());
    /// resizer.shifted_into(frame.view(), Shift::from_px(0.0, 0.5), out.view_mut())?;
    /// assert_eq!(out.row(0).to_vec()[..3], [5.0, 15.0, 25.0]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] as [`Resizer::frame_into`].
    pub fn shifted_into(
        &mut self,
        frame: ArrayView2<'_, f32>,
        shift: Shift,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), Error> {
        if unmoved(shift) {
            return self.frame_into(frame, out);
        }
        self.shifted(frame, shift, out)
    }

    /// [`Resizer::shifted_into`] of camera counts: the same numbers as converting them to f32 first.
    ///
    /// # Errors
    /// [`Error::Shape`] as [`Resizer::frame_into`].
    pub fn shifted_u16_into(
        &mut self,
        frame: ArrayView2<'_, u16>,
        shift: Shift,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), Error> {
        if unmoved(shift) {
            return self.frame_u16_into(frame, out);
        }
        self.shifted(frame, shift, out)
    }

    fn shifted<T: Copy + Into<f32> + Into<f64>>(
        &mut self,
        frame: ArrayView2<'_, T>,
        shift: Shift,
        out: ArrayViewMut2<'_, f32>,
    ) -> Result<(), Error> {
        self.check(frame.shape(), out.shape())?;
        let (resize, from, to) = (self.resize, self.from, self.to);
        let frame = frame.as_standard_layout();
        let frame = frame.as_slice().unwrap_or_default();
        let axis = |from, to, shift: f64| {
            let weights = || Arc::new(Weights::shifted(resize, from, to, shift));
            (from != to || shift != 0.0).then(weights)
        };
        self.shifted.horizontal = axis(from.width, to.width, shift.dx_px);
        self.shifted.vertical = axis(from.height, to.height, shift.dy_px);
        let rows = inside(to.height, shift.dy_px);
        let columns = inside(to.width, shift.dx_px);
        with_slice(out, |out| {
            self.shifted.frame(frame, from.width, out, to.width);
            for (y, row) in out.chunks_exact_mut(to.width).enumerate() {
                let columns = if rows.contains(&y) {
                    columns.clone()
                } else {
                    0..0
                };
                row[..columns.start].fill(f32::NAN);
                row[columns.end..].fill(f32::NAN);
            }
        });
        Ok(())
    }
}

fn unmoved(shift: Shift) -> bool {
    shift.dy_px == 0.0 && shift.dx_px == 0.0
}
