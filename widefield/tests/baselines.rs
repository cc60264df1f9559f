//! Baselines, denominators and outputs: against slow versions, in blocks, and for input nobody means.

mod common;

use common::{OnDisk, in_pool};
use ndarray::{Array1, Array2, Array3, ArrayView3, Axis, s};
use proptest::prelude::*;
use widefield::baseline::Span;
use widefield::{
    Baseline, DeltaF, Denominator, Error, Mask, MovieSource, Quantity, Subtract, direct,
};

/// Every baseline, for a movie of at least 4 frames.
fn baselines(frames: usize, span: usize) -> Vec<Baseline> {
    let span = Span::frames(span);
    vec![
        Baseline::frames(1..3),
        Baseline::Mean,
        Baseline::Median,
        Baseline::Percentile { percentile: 0.0 },
        Baseline::Percentile { percentile: 23.0 },
        Baseline::Percentile { percentile: 100.0 },
        Baseline::SlidingPercentile {
            percentile: 8.0,
            span,
        },
        Baseline::Maximin {
            smoothing: Span::Frames { frames: 1.5 },
            span,
        },
        Baseline::Maximin {
            smoothing: Span::frames(0),
            span,
        },
        Baseline::Bleaching { frames: None },
        Baseline::Bleaching {
            frames: Some(0..frames.min(3)),
        },
    ]
}

/// Every way to divide and to give.
fn ways(baseline: &Baseline) -> Vec<DeltaF> {
    let denominators = [
        Denominator::F0,
        Denominator::Floor(30_000.0),
        Denominator::Noise(2.0),
    ];
    let all = denominators.into_iter().flat_map(|denominator| {
        [Quantity::DeltaF, Quantity::Ratio].map(|output| {
            DeltaF::new(baseline.clone())
                .denominator(denominator)
                .quantity(output)
        })
    });
    all.collect()
}

/// Counts of which every baseline can be taken.
fn movie(
    frames: std::ops::Range<usize>,
    side: std::ops::Range<usize>,
) -> impl Strategy<Value = Array3<f32>> {
    (frames, side.clone(), side).prop_flat_map(|(t, y, x)| {
        prop::collection::vec(20_000.0_f32..60_000.0, t * y * x)
            .prop_map(move |values| Array3::from_shape_vec((t, y, x), values).unwrap())
    })
}

fn bits(values: ArrayView3<'_, f32>) -> Vec<u32> {
    // Which NaN does not matter.
    let bits = |value: &f32| {
        if value.is_nan() {
            u32::MAX
        } else {
            value.to_bits()
        }
    };
    values.iter().map(bits).collect()
}

/// Values of a whole movie, block after block of `length` frames.
fn in_blocks(
    how: &DeltaF,
    movie: &Array3<f32>,
    subtract: &Subtract,
    mask: &Mask,
    length: usize,
    on_disk: bool,
) -> Result<(Vec<u32>, Array2<f64>, usize), Error> {
    let mut out = Array3::zeros(movie.raw_dim());
    let blocks = movie.axis_chunks_iter(Axis(0), length);
    let outs = out.axis_chunks_iter_mut(Axis(0), length);
    let stored = OnDisk(movie.clone());
    let source: &dyn MovieSource = if on_disk { &stored } else { movie };
    let normaliser = how.prepare(source, subtract, mask)?;
    for (i, (block, out)) in blocks.zip(outs).enumerate() {
        normaliser.block_into(source, i * length, block, out)?;
    }
    let f0 = normaliser.f0().image().to_owned();
    Ok((bits(out.view()), f0, normaliser.nonfinite_pixels()))
}

