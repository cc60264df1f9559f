//! dF/F of a movie of counts.

use std::ops::Range;

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView2, ArrayView3, Axis};
use widefield::baseline::Span;
use widefield::{Baseline, DeltaF, Denominator, Mask, Quantity, Subtract, dff, direct};

use super::{Failure, Variant};

/// dF/F of a movie `(t, y, x)` of counts, NaN where not kept.
pub type Run =
    fn(ArrayView3<'_, f32>, &Subtract, ArrayView2<'_, bool>) -> Result<Array3<f32>, Failure>;

/// Frames of the baseline, as in the default analysis.
const BASELINE: Range<usize> = 9..12;

/// Ways to compute dF/F. Differences are in dF/F.
pub const VARIANTS: &[Variant<Run>] = &[
    Variant {
        name: "frames",
        run: frames,
        within: Some(1e-6),
        slow: false,
    },
    Variant {
        name: "frames_clean_movie",
        run: frames_clean_movie,
        within: Some(1e-5),
        slow: false,
    },
    Variant {
        name: "frames_f32_reciprocal",
        run: frames_f32_reciprocal,
        within: Some(1e-4),
        slow: false,
    },
    Variant {
        name: "mean_of_all",
        run: mean_of_all,
        within: None,
        slow: false,
    },
    Variant {
        name: "median",
        run: |movie, subtract, kept| by(&DeltaF::new(Baseline::Median), movie, subtract, kept),
        within: None,
        slow: false,
    },
    Variant {
        name: "percentile_10",
        run: |movie, subtract, kept| {
            by(
                &DeltaF::new(Baseline::Percentile { percentile: 10.0 }),
                movie,
                subtract,
                kept,
            )
        },
        within: None,
        slow: false,
    },
    Variant {
        name: "sliding_percentile_8",
        run: sliding_percentile_8,
        within: None,
        slow: false,
    },
    Variant {
        name: "maximin",
        run: maximin,
        within: None,
        slow: false,
    },
    Variant {
        name: "bleaching",
        run: bleaching,
        within: None,
        slow: false,
    },
    Variant {
        name: "floor_50_counts",
        run: floor_50_counts,
        within: None,
        slow: false,
    },
    Variant {
        name: "floor_3_times_noise",
        run: floor_3_times_noise,
        within: None,
        slow: false,
    },
    Variant {
        name: "ratio_minus_1",
        run: ratio_minus_1,
        within: Some(1e-6),
        slow: false,
    },
    Variant {
        name: "direct",
        run: by_definition,
        within: Some(0.0),
        slow: true,
    },
];

/// Everything in f64, pixel by pixel.
#[must_use]
pub fn reference(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Array3<f32> {
    direct::dff(movie, subtract, BASELINE, kept).mapv(single)
}

fn by_definition(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    Ok(reference(movie, subtract, kept))
}

/// What the job does: the subtracted movie is never made.
fn frames(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    over(BASELINE, movie, subtract, kept)
}

/// F0 over all frames: less noise, but the response is part of it.
fn mean_of_all(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    over(0..movie.len_of(Axis(0)), movie, subtract, kept)
}

fn over(
    baseline: Range<usize>,
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let f0 = Baseline::frames(baseline).f0(movie, subtract)?;
    let mask = Mask::from_kept(kept.to_owned());
    let mut out = Array3::zeros(movie.raw_dim());
    dff::normalise_into(movie, subtract, f0.view(), &mask, out.view_mut())?;
    Ok(out)
}

/// What the library makes of a movie that is all there.
fn by(
    how: &DeltaF,
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let mask = Mask::from_kept(kept.to_owned());
    let normaliser = how.prepare(&movie, subtract, &mask)?;
    let mut out = Array3::zeros(movie.raw_dim());
    normaliser.block_into(&movie, 0, movie, out.view_mut())?;
    Ok(out)
}

/// Frames around each that F0 is taken from where it follows the trace: 5 s.
const SPAN_FRAMES: usize = 100;

/// The 8th percentile of the frames around each.
fn sliding_percentile_8(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let baseline = Baseline::SlidingPercentile {
        percentile: 8.0,
        span: Span::frames(SPAN_FRAMES),
    };
    by(&DeltaF::new(baseline), movie, subtract, kept)
}

/// The lower envelope of the trace, smoothed over 0.5 s.
fn maximin(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let baseline = Baseline::Maximin {
        smoothing: Span::frames(10),
        span: Span::frames(SPAN_FRAMES),
    };
    by(&DeltaF::new(baseline), movie, subtract, kept)
}

/// The default frames, fading as the brain as a whole does.
fn bleaching(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let baseline = Baseline::Bleaching {
        frames: Some(BASELINE),
    };
    by(&DeltaF::new(baseline), movie, subtract, kept)
}

/// Divided by at least 50 counts.
fn floor_50_counts(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let how = DeltaF::new(Baseline::frames(BASELINE)).denominator(Denominator::Floor(50.0));
    by(&how, movie, subtract, kept)
}

/// Divided by at least 3 times the noise of the pixel, which is read off all frames first.
fn floor_3_times_noise(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let how = DeltaF::new(Baseline::frames(BASELINE)).denominator(Denominator::Noise(3.0));
    by(&how, movie, subtract, kept)
}

/// F / F0, rounded to f32, less 1: what a reader of such files has.
fn ratio_minus_1(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let how = DeltaF::new(Baseline::frames(BASELINE)).quantity(Quantity::Ratio);
    let mut ratio = by(&how, movie, subtract, kept)?;
    ratio -= 1.0;
    Ok(ratio)
}

/// Subtract, mask and divide one after the other, a whole movie each.
fn frames_clean_movie(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let mut clean = subtract.movie(movie);
    Mask::from_kept(kept.to_owned()).apply(clean.view_mut())?;
    Ok(DeltaF::new(Baseline::frames(BASELINE))
        .compute(clean.view())?
        .values)
}

/// In f32, and multiplied by 1 / F0 instead of divided by F0: less exact.
fn frames_f32_reciprocal(
    movie: ArrayView3<'_, f32>,
    subtract: &Subtract,
    kept: ArrayView2<'_, bool>,
) -> Result<Array3<f32>, Failure> {
    let f0 = Baseline::frames(BASELINE).f0(movie, subtract)?;
    let mut factor = f0.mapv(|f0| single(1.0 / f0));
    factor.zip_mut_with(&kept, |factor, &kept| {
        if !kept {
            *factor = f32::NAN;
        }
    });
    let background = single(subtract.background);
    let floor = if subtract.clamp_negative {
        0.0
    } else {
        f32::NEG_INFINITY
    };
    let mut out = Array3::zeros(movie.raw_dim());
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(movie.axis_iter(Axis(0)))
        .for_each(|(out, frame)| {
            ndarray::Zip::from(out)
                .and(frame)
                .and(&factor)
                .for_each(|out, &count, &factor| {
                    *out = (count - background).max(floor) * factor - 1.0;
                });
        });
    Ok(out)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to what files hold"
)]
fn single(value: f64) -> f32 {
    value as f32
}
