//! One trial: its frames, and what is true about them.

use std::borrow::Cow;

use ndarray::{ArrayViewMut1, ArrayViewMut2};

use super::{
    Activation, Session, Truth, activation,
    area::{self, Area},
    motion::Path,
    noise::single,
};

/// Period of the slow waves of brightness.
const WAVE_S: f64 = 10.0;

/// One trial of a [`Session`]. Frames can be made in any order and on several threads.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    session: &'a Session,
    index: usize,
    truth: TrialTruth<'a>,
    /// Time of frame 0.
    first_frame_s: f64,
    /// The areas that may be active.
    areas: Vec<&'a Area>,
    /// `None` where a stimulus decides.
    activations: Option<Vec<Activation>>,
    /// Phase of the slow waves in radians.
    phase: f64,
    /// Where the head is.
    path: Path,
    /// What F0 is made of: see [`Trial::dff`].
    baseline: Baseline,
}

/// The stimulus of a trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) condition: usize,
    pub(super) responds: bool,
    /// Seconds after the first frame.
    pub(super) onset_s: f64,
}

/// What is true about a whole trial.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TrialTruth<'a> {
    /// Counts of a pixel without light: the camera offset in this trial.
    pub background_counts: f64,
    /// Factor on all light of the trial, from the drift over the session; 0 with the lens cap on.
    pub drift: f64,
    /// Factor on the responses: 0 in a trial that does not respond, about 1 in one that does, 1 in a
    /// spontaneous recording.
    pub response_gain: f64,
    /// The condition of the stimulus; `None` without one.
    pub condition: Option<usize>,
    /// What the camera looks at in this trial, before [`Config::motion`](super::Config::motion); differs between
    /// trials only if [`Faults::shift`](super::Faults::shift) moves the head.
    pub scene: &'a Truth,
}

/// Means over the baseline frames.
#[derive(Clone, Debug)]
struct Baseline {
    /// of the light
    light: f64,
    /// of the light times the response at the centre of each area
    responses: Vec<f64>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(session: &'a Session, index: usize, shown: Option<Shown>) -> Self {
        let config = &session.config;
        let faults = &config.faults;
        let mut random = session.streams.trial(index);
        let phase = random.uniform(0.0, std::f64::consts::TAU);
        let gain = area::gain(config.response_jitter, &mut random, &session.normal);
        let stepped = index >= faults.offset_step_trial;
        let capped = faults.capped_trials.contains(&index);
        let scene = match &session.moved {
            Some(moved) if index >= faults.shift_trial => moved,
            _ => &session.truth,
        };
        let condition = shown.map(|shown| shown.condition);
        let areas: Vec<&Area> = areas_of(scene, condition).collect();
        let activations = match shown {
            Some(_) => None,
            None => Some(activation::draw(config, &areas, &mut random)),
        };
        let mut trial = Self {
            session,
            index,
            truth: TrialTruth {
                background_counts: config.offset_counts
                    + if stepped {
                        faults.offset_step_counts
                    } else {
                        0.0
                    },
                drift: if capped {
                    0.0
                } else {
                    (1.0 - config.session_drift).powf(index as f64)
                },
                response_gain: match shown {
                    Some(Shown { responds: true, .. }) => gain,
                    Some(_) => 0.0,
                    None => 1.0,
                },
                condition,
                scene,
            },
            first_frame_s: shown.map_or(0.0, |shown| -shown.onset_s),
            areas,
            activations,
            phase,
            path: Path::new(config, index, &session.streams, &session.normal),
            baseline: Baseline {
                light: 0.0,
                responses: Vec::new(),
            },
        };
        trial.baseline = trial.baseline();
        trial
    }

