//! Pictures of arrays: colour maps, scales, outlines, peak maps, scale bars.
//!
//! Nothing here knows a file format: images become [`shades`], small numbers that index a palette, or
//! RGB, and whoever writes PNG or SVG takes them from there.
//!
//! ```
//! use ndarray::array;
//! use widefield::render::{ColourMap, Scale, rgb};
//!
//! let image = array![[0.0, 5.0], [10.0, f32::NAN]];
//! let scale = Scale { low: 0.0, high: 10.0 };
//! let pixels = rgb(image.view(), scale, ColourMap::Viridis, [255, 255, 255]);
//! assert_eq!(pixels[(0, 0)], [68, 1, 84]);
//! assert_eq!(pixels[(1, 0)], [253, 231, 37]);
//! assert_eq!(pixels[(1, 1)], [255, 255, 255]);
//! ```

mod peak;
mod tables;

pub use peak::{PEAK_WINDOW_S, PeakMap};

use crate::number::{index, narrow};
use crate::percentiles;
use multiversion::multiversion;
use ndarray::{Array2, ArrayView2};

/// A colour map in which equal steps look equally large, also in grey.
///
/// # Source
/// Viridis and Magma: N. Smith and S. van der Walt, 2015, released as CC0. Cividis: J. R. Nuñez,
/// C. R. Anderton and R. S. Renslow 2018, doi:10.1371/journal.pone.0199239. The 256 colours are those
/// that matplotlib 3 has under these names, rounded to 8 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColourMap {
    /// Blue over green to yellow.
    #[default]
    Viridis,
    /// Black over purple to white.
    Magma,
    /// Blue to yellow, nearly the same for people with and without colour deficiency.
    Cividis,
}

impl ColourMap {
    /// Colour of `share` from 0 (dark) to 1 (bright); beyond these the first or last colour, NaN the first.
    #[must_use]
    pub fn colour(self, share: f64) -> [u8; 3] {
        self.table()[index(share.clamp(0.0, 1.0) * 255.0 + 0.5).min(255)]
    }
}

/// Which values are drawn darkest and brightest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Value of the darkest colour; everything below has it, too.
    pub low: f32,
    /// Value of the brightest colour; everything above has it, too.
    pub high: f32,
}

impl Scale {
    /// From percentile `low` to percentile `high` (0 to 100) of the finite pixels, as
    /// [`percentiles::percentile`] defines them. `None` if no pixel is finite.
    ///
    /// ```
    /// use widefield::render::Scale;
    ///
    /// let image = ndarray::array![[1.0, 2.0, 3.0, f32::NAN, 1000.0]];
    /// assert_eq!(Scale::from_percentiles(image.view(), 0.0, 50.0), Some(Scale { low: 1.0, high: 2.5 }));
    /// ```
    #[must_use]
    pub fn from_percentiles(image: ArrayView2<'_, f32>, low: f64, high: f64) -> Option<Self> {
        let finite = image.iter().filter(|v| v.is_finite());
        let mut keys: Vec<i32> = finite.map(|&v| percentiles::key(v)).collect();
        let mut percentile = |percent| {
            let (lower, upper, between) = percentiles::select(&mut keys, percent)?;
            let [lower, upper] =
                [lower, upper.unwrap_or(lower)].map(|key| f64::from(percentiles::of_key(key)));
            Some(narrow(lower + (upper - lower) * between))
        };
        Some(Self {
            low: percentile(low)?,
            high: percentile(high)?,
        })
    }

    /// Where a value lies between darkest, 0, and brightest, 1; `None` for NaN. A scale without extent
    /// makes everything darkest.
    #[must_use]
    pub fn share(self, value: f32) -> Option<f64> {
        if value.is_nan() {
            return None;
        }
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let share = (f64::from(value) - low) / (high - low);
        Some(if high > low {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        })
    }
}

