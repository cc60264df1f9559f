//! Movies as one three-dimensional variable.

use std::io::{self, Seek, SeekFrom, Write};

use ndarray::{ArrayView2, ArrayView3};

use super::MatFile;
use super::deflate::{StreamError, ZlibStream};
use super::element::{self, Frame};
use crate::checksum::{Known, Summed};
use crate::movie_file::{Format, Layout, MovieFile};
use crate::{Error, Orientation, Place, Precision, Written};

/// Bytes of an uncompressed variable gathered before they are written.
const BUFFER: usize = 1 << 22;

/// A movie to be written as a variable of a MAT file.
#[derive(Clone, Debug)]
pub struct MatMovie {
    name: String,
    layout: Layout,
    offset: f64,
    beside: MatFile,
}

impl MatMovie {
    /// A variable `name` for a movie of `shape` = `[t, y, x]` (frames, rows, columns).
    ///
    /// In MATLAB it has the three dimensions of [`Orientation`], frames last; MATLAB shows a single
    /// frame as a matrix. Defaults: [`Orientation::Notebook`], [`Precision::F32`]
    /// (class `single`), compression 1, offset 0.
    #[must_use]
    pub fn new(name: impl Into<String>, shape: [usize; 3]) -> Self {
        MatMovie {
            name: name.into(),
            layout: Layout::new(shape),
            offset: 0.0,
            beside: MatFile::new(),
        }
    }

    /// Order of the axes in the file.
    #[must_use]
    pub fn orientation(mut self, orientation: Orientation) -> Self {
        self.layout.orientation = orientation;
        self
    }

    /// Type of the numbers in the file: class `single` or `double`.
    #[must_use]
    pub fn precision(mut self, precision: Precision) -> Self {
        self.layout.precision = precision;
        self
    }

    /// Deflate level, 1 (fast) to 9 (small); 0 stores a plain element.
    ///
    /// 1 knows runs and frequent bytes only, which is all there is in noise and masks; movies with
    /// other repetitions get smaller from 2 on, several times slower.
    #[must_use]
    pub fn compression(mut self, level: u8) -> Self {
        self.layout.compression = level;
        self
    }

    /// A constant added to every value before it is written, in f64 and rounded once: 1 turns
    /// (F - F0) / F0 into F / F0.
    #[must_use]
    pub fn offset(mut self, constant: f64) -> Self {
        self.offset = constant;
        self
    }

    /// Small variables behind the movie, uncompressed; they replace those of an earlier call.
    #[must_use]
    pub fn beside(mut self, variables: MatFile) -> Self {
        self.beside = variables;
        self
    }

    /// Whether each compressed piece is inflated again by another library and compared with the numbers before it is
    /// written, against faults of compressors and memory. Off by default. A difference is [`Error::Damaged`].
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.layout.verify = verify;
        self
    }
}

/// Writes one movie, block by block. Made by [`Place::create_mat`].
///
/// The file depends on the movie alone: not on the sizes of blocks, the number of
/// threads or the time. Until [`MatWriter::finish`] nothing is visible; dropped
/// before, it leaves nothing.
#[derive(Debug)]
pub struct MatWriter(MovieFile<Element>);

/// The variable as an element of the file.
#[derive(Debug)]
struct Element {
    movie: MatMovie,
    frame: Frame,
    sink: Sink,
    /// Elements behind it.
    more: Vec<u8>,
}

/// Where the bytes of the array go, by clones of the scratch file's handle.
#[derive(Debug)]
enum Sink {
    Plain { out: Summed, waiting: Vec<u8> },
    Deflate(ZlibStream<Summed>),
}

