//! A recording many times larger than `--memory` runs within it, and as fast per frame as a small one.
#![cfg(target_os = "linux")]

mod common;

use dcimg::write::{Spec, Writer};
use dcimg::{Stamp, Timestamp};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// What a run may take beside `--memory`.
const BESIDE: u64 = 256 * MIB;

/// What the command was seen to take.
struct Taken {
    /// Largest resident memory, bytes.
    peak: u64,
    seconds_per_frame: f64,
}

/// A framed movie of `frames` frames of 512 x 512 px: a bright spot with noise, four frames in turns.
fn write_movie(path: &Path, frames: u32) {
    let side = 512;
    let spot = common::spot([side, side]);
    let mut state = 1_u32;
    let images: Vec<Array2<u16>> = (0..4)
        .map(|t| {
            Array2::from_shape_fn((side, side), |(y, x)| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                spot(t, y, x) + (state >> 27) as u16
            })
        })
        .collect();
    let file = std::fs::File::create(path).expect("create");
    let mut writer =
        Writer::new(std::io::BufWriter::new(file), &Spec::framed(512, 512)).expect("writer");
    for t in 0..frames {
        let time = Timestamp {
            seconds: 1_487_067_753 + t / 20,
            microseconds: 50_000 * (t % 20),
        };
        let image = &images[t as usize % images.len()];
        let stamp = Stamp {
            framestamp: t,
            time,
        };
        writer.push(image.view(), stamp).expect("frame");
    }
    writer.finish().expect("finish");
}

fn experiment(dir: &Path, frames: u32) -> PathBuf {
    write_movie(&dir.join("20170214_102233_1"), frames);
    let path = dir.join("experiment.toml");
    let text = "[data]\nprefix = \"20170214_\"\n[analysis]\nresolution = [256, 256]\n";
    std::fs::write(&path, text).expect("experiment");
    path
}

/// Runs the command on one movie and watches it.
fn run(frames: u32, memory: u64, more: &[&str]) -> Taken {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = experiment(dir.path(), frames);
    let memory = format!("{}MiB", memory / MIB);
    let began = Instant::now();
    let mut child = common::widefield()
        .args(["run", "--memory", &memory])
        .arg(&experiment)
        .args(more)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        // The largest value so far stands there until the process ends.
        peak = peak.max(high_water(&status).unwrap_or(0));
        if let Some(ended) = child.try_wait().expect("the command is a child") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success(), "{ended}");
    let seconds = began.elapsed().as_secs_f64();
    common::assert_nothing_temporary(dir.path());
    let record = common::record(dir.path());
    assert_eq!(record["trials"][0]["frames"], frames);
    Taken {
        peak,
        seconds_per_frame: seconds / f64::from(frames),
    }
}

fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// 220 MB raw, 110 MB resized, in 13 MiB.
#[test]
fn memory_does_not_grow_with_the_length_of_a_movie() {
    let memory = 13 * MIB;
    let short = run(60, memory, &[]);
    let long = run(420, memory, &[]);
    assert!(long.peak <= memory + BESIDE, "{} MiB", long.peak / MIB);
    // Seen: 58 and 60 MiB. Kept in memory, the longer movie would take 90 MiB more.
    assert!(
        long.peak <= short.peak + 24 * MIB,
        "{} and {} MiB",
        short.peak / MIB,
        long.peak / MIB
    );
}

/// `cargo test --release -p widefield-pipeline --test memory -- --ignored --nocapture`
#[test]
#[ignore = "writes 4.4 GB and takes a minute"]
fn four_gigabytes_in_256_mebibytes() {
    let memory = 256 * MIB;
    let say = |name: &str, taken: &Taken| {
        let milliseconds = 1e3 * taken.seconds_per_frame;
        println!(
            "{name}: peak {} MiB, {milliseconds:.3} ms a frame",
            taken.peak / MIB
        );
    };
    // Neither has a MAT file, which the longer movie is too large for.
    let no_mat = ["--set", "output.mat=\"\""];
    let small = run(200, memory, &no_mat);
    say("200 frames, 105 MB", &small);
    let large = run(8400, memory, &no_mat);
    say("8400 frames, 4.4 GB", &large);
    assert!(large.peak <= memory + BESIDE, "{} MiB", large.peak / MIB);
}