    /// What is true about the whole trial.
    #[must_use]
    pub fn truth(&self) -> TrialTruth<'a> {
        self.truth
    }

    /// What the areas do in a [spontaneous recording](Session::spontaneous), in order of time; empty in a
    /// trial with a stimulus.
    #[must_use]
    pub fn activations(&self) -> &[Activation] {
        self.activations.as_deref().unwrap_or_default()
    }

    /// Time of a frame in seconds from the stimulus; from the first frame where there is none.
    #[must_use]
    pub fn time_s(&self, t: usize) -> f64 {
        let config = &self.session.config;
        t as f64 / config.sample_rate_hz + self.first_frame_s
    }

    /// Factor on the light in frame `t`, the same for all pixels: drift over the session,
    /// bleaching, slow waves and a dim first frame.
    #[must_use]
    pub fn light(&self, t: usize) -> f64 {
        let config = &self.session.config;
        let through = t as f64 / config.frames.saturating_sub(1).max(1) as f64;
        let bleached = (1.0 - config.bleaching).powf(through);
        let turns = t as f64 / config.sample_rate_hz / WAVE_S;
        let wave = 1.0 + config.fluctuation * (self.phase + std::f64::consts::TAU * turns).sin();
        let lit = if t == 0 {
            1.0 - config.faults.dim_first_frame
        } else {
            1.0
        };
        self.truth.drift * bleached * wave * lit
    }

    /// Where the head is in frame `t`, [dy, dx] in pixels of the frame, from where it is in [`TrialTruth::scene`]:
    /// the motion within the trial and between trials by [`Config::motion`](super::Config::motion), exactly [0, 0]
    /// without any. dy > 0: the content lies lower in the picture than in an unmoved frame, dx > 0: further right.
    ///
    /// What the scene has at (y, x) is in frame `t` at (y + dy, x + dx). [`Faults::shift`](super::Faults::shift) is
    /// in the scene and not counted here.
    ///
    /// ```
    /// use widefield::{Size, simulate::{Config, Motion, Session}};
    ///
    /// let size = Size { width: 128, height: 128 };
    /// let still = Session::new(Config { size, ..Config::default() }, 1)?;
    /// assert_eq!(still.trial(3, 0, true).shift_px(20), [0.0, 0.0]);
    ///
    /// // Half as many pixels as of a picture of 256.
    /// let motion = Motion { drift_px: 2.0, ..Motion::default() };
    /// let session = Session::new(Config { size, motion, ..Config::default() }, 1)?;
    /// let trial = session.trial(3, 0, true);
    /// let dy_px = (0..200).map(|frame| trial.shift_px(frame)[0].abs()).fold(0.0, f64::max);
    /// assert!((0.999..=1.0).contains(&dy_px));
    /// # Ok::<(), widefield::simulate::Error>(())
    /// ```
    #[must_use]
    pub fn shift_px(&self, t: usize) -> [f64; 2] {
        let size = self.session.config.size;
        let [dy, dx] = self.shift(t);
        [dy * size.height as f64, dx * size.width as f64]
    }

    /// The same as shares of height and width.
    fn shift(&self, t: usize) -> [f64; 2] {
        let session = self.session;
        self.path.shift(t, &session.streams, &session.normal)
    }

    /// What neurons do at pixel (y, x) of the [scene](TrialTruth::scene) in frame `t`: the change of brightness
    /// relative to rest, without any drift of the light. 0 before the stimulus, or before anything happens without
    /// one.
    #[must_use]
    pub fn response(&self, t: usize, y: usize, x: usize) -> f64 {
        let courses = self.courses(t).into_iter().zip(&self.areas);
        self.truth.response_gain
            * courses
                .map(|(course, area)| course * area.weight(y, x))
                .sum::<f64>()
    }

    /// The true dF/F = (F - F0) / F0 of pixel (y, x) in frame `t`.
    ///
    /// F is the expected light above the camera offset, rest x [light](Self::light) x
    /// (1 + [response](Self::response)), before noise, rounding, saturation, clearing and
    /// resizing; F0 its mean over the frames of [`Config::baseline`](super::Config::baseline).
    /// Drift of the light within the trial is thus part of dF/F, drift over trials is not.
    /// Rest cancels, so the value holds for dark pixels, too. NaN where F0 is 0: with the lens cap on.
    ///
    /// (y, x) are pixels of the [scene](TrialTruth::scene): what a head that moves shows once its motion is taken
    /// away.
    #[must_use]
    pub fn dff(&self, t: usize, y: usize, x: usize) -> f64 {
        self.dff_of(self.light(t), &self.peaks(t), y, x)
    }

    /// Writes [`dff`](Self::dff) of all pixels of frame `t` into `out`, (y, x).
    ///
    /// # Panics
    /// If `out` has not the session's size.
    pub fn dff_frame_into(&self, t: usize, mut out: ArrayViewMut2<'_, f32>) {
        self.check(out.dim());
        let (light, responses) = (self.light(t), self.peaks(t));
        for ((y, x), value) in out.indexed_iter_mut() {
            *value = single(self.dff_of(light, &responses, y, x));
        }
    }

    /// Writes the counts to be expected in frame `t` into `out`, (y, x): light and camera offset
    /// without noise, rounding and saturation.
    ///
    /// # Panics
    /// If `out` has not the session's size.
    pub fn expected_frame_into(&self, t: usize, mut out: ArrayViewMut2<'_, f32>) {
        self.check(out.dim());
        let offset = single(self.truth.background_counts);
        let frame = self.frame(t);
        let mut light = vec![0.0; out.ncols()];
        for (y, mut row) in out.rows_mut().into_iter().enumerate() {
            frame.light_row(y, &mut light);
            for (value, light) in row.iter_mut().zip(&light) {
                *value = light + offset;
            }
        }
    }

    /// Writes frame `t` as the camera gives it into `out`, (y, x).
    ///
    /// Each pixel is normal with the [expected](Self::expected_frame_into) mean and the variance of
    /// light / electrons per count + read noise squared, rounded and clamped to 0..=full well. The
    /// pixels depend on the configuration, the numbers of trial and frame, the condition, its onset
    /// and on whether the trial responds, never on what was asked for before. Frames beyond
    /// [`Config::frames`](super::Config::frames) continue the movie.
    ///
    /// # Panics
    /// If `out` has not the session's size.
    pub fn frame_into(&self, t: usize, mut out: ArrayViewMut2<'_, u16>) {
        self.check(out.dim());
        let config = &self.session.config;
        let camera = Camera {
            // Half a count more, as the conversion to whole counts cuts the fraction off.
            offset: single(self.truth.background_counts) + 0.5,
            read_variance: single(config.read_noise_counts * config.read_noise_counts),
            per_electron: single(1.0 / config.electrons_per_count),
            most: f32::from(config.full_well_counts),
        };
        let frame = self.frame(t);
        let mut random = self.session.streams.frame(self.index, t);
        let mut light = vec![0.0_f32; out.ncols()];
        let mut bytes = vec![0_u8; 4 * out.ncols()];
        for (y, row) in out.rows_mut().into_iter().enumerate() {
            frame.light_row(y, &mut light);
            random.fill(&mut bytes);
            self.expose(&camera, &light, &bytes, row);
        }
        for &[y, x] in &self.session.saturated {
            out[[y, x]] = config.full_well_counts;
        }
    }

    fn expose(
        &self,
        camera: &Camera,
        light: &[f32],
        bytes: &[u8],
        mut row: ArrayViewMut1<'_, u16>,
    ) {
        let normal = &self.session.normal;
        let (words, _) = bytes.as_chunks::<4>();
        for ((pixel, &light), &word) in row.iter_mut().zip(light).zip(words) {
            let sd = (light * camera.per_electron + camera.read_variance).sqrt();
            let noise = sd * normal.value(u32::from_le_bytes(word));
            *pixel = counts((light + camera.offset + noise).min(camera.most));
        }
    }

    /// What the camera looks at in frame `t`.
    fn scene(&self, t: usize) -> Cow<'a, Truth> {
        let session = self.session;
        let Some(anatomy) = &session.anatomy else {
            return Cow::Borrowed(self.truth.scene);
        };
        let faults = &session.config.faults;
        let [y, x] = if self.index >= faults.shift_trial {
            faults.shift
        } else {
            [0.0; 2]
        };
        let moved = self.shift(t);
        let head = [y + moved[0], x + moved[1]];
        Cow::Owned(anatomy.draw(&session.config, head, moved))
    }

    fn frame(&self, t: usize) -> Frame<'_> {
        Frame {
            truth: self.scene(t),
            condition: self.truth.condition,
            light: single(self.light(t)),
            responses: self.peaks(t),
        }
    }

    /// Response at the centre of each area in frame `t`.
    fn peaks(&self, t: usize) -> Vec<f64> {
        let mut peaks = self.courses(t);
        for peak in &mut peaks {
            *peak *= self.truth.response_gain;
        }
        peaks
    }

    /// The same for a gain of 1.
    fn courses(&self, t: usize) -> Vec<f64> {
        let time_s = self.time_s(t);
        match &self.activations {
            Some(activations) => activation::courses(activations, &self.areas, time_s),
            None => self
                .areas
                .iter()
                .map(|area| area.time_course(time_s))
                .collect(),
        }
    }

    /// dF/F under `light` with the areas' `responses`.
    fn dff_of(&self, light: f64, responses: &[f64], y: usize, x: usize) -> f64 {
        let (mut response, mut f0) = (0.0, self.baseline.light);
        for ((area, now), mean) in self
            .areas
            .iter()
            .zip(responses)
            .zip(&self.baseline.responses)
        {
            let weight = area.weight(y, x);
            response += now * weight;
            f0 += mean * weight;
        }
        light * (1.0 + response) / f0 - 1.0
    }

    fn baseline(&self) -> Baseline {
        let frames = self.session.config.baseline.clone();
        let n = frames.len() as f64;
        let mut baseline = Baseline {
            light: 0.0,
            responses: vec![0.0; self.areas.len()],
        };
        for t in frames {
            let light = self.light(t) / n;
            baseline.light += light;
            for (mean, peak) in baseline.responses.iter_mut().zip(self.peaks(t)) {
                *mean += light * peak;
            }
        }
        baseline
    }

    fn check(&self, dim: (usize, usize)) {
        assert_eq!(
            dim,
            self.truth.scene.rest.dim(),
            "the frame must have the session's size (y, x)"
        );
    }
}