proptest! {
    #[test]
    fn values_equal_the_slow_version(
        movie in movie(4..14, 1..6),
        span in 1..20_usize,
        background in 0.0_f64..30_000.0,
        clamp_negative: bool,
    ) {
        let subtract = Subtract { background, clamp_negative };
        let (n, height, width) = movie.dim();
        let mask = Mask::keep_all((height, width));
        for baseline in baselines(n, span) {
            if matches!(baseline, Baseline::Bleaching { .. }) {
                continue;
            }
            for how in ways(&baseline) {
                let normaliser = how.prepare(&movie.view(), &subtract, &mask).unwrap();
                let mut out = Array3::zeros(movie.raw_dim());
                normaliser.block_into(&movie.view(), 0, movie.view(), out.view_mut()).unwrap();
                for ((y, x), mean_f0) in normaliser.f0().image().indexed_iter() {
                    let trace: Vec<f64> =
                        movie.slice(s![.., y, x]).iter().map(|&count| subtract.value(count)).collect();
                    let f0 = direct::baseline(&trace, &baseline);
                    let mean = f0.iter().sum::<f64>() / f0.len() as f64;
                    prop_assert!((mean_f0 - mean).abs() <= 1e-11 * 60_000.0, "{}: {} and {}", how, mean_f0, mean);
                    let words = how.to_string();
                    for (t, (value, f0)) in trace.iter().zip(f0).enumerate() {
                        let denominator = if words.contains("counts") {
                            f0.max(30_000.0)
                        } else if words.contains("noise") {
                            f0.max(2.0 * direct::noise(&trace))
                        } else {
                            f0
                        };
                        let slow = (value - f0) / denominator + f64::from(u8::from(words.starts_with('F')));
                        let found = f64::from(out[(t, y, x)]);
                        let same = found == slow || (found.is_nan() && slow.is_nan());
                        // An F0 near 0 makes its last digits the first ones of the quotient.
                        let close = (found - slow).abs() <= 2e-7 * slow.abs().max(1.0) * (1.0 + 1e-3 / denominator.abs());
                        prop_assert!(same || close, "{} at {}: {} and {}, F0 {}", how, t, found, slow, f0);
                    }
                }
            }
        }
    }

    #[test]
    fn blocks_and_files_give_the_bits_of_the_whole(
        movie in movie(4..14, 1..6),
        span in 1..20_usize,
        length in 1..6_usize,
    ) {
        let subtract = Subtract { background: 900.3, clamp_negative: true };
        let (n, height, width) = movie.dim();
        let mask = Mask::from_kept(Array2::from_shape_fn((height, width), |(y, x)| (y + 2 * x) % 3 != 1));
        for baseline in baselines(n, span) {
            for how in ways(&baseline) {
                let whole = in_blocks(&how, &movie, &subtract, &mask, n, false);
                prop_assert_eq!(&in_blocks(&how, &movie, &subtract, &mask, length, false), &whole, "{}", how);
                prop_assert_eq!(&in_blocks(&how, &movie, &subtract, &mask, length, true), &whole, "{}, file", how);
            }
        }
    }

    #[test]
    fn gain_changes_nothing_and_an_offset_is_taken_off(movie in movie(4..14, 1..5), span in 1..20_usize, gain in 0.25_f32..4.0) {
        for baseline in baselines(movie.dim().0, span) {
            for denominator in [Denominator::F0, Denominator::Noise(3.0)] {
                let how = DeltaF::new(baseline.clone()).denominator(denominator);
                let (_, height, width) = movie.dim();
                let values = |movie: &Array3<f32>, background| {
                    let subtract = Subtract { background, clamp_negative: false };
                    let mut out = Array3::zeros(movie.raw_dim());
                    let normaliser = how.prepare(&movie.view(), &subtract, &Mask::keep_all((height, width))).unwrap();
                    normaliser.block_into(&movie.view(), 0, movie.view(), out.view_mut()).unwrap();
                    out
                };
                let one = values(&movie, 0.0);
                let other = values(&movie.mapv(|count| gain * count + 4096.0), 4096.0);
                for (one, other) in one.iter().zip(&other) {
                    // Counts plus offset are rounded to f32, by up to 2^-7 of at least 250 counts; a bleaching
                    // curve is found to 1e-6 of the light.
                    prop_assert!((one - other).abs() <= 2e-4 * (1.0 + one.abs()), "{}: {} and {}", how, one, other);
                }
            }
        }
    }

    #[test]
    fn values_flip_and_turn_with_the_movie(movie in movie(4..14, 1..6), span in 1..20_usize) {
        for baseline in baselines(movie.dim().0, span) {
            // The sum over all pixels takes them in another order.
            let exact = !matches!(baseline, Baseline::Bleaching { .. });
            for how in ways(&baseline) {
                let straight = how.compute(movie.view()).unwrap();
                let flipped = how.compute(movie.slice(s![.., ..;-1, ..])).unwrap();
                let turned = how.compute(movie.view().permuted_axes([0, 2, 1])).unwrap();
                let flipped = flipped.values.slice_move(s![.., ..;-1, ..]);
                let turned = turned.values.permuted_axes([0, 2, 1]);
                for ((one, two), three) in straight.values.iter().zip(&flipped).zip(&turned) {
                    let allowed = if exact { 0.0 } else { 1e-4 };
                    prop_assert!((one - two).abs() <= allowed && (one - three).abs() <= allowed, "{}", how);
                }
            }
        }
    }

    #[test]
    fn any_movie_gives_values_or_a_typed_error(
        (t, y, x) in (0..7_usize, 0..3_usize, 0..3_usize),
        span in 0..9_usize,
        percent in -5.0_f64..105.0,
        numbers in prop::collection::vec(prop_oneof![
            4 => 0.0_f32..100.0,
            2 => Just(0.0_f32),
            1 => any::<f32>(),
            1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::MAX, -0.0, 1e-45]),
        ], 54),
        kept: bool,
    ) {
        let movie = Array3::from_shape_fn((t, y, x), |(t, y, x)| numbers[(t * y + x * 7 + y * 3 + t * 11) % 54]);
        let mask = Mask::from_kept(Array2::from_elem((y, x), kept));
        let subtract = Subtract { background: 10.0, clamp_negative: true };
        let mut all = baselines(t, span);
        all.push(Baseline::Percentile { percentile: percent });
        for baseline in all {
            for how in ways(&baseline) {
                if let Ok((values, f0, nonfinite)) = in_blocks(&how, &movie, &subtract, &mask, 2, true) {
                    prop_assert_eq!((values.len(), f0.len()), (movie.len(), y * x));
                    prop_assert!(nonfinite <= y * x);
                    // A pixel that is not counted has finite values wherever its counts are.
                    if nonfinite == 0 && kept && numbers.iter().all(|number| number.abs() < 1e30) {
                        prop_assert!(values.iter().all(|&bits| f32::from_bits(bits).is_finite()), "{}", how);
                    }
                }
                let _ = how.compute(movie.view());
            }
        }
    }
}

