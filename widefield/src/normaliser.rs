//! Counts to dF/F, block after block of frames, whatever F0 and denominator.

use crate::baseline::{Buffers, Course, F0, Sliding};
use crate::error::same_shape;
use crate::number::{count, narrow};
use crate::source::{each_block, with_frames};
use crate::{Denominator, Error, Mask, MovieSource, Quantity, Subtract, dff};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{
    Array2, Array3, ArrayView1, ArrayView3, ArrayViewMut1, ArrayViewMut3, Axis, Slice, Zip, s,
};
use rayon::slice::ParallelSliceMut;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Turns blocks of frames into dF/F; made by [`DeltaF::prepare`](crate::DeltaF::prepare), or from an F0 of one's own
/// by [`Normaliser::from_f0`].
///
/// ```
/// use ndarray::{Array3, Axis, array, s};
/// use widefield::{Baseline, DeltaF, Mask, Subtract};
///
/// let movie = array![[[160.0_f32]], [[185.0]], [[110.0]]];
/// let subtract = Subtract { background: 60.0, clamp_negative: true };
/// let source = movie.view();
/// let normaliser = DeltaF::new(Baseline::Median).prepare(&source, &subtract, &Mask::keep_all((1, 1)))?;
/// let mut dff = Array3::zeros((3, 1, 1));
/// for first in 0..3 {
///     let range = s![first..first + 1, .., ..];
///     normaliser.block_into(&source, first, movie.slice(range), dff.slice_mut(range))?;
/// }
/// assert_eq!(dff, array![[[0.0]], [[0.25]], [[-0.5]]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normaliser {
    f0: F0,
    subtract: Subtract,
    mask: Mask,
    /// F0 where pixels are kept, NaN elsewhere.
    kept: Array2<f64>,
    /// What the denominator is at least, `(y, x)` or one row for all.
    least: Array2<f64>,
    /// Whether this is dF/F0 and nothing else.
    plain: bool,
    /// What is added to the quotient.
    add: f64,
    nonfinite_pixels: usize,
    ahead: Ahead,
}

impl Normaliser {
    /// From an F0, of a [`Baseline`](crate::Baseline) or made elsewhere: what `quantity` says, divided by what
    /// `denominator` says. Pixels that `mask` does not keep become NaN.
    ///
    /// ```
    /// use ndarray::{Array3, array};
    /// use widefield::{Denominator, F0, Mask, Normaliser, Quantity, Subtract};
    ///
    /// let movie = array![[[160.0_f32, 65.0]], [[185.0, 61.0]]];
    /// let subtract = Subtract { background: 60.0, clamp_negative: true };
    /// // F0 of another recording; light has faded by a fifth in the second frame.
    /// let f0 = F0::from_image_and_curve(array![[100.0, 5.0]], vec![1.0, 0.8])?;
    /// let floor = Denominator::Floor(10.0);
    /// let mask = Mask::keep_all((1, 2));
    /// let own = Normaliser::from_f0(f0, floor, Quantity::DeltaF, &movie, &subtract, &mask)?;
    /// let mut dff = Array3::zeros((2, 1, 2));
    /// own.block_into(&movie, 0, movie.view(), dff.view_mut())?;
    /// assert_eq!(dff, array![[[0.0, 0.0]], [[0.5625, -0.3]]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if F0 or mask have another shape than the frames, or a curve another length than the movie;
    /// [`Error::Parameter`] if the denominator is negative or not finite; for [`Denominator::Noise`]
    /// [`Error::TooFewFrames`] and [`Error::Source`], as the movie is read for it.
    pub fn from_f0(
        f0: F0,
        denominator: Denominator,
        quantity: Quantity,
        movie: &(impl MovieSource + ?Sized),
        subtract: &Subtract,
        mask: &Mask,
    ) -> Result<Self, Error> {
        let (n_frames, height, width) = movie.dim();
        same_shape("F0", &[height, width], f0.image().shape())?;
        same_shape("mask", &[height, width], mask.kept().shape())?;
        if let Course::Scaled(curve) = f0.course() {
            same_shape("curve of F0", &[n_frames], &[curve.len()])?;
        }
        let least = least(denominator, movie, subtract)?;
        let mut kept = f0.image().to_owned();
        kept.zip_mut_with(&mask.kept(), |f0, &kept| {
            if !kept {
                *f0 = f64::NAN;
            }
        });
        let plain =
            f0.is_constant() && denominator == Denominator::F0 && quantity == Quantity::DeltaF;
        let mut normaliser = Self {
            f0,
            subtract: *subtract,
            mask: mask.clone(),
            kept,
            least,
            plain,
            add: match quantity {
                Quantity::DeltaF => 0.0,
                Quantity::Ratio => 1.0,
            },
            nonfinite_pixels: 0,
            ahead: Ahead::default(),
        };
        normaliser.nonfinite_pixels = normaliser.count_nonfinite();
        Ok(normaliser)
    }