/// Numbers from 0 (darkest) to `levels - 1` (brightest) for a palette of `levels` colours; NaN is `levels`.
///
/// Fewer levels make smaller files; 64 are more than one tells apart in a small picture.
///
/// ```
/// use widefield::render::{Scale, shades};
///
/// let image = ndarray::array![[0.0, 1.0, 2.0, 9.0, f32::NAN]];
/// let shades = shades(image.view(), Scale { low: 0.0, high: 2.0 }, 3);
/// assert_eq!(shades, ndarray::array![[0, 1, 2, 2, 3]]);
/// ```
#[must_use]
pub fn shades(image: ArrayView2<'_, f32>, scale: Scale, levels: u8) -> Array2<u8> {
    let last = f64::from(levels.saturating_sub(1));
    image.mapv(|value| match scale.share(value) {
        Some(share) => u8::try_from(index(share * last + 0.5)).unwrap_or(u8::MAX),
        None => levels,
    })
}

/// Red, green and blue of every pixel `(y, x)`; NaN gets the colour `missing`.
#[must_use]
pub fn rgb(
    image: ArrayView2<'_, f32>,
    scale: Scale,
    map: ColourMap,
    missing: [u8; 3],
) -> Array2<[u8; 3]> {
    image.mapv(|value| {
        scale
            .share(value)
            .map_or(missing, |share| map.colour(share))
    })
}

/// The image `(y, x)` with its longer side at most `longest` pixels: each new pixel is the mean of the finite
/// pixels of its rectangle, NaN if there is none. An image that is small enough stays as it is.
///
/// ```
/// let image = ndarray::array![[1.0, 3.0, f32::NAN, f32::NAN], [5.0, 7.0, 2.0, f32::NAN]];
/// let small = widefield::render::reduce(image.view(), 2);
/// assert_eq!(small, ndarray::array![[4.0, 2.0]]);
/// ```
#[must_use]
pub fn reduce(image: ArrayView2<'_, f32>, longest: usize) -> Array2<f32> {
    let (height, width) = image.dim();
    let longer = height.max(width);
    if longer <= longest || longest == 0 {
        return image.to_owned();
    }
    let side = |n: usize| ((n * longest + longer / 2) / longer).max(1);
    let (h, w) = (side(height), side(width));
    let columns: Vec<_> = (0..w).map(|x| x * width / w..(x + 1) * width / w).collect();
    let mut small = Array2::zeros((h, w));
    let (mut sums, mut n) = (vec![0.0; width], vec![0; width]);
    let image = image.as_standard_layout();
    for (y, mut out) in small.rows_mut().into_iter().enumerate() {
        sums.fill(0.0);
        n.fill(0);
        let rows = y * height / h..(y + 1) * height / h;
        for row in image.slice(ndarray::s![rows, ..]).rows() {
            add_row(&mut sums, &mut n, row.to_slice().unwrap_or_default());
        }
        for (out, columns) in out.iter_mut().zip(&columns) {
            let n: u32 = n[columns.clone()].iter().sum();
            // 0 / 0 where none is finite.
            *out = narrow(sums[columns.clone()].iter().sum::<f64>() / f64::from(n));
        }
    }
    small
}

/// Adds the finite values of a row and their numbers, column by column.
#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn add_row(sums: &mut [f64], n: &mut [u32], row: &[f32]) {
    for ((sum, n), &value) in sums.iter_mut().zip(n).zip(row) {
        let finite = value.is_finite();
        *n += u32::from(finite);
        *sum += f64::from(if finite { value } else { 0.0 });
    }
}

/// A mask `(y, x)` with its longer side at most `longest` pixels: a new pixel is kept if half of its
/// rectangle is.
#[must_use]
pub fn reduce_mask(kept: ArrayView2<'_, bool>, longest: usize) -> Array2<bool> {
    let share = kept.mapv(|kept| if kept { 1.0 } else { 0.0 });
    reduce(share.view(), longest).mapv(|share| share >= 0.5)
}

/// The edge of a mask `(y, x)`: kept pixels with a neighbour above, below, left or right that is not kept.
/// Beyond the image nothing is kept, unless everything is.
///
/// ```
/// use ndarray::Array2;
///
/// let kept = Array2::from_shape_fn((5, 5), |(y, x)| (1..4).contains(&y) && (1..4).contains(&x));
/// let edge = widefield::render::outline(kept.view());
/// assert_eq!(edge.iter().filter(|&&e| e).count(), 8);
/// assert!(!edge[(2, 2)]);
/// ```
#[must_use]
pub fn outline(kept: ArrayView2<'_, bool>) -> Array2<bool> {
    let (height, width) = kept.dim();
    if kept.iter().all(|&k| k) {
        return Array2::from_elem(kept.dim(), false);
    }
    let at = |y: usize, x: usize| kept.get((y, x)).copied().unwrap_or(false);
    Array2::from_shape_fn((height, width), |(y, x)| {
        let inside = y > 0 && x > 0 && at(y - 1, x) && at(y, x - 1) && at(y + 1, x) && at(y, x + 1);
        kept[(y, x)] && !inside
    })
}

