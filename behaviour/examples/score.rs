//! Scores a behaviour log.
//!
//! `cargo run -p widefield-behaviour --example score [LOG]`; without a file, a log with each
//! decision to each of two textures.

use std::process::ExitCode;

use widefield_behaviour::Correct::{Go, NoGo};
use widefield_behaviour::{Correction, Log, Matching, Score, Stimuli, text};

const BUILT_IN: &str = include_str!("../tests/data/every_decision.txt");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let log = match std::env::args_os().nth(1) {
        Some(path) => {
            let bytes =
                std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Log::from_bytes(&bytes)
        }
        None => Log::parse(BUILT_IN)?,
    };
    for problem in log.problems() {
        eprintln!("{problem}");
    }

    let stimuli = [("Texture 1 P100", Go), ("Texture 7 P1200", NoGo)];
    let stimuli = Stimuli::new(&stimuli, Matching::FullName)?;
    let score = Score::from_trials(log.trials(), &stimuli)?;
    print!("{}", text::performance(&score, &stimuli));
    println!(
        "Early: {}, unscored: {}, damaged: {}",
        score.early(),
        score.unscored(),
        score.damaged()
    );
    let correction = Correction::default();
    println!("d' {:.3} ({correction})", score.d_prime(correction));
    Ok(())
}
