//! Gaussian smoothing of a frame.

use crate::Error;
use crate::number::{count, index};
use multiversion::multiversion;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// Largest standard deviation, in pixels, that [`gaussian`] takes.
pub const MAX_SD_PX: f64 = 1e5;

/// Columns that are summed together in registers.
const LANES: usize = 32;

/// Frames below this many pixels are not worth a second thread.
const PARALLEL_FROM: usize = 1 << 14;

/// Gaussian filter of a frame `(y, x)`, standard deviation `sd_px` pixels on both axes.
///
/// Weights `exp(-i^2 / (2 sd^2))` up to the radius `int(4 sd + 0.5)`, divided by their sum; the frame
/// is continued by reflection with the edge repeated (`b a | a b c | c b`), however far the radius
/// reaches. Equal to `scipy.ndimage.gaussian_filter` with its defaults but for rounding, below
/// 1e-12 relative. The result does not depend on the number of threads.
///
/// A standard deviation below 0.125 px has the radius 0 and leaves the frame as it is. NaN and
/// infinite pixels spread as far as the radius. An empty frame gives an empty one.
///
/// ```
/// // One bright pixel becomes the product of the weights: at sd 0.25 the radius is 1 and the
/// // weight of a neighbour exp(-8) = 0.000335 of the middle one.
/// let mut frame = ndarray::Array2::zeros((3, 3));
/// frame[(1, 1)] = 1.0;
/// let smooth = widefield::smooth::gaussian(frame.view(), 0.25)?;
/// assert!((smooth[(0, 1)] / smooth[(1, 1)] - (-8.0_f64).exp()).abs() < 1e-12);
/// assert!((smooth.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] if `sd_px` is negative, not a number or above [`MAX_SD_PX`].
pub fn gaussian(frame: ArrayView2<'_, f64>, sd_px: f64) -> Result<Array2<f64>, Error> {
    if !(0.0..=MAX_SD_PX).contains(&sd_px) {
        return Err(Error::Parameter {
            name: "smoothing_sd_px",
            value: sd_px,
            expected: "0 to 100000 px",
        });
    }
    let mut out = frame.as_standard_layout().into_owned();
    let (height, width) = frame.dim();
    if frame.is_empty() || radius(sd_px) == 0 {
        return Ok(out);
    }
    let mut between = Array2::zeros((height, width));
    if let (Some(out), Some(between)) = (out.as_slice_mut(), between.as_slice_mut()) {
        let pieces = if out.len() < PARALLEL_FROM {
            1
        } else {
            rayon::current_num_threads() * 4
        };
        let rows = height.div_ceil(pieces).max(1);
        let kernel = folded(sd_px, height);
        let reach = kernel.len() - 1;
        let sources = reflected(height, reach);
        between
            .par_chunks_mut(rows * width)
            .enumerate()
            .for_each(|(i, piece)| {
                for (y, row) in piece.chunks_exact_mut(width).enumerate() {
                    let y = i * rows + y;
                    along_columns(out, width, &sources[y..=y + 2 * reach], &kernel, row);
                }
            });
        let kernel = folded(sd_px, width);
        let reach = kernel.len() - 1;
        let sources = reflected(width, reach);
        out.par_chunks_mut(rows * width)
            .zip(between.par_chunks(rows * width))
            .for_each(|(out, between)| {
                let mut line = vec![0.0; sources.len()];
                for (out, row) in out.chunks_exact_mut(width).zip(between.chunks_exact(width)) {
                    for (value, &source) in line.iter_mut().zip(&sources) {
                        *value = row[source];
                    }
                    along_row(&line, &kernel, out);
                }
            });
    }
    Ok(out)
}

fn radius(sd_px: f64) -> usize {
    index(4.0 * sd_px + 0.5)
}

/// Weights at distance 0, 1, 2 ... for an axis of `n` pixels.
///
/// The reflected axis repeats every `2 n` pixels, so weights further out than `n` are added to the
/// weight that meets the same pixel. Then no distance is above `n`, however wide the Gaussian.
fn folded(sd_px: f64, n: usize) -> Vec<f64> {
    let radius = radius(sd_px);
    let weight = |i: usize| (-0.5 * (count(i) / sd_px).powi(2)).exp();
    let sum = 1.0 + 2.0 * (1..=radius).map(weight).sum::<f64>();
    if radius <= n {
        return (0..=radius).map(|i| weight(i) / sum).collect();
    }
    let period = 2 * n;
    let mut ring = vec![0.0; period];
    ring[0] = 1.0;
    for i in 1..=radius {
        ring[i % period] += weight(i);
        ring[(period - i % period) % period] += weight(i);
    }
    // Distance n to the left and to the right is the same pixel of the ring, and is added twice.
    ring[n] *= 0.5;
    ring[..=n].iter().map(|weight| weight / sum).collect()
}

