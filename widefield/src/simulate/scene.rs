//! What does not change from frame to frame: light, window, vessels, areas.

use ndarray::{Array1, Array2, s};

use super::{
    Config, Light,
    area::{self, Area},
    noise::{Normal, Random, single},
};
use crate::Size;

/// Steps of a vessel's path, in shares of the image.
const STEP: f64 = 0.003;

/// The truth about what the camera looks at; all maps are (y, x) in camera orientation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Truth {
    /// Whether a pixel shows brain: inside the window, where its edge passes more than half of the light.
    pub brain: Array2<bool>,
    /// Share of the light that blood vessels let through: 1 where there is none.
    pub vessels: Array2<f32>,
    /// The responding areas of each condition.
    pub areas: Vec<Vec<Area>>,
    /// Counts of light at rest, above the camera offset, in a trial without drift.
    pub rest: Array2<f32>,
}

/// The random decisions about the anatomy, independent of size and of where the head is.
#[derive(Clone)]
pub(super) struct Anatomy {
    window: [f64; 2],
    light: [f64; 2],
    vessels: Vec<Vessel>,
    areas: Vec<Vec<[f64; 3]>>,
}

#[derive(Clone)]
struct Vessel {
    sd: f64,
    depth: f64,
    path: Vec<[f64; 2]>,
}

impl Anatomy {
    pub(super) fn new(
        config: &Config,
        conditions: usize,
        random: &mut Random,
        normal: &Normal,
    ) -> Self {
        let mut near = || [random.uniform(-0.01, 0.01), random.uniform(-0.01, 0.01)];
        let (window, light) = (near(), near());
        let mut vessels = Vec::new();
        for _ in 0..config.vessels {
            vessel(config, random, normal, &mut vessels);
        }
        let areas = area::place_all(config, conditions, random);
        Self {
            window,
            light,
            vessels,
            areas,
        }
    }

    /// Draws the scene with the head moved by `shift` and the light by `light` (down, right; shares of the image).
    pub(super) fn draw(&self, config: &Config, shift: [f64; 2], light: [f64; 2]) -> Truth {
        let Size { width, height } = config.size;
        let head = |place: [f64; 2]| [0, 1].map(|k| self.window[k] + shift[k] + place[k]);
        let mut vessels = Array2::ones((height, width));
        let mut nearest = Array2::zeros((height, width));
        for vessel in &self.vessels {
            nearest.fill(f64::INFINITY);
            for &place in &vessel.path {
                approach(&mut nearest, head(place), vessel.sd);
            }
            darken(&mut vessels, &nearest, vessel.depth);
        }

        let axis =
            |n: usize| Array1::from_iter((0..n).map(move |i| (i as f64 + 0.5) / n as f64 - 0.5));
        let (rows, columns) = (axis(height), axis(width));
        let centre = head([0.0; 2]);
        let open = Array2::from_shape_fn((height, width), |(y, x)| {
            let from_centre = (rows[y] - centre[0]).hypot(columns[x] - centre[1]);
            1.0 / (1.0 + ((from_centre - config.window_radius) / config.window_edge).exp())
        });
        let lit = [0, 1].map(|k| self.light[k] + light[k]);
        let rest = Array2::from_shape_fn((height, width), |(y, x)| {
            let d = [rows[y] - lit[0], columns[x] - lit[1]].map(|d| d / config.light_sd);
            let gaussian = (-0.5 * (d[0] * d[0] + d[1] * d[1])).exp();
            let light = match config.light {
                Light::Gaussian => gaussian,
                Light::Flat => 1.0,
            };
            let open = open[[y, x]];
            let window = open * light * f64::from(vessels[[y, x]]);
            let surround = (1.0 - open) * config.stray_light * gaussian;
            single(config.peak_counts * (window + surround))
        });
        let area = |&[y, x, amplitude]: &[f64; 3]| Area::new(config, head([y, x]), amplitude);
        Truth {
            brain: open.mapv(|open| open > 0.5),
            vessels,
            areas: self
                .areas
                .iter()
                .map(|areas| areas.iter().map(area).collect())
                .collect(),
            rest,
        }
    }
}

/// The share of the pixels that glare saturates: those nearest to a place in the window.
pub(super) fn disc(config: &Config) -> Vec<[usize; 2]> {
    let share = config.faults.saturated_share;
    if share == 0.0 {
        return Vec::new();
    }
    let Size { width, height } = config.size;
    let place = 0.4 * config.window_radius;
    let distance = |&[y, x]: &[usize; 2]| {
        let d = [(y, height), (x, width)].map(|(i, n)| (i as f64 + 0.5) / n as f64 - 0.5 + place);
        d[0] * d[0] + d[1] * d[1]
    };
    let mut pixels: Vec<[usize; 2]> = (0..height)
        .flat_map(|y| (0..width).map(move |x| [y, x]))
        .collect();
    pixels.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    let n = pixels.len();
    pixels.truncate(index((share * n as f64).ceil(), n));
    pixels
}

