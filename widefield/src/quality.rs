//! Measures that tell whether a recording can be trusted.
//!
//! Each function answers one question about pixels, a trace or a clock with one number; what is too much is
//! for the caller to decide. Where nothing can be measured the answer is NaN.
//!
//! ```
//! use widefield::quality;
//!
//! // dF/F of the whole mask: 2 % of the light is gone at the end of 100 frames.
//! let trace: Vec<f64> = (0..100).map(|t| -0.02 * f64::from(t) / 99.0).collect();
//! assert!((quality::bleaching(&trace) - 0.02).abs() < 1e-3);
//! assert!(quality::first_frame(&trace) < 0.002);
//! ```

mod alignment;
mod summary;

pub use alignment::{Alignment, Offset, Relabelling, Shift, USUAL_WITHIN_S, align};
pub use summary::{MovieSummary, Summary};

use crate::number::count;
use crate::percentiles::{median, percentile};
use crate::{Error, smooth};
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

/// Fewest frames a line is fitted to.
const FEWEST: usize = 10;

/// How much the light of frame 0 differs from that of the frames after it:
/// `|(1 + d(0)) / (1 + median of d(1) to d(9)) - 1|` for a trace `d` of dF/F.
///
/// A shutter or lamp that opens late makes it large. Fewer than 10 frames are taken as they are; NaN below 2.
///
/// ```
/// let mut trace = [0.01; 12];
/// trace[0] = -0.192;
/// assert!((widefield::quality::first_frame(&trace) - 0.2).abs() < 1e-12);
/// ```
#[must_use]
pub fn first_frame(trace: &[f64]) -> f64 {
    let Some((first, rest)) = trace.split_first() else {
        return f64::NAN;
    };
    let rest = &rest[..rest.len().min(9)];
    match median(rest.iter().copied()) {
        Some(median) => ((1.0 + first) / (1.0 + median) - 1.0).abs(),
        None => f64::NAN,
    }
}

/// Share of the light that is lost from frame 1 to the last one, by the straight line that fits
/// `1 + d(t)` best, for a trace `d` of dF/F. Negative if light is gained.
///
/// Frame 0 is left out, as [`first_frame`] judges it. NaN below 11 frames, or if a value is not finite.
#[must_use]
pub fn bleaching(trace: &[f64]) -> f64 {
    let light: Vec<f64> = trace.iter().skip(1).map(|d| 1.0 + d).collect();
    if light.len() < FEWEST {
        return f64::NAN;
    }
    let [first, last] = ends_of_line(&light);
    (first - last) / first
}

/// How far slow changes of light lie apart besides a straight line, as a share of its mean: the light of a recording less
/// the line that fits it best, in ten parts of equal length, the largest median of a part less the least.
///
/// A lamp that warms up or a focus that wanders makes it large; responses of less than a twentieth of the recording do
/// not. NaN below 20 values, or if one is not finite.
///
/// ```
/// let light: Vec<f64> = (0..600).map(|t| 1000.0 - 0.1 * f64::from(t)).collect();
/// assert!(widefield::quality::slow_drift(&light) < 1e-12);
/// let waves: Vec<f64> = (0..600).map(|t| 1000.0 + 50.0 * (f64::from(t) / 60.0).cos()).collect();
/// let drift = widefield::quality::slow_drift(&waves);
/// assert!((drift - 0.1).abs() < 0.01, "{drift}");
/// ```
#[must_use]
pub fn slow_drift(light: &[f64]) -> f64 {
    const PARTS: usize = 10;
    if light.len() < 2 * PARTS {
        return f64::NAN;
    }
    let [first, last] = ends_of_line(light);
    let step = (last - first) / count(light.len() - 1);
    let left = light
        .iter()
        .enumerate()
        .map(|(i, value)| value - step * count(i));
    let left: Vec<f64> = left.collect();
    let parts = (0..PARTS).map(|part| part * left.len() / PARTS..(part + 1) * left.len() / PARTS);
    let medians = parts.map(|part| median(left[part].iter().copied()).unwrap_or(f64::NAN));
    let [low, high] = medians.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], m| {
        [low.min(m), high.max(m)]
    });
    let mean = light.iter().sum::<f64>() / count(light.len());
    (high - low) / mean
}

