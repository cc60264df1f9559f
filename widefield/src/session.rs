//! What several trials of a session have in common.

use crate::Error;
use crate::error::same_shape;
use ndarray::Array2;

/// The median; of an even number the mean of the middle two. `None` without values.
///
/// NaN sorts above every number, so it is the result only when it takes the middle.
///
/// ```
/// use widefield::session::median;
///
/// assert_eq!(median([61.0, 58.0, 250.0]), Some(61.0));
/// assert_eq!(median([58.0, 60.0]), Some(59.0));
/// assert_eq!(median([]), None);
/// ```
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values
        .into_iter()
        .map(|v| if v.is_nan() { f64::NAN } else { v })
        .collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[upper]),
        _ => Some(f64::midpoint(values[upper - 1], values[upper])),
    }
}

/// The mean of images (y, x), each with the same weight; NaN where one is NaN.
///
/// # Errors
/// [`Error::Empty`] without images, [`Error::Shape`] if they differ in shape.
///
/// ```
/// use ndarray::array;
///
/// let mean = widefield::session::mean_of(&[&array![[1.0, 2.0]], &array![[3.0, 6.0]]])?;
/// assert_eq!(mean, array![[2.0, 4.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
pub fn mean_of(images: &[&Array2<f64>]) -> Result<Array2<f64>, Error> {
    let first = images.first().ok_or(Error::Empty {
        what: "list of images",
    })?;
    let mut sum = Array2::zeros(first.dim());
    for image in images {
        same_shape("image", sum.shape(), image.shape())?;
        sum += *image;
    }
    let n = images.len() as f64;
    Ok(sum / n)
}
