//! dF/F of a trial, read back from its file.

use crate::Error;
use crate::trials::Trial;
use ndarray::Array3;
use std::ops::Range;
use widefield_pipeline::config::{Config, Scale};
use widefield_storage::{Hdf5File, Orientation, Place};

/// Frames that are read at a time where all are needed; whole chunks.
pub(crate) const BLOCK: usize = 4 * widefield_storage::CHUNK_FRAMES;

/// The file of a trial, opened.
#[derive(Debug)]
pub(crate) struct DffFile {
    file: Hdf5File,
    orientation: Orientation,
    /// Whether it holds F / F0.
    ratio: bool,
    /// Frames, rows, columns.
    pub(crate) shape: [usize; 3],
}

impl DffFile {
    pub(crate) fn open(place: &Place, config: &Config, trial: &Trial<'_>) -> Result<Self, Error> {
        let file = place.open_hdf5(&trial.dff.path)?;
        let orientation = Orientation::from(config.output.orientation);
        let shape = match *file.dataset("dff")?.shape() {
            [a, b, t] => {
                let [height, width] = orientation.axes(a, b);
                [t, height, width]
            }
            ref other => {
                return Err(Error::NoMovie {
                    name: trial.dff.path.clone(),
                    shape: other.to_vec(),
                });
            }
        };
        Ok(Self {
            file,
            orientation,
            ratio: config.output.dff_scale == Scale::FOverF0,
            shape,
        })
    }

    /// dF/F of a range of frames and rows, `(t, y, x)`.
    pub(crate) fn read(
        &self,
        frames: Range<usize>,
        rows: Range<usize>,
    ) -> Result<Array3<f32>, Error> {
        let dataset = self.file.dataset("dff")?;
        let mut read = dataset.read_movie(self.orientation, frames, rows)?;
        if self.ratio {
            read -= 1.0;
        }
        Ok(read)
    }

    /// Gives all frames of a range in blocks, each with the number of its first frame.
    pub(crate) fn blocks(
        &self,
        frames: Range<usize>,
        mut take: impl FnMut(usize, Array3<f32>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let [_, height, _] = self.shape;
        for first in frames.clone().step_by(BLOCK) {
            let until = frames.end.min(first + BLOCK);
            take(first, self.read(first..until, 0..height)?)?;
        }
        Ok(())
    }
}

/// Files that stay open; systems allow a process about a thousand.
const MOST_OPEN: usize = 256;

/// The files of several trials, of frames of one size.
#[derive(Debug)]
pub(crate) struct DffFiles<'a> {
    place: &'a Place,
    config: &'a Config,
    /// Those beyond the ones that stay open are opened whenever they are needed.
    files: Vec<(Trial<'a>, Option<DffFile>)>,
}

impl<'a> DffFiles<'a> {
    /// Opens those of some trials; `size` is the height and width of the frames, if that is known.
    pub(crate) fn open(
        place: &'a Place,
        config: &'a Config,
        trials: &[Trial<'a>],
        size: &mut Option<[usize; 2]>,
    ) -> Result<Self, Error> {
        let mut files = Vec::new();
        for trial in trials {
            let file = DffFile::open(place, config, trial)?;
            check_size(size, trial, &file)?;
            files.push((*trial, (files.len() < MOST_OPEN).then_some(file)));
        }
        Ok(Self {
            place,
            config,
            files,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Looks at one after the other, with its number.
    pub(crate) fn each(
        &self,
        mut look: impl FnMut(usize, &Trial<'a>, &DffFile) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (i, (trial, file)) in self.files.iter().enumerate() {
            match file {
                Some(file) => look(i, trial, file)?,
                None => look(i, trial, &DffFile::open(self.place, self.config, trial)?)?,
            }
        }
        Ok(())
    }
}

/// Refuses a trial whose frames have another size than those before.
pub(crate) fn check_size(
    size: &mut Option<[usize; 2]>,
    trial: &Trial<'_>,
    file: &DffFile,
) -> Result<(), Error> {
    let [_, height, width] = file.shape;
    let found = [height, width];
    let expected = *size.get_or_insert(found);
    if expected == found {
        return Ok(());
    }
    Err(Error::Size {
        name: trial.dff.path.clone(),
        found,
        expected,
    })
}
