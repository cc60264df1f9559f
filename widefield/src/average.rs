//! Averages over trials on common time bins, where pixels may be missing.

use crate::Error;
use crate::error::same_shape;
use crate::number::{count, narrow};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, Axis, Slice, Zip};
use std::ops::Range;

/// Pixels that are looked at together: if none of them is finite, their sums are not touched; if all are, none is chosen.
const RUN: usize = 64;

/// Running mean, standard error and count over trials, for every pixel and time bin.
///
/// Bins are whole numbers, negative ones too; a trial whose time 0 is frame 60 begins at bin -60. Holds a range of bins,
/// and of a block of frames takes those that fall into it, so any number of trials can be averaged in bounded memory,
/// one range after the other.
///
/// Values that are not finite are counted as such and never summed: each pixel and bin has its own n.
/// Sums are f64 and take the trials in the order they come, so blocks of any length and any number of threads give the
/// same bits.
///
/// Squares of f32 are exact in f64, so the variance from sum and sum of squares has a relative error near
/// `1e-16 n (1 + mean^2 / variance)`: 1e-8 or less of a pixel whose standard deviation is a thousandth of its mean, for
/// up to 100 trials, and nothing to speak of for dF/F. An s.e.m. below 1e-8 of the mean is rounding.
///
/// ```
/// use ndarray::array;
/// use widefield::Average;
///
/// let mut average = Average::new(0..2, (1, 2))?;
/// average.add(0, array![[[1.0, 5.0]], [[2.0, f32::NAN]]].view())?;
/// average.add(0, array![[[3.0, f32::NAN]], [[6.0, f32::NAN]]].view())?;
/// assert_eq!(average.mean(0..1)?, array![[[2.0, 5.0]]]);
/// assert_eq!(average.sem(1..2)?[(0, 0, 0)], 2.0); // s.d. of 2 and 6 is sqrt(8), over sqrt(2)
/// assert_eq!(average.n(0..2)?, array![[[2, 1]], [[2, 0]]]);
/// assert_eq!(average.nonfinite(), 3);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Average {
    first: i64,
    sum: Array3<f64>,
    squares: Array3<f64>,
    n: Array3<u16>,
    /// Frames added to each bin: no count of a pixel is larger.
    trials: Vec<u16>,
    nonfinite: u64,
}

impl Average {
    /// Nothing added yet, for the bins `bins` of frames of the shape `(height, width)`.
    ///
    /// Memory is asked for at once, see [`Average::bytes`], but where the system gives zeros when they are touched,
    /// masked pixels never take any.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if no address space has room for it.
    pub fn new(bins: Range<i64>, (height, width): (usize, usize)) -> Result<Self, Error> {
        let shape = (length(&bins), height, width);
        let fits = Self::bytes(shape.0, (height, width)) <= isize::MAX.unsigned_abs() as u64;
        // The number of elements is to fit without the axes that are empty, too.
        let all = [shape.0, height, width].map(|n| n.max(1));
        let elements = all[0]
            .checked_mul(all[1])
            .and_then(|n| n.checked_mul(all[2]));
        if !fits || elements.is_none_or(|n| n > isize::MAX.unsigned_abs() / size_of::<f64>()) {
            let shape = vec![shape.0, height, width];
            return Err(Error::TooLarge {
                what: "average",
                shape,
            });
        }
        Ok(Self {
            first: bins.start,
            sum: Array3::zeros(shape),
            squares: Array3::zeros(shape),
            n: Array3::zeros(shape),
            trials: vec![0; shape.0],
            nonfinite: 0,
        })
    }

    /// Bytes that an average of so many bins of frames `(height, width)` holds, 18 for each pixel and bin;
    /// `u64::MAX` if more than that.
    ///
    /// ```
    /// assert_eq!(widefield::Average::bytes(200, (256, 256)), 235_929_600 + 400);
    /// ```
    pub fn bytes(bins: usize, (height, width): (usize, usize)) -> u64 {
        const EACH: u64 = (2 * size_of::<f64>() + size_of::<u16>()) as u64;
        let [bins, height, width] = [bins, height, width].map(|n| n as u64);
        let pixels = height.saturating_mul(width).saturating_mul(bins);
        let trials = bins.saturating_mul(size_of::<u16>() as u64);
        pixels.saturating_mul(EACH).saturating_add(trials)
    }

