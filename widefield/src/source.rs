//! Movies that can be read again, wherever they lie.

use crate::Error;
use crate::error::same_shape;
use ndarray::{ArrayView3, ArrayViewMut3, Axis, Slice};
use std::ops::Range;

/// A movie `(t, y, x)` whose frames and rows can be read as often as needed.
///
/// An array is one; a program with a movie larger than memory implements this for its file. Reads
/// come from several threads at a time.
///
/// ```
/// use ndarray::{Array3, array};
/// use widefield::MovieSource;
///
/// let movie = array![[[1.0_f32], [2.0]], [[3.0], [4.0]], [[5.0], [6.0]]];
/// let mut traces = Array3::zeros((3, 1, 1));
/// movie.view().rows_into(1..2, traces.view_mut())?;
/// assert_eq!(traces, array![[[2.0]], [[4.0]], [[6.0]]]);
/// # Ok::<(), widefield::Error>(())
/// ```
pub trait MovieSource: Sync {
    /// Frames, rows, columns.
    fn dim(&self) -> (usize, usize, usize);

    /// Reads the frames `frames` into `out` of shape `(frames, y, x)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `out` has another shape or the movie ends before, [`Error::Source`] if
    /// the frames cannot be read.
    fn frames_into(&self, frames: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error>;

    /// Reads the rows `rows` of every frame into `out` of shape `(t, rows, x)`.
    ///
    /// # Errors
    /// As [`MovieSource::frames_into`].
    fn rows_into(&self, rows: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error>;

    /// The whole movie, where it lies in memory anyway: saves copies.
    fn in_memory(&self) -> Option<ArrayView3<'_, f32>> {
        None
    }
}

impl MovieSource for ArrayView3<'_, f32> {
    fn dim(&self) -> (usize, usize, usize) {
        ArrayView3::dim(self)
    }

    fn frames_into(&self, frames: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        part_into(self, Axis(0), frames, out)
    }

    fn rows_into(&self, rows: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        part_into(self, Axis(1), rows, out)
    }

    fn in_memory(&self) -> Option<ArrayView3<'_, f32>> {
        Some(self.view())
    }
}

fn part_into(
    movie: &ArrayView3<'_, f32>,
    axis: Axis,
    range: Range<usize>,
    mut out: ArrayViewMut3<'_, f32>,
) -> Result<(), Error> {
    let length = movie.len_of(axis);
    let range = range.start.min(length)..range.end.min(length);
    let part = movie.slice_axis(axis, Slice::from(range.start..range.end.max(range.start)));
    same_shape("part of the movie", part.shape(), out.shape())?;
    out.assign(&part);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, s};

    #[test]
    fn parts_of_an_array_and_nothing_beyond_it() {
        let movie = Array3::from_shape_fn((4, 3, 2), |(t, y, x)| (t * 6 + y * 2 + x) as f32);
        let mut frames = Array3::zeros((2, 3, 2));
        movie.view().frames_into(1..3, frames.view_mut()).unwrap();
        assert_eq!(frames, movie.slice(s![1..3, .., ..]));
        let mut rows = Array3::zeros((4, 1, 2));
        movie.view().rows_into(2..3, rows.view_mut()).unwrap();
        assert_eq!(rows, movie.slice(s![.., 2..3, ..]));
        for beyond in [3..5, 9..11] {
            let wrong = movie.view().frames_into(beyond, frames.view_mut());
            assert!(matches!(wrong, Err(Error::Shape { .. })));
        }
    }
}
