//! The least and the largest value of windows that slide over traces, whatever the length of the windows.
//!
//! Van Herk (1992) and Gil and Werman (1993): the values are cut into parts as long as the window, so that every
//! window is the end of one part and the begin of the next. Three comparisons a value.

use super::Lanes;
use multiversion::multiversion;

/// Every row becomes the least of the `length` rows that begin with it, as far as there are so many; NaN if one is.
pub(super) fn least_of(rows: &mut [Lanes], length: usize) {
    least_of_windows(rows, length);
}

/// Every row becomes the largest of the `length` rows that begin with it, as far as there are so many; NaN if one is.
pub(super) fn largest_of(rows: &mut [Lanes], length: usize) {
    largest_of_windows(rows, length);
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn least_of_windows(rows: &mut [Lanes], length: usize) {
    // Written so that NaN wins.
    over_windows(rows, length, |a, b| if a < b || a.is_nan() { a } else { b });
}

#[multiversion(targets("x86_64+avx512f", "x86_64+avx2"))]
fn largest_of_windows(rows: &mut [Lanes], length: usize) {
    over_windows(rows, length, |a, b| if a > b || a.is_nan() { a } else { b });
}

#[inline(always)]
fn over_windows(rows: &mut [Lanes], length: usize, extreme: impl Fn(f64, f64) -> f64 + Copy) {
    let length = length.max(1);
    let both = |a: &Lanes, b: &Lanes| -> Lanes { std::array::from_fn(|i| extreme(a[i], b[i])) };
    let mut start = 0;
    while start < rows.len() {
        let end = (start + length).min(rows.len());
        // From each row to the end of its part.
        for row in (start..end - 1).rev() {
            rows[row] = both(&rows[row], &rows[row + 1]);
        }
        // What windows that begin in this part take of the next one, which is still as it was.
        let next = end..(end + length - 1).min(rows.len());
        let mut begin: Option<Lanes> = None;
        for row in next {
            let so_far = begin.map_or(rows[row], |begin| both(&begin, &rows[row]));
            let window = row + 1 - length;
            rows[window] = both(&rows[window], &so_far);
            begin = Some(so_far);
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::super::LANES;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_to_looking_at_every_window(
            values in prop::collection::vec(prop_oneof![
                9 => -9.0_f64..9.0, 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY), 1 => Just(f64::NAN),
            ], 1..70),
            length in 1..80_usize,
        ) {
            let length = length.min(values.len());
            let rows: Vec<Lanes> = values.iter().map(|&v| [v; LANES]).collect();
            let (mut least, mut largest) = (rows.clone(), rows);
            least_of(&mut least, length);
            largest_of(&mut largest, length);
            for (i, window) in values.windows(length).enumerate() {
                let nan = window.iter().any(|v| v.is_nan());
                let fold = |start, choose: fn(f64, f64) -> f64| {
                    if nan { f64::NAN } else { window.iter().copied().fold(start, choose) }
                };
                let same = |found: Lanes, want: f64| {
                    found.iter().all(|v| v.to_bits() == want.to_bits() || v.is_nan() && want.is_nan())
                };
                prop_assert!(same(least[i], fold(f64::INFINITY, f64::min)), "least of {:?}", window);
                prop_assert!(same(largest[i], fold(f64::NEG_INFINITY, f64::max)), "largest of {:?}", window);
            }
        }
    }
}
