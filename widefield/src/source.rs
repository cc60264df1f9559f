//! Movies that can be read again, wherever they lie.

use crate::Error;
use crate::error::same_shape;
use ndarray::parallel::prelude::*;
use ndarray::{
    Array2, Array3, ArrayBase, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis, Data, Dimension,
    Ix3, Slice,
};
use std::ops::Range;

/// A movie `(t, y, x)` whose frames and rows can be read as often as needed.
///
/// An array is one, owned or a view; a program with a movie larger than memory implements this for its file. Operators
/// take `&dyn MovieSource` as well as `&` of a type.
///
/// What the operators of this crate ask for, and so what an implementation may count on when they alone call it:
///
/// * `out` lies in order without gaps: `out.as_slice_mut()` is `Some`, frame after frame, row after row. Other callers
///   may hand any view.
/// * Frames come in order, as many as fit 8 MiB, at least one; F0 that follows the trace takes as many as
///   [`Baseline::held`](crate::Baseline::held) counts, and takes those around a stretch of frames again for the next.
/// * Rows come as tiles of all frames that fit 8 MiB, at least one row, from several threads at a time and in any order.
/// * An error ends the operator, which returns it as it is: [`Error::from_source`] keeps its cause.
///
/// ```
/// use ndarray::{Array3, array};
/// use widefield::MovieSource;
///
/// let movie = array![[[1.0_f32], [2.0]], [[3.0], [4.0]], [[5.0], [6.0]]];
/// let mut traces = Array3::zeros((3, 1, 1));
/// movie.rows_into(1..2, traces.view_mut())?;
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

    /// The whole movie, where it lies in memory anyway, with any strides: saves copies. Then nothing else is called.
    fn in_memory(&self) -> Option<ArrayView3<'_, f32>> {
        None
    }
}

impl<S: Data<Elem = f32>> MovieSource for ArrayBase<S, Ix3>
where
    Self: Sync,
{
    fn dim(&self) -> (usize, usize, usize) {
        self.raw_dim().into_pattern()
    }

    fn frames_into(&self, frames: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        part_into(self.view(), Axis(0), frames, out)
    }

    fn rows_into(&self, rows: Range<usize>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        part_into(self.view(), Axis(1), rows, out)
    }

    fn in_memory(&self) -> Option<ArrayView3<'_, f32>> {
        Some(self.view())
    }
}

fn part_into(
    movie: ArrayView3<'_, f32>,
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

/// Bytes of movie read at a time.
pub(crate) const PART_BYTES: usize = 8 << 20;

/// Calls `work` with blocks of the given frames in order, each with the number of its first frame.
pub(crate) fn each_block(
    movie: &(impl MovieSource + ?Sized),
    frames: Range<usize>,
    mut work: impl FnMut(usize, ArrayView3<'_, f32>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (n_frames, height, width) = movie.dim();
    let frames = frames.start.min(n_frames)..frames.end.min(n_frames);
    if let Some(movie) = movie.in_memory() {
        let part = Slice::from(frames.start..frames.end.max(frames.start));
        return work(frames.start, movie.slice_axis(Axis(0), part));
    }
    let length = (PART_BYTES / 4 / (height * width).max(1)).max(1);
    let mut buffer = Array3::zeros((length.min(frames.len()), height, width));
    let mut first = frames.start;
    while first < frames.end {
        let n = length.min(frames.end - first);
        let mut block = buffer.slice_axis_mut(Axis(0), Slice::from(..n));
        movie.frames_into(first..first + n, block.view_mut())?;
        work(first, block.view())?;
        first += n;
    }
    Ok(())
}

/// Calls `work` with the given frames.
pub(crate) fn with_frames(
    movie: &(impl MovieSource + ?Sized),
    frames: Range<usize>,
    work: impl FnOnce(ArrayView3<'_, f32>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (n_frames, height, width) = movie.dim();
    let frames = frames.start.min(n_frames)..frames.end.min(n_frames);
    if let Some(movie) = movie.in_memory() {
        return work(movie.slice_axis(Axis(0), Slice::from(frames)));
    }
    let mut buffer = Array3::zeros((frames.len(), height, width));
    movie.frames_into(frames, buffer.view_mut())?;
    work(buffer.view())
}

/// Fills an image `(y, x)` from all frames: `work` is called in parallel with tiles of rows `(t, rows, x)`
/// and the rows of the image below them.
pub(crate) fn image_of<T: Clone + Default + Send + Sync>(
    movie: &(impl MovieSource + ?Sized),
    work: impl Fn(ArrayView3<'_, f32>, ArrayViewMut2<'_, T>) + Sync,
) -> Result<Array2<T>, Error> {
    let (n_frames, height, width) = movie.dim();
    let mut image = Array2::default((height, width));
    let fits = PART_BYTES / 4 / (n_frames * width).max(1);
    let shared = height.div_ceil(4 * rayon::current_num_threads());
    let rows = fits.min(shared).max(1);
    image
        .axis_chunks_iter_mut(Axis(0), rows)
        .into_par_iter()
        .enumerate()
        .try_for_each(|(tile, out)| {
            let range = tile * rows..tile * rows + out.nrows();
            if let Some(movie) = movie.in_memory() {
                work(movie.slice_axis(Axis(1), Slice::from(range)), out);
                return Ok(());
            }
            let mut buffer = Array3::zeros((n_frames, out.nrows(), width));
            movie.rows_into(range, buffer.view_mut())?;
            work(buffer.view(), out);
            Ok(())
        })?;
    Ok(image)
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
