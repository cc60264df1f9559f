//! Movies of a head that moves, with known truth.

use crate::common::in_pool;
use crate::{randoms, square};
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use std::time::{Duration, Instant};
use widefield::motion::{Crop, Edges, Extent, Judgement, Reference, Rigid, Shift, Verdict};
use widefield::simulate::{Config, Faults, Session};
use widefield::{Resize, Resizer};

const FRAMES: usize = 40;

/// Where the head of a simulated movie is, px of a frame of 512: jitter, and behind the frames of the reference a drift of
/// up to 5 px.
fn truth() -> Vec<[f64; 2]> {
    let mut next = randoms(5);
    let frame = |t: usize| {
        let way = t.saturating_sub(9) as f64 / 30.0;
        let mut jitter = || 1.2 * (next() - 0.5);
        [5.0 * way + jitter(), -4.0 * (2.0 * way).sin() + jitter()]
    };
    (0..FRAMES).map(frame).collect()
}

/// Frames of 512 px with shot noise and a response of 10 %, under light that stays; the sensor's pattern stays, too:
/// 1 % of gain of every pixel, and half as much of every column.
fn movie(config: &Config, truth: &[[f64; 2]]) -> Array3<u16> {
    let mut next = randoms(9);
    let mut sd = |sd: f64| sd * ((0..12).map(|_| next()).sum::<f64>() - 6.0);
    let columns: Vec<f64> = (0..512).map(|_| sd(0.005)).collect();
    let gain = Array2::from_shape_fn((512, 512), |(_, x)| 1.0 + sd(0.01) + columns[x]);
    let mut movie = Array3::zeros((truth.len(), 512, 512));
    for (t, (mut frame, shift)) in movie.outer_iter_mut().zip(truth).enumerate() {
        let config = Config {
            faults: Faults {
                shift: shift.map(|px| px / 512.0),
                ..Faults::default()
            },
            frames: FRAMES,
            // The stimulus comes after half of a second.
            first_frame_s: -0.5,
            response_amplitude: 0.1,
            ..config.clone()
        };
        let session = Session::new(config, 1).unwrap();
        session.trial(0, 0, true).frame_into(t, frame.view_mut());
        frame.zip_mut_with(&gain, |count, gain| {
            *count = (f64::from(*count) * gain).round() as u16;
        });
    }
    movie
}

/// The reference that a session would take: the mean of the first ten frames.
fn reference(movie: ArrayView3<'_, f32>) -> Reference {
    Rigid::default().reference(first_ten(movie).view()).unwrap()
}

fn first_ten(movie: ArrayView3<'_, f32>) -> Array2<f32> {
    movie.slice(s![..10, .., ..]).mean_axis(Axis(0)).unwrap()
}

fn halves(movie: ArrayView3<'_, u16>) -> (Resizer, Array3<f32>) {
    let mut resizer = Resize::Triangle.resizer(square(512), square(256)).unwrap();
    let mut small = Array3::zeros((movie.len_of(Axis(0)), 256, 256));
    for (frame, out) in movie.outer_iter().zip(small.outer_iter_mut()) {
        resizer.frame_u16_into(frame, out).unwrap();
    }
    (resizer, small)
}

/// Root mean square of what shifts lie off by in y and in x, one constant taken away: that of the reference.
fn rms(found: &[Shift], truth: &[[f64; 2]], scale: f64) -> [f64; 2] {
    [0, 1].map(|axis| {
        let pairs = found.iter().zip(truth);
        let off: Vec<f64> = pairs
            .map(|(shift, truth)| [shift.dy_px, shift.dx_px][axis] - scale * truth[axis])
            .collect();
        let n = off.len() as f64;
        let mean = off.iter().sum::<f64>() / n;
        (off.iter().map(|o| (o - mean).powi(2)).sum::<f64>() / n).sqrt()
    })
}

/// What taking the shifts away does, in the size of the resizer; a sign of -1 adds them instead.
fn corrected(
    movie: ArrayView3<'_, u16>,
    resizer: &Resizer,
    small: &Array3<f32>,
    taken: &[Shift],
    sign: f64,
) -> Judgement {
    let scaled =
        |sign: f64| -> Vec<Shift> { taken.iter().map(|shift| shift.scaled(sign)).collect() };
    let (applied, inverted) = (scaled(sign), scaled(-sign));
    let dim = (small.dim().1, small.dim().2);
    let moved = |shifts: &[Shift]| {
        let (mut resizer, mut out) = (resizer.clone(), Array3::zeros(small.dim()));
        for ((frame, shift), out) in movie.outer_iter().zip(shifts).zip(out.outer_iter_mut()) {
            resizer.shifted_u16_into(frame, *shift, out).unwrap();
        }
        out
    };
    let (right, wrong) = (moved(&applied), moved(&inverted));
    let crop = Crop::from_shifts(dim, &applied);
    assert!(crop.outside_pixels() > 0 && crop.outside_pixels() < dim.0 * dim.1 / 10);
    let part = s![.., crop.rows(), crop.columns()];
    let image = first_ten(small.slice(part));
    let left = Rigid::default()
        .reference(image.view())
        .unwrap()
        .shifts(right.slice(part))
        .unwrap();
    let mut edges = Edges::from_image(first_ten(small.view()).view(), crop.kept().view()).unwrap();
    for t in 0..taken.len() {
        let frame = |movie: &'_ Array3<f32>| movie.index_axis(Axis(0), t).to_owned();
        let [a, b, c] = [small, &right, &wrong].map(frame);
        edges.add([a.view(), b.view(), c.view()]).unwrap();
    }
    Judgement::new(dim, taken, &left, edges.noise())
}