/// The areas of a condition, of all without one.
fn areas_of(scene: &Truth, condition: Option<usize>) -> impl Iterator<Item = &Area> {
    let conditions = match condition {
        Some(condition) => scene.areas.get(condition..=condition).unwrap_or_default(),
        None => &scene.areas,
    };
    conditions.iter().flatten()
}

/// What turns light into counts, in single precision.
struct Camera {
    offset: f32,
    read_variance: f32,
    per_electron: f32,
    most: f32,
}

/// What all rows of a frame share.
struct Frame<'a> {
    truth: Cow<'a, Truth>,
    condition: Option<usize>,
    light: f32,
    responses: Vec<f64>,
}

impl Frame<'_> {
    /// Counts of light in row `y`, without the camera offset.
    fn light_row(&self, y: usize, row: &mut [f32]) {
        row.fill(1.0);
        let areas = areas_of(&self.truth, self.condition);
        for (area, &peak) in areas.zip(&self.responses) {
            area.add_row(y, single(peak), row);
        }
        for (value, &rest) in row.iter_mut().zip(self.truth.rest.row(y)) {
            *value *= rest * self.light;
        }
    }
}

/// The whole counts of a value; below 0 is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cutting off is the purpose; the cast saturates"
)]
fn counts(value: f32) -> u16 {
    value as u16
}
