//! What one pass over a movie and its dF/F tells.

use crate::Error;
use crate::error::same_shape;
use crate::mean_image::rows_of_a_band;
use crate::number::{count, index};
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis, Slice};

/// Collects from blocks of frames `(t, y, x)` of counts and of their dF/F: mean and maximum image, mean trace,
/// and how large dF/F gets. Any blocks and any number of threads give the same bits.
#[derive(Clone, Debug)]
pub struct MovieSummary {
    sum: Array2<f64>,
    frames: usize,
    max: Array2<f32>,
    trace: Vec<f64>,
    share: f64,
    /// Most values of dF/F that may be larger than the one looked for.
    above: u64,
    sizes: Sizes,
}

/// What [`MovieSummary`] collected.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Mean over the frames `(y, x)`, counts.
    pub mean: Array2<f64>,
    /// Largest value of each pixel `(y, x)`, counts.
    pub max: Array2<f32>,
    /// Mean dF/F of the pixels that are finite, per frame; NaN where none is.
    pub trace: Vec<f64>,
    /// What `|dF/F|` stays below in the chosen share of all finite values, to 0.4 %: values are counted in
    /// classes 1/128 of a power of two wide, and this is the middle of a class. NaN if no value is finite.
    pub size: f64,
}

impl MovieSummary {
    /// Nothing collected yet, for at most `frames` frames of the shape `(height, width)`; [`Summary::size`] is to
    /// hold that share (0 to 1) of the values.
    #[must_use]
    pub fn new(dim: (usize, usize), frames: usize, share: f64) -> Self {
        let values = count(frames) * count(dim.0) * count(dim.1);
        Self {
            sum: Array2::zeros(dim),
            frames: 0,
            max: Array2::from_elem(dim, f32::NEG_INFINITY),
            trace: Vec::new(),
            share,
            above: index((1.0 - share).clamp(0.0, 1.0) * values) as u64 + 1,
            sizes: Sizes::default(),
        }
    }

    /// Adds a block of frames of counts, and their dF/F.
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::quality::MovieSummary;
    ///
    /// let mut summary = MovieSummary::new((1, 2), 2, 0.999);
    /// summary.add(array![[[5.0, 100.0]], [[7.0, 110.0]]].view(), array![[[f32::NAN, 0.0]], [[f32::NAN, 0.1]]].view())?;
    /// let summary = summary.finish()?;
    /// assert_eq!((summary.mean[(0, 0)], summary.max[(0, 1)]), (6.0, 110.0));
    /// assert!((summary.trace[1] - 0.1).abs() < 1e-6);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if the blocks differ in shape, or their frames from what was expected.
    pub fn add(
        &mut self,
        counts: ArrayView3<'_, f32>,
        dff: ArrayView3<'_, f32>,
    ) -> Result<(), Error> {
        same_shape("dF/F", counts.shape(), dff.shape())?;
        same_shape("block of frames", self.sum.shape(), &counts.shape()[1..])?;
        self.frames += counts.len_of(Axis(0));
        let rows = rows_of_a_band(self.sum.ncols());
        self.sum
            .axis_chunks_iter_mut(Axis(0), rows)
            .into_par_iter()
            .zip(self.max.axis_chunks_iter_mut(Axis(0), rows))
            .enumerate()
            .for_each(|(band, (mut sums, mut maxima))| {
                let first = band * rows;
                let range = Slice::from(first..first + sums.nrows());
                for frame in counts.axis_iter(Axis(0)) {
                    let frame = frame.slice_axis(Axis(0), range);
                    let frame = frame.as_standard_layout();
                    if let (Some(sums), Some(maxima), Some(frame)) =
                        (sums.as_slice_mut(), maxima.as_slice_mut(), frame.as_slice())
                    {
                        fold(sums, maxima, frame);
                    }
                }
            });
        let floor = self.sizes.floor;
        let parts: Vec<(Sizes, Vec<f64>)> = dff
            .axis_chunks_iter(Axis(0), PART)
            .into_par_iter()
            .map(|frames| {
                let mut sizes = Sizes::above(floor);
                let trace = frames.outer_iter().map(|f| sizes.add(f)).collect();
                (sizes, trace)
            })
            .collect();
        for (sizes, trace) in parts {
            self.sizes.merge(&sizes);
            self.trace.extend(trace);
        }
        self.sizes.forget(self.above);
        Ok(())
    }

