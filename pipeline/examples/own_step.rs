//! A program with steps of its own: a transform before the background and a mask, in a session that is configured in
//! code. It is its own worker: on a cluster, `own_step worker` makes the steps again from what is asked of it.
//!
//! `cargo run -p widefield-pipeline --example own_step [SPARK_MASTER]`

use ndarray::{ArrayView2, ArrayView3, ArrayViewMut3, Axis};
use serde::{Deserialize, Serialize};
use widefield_pipeline::step::{
    Apply, Cause, Clip, Context, Known, Masking, Parameters, Transform,
};
use widefield_pipeline::{Engine, Experiment, simulate, worker};

/// Masks the darkest share of the pixels, vessels and surround.
#[derive(Serialize, Deserialize)]
struct Vessels {
    darkest: f64,
}

impl Parameters for Vessels {
    const NAME: &'static str = "vessels";
}

impl Masking for Vessels {
    fn mask(&self, mean: ArrayView2<'_, f64>) -> Result<widefield::Mask, Cause> {
        let percentile = 100.0 * self.darkest;
        Ok(widefield::Segmentation::Percentile { percentile }.mask(mean)?)
    }
}

/// Takes the mean of each frame and the one before, which halves the noise of single frames.
#[derive(Clone, Serialize, Deserialize)]
struct Pairs {}

impl Parameters for Pairs {
    const NAME: &'static str = "pairs";
}

impl Transform for Pairs {
    fn context(&self, _: &Clip) -> Context {
        Context {
            before: 1,
            ..Context::default()
        }
    }

    fn prepare(&self, _: &dyn widefield::MovieSource, _: &Clip) -> Result<Box<dyn Apply>, Cause> {
        Ok(Box::new(self.clone()))
    }
}

impl Apply for Pairs {
    fn apply(
        &self,
        _first: usize,
        around: ArrayView3<'_, f32>,
        at: usize,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Cause> {
        for (t, mut out) in out.outer_iter_mut().enumerate() {
            let (frame, before) = (at + t, (at + t).saturating_sub(1));
            out.assign(&around.index_axis(Axis(0), frame));
            out += &around.index_axis(Axis(0), before);
            out *= 0.5;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    worker::serve_if_asked(&Known::default().mask::<Vessels>().transform::<Pairs>())?;

    let engine = || match std::env::args().nth(1) {
        Some(master) => Engine::spark(widefield_pipeline::Spark::default().master(master)),
        None => Engine::local(),
    };
    let folder = tempfile::tempdir()?;
    let session = simulate::Session {
        trials: 3,
        size: 64,
        frames: 40,
        ..Default::default()
    };
    let experiment = session.write(folder.path(), |_file| {})?;
    let run = |darkest: f64| -> Result<[usize; 2], widefield_pipeline::Error> {
        let plan = Experiment::load(&experiment)?
            .with(|own| own.transform(Pairs {}).mask(Vessels { darkest }))
            .plan()?;
        let record = plan.run(engine(), |_| {})?;
        let masked = record.trials[0].masked_pixels.unwrap_or_default();
        println!(
            "darkest {darkest}: {masked} px masked, {} done, {} kept",
            record.totals.ok, record.totals.skipped
        );
        Ok([record.totals.ok, record.totals.skipped])
    };
    assert_eq!(run(0.25)?, [3, 0]);
    // The same again: kept. Another parameter of the own step: done again.
    assert_eq!(run(0.25)?, [0, 3]);
    assert_eq!(run(0.5)?, [3, 0]);
    Ok(())
}