#[test]
fn values_do_not_depend_on_the_number_of_threads() {
    let movie = Array3::from_shape_fn((60, 70, 150), |(t, y, x)| {
        let noise = ((t * 31 + y * 7919 + x * 104_729 + x * y) % 97) as f32;
        3000.0 * (-(t as f32) / 200.0).exp() + 10.0 * y as f32 + noise
    });
    let mask = Mask::from_kept(Array2::from_shape_fn((70, 150), |(y, x)| x > y));
    let subtract = Subtract {
        background: 90.0,
        clamp_negative: true,
    };
    for baseline in baselines(60, 25) {
        let how = DeltaF::new(baseline).denominator(Denominator::Noise(4.0));
        let all = || in_blocks(&how, &movie, &subtract, &mask, 7, true).unwrap();
        let one = in_pool(1, all);
        for threads in [2, 5] {
            assert!(in_pool(threads, all) == one, "{how}, {threads} threads");
        }
    }
}

#[test]
fn zero_light_is_counted_and_a_floor_mends_it() {
    // Pixel 0 is dark throughout, pixel 1 in one frame, pixel 2 never.
    let traces = [[0.0; 5], [4.0, 4.0, 0.0, 4.0, 4.0], [4.0; 5]];
    let movie = Array3::from_shape_fn((5, 1, 3), |(t, _, x)| traces[x][t]);
    let sliding = Baseline::SlidingPercentile {
        percentile: 0.0,
        span: Span::frames(1),
    };
    for (baseline, lost) in [(Baseline::Median, 1), (sliding, 2)] {
        let how = DeltaF::new(baseline.clone());
        let dff = how.compute(movie.view()).unwrap();
        assert_eq!(dff.nonfinite_pixels, lost, "{how}");
        assert!(
            dff.values
                .slice(s![.., .., 0])
                .iter()
                .all(|v| !v.is_finite())
        );
        let how = how.denominator(Denominator::Floor(2.0));
        let dff = how.compute(movie.view()).unwrap();
        assert_eq!(dff.nonfinite_pixels, 0, "{how}");
        assert!(dff.values.iter().all(|value| value.is_finite()));
        let zero = DeltaF::new(baseline).denominator(Denominator::Floor(0.0));
        assert_eq!(zero.compute(movie.view()).unwrap().nonfinite_pixels, lost);
    }
}

