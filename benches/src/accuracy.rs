//! Where every variant stands: its error against the truth and against the reference, beside its time.
//!
//! The truth is the simulation's; the reference is the slow, obvious version of the default
//! method, so only variants of that method should agree with it. The reference of motion is the
//! truth itself. Times are the fastest of a few runs, memory for the result included.

use std::time::{Duration, Instant};

use ndarray::{Array3, ArrayView2, ArrayView3, Axis, s};
use widefield::Subtract;
use widefield::simulate::Light;

use crate::variants::{
    Tables, Variant, background, dff, largest_difference, motion, resize, segment,
};
use crate::{Failure, Input, Moving, Scene, Small, name_of};

const SIDE: usize = 512;
const SMALL: usize = 256;
const FRAMES: usize = 120;
/// Frames for slow variants, and for comparisons with the reference.
const FEW: usize = 12;
/// Frames of a movie that moves.
const MOVING: usize = 40;
/// Frames from which on the areas respond.
const RESPONSE: usize = 60;

/// Prints a table a step, for Gaussian and for flat light; that of motion for a mild and for a hard scene.
///
/// # Errors
/// Those of the variants of `resize` and `dff`; others are told in their line.
pub fn print(tables: &Tables) -> Result<(), Failure> {
    for light in [Light::Gaussian, Light::Flat] {
        let input = Input::new(SIDE, FRAMES, light);
        let small = input.small(SMALL);
        println!(
            "\n# {light:?} light, {}, resized to {SMALL} x {SMALL} px",
            input.name()
        );
        resizing(&tables.resize, &input, &small)?;
        backgrounds(&tables.background, &small);
        segmentation(&tables.segment, &small);
        delta_f(&tables.dff, &small)?;
    }
    for scene in [Scene::Mild, Scene::Hard] {
        let moving = Moving::new(SIDE, MOVING, scene);
        println!("\n# {scene:?} motion, {}", name_of(moving.raw().dim()));
        shifts(&tables.motion, &moving)?;
    }
    Ok(())
}

/// Result and shortest time of a few runs; one if a run takes long.
fn timed<T>(mut run: impl FnMut() -> T) -> (T, Duration) {
    let mut shortest = Duration::MAX;
    let began = Instant::now();
    loop {
        let start = Instant::now();
        let result = run();
        shortest = shortest.min(start.elapsed());
        if began.elapsed() > Duration::from_millis(400) {
            return (result, shortest);
        }
    }
}

fn header(step: &str, truth: [&str; 2], unit: &str) {
    println!(
        "\n{step:<24}{:>18}{:>18}{:>16}{:>12}",
        truth[0], truth[1], "to reference", unit
    );
}

fn row<F>(variant: &Variant<F>, truth: [String; 2], reference: f64, time: Duration, parts: usize) {
    let milliseconds = 1e3 * time.as_secs_f64() / parts as f64;
    // Other methods differ from the reference by design.
    let mark = if variant.within.is_some() { ' ' } else { '*' };
    println!(
        "{:<24}{:>18}{:>18}{reference:>15.1e}{mark}{milliseconds:>12.4}",
        variant.name, truth[0], truth[1]
    );
}

fn failed<F>(variant: &Variant<F>, error: &Failure) {
    println!("{:<24}{error}", variant.name);
}

fn resizing(
    variants: &[Variant<resize::Run>],
    input: &Input,
    small: &Small,
) -> Result<(), Failure> {
    header("resize", ["rms, counts", "bias, counts"], "ms a frame");
    let reference = resize::reference(input.first(FEW), small.size());
    let expected = small.expected();
    for variant in variants {
        let raw = input.first(if variant.slow { FEW } else { FRAMES });
        let (out, time) = timed(|| (variant.run)(raw, small.size()));
        let out = out?;
        let errors = errors(out.slice(s![..FEW, .., ..]), expected.view());
        let difference = largest_difference(out.slice(s![..FEW, .., ..]), &reference);
        row(
            variant,
            [format!("{:.2}", errors.rms), format!("{:+.3}", errors.bias)],
            difference,
            time,
            raw.len_of(Axis(0)),
        );
    }
    Ok(())
}

fn backgrounds(variants: &[Variant<background::Run>], small: &Small) {
    header("background", ["error, counts", "dF/F becomes x"], "ms");
    let frame = small.first_frame();
    let truth = small.subtract().background;
    let reference = background::reference(frame);
    for variant in variants {
        let (level, time) = timed(|| (variant.run)(frame));
        match level {
            Ok(level) => {
                let difference = reference
                    .as_ref()
                    .map_or(f64::NAN, |reference| (level - reference).abs());
                let scale = scale_of_dff(small, level);
                row(
                    variant,
                    [format!("{:+.1}", level - truth), format!("{scale:.3}")],
                    difference,
                    time,
                    1,
                );
            }
            Err(error) => failed(variant, &error),
        }
    }
}

