//! A movie on its way into a file, block by block, whatever the format.

use ndarray::ArrayView3;

use crate::checksum::Known;
use crate::scratch::Scratch;
use crate::{Error, Orientation, Precision, Written};

/// What a movie is and how its numbers are stored.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Frames, rows, columns.
    pub(crate) shape: [usize; 3],
    pub(crate) orientation: Orientation,
    pub(crate) precision: Precision,
    /// Deflate level, 0 to 9.
    pub(crate) compression: u8,
    /// Whether everything compressed is inflated again and compared.
    pub(crate) verify: bool,
    /// Whether a bit is changed behind the compressor.
    #[cfg(test)]
    pub(crate) damage: bool,
}

impl Layout {
    pub(crate) fn new(shape: [usize; 3]) -> Self {
        Layout {
            shape,
            orientation: Orientation::default(),
            precision: Precision::default(),
            compression: 1,
            verify: false,
            #[cfg(test)]
            damage: false,
        }
    }

    /// Refuses what no file can hold; `object` names it.
    pub(crate) fn check(&self, object: &str) -> Result<(), Error> {
        if self.shape.contains(&0) {
            let [t, y, x] = self.shape;
            let reason = format!("a movie of {t} frames of {x} x {y} px has no pixel");
            return Err(Error::usage(object, reason));
        }
        check_level(object, self.compression)
    }
}

pub(crate) fn check_level(object: &str, level: u8) -> Result<(), Error> {
    if level > 9 {
        let reason = format!("compression {level} is not within 0 to 9");
        return Err(Error::usage(object, reason));
    }
    Ok(())
}

/// Changes a bit of what was compressed, if the test asks for it.
#[cfg(test)]
pub(crate) fn damage(stream: &mut [u8]) {
    let middle = stream.len() / 2;
    stream[middle] ^= 16;
}

/// A compressor's bytes that do not inflate to what it was given.
pub(crate) fn damaged(object: &str) -> Error {
    Error::Damaged {
        object: object.to_owned(),
    }
}

/// A format that takes frames in order. `object` names the file in errors.
pub(crate) trait Format {
    /// Takes a block of frames of one of its movies, of the announced size, no more than are missing.
    fn take(&mut self, movie: usize, block: ArrayView3<'_, f32>, object: &str)
    -> Result<(), Error>;
    /// Writes what waits, after the last frame; what is known of the file then.
    fn close(self, object: &str) -> Result<Known, Error>;
}

/// Movies that grow in a scratch file; dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct MovieFile<F> {
    // Closed before the scratch file is removed.
    format: F,
    scratch: Scratch,
    /// One for each movie.
    shapes: Vec<[usize; 3]>,
    done: Vec<usize>,
    failed: bool,
}

impl<F: Format> MovieFile<F> {
    pub(crate) fn new(format: F, scratch: Scratch, shapes: Vec<[usize; 3]>) -> Self {
        MovieFile {
            format,
            scratch,
            done: vec![0; shapes.len()],
            shapes,
            failed: false,
        }
    }

    /// Takes frames, or none of the block if it does not fit.
    pub(crate) fn push(&mut self, movie: usize, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        let object = self.scratch.object();
        let wrong = |reason: String| Err(Error::usage(object, reason));
        let (Some(&[frames, height, width]), Some(done)) =
            (self.shapes.get(movie), self.done.get_mut(movie))
        else {
            return wrong(format!("there is no dataset {movie}"));
        };
        let (more, y, x) = block.dim();
        if self.failed {
            return wrong("an earlier block could not be written".to_owned());
        }
        if (y, x) != (height, width) {
            return wrong(format!(
                "frames of {x} x {y} px pushed, {width} x {height} announced"
            ));
        }
        if more > frames - *done {
            let pushed = *done + more;
            return wrong(format!("frame {pushed} pushed, {frames} announced"));
        }
        let taken = self.format.take(movie, block, object);
        self.failed = taken.is_err();
        *done += more;
        taken
    }

    /// Puts the finished file in its place.
    pub(crate) fn finish(self) -> Result<Written, Error> {
        let object = self.scratch.object();
        if self.failed {
            let reason = "an earlier block could not be written";
            return Err(Error::usage(object, reason));
        }
        for (done, [frames, ..]) in self.done.iter().zip(&self.shapes) {
            if done < frames {
                let reason = format!("{done} of {frames} frames were pushed");
                return Err(Error::usage(object, reason));
            }
        }
        let known = self.format.close(object)?;
        self.scratch.commit(known)
    }
}
