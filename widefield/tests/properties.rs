//! What must hold for any input: invariances, blocks, threads, and no panic.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values are generated within the range of what they become"
)]

use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use proptest::prelude::*;
use widefield::segment::density::Density;
use widefield::{
    Background, Baseline, DeltaF, Error, GaussianFit, Mask, MeanImage, Resize, Segmentation, Size,
    Subtract, dff, direct, invalid, reference, smooth,
};

fn movie(
    t: std::ops::Range<usize>,
    side: std::ops::Range<usize>,
) -> impl Strategy<Value = Array3<f32>> {
    (t, side.clone(), side).prop_flat_map(|(t, y, x)| {
        prop::collection::vec(1.0_f32..60_000.0, t * y * x)
            .prop_map(move |values| Array3::from_shape_vec((t, y, x), values).unwrap())
    })
}

fn frame(side: std::ops::Range<usize>) -> impl Strategy<Value = Array2<f32>> {
    movie(1..2, side).prop_map(|movie| movie.index_axis_move(Axis(0), 0))
}

/// Counts as a camera and a broken disk may give them.
fn any_frame() -> impl Strategy<Value = Array2<f32>> {
    (0..6_usize, 0..6_usize).prop_flat_map(|(y, x)| {
        let value = prop_oneof![
            4 => 0.0_f32..100.0,
            1 => Just(7.0),
            1 => any::<f32>(),
            1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::MAX, -0.0, 1e-45]),
        ];
        prop::collection::vec(value, y * x)
            .prop_map(move |values| Array2::from_shape_vec((y, x), values).unwrap())
    })
}

fn bits(values: ArrayView3<'_, f32>) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn in_pool<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(run)
}