    /// The bins that are held.
    pub fn bins(&self) -> Range<i64> {
        // Its length came from such a range.
        self.first..self.first.saturating_add_unsigned(self.trials.len() as u64)
    }

    /// Height and width of the frames.
    pub fn dim(&self) -> (usize, usize) {
        let (_, height, width) = self.sum.dim();
        (height, width)
    }

    /// Adds frames `(t, y, x)` of one trial, the first of which belongs to the bin `first_bin`; those whose bin is not
    /// held are left out.
    ///
    /// # Errors
    /// [`Error::Shape`] if the frames have another shape, [`Error::TooManyTrials`] if a bin would have more than 65 535
    /// frames. Nothing is added then.
    pub fn add(&mut self, first_bin: i64, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        self.add_all(first_bin, &[block])
    }

    /// Adds frames of several trials that begin at the same bin and are equally many, as [`Average::add`] does one after
    /// the other, to the same bits. Sums are larger than caches and what they take is memory traffic: two trials together
    /// have half of it.
    ///
    /// # Errors
    /// As [`Average::add`], also [`Error::Shape`] if one has more frames than another. Nothing is added then.
    pub fn add_all(&mut self, first_bin: i64, blocks: &[ArrayView3<'_, f32>]) -> Result<(), Error> {
        let Some(first) = blocks.first() else {
            return Ok(());
        };
        let (height, width) = self.dim();
        let shape = [first.len_of(Axis(0)), height, width];
        for block in blocks {
            same_shape("block of frames", &shape, block.shape())?;
        }
        let (bins, frames) = self.overlap(first_bin, shape[0]);
        if bins.is_empty() {
            return Ok(());
        }
        let more = u16::try_from(blocks.len()).map_err(|_| self.full(bins.start))?;
        self.count(bins.clone(), more)?;
        let trials = &self.trials[bins.clone()];
        let bins = Slice::from(bins);
        let finite: u64 = self
            .sum
            .slice_axis_mut(Axis(0), bins)
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(self.squares.slice_axis_mut(Axis(0), bins).outer_iter_mut())
            .zip(self.n.slice_axis_mut(Axis(0), bins).outer_iter_mut())
            .zip(trials)
            .zip(frames.clone())
            .map(|((((mut sum, mut squares), mut n), &trials), frame)| {
                let (Some(sum), Some(squares), Some(n)) =
                    (sum.as_slice_mut(), squares.as_slice_mut(), n.as_slice_mut())
                else {
                    // All of them lie in order.
                    return 0;
                };
                let frames = blocks.iter().map(|b| b.index_axis(Axis(0), frame));
                let frames: Vec<_> = frames.collect();
                let whole: Vec<_> = frames.iter().map(|f| f.as_standard_layout()).collect();
                let values: Vec<_> = whole.iter().filter_map(|f| f.as_slice()).collect();
                add_frames(sum, squares, n, &values, trials == more)
            })
            .sum();
        self.nonfinite += (blocks.len() * frames.len() * height * width) as u64 - finite;
        Ok(())
    }

    /// Mean over the trials that are finite at the pixel and bin, `(bin, y, x)`; NaN where none is.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn mean(&self, bins: Range<i64>) -> Result<Array3<f32>, Error> {
        let bins = Slice::from(self.within(&bins)?);
        Ok(Zip::from(self.sum.slice_axis(Axis(0), bins))
            .and(self.n.slice_axis(Axis(0), bins))
            .par_map_collect(|sum, &n| narrow(sum / f64::from(n))))
    }

