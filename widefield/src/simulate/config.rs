//! What a simulated session looks like, and the check that it can exist.

use std::ops::Range;

use super::{Error, Motion};
use crate::Size;

/// Most pixels of one frame, 8192 x 8192: keeps a mistyped size from taking all memory.
const MAX_PIXELS: usize = 1 << 26;
/// Last frame of the baseline: every trial visits all frames of it.
const MAX_BASELINE: usize = 1_000_000;
/// Most vessels, and most areas over all conditions together.
const MAX_PARTS: usize = 10_000;

/// The shape of the illumination within the window.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Light {
    /// Brightest in the middle, falling off as a Gaussian of sd [`Config::light_sd`].
    #[default]
    Gaussian,
    /// The same everywhere in the window, with a sharp fall at its edge. A Gaussian fitted to
    /// such a frame undershoots the camera offset by far, which is what this variant is for.
    Flat,
}

/// Everything that decides a simulated session.
///
/// Lengths without a unit are shares of the image: of its width along x, of its height along y, so one
/// configuration gives the same picture at every [`Config::size`] (ellipses when it is not
/// square). Brightness is in camera counts, time in seconds from the stimulus.
///
/// Fields will be added: end what is written out with `..Config::default()`.
///
/// The default is a session that the default analysis is made for, at any size from 64 x 64 up when
/// the smoothing of the background fit is scaled with it (30 px at 256 x 256).
///
/// ```
/// use widefield::{Size, simulate::{Config, Light}};
///
/// let config = Config { size: Size { width: 128, height: 128 }, light: Light::Flat, ..Config::default() };
/// assert!(config.validate(3).is_ok());
/// let error = Config { peak_counts: f64::NAN, ..config }.validate(3).unwrap_err();
/// assert_eq!(error.field(), "peak_counts");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Pixels of a frame; default 512 x 512.
    pub size: Size,
    /// Frames of a trial; default 200.
    pub frames: usize,
    /// Shape of the illumination; default Gaussian.
    pub light: Light,
    /// Decides all that is random; default 1.
    pub seed: u64,
    /// Frames per second; default 20.
    pub sample_rate_hz: f64,
    /// Time of frame 0; default -3, so the stimulus comes with frame 60.
    pub first_frame_s: f64,
    /// Frames whose mean is F0 in the true dF/F; default 9..12. They may lie beyond
    /// [`Config::frames`], as the truth is a function of time.
    pub baseline: Range<usize>,

    /// Counts the camera adds to every pixel; default 100.
    pub offset_counts: f64,
    /// Light above the offset where it is brightest; default 4000. 0 gives dark frames.
    pub peak_counts: f64,
    /// Sd of the read noise; default 3.
    pub read_noise_counts: f64,
    /// Photoelectrons of one count: light of F counts has shot noise of variance F / this;
    /// default 2. Infinity switches shot noise off.
    pub electrons_per_count: f64,
    /// Largest value of a pixel, where the camera saturates; default 65535.
    pub full_well_counts: u16,

    /// Radius of the cranial window; default 0.36.
    pub window_radius: f64,
    /// Softness of its edge, the scale of a logistic function; default 0.006.
    pub window_edge: f64,
    /// Sd of the Gaussian light; default 0.19.
    pub light_sd: f64,
    /// Brightness of the surround as a share of the Gaussian light there; default 0.2.
    pub stray_light: f64,
    /// Blood vessels that cross the window; default 6. Some branch.
    pub vessels: usize,
    /// Share of the light a typical vessel takes away at its centre line; default 0.25.
    /// Single vessels take 0.6 to 1.2 times as much.
    pub vessel_depth: f64,
    /// Sd of a typical vessel's profile; default 0.008. Single ones have 0.6 to 1.4 times it.
    pub vessel_width: f64,

    /// Areas that respond, for each condition; default 2.
    pub areas_per_condition: usize,
    /// Sd of an area's Gaussian profile; default 0.05.
    pub area_sd: f64,
    /// Typical peak dF/F in the middle of an area; default 0.06. Single areas reach 0.7 to 1.3
    /// times as much, the first of each condition 1.3.
    pub response_amplitude: f64,
    /// Sd over trials of a factor on all responses of the trial; default 0.1.
    pub response_jitter: f64,
    /// Time from the stimulus to the begin of a response; default 0.1 s.
    pub latency_s: f64,
    /// Time constant of a response's rise; default 0.15 s.
    pub rise_s: f64,
    /// Time constant of a response's decay; default 1.2 s.
    pub decay_s: f64,
    /// How often an area is active in a spontaneous recording, per second, on average; default 0.2. Single
    /// peaks have 0.5 to 1.5 times the area's amplitude.
    pub spontaneous_hz: f64,

    /// Amplitude of the slow waves of brightness within a trial (period 10 s, random phase) as a
    /// share; default 0.002.
    pub fluctuation: f64,
    /// Share of the light lost from the first frame of a trial to its last, exponentially;
    /// default 0.
    pub bleaching: f64,
    /// Share of the light lost from each trial to the next; default 0.0005.
    pub session_drift: f64,
    /// How the head moves; default not at all.
    pub motion: Motion,
    /// What goes wrong; default nothing.
    pub faults: Faults,
}

