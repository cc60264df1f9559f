//! The whole job in Rust, in both precisions, and as the notebook's arithmetic in Python, on one
//! simulated session: seconds per trial side by side by stage.
//!
//! ```text
//! WIDEFIELD_PYTHON=/path/to/python \
//!     cargo run --release -p widefield-benches --example compare_with_python -- [TRIALS]
//! ```
//!
//! The interpreter needs numpy, scipy, Pillow and h5py; without the variable it is `python3`.
//! Both read the session from page cache and use all processors.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use widefield_pipeline::config::Override;
use widefield_pipeline::{Engine, Experiment, simulate};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let trials: u32 = arguments.next().map_or(Ok(4), |text| text.parse())?;

    let folder = tempfile::tempdir()?;
    let [session, notebook] = ["session", "notebook"].map(|name| folder.path().join(name));
    eprintln!("simulating {trials} trials");
    let made = simulate::Session {
        trials,
        ..simulate::Session::default()
    };
    let experiment = made.write(&session, |_| {})?;

    // What the disk still has to do for the simulation is nobody's business later.
    for entry in std::fs::read_dir(&session)? {
        std::fs::File::open(entry?.path())?.sync_all()?;
    }

    let mut runs = Vec::new();
    for precision in ["f64", "f32"] {
        eprintln!("widefield, {precision}");
        let settings = [
            format!("output.precision=\"{precision}\""),
            "output.existing=\"replace\"".to_owned(),
        ];
        let overrides = settings
            .iter()
            .map(|text| text.parse::<Override>())
            .collect::<Result<Vec<_>, _>>()?;
        let plan = Experiment::load_with(&experiment, &overrides)?.plan()?;
        let record = plan.run(Engine::local(), |_| {})?;
        if record.totals.ok != trials as usize {
            return Err(format!("{} of {trials} trials", record.totals.ok).into());
        }
        let run = folder.path().join(format!("run-{precision}.json"));
        std::fs::copy(session.join("run.json"), &run)?;
        runs.push(run);
    }

    eprintln!("the notebook's job in Python");
    let processors = std::thread::available_parallelism()?.to_string();
    let lines = python("notebook_job.py")
        .args([&session, &notebook])
        .arg("--experiment")
        .arg(&runs[0])
        .args(["--jobs", &processors])
        .stderr(Stdio::inherit())
        .output()?;
    if !lines.status.success() {
        return Err("notebook_job.py failed".into());
    }
    let json = folder.path().join("notebook.jsonl");
    std::fs::File::create(&json)?.write_all(&lines.stdout)?;

    for run in &runs {
        let table = python("side_by_side.py").args([&json, run]).status()?;
        if !table.success() {
            return Err("side_by_side.py failed".into());
        }
    }
    Ok(())
}

fn python(script: &str) -> Command {
    let interpreter = std::env::var_os("WIDEFIELD_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(interpreter);
    command.arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("python")
            .join(script),
    );
    command
}
