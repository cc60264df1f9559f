//! Variants of the operators against Pillow, numpy and SciPy; `python/variants.py` makes the values.

use ndarray::Array2;
use ndarray_npy::{ReadNpyExt, ReadableElement};
use std::fs::File;
use widefield::{Resize, Size};

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
            let ours = method.frame(frame.view(), Size::of(pillow.view())).unwrap();
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
