//! Filter weights of one axis, in the order of operations of Pillow's `precompute_coeffs`.

#[cfg(feature = "motion")]
use super::Resize;
use crate::number::{count, index};

/// For every output pixel the first input pixel and the weights from there on.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    starts: Vec<usize>,
    /// `stride` weights per output pixel, unused ones zero.
    values: Vec<f64>,
    lengths: Vec<usize>,
    stride: usize,
}

impl Weights {
    /// Triangle filter of half width one output pixel when shrinking, one input pixel when growing.
    pub(crate) fn triangle(n_in: usize, n_out: usize) -> Self {
        Self::new(n_in, n_out, 0.0, 1.0, tent)
    }

    /// Box of half an output pixel to either side when shrinking, half an input pixel when growing.
    pub(crate) fn boxes(n_in: usize, n_out: usize) -> Self {
        let inside = |x: f64| x > -0.5 && x <= 0.5;
        Self::new(n_in, n_out, 0.0, 0.5, |x| if inside(x) { 1.0 } else { 0.0 })
    }

    /// Sinc under a sinc three times as wide.
    pub(crate) fn lanczos3(n_in: usize, n_out: usize) -> Self {
        Self::new(n_in, n_out, 0.0, 3.0, lanczos3)
    }

    /// Those of a method where all output pixels lie `shift` of them further right. Boxes count parts of pixels: their
    /// middles alone would move in steps of whole ones.
    #[cfg(feature = "motion")]
    pub(super) fn shifted(resize: Resize, n_in: usize, n_out: usize, shift: f64) -> Self {
        match resize {
            Resize::Triangle => Self::new(n_in, n_out, shift, 1.0, tent),
            Resize::Lanczos3 => Self::new(n_in, n_out, shift, 3.0, lanczos3),
            Resize::Box | Resize::Binning => {
                let half = 0.5 * (count(n_out) / count(n_in)).min(1.0);
                let overlap = |x: f64| (x + half).min(0.5) - (x - half).max(-0.5);
                Self::new(n_in, n_out, shift, 0.5 + half, |x| overlap(x).max(0.0))
            }
            Resize::Nearest => {
                let scale = count(n_in) / count(n_out);
                let place = |x: usize| index((count(x) + 0.5 + shift) * scale).min(n_in - 1);
                Self {
                    starts: (0..n_out).map(place).collect(),
                    values: vec![1.0; n_out],
                    lengths: vec![1; n_out],
                    stride: 1,
                }
            }
        }
    }

    fn new(
        n_in: usize,
        n_out: usize,
        shift: f64,
        support: f64,
        filter: impl Fn(f64) -> f64,
    ) -> Self {
        let scale = count(n_in) / count(n_out);
        let filter_scale = scale.max(1.0);
        let support = support * filter_scale;
        let inverse = 1.0 / filter_scale;
        let stride = index(support.ceil()) * 2 + 1;
        let mut weights = Self {
            starts: Vec::new(),
            values: vec![0.0; stride * n_out],
            lengths: Vec::new(),
            stride,
        };
        for (x, values) in weights.values.chunks_exact_mut(stride).enumerate() {
            let centre = (count(x) + 0.5 + shift) * scale;
            let end = index(centre + support + 0.5).min(n_in);
            let start = index(centre - support + 0.5).min(end);
            let values = &mut values[..end - start];
            let mut sum = 0.0;
            for (i, value) in values.iter_mut().enumerate() {
                *value = filter((count(i + start) - centre + 0.5) * inverse);
                sum += *value;
            }
            if sum != 0.0 {
                for value in values.iter_mut() {
                    *value /= sum;
                }
            }
            weights.starts.push(start);
            weights.lengths.push(end - start);
        }
        weights
    }

    /// Number of output pixels.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// First input pixel and weights of output pixel `i`.
    pub(crate) fn get(&self, i: usize) -> (usize, &[f64]) {
        (
            self.starts[i],
            &self.values[i * self.stride..][..self.lengths[i]],
        )
    }
}

fn tent(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
}

fn lanczos3(x: f64) -> f64 {
    fn sinc(x: f64) -> f64 {
        if x == 0.0 {
            return 1.0;
        }
        let x = x * std::f64::consts::PI;
        x.sin() / x
    }
    if (-3.0..3.0).contains(&x) {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_has_four_weights_inside_and_three_at_the_edge() {
        let weights = Weights::triangle(8, 4);
        assert_eq!(weights.get(1), (1, &[0.125, 0.375, 0.375, 0.125][..]));
        let (start, edge) = weights.get(0);
        assert_eq!(start, 0);
        // 3/8, 3/8, 1/8 divided by their sum 7/8
        for (value, expected) in edge.iter().zip([3.0 / 7.0, 3.0 / 7.0, 1.0 / 7.0]) {
            assert!((value - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn weights_sum_to_one_for_any_sizes() {
        for (n_in, n_out) in [
            (1, 1),
            (1, 7),
            (7, 1),
            (100, 33),
            (33, 100),
            (5, 4),
            (2048, 256),
        ] {
            for weights in [
                Weights::triangle(n_in, n_out),
                Weights::boxes(n_in, n_out),
                Weights::lanczos3(n_in, n_out),
            ] {
                for i in 0..n_out {
                    let (start, values) = weights.get(i);
                    assert!(start + values.len() <= n_in);
                    assert!(
                        (values.iter().sum::<f64>() - 1.0).abs() < 1e-14,
                        "{n_in} to {n_out} at {i}"
                    );
                }
            }
        }
    }
}
