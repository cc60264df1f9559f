//! How the head moves.

use super::{
    Config, Error,
    config::within,
    noise::{Normal, Streams},
};

/// The picture that lengths are meant for, in pixels along either side.
const PICTURE_PX: f64 = 256.0;
/// Steps between trials after which the head stays: keeps trials with large numbers cheap.
const MOST_STEPS: usize = 100_000;

/// Motion of the head; none by default. [`Trial::shift_px`](super::Trial::shift_px) is the truth.
///
/// Window, brain, vessels, areas and light move as one picture over the sensor, along y and x independently of each
/// other. Camera offset, noise and pixels that glare saturates stay. Every frame is drawn anew where the head then is,
/// by the formulas of the unmoved scene: nothing is interpolated, and a frame of 512 x 512 pixels takes tens of
/// milliseconds.
///
/// Lengths are pixels of a picture of 256 x 256, in proportion for others: 1 stands for 2 pixels of a frame of
/// 512 x 512. Each may be from 0 to 256.
///
/// ```
/// use widefield::{Size, simulate::{Config, Motion, Session}};
///
/// let motion = Motion { drift_px: 2.0, jitter_px: 0.1, step_px: 0.3 };
/// let config = Config { size: Size { width: 128, height: 128 }, motion, ..Config::default() };
/// let session = Session::new(config, 2)?;
/// let [from, to] = [0, 199].map(|frame| session.trial(0, 0, true).shift_px(frame));
/// assert!((from[0] - to[0]).abs() < 2.5 && from != to);
///
/// let error = Config { motion: Motion { drift_px: -1.0, ..motion }, ..Config::default() }.validate(2).unwrap_err();
/// assert_eq!(error.to_string(), "`motion.drift_px` is -1, it must be from 0 to 256");
/// # Ok::<(), widefield::simulate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Motion {
    /// Slow drift within each trial: largest distance from its middle along y and along x. The drift is half a turn of
    /// a sine from the first frame of a trial to its last, with random phases, so every trial covers 1 to 2 times this
    /// along each axis.
    pub drift_px: f64,
    /// Jitter: sd along y and along x of a normal shift of each frame, independent of all others.
    pub jitter_px: f64,
    /// Between trials: sd along y and along x of the step from one trial to the next. The steps add up over the
    /// session, from 0 at trial 0, for 100 000 trials.
    pub step_px: f64,
}

impl Motion {
    pub(super) fn is_some(self) -> bool {
        self != Self::default()
    }

    /// Whether each length is possible.
    pub(super) fn validate(self) -> Result<(), Error> {
        within("motion.drift_px", self.drift_px, 0.0, PICTURE_PX)?;
        within("motion.jitter_px", self.jitter_px, 0.0, PICTURE_PX)?;
        within("motion.step_px", self.step_px, 0.0, PICTURE_PX)
    }
}

/// Where the head is in the frames of one trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    motion: Motion,
    index: usize,
    /// Of the trial as a whole along y and x, pixels of the picture.
    offset_px: [f64; 2],
    /// Of the slow drift along y and x, radians.
    phases: [f64; 2],
    /// Frames from the first to the last of a trial, at least 1.
    last: f64,
}

impl Path {
    pub(super) fn new(config: &Config, index: usize, streams: &Streams, normal: &Normal) -> Self {
        let motion = config.motion;
        let mut offset_px = [0.0; 2];
        if motion.step_px > 0.0 {
            let mut random = streams.steps();
            for _ in 0..index.min(MOST_STEPS) {
                offset_px = offset_px.map(|px| px + motion.step_px * random.normal(normal));
            }
        }
        let mut random = streams.trial_motion(index);
        Self {
            motion,
            index,
            offset_px,
            phases: [(); 2].map(|()| random.uniform(0.0, std::f64::consts::TAU)),
            last: config.frames.saturating_sub(1).max(1) as f64,
        }
    }