/// Mean of the pixels `(y, x)` that a mask keeps; NaN if it keeps none.
///
/// # Errors
/// [`Error::Shape`] if image and mask differ in shape.
pub fn kept_mean(image: ArrayView2<'_, f32>, kept: ArrayView2<'_, bool>) -> Result<f64, Error> {
    crate::error::same_shape("mask", image.shape(), kept.shape())?;
    let pairs = image.iter().zip(kept.iter()).filter(|(_, kept)| **kept);
    let (sum, n) = pairs.fold((0.0, 0), |(sum, n), (value, _)| {
        (sum + f64::from(*value), n + 1)
    });
    Ok(sum / count(n))
}

/// Change from the first value to the last by the straight line that fits best, as a share of the mean;
/// positive if values rise. NaN below 3 values.
///
/// ```
/// let f0 = [100.0, 101.0, 99.0, 120.0, 119.0, 121.0];
/// let drift = widefield::quality::drift(&f0);
/// assert!((drift - 0.2338).abs() < 1e-4);
/// ```
#[must_use]
pub fn drift(values: &[f64]) -> f64 {
    if values.len() < 3 {
        return f64::NAN;
    }
    let [first, last] = ends_of_line(values);
    (last - first) / (values.iter().sum::<f64>() / count(values.len()))
}

/// First and last point of the least-squares line through values at equal distances.
fn ends_of_line(values: &[f64]) -> [f64; 2] {
    let n = count(values.len());
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let (mut above, mut below) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let x = count(i) - middle;
        above += x * (value - mean);
        below += x * x;
    }
    let half = above / below * middle;
    [mean - half, mean + half]
}

/// Median of the pixels `(y, x)` that a mask keeps; NaN if it keeps none.
///
/// # Errors
/// [`Error::Shape`] if image and mask differ in shape.
pub fn kept_median(image: ArrayView2<'_, f64>, kept: ArrayView2<'_, bool>) -> Result<f64, Error> {
    let values = kept_values(image, kept)?;
    Ok(median(values.iter().copied()).unwrap_or(f64::NAN))
}

/// Share of the kept pixels whose F0 is below `share` times the median of the kept pixels, where dF/F is
/// mostly noise. NaN if the mask keeps none.
///
/// ```
/// use ndarray::array;
///
/// let (f0, kept) = (array![[100.0, 104.0, 96.0, 4.0, 0.0]], array![[true, true, true, true, false]]);
/// assert_eq!(widefield::quality::low_share(f0.view(), kept.view(), 0.05)?, 0.25);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if F0 and mask differ in shape.
pub fn low_share(
    f0: ArrayView2<'_, f64>,
    kept: ArrayView2<'_, bool>,
    share: f64,
) -> Result<f64, Error> {
    let values = kept_values(f0, kept)?;
    let Some(median) = median(values.iter().copied()) else {
        return Ok(f64::NAN);
    };
    let low = values.iter().filter(|&&f0| f0 < share * median).count();
    Ok(count(low) / count(values.len()))
}

fn kept_values(image: ArrayView2<'_, f64>, kept: ArrayView2<'_, bool>) -> Result<Vec<f64>, Error> {
    crate::error::same_shape("mask", image.shape(), kept.shape())?;
    let pairs = image.iter().zip(kept.iter());
    Ok(pairs.filter(|(_, kept)| **kept).map(|(v, _)| *v).collect())
}

/// Intersection over union of two masks: 1 if they keep the same pixels, 0 if none of them. 1 if both keep none.
///
/// ```
/// use ndarray::array;
///
/// let iou = widefield::quality::overlap(array![[true, true, false]].view(), array![[false, true, true]].view())?;
/// assert!((iou - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if they differ in shape.
pub fn overlap(a: ArrayView2<'_, bool>, b: ArrayView2<'_, bool>) -> Result<f64, Error> {
    crate::error::same_shape("mask", a.shape(), b.shape())?;
    let (mut both, mut either) = (0, 0);
    for (&a, &b) in a.iter().zip(b.iter()) {
        both += usize::from(a && b);
        either += usize::from(a || b);
    }
    Ok(if either == 0 {
        1.0
    } else {
        count(both) / count(either)
    })
}

