//! Baselines that follow the trace: every frame has an F0 of its own, made of the frames around it.

mod extremes;
mod maximin;
mod percentile;

use super::Course;
use crate::number::count;
use crate::source::image_of;
use crate::{Error, MovieSource, Subtract};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Slice};
use percentile::Window;
use std::ops::Range;

/// Pixels of a row whose traces are worked on together.
const LANES: usize = 32;

/// Bytes that [`Buffers`] hold for a frame, at most: its counts, and with windows around the first and the last
/// frame three times two rows of values.
pub(super) const LANE_BYTES: u64 = (4 + 6 * 8) * LANES as u64;

/// One value for each of these pixels.
type Lanes = [f64; LANES];

/// Fewest frames whose F0 is made at a time, where blocks are short.
const STRETCH: usize = 32;

/// A baseline of the frames around each frame, for a movie of known length.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sliding {
    kind: Kind,
    reach: Reach,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Percentile(f64),
    /// Weights of the smoothing, an odd number of them.
    Maximin(Vec<f64>),
}

/// Frames of a window before and after its middle, at most the movie.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reach {
    before: usize,
    after: usize,
    n_frames: usize,
}

/// Traces of up to [`LANES`] pixels, frame after frame.
#[derive(Clone, Copy)]
struct Traces<'a> {
    rows: &'a [[f32; LANES]],
    /// The frame of the first row.
    first: usize,
    /// How many pixels there are.
    lanes: usize,
}

impl Sliding {
    pub(super) fn percentile(percent: f64, span: usize, n_frames: usize) -> Self {
        Self::new(Kind::Percentile(percent), span, n_frames)
    }

    pub(super) fn maximin(sd: f64, span: usize, n_frames: usize) -> Self {
        Self::new(Kind::Maximin(maximin::gaussian(sd)), span, n_frames)
    }

    fn new(kind: Kind, span: usize, n_frames: usize) -> Self {
        let most = n_frames.saturating_sub(1);
        let reach = Reach {
            before: (span / 2).min(most),
            after: (span.saturating_sub(1) / 2).min(most),
            n_frames,
        };
        Self { kind, reach }
    }

    /// The frames that the F0 of `frames` is made of.
    pub(crate) fn needs(&self, frames: &Range<usize>) -> Range<usize> {
        let (before, after) = self.around();
        let end = frames.end.saturating_add(after).min(self.reach.n_frames);
        frames.start.saturating_sub(before)..end
    }

    /// How many frames these are for so many frames, at most.
    pub(super) fn needed(&self, frames: usize) -> usize {
        let (before, after) = self.around();
        let all = frames.saturating_add(before).saturating_add(after);
        all.min(self.reach.n_frames)
    }

    /// Frames before and after those whose F0 is made.
    fn around(&self) -> (usize, usize) {
        let Reach { before, after, .. } = self.reach;
        match &self.kind {
            Kind::Percentile(_) => (before, after),
            // A maximum of minima reaches twice as far, and the smoothing beyond that.
            Kind::Maximin(weights) => {
                let radius = weights.len() / 2;
                let twice = |n: usize| n.saturating_mul(2).saturating_add(radius);
                (twice(before), twice(after))
            }
        }
    }

    /// Frames whose F0 is made at a time where blocks are shorter: a quarter of a window, so that most of the work is
    /// not done for every block again.
    pub(crate) fn stretch(&self) -> usize {
        ((self.reach.before + self.reach.after) / 4).max(STRETCH)
    }

