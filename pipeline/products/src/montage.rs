//! A small version of an average, a quarter of a second an image, for pages and slides.

use ndarray::{Array2, Array3, ArrayView2, Zip};
use std::ops::Range;
use widefield::render;

/// Longest side of an image, pixels.
pub(crate) const LONGEST: usize = 128;
const SECONDS: f64 = 0.25;

/// Images of as many frames each, cut where time is a multiple of their length.
#[derive(Debug)]
pub(crate) struct Montage {
    /// Frames of an image.
    step: i64,
    first: i64,
    sums: Array3<f64>,
    n: Array3<u32>,
}

impl Montage {
    /// For the bins of an average of frames `(height, width)`.
    pub(crate) fn new(bins: &Range<i64>, rate_hz: f64, (height, width): (usize, usize)) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
        let step = ((SECONDS * rate_hz).round() as i64).max(1);
        let (height, width) = render::reduce(Array2::zeros((height, width)).view(), LONGEST).dim();
        let first = bins.start.div_euclid(step);
        let last = (bins.end - 1).max(bins.start).div_euclid(step);
        let images = usize::try_from(last - first + 1).unwrap_or(0);
        Self {
            step,
            first,
            sums: Array3::zeros((images, height, width)),
            n: Array3::zeros((images, height, width)),
        }
    }

    /// Images, height, width.
    pub(crate) fn shape(&self) -> [usize; 3] {
        self.sums.dim().into()
    }

    /// Time of the first image, and from each to the next, seconds.
    pub(crate) fn times_s(&self, rate_hz: f64) -> [f64; 2] {
        [self.first * self.step, self.step].map(|frames| frames as f64 / rate_hz)
    }

    /// Adds the mean frame of a bin.
    pub(crate) fn add(&mut self, bin: i64, mean: ArrayView2<'_, f32>) {
        let Ok(image) = usize::try_from(bin.div_euclid(self.step) - self.first) else {
            return;
        };
        if image < self.sums.dim().0 {
            let small = render::reduce(mean, LONGEST);
            let of = Zip::from(self.sums.index_axis_mut(ndarray::Axis(0), image));
            let of = of.and(self.n.index_axis_mut(ndarray::Axis(0), image));
            of.and(&small).for_each(|sum, n, value| {
                if value.is_finite() {
                    *sum += f64::from(*value);
                    *n += 1;
                }
            });
        }
    }

    /// The images, NaN where no bin is finite.
    pub(crate) fn images(&self) -> Array3<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "to be looked at")]
        let mean = |sum: &f64, n: &u32| (sum / f64::from(*n)) as f32;
        Zip::from(&self.sums).and(&self.n).map_collect(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_cut_at_time_0() {
        // 20 frames a second: 5 frames an image; 3 before time 0, 7 after.
        let mut montage = Montage::new(&(-3..7), 20.0, (2, 2));
        assert_eq!(
            (montage.shape(), montage.times_s(20.0)),
            ([3, 2, 2], [-0.25, 0.25])
        );
        for bin in -3..7 {
            let mut frame = Array2::from_elem((2, 2), bin as f32);
            frame[(0, 0)] = if bin == -1 { f32::NAN } else { frame[(0, 0)] };
            frame[(1, 1)] = f32::NAN;
            montage.add(bin, frame.view());
        }
        let images = montage.images();
        let top: Vec<[f32; 2]> = images
            .outer_iter()
            .map(|image| [image[(0, 0)], image[(0, 1)]])
            .collect();
        assert_eq!(top, [[-2.5, -2.0], [2.0, 2.0], [5.5, 5.5]]);
        assert!(images[(1, 1, 1)].is_nan());
        montage.add(99, Array2::zeros((2, 2)).view());
        montage.add(-99, Array2::zeros((2, 2)).view());
    }
}
