//! A brain that moves under the camera, and where it truly is.

use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use widefield::Size;
use widefield::simulate::{Config, Faults, Light, Session};

/// Frames that the reference is the mean of; the drift begins behind them.
const REFERENCE: usize = 10;

/// How easily its motion can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// All that there is moves: vessels in even light, from edge to edge. Responses of 3 %, and the sensor's pixels differ in
    /// gain by 0.2 %.
    Mild,
    /// A window moves with its edge, the light that is brightest in its middle stays. Responses of 10 %, and pixels differ
    /// by 1 %.
    Hard,
}

/// A movie of camera counts with shot noise, activity and a sensor's fixed pattern, and the truth about its motion.
#[derive(Debug)]
pub struct Moving {
    raw: Array3<u16>,
    movie: Array3<f32>,
    truth: Vec<[f64; 2]>,
}

impl Moving {
    /// Frames of `side` x `side` px. Along 512 px the head moves by a jitter of up to 0.6 px, and behind the tenth frame by a
    /// drift of up to 5.6 px down and 4 px to the left; in proportion along other sides.
    ///
    /// # Panics
    /// If there is no such movie: `side` or `frames` is 0.
    #[must_use]
    pub fn new(side: usize, frames: usize, scene: Scene) -> Self {
        let mut next = randoms(5);
        let mut place = |t: usize| {
            let way = t.saturating_sub(REFERENCE - 1) as f64 / frames.max(REFERENCE + 1) as f64;
            let mut jitter = || 1.2 * (next() - 0.5);
            [5.6 * way + jitter(), -4.0 * (2.0 * way).sin() + jitter()]
        };
        let px = side as f64 / 512.0;
        let truth: Vec<_> = (0..frames).map(|t| place(t).map(|d| d * px)).collect();

        // The sensor stays where it is; columns differ in gain, too, half as much.
        let share = match scene {
            Scene::Mild => 0.002,
            Scene::Hard => 0.01,
        };
        let mut next = randoms(9);
        let mut sd = |sd: f64| sd * ((0..12).map(|_| next()).sum::<f64>() - 6.0);
        let columns: Vec<f64> = (0..side).map(|_| sd(0.5 * share)).collect();
        let gain = Array2::from_shape_fn((side, side), |(_, x)| 1.0 + sd(share) + columns[x]);

        let config = config(side, frames, scene);
        let mut raw = Array3::zeros((frames, side, side));
        raw.axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(&truth)
            .enumerate()
            .for_each(|(t, (mut frame, place))| {
                // The simulation moves a head between sessions, so every frame is of a session of its own.
                let faults = Faults {
                    shift: place.map(|d| d / side as f64),
                    ..Faults::default()
                };
                let config = Config {
                    faults,
                    ..config.clone()
                };
                let session = Session::new(config, 1).expect("a session of at least one frame");
                session.trial(0, 0, true).frame_into(t, frame.view_mut());
                frame.zip_mut_with(&gain, |count, gain| *count = amplified(*count, *gain));
            });
        let movie = raw.mapv(f32::from);
        Self { raw, movie, truth }
    }

    /// The frames `(t, y, x)`, camera counts.
    #[must_use]
    pub fn raw(&self) -> ArrayView3<'_, u16> {
        self.raw.view()
    }

    /// The same counts as f32, which motion is measured in.
    #[must_use]
    pub fn movie(&self) -> ArrayView3<'_, f32> {
        self.movie.view()
    }

    /// The mean of the first ten frames, as a session takes it.
    ///
    /// # Panics
    /// Never: there is a frame.
    #[must_use]
    pub fn reference(&self) -> Array2<f32> {
        let first = REFERENCE.min(self.truth.len());
        let first = self.movie.slice(s![..first, .., ..]);
        first.mean_axis(Axis(0)).expect("at least one frame")
    }

    /// How far down and to the right the content of every frame lies, px.
    #[must_use]
    pub fn truth(&self) -> &[[f64; 2]] {
        &self.truth
    }

    /// How far shifts are from the truth.
    ///
    /// # Panics
    /// If there is not one for each frame.
    #[must_use]
    pub fn error(&self, shifts: &[[f64; 2]]) -> MotionError {
        assert_eq!(shifts.len(), self.truth.len(), "one shift for each frame");
        MotionError::new(shifts, &self.truth)
    }
}

/// How far shifts are from the truth, in y and in x. One constant does not count: where the head was in the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotionError {
    /// Root mean square, px.
    pub rms_px: [f64; 2],
    /// Largest, px.
    pub largest_px: f64,
    /// Slope of the shifts on the truth: 1 is right, -1 the wrong sign, 0 no relation.
    pub slope: [f64; 2],
}

impl MotionError {
    fn new(shifts: &[[f64; 2]], truth: &[[f64; 2]]) -> Self {
        let n = truth.len() as f64;
        // Without their mean.
        let alone = |values: &[[f64; 2]], axis: usize| -> Vec<f64> {
            let mean = values.iter().map(|value| value[axis]).sum::<f64>() / n;
            values.iter().map(|value| value[axis] - mean).collect()
        };
        let pairs = [0, 1].map(|axis| (alone(shifts, axis), alone(truth, axis)));
        let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let off = |(found, truth): &(Vec<f64>, Vec<f64>)| -> Vec<f64> {
            found.iter().zip(truth).map(|(f, t)| f - t).collect()
        };
        let offs = [off(&pairs[0]), off(&pairs[1])];
        Self {
            rms_px: offs.each_ref().map(|off| (sum(off, off) / n).sqrt()),
            largest_px: offs
                .iter()
                .flatten()
                .fold(0.0, |largest, off| largest.max(off.abs())),
            slope: pairs
                .each_ref()
                .map(|(found, truth)| sum(found, truth) / sum(truth, truth)),
        }
    }
}

fn config(side: usize, frames: usize, scene: Scene) -> Config {
    let config = Config {
        size: Size {
            width: side,
            height: side,
        },
        frames,
        // The response begins after half a second.
        first_frame_s: -0.5,
        ..Config::default()
    };
    match scene {
        Scene::Mild => Config {
            window_radius: 0.75,
            light: Light::Flat,
            vessels: 12,
            response_amplitude: 0.03,
            ..config
        },
        Scene::Hard => Config {
            response_amplitude: 0.1,
            ..config
        },
    }
}

#[allow(clippy::cast_possible_truncation, reason = "ends at the largest count")]
fn amplified(count: u16, gain: f64) -> u16 {
    (f64::from(count) * gain).round() as u16
}

/// Numbers from 0 to 1 that look random and are the same everywhere.
fn randoms(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1_u32 << 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_forget_a_constant_but_not_the_sign() {
        let truth = [[0.0, 0.0], [1.0, -2.0], [2.0, -4.0]];
        let off = |sign: f64| {
            let shifts = truth.map(|t| t.map(|px| 7.0 + sign * px));
            MotionError::new(&shifts, &truth)
        };
        assert_eq!(off(1.0).rms_px, [0.0, 0.0]);
        assert_eq!((off(1.0).slope, off(-1.0).slope), ([1.0; 2], [-1.0; 2]));
        assert_eq!(off(-1.0).largest_px, 4.0);
    }
}
