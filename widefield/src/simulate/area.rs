//! Areas of cortex that respond to one condition.

use super::{
    Config,
    noise::{Normal, Random, single},
};

/// An area that responds to the stimulus of one condition.
///
/// Its dF/F over rest at pixel (y, x) and time t is `weight(y, x) * time_course(t)`, times the
/// [response gain](super::TrialTruth::response_gain) of the trial: a Gaussian around the centre
/// times a rise and a decay.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// Centre in pixels, row then column; 0 is the middle of the first pixel.
    pub centre: [f64; 2],
    /// Sd of the profile in pixels along rows and columns.
    pub sd: [f64; 2],
    /// dF/F at the centre when the response peaks.
    pub amplitude: f64,
    /// Begin of the response after the stimulus, in seconds.
    pub latency_s: f64,
    /// Time constant of the rise, in seconds.
    pub rise_s: f64,
    /// Time constant of the decay, in seconds.
    pub decay_s: f64,
    /// Amplitude / largest value of the unscaled time course.
    scale: f64,
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Area {
    /// An area at `place`, in shares of the image measured from its middle.
    pub(super) fn new(config: &Config, place: [f64; 2], amplitude: f64) -> Self {
        let Config {
            latency_s,
            rise_s,
            decay_s,
            ..
        } = *config;
        let lengths = [config.size.height, config.size.width];
        let centre = [0, 1].map(|k| (place[k] + 0.5) * lengths[k] as f64 - 0.5);
        let sd = lengths.map(|n| config.area_sd * n as f64);
        let profile = |k: usize| {
            (0..lengths[k])
                .map(|i| single(profile((i as f64 - centre[k]) / sd[k])))
                .collect()
        };
        let mut area = Self {
            centre,
            sd,
            amplitude,
            latency_s,
            rise_s,
            decay_s,
            scale: 1.0,
            rows: profile(0),
            columns: profile(1),
        };
        area.scale = amplitude / area.shape(area.peak_s());
        area
    }

    /// The pixel (y, x) nearest to the centre; the nearest of the image if that lies outside.
    #[must_use]
    pub fn centre_pixel(&self) -> [usize; 2] {
        let last = [&self.rows, &self.columns].map(|profile| profile.len() - 1);
        [0, 1].map(|k| nearest(self.centre[k], last[k]))
    }

    /// Time of the largest response, in seconds after the stimulus.
    #[must_use]
    pub fn peak_s(&self) -> f64 {
        self.latency_s + self.rise_to_peak_s()
    }

    /// Time from the begin of a response to its peak, in seconds: rise x ln(1 + decay / rise).
    #[must_use]
    pub fn rise_to_peak_s(&self) -> f64 {
        self.rise_s * (self.decay_s / self.rise_s).ln_1p()
    }

    /// dF/F at the centre of the area at `time_s` after the stimulus: 0 before the latency, then
    /// amplitude x (1 - exp(-s / rise)) exp(-s / decay), s the time since the latency, scaled to
    /// reach the amplitude.
    #[must_use]
    pub fn time_course(&self, time_s: f64) -> f64 {
        self.scale * self.shape(time_s)
    }

    /// A response `since` seconds after its begin, as a share of its peak.
    pub(super) fn share_of_peak(&self, since: f64) -> f64 {
        self.since_begin(since) / self.since_begin(self.rise_to_peak_s())
    }

    fn shape(&self, time_s: f64) -> f64 {
        self.since_begin(time_s - self.latency_s)
    }

    fn since_begin(&self, since: f64) -> f64 {
        if since <= 0.0 {
            return 0.0;
        }
        -(-since / self.rise_s).exp_m1() * (-since / self.decay_s).exp()
    }

    /// Share of the response that pixel (y, x) shows: exp(-d^2 / 2), d the distance from the
    /// centre in sd; exactly 0 from 4 sd along rows or columns on, and outside the image.
    #[must_use]
    pub fn weight(&self, y: usize, x: usize) -> f64 {
        match (self.rows.get(y), self.columns.get(x)) {
            (Some(&row), Some(&column)) => f64::from(row) * f64::from(column),
            _ => 0.0,
        }
    }

    /// Adds `peak` x weight to a row of the response.
    pub(super) fn add_row(&self, y: usize, peak: f32, row: &mut [f32]) {
        let peak = peak * self.rows[y];
        if peak != 0.0 {
            for (value, column) in row.iter_mut().zip(&self.columns) {
                *value += peak * column;
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and within 0..=last after clamping"
)]
fn nearest(place: f64, last: usize) -> usize {
    place.round().clamp(0.0, last as f64) as usize
}

fn profile(sds: f64) -> f64 {
    if sds.abs() < 4.0 {
        (-0.5 * sds * sds).exp()
    } else {
        0.0
    }
}

/// Areas of every condition, within the middle 0.6 of the window and apart from each other where
/// there is room.
pub(super) fn place_all(
    config: &Config,
    conditions: usize,
    random: &mut Random,
) -> Vec<Vec<[f64; 3]>> {
    let mut taken: Vec<[f64; 2]> = Vec::new();
    let mut condition = || {
        (0..config.areas_per_condition)
            .map(|k| {
                let share = random.uniform(0.7, 1.3);
                let strength = if k == 0 { 1.3 } else { share };
                let place = place(config, &taken, random);
                taken.push(place);
                [place[0], place[1], strength * config.response_amplitude]
            })
            .collect()
    };
    (0..conditions).map(|_| condition()).collect()
}

/// The first of some random places that is 3 sd from all others, else the one farthest from them.
fn place(config: &Config, taken: &[[f64; 2]], random: &mut Random) -> [f64; 2] {
    let mut best = ([0.0; 2], f64::NEG_INFINITY);
    for _ in 0..50 {
        let angle = random.uniform(0.0, std::f64::consts::TAU);
        let radius = 0.6 * config.window_radius * random.uniform(0.0, 1.0).sqrt();
        let here = [radius * angle.sin(), radius * angle.cos()];
        let distance = taken
            .iter()
            .map(|there| (here[0] - there[0]).hypot(here[1] - there[1]))
            .fold(f64::INFINITY, f64::min);
        if distance > best.1 {
            best = (here, distance);
        }
        if distance >= 3.0 * config.area_sd {
            break;
        }
    }
    best.0
}

/// The gain of a trial's responses: 1 with an sd of `jitter`, never negative.
pub(super) fn gain(jitter: f64, random: &mut Random, normal: &Normal) -> f64 {
    (1.0 + jitter * random.normal(normal)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_starts_at_the_latency_and_peaks_at_the_amplitude() {
        let config = Config::default();
        let area = Area::new(&config, [0.0, 0.0], 0.08);
        assert_eq!(area.time_course(-1.0), 0.0);
        assert_eq!(area.time_course(config.latency_s), 0.0);
        let peak = area.time_course(area.peak_s());
        assert!((peak - 0.08).abs() < 1e-12, "{peak}");
        for away in [-0.05, 0.05] {
            assert!(area.time_course(area.peak_s() + away) < 0.08);
        }
        assert_eq!(Area::new(&config, [0.0; 2], 0.0).time_course(0.5), 0.0);
    }

    #[test]
    fn weight_is_a_gaussian_around_the_centre() {
        let area = Area::new(&Config::default(), [0.1, -0.1], 0.08);
        // (0.1 + 0.5) x 512 - 0.5 and (-0.1 + 0.5) x 512 - 0.5; sd 0.05 x 512.
        assert!((area.centre[0] - 306.7).abs() < 1e-9 && (area.centre[1] - 204.3).abs() < 1e-9);
        let at = |y: usize, x: usize| {
            let d = [(y as f64 - 306.7) / 25.6, (x as f64 - 204.3) / 25.6];
            (-0.5 * (d[0] * d[0] + d[1] * d[1])).exp()
        };
        for (y, x) in [(306, 204), (332, 204), (300, 250)] {
            assert!((area.weight(y, x) - at(y, x)).abs() < 1e-6);
        }
        assert_eq!(area.weight(306 + 104, 204), 0.0);
        assert_eq!(area.weight(0, 9999), 0.0);
        assert_eq!(area.centre_pixel(), [307, 204]);
        let outside = Area::new(&Config::default(), [0.6, -0.6], 0.08);
        assert_eq!(outside.centre_pixel(), [511, 0]);
    }
}
