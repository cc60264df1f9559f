//! A wide Gaussian as a sum of waves, whose windowed sums slide along a line.
//!
//! Within its radius of 4 sd the Gaussian equals, but for 3e-13 of its sum, the first waves of a Fourier
//! series of period 2 T with T = 5.75 sd. The next period begins 7.5 sd from the far edge of the window,
//! where the Gaussian is 6e-13, and the waves left out have coefficients below 2e-13 of the largest.
//!
//! The windowed sum `S[i] = sum over |j| <= R of cos(w j) x[i + j]` of a wave follows from the two before:
//!
//! ```text
//! S[i + 1] = 2 cos(w) S[i] - S[i - 1]
//!          + cos(w R) (x[i + R + 1] + x[i - R - 1]) - cos(w (R + 1)) (x[i + R] + x[i - R])
//! ```
//!
//! as the cosines of neighbours, `cos(w (m - 1)) + cos(w (m + 1)) = 2 cos(w) cos(w m)`, show when the two
//! sums are written side by side. That is 7 operations a wave and pixel for any R, against 3 R for weights.
//! On a line reflected at its beginning `S[-1] = S[0]`.
//!
//! Sliding sums of cosines for this purpose: Elboher and Werman 2011, "Cosine integral images for fast
//! spatial and range filtering"; Sugimoto and Kamata 2013, "Fast Gaussian filter with second-order shift
//! property of DCT-5". A period longer than the window is what makes few waves this exact.

use super::{LANES, Place, radius};
use crate::number::count;
use multiversion::multiversion;

/// Waves besides the constant one, an even number of groups.
const WAVES: usize = 14;

/// Waves whose sums are kept in registers together.
const GROUP: usize = 7;

/// Half a period of the series, in standard deviations.
const HALF_PERIOD_SD: f64 = 5.75;

/// The series of one standard deviation.
pub(super) struct Waves {
    radius: usize,
    /// Weight of every pixel in the window, the wave of frequency 0.
    constant: f64,
    groups: [Group; WAVES / GROUP],
}

/// Some waves, each number of one wave after the other.
struct Group {
    /// `2 cos(w)`.
    turn: [f64; GROUP],
    /// Weight of the pixels that come into the window, `c cos(w R)`.
    enter: [f64; GROUP],
    /// Weight of those at its edge, `-c cos(w (R + 1))`.
    leave: [f64; GROUP],
    /// `c cos(w j)` at `[j]`, from 0 to R.
    window: Vec<[f64; GROUP]>,
}

impl Waves {
    pub(super) fn new(sd_px: f64) -> Self {
        let radius = radius(sd_px);
        let half_period = HALF_PERIOD_SD * sd_px;
        let frequency = |wave: usize| std::f64::consts::PI * count(wave) / half_period;
        // Poisson summation: a Gaussian every 2 T is the series of these coefficients, up to a factor.
        let coefficient = |wave: usize| 2.0 * (-0.5 * (frequency(wave) * sd_px).powi(2)).exp();
        let at = |wave: usize, j: usize| coefficient(wave) * (frequency(wave) * count(j)).cos();
        let value = |j: usize| 1.0 + (1..=WAVES).map(|wave| at(wave, j)).sum::<f64>();
        // The factor makes the weights of the window add up to 1.
        let factor = 1.0 / (value(0) + 2.0 * (1..=radius).map(value).sum::<f64>());
        let group = |group: usize| {
            let wave = |i: usize| group * GROUP + i + 1;
            let at = |j: usize| std::array::from_fn(|i| factor * at(wave(i), j));
            Group {
                turn: std::array::from_fn(|i| 2.0 * frequency(wave(i)).cos()),
                enter: at(radius),
                leave: at(radius + 1).map(|value| -value),
                window: (0..=radius).map(at).collect(),
            }
        };
        Self {
            radius,
            constant: factor,
            groups: std::array::from_fn(group),
        }
    }

