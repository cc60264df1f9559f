//! The pixels that no shift brings from outside.

use super::Shift;
use crate::number::{count, index};
use ndarray::{Array2, ArrayView2, s};
use std::ops::Range;

/// The part of a picture that lies within the camera's in every frame. The centre of a pixel decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    dim: (usize, usize),
    /// From one up to another.
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Crop {
    /// All of pictures `(height, width)`.
    pub fn whole(dim: (usize, usize)) -> Self {
        Self {
            dim,
            rows: (0, dim.0),
            columns: (0, dim.1),
        }
    }

    /// The rows and columns of an image `(y, x)` in which any pixel is a number: of a mean over frames that were moved
    /// back, the part that every frame has.
    ///
    /// ```
    /// use widefield::motion::Crop;
    ///
    /// let nan = f64::NAN;
    /// let crop = Crop::from_image(ndarray::array![[nan, nan, nan], [nan, 5.0, 6.0]].view());
    /// assert_eq!((crop.rows(), crop.columns()), (1..2, 1..3));
    /// ```
    pub fn from_image(image: ArrayView2<'_, f64>) -> Self {
        let mut numbers = image.indexed_iter().filter(|(_, v)| !v.is_nan());
        let Some(((y, x), _)) = numbers.next() else {
            return Self::of(image.dim(), 0..0, 0..0);
        };
        let (rows, columns) = numbers.fold((y..y + 1, x..x + 1), |(rows, columns), ((y, x), _)| {
            let with = |all: Range<usize>, i: usize| all.start.min(i)..all.end.max(i + 1);
            (with(rows, y), with(columns, x))
        });
        Self::of(image.dim(), rows, columns)
    }

    fn of(dim: (usize, usize), rows: Range<usize>, columns: Range<usize>) -> Self {
        Self {
            dim,
            rows: (rows.start, rows.end),
            columns: (columns.start, columns.end),
        }
    }

    /// For pictures `(height, width)` whose frames are moved back by these shifts, in their pixels. A shift that is not
    /// finite leaves nothing, no shifts leave everything.
    ///
    /// ```
    /// use widefield::motion::{Crop, Shift};
    ///
    /// // Content 3 px too low leaves the last 3 rows without light, content 2 px too far left the first 2 columns.
    /// let crop = Crop::from_shifts((64, 48), &[Shift::from_px(3.0, 0.0), Shift::from_px(0.4, -2.0)]);
    /// assert_eq!((crop.rows(), crop.columns()), (0..61, 2..48));
    /// assert_eq!(crop.outside_pixels(), 64 * 48 - 61 * 46);
    /// ```
    pub fn from_shifts(dim: (usize, usize), shifts: &[Shift]) -> Self {
        let all = |side: usize, shift: fn(&Shift) -> f64| {
            let each = shifts.iter().map(|s| inside(side, shift(s)));
            each.fold(0..side, |all, one| {
                all.start.max(one.start)..all.end.min(one.end)
            })
        };
        let (mut rows, mut columns) = (all(dim.0, |s| s.dy_px), all(dim.1, |s| s.dx_px));
        if rows.is_empty() || columns.is_empty() {
            (rows, columns) = (0..0, 0..0);
        }
        Self::of(dim, rows, columns)
    }

    /// Height and width of the pictures.
    pub fn dim(&self) -> (usize, usize) {
        self.dim
    }

    /// One of the pictures `(y, x)` in which every pixel outside is as the nearest one inside; as it is where there is none.
    ///
    /// ```
    /// use widefield::motion::{Crop, Shift};
    ///
    /// let crop = Crop::from_shifts((1, 3), &[Shift::from_px(0.0, 1.0)]);
    /// let image = crop.extended(ndarray::array![[5.0, 6.0, f64::NAN]]);
    /// assert_eq!(image, ndarray::array![[5.0, 6.0, 6.0]]);
    /// ```
    ///
    /// # Panics
    /// If the picture is smaller than those the crop was made for.
    pub fn extended(&self, picture: Array2<f64>) -> Array2<f64> {
        let outside = self.outside_pixels();
        if outside == 0 || outside == picture.len() {
            return picture;
        }
        let nearest = |i: usize, range: (usize, usize)| i.clamp(range.0, range.1 - 1);
        Array2::from_shape_fn(picture.dim(), |(y, x)| {
            picture[(nearest(y, self.rows), nearest(x, self.columns))]
        })
    }

    /// This part of one of the pictures.
    ///
    /// # Panics
    /// If the picture is smaller than those the crop was made for.
    pub fn part<'a, T>(&self, picture: ArrayView2<'a, T>) -> ArrayView2<'a, T> {
        picture.slice_move(s![self.rows(), self.columns()])
    }

    /// Rows that every frame has.
    pub fn rows(&self) -> Range<usize> {
        self.rows.0..self.rows.1
    }

    /// Columns that every frame has.
    pub fn columns(&self) -> Range<usize> {
        self.columns.0..self.columns.1
    }

    /// How many pixels some frame does not have.
    pub fn outside_pixels(&self) -> usize {
        self.dim.0 * self.dim.1 - self.rows().len() * self.columns().len()
    }

    /// `true` for the pixels `(y, x)` that every frame has.
    pub fn kept(&self) -> Array2<bool> {
        Array2::from_shape_fn(self.dim, |(y, x)| {
            self.rows().contains(&y) && self.columns().contains(&x)
        })
    }
}

/// The output pixels along an axis of `side` pixels whose centre lies within it after the content has moved by `shift`.
pub(crate) fn inside(side: usize, shift: f64) -> Range<usize> {
    if !shift.is_finite() {
        return 0..0;
    }
    // Centres at i + 0.5 + shift, from 0 on and below the side.
    let first = index((-0.5 - shift).ceil());
    let end = index((count(side) - 0.5 - shift).ceil()).min(side);
    first.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_decide() {
        for (shift, range) in [
            (0.0, 0..8),
            (0.49, 0..8),
            (0.5, 0..7),
            (-0.5, 0..8),
            (-0.51, 1..8),
            (3.0, 0..5),
            (-3.0, 3..8),
            (8.0, 0..0),
            (1e300, 0..0),
            (-1e300, 8..8),
            (f64::NAN, 0..0),
        ] {
            assert_eq!(inside(8, shift), range, "{shift}");
        }
    }

    #[test]
    fn nothing_is_left_where_frames_share_nothing() {
        let far = [Shift::from_px(0.0, 5.0), Shift::from_px(0.0, -5.0)];
        let crop = Crop::from_shifts((4, 8), &far);
        assert_eq!(
            (crop.rows(), crop.columns(), crop.outside_pixels()),
            (0..0, 0..0, 32)
        );
        assert!(crop.kept().iter().all(|kept| !kept));
        assert_eq!(Crop::from_shifts((4, 8), &[]).outside_pixels(), 0);
    }
}