    /// What was collected.
    ///
    /// # Errors
    /// [`Error::Empty`] if no frame was added.
    pub fn finish(self) -> Result<Summary, Error> {
        if self.frames == 0 {
            return Err(Error::Empty { what: "movie" });
        }
        Ok(Summary {
            mean: self.sum / count(self.frames),
            max: self.max,
            trace: self.trace,
            size: self.sizes.below(self.share),
        })
    }
}

/// Adds a frame to the sums and raises the maxima; NaN makes a sum NaN and leaves a maximum.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn fold(sums: &mut [f64], maxima: &mut [f32], values: &[f32]) {
    for ((sum, max), &value) in sums.iter_mut().zip(maxima).zip(values) {
        *sum += f64::from(value);
        *max = if value > *max { value } else { *max };
    }
}

/// Frames that one task takes.
const PART: usize = 16;

/// How many values have which magnitude: one class for each sign-free exponent and 7 bits of fraction.
///
/// Only the largest values decide a high percentile. As soon as more than enough are at hand, smaller ones are
/// counted together without a look at their class, which leaves the percentile as it is.
#[derive(Clone, Debug, Default)]
struct Sizes {
    classes: Vec<u64>,
    /// Finite values, those below the floor included.
    total: u64,
    /// Bits of the smallest magnitude that is put into a class.
    floor: u32,
}

/// Bits of an f32 below the class.
const REST: u32 = 16;
/// Classes of finite magnitudes.
const CLASSES: usize = 0x7f80;
/// Values that are compared with the floor together.
const LANES: usize = 16;

impl Sizes {
    fn above(floor: u32) -> Self {
        Self {
            floor,
            ..Self::default()
        }
    }

    /// Adds a frame and returns the mean of its finite values.
    fn add(&mut self, frame: ArrayView2<'_, f32>) -> f64 {
        self.classes.resize(CLASSES, 0);
        let frame = frame.as_standard_layout();
        let values = frame.as_slice().unwrap_or_default();
        let (n, sum) = finite(values);
        self.total += n;
        for lanes in values.chunks(LANES) {
            if reaches(lanes, self.floor) {
                for value in lanes {
                    let bits = value.to_bits() & MAGNITUDE;
                    if bits >= self.floor
                        && let Some(class) = self.classes.get_mut((bits >> REST) as usize)
                    {
                        *class += 1;
                    }
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "no movie has 2^53 values")]
        let n = n as f64;
        sum / n
    }

    fn merge(&mut self, other: &Self) {
        self.classes.resize(CLASSES, 0);
        for (n, more) in self.classes.iter_mut().zip(&other.classes) {
            *n += more;
        }
        self.total += other.total;
    }

    /// Raises the floor to the largest class that has `above` values in it and beyond.
    fn forget(&mut self, above: u64) {
        let mut beyond = 0;
        let last = u32::try_from(self.classes.len()).unwrap_or(0);
        for (class, n) in (0..last).zip(&self.classes).rev() {
            beyond += n;
            if beyond >= above {
                self.floor = self.floor.max(class << REST);
                break;
            }
        }
    }

    fn below(&self, share: f64) -> f64 {
        let counted: u64 = self.classes.iter().sum();
        let mut seen = self.total - counted;
        for (class, n) in (0_u32..).zip(&self.classes) {
            seen += n;
            #[expect(clippy::cast_precision_loss, reason = "no movie has 2^53 values")]
            if *n > 0 && seen as f64 >= share * self.total as f64 {
                let middle = (class << REST) | (1 << (REST - 1));
                return if class == 0 {
                    0.0
                } else {
                    f64::from(f32::from_bits(middle))
                };
            }
        }
        f64::NAN
    }
}

/// All bits of an f32 but the sign.
const MAGNITUDE: u32 = 0x7fff_ffff;

/// Number and sum of the finite values, eight partial sums side by side.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn finite(values: &[f32]) -> (u64, f64) {
    let (mut n, mut sums) = ([0_u64; 8], [0.0_f64; 8]);
    let mut add = |i: usize, value: f32| {
        let finite = value.is_finite();
        n[i] += u64::from(finite);
        sums[i] += f64::from(if finite { value } else { 0.0 });
    };
    let (whole, rest) = values.as_chunks::<8>();
    for eight in whole {
        for (i, value) in eight.iter().enumerate() {
            add(i, *value);
        }
    }
    for (i, value) in rest.iter().enumerate() {
        add(i, *value);
    }
    (n.iter().sum(), sums.iter().sum())
}