    /// One place more than the radius: the recursion looks ahead.
    pub(super) fn reach(&self) -> usize {
        self.radius + 1
    }

    pub(super) fn filter(&self, line: &[Place], out: &mut [Place]) {
        slide_constant(line, self.radius, self.constant, out);
        for group in &self.groups {
            slide_group(line, self.radius, group, out);
        }
    }
}

/// Sets `out` to the weighted sums of all pixels in the window.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn slide_constant(line: &[Place], radius: usize, weight: f64, out: &mut [Place]) {
    // Place 0 of the line is one before the first window.
    let width = 2 * radius + 1;
    let mut sum = [0.0; LANES];
    for place in &line[1..width] {
        for lane in 0..LANES {
            sum[lane] += place[lane];
        }
    }
    for ((out, entering), leaving) in out.iter_mut().zip(&line[width..]).zip(&line[1..]) {
        for lane in 0..LANES {
            sum[lane] += entering[lane];
            out[lane] = weight * sum[lane];
            sum[lane] -= leaving[lane];
        }
    }
}

/// Adds the windowed sums of some waves to `out`.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn slide_group(line: &[Place], radius: usize, group: &Group, out: &mut [Place]) {
    let mut sums = [[0.0; LANES]; GROUP];
    let middle = radius + 1;
    for (j, weights) in group.window.iter().enumerate() {
        let mut pair = line[middle + j];
        if j > 0 {
            for lane in 0..LANES {
                pair[lane] += line[middle - j][lane];
            }
        }
        for (sum, weight) in sums.iter_mut().zip(weights) {
            for lane in 0..LANES {
                sum[lane] += weight * pair[lane];
            }
        }
    }
    let mut before = sums;
    let n = out.len();
    let edges = line[1..].iter().zip(&line[2 * radius + 1..]);
    let outside = line[..n].iter().zip(&line[2 * radius + 2..]);
    for ((out, (left, right)), (outer_left, outer_right)) in out.iter_mut().zip(edges).zip(outside)
    {
        let (mut enter, mut leave) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            enter[lane] = outer_left[lane] + outer_right[lane];
            leave[lane] = left[lane] + right[lane];
        }
        for wave in 0..GROUP {
            for lane in 0..LANES {
                let sum = sums[wave][lane];
                out[lane] += sum;
                sums[wave][lane] = group.turn[wave] * sum - before[wave][lane]
                    + (group.enter[wave] * enter[lane] + group.leave[wave] * leave[lane]);
                before[wave][lane] = sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_gaussian_within_the_radius() {
        for sd in [10.0, 17.3, 30.0, 100.0] {
            let waves = Waves::new(sd);
            let weight = |i: usize| (-0.5 * (count(i) / sd).powi(2)).exp();
            let sum = 1.0 + 2.0 * (1..=waves.radius).map(weight).sum::<f64>();
            let (constant, groups) = (waves.constant, &waves.groups);
            let errors = (0..=waves.radius).map(|j| {
                let waves: f64 = groups.iter().flat_map(|group| group.window[j]).sum();
                (waves + constant - weight(j) / sum).abs()
            });
            // Twice for both sides: what smoothing can be off by, relative to the largest pixel.
            let error = 2.0 * errors.sum::<f64>();
            assert!(error < 5e-13, "sd {sd}: {error:e}");
        }
    }

    #[test]
    fn the_window_leaves_what_it_has_passed_behind() {
        // One bright place far from the end of a long line.
        let waves = Waves::new(10.0);
        let mut line = vec![[0.0; LANES]; 2000 + 2 * waves.reach()];
        line[waves.reach() + 300] = [1.0; LANES];
        let mut out = vec![[0.0; LANES]; 2000];
        waves.filter(&line, &mut out);
        assert!((out[300][3] - 0.039_894_6).abs() < 1e-5);
        for place in out[..259].iter().chain(&out[342..]) {
            assert!(place[0].abs() < 1e-14, "{:e}", place[0]);
        }
    }
}