#[test]
fn one_frame_and_one_pixel_have_documented_results() {
    let movie = Array3::from_elem((1, 1, 1), 50.0_f32);
    for baseline in baselines(1, 3) {
        let dff = DeltaF::new(baseline.clone()).compute(movie.view());
        match baseline {
            Baseline::Frames(_) => assert!(matches!(dff, Err(Error::BaselineBeyondEnd { .. }))),
            Baseline::Bleaching { .. } => {
                assert!(
                    matches!(dff, Err(Error::TooFewFrames { found: 1, .. })),
                    "{dff:?}"
                );
            }
            _ => assert_eq!(dff.unwrap().values[(0, 0, 0)], 0.0, "{baseline}"),
        }
    }
    let noise = DeltaF::new(Baseline::Mean).denominator(Denominator::Noise(1.0));
    let error = noise.compute(movie.view()).unwrap_err();
    assert!(matches!(error, Error::TooFewFrames { needed: 2, .. }));
    for baseline in baselines(4, 3) {
        let none = DeltaF::new(baseline).compute(Array3::zeros((0, 2, 2)).view());
        assert!(none.is_err());
    }
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        for denominator in [Denominator::Floor(wrong), Denominator::Noise(wrong)] {
            let how = DeltaF::new(Baseline::Mean).denominator(denominator);
            let error = how.compute(Array3::ones((4, 2, 2)).view()).unwrap_err();
            assert!(matches!(error, Error::Parameter { .. }));
        }
    }
}

#[test]
fn a_constant_movie_has_no_change_whatever_the_baseline() {
    let movie = Array3::from_elem((9, 2, 3), 700.0_f32);
    for baseline in baselines(9, 4) {
        let how = DeltaF::new(baseline);
        let dff = how.compute(movie.view()).unwrap();
        assert!(dff.values.iter().all(|value| value.abs() < 1e-12), "{how}");
        assert!(dff.f0.iter().all(|f0| (f0 - 700.0).abs() < 1e-9), "{how}");
        let ratio = how.quantity(Quantity::Ratio).compute(movie.view()).unwrap();
        assert!(ratio.values.iter().all(|value| *value == 1.0));
    }
}

#[test]
fn bleaching_is_taken_out_of_every_pixel() {
    let fade = |t: usize| 0.3 * (-(t as f32) / 50.0).exp() + 0.7;
    let movie = Array3::from_shape_fn((120, 4, 5), |(t, y, x)| {
        fade(t) * (1000 + 200 * y + 77 * x) as f32
    });
    let how = DeltaF::new(Baseline::Bleaching {
        frames: Some(9..12),
    });
    let dff = how.compute(movie.view()).unwrap();
    assert!(dff.values.iter().all(|value| value.abs() < 1e-5));
    let normaliser = how
        .prepare(&movie.view(), &Subtract::NOTHING, &Mask::keep_all((4, 5)))
        .unwrap();
    let curve = Array1::from(normaliser.f0().curve().unwrap().to_vec());
    assert!((curve.mean().unwrap() - 1.0).abs() < 1e-12);
    let ratio = curve[119] / curve[0];
    assert!((ratio - f64::from(fade(119) / fade(0))).abs() < 1e-6);
    // Masked pixels have no say, and become NaN.
    let mut spoilt = movie.clone();
    spoilt.slice_mut(s![.., 0, 0]).fill(f32::NAN);
    let dff = how.compute(spoilt.view()).unwrap();
    assert!(dff.values[(5, 0, 0)].is_nan() && dff.values[(5, 1, 1)].abs() < 1e-5);
    assert_eq!(dff.nonfinite_pixels, 0);
}