/// The pixels `(y, x)` that more than half of the masks keep; `None` without masks.
///
/// # Errors
/// [`Error::Shape`] if they differ in shape.
pub fn majority(masks: &[ArrayView2<'_, bool>]) -> Result<Option<Array2<bool>>, Error> {
    let Some(first) = masks.first() else {
        return Ok(None);
    };
    let mut votes = Array2::<usize>::zeros(first.dim());
    for mask in masks {
        crate::error::same_shape("mask", first.shape(), mask.shape())?;
        votes.zip_mut_with(mask, |votes, &kept| *votes += usize::from(kept));
    }
    Ok(Some(votes.mapv(|n| 2 * n > masks.len())))
}

/// How far the brightness of an image reaches, in units of its noise: the range from the 5th to the 95th
/// percentile of a frame over the standard deviation of a pixel's noise, which is that of its difference from another
/// frame over sqrt(2); the largest of all pairs.
///
/// `frames` are a few in a row `(t, y, x)`; of two the first one's range counts. Noise alone gives 3.29, the distance of
/// these percentiles of a normal distribution; a lit brain gives some tens or more. Where bright and dark frames
/// alternate, neighbours differ by the light itself and two frames hide it: take four or more, of which some two are
/// alike; [`alternation`] then tells. NaN below two frames or without pixels; infinite if two frames are equal up to a
/// constant.
///
/// ```
/// use ndarray::Array3;
/// use widefield::quality::light_over_noise;
///
/// // Every second frame is dark; noise of about 3 counts.
/// let frames = Array3::from_shape_fn((4, 20, 20), |(t, y, x)| {
///     let light = if t % 2 == 0 { 100.0 * y as f32 } else { 0.0 };
///     light + ((t * 31 + y * 17 + x * 7) % 11) as f32
/// });
/// let two = light_over_noise(frames.slice(ndarray::s![..2, .., ..]));
/// assert!(two < 5.0 && light_over_noise(frames.view()) > 100.0);
/// ```
#[must_use]
pub fn light_over_noise(frames: ArrayView3<'_, f32>) -> f64 {
    let pixels = frames.len_of(Axis(1)) * frames.len_of(Axis(2));
    let frames: Vec<_> = frames.outer_iter().collect();
    let mut best = f64::NAN;
    let mut later = frames.as_slice();
    while let [a, rest @ ..] = later
        && !rest.is_empty()
    {
        let range = brightness_range(*a);
        let pairs = rest.iter().map(|b| range / noise(*a, *b, pixels));
        best = pairs.fold(best, f64::max);
        later = rest;
    }
    best
}

/// From the 5th to the 95th percentile.
fn brightness_range(frame: ArrayView2<'_, f32>) -> f64 {
    let values: Vec<f64> = frame.iter().map(|&v| f64::from(v)).collect();
    let low = percentile(values.iter().copied(), 5.0);
    let high = percentile(values.iter().copied(), 95.0);
    match (low, high) {
        (Some(low), Some(high)) => high - low,
        _ => f64::NAN,
    }
}

/// Standard deviation of a pixel's noise from two frames of the same light.
fn noise(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, pixels: usize) -> f64 {
    let n = count(pixels);
    let difference = |(a, b): (&f32, &f32)| f64::from(*a) - f64::from(*b);
    let mean = a.iter().zip(&b).map(difference).sum::<f64>() / n;
    let squares = a
        .iter()
        .zip(&b)
        .map(|pair| (difference(pair) - mean).powi(2));
    (squares.sum::<f64>() / n / 2.0).sqrt()
}

/// Most frames of a cycle that [`alternation`] looks for.
const LONGEST_CYCLE: usize = 4;

/// How much the light goes up and down in a cycle of 2, 3 or 4 frames, as light sources that take turns make it: the
/// range of the medians of `1 + d(t)` over the frames at each place of the cycle, as a share of the largest of them;
/// the largest of the three cycles. For a trace `d` of dF/F.
///
/// 0 for steady light, 1 if some frames are dark. A cycle must come four times to be looked at; NaN below 8 frames.
///
/// ```
/// use widefield::quality::alternation;
///
/// let light = |t: usize| if t % 3 == 1 { 0.2 } else { 1.0 };
/// let trace: Vec<f64> = (0..60).map(|t| light(t) - 1.0).collect();
/// assert!((alternation(&trace) - 0.8).abs() < 1e-12);
/// // A response that rises and falls is no cycle.
/// let response: Vec<f64> = (0..60).map(|t| 0.05 * (-0.1 * f64::from(t)).exp()).collect();
/// assert!(alternation(&response) < 0.01);
/// ```
#[must_use]
pub fn alternation(trace: &[f64]) -> f64 {
    let cycle = |n: usize| {
        let places = (0..n).filter_map(|place| {
            let frames = trace.iter().skip(place).step_by(n);
            median(frames.map(|d| 1.0 + d).filter(|light| light.is_finite()))
        });
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), light| {
            (low.min(light), high.max(light))
        });
        (high > 0.0).then_some((high - low) / high)
    };
    let cycles = (2..=LONGEST_CYCLE).filter(|n| trace.len() >= 4 * n);
    cycles.filter_map(cycle).fold(f64::NAN, f64::max)
}

