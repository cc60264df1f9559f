//! What several trials of a session have in common.

use crate::Error;
use crate::error::same_shape;
use ndarray::Array2;

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
