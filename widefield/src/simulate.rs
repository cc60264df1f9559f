//! Sessions with known truth: what a camera would have seen, and what was there to be seen.
//!
//! A cranial window over dark surround, lit by a Gaussian or flat light, crossed by vessels, with
//! areas that brighten after the stimulus of their condition; seen by a camera with offset, read
//! noise and shot noise. Tests and demonstrations compare what an analysis finds with the truth.
//!
//! ```
//! use ndarray::Array2;
//! use widefield::{Size, simulate::{Config, Session}};
//!
//! let config = Config { size: Size { width: 96, height: 64 }, ..Config::default() };
//! let session = Session::new(config, 2)?;
//! let trial = session.trial(0, 1, true);
//!
//! // The area of condition 1 responds after the stimulus, at t = 0 s.
//! let area = &session.truth().areas[1][0];
//! let [y, x] = area.centre_pixel();
//! assert!(trial.dff(70, y, x) > 0.04 && trial.dff(30, y, x).abs() < 0.01);
//!
//! // The camera sees it over its offset, with noise.
//! let mut frame = Array2::zeros((64, 96));
//! trial.frame_into(70, frame.view_mut());
//! assert!(frame[[y, x]] > 1000 && frame[[0, 0]] < 200);
//! # Ok::<(), widefield::simulate::Error>(())
//! ```
//!
//! [`Session::trial_at`] shows the stimulus at a time of its own, [`Session::spontaneous`] none at all. [`Motion`] moves
//! the head.
//!
//! The same configuration gives the same pixels on any number of threads and in any order. Noise
//! comes from ChaCha8, one stream for each trial and frame, and from arithmetic that IEEE 754
//! defines; light and responses use `exp`, `ln` and `sin` of the platform, which may differ in the last
//! place and so, rarely, a pixel by one count.

mod activation;
mod area;
mod config;
mod motion;
mod noise;
mod scene;
mod trial;

pub use activation::Activation;
pub use area::Area;
pub use config::{Config, Faults, Light};
pub use motion::Motion;
pub use scene::Truth;
pub use trial::{Trial, TrialTruth};

use noise::{Normal, Streams};
use trial::Shown;

/// Why a [`Config`] describes no session.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number that is NaN or outside its range.
    #[error("`{field}` is {value}, it must be from {min} to {max}")]
    OutOfRange {
        /// Name of the field.
        field: &'static str,
        /// What it holds.
        value: f64,
        /// Smallest usable value.
        min: f64,
        /// Largest usable value.
        max: f64,
    },
    /// A range without a frame in it.
    #[error("`{field}` is empty")]
    Empty {
        /// Name of the field.
        field: &'static str,
    },
}

impl Error {
    /// Name of the field of [`Config`] that is unusable; `conditions` for the number of conditions.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::OutOfRange { field, .. } | Self::Empty { field } => field,
        }
    }
}

/// A simulated session: the scene is drawn once, trials and frames are made on demand.
#[derive(Clone)]
pub struct Session {
    config: Config,
    streams: Streams,
    normal: Normal,
    truth: Truth,
    /// The scene after [`Faults::shift`].
    moved: Option<Truth>,
    /// What scenes of single frames are drawn from, if the head moves within trials.
    anatomy: Option<scene::Anatomy>,
    /// Pixels (y, x) that are always saturated.
    saturated: Vec<[usize; 2]>,
}