/// How unevenly frames come: the largest deviation of an interval from the median interval, as a share of
/// the median. NaN below 2 intervals.
///
/// `steps` are the differences of the framestamps, so that an interval over a dropped frame is divided by the
/// frames it spans; where there are fewer, or one is 0, the interval is taken as it is.
///
/// ```
/// // The third interval spans a dropped frame, the last one is 10 % long.
/// let jitter = widefield::quality::jitter(&[0.05, 0.05, 0.10, 0.05, 0.055], &[1, 1, 2, 1, 1]);
/// assert!((jitter - 0.1).abs() < 1e-12);
/// ```
#[must_use]
pub fn jitter(intervals_s: &[f64], steps: &[u32]) -> f64 {
    if intervals_s.len() < 2 {
        return f64::NAN;
    }
    let single = |(i, interval): (usize, &f64)| {
        let step = steps.get(i).copied().unwrap_or(1).max(1);
        interval / f64::from(step)
    };
    let intervals: Vec<f64> = intervals_s.iter().enumerate().map(single).collect();
    let Some(median) = median(intervals.iter().copied()) else {
        return f64::NAN;
    };
    let largest = intervals
        .iter()
        .map(|i| (i - median).abs())
        .fold(0.0, f64::max);
    largest / median.abs()
}

