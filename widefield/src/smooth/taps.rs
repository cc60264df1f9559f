//! A Gaussian as weights of the pixels around.

use super::{LANES, Place, radius};
use crate::number::count;
use multiversion::multiversion;

/// Weights at distance 0, 1, 2 ... of lines of one length.
pub(super) struct Taps {
    weights: Vec<f64>,
}

impl Taps {
    /// For lines of `n` pixels.
    ///
    /// A reflected line repeats every `2 n` pixels, so weights further out than `n` are added to the
    /// weight that meets the same pixel. Then no distance is above `n`, however wide the Gaussian.
    pub(super) fn new(sd_px: f64, n: usize) -> Self {
        let radius = radius(sd_px);
        let weight = |i: usize| (-0.5 * (count(i) / sd_px).powi(2)).exp();
        let sum = 1.0 + 2.0 * (1..=radius).map(weight).sum::<f64>();
        if radius <= n {
            return Self {
                weights: (0..=radius).map(|i| weight(i) / sum).collect(),
            };
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
        Self {
            weights: ring[..=n].iter().map(|weight| weight / sum).collect(),
        }
    }

    pub(super) fn reach(&self) -> usize {
        self.weights.len() - 1
    }

    pub(super) fn filter(&self, line: &[Place], out: &mut [Place]) {
        add_taps(&self.weights, line, out);
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_taps(weights: &[f64], line: &[Place], out: &mut [Place]) {
    let reach = weights.len() - 1;
    for (out, around) in out.iter_mut().zip(line.windows(2 * reach + 1)) {
        let (before, rest) = around.split_at(reach);
        let mut sum = rest[0].map(|value| weights[0] * value);
        for ((weight, left), right) in weights[1..].iter().zip(before.iter().rev()).zip(&rest[1..])
        {
            for lane in 0..LANES {
                sum[lane] += weight * (left[lane] + right[lane]);
            }
        }
        *out = sum;
    }
}
