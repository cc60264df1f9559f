//! Variants of the operators against Pillow, numpy and SciPy; `python/variants.py` makes the values.

use ndarray::{Array1, Array2, Array3};
use ndarray_npy::{ReadNpyExt, ReadableElement};
use std::fs::File;
use widefield::baseline::Span;
use widefield::{Baseline, DeltaF, Denominator, Mask, Resize, Segmentation, Size, Subtract};

fn load<A: ReadNpyExt>(name: &str) -> A {
    let path = format!("{}/tests/data/{name}.npy", env!("CARGO_MANIFEST_DIR"));
    A::read_npy(File::open(path).unwrap()).unwrap()
}

fn array2<T: ReadableElement>(name: &str) -> Array2<T> {
    load(name)
}

#[test]
fn resizing_equals_pillow() {
    for (name, method) in [
        ("box", Resize::Box),
        ("lanczos3", Resize::Lanczos3),
        ("nearest", Resize::Nearest),
    ] {
        for case in ["half", "odd", "same_one_axis", "third_flat", "up"] {
            let frame: Array2<f32> = array2(&format!("ops/resize_{case}_in"));
            let pillow: Array2<f32> = array2(&format!("variants/resize_{case}_{name}"));
            let ours = method
                .frame(frame.view(), Size::from_frame(pillow.view()))
                .unwrap();
            if method != Resize::Lanczos3 {
                assert_eq!(ours, pillow, "{name}, {case}");
            }
            for (ours, pillow) in ours.iter().zip(&pillow) {
                // Weights of the sinc come from `sin`, which libraries round differently in the last place.
                assert!(
                    (ours - pillow).abs() <= 1e-6 * pillow.abs(),
                    "{name}, {case}: {ours} and {pillow}"
                );
            }
        }
    }
}

/// F0 of every frame: what F is where dF/F is 0, from the values and a denominator of 1 count.
fn f0_of(baseline: Baseline, movie: &Array3<f32>) -> Array3<f64> {
    let how = DeltaF::new(baseline).denominator(Denominator::Floor(1e6));
    let dff = how.compute(movie.view()).unwrap();
    movie.mapv(f64::from) - dff.values.mapv(f64::from) * 1e6
}

#[test]
fn baselines_equal_numpy_and_scipy() {
    let movie: Array3<f32> = load("variants/baseline_movie");
    let image = |baseline: Baseline| baseline.f0(movie.view(), &Subtract::NOTHING).unwrap();
    for (name, baseline) in [
        ("median", Baseline::Median),
        ("percentile_8", Baseline::Percentile { percentile: 8.0 }),
    ] {
        let numpy: Array2<f64> = array2(&format!("variants/baseline_{name}"));
        for (ours, numpy) in image(baseline).iter().zip(&numpy) {
            assert!((ours - numpy).abs() < 1e-12 * numpy, "{name}");
        }
    }
    let maximin = |smoothing, span| Baseline::Maximin {
        smoothing: Span::frames(smoothing),
        span: Span::frames(span),
    };
    let sliding = Baseline::SlidingPercentile {
        percentile: 20.0,
        span: Span::frames(21),
    };
    for (name, baseline) in [
        ("maximin_3_21", maximin(3, 21)),
        ("maximin_40_30", maximin(40, 30)),
        ("sliding_20_21", sliding),
    ] {
        let theirs: Array3<f64> = load(&format!("variants/baseline_{name}"));
        let mean = theirs.mean_axis(ndarray::Axis(0)).unwrap();
        for (ours, theirs) in image(baseline.clone()).iter().zip(&mean) {
            assert!((ours - theirs).abs() < 1e-12 * theirs, "{name}");
        }
        for (ours, theirs) in f0_of(baseline, &movie).iter().zip(&theirs) {
            // A dF/F of up to 3e-3 in f32, times 1e6.
            assert!((ours - theirs).abs() < 3e-4, "{name}: {ours} and {theirs}");
        }
    }
}

#[test]
fn the_bleaching_curve_equals_that_of_scipy() {
    let movie: Array3<f32> = load("variants/baseline_movie");
    let scipy: Array1<f64> = load("variants/baseline_bleaching");
    let f0 = Baseline::Bleaching { frames: None };
    let f0 = f0.estimate(&movie.view(), &Subtract::NOTHING, &Mask::keep_all((3, 4)));
    let f0 = f0.unwrap();
    for (ours, scipy) in f0.curve().unwrap().iter().zip(&scipy) {
        // Around a minimum the cost changes by the square of the distance from it.
        assert!((ours - scipy).abs() < 1e-7, "{ours} and {scipy}");
    }
}

#[test]
fn thresholds_and_regions_equal_numpy_and_scipy() {
    let image: Array2<f64> = array2("variants/segment_image");
    for (name, rule) in [
        ("otsu", Segmentation::Otsu),
        ("triangle", Segmentation::Triangle),
    ] {
        let numpy: Array1<f64> = load(&format!("variants/segment_{name}"));
        let found = rule.mask(image.view()).unwrap().threshold();
        assert!(
            (found - numpy[0]).abs() < 1e-9,
            "{name}: {found} and {numpy}"
        );
    }
    let kept: Array2<bool> = array2("variants/segment_kept");
    let largest = Mask::from_kept(kept.clone()).largest_component();
    assert_eq!(largest.kept(), array2::<bool>("variants/segment_largest"));
    assert_ne!(largest.kept(), kept);
    let filled = largest.clone().fill_holes();
    assert_eq!(filled.kept(), array2::<bool>("variants/segment_filled"));
    assert!(filled.masked_pixels() < largest.masked_pixels());
}
