//! A movie that is read several times: in memory, or in a scratch file where it does not fit.

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
///
/// ```
/// use ndarray::Array3;
/// use widefield::MovieSource;
/// use widefield_recording::{Movie, MovieStore};
///
/// let mut movie = Movie::on_disk((3, 2, 2), &std::env::temp_dir())?;
/// movie.write(0, Array3::from_elem((3, 2, 2), 7.0).view())?;
/// let mut last = Array3::zeros((1, 2, 2));
/// movie.frames_into(2..3, last.view_mut())?;
/// assert_eq!(last[(0, 1, 1)], 7.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Movie {
    /// In memory.
    Memory(Array3<f32>),
    /// In a file.
    Scratch(Scratch),
}

/// A movie in a file without a name: it is gone with the process, however that ends.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    folder: PathBuf,
    dim: (usize, usize, usize),
    /// Frames on their way to the file.
    block: Array3<f32>,
}

/// A scratch file could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[error("a scratch file in {}: {source}", folder.display())]
pub struct ScratchError {
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
pub struct Spare(Mutex<Vec<Array3<f32>>>);

impl Spare {
    /// One of them, if there is any.
    #[must_use]
    pub fn take(&self) -> Option<Array3<f32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps the memory of a movie; a scratch file goes.
    pub fn keep(&self, movie: Movie) {
        if let Some(movie) = movie.into_memory() {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(movie);
        }
    }
}

impl Movie {
    /// All 0, in the memory of an earlier movie if that has the same shape.
    #[must_use]
    pub fn in_memory(dim: (usize, usize, usize), earlier: Option<Array3<f32>>) -> Self {
        let fits = earlier.filter(|movie| movie.dim() == dim);
        Self::Memory(fits.unwrap_or_else(|| Array3::zeros(dim)))
    }

    /// In a file of `folder`, which must exist; nothing can be read of it before it is written.
    ///
    /// # Errors
    /// [`ScratchError`] if there can be none.
    pub fn on_disk(dim: (usize, usize, usize), folder: &Path) -> Result<Self, ScratchError> {
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
    #[must_use]
    pub fn into_memory(self) -> Option<Array3<f32>> {
        match self {
            Self::Memory(movie) => Some(movie),
            Self::Scratch(_) => None,
        }
    }

    /// Lets `make` fill the frames `frames`, which must exist, and keeps them.
    ///
    /// # Errors
    /// Those of `make`, and [`ScratchError`] if the file cannot be written.
    ///
    /// # Panics
    /// If the movie does not have these frames.
    pub fn fill<E: From<ScratchError>>(
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
