//! A session whose recordings lie in a program's memory, and whose results stay there.
//!
//! `cargo run -p widefield-pipeline --example own_place`

use widefield_pipeline::config::Config;
use widefield_pipeline::widefield_storage::Place;
use widefield_pipeline::{Engine, Experiment, simulate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let raw = Place::open("memory://raw")?;
    let folder = tempfile::tempdir()?;
    let session = simulate::Session {
        trials: 2,
        size: 32,
        frames: 20,
        ..Default::default()
    };
    session.write(folder.path(), |_file| {})?;
    let written = Place::open(&folder.path().display().to_string())?;
    for entry in written.list("")? {
        raw.put(&entry.name, written.read(&entry.name)?)?;
    }

    let mut config = Config::new("20170214_");
    config.data.url = raw.url().to_owned();
    config.output.url = Some("memory://results".to_owned());
    config.output.dff = "dff/2017".to_owned();
    let plan = Experiment::from_config(config, folder.path())?.plan()?;
    let record = plan.run(Engine::local(), |_event| {})?;
    assert!(record.all_done());

    let results = Place::open("memory://results")?;
    for folder in ["dff/2017", "mat_out"] {
        for entry in results.list(folder)? {
            println!("{}: {} bytes", entry.name, entry.bytes);
        }
    }
    let image = results.read_mat("mat_out/refImg.mat")?.remove(0);
    println!("{} {:?}", image.name, image.values.shape());
    // What a listing names, whole names take away.
    for entry in results.list("mat_out")? {
        results.remove(&entry.name)?;
    }
    assert_eq!(results.list("mat_out")?, []);
    Ok(())
}
