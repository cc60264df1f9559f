//! How often each brightness occurs: a Gaussian kernel density estimate without one exponential
//! for every pixel and grid point.

use crate::Error;
use crate::number::{count, index};
use ndarray::ArrayView2;
use rayon::prelude::*;

/// Number of grid points.
pub const POINTS: usize = 500;

/// Pixels whose moments are taken by one task.
const PART: usize = 1 << 14;

/// Error allowed against direct summation, relative to the peak.
const TOLERANCE: f64 = 1e-12;

/// Density of brightness on [`POINTS`] points from 0 to the brightest pixel.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Density {
    values: Vec<f64>,
    max: f64,
    bandwidth: f64,
}

impl Density {
    /// Gaussian kernel density of the pixels of an image `(y, x)`, per unit of its values.
    ///
    /// Bandwidth `std n^(-1/5)` with the `n - 1` standard deviation (Scott 1992), as
    /// `scipy.stats.gaussian_kde`. Within 1e-10 of the peak equal to direct summation,
    /// [`crate::direct::density`]; the work grows with the number of pixels, not with pixels times
    /// points.
    ///
    /// Method: pixels are put into cells around the grid points, and each cell keeps the moments
    /// `sum of s^k` of the distances `s` from its centre in bandwidths. A kernel at distance `z` is
    /// then `sum over k of s^k He_k(z) exp(-z^2 / 2) / k!` with Hermite polynomials. Stopped before
    /// `s^p` the rest is below `1.09 |s|^p / sqrt(p!)`, because of Cramér's inequality
    /// `|He_p(z)| exp(-z^2 / 4) <= 1.09 sqrt(p!)`. The fullest cell alone makes the peak at least its
    /// number of pixels times `exp(-s^2 / 2)`, which turns both that bound and the one of distances
    /// left out into a bound relative to the peak; orders and reach are chosen to keep either below
    /// 1e-12. Where the kernel is narrower than a cell its sum has few terms, and is taken directly;
    /// also where it is wider than the grid, which needs negative pixels far away from it.
    ///
    /// ```
    /// use widefield::segment::density::Density;
    ///
    /// // Two pixels, 0 and 1: bandwidth sqrt(1/2) 2^(-1/5), and the density at 0 is
    /// // (1 + exp(-1 / (2 b^2))) / (2 b sqrt(2 pi)).
    /// let density = Density::from_image(ndarray::array![[0.0, 1.0]].view())?;
    /// let b = 0.5_f64.sqrt() * 2.0_f64.powf(-0.2);
    /// let expected = (1.0 + (-0.5 / (b * b)).exp()) / (2.0 * b * std::f64::consts::TAU.sqrt());
    /// assert!((density.values()[0] - expected).abs() < 1e-12);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooFewPixels`] below 2 pixels, [`Error::NotFinite`] if a pixel is NaN or infinite,
    /// [`Error::ZeroVariance`] if all pixels are equal, [`Error::NoLight`] if none is above 0.
    pub fn from_image(image: ArrayView2<'_, f64>) -> Result<Self, Error> {
        let image = image.as_standard_layout();
        let pixels = image.as_slice().unwrap_or_default();
        let (max, bandwidth) = scale(pixels, image.ncols())?;
        let step = max / count(POINTS - 1);
        let mut sums = if (step..=max).contains(&bandwidth) {
            by_moments(pixels, step, bandwidth)
        } else {
            directly(pixels, step, bandwidth)
        };
        let norm = count(pixels.len()) * bandwidth * std::f64::consts::TAU.sqrt();
        sums.iter_mut().for_each(|sum| *sum /= norm);
        Ok(Self {
            values: sums,
            max,
            bandwidth,
        })
    }

    /// Density at brightness [`Density::point`]`(i)`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Brightness of grid point `i`: `i * step`, the last one the maximum itself.
    pub fn point(&self, i: usize) -> f64 {
        if i == POINTS - 1 {
            self.max
        } else {
            count(i) * self.step()
        }
    }

