//! Axes and precision of files.

use std::ops::{Bound, Range, RangeBounds};

use ndarray::{ArrayBase, Axis, Ix3, RawData};

use crate::Error;

/// Order of the axes in files.
///
/// In memory a movie is `(t, y, x)`, camera rows from the top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// `(x, reversed y, t)`: element `[i, j, t]` is column `i`, row `height - 1 - j`. Default.
    #[default]
    Notebook,
    /// `(y, x, t)`: element `[i, j, t]` is row `i`, column `j`.
    Camera,
}

/// Type of the numbers in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 32-bit floating point, as computed. Default.
    #[default]
    F32,
    /// 64-bit floating point, the 32-bit values widened.
    F64,
}

impl Orientation {
    /// The orientation of which [`Orientation::name`] is this.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Orientation::Notebook, Orientation::Camera]
            .into_iter()
            .find(|orientation| orientation.name() == name)
    }

    /// Name of the axes in the file, as attributes state it: `x, reversed y, t` or `y, x, t`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Orientation::Notebook => "x, reversed y, t",
            Orientation::Camera => "y, x, t",
        }
    }

    /// Sizes of the two image axes in the file, of an image of `height` x `width`.
    #[must_use]
    pub fn axes(self, height: usize, width: usize) -> [usize; 2] {
        match self {
            Orientation::Notebook => [width, height],
            Orientation::Camera => [height, width],
        }
    }

    /// A movie `(t, y, x)` in the axes of the file. Nothing is copied: of a view it is another view.
    #[must_use]
    pub fn apply<S: RawData>(self, mut movie: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
        match self {
            Orientation::Notebook => {
                movie.invert_axis(Axis(1));
                movie.permuted_axes([2, 1, 0])
            }
            Orientation::Camera => movie.permuted_axes([1, 2, 0]),
        }
    }

    /// An array in the axes of the file as a movie `(t, y, x)`, which undoes [`Orientation::apply`].
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::Orientation;
    ///
    /// let movie = Array3::from_shape_fn((2, 3, 4), |(t, y, x)| 100 * t + 10 * y + x);
    /// let file = Orientation::Notebook.apply(movie.view());
    /// assert_eq!(file[[3, 0, 1]], 123); // column 3, the last row, frame 1
    /// assert_eq!(Orientation::Notebook.undo(file), movie);
    /// ```
    #[must_use]
    pub fn undo<S: RawData>(self, file: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
        match self {
            Orientation::Notebook => {
                let mut movie = file.permuted_axes([2, 1, 0]);
                movie.invert_axis(Axis(1));
                movie
            }
            Orientation::Camera => file.permuted_axes([2, 0, 1]),
        }
    }

    /// The half-open ranges along the axes of a file of `shape` that hold so many frames and rows of the camera; `object`
    /// names the file.
    pub(crate) fn part(
        self,
        shape: [usize; 3],
        frames: impl RangeBounds<usize>,
        rows: impl RangeBounds<usize>,
        object: &str,
    ) -> Result<[(usize, usize); 3], Error> {
        let [a, b, count] = shape;
        let [height, width] = self.axes(a, b);
        let frames = within(&frames, count, "frames", object)?;
        let rows = within(&rows, height, "rows", object)?;
        let frames = (frames.start, frames.end);
        Ok(match self {
            Orientation::Notebook => [(0, width), (height - rows.end, height - rows.start), frames],
            Orientation::Camera => [(rows.start, rows.end), (0, width), frames],
        })
    }
}

/// The range of `size` things that is meant.
fn within(
    range: &impl RangeBounds<usize>,
    size: usize,
    what: &str,
    object: &str,
) -> Result<Range<usize>, Error> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => size,
    };
    if start > end || end > size {
        let reason = format!("{what} {start} to {end} asked for, the movie has {size}");
        return Err(Error::usage(object, reason));
    }
    Ok(start..end)
}

impl Precision {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn orientations_undo_themselves_and_know_their_names() {
        let movie = Array3::from_shape_fn((2, 3, 4), |(t, y, x)| 100 * t + 10 * y + x);
        for orientation in [Orientation::Notebook, Orientation::Camera] {
            let file = orientation.apply(movie.view());
            let [a, b] = orientation.axes(3, 4);
            assert_eq!(file.dim(), (a, b, 2));
            assert_eq!(orientation.undo(file), movie);
            assert_eq!(
                Orientation::from_name(orientation.name()),
                Some(orientation)
            );
        }
        // Element [i, j, t] is column i, row height - 1 - j; or row i, column j.
        assert_eq!(Orientation::Notebook.apply(movie.view())[[1, 0, 1]], 121);
        assert_eq!(Orientation::Camera.apply(movie.view())[[2, 1, 1]], 121);
        assert_eq!(Orientation::from_name("t, y, x"), None);
    }

    #[test]
    fn parts_are_those_of_the_camera() {
        let part = |orientation: Orientation| {
            let [a, b] = orientation.axes(5, 7);
            orientation.part([a, b, 9], 2..=3, 1..3, "x").unwrap()
        };
        assert_eq!(part(Orientation::Camera), [(1, 3), (0, 7), (2, 4)]);
        assert_eq!(part(Orientation::Notebook), [(0, 7), (2, 4), (2, 4)]);
        #[expect(clippy::reversed_empty_ranges, reason = "what must be refused")]
        for rows in [0..6, 6..6, 4..3] {
            let refused = Orientation::Camera.part([5, 7, 9], .., rows, "x");
            assert!(matches!(refused, Err(Error::Usage { .. })));
        }
    }
}
