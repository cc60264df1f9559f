//! A mask from an image: what is kept, what a changed image does, and what is refused.

use crate::common::{files, golden_experiment, record, run_experiment};
use ndarray::{ArrayD, Axis};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use widefield_pipeline::contract::{Outcome, Request};
use widefield_pipeline::step::Known;
use widefield_pipeline::{Error, Experiment, MaskError};
use widefield_storage::Place;

const SIDE: usize = 48;

/// The bright part of the golden session's frames, the same under no flip and no transposition.
fn inside(y: usize, x: usize) -> bool {
    (16..30).contains(&y) && (18..34).contains(&x) && !(y < 20 && x < 22)
}

fn image(path: &Path, [height, width]: [usize; 2], shade: impl Fn(usize, usize) -> u8) {
    let file = std::fs::File::create(path).expect("create");
    let side = |n: usize| u32::try_from(n).expect("small");
    let mut encoder = png::Encoder::new(file, side(width), side(height));
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = (0..height * width)
        .map(|i| shade(i / width, i % width))
        .collect();
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&pixels).expect("pixels");
}

/// The golden session with the mask `mask.png` beside its description.
fn experiment(dir: &Path, more: &str) -> PathBuf {
    let path = golden_experiment(dir, more);
    let text = std::fs::read_to_string(&path).expect("experiment");
    let text = text.replace(
        "density_cutoff = 0.0004",
        "method = \"file\"\nfile = \"mask.png\"",
    );
    std::fs::write(&path, text).expect("experiment");
    // Dark grey is kept as white is.
    image(&dir.join("mask.png"), [SIDE, SIDE], |y, x| {
        u8::from(inside(y, x)) * if y < 24 { 1 } else { 255 }
    });
    path
}

/// dF/F `(y, x, t)` of a run whose orientation is that of the camera.
fn dff(dir: &Path) -> ArrayD<f64> {
    let place = Place::open(dir.to_str().expect("UTF-8")).expect("place");
    let read = place.read_hdf5("dff_out/20170214_102250_2.h5", "dff");
    read.expect("dF/F").values
}

fn assert_nan_outside(dff: &ArrayD<f64>, inside: impl Fn(usize, usize) -> bool) {
    assert_eq!(dff.shape()[..2], [SIDE, SIDE]);
    for frame in dff.axis_iter(Axis(2)) {
        for (at, value) in frame.indexed_iter() {
            assert_eq!(value.is_finite(), inside(at[0], at[1]), "{at:?}: {value}");
        }
    }
}

const CAMERA: [&str; 2] = ["--set", "output.orientation=camera"];

#[test]
fn dff_is_nan_outside_the_given_mask_and_nowhere_else() {
    for more in ["", "scope = \"session\"\n"] {
        let dir = tempfile::tempdir().expect("folder");
        let (status, _, stderr) = run_experiment(&experiment(dir.path(), more), &CAMERA);
        assert_eq!(status, 0, "{stderr}");
        // There is nothing to decide from the trials.
        assert!(!stderr.contains("measuring"), "{stderr}");
        assert_nan_outside(&dff(dir.path()), inside);
        let kept = (0..SIDE * SIDE).filter(|i| inside(i / SIDE, i % SIDE));
        let masked = SIDE * SIDE - kept.count();
        assert_eq!(record(dir.path())["trials"][0]["masked_pixels"], masked);
    }
}

#[test]
fn a_coloured_mask_keeps_what_is_neither_black_nor_transparent() {
    let dir = tempfile::tempdir().expect("folder");
    let path = experiment(dir.path(), "");
    let side = u32::try_from(SIDE).expect("small");
    let file = std::fs::File::create(dir.path().join("mask.png")).expect("create");
    let mut encoder = png::Encoder::new(file, side, side);
    encoder.set_color(png::ColorType::Rgba);
    let pixel = |i: usize| match (inside(i / SIDE, i % SIDE), i % 2) {
        (true, _) => [0, 0, 1, 9],
        (false, 0) => [0, 0, 0, 255],
        (false, _) => [255, 255, 255, 0],
    };
    let pixels: Vec<u8> = (0..SIDE * SIDE).flat_map(pixel).collect();
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("file");
    let (status, _, stderr) = run_experiment(&path, &CAMERA);
    assert_eq!(status, 0, "{stderr}");
    assert_nan_outside(&dff(dir.path()), inside);
}

#[test]
fn holes_of_a_given_mask_are_filled_where_asked() {
    let dir = tempfile::tempdir().expect("folder");
    let path = experiment(dir.path(), "fill_holes = true\n");
    let hole = |y, x| (y, x) == (25, 25);
    image(&dir.path().join("mask.png"), [SIDE, SIDE], |y, x| {
        u8::from(inside(y, x) && !hole(y, x))
    });
    assert_eq!(run_experiment(&path, &CAMERA).0, 0);
    assert_nan_outside(&dff(dir.path()), inside);
}