/// Row `row` of an image `(y, x)` after Gaussian smoothing, without smoothing the other rows.
///
/// Equal to that row of [`smooth::gaussian`] but for rounding, at the cost of one row: smoothing along y is
/// a weighted sum of the rows, and its weights are the smoothed impulse at `row`, as the reflected filter is
/// symmetric.
///
/// # Errors
/// [`Error::Empty`] if the image has no such row, [`Error::Parameter`] as [`smooth::gaussian`].
pub fn smoothed_row(image: ArrayView2<'_, f64>, sd_px: f64, row: usize) -> Result<Vec<f64>, Error> {
    if row >= image.nrows() {
        return Err(Error::Empty { what: "row" });
    }
    let mut impulse = Array2::zeros((image.nrows(), 1));
    impulse[(row, 0)] = 1.0;
    let weights = smooth::gaussian(impulse.view(), sd_px)?;
    let mut sums = Array2::zeros((1, image.ncols()));
    for (line, &weight) in image.rows().into_iter().zip(&weights) {
        if weight != 0.0 {
            sums.row_mut(0).scaled_add(weight, &line);
        }
    }
    Ok(smooth::gaussian(sums.view(), sd_px)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_row_of_the_smoothed_image() {
        let image = Array2::from_shape_fn((23, 31), |(y, x)| count((y * 31 + x * x) % 17));
        for sd in [0.0, 1.7, 9.0] {
            let whole = smooth::gaussian(image.view(), sd).unwrap();
            for row in [0, 11, 22] {
                let one = smoothed_row(image.view(), sd, row).unwrap();
                for (a, b) in one.iter().zip(whole.row(row)) {
                    assert!((a - b).abs() < 1e-12, "sd {sd}, row {row}");
                }
            }
        }
        assert!(smoothed_row(image.view(), 1.0, 23).is_err());
    }

    #[test]
    fn a_line_is_found_beside_a_dim_first_frame() {
        let mut trace: Vec<f64> = (0..50).map(|t| 0.01 - 0.001 * count(t)).collect();
        trace[0] = -0.5;
        // From frame 1, at 1.009, to frame 49, at 0.961.
        assert!((bleaching(&trace) - 0.048 / 1.009).abs() < 1e-12);
        assert!(bleaching(&trace[..10]).is_nan());
        assert!(
            bleaching(&[]).is_nan() && first_frame(&[]).is_nan() && first_frame(&[0.1]).is_nan()
        );
        assert!(drift(&[1.0, 2.0]).is_nan());
        assert!((drift(&[10.0, 10.0, 10.0])).abs() < 1e-12);
    }

    #[test]
    fn noise_alone_reaches_three_sd_and_light_reaches_further() {
        // Normal quantiles in an order that has nothing to do with place, another one for each frame.
        let noise = |turn: usize| {
            Array2::from_shape_fn((40, 50), |(y, x)| {
                let i = (y * 50 + x) * turn % 2003 % 2000;
                // Logistic quantiles are close to normal ones and need no table.
                let p = (count(i) + 0.5) / 2000.0;
                crate::number::narrow((p / (1.0 - p)).ln() / 1.702)
            })
        };
        let stack = |frames: &[Array2<f32>]| {
            let views: Vec<_> = frames.iter().map(|f| f.view()).collect();
            ndarray::stack(Axis(0), &views).unwrap()
        };
        let noises = [37, 101, 211, 307].map(noise);
        for n in [2, 4] {
            let dark = light_over_noise(stack(&noises[..n]).view());
            assert!((2.5..4.0).contains(&dark), "{dark}");
        }
        let brain = Array2::from_shape_fn((40, 50), |(y, _)| if y < 20 { 100.0 } else { 0.0 });
        let [lit, second, third, fourth] = noises.map(|noise| noise + &brain);
        let steady = light_over_noise(stack(&[lit.clone(), second.clone()]).view());
        assert!(steady > 80.0, "{steady}");
        // Whichever of the two kinds of frames comes first.
        let dark = |frame: &Array2<f32>| frame - &brain;
        for turns in [
            [lit.clone(), dark(&second), third.clone(), dark(&fourth)],
            [dark(&lit), second.clone(), dark(&third), fourth.clone()],
        ] {
            let found = light_over_noise(stack(&turns).view());
            assert!(found > 80.0, "{found}");
            assert!(light_over_noise(stack(&turns[..2]).view()) < 5.0);
        }
        assert!(light_over_noise(stack(std::slice::from_ref(&lit)).view()).is_nan());
        assert_eq!(
            light_over_noise(stack(&[lit.clone(), lit]).view()),
            f64::INFINITY
        );
        assert!(light_over_noise(ndarray::Array3::zeros((3, 0, 5)).view()).is_nan());
    }

    #[test]
    fn light_in_turns_is_told_from_light_that_changes() {
        let turns: Vec<f64> = (0..200)
            .map(|t| if t % 2 == 0 { 0.0 } else { -0.4 })
            .collect();
        assert!((alternation(&turns) - 0.4).abs() < 1e-12);
        let four: Vec<f64> = (0..200)
            .map(|t| if t % 4 == 3 { -1.0 } else { 0.0 })
            .collect();
        assert_eq!(alternation(&four), 1.0);
        let steady = vec![0.01; 50];
        assert_eq!(alternation(&steady), 0.0);
        let fading: Vec<f64> = (0..200).map(|t| -0.002 * count(t)).collect();
        assert!(alternation(&fading) < 0.01);
        let mut dim = steady.clone();
        dim[0] = -0.9;
        dim[7] = f64::NAN;
        assert!(alternation(&dim).abs() < 1e-12);
        assert!(alternation(&steady[..7]).is_nan() && alternation(&[f64::NAN; 20]).is_nan());
    }

    #[test]
    fn masks_overlap_and_vote() {
        let none = array![[false, false]];
        assert_eq!(overlap(none.view(), none.view()), Ok(1.0));
        assert_eq!(overlap(none.view(), array![[true, false]].view()), Ok(0.0));
        assert!(overlap(none.view(), array![[true]].view()).is_err());
        let masks = [
            array![[true, true, false]],
            array![[true, false, false]],
            array![[true, true, true]],
        ];
        let views: Vec<_> = masks.iter().map(|m| m.view()).collect();
        assert_eq!(majority(&views), Ok(Some(array![[true, true, false]])));
        assert_eq!(
            majority(&views[..2]),
            Ok(Some(array![[true, false, false]]))
        );
        assert_eq!(majority(&[]), Ok(None));
    }

    #[test]
    fn a_mask_that_keeps_nothing_has_no_median() {
        let none = array![[false, false]];
        let f0 = array![[1.0, 2.0]];
        assert!(kept_median(f0.view(), none.view()).unwrap().is_nan());
        assert!(low_share(f0.view(), none.view(), 0.05).unwrap().is_nan());
        assert_eq!(
            kept_median(f0.view(), array![[false, true]].view()),
            Ok(2.0)
        );
    }

    #[test]
    fn clocks_that_step_back_jitter_more_than_any_that_do_not() {
        assert!(jitter(&[0.05, 0.05, -0.2, 0.05, 0.3], &[1; 5]) > 1.0);
        assert!(jitter(&[0.05], &[1]).is_nan());
        assert_eq!(jitter(&[0.05, 0.05], &[]), 0.0);
    }
}
