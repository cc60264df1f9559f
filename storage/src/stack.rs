//! Movies as stacks of frames for other programs: TIFF, NumPy, bare numbers.

mod npy;
mod tiff;
mod wfield;

use std::io::{self, BufWriter, Write};

use ndarray::ArrayView3;

use crate::checksum::{Known, Summed};
use crate::movie_file::{Format, Layout, MovieFile};
use crate::{Error, Place, Written};

/// Bytes of frames gathered before they are written.
const BUFFER: usize = 1 << 22;
/// What offsets of files are good for on every system.
const LARGEST: u64 = i64::MAX as u64;

/// What stands around the frames of a [`Stack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StackFormat {
    /// BigTIFF, one page a frame, with OME-XML in the description of the first. Uncompressed; all pages lie one behind
    /// the other at the end of the file, so that it can be mapped into memory.
    Tiff,
    /// NumPy's format 1.0, an array `(t, y, x)` in C order.
    Npy,
    /// Nothing. The name has to tell the rest, see [`Stack::wfield_name`].
    Bare,
}

/// Type of the numbers of a [`Stack`], little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sample {
    /// Unsigned, 16 bits: raw counts of a camera.
    U16,
    /// 32-bit floating point.
    F32,
}

impl Sample {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Sample::U16 => 2,
            Sample::F32 => 4,
        }
    }
}

/// A movie to be written frame by frame, uncompressed, camera orientation: rows from the top, `(t, y, x)`.
#[derive(Clone, Debug)]
pub struct Stack {
    format: StackFormat,
    shape: [usize; 3],
    sample: Sample,
    name: String,
    description: String,
    frame_interval_s: Option<f64>,
    pixel_um: Option<f64>,
}

impl Stack {
    /// A movie of `shape` = `[t, y, x]` (frames, rows, columns), as [`Sample::F32`].
    #[must_use]
    pub fn new(format: StackFormat, shape: [usize; 3]) -> Self {
        Stack {
            format,
            shape,
            sample: Sample::F32,
            name: String::new(),
            description: String::new(),
            frame_interval_s: None,
            pixel_um: None,
        }
    }

    /// Type of the numbers in the file.
    #[must_use]
    pub fn sample(mut self, sample: Sample) -> Self {
        self.sample = sample;
        self
    }

    /// What the image is called, and a sentence about it. TIFF alone says so.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, description: impl Into<String>) -> Self {
        self.name = name.into();
        self.description = description.into();
        self
    }

    /// Seconds from frame to frame. TIFF alone says so, if the number is above 0 and finite.
    #[must_use]
    pub fn frame_interval_s(mut self, seconds: f64) -> Self {
        self.frame_interval_s = positive(seconds);
        self
    }

    /// Side of a pixel in micrometres. TIFF alone says so, if the number is above 0 and finite.
    ///
    /// Fiji shows the frame interval of a TIFF only where the size of a pixel is stated, too.
    #[must_use]
    pub fn pixel_um(mut self, micrometres: f64) -> Self {
        self.pixel_um = positive(micrometres);
        self
    }

    /// Refuses what no file of this format can hold.
    fn check(&self, object: &str) -> Result<(), Error> {
        Layout::new(self.shape).check(object)?;
        // A page costs a TIFF less than this besides its pixels.
        let page = 1 << 10;
        let frame = self.shape[1..]
            .iter()
            .try_fold(self.sample.bytes() as u64, |bytes, &side| {
                bytes.checked_mul(side as u64)
            });
        let bytes = frame
            .and_then(|frame| frame.checked_add(page))
            .and_then(|frame| frame.checked_mul(self.shape[0] as u64))
            .and_then(|bytes| {
                bytes.checked_add((self.name.len() + self.description.len()) as u64 * 8)
            });
        if bytes.is_none_or(|bytes| bytes > LARGEST - page) {
            return Err(Error::TooLarge {
                object: object.to_owned(),
                what: "the movie",
                bytes: bytes.unwrap_or(u64::MAX),
                limit: LARGEST,
            });
        }
        // Sizes in OME-XML are signed numbers of 32 bits.
        if self.format == StackFormat::Tiff && self.shape.iter().any(|&n| i32::try_from(n).is_err())
        {
            let [t, y, x] = self.shape;
            let reason = format!("{t} frames of {x} x {y} px are more than an OME-TIFF can state");
            return Err(Error::usage(object, reason));
        }
        Ok(())
    }

    /// Bytes of a frame; within `u64` once checked.
    fn frame_bytes(&self) -> u64 {
        (self.shape[1] * self.shape[2]) as u64 * self.sample.bytes() as u64
    }

    /// What stands before the first frame.
    fn write_head(&self, out: &mut impl Write) -> io::Result<()> {
        match self.format {
            StackFormat::Tiff => tiff::write_head(self, out),
            StackFormat::Npy => out.write_all(&npy::head(self.shape, self.sample)),
            StackFormat::Bare => Ok(()),
        }
    }
}