    /// Standard error of the mean, `(bin, y, x)`: the standard deviation over trials, with `n - 1`, over the root of n.
    /// NaN where fewer than two trials are finite.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn sem(&self, bins: Range<i64>) -> Result<Array3<f32>, Error> {
        let bins = Slice::from(self.within(&bins)?);
        Ok(Zip::from(self.sum.slice_axis(Axis(0), bins))
            .and(self.squares.slice_axis(Axis(0), bins))
            .and(self.n.slice_axis(Axis(0), bins))
            .par_map_collect(|&sum, &squares, &n| narrow(of_sums(sum, squares, f64::from(n)).1)))
    }

    /// How many trials are finite at each pixel and bin, `(bin, y, x)`.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn n(&self, bins: Range<i64>) -> Result<ArrayView3<'_, u16>, Error> {
        let bins = self.within(&bins)?;
        Ok(self.n.slice_axis(Axis(0), Slice::from(bins)))
    }

    /// Mean, standard error and n of one bin over the trials of several averages, a value for each pixel row by row, in
    /// one pass and into memory that is there: as [`Average::mean`], [`Average::sem`] and [`Average::n`] say it of one average
    /// of them all, but for the rounding of sums; of no average, NaN and 0.
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::Average;
    ///
    /// let mut hit = Average::new(0..1, (1, 1))?;
    /// let mut miss = hit.clone();
    /// hit.add(0, array![[[2.0]]].view())?;
    /// miss.add(0, array![[[6.0]]].view())?;
    /// let (mut mean, mut sem, mut n) = ([0.0], [0.0], [0.0]);
    /// Average::bin_into(&[&hit, &miss], 0, [&mut mean, &mut sem, &mut n])?;
    /// assert_eq!([mean, sem, n], [[4.0], [2.0], [2.0]]);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Bins`] if one does not hold the bin, [`Error::Shape`] if what is to be written has not one value for each
    /// of its pixels.
    pub fn bin_into(
        averages: &[&Self],
        bin: i64,
        [mean, sem, n]: [&mut [f32]; 3],
    ) -> Result<(), Error> {
        let pixels = mean.len();
        let mut sums = Vec::new();
        for of in averages {
            let (Range { start: at, end }, _) = of.overlap(bin, 1);
            if at == end {
                let (asked, held) = (bin..bin.saturating_add(1), of.bins());
                return Err(Error::Bins { asked, held });
            }
            let (height, width) = of.dim();
            same_shape("memory", &[height * width], &[pixels])?;
            // They were made in order and stay so.
            if let (Some(sum), Some(squares), Some(n)) = (
                of.sum.index_axis(Axis(0), at).to_slice(),
                of.squares.index_axis(Axis(0), at).to_slice(),
                of.n.index_axis(Axis(0), at).to_slice(),
            ) {
                sums.push((sum, squares, n));
            }
        }
        same_shape("memory", &[pixels, pixels], &[sem.len(), n.len()])?;
        statistics(&sums, mean, sem, n);
        Ok(())
    }

    /// How many frames were added to each of the bins, whatever their pixels.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn trials(&self, bins: Range<i64>) -> Result<&[u16], Error> {
        Ok(&self.trials[self.within(&bins)?])
    }

    /// Values of the frames added that were not finite, masked pixels among them.
    pub fn nonfinite(&self) -> u64 {
        self.nonfinite
    }

    /// Which of the bins held, counted from 0, and which of `length` frames from `first_bin` on belong together.
    fn overlap(&self, first_bin: i64, length: usize) -> (Range<usize>, Range<usize>) {
        let later = i128::from(first_bin) - i128::from(self.first);
        let from_0 = |x: i128| usize::try_from(x.max(0)).unwrap_or(usize::MAX);
        let bin = from_0(later).min(self.trials.len());
        let frame = from_0(-later).min(length);
        let n = (self.trials.len() - bin).min(length - frame);
        (bin..bin + n, frame..frame + n)
    }

    /// Bins that are held, counted from 0.
    fn within(&self, bins: &Range<i64>) -> Result<Range<usize>, Error> {
        let n = length(bins);
        let (held, _) = self.overlap(bins.start, n);
        if held.len() == n {
            return Ok(held);
        }
        Err(Error::Bins {
            asked: bins.clone(),
            held: self.bins(),
        })
    }

    fn full(&self, bin: usize) -> Error {
        Error::TooManyTrials {
            bin: self.first.saturating_add_unsigned(bin as u64),
            most: u16::MAX.into(),
        }
    }

    /// Adds to the number of frames of each of the bins, all or none.
    fn count(&mut self, bins: Range<usize>, more: u16) -> Result<(), Error> {
        let counts = &mut self.trials[bins.clone()];
        let full = |n: &u16| n.checked_add(more).is_none();
        if let Some(i) = counts.iter().position(full) {
            return Err(self.full(bins.start + i));
        }
        counts.iter_mut().for_each(|n| *n += more);
        Ok(())
    }
}

