//! A whole simulated session on disk: movies, behaviour log or table of trials, `experiment.toml`, and the truth.
//!
//! ```
//! use widefield_simulate::{Layout, Session};
//!
//! let dir = tempfile::tempdir()?;
//! let session = Session { trials: 1, size: 32, frames: 12, layout: Layout::Framed, ..Session::default() };
//! let mut files = Vec::new();
//! session.write(dir.path(), |file| files.push(file.to_owned()))?;
//! assert_eq!(files[1..], ["behaviour.txt", "truth.json", "experiment.toml"]);
//! let movie = dcimg::File::open(dir.path().join(&files[0]))?;
//! assert_eq!(movie.movie().len(), 12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod experiment;
mod labels;
mod trial;
mod truth;

use dcimg::write::{Spec, Writer};
use dcimg::{Stamp, Timestamp};
use jiff::civil::DateTime;
use ndarray::Array2;
use ndarray::parallel::prelude::*;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use trial::Trial;
use widefield::simulate::{Config as Scene, Session as Simulated};
use widefield_behaviour::Decision;
use widefield_experiment::{Answer, Stimulus};

pub use widefield::simulate::{Config as SceneConfig, Faults, Light, Motion};
// What public signatures are made of, in the versions they are made of.
pub use {widefield, widefield_experiment};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be written.
    #[error("{}: {cause}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// Numbers that cannot be simulated.
    #[error("simulation: {0}")]
    Simulate(String),
}

/// Which DCIMG layout the movies have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Version 7: frames back to back, stamps in a footer.
    #[default]
    Packed,
    /// Version 0x1000000: each frame with a trailer.
    Framed,
    /// Version 0x2000000.
    Framed2,
}

/// What is recorded.
///
/// ```
/// use widefield_simulate::{Kind, Session};
///
/// let dir = tempfile::tempdir()?;
/// let session = Session { trials: 1, size: 16, frames: 4, kind: Kind::Csv, onset_jitter_s: 0.5, ..Session::default() };
/// session.write(dir.path(), |_file| {})?;
/// let table = std::fs::read_to_string(dir.path().join("trials.csv"))?;
/// assert!(table.starts_with("trial,stimulus,decision,onset_s,weight_g\n1,Texture "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Trials of a texture task, and the log of its rig, `behaviour.txt`.
    #[default]
    Trials,
    /// The same trials as another lab has them: movies `rec-000001.dcimg` and so on, and a table `trials.csv`
    /// with the onset of each stimulus, instead of the log.
    Csv,
    /// Recordings without stimulus and labels, `rec-000001.dcimg` and so on: the areas are active now and then, by
    /// [`SceneConfig::spontaneous_hz`].
    Spontaneous,
}

/// A session to be made up. The same values give the same files.
///
/// ```
/// use widefield_simulate::{Motion, SceneConfig, Session};
///
/// let motion = Motion { drift_px: 2.0, jitter_px: 0.2, step_px: 0.2 };
/// let scene = SceneConfig { motion, ..SceneConfig::default() };
/// let dir = tempfile::tempdir()?;
/// Session { trials: 1, size: 32, frames: 12, scene, ..Session::default() }.write(dir.path(), |_file| {})?;
/// let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.path().join("truth.json"))?)?;
/// let shifts = truth["trials"][0]["shift_yx_px"].as_array().ok_or("no shifts")?;
/// assert_eq!(shifts.len(), 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    /// Movies.
    pub trials: u32,
    /// Width and height of a frame in pixels; `scene.size` if 0.
    pub size: usize,
    /// Frames of a movie; if 0, `scene.frames`, or 600 of a spontaneous one.
    pub frames: usize,
    /// Layout of the movies.
    pub layout: Layout,
    /// Light over the window.
    pub light: Light,
    /// Seed of everything random.
    pub seed: u64,
    /// What is shown, in pseudo-random order; at least one. Each has areas of its own, which are there in spontaneous
    /// recordings, too.
    pub stimuli: Vec<Stimulus>,
    /// What is recorded.
    pub kind: Kind,
    /// How much earlier or later than `-scene.first_frame_s` after the first frame a stimulus may come, in seconds:
    /// uniformly, in whole milliseconds. Movie, log or table, and `onset_s` in `truth.json` agree about it. From 0, the
    /// default, to 1e6; with a log 1.1 in the default scene, as its cue, 1.9 s before the stimulus, must not come before the
    /// trial; 0 in spontaneous recordings.
    pub onset_jitter_s: f64,
    /// Everything else about the pixels. Where [`SceneConfig::motion`] moves the head, `truth.json` has `shift_yx_px` of each
    /// movie: frame by frame how far down and to the right its content lies, pixels of the frame.
    pub scene: SceneConfig,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            trials: 6,
            size: 0,
            frames: 0,
            layout: Layout::Packed,
            light: Light::Gaussian,
            seed: 1,
            stimuli: vec![
                Stimulus::new("Texture 1 P100", Answer::Go),
                Stimulus::new("Texture 7 P1200", Answer::NoGo),
            ],
            kind: Kind::Trials,
            onset_jitter_s: 0.0,
            scene: SceneConfig::default(),
        }
    }
}

const EXPERIMENT: &str = "experiment.toml";

/// Folder, in that of the session, in which its files lie until all are written. One that is left of a process that
/// was killed is made anew.
pub const UNFINISHED: &str = ".widefield-simulate";

