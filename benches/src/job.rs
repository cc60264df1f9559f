//! The default analysis of one trial in memory: raw file to dF/F, without writing.

use dcimg::Movie;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, Axis};
use widefield::{Background, Baseline, Mask, Resize, Segmentation, Size, Subtract, dff, invalid};

use crate::Failure;

/// What the default analysis gives.
#[derive(Debug)]
pub struct Analysis {
    /// The resized movie `(t, y, x)`, counts.
    pub movie: Array3<f32>,
    /// Background in counts.
    pub background: f64,
    /// Which pixels are brain.
    pub mask: Mask,
    /// dF/F `(t, y, x)`.
    pub dff: Array3<f32>,
}

/// Frames that one task decodes and resizes.
const FRAMES_A_TASK: usize = 8;

/// Reads, repairs, clears and resizes each frame in one go, then background, mask and dF/F, in
/// the order and with the library calls of the whole job. The results go into `movie` and `dff`
/// of the last call if given, as a worker that runs many trials does.
///
/// # Errors
/// Those of the steps.
pub fn raw_to_dff(
    raw: &Movie<'_>,
    size: Size,
    smoothing_sd_px: f64,
    reuse: Option<Analysis>,
) -> Result<Analysis, Failure> {
    let camera = Size {
        width: raw.width(),
        height: raw.height(),
    };
    let shape = (raw.len(), size.height, size.width);
    let (mut movie, mut out) = match reuse {
        Some(last) if last.movie.dim() == shape => (last.movie, last.dff),
        _ => (Array3::zeros(shape), Array3::zeros(shape)),
    };
    movie
        .axis_chunks_iter_mut(Axis(0), FRAMES_A_TASK)
        .into_par_iter()
        .enumerate()
        .try_for_each(|(task, mut frames)| -> Result<(), Failure> {
            let mut resizer = Resize::Triangle.resizer(camera, size)?;
            let mut pixels = Array2::<u16>::zeros((camera.height, camera.width));
            for (i, resized) in frames.outer_iter_mut().enumerate() {
                raw.frame(task * FRAMES_A_TASK + i)?
                    .read_into(pixels.view_mut())?;
                invalid::clear(pixels.view_mut(), 60_000);
                resizer.frame_u16_into(pixels.view(), resized)?;
            }
            Ok(())
        })?;
    let background = Background::GaussianFit { smoothing_sd_px }
        .estimate(movie.index_axis(Axis(0), 0))?
        .value;
    let subtract = Subtract {
        background,
        clamp_negative: true,
    };
    let mean = subtract.mean(movie.view())?;
    let mask = Segmentation::DensityCutoff(0.0002).mask(mean.view())?;
    let f0 = Baseline::frames(9..12).f0(movie.view(), &subtract)?;
    dff::normalise_into(movie.view(), &subtract, f0.view(), &mask, out.view_mut())?;
    Ok(Analysis {
        movie,
        background,
        mask,
        dff: out,
    })
}
