//! A recording many times larger than `--memory` runs within it, and as fast per frame as a small one.
#![cfg(target_os = "linux")]

use dcimg::write::{Spec, Writer};
use dcimg::{Stamp, Timestamp};
use ndarray::Array2;
use std::os::unix::fs::FileExt;
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
    let spot = crate::common::spot([side, side]);
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
    let mut child = crate::common::widefield()
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
    crate::common::assert_nothing_temporary(dir.path());
    let record = crate::common::record(dir.path());
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

/// Writes a movie of 1 x 1 px of 8 bits that takes 8 kB on disk and claims `frames` frames, all of which are there,
/// with their clock, as far as its length goes.
fn write_claiming(path: &Path, frames: u32) {
    let mut one = std::io::Cursor::new(Vec::new());
    let spec = Spec::packed(1, 1).pixel(dcimg::PixelType::U8);
    let mut writer = Writer::new(&mut one, &spec).expect("writer");
    let black = Array2::<u8>::zeros((1, 1));
    writer.push(black.view(), Stamp::default()).expect("frame");
    writer.finish().expect("finish");
    let one = one.into_inner();
    let (mut header, mut footer) = (one[..232].to_vec(), one[233..233 + 0x110].to_vec());
    let n = u64::from(frames);
    let bytes = 232 + n + 0x110 + 12 * n;
    let footer_bytes = u32::try_from(0x110 + 12 * n).unwrap_or(u32::MAX);
    for (at, value) in [
        (0x30, bytes),
        (0x40, bytes),
        (0x78, bytes - 0x78),
        (0xC0, 112 + n),
    ] {
        header[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    for at in [0x24, 0x98] {
        header[at..at + 4].copy_from_slice(&frames.to_le_bytes());
    }
    footer[0x28..0x2C].copy_from_slice(&footer_bytes.to_le_bytes());
    footer[0xE0..0xE8].copy_from_slice(&(0x110 + 4 * n).to_le_bytes());
    let file = std::fs::File::create(path).expect("create");
    file.set_len(bytes).expect("a sparse file");
    file.write_all_at(&header, 0).expect("header");
    file.write_all_at(&footer, 232 + n).expect("footer");
}

/// Movies that claim 2^32 - 1, 2^30 and 2^26 frames fail as trials, the one beside them does not.
#[test]
fn claimed_frames_take_no_memory() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = experiment(dir.path(), 20);
    let claims = [u32::MAX, 1 << 30, 1 << 26];
    let name = |i: usize| format!("20170214_102233_{}", i + 2);
    for (i, frames) in claims.into_iter().enumerate() {
        write_claiming(&dir.path().join(name(i)), frames);
    }
    // What this system calls memory includes what was never touched.
    let limited = |args: &str| {
        let script = format!("ulimit -v 4000000; exec \"$0\" {args}");
        let widefield = crate::common::widefield();
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(script).arg(widefield.get_program());
        shell.current_dir(dir.path());
        crate::common::run(&mut shell)
    };
    let (status, _, stderr) = limited(&format!("run --memory 512MiB '{}'", experiment.display()));
    assert_eq!(status, 1, "{stderr}");
    let record = crate::common::record(dir.path());
    for (i, expected) in [
        "",
        "exceeds the limit",
        "exceeds the limit",
        "MiB of memory",
    ]
    .iter()
    .enumerate()
    {
        let trial = &record["trials"][i];
        let error = trial["error"].as_str().unwrap_or_default();
        assert!(error.contains(expected), "{trial}");
        assert_eq!(error.is_empty(), i == 0, "{trial}");
    }
    for (i, &claimed) in claims.iter().enumerate() {
        let (status, stdout, stderr) = limited(&format!("inspect {}", name(i)));
        let there = claimed < 1 << 27;
        assert_eq!(status, i32::from(!there), "{stderr}");
        let (said, what) = if there {
            (&stdout, "the clock of")
        } else {
            (&stderr, "exceeds the limit")
        };
        assert!(said.contains(what), "{said}");
    }
}

/// `cargo test --release -p widefield-command --test command memory -- --ignored --nocapture`
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