/// A round length of 1, 2 or 5 times a power of ten, at most `longest` and above `longest / 2.5`: for scale
/// bars and ticks. NaN for what is no number above 0.
///
/// ```
/// use widefield::render::round_length;
///
/// assert_eq!(round_length(1280.0), 1000.0);
/// assert_eq!(round_length(49.0), 20.0);
/// assert_eq!(round_length(0.7), 0.5);
/// ```
#[must_use]
pub fn round_length(longest: f64) -> f64 {
    if !(longest.is_finite() && longest > 0.0) {
        return f64::NAN;
    }
    let power = 10.0_f64.powf(longest.log10().floor());
    // The logarithm may round across a power of ten.
    let factor = [10.0, 5.0, 2.0, 1.0, 0.5]
        .into_iter()
        .find(|f| f * power <= longest * (1.0 + 1e-12));
    factor.unwrap_or(0.5) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_counts_once_when_reducing() {
        let image = Array2::from_shape_fn((37, 100), |(y, x)| (y * 100 + x) as f32);
        let small = reduce(image.view(), 30);
        assert_eq!(small.dim(), (11, 30));
        let mut rows = [0; 37];
        for y in 0..11 {
            for row in &mut rows[y * 37 / 11..(y + 1) * 37 / 11] {
                *row += 1;
            }
        }
        assert!(rows.iter().all(|&n| n == 1));
        assert_eq!(reduce(image.view(), 100), image);
        assert_eq!(reduce(Array2::zeros((1, 1000)).view(), 10).dim(), (1, 10));
        assert_eq!(reduce(Array2::zeros((0, 0)).view(), 10).dim(), (0, 0));
    }

    #[test]
    fn a_mask_that_keeps_everything_has_no_outline() {
        let all = Array2::from_elem((4, 6), true);
        assert!(outline(all.view()).iter().all(|&e| !e));
        let mut edge = all;
        edge[(0, 0)] = false;
        // The image's border counts as an edge as soon as something is masked.
        assert_eq!(outline(edge.view()).iter().filter(|&&e| e).count(), 15);
    }

    #[test]
    fn a_scale_is_between_percentiles() {
        let image = Array2::from_shape_fn((31, 17), |(y, x)| match (y * 37 + x * 101) % 19 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            n => (n as f32 - 9.0) * 0.37 + x as f32,
        });
        let finite = || {
            image
                .iter()
                .filter(|v| v.is_finite())
                .map(|&v| f64::from(v))
        };
        for [low, high] in [[0.0, 100.0], [0.5, 99.5], [33.3, 33.3], [90.0, 10.0]] {
            let scale = Scale::from_percentiles(image.view(), low, high).unwrap();
            let want = [low, high]
                .map(|percent| narrow(percentiles::percentile(finite(), percent).unwrap()));
            assert_eq!([scale.low, scale.high], want);
        }
    }

    #[test]
    fn scales_without_extent_and_without_pixels() {
        let flat = Scale {
            low: 5.0,
            high: 5.0,
        };
        assert_eq!(flat.share(7.0), Some(0.0));
        assert_eq!(flat.share(f32::NAN), None);
        assert_eq!(flat.share(f32::INFINITY), Some(0.0));
        let nothing = Array2::from_elem((2, 2), f32::NAN);
        assert_eq!(Scale::from_percentiles(nothing.view(), 0.0, 100.0), None);
    }

    #[test]
    fn round_lengths_are_round_and_never_too_long() {
        for i in 1..2000 {
            let longest = f64::from(i) * 0.37;
            let length = round_length(longest);
            assert!(
                length <= longest * (1.0 + 1e-9) && length > longest / 2.51,
                "{longest}: {length}"
            );
        }
        assert_eq!(round_length(1000.0), 1000.0);
        assert!(round_length(0.0).is_nan() && round_length(f64::NAN).is_nan());
    }
}
