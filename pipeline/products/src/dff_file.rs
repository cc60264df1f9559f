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
