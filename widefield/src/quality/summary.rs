//! What one pass over a movie and its dF/F tells.

use crate::Error;
use crate::error::same_shape;
use crate::mean_image::rows_of_a_band;
use crate::number::{count, index, narrow};
use crate::render::PeakMap;
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis, Slice};

/// Collects from blocks of frames `(t, y, x)` of counts and of their dF/F: mean and maximum image, mean trace,
/// peaks, and how large dF/F gets. Any blocks and any number of threads give the same bits.
///
/// All of it is taken from a few rows while they are in the cache, so that both blocks are read once.
#[derive(Clone, Debug)]
pub struct MovieSummary {
    sum: Array2<f64>,
    frames: usize,
    max: Array2<f32>,
    /// The least number that is not below the background, and how many of a pixel are less.
    least: f32,
    below: Array2<u32>,
    peak: PeakMap,
    trace: Vec<f64>,
    share: f64,
    /// Most values of dF/F that may be larger than the one looked for.
    above: u64,
    sizes: Sizes,
}

/// What [`MovieSummary`] collected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Mean over the frames `(y, x)`, counts.
    pub mean: Array2<f64>,
    /// Largest value of each pixel `(y, x)`, counts.
    pub max: Array2<f32>,
    /// In how many frames each pixel `(y, x)` is below the background of [`MovieSummary::background`]; 0 without one.
    pub below: Array2<u32>,
    /// What the [`PeakMap`] found in dF/F `(y, x)`.
    pub peak: Array2<f32>,
    /// Mean dF/F of the pixels that are finite, per frame; NaN where none is.
    pub trace: Vec<f64>,
    /// What `|dF/F|` stays below in the chosen share of all finite values, to 0.4 %: values are counted in
    /// classes 1/128 of a power of two wide, and this is the middle of a class. NaN if no value is finite.
    pub size: f64,
}

impl Summary {
    /// Share, 0 to 1, of the values of kept pixels that are below the background, so that clamping makes them 0: no
    /// fluorescence but noise around none, or a background that is too high. NaN if no pixel is kept.
    ///
    /// # Errors
    /// [`Error::Shape`] if the mask has another shape.
    pub fn clamped_share(&self, kept: ArrayView2<'_, bool>) -> Result<f64, Error> {
        same_shape("mask", self.below.shape(), kept.shape())?;
        let pixels = self.below.iter().zip(kept).filter(|(_, kept)| **kept);
        let (n, below) = pixels.fold((0_usize, 0_u64), |(n, below), (frames, _)| {
            (n + 1, below + u64::from(*frames))
        });
        #[expect(clippy::cast_precision_loss, reason = "no movie has 2^53 values")]
        Ok(below as f64 / (count(n) * count(self.trace.len())))
    }
}

impl MovieSummary {
    /// Nothing collected yet, for at most `frames` frames of the shape that `peak`, itself still empty, was made
    /// for; [`Summary::size`] is to hold that share (0 to 1) of the values.
    #[must_use]
    pub fn new(peak: PeakMap, frames: usize, share: f64) -> Self {
        let dim = peak.dim();
        let values = count(frames) * count(dim.0) * count(dim.1);
        Self {
            sum: Array2::zeros(dim),
            frames: 0,
            max: Array2::from_elem(dim, f32::NEG_INFINITY),
            least: f32::NEG_INFINITY,
            below: Array2::zeros(dim),
            peak,
            trace: Vec::new(),
            share,
            above: index((1.0 - share).clamp(0.0, 1.0) * values) as u64 + 1,
            sizes: Sizes::default(),
        }
    }

    /// Counts also what is below a background, for [`Summary::clamped_share`].
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::{quality::MovieSummary, render::PeakMap};
    ///
    /// let mut summary = MovieSummary::new(PeakMap::new((1, 3), 0, 1), 2, 0.999).background(100.0);
    /// let counts = array![[[99.9, 500.0, 7.0]], [[100.0, 600.0, 7.0]]];
    /// summary.add(counts.view(), counts.view())?;
    /// let summary = summary.finish()?;
    /// assert_eq!(summary.below, array![[1, 0, 2]]);
    /// assert_eq!(summary.clamped_share(array![[true, true, false]].view())?, 0.25);
    /// # Ok::<(), widefield::Error>(())
    /// ```
    #[must_use]
    pub fn background(mut self, counts: f64) -> Self {
        // An f32 is below the background if it is below the least f32 that is not.
        let nearest = narrow(counts);
        self.least = if f64::from(nearest) < counts {
            nearest.next_up()
        } else {
            nearest
        };
        self
    }