#[test]
fn a_block_beyond_the_movie_is_refused() {
    let movie = Array3::from_shape_fn((6, 2, 2), |(t, y, x)| (100 + t + y + x) as f32);
    for baseline in [
        Baseline::Bleaching { frames: None },
        Baseline::Maximin {
            smoothing: Span::frames(1),
            span: Span::frames(3),
        },
    ] {
        let how = DeltaF::new(baseline);
        let mask = Mask::keep_all((2, 2));
        let normaliser = how
            .prepare(&movie.view(), &Subtract::NOTHING, &mask)
            .unwrap();
        let mut out = Array3::zeros((2, 2, 2));
        let block = movie.slice(s![..2, .., ..]);
        for first in [5, usize::MAX] {
            let wrong = normaliser.block_into(&movie.view(), first, block, out.view_mut());
            assert!(matches!(wrong, Err(Error::Shape { .. })), "{how}");
        }
        let turned = out.view_mut().permuted_axes([0, 2, 1]);
        assert!(
            normaliser
                .block_into(&movie.view(), 4, block, turned)
                .is_ok()
        );
    }
}

#[test]
fn f0_that_follows_long_traces_is_the_same_in_blocks_of_any_length_and_order() {
    // Wider than the pixels that are worked on together, and longer than the frames whose F0 is made at a time.
    let mut state = 7_u32;
    let movie = Array3::from_shape_simple_fn((150, 2, 37), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        20_000.0 + f32::from((state >> 17) as u16)
    });
    let subtract = Subtract {
        background: 300.0,
        clamp_negative: true,
    };
    let mut kept = Array2::from_elem((2, 37), true);
    kept[(1, 36)] = false;
    kept.slice_mut(s![0, ..32]).fill(false);
    let mask = Mask::from_kept(kept.clone());
    for span in [1, 41, 140, 1000] {
        for baseline in [
            Baseline::SlidingPercentile {
                percentile: 8.0,
                span: Span::frames(span),
            },
            Baseline::Maximin {
                smoothing: Span::frames(3),
                span: Span::frames(span),
            },
        ] {
            let how = DeltaF::new(baseline.clone());
            let whole = in_blocks(&how, &movie, &subtract, &mask, 150, false).unwrap();
            for (length, on_disk) in [(7, false), (7, true), (33, true), (64, false)] {
                let parts = in_blocks(&how, &movie, &subtract, &mask, length, on_disk).unwrap();
                assert_eq!(parts, whole, "{how} in blocks of {length}");
            }
            let normaliser = how.prepare(&movie, &subtract, &mask).unwrap();
            let mut out = Array3::zeros(movie.raw_dim());
            for first in (0..150).step_by(10).rev() {
                let range = s![first..first + 10, .., ..];
                let block = movie.slice(range);
                normaliser
                    .block_into(&movie, first, block, out.slice_mut(range))
                    .unwrap();
            }
            assert_eq!(bits(out.view()), whole.0, "{how} backwards");
            for place in [(0, 33), (1, 0), (1, 31)] {
                let trace: Vec<f64> = (0..150)
                    .map(|t| subtract.value(movie[(t, place.0, place.1)]))
                    .collect();
                for (t, f0) in direct::baseline(&trace, &baseline).into_iter().enumerate() {
                    let want = (trace[t] - f0) / f0;
                    let found = f64::from(out[(t, place.0, place.1)]);
                    assert!((found - want).abs() < 1e-6, "{how}: {found}, {want}");
                }
            }
        }
    }
}
