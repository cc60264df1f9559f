//! The simulator against its own promises: determinism, noise, truth, faults, refusals.
#![cfg(feature = "simulate")]

use ndarray::{Array2, Array3, Axis, s};
use widefield::{
    Background, Baseline, Segmentation, Size, Subtract,
    simulate::{Activation, Area, Config, Error, Faults, Light, Session, Trial},
};

fn small() -> Config {
    Config {
        size: Size {
            width: 56,
            height: 40,
        },
        ..Config::default()
    }
}

fn session(config: Config) -> Session {
    Session::new(config, 2).expect("a valid configuration")
}

fn frame(trial: &Trial<'_>, t: usize) -> Array2<u16> {
    let mut frame = Array2::zeros(trial.truth().scene.rest.dim());
    trial.frame_into(t, frame.view_mut());
    frame
}

fn expected(trial: &Trial<'_>, t: usize) -> Array2<f32> {
    let mut frame = Array2::zeros(trial.truth().scene.rest.dim());
    trial.expected_frame_into(t, frame.view_mut());
    frame
}

#[test]
fn pixels_depend_on_seed_trial_frame_and_condition_alone() {
    let first = session(small());
    let reference = frame(&first.trial(3, 1, true), 70);
    assert_eq!(frame(&session(small()).trial(3, 1, true), 70), reference);

    let other_seed = session(Config { seed: 2, ..small() });
    assert_ne!(frame(&other_seed.trial(3, 1, true), 70), reference);
    assert_ne!(frame(&first.trial(4, 1, true), 70), reference);
    assert_ne!(frame(&first.trial(3, 1, true), 71), reference);
    assert_ne!(frame(&first.trial(3, 0, true), 70), reference);
    assert_ne!(frame(&first.trial(3, 1, false), 70), reference);
}

#[test]
fn order_and_threads_do_not_matter() {
    let session = session(small());
    let trial = session.trial(0, 0, true);
    let forth: Vec<_> = (0..24).map(|t| frame(&trial, t)).collect();
    let mut back: Vec<_> = (0..24).rev().map(|t| frame(&trial, t)).collect();
    back.reverse();
    assert_eq!(forth, back);

    let threads: Vec<_> = std::thread::scope(|scope| {
        let (session, trial) = (&session, &trial);
        let workers: Vec<_> = (0..24)
            .map(|t| match t % 2 {
                0 => scope.spawn(move || frame(trial, t)),
                _ => scope.spawn(move || frame(&session.trial(0, 0, true), t)),
            })
            .collect();
        workers
            .into_iter()
            .map(|w| w.join().expect("no panic"))
            .collect()
    });
    assert_eq!(forth, threads);
}

#[test]
fn a_frame_fits_into_any_view() {
    let session = session(small());
    let trial = session.trial(0, 0, true);
    let reference = frame(&trial, 65);
    let mut wide = Array2::<u16>::zeros((80, 112));
    trial.frame_into(65, wide.slice_mut(s![..;2, ..;2]));
    assert_eq!(wide.slice(s![..;2, ..;2]), reference);
    assert_eq!(wide.slice(s![1..;2, ..]).iter().max(), Some(&0));
    let mut turned = Array2::<u16>::zeros((56, 40));
    trial.frame_into(65, turned.view_mut().reversed_axes());
    assert_eq!(turned.t(), reference);
}

#[test]
#[should_panic(expected = "the session's size")]
fn a_frame_of_another_size_is_a_mistake_of_the_caller() {
    let session = session(small());
    session
        .trial(0, 0, true)
        .frame_into(0, Array2::zeros((40, 55)).view_mut());
}

/// Frames without light hold nothing that a platform's `exp` could change, so these pixels must
/// be the same everywhere and in every version.
#[test]
fn dark_noise_is_pinned() {
    let session = session(Config {
        peak_counts: 0.0,
        ..small()
    });
    let frame = frame(&session.trial(2, 0, true), 5);
    let head: Vec<u16> = frame.iter().take(12).copied().collect();
    assert_eq!(head, PINNED);
}

