//! Shifts beside a correlation by its definition, and in any blocks.

use crate::common::in_pool;
use crate::texture;
use ndarray::{Array2, Array3, ArrayView2, Axis};
use proptest::prelude::*;
use std::f64::consts::TAU;
use widefield::motion::Rigid;

/// An image without its mean, under a Hann window, in a band of Gaussians; every pixel is a sum over all pixels.
fn filtered(image: ArrayView2<'_, f32>, band_px: [f64; 2]) -> Array2<f64> {
    let mean = image.iter().map(|&v| f64::from(v)).sum::<f64>() / image.len() as f64;
    let hann = |i: usize, n: usize| 0.5 - 0.5 * (TAU * (i + 1) as f64 / (n + 1) as f64).cos();
    let (height, width) = image.dim();
    let windowed = Array2::from_shape_fn((height, width), |(y, x)| {
        (f64::from(image[(y, x)]) - mean) * hann(y, height) * hann(x, width)
    });
    // A Gaussian that goes round the edges, of the same transform as one without end.
    let kernel = |n: usize, sd: f64| -> Vec<f64> {
        let half = n as i32 / 2;
        let at = |d: usize| {
            let all = (0..n as i32).map(|k| if k > half { k - n as i32 } else { k });
            let waves = all.map(|k| {
                let f = f64::from(k) / n as f64;
                (-0.5 * (TAU * f * sd).powi(2)).exp() * (TAU * f * d as f64).cos()
            });
            waves.sum::<f64>() / n as f64
        };
        (0..n).map(at).collect()
    };
    let bands = band_px.map(|sd| (kernel(height, sd), kernel(width, sd)));
    Array2::from_shape_fn((height, width), |(y, x)| {
        let all = windowed.indexed_iter().map(|((v, u), value)| {
            let (dy, dx) = ((y + height - v) % height, (x + width - u) % width);
            let [narrow, wide] = [0, 1].map(|i| bands[i].0[dy] * bands[i].1[dx]);
            value * (narrow - wide)
        });
        all.sum()
    })
}

/// How alike two filtered images are where the content of the first lies `dy` lower and `dx` further right.
fn alike(frame: &Array2<f64>, reference: &Array2<f64>, dy: i32, dx: i32) -> f64 {
    let (height, width) = frame.dim();
    let round = |at: usize, d: i32, n: usize| (at as i32 + d).rem_euclid(n as i32) as usize;
    let pairs = reference
        .indexed_iter()
        .map(|((y, x), value)| value * frame[(round(y, dy, height), round(x, dx, width))]);
    let power = |image: &Array2<f64>| image.iter().map(|v| v * v).sum::<f64>();
    pairs.sum::<f64>() / (power(frame) * power(reference)).sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn equal_to_a_direct_correlation(
        height in 17..28_usize,
        width in 16..30_usize,
        seed: u32,
        dy in -1.5_f64..1.5,
        dx in -1.5_f64..1.5,
    ) {
        let (still, moved) = (texture((height, width), seed, 0.0, 0.0), texture((height, width), seed, dy, dx));
        // A band of this image as pixels of a picture 512 px wide.
        let scale = height.max(width) as f64 / 512.0;
        let rigid = Rigid { band_px: (0.6 / scale, 4.0 / scale), max_shift_px: 2.0 / scale, lowest_peak: 0.0 };
        let fast = rigid.reference(still.view()).unwrap().shift(moved.view()).unwrap();
        prop_assume!(fast.flag.is_none());
        let [still, moved] = [still, moved].map(|image| filtered(image.view(), [0.6, 4.0]));
        let places = (-4..=4).flat_map(|dy| (-4..=4).map(move |dx| (dy, dx)));
        let heights = places.map(|(dy, dx)| (alike(&moved, &still, dy, dx), dy, dx));
        let (peak, y, x) = heights.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        // The top of the parabola, by the sums of least squares.
        let at = |dy: i32, dx: i32| alike(&moved, &still, y + dy, x + dx);
        let line = |f: &dyn Fn(i32) -> f64| (0.5 * (f(1) - f(-1)), f(1) - 2.0 * f(0) + f(-1));
        let row = |dy: i32| (-1..=1).map(|dx| at(dy, dx)).sum::<f64>() / 3.0;
        let column = |dx: i32| (-1..=1).map(|dy| at(dy, dx)).sum::<f64>() / 3.0;
        let ((b, bb), (c, cc)) = (line(&row), line(&column));
        let bc = 0.25 * (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1));
        let off = [fast.dy_px - f64::from(y), fast.dx_px - f64::from(x)];
        if off.iter().all(|off| off.abs() < 1.0) {
            // The slope of the parabola is 0 there. Transforms in f32 round.
            let slope = [b + bb * off[0] + bc * off[1], c + bc * off[0] + cc * off[1]];
            prop_assert!(slope.iter().all(|slope| slope.abs() < 1e-4), "{:?} {:?}", fast, slope);
        }
        prop_assert!(fast.peak > peak - 1e-4 && fast.peak < peak + 0.2, "{:?} {}", fast, peak);
    }

    #[test]
    fn blocks_threads_and_strides_do_not_matter(seed: u32, length in 1..6_usize, threads in 1..4_usize) {
        let still = texture((40, 52), seed, 0.0, 0.0);
        let reference = Rigid::default().reference(still.view()).unwrap();
        let mut movie = Array3::zeros((9, 40, 52));
        for (t, mut frame) in movie.outer_iter_mut().enumerate() {
            frame.assign(&texture((40, 52), seed, 0.3 * t as f64 - 1.0, 1.0 - 0.2 * t as f64));
        }
        movie[(4, 2, 2)] = f32::NAN;
        let whole = reference.shifts(movie.view()).unwrap();
        let blocks = in_pool(threads, || {
            let reference = Rigid::default().reference(still.view()).unwrap();
            let blocks = movie.axis_chunks_iter(Axis(0), length);
            blocks.flat_map(|block| reference.shifts(block).unwrap()).collect::<Vec<_>>()
        });
        prop_assert_eq!(&blocks, &whole);
        let turned = movie.permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
        let strided = reference.shift(turned.index_axis(Axis(0), 3).t()).unwrap();
        prop_assert_eq!(strided, whole[3]);
    }
}
