//! The areas that traces are taken of.

use crate::Error;
use std::io::Read as _;
use widefield::Areas;
use widefield_pipeline::config::Config;
use widefield_storage::Orientation;

/// Bytes of a file that are read at most.
const MOST_BYTES: u64 = 1 << 28;

/// The file of `products.rois`, and one number for its content.
#[derive(Clone, Debug)]
pub(crate) struct AreaFile {
    path: String,
    bytes: Vec<u8>,
    orientation: Orientation,
}

impl AreaFile {
    /// Reads it; nothing where none is named.
    pub(crate) fn read(config: &Config) -> Result<Option<Self>, Error> {
        let Some(path) = config.products.rois.clone() else {
            return Ok(None);
        };
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| Error::Areas {
            path: path.clone(),
            source,
        };
        let file = std::fs::File::open(&path).map_err(|error| wrong(error.into()))?;
        let mut bytes = Vec::new();
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
        if read.map_err(|error| wrong(error.into()))? as u64 > MOST_BYTES {
            return Err(wrong(
                format!("has more than {} MiB", MOST_BYTES >> 20).into(),
            ));
        }
        let orientation = config.output.orientation.into();
        Ok(Some(Self {
            path,
            bytes,
            orientation,
        }))
    }

    pub(crate) fn crc32c(&self) -> u32 {
        crc32c::crc32c(&self.bytes)
    }

    /// The areas of frames `(height, width)`.
    pub(crate) fn areas(&self, size: (usize, usize)) -> Result<Areas, Error> {
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| Error::Areas {
            path: self.path.clone(),
            source,
        };
        let masks = widefield_storage::areas::read(&self.path, &self.bytes, size, self.orientation);
        let masks = masks.map_err(Error::AreaFile)?;
        Areas::from_masks(size, masks).map_err(|error| wrong(error.into()))
    }
}
