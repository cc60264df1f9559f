//! Background estimators: errors stated, invariances, and input nobody means.

use ndarray::{Array2, Array3, Axis, s};
use proptest::prelude::*;
use widefield::background::Rectangle;
use widefield::{Background, Error, GaussianFit, smooth};

/// Every estimator.
fn estimators(sd: f64, percent: f64, part: Rectangle) -> [Background; 7] {
    [
        Background::GaussianFit {
            smoothing_sd_px: Some(sd),
        },
        Background::CoarseFit {
            smoothing_sd_px: Some(sd),
            step_px: Some(2),
        },
        Background::BoundedFit {
            smoothing_sd_px: Some(sd),
        },
        Background::Percentile {
            percentile: percent,
        },
        Background::Mode,
        Background::Rectangle { rectangle: part },
        Background::Constant { counts: 100.0 },
    ]
}

const CORNER: Rectangle = Rectangle {
    x: 1,
    y: 2,
    width: 5,
    height: 4,
};

/// Light around the middle of a frame on 60 counts, with noise of a few counts.
fn faded(height: usize, width: usize) -> Array2<f32> {
    Array2::from_shape_fn((height, width), |(y, x)| {
        let dx = (x as f32 - 0.46 * width as f32) / (0.21 * width as f32);
        let dy = (y as f32 - 0.55 * height as f32) / (0.17 * height as f32);
        let noise = ((x * 7919 + y * 104_729 + x * y) % 13) as f32;
        60.0 + 20_000.0 * (-0.5 * (dx * dx + dy * dy + 0.4 * dx * dy)).exp() + noise
    })
}

/// A window with hard edges and flat light on 100 counts.
fn window(height: usize, width: usize) -> Array2<f32> {
    Array2::from_shape_fn((height, width), |(y, x)| {
        let inside = (x as f32 - 0.5 * width as f32).hypot(y as f32 - 0.48 * height as f32);
        let noise = ((x * 7919 + y * 104_729 + x * y) % 13) as f32;
        noise
            + if inside < 0.37 * width as f32 {
                30_000.0
            } else {
                94.0
            }
    })
}

fn value(background: Background, frame: &Array2<f32>) -> f64 {
    background.estimate(frame.view()).unwrap().value
}

#[test]
fn what_is_fitted_does_not_depend_on_the_size_of_the_frame() {
    let level = |side, smoothing_sd_px| {
        let fit = Background::GaussianFit { smoothing_sd_px };
        let level = fit.estimate(window(side, side).view());
        level.expect("a window is fitted").value
    };
    let usual = level(256, None);
    assert_eq!(usual, level(256, Some(30.0)));
    for side in [128, 512, 1024] {
        let off = (level(side, None) - usual).abs();
        let fixed = (level(side, Some(30.0)) - usual).abs();
        assert!(off < 60.0 && fixed > 10.0 * off, "{side}: {off}, {fixed}");
    }
}

#[test]
fn a_coarse_fit_is_as_close_to_the_full_one_as_it_says() {
    let frames = [
        ((256, 256), 30.0, [7, 3]),
        ((250, 311), 24.0, [6, 3]),
        ((128, 128), 16.0, [4, 2]),
    ];
    for (sides, sd, steps) in frames {
        let frame = faded(sides.0, sides.1);
        let full = Background::GaussianFit {
            smoothing_sd_px: Some(sd),
        };
        let full = full.estimate(frame.view()).unwrap().fit.unwrap();
        for (step_px, error) in steps.into_iter().zip([0.002, 0.0003]) {
            let coarse = Background::CoarseFit {
                smoothing_sd_px: Some(sd),
                step_px: Some(step_px),
            };
            let fit = coarse.estimate(frame.view()).unwrap().fit.unwrap();
            let off = (fit.offset - full.offset).abs() / full.amplitude;
            assert!(off < error, "{coarse} of {sides:?}: {off}");
            assert!((fit.x0 - full.x0).abs() < 0.02 * full.sigma_x);
            let width = |fit: &GaussianFit| fit.sigma_x.hypot(fit.sigma_y);
            assert!((width(&fit) / width(&full) - 1.0).abs() < 0.01);
        }
        let same = Background::CoarseFit {
            smoothing_sd_px: Some(sd),
            step_px: Some(1),
        };
        assert_eq!(same.estimate(frame.view()).unwrap().fit.unwrap(), full);
    }
}