impl Session {
    /// Draws the scene of a session whose stimuli belong to `conditions` conditions.
    ///
    /// Anatomy depends on the seed, not on size or light; more conditions add areas and leave the
    /// others in place.
    ///
    /// # Errors
    /// [`Error`] naming the field of `config` that is unusable, or `conditions` above 10 000.
    pub fn new(config: Config, conditions: usize) -> Result<Self, Error> {
        config.validate(conditions)?;
        let streams = Streams::new(config.seed);
        let normal = Normal::new();
        let anatomy = scene::Anatomy::new(&config, conditions, &mut streams.scene(), &normal);
        let truth = anatomy.draw(&config, [0.0; 2], [0.0; 2]);
        let shift = config.faults.shift;
        let moved = (shift != [0.0; 2]).then(|| anatomy.draw(&config, shift, [0.0; 2]));
        let anatomy = config.motion.is_some().then_some(anatomy);
        let saturated = scene::disc(&config);
        Ok(Self {
            config,
            streams,
            normal,
            truth,
            moved,
            anatomy,
            saturated,
        })
    }

    /// The configuration the session was made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The scene; before the head moves, if [`Faults::shift`] or [`Config::motion`] makes it move.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Trial number `index`, from 0, with a stimulus of `condition`, from 0.
    ///
    /// `responds` is whether the areas of the condition respond. A condition that the session does
    /// not have has no areas.
    #[must_use]
    pub fn trial(&self, index: usize, condition: usize, responds: bool) -> Trial<'_> {
        self.trial_at(index, condition, responds, -self.config.first_frame_s)
    }

    /// [`Session::trial`] whose stimulus comes `onset_s` seconds after the first frame, between frames too,
    /// instead of `-first_frame_s`.
    ///
    /// Everything else is the same: light, noise, the gain of the response. An infinite onset leaves no
    /// response; of NaN neither response nor pixels mean anything.
    ///
    /// ```
    /// use widefield::{Size, simulate::{Config, Session}};
    ///
    /// let config = Config { size: Size { width: 96, height: 64 }, ..Config::default() };
    /// let session = Session::new(config, 1)?;
    /// let [y, x] = session.truth().areas[0][0].centre_pixel();
    ///
    /// // 20 frames/s: a stimulus 2.5 frames later is answered 2.5 frames later.
    /// let (usual, late) = (session.trial(0, 0, true), session.trial_at(0, 0, true, 3.125));
    /// assert!((late.time_s(70) - usual.time_s(70) + 0.125).abs() < 1e-12);
    /// let between = (usual.response(67, y, x), usual.response(68, y, x));
    /// assert!((between.0..between.1).contains(&late.response(70, y, x)));
    /// # Ok::<(), widefield::simulate::Error>(())
    /// ```
    #[must_use]
    pub fn trial_at(
        &self,
        index: usize,
        condition: usize,
        responds: bool,
        onset_s: f64,
    ) -> Trial<'_> {
        let shown = Shown {
            condition,
            responds,
            onset_s,
        };
        Trial::new(self, index, Some(shown))
    }

    /// Recording number `index`, from 0, without a stimulus: the areas of all conditions are active now and
    /// then, by [`Config::spontaneous_hz`], from the first frame to the last of [`Config::frames`], at
    /// most 100 000 times. [`Trial::activations`] says when.
    ///
    /// ```
    /// use widefield::{Size, simulate::{Config, Session}};
    ///
    /// let config = Config { size: Size { width: 96, height: 64 }, frames: 600, ..Config::default() };
    /// let session = Session::new(config, 2)?;
    /// let recording = session.spontaneous(0);
    /// let areas: Vec<_> = session.truth().areas.iter().flatten().collect();
    /// let first = recording.activations()[0];
    /// let [y, x] = areas[first.area].centre_pixel();
    /// let at = |time_s: f64| (time_s * 20.0) as usize;
    /// assert_eq!(recording.response(at(first.begin_s), y, x), 0.0);
    /// assert!(recording.response(at(first.begin_s + areas[first.area].rise_to_peak_s()), y, x) > 0.02);
    /// # Ok::<(), widefield::simulate::Error>(())
    /// ```
    #[must_use]
    pub fn spontaneous(&self, index: usize) -> Trial<'_> {
        Trial::new(self, index, None)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("config", &self.config)
            .field("conditions", &self.truth.areas.len())
            .finish_non_exhaustive()
    }
}
