//! The Gaussian fit to fewer pixels.

use super::gaussian_fit::{self, GaussianFit};
use super::{BackgroundLevel, fitted};
use crate::number::count;
use crate::{Error, smooth};
use ndarray::{Array2, ArrayView2, s};

/// Fits the means of blocks; the fit is in pixels of the image.
pub(super) fn fit(
    image: ArrayView2<'_, f64>,
    smoothing_sd_px: f64,
    step: usize,
) -> Result<BackgroundLevel, Error> {
    gaussian_fit::check(image)?;
    if step == 0 {
        return Err(Error::Parameter {
            name: "step_px",
            value: 0.0,
            expected: "at least 1 px",
        });
    }
    let (blocks, top, left) = blocks(image, step);
    // A block is as wide as a Gaussian of that variance.
    let block_variance = (count(step).powi(2) - 1.0) / 12.0;
    let rest = if smoothing_sd_px >= 0.0 {
        (smoothing_sd_px.powi(2) - block_variance).max(0.0).sqrt()
    } else {
        smoothing_sd_px
    };
    let smoothed = smooth::gaussian(blocks.view(), rest / count(step))?;
    let coarse = GaussianFit::from_image(smoothed.view())?;
    let place = |at: f64, first: usize| count(first) + count(step) * (at + 0.5) - 0.5;
    let fit = GaussianFit {
        x0: place(coarse.x0, left),
        y0: place(coarse.y0, top),
        sigma_x: coarse.sigma_x * count(step),
        sigma_y: coarse.sigma_y * count(step),
        ..coarse
    };
    fitted(smoothed.view(), |_| Ok((fit, None)))
}

/// Means of whole blocks, and row and column of the first.
fn blocks(image: ArrayView2<'_, f64>, step: usize) -> (Array2<f64>, usize, usize) {
    let (height, width) = image.dim();
    let (rows, columns) = (height / step, width / step);
    let (top, left) = (height % step / 2, width % step / 2);
    let means = Array2::from_shape_fn((rows, columns), |(y, x)| {
        let (y, x) = (top + y * step, left + x * step);
        image.slice(s![y..y + step, x..x + step]).sum() / (count(step) * count(step))
    });
    (means, top, left)
}
