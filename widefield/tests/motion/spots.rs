//! Sign and axes, and what nobody means.

use crate::{randoms, spot, square};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use widefield::motion::{Edges, Extent, Flag, Judgement, Rigid, Shift, Verdict, interpolate};
use widefield::{Error, Resize};

#[test]
fn down_and_left_is_down_and_left_in_every_orientation_and_resolution() {
    let (still, moved) = (spot(128, 60.0, 68.0), spot(128, 63.0, 63.0));
    let find = |still: ArrayView2<'_, f32>, moved: ArrayView2<'_, f32>| {
        let shift = Rigid::default()
            .reference(still)
            .unwrap()
            .shift(moved)
            .unwrap();
        assert_eq!(shift.flag, None);
        [shift.dy_px, shift.dx_px]
    };
    let near = |found: [f64; 2], want: [f64; 2]| {
        println!("{found:?}, {want:?}");
        let off = [0, 1].map(|i| (found[i] - want[i]).abs());
        // The window stays where it is, which takes a hundredth off where the picture is so small.
        assert!(off.iter().all(|off| *off < 0.1), "{found:?}, {want:?}");
    };
    near(find(still.view(), moved.view()), [3.0, -5.0]);
    near(find(moved.view(), still.view()), [-3.0, 5.0]);
    // Axes as of a notebook: (x, reversed y).
    let turned = |image: &Array2<f32>| image.slice(s![..;-1, ..]).reversed_axes().to_owned();
    near(
        find(turned(&still).view(), turned(&moved).view()),
        [-5.0, -3.0],
    );
    let half = |image: &Array2<f32>| Resize::Triangle.frame(image.view(), square(64)).unwrap();
    near(find(half(&still).view(), half(&moved).view()), [1.5, -2.5]);
    // Other prime factors, sides that differ.
    let part = s![3..120, 5..118];
    near(find(still.slice(part), moved.slice(part)), [3.0, -5.0]);

    // Taken away, the spot is back, in either resolution.
    let mut back = Array2::zeros((128, 128));
    let mut resizer = Resize::Triangle.resizer(square(128), square(128)).unwrap();
    let shift = Shift::from_px(3.0, -5.0);
    resizer
        .shifted_into(moved.view(), shift, back.view_mut())
        .unwrap();
    assert_eq!(back.slice(s![..125, 5..]), still.slice(s![..125, 5..]));
    assert!(back.row(125).iter().all(|v| v.is_nan()) && back.column(4).iter().all(|v| v.is_nan()));
    let mut back = Array2::zeros((64, 64));
    let mut resizer = Resize::Triangle.resizer(square(128), square(64)).unwrap();
    resizer
        .shifted_into(moved.view(), shift.scaled(0.5), back.view_mut())
        .unwrap();
    let (inner, still) = (s![1..62, 3..63], half(&still));
    let off = (&back.slice(inner) - &still.slice(inner)).mapv(f32::abs);
    assert!(off.iter().all(|off| *off < 1e-3), "rounding of f32 alone");
}

#[test]
fn strange_frames_are_flagged_and_interpolated() {
    let still = spot(64, 30.0, 34.0);
    let reference = Rigid::default().reference(still.view()).unwrap();
    let mut movie = Array3::from_shape_fn((10, 64, 64), |(_, y, x)| still[(y, x)]);
    let mut put = |t: usize, frame: Array2<f32>| movie.index_axis_mut(Axis(0), t).assign(&frame);
    put(1, Array2::from_elem((64, 64), 7.5));
    let with = |value: f32| {
        let mut frame = still.clone();
        frame[(5, 5)] = value;
        frame
    };
    put(2, with(f32::NAN));
    put(3, with(f32::INFINITY));
    put(4, with(1e38));
    // Beyond the limit of 4 px, and far beyond.
    put(5, spot(64, 35.4, 34.0));
    put(9, spot(64, 45.0, 20.0));
    // A flash, the picture under it, and one that leaves nothing of it.
    put(6, still.mapv(|v| 3.0 * v + 20_000.0));
    put(7, Array2::from_elem((64, 64), 65_535.0));
    let mut next = randoms(3);
    put(8, Array2::from_shape_fn((64, 64), |_| next() as f32));
    let mut shifts = reference.shifts(movie.view()).unwrap();
    let flags: Vec<_> = shifts.iter().map(|s| s.flag).collect();
    println!("{shifts:?}");
    assert_eq!(
        flags[..8],
        [
            None,
            Some(Flag::Blank),
            Some(Flag::NotFinite),
            Some(Flag::NotFinite),
            Some(Flag::NotFinite),
            Some(Flag::AtLimit),
            None,
            Some(Flag::Blank),
        ]
    );
    assert!(flags[8].is_some() && flags[9].is_some());
    assert!(shifts[6].length_px() < 1e-3 && shifts[6].peak > 0.999);
    assert_eq!(interpolate(&mut shifts), 8);
    assert!(shifts.iter().all(|s| s.length_px() < 1e-3));
    assert_eq!(Extent::from_shifts(&shifts).flagged, 8);
    // Nothing to go by.
    let mut all = [shifts[1]; 3];
    assert_eq!(interpolate(&mut all), 3);
    assert!(Extent::from_shifts(&all).median_px.is_nan());
    assert_eq!(interpolate(&mut []), 0);
    let noise = Edges::from_image(still.view(), still.mapv(|_| true).view())
        .unwrap()
        .noise();
    for shifts in [&all[..], &[]] {
        assert_eq!(
            Judgement::new((64, 64), shifts, shifts, noise).verdict,
            Verdict::Unclear
        );
    }
    // One frame.
    let one = reference.shifts(movie.slice(s![..1, .., ..])).unwrap();
    assert_eq!(
        Judgement::new((64, 64), &one, &one, noise).verdict,
        Verdict::NotNeeded
    );
}