#[test]
fn trials_are_done_again_when_the_mask_changed_and_only_then() {
    for more in ["", "[analysis.background]\nscope = \"session\"\n"] {
        let dir = tempfile::tempdir().expect("folder");
        let path = experiment(dir.path(), "");
        let text = std::fs::read_to_string(&path).expect("experiment");
        let scope = text.replace("[analysis.background]\n", more);
        if !more.is_empty() {
            std::fs::write(&path, scope).expect("experiment");
        }
        let run = |more: &[&str]| {
            let (status, _, stderr) = run_experiment(&path, &[&CAMERA[..], more].concat());
            assert_eq!(status, 0, "{stderr}");
            let totals = record(dir.path())["totals"].clone();
            (totals["ok"].clone(), totals["skipped"].clone())
        };
        assert_eq!(run(&[]), (3.into(), 0.into()));
        assert_eq!(run(&[]), (0.into(), 3.into()));
        // The same pixels under another name.
        let other = dir.path().join("other.png");
        std::fs::rename(dir.path().join("mask.png"), &other).expect("rename");
        let set = format!("analysis.segmentation.file={}", other.display());
        assert_eq!(run(&["--set", &set]), (0.into(), 3.into()));
        let smaller = |y, x| inside(y, x) && (y, x) != (25, 25);
        image(&other, [SIDE, SIDE], |y, x| u8::from(smaller(y, x)));
        let (_, stdout, _) = run_experiment(
            &path,
            &[&CAMERA[..], &["--set", &set, "--dry-run", "--json"]].concat(),
        );
        let why = "the image of analysis.segmentation.file changed";
        assert_eq!(stdout.matches(why).count(), 3, "{stdout}");
        assert_eq!(run(&["--set", &set]), (3.into(), 0.into()));
        assert_nan_outside(&dff(dir.path()), smaller);
        assert_eq!(run(&["--set", &set]), (0.into(), 3.into()));
    }
}

#[test]
fn a_mask_of_no_use_ends_the_run_before_any_trial() {
    let dir = tempfile::tempdir().expect("folder");
    let path = experiment(dir.path(), "");
    let mask = dir.path().join("mask.png");
    let refused = |want: &str| {
        let before = files(dir.path());
        let (status, _, stderr) = run_experiment(&path, &[]);
        assert_eq!(status, 2, "{stderr}");
        let line = stderr.replace(['\n', '│'], " ");
        let words: Vec<&str> = line.split_whitespace().collect();
        let line = words.join(" ");
        for part in ["analysis.segmentation.file", want] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert_eq!(files(dir.path()), before);
    };
    std::fs::write(&mask, b"GIF89a").expect("image");
    refused("no readable PNG");
    image(&mask, [SIDE, SIDE], |_, _| 0);
    refused("keeps no pixel");
    image(&mask, [40, SIDE], |_, _| 1);
    refused("is 48 x 40 px, analysis.resolution is 48 x 48");
    let error = Experiment::load(&path).expect("description").plan();
    let Err(Error::Mask {
        path: named,
        source,
    }) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(Path::new(&named), mask);
    assert!(matches!(source, MaskError::Shape { height: 40, .. }));
    std::fs::remove_file(&mask).expect("remove");
    refused("cannot be read");

    // Without a resolution the size of frames is known when a movie is open.
    let text = std::fs::read_to_string(&path).expect("experiment");
    std::fs::write(&path, text.replace("resolution = [48, 48]", "")).expect("experiment");
    image(&mask, [7, 9], |_, _| 1);
    let (status, _, stderr) = run_experiment(&path, &[]);
    assert_eq!(status, 1, "{stderr}");
    let error = record(dir.path())["trials"][0]["error"].to_string();
    assert!(error.contains("mask is 9 x 7"), "{error}");
}

#[test]
fn a_worker_gets_the_mask_with_its_trial() {
    let dir = tempfile::tempdir().expect("folder");
    let path = experiment(dir.path(), "[output]\norientation = \"camera\"\n");
    let plan = Experiment::load(&path).and_then(Experiment::plan);
    let request = plan.expect("plan").request(1, 1 << 28, 1).expect("trial");
    let line = serde_json::to_string(&request).expect("JSON");
    std::fs::remove_file(dir.path().join("mask.png")).expect("remove");
    let reply = Request::parse(&line)
        .expect("request")
        .serve(&Known::default(), &AtomicBool::new(false))
        .expect("no steps of its own");
    assert!(matches!(reply.outcome, Outcome::Done { .. }));
    assert_nan_outside(&dff(dir.path()), inside);

    let mut without = request;
    without.session.mask = None;
    let reply = without
        .serve(&Known::default(), &AtomicBool::new(false))
        .expect("no steps of its own");
    let Outcome::Failed { record, retry } = reply.outcome else {
        panic!("{:?}", reply.outcome)
    };
    assert!(!retry && record.error.expect("why").contains("lacks the mask"));
}
