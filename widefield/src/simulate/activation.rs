//! Activity without a stimulus.

use super::{Area, Config, noise::Random};

/// Most of one recording: keeps a mistyped rate from taking all memory.
const MOST: usize = 100_000;

/// One rise and decay of one area in a [spontaneous recording](super::Session::spontaneous).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Activation {
    /// Begin of the rise, in seconds after the first frame.
    pub begin_s: f64,
    /// Which area: its place in `areas.iter().flatten()` of the [scene](super::Truth).
    pub area: usize,
    /// dF/F over rest that it adds at the centre of the area when it peaks, [`Area::rise_to_peak_s`] after
    /// the begin.
    pub peak_dff: f64,
}

/// A Poisson process over all areas together, so that a longer recording goes on where a shorter one
/// ends.
pub(super) fn draw(config: &Config, areas: &[&Area], random: &mut Random) -> Vec<Activation> {
    let rate_hz = config.spontaneous_hz * areas.len() as f64;
    let duration_s = config.frames as f64 / config.sample_rate_hz;
    let mut activations = Vec::new();
    let mut begin_s = 0.0;
    while rate_hz > 0.0 && activations.len() < MOST {
        begin_s -= (-random.uniform(0.0, 1.0)).ln_1p() / rate_hz;
        if begin_s >= duration_s {
            break;
        }
        let area = random.below(areas.len());
        activations.push(Activation {
            begin_s,
            area,
            peak_dff: random.uniform(0.5, 1.5) * areas[area].amplitude,
        });
    }
    activations
}

/// dF/F over rest at the centre of each area, `time_s` after the first frame.
pub(super) fn courses(activations: &[Activation], areas: &[&Area], time_s: f64) -> Vec<f64> {
    let mut courses = vec![0.0; areas.len()];
    let begun = activations.partition_point(|a| a.begin_s < time_s);
    for a in &activations[..begun] {
        courses[a.area] += a.peak_dff * areas[a.area].share_of_peak(time_s - a.begin_s);
    }
    courses
}
