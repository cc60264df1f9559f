//! The mask that the description names.

use crate::config::Config;
use crate::error::{Error, MaskError};
use crate::step::Own;
use ndarray::Array2;
use std::io::Read as _;
use widefield::Mask;

/// Bytes of a file that are read at most.
const MOST_BYTES: u64 = 1 << 26;

/// Reads the mask of `analysis.segmentation.file`, tidied as asked; nothing where a rule, or a step of one's own, makes masks.
pub(super) fn mask(config: &Config, own: &Own) -> Result<Option<Mask>, Error> {
    let step = &config.analysis.segmentation;
    let Some(path) = step.file().filter(|_| own.mask.is_none()) else {
        return Ok(None);
    };
    let kept = kept(path, config.analysis.resolution).map_err(|source| Error::Mask {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(step.tidied(Mask::from_kept(kept))))
}

#[cfg(feature = "png")]
fn picture(bytes: &[u8]) -> Result<Array2<bool>, MaskError> {
    Ok(widefield_storage::mask::read(bytes)?)
}

#[cfg(not(feature = "png"))]
fn picture(_: &[u8]) -> Result<Array2<bool>, MaskError> {
    Err(MaskError::NotAvailable)
}

/// `true` where a pixel `(y, x)` is kept.
fn kept(path: &str, resolution: Option<[usize; 2]>) -> Result<Array2<bool>, MaskError> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    if file.take(MOST_BYTES + 1).read_to_end(&mut bytes)? as u64 > MOST_BYTES {
        return Err(MaskError::TooLarge { most: MOST_BYTES });
    }
    let kept = picture(&bytes)?;
    let (height, width) = kept.dim();
    // A camera's own size is known only when a movie is open: a trial that it does not fit fails by itself.
    if let Some(resolution) = resolution.filter(|side| *side != [width, height]) {
        return Err(MaskError::Shape {
            width,
            height,
            resolution,
        });
    }
    if !kept.iter().any(|&kept| kept) {
        return Err(MaskError::KeepsNothing);
    }
    Ok(kept)
}
