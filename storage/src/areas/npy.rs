//! Images of labels as NumPy saves them, `.npy`.
//!
//! The crate `ndarray-npy` was weighed for this: it reads one type of number, known beforehand, and brings a parser of Python
//! with it (`pest`, `num-bigint`); of the header three fields are needed. The tests compare with it.
//!
//! Source: NumPy, "NPY format", `numpy.lib.format`: a magic text, version, the length of the header, and as header a Python
//! dictionary of `descr`, `fortran_order` and `shape`.

use ndarray::{Array2, ShapeBuilder};

use super::{Areas, check_size, labels};
use crate::Error;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The areas of a 2-D array `(y, x)` of whole numbers, also as floating point, or of truth values.
pub(super) fn read(object: &str, file: &[u8], size: (usize, usize)) -> Result<Areas, Error> {
    let wrong = |reason: String| Error::format(object, reason);
    let Some((header, data)) = split(file) else {
        return Err(wrong("the header of the NumPy array is cut".to_owned()));
    };
    let field = |name: &str| {
        let reason = || wrong(format!("the header of the NumPy array has no {name}"));
        value(header, name).ok_or_else(reason)
    };
    let (descr, order, shape) = (field("descr")?, field("fortran_order")?, field("shape")?);
    let descr = descr.trim_matches(['\'', '"']);
    let shape: Option<Vec<usize>> = shape
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect();
    let Some(&[height, width]) = shape.as_deref() else {
        let reason = format!("an array of the shape {shape:?} is no image of labels (y, x)");
        return Err(wrong(reason));
    };
    check_size(object, "the array", (height, width), size)?;
    let Some((bytes, numbers)) = numbers(descr, data) else {
        return Err(wrong(format!(
            "numbers of the type {descr} are no labels: save whole numbers of 8 to 64 bits"
        )));
    };
    let needed = height
        .checked_mul(width)
        .and_then(|count| count.checked_mul(bytes));
    if needed != Some(data.len()) {
        let reason = format!(
            "{} bytes of {descr} do not fill {height} x {width}",
            data.len()
        );
        return Err(wrong(reason));
    }
    let numbers: Option<Vec<i64>> = numbers.collect();
    let numbers = numbers.ok_or_else(|| {
        wrong(
            "not all numbers of the array are whole (and below 2^53), so they are no labels"
                .to_owned(),
        )
    })?;
    let shape = (height, width).set_f(order == "True");
    let labels =
        Array2::from_shape_vec(shape, numbers).map_err(|error| wrong(error.to_string()))?;
    labels::areas(object, &labels, size)
}

/// The header, and what follows it.
fn split(file: &[u8]) -> Option<(&str, &[u8])> {
    let rest = file.strip_prefix(MAGIC)?;
    let (&[major, _], rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = if major == 1 {
        let (&length, rest) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_le_bytes(length)), rest)
    } else {
        let (&length, rest) = rest.split_first_chunk::<4>()?;
        (usize::try_from(u32::from_le_bytes(length)).ok()?, rest)
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// What stands in the dictionary `header` under `name`: up to the next comma, of a tuple up to its end.
fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let at = header.find(&format!("'{name}'"))?;
    let rest = header.get(at + name.len() + 2..)?.trim_start();
    let rest = rest.strip_prefix(':')?.trim_start();
    let end = match rest.starts_with('(') {
        true => rest.find(')')? + 1,
        false => rest.find([',', '}'])?,
    };
    rest.get(..end).map(str::trim_end)
}

/// Numbers one after the other; one that is not whole is none.
type Numbers<'a> = Box<dyn Iterator<Item = Option<i64>> + 'a>;

