//! Single operators against Pillow and SciPy.

use ndarray::{Array1, Array2, ArrayView2};
use ndarray_npy::ReadableElement;
use serde_json::Value;
use widefield::segment::density::Density;
use widefield::{Resize, Size, direct, smooth};

fn path(name: &str) -> String {
    format!("{}/tests/data/ops/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn array2<T: ReadableElement>(name: &str) -> Array2<T> {
    ndarray_npy::read_npy(path(name)).unwrap()
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(path("expected.json")).unwrap()).unwrap()
}

#[test]
fn resize_is_bit_equal_to_pillow() {
    for case in ["half", "odd", "same_one_axis", "third_flat", "up"] {
        let frame: Array2<f32> = array2(&format!("resize_{case}_in.npy"));
        let pillow: Array2<f32> = array2(&format!("resize_{case}_out.npy"));
        let to = Size::from_frame(pillow.view());
        let ours = Resize::Triangle.frame(frame.view(), to).unwrap();
        assert_eq!(ours, pillow, "{case}");
        assert_eq!(
            direct::resize_triangle(frame.view(), to),
            pillow,
            "{case}, direct"
        );
    }
}

#[test]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped"
)]
fn resize_from_u16_gives_the_numbers_of_f32() {
    let frame: Array2<f32> = array2("resize_half_in.npy");
    let counts = frame.mapv(|value| value.clamp(0.0, 65535.0) as u16);
    let to = Size {
        width: 13,
        height: 31,
    };
    let mut resizer = Resize::Triangle
        .resizer(Size::from_frame(frame.view()), to)
        .unwrap();
    let mut from_counts = Array2::zeros((31, 13));
    resizer
        .frame_u16_into(counts.view(), from_counts.view_mut())
        .unwrap();
    let from_f32 = Resize::Triangle
        .frame(counts.mapv(f32::from).view(), to)
        .unwrap();
    assert_eq!(from_counts, from_f32);
}

#[test]
fn gaussian_equals_scipy() {
    let expected = expected();
    for case in ["sd3", "sd30_small", "sd0p7"] {
        let frame: Array2<f64> = array2(&format!("gaussian_{case}_in.npy"));
        let scipy: Array2<f64> = array2(&format!("gaussian_{case}_out.npy"));
        let sd = expected[format!("gaussian_{case}")].as_f64().unwrap();
        let ours = smooth::gaussian(frame.view(), sd).unwrap();
        for (ours, scipy) in ours.iter().zip(&scipy) {
            // Only the order of additions differs.
            assert!(
                (ours - scipy).abs() <= 1e-12 * scipy.abs(),
                "{case}: {ours} and {scipy}"
            );
        }
    }
}

#[test]
fn density_equals_scipy_and_crosses_at_the_same_point() {
    let expected = expected();
    for case in ["bimodal", "skewed", "spike"] {
        let values: Array1<f64> =
            ndarray_npy::read_npy(path(&format!("kde_{case}_in.npy"))).unwrap();
        let scipy: Array1<f64> =
            ndarray_npy::read_npy(path(&format!("kde_{case}_density.npy"))).unwrap();
        let image = ArrayView2::from_shape((1, values.len()), values.as_slice().unwrap()).unwrap();
        let ours = Density::from_image(image).unwrap();
        let grid: Vec<f64> = (0..ours.values().len()).map(|i| ours.point(i)).collect();
        let direct = direct::density(values.as_slice().unwrap(), &grid);
        let peak = scipy.iter().copied().fold(0.0, f64::max);
        for ((ours, scipy), direct) in ours.values().iter().zip(&scipy).zip(&direct) {
            assert!(
                (ours - scipy).abs() < 1e-10 * peak,
                "{case}: {ours} and {scipy}"
            );
            assert!(
                (ours - direct).abs() < 1e-11 * peak,
                "{case}: {ours} and {direct} directly"
            );
        }
        let threshold = expected[format!("kde_{case}")]["threshold_at_1e_5"]
            .as_f64()
            .unwrap();
        let found = ours.point(ours.first_below(1e-5).unwrap());
        assert!(
            (found - threshold).abs() < 1e-9 * threshold,
            "{case}: {found} and {threshold}"
        );
        assert_eq!(
            ours.first_below(1e-5),
            scipy.iter().position(|&density| density < 1e-5)
        );
    }
}
