//! The header of NumPy's format.
//!
//! Source: numpy.lib.format, version 1.0: the magic bytes, the length of a Python dictionary, the dictionary, padded by
//! blanks and ended by a line feed so that the array starts at a multiple of 64 bytes.

use super::Sample;

/// What stands before an array `(t, y, x)` in C order.
pub(super) fn head([t, y, x]: [usize; 3], sample: Sample) -> Vec<u8> {
    let kind = match sample {
        Sample::U16 => "<u2",
        Sample::F32 => "<f4",
    };
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({t}, {y}, {x}), }}");
    // Three numbers of 20 digits at most: two multiples of 64 are the longest.
    let length: u16 = if text.len() < 128 - 10 { 118 } else { 182 };
    let mut head = b"\x93NUMPY\x01\x00".to_vec();
    head.extend(length.to_le_bytes());
    head.extend(format!("{text:<width$}\n", width = usize::from(length) - 1).into_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use ndarray_npy::ReadNpyExt;

    #[test]
    fn another_reader_understands_it() {
        let counts = Array3::from_shape_fn((2, 3, 4), |(t, y, x)| {
            [0_u16, 500, 65_535][(t + 2 * y + x) % 3]
        });
        let mut file = head([2, 3, 4], Sample::U16);
        file.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        assert_eq!(Array3::<u16>::read_npy(&file[..]).unwrap(), counts);

        let values = counts.mapv(f32::from);
        let mut file = head([2, 3, 4], Sample::F32);
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!(Array3::<f32>::read_npy(&file[..]).unwrap(), values);
    }

    #[test]
    fn arrays_start_at_multiples_of_64_bytes() {
        for n in [1, usize::MAX / 1000, usize::MAX] {
            let head = head([n, n, n], Sample::F32);
            assert_eq!((head.len() % 64, head.last()), (0, Some(&b'\n')));
            let said = usize::from(u16::from_le_bytes([head[8], head[9]]));
            assert_eq!(said, head.len() - 10);
        }
    }
}
