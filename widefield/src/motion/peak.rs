//! Where a correlation is highest, between its pixels.

use crate::number::count;
use ndarray::{ArrayView2, s};

/// The highest place of a correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Peak {
    /// Where it is, from the middle, in y and x.
    pub(super) place: [f64; 2],
    pub(super) height: f64,
    /// Height of the highest other summit; 0 where there is none above it.
    pub(super) second: f64,
    /// Whether the highest pixel is an outermost one, whose neighbours are not all known.
    pub(super) at_limit: bool,
}

/// The highest place of a correlation `(y, x)` with odd sides, whose middle stands for no shift. `None` if it holds
/// anything but numbers.
pub(super) fn find(correlation: ArrayView2<'_, f32>) -> Option<Peak> {
    let (height, width) = correlation.dim();
    let (mut best, mut highest) = ((0, 0), f32::NEG_INFINITY);
    for (place, &value) in correlation.indexed_iter() {
        if !value.is_finite() {
            return None;
        }
        if value > highest {
            (best, highest) = (place, value);
        }
    }
    // A side of one pixel has no direction to move in, and no limit.
    let outermost = |at: usize, side: usize| side > 1 && (at == 0 || at + 1 == side);
    let at_limit = outermost(best.0, height) || outermost(best.1, width);
    let (offset, gain) = match at_limit {
        true => ([0.0; 2], 0.0),
        false => top(|dy, dx| {
            let place = |at: usize, d: usize, side: usize| if side > 1 { at + d - 1 } else { at };
            f64::from(correlation[(place(best.0, dy, height), place(best.1, dx, width))])
        }),
    };
    Some(Peak {
        place: [
            count(best.0) - count(height / 2) + offset[0],
            count(best.1) - count(width / 2) + offset[1],
        ],
        height: f64::from(highest) + gain,
        second: second(correlation, best),
        at_limit,
    })
}

/// Where the parabola of least squares through 3 x 3 values has its top, from the middle one, and how much higher
/// it is there; the middle itself where it has none.
fn top(value: impl Fn(usize, usize) -> f64) -> ([f64; 2], f64) {
    let sum = |weight: [[f64; 3]; 3]| -> f64 {
        let all = (0..9).map(|i| weight[i / 3][i % 3] * value(i / 3, i % 3));
        all.sum()
    };
    let (down, right) = (
        sum([[-1.0; 3], [0.0; 3], [1.0; 3]]) / 6.0,
        sum([[-1.0, 0.0, 1.0]; 3]) / 6.0,
    );
    let (yy, xx) = (
        sum([[1.0; 3], [-2.0; 3], [1.0; 3]]) / 3.0,
        sum([[1.0, -2.0, 1.0]; 3]) / 3.0,
    );
    let yx = sum([[1.0, 0.0, -1.0], [0.0; 3], [-1.0, 0.0, 1.0]]) / 4.0;
    // An axis of one pixel is flat.
    let place = match (yy < 0.0, xx < 0.0) {
        (true, true) if yy * xx > yx * yx => {
            let determinant = yy * xx - yx * yx;
            [
                (yx * right - xx * down) / determinant,
                (yx * down - yy * right) / determinant,
            ]
        }
        (true, false) => [-down / yy, 0.0],
        (false, true) => [0.0, -right / xx],
        _ => [0.0; 2],
    };
    let place = place.map(|px: f64| px.clamp(-1.0, 1.0));
    (place, 0.5 * (down * place[0] + right * place[1]))
}

/// The highest pixel that none of its eight neighbours exceeds, but for the best one and its neighbours; at least 0.
fn second(correlation: ArrayView2<'_, f32>, best: (usize, usize)) -> f64 {
    let (height, width) = correlation.dim();
    let mut second = 0.0_f32;
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let value = correlation[(y, x)];
            if value <= second || y.abs_diff(best.0).max(x.abs_diff(best.1)) <= 1 {
                continue;
            }
            let around = correlation.slice(s![y - 1..=y + 1, x - 1..=x + 1]);
            if around.iter().all(|&other| other <= value) {
                second = value;
            }
        }
    }
    f64::from(second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// A bell beside the middle, and a lower one.
    fn hills(dy: f64, dx: f64, sd: f64) -> Array2<f32> {
        let bell = |y: f64, x: f64| (-0.5 * (y * y + x * x) / (sd * sd)).exp();
        Array2::from_shape_fn((19, 23), |(y, x)| {
            let (y, x) = (count(y) - 9.0, count(x) - 11.0);
            crate::number::narrow(bell(y - dy, x - dx) + 0.4 * bell(y + 6.0, x + 6.0))
        })
    }

    #[test]
    fn the_top_lies_between_pixels() {
        for (dy, dx) in [(0.0, 0.0), (3.3, -2.75), (-1.5, 5.49), (7.02, 0.01)] {
            let found = find(hills(dy, dx, 2.0).view()).unwrap();
            // A bell is no parabola: with this width the top between two pixels seems 0.03 px nearer to one.
            assert!((found.place[0] - dy).abs() < 0.035, "{found:?}, {dy}");
            assert!((found.place[1] - dx).abs() < 0.035, "{found:?}, {dx}");
            assert!((found.height - 1.0).abs() < 0.02 && !found.at_limit);
            assert!((found.second - 0.4).abs() < 0.02, "{found:?}");
        }
        assert!(find(hills(9.2, 0.0, 2.0).view()).unwrap().at_limit);
        assert!(find(hills(0.0, -12.0, 2.0).view()).unwrap().at_limit);
    }

    #[test]
    fn a_turned_parabola_is_found_to_the_last_place() {
        let (dy, dx) = (0.3, -0.2);
        let value = |y: usize, x: usize| {
            let (y, x) = (count(y) - 1.0 - dy, count(x) - 1.0 - dx);
            5.0 - y * y - 2.0 * x * x - 0.8 * y * x
        };
        let (place, gain) = top(value);
        assert!((place[0] - dy).abs() < 1e-12 && (place[1] - dx).abs() < 1e-12);
        assert!((value(1, 1) + gain - 5.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_but_numbers_and_no_summit() {
        let mut flat = Array2::zeros((5, 1));
        let found = find(flat.view()).unwrap();
        assert_eq!((found.height, found.second), (0.0, 0.0));
        flat[(0, 0)] = f32::NAN;
        assert_eq!(find(flat.view()), None);
    }
}