/// What holds for a simulated movie: errors in px rms, and the verdict on the correction and on its opposite.
fn holds(config: &Config) {
    let truth = truth();
    let movie = movie(config, &truth);
    let large = movie.mapv(f32::from);
    let found = reference(large.view()).shifts(large.view()).unwrap();
    let off = rms(&found, &truth, 1.0);
    println!(
        "512 px: error {off:?} px rms, {:?}",
        Extent::from_shifts(&found)
    );
    let lowest = found
        .iter()
        .fold(f64::INFINITY, |least, shift| least.min(shift.peak));
    let second = found
        .iter()
        .fold(0.0_f64, |most, shift| most.max(shift.second_peak));
    println!("        lowest peak {lowest:.3}, highest second {second:.3}");
    assert!(found.iter().all(|shift| shift.flag.is_none()), "{found:?}");
    assert!(off.iter().all(|off| *off < 0.02), "512 px: {off:?}");
    let same = Resize::Triangle.resizer(square(512), square(512)).unwrap();
    let judgement = corrected(movie.view(), &same, &large, &found, 1.0);
    println!("{judgement:?}");
    assert_eq!(judgement.verdict, Verdict::Helped);
    assert!(
        judgement.slope.iter().all(|slope| slope.abs() < 0.1),
        "{judgement:?}"
    );

    let (resizer, small) = halves(movie.view());
    let found = reference(small.view()).shifts(small.view()).unwrap();
    let off = rms(&found, &truth, 0.5);
    println!("256 px: error {off:?} px rms");
    assert!(off.iter().all(|off| *off < 0.03), "256 px: {off:?}");

    // As runs measure where nothing is taken away, here of every frame: halved, in any number at a time.
    let image = first_ten(small.view());
    let sampled = Rigid::default().sampled(image.view(), 1).unwrap();
    let halved = sampled.shifts(&small.view(), 7).unwrap();
    assert_eq!(halved, sampled.shifts(&small.view(), 100).unwrap());
    let halved: Vec<Shift> = halved.into_iter().map(|(_, shift)| shift).collect();
    let off = rms(&halved, &truth, 0.5);
    println!("256 px, halved: error {off:?} px rms");
    // Far below the half pixel from which a check warns.
    assert!(off.iter().all(|off| *off < 0.12), "halved: {off:?}");

    let judged = |taken: &[Shift], sign: f64, verdict: Verdict, slope: f64| {
        let judgement = corrected(movie.view(), &resizer, &small, taken, sign);
        println!("{judgement:?}");
        assert_eq!(judgement.verdict, verdict);
        let off = judgement.slope.map(|found| (found - slope).abs());
        assert!(off.iter().all(|off| *off < 0.1), "{judgement:?}");
    };
    judged(&found, 1.0, Verdict::Helped, 0.0);
    // Added instead of taken away, and measured with the wrong sign.
    judged(&found, -1.0, Verdict::Harmed, 2.0);
    let inverted: Vec<Shift> = found.iter().map(|shift| shift.scaled(-1.0)).collect();
    judged(&inverted, 1.0, Verdict::Harmed, -2.0);
}

#[test]
fn simulated_motion_is_found_and_taken_away() {
    holds(&Config::default());
}

#[test]
fn vessels_are_enough_without_the_edge_of_a_window() {
    holds(&Config {
        window_radius: 0.75,
        light_sd: 0.5,
        vessels: 12,
        ..Config::default()
    });
}

#[test]
fn activity_alone_hardly_moves() {
    let movie = movie(&Config::default(), &[[0.0; 2]; FRAMES]);
    let (_, small) = halves(movie.view());
    let found = reference(small.view()).shifts(small.view()).unwrap();
    let extent = Extent::from_shifts(&found);
    println!("{extent:?}");
    assert!(extent.high_px < 0.05, "{extent:?}");
    let noise = Edges::from_image(
        small.index_axis(Axis(0), 0),
        Array2::from_elem((256, 256), true).view(),
    );
    let judgement = Judgement::new((256, 256), &found, &found, noise.unwrap().noise());
    assert_eq!(judgement.verdict, Verdict::NotNeeded);
    assert!(judgement.slope.iter().all(|slope| slope.is_nan()));
}

/// The least of many times, of one thread.
fn time(what: &str, frames: usize, mut run: impl FnMut()) {
    let mut least = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed());
    }
    println!(
        "{what}: {:.3} ms a frame",
        least.as_secs_f64() * 1e3 / frames as f64
    );
}

#[test]
#[ignore = "measures: cargo test --release -p widefield --features simulate --test motion -- --ignored --nocapture"]
fn time_per_frame() {
    in_pool(1, || {
        let movie = movie(&Config::default(), &truth()[..10]);
        let large = movie.mapv(f32::from);
        let reference_of = reference(large.view());
        time("shifts at 512 px", 10, || {
            drop(reference_of.shifts(large.view()))
        });
        let (mut resizer, small) = halves(movie.view());
        let found = reference(small.view());
        time("shifts at 256 px", 10, || drop(found.shifts(small.view())));
        let mut out = Array2::zeros((256, 256));
        let shift = Shift::from_px(1.3, -0.7);
        let frame = movie.index_axis(Axis(0), 0);
        time("512 to 256 px, unmoved", 1, || {
            resizer.frame_u16_into(frame, out.view_mut()).unwrap()
        });
        time("512 to 256 px, moved", 1, || {
            resizer
                .shifted_u16_into(frame, shift, out.view_mut())
                .unwrap()
        });
        let mut resizer = Resize::Triangle.resizer(square(512), square(512)).unwrap();
        let mut out = Array2::zeros((512, 512));
        time("512 to 512 px, moved", 1, || {
            resizer
                .shifted_u16_into(frame, shift, out.view_mut())
                .unwrap()
        });
    });
}