    /// F0 as it was estimated, masked pixels included.
    pub fn f0(&self) -> &F0 {
        &self.f0
    }

    /// Kept pixels whose values are not finite in some frame, because F0 is not, or the denominator is 0.
    pub fn nonfinite_pixels(&self) -> usize {
        self.nonfinite_pixels
    }

    /// Values of a block of frames `(t, y, x)` of counts, the first of them frame `first` of `movie`; `movie` is
    /// only looked at where F0 follows the trace, and must then be the one F0 was estimated from.
    ///
    /// In f64, rounded once to f32. Masked pixels are NaN. Blocks of any length and any number of threads give
    /// the same bits.
    ///
    /// Where F0 follows the trace, frames around the block are read, too. For blocks shorter than a quarter of its span, F0
    /// of a quarter of a span of frames is made at a time and kept for the blocks that follow, 8 bytes a pixel and frame: so they
    /// are fast in the order of the movie, and slow in any other.
    ///
    /// # Errors
    /// [`Error::Shape`] if block, movie or output have another shape than F0, or the block reaches beyond the
    /// movie; [`Error::Source`] if the movie cannot be read.
    pub fn block_into(
        &self,
        movie: &(impl MovieSource + ?Sized),
        first: usize,
        block: ArrayView3<'_, f32>,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Error> {
        if self.plain {
            let f0 = self.kept.view();
            return dff::normalise_into(block, &self.subtract, f0, &self.mask, out);
        }
        same_shape("block of frames", self.kept.shape(), &block.shape()[1..])?;
        same_shape("dF/F", block.shape(), out.shape())?;
        if !out.is_standard_layout() {
            let mut copy = Array3::zeros(out.raw_dim());
            self.block_into(movie, first, block, copy.view_mut())?;
            out.assign(&copy);
            return Ok(());
        }
        let block = block.as_standard_layout();
        match self.f0.course() {
            Course::Constant => self.scaled(block.view(), |_| 1.0, out),
            Course::Scaled(curve) => {
                let frames = first..first.saturating_add(block.len_of(Axis(0)));
                let Some(curve) = curve.get(frames.clone()) else {
                    return Err(beyond(&frames, curve.len(), self.kept.dim()));
                };
                self.scaled(block.view(), |t| curve[t], out);
            }
            Course::Sliding { sliding, .. } => {
                let (n_frames, height, width) = movie.dim();
                same_shape("movie", self.kept.shape(), &[height, width])?;
                let frames = first..first.saturating_add(block.len_of(Axis(0)));
                if frames.end > n_frames {
                    return Err(beyond(&frames, n_frames, (height, width)));
                }
                if frames.len() >= sliding.stretch() {
                    let needed = sliding.needs(&frames);
                    let read_from = needed.start;
                    with_frames(movie, needed, |read| {
                        self.following(sliding, (read, read_from), frames, block.view(), out);
                        Ok(())
                    })?;
                } else {
                    self.in_stretches(sliding, movie, frames, block.view(), out)?;
                }
            }
        }
        Ok(())
    }

    /// F0 is the image times a number for each frame of the block.
    fn scaled(
        &self,
        block: ArrayView3<'_, f32>,
        scale: impl Fn(usize) -> f64 + Sync,
        mut out: ArrayViewMut3<'_, f32>,
    ) {
        out.axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(block.axis_iter(Axis(0)))
            .enumerate()
            .for_each_init(Vec::new, |f0, (t, (mut out, frame))| {
                let scale = scale(t);
                for (y, kept) in self.kept.rows().into_iter().enumerate() {
                    f0.clear();
                    f0.extend(kept.iter().map(|f0| f0 * scale));
                    self.row((y, 0), f0, frame.row(y), out.row_mut(y));
                }
            });
    }

