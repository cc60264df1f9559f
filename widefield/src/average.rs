//! Averages over trials on common time bins, where pixels may be missing.

use crate::Error;
use crate::error::same_shape;
use crate::number::{count, narrow};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView3, ArrayViewMut3, Axis, Slice, Zip};
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
        same_shape(
            "block of frames",
            &self.sum.shape()[1..],
            &block.shape()[1..],
        )?;
        let (bins, frames) = self.overlap(first_bin, block.len_of(Axis(0)));
        if bins.is_empty() {
            return Ok(());
        }
        self.count(bins.clone(), frames.clone().map(|_| 1))?;
        let trials = &self.trials[bins.clone()];
        let bins = Slice::from(bins);
        let finite: u64 = self
            .sum
            .slice_axis_mut(Axis(0), bins)
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(self.squares.slice_axis_mut(Axis(0), bins).outer_iter_mut())
            .zip(self.n.slice_axis_mut(Axis(0), bins).outer_iter_mut())
            .zip(
                block
                    .slice_axis(Axis(0), Slice::from(frames.clone()))
                    .axis_iter(Axis(0)),
            )
            .zip(trials)
            .map(|((((mut sum, mut squares), mut n), frame), trials)| {
                let frame = frame.as_standard_layout();
                match (
                    sum.as_slice_mut(),
                    squares.as_slice_mut(),
                    n.as_slice_mut(),
                    frame.as_slice(),
                ) {
                    (Some(sum), Some(squares), Some(n), Some(frame)) => match trials {
                        1 => add_frame::<true>(sum, squares, n, frame),
                        _ => add_frame::<false>(sum, squares, n, frame),
                    },
                    // All of them lie in order.
                    _ => 0,
                }
            })
            .sum();
        let (height, width) = self.dim();
        self.nonfinite += (frames.len() * height * width) as u64 - finite;
        Ok(())
    }

    /// Adds what another average has collected, as if its trials had been added here after the others, up to the
    /// rounding of sums.
    ///
    /// # Errors
    /// [`Error::Shape`] if its frames have another shape, [`Error::Bins`] if it holds bins that are not held here,
    /// [`Error::TooManyTrials`] as [`Average::add`]. Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        same_shape("average", &self.sum.shape()[1..], &other.sum.shape()[1..])?;
        let bins = self.within(&other.bins())?;
        self.count(bins.clone(), other.trials.iter().copied())?;
        let bins = Slice::from(bins);
        Zip::from(self.sum.slice_axis_mut(Axis(0), bins))
            .and(&other.sum)
            .par_for_each(|sum, more| *sum += more);
        Zip::from(self.squares.slice_axis_mut(Axis(0), bins))
            .and(&other.squares)
            .par_for_each(|squares, more| *squares += more);
        Zip::from(self.n.slice_axis_mut(Axis(0), bins))
            .and(&other.n)
            .par_for_each(|n, more| *n += more);
        self.nonfinite += other.nonfinite;
        Ok(())
    }

    /// Forgets what was added. What is added next belongs to bins from `first` on, as many as before, in the same memory.
    ///
    /// ```
    /// let mut average = widefield::Average::new(0..2, (1, 1))?;
    /// average.add(0, ndarray::array![[[5.0]]].view())?;
    /// average.restart(7);
    /// assert_eq!(average, widefield::Average::new(7..9, (1, 1))?);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    pub fn restart(&mut self, first: i64) {
        self.sum.fill(0.0);
        self.squares.fill(0.0);
        self.n.fill(0);
        self.trials.fill(0);
        (self.first, self.nonfinite) = (first, 0);
    }

    /// Mean over the trials that are finite at the pixel and bin, `(bin, y, x)`; NaN where none is.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn mean(&self, bins: Range<i64>) -> Result<Array3<f32>, Error> {
        self.collect(bins, |of, bins, out| of.mean_into(bins, out))
    }

    /// As [`Average::mean`], into memory that is there.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held, [`Error::Shape`] if `out` has another shape.
    pub fn mean_into(&self, bins: Range<i64>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        let bins = self.within_as(&bins, &out)?;
        Zip::from(out)
            .and(self.sum.slice_axis(Axis(0), bins))
            .and(self.n.slice_axis(Axis(0), bins))
            .par_for_each(|out, sum, &n| *out = narrow(sum / f64::from(n)));
        Ok(())
    }

    /// Standard error of the mean, `(bin, y, x)`: the standard deviation over trials, with `n - 1`, over the root of n.
    /// NaN where fewer than two trials are finite.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn sem(&self, bins: Range<i64>) -> Result<Array3<f32>, Error> {
        self.collect(bins, |of, bins, out| of.sem_into(bins, out))
    }

    /// As [`Average::sem`], into memory that is there.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held, [`Error::Shape`] if `out` has another shape.
    pub fn sem_into(&self, bins: Range<i64>, out: ArrayViewMut3<'_, f32>) -> Result<(), Error> {
        let bins = self.within_as(&bins, &out)?;
        Zip::from(out)
            .and(self.sum.slice_axis(Axis(0), bins))
            .and(self.squares.slice_axis(Axis(0), bins))
            .and(self.n.slice_axis(Axis(0), bins))
            .par_for_each(|out, &sum, &squares, &n| {
                let n = f64::from(n);
                // Rounding can bring the difference below 0.
                let around = squares - sum * sum / n;
                *out = narrow(sem(if around < 0.0 { 0.0 } else { around }, n));
            });
        Ok(())
    }

    /// How many trials are finite at each pixel and bin, `(bin, y, x)`.
    ///
    /// # Errors
    /// [`Error::Bins`] if bins are not held.
    pub fn n(&self, bins: Range<i64>) -> Result<ArrayView3<'_, u16>, Error> {
        let bins = self.within(&bins)?;
        Ok(self.n.slice_axis(Axis(0), Slice::from(bins)))
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

    /// Bins that are held and for which `out` has the shape.
    fn within_as(&self, bins: &Range<i64>, out: &ArrayViewMut3<'_, f32>) -> Result<Slice, Error> {
        let bins = self.within(bins)?;
        let (height, width) = self.dim();
        same_shape("memory", &[bins.len(), height, width], out.shape())?;
        Ok(Slice::from(bins))
    }

    fn collect(
        &self,
        bins: Range<i64>,
        into: impl Fn(&Self, Range<i64>, ArrayViewMut3<'_, f32>) -> Result<(), Error>,
    ) -> Result<Array3<f32>, Error> {
        let (height, width) = self.dim();
        let mut all = Array3::zeros((self.within(&bins)?.len(), height, width));
        into(self, bins, all.view_mut())?;
        Ok(all)
    }

    /// Adds to the number of frames of bins, all or none.
    fn count(
        &mut self,
        bins: Range<usize>,
        more: impl Iterator<Item = u16> + Clone,
    ) -> Result<(), Error> {
        for (bin, more) in bins.clone().zip(more.clone()) {
            if self.trials[bin].checked_add(more).is_none() {
                return Err(Error::TooManyTrials {
                    bin: self.first.saturating_add_unsigned(bin as u64),
                    most: u16::MAX.into(),
                });
            }
        }
        for (trials, more) in self.trials[bins].iter_mut().zip(more) {
            *trials += more;
        }
        Ok(())
    }
}