const PINNED: [u16; 12] = [102, 98, 101, 98, 98, 94, 96, 98, 99, 102, 96, 95];

/// Sums of standardised residuals, (pixel - expected) / sd, over pixels and frames.
#[derive(Default)]
struct Residuals {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Residuals {
    fn add(&mut self, z: f64) {
        self.n += 1.0;
        self.sum += z;
        self.squares += z * z;
    }

    /// Mean 0 and variance 1 within 4.5 standard errors, which chance misses once in 100 000; the
    /// seed is fixed, so a test that passes once passes always.
    fn check(&self, what: &str) {
        let mean = self.sum / self.n;
        let variance = self.squares / self.n - mean * mean;
        assert!(
            mean.abs() < 4.5 / self.n.sqrt(),
            "{what}: mean {mean}, n {}",
            self.n
        );
        let error = (variance - 1.0).abs();
        assert!(
            error < 4.5 * (2.0 / self.n).sqrt(),
            "{what}: variance {variance}, n {}",
            self.n
        );
    }
}

#[test]
fn noise_has_the_configured_mean_and_variance() {
    for (read, electrons) in [(3.0, 2.0), (12.0, 0.5), (2.0, f64::INFINITY)] {
        let session = session(Config {
            read_noise_counts: read,
            electrons_per_count: electrons,
            ..small()
        });
        let trial = session.trial(0, 0, true);
        let (mut dark, mut bright) = (Residuals::default(), Residuals::default());
        let (mut beside, mut before) = (Residuals::default(), Residuals::default());
        let mut previous = Array2::<f64>::zeros((40, 56));
        for t in 0..200 {
            let expected = expected(&trial, t).mapv(f64::from);
            let variance = expected.mapv(|e| (e - 100.0) / electrons + read * read + 1.0 / 12.0);
            let pixels = frame(&trial, t).mapv(f64::from);
            let z = (&pixels - &expected) / variance.mapv(f64::sqrt);
            for ((y, x), &z) in z.indexed_iter() {
                let side = if trial.truth().scene.brain[[y, x]] {
                    &mut bright
                } else {
                    &mut dark
                };
                side.add(z);
            }
            // Products of independent standard normal numbers have mean 0 and variance 1, too.
            for row in z.rows() {
                row.windows(2)
                    .into_iter()
                    .for_each(|pair| beside.add(pair[0] * pair[1]));
            }
            if t > 0 {
                z.iter().zip(&previous).for_each(|(a, b)| before.add(a * b));
            }
            previous = z;
        }
        dark.check("surround");
        bright.check("brain");
        for (what, products) in [("neighbours", beside), ("successive frames", before)] {
            let mean = products.sum / products.n;
            assert!(
                mean.abs() < 4.5 / products.n.sqrt(),
                "{what} correlate: {mean}"
            );
        }
    }
}

#[test]
fn saturation_clamps_at_the_full_well() {
    let session = session(Config {
        full_well_counts: 3000,
        ..small()
    });
    let trial = session.trial(0, 0, true);
    let (pixels, expected) = (frame(&trial, 0), expected(&trial, 0));
    assert_eq!(pixels.iter().max(), Some(&3000));
    for (&pixel, &expected) in pixels.iter().zip(&expected) {
        assert!(
            expected < 3400.0 || pixel == 3000,
            "{expected} became {pixel}"
        );
    }
}

#[test]
fn without_noise_pixels_are_the_expected_counts_rounded() {
    let session = session(small().noiseless());
    let trial = session.trial(1, 1, true);
    for t in [0, 66, 199] {
        for (&pixel, &expected) in frame(&trial, t).iter().zip(&expected(&trial, t)) {
            assert!(
                (f32::from(pixel) - expected).abs() < 0.501,
                "{expected} became {pixel}"
            );
        }
    }
}

/// (F - F0) / F0 of what the camera shows without noise, with all that moves the light switched on.
#[test]
fn dff_of_a_noiseless_movie_is_the_truth() {
    let session = session(
        Config {
            peak_counts: 60_000.0,
            bleaching: 0.03,
            fluctuation: 0.01,
            session_drift: 0.02,
            first_frame_s: -0.5,
            baseline: 8..20,
            ..small()
        }
        .noiseless(),
    );
    let trial = session.trial(5, 1, true);
    let truth = trial.truth();
    let mut movie = Array3::<f64>::zeros((60, 40, 56));
    for (t, mut out) in movie.outer_iter_mut().enumerate() {
        out.assign(&frame(&trial, t).mapv(|v| f64::from(v) - truth.background_counts));
    }
    let f0 = movie
        .slice(s![8..20, .., ..])
        .mean_axis(Axis(0))
        .expect("frames");
    let mut largest = 0.0_f64;
    for (t, movie) in movie.outer_iter().enumerate() {
        let mut dff = Array2::<f32>::zeros((40, 56));
        trial.dff_frame_into(t, dff.view_mut());
        for ((y, x), &f) in movie
            .indexed_iter()
            .filter(|(at, _)| truth.scene.brain[*at])
        {
            let want = trial.dff(t, y, x);
            let got = f / f0[[y, x]] - 1.0;
            // Half a count in F and in F0, and single precision.
            let tolerance = 1.1 / f0[[y, x]] + 1e-6;
            assert!(
                (got - want).abs() < tolerance,
                "({t}, {y}, {x}): {got} {want}"
            );
            assert!((f64::from(dff[[y, x]]) - want).abs() < 1e-8);
            largest = largest.max(want);
        }
    }
    // The response is in the baseline, so it does not show in full.
    assert!((0.02..0.1).contains(&largest), "{largest}");
}

/// Noise averages out: over the pixels of an area the noisy default movie shows the true response.
#[test]
fn response_shows_through_the_noise() {
    let session = session(Config::default());
    let trial = session.trial(0, 1, true);
    let [y, x] = session.truth().areas[1][0].centre_pixel();
    let area = s![y - 10..y + 10, x - 10..x + 10];
    let mean = |t: usize| {
        let light = frame(&trial, t).mapv(|v| f64::from(v) - 100.0);
        light.slice(area).mean().expect("pixels")
    };
    let f0 = (9..12).map(mean).sum::<f64>() / 3.0;
    let mut dff = Array2::<f32>::zeros((512, 512));
    for t in [20, 61, 68, 80, 120] {
        trial.dff_frame_into(t, dff.view_mut());
        let want = f64::from(dff.slice(area).mean().expect("pixels"));
        let got = mean(t) / f0 - 1.0;
        // Shot noise of 1500 counts or more at 2 electrons per count is 1.8 % of a pixel, 0.09 % of 400
        // of them; times 1.15 for F0, times 4.
        assert!((got - want).abs() < 0.0042, "frame {t}: {got} {want}");
    }
    let peak = trial.dff(68, y, x);
    assert!((0.04..0.1).contains(&peak), "{peak}");
}

#[test]
fn only_areas_of_the_condition_respond_and_only_if_the_trial_does() {
    let session = session(Config {
        fluctuation: 0.0,
        ..Config::default()
    });
    for condition in [0, 1] {
        let areas = &session.truth().areas[condition];
        assert_eq!(areas.len(), 2);
        let trial = session.trial(0, condition, true);
        let gain = trial.truth().response_gain;
        assert!((0.5..1.5).contains(&gain) && gain != 1.0);
        for area in areas {
            let [y, x] = area.centre_pixel();
            assert!(session.truth().brain[[y, x]]);
            // Frame 60 is t = 0 s: nothing before, all of it at the peak.
            assert_eq!(trial.dff(60, y, x), 0.0);
            let peak = trial.response(68, y, x);
            assert!(peak > 0.95 * gain * area.amplitude && peak > 0.02, "{peak}");
            assert!((trial.dff(68, y, x) - peak).abs() < 1e-12);
        }
        let silent = session.trial(0, condition, false);
        let unknown = session.trial(0, 2, true);
        for trial in [silent, unknown] {
            let mut dff = Array2::<f32>::ones((512, 512));
            trial.dff_frame_into(68, dff.view_mut());
            assert!(dff.iter().all(|&v| v == 0.0));
        }
    }
    let [a, b] = [0, 1].map(|condition| session.truth().areas[condition][0].centre);
    assert!((a[0] - b[0]).hypot(a[1] - b[1]) > 2.0 * 0.05 * 512.0);
}

#[test]
fn a_response_moves_with_its_onset_between_frames_too() {
    let session = session(small().noiseless());
    let usual = session.trial(4, 1, true);
    let area = &session.truth().areas[1][0];
    let [y, x] = area.centre_pixel();
    for by_s in [-1.2345, 0.02, 0.75, 1.0] {
        let moved = session.trial_at(4, 1, true, 3.0 + by_s);
        for t in 0..200 {
            // The formula, at the time from the onset.
            let since = t as f64 / 20.0 - 3.0 - by_s;
            let course = |area: &Area| area.time_course(since) * area.weight(y, x);
            let sum: f64 = session.truth().areas[1].iter().map(course).sum();
            let want = usual.truth().response_gain * sum;
            // A rise of 0.15 s turns the rounding of a time into as little of a response.
            assert!(
                (moved.response(t, y, x) - want).abs() < 1e-12,
                "{by_s}, {t}"
            );
            assert_eq!(moved.light(t), usual.light(t));
        }
    }
    // By whole frames it is the same response, later; to a frame the light is another.
    let later = session.trial_at(4, 1, true, 3.25);
    for t in 5..200 {
        let difference = later.response(t, y, x) - usual.response(t - 5, y, x);
        assert!(difference.abs() < 1e-12);
    }
    assert!(expected(&later, 63)[[y, x]] < 0.99 * expected(&usual, 63)[[y, x]]);
    for t in [0, 40, 70] {
        let same = session.trial_at(4, 1, true, 3.0);
        assert_eq!(frame(&same, t), frame(&usual, t));
    }
    let never = session.trial_at(4, 1, true, f64::INFINITY);
    assert_eq!(frame(&never, 70), frame(&session.trial(4, 1, false), 70));
}

fn spontaneous() -> Config {
    Config {
        frames: 4000,
        ..small()
    }
}

#[test]
fn spontaneous_activity_is_what_its_truth_says() {
    let session = session(spontaneous().noiseless());
    let recording = session.spontaneous(2);
    let truth = recording.truth();
    assert_eq!((truth.condition, truth.response_gain), (None, 1.0));
    let areas: Vec<&Area> = truth.scene.areas.iter().flatten().collect();
    let activations = recording.activations();
    assert!(activations.is_sorted_by(|a, b| a.begin_s <= b.begin_s));
    for t in (0..4000).step_by(7) {
        let time_s = t as f64 / 20.0;
        assert_eq!(recording.time_s(t), time_s);
        for area in &areas {
            let [y, x] = area.centre_pixel();
            let one = |a: &Activation| {
                let area = areas[a.area];
                let course = area.time_course(time_s - a.begin_s + area.latency_s);
                a.peak_dff / area.amplitude * course * area.weight(y, x)
            };
            let want: f64 = activations.iter().map(one).sum();
            assert!((recording.response(t, y, x) - want).abs() < 1e-12, "{t}");
            let rest = f64::from(truth.scene.rest[[y, x]]) * recording.light(t);
            let counts = f64::from(expected(&recording, t)[[y, x]]);
            // Single precision.
            assert!((counts - 100.0 - rest * (1.0 + want)).abs() < 1e-3, "{t}");
        }
    }
    assert!(session.trial(2, 0, true).activations().is_empty());
}

#[test]
fn spontaneous_activity_is_spread_over_time_and_areas() {
    let session = session(spontaneous());
    // 4 areas, 0.2 Hz, 200 s: 160 to be expected, sd 12.6.
    let all = session.spontaneous(0);
    let n = all.activations().len();
    assert!((110..210).contains(&n), "{n}");
    for k in 0..4 {
        let areas = all.activations().iter().filter(|a| a.area == k).count();
        assert!((15..70).contains(&areas), "{areas}");
        let quarter = 50.0 * k as f64..50.0 * (k + 1) as f64;
        let moments = all.activations().iter();
        let moments = moments.filter(|a| quarter.contains(&a.begin_s)).count();
        assert!((15..70).contains(&moments), "{moments}");
    }
    let areas: Vec<&Area> = session.truth().areas.iter().flatten().collect();
    for a in all.activations() {
        let gain = a.peak_dff / areas[a.area].amplitude;
        assert!((0.5..1.5).contains(&gain) && (0.0..200.0).contains(&a.begin_s));
    }

    assert_eq!(session.spontaneous(0).activations(), all.activations());
    assert_ne!(session.spontaneous(1).activations(), all.activations());
    let made = |config: Config| Session::new(config, 2).expect("a valid configuration");
    let other = made(Config {
        seed: 2,
        ..spontaneous()
    });
    assert_ne!(other.spontaneous(0).activations(), all.activations());
    // A longer one goes on where this one ends.
    let longer = made(Config {
        frames: 8000,
        ..spontaneous()
    });
    let longer = longer.spontaneous(0);
    assert_eq!(&longer.activations()[..n], all.activations());
    assert!(longer.activations()[n].begin_s >= 200.0);

    let quiet = made(Config {
        spontaneous_hz: 0.0,
        ..spontaneous()
    });
    assert!(quiet.spontaneous(0).activations().is_empty());
    let none = made(Config {
        areas_per_condition: 0,
        ..spontaneous()
    });
    assert!(none.spontaneous(0).activations().is_empty());
    let frantic = made(Config {
        spontaneous_hz: 1e3,
        sample_rate_hz: 1e-6,
        ..spontaneous()
    });
    assert_eq!(frantic.spontaneous(0).activations().len(), 100_000);
}

#[test]
fn anatomy_is_the_same_at_every_size_and_number_of_conditions() {
    let at = |width, height, conditions| {
        let config = Config {
            size: Size { width, height },
            ..Config::default()
        };
        Session::new(config, conditions).expect("a valid configuration")
    };
    let share = |s: &Session| {
        let brain = s.truth().brain.iter().filter(|&&b| b).count();
        brain as f64 / s.truth().brain.len() as f64
    };
    let (large, little, wide) = (at(256, 256, 2), at(64, 64, 5), at(200, 100, 2));
    // pi 0.36^2; a circle of 23 px radius covers whole pixels to about 1 %.
    for session in [&large, &little, &wide] {
        assert!((share(session) - 0.407).abs() < 0.006, "{}", share(session));
    }
    for (a, b) in large.truth().areas.iter().zip(&little.truth().areas) {
        for (a, b) in a.iter().zip(b) {
            assert!((a.centre[0] + 0.5 - 4.0 * (b.centre[0] + 0.5)).abs() < 1e-9);
            assert_eq!(a.amplitude, b.amplitude);
        }
    }
    // The darkest vessel lies at the same place, to a pixel of the small picture.
    let darkest = |s: &Session| {
        let vessels = &s.truth().vessels;
        assert!(vessels.iter().all(|&v| (0.6..=1.0).contains(&v)));
        vessels.iter().copied().fold(1.0, f32::min)
    };
    assert!((darkest(&large) - darkest(&wide)).abs() < 0.03);
    assert!(darkest(&large) < 0.8);
}

#[test]
fn the_default_window_stands_out_from_its_surround() {
    for n in [64, 128, 512] {
        let size = Size {
            width: n,
            height: n,
        };
        let truth = session(Config {
            size,
            ..Config::default()
        })
        .truth()
        .clone();
        let sorted = |brain: bool| {
            let mut values: Vec<f32> = truth
                .rest
                .iter()
                .zip(&truth.brain)
                .filter(|(_, b)| **b == brain)
                .map(|(v, _)| *v)
                .collect();
            values.sort_by(f32::total_cmp);
            values
        };
        let (surround, brain) = (sorted(false), sorted(true));
        let share = |values: &[f32], percent: usize| values[percent * (values.len() - 1) / 100];
        // Few pixels of the soft edge lie between.
        assert!(
            share(&surround, 95) < 350.0,
            "{n}: {}",
            share(&surround, 95)
        );
        assert!(share(&brain, 5) > 500.0, "{n}: {}", share(&brain, 5));
        let most = share(&brain, 100);
        assert!((3600.0..=4000.0).contains(&most), "{n}: {most}");
    }
}

#[test]
fn flat_light_is_flat_between_vessels() {
    let session = session(Config {
        light: Light::Flat,
        vessels: 0,
        ..small()
    });
    let (rest, brain) = (&session.truth().rest, &session.truth().brain);
    let inside =
        |y: usize, x: usize| (y - 2..=y + 2).all(|y| (x - 2..=x + 2).all(|x| brain[[y, x]]));
    for y in 2..38 {
        for x in 2..54 {
            assert!(
                !inside(y, x) || rest[[y, x]] > 3900.0,
                "({y}, {x}): {}",
                rest[[y, x]]
            );
        }
    }
}

#[test]
fn tiny_frames_and_single_frames_work() {
    for (width, height) in [(1, 1), (1, 7), (3, 2)] {
        let config = Config {
            size: Size { width, height },
            frames: 1,
            faults: Faults {
                saturated_share: 0.01,
                shift: [0.1, -2.0],
                ..Faults::default()
            },
            ..Config::default()
        };
        let session = Session::new(config, 1).expect("a valid configuration");
        let trial = session.trial(0, 0, true);
        let pixels = frame(&trial, 0);
        assert_eq!(pixels.iter().filter(|&&v| v == u16::MAX).count(), 1);
        assert!(trial.dff(0, 0, 0).is_finite());
        assert_eq!(trial.response(70, height, width), 0.0);
    }
    assert!(
        Session::new(Config::default(), 0)
            .expect("no condition")
            .truth()
            .areas
            .is_empty()
    );
}

#[test]
fn light_falls_as_configured() {
    let session = session(Config {
        bleaching: 0.1,
        session_drift: 0.01,
        fluctuation: 0.0,
        faults: Faults {
            dim_first_frame: 0.3,
            ..Faults::default()
        },
        ..small()
    });
    let trial = session.trial(4, 0, false);
    let drift = 0.99_f64.powi(4);
    assert!((trial.truth().drift - drift).abs() < 1e-12);
    assert!((trial.light(0) - 0.7 * drift).abs() < 1e-12);
    assert!((trial.light(199) - 0.9 * drift).abs() < 1e-12);
    // Half way the square root is left.
    let middle = (trial.light(99) * trial.light(100)).sqrt();
    assert!((middle - 0.9_f64.sqrt() * drift).abs() < 1e-9);
    // (y, x) in the middle: the pixel follows the light.
    let light = |t| f64::from(expected(&trial, t)[[20, 28]]) - 100.0;
    assert!((light(199) / light(1) - trial.light(199) / trial.light(1)).abs() < 1e-5);
}

#[test]
fn waves_of_brightness_have_the_configured_amplitude() {
    let session = session(Config {
        fluctuation: 0.02,
        ..small()
    });
    let trial = session.trial(0, 0, false);
    // 200 frames at 20 Hz are one period.
    let light: Vec<f64> = (0..200).map(|t| trial.light(t)).collect();
    let (least, most) = light
        .iter()
        .fold((2.0_f64, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
    assert!(
        (most - 1.02).abs() < 1e-5 && (least - 0.98).abs() < 1e-5,
        "{least} {most}"
    );
    assert!((light.iter().sum::<f64>() / 200.0 - 1.0).abs() < 1e-9);
}

#[test]
fn faults_of_the_camera_begin_with_their_trial() {
    let clean = session(small());
    let faulty = session(Config {
        faults: Faults {
            offset_step_counts: 40.0,
            offset_step_trial: 2,
            capped_trials: 4..5,
            ..Faults::default()
        },
        ..small()
    });
    for index in 0..6 {
        let (a, b) = (clean.trial(index, 0, true), faulty.trial(index, 0, true));
        let step: u16 = if index >= 2 { 40 } else { 0 };
        assert_eq!(b.truth().background_counts, 100.0 + f64::from(step));
        if index == 4 {
            assert!(expected(&b, 70).iter().all(|&v| v == 140.0));
            assert_eq!(b.truth().drift, 0.0);
            assert!(b.dff(70, 20, 20).is_nan());
            // Read noise of 3 counts alone: 6 sd.
            assert!(frame(&b, 70).iter().all(|v| (122..=158).contains(v)));
        } else {
            assert_eq!(frame(&b, 70), frame(&a, 70).mapv(|v| v + step));
        }
    }
}

#[test]
fn glare_saturates_the_given_share_of_pixels() {
    let session = session(Config {
        faults: Faults {
            saturated_share: 0.01,
            ..Faults::default()
        },
        ..small()
    });
    for t in [0, 199] {
        let pixels = frame(&session.trial(1, 0, true), t);
        let full: Vec<_> = pixels
            .indexed_iter()
            .filter(|(_, v)| **v == u16::MAX)
            .map(|(at, _)| at)
            .collect();
        // 1 % of 56 x 40, rounded up; one spot of brain.
        assert_eq!(full.len(), 23);
        assert!(full.iter().all(|&at| session.truth().brain[at]));
    }
}

#[test]
fn a_moved_head_takes_window_vessels_and_areas_along() {
    let session = session(Config {
        faults: Faults {
            shift: [0.1, -0.25],
            shift_trial: 3,
            ..Faults::default()
        },
        ..small()
    });
    assert!(std::ptr::eq(
        session.trial(2, 0, true).truth().scene,
        session.truth()
    ));
    let moved = session.trial(3, 0, true).truth().scene;
    // 0.1 x 40 px down, 0.25 x 56 px to the left.
    let (dy, dx) = (4, 14);
    assert_eq!(
        moved.brain.slice(s![dy.., ..56 - dx]),
        session.truth().brain.slice(s![..40 - dy, dx..])
    );
    let (a, b) = (
        moved.vessels.slice(s![dy.., ..56 - dx]),
        session
            .truth()
            .vessels
            .slice(s![..40 - dy, dx..])
            .to_owned(),
    );
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6));
    let (a, b) = (moved.areas[1][0].centre, session.truth().areas[1][0].centre);
    assert!((a[0] - b[0] - 4.0).abs() < 1e-9 && (a[1] - b[1] + 14.0).abs() < 1e-9);
}

#[test]
fn every_unusable_field_is_named() {
    type Change = fn(&mut Config);
    let cases: &[(&str, Change)] = &[
        ("size.width", |c| c.size.width = 0),
        ("size.width", |c| c.size.width = usize::MAX),
        ("size.height", |c| c.size.height = 0),
        ("size.height", |c| c.size.height = 1 << 30),
        ("frames", |c| c.frames = 0),
        ("frames", |c| c.frames = usize::MAX),
        ("sample_rate_hz", |c| c.sample_rate_hz = 0.0),
        ("sample_rate_hz", |c| c.sample_rate_hz = f64::INFINITY),
        ("first_frame_s", |c| c.first_frame_s = f64::NEG_INFINITY),
        ("baseline", |c| c.baseline = 9..9),
        ("baseline.end", |c| c.baseline = 0..usize::MAX),
        ("offset_counts", |c| c.offset_counts = -1.0),
        ("peak_counts", |c| c.peak_counts = 65_536.0),
        ("peak_counts", |c| c.peak_counts = f64::NAN),
        ("read_noise_counts", |c| c.read_noise_counts = -0.1),
        ("electrons_per_count", |c| c.electrons_per_count = 0.0),
        ("window_radius", |c| c.window_radius = 0.0),
        ("window_edge", |c| c.window_edge = 0.0),
        ("light_sd", |c| c.light_sd = 0.0),
        ("stray_light", |c| c.stray_light = 1.01),
        ("vessels", |c| c.vessels = 10_001),
        ("vessel_depth", |c| c.vessel_depth = 0.9),
        ("vessel_width", |c| c.vessel_width = 0.0),
        ("areas_per_condition", |c| c.areas_per_condition = 5001),
        ("area_sd", |c| c.area_sd = 0.0),
        ("response_amplitude", |c| c.response_amplitude = -0.01),
        ("response_jitter", |c| c.response_jitter = 0.3),
        ("latency_s", |c| c.latency_s = f64::NAN),
        ("rise_s", |c| c.rise_s = 0.0),
        ("decay_s", |c| c.decay_s = 0.0),
        ("spontaneous_hz", |c| c.spontaneous_hz = -0.1),
        ("fluctuation", |c| c.fluctuation = 1.0),
        ("bleaching", |c| c.bleaching = 1.0),
        ("session_drift", |c| c.session_drift = -0.1),
        ("faults.saturated_share", |c| c.faults.saturated_share = 1.1),
        ("faults.offset_step_counts", |c| {
            c.faults.offset_step_counts = -1e5
        }),
        ("faults.shift[0]", |c| c.faults.shift[0] = 11.0),
        ("faults.shift[1]", |c| c.faults.shift[1] = f64::NAN),
        ("faults.dim_first_frame", |c| c.faults.dim_first_frame = 1.5),
    ];
    for (field, change) in cases {
        let mut config = small();
        change(&mut config);
        let error = Session::new(config, 2).expect_err(field);
        assert_eq!(error.field(), *field);
        assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
    }
    let error = Session::new(small(), 10_001).expect_err("too many");
    assert_eq!(error.field(), "conditions");
    assert!(matches!(error, Error::OutOfRange { max: 10_000.0, .. }));
}

/// What the defaults are chosen for: the notebook's steps, with its smoothing scaled from 256 px,
/// find offset and window. scipy finds offsets of 70 to 82 over 60 seeds.
#[test]
fn the_default_analysis_finds_the_default_window() {
    for (n, seed) in [(64, 1), (64, 5), (128, 2)] {
        let size = Size {
            width: n,
            height: n,
        };
        let session = session(Config {
            size,
            seed,
            ..Config::default()
        });
        let trial = session.trial(0, 0, true);
        let mut movie = Array3::<f32>::zeros((40, n, n));
        for (t, mut out) in movie.outer_iter_mut().enumerate() {
            out.assign(&frame(&trial, t).mapv(f32::from));
        }
        let level = Background::default()
            .estimate(movie.index_axis(Axis(0), 0))
            .expect("the fit converges");
        assert!((60.0..100.0).contains(&level.value), "{}", level.value);
        assert!(!level.implausible);

        let subtract = Subtract {
            background: level.value,
            clamp_negative: true,
        };
        let mean = subtract.mean(movie.view()).expect("frames");
        let mask = Segmentation::DensityCutoff {
            density_cutoff: 0.0002,
        }
        .mask(mean.view())
        .expect("a density below the cutoff");
        let truth = &session.truth().brain;
        let pairs = || mask.kept().into_iter().zip(truth);
        let both = pairs().filter(|(kept, brain)| **kept && **brain).count();
        let either = pairs().filter(|(kept, brain)| **kept || **brain).count();
        let overlap = both as f64 / either as f64;
        assert!(overlap > 0.96, "{n}, seed {seed}: {overlap}");

        let f0 = Baseline::frames(9..12)
            .f0(movie.view(), &subtract)
            .expect("frames 9 to 11");
        let kept = f0.iter().zip(mask.kept()).filter(|(_, kept)| **kept);
        assert!(kept.map(|(f0, _)| *f0).fold(f64::INFINITY, f64::min) > 200.0);
    }
}