    /// How far down and to the right the head is in frame `t`, as shares of height and width.
    pub(super) fn shift(&self, t: usize, streams: &Streams, normal: &Normal) -> [f64; 2] {
        if !self.motion.is_some() {
            return [0.0; 2];
        }
        let turned = std::f64::consts::PI * t as f64 / self.last;
        let mut random = streams.frame_motion(self.index, t);
        [0, 1].map(|k| {
            let drift = self.motion.drift_px * (self.phases[k] + turned).sin();
            let jitter = self.motion.jitter_px * random.normal(normal);
            (self.offset_px[k] + drift + jitter) / PICTURE_PX
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Faults, Session, Trial, scene::Anatomy};
    use super::*;
    use crate::Size;
    use ndarray::{Array2, s};

    fn square(side: usize, motion: Motion) -> Config {
        Config {
            size: Size {
                width: side,
                height: side,
            },
            motion,
            ..Config::default()
        }
    }

    fn session(config: Config) -> Session {
        Session::new(config, 2).expect("a valid configuration")
    }

    fn frame(trial: &Trial<'_>, t: usize) -> Array2<u16> {
        let mut frame = Array2::zeros(trial.truth().scene.rest.dim());
        trial.frame_into(t, frame.view_mut());
        frame
    }

    /// Mean and sd.
    fn moments(values: &[f64]) -> [f64; 2] {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        [mean, (squares / n).sqrt()]
    }

    /// Drawing each frame anew, and drawing random numbers for where, changes no pixel of a head that does not move.
    #[test]
    fn a_head_that_hardly_moves_gives_the_pixels_of_one_that_does_not() {
        let least = f64::MIN_POSITIVE;
        let motion = Motion {
            drift_px: least,
            jitter_px: least,
            step_px: least,
        };
        let faults = Faults {
            shift: [0.05, -0.02],
            shift_trial: 2,
            saturated_share: 0.01,
            ..Faults::default()
        };
        let [still, moved] = [Motion::default(), motion].map(|motion| {
            session(Config {
                faults: faults.clone(),
                ..square(48, motion)
            })
        });
        for index in [0, 3] {
            for t in [0, 70, 300] {
                let trials = [&still, &moved].map(|session| session.trial(index, 1, true));
                assert_eq!(frame(&trials[0], t), frame(&trials[1], t));
                assert_eq!(trials[0].shift_px(t), [0.0; 2]);
                assert_eq!(trials[0].dff(t, 20, 30), trials[1].dff(t, 20, 30));
                let recordings = [&still, &moved].map(|session| session.spontaneous(index));
                assert_eq!(frame(&recordings[0], t), frame(&recordings[1], t));
                assert_eq!(recordings[0].activations(), recordings[1].activations());
            }
        }
    }

    #[test]
    fn everything_that_is_lit_moves_by_the_shift() {
        let config = Config {
            size: Size {
                width: 56,
                height: 40,
            },
            ..Config::default()
        };
        let streams = Streams::new(1);
        let anatomy = Anatomy::new(&config, 2, &mut streams.scene(), &Normal::new());
        let still = anatomy.draw(&config, [0.0; 2], [0.0; 2]);
        // 4 px down and 7 px to the left.
        let shift = [4.0 / 40.0, -7.0 / 56.0];
        let moved = anatomy.draw(&config, shift, shift);
        let [a, b] = [
            moved.rest.slice(s![4.., ..49]),
            still.rest.slice(s![..36, 7..]),
        ];
        // Single precision; a vessel ends at 4 sd, where it takes 1e-4 of the light.
        let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 0.5);
        assert_eq!(
            moved.brain.slice(s![4.., ..49]),
            still.brain.slice(s![..36, 7..])
        );
        let [a, b] = [&moved, &still].map(|scene| scene.areas[1][0].centre);
        assert!((a[0] - b[0] - 4.0).abs() < 1e-9 && (a[1] - b[1] + 7.0).abs() < 1e-9);
    }

    #[test]
    fn drift_jitter_and_steps_are_as_large_as_configured() {
        let drifts = session(square(
            256,
            Motion {
                drift_px: 3.0,
                ..Motion::default()
            },
        ));
        let mut ways = Vec::new();
        for index in 0..40 {
            let trial = drifts.trial(index, 0, true);
            for axis in [0, 1] {
                let shifts = (0..200).map(|t| trial.shift_px(t)[axis]);
                let [low, high] = shifts.fold([f64::MAX, f64::MIN], |[low, high], px| {
                    [low.min(px), high.max(px)]
                });
                // Between frames the top of the sine is missed by 3 (pi / 199)^2 / 8 at most.
                let most = high.max(-low);
                assert!((2.9999..=3.0).contains(&most), "{low} {high}");
                assert!((2.999..=6.0).contains(&(high - low)), "{low} {high}");
                ways.push(high - low);
            }
        }
        assert!(moments(&ways)[1] > 0.5, "the phases differ");

        let jitters = session(square(
            256,
            Motion {
                jitter_px: 0.5,
                ..Motion::default()
            },
        ));
        let trial = jitters.trial(7, 0, true);
        let shifts: Vec<[f64; 2]> = (0..1000).map(|t| trial.shift_px(t)).collect();
        for axis in [0, 1] {
            let along: Vec<f64> = shifts.iter().map(|shift| shift[axis]).collect();
            let [mean, sd] = moments(&along);
            // 4.5 standard errors: sd / sqrt(n) and sd / sqrt(2 n).
            assert!(
                mean.abs() < 0.072 && (sd - 0.5).abs() < 0.051,
                "{mean} {sd}"
            );
        }
        for products in [
            shifts.iter().map(|shift| shift[0] * shift[1]).collect(),
            shifts.windows(2).map(|two| two[0][0] * two[1][0]).collect(),
        ] {
            let products: Vec<f64> = products;
            assert!(moments(&products)[0].abs() < 4.5 * 0.25 / 999.0_f64.sqrt());
        }

        let steps = session(square(
            256,
            Motion {
                step_px: 0.4,
                ..Motion::default()
            },
        ));
        let at = |index: usize, t: usize| steps.trial(index, 0, true).shift_px(t);
        assert_eq!(at(0, 0), [0.0; 2]);
        assert_eq!(at(9, 0), at(9, 150));
        for axis in [0, 1] {
            let taken = (0..500).map(|index| at(index + 1, 0)[axis] - at(index, 0)[axis]);
            let [mean, sd] = moments(&taken.collect::<Vec<_>>());
            assert!(
                mean.abs() < 0.081 && (sd - 0.4).abs() < 0.058,
                "{mean} {sd}"
            );
        }
        assert_eq!(at(100_000, 0), at(usize::MAX, 0));
    }

    #[test]
    fn size_condition_and_onset_do_not_change_the_motion() {
        let motion = Motion {
            drift_px: 2.0,
            jitter_px: 0.3,
            step_px: 0.5,
        };
        let (small, wide) = (
            session(square(64, motion)),
            session(Config {
                size: Size {
                    width: 512,
                    height: 128,
                },
                ..square(64, motion)
            }),
        );
        for t in [0, 10, 199, 250] {
            let [dy, dx] = small.trial(4, 0, true).shift_px(t);
            assert_eq!(small.trial_at(4, 1, false, 1.0).shift_px(t), [dy, dx]);
            assert_eq!(small.spontaneous(4).shift_px(t), [dy, dx]);
            let [down, right] = wide.trial(4, 0, true).shift_px(t);
            assert!((down - 2.0 * dy).abs() < 1e-12 && (right - 8.0 * dx).abs() < 1e-12);
        }
    }

    #[test]
    fn lengths_that_are_none_are_refused_by_name() {
        type Field = fn(&mut Motion) -> &mut f64;
        let fields: [(&str, Field); 3] = [
            ("motion.drift_px", |motion| &mut motion.drift_px),
            ("motion.jitter_px", |motion| &mut motion.jitter_px),
            ("motion.step_px", |motion| &mut motion.step_px),
        ];
        for (name, field) in fields {
            for px in [-0.1, f64::NAN, 256.1, f64::INFINITY] {
                let mut motion = Motion::default();
                *field(&mut motion) = px;
                let error = Session::new(square(16, motion), 1).expect_err(name);
                assert_eq!(error.field(), name);
            }
            let mut motion = Motion::default();
            *field(&mut motion) = 256.0;
            // Far outside there is the surround, and nothing to go wrong.
            frame(&session(square(16, motion)).trial(1, 0, true), 0);
        }
    }

    /// Noise, a response and drift of the light are there; the one frame that the others are compared with does not
    /// move.
    #[cfg(feature = "motion")]
    #[test]
    fn measured_shifts_are_the_true_ones() {
        let motion = Motion {
            drift_px: 3.0,
            jitter_px: 0.3,
            step_px: 0.5,
        };
        let (still, moved) = (
            session(square(256, Motion::default())),
            session(square(256, motion)),
        );
        let image = frame(&still.trial(0, 0, true), 0).mapv(f32::from);
        let reference = crate::motion::Rigid::default()
            .reference(image.view())
            .expect("an image");
        let mut off = [Vec::new(), Vec::new()];
        let mut most = [0.0_f64; 2];
        for index in [0, 3] {
            let trial = moved.trial(index, 0, true);
            for t in (0..200).step_by(8) {
                let shift = reference
                    .shift(frame(&trial, t).mapv(f32::from).view())
                    .expect("of the same size");
                assert_eq!(shift.flag, None);
                let truth = trial.shift_px(t);
                for (axis, found) in [shift.dy_px, shift.dx_px].into_iter().enumerate() {
                    off[axis].push(found - truth[axis]);
                    most[axis] = most[axis].max(truth[axis].abs());
                }
            }
        }
        let rms =
            off.map(|off| (off.iter().map(|off| off * off).sum::<f64>() / off.len() as f64).sqrt());
        println!("{rms:?} px rms of up to {most:?}");
        assert!(rms.iter().all(|rms| *rms < 0.03), "{rms:?}");
        assert!(most.iter().all(|most| *most > 2.0), "{most:?}");
    }
}
