//! Camera counts that cannot be light.

use multiversion::multiversion;
use ndarray::ArrayViewMut2;

/// Sets every pixel above `above` to 0 and returns how many there were.
///
/// Some recordings carry pixels near the top of the 16-bit range that no light made. The comparison
/// is strict: a pixel equal to `above` stays. An empty frame has none; `u16::MAX` clears nothing.
///
/// ```
/// let mut frame = ndarray::array![[100, 60_000], [60_001, 65_535]];
/// assert_eq!(widefield::invalid::clear(frame.view_mut(), 60_000), 2);
/// assert_eq!(frame, ndarray::array![[100, 60_000], [0, 0]]);
/// ```
pub fn clear(mut frame: ArrayViewMut2<'_, u16>, above: u16) -> usize {
    let mut cleared = 0;
    for mut row in frame.rows_mut() {
        match row.as_slice_mut() {
            Some(row) => cleared += clear_row(row, above),
            None => row
                .iter_mut()
                .for_each(|value| cleared += clear_row(std::slice::from_mut(value), above)),
        }
    }
    cleared
}

/// Clears one row.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
pub(crate) fn clear_row(row: &mut [u16], above: u16) -> usize {
    // Most rows have none, which is found out without a store.
    if row.iter().fold(0, |most, &value| most.max(value)) <= above {
        return 0;
    }
    let mut cleared = 0;
    // Counted in 16 bits within pieces too short to overflow, which keeps all vector lanes in use.
    for piece in row.chunks_mut(1 << 14) {
        let mut found = 0_u16;
        for value in piece {
            let invalid = *value > above;
            found += u16::from(invalid);
            *value = if invalid { 0 } else { *value };
        }
        cleared += usize::from(found);
    }
    cleared
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    #[test]
    fn counts_and_clears_in_rows_longer_than_a_piece() {
        let mut frame = Array2::from_elem((2, 40_000), 7_u16);
        frame.slice_mut(s![1, ..35_000]).fill(9);
        assert_eq!(clear(frame.view_mut(), 8), 35_000);
        assert_eq!(frame.iter().filter(|&&value| value == 0).count(), 35_000);
        assert_eq!(frame[(1, 35_000)], 7);
    }

    #[test]
    fn strided_views_and_empty_frames_work() {
        let mut frame = Array2::from_shape_fn((4, 4), |(y, x)| if y == x { 9 } else { 1 });
        assert_eq!(clear(frame.slice_mut(s![.., ..;2]), 5), 2);
        assert_eq!(frame[(1, 1)], 9);
        assert_eq!(clear(Array2::zeros((0, 5)).view_mut(), 5), 0);
        assert_eq!(clear(frame.view_mut(), u16::MAX), 0);
    }
}