/// Bytes of a number of the type `descr`, and the numbers in `data`.
fn numbers<'a>(descr: &str, data: &'a [u8]) -> Option<(usize, Numbers<'a>)> {
    macro_rules! decode {
        ($type:ty, $big:expr, $whole:expr) => {{
            let (chunks, _) = data.as_chunks::<{ size_of::<$type>() }>();
            let numbers = chunks.iter().map(move |&bytes| {
                let number = if $big {
                    <$type>::from_be_bytes(bytes)
                } else {
                    <$type>::from_le_bytes(bytes)
                };
                $whole(number)
            });
            Some((size_of::<$type>(), Box::new(numbers)))
        }};
    }
    let (order, kind) = descr.split_at_checked(1)?;
    let big = match order {
        ">" => true,
        // Those of one byte have none.
        "<" | "|" => false,
        _ => return None,
    };
    match kind {
        "b1" | "u1" => decode!(u8, big, |number| Some(i64::from(number))),
        "i1" => decode!(i8, big, |number| Some(i64::from(number))),
        "u2" => decode!(u16, big, |number| Some(i64::from(number))),
        "i2" => decode!(i16, big, |number| Some(i64::from(number))),
        "u4" => decode!(u32, big, |number| Some(i64::from(number))),
        "i4" => decode!(i32, big, |number| Some(i64::from(number))),
        "u8" => decode!(u64, big, |number| i64::try_from(number).ok()),
        "i8" => decode!(i64, big, Some),
        "f4" => decode!(f32, big, |number| whole(f64::from(number))),
        "f8" => decode!(f64, big, whole),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is whole and below 2^53"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use ndarray::array;
    use ndarray_npy::WriteNpyExt;

    const NEEDS: [&str; 3] = ["'<u2'", "False", "(2, 3)"];

    fn file([descr, order, shape]: [&str; 3], data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    #[test]
    fn what_ndarray_npy_writes_is_read() {
        let labels = array![[0_i64, 1, 2], [-1, 300, 2]];
        let names = ["-1", "1", "2", "300"];
        let mut files = vec![Vec::new(); 4];
        labels.write_npy(&mut files[0]).unwrap();
        labels
            .mapv(|label| label as f64)
            .write_npy(&mut files[1])
            .unwrap();
        labels
            .mapv(|label| label as f32)
            .write_npy(&mut files[2])
            .unwrap();
        // In Fortran's order.
        let mut turned = Array2::zeros((2, 3).f());
        turned.assign(&labels);
        turned.write_npy(&mut files[3]).unwrap();
        for file in &files {
            let read = read("x", file, (2, 3)).unwrap();
            assert!(read.iter().map(|(name, _)| name).eq(names));
            for (name, mask) in read {
                assert_eq!(mask, labels.mapv(|label| label.to_string() == name));
            }
        }
    }

    #[test]
    fn what_is_no_labels_is_refused() {
        let cases: [([&str; 3], &str); 8] = [
            (["'<u2'", "False", "(2, 2, 3)"], "is no image"),
            (["'<u2'", "False", "(6,)"], "is no image"),
            (["'<u2'", "False", "(2, x)"], "is no image"),
            (
                ["'<u2'", "False", "(3, 2)"],
                "3 rows and 2 columns, the frame 2 and 3",
            ),
            (["'<f2'", "False", "(2, 3)"], "<f2 are no labels"),
            (["'<c8'", "False", "(2, 3)"], "<c8 are no labels"),
            (["[('a', '<u2')]", "False", "(2, 3)"], "are no labels"),
            (["'<u4'", "False", "(2, 3)"], "do not fill"),
        ];
        for (header, expected) in cases {
            let error = read("x", &file(header, &[0; 12]), (2, 3)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        for number in [f32::NAN, 0.5, f32::INFINITY, 1e30] {
            let data: Vec<u8> = [number; 6].iter().flat_map(|n| n.to_le_bytes()).collect();
            let file = file(["'<f4'", "False", "(2, 3)"], &data);
            let error = read("x", &file, (2, 3)).unwrap_err();
            assert!(error.to_string().contains("whole"), "{error}");
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = file(NEEDS, &[1; 12]);
        assert_eq!(read("x", &whole, (2, 3)).unwrap().len(), 1);
        for cut in 0..whole.len() {
            let error = read("x", &whole[..cut], (2, 3)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{cut}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let most = usize::MAX.to_string();
        let shape = format!("({most}, {most})");
        let size = (usize::MAX, usize::MAX);
        let file = file(["'<u2'", "False", &shape], &[1; 12]);
        assert_eq!(
            read("x", &file, size).unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
}