/// How many bins; none if they end before they begin.
fn length(bins: &Range<i64>) -> usize {
    let n = i128::from(bins.end) - i128::from(bins.start);
    usize::try_from(n.max(0)).unwrap_or(usize::MAX)
}

/// Standard error from the sum of squared deviations of `n` values; NaN below 2.
fn sem(around: f64, n: f64) -> f64 {
    if n < 2.0 {
        return f64::NAN;
    }
    (around / (n - 1.0) / n).sqrt()
}

/// Adds the finite values of a frame; how many they are. Into sums that are 0 the `FIRST` is written, not added: where
/// memory was never touched, reading it before writing takes two page faults, and the second interrupts all threads.
fn add_frame<const FIRST: bool>(
    sums: &mut [f64],
    squares: &mut [f64],
    counts: &mut [u16],
    frame: &[f32],
) -> u64 {
    let runs = sums
        .chunks_mut(RUN)
        .zip(squares.chunks_mut(RUN))
        .zip(counts.chunks_mut(RUN))
        .zip(frame.chunks(RUN));
    let mut total = 0;
    for (((sums, squares), counts), values) in runs {
        let finite: u32 = values.iter().map(|v| u32::from(v.is_finite())).sum();
        total += u64::from(finite);
        match finite as usize {
            0 => {}
            n if n == values.len() => add_run::<FIRST>(sums, squares, counts, values, |_| true),
            _ => add_run::<FIRST>(sums, squares, counts, values, f32::is_finite),
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
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(pool.install(all), whole);
        }
    }

    #[test]
    fn merged_groups_are_the_average_of_their_trials() {
        let mut merged = Average::new(-3..10, (9, 50)).unwrap();
        for range in [0..2, 2..5] {
            let mut group = Average::new(-3..10, (9, 50)).unwrap();
            for k in range {
                group.add(STARTS[k], trial(k).view()).unwrap();
            }
            merged.merge(&group).unwrap();
        }
        let whole = all();
        assert_eq!(merged.n(-3..10).unwrap(), whole.n(-3..10).unwrap());
        assert_eq!(merged.trials(-3..10), whole.trials(-3..10));
        assert_eq!(merged.nonfinite(), whole.nonfinite());
        let (a, b) = (merged.mean(-3..10).unwrap(), whole.mean(-3..10).unwrap());
        // Only the order of additions differs.
        assert!(
            a.iter()
                .zip(&b)
                .all(|(a, b)| (a.is_nan() && b.is_nan()) || (a - b).abs() <= 2e-7)
        );
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
        assert_eq!(
            average.add(0, Array3::ones((3, 1, 1)).view()),
            Err(full.clone())
        );
        let mut other = Average::new(1..2, (1, 1)).unwrap();
        other.add(1, array![[[2.0]]].view()).unwrap();
        assert_eq!(average.merge(&other), Err(full));
        assert_eq!(average, before);
        assert_eq!(average.mean(1..2).unwrap()[(0, 0, 0)], 2.0);
    }

    #[test]
    fn shapes_and_bins_must_fit() {
        let mut average = Average::new(-2..3, (2, 3)).unwrap();
        let wrong = average.add(0, Array3::zeros((1, 3, 2)).view());
        assert!(matches!(wrong, Err(Error::Shape { .. })));
        let wrong = average.merge(&Average::new(-2..3, (3, 2)).unwrap());
        assert!(matches!(wrong, Err(Error::Shape { .. })));
        assert_eq!(
            average.merge(&Average::new(-3..3, (2, 3)).unwrap()),
            Err(Error::Bins {
                asked: -3..3,
                held: -2..3
            })
        );
        for beyond in [-3..0, 0..4, i64::MIN..i64::MAX, i64::MIN..i64::MIN + 1] {
            assert!(average.mean(beyond.clone()).is_err() && average.n(beyond).is_err());
        }
        assert_eq!(average.mean(1..1).unwrap().dim(), (0, 2, 3));
        let mut two = Array3::zeros((2, 2, 3));
        for bins in [0..1, -3..-1] {
            assert!(average.mean_into(bins.clone(), two.view_mut()).is_err());
            assert!(average.sem_into(bins, two.view_mut()).is_err());
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