/// How many bins; none if they end before they begin.
fn length(bins: &Range<i64>) -> usize {
    let n = i128::from(bins.end) - i128::from(bins.start);
    usize::try_from(n.max(0)).unwrap_or(usize::MAX)
}

/// Standard error from the sum of squared deviations of `n` values; NaN below 2, where it is 0 / 0.
fn sem(around: f64, n: f64) -> f64 {
    (around / ((n - 1.0) * n)).sqrt()
}

/// Mean and standard error from sums.
#[inline(always)]
fn of_sums(sum: f64, squares: f64, n: f64) -> (f64, f64) {
    let mean = sum / n;
    let around = squares - sum * mean;
    // Rounding can bring the difference below 0.
    (mean, sem(if around < 0.0 { 0.0 } else { around }, n))
}

/// See [`Average::bin_into`]: sums, sums of squares and counts to what is asked for.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn statistics(
    sums: &[(&[f64], &[f64], &[u16])],
    means: &mut [f32],
    sems: &mut [f32],
    counts: &mut [f32],
) {
    let runs = means.chunks_mut(RUN).zip(sems.chunks_mut(RUN));
    for (k, ((means, sems), counts)) in runs.zip(counts.chunks_mut(RUN)).enumerate() {
        let run = k * RUN..k * RUN + means.len();
        let (mut sum, mut square, mut n) = ([0.0; RUN], [0.0; RUN], [0.0; RUN]);
        for (sums, squares, counts) in sums {
            let of = sums[run.clone()].iter().zip(&squares[run.clone()]);
            let of = of.zip(&counts[run.clone()]);
            let all = sum.iter_mut().zip(&mut square).zip(&mut n);
            for (((sum, square), n), ((more, squares), &count)) in all.zip(of) {
                *sum += more;
                *square += squares;
                *n += f64::from(count);
            }
        }
        let out = means.iter_mut().zip(sems).zip(counts);
        for (((mean, error), count), ((sum, square), n)) in out.zip(sum.iter().zip(&square).zip(&n))
        {
            let (m, e) = of_sums(*sum, *square, *n);
            (*mean, *error, *count) = (narrow(m), narrow(e), narrow(*n));
        }
    }
}

/// Adds the finite values of frames, one after the other; how many they are. Into sums that are 0, `first`, a value is
/// written, not added: where memory was never touched, reading it before writing takes two page faults, and the second
/// interrupts all threads.
fn add_frames(
    sums: &mut [f64],
    squares: &mut [f64],
    counts: &mut [u16],
    frames: &[&[f32]],
    first: bool,
) -> u64 {
    let runs = sums.chunks_mut(RUN).zip(squares.chunks_mut(RUN));
    let mut total = 0;
    for (k, ((sums, squares), counts)) in runs.zip(counts.chunks_mut(RUN)).enumerate() {
        for (i, frame) in frames.iter().enumerate() {
            let values = &frame[k * RUN..][..sums.len()];
            let finite: u32 = values.iter().map(|v| u32::from(v.is_finite())).sum();
            total += u64::from(finite);
            let all = finite as usize == values.len();
            match (finite, first && i == 0) {
                (0, _) => {}
                (_, true) if all => add_run::<true>(sums, squares, counts, values, |_| true),
                (_, false) if all => add_run::<false>(sums, squares, counts, values, |_| true),
                (_, true) => add_run::<true>(sums, squares, counts, values, f32::is_finite),
                (_, false) => add_run::<false>(sums, squares, counts, values, f32::is_finite),
            }
        }
    }
    total
}

#[inline(always)]
fn add_run<const FIRST: bool>(
    sums: &mut [f64],
    squares: &mut [f64],
    counts: &mut [u16],
    values: &[f32],
    finite: impl Fn(f32) -> bool,
) {
    for ((sum, square), &value) in sums.iter_mut().zip(squares).zip(values) {
        let value = f64::from(if finite(value) { value } else { 0.0 });
        *sum = value + if FIRST { 0.0 } else { *sum };
        *square = value * value + if FIRST { 0.0 } else { *square };
    }
    for (n, &value) in counts.iter_mut().zip(values) {
        *n = u16::from(finite(value)) + if FIRST { 0 } else { *n };
    }
}