    /// F0 follows the trace, whose frames from `first` on are `read`: a block so long that little is done twice.
    fn following(
        &self,
        sliding: &Sliding,
        (read, first): (ArrayView3<'_, f32>, usize),
        frames: Range<usize>,
        block: ArrayView3<'_, f32>,
        mut out: ArrayViewMut3<'_, f32>,
    ) {
        let rows = out.axis_iter_mut(Axis(1)).into_par_iter().enumerate();
        rows.for_each_init(Buffers::default, |buffers, (y, mut out)| {
            let traces = (read.index_axis(Axis(1), y), first);
            let kept = self.kept.row(y);
            sliding.row(
                buffers,
                traces,
                &self.subtract,
                kept,
                frames.clone(),
                |t, x, f0| {
                    let part = Slice::from(x..x + f0.len());
                    let counts = block.slice(s![t, y, ..]);
                    let mut row = out.row_mut(t);
                    self.row(
                        (y, x),
                        f0,
                        counts.slice_axis(Axis(0), part),
                        row.slice_axis_mut(Axis(0), part),
                    );
                },
            );
        });
    }

    /// The same for a short block: F0 of more frames than that is made, and kept for the blocks that come next.
    fn in_stretches(
        &self,
        sliding: &Sliding,
        movie: &(impl MovieSource + ?Sized),
        frames: Range<usize>,
        block: ArrayView3<'_, f32>,
        mut out: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Error> {
        let (height, width) = self.kept.dim();
        let mut start = frames.start;
        while start < frames.end {
            let mut stretch = self.ahead.take();
            if !stretch.frames.contains(&start) {
                stretch.frames = start..(start + sliding.stretch()).min(movie.dim().0);
                stretch.make(self, sliding, movie)?;
            }
            let end = frames.end.min(stretch.frames.end);
            let part = Slice::from(start - frames.start..end - frames.start);
            let of_block = block.slice_axis(Axis(0), part);
            out.slice_axis_mut(Axis(0), part)
                .axis_iter_mut(Axis(0))
                .into_par_iter()
                .zip(of_block.axis_iter(Axis(0)))
                .enumerate()
                .for_each(|(t, (mut out, frame))| {
                    let t = start - stretch.frames.start + t;
                    for y in 0..height {
                        let f0 = &stretch.values[(y * stretch.frames.len() + t) * width..][..width];
                        self.row((y, 0), f0, frame.row(y), out.row_mut(y));
                    }
                });
            start = end;
            self.ahead.keep(stretch);
        }
        Ok(())
    }

    /// Part of a row from column `start` on, with F0 for each pixel. Rows of frames and output are in order.
    fn row(
        &self,
        (y, start): (usize, usize),
        f0: &[f64],
        counts: ArrayView1<'_, f32>,
        mut out: ArrayViewMut1<'_, f32>,
    ) {
        let least = self.least_row(y);
        let (Some(counts), Some(out), Some(least)) =
            (counts.to_slice(), out.as_slice_mut(), least.to_slice())
        else {
            return;
        };
        let (background, floor) = (self.subtract.background, self.subtract.floor());
        quotients(
            counts,
            f0,
            &least[start..],
            background,
            floor,
            self.add,
            out,
        );
    }

    fn least_row(&self, y: usize) -> ArrayView1<'_, f64> {
        self.least.row(y.min(self.least.nrows() - 1))
    }

    fn count_nonfinite(&self) -> usize {
        let lost = |(y, x): (usize, usize), mean: f64| {
            let least = self.least_row(y)[x];
            let (zero, lowest) = match self.f0.course() {
                // The numbers an image is scaled with are above 0.
                Course::Constant | Course::Scaled(_) => (mean == 0.0, mean),
                Course::Sliding { zero, lowest, .. } => (zero[(y, x)], lowest[(y, x)]),
            };
            !mean.is_finite()
                || (least == 0.0 && lowest <= 0.0)
                || ((least < 0.0 || least.is_nan()) && zero)
        };
        let pixels = self.f0.image();
        let kept = self.mask.kept();
        pixels
            .indexed_iter()
            .filter(|&(place, &mean)| kept[place] && lost(place, mean))
            .count()
    }
}

/// F0 of the frames that come next, where it follows the trace; the blocks of a movie mostly come in order.
#[derive(Debug, Default)]
struct Ahead(Mutex<Stretch>);

impl Ahead {
    /// What is there, for one block alone: no lock is held while threads work.
    fn take(&self) -> Stretch {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, stretch: Stretch) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stretch;
    }
}