/// For every place from `-reach` to `n + reach` the pixel that stands there.
fn reflected(n: usize, reach: usize) -> Vec<usize> {
    let period = 2 * n;
    let start = period - reach % period;
    (0..n + 2 * reach)
        .map(|i| {
            let place = (start + i) % period;
            if place < n { place } else { period - 1 - place }
        })
        .collect()
}

/// One output row: `sources` are the rows around it, the middle one its own.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn along_columns(frame: &[f64], width: usize, sources: &[usize], kernel: &[f64], out: &mut [f64]) {
    let reach = kernel.len() - 1;
    for (block, out) in out.chunks_mut(LANES).enumerate() {
        let piece = |i: usize| &frame[sources[i] * width + block * LANES..][..out.len()];
        let mut sums = [0.0; LANES];
        for (sum, &value) in sums.iter_mut().zip(piece(reach)) {
            *sum = kernel[0] * value;
        }
        for (distance, &weight) in kernel.iter().enumerate().skip(1) {
            for ((sum, &above), &below) in sums
                .iter_mut()
                .zip(piece(reach - distance))
                .zip(piece(reach + distance))
            {
                *sum += weight * (above + below);
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}

/// One output row from the row continued by the kernel's reach to either side.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn along_row(line: &[f64], kernel: &[f64], out: &mut [f64]) {
    let reach = kernel.len() - 1;
    for (block, out) in out.chunks_mut(LANES).enumerate() {
        let piece = |i: usize| &line[i + block * LANES..][..out.len()];
        let mut sums = [0.0; LANES];
        for (sum, &value) in sums.iter_mut().zip(piece(reach)) {
            *sum = kernel[0] * value;
        }
        for (distance, &weight) in kernel.iter().enumerate().skip(1) {
            for ((sum, &left), &right) in sums
                .iter_mut()
                .zip(piece(reach - distance))
                .zip(piece(reach + distance))
            {
                *sum += weight * (left + right);
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;

    #[test]
    fn reflection_repeats_the_edge_and_goes_on_forever() {
        assert_eq!(reflected(3, 2), [1, 0, 0, 1, 2, 2, 1]);
        assert_eq!(reflected(2, 5), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
        assert_eq!(reflected(1, 2), [0; 5]);
    }

    #[test]
    fn equals_direct_summation_for_any_radius() {
        for (height, width, sd) in [
            (1, 1, 3.0),
            (1, 7, 2.0),
            (5, 1, 9.0),
            (9, 40, 1.3),
            (3, 4, 30.0),
            (70, 33, 8.0),
        ] {
            let frame =
                Array2::from_shape_fn((height, width), |(y, x)| count((y * 31 + x * 17) % 23));
            let fast = gaussian(frame.view(), sd).unwrap();
            let slow = direct::gaussian_filter(frame.view(), sd);
            for (fast, slow) in fast.iter().zip(&slow) {
                assert!(
                    (fast - slow).abs() < 1e-12,
                    "{height} x {width}, sd {sd}: {fast} and {slow}"
                );
            }
        }
    }

    #[test]
    fn a_constant_stays_and_bad_widths_are_refused() {
        let frame = Array2::from_elem((20, 30), 5.0);
        for value in gaussian(frame.view(), 50.0).unwrap() {
            assert!((value - 5.0).abs() < 1e-13);
        }
        for sd in [-1.0, f64::NAN, f64::INFINITY, 2e5] {
            assert!(matches!(
                gaussian(frame.view(), sd),
                Err(Error::Parameter { .. })
            ));
        }
        assert_eq!(
            gaussian(Array2::zeros((0, 4)).view(), 3.0).unwrap().dim(),
            (0, 4)
        );
        assert_eq!(gaussian(frame.view(), 0.0).unwrap(), frame);
    }
}