    /// Distance of two grid points.
    pub fn step(&self) -> f64 {
        self.max / count(POINTS - 1)
    }

    /// Standard deviation of the kernel.
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// First grid point whose density is below `cutoff`.
    pub fn first_below(&self, cutoff: f64) -> Option<usize> {
        self.values.iter().position(|&density| density < cutoff)
    }
}

/// Refuses a pixel that is NaN or infinite.
pub(super) fn check_finite(image: ArrayView2<'_, f64>) -> Result<(), Error> {
    let bad = image.indexed_iter().find(|(_, value)| !value.is_finite());
    match bad {
        None => Ok(()),
        Some(((y, x), &value)) => Err(Error::NotFinite {
            what: "mean image",
            y,
            x,
            value,
        }),
    }
}

/// Brightest pixel and bandwidth of an image whose rows have `width` pixels.
fn scale(pixels: &[f64], width: usize) -> Result<(f64, f64), Error> {
    const WHAT: &str = "mean image";
    if let Some(i) = pixels.iter().position(|pixel| !pixel.is_finite()) {
        return Err(Error::NotFinite {
            what: WHAT,
            y: i / width,
            x: i % width,
            value: pixels[i],
        });
    }
    if pixels.len() < 2 {
        return Err(Error::TooFewPixels {
            what: WHAT,
            needed: 2,
            found: pixels.len(),
        });
    }
    let n = count(pixels.len());
    let (min, max) = pixels
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &pixel| {
            (pixel.min(min), pixel.max(max))
        });
    let mean = sum(pixels, |pixel| pixel / n);
    let variance = sum(pixels, |pixel| (pixel - mean).powi(2)) / (n - 1.0);
    let bandwidth = variance.sqrt() * n.powf(-0.2);
    if min == max || bandwidth == 0.0 {
        return Err(Error::ZeroVariance {
            what: WHAT,
            value: max,
        });
    }
    if max <= 0.0 {
        return Err(Error::NoLight { what: WHAT, max });
    }
    if !bandwidth.is_finite() {
        // Finite pixels whose squares are not.
        let i = pixels.iter().position(|&pixel| pixel == max).unwrap_or(0);
        return Err(Error::NotFinite {
            what: WHAT,
            y: i / width,
            x: i % width,
            value: max,
        });
    }
    Ok((max, bandwidth))
}

/// The sum over all pixels of a value each.
#[inline(always)]
fn sum(pixels: &[f64], value: impl Fn(f64) -> f64) -> f64 {
    // Several sums side by side: each addition waits for the one before.
    let (eights, rest) = pixels.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, &pixel) in sums.iter_mut().zip(eight) {
            *sum += value(pixel);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&pixel| value(pixel)).sum::<f64>()
}

/// Kernel sums at every grid point, one exponential for every pair that is not zero.
fn directly(pixels: &[f64], step: f64, bandwidth: f64) -> Vec<f64> {
    /// exp(-39^2 / 2) is below the smallest number above zero.
    const REACH: f64 = 39.0;
    let mut sums = vec![0.0; POINTS];
    for &pixel in pixels {
        let first = index((pixel - REACH * bandwidth) / step).min(POINTS);
        let end = index((pixel + REACH * bandwidth) / step + 1.0).min(POINTS);
        for (i, sum) in sums
            .iter_mut()
            .enumerate()
            .take(end.saturating_add(1))
            .skip(first)
        {
            *sum += (-0.5 * ((count(i) * step - pixel) / bandwidth).powi(2)).exp();
        }
    }
    sums
}