    /// Adds a block of frames of counts, and their dF/F.
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::quality::MovieSummary;
    /// use widefield::render::PeakMap;
    ///
    /// let mut summary = MovieSummary::new(PeakMap::new((1, 2), 0, 1), 2, 0.999);
    /// summary.add(array![[[5.0, 100.0]], [[7.0, 110.0]]].view(), array![[[f32::NAN, 0.0]], [[f32::NAN, 0.1]]].view())?;
    /// let summary = summary.finish()?;
    /// assert_eq!((summary.mean[(0, 0)], summary.max[(0, 1)]), (6.0, 110.0));
    /// assert_eq!(summary.peak[(0, 1)], 0.1);
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
        let frames = counts.len_of(Axis(0));
        self.frames += frames;
        let rows = rows_of_a_band(self.sum.ncols());
        let bands = self.sum.nrows().div_ceil(rows);
        let mut traces = Array2::from_elem((bands, frames), (0_u64, 0.0_f64));
        let (floor, above, least) = (self.sizes.floor, self.above, self.least);
        let sizes = self
            .sum
            .axis_chunks_iter_mut(Axis(0), rows)
            .into_par_iter()
            .zip(self.max.axis_chunks_iter_mut(Axis(0), rows))
            .zip(self.below.axis_chunks_iter_mut(Axis(0), rows))
            .zip(self.peak.bands(rows, frames))
            .zip(traces.outer_iter_mut())
            .enumerate()
            // Each part has classes of its own, 260 kB, so there are only a few parts.
            .with_min_len(bands.div_ceil(MOST_PARTS))
            .fold(
                || Sizes::above(floor),
                |mut sizes, (band, ((((mut sums, mut maxima), mut below), mut peak), mut trace))| {
                    let first = band * rows;
                    let range = Slice::from(first..first + sums.nrows());
                    let (Some(sums), Some(maxima), Some(below)) = (
                        sums.as_slice_mut(),
                        maxima.as_slice_mut(),
                        below.as_slice_mut(),
                    ) else {
                        return sizes;
                    };
                    for several in counts.axis_chunks_iter(Axis(0), TOGETHER) {
                        let frames: Vec<_> = several
                            .axis_iter(Axis(0))
                            .map(|frame| frame.slice_axis_move(Axis(0), range))
                            .collect();
                        let whole: Vec<_> = frames.iter().map(|f| f.as_standard_layout()).collect();
                        let slices: Vec<&[f32]> =
                            whole.iter().filter_map(|f| f.as_slice()).collect();
                        match slices.as_slice() {
                            &[a, b, c, d] => fold(sums, maxima, below, least, [a, b, c, d]),
                            few => few.iter().for_each(|one| fold(sums, maxima, below, least, [*one])),
                        }
                    }
                    for (t, (frame, trace)) in dff.axis_iter(Axis(0)).zip(&mut trace).enumerate() {
                        let frame = frame.slice_axis(Axis(0), range);
                        if let Some(frame) = frame.as_standard_layout().as_slice() {
                            peak.add(t, frame);
                            *trace = sizes.add(frame);
                        }
                    }
                    sizes.forget(above);
                    sizes
                },
            )
            .reduce(|| Sizes::above(floor), Sizes::merged);
        self.sizes = std::mem::take(&mut self.sizes).merged(sizes);
        self.sizes.forget(above);
        // Band by band, whoever went through them.
        for frame in traces.columns() {
            let (n, sum) = frame
                .iter()
                .fold((0, 0.0), |(n, sum), (more, part)| (n + more, sum + part));
            #[expect(clippy::cast_precision_loss, reason = "no movie has 2^53 values")]
            self.trace.push(sum / n as f64);
        }
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
            // What was never a number has no largest one.
            max: self.max.mapv_into(|max| match max {
                f32::NEG_INFINITY => f32::NAN,
                max => max,
            }),
            below: self.below,
            peak: self.peak.finish(),
            trace: self.trace,
            size: self.sizes.below(self.share),
        })
    }
}

