//! Areas of an image of labels.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::Array2;

use super::{Areas, MOST, check_room, check_size};
use crate::Error;

/// An area for each number other than 0, in ascending order, named by it.
pub(super) fn areas(
    object: &str,
    labels: &Array2<i64>,
    size: (usize, usize),
) -> Result<Areas, Error> {
    check_size(object, "the image of labels", labels.dim(), size)?;
    let mut known = BTreeSet::new();
    for &label in labels.iter().filter(|&&label| label != 0) {
        known.insert(label);
        if known.len() > MOST {
            break;
        }
    }
    check_room(object, known.len(), size)?;
    let mut masks: BTreeMap<i64, Array2<bool>> = known
        .into_iter()
        .map(|label| (label, Array2::from_elem(size, false)))
        .collect();
    for (pixel, label) in labels.indexed_iter() {
        if let Some(mask) = masks.get_mut(label) {
            mask[pixel] = true;
        }
    }
    Ok(masks
        .into_iter()
        .map(|(label, mask)| (label.to_string(), mask))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn areas_are_named_by_their_numbers_in_order() {
        let labels = array![[0, 10, 2], [2, -3, 10]];
        let read = areas("x", &labels, (2, 3)).unwrap();
        let expected = [
            ("-3", array![[false, false, false], [false, true, false]]),
            ("2", array![[false, false, true], [true, false, false]]),
            ("10", array![[false, true, false], [false, false, true]]),
        ];
        let expected: Areas = expected
            .into_iter()
            .map(|(name, mask)| (name.to_owned(), mask))
            .collect();
        assert_eq!(read, expected);
        let error = areas("x", &labels, (3, 2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x: the image of labels has 2 rows and 3 columns, the frame 3 and 2"
        );
    }

    #[test]
    fn an_image_that_is_no_labels_is_refused() {
        let labels = Array2::from_shape_fn((256, 257), |(y, x)| (257 * y + x) as i64);
        let error = areas("x", &labels, (256, 257)).unwrap_err();
        assert_eq!(error.to_string(), "x: has more than 65535 areas");
    }
}