/// Kernel sums at every grid point from the moments of the cells; `step <= bandwidth`, and the
/// bandwidth at most the length of the grid, which bounds the number of cells.
fn by_moments(pixels: &[f64], step: f64, bandwidth: f64) -> Vec<f64> {
    // Cell of every pixel, and the fullest cell among those whose centre is a grid point.
    let mut occupied = vec![0_usize; POINTS];
    for &pixel in pixels {
        if pixel >= -0.5 * step {
            occupied[index(pixel / step + 0.5).min(POINTS - 1)] += 1;
        }
    }
    let half_cell = 0.5 * step / bandwidth;
    let fullest = occupied.into_iter().max().unwrap_or(1).max(1);
    let allowed =
        TOLERANCE * count(fullest) * (-0.5 * half_cell * half_cell).exp() / count(pixels.len());

    let mut orders = 1;
    let mut rest = 1.09 * half_cell;
    while rest > allowed {
        orders += 1;
        rest *= half_cell / count(orders).sqrt();
    }
    // exp(-(reach - s)^2 / 2) <= allowed
    let reach = half_cell + (-2.0 * allowed.ln()).sqrt();
    let reach = index((reach * bandwidth / step).ceil());

    // Cells from `reach` below the first grid point on; further ones are too far from any.
    let cells = reach + POINTS;
    // Parts of fixed size, added in order: the same bits on any number of threads.
    let parts = pixels.par_chunks(PART).map(|pixels| {
        let mut moments = vec![0.0; cells * orders];
        for &pixel in pixels {
            let cell = pixel / step + (count(reach) + 0.5);
            if cell < 0.0 {
                continue;
            }
            let cell = index(cell).min(cells - 1);
            let distance = (pixel - (count(cell) - count(reach)) * step) / bandwidth;
            let mut power = 1.0;
            for moment in &mut moments[cell * orders..][..orders] {
                *moment += power;
                power *= distance;
            }
        }
        moments
    });
    let mut parts = parts.collect::<Vec<_>>().into_iter();
    let mut moments = parts.next().unwrap_or_else(|| vec![0.0; cells * orders]);
    for part in parts {
        for (moment, more) in moments.iter_mut().zip(part) {
            *moment += more;
        }
    }
    let mut sums = vec![0.0; POINTS];
    for order in 0..orders {
        let cells: Vec<f64> = moments
            .iter()
            .skip(order)
            .step_by(orders)
            .copied()
            .collect();
        add_order(&cells, reach, order, step / bandwidth, &mut sums);
    }
    sums
}

/// Adds what moment `order` of all cells contributes; cell `reach` is at grid point 0.
fn add_order(cells: &[f64], reach: usize, order: usize, step: f64, sums: &mut [f64]) {
    // Grid point i is offset cells above cell j: i + reach = j + offset.
    for offset in 0..=reach {
        let (above, below) = (
            hermite(order, count(offset) * step),
            hermite(order, -count(offset) * step),
        );
        let start = reach - offset;
        for (sum, cell) in sums.iter_mut().zip(&cells[start..]) {
            *sum += above * cell;
        }
        if offset > 0 {
            for (sum, cell) in sums
                .iter_mut()
                .zip(cells.get(reach + offset..).unwrap_or_default())
            {
                *sum += below * cell;
            }
        }
    }
}

