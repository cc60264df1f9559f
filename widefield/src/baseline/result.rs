//! What a baseline gives: F0 of every pixel, constant or changing over time.

use super::Baseline;
use super::held::FOLLOWED;
use super::sliding::{Scratch, Sliding, Traces};
use crate::number::count;
use crate::source::with_frames;
use crate::{Error, MovieSource, Subtract};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3, Axis};
use std::ops::Range;

/// F0 of every pixel, with the baseline it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct F0 {
    baseline: Baseline,
    image: Array2<f64>,
    course: Course,
}

/// How F0 changes over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Course {
    Constant,
    /// The image times one of these numbers for each frame; their mean is 1.
    Scaled(Vec<f64>),
    /// Made of the movie again, frame by frame.
    Sliding {
        sliding: Sliding,
        /// Where F0 is 0 in some frame.
        zero: Array2<bool>,
        /// The least F0 of all frames.
        lowest: Array2<f64>,
    },
}

impl F0 {
    pub(super) fn new(baseline: Baseline, image: Array2<f64>, course: Course) -> Self {
        Self {
            baseline,
            image,
            course,
        }
    }

    /// What it comes from.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// F0 in the unit of the movie, `(y, x)`; the mean over all frames where F0 changes over time.
    pub fn image(&self) -> ArrayView2<'_, f64> {
        self.image.view()
    }

    /// [`F0::image`], owned.
    pub fn into_image(self) -> Array2<f64> {
        self.image
    }

    /// Whether F0 is the same in every frame.
    pub fn is_constant(&self) -> bool {
        self.course == Course::Constant
    }

    /// What the image is multiplied with in each frame; `None` unless bleaching is corrected for.
    pub fn curve(&self) -> Option<&[f64]> {
        match &self.course {
            Course::Scaled(curve) => Some(curve),
            _ => None,
        }
    }

    pub(crate) fn course(&self) -> &Course {
        &self.course
    }

    /// An F0 that follows the trace: goes through the movie once for mean and zeros.
    pub(super) fn sliding(
        baseline: &Baseline,
        sliding: Sliding,
        movie: &(impl MovieSource + ?Sized),
        subtract: &Subtract,
    ) -> Result<Self, Error> {
        let (n_frames, height, width) = movie.dim();
        let mut seen = Array2::from_elem((height, width), Seen::default());
        for start in (0..n_frames).step_by(FOLLOWED) {
            let frames = start..(start + FOLLOWED).min(n_frames);
            let needed = sliding.needs(&frames);
            with_frames(movie, needed.clone(), |read| {
                let rows = seen.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
                rows.for_each_init(Buffers::default, |buffers, (y, mut seen)| {
                    let pieces = seen.axis_chunks_iter_mut(Axis(0), PIECE);
                    for (piece, mut seen) in pieces.enumerate() {
                        let columns = piece * PIECE..piece * PIECE + seen.len();
                        let f0 = buffers.f0(
                            &sliding,
                            read,
                            needed.start,
                            (y, columns),
                            subtract,
                            frames.clone(),
                        );
                        for frame in f0.chunks_exact(seen.len()) {
                            seen.iter_mut()
                                .zip(frame)
                                .for_each(|(seen, &f0)| seen.add(f0));
                        }
                    }
                });
                Ok(())
            })?;
        }
        let image = seen.mapv(|seen| seen.sum / count(n_frames));
        let course = Course::Sliding {
            sliding,
            zero: seen.mapv(|seen| seen.zero),
            lowest: seen.mapv(|seen| seen.lowest),
        };
        Ok(Self::new(baseline.clone(), image, course))
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

/// Pixels of a row whose traces are worked on together: few enough for the cache.
pub(crate) const PIECE: usize = 128;

/// Memory for the traces of a piece.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    traces: Vec<f32>,
    f0: Vec<f64>,
    scratch: Scratch,
}

impl Buffers {
    /// F0 of `frames` for some pixels of row `y`, frame after frame, from `read` whose first frame is `first`.
    pub(crate) fn f0(
        &mut self,
        sliding: &Sliding,
        read: ArrayView3<'_, f32>,
        first: usize,
        (y, columns): (usize, Range<usize>),
        subtract: &Subtract,
        frames: Range<usize>,
    ) -> &[f64] {
        let pixels = columns.len();
        self.traces.clear();
        let part = ndarray::Slice::from(columns);
        for frame in read.axis_iter(Axis(0)) {
            let row: ArrayView1<'_, f32> = frame.row(y);
            self.traces.extend(row.slice_axis(Axis(0), part));
        }
        self.f0.clear();
        self.f0.resize(frames.len() * pixels, 0.0);
        let traces = Traces {
            values: &self.traces,
            first,
            pixels,
        };
        sliding.f0(traces, subtract, frames, &mut self.scratch, &mut self.f0);
        &self.f0
    }
}
