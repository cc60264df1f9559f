//! Movies as chunked datasets.

use hdf5::file::{FileCloseDegree, LibraryVersion};
use ndarray::{Array3, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::chunk::{Encoders, Grid};
use super::{Attribute, failure, raw};
use crate::checksum::Known;
use crate::movie_file::{Format, Layout, MovieFile};
use crate::scratch::Scratch;
use crate::{Error, Orientation, Place, Precision, Written};

/// Chunks compressed at once before they are written, which bounds the memory they take.
const BATCH: usize = 32;

/// A movie to be written: name of the dataset, shape, axes, numbers, attributes.
///
/// Chunked (at most 64 x 64 pixels x 16 frames), with the standard filters shuffle and
/// deflate, so that any HDF5 reader opens it.
#[derive(Clone, Debug)]
pub struct Dataset {
    name: String,
    layout: Layout,
    attributes: Vec<(String, Attribute)>,
}

impl Dataset {
    /// A dataset `name` for a movie of `shape` = `[t, y, x]` (frames, rows, columns).
    ///
    /// Defaults: [`Orientation::Notebook`], [`Precision::F32`], compression 1.
    #[must_use]
    pub fn new(name: impl Into<String>, shape: [usize; 3]) -> Self {
        Dataset {
            name: name.into(),
            layout: Layout::new(shape),
            attributes: Vec::new(),
        }
    }

    /// Order of the axes in the file.
    #[must_use]
    pub fn orientation(mut self, orientation: Orientation) -> Self {
        self.layout.orientation = orientation;
        self
    }

    /// Type of the numbers in the file.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.layout.precision = precision;
        self
    }

    /// Deflate level, 1 (fast) to 9 (small); 0 stores without filters.
    ///
    /// 1 knows runs and frequent bytes only, which is all there is in noise and masks; movies with
    /// other repetitions get smaller from 2 on, several times slower.
    #[must_use]
    pub fn compression(mut self, level: u8) -> Self {
        self.layout.compression = level;
        self
    }

    /// Whether each compressed chunk is inflated again by another library and compared with the numbers before it is
    /// written, against faults of compressors and memory. Off by default. A difference is [`Error::Damaged`].
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.layout.verify = verify;
        self
    }

    /// Adds an attribute; a later one of the same name replaces an earlier one.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Attribute>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.attributes.push((name, value)),
        }
        self
    }

    fn check(&self, object: &str) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::usage(object, reason));
        let Layout {
            shape, precision, ..
        } = &self.layout;
        let name = &self.name;
        if name.is_empty() || name.contains(['/', '\0']) || name == "." {
            return wrong(format!("{name:?} cannot name a dataset"));
        }
        self.layout.check(object)?;
        for (name, value) in &self.attributes {
            let text = matches!(value, Attribute::Text(text) if text.contains('\0'));
            if name.is_empty() || name.contains('\0') || text {
                return wrong(format!(
                    "attribute {name:?}: names and texts hold no NUL, names are not empty"
                ));
            }
        }
        let bytes = shape
            .iter()
            .try_fold(precision.bytes() as u64, |product, &size| {
                product.checked_mul(size as u64)
            });
        match bytes {
            Some(bytes) if i64::try_from(bytes).is_ok() => Ok(()),
            bytes => Err(Error::TooLarge {
                object: object.to_owned(),
                what: "the movie",
                bytes: bytes.unwrap_or(u64::MAX),
                limit: i64::MAX.unsigned_abs(),
            }),
        }
    }
}

/// Writes one movie, or several beside each other, block by block. Made by [`Place::create_hdf5`].
///
/// The file depends on the movie alone: not on the sizes of blocks, the number of
/// threads or the time. Blocks are compressed on the current rayon pool. Until
/// [`Hdf5Writer::finish`] nothing is visible; dropped before, it leaves nothing.
#[derive(Debug)]
pub struct Hdf5Writer(MovieFile<Datasets>);

/// The datasets of a file.
#[derive(Debug)]
struct Datasets {
    // Closed in this order.
    movies: Vec<Chunked>,
    file: hdf5::File,
    /// Chunks in the file.
    known: Known,
}

/// A dataset as chunks.
#[derive(Debug)]
struct Chunked {
    dataset: hdf5::Dataset,
    /// Rows and columns.
    size: [usize; 2],
    grid: Grid,
    encoders: Encoders,
    /// Frames already in chunks.
    encoded: usize,
    /// Frames that wait for the rest of their chunks, the first `waiting` of them in use.
    buffer: Array3<f32>,
    waiting: usize,
}

