//! Motion: found where the truth is known, taken away, judged; and for input nobody means.
#![allow(clippy::cast_possible_truncation, reason = "made images")]

#[allow(dead_code, reason = "of what is common, only the threads are needed")]
#[path = "../common/mod.rs"]
mod common;
mod direct;
mod shifted;
#[cfg(feature = "simulate")]
mod simulated;
mod spots;

use ndarray::Array2;
use widefield::Size;

pub(crate) fn square(side: usize) -> Size {
    Size {
        width: side,
        height: side,
    }
}

/// Numbers from 0 to 1 that look random and are the same everywhere.
pub(crate) fn randoms(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24)
    }
}

/// A spot that no turn or flip leaves as it is, with its middle at (y, x), on a picture of `side` pixels.
pub(crate) fn spot(side: usize, y0: f32, x0: f32) -> Array2<f32> {
    Array2::from_shape_fn((side, side), |(y, x)| {
        let (y, x) = (y as f32 - y0, x as f32 - x0);
        let bell = |y: f32, x: f32, sd: f32| (-(y * y + x * x) / (2.0 * sd * sd)).exp();
        100.0
            + 900.0 * bell(y, 0.4 * x, 3.0)
            + 700.0 * bell(y - 9.0, x - 2.0, 2.0)
            + 400.0 * bell(y + 3.0, x + 14.0, 4.0)
    })
}

/// Soft structure of all sizes that depends on a seed, moved.
pub(crate) fn texture(dim: (usize, usize), seed: u32, dy: f64, dx: f64) -> Array2<f32> {
    let mut next = randoms(seed);
    let bells: Vec<[f64; 4]> = (0..30)
        .map(|_| {
            let (y, x) = (next() * dim.0 as f64, next() * dim.1 as f64);
            [y, x, 0.8 + 1.5 * next(), next() - 0.4]
        })
        .collect();
    Array2::from_shape_fn(dim, |(y, x)| {
        let all = bells.iter().map(|[y0, x0, sd, height]| {
            let (y, x) = (y as f64 - y0 - dy, x as f64 - x0 - dx);
            height * (-(y * y + x * x) / (2.0 * sd * sd)).exp()
        });
        (500.0 + 300.0 * all.sum::<f64>()) as f32
    })
}