    /// The mean F0 of every pixel, and what else of its course is needed; reads the movie by rows.
    pub(super) fn estimate(
        self,
        movie: &(impl MovieSource + ?Sized),
        subtract: &Subtract,
    ) -> Result<(Array2<f64>, Course), Error> {
        let n_frames = self.reach.n_frames;
        let seen = image_of::<Seen>(movie, |tile, mut out| {
            let mut buffers = Buffers::default();
            for (traces, mut out) in tile.axis_iter(Axis(1)).zip(out.rows_mut()) {
                for (piece, mut out) in out.axis_chunks_iter_mut(Axis(0), LANES).enumerate() {
                    let columns = piece * LANES..piece * LANES + out.len();
                    for f0 in buffers.f0(&self, traces, 0, columns, subtract, 0..n_frames) {
                        out.iter_mut()
                            .zip(f0.iter())
                            .for_each(|(seen, &f0)| seen.add(f0));
                    }
                }
            }
        })?;
        let image = seen.mapv(|seen| seen.sum / count(n_frames));
        let course = Course::Sliding {
            sliding: self,
            zero: seen.mapv(|seen| seen.zero),
            lowest: seen.mapv(|seen| seen.lowest),
        };
        Ok((image, course))
    }

    /// Calls `give` with a frame, counted from the first of `frames`, a column and F0 from that column on, for the
    /// pixels of a row, a few columns at a time. `traces` `(t, x)` begin with frame `first` and hold what `frames` need.
    /// F0 is NaN where `kept` is.
    pub(crate) fn row(
        &self,
        buffers: &mut Buffers,
        (traces, first): (ArrayView2<'_, f32>, usize),
        subtract: &Subtract,
        kept: ArrayView1<'_, f64>,
        frames: Range<usize>,
        mut give: impl FnMut(usize, usize, &[f64]),
    ) {
        for (piece, kept) in kept.axis_chunks_iter(Axis(0), LANES).enumerate() {
            let columns = piece * LANES..piece * LANES + kept.len();
            let start = columns.start;
            if kept.iter().all(|f0| f0.is_nan()) {
                let masked = [f64::NAN; LANES];
                (0..frames.len()).for_each(|t| give(t, start, &masked[..kept.len()]));
                continue;
            }
            let f0 = buffers.f0(self, traces, first, columns, subtract, frames.clone());
            for (t, f0) in f0.iter_mut().enumerate() {
                for (f0, kept) in f0.iter_mut().zip(kept) {
                    *f0 = if kept.is_nan() { f64::NAN } else { *f0 };
                }
                give(t, start, &f0[..kept.len()]);
            }
        }
    }
}

/// What the frames so far had as F0 of one pixel.
#[derive(Clone, Copy)]
struct Seen {
    sum: f64,
    lowest: f64,
    zero: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            sum: 0.0,
            lowest: f64::INFINITY,
            zero: false,
        }
    }
}

impl Seen {
    fn add(&mut self, f0: f64) {
        self.sum += f0;
        self.lowest = self.lowest.min(f0);
        self.zero |= f0 == 0.0;
    }
}

/// Memory for the traces of some pixels, used again for the next ones.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    traces: Vec<[f32; LANES]>,
    f0: Vec<Lanes>,
    window: Window,
    maximin: maximin::Scratch,
}

impl Buffers {
    /// F0 of `frames` for some columns of `traces` `(t, x)`, which begin with frame `first`.
    fn f0(
        &mut self,
        sliding: &Sliding,
        traces: ArrayView2<'_, f32>,
        first: usize,
        columns: Range<usize>,
        subtract: &Subtract,
        frames: Range<usize>,
    ) -> &mut [Lanes] {
        let lanes = columns.len();
        self.traces.clear();
        let piece = traces.slice_axis_move(Axis(1), Slice::from(columns));
        self.traces.extend(piece.rows().into_iter().map(|row| {
            let mut values = [0.0; LANES];
            values
                .iter_mut()
                .zip(row)
                .for_each(|(to, &from)| *to = from);
            values
        }));
        let traces = Traces {
            rows: &self.traces,
            first,
            lanes,
        };
        let (reach, out) = (sliding.reach, &mut self.f0);
        match &sliding.kind {
            Kind::Percentile(percent) => {
                percentile::f0(
                    *percent,
                    reach,
                    traces,
                    subtract,
                    frames,
                    &mut self.window,
                    out,
                );
            }
            Kind::Maximin(weights) => {
                maximin::f0(
                    weights,
                    reach,
                    traces,
                    subtract,
                    frames,
                    &mut self.maximin,
                    out,
                );
            }
        }
        out
    }
}