impl Place {
    /// Starts a MAT file `name` (level 5) with one variable.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{MatMovie, Place, mat};
    ///
    /// let place = Place::open("memory://")?;
    /// let dff = Array3::<f32>::zeros((10, 4, 6));
    /// let mut file = place.create_mat("cond_100_trial1.mat", MatMovie::new("tr", [10, 4, 6]).offset(1.0))?;
    /// file.push(dff.view())?;
    /// file.finish()?;
    /// let variables = mat::read(&place.read("cond_100_trial1.mat")?)?;
    /// assert_eq!(variables[0].values.shape(), [6, 4, 10]);
    /// assert_eq!(variables[0].values[[0, 0, 0]], 1.0);
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooLarge`], before anything is written, if the variable reaches 2 GiB, which the
    /// format cannot hold; [`Error::Usage`] for a shape, name or level that cannot be written;
    /// and what the system reports on making the file.
    pub fn create_mat(&self, name: &str, movie: MatMovie) -> Result<MatWriter, Error> {
        self.check(name)?;
        let object = self.object(name);
        let layout = &movie.layout;
        layout.check(&object)?;
        let shape @ [frames, height, width] = layout.shape;
        let [a, b] = layout.orientation.axes(height, width);
        let frame = Frame::new(&movie.name, &[a, b, frames], layout.precision)
            .map_err(|error| within(&object, error))?;

        let more = movie
            .beside
            .encode(0)
            .map_err(|error| within(&object, error))?;
        let more = more[element::header().len()..].to_vec();
        let scratch = self.scratch(name)?;
        let failed = |error| Error::io(&object, "writing", error);
        let mut out = scratch.file().try_clone().map_err(failed)?;
        out.write_all(&element::header()).map_err(failed)?;
        let mut sink = if layout.compression == 0 {
            Sink::Plain {
                out: Summed::new(out).map_err(failed)?,
                waiting: Vec::new(),
            }
        } else {
            // The count is known at the end only.
            out.write_all(&element::tag(element::COMPRESSED, 0))
                .map_err(failed)?;
            let out = Summed::new(out).map_err(failed)?;
            Sink::Deflate(ZlibStream::new(out, layout))
        };
        sink.waiting().extend(&frame.before);
        let element = Element {
            movie,
            frame,
            sink,
            more,
        };
        Ok(MatWriter(MovieFile::new(element, scratch, vec![shape])))
    }
}

impl MatWriter {
    /// Appends frames, a block of (t, y, x) with any number of them.
    ///
    /// # Errors
    /// [`Error::Usage`] if the frames have another size or are more than the variable holds;
    /// then nothing was taken. [`Error::Full`] and what else the system reports; then
    /// only dropping is left.
    pub fn push(&mut self, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        self.0.push(0, block)
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

impl Format for Element {
    fn take(&mut self, _: usize, block: ArrayView3<'_, f32>, object: &str) -> Result<(), Error> {
        block.outer_iter().try_for_each(|frame| {
            append(self.sink.waiting(), frame, &self.movie);
            self.sink
                .pump()
                .map_err(|error| error.of(object, "writing"))
        })
    }

    fn close(mut self, object: &str) -> Result<Known, Error> {
        let end = self.sink.waiting().len() + self.frame.padding;
        self.sink.waiting().resize(end, 0);
        self.sink
            .finish(&self.more)
            .map_err(|error| error.of(object, "writing"))
    }
}

impl Sink {
    fn waiting(&mut self) -> &mut Vec<u8> {
        match self {
            Sink::Plain { waiting, .. } => waiting,
            Sink::Deflate(stream) => stream.waiting(),
        }
    }

    fn pump(&mut self) -> Result<(), StreamError> {
        match self {
            Sink::Plain { out, waiting } if waiting.len() >= BUFFER => {
                out.write_all(waiting)?;
                waiting.clear();
                Ok(())
            }
            Sink::Plain { .. } => Ok(()),
            Sink::Deflate(stream) => stream.pump(),
        }
    }

    /// Writes what waits, the count of a compressed element into its tag, and more elements behind it. What is known of
    /// the file then.
    fn finish(self, more: &[u8]) -> Result<Known, StreamError> {
        match self {
            Sink::Plain { mut out, waiting } => {
                out.write_all(&waiting)?;
                out.write_all(more)?;
                let (.., known) = out.into_parts();
                Ok(known)
            }
            Sink::Deflate(stream) => {
                let (mut file, end, known) = stream.finish()?.into_parts();
                let start = element::header().len() as u64;
                let bytes = u32::try_from(end - start - 8)
                    .map_err(|_| io::Error::other("the compressed variable exceeds 4 GiB"))?;
                file.seek(SeekFrom::Start(start))?;
                file.write_all(&element::tag(element::COMPRESSED, bytes))?;
                file.seek(SeekFrom::Start(end))?;
                file.write_all(more)?;
                Ok(known)
            }
        }
    }
}

/// Appends a frame (y, x) in the order of the file, first axis fastest.
fn append(bytes: &mut Vec<u8>, frame: ArrayView2<'_, f32>, movie: &MatMovie) {
    match movie.layout.precision {
        Precision::F32 if movie.offset == 0.0 => fill(bytes, frame, movie, f32::to_le_bytes),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to single is what was asked for"
        )]
        Precision::F32 => fill(bytes, frame, movie, |v| {
            ((f64::from(v) + movie.offset) as f32).to_le_bytes()
        }),
        Precision::F64 => fill(bytes, frame, movie, |v| {
            (f64::from(v) + movie.offset).to_le_bytes()
        }),
    }
}

/// Appends the bytes of each value.
fn fill<const N: usize>(
    bytes: &mut Vec<u8>,
    frame: ArrayView2<'_, f32>,
    movie: &MatMovie,
    number: impl Fn(f32) -> [u8; N],
) {
    bytes.reserve(frame.len() * N);
    let orientation = movie.layout.orientation;
    if orientation == Orientation::Notebook && frame.is_standard_layout() {
        // Some at a time, in a loop that the compiler turns into vectors, without filling the room for all first.
        let mut numbers = [[0; N]; 256];
        for row in frame.rows().into_iter().rev() {
            for part in row.to_slice().unwrap_or_default().chunks(numbers.len()) {
                let numbers = &mut numbers[..part.len()];
                for (number_bytes, &value) in numbers.iter_mut().zip(part) {
                    *number_bytes = number(value);
                }
                bytes.extend_from_slice(numbers.as_flattened());
            }
        }
        return;
    }
    each(frame, orientation, |value| {
        bytes.extend_from_slice(&number(value));
    });
}

/// Calls `put` with the values of a frame (y, x) in the order of the file.
pub(super) fn each<T: Copy>(
    frame: ArrayView2<'_, T>,
    orientation: Orientation,
    mut put: impl FnMut(T),
) {
    match orientation {
        // Columns fastest, rows from the bottom.
        Orientation::Notebook => {
            for row in frame.rows().into_iter().rev() {
                row.iter().for_each(|&value| put(value));
            }
        }
        // Rows fastest.
        Orientation::Camera => {
            for column in frame.columns() {
                column.iter().for_each(|&value| put(value));
            }
        }
    }
}

/// Puts the file before the name of the variable.
fn within(file: &str, error: Error) -> Error {
    match error {
        Error::TooLarge {
            object,
            what,
            bytes,
            limit,
        } => Error::TooLarge {
            object: format!("{file}: {object}"),
            what,
            bytes,
            limit,
        },
        Error::Usage { object, reason } => Error::Usage {
            object: format!("{file}: {object}"),
            reason,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn small_variables_follow_the_movie() {
        let place = Place::open("memory://").unwrap();
        let movie = Array3::from_shape_fn((3, 4, 5), |(t, y, x)| (t + y + x) as f32);
        for level in [0, 1] {
            let plan = MatMovie::new("tr_ave", [3, 4, 5])
                .compression(level)
                .beside(MatFile::new().row("N", &[7.0]));
            let mut file = place.create_mat("x.mat", plan).unwrap();
            file.push(movie.view()).unwrap();
            let written = file.finish().unwrap();
            let bytes = place.read("x.mat").unwrap();
            assert_eq!(written.crc32c, crc32c::crc32c(&bytes));
            let read = crate::mat::read(&bytes).unwrap();
            let names: Vec<_> = read.iter().map(|v| v.name.as_str()).collect();
            assert_eq!(names, ["tr_ave", "N"]);
            assert_eq!(read[1].values[[0, 0]], 7.0);
            let back = read[0].movie(Orientation::Notebook, .., ..).unwrap();
            assert_eq!(back, movie);
        }
    }

    #[test]
    fn a_damaged_piece_is_an_error_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(folder.path().to_str().unwrap()).unwrap();
        let shape = [12, 150, 160];
        let mut movie =
            Array3::from_shape_fn(shape, |(t, y, x)| ((t + 3 * y + x * x) as f32).sin());
        movie.slice_mut(ndarray::s![.., .., 100..]).fill(f32::NAN);
        for (precision, level) in [
            (Precision::F32, 1),
            (Precision::F64, 1),
            (Precision::F32, 4),
        ] {
            let write = |verify, damage| {
                let mut plan = MatMovie::new("tr", shape)
                    .precision(precision)
                    .compression(level)
                    .verify(verify);
                plan.layout.damage = damage;
                let mut file = place.create_mat("x.mat", plan)?;
                movie
                    .outer_iter()
                    .try_for_each(|frame| file.push(frame.insert_axis(ndarray::Axis(0))))?;
                file.finish()
            };
            let error = write(true, true).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains("x.mat"), "{error}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            write(false, true).unwrap();
            assert!(crate::mat::read(&place.read("x.mat").unwrap()).is_err());
            assert_eq!(write(true, false).unwrap(), write(false, false).unwrap());
            place.remove("x.mat").unwrap();
        }
    }
}
