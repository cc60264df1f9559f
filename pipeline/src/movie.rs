//! The resized movie of a trial, which is read several times: in memory, or in a scratch file beyond the budget.

use crate::step::{Apply, Cause, Clip, Context};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, ArrayViewMut3, Axis, s};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use widefield::MovieSource;
use widefield_storage::positioned;

/// Frames `(t, y, x)` of f32 counts.
#[derive(Debug)]
pub(crate) enum Movie {
    Memory(Array3<f32>),
    Scratch(Scratch),
}

/// A movie in a file without a name: it is gone with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Scratch {
    file: File,
    folder: PathBuf,
    dim: (usize, usize, usize),
    /// Frames on their way to the file.
    block: Array3<f32>,
}

/// A scratch file could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[error("a scratch file in {}: {source}", folder.display())]
pub(crate) struct ScratchError {
    folder: PathBuf,
    source: io::Error,
}

impl From<ScratchError> for widefield::Error {
    fn from(error: ScratchError) -> Self {
        Self::from_source(error)
    }
}

/// Memory of movies that are done with: giving it back to the system and asking again takes a twentieth of a trial.
///
/// Every trial takes one before it makes its movie, so that trials at work and movies kept are never more than the
/// trials at a time.
#[derive(Debug, Default)]
pub(crate) struct Spare(Mutex<Vec<Array3<f32>>>);

impl Spare {
    pub(crate) fn take(&self) -> Option<Array3<f32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps the memory of a movie; a scratch file goes.
    pub(crate) fn keep(&self, movie: Movie) {
        if let Some(movie) = movie.into_memory() {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(movie);
        }
    }
}

impl Movie {
    /// In the memory of an earlier movie, if that has the same shape.
    pub(crate) fn in_memory(dim: (usize, usize, usize), earlier: Option<Array3<f32>>) -> Self {
        let fits = earlier.filter(|movie| movie.dim() == dim);
        Self::Memory(fits.unwrap_or_else(|| Array3::zeros(dim)))
    }

    /// In a file of `folder`, which must exist.
    pub(crate) fn on_disk(dim: (usize, usize, usize), folder: &Path) -> Result<Self, ScratchError> {
        let file = tempfile::tempfile_in(folder).map_err(|source| ScratchError {
            folder: folder.to_owned(),
            source,
        })?;
        Ok(Self::Scratch(Scratch {
            file,
            folder: folder.to_owned(),
            dim,
            block: Array3::zeros((0, dim.1, dim.2)),
        }))
    }

    /// The frames, if they are in memory.
    pub(crate) fn into_memory(self) -> Option<Array3<f32>> {
        match self {
            Self::Memory(movie) => Some(movie),
            Self::Scratch(_) => None,
        }
    }

    /// Lets `make` fill the frames `frames`, and keeps them.
    pub(crate) fn fill<E: From<ScratchError>>(
        &mut self,
        frames: Range<usize>,
        make: impl FnOnce(ArrayViewMut3<'_, f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Memory(movie) => make(movie.slice_mut(s![frames, .., ..])),
            Self::Scratch(scratch) => {
                let (length, height, width) = scratch.dim;
                let last = frames.end == length;
                if scratch.block.len_of(Axis(0)) < frames.len() {
                    scratch.block = Array3::zeros((frames.len(), height, width));
                }
                let mut block = scratch.block.slice_mut(s![..frames.len(), .., ..]);
                make(block.view_mut())?;
                let file = &scratch.file;
                let offset = |frame| offset(frame, 0, height, width);
                let images = block.axis_iter(Axis(0)).into_par_iter();
                let written = images.enumerate().try_for_each(|(i, image)| {
                    let image = image.to_slice().unwrap_or_default();
                    let bytes = bytemuck::cast_slice(image);
                    positioned::write(file, bytes, offset(frames.start + i))
                });
                written.map_err(|source| scratch.failed(source))?;
                if last {
                    // Not needed any more, unless the movie is rewritten.
                    scratch.block = Array3::zeros((0, height, width));
                }
                Ok(())
            }
        }
    }
}

impl MovieSource for Movie {
    fn dim(&self) -> (usize, usize, usize) {
        match self {
            Self::Memory(movie) => movie.dim(),
            Self::Scratch(scratch) => scratch.dim,
        }
    }