proptest! {
    #[test]
    fn resize_equals_the_slow_version(frame in frame(1..40), width in 1..50_usize, height in 1..50_usize) {
        let to = Size { width, height };
        let fast = Resize::Triangle.frame(frame.view(), to).unwrap();
        prop_assert_eq!(fast, direct::resize_triangle(frame.view(), to));
    }

    #[test]
    fn other_methods_equal_their_slow_versions(frame in frame(1..30), width in 1..40_usize, height in 1..40_usize) {
        let to = Size { width, height };
        let fast = |method: Resize| method.frame(frame.view(), to).unwrap();
        prop_assert_eq!(fast(Resize::Box), direct::resize_box(frame.view(), to));
        prop_assert_eq!(fast(Resize::Lanczos3), direct::resize_lanczos3(frame.view(), to));
        prop_assert_eq!(fast(Resize::Nearest), direct::resize_nearest(frame.view(), to));
    }

    #[test]
    fn binned_counts_equal_the_mean_of_each_block(
        small in frame(1..12),
        (rows, columns) in (1..9_usize, 1..9_usize),
        seed: u64,
    ) {
        let (height, width) = small.dim();
        let counts = Array2::from_shape_fn((height * rows, width * columns), |(y, x)| {
            ((seed ^ (y * 1009 + x) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16
        });
        let to = Size { width, height };
        let mut resizer = Resize::Binning.resizer(Size::from_frame(counts.view()), to).unwrap();
        let mut out = Array2::zeros((height, width));
        resizer.frame_u16_into(counts.view(), out.view_mut()).unwrap();
        let real = counts.mapv(f32::from);
        prop_assert_eq!(&out, &direct::bins(real.view(), rows, columns));
        resizer.frame_into(real.view(), out.view_mut()).unwrap();
        prop_assert_eq!(&out, &direct::bins(real.view(), rows, columns));
    }

    #[test]
    fn binning_to_what_does_not_divide_is_refused(frame in frame(2..30), width in 1..40_usize, height in 1..40_usize) {
        let (rows, columns) = frame.dim();
        let fits = columns % width == 0 && rows % height == 0;
        let binned = Resize::Binning.frame(frame.view(), Size { width, height });
        prop_assert_eq!(binned.is_ok(), fits);
        if let Err(error) = binned {
            let named = Error::NotWhole {
                from_width: columns,
                from_height: rows,
                to_width: width,
                to_height: height,
            };
            prop_assert_eq!(error, named);
        }
    }

    #[test]
    fn methods_that_are_symmetric_flip_and_turn_with_the_frame(small in frame(1..8), ratio in 1..5_usize) {
        let (height, width) = small.dim();
        let to = Size { width, height };
        // Whole ratios, where no pixel lies on a border and the passes round alike.
        let large = Array2::from_shape_fn((height * ratio, width * ratio), |(y, x)| {
            (small[(y / ratio, x / ratio)] + ((y * 31 + x * 17) % 7) as f32).round()
        });
        for method in [Resize::Triangle, Resize::Box, Resize::Lanczos3, Resize::Binning] {
            let straight = method.frame(large.view(), to).unwrap();
            let flipped = method.frame(large.slice(s![..;-1, ..]), to).unwrap();
            let turned = method.frame(large.t(), Size { width: height, height: width }).unwrap();
            for ((y, x), straight) in straight.indexed_iter() {
                let scale = 2e-7 * 60_000.0 * 4.0;
                prop_assert!((straight - flipped[(height - 1 - y, x)]).abs() <= scale, "{:?}", method);
                prop_assert!((straight - turned[(x, y)]).abs() <= scale, "{:?}", method);
            }
        }
    }

    #[test]
    fn resize_of_counts_equals_resize_of_f32(frame in frame(1..40), width in 1..50_usize, height in 1..50_usize) {
        let counts = frame.mapv(|value| value as u16);
        let to = Size { width, height };
        for method in [Resize::Triangle, Resize::Box, Resize::Lanczos3, Resize::Nearest] {
            let mut resizer = method.resizer(Size::from_frame(frame.view()), to).unwrap();
            let mut out = Array2::zeros((height, width));
            resizer.frame_u16_into(counts.view(), out.view_mut()).unwrap();
            prop_assert_eq!(out, method.frame(counts.mapv(f32::from).view(), to).unwrap());
        }
    }

    #[test]
    fn counts_at_whole_ratios_equal_the_slow_version(
        ratio in prop::sample::select(vec![2_usize, 3, 4, 8, 16]),
        (width, height) in (1..20_usize, 1..20_usize),
        seed: u64,
    ) {
        let counts = Array2::from_shape_fn((height * ratio, width * ratio), |(y, x)| {
            let hash = (seed ^ (y * 1009 + x) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            if hash.is_multiple_of(7) { u16::MAX } else { (hash >> 48) as u16 }
        });
        let to = Size { width, height };
        let mut resizer = Resize::Triangle.resizer(Size::from_frame(counts.view()), to).unwrap();
        let mut out = Array2::zeros((height, width));
        resizer.frame_u16_into(counts.view(), out.view_mut()).unwrap();
        prop_assert_eq!(&out, &direct::resize_triangle(counts.mapv(f32::from).view(), to));
        resizer.frame_into(counts.mapv(f32::from).view(), out.view_mut()).unwrap();
        prop_assert_eq!(&out, &direct::resize_triangle(counts.mapv(f32::from).view(), to));
    }

    #[test]
    fn rows_with_clearing_equal_a_cleared_frame(
        method in prop::sample::select(vec![Resize::Triangle, Resize::Box, Resize::Nearest, Resize::Binning]),
        ratio in prop::sample::select(vec![1_usize, 2, 3, 4, 8]),
        (width, height) in (1..14_usize, 1..14_usize),
        above in prop::sample::select(vec![0, 40_000, 60_000, u16::MAX]),
        seed: u64,
    ) {
        let counts = Array2::from_shape_fn((height * ratio, width * ratio), |(y, x)| {
            let hash = (seed ^ (y * 1009 + x) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (hash >> 48) as u16
        });
        let to = Size { width, height };
        let mut resizer = method.resizer(Size::from_frame(counts.view()), to).unwrap();
        let mut out = Array2::zeros((height, width));
        let source = |y: usize, row: &mut [u16]| {
            row.copy_from_slice(counts.row(y).to_slice().unwrap());
            Ok::<(), widefield::Error>(())
        };
        let cleared = resizer.rows_u16_into(above, source, out.view_mut()).unwrap();
        let mut frame = counts.clone();
        prop_assert_eq!(cleared, invalid::clear(frame.view_mut(), above));
        let mut expected = Array2::zeros((height, width));
        resizer.frame_u16_into(frame.view(), expected.view_mut()).unwrap();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn resize_of_a_strided_view_equals_that_of_its_copy(frame in frame(2..30)) {
        let to = Size { width: 11, height: 5 };
        let view = frame.slice(s![..;-1, ..;2]);
        let ours = Resize::Triangle.frame(view, to).unwrap();
        prop_assert_eq!(&ours, &Resize::Triangle.frame(view.to_owned().view(), to).unwrap());
        let mut turned = Array2::zeros((11, 5));
        let mut resizer = Resize::Triangle.resizer(Size::from_frame(view), to).unwrap();
        resizer.frame_into(view, turned.view_mut().reversed_axes()).unwrap();
        prop_assert_eq!(turned.t(), ours);
    }

    #[test]
    fn resize_keeps_a_constant_and_the_same_size(frame in frame(1..20), width in 1..40_usize, height in 1..40_usize) {
        prop_assert_eq!(&Resize::Triangle.frame(frame.view(), Size::from_frame(frame.view())).unwrap(), &frame);
        let constant = Array2::from_elem(frame.dim(), 1234.5_f32);
        for method in [Resize::Triangle, Resize::Box, Resize::Lanczos3, Resize::Nearest] {
            for value in method.frame(constant.view(), Size { width, height }).unwrap() {
                prop_assert!((value - 1234.5).abs() < 4e-4, "{:?}", method);
            }
        }
    }

    #[test]
    fn smoothing_turns_and_flips_with_the_frame(frame in frame(1..30), sd in 0.0_f64..20.0) {
        let frame = frame.mapv(f64::from);
        let smooth = |frame: ndarray::ArrayView2<'_, f64>| smooth::gaussian(frame, sd).unwrap();
        let straight = smooth(frame.view());
        let turned = smooth(frame.t()).reversed_axes();
        let flipped = smooth(frame.slice(s![..;-1, ..])).slice_move(s![..;-1, ..]);
        for ((straight, turned), flipped) in straight.iter().zip(&turned).zip(&flipped) {
            prop_assert!((straight - turned).abs() < 1e-12 * straight);
            prop_assert!((straight - flipped).abs() < 1e-12 * straight);
        }
    }

    #[test]
    fn smoothing_keeps_the_sum(frame in frame(1..30), sd in 0.0_f64..20.0) {
        let frame = frame.mapv(f64::from);
        let sum = smooth::gaussian(frame.view(), sd).unwrap().sum();
        prop_assert!((sum / frame.sum() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn density_equals_direct_summation(
        low in prop::collection::vec(-20.0_f64..50.0, 1..200),
        high in prop::collection::vec(0.0_f64..1.0, 1..200),
        centre in 1.0_f64..5000.0,
        spread in 0.001_f64..1000.0,
    ) {
        let pixels: Vec<f64> = low.into_iter().chain(high.into_iter().map(|x| centre + spread * x)).collect();
        let image = Array2::from_shape_vec((1, pixels.len()), pixels.clone()).unwrap();
        let density = Density::from_image(image.view()).unwrap();
        let grid: Vec<f64> = (0..density.values().len()).map(|i| density.point(i)).collect();
        let slow = direct::density(&pixels, &grid);
        let peak = slow.iter().copied().fold(0.0, f64::max);
        for (fast, slow) in density.values().iter().zip(&slow) {
            prop_assert!((fast - slow).abs() <= 1e-10 * peak, "{} and {}", fast, slow);
        }
    }

    #[test]
    fn dff_equals_the_slow_version(movie in movie(4..9, 1..12), background in 0.0_f64..500.0, clamp_negative: bool) {
        let subtract = Subtract { background, clamp_negative };
        let kept = Array2::from_shape_fn((movie.dim().1, movie.dim().2), |(y, x)| (y + 2 * x) % 3 != 0);
        let mask = Mask::from_kept(kept.clone());
        let f0 = Baseline::frames(1..3).f0(movie.view(), &subtract).unwrap();
        let mut ours = Array3::zeros(movie.raw_dim());
        dff::normalise_into(movie.view(), &subtract, f0.view(), &mask, ours.view_mut()).unwrap();
        let slow = direct::dff(movie.view(), &subtract, 1..3, kept.view());
        for (ours, slow) in ours.iter().zip(&slow) {
            prop_assert_eq!(ours.to_bits() & 0x7fff_ffff, (*slow as f32).to_bits() & 0x7fff_ffff);
        }
    }

    #[test]
    fn dff_ignores_gain(movie in movie(4..9, 1..8), gain in 0.01_f32..100.0) {
        let dff = |movie: &Array3<f32>| DeltaF::new(Baseline::frames(0..2)).compute(movie.view()).unwrap().values;
        for (one, other) in dff(&movie).iter().zip(&dff(&movie.mapv(|value| gain * value))) {
            // Four roundings of the movies to f32, each 6e-8 of a value up to 1 + dF/F.
            prop_assert!((one - other).abs() <= 3e-7 * (1.0 + one.abs()));
        }
    }

    #[test]
    fn dff_and_mean_flip_with_the_movie(movie in movie(4..9, 1..12)) {
        let dff = |movie| DeltaF::new(Baseline::frames(0..3)).compute(movie).unwrap();
        let straight = dff(movie.view());
        let flipped = dff(movie.slice(s![.., .., ..;-1]));
        prop_assert_eq!(flipped.values.slice(s![.., .., ..;-1]), straight.values);
        prop_assert_eq!(flipped.f0.slice(s![.., ..;-1]), straight.f0);
    }

    #[test]
    fn blocks_give_the_bits_of_the_whole(movie in movie(5..12, 1..12), length in 1..5_usize) {
        let subtract = Subtract { background: 30_000.3, clamp_negative: true };
        let (_, height, width) = movie.dim();
        let mut mean = MeanImage::new((height, width));
        for block in movie.axis_chunks_iter(Axis(0), length) {
            mean.add(block, &subtract).unwrap();
        }
        prop_assert_eq!(mean.finish().unwrap(), subtract.mean(movie.view()).unwrap());

        let f0 = Baseline::frames(1..4).f0(movie.view(), &subtract).unwrap();
        let mask = Mask::keep_all((height, width));
        let mut whole = Array3::zeros(movie.raw_dim());
        dff::normalise_into(movie.view(), &subtract, f0.view(), &mask, whole.view_mut()).unwrap();
        let mut blocks = Array3::zeros(movie.raw_dim());
        for (block, out) in movie.axis_chunks_iter(Axis(0), length).zip(blocks.axis_chunks_iter_mut(Axis(0), length)) {
            dff::normalise_into(block, &subtract, f0.view(), &mask, out).unwrap();
        }
        prop_assert_eq!(bits(whole.view()), bits(blocks.view()));
    }

    #[test]
    fn clearing_equals_a_comparison_of_each_pixel(frame in frame(1..30), above: u16) {
        let mut counts = frame.mapv(|value| value as u16);
        let expected = counts.mapv(|value| if value > above { 0 } else { value });
        let n = counts.iter().filter(|&&value| value > above).count();
        prop_assert_eq!(invalid::clear(counts.view_mut(), above), n);
        prop_assert_eq!(counts, expected);
    }

    #[test]
    fn any_frame_gives_a_result_or_an_error(frame in any_frame(), sd in 0.0_f64..9.0, cutoff in 0.0_f64..1.0) {
        let image = frame.mapv(f64::from);
        for method in [Resize::Triangle, Resize::Box, Resize::Lanczos3, Resize::Nearest, Resize::Binning] {
            let _ = method.frame(frame.view(), Size { width: 3, height: 2 });
        }
        prop_assert_eq!(smooth::gaussian(image.view(), sd).unwrap().dim(), image.dim());
        if let Ok(level) = (Background::GaussianFit { smoothing_sd_px: Some(sd) }).estimate(frame.view()) {
            prop_assert!(level.value.is_finite());
        }
        let rule = Segmentation::DensityCutoff { density_cutoff: cutoff };
        if let Ok(mask) = rule.mask(image.view()) {
            prop_assert!(mask.threshold() >= 0.0 && mask.density().iter().all(|density| density.is_finite()));
        }
        let _ = reference::image(image.view());
        let movie = frame.view().insert_axis(Axis(0));
        let dff = DeltaF::new(Baseline::frames(0..1)).compute(movie).unwrap();
        prop_assert_eq!(dff.values.dim(), movie.dim());
    }
}

/// 300 x 200 px, large enough that every operator uses its threads.
fn large() -> Array3<f32> {
    Array3::from_shape_fn((7, 300, 200), |(t, y, x)| {
        let (dx, dy) = (x as f32 - 95.0, y as f32 - 160.0);
        let noise = ((t * 31 + y * 7919 + x * 104_729 + x * y) % 97) as f32;
        60.0 + 4000.0 * (-(dx * dx / 3000.0 + dy * dy / 9000.0 + dx * dy / 20_000.0)).exp() + noise
    })
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let movie = large();
    let all = || {
        let small = Resize::Triangle
            .movie(
                movie.view(),
                Size {
                    width: 133,
                    height: 211,
                },
            )
            .unwrap();
        let level = Background::GaussianFit {
            smoothing_sd_px: Some(9.0),
        }
        .estimate_mean(small.view())
        .unwrap();
        let subtract = Subtract {
            background: level.value,
            clamp_negative: true,
        };
        let mean = subtract.mean(small.view()).unwrap();
        let mask = Segmentation::DensityCutoff {
            density_cutoff: 1e-4,
        }
        .mask(mean.view())
        .unwrap();
        let f0 = Baseline::frames(1..4).f0(small.view(), &subtract).unwrap();
        let mut out = Array3::zeros(small.raw_dim());
        dff::normalise_into(small.view(), &subtract, f0.view(), &mask, out.view_mut()).unwrap();
        let clean = subtract.movie(small.view());
        (
            bits(small.view()),
            level,
            mean,
            mask,
            bits(out.view()),
            bits(clean.view()),
        )
    };
    let one = in_pool(1, all);
    assert!(one.3.masked_pixels() > 1000);
    for threads in [2, 3, 8] {
        assert!(in_pool(threads, all) == one, "{threads} threads");
    }
}

#[test]
fn the_offset_of_a_fit_moves_with_the_image_and_scales_with_it() {
    let image = large().index_axis_move(Axis(0), 0).mapv(f64::from);
    let fit = GaussianFit::from_image(image.view()).unwrap();
    let moved = GaussianFit::from_image((&image + 500.0).view()).unwrap();
    let scaled = GaussianFit::from_image((&image * 3.0).view()).unwrap();
    assert!((moved.offset - fit.offset - 500.0).abs() < 1e-8 * fit.amplitude);
    assert!((scaled.offset - 3.0 * fit.offset).abs() < 3e-8 * fit.amplitude);
    let turned = GaussianFit::from_image(image.t()).unwrap();
    assert!((turned.offset - fit.offset).abs() < 1e-8 * fit.amplitude);
    assert!((turned.x0 - fit.y0).abs() < 1e-6);
    let flipped = GaussianFit::from_image(image.slice(s![.., ..;-1])).unwrap();
    assert!((flipped.offset - fit.offset).abs() < 1e-8 * fit.amplitude);
    assert!((flipped.x0 - (199.0 - fit.x0)).abs() < 1e-6);
}

#[test]
fn a_wide_frame_with_offset_60_has_the_background_60_in_both_orientations() {
    let wide = Array2::from_shape_fn((120, 320), |(y, x)| {
        let (dx, dy) = (x as f32 - 150.0, y as f32 - 65.0);
        60.0 + 900.0 * (-(dx * dx / 2000.0 + dy * dy / 500.0)).exp()
    });
    for frame in [wide.view(), wide.t()] {
        let level = Background::GaussianFit {
            smoothing_sd_px: Some(0.0),
        }
        .estimate(frame)
        .unwrap();
        assert!((level.value - 60.0).abs() < 1e-5, "{}", level.value);
        // Smoothing widens the Gaussian and leaves the offset, but for where it is cut at 4 sd.
        let level = Background::GaussianFit {
            smoothing_sd_px: Some(5.0),
        }
        .estimate(frame)
        .unwrap();
        assert!((level.value - 60.0).abs() < 0.05, "{}", level.value);
    }
}

#[test]
fn a_window_with_hard_edges_is_flagged() {
    let window = Array2::from_shape_fn((96, 96), |(y, x)| {
        let (dx, dy) = (x as f32 - 48.0, y as f32 - 48.0);
        if dx.hypot(dy) < 38.0 { 30_000.0 } else { 100.0 }
    });
    let level = Background::GaussianFit {
        smoothing_sd_px: Some(5.0),
    }
    .estimate(window.view())
    .unwrap();
    assert!(level.implausible && level.value < -1000.0);
    assert_eq!(level.fit.unwrap().offset, level.value);
    assert!(level.plausible_max < 300.0);
}
