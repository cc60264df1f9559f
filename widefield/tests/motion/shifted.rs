//! Frames resized from where their content is.

use crate::{square, texture};
use ndarray::{Array2, s};
use proptest::prelude::*;
use widefield::motion::{Crop, Shift};
use widefield::{Resize, Size};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whole_pixels_are_another_place_of_the_same(
        ratio in 1..4_usize,
        rest in 0..3_usize,
        dy in -4..5_i32,
        dx in -4..5_i32,
        seed: u32,
    ) {
        let to = Size { width: 12, height: 10 };
        let shift = Shift::from_px(f64::from(dy), f64::from(dx));
        let kept = Crop::from_shifts((10, 12), &[shift]).kept();
        for method in [Resize::Triangle, Resize::Box, Resize::Lanczos3, Resize::Nearest, Resize::Binning] {
            // Boxes without a shift count whole pixels, and nearest places are summed up step by step.
            let parts = method != Resize::Triangle && method != Resize::Lanczos3;
            let rest = if parts { 0 } else { rest };
            let from = Size { width: 12 * ratio + rest, height: 10 * ratio };
            let counts = texture((from.height, from.width), seed, 0.0, 0.0).mapv(|v| v as u16);
            let frame = counts.mapv(f32::from);
            let mut resizer = method.resizer(from, to).unwrap();
            let plain = method.frame(frame.view(), to).unwrap();
            let mut out = Array2::zeros((to.height, to.width));
            resizer.shifted_into(frame.view(), shift, out.view_mut()).unwrap();
            for ((y, x), value) in out.indexed_iter() {
                let place = (y as i32 + dy, x as i32 + dx);
                let inside = (0..10).contains(&place.0) && (0..12).contains(&place.1);
                prop_assert_eq!(inside, kept[(y, x)]);
                prop_assert_eq!(inside, !value.is_nan());
                if inside {
                    let want = plain[(place.0 as usize, place.1 as usize)];
                    // Places are other sums of the same, which round in the last place.
                    prop_assert!((value / want - 1.0).abs() < 1e-6, "{:?} at {} {}: {} {}", method, y, x, value, want);
                }
            }
            let mut counted = Array2::zeros((to.height, to.width));
            resizer.shifted_u16_into(counts.view(), shift, counted.view_mut()).unwrap();
            let bits = |image: &Array2<f32>| image.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&counted), bits(&out));
        }
    }
}

#[test]
fn parts_of_pixels_move_smoothly_and_nothing_else_is_taken() {
    let ramp = Array2::from_shape_fn((40, 40), |(y, x)| (100 + 10 * y + 3 * x) as f32);
    for method in [Resize::Triangle, Resize::Box, Resize::Binning] {
        let mut resizer = method.resizer(square(40), square(20)).unwrap();
        let mut out = Array2::zeros((20, 20));
        resizer
            .shifted_into(ramp.view(), Shift::from_px(0.3, -0.15), out.view_mut())
            .unwrap();
        let plain = method.frame(ramp.view(), square(20)).unwrap();
        // 20 counts a pixel of the result in y, 6 in x, away from the edge.
        let inner = s![2..18, 2..18];
        let moved = &out.slice(inner) - &plain.slice(inner);
        assert!(
            moved.iter().all(|v| (v - (6.0 - 0.9)).abs() < 1e-3),
            "{method:?}: {moved}"
        );
    }
    // What no frame can have.
    let mut resizer = Resize::Lanczos3.resizer(square(40), square(30)).unwrap();
    for far in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        -1e300,
        41.0,
        -30.0,
    ] {
        let mut out = Array2::zeros((30, 30));
        resizer
            .shifted_into(ramp.view(), Shift::from_px(0.0, far), out.view_mut())
            .unwrap();
        assert!(out.iter().all(|v| v.is_nan()), "{far}");
    }
}
