//! F0 that follows the trace over a long recording, beside the same by definition.
//!
//! `RAYON_NUM_THREADS=1 cargo run --release -p widefield-benches --example long_recording -- 6000 64 1200`
//!
//! Arguments: frames, side of a frame, length of the window in frames. A few pixels are made by definition, and compared.

use std::time::Instant;

use ndarray::{Array3, s};
use widefield::baseline::Span;
use widefield::{Baseline, DeltaF, Mask, Subtract, direct};
use widefield_benches::Failure;

/// Pixels that are made by definition.
const PIXELS: usize = 8;

fn main() -> Result<(), Failure> {
    let given = |nth: usize, default| {
        let argument = std::env::args().nth(nth);
        argument.map_or(Ok(default), |text| text.parse::<usize>())
    };
    let (frames, side, span) = (given(1, 6000)?, given(2, 64)?, given(3, 1200)?);
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap_or(0)) / 65536.0
    };
    let movie = Array3::from_shape_simple_fn((frames, side, side), || {
        1000.0 + (200.0 * (next() + next() + next())).round()
    });
    let subtract = Subtract {
        background: 100.0,
        clamp_negative: true,
    };
    let mask = Mask::keep_all((side, side));
    let span = Span::frames(span);
    for baseline in [
        Baseline::Maximin {
            smoothing: Span::frames(10),
            span,
        },
        Baseline::SlidingPercentile {
            percentile: 8.0,
            span,
        },
    ] {
        let start = Instant::now();
        let normaliser = DeltaF::new(baseline.clone()).prepare(&movie, &subtract, &mask)?;
        let mut dff = Array3::zeros(movie.dim());
        normaliser.block_into(&movie, 0, movie.view(), dff.view_mut())?;
        let pixels = (side * side) as f64;
        let fast = start.elapsed().as_secs_f64() / pixels;

        let start = Instant::now();
        let places = (0..PIXELS).map(|i| (i * side / PIXELS, i * 5 % side));
        let mut off = 0.0_f64;
        for (y, x) in places.clone() {
            let counts = movie.slice(s![.., y, x]);
            let trace: Vec<f64> = counts.iter().map(|&c| subtract.value(c)).collect();
            let f0 = direct::baseline(&trace, &baseline);
            let made = dff.slice(s![.., y, x]);
            for ((f, f0), made) in trace.iter().zip(f0).zip(made) {
                off = off.max(((f - f0) / f0 - f64::from(*made)).abs());
            }
        }
        let slow = start.elapsed().as_secs_f64() / PIXELS as f64;
        println!(
            "{baseline}: {:.3} ms a pixel, by definition {:.1} ms, {:.0} times as long; largest difference {off:.1e}",
            1e3 * fast,
            1e3 * slow,
            slow / fast
        );
    }
    Ok(())
}