/// Frames that are added to the sums together.
const TOGETHER: usize = 4;

/// Adds frames to the sums, one after the other, raises the maxima, and counts what is below `least`; NaN makes a sum
/// NaN and leaves the others.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn fold<const N: usize>(
    sums: &mut [f64],
    maxima: &mut [f32],
    below: &mut [u32],
    least: f32,
    frames: [&[f32]; N],
) {
    let n = sums.len().min(maxima.len()).min(below.len());
    let (sums, maxima, below) = (&mut sums[..n], &mut maxima[..n], &mut below[..n]);
    let frames = frames.map(|f| &f[..n]);
    for i in 0..n {
        let (mut sum, mut max, mut under) = (sums[i], maxima[i], below[i]);
        for frame in frames {
            let value = frame[i];
            sum += f64::from(value);
            max = if value > max { value } else { max };
            under += u32::from(value < least);
        }
        sums[i] = sum;
        maxima[i] = max;
        below[i] = under;
    }
}

/// Parts of a block that are gone through at the same time, at most.
const MOST_PARTS: usize = 16;

/// How many values have which magnitude: one class for each sign-free exponent and 7 bits of fraction.
///
/// Only the largest values decide a high percentile. As soon as more than enough are at hand, smaller ones are
/// counted together without a look at their class, which leaves the percentile as it is.
#[derive(Clone, Debug, Default)]
struct Sizes {
    classes: Vec<u64>,
    /// Finite values, those below the floor included.
    total: u64,
    /// Values in classes.
    counted: u64,
    /// Values in classes when the floor was raised last.
    looked: u64,
    /// Bits of the smallest magnitude that is put into a class.
    floor: u32,
}

/// Bits of an f32 below the class.
const REST: u32 = 16;
/// Classes of finite magnitudes.
const CLASSES: usize = 0x7f80;
/// Values that are gone through side by side.
const LANES: usize = 16;

impl Sizes {
    fn above(floor: u32) -> Self {
        Self {
            floor,
            ..Self::default()
        }
    }

    /// Adds values; number and sum of the finite ones.
    fn add(&mut self, values: &[f32]) -> (u64, f64) {
        self.classes.resize(CLASSES, 0);
        let (n, sum) = finite(values);
        self.total += n;
        self.counted += classify(values, self.floor, &mut self.classes);
        (n, sum)
    }

    fn merged(mut self, other: Self) -> Self {
        if self.classes.is_empty() {
            self.classes = other.classes;
        } else {
            for (n, more) in self.classes.iter_mut().zip(&other.classes) {
                *n += more;
            }
        }
        self.total += other.total;
        self.counted += other.counted;
        self.floor = self.floor.max(other.floor);
        self
    }