/// A wandering path from the window's edge to its other side, with one branch at most.
fn vessel(config: &Config, random: &mut Random, normal: &Normal, vessels: &mut Vec<Vessel>) {
    let edge = random.uniform(0.0, std::f64::consts::TAU);
    let start = [edge.sin(), edge.cos()].map(|part| part * config.window_radius);
    let inward = edge + std::f64::consts::PI + random.uniform(-0.6, 0.6);
    let sd = config.vessel_width * random.uniform(0.6, 1.4);
    let depth = config.vessel_depth * random.uniform(0.6, 1.2);
    let trunk = path(config, start, inward, random, normal);
    let fork = random.uniform(0.2, 1.5);
    let turn = if random.uniform(0.0, 1.0) < 0.5 {
        -0.7
    } else {
        0.7
    };
    let index = (0..trunk.len()).find(|&k| k as f64 >= fork * trunk.len() as f64);
    if let Some([a, b]) = index.and_then(|k| trunk.get(k..k + 2)) {
        let heading = (b[0] - a[0]).atan2(b[1] - a[1]) + turn;
        let path = path(config, *a, heading, random, normal);
        vessels.push(Vessel {
            sd: 0.7 * sd,
            depth: 0.9 * depth,
            path,
        });
    }
    vessels.push(Vessel {
        sd,
        depth,
        path: trunk,
    });
}

/// Places from `start` on, one [`STEP`] apart, until the path leaves the window.
fn path(
    config: &Config,
    start: [f64; 2],
    mut heading: f64,
    random: &mut Random,
    normal: &Normal,
) -> Vec<[f64; 2]> {
    let mut place = start;
    let mut path = Vec::new();
    // Long enough for twice the diameter of a window that fills the image; wider ones get shorter vessels.
    while path.len() < 700 && place[0].hypot(place[1]) <= 1.02 * config.window_radius {
        path.push(place);
        heading += 0.05 * random.normal(normal);
        place = [
            place[0] + STEP * heading.sin(),
            place[1] + STEP * heading.cos(),
        ];
    }
    path
}

/// Lowers each pixel up to 4 sd from `place` along rows and columns to its squared distance, in sd, from there.
fn approach(nearest: &mut Array2<f64>, place: [f64; 2], sd: f64) {
    let (height, width) = nearest.dim();
    let span = |k: usize, n: usize| {
        let pixel = |share: f64| (share + 0.5) * n as f64 - 0.5;
        (
            index(pixel(place[k] - 4.0 * sd).ceil(), n),
            index(pixel(place[k] + 4.0 * sd).floor() + 1.0, n),
        )
    };
    let share = |i: usize, n: usize| (i as f64 + 0.5) / n as f64 - 0.5;
    let square = |i: usize, n: usize, place: f64| {
        let d = (share(i, n) - place) / sd;
        d * d
    };
    let (rows, columns) = (span(0, height), span(1, width));
    // An empty span may lie behind the last pixel.
    if rows.0 >= rows.1 || columns.0 >= columns.1 {
        return;
    }
    let along: Vec<f64> = (columns.0..columns.1)
        .map(|x| square(x, width, place[1]))
        .collect();
    for y in rows.0..rows.1 {
        let down = square(y, height, place[0]);
        let mut row = nearest.slice_mut(s![y, columns.0..columns.1]);
        for (pixel, along) in row.iter_mut().zip(&along) {
            *pixel = pixel.min(down + along);
        }
    }
}

/// Lets 1 - depth exp(-d^2 / 2) of the light through, d^2 the smallest of squared distances, unless it is less already.
/// One `exp` a pixel, not one for each place of the vessel.
fn darken(map: &mut Array2<f32>, nearest: &Array2<f64>, depth: f64) {
    map.zip_mut_with(nearest, |pixel, &squared| {
        if squared < f64::INFINITY {
            *pixel = pixel.min(single(1.0 - depth * (-0.5 * squared).exp()));
        }
    });
}

/// `value`, a whole number, as an index between 0 and `n`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=n before"
)]
fn index(value: f64, n: usize) -> usize {
    value.clamp(0.0, n as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::super::noise::Streams;
    use super::*;

    /// The darkest of what all places of all vessels do to each pixel, one by one.
    #[test]
    fn vessels_are_equal_to_the_darkest_of_their_places() {
        let normal = Normal::new();
        for (seed, height, width, shift) in [
            (1, 96, 96, [0.0; 2]),
            (2, 64, 80, [0.1, -0.3]),
            (3, 7, 5, [0.0, 0.9]),
            (4, 40, 40, [2.0, 0.0]),
        ] {
            let config = Config {
                size: Size { width, height },
                ..Config::default()
            };
            let anatomy = Anatomy::new(&config, 1, &mut Streams::new(seed).scene(), &normal);
            let mut want = Array2::<f32>::ones((height, width));
            for vessel in &anatomy.vessels {
                for place in &vessel.path {
                    let place = [0, 1].map(|k| anatomy.window[k] + shift[k] + place[k]);
                    for ((y, x), pixel) in want.indexed_iter_mut() {
                        let d = [(y, height), (x, width)]
                            .map(|(i, n)| (i as f64 + 0.5) / n as f64 - 0.5);
                        let d = [0, 1].map(|k| (d[k] - place[k]) / vessel.sd);
                        if d.iter().all(|d| d.abs() <= 4.0) {
                            let squared = d[0] * d[0] + d[1] * d[1];
                            *pixel = pixel.min(single(1.0 - vessel.depth * (-0.5 * squared).exp()));
                        }
                    }
                }
            }
            assert_eq!(
                anatomy.draw(&config, shift, [0.0; 2]).vessels,
                want,
                "{seed}"
            );
        }
    }
}
