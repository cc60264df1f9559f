//! Motion measured here and by others in Python, of the same frames against the same reference, in one run.
//!
//! ```text
//! WIDEFIELD_PYTHON=/path/to/python cargo run --release -p widefield-benches --example compare_motion [-- ROUNDS]
//! ```
//!
//! Python runs `python/motion.py`, which says what each way is and the sign of each. The interpreter needs numpy;
//! scikit-image, opencv-python-headless and wfield as far as they are to be compared; without the variable it is
//! `python3`. All take turns on one thread. Of each the median processor time of a frame (a task that waits for others' turns
//! gets a busy processor sooner, so time by the clock would favour the short ones), how far its shifts are from the truth, a
//! constant taken away, and their slope on the truth: 1 is right, -1 would be the wrong sign.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use rayon::ThreadPool;
use widefield_benches::variants::{Variant, motion};
use widefield_benches::{Failure, Moving, Scene, name_of};

const FRAMES: usize = 60;

fn main() -> Result<(), Failure> {
    let rounds = std::env::args().nth(1);
    let rounds = rounds.map_or(Ok(7), |text| text.parse::<usize>())?;
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for scene in [Scene::Mild, Scene::Hard] {
        let moving = Moving::new(512, FRAMES, scene);
        println!("\n# {scene:?}, {}\n", name_of(moving.raw().dim()));
        compare(&moving, &one, rounds)?;
    }
    Ok(())
}

/// A way to measure, and what it took and found.
struct Way {
    name: String,
    ours: Option<Variant<motion::Run>>,
    ms: Vec<f64>,
    shifts: Vec<[f64; 2]>,
}

fn compare(moving: &Moving, one: &ThreadPool, rounds: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let reference = moving.reference();
    ndarray_npy::write_npy(folder.path().join("movie.npy"), &moving.movie())?;
    ndarray_npy::write_npy(folder.path().join("reference.npy"), &reference)?;
    let way = |name: &str, ours| Way {
        name: name.to_owned(),
        ours,
        ms: Vec::new(),
        shifts: Vec::new(),
    };
    let ours = motion::VARIANTS.iter();
    let mut ways: Vec<Way> = ours
        .map(|variant| way(variant.name, Some(*variant)))
        .collect();
    let mut python = match Python::start(folder.path()) {
        Ok((python, names)) => {
            ways.extend(names.iter().map(|name| way(name, None)));
            Some(python)
        }
        Err(why) => {
            println!("NOT COMPARED with Python: {why}");
            None
        }
    };
    // The first round is not counted.
    for round in 0..=rounds {
        for way in &mut ways {
            let ms;
            (ms, way.shifts) = match (&way.ours, &mut python) {
                (None, Some(python)) => python.measure(&way.name)?,
                (None, None) => continue,
                (Some(variant), _) => {
                    let began = one.install(processor_ms);
                    let run = || (variant.run)(reference.view(), moving.movie());
                    let shifts = one.install(run)?;
                    let ms = one.install(processor_ms) - began;
                    (ms / FRAMES as f64, shifts)
                }
            };
            if round > 0 {
                way.ms.push(ms);
            }
        }
    }
    println!(
        "| way | ms a frame | times `rigid` | rms in y, px | in x | largest, px | slope in y | in x |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut first = None;
    for way in &mut ways {
        way.ms.sort_unstable_by(f64::total_cmp);
        let ms = way.ms.get(way.ms.len() / 2).copied().unwrap_or(f64::NAN);
        let first = *first.get_or_insert(ms);
        let error = moving.error(&way.shifts);
        let ([y, x], [slope_y, slope_x]) = (error.rms_px, error.slope);
        println!(
            "| {} | {ms:.2} | {:.2} | {y:.4} | {x:.4} | {:.3} | {slope_y:.3} | {slope_x:.3} |",
            way.name,
            ms / first,
            error.largest_px
        );
    }
    Ok(())
}

/// Time that this thread has had a processor for; on other systems than Linux, time.
fn processor_ms() -> f64 {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse::<f64>().ok());
    nanoseconds.map_or_else(|| 1e3 * BEGIN.elapsed().as_secs_f64(), |ns| 1e-6 * ns)
}

/// The script, which waits for names. It ends when its input does.
struct Python {
    child: Child,
    names: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Python {
    /// The script with the arrays of a folder, and what it can measure.
    fn start(folder: &Path) -> Result<(Self, Vec<String>), Failure> {
        let program = std::env::var_os("WIDEFIELD_PYTHON").unwrap_or_else(|| "python3".into());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/motion.py");
        let mut command = Command::new(&program);
        for library in ["OMP", "OPENBLAS", "MKL"] {
            command.env(format!("{library}_NUM_THREADS"), "1");
        }
        // Temporary images are kept by the allocator of glibc, or half of the time goes into getting pages from the system.
        command.env("MALLOC_MMAP_THRESHOLD_", "1000000000");
        command.env("MALLOC_TRIM_THRESHOLD_", "1000000000");
        let pipes = command.arg(script).arg(folder);
        let mut child = pipes.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let names = child.stdin.take();
        let output = child.stdout.take().ok_or("no output")?;
        let answers = BufReader::new(output).lines();
        let mut python = Self {
            child,
            names,
            answers,
        };
        let mut ways = Vec::new();
        loop {
            let line = python.line()?;
            match line.split_once(' ') {
                Some(("way", name)) => ways.push(name.to_owned()),
                Some(("missing", what)) => println!("NOT COMPARED with {what}"),
                Some(("versions", versions)) => println!("{versions}\n"),
                _ if line == "ready" => return Ok((python, ways)),
                _ => return Err(format!("motion.py says {line}").into()),
            }
        }
    }

    /// Milliseconds a frame, and the shifts.
    fn measure(&mut self, name: &str) -> Result<(f64, Vec<[f64; 2]>), Failure> {
        let names = self.names.as_mut().ok_or("no input")?;
        writeln!(names, "{name}")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let line = self.answers.next();
        Ok(line.ok_or("motion.py has ended, see above")??)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.names.take());
        let _ = self.child.wait();
    }
}