#[test]
fn small_pictures_and_nothing_to_compare() {
    let sides = [(8, 8), (1, 1), (1, 40), (7, 3), (64, 1), (2, 2), (5, 100)];
    for (height, width) in sides {
        let image =
            Array2::from_shape_fn((height, width), |(y, x)| ((y * 31 + x * 17) % 23) as f32);
        let movie = image.clone().insert_axis(Axis(0));
        match Rigid::default().reference(image.view()) {
            Ok(reference) => {
                let shifts = reference.shifts(movie.view()).unwrap();
                println!("{height} x {width}: {shifts:?}");
                assert!(shifts.len() == 1 && shifts[0].length_px() < 0.2);
                assert_eq!(reference.shifts(movie.slice(s![..0, .., ..])).unwrap(), []);
            }
            Err(error) => assert!(
                matches!(error, Error::ZeroVariance { .. }) && height * width == 1,
                "{error}"
            ),
        }
    }
    let rigid = Rigid::default();
    let image = spot(32, 15.0, 16.0);
    let error = |rigid: Rigid, image: ArrayView2<'_, f32>| rigid.reference(image).unwrap_err();
    let empty = Array2::zeros((0, 4));
    assert!(matches!(error(rigid, empty.view()), Error::Empty { .. }));
    let blank = Array2::from_elem((9, 9), 5.0);
    assert!(matches!(
        error(rigid, blank.view()),
        Error::ZeroVariance { .. }
    ));
    let huge = image.mapv(|v| v * 1e30);
    assert!(matches!(error(rigid, huge.view()), Error::Parameter { .. }));
    let mut nan = image.clone();
    nan[(3, 4)] = f32::NAN;
    assert!(matches!(
        error(rigid, nan.view()),
        Error::NotFinite { y: 3, x: 4, .. }
    ));
    let max_shift_px = |px: f64| Rigid {
        max_shift_px: px,
        ..rigid
    };
    let band_px = |narrow: f64, wide: f64| Rigid {
        band_px: (narrow, wide),
        ..rigid
    };
    for wrong in [
        max_shift_px(0.0),
        max_shift_px(f64::NAN),
        max_shift_px(1e9),
        band_px(-1.0, 8.0),
        band_px(8.0, 8.0),
        band_px(1.0, f64::INFINITY),
        Rigid {
            lowest_peak: 1.5,
            ..rigid
        },
    ] {
        assert!(
            matches!(error(wrong, image.view()), Error::Parameter { .. }),
            "{wrong:?}"
        );
    }
    let reference = rigid.reference(image.view()).unwrap();
    let shape = |result: Result<Vec<Shift>, Error>| matches!(result, Err(Error::Shape { .. }));
    assert!(shape(
        reference.shift(nan.slice(s![..9, ..])).map(|s| vec![s])
    ));
    assert!(shape(reference.shifts(Array3::zeros((2, 9, 9)).view())));
    let kept = Array2::from_elem((32, 32), false);
    assert!(matches!(
        Edges::from_image(image.view(), kept.view()),
        Err(Error::Empty { .. })
    ));
}