/// How much too large dF/F of the brain is with this background, everything else being true.
fn scale_of_dff(small: &Small, background: f64) -> f64 {
    let subtract = Subtract {
        background,
        clamp_negative: true,
    };
    let run = dff::VARIANTS[0].run;
    let dff = run(small.movie(), &subtract, small.brain());
    dff.map_or(f64::NAN, |dff| slope(&dff, small))
}

/// The factor by which dF/F fits the truth best, in the brain, from the stimulus on.
fn slope(dff: &Array3<f32>, small: &Small) -> f64 {
    let (mut both, mut square) = (0.0, 0.0);
    let truth = small.true_dff();
    for (found, truth) in dff.outer_iter().zip(truth.outer_iter()).skip(RESPONSE) {
        for ((&found, &truth), &brain) in found.iter().zip(truth).zip(small.brain()) {
            if brain && found.is_finite() {
                both += f64::from(found) * f64::from(truth);
                square += f64::from(truth) * f64::from(truth);
            }
        }
    }
    both / square
}

fn segmentation(variants: &[Variant<segment::Run>], small: &Small) {
    header("segment", ["brain masked, %", "surround kept, %"], "ms");
    let reference = segment::reference(small.mean());
    for variant in variants {
        let (kept, time) = timed(|| (variant.run)(small.mean()));
        match kept {
            Ok(kept) => {
                let share = |brain: bool, wrong: bool| {
                    let of = |pair: &(&bool, &bool)| *pair.0 == brain;
                    let all: Vec<_> = small.brain().into_iter().zip(&kept).filter(of).collect();
                    let wrong = all.iter().filter(|(_, kept)| **kept == wrong).count();
                    format!("{:.2}", 100.0 * wrong as f64 / all.len() as f64)
                };
                row(
                    variant,
                    [share(true, false), share(false, true)],
                    segment::differing(&kept, &reference),
                    time,
                    1,
                );
            }
            Err(error) => failed(variant, &error),
        }
    }
}

fn delta_f(variants: &[Variant<dff::Run>], small: &Small) -> Result<(), Failure> {
    header("dF/F", ["rms in the brain", "response x"], "ms a frame");
    let few = small.movie().slice_move(s![..FEW, .., ..]);
    let reference = dff::reference(few, small.subtract(), small.brain());
    let truth = small.true_dff();
    for variant in variants {
        let all = (variant.run)(small.movie(), small.subtract(), small.brain())?;
        let difference = largest_difference(
            &(variant.run)(few, small.subtract(), small.brain())?,
            &reference,
        );
        let movie = if variant.slow { few } else { small.movie() };
        let (_, time) = timed(|| (variant.run)(movie, small.subtract(), small.brain()));
        let errors = errors(all.view(), truth.view());
        row(
            variant,
            [
                format!("{:.5}", errors.rms),
                format!("{:.3}", slope(&all, small)),
            ],
            difference,
            time,
            movie.len_of(Axis(0)),
        );
    }
    Ok(())
}

/// The reference of motion is the truth itself.
fn shifts(variants: &[Variant<motion::Run>], moving: &Moving) -> Result<(), Failure> {
    header("motion", ["rms in y, px", "rms in x, px"], "ms a frame");
    let reference = moving.reference();
    for variant in variants {
        let (found, time) = timed(|| (variant.run)(reference.view(), moving.movie()));
        let error = moving.error(&found?);
        row(
            variant,
            error.rms_px.map(|px| format!("{px:.4}")),
            error.largest_px,
            time,
            moving.truth().len(),
        );
    }
    Ok(())
}

struct Errors {
    rms: f64,
    bias: f64,
}

/// Of all finite pixels of the frames that `found` has.
fn errors(found: ArrayView3<'_, f32>, truth: ArrayView3<'_, f32>) -> Errors {
    let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
    for (found, truth) in found.outer_iter().zip(truth.outer_iter()) {
        for (&found, &truth) in finite(found, truth) {
            let error = f64::from(found) - f64::from(truth);
            sum += error;
            squares += error * error;
            n += 1.0;
        }
    }
    Errors {
        rms: f64::sqrt(squares / n),
        bias: sum / n,
    }
}

fn finite<'a>(
    found: ArrayView2<'a, f32>,
    truth: ArrayView2<'a, f32>,
) -> impl Iterator<Item = (&'a f32, &'a f32)> {
    found
        .into_iter()
        .zip(truth)
        .filter(|(found, truth)| found.is_finite() && truth.is_finite())
}
