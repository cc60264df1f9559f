//! A program that embeds the job: a configuration made in code, a session, its dF/F in memory and read back from files.
//!
//! `cargo run -p widefield-pipeline --example embed`

use widefield_pipeline::config::Config;
use widefield_pipeline::widefield_storage::{Orientation, Place};
use widefield_pipeline::{Engine, Event, Experiment, simulate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let session = simulate::Session {
        trials: 2,
        size: 64,
        frames: 40,
        ..Default::default()
    };
    session.write(folder.path(), |_file| {})?;

    let mut config = Config::new("20170214_");
    config.analysis.resolution = Some([32, 32]);
    config.output.mat = String::new();
    let plan = Experiment::from_config(config, folder.path())?.plan()?;
    // Without files,
    let computed = plan.compute(0, &Default::default())?.dff;
    let dff = plan.trials()[0].outputs.dff.clone().unwrap_or_default();
    let record = plan.run(Engine::local(), |event| {
        if let Event::Ended { record } = event {
            println!("{}: {:?}", record.file, record.status);
        }
    })?;
    println!(
        "{} of {} trials",
        record.totals.done(),
        record.totals.trials
    );

    // and as the files have it.
    let place = Place::open(&folder.path().display().to_string())?;
    let file = place.open_hdf5(&dff)?;
    let written = file
        .dataset("dff")?
        .read_movie(Orientation::Notebook, .., ..)?;
    let same = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
    assert!(computed.iter().zip(&written).all(same));

    println!("dF/F of {:?} frames, rows and columns", computed.shape());
    Ok(())
}
