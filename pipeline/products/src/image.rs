//! Images in the axes of result files.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};
use widefield_storage::Orientation;

/// An image `(y, x)` in the axes of the file.
pub(crate) fn image(orientation: Orientation, image: ArrayView2<'_, f64>) -> Array2<f64> {
    let movie = orientation.apply(image.insert_axis(Axis(0)));
    movie
        .index_axis_move(Axis(2), 0)
        .as_standard_layout()
        .into_owned()
}

/// Images `(k, y, x)`, each in the axes of the file; k stays first.
pub(crate) fn images(orientation: Orientation, images: ArrayView3<'_, f64>) -> Array3<f64> {
    let movie = orientation.apply(images);
    movie
        .permuted_axes([2, 0, 1])
        .as_standard_layout()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_those_of_movies() {
        let stack = Array3::from_shape_fn((2, 3, 4), |(k, y, x)| (100 * k + 10 * y + x) as f64);
        for orientation in [Orientation::Notebook, Orientation::Camera] {
            let file = images(orientation, stack.view());
            let movie = orientation.apply(stack.view());
            for ((k, a, b), value) in file.indexed_iter() {
                assert_eq!(*value, movie[(a, b, k)]);
            }
            let one = image(orientation, stack.index_axis(Axis(0), 1));
            assert_eq!(one, file.index_axis(Axis(0), 1));
        }
    }
}
