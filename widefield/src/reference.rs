//! The reference image of a session.

use crate::Error;
use ndarray::{Array2, ArrayView2};
use ndarray_stats::QuantileExt;

/// `mean / max / 10`: the mean image `(y, x)` scaled to at most 0.1, f64.
///
/// The maximum leaves NaN pixels out; they stay NaN. A maximum of 0 gives NaN or infinity as IEEE
/// division does.
///
/// ```
/// let mean = ndarray::array![[100.0, 400.0]];
/// assert_eq!(widefield::reference::image(mean.view())?, ndarray::array![[0.025, 0.1]]);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Empty`] if there is no pixel that is a number.
pub fn image(mean: ArrayView2<'_, f64>) -> Result<Array2<f64>, Error> {
    let max = *mean.max_skipnan();
    if max.is_nan() {
        return Err(Error::Empty { what: "mean image" });
    }
    Ok(mean.mapv(|value| value / max / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn nan_is_left_out_of_the_maximum() {
        let image = image(array![[f64::NAN, 5.0, -10.0]].view()).unwrap();
        assert!(image[(0, 0)].is_nan());
        assert_eq!(image[(0, 1)], 0.1);
        assert_eq!(image[(0, 2)], -0.2);
    }

    #[test]
    fn nothing_to_scale_by_is_an_error() {
        assert!(super::image(Array2::zeros((0, 3)).view()).is_err());
        assert!(super::image(array![[f64::NAN]].view()).is_err());
    }
}
