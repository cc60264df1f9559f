//! Backgrounds that need no model of the light.

use super::Rectangle;
use crate::Error;
use crate::number::count;
use ndarray::{ArrayView2, s};

/// The brightness around which pixels are densest: the half-sample mode.
///
/// Of the sorted values the shortest run of half of them is kept, again and again; the first of equal ones.
/// What is left of the last two or three is their mean, of three the mean of the two that are closer, of
/// equally close ones the middle. `None` without values.
pub(super) fn mode(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let mut rest = values.as_slice();
    loop {
        let n = rest.len();
        match rest {
            [] => return None,
            [only] => return Some(*only),
            [a, b] => return Some(a + 0.5 * (b - a)),
            [a, b, c] => {
                let (left, right) = (b - a, c - b);
                return Some(if left < right {
                    a + 0.5 * left
                } else if right < left {
                    b + 0.5 * right
                } else {
                    *b
                });
            }
            _ => {}
        }
        let half = n.div_ceil(2);
        let length = |first: &usize| rest[first + half - 1] - rest[*first];
        let shortest = (0..=n - half).min_by(|a, b| length(a).total_cmp(&length(b)));
        let first = shortest.unwrap_or(0);
        rest = &rest[first..first + half];
    }
}

/// Mean of the pixels of a rectangle.
pub(super) fn rectangle(image: ArrayView2<'_, f64>, part: Rectangle) -> Result<f64, Error> {
    let (height, width) = image.dim();
    let Rectangle {
        x: left,
        y: top,
        width: columns,
        height: rows,
    } = part;
    let right = left.checked_add(columns).filter(|&end| end <= width);
    let bottom = top.checked_add(rows).filter(|&end| end <= height);
    let (Some(right), Some(bottom)) = (right, bottom) else {
        return Err(Error::Rectangle {
            x: left,
            y: top,
            columns,
            rows,
            width,
            height,
        });
    };
    let pixels = image.slice(s![top..bottom, left..right]);
    if pixels.is_empty() {
        return Err(Error::Empty {
            what: "dark rectangle",
        });
    }
    Ok(pixels.sum() / count(pixels.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_half_again_and_again() {
        // 5 of 9 values: 4, 5, 5, 6, 7 span 3; of those 5, 5, 6 and 4, 5, 5 span 1, the first is kept.
        let values = [0.0, 4.0, 5.0, 5.0, 6.0, 7.0, 20.0, 90.0, 91.0];
        assert_eq!(mode(values.to_vec()), Some(5.0));
        assert_eq!(mode(vec![]), None);
        assert_eq!(mode(vec![7.0]), Some(7.0));
        assert_eq!(mode(vec![9.0, 8.0]), Some(8.5));
        assert_eq!(mode(vec![1.0, 2.0, 9.0]), Some(1.5));
        assert_eq!(mode(vec![1.0, 2.0, 3.0]), Some(2.0));
    }
}