#[test]
fn a_bounded_fit_stays_between_the_bounds_and_is_the_free_one_inside() {
    let bounded = |frame: &Array2<f32>| {
        let fit = Background::BoundedFit {
            smoothing_sd_px: Some(6.0),
        };
        fit.estimate(frame.view()).unwrap()
    };
    let inside = faded(100, 120);
    let free = Background::GaussianFit {
        smoothing_sd_px: Some(6.0),
    };
    assert_eq!(bounded(&inside), free.estimate(inside.view()).unwrap());
    let flat = bounded(&window(96, 96));
    let fit = flat.fit.unwrap();
    assert_eq!(
        (flat.value, fit.offset, flat.implausible),
        (0.0, 0.0, false)
    );
    // No six other parameters fit better with that offset.
    let smoothed = smooth::gaussian(window(96, 96).mapv(f64::from).view(), 6.0).unwrap();
    let cost = |fit: &GaussianFit| -> f64 {
        let off = |((y, x), pixel): ((usize, usize), &f64)| {
            (fit.value(x as f64, y as f64) - pixel).powi(2)
        };
        smoothed.indexed_iter().map(off).sum()
    };
    let least = cost(&fit);
    for change in [-1e-3, 1e-3] {
        for parameter in 0..6 {
            let mut other = fit;
            let value = match parameter {
                0 => &mut other.amplitude,
                1 => &mut other.x0,
                2 => &mut other.y0,
                3 => &mut other.sigma_x,
                4 => &mut other.sigma_y,
                _ => &mut other.theta,
            };
            *value += change * value.abs().max(0.1);
            // The fit ends where steps change the cost by no more than rounding.
            assert!(cost(&other) >= least * (1.0 - 1e-9), "{parameter}");
        }
    }
}

#[test]
fn flat_light_needs_no_model() {
    let frame = window(120, 120);
    let fit = value(
        Background::GaussianFit {
            smoothing_sd_px: Some(14.0),
        },
        &frame,
    );
    assert!(fit < -3000.0, "{fit}");
    for background in [
        Background::Percentile { percentile: 25.0 },
        Background::Mode,
        Background::Rectangle { rectangle: CORNER },
    ] {
        let found = value(background, &frame);
        assert!((found - 100.0).abs() < 4.0, "{background}: {found}");
    }
}

#[test]
fn parameters_that_mean_nothing_are_typed_errors() {
    let frame = faded(20, 30);
    let error = |background: Background| background.estimate(frame.view()).unwrap_err();
    for wrong in [
        Background::Percentile { percentile: 101.0 },
        Background::Percentile {
            percentile: f64::NAN,
        },
        Background::Constant {
            counts: f64::INFINITY,
        },
        Background::Constant { counts: f64::NAN },
        Background::BoundedFit {
            smoothing_sd_px: Some(-1.0),
        },
        Background::CoarseFit {
            smoothing_sd_px: Some(f64::NAN),
            step_px: Some(2),
        },
        Background::CoarseFit {
            smoothing_sd_px: Some(3.0),
            step_px: Some(0),
        },
    ] {
        assert!(matches!(error(wrong), Error::Parameter { .. }), "{wrong}");
    }
    let part = |x, y, width, height| Background::Rectangle {
        rectangle: Rectangle {
            x,
            y,
            width,
            height,
        },
    };
    for beyond in [
        part(26, 0, 5, 1),
        part(0, 20, 1, 1),
        part(usize::MAX, 0, 2, 1),
    ] {
        assert!(matches!(error(beyond), Error::Rectangle { .. }), "{beyond}");
    }
    assert!(matches!(error(part(3, 3, 0, 4)), Error::Empty { .. }));
    let coarse = Background::CoarseFit {
        smoothing_sd_px: Some(3.0),
        step_px: Some(usize::MAX),
    };
    assert!(matches!(error(coarse), Error::Empty { .. }));
    let constant = Background::Constant { counts: 60.0 }.estimate(Array2::zeros((0, 0)).view());
    assert_eq!(constant.unwrap().value, 60.0);
}

