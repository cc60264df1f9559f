//! Percentiles, and the median among them.

use crate::number::{count, index};
use std::cmp::Ordering;

/// Percentile (0 to 100) with linear interpolation between order statistics, as `numpy.percentile`; `None`
/// if there are no values. NaN sorts above every number. Takes time in proportion to the number of values.
///
/// ```
/// assert_eq!(widefield::percentiles::percentile([30.0, 10.0, 20.0], 75.0), Some(25.0));
/// ```
#[must_use]
pub fn percentile(values: impl IntoIterator<Item = f64>, percent: f64) -> Option<f64> {
    let mut values: Vec<Value> = values.into_iter().map(Value).collect();
    let (Value(lower), upper, between) = select(&mut values, percent)?;
    Some(match upper {
        Some(Value(upper)) if (upper - lower).is_finite() => lower + (upper - lower) * between,
        // Halves: two numbers may be further apart than the largest one.
        Some(Value(upper)) => (lower / 2.0 + (upper / 2.0 - lower / 2.0) * between) * 2.0,
        None => lower,
    })
}

/// The value that a percentile follows, the next one, and how far it is from the one to the other; `None` without
/// values. An exact place has no next one, which may be infinite. The values are reordered.
pub(crate) fn select<T: Ord + Copy>(values: &mut [T], percent: f64) -> Option<(T, Option<T>, f64)> {
    let (low, between) = place(values.len(), percent)?;
    // The selection of `std` is linear also where all values are equal, as in a dark image.
    let (_, &mut lower, above) = values.select_nth_unstable(low);
    let upper = above.iter().min().filter(|_| between > 0.0);
    Some((lower, upper.copied(), between))
}

/// Which of `n` sorted values a percentile follows, and how far it is from there to the next one; `None`
/// without values. A distance above 0 means that there is a next one.
pub(crate) fn place(n: usize, percent: f64) -> Option<(usize, f64)> {
    let last = n.checked_sub(1)?;
    let place = percent.clamp(0.0, 100.0) / 100.0 * count(last);
    let low = index(place);
    if low >= last {
        return Some((last, 0.0));
    }
    Some((low, place - count(low)))
}

/// A whole number that sorts as the f32 does: -NaN, negative numbers, -0, 0, positive numbers, NaN.
#[inline(always)]
pub(crate) fn key(value: f32) -> i32 {
    flip(value.to_bits().cast_signed())
}

/// The f32 of a [`key`].
#[inline(always)]
pub(crate) fn of_key(key: i32) -> f32 {
    f32::from_bits(flip(key).cast_unsigned())
}

#[inline(always)]
fn flip(bits: i32) -> i32 {
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

/// The median; of an even number the mean of the middle two. `None` without values.
///
/// ```
/// use widefield::percentiles::median;
///
/// assert_eq!(median([61.0, 58.0, 250.0]), Some(61.0));
/// assert_eq!(median([58.0, 60.0]), Some(59.0));
/// assert_eq!(median([]), None);
/// ```
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    percentile(values, 50.0)
}

/// A number with a total order, in which every NaN is the largest.
#[derive(Clone, Copy, Debug)]
struct Value(f64);

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let either = self.0.is_nan().cmp(&other.0.is_nan());
        either.then_with(|| self.0.total_cmp(&other.0))
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_interpolates_between_order_statistics() {
        let values = [50.0, 10.0, 40.0, 20.0, 30.0];
        // Place 5 % of 4 steps = 0.2 of the way from 10 to 20.
        assert!((percentile(values, 5.0).unwrap() - 12.0).abs() < 1e-12);
        assert_eq!(percentile(values, 0.0), Some(10.0));
        assert_eq!(percentile(values, 100.0), Some(50.0));
        assert_eq!(percentile([], 5.0), None);
    }

    #[test]
    fn equal_values_take_no_longer() {
        let values = || (0..2_000_000).map(|i| f64::from(u8::from(i == 17)));
        assert_eq!(percentile(values(), 99.5), Some(0.0));
        assert_eq!(percentile(values(), 100.0), Some(1.0));
    }

    #[test]
    fn nan_sorts_above_and_infinity_spoils_only_its_own_place() {
        let nan = f64::NAN;
        assert_eq!(percentile([nan, 1.0, -nan], 0.0), Some(1.0));
        assert!(percentile([nan, 1.0, -nan], 50.0).unwrap().is_nan());
        assert_eq!(percentile([f64::INFINITY, 2.0, 1.0], 50.0), Some(2.0));
        assert_eq!(percentile([f64::INFINITY, 1.0], 100.0), Some(f64::INFINITY));
    }

    #[test]
    fn numbers_further_apart_than_the_largest_one_have_percentiles() {
        let values = [f64::MIN, f64::MAX];
        assert_eq!(percentile(values, 25.0), Some(f64::MIN / 2.0));
        assert_eq!(percentile(values, 50.0), Some(0.0));
    }

    #[test]
    fn keys_sort_as_the_numbers_do() {
        let values = [
            f32::NEG_INFINITY,
            -2.5,
            -1e-45,
            -0.0,
            0.0,
            1e-45,
            3.0,
            f32::INFINITY,
        ];
        assert!(values.map(key).is_sorted());
        assert!(key(f32::NAN) > key(f32::INFINITY));
        for value in values {
            assert_eq!(of_key(key(value)).to_bits(), value.to_bits());
        }
    }

    #[test]
    fn equal_to_sorting() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * 7919 % 1009)).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for percent in [0.0_f64, 1.0, 5.0, 33.3, 50.0, 99.9, 100.0] {
            let place = percent / 100.0 * 999.0;
            let (low, high) = (index(place), (index(place) + 1).min(999));
            let want = sorted[low] + (sorted[high] - sorted[low]) * place.fract();
            assert!((percentile(values.clone(), percent).unwrap() - want).abs() < 1e-9);
        }
    }
}