/// Whether a finite magnitude is at or above the floor.
#[inline(always)]
fn reaches(values: &[f32], floor: u32) -> bool {
    let above = |value: &f32| {
        let bits = value.to_bits() & MAGNITUDE;
        bits >= floor && bits < f32::INFINITY.to_bits()
    };
    values.iter().fold(false, |any, value| any | above(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn blocks_do_not_matter() {
        let counts = Array3::from_shape_fn((40, 6, 7), |(t, y, x)| {
            ((t * 31 + y * 17 + x * 7) % 97) as f32 * 1.37
        });
        let dff = counts.mapv(|c| if c < 20.0 { f32::NAN } else { c / 60.0 - 1.0 });
        let of = |length: usize, share: f64| {
            let mut summary = MovieSummary::new((6, 7), 40, share);
            let blocks = counts.axis_chunks_iter(Axis(0), length);
            for (counts, dff) in blocks.zip(dff.axis_chunks_iter(Axis(0), length)) {
                summary.add(counts, dff).unwrap();
            }
            summary.finish().unwrap()
        };
        let whole = of(40, 0.9);
        for length in [1, 7, 16] {
            let parts = of(length, 0.9);
            assert_eq!(parts.mean, whole.mean);
            assert_eq!(parts.max, whole.max);
            assert_eq!(parts.trace, whole.trace);
            assert_eq!(parts.size, whole.size);
        }
        let mut sizes: Vec<f64> = dff
            .iter()
            .filter(|v| v.is_finite())
            .map(|v| f64::from(v.abs()))
            .collect();
        sizes.sort_by(f64::total_cmp);
        for share in [0.1, 0.5, 0.9, 0.999] {
            let rank = index((share * count(sizes.len())).ceil()) - 1;
            let off = of(3, share).size / sizes[rank] - 1.0;
            assert!(off.abs() < 0.004, "{share}: {off}");
        }
    }

    #[test]
    fn nothing_finite_and_nothing_at_all() {
        assert!(MovieSummary::new((1, 1), 2, 0.999).finish().is_err());
        let mut summary = MovieSummary::new((1, 1), 2, 0.999);
        let nan = Array3::from_elem((2, 1, 1), f32::NAN);
        summary
            .add(Array3::ones((2, 1, 1)).view(), nan.view())
            .unwrap();
        let summary = summary.finish().unwrap();
        assert!(summary.trace[0].is_nan() && summary.size.is_nan());
        let mut summary = MovieSummary::new((1, 1), 2, 0.999);
        assert!(
            summary
                .add(nan.view(), Array3::ones((1, 1, 1)).view())
                .is_err()
        );
        summary
            .add(
                Array3::ones((1, 1, 1)).view(),
                Array3::zeros((1, 1, 1)).view(),
            )
            .unwrap();
        assert_eq!(summary.finish().unwrap().size, 0.0);
    }
}
