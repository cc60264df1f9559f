//! The default analysis of one trial in memory: raw file to dF/F, without writing.

use dcimg::Movie;
use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis};
use widefield::{
    Background, Baseline, Mask, MeanImage, Resize, Resizer, Segmentation, Size, Subtract, dff,
};

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

/// Frames that are resized, then added to the mean image while they are in the cache.
const BLOCK: usize = 16;
/// Frames that one task reads and resizes.
const FRAMES_A_TASK: usize = 4;

/// The whole job's analysis: every row of the file is read, repaired, cleared and resized in one go,
/// then background, mask and dF/F. The results go into `movie` and `dff` of the last call if given, as a
/// worker that runs many trials does.
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
    // On the pool as a whole, so that its parallel parts need not be handed over one by one.
    let (subtract, mask) = rayon::scope(|_| -> Result<_, Failure> {
        let resizer = Resize::Triangle.resizer(camera, size)?;
        let mut mean = MeanImage::new((size.height, size.width));
        let mut background = None;
        let mut last: Option<ArrayViewMut3<'_, f32>> = None;
        // The first block to be added gives the background before.
        let mut add = |block: ArrayView3<'_, f32>| -> Result<Subtract, Failure> {
            let subtract = match background {
                Some(subtract) => subtract,
                None => {
                    let level = Background::GaussianFit {
                        smoothing_sd_px: Some(smoothing_sd_px),
                    }
                    .estimate(block.index_axis(Axis(0), 0))?;
                    *background.insert(Subtract {
                        background: level.value,
                        clamp_negative: true,
                    })
                }
            };
            mean.add(block, &subtract)?;
            Ok(subtract)
        };
        for (i, mut block) in movie.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
            // The last block is added to the mean image while the next one is resized.
            let (added, resized) = rayon::join(
                || last.as_ref().map(|block| add(block.view())).transpose(),
                || resize_block(raw, i * BLOCK, &resizer, block.view_mut()),
            );
            added?;
            resized?;
            last = Some(block);
        }
        let last = last.ok_or(widefield::Error::Empty { what: "movie" })?;
        let subtract = add(last.view())?;
        let mask = Segmentation::DensityCutoff {
            density_cutoff: 0.0002,
        }
        .mask(mean.finish()?.view())?;
        let f0 = Baseline::frames(9..12).f0(movie.view(), &subtract)?;
        dff::normalise_into(movie.view(), &subtract, f0.view(), &mask, out.view_mut())?;
        Ok((subtract, mask))
    })?;
    Ok(Analysis {
        movie,
        background: subtract.background,
        mask,
        dff: out,
    })
}

/// Resizes the frames from `first` on into `block`.
fn resize_block(
    raw: &Movie<'_>,
    first: usize,
    resizer: &Resizer,
    mut block: ArrayViewMut3<'_, f32>,
) -> Result<(), Failure> {
    block
        .axis_chunks_iter_mut(Axis(0), FRAMES_A_TASK)
        .into_par_iter()
        .enumerate()
        .try_for_each_init(
            || resizer.clone(),
            |resizer, (task, mut frames)| {
                for (i, resized) in frames.outer_iter_mut().enumerate() {
                    let rows = raw.frame(first + task * FRAMES_A_TASK + i)?.rows()?;
                    let source =
                        |y: usize, row: &mut [u16]| Ok::<_, Failure>(rows.read_into(y, row)?);
                    resizer.rows_u16_into(60_000, source, resized)?;
                }
                Ok(())
            },
        )
}