impl Place {
    /// Starts an HDF5 file `name` with one dataset.
    ///
    /// On file systems it grows in a temporary file beside the target, for stores in the
    /// system's temporary folder.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{Dataset, Orientation, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// let movie = Array3::<f32>::zeros((10, 4, 6));
    /// let dataset = Dataset::new("mov", [10, 4, 6])
    ///     .orientation(Orientation::Notebook)
    ///     .attribute("unit", "counts");
    /// let mut file = place.create_hdf5("mov_out/trial.h5", dataset)?;
    /// file.push(movie.view())?;
    /// file.finish()?;
    /// let back = place.read_hdf5("mov_out/trial.h5", "mov")?;
    /// assert_eq!(back.values.shape(), [6, 4, 10]);
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`] for a shape, name, attribute or level that cannot be written, and what
    /// the system reports on making the file.
    pub fn create_hdf5(&self, name: &str, dataset: Dataset) -> Result<Hdf5Writer, Error> {
        self.create_hdf5_of(name, &[dataset])
    }

    /// Starts an HDF5 file `name` with several datasets, which [`Hdf5Writer::push_to`] fills.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{Dataset, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// let mean = Array3::<f32>::zeros((10, 4, 6));
    /// let datasets = ["mean", "sem"].map(|name| Dataset::new(name, [10, 4, 6]));
    /// let mut file = place.create_hdf5_of("average.h5", &datasets)?;
    /// file.push_to(0, mean.view())?;
    /// file.push_to(1, mean.view())?;
    /// file.finish()?;
    /// assert_eq!(place.open_hdf5("average.h5")?.dataset_names()?, ["mean", "sem"]);
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Place::create_hdf5`]; [`Error::Usage`] also if two have the same name.
    pub fn create_hdf5_of(&self, name: &str, datasets: &[Dataset]) -> Result<Hdf5Writer, Error> {
        self.check(name)?;
        for (i, dataset) in datasets.iter().enumerate() {
            dataset.check(&self.object(name))?;
            if datasets[..i].iter().any(|other| other.name == dataset.name) {
                let reason = format!("{:?} cannot name two datasets", dataset.name);
                return Err(Error::usage(self.object(name), reason));
            }
        }
        let scratch = self.scratch(name)?;
        let failed = |error| failure::translate(scratch.object(), "making the dataset", &error);
        let file = create(&scratch).map_err(failed)?;
        let movies = datasets.iter().map(|dataset| Chunked::new(&file, dataset));
        let datasets_of = Datasets {
            movies: movies.collect::<Result<_, _>>().map_err(failed)?,
            file,
            known: Known::default(),
        };
        let shapes = datasets
            .iter()
            .map(|dataset| dataset.layout.shape)
            .collect();
        Ok(Hdf5Writer(MovieFile::new(datasets_of, scratch, shapes)))
    }
}

/// Makes a file, with everything left out that differs between two runs or two versions of the library.
pub(super) fn create(scratch: &Scratch) -> Result<hdf5::File, hdf5::Error> {
    hdf5::File::with_options()
        .with_fapl(|access| {
            access
                // Nobody else knows the temporary file, and some file systems have no locks.
                .file_locking(false)
                .fclose_degree(FileCloseDegree::Strong)
                .libver_bounds(LibraryVersion::V18, LibraryVersion::V18)
        })
        .with_fcpl(|create| create.obj_track_times(false))
        .create(scratch.path())
}

impl Hdf5Writer {
    /// Appends frames, a block of (t, y, x) with any number of them.
    ///
    /// # Errors
    /// [`Error::Usage`] if the frames have another size or are more than the dataset holds;
    /// then nothing was taken. [`Error::Full`] and what else the system reports; then
    /// only dropping is left.
    pub fn push(&mut self, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        self.push_to(0, block)
    }

    /// As [`Hdf5Writer::push`], to the dataset of that place.
    ///
    /// # Errors
    /// As [`Hdf5Writer::push`]; [`Error::Usage`] also if there is no such dataset.
    pub fn push_to(&mut self, dataset: usize, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        self.0.push(dataset, block)
    }

    /// Puts the finished file in its place.
    ///
    /// # Errors
    /// [`Error::Usage`] if frames are missing; [`Error::Full`] and what else the system
    /// reports. Then nothing is left.
    pub fn finish(self) -> Result<Written, Error> {
        self.0.finish()
    }
}

impl Format for Datasets {
    fn take(
        &mut self,
        movie: usize,
        block: ArrayView3<'_, f32>,
        object: &str,
    ) -> Result<(), Error> {
        self.movies[movie].take(block, &mut self.known, object)
    }

    /// Closes datasets and file; what the library still held back is written here.
    fn close(self, object: &str) -> Result<Known, Error> {
        let failed = |error| failure::translate(object, "closing", &error);
        drop(self.movies);
        self.file.flush().map_err(failed)?;
        self.file.close().map_err(failed)?;
        Ok(self.known)
    }
}