/// Mean, standard error and count over trials of traces, see [`of_traces`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OfTraces {
    /// Mean over the finite trials, `(time, area)`; NaN where none is.
    pub mean: Array2<f64>,
    /// Standard error of the mean, `(time, area)`; NaN where fewer than two trials are finite.
    pub sem: Array2<f64>,
    /// Finite trials, `(time, area)`.
    pub n: Array2<u32>,
}

/// [`Average`] of traces `(trial, time, area)`, such as the means over areas that
/// [`Areas::means`](crate::Areas::means) gives; NaN where a trial has no such time.
///
/// Everything is f64, deviations are taken from the mean. Without trials n is 0 and the others are NaN.
///
/// ```
/// let traces = ndarray::array![[[1.0]], [[f64::NAN]], [[5.0]]];
/// let average = widefield::average::of_traces(traces.view());
/// assert_eq!((average.mean[(0, 0)], average.sem[(0, 0)], average.n[(0, 0)]), (3.0, 2.0, 2));
/// ```
pub fn of_traces(traces: ArrayView3<'_, f64>) -> OfTraces {
    let (_, times, areas) = traces.dim();
    let mut of = OfTraces {
        mean: Array2::zeros((times, areas)),
        sem: Array2::zeros((times, areas)),
        n: Array2::zeros((times, areas)),
    };
    let each = Zip::from(traces.lanes(Axis(0)))
        .and(&mut of.mean)
        .and(&mut of.sem)
        .and(&mut of.n);
    each.for_each(|trials, mean, error, n| {
        let finite = || trials.iter().filter(|v| v.is_finite());
        let number = count(finite().count());
        *n = u32::try_from(finite().count()).unwrap_or(u32::MAX);
        *mean = finite().sum::<f64>() / number;
        *error = sem(finite().map(|v| (v - *mean).powi(2)).sum(), number);
    });
    of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::{Array3, array, s};

    /// Trials with a masked corner of more than one run, and holes that differ.
    fn trial(k: usize) -> Array3<f32> {
        Array3::from_shape_fn((6, 9, 50), |(t, y, x)| {
            let i = t * 450 + y * 50 + x;
            match (i * 7919 + k * 104_729) % 11 {
                _ if y < 2 => f32::NAN,
                0 => f32::NAN,
                1 if k == 2 => f32::INFINITY,
                other => other as f32 * 0.01 + k as f32 * 0.003 + 1.0,
            }
        })
    }

    const STARTS: [i64; 5] = [-3, -2, -3, 0, 4];

    fn all() -> Average {
        let mut average = Average::new(-3..10, (9, 50)).unwrap();
        for (k, start) in STARTS.into_iter().enumerate() {
            average.add(start, trial(k).view()).unwrap();
        }
        average
    }

    fn bits(average: &Average, bins: Range<i64>) -> Vec<u32> {
        let (mean, sem) = (average.mean(bins.clone()), average.sem(bins));
        let values = mean.unwrap().into_iter().chain(sem.unwrap());
        values.map(f32::to_bits).collect()
    }

    #[test]
    fn equal_to_the_definition() {
        let average = all();
        let (mean, sem) = (average.mean(-3..10).unwrap(), average.sem(-3..10).unwrap());
        let n = average.n(-3..10).unwrap();
        let trials: Vec<_> = (0..STARTS.len()).map(trial).collect();
        let mut missing = 0;
        for ((bin, y, x), &n) in n.indexed_iter() {
            let bin_number = i64::try_from(bin).unwrap() - 3;
            let values = trials.iter().zip(STARTS).filter_map(|(trial, start)| {
                let t = usize::try_from(bin_number - start).ok()?;
                trial.get((t, y, x)).map(|&v| f64::from(v))
            });
            let values: Vec<f64> = values.collect();
            let (want, error, finite) = direct::average(&values);
            missing += values.len() - finite;
            assert_eq!(usize::from(n), finite);
            assert_eq!(mean[(bin, y, x)].to_bits(), narrow(want).to_bits());
            // From sums of squares: 1e-16 (mean / s.d.)^2, and one rounding to f32.
            let sem = f64::from(sem[(bin, y, x)]);
            let close = (sem - error).abs() <= 1e-7 * error + 1e-8;
            assert!(close || (sem.is_nan() && error.is_nan()), "{sem}, {error}");
        }
        assert_eq!(average.nonfinite(), missing as u64);
        let frames = average.trials(-3..10).unwrap();
        assert_eq!(frames, [2, 3, 3, 4, 4, 4, 2, 2, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn blocks_ranges_strides_and_threads_do_not_matter() {
        let whole = all();
        // Frames one by one and two by two, a range of bins in the middle, rows that lie apart.
        let mut parts = Average::new(1..6, (9, 50)).unwrap();
        for (k, start) in STARTS.into_iter().enumerate() {
            let turned = trial(k)
                .permuted_axes([2, 0, 1])
                .as_standard_layout()
                .into_owned();
            let trial = turned.view().permuted_axes([1, 2, 0]);
            let mut first = 0;
            for n in [1, 2, 2, 1] {
                let bin = start + i64::from(first);
                parts
                    .add(bin, trial.slice(s![first..first + n, .., ..]))
                    .unwrap();
                first += n;
            }
        }
        assert_eq!(bits(&parts, 1..6), bits(&whole, 1..6));
        assert_eq!(parts.n(1..6).unwrap(), whole.n(1..6).unwrap());
        // Two trials together.
        let [mut one, mut two] = [(); 2].map(|()| Average::new(-3..3, (9, 50)).unwrap());
        for k in [0, 2] {
            one.add(-3, trial(k).view()).unwrap();
        }
        two.add_all(-3, &[trial(0).view(), trial(2).view()])
            .unwrap();
        assert_eq!(one, two);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(pool.install(all), whole);
        }
    }

    #[test]
    fn groups_together_are_the_average_of_their_trials() {
        let groups = [0..2, 2..5].map(|range| {
            let mut group = Average::new(-3..10, (9, 50)).unwrap();
            for k in range {
                group.add(STARTS[k], trial(k).view()).unwrap();
            }
            group
        });
        let whole = all();
        let n = whole.n(-3..10).unwrap().mapv(f32::from);
        let want = [whole.mean(-3..10).unwrap(), whole.sem(-3..10).unwrap(), n];
        for (bin, i) in (-3..10).zip(0..) {
            let made = |averages: &[&Average]| {
                let mut out = [(); 3].map(|()| vec![f32::INFINITY; 450]);
                let into = out.each_mut().map(Vec::as_mut_slice);
                Average::bin_into(averages, bin, into).unwrap();
                out
            };
            let (one, two) = (made(&[&whole]), made(&groups.each_ref()));
            for (quantity, want) in want.iter().enumerate() {
                let values = one[quantity].iter().zip(&two[quantity]);
                for ((one, two), want) in values.zip(want.index_axis(Axis(0), i)) {
                    assert!(one.to_bits() == want.to_bits() || one.is_nan() && want.is_nan());
                    // Only the order of additions differs.
                    let close = (two - want).abs() <= 2e-7 * want.abs().max(0.1);
                    assert!(close || two.is_nan() && want.is_nan(), "{two} {want}");
                }
            }
            assert_eq!(one[2], two[2]);
            let none = made(&[]);
            assert!(none[..2].iter().flatten().all(|v| v.is_nan()));
            assert_eq!(none[2], [0.0; 450]);
        }
    }

    #[test]
    fn equal_values_have_no_error_and_a_small_one_survives_a_large_mean() {
        let mut average = Average::new(0..1, (1, 2)).unwrap();
        for k in 0..100_i8 {
            let small = if k % 2 == 0 { 1000.0 } else { 1001.0 };
            average.add(0, array![[[0.75, small]]].view()).unwrap();
        }
        let sem = average.sem(0..1).unwrap();
        assert_eq!(sem[(0, 0, 0)], 0.0);
        // s.d. = sqrt(100 x 0.25 / 99).
        let want = (25.0_f64 / 99.0).sqrt() / 10.0;
        assert!((f64::from(sem[(0, 0, 1)]) - want).abs() < 1e-7 * want);
    }

    #[test]
    fn counts_that_are_full_refuse_and_add_nothing() {
        let mut average = Average::new(0..3, (1, 1)).unwrap();
        for _ in 0..u16::MAX {
            average.add(1, array![[[2.0]]].view()).unwrap();
        }
        let before = average.clone();
        let full = Error::TooManyTrials {
            bin: 1,
            most: 65_535,
        };
        assert_eq!(average.add(0, Array3::ones((3, 1, 1)).view()), Err(full));
        let one = array![[[2.0]]];
        for many in [65_536, 70_000] {
            let refused = average.add_all(2, &vec![one.view(); many]);
            assert!(matches!(refused, Err(Error::TooManyTrials { bin: 2, .. })));
        }
        let unequal = average.add_all(0, &[one.view(), Array3::ones((2, 1, 1)).view()]);
        assert!(matches!(unequal, Err(Error::Shape { .. })));
        assert_eq!(average, before);
        assert_eq!(average.mean(1..2).unwrap()[(0, 0, 0)], 2.0);
    }

    #[test]
    fn shapes_and_bins_must_fit() {
        let mut average = Average::new(-2..3, (2, 3)).unwrap();
        let wrong = average.add(0, Array3::zeros((1, 3, 2)).view());
        assert!(matches!(wrong, Err(Error::Shape { .. })));
        for beyond in [-3..0, 0..4, i64::MIN..i64::MAX, i64::MIN..i64::MIN + 1] {
            assert!(average.mean(beyond.clone()).is_err() && average.n(beyond).is_err());
        }
        assert_eq!(average.mean(1..1).unwrap().dim(), (0, 2, 3));
        let mut two = [[0.0; 6]; 3];
        for bin in [-3, 3, i64::MAX] {
            let wrong = Average::bin_into(&[&average], bin, two.each_mut().map(|v| &mut v[..]));
            assert!(matches!(wrong, Err(Error::Bins { .. })));
        }
        for few in 0..3 {
            let mut into = two.each_mut().map(|values| &mut values[..]);
            into[few] = &mut [];
            let wrong = Average::bin_into(&[&average], 0, into);
            assert!(matches!(wrong, Err(Error::Shape { .. })));
        }
        // Bins that are not held take nothing.
        for first in [i64::MIN, -4, 3, i64::MAX] {
            average.add(first, Array3::ones((2, 2, 3)).view()).unwrap();
        }
        assert_eq!(average.trials(-2..3).unwrap(), [0; 5]);
        assert!(average.mean(-2..3).unwrap().iter().all(|v| v.is_nan()));
    }

    #[test]
    fn no_memory_is_asked_for_that_no_address_space_has() {
        for (bins, dim) in [
            (0..i64::MAX, (256, 256)),
            (i64::MIN..i64::MAX, (1, 1)),
            (0..i64::MAX, (0, 9)),
            (0..2, (usize::MAX, usize::MAX)),
        ] {
            assert!(matches!(
                Average::new(bins, dim),
                Err(Error::TooLarge { .. })
            ));
        }
        assert_eq!(Average::bytes(usize::MAX, (9, 9)), u64::MAX);
        #[expect(clippy::reversed_empty_ranges, reason = "no bins")]
        let none = Average::new(5..2, (4, 4)).unwrap();
        assert_eq!(none.bins(), 5..5);
        let mut no_pixels = Average::new(0..2, (0, 7)).unwrap();
        no_pixels.add(0, Array3::zeros((2, 0, 7)).view()).unwrap();
        assert_eq!(no_pixels.trials(0..2).unwrap(), [1, 1]);
    }

    #[test]
    fn traces_by_the_same_rule() {
        let traces = Array3::from_shape_fn((5, 4, 3), |(trial, t, area)| {
            match (trial * 5 + t * 3 + area) % 6 {
                0 => f64::NAN,
                _ if area == 2 && trial > 0 => f64::INFINITY,
                other => (other as f64).sqrt(),
            }
        });
        let of = of_traces(traces.view());
        for (t, area) in ndarray::indices((4, 3)) {
            let (mean, sem, n) = direct::average(&traces.slice(s![.., t, area]).to_vec());
            let (a, b) = (of.mean[(t, area)], of.sem[(t, area)]);
            assert_eq!(of.n[(t, area)] as usize, n);
            assert_eq!(a.to_bits(), mean.to_bits());
            assert!((b.is_nan() && sem.is_nan()) || (b - sem).abs() < 1e-15);
        }
        let none = of_traces(Array3::zeros((0, 1, 1)).view());
        assert!(none.n[(0, 0)] == 0 && none.mean[(0, 0)].is_nan() && none.sem[(0, 0)].is_nan());
    }
}
