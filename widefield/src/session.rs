//! What several trials of a session have in common.

use crate::Error;
use crate::error::same_shape;
use ndarray::{Array2, ArrayView2};

/// The mean of images `(y, x)`, each with the same weight, taken up one at a time; NaN where one is NaN.
///
/// Holds one image, however many there are. The sum is in f64 in the order in which they come.
///
/// ```
/// use ndarray::array;
/// use widefield::session::MeanOf;
///
/// let mut mean = MeanOf::default();
/// mean.add(array![[1.0, 2.0]].view())?;
/// mean.add(array![[3.0, 6.0]].view())?;
/// assert_eq!(mean.finish()?, array![[2.0, 4.0]]);
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MeanOf {
    sum: Option<Array2<f64>>,
    images: usize,
}

impl MeanOf {
    /// Takes up one more image.
    ///
    /// # Errors
    /// [`Error::Shape`] if it differs in shape from the first; then it is not counted.
    pub fn add(&mut self, image: ArrayView2<'_, f64>) -> Result<(), Error> {
        match &mut self.sum {
            None => self.sum = Some(image.to_owned()),
            Some(sum) => {
                same_shape("image", sum.shape(), image.shape())?;
                *sum += &image;
            }
        }
        self.images += 1;
        Ok(())
    }

    /// Height and width of the images; nothing before the first.
    pub fn dim(&self) -> Option<(usize, usize)> {
        self.sum.as_ref().map(Array2::dim)
    }

    /// The mean of all images.
    ///
    /// # Errors
    /// [`Error::Empty`] without images.
    pub fn finish(self) -> Result<Array2<f64>, Error> {
        let n = self.images as f64;
        self.sum.map(|sum| sum / n).ok_or(Error::Empty {
            what: "list of images",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn images_weigh_the_same_and_must_fit() {
        let mut mean = MeanOf::default();
        assert_eq!(mean.dim(), None);
        assert!(matches!(mean.clone().finish(), Err(Error::Empty { .. })));
        for image in [
            array![[1.0, f64::NAN]],
            array![[2.0, 1.0]],
            array![[6.0, 1.0]],
        ] {
            mean.add(image.view()).expect("same shape");
        }
        assert!(matches!(
            mean.add(array![[1.0]].view()),
            Err(Error::Shape { .. })
        ));
        assert_eq!(mean.dim(), Some((1, 2)));
        let mean = mean.finish().expect("three images");
        assert_eq!(mean[(0, 0)], 3.0);
        assert!(mean[(0, 1)].is_nan());
    }
}