#[test]
fn constant_images_have_a_background_unless_it_is_fitted() {
    let frame = Array2::from_elem((12, 12), 70.0_f32);
    for background in estimators(2.0, 5.0, CORNER) {
        let found = background.estimate(frame.view());
        match background {
            Background::Constant { counts: value } => assert_eq!(found.unwrap().value, value),
            Background::Percentile { .. } | Background::Mode | Background::Rectangle { .. } => {
                assert_eq!(found.unwrap().value, 70.0);
            }
            _ => assert!(matches!(found, Err(Error::ZeroVariance { .. }))),
        }
    }
}

proptest! {
    #[test]
    fn estimates_move_and_scale_with_the_counts_and_do_not_turn(
        gain in 0.25_f32..4.0,
        offset in 0.0_f32..500.0,
        (height, width) in (30..50_usize, 30..50_usize),
    ) {
        for (frame, hard_edges) in [(faded(height, width), false), (window(height, width), true)] {
            for background in estimators(3.0, 7.0, CORNER) {
                // A bound at 0 counts does not move with the counts.
                if matches!(background, Background::Constant { .. } | Background::BoundedFit { .. }) {
                    continue;
                }
                // A Gaussian fitted to a window with hard edges can be as wide and as deep as the
                // search goes: its offset is then known to no digit.
                let fitted = matches!(background, Background::GaussianFit { .. } | Background::CoarseFit { .. });
                if fitted && hard_edges {
                    continue;
                }
                let found = value(background, &frame);
                let other = value(background, &frame.mapv(|count| gain * count + offset));
                let expected = f64::from(gain) * found + f64::from(offset);
                if background == Background::Mode {
                    // Which of several equal runs is the shortest must not hang on rounding.
                    let twice = value(background, &frame.mapv(|count| 2.0 * count));
                    prop_assert_eq!(twice, 2.0 * found);
                    continue;
                }
                // Counts up to 1e5 are rounded to f32 within 4e-3.
                prop_assert!((other - expected).abs() < 0.5 + 1e-4 * expected.abs(), "{}: {} and {}", background, other, expected);
                // Blocks of an odd side leave out the last row or column, whichever that is.
                let uneven = height % 2 + width % 2 > 0;
                let coarse = matches!(background, Background::CoarseFit { .. });
                let placed = matches!(background, Background::Rectangle { .. });
                if !(placed || coarse && uneven) {
                    let turned = value(background, &frame.t().to_owned());
                    let flipped = value(background, &frame.slice(s![..;-1, ..]).to_owned());
                    prop_assert!((turned - found).abs() < 0.05 + 1e-5 * found.abs(), "{}: {} and {}", background, turned, found);
                    prop_assert!((flipped - found).abs() < 0.05 + 1e-5 * found.abs(), "{}: {} and {}", background, flipped, found);
                }
            }
        }
    }

    #[test]
    fn any_frames_give_a_number_or_a_typed_error(
        (t, y, x) in (0..3_usize, 0..7_usize, 0..7_usize),
        numbers in prop::collection::vec(prop_oneof![
            4 => 0.0_f32..100.0,
            1 => Just(7.0_f32),
            1 => any::<f32>(),
            1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::MAX, -0.0, 1e-45]),
        ], 98),
        sd in 0.0_f64..9.0,
        percent in -5.0_f64..105.0,
    ) {
        let frames = Array3::from_shape_fn((t, y, x), |(t, y, x)| numbers[t * 49 + y * 7 + x]);
        for background in estimators(sd, percent, CORNER) {
            if let Ok(level) = background.estimate_mean(frames.view()) {
                prop_assert!(level.value.is_finite(), "{}", background);
                prop_assert!(t > 0);
            }
            for frame in frames.axis_iter(Axis(0)) {
                if let Ok(level) = background.estimate(frame) {
                    prop_assert!(level.value.is_finite(), "{}", background);
                }
            }
        }
    }
}