/// A clone makes its own.
impl Clone for Ahead {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// F0 `(y, t, x)` of some frames; NaN where a pixel is masked.
#[derive(Debug, Default)]
struct Stretch {
    frames: Range<usize>,
    values: Vec<f64>,
}

impl Stretch {
    /// Fills in the values of its frames.
    fn make(
        &mut self,
        normaliser: &Normaliser,
        sliding: &Sliding,
        movie: &(impl MovieSource + ?Sized),
    ) -> Result<(), Error> {
        let (height, width) = normaliser.kept.dim();
        let of_row = self.frames.len() * width;
        self.values.resize(height * of_row, f64::NAN);
        let needed = sliding.needs(&self.frames);
        let first = needed.start;
        with_frames(movie, needed, |read| {
            let rows = self.values.par_chunks_mut(of_row.max(1)).enumerate();
            rows.for_each_init(Buffers::default, |buffers, (y, out)| {
                let traces = (read.index_axis(Axis(1), y), first);
                let kept = normaliser.kept.row(y);
                let frames = self.frames.clone();
                sliding.row(
                    buffers,
                    traces,
                    &normaliser.subtract,
                    kept,
                    frames,
                    |t, x, f0| {
                        out[t * width + x..][..f0.len()].copy_from_slice(f0);
                    },
                );
            });
            Ok(())
        })
    }
}

fn beyond(frames: &Range<usize>, n_frames: usize, (height, width): (usize, usize)) -> Error {
    Error::Shape {
        what: "movie up to the end of the block",
        expected: vec![frames.end, height, width],
        found: vec![n_frames, height, width],
    }
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn quotients(
    counts: &[f32],
    f0: &[f64],
    least: &[f64],
    background: f64,
    floor: f64,
    add: f64,
    out: &mut [f32],
) {
    for (((out, &count), &f0), &least) in out.iter_mut().zip(counts).zip(f0).zip(least) {
        let value = f64::from(count) - background;
        let value = if value < floor { floor } else { value };
        let denominator = if f0 < least { least } else { f0 };
        *out = narrow((value - f0) / denominator + add);
    }
}

/// What the denominator is at least: minus infinity, a number, or an image.
fn least(
    denominator: Denominator,
    movie: &(impl MovieSource + ?Sized),
    subtract: &Subtract,
) -> Result<Array2<f64>, Error> {
    let (_, _, width) = movie.dim();
    let checked = |name, value: f64| {
        if value.is_finite() && value >= 0.0 {
            return Ok(value);
        }
        let expected = "a number from 0 on";
        Err(Error::Parameter {
            name,
            value,
            expected,
        })
    };
    Ok(match denominator {
        Denominator::F0 => Array2::from_elem((1, width), f64::NEG_INFINITY),
        Denominator::Floor(counts) => Array2::from_elem((1, width), checked("floor", counts)?),
        Denominator::Noise(times) => {
            let times = checked("times of the noise", times)?;
            noise(movie, subtract)?.mapv(|noise| noise * times)
        }
    })
}

/// The noise of every pixel from differences of neighbouring frames, see [`Denominator::Noise`].
fn noise(movie: &(impl MovieSource + ?Sized), subtract: &Subtract) -> Result<Array2<f64>, Error> {
    let (n_frames, height, width) = movie.dim();
    if n_frames < 2 {
        return Err(Error::TooFewFrames {
            what: "the noise",
            needed: 2,
            found: n_frames,
        });
    }
    let mut squares = Array2::<f64>::zeros((height, width));
    let mut previous: Option<Array2<f32>> = None;
    each_block(movie, 0..n_frames, |_, block| {
        let rows = squares.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        rows.for_each(|(y, mut squares)| {
            let before = previous.iter().map(|frame| frame.row(y));
            let frames = before.chain(
                block
                    .axis_iter(Axis(0))
                    .map(|frame| frame.index_axis_move(Axis(0), y)),
            );
            let mut earlier: Option<ArrayView1<'_, f32>> = None;
            for row in frames {
                if let Some(earlier) = earlier {
                    Zip::from(&mut squares)
                        .and(earlier)
                        .and(row)
                        .for_each(|sum, &a, &b| {
                            *sum += (subtract.value(b) - subtract.value(a)).powi(2);
                        });
                }
                earlier = Some(row);
            }
        });
        let last = block.len_of(Axis(0)).checked_sub(1);
        previous = last.map(|last| block.index_axis(Axis(0), last).to_owned());
        Ok(())
    })?;
    let twice = 2.0 * count(n_frames - 1);
    squares.mapv_inplace(|sum| (sum / twice).sqrt());
    Ok(squares)
}
