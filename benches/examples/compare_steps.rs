//! Single steps beside the notebook's in Python, on the same kind of frames, in one run.
//!
//! ```text
//! WIDEFIELD_PYTHON=/path/to/python cargo run --release -p widefield-benches --example compare_steps
//! ```
//!
//! Python runs `python/steps.py`, on one thread as the notebook does; the steps here use all processors. The interpreter
//! needs numpy, scipy and Pillow; without the variable it is `python3`.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use ndarray::parallel::prelude::*;
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis};
use widefield::segment::density::Density;
use widefield::simulate::Light;
use widefield::{Background, Resize, Resizer, Size};
use widefield_benches::{Failure, Input, in_turn};

const TO: Size = Size {
    width: 256,
    height: 256,
};
const ROUNDS: usize = 30;

fn main() -> Result<(), Failure> {
    eprintln!("Python");
    let python = python()?;

    eprintln!("widefield");
    let input = Input::new(512, 200, Light::Gaussian);
    let frames: ArrayView3<'_, u16> = input.first(200);
    let camera = Size {
        width: 512,
        height: 512,
    };
    let resizer = Resize::Triangle.resizer(camera, TO)?;
    let mut small = Array3::zeros((200, TO.height, TO.width));
    resize(frames, &resizer, small.view_mut())?;
    let first = small.index_axis(Axis(0), 0).mapv(f64::from);
    let mut alone = resizer.clone();
    let mut one = small.index_axis(Axis(0), 0).to_owned();
    let background = Background::GaussianFit {
        smoothing_sd_px: Some(30.0),
    };
    // One step after the other, as in Python: what a step leaves behind, in caches and clock, is not the next one's.
    let mut turns = in_turn(
        ROUNDS,
        &mut [("movie", &mut || {
            black_box(resize(frames, &resizer, small.view_mut())).unwrap_or_default();
        })],
    );
    turns.extend(in_turn(
        ROUNDS,
        &mut [("frame", &mut || {
            let frame = frames.index_axis(Axis(0), 7);
            black_box(alone.frame_u16_into(frame, one.view_mut())).unwrap_or_default();
        })],
    ));
    turns.extend(in_turn(
        ROUNDS,
        &mut [("background", &mut || {
            drop(black_box(background.estimate_image(first.view())));
        })],
    ));
    turns.extend(in_turn(
        ROUNDS,
        &mut [("mask", &mut || {
            drop(black_box(Density::from_image(first.view())));
        })],
    ));

    println!(
        "{:<58}{:>12}{:>12}{:>8}",
        "", "Python ms", "here ms", "ratio"
    );
    for (turn, step) in turns.iter().zip([
        "resize 200 frames, the notebook's loop",
        "resize one frame by Pillow alone, here on one thread",
        "background: smoothing and fit",
        "density on 500 points",
    ]) {
        let slow = python.get(turn.name).ok_or("a step is missing")?;
        let fast = 1e3 * turn.median.as_secs_f64();
        println!("{step:<58}{slow:>12.3}{fast:>12.4}{:>8.1}", slow / fast);
    }
    Ok(())
}

/// All frames, into memory that is there.
fn resize(
    frames: ArrayView3<'_, u16>,
    resizer: &Resizer,
    mut out: ArrayViewMut3<'_, f32>,
) -> Result<(), widefield::Error> {
    out.axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(frames.axis_iter(Axis(0)))
        .try_for_each_init(
            || resizer.clone(),
            |resizer, (out, frame)| resizer.frame_u16_into(frame, out),
        )
}

/// Milliseconds by step.
fn python() -> Result<HashMap<String, f64>, Failure> {
    let program = std::env::var_os("WIDEFIELD_PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/steps.py");
    let output = Command::new(program)
        .arg(script)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("steps.py: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let steps = text.lines().map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next().ok_or("no name")?;
        let ms = words.next().ok_or("no time")?.parse()?;
        Ok((name.to_owned(), ms))
    });
    steps.collect()
}
