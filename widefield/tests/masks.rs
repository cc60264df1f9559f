//! Segmentation rules and what tidies masks: invariances, and input nobody means.

use ndarray::{Array2, s};
use proptest::prelude::*;
use widefield::{Error, Mask, Segmentation};

const RULES: [Segmentation; 5] = [
    Segmentation::DensityCutoff {
        density_cutoff: 1e-4,
    },
    Segmentation::RelativeCutoff {
        relative_cutoff: 0.05,
    },
    Segmentation::Otsu,
    Segmentation::Triangle,
    Segmentation::Percentile { percentile: 30.0 },
];

/// A dark surround with noise around a shaded brain.
fn image(height: usize, width: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((height, width), |(y, x)| {
        let away = (x as f64 / width as f64 - 0.45).hypot(y as f64 / height as f64 - 0.5);
        let noise = ((x * 7919 + y * 104_729 + x * y + seed * 31) % 101) as f64 / 4.0;
        noise
            + if away < 0.35 {
                2000.0 - 1500.0 * away
            } else {
                0.0
            }
    })
}

proptest! {
    #[test]
    fn gain_and_offset_change_no_mask_but_that_of_an_absolute_cutoff(
        (height, width, seed) in (12..30_usize, 12..30_usize, 0..1000_usize),
        gain in 0.01_f64..100.0,
        offset in -1000.0_f64..1000.0,
    ) {
        let mean = image(height, width, seed);
        let changed = mean.mapv(|value| gain * value + offset);
        for rule in &RULES[1..] {
            let (one, other) = (rule.mask(mean.view()).unwrap(), rule.mask(changed.view()).unwrap());
            let expected = gain * one.threshold() + offset;
            prop_assert!((other.threshold() - expected).abs() <= 1e-7 * (gain * 2000.0 + 1000.0), "{}", rule);
            // A pixel may lie on the threshold.
            let differ = one.kept().iter().zip(&other.kept()).filter(|(a, b)| a != b).count();
            prop_assert!(differ <= 1, "{}: {} pixels", rule, differ);
        }
    }

    #[test]
    fn masks_flip_and_turn_with_the_image((height, width, seed) in (12..30_usize, 12..30_usize, 0..1000_usize)) {
        let mean = image(height, width, seed);
        for rule in RULES {
            let tidy = |image: ndarray::ArrayView2<'_, f64>| {
                rule.mask(image).unwrap().largest_component().fill_holes()
            };
            let straight = tidy(mean.view());
            let flipped = tidy(mean.slice(s![..;-1, ..]));
            let turned = tidy(mean.t());
            prop_assert!(straight.kept() == flipped.kept().slice(s![..;-1, ..]), "{}", rule);
            prop_assert!(straight.kept() == turned.kept().t(), "{}", rule);
            prop_assert!(straight.rule().starts_with(&rule.to_string()));
        }
    }

    #[test]
    fn any_image_gives_a_mask_or_a_typed_error(
        (y, x) in (0..6_usize, 0..6_usize),
        numbers in prop::collection::vec(prop_oneof![
            4 => 0.0_f64..100.0,
            1 => Just(7.0_f64),
            1 => any::<f64>(),
            1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, -0.0, 1e-320]),
        ], 36),
        choice in -0.5_f64..120.0,
    ) {
        let image = Array2::from_shape_fn((y, x), |(y, x)| numbers[y * 6 + x]);
        let any = [
            Segmentation::DensityCutoff { density_cutoff: choice },
            Segmentation::RelativeCutoff { relative_cutoff: choice },
            Segmentation::RelativeCutoff { relative_cutoff: choice / 120.0 },
            Segmentation::Otsu,
            Segmentation::Triangle,
            Segmentation::Percentile { percentile: choice },
        ];
        for rule in any {
            if let Ok(mask) = rule.mask(image.view()) {
                prop_assert!(mask.threshold().is_finite(), "{}", rule);
                let kept = image.mapv(|value| value >= mask.threshold());
                prop_assert_eq!(mask.kept(), kept, "{}", rule);
                let largest = mask.clone().largest_component();
                prop_assert!(largest.masked_pixels() >= mask.masked_pixels());
                prop_assert!(largest.clone().fill_holes().masked_pixels() <= largest.masked_pixels());
            }
        }
    }

    #[test]
    fn tidying_twice_changes_nothing(kept in prop::collection::vec(any::<bool>(), 63)) {
        let mask = Mask::from_kept(Array2::from_shape_vec((7, 9), kept).unwrap());
        for tidy in [Mask::largest_component as fn(Mask) -> Mask, Mask::fill_holes] {
            let once = tidy(mask.clone());
            prop_assert!(tidy(once.clone()).kept() == once.kept());
        }
    }
}

#[test]
fn levels_further_apart_than_the_largest_number_have_a_threshold_between_them() {
    let percentile = Segmentation::Percentile { percentile: 29.9 };
    for rule in [percentile, Segmentation::Otsu, Segmentation::Triangle] {
        for darkest in [-7.5e295, f64::MIN] {
            let image = ndarray::array![[darkest, f64::MAX, f64::MAX]];
            let mask = rule.mask(image.view()).unwrap();
            assert!(mask.threshold() > darkest, "{rule}");
            assert!(mask.threshold() <= f64::MAX, "{rule}");
            assert_eq!(mask.masked_pixels(), 1, "{rule}");
        }
    }
}

#[test]
fn constant_and_empty_images_are_typed_errors() {
    for rule in RULES {
        let constant = rule.mask(Array2::from_elem((5, 5), 3.0).view());
        let empty = rule.mask(Array2::zeros((0, 5)).view());
        if rule == (Segmentation::Percentile { percentile: 30.0 }) {
            assert_eq!(constant.unwrap().masked_pixels(), 0);
            assert!(matches!(empty, Err(Error::Empty { .. })));
            continue;
        }
        assert!(
            matches!(constant, Err(Error::ZeroVariance { .. })),
            "{rule}"
        );
        assert!(
            matches!(empty, Err(Error::Empty { .. } | Error::TooFewPixels { .. })),
            "{rule}"
        );
    }
    for wrong in [
        Segmentation::RelativeCutoff {
            relative_cutoff: 0.0,
        },
        Segmentation::RelativeCutoff {
            relative_cutoff: 1.0,
        },
        Segmentation::RelativeCutoff {
            relative_cutoff: f64::NAN,
        },
        Segmentation::Percentile { percentile: -1.0 },
        Segmentation::Percentile {
            percentile: f64::NAN,
        },
    ] {
        let error = wrong.mask(image(9, 9, 0).view()).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{wrong}");
    }
}

#[test]
fn a_mask_made_elsewhere_says_so() {
    let mask = Mask::from_kept(Array2::from_elem((0, 3), true));
    assert!(mask.threshold().is_nan());
    assert_eq!(
        mask.largest_component().fill_holes().rule(),
        "given, largest component, holes filled"
    );
}
