//! Five images of a trial: the mean of one window of time, the maxima of four.

use crate::error::same_shape;
use crate::{Error, TimeAxis};
use ndarray::{Array2, Array3, ArrayView3, Axis, Zip};
use std::ops::Range;

/// Windows of time, seconds, from one time on and before another.
///
/// The default ones are those of frames that begin at -3 s with 20 frames a second: 9 to 11, 22 to 25, 60 to 79, 80 to 99
/// and 158 to 177. A frame belongs to the window if its time does, to a millionth of a frame, so that rounding of times
/// decides nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// Baseline, whose mean is taken. Default: -2.55 to -2.4 s.
    pub base: Range<f64>,
    /// Cue, whose maximum is taken, as of those that follow. Default: -1.9 to -1.7 s.
    pub cue: Range<f64>,
    /// Texture comes in. Default: 0 to 1 s.
    pub texture_in: Range<f64>,
    /// Texture goes out. Default: 1 to 2 s.
    pub texture_out: Range<f64>,
    /// Response. Default: 4.9 to 5.9 s.
    pub response: Range<f64>,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            base: -2.55..-2.4,
            cue: -1.9..-1.7,
            texture_in: 0.0..1.0,
            texture_out: 1.0..2.0,
            response: 4.9..5.9,
        }
    }
}

/// Number of cells.
const CELLS: usize = 5;

impl Windows {
    /// Whether any movie can have frames in all of them.
    ///
    /// # Errors
    /// [`Error::Window`] if a time is not finite or a window ends before it begins.
    pub fn check(&self) -> Result<(), Error> {
        for (name, window) in self.all() {
            if !(window.start.is_finite() && window.end.is_finite() && window.start < window.end) {
                return Err(no_frame(name, window));
            }
        }
        Ok(())
    }

    /// Names of the betas, see [`super::Fit`].
    pub(super) fn names(&self, conditions: &[String]) -> Vec<String> {
        let text = |window: &Range<f64>| format!("[{}, {}) s", window.start, window.end);
        let mut names = vec![format!("cue_stim {}", text(&self.cue))];
        let of_conditions = [
            ("tr_", "_In", &self.texture_in),
            ("tr_", "_Out", &self.texture_out),
            ("response_", "", &self.response),
        ];
        for (before, after, window) in of_conditions {
            let name = |c: &String| format!("{before}{c}{after} {}", text(window));
            names.extend(conditions.iter().map(name));
        }
        names
    }

    fn all(&self) -> [(&'static str, &Range<f64>); CELLS] {
        [
            ("base", &self.base),
            ("cue", &self.cue),
            ("texture in", &self.texture_in),
            ("texture out", &self.texture_out),
            ("response", &self.response),
        ]
    }

    /// The frames of each window, in a movie without end.
    fn frames(&self, axis: &TimeAxis) -> [Range<usize>; CELLS] {
        let early = 1e-6 / axis.sample_rate_hz;
        self.all().map(|(_, window)| {
            let (from_s, to_s) = (window.start - early, window.end - early);
            axis.frames_between(from_s, to_s, MOST_FRAMES)
        })
    }
}

/// More frames than any movie has.
const MOST_FRAMES: usize = u32::MAX as usize;

fn no_frame(name: &'static str, window: &Range<f64>) -> Error {
    Error::Window {
        name,
        from_s: window.start,
        to_s: window.end,
    }
}

/// What a trial contributes to a [`Glm`](super::Glm): five images `(cell, y, x)`.
///
/// The mean of the baseline window leaves NaN out and is NaN only if all of its frames are; a maximum is NaN if any frame
/// of its window is. Values that are infinite become NaN.
///
/// ```
/// use ndarray::Array3;
/// use widefield::TimeAxis;
/// use widefield::glm::{Cells, Windows};
///
/// // Every frame has its number as value.
/// let dff = Array3::from_shape_fn((200, 1, 1), |(t, _, _)| t as f32);
/// let axis = TimeAxis { sample_rate_hz: 20.0, first_frame_s: -3.0 };
/// let cells = Cells::of(dff.view(), &axis, &Windows::default())?;
/// assert_eq!(cells.values().iter().copied().collect::<Vec<_>>(), [10.0, 25.0, 79.0, 99.0, 177.0]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cells(Array3<f64>);

impl Cells {
    /// The cells of a trial `(t, y, x)` whose frames have the times of `axis`.
    ///
    /// # Errors
    /// [`Error::Window`] if a window has none of the frames.
    pub fn of(
        trial: ArrayView3<'_, f32>,
        axis: &TimeAxis,
        windows: &Windows,
    ) -> Result<Self, Error> {
        let (_, height, width) = trial.dim();
        let mut cells = CellsOfTrial::new((height, width), axis, windows);
        cells.add(0, trial)?;
        cells.finish()
    }