    fn frames_into(
        &self,
        frames: Range<usize>,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), widefield::Error> {
        match self {
            Self::Memory(movie) => movie.view().frames_into(frames, out),
            Self::Scratch(scratch) => scratch.frames_into(frames, out),
        }
    }

    fn rows_into(
        &self,
        rows: Range<usize>,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), widefield::Error> {
        match self {
            Self::Memory(movie) => movie.view().rows_into(rows, out),
            Self::Scratch(scratch) => scratch.rows_into(rows, out),
        }
    }

    fn in_memory(&self) -> Option<ArrayView3<'_, f32>> {
        match self {
            Self::Memory(movie) => Some(movie.view()),
            Self::Scratch(_) => None,
        }
    }
}

/// A movie whose frames can be written again.
pub trait MovieStore: MovieSource {
    /// Writes frames `(t, y, x)` in place of those from `first` on.
    ///
    /// # Errors
    /// [`widefield::Error::Shape`] if they do not lie within the movie, [`widefield::Error::Source`] if they cannot be
    /// written.
    fn write(&mut self, first: usize, frames: ArrayView3<'_, f32>) -> Result<(), widefield::Error>;
}

impl MovieStore for Movie {
    fn write(&mut self, first: usize, frames: ArrayView3<'_, f32>) -> Result<(), widefield::Error> {
        let (length, height, width) = self.dim();
        let end = first.saturating_add(frames.len_of(Axis(0)));
        let expected = [end.min(length).saturating_sub(first), height, width];
        if frames.shape() != expected {
            return Err(widefield::Error::Shape {
                what: "frames to be written",
                expected: expected.to_vec(),
                found: frames.shape().to_vec(),
            });
        }
        self.fill(first..end, |mut out| {
            out.assign(&frames);
            Ok::<(), ScratchError>(())
        })?;
        Ok(())
    }
}

/// Calls `see` with all of `frames`, which must exist, in order, at most `length` at a time, and with the number of the
/// first; `unread` says what it means that frames cannot be read.
pub(crate) fn each_block<E>(
    movie: &dyn MovieSource,
    frames: Range<usize>,
    length: usize,
    unread: impl Fn(widefield::Error) -> E,
    mut see: impl FnMut(usize, ArrayView3<'_, f32>) -> Result<(), E>,
) -> Result<(), E> {
    let length = length.max(1);
    if let Some(movie) = movie.in_memory() {
        let part = movie.slice(s![frames.clone(), .., ..]);
        let blocks = part.axis_chunks_iter(Axis(0), length);
        return frames
            .step_by(length)
            .zip(blocks)
            .try_for_each(|(first, block)| see(first, block));
    }
    let (_, height, width) = movie.dim();
    let mut buffer = Array3::zeros((length.min(frames.len()), height, width));
    for start in frames.clone().step_by(length) {
        let part = start..frames.end.min(start + length);
        let mut block = buffer.slice_mut(s![..part.len(), .., ..]);
        movie.frames_into(part, block.view_mut()).map_err(&unread)?;
        see(start, block.view())?;
    }
    Ok(())
}

/// Lets a transform rewrite a movie block by block. It sees the frames around a block as they were before.
pub(crate) fn rewrite(
    movie: &mut dyn MovieStore,
    clip: &Clip,
    context: Context,
    apply: &dyn Apply,
) -> Result<(), Cause> {
    let (frames, height, width) = movie.dim();
    let block = clip.block.min(frames);
    let mut out = Array3::zeros((block, height, width));
    // Frames before the block, which have been rewritten by then.
    let mut before = Array3::zeros((0, height, width));
    for start in (0..frames).step_by(block.max(1)) {
        let end = frames.min(start + block);
        let at = before.len_of(Axis(0));
        let read = start..frames.min(end.saturating_add(context.after));
        let mut around = Array3::zeros((at + read.len(), height, width));
        around.slice_mut(s![..at, .., ..]).assign(&before);
        movie.frames_into(read, around.slice_mut(s![at.., .., ..]))?;
        let mut out = out.slice_mut(s![..end - start, .., ..]);
        apply.apply(start, around.view(), at, out.view_mut())?;
        movie.write(start, out.view())?;
        let keep = context.before.min(end);
        let behind = at + end - start;
        before = around
            .slice(s![behind - keep.min(behind)..behind, .., ..])
            .to_owned();
    }
    Ok(())
}

impl Scratch {
    fn frames_into(
        &self,
        frames: Range<usize>,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), widefield::Error> {
        let (length, height, _) = self.dim;
        let frames = frames.start.min(length)..frames.end.min(length);
        self.check(frames.len(), height, &out)?;
        Ok(self.read(frames, 0..height, out)?)
    }

    fn rows_into(
        &self,
        rows: Range<usize>,
        out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), widefield::Error> {
        let (length, height, _) = self.dim;
        let rows = rows.start.min(height)..rows.end.min(height);
        self.check(length, rows.len(), &out)?;
        Ok(self.read(0..length, rows, out)?)
    }

    fn check(
        &self,
        frames: usize,
        rows: usize,
        out: &ArrayViewMut3<'_, f32>,
    ) -> Result<(), widefield::Error> {
        let (_, _, width) = self.dim;
        let found = [frames, rows, width];
        if out.shape() == found {
            return Ok(());
        }
        Err(widefield::Error::Shape {
            what: "part of the movie",
            expected: found.to_vec(),
            found: out.shape().to_vec(),
        })
    }

    /// Reads a part that lies within the movie, into an array of its shape; the frames in parallel.
    fn read(
        &self,
        frames: Range<usize>,
        rows: Range<usize>,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), ScratchError> {
        let (_, height, width) = self.dim;
        let images = out.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        let read = images.try_for_each(|(i, mut image)| -> io::Result<()> {
            let offset = offset(frames.start + i, rows.start, height, width);
            match image.as_slice_mut() {
                Some(image) => {
                    positioned::read(&self.file, bytemuck::cast_slice_mut(image), offset)
                }
                None => {
                    let mut copy = Array2::<f32>::zeros(image.dim());
                    let bytes = bytemuck::cast_slice_mut(copy.as_slice_mut().unwrap_or_default());
                    positioned::read(&self.file, bytes, offset)?;
                    image.assign(&copy);
                    Ok(())
                }
            }
        });
        read.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ScratchError {
        ScratchError {
            folder: self.folder.clone(),
            source,
        }
    }
}

/// Where a row of a frame begins in the file, bytes.
fn offset(frame: usize, row: usize, height: usize, width: usize) -> u64 {
    ((frame as u64 * height as u64) + row as u64) * width as u64 * size_of::<f32>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(movie: &mut Movie, length: usize) {
        let (frames, _, _) = movie.dim();
        for start in (0..frames).step_by(length) {
            let part = start..frames.min(start + length);
            let fill = |mut out: ArrayViewMut3<'_, f32>| {
                for ((t, y, x), value) in out.indexed_iter_mut() {
                    *value = ((start + t) * 100 + y * 10 + x) as f32 * 0.37;
                }
                Ok::<(), ScratchError>(())
            };
            movie.fill(part, fill).expect("fill");
        }
    }

    #[test]
    fn memory_serves_the_next_movie_of_the_same_shape() {
        let spare = Spare::default();
        assert!(spare.take().is_none());
        let mut movie = Movie::in_memory((2, 3, 4), None);
        filled(&mut movie, 2);
        let place = movie.in_memory().expect("in memory").as_ptr();
        spare.keep(movie);
        let same = Movie::in_memory((2, 3, 4), spare.take());
        assert_eq!(same.in_memory().expect("in memory").as_ptr(), place);
        spare.keep(same);
        let other = Movie::in_memory((3, 3, 4), spare.take());
        assert_eq!(other.dim(), (3, 3, 4));
        assert!(spare.take().is_none());
    }

    #[test]
    fn a_file_gives_what_memory_gives() {
        let dim = (11, 5, 7);
        let mut memory = Movie::in_memory(dim, None);
        filled(&mut memory, 4);
        let mut disk = Movie::on_disk(dim, &std::env::temp_dir()).expect("scratch");
        filled(&mut disk, 3);
        let whole = memory.in_memory().expect("in memory");
        assert!(disk.in_memory().is_none());

        let mut all = Array3::zeros(dim);
        disk.frames_into(0..11, all.view_mut()).expect("read");
        assert_eq!(all, whole);
        let mut rows = Array3::zeros((11, 2, 7));
        disk.rows_into(3..5, rows.view_mut()).expect("read");
        assert_eq!(rows, whole.slice(s![.., 3..5, ..]));
        // Every second column of a wider array: no row is contiguous.
        let mut wide = Array3::zeros((2, 5, 14));
        let columns = wide.slice_mut(s![.., .., ..;2]);
        disk.frames_into(8..10, columns).expect("read");
        assert_eq!(wide.slice(s![.., .., ..;2]), whole.slice(s![8..10, .., ..]));

        for length in [1, 3, 50] {
            for movie in [&memory, &disk] {
                let mut next = 2;
                each_block(
                    movie,
                    2..9,
                    length,
                    |error| error,
                    |first, block| {
                        let end = first + block.len_of(Axis(0));
                        assert_eq!(first, next);
                        assert_eq!(block, whole.slice(s![first..end, .., ..]));
                        next = end;
                        Ok(())
                    },
                )
                .expect("read");
                assert_eq!(next, 9);
            }
        }
    }

    /// The sum of each frame, the two before and the one behind it.
    struct Around;

    impl Apply for Around {
        fn apply(
            &self,
            first: usize,
            around: ArrayView3<'_, f32>,
            at: usize,
            mut out: ArrayViewMut3<'_, f32>,
        ) -> Result<(), Cause> {
            assert_eq!(at, first.min(2));
            for (t, mut out) in out.outer_iter_mut().enumerate() {
                let from = (at + t).saturating_sub(2);
                let to = (at + t + 2).min(around.len_of(Axis(0)));
                out.assign(&around.slice(s![from..to, .., ..]).sum_axis(Axis(0)));
            }
            Ok(())
        }
    }

    #[test]
    fn a_movie_is_rewritten_from_what_it_was() {
        let dim = (11, 2, 3);
        let mut memory = Movie::in_memory(dim, None);
        filled(&mut memory, 4);
        let was = memory.in_memory().expect("in memory").to_owned();
        let context = Context {
            before: 2,
            after: 1,
            bytes: 0,
        };
        let axis = widefield::TimeAxis {
            sample_rate_hz: 20.0,
            first_frame_s: 0.0,
        };
        for block in [1, 2, 5, 16] {
            let mut disk = Movie::on_disk(dim, &std::env::temp_dir()).expect("scratch");
            filled(&mut disk, 3);
            let mut memory = Movie::Memory(was.clone());
            for movie in [&mut memory, &mut disk] {
                let clip = Clip::of(movie, axis).block(block);
                rewrite(movie, &clip, context, &Around).expect("rewrite");
                let mut now = Array3::zeros(dim);
                movie.frames_into(0..11, now.view_mut()).expect("read");
                for t in 0..11_usize {
                    let sum = was
                        .slice(s![t.saturating_sub(2)..(t + 2).min(11), .., ..])
                        .sum_axis(Axis(0));
                    assert_eq!(now.index_axis(Axis(0), t), sum, "{block} {t}");
                }
            }
        }
        assert!(memory.write(10, was.slice(s![..2, .., ..])).is_err());
    }

    #[test]
    fn nothing_beyond_the_end() {
        let mut disk = Movie::on_disk((4, 3, 2), &std::env::temp_dir()).expect("scratch");
        filled(&mut disk, 4);
        let mut out = Array3::zeros((2, 3, 2));
        for frames in [3..5, 9..11] {
            let wrong = disk.frames_into(frames, out.view_mut());
            assert!(matches!(wrong, Err(widefield::Error::Shape { .. })));
        }
        let wrong = disk.rows_into(0..3, out.view_mut());
        assert!(matches!(wrong, Err(widefield::Error::Shape { .. })));
        // Never written: the file ends before.
        let mut empty = Movie::on_disk((4, 3, 2), &std::env::temp_dir()).expect("scratch");
        assert!(matches!(
            empty.frames_into(0..2, out.view_mut()),
            Err(widefield::Error::Source(_))
        ));
        let Movie::Scratch(scratch) = &empty else {
            panic!("on disk");
        };
        let stop = scratch.failed(io::Error::other("stopped"));
        let stopped = empty.fill(0..1, |_| Err::<(), _>(stop));
        let message = stopped.expect_err("stopped").to_string();
        let folder = std::env::temp_dir().display().to_string();
        assert!(
            message.contains(&folder) && message.contains("stopped"),
            "{message}"
        );
    }
}
