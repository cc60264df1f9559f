//! How far the frames of a trial lie from the session's reference.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use widefield::TimeAxis;
use widefield::motion::{Crop, Judgement, Shift, Verdict};
use widefield::percentiles::{median, percentile};

/// Motion of a trial. Lengths are pixels of the resized image unless their name says otherwise, places `[y, x]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Motion {
    /// The movie whose first frames all trials are compared with.
    pub reference: String,
    /// Check sum of the image made of them, which tells that movie from another one of its name.
    #[serde(default)]
    pub reference_id: u32,
    /// Longer side of the resized frames, pixels.
    pub side_px: usize,
    /// Frames that were measured.
    pub measured: usize,
    /// Those of them whose shift is not to be believed.
    pub flagged: usize,
    /// Where the trial lies: the median shift of the other frames, above 0 if lower and further right than the
    /// reference. `None`, as the next two, if all are flagged.
    pub place_px: Option<[f64; 2]>,
    /// Median distance of frames from there.
    pub median_px: Option<f64>,
    /// Their 99th percentile.
    pub high_px: Option<f64>,
    /// |dF/F| that a shift by `high_px` makes, at the median and the 99th percentile of the kept pixels, as shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_dff: Option<[f64; 2]>,
    /// What taking it away did, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
}

/// What taking the motion of a trial away did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Correction {
    /// In a word.
    pub verdict: Verdict,
    /// 99th percentile of the distances that are left, pixels; `None` where that could not be measured.
    pub left_px: Option<f64>,
    /// Where the trial lies after it, as [`Motion::place_px`]; `None` where that could not be measured.
    #[serde(default)]
    pub left_place_px: Option<[f64; 2]>,
    /// [`slope`](widefield::motion::Judgement::slope) in y and x; `None` where shifts vary too little.
    pub slope: [Option<f64>; 2],
    /// Temporal standard deviation at edges, counts: as recorded, corrected, and with shifts added instead of taken away.
    pub edge_noise: [Option<f64>; 3],
    /// Rows that every frame has, half-open.
    pub rows: [usize; 2],
    /// Columns that every frame has, half-open.
    pub columns: [usize; 2],
    /// Pixels that some frame does not have; they are masked.
    pub outside_pixels: usize,
}

impl Motion {
    /// From the shifts of the measured frames, in any order, against the first frames of the movie `reference`; of resized
    /// frames whose longer side has `side_px` pixels.
    #[must_use]
    pub fn from_shifts(reference: &str, side_px: usize, shifts: &[Shift]) -> Self {
        let good = || shifts.iter().filter(|shift| shift.flag.is_none());
        let place = median(good().map(|s| s.dy_px)).zip(median(good().map(|s| s.dx_px)));
        let from = |(y, x): (f64, f64)| good().map(move |s| (s.dy_px - y).hypot(s.dx_px - x));
        Self {
            reference: reference.to_owned(),
            reference_id: 0,
            side_px,
            measured: shifts.len(),
            flagged: shifts.len() - good().count(),
            place_px: place.map(<[f64; 2]>::from),
            median_px: place.and_then(|place| median(from(place))),
            high_px: place.and_then(|place| percentile(from(place), 99.0)),
            predicted_dff: None,
            correction: None,
        }
    }

    /// Pixels of a picture 256 px wide for one of these.
    #[must_use]
    pub fn of_256_px(&self) -> f64 {
        256.0 / self.side_px.max(1) as f64
    }
}

impl Correction {
    /// From what is found of it, the motion that is left, and the pixels that every frame has.
    #[must_use]
    pub fn new(found: &Judgement, left: &Motion, seen: &Crop) -> Self {
        let known = |value: f64| value.is_finite().then_some(value);
        let noise = found.edges;
        let (rows, columns) = (seen.rows(), seen.columns());
        Self {
            verdict: found.verdict,
            left_px: left.high_px,
            left_place_px: left.place_px,
            slope: found.slope.map(known),
            edge_noise: [noise.uncorrected, noise.corrected, noise.inverted].map(known),
            rows: [rows.start, rows.end],
            columns: [columns.start, columns.end],
            outside_pixels: seen.outside_pixels(),
        }
    }
}

/// The shift of every frame as CSV: `frame`, `time_s`, `dy_px`, `dx_px`, `peak`, `second_peak`, `flagged` (1 where the shift
/// is that of the frames around).
///
/// ```
/// use widefield::{TimeAxis, motion::Shift};
///
/// let axis = TimeAxis { sample_rate_hz: 20.0, first_frame_s: -3.0 };
/// let text = widefield_record::motion::csv(&[Shift::from_px(0.25, -1.0)], &axis);
/// assert_eq!(text, "frame,time_s,dy_px,dx_px,peak,second_peak,flagged\n0,-3,0.2500,-1.0000,1.0000,0.0000,0\n");
/// ```
#[must_use]
pub fn csv(shifts: &[Shift], axis: &TimeAxis) -> String {
    let mut text = "frame,time_s,dy_px,dx_px,peak,second_peak,flagged\n".to_owned();
    for (frame, shift) in shifts.iter().enumerate() {
        let Shift {
            dy_px,
            dx_px,
            peak,
            second_peak,
            ..
        } = shift;
        let flagged = u8::from(shift.flag.is_some());
        let time_s = axis.time_s(frame);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{frame},{time_s},{dy_px:.4},{dx_px:.4},{peak:.4},{second_peak:.4},{flagged}"
        );
    }
    text
}
