//! Single pixels taken out of a frame.

use crate::number::{count, index};

/// The input pixel of every output pixel on one axis.
///
/// The places are added up one step after the other as Pillow's `ImagingScaleAffine` does: where a place
/// falls on the border of two pixels, rounding decides, and so the order of operations.
pub(super) fn nearest(n_in: usize, n_out: usize) -> Vec<usize> {
    let step = count(n_in) / count(n_out);
    let mut place = step * 0.5;
    (0..n_out)
        .map(|_| {
            let at = index(place).min(n_in - 1);
            place += step;
            at
        })
        .collect()
}

/// Input columns and rows of the output pixels.
#[derive(Clone, Debug)]
pub(super) struct Points {
    pub(super) columns: Vec<usize>,
    pub(super) rows: Vec<usize>,
}

impl Points {
    /// Takes the pixels out of a frame whose rows have `width` pixels.
    pub(super) fn frame<T: Copy + Into<f32>>(&self, frame: &[T], width: usize, out: &mut [f32]) {
        for (out, &y) in out.chunks_exact_mut(self.columns.len()).zip(&self.rows) {
            let row = &frame[y * width..][..width];
            for (out, &x) in out.iter_mut().zip(&self.columns) {
                *out = row[x].into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_output_pixel_decides() {
        assert_eq!(nearest(8, 4), [1, 3, 5, 7]);
        assert_eq!(nearest(9, 3), [1, 4, 7]);
        assert_eq!(nearest(2, 5), [0, 0, 1, 1, 1]);
        assert_eq!(nearest(7, 1), [3]);
        assert!(
            nearest(super::super::MAX_SIDE, super::super::MAX_SIDE)
                .into_iter()
                .eq(0..super::super::MAX_SIDE)
        );
    }
}