impl Session {
    /// Writes the session into `dir`, which is made if missing, and returns the path of its `experiment.toml`. The files
    /// appear together, when the last one is written.
    ///
    /// `tell` hears the name of each file when it is written.
    ///
    /// # Errors
    /// [`Error::Simulate`] for numbers that make no session, [`Error::Write`] naming the file.
    pub fn write(&self, dir: &Path, mut tell: impl FnMut(&str)) -> Result<PathBuf, Error> {
        let mut scene = self.scene.clone();
        if self.size > 0 {
            scene.size = widefield::Size {
                width: self.size,
                height: self.size,
            };
        }
        match (self.frames, self.kind) {
            (0, Kind::Spontaneous) => scene.frames = 600,
            (0, _) => {}
            (frames, _) => scene.frames = frames,
        }
        scene.light = self.light;
        scene.seed = self.seed;
        if self.stimuli.is_empty() {
            return Err(Error::Simulate("no stimulus is given".into()));
        }
        let simulated = Simulated::new(scene.clone(), self.stimuli.len())
            .map_err(|e| Error::Simulate(e.to_string()))?;
        self.check_jitter(&scene)?;
        let trials: Vec<Trial> = (0..self.trials)
            .map(|index| self.trial(&scene, index))
            .collect();
        let mut texts = vec![
            ("truth.json", self.truth(&simulated, &trials)),
            (EXPERIMENT, self.experiment(&scene)),
        ];
        if let Some(labels) = self.labels(&trials)? {
            texts.insert(0, labels);
        }

        let written = |path: &Path, result: std::io::Result<()>| {
            result.map_err(|e| Error::Write {
                path: path.into(),
                cause: e.to_string(),
            })
        };
        let unfinished = dir.join(UNFINISHED);
        match std::fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                written(&unfinished, Err(error))?;
            }
            _ => written(&unfinished, std::fs::create_dir_all(&unfinished))?,
        }
        let mut names: Vec<&str> = Vec::new();
        for (index, trial) in trials.iter().enumerate() {
            self.movie(&unfinished.join(&trial.file), &simulated, index, trial)?;
            tell(&trial.file);
            names.push(&trial.file);
        }
        for (name, text) in texts {
            let path = unfinished.join(name);
            written(&path, std::fs::write(&path, text))?;
            tell(name);
            names.push(name);
        }
        for name in names {
            let path = dir.join(name);
            written(&path, std::fs::rename(unfinished.join(name), &path))?;
        }
        written(&unfinished, std::fs::remove_dir(&unfinished))?;
        Ok(dir.join(EXPERIMENT))
    }

    fn movie(
        &self,
        path: &Path,
        simulated: &Simulated,
        index: usize,
        trial: &Trial,
    ) -> Result<(), Error> {
        let wrong = |cause: String| Error::Write {
            path: path.into(),
            cause,
        };
        let scene = simulated.config();
        let (width, height) = (scene.size.width, scene.size.height);
        let side = |n: usize| {
            u32::try_from(n).map_err(|_| Error::Simulate(format!("{n} pixels are too many")))
        };
        let (columns, rows) = (side(width)?, side(height)?);
        let spec = match self.layout {
            Layout::Packed => Spec::packed(columns, rows),
            Layout::Framed => Spec::framed(columns, rows),
            Layout::Framed2 => Spec::framed_v2(columns, rows),
        };
        let file = std::fs::File::create(path).map_err(|e| wrong(e.to_string()))?;
        let mut writer =
            Writer::new(BufWriter::new(file), &spec).map_err(|e| wrong(e.to_string()))?;
        let responds = trial.decision != Decision::Early;
        let truth = match self.kind {
            Kind::Spontaneous => simulated.spontaneous(index),
            Kind::Trials | Kind::Csv => {
                simulated.trial_at(index, trial.stimulus, responds, trial.onset_s)
            }
        };
        let mut at = 0;
        let per_round = 16;
        let mut frames = vec![Array2::<u16>::zeros((height, width)); per_round.min(scene.frames)];
        while at < scene.frames {
            let n = per_round.min(scene.frames - at);
            frames[..n]
                .par_iter_mut()
                .enumerate()
                .for_each(|(i, frame)| truth.frame_into(at + i, frame.view_mut()));
            for (i, frame) in frames[..n].iter().enumerate() {
                let stamp = stamp(trial.start, at + i, scene.sample_rate_hz).map_err(wrong)?;
                writer
                    .push(frame.view(), stamp)
                    .map_err(|e| wrong(e.to_string()))?;
            }
            at += n;
        }
        let mut file = writer.finish().map_err(|e| wrong(e.to_string()))?;
        file.flush().map_err(|e| wrong(e.to_string()))
    }
}

/// Framestamps count from 0; the first exposure begins with the trial.
fn stamp(start: DateTime, frame: usize, rate_hz: f64) -> Result<Stamp, String> {
    let second = |e: jiff::Error| e.to_string();
    let start = jiff::tz::TimeZone::UTC
        .to_timestamp(start)
        .map_err(second)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "microseconds of a recording"
    )]
    let after = (frame as f64 / rate_hz * 1e6).round() as i64;
    let micros = start.as_microsecond() + after;
    let outside = || "a time stamp lies outside 1970 to 2106".to_owned();
    Ok(Stamp {
        framestamp: u32::try_from(frame).map_err(|_| outside())?,
        time: Timestamp {
            seconds: u32::try_from(micros.div_euclid(1_000_000)).map_err(|_| outside())?,
            microseconds: u32::try_from(micros.rem_euclid(1_000_000)).map_err(|_| outside())?,
        },
    })
}

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