fn positive(number: f64) -> Option<f64> {
    (number > 0.0 && number.is_finite()).then_some(number)
}

/// Writes one movie, block by block. Made by [`Place::create_stack`].
///
/// The file depends on the movie alone, not on the sizes of blocks. Until [`StackWriter::finish`] nothing is visible;
/// dropped before, it leaves nothing.
#[derive(Debug)]
pub struct StackWriter(MovieFile<Frames>);

impl Place {
    /// Starts a file `name` that other programs read as a stack of frames.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{Place, Sample, Stack, StackFormat};
    ///
    /// let place = Place::open("memory://")?;
    /// let counts = Array3::from_shape_fn((3, 4, 6), |(t, y, x)| (100 * t + 10 * y + x) as f32);
    /// let stack = Stack::new(StackFormat::Npy, [3, 4, 6]).sample(Sample::U16);
    /// let mut file = place.create_stack("counts.npy", stack)?;
    /// for block in counts.axis_chunks_iter(ndarray::Axis(0), 2) {
    ///     file.push(block)?;
    /// }
    /// file.finish()?;
    /// let bytes = place.read("counts.npy")?;
    /// assert_eq!(bytes.len(), 128 + 3 * 4 * 6 * 2);
    /// assert_eq!(bytes[bytes.len() - 2..], 235_u16.to_le_bytes()); // frame 2, row 3, column 5
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`] for a shape that cannot be written, [`Error::TooLarge`] for one beyond any file, and what the
    /// system reports on making the file.
    pub fn create_stack(&self, name: &str, stack: Stack) -> Result<StackWriter, Error> {
        self.check(name)?;
        let object = self.object(name);
        stack.check(&object)?;
        let scratch = self.scratch(name)?;
        let failed = |error| Error::io(&object, "writing", error);
        let out = scratch.file().try_clone().map_err(failed)?;
        let mut out = Summed::new(out).map_err(failed)?;
        let mut head = BufWriter::new(&mut out);
        let written = stack.write_head(&mut head).and_then(|()| head.flush());
        drop(head);
        written.map_err(failed)?;
        let frames = Frames {
            sample: stack.sample,
            out,
            waiting: Vec::new(),
        };
        Ok(StackWriter(MovieFile::new(
            frames,
            scratch,
            vec![stack.shape],
        )))
    }
}

impl StackWriter {
    /// Appends frames, a block of (t, y, x) with any number of them.
    ///
    /// # Errors
    /// [`Error::Usage`] if the frames have another size or are more than announced: then nothing was taken; and for
    /// values that are no whole numbers from 0 to 65535 where [`Sample::U16`] was asked for. After that, [`Error::Full`]
    /// and what else the system reports only dropping is left.
    pub fn push(&mut self, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        self.0.push(0, block)
    }

    /// Puts the finished file in its place.
    ///
    /// # Errors
    /// [`Error::Usage`] if frames are missing; [`Error::Full`] and what else the system reports. Then nothing is left.
    pub fn finish(self) -> Result<Written, Error> {
        self.0.finish()
    }
}

/// The frames, one behind the other.
#[derive(Debug)]
struct Frames {
    sample: Sample,
    out: Summed,
    waiting: Vec<u8>,
}

impl Frames {
    fn flush(&mut self, object: &str) -> Result<(), Error> {
        let written = self.out.write_all(&self.waiting);
        self.waiting.clear();
        written.map_err(|error| Error::io(object, "writing", error))
    }
}

impl Format for Frames {
    fn take(&mut self, _: usize, block: ArrayView3<'_, f32>, object: &str) -> Result<(), Error> {
        for row in block.rows() {
            match self.sample {
                Sample::F32 => row
                    .iter()
                    .for_each(|value| self.waiting.extend(value.to_le_bytes())),
                Sample::U16 => {
                    for &value in row {
                        let count = count(value).ok_or_else(|| {
                            let reason = format!("{value} is no whole number from 0 to 65535");
                            Error::usage(object, reason)
                        })?;
                        self.waiting.extend(count.to_le_bytes());
                    }
                }
            }
            if self.waiting.len() >= BUFFER {
                self.flush(object)?;
            }
        }
        Ok(())
    }

    fn close(mut self, object: &str) -> Result<Known, Error> {
        self.flush(object)?;
        let (.., known) = self.out.into_parts();
        Ok(known)
    }
}

/// The number of 16 bits that `value` is, if it is one.
fn count(value: f32) -> Option<u16> {
    let whole = value.fract() == 0.0 && (0.0..=65535.0).contains(&value);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number within the type"
    )]
    whole.then_some(value as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use ndarray::{Array3, Axis};

    /// A movie, written in blocks of `length`; the bytes of the file.
    fn written(format: StackFormat, sample: Sample, movie: &Array3<f32>, length: usize) -> Vec<u8> {
        let place = Place::open("memory://").unwrap();
        let (t, y, x) = movie.dim();
        let stack = Stack::new(format, [t, y, x]).sample(sample);
        let mut file = place.create_stack("a/x", stack).unwrap();
        for block in movie.axis_chunks_iter(Axis(0), length) {
            file.push(block).unwrap();
        }
        let written = file.finish().unwrap();
        let bytes = place.read("a/x").unwrap();
        let sum = crc32c::crc32c(&bytes);
        assert_eq!((written.bytes, written.crc32c), (bytes.len() as u64, sum));
        bytes.into()
    }

    #[test]
    fn files_do_not_depend_on_blocks_and_end_with_the_frames() {
        let counts = Array3::from_shape_fn((11, 3, 4), |(t, y, x)| {
            u16::try_from(6_000 * t + 10 * y + x).unwrap()
        });
        let movie = counts.mapv(f32::from);
        let as_u16: Vec<u8> = counts.iter().flat_map(|n| n.to_le_bytes()).collect();
        let as_f32: Vec<u8> = movie.iter().flat_map(|n| n.to_le_bytes()).collect();
        for (sample, frames) in [(Sample::U16, as_u16), (Sample::F32, as_f32)] {
            for format in [StackFormat::Tiff, StackFormat::Npy, StackFormat::Bare] {
                let whole = written(format, sample, &movie, 11);
                assert_eq!(whole, written(format, sample, &movie, 3), "{format:?}");
                assert!(whole.ends_with(&frames), "{format:?} {sample:?}");
                let bare = format == StackFormat::Bare;
                assert_eq!(bare, whole.len() == frames.len(), "{format:?}");
            }
        }
    }

    #[test]
    fn views_in_any_order_of_memory_come_out_in_that_of_the_axes() {
        let movie = Array3::from_shape_fn((4, 5, 6), |(t, y, x)| (100 * t + 10 * y + x) as f32);
        let mut turned = movie.clone().permuted_axes([2, 1, 0]);
        turned.invert_axis(Axis(1));
        let copied = turned.as_standard_layout().into_owned();
        let bytes = |movie| written(StackFormat::Bare, Sample::F32, movie, 2);
        assert_eq!(bytes(&turned), bytes(&copied));
    }

    #[test]
    fn what_is_no_count_is_refused_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path().to_str().unwrap()).unwrap();
        for wrong in [-1.0, 0.5, 65536.0, f32::NAN, f32::INFINITY] {
            let stack = Stack::new(StackFormat::Bare, [1, 1, 2]).sample(Sample::U16);
            let mut file = place.create_stack("x", stack).unwrap();
            let frame = Array3::from_shape_vec((1, 1, 2), vec![65535.0, wrong]).unwrap();
            let refused = file.push(frame.view()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{wrong}");
            assert!(file.finish().is_err());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_no_file_holds_is_refused_before_anything_is_written() {
        let place = Place::open("memory://").unwrap();
        let kind = |format, shape| {
            let made = place.create_stack("x", Stack::new(format, shape));
            made.unwrap_err().kind()
        };
        let huge = usize::MAX / 2;
        for format in [StackFormat::Tiff, StackFormat::Npy, StackFormat::Bare] {
            assert_eq!(kind(format, [1, 0, 1]), ErrorKind::Invalid);
            assert_eq!(kind(format, [1, huge, 1]), ErrorKind::TooLarge);
            assert_eq!(kind(format, [huge, huge, huge]), ErrorKind::TooLarge);
        }
        assert_eq!(kind(StackFormat::Tiff, [1, 1 << 31, 1]), ErrorKind::Invalid);
    }
}
