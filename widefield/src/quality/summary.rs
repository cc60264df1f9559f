//! What one pass over a movie and its dF/F tells.

use crate::error::same_shape;
use crate::number::count;
use crate::{Error, MeanImage, Subtract};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

/// Collects from blocks of frames `(t, y, x)` of counts and of their dF/F: mean and maximum image, mean trace,
/// and how large dF/F gets. Any blocks and any number of threads give the same bits.
#[derive(Clone, Debug)]
pub struct MovieSummary {
    mean: MeanImage,
    max: Array2<f32>,
    trace: Vec<f64>,
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
    sizes: Sizes,
}

impl MovieSummary {
    /// Nothing collected yet, for frames of the shape `(height, width)`.
    #[must_use]
    pub fn new(dim: (usize, usize)) -> Self {
        Self {
            mean: MeanImage::new(dim),
            max: Array2::from_elem(dim, f32::NEG_INFINITY),
            trace: Vec::new(),
            sizes: Sizes::new(),
        }
    }

    /// Adds a block of frames of counts, and their dF/F.
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::quality::MovieSummary;
    ///
    /// let mut summary = MovieSummary::new((1, 2));
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
        self.mean.add(counts, &Subtract::NOTHING)?;
        for frame in counts.axis_iter(Axis(0)) {
            self.max
                .zip_mut_with(&frame, |max, &value| *max = max.max(value));
        }
        let (sizes, trace) = dff
            .axis_iter(Axis(0))
            .into_par_iter()
            .fold(
                || (Sizes::new(), Vec::new()),
                |(mut sizes, mut trace), frame| {
                    trace.push(sizes.add(frame));
                    (sizes, trace)
                },
            )
            .reduce(
                || (Sizes::new(), Vec::new()),
                |(mut sizes, mut trace), (more, later)| {
                    sizes.merge(&more);
                    trace.extend(later);
                    (sizes, trace)
                },
            );
        self.sizes.merge(&sizes);
        self.trace.extend(trace);
        Ok(())
    }

    /// What was collected.
    ///
    /// # Errors
    /// [`Error::Empty`] if no frame was added.
    pub fn finish(self) -> Result<Summary, Error> {
        Ok(Summary {
            mean: self.mean.finish()?,
            max: self.max,
            trace: self.trace,
            sizes: self.sizes,
        })
    }
}

impl Summary {
    /// The value that `|dF/F|` stays below in that share (0 to 1) of all finite values, to 0.4 %.
    ///
    /// Values are counted in classes that are 1/128 of a power of two wide, and the middle of the
    /// class is given. NaN if no value is finite.
    #[must_use]
    pub fn size_below(&self, share: f64) -> f64 {
        self.sizes.below(share)
    }
}

/// How many values have which magnitude: one class for each sign-free exponent and 7 bits of fraction.
#[derive(Clone, Debug)]
struct Sizes {
    counts: Vec<u64>,
}

/// Bits of an f32 below the class.
const REST: u32 = 16;
/// Classes of finite magnitudes.
const CLASSES: usize = 0x7f80;

impl Sizes {
    fn new() -> Self {
        Self { counts: Vec::new() }
    }

    /// Adds a frame and returns the mean of its finite values.
    fn add(&mut self, frame: ArrayView2<'_, f32>) -> f64 {
        self.counts.resize(CLASSES, 0);
        let (mut n, mut sum) = (0, 0.0);
        for &value in frame {
            if value.is_finite() {
                n += 1;
                sum += f64::from(value);
                self.counts[(value.abs().to_bits() >> REST) as usize] += 1;
            }
        }
        sum / count(n)
    }

    fn merge(&mut self, other: &Self) {
        if !other.counts.is_empty() {
            self.counts.resize(CLASSES, 0);
        }
        for (n, more) in self.counts.iter_mut().zip(&other.counts) {
            *n += more;
        }
    }

    fn below(&self, share: f64) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let mut seen = 0;
        #[expect(clippy::cast_precision_loss, reason = "no movie has 2^53 values")]
        let wanted = share * total as f64;
        for (class, n) in (0_u32..).zip(&self.counts) {
            seen += n;
            #[expect(clippy::cast_precision_loss, reason = "no movie has 2^53 values")]
            if seen > 0 && seen as f64 >= wanted {
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
        let of = |length: usize| {
            let mut summary = MovieSummary::new((6, 7));
            let blocks = counts.axis_chunks_iter(Axis(0), length);
            for (counts, dff) in blocks.zip(dff.axis_chunks_iter(Axis(0), length)) {
                summary.add(counts, dff).unwrap();
            }
            summary.finish().unwrap()
        };
        let whole = of(40);
        for length in [1, 7, 16] {
            let parts = of(length);
            assert_eq!(parts.mean, whole.mean);
            assert_eq!(parts.max, whole.max);
            assert_eq!(parts.trace, whole.trace);
            assert_eq!(parts.size_below(0.99), whole.size_below(0.99));
        }
        let mut sizes: Vec<f64> = dff
            .iter()
            .filter(|v| v.is_finite())
            .map(|v| f64::from(v.abs()))
            .collect();
        sizes.sort_by(f64::total_cmp);
        for share in [0.1, 0.5, 0.9, 0.999] {
            let rank = crate::number::index((share * count(sizes.len())).ceil()) - 1;
            let off = whole.size_below(share) / sizes[rank] - 1.0;
            assert!(off.abs() < 0.004, "{share}: {off}");
        }
    }

    #[test]
    fn nothing_finite_and_nothing_at_all() {
        assert!(MovieSummary::new((1, 1)).finish().is_err());
        let mut summary = MovieSummary::new((1, 1));
        let nan = Array3::from_elem((2, 1, 1), f32::NAN);
        summary
            .add(Array3::ones((2, 1, 1)).view(), nan.view())
            .unwrap();
        let summary = summary.finish().unwrap();
        assert!(summary.trace[0].is_nan() && summary.size_below(0.5).is_nan());
        let mut summary = MovieSummary::new((1, 1));
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
        assert_eq!(summary.finish().unwrap().size_below(0.999), 0.0);
    }
}