    /// Raises the floor to the largest class that has `above` values in it and beyond.
    fn forget(&mut self, above: u64) {
        // Without that many new ones the floor could hardly rise.
        if self.counted < self.looked + above {
            return;
        }
        self.looked = self.counted;
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
        let mut seen = self.total - self.counted;
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

/// Number and sum of the finite values, [`LANES`] partial sums side by side.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn finite(values: &[f32]) -> (u64, f64) {
    let (mut n, mut sums) = ([0_u32; LANES], [0.0_f64; LANES]);
    let mut add = |i: usize, value: f32| {
        let finite = value.is_finite();
        n[i] += u32::from(finite);
        sums[i] += f64::from(if finite { value } else { 0.0 });
    };
    let (whole, rest) = values.as_chunks::<LANES>();
    for lanes in whole {
        for (i, value) in lanes.iter().enumerate() {
            add(i, *value);
        }
    }
    for (i, value) in rest.iter().enumerate() {
        add(i, *value);
    }
    (n.iter().map(|n| u64::from(*n)).sum(), sums.iter().sum())
}

/// Puts the finite magnitudes at or above the floor into their classes; how many they are.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn classify(values: &[f32], floor: u32, classes: &mut [u64]) -> u64 {
    // One comparison without sign: what is below the floor wraps around.
    let span = f32::INFINITY.to_bits().saturating_sub(floor);
    let above = |value: &f32| (value.to_bits() & MAGNITUDE).wrapping_sub(floor);
    let mut counted = 0;
    for lanes in values.chunks(LANES) {
        // Without a branch for each value; hardly any are that large.
        if lanes
            .iter()
            .fold(u32::MAX, |least, value| least.min(above(value)))
            < span
        {
            for value in lanes.iter().filter(|value| above(value) < span) {
                let bits = value.to_bits() & MAGNITUDE;
                if let Some(class) = classes.get_mut((bits >> REST) as usize) {
                    *class += 1;
                    counted += 1;
                }
            }
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    /// Between two counts, and not an f32.
    const BACKGROUND: f64 = 43.84000000001;

    fn bits(image: &Array2<f32>) -> Vec<u32> {
        image.iter().map(|v| v.to_bits()).collect()
    }

    #[test]
    fn blocks_do_not_matter() {
        // One band of rows, and three.
        for (height, width) in [(6, 7), (5, 2000)] {
            let counts = Array3::from_shape_fn((40, height, width), |(t, y, x)| {
                ((t * 31 + y * 17 + x * 7) % 97) as f32 * 1.37
            });
            let dff = counts.mapv(|c| if c < 20.0 { f32::NAN } else { c / 60.0 - 1.0 });
            let of = |length: usize, share: f64| {
                let peak = PeakMap::new((height, width), 10, 5);
                let mut summary = MovieSummary::new(peak, 40, share).background(BACKGROUND);
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
                assert_eq!(bits(&parts.peak), bits(&whole.peak));
                assert_eq!(parts.trace, whole.trace);
                assert_eq!(parts.size, whole.size);
                assert_eq!(parts.below, whole.below);
            }
            let under = counts.mapv(|c| u32::from(f64::from(c) < BACKGROUND));
            assert_eq!(whole.below, under.sum_axis(Axis(0)));
            let kept = whole.max.mapv(|max| max > 120.0);
            let values = || {
                under
                    .outer_iter()
                    .flat_map(|frame| frame.into_iter().zip(&kept).filter(|(_, k)| **k))
            };
            let share = values().map(|(u, _)| f64::from(*u)).sum::<f64>() / count(values().count());
            assert!(
                (whole.clamped_share(kept.view()).unwrap() - share).abs() < 1e-12 && share > 0.01
            );
            assert!(
                whole
                    .clamped_share(kept.mapv(|_| false).view())
                    .unwrap()
                    .is_nan()
            );
            let mut peak = PeakMap::new((height, width), 10, 5);
            peak.add(dff.view()).unwrap();
            assert_eq!(bits(&peak.finish()), bits(&whole.peak));
            for (frame, mean) in dff.outer_iter().zip(&whole.trace) {
                let finite = || frame.iter().filter(|v| v.is_finite());
                let want = finite().map(|v| f64::from(*v)).sum::<f64>() / count(finite().count());
                assert!((mean - want).abs() < 1e-12, "{mean} {want}");
            }
            let finite = dff.iter().filter(|v| v.is_finite());
            let mut sizes: Vec<f64> = finite.map(|v| f64::from(v.abs())).collect();
            sizes.sort_by(f64::total_cmp);
            for share in [0.1, 0.5, 0.9, 0.999] {
                let rank = index((share * count(sizes.len())).ceil()) - 1;
                let off = of(3, share).size / sizes[rank] - 1.0;
                assert!(off.abs() < 0.004, "{share}: {off}");
            }
        }
    }

    #[test]
    fn nothing_finite_and_nothing_at_all() {
        assert!(
            MovieSummary::new(PeakMap::new((1, 1), 0, 1), 2, 0.999)
                .finish()
                .is_err()
        );
        let mut summary = MovieSummary::new(PeakMap::new((1, 1), 0, 1), 2, 0.999);
        let nan = Array3::from_elem((2, 1, 1), f32::NAN);
        summary
            .add(Array3::ones((2, 1, 1)).view(), nan.view())
            .unwrap();
        let summary = summary.finish().unwrap();
        assert!(summary.trace[0].is_nan() && summary.size.is_nan());
        let mut summary = MovieSummary::new(PeakMap::new((1, 1), 0, 1), 2, 0.999);
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