/// Faults of a recording, all off by default. Trials count from 0. Fields will be added, as to [`Config`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Share of the image's pixels, a disc in the window, that stand at
    /// [`Config::full_well_counts`] in every frame.
    pub saturated_share: f64,
    /// Counts added to the camera offset from trial [`Faults::offset_step_trial`] on.
    pub offset_step_counts: f64,
    /// First trial with the changed offset.
    pub offset_step_trial: usize,
    /// Trials recorded with the lens cap on: offset and read noise only.
    pub capped_trials: Range<usize>,
    /// How far the head, with window, vessels and areas, has moved down and to the right from trial
    /// [`Faults::shift_trial`] on, as shares of height and width. The light stays, other than under [`Config::motion`].
    pub shift: [f64; 2],
    /// First trial with the moved head.
    pub shift_trial: usize,
    /// Share of the light that frame 0 of every trial lacks.
    pub dim_first_frame: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            size: Size {
                width: 512,
                height: 512,
            },
            frames: 200,
            light: Light::Gaussian,
            seed: 1,
            sample_rate_hz: 20.0,
            first_frame_s: -3.0,
            baseline: 9..12,
            offset_counts: 100.0,
            peak_counts: 4000.0,
            read_noise_counts: 3.0,
            electrons_per_count: 2.0,
            full_well_counts: u16::MAX,
            window_radius: 0.36,
            window_edge: 0.006,
            light_sd: 0.19,
            stray_light: 0.2,
            vessels: 6,
            vessel_depth: 0.25,
            vessel_width: 0.008,
            areas_per_condition: 2,
            area_sd: 0.05,
            response_amplitude: 0.06,
            response_jitter: 0.1,
            latency_s: 0.1,
            rise_s: 0.15,
            decay_s: 1.2,
            spontaneous_hz: 0.2,
            fluctuation: 0.002,
            bleaching: 0.0,
            session_drift: 0.0005,
            motion: Motion::default(),
            faults: Faults::default(),
        }
    }
}

impl Config {
    /// The same session without read and shot noise: pixels are the expected counts, rounded.
    #[must_use]
    pub fn noiseless(self) -> Self {
        Self {
            read_noise_counts: 0.0,
            electrons_per_count: f64::INFINITY,
            ..self
        }
    }

    /// Checks every field; [`Session::new`](super::Session::new) does so, too.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::Empty`] for the first field that is unusable.
    pub fn validate(&self, conditions: usize) -> Result<(), Error> {
        let Size { width, height } = self.size;
        whole("size.width", width, 1, MAX_PIXELS)?;
        whole("size.height", height, 1, MAX_PIXELS / width)?;
        whole("frames", self.frames, 1, (u32::MAX - 1) as usize)?;
        within("sample_rate_hz", self.sample_rate_hz, 1e-6, 1e6)?;
        within("first_frame_s", self.first_frame_s, -1e6, 1e6)?;
        if self.baseline.is_empty() {
            return Err(Error::Empty { field: "baseline" });
        }
        whole("baseline.end", self.baseline.end, 1, MAX_BASELINE)?;

        let counts = f64::from(u16::MAX);
        within("offset_counts", self.offset_counts, 0.0, counts)?;
        within("peak_counts", self.peak_counts, 0.0, counts)?;
        within("read_noise_counts", self.read_noise_counts, 0.0, counts)?;
        within(
            "electrons_per_count",
            self.electrons_per_count,
            1e-3,
            f64::INFINITY,
        )?;

        within("window_radius", self.window_radius, 0.01, 10.0)?;
        within("window_edge", self.window_edge, 1e-6, 1.0)?;
        within("light_sd", self.light_sd, 0.01, 100.0)?;
        within("stray_light", self.stray_light, 0.0, 1.0)?;
        whole("vessels", self.vessels, 0, MAX_PARTS)?;
        within("vessel_depth", self.vessel_depth, 0.0, 0.8)?;
        within("vessel_width", self.vessel_width, 1e-3, 0.1)?;

        let per_condition = MAX_PARTS / conditions.max(1);
        whole("conditions", conditions, 0, MAX_PARTS)?;
        whole(
            "areas_per_condition",
            self.areas_per_condition,
            0,
            per_condition,
        )?;
        within("area_sd", self.area_sd, 1e-3, 10.0)?;
        within("response_amplitude", self.response_amplitude, 0.0, 10.0)?;
        within("response_jitter", self.response_jitter, 0.0, 0.2)?;
        within("latency_s", self.latency_s, -1e6, 1e6)?;
        within("rise_s", self.rise_s, 1e-6, 1e6)?;
        within("decay_s", self.decay_s, 1e-6, 1e6)?;
        within("spontaneous_hz", self.spontaneous_hz, 0.0, 1e3)?;
        within("fluctuation", self.fluctuation, 0.0, 0.9)?;
        within("bleaching", self.bleaching, 0.0, 0.99)?;
        within("session_drift", self.session_drift, 0.0, 0.99)?;
        self.motion.validate()?;

        let faults = &self.faults;
        within("faults.saturated_share", faults.saturated_share, 0.0, 1.0)?;
        within(
            "faults.offset_step_counts",
            faults.offset_step_counts,
            -counts,
            counts,
        )?;
        within("faults.shift[0]", faults.shift[0], -10.0, 10.0)?;
        within("faults.shift[1]", faults.shift[1], -10.0, 10.0)?;
        within("faults.dim_first_frame", faults.dim_first_frame, 0.0, 1.0)
    }
}

/// `value` between `min` and `max`, both allowed; NaN is neither.
pub(super) fn within(field: &'static str, value: f64, min: f64, max: f64) -> Result<(), Error> {
    if value >= min && value <= max {
        Ok(())
    } else {
        Err(Error::OutOfRange {
            field,
            value,
            min,
            max,
        })
    }
}

fn whole(field: &'static str, value: usize, min: usize, max: usize) -> Result<(), Error> {
    within(field, value as f64, min as f64, max as f64)
}