    /// Cells that were computed elsewhere: base, cue, texture in, texture out and response, each `(y, x)`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are not five.
    pub fn from_values(mut values: Array3<f64>) -> Result<Self, Error> {
        let (_, height, width) = values.dim();
        same_shape("cells", &[CELLS, height, width], values.shape())?;
        values.mapv_inplace(number);
        Ok(Self(values))
    }

    /// The images `(cell, y, x)`: base, cue, texture in, texture out, response.
    pub fn values(&self) -> ArrayView3<'_, f64> {
        self.0.view()
    }
}

/// NaN for what is not finite.
fn number(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

/// [`Cells`] from blocks of frames. Any blocks, in order, give the same bits.
#[derive(Clone, Debug)]
pub struct CellsOfTrial {
    windows: Windows,
    frames: [Range<usize>; CELLS],
    /// Frames of each window so far.
    seen: [usize; CELLS],
    /// Sum of the base, maxima of the others.
    values: Array3<f64>,
    /// Frames in the sum.
    n: Array2<f64>,
}

impl CellsOfTrial {
    /// Nothing added yet, of frames `(height, width)` that have the times of `axis`.
    pub fn new(dim: (usize, usize), axis: &TimeAxis, windows: &Windows) -> Self {
        let (height, width) = dim;
        let mut values = Array3::from_elem((CELLS, height, width), f64::NEG_INFINITY);
        values.index_axis_mut(Axis(0), 0).fill(0.0);
        Self {
            windows: windows.clone(),
            frames: windows.frames(axis),
            seen: [0; CELLS],
            values,
            n: Array2::zeros(dim),
        }
    }

    /// Adds frames `(t, y, x)`, the first of which is frame `first` of the trial. Those of no window are not looked at.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape.
    pub fn add(&mut self, first: usize, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        same_shape("block of frames", self.n.shape(), &block.shape()[1..])?;
        for (cell, mut values) in self.values.outer_iter_mut().enumerate() {
            let length = block.len_of(Axis(0));
            let Range { start, end } = self.frames[cell];
            let frames = start.saturating_sub(first)..end.saturating_sub(first).min(length);
            self.seen[cell] += frames.len();
            for frame in frames {
                let frame = block.index_axis(Axis(0), frame);
                let zip = Zip::from(&mut values).and(&frame);
                if cell == 0 {
                    zip.and(&mut self.n).par_for_each(|sum, &value, n| {
                        if !value.is_nan() {
                            *sum += f64::from(value);
                            *n += 1.0;
                        }
                    });
                } else {
                    zip.par_for_each(|max, &value| {
                        let value = f64::from(value);
                        // NaN stays.
                        if value > *max || value.is_nan() {
                            *max = value;
                        }
                    });
                }
            }
        }
        Ok(())
    }

    /// The cells.
    ///
    /// # Errors
    /// [`Error::Window`] if no frame of a window was added.
    pub fn finish(mut self) -> Result<Cells, Error> {
        for ((name, window), seen) in self.windows.all().into_iter().zip(self.seen) {
            if seen == 0 {
                return Err(no_frame(name, window));
            }
        }
        // Without a number 0 / 0.
        let mut base = self.values.index_axis_mut(Axis(0), 0);
        base /= &self.n;
        Cells::from_values(self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    const AXIS: TimeAxis = TimeAxis {
        sample_rate_hz: 20.0,
        first_frame_s: -3.0,
    };

    fn trial() -> Array3<f32> {
        let mut trial = Array3::from_shape_fn((200, 2, 3), |(t, y, x)| {
            ((t * 7919 + y * 31 + x * 17) % 101) as f32 * 0.01
        });
        trial[(10, 0, 0)] = f32::NAN;
        trial.slice_mut(s![9..12, 0, 1]).fill(f32::NAN);
        trial[(61, 0, 2)] = f32::NAN;
        trial[(160, 1, 0)] = f32::INFINITY;
        trial[(85, 1, 1)] = f32::NEG_INFINITY;
        trial
    }

    #[test]
    fn default_windows_are_the_frames_of_20_a_second() {
        let frames = Windows::default().frames(&AXIS);
        assert_eq!(frames, [9..12, 22..26, 60..80, 80..100, 158..178]);
        let half = TimeAxis {
            sample_rate_hz: 10.0,
            ..AXIS
        };
        assert_eq!(Windows::default().frames(&half)[2..4], [30..40, 40..50]);
    }

    #[test]
    fn equal_to_the_definition_with_its_rule_for_nan() {
        let trial = trial();
        let cells = Cells::of(trial.view(), &AXIS, &Windows::default()).unwrap();
        for ((cell, y, x), &value) in cells.values().indexed_iter() {
            let frames = Windows::default().frames(&AXIS)[cell].clone();
            let values: Vec<f64> = frames.map(|t| f64::from(trial[(t, y, x)])).collect();
            let numbers: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
            let want = match cell {
                0 => numbers.iter().sum::<f64>() / numbers.len() as f64,
                _ if numbers.len() < values.len() => f64::NAN,
                _ => numbers.into_iter().fold(f64::NEG_INFINITY, f64::max),
            };
            let same = value == want || (value.is_nan() && !want.is_finite());
            assert!(same, "cell {cell}, pixel {y} {x}: {value}, {want}");
        }
        let nan = cells
            .values()
            .indexed_iter()
            .filter(|(_, v)| v.is_nan())
            .map(|(at, _)| at)
            .collect::<Vec<_>>();
        assert_eq!(nan, [(0, 0, 1), (2, 0, 2), (4, 1, 0)]);
    }

    #[test]
    fn blocks_do_not_matter() {
        let trial = trial();
        let whole = Cells::of(trial.view(), &AXIS, &Windows::default()).unwrap();
        let bits = |cells: Cells| cells.0.mapv(f64::to_bits);
        for length in [1, 7, 90] {
            let mut cells = CellsOfTrial::new((2, 3), &AXIS, &Windows::default());
            for (k, block) in trial.axis_chunks_iter(Axis(0), length).enumerate() {
                cells.add(k * length, block).unwrap();
            }
            assert_eq!(bits(cells.finish().unwrap()), bits(whole.clone()));
        }
    }

    #[test]
    fn a_trial_that_ends_before_a_window_is_refused() {
        let short = trial().slice(s![..158, .., ..]).to_owned();
        let wrong = Cells::of(short.view(), &AXIS, &Windows::default());
        let text = wrong.unwrap_err().to_string();
        assert_eq!(
            text,
            "the window \"response\" from 4.9 s to 5.9 s has no frame of the trial"
        );
        for rate in [0.0, -1.0, f64::NAN] {
            let axis = TimeAxis {
                sample_rate_hz: rate,
                ..AXIS
            };
            assert!(Cells::of(short.view(), &axis, &Windows::default()).is_err());
        }
        let mut cells = CellsOfTrial::new((2, 3), &AXIS, &Windows::default());
        let wrong = cells.add(0, Array3::zeros((1, 3, 2)).view());
        assert!(matches!(wrong, Err(Error::Shape { .. })));
        cells
            .add(usize::MAX, Array3::zeros((9, 2, 3)).view())
            .unwrap();
        assert_eq!(cells.seen, [0; CELLS]);
        assert!(Cells::from_values(Array3::zeros((4, 1, 1))).is_err());
    }
}
