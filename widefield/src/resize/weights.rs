//! Filter weights of one axis, in the order of operations of Pillow's `precompute_coeffs`.

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
        Self::new(n_in, n_out, 1.0, |x| {
            let x = x.abs();
            if x < 1.0 { 1.0 - x } else { 0.0 }
        })
    }

    /// Box of half an output pixel to either side when shrinking, half an input pixel when growing.
    pub(crate) fn boxes(n_in: usize, n_out: usize) -> Self {
        let inside = |x: f64| x > -0.5 && x <= 0.5;
        Self::new(n_in, n_out, 0.5, |x| if inside(x) { 1.0 } else { 0.0 })
    }

    /// Sinc under a sinc three times as wide.
    pub(crate) fn lanczos3(n_in: usize, n_out: usize) -> Self {
        fn sinc(x: f64) -> f64 {
            if x == 0.0 {
                return 1.0;
            }
            let x = x * std::f64::consts::PI;
            x.sin() / x
        }
        let inside = |x: f64| (-3.0..3.0).contains(&x);
        Self::new(n_in, n_out, 3.0, |x| {
            if inside(x) {
                sinc(x) * sinc(x / 3.0)
            } else {
                0.0
            }
        })
    }

    fn new(n_in: usize, n_out: usize, support: f64, filter: impl Fn(f64) -> f64) -> Self {
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
            let centre = (count(x) + 0.5) * scale;
            let start = index(centre - support + 0.5);
            let end = index(centre + support + 0.5).min(n_in);
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