/// `He_k(z) exp(-z^2 / 2) / k!`.
fn hermite(order: usize, z: f64) -> f64 {
    let (mut previous, mut current) = (0.0, (-0.5 * z * z).exp());
    for k in 0..order {
        // He_(k+1) = z He_k - k He_(k-1), each divided by its factorial.
        let next = (z * current - previous) / count(k + 1);
        previous = current;
        current = next;
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::Array2;

    /// Largest difference from direct summation, relative to the peak.
    fn error_of(pixels: Vec<f64>) -> f64 {
        let image = Array2::from_shape_vec((1, pixels.len()), pixels).unwrap();
        let density = Density::from_image(image.view()).unwrap();
        let grid: Vec<f64> = (0..POINTS).map(|i| density.point(i)).collect();
        let slow = direct::density(image.as_slice().unwrap(), &grid);
        let peak = slow.iter().copied().fold(0.0, f64::max);
        density
            .values()
            .iter()
            .zip(&slow)
            .map(|(fast, slow)| (fast - slow).abs() / peak)
            .fold(0.0, f64::max)
    }

    fn noise(i: usize) -> f64 {
        // Fractional parts of multiples of the golden ratio: even, without a generator.
        (count(i) * 0.618_033_988_749_895).fract()
    }

    #[test]
    fn wide_kernels_equal_direct_summation() {
        for n in [2, 3, 50, 3000] {
            let error = error_of(
                (0..n)
                    .map(|i| 300.0 * noise(i) + if i % 3 == 0 { 700.0 } else { 0.0 })
                    .collect(),
            );
            assert!(error < 1e-11, "{n} pixels: {error:e}");
        }
    }

    #[test]
    fn kernels_about_as_wide_as_a_cell_equal_direct_summation() {
        // The standard deviation decides which way is taken; both must hold on either side.
        for spread in [0.5, 2.0, 4.0, 6.0, 8.0, 10.0, 20.0] {
            let error = error_of((0..4000).map(|i| 1000.0 + spread * noise(i)).collect());
            assert!(error < 1e-11, "spread {spread}: {error:e}");
        }
    }

    #[test]
    fn a_lone_bright_pixel_and_negative_pixels_are_no_exception() {
        let mut pixels: Vec<f64> = (0..3000).map(|i| noise(i) - 0.5).collect();
        pixels.push(1e4);
        assert!(error_of(pixels) < 1e-11);
        // All but a few pixels below the grid.
        let pixels = (0..3000)
            .map(|i| {
                if i % 500 == 0 {
                    20.0 * noise(i)
                } else {
                    -50.0 * noise(i)
                }
            })
            .collect();
        assert!(error_of(pixels) < 1e-11);
        // A kernel far wider than the grid.
        let mut pixels: Vec<f64> = (0..3000).map(|i| -1e9 * noise(i)).collect();
        pixels.push(1.0);
        assert!(error_of(pixels) < 1e-11);
    }

    #[test]
    fn hermite_functions_follow_their_formula() {
        let z = 1.7_f64;
        let bell = (-0.5 * z * z).exp();
        for (order, expected) in [
            (0, bell),
            (1, z * bell),
            (2, (z * z - 1.0) * bell / 2.0),
            (3, (z.powi(3) - 3.0 * z) * bell / 6.0),
        ] {
            assert!(
                (hermite(order, z) - expected).abs() < 1e-15,
                "order {order}"
            );
        }
    }

    #[test]
    fn images_without_a_density_are_errors() {
        let estimate = |pixels: &[f64]| {
            Density::from_image(ArrayView2::from_shape((1, pixels.len()), pixels).unwrap())
        };
        assert!(matches!(
            estimate(&[]),
            Err(Error::TooFewPixels { found: 0, .. })
        ));
        assert!(matches!(
            estimate(&[1.0]),
            Err(Error::TooFewPixels { found: 1, .. })
        ));
        assert!(matches!(
            estimate(&[0.1; 9]),
            Err(Error::ZeroVariance { value: 0.1, .. })
        ));
        assert!(matches!(
            estimate(&[1.0, f64::NAN]),
            Err(Error::NotFinite { y: 0, x: 1, .. })
        ));
        assert!(matches!(
            estimate(&[-1.0, -2.0]),
            Err(Error::NoLight { max: -1.0, .. })
        ));
        assert!(matches!(
            estimate(&[1e-320, 2e-320]),
            Err(Error::ZeroVariance { .. })
        ));
        assert!(matches!(
            estimate(&[1e300, -1e300]),
            Err(Error::NotFinite { .. })
        ));
        assert!(estimate(&[1e-100, 3e-100, 1e100]).is_ok());
    }
}