impl Chunked {
    /// Makes the dataset and its attributes.
    fn new(file: &hdf5::File, dataset: &Dataset) -> Result<Self, hdf5::Error> {
        let grid = Grid::new(&dataset.layout);
        let builder = match dataset.layout.precision {
            Precision::F32 => file.new_dataset::<f32>(),
            Precision::F64 => file.new_dataset::<f64>(),
        };
        let mut builder = builder
            .shape(grid.shape())
            .chunk(grid.chunk)
            .obj_track_times(false);
        if dataset.layout.compression > 0 {
            builder = builder.shuffle().deflate(dataset.layout.compression);
        }
        let created = builder.create(dataset.name.as_str())?;
        for (name, value) in &dataset.attributes {
            value.write(&created, name)?;
        }
        let [_, height, width] = dataset.layout.shape;
        Ok(Chunked {
            dataset: created,
            size: [height, width],
            buffer: Array3::zeros((0, height, width)),
            grid,
            encoders: Encoders::new(&dataset.layout),
            encoded: 0,
            waiting: 0,
        })
    }

    fn take(
        &mut self,
        mut block: ArrayView3<'_, f32>,
        known: &mut Known,
        object: &str,
    ) -> Result<(), Error> {
        while !block.is_empty() {
            let slab = self.grid.slab(self.encoded).len();
            let missing = slab - self.waiting;
            if self.waiting == 0 && block.dim().0 >= slab {
                // A whole slab at once is taken from where it lies.
                let (whole, rest) = block.split_at(Axis(0), slab);
                self.write_slab(whole, known, object)?;
                block = rest;
                continue;
            }
            let (now, rest) = block.split_at(Axis(0), missing.min(block.dim().0));
            self.keep(now);
            block = rest;
            if self.waiting == slab {
                let buffer = std::mem::take(&mut self.buffer);
                self.waiting = 0;
                let result = self.write_slab(buffer.slice(s![..slab, .., ..]), known, object);
                self.buffer = buffer;
                result?;
            }
        }
        Ok(())
    }

    /// Copies frames behind those that wait.
    fn keep(&mut self, frames: ArrayView3<'_, f32>) {
        if self.buffer.is_empty() {
            let [height, width] = self.size;
            self.buffer = Array3::zeros((self.grid.chunk[2], height, width));
        }
        let end = self.waiting + frames.dim().0;
        self.buffer
            .slice_mut(s![self.waiting..end, .., ..])
            .assign(&frames);
        self.waiting = end;
    }

    /// Compresses and writes all chunks of the next slab.
    fn write_slab(
        &mut self,
        frames: ArrayView3<'_, f32>,
        known: &mut Known,
        object: &str,
    ) -> Result<(), Error> {
        let failed = |error| failure::translate(object, "writing", &error);
        let (grid, encoders) = (&self.grid, &self.encoders);
        for tiles in grid.tiles().chunks(BATCH) {
            let encoded: Vec<Vec<u8>> = tiles
                .par_iter()
                .map(|&tile| encoders.encode(grid, tile, frames, object))
                .collect::<Result<_, Error>>()?;
            for (&tile, bytes) in tiles.iter().zip(encoded) {
                let offset = grid.offset(tile, self.encoded);
                let start = raw::write_chunk(&self.dataset, offset, &bytes).map_err(failed)?;
                known.add(start, &bytes);
                encoders.done(bytes);
            }
        }
        self.encoded += frames.dim().0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_chunk_is_an_error_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(folder.path().to_str().unwrap()).unwrap();
        let mut movie =
            Array3::from_shape_fn((20, 70, 90), |(t, y, x)| ((t + 3 * y + x * x) as f32).sin());
        movie.slice_mut(s![.., .., 60..]).fill(f32::NAN);
        for (precision, level) in [
            (Precision::F32, 1),
            (Precision::F64, 1),
            (Precision::F64, 4),
        ] {
            let write = |verify, damage| {
                let mut dataset = Dataset::new("dff", [20, 70, 90])
                    .precision(precision)
                    .compression(level)
                    .verify(verify);
                dataset.layout.damage = damage;
                let mut file = place.create_hdf5("x.h5", dataset)?;
                movie
                    .axis_chunks_iter(Axis(0), 7)
                    .try_for_each(|block| file.push(block))?;
                file.finish()
            };
            let error = write(true, true).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains("x.h5"), "{error}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            // Without the check nobody notices, and with it whole files are the same.
            write(false, true).unwrap();
            assert!(place.read_hdf5("x.h5", "dff").is_err());
            assert_eq!(write(true, false).unwrap(), write(false, false).unwrap());
            place.remove("x.h5").unwrap();
        }
    }
}
