//! `widefield simulate`

use super::failure::Failure;
use super::{Outcome, output};
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use widefield_pipeline::Error;
use widefield_pipeline::simulate::{Kind, Layout, Light, Motion, SceneConfig, Session, UNFINISHED};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to write to; must not exist, or be empty
    dir: PathBuf,
    #[command(flatten)]
    session: SessionArgs,
    /// Stimuli come up to so much earlier or later, and responses with them
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    onset_jitter: f64,
    /// The head drifts so far within trials, of a picture 256 px wide, with a tenth of it as jitter and between trials
    #[arg(
        long,
        value_name = "PX",
        default_value_t = 0.0,
        allow_negative_numbers = true
    )]
    motion: f64,
}

/// The session to make up.
#[derive(Debug, clap::Args)]
pub(super) struct SessionArgs {
    /// Trials with a log, the same with a table (csv), or recordings without stimuli
    #[arg(long, default_value = "trials")]
    kind: KindArg,
    /// Movies [default: 6, spontaneous 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trials: Option<u32>,
    /// Width and height of a frame in pixels
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..=16_384))]
    size: u32,
    /// Frames of a movie [default: 200, spontaneous 600]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    frames: Option<u32>,
    /// DCIMG layout: 7 (packed), 1 or 2 (framed)
    #[arg(long, default_value = "7")]
    layout: LayoutArg,
    /// Light over the window
    #[arg(long, default_value = "gaussian")]
    light: LightArg,
    /// The same seed gives the same session
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    Trials,
    Csv,
    Spontaneous,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LayoutArg {
    #[value(name = "7")]
    Seven,
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LightArg {
    Gaussian,
    Flat,
}

impl SessionArgs {
    pub(super) fn session(&self) -> Session {
        let [trials, frames] = match self.kind {
            KindArg::Trials | KindArg::Csv => [6, 200],
            KindArg::Spontaneous => [3, 600],
        };
        Session {
            kind: match self.kind {
                KindArg::Trials => Kind::Trials,
                KindArg::Csv => Kind::Csv,
                KindArg::Spontaneous => Kind::Spontaneous,
            },
            trials: self.trials.unwrap_or(trials),
            size: self.size as usize,
            frames: self.frames.unwrap_or(frames) as usize,
            layout: match self.layout {
                LayoutArg::Seven => Layout::Packed,
                LayoutArg::One => Layout::Framed,
                LayoutArg::Two => Layout::Framed2,
            },
            light: match self.light {
                LightArg::Gaussian => Light::Gaussian,
                LightArg::Flat => Light::Flat,
            },
            seed: self.seed,
            ..Session::default()
        }
    }
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    refuse_used(&args.dir)?;
    let session = Session {
        onset_jitter_s: args.onset_jitter,
        scene: SceneConfig {
            motion: motion(args.motion),
            ..SceneConfig::default()
        },
        ..args.session.session()
    };
    let experiment = write(&session, &args.dir)?;
    output::message(format_args!(
        "run it with: widefield run {}",
        experiment.display()
    ));
    output::result(experiment.display())?;
    Ok(Outcome::Done)
}

/// Slow drift of `px`, and a tenth of it as what is fast: heads creep further than they tremble.
fn motion(px: f64) -> Motion {
    Motion {
        drift_px: px,
        jitter_px: px / 10.0,
        step_px: px / 10.0,
    }
}

/// Simulating must not bury recordings.
pub(super) fn refuse_used(dir: &Path) -> miette::Result<()> {
    // One that was killed left nothing but its own folder.
    let strange = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map_or(true, |entry| entry.file_name() != UNFINISHED)
    };
    if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.any(strange)) {
        miette::bail!("{} is not empty; name a new folder", dir.display());
    }
    Ok(())
}

pub(super) fn write(session: &Session, dir: &Path) -> miette::Result<PathBuf> {
    output::message(format_args!(
        "simulating {} {} of {} x {} px x {} frames into {}",
        session.trials,
        match session.kind {
            Kind::Spontaneous => "recordings",
            _ => "trials",
        },
        session.size,
        session.size,
        session.frames,
        dir.display()
    ));
    let experiment = session.write(dir, |file| output::message(format_args!("  {file}")));
    Ok(experiment.map_err(|error| Failure::from(Error::from(error)))?)
}
