//! Numeric arrays of MAT files, level 5.
//!
//! The crate `matfile` was weighed for this: it prints to standard error, stops silently at an
//! array it does not take (int32 among them), multiplies dimensions unchecked and
//! inflates without limit; files from outside need more care. The tests compare with it.

use std::borrow::Cow;
use std::ops::RangeBounds;

use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};
use ndarray::{Array3, ArrayD, Axis, Ix3, IxDyn, ShapeBuilder};

use super::element::{COMPRESSED, INT8, INT32, MATRIX, UINT32};
use crate::limits::DEFLATE_EXPANSION;
use crate::{Error, Orientation, Place, ReadLimits};

/// Name of the file in messages; whoever knows its place puts that before it.
const FILE: &str = "MAT file";

/// A numeric array of a MAT file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its class in MATLAB.
    pub class: Class,
    /// Its values, axes as in MATLAB. Integers beyond 2^53 are rounded.
    pub values: ArrayD<f64>,
}

impl Variable {
    /// Frames and camera rows of a movie in the axes of `orientation`, as `(t, y, x)`, rounded to f32.
    ///
    /// A matrix is a movie of one frame, as which MATLAB saves it.
    ///
    /// ```
    /// use ndarray::Array3;
    /// use widefield_storage::{MatMovie, Orientation, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// let movie = Array3::from_shape_fn((10, 4, 6), |(t, y, x)| (100 * t + 10 * y + x) as f32);
    /// let mut file = place.create_mat("trial.mat", MatMovie::new("tr", [10, 4, 6]))?;
    /// file.push(movie.view())?;
    /// file.finish()?;
    ///
    /// let tr = &place.read_mat("trial.mat")?[0];
    /// assert_eq!(tr.movie(Orientation::Notebook, .., ..)?, movie);
    /// let part = tr.movie(Orientation::Notebook, 7..9, 1..=2)?;
    /// assert_eq!(part, movie.slice(ndarray::s![7..9, 1..=2, ..]));
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Usage`] if the array has neither two nor three axes, or not those frames and rows.
    pub fn movie(
        &self,
        orientation: Orientation,
        frames: impl RangeBounds<usize>,
        rows: impl RangeBounds<usize>,
    ) -> Result<Array3<f32>, Error> {
        let mut values = self.values.view();
        if values.ndim() == 2 {
            values = values.insert_axis(Axis(2));
        }
        let values = values.into_dimensionality::<Ix3>().map_err(|_| {
            let reason = format!(
                "an array of the shape {:?} is no movie",
                self.values.shape()
            );
            Error::usage(&self.name, reason)
        })?;
        let (a, b, t) = values.dim();
        let part = orientation.part([a, b, t], frames, rows, &self.name)?;
        let [a, b, t] = part.map(|(from, to)| from..to);
        let part = orientation.undo(values.slice(ndarray::s![a, b, t]));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding is what was asked for"
        )]
        let movie = part.as_standard_layout().mapv(|value| value as f32);
        Ok(movie)
    }
}

impl Place {
    /// Reads like [`read`] the MAT file `name`.
    ///
    /// # Errors
    /// As [`Place::read`] and [`read`], which name the file.
    pub fn read_mat(&self, name: &str) -> Result<Vec<Variable>, Error> {
        let object = self.object(name);
        read(&self.read(name)?).map_err(|error| error.of_object(&object))
    }
}

/// Class of a numeric array in MATLAB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// 64-bit floating point.
    Double,
    /// 32-bit floating point.
    Single,
    /// Signed integer of so many bits.
    Int(u8),
    /// Unsigned integer of so many bits.
    UInt(u8),
    /// True (1) or false (0).
    Logical,
}

/// The real numeric arrays of a MAT file, level 5 (v6, v7), in file order.
///
/// Texts, cells, structures, objects, and sparse or complex arrays are left out.
///
/// # Errors
/// [`Error::Format`], naming the byte, if the file is cut or contradicts itself, or is of another
/// level (version 7.3 is HDF5); [`Error::TooLarge`] above [`ReadLimits::default`].
pub fn read(bytes: &[u8]) -> Result<Vec<Variable>, Error> {
    read_with(bytes, ReadLimits::default())
}

/// Reads like [`read`], within `limits`.
///
/// # Errors
/// As [`read`].
pub fn read_with(bytes: &[u8], limits: ReadLimits) -> Result<Vec<Variable>, Error> {
    let mut variables = Vec::new();
    arrays(bytes, limits, |mut array| {
        variables.extend(array.variable(limits)?);
        Ok(())
    })?;
    Ok(variables)
}

/// Shows the arrays of a file one by one, inflated within `limits`.
pub(super) fn arrays(
    bytes: &[u8],
    limits: ReadLimits,
    mut show: impl FnMut(Reader<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let order = order(bytes)?;
    let mut file = Reader {
        bytes,
        at: 128,
        order,
        origin: "byte",
    };
    while file.at < bytes.len() {
        let start = file.at;
        let (kind, data) = file.element(false)?;
        let inflated = match kind {
            MATRIX => Cow::Borrowed(data),
            COMPRESSED => {
                let inflated = inflate(data, start, limits)?;
                let mut reader = Reader {
                    bytes: &inflated,
                    at: 0,
                    order,
                    origin: "inflated byte",
                };
                match reader.element(false)? {
                    (MATRIX, data) => Cow::Owned(data.to_vec()),
                    _ => continue,
                }
            }
            _ => continue,
        };
        show(file.within(&inflated))?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Little,
    Big,
}

/// Checks the header and tells the byte order.
fn order(bytes: &[u8]) -> Result<Order, Error> {
    let Some(header) = bytes.get(..128) else {
        let reason = format!("{} bytes, the header alone has 128", bytes.len());
        return Err(Error::format(FILE, reason));
    };
    let (order, version) = match header[126..] {
        [b'I', b'M'] => (Order::Little, header[125]),
        [b'M', b'I'] => (Order::Big, header[124]),
        _ => return Err(Error::format(FILE, "byte 126: no level 5 header")),
    };
    match version {
        1 => Ok(order),
        2 => Err(Error::format(
            FILE,
            "version 7.3, which is HDF5: read it as such",
        )),
        other => Err(Error::format(
            FILE,
            format!("byte 124: version {other} is not known"),
        )),
    }
}

/// Undoes a compressed element, never making more than the limits and deflate permit.
fn inflate(data: &[u8], start: usize, limits: ReadLimits) -> Result<Vec<u8>, Error> {
    let possible = (data.len() as u64)
        .saturating_mul(DEFLATE_EXPANSION)
        .saturating_add(64);
    // Room for flags, dimensions and name beside the numbers.
    let limit = limits.bytes.saturating_add(1 << 12).min(possible);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    decompress_to_vec_zlib_with_limit(data, limit).map_err(|error| match error.status {
        TINFLStatus::HasMoreOutput => too_large(u64::MAX, limit as u64),
        _ => Error::format(FILE, format!("byte {start}: compressed element: {error}")),
    })
}

pub(super) fn too_large(bytes: u64, limit: u64) -> Error {
    Error::TooLarge {
        object: FILE.to_owned(),
        what: "an array",
        bytes,
        limit,
    }
}

/// Bounds-checked reading of elements.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
    /// What `at` counts, for messages.
    origin: &'static str,
}

/// What precedes the content of an array.
pub(super) struct Head {
    pub(super) shape: Vec<usize>,
    pub(super) name: String,
}

impl Head {
    /// How many elements it has, unless these are beyond counting.
    pub(super) fn elements(&self) -> Option<usize> {
        let mut sizes = self.shape.iter();
        sizes.try_fold(1_usize, |product, &size| product.checked_mul(size))
    }
}

impl<'a> Reader<'a> {
    /// Reads an array within.
    pub(super) fn within<'b>(&self, bytes: &'b [u8]) -> Reader<'b> {
        Reader {
            bytes,
            at: 0,
            order: self.order,
            origin: "byte of the array",
        }
    }

    pub(super) fn wrong(&self, reason: &str) -> Error {
        Error::format(FILE, format!("{} {}: {reason}", self.origin, self.at))
    }

    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let Some(taken) = rest.get(..count) else {
            let reason = format!("{what} needs {count} bytes, {} remain", rest.len());
            return Err(self.wrong(&reason));
        };
        self.at += count;
        Ok(taken)
    }

    #[cfg(feature = "areas")]
    pub(super) fn u16(&self, bytes: [u8; 2]) -> u16 {
        match self.order {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(&self, bytes: [u8; 4]) -> u32 {
        match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Type and data of the next element; `padded` to 8 bytes within arrays.
    pub(super) fn element(&mut self, padded: bool) -> Result<(u32, &'a [u8]), Error> {
        let tag = self.take(8, "a tag")?;
        let (first, second) = tag.split_at(4);
        let word = |half: &[u8]| half.try_into().map_or(0, |half| self.u32(half));
        let (first, count) = (word(first), word(second));
        // Small elements keep type and count in the first four bytes, data in the others.
        if first >> 16 != 0 {
            let (kind, count) = (first & 0xffff, first >> 16);
            let data = usize::try_from(count)
                .ok()
                .and_then(|count| tag[4..].get(..count));
            return match data {
                Some(data) => Ok((kind, data)),
                None => Err(self.wrong(&format!("a small element of {count} bytes"))),
            };
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let data = self.take(count, "an element")?;
        if padded {
            // The last part of an array may come without its padding.
            self.at = self.at.next_multiple_of(8).min(self.bytes.len());
        }
        Ok((first, data))
    }

    /// The variable of an array element; nothing if it is not numeric and real.
    fn variable(&mut self, limits: ReadLimits) -> Result<Option<Variable>, Error> {
        let flags = self.flags()?;
        if class(flags).is_none() {
            return Ok(None);
        }
        let head = self.head()?;
        self.numbers_of(flags, &head, limits)
    }

    /// The flags that an array starts with.
    pub(super) fn flags(&mut self) -> Result<u32, Error> {
        let (UINT32, flags) = self.element(true)? else {
            return Err(self.wrong("array flags are missing"));
        };
        match flags.first_chunk::<4>() {
            Some(&flags) => Ok(self.u32(flags)),
            None => Err(self.wrong("array flags are cut")),
        }
    }

    /// The sizes and the name, which follow the flags.
    pub(super) fn head(&mut self) -> Result<Head, Error> {
        let (INT32, sizes) = self.element(true)? else {
            return Err(self.wrong("array dimensions are missing"));
        };
        let mut shape = Vec::new();
        for size in sizes.chunks(4) {
            let size = size.try_into().ok().map(|size| self.u32(size));
            // They are signed, so the upper half of what fits is negative.
            let size = size.and_then(|size| i32::try_from(size).ok());
            let size = size.and_then(|size| usize::try_from(size).ok());
            shape.push(size.ok_or_else(|| self.wrong("an array dimension is negative or cut"))?);
        }
        // MATLAB has no arrays of fewer, so those who read them count on two.
        if shape.len() < 2 {
            return Err(self.wrong("the array has fewer than two dimensions"));
        }
        let (INT8, name) = self.element(true)? else {
            return Err(self.wrong("the name of the array is missing"));
        };
        let name = String::from_utf8_lossy(name);
        let name = name.trim_end_matches('\0').to_owned();
        Ok(Head { shape, name })
    }

    /// The numbers that follow; nothing if it is not numeric and real.
    pub(super) fn numbers_of(
        &mut self,
        flags: u32,
        head: &Head,
        limits: ReadLimits,
    ) -> Result<Option<Variable>, Error> {
        let Some(class) = class(flags) else {
            return Ok(None);
        };
        let (shape, name) = (&head.shape, &head.name);
        let elements = head.elements();
        let bytes = elements.map_or(u64::MAX, |elements| (elements as u64).saturating_mul(8));
        if bytes > limits.bytes {
            return Err(too_large(bytes, limits.bytes));
        }
        let (kind, data) = self.element(true)?;
        let Some(width) = width(kind) else {
            return Err(self.wrong(&format!("{name}: numbers of the unknown type {kind}")));
        };
        if elements.and_then(|elements| elements.checked_mul(width)) != Some(data.len()) {
            let reason = format!(
                "{name}: {} bytes of numbers do not fill {shape:?}",
                data.len()
            );
            return Err(self.wrong(&reason));
        }
        let values = numbers(kind, data, self.order);
        let values = ArrayD::from_shape_vec(IxDyn(shape).f(), values)
            .map_err(|error| self.wrong(&format!("{name}: {error}")))?;
        Ok(Some(Variable {
            name: name.clone(),
            class,
            values,
        }))
    }
}

/// The class that flags tell; nothing if it is not numeric and real.
fn class(flags: u32) -> Option<Class> {
    let complex = flags & 0x800 != 0;
    let class = match flags & 0xff {
        6..=15 if flags & 0x200 != 0 => Class::Logical,
        6 => Class::Double,
        7 => Class::Single,
        signed @ (8 | 10 | 12 | 14) => Class::Int(bits(signed - 8)),
        unsigned @ (9 | 11 | 13 | 15) => Class::UInt(bits(unsigned - 9)),
        _ => return None,
    };
    (!complex).then_some(class)
}

/// Bits of the integer class that lies `step` above the one of 8 bits.
fn bits(step: u32) -> u8 {
    match step {
        0 => 8,
        2 => 16,
        4 => 32,
        _ => 64,
    }
}

/// Bytes of a number of the element type `kind`.
fn width(kind: u32) -> Option<usize> {
    match kind {
        1 | 2 => Some(1),
        3 | 4 => Some(2),
        5..=7 => Some(4),
        9 | 12 | 13 => Some(8),
        _ => None,
    }
}

/// Numbers of a known type as doubles. MATLAB stores whole numbers of any class in the smallest type.
fn numbers(kind: u32, data: &[u8], order: Order) -> Vec<f64> {
    macro_rules! decode {
        ($type:ty, $convert:expr) => {
            data.chunks_exact(size_of::<$type>())
                .map(|bytes| {
                    let bytes = bytes.try_into().unwrap_or_default();
                    $convert(match order {
                        Order::Little => <$type>::from_le_bytes(bytes),
                        Order::Big => <$type>::from_be_bytes(bytes),
                    })
                })
                .collect()
        };
    }
    match kind {
        1 => decode!(i8, f64::from),
        2 => decode!(u8, f64::from),
        3 => decode!(i16, f64::from),
        4 => decode!(u16, f64::from),
        5 => decode!(i32, f64::from),
        6 => decode!(u32, f64::from),
        7 => decode!(f32, f64::from),
        12 => decode!(i64, |value| value as f64),
        13 => decode!(u64, |value| value as f64),
        _ => decode!(f64, |value| value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, MatFile};

    /// A file with one array element made of `parts`, each already padded.
    fn file(parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let mut file = super::super::element::header().to_vec();
        file.extend(MATRIX.to_le_bytes());
        file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        file.extend(body);
        file
    }

    const FLAGS: &[u8] = &[6, 0, 0, 0, 8, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
    const SIZE_1_2: &[u8] = &[5, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
    const NAME_AB: &[u8] = &[1, 0, 2, 0, b'a', b'b', 0, 0];
    /// A double array may be stored as bytes: 3, 250.
    const BYTES: &[u8] = &[2, 0, 2, 0, 3, 250, 0, 0];

    fn kind(bytes: &[u8]) -> ErrorKind {
        read(bytes).unwrap_err().kind()
    }

    #[test]
    fn doubles_may_be_stored_as_bytes() {
        let read = read(&file(&[FLAGS, SIZE_1_2, NAME_AB, BYTES])).unwrap();
        assert_eq!(
            (read[0].name.as_str(), read[0].class),
            ("ab", Class::Double)
        );
        assert_eq!(read[0].values, ndarray::array![[3.0, 250.0]].into_dyn());
    }

    #[test]
    fn big_endian_files_are_read() {
        let mut big = super::super::element::header().to_vec();
        big[124..].copy_from_slice(&[0x01, 0x00, b'M', b'I']);
        let words: &[u32] = &[MATRIX, 56, UINT32, 8, 6, 0, INT32, 8, 1, 1];
        big.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        big.extend([0, 1, 0, 1, b'a', 0, 0, 0]);
        big.extend([9_u32, 8].iter().flat_map(|word| word.to_be_bytes()));
        big.extend((-2.5_f64).to_be_bytes());
        let read = read(&big).unwrap();
        assert_eq!((read[0].name.as_str(), read[0].values[[0, 0]]), ("a", -2.5));
    }

    #[test]
    fn every_cut_of_a_file_is_an_error() {
        for compression in [0, 1] {
            let whole = MatFile::new()
                .row("a_longer_name", &[1.0, 2.0])
                .encode(compression)
                .unwrap();
            for cut in 0..whole.len() {
                // The bare header is a file without variables.
                if cut != 128 {
                    assert_eq!(
                        kind(&whole[..cut]),
                        ErrorKind::Invalid,
                        "{compression} {cut}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_formats_are_named() {
        let mut header = super::super::element::header().to_vec();
        header[125] = 2;
        assert!(read(&header).unwrap_err().to_string().contains("HDF5"));
        header[125] = 3;
        assert_eq!(kind(&header), ErrorKind::Invalid);
        assert_eq!(kind(&[0; 200]), ErrorKind::Invalid);
        assert_eq!(kind(b""), ErrorKind::Invalid);
    }

    #[test]
    fn shapes_that_the_numbers_do_not_fill_are_refused() {
        let size = |a: i32, b: i32| {
            let mut part = vec![5, 0, 0, 0, 8, 0, 0, 0];
            part.extend(a.to_le_bytes().into_iter().chain(b.to_le_bytes()));
            part
        };
        for (size, expected) in [
            (size(1, 3), ErrorKind::Invalid),
            (size(-1, 2), ErrorKind::Invalid),
            (size(i32::MAX, i32::MAX), ErrorKind::TooLarge),
            (size(1 << 20, 1 << 20), ErrorKind::TooLarge),
        ] {
            assert_eq!(kind(&file(&[FLAGS, &size, NAME_AB, BYTES])), expected);
        }
        // 2^64 elements and more.
        let mut many = vec![5, 0, 0, 0, 24, 0, 0, 0];
        many.extend(
            [0x7fff_ffff_i32; 6]
                .iter()
                .flat_map(|size| size.to_le_bytes()),
        );
        assert_eq!(
            kind(&file(&[FLAGS, &many, NAME_AB, BYTES])),
            ErrorKind::TooLarge
        );
        assert_eq!(
            kind(&file(&[FLAGS, &[5, 0, 3, 0, 1, 0, 0, 0], NAME_AB, BYTES])),
            ErrorKind::Invalid
        );
        // One value in one dimension, and in none.
        let one = &[2, 0, 1, 0, 3, 0, 0, 0];
        for few in [&[5, 0, 4, 0, 1, 0, 0, 0], &[5, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(kind(&file(&[FLAGS, few, NAME_AB, one])), ErrorKind::Invalid);
        }
    }

    #[test]
    fn parts_out_of_order_are_refused() {
        assert_eq!(
            kind(&file(&[SIZE_1_2, FLAGS, NAME_AB, BYTES])),
            ErrorKind::Invalid
        );
        assert_eq!(
            kind(&file(&[FLAGS, NAME_AB, SIZE_1_2, BYTES])),
            ErrorKind::Invalid
        );
        assert_eq!(
            kind(&file(&[FLAGS, SIZE_1_2, BYTES, NAME_AB])),
            ErrorKind::Invalid
        );
        // A small element of 5 bytes, and numbers of type 8, which does not exist.
        assert_eq!(
            kind(&file(&[FLAGS, SIZE_1_2, &[1, 0, 5, 0, 0, 0, 0, 0], BYTES])),
            ErrorKind::Invalid
        );
        assert_eq!(
            kind(&file(&[
                FLAGS,
                SIZE_1_2,
                NAME_AB,
                &[8, 0, 2, 0, 0, 0, 0, 0]
            ])),
            ErrorKind::Invalid
        );
    }

    #[test]
    fn a_small_file_cannot_take_much_memory() {
        // A row of 8 MB of zeros in some kilobytes.
        let packed = MatFile::new()
            .row("bomb", &vec![0.0; 1 << 20])
            .encode(9)
            .unwrap();
        assert!(packed.len() < 30_000);
        assert_eq!(read(&packed).unwrap()[0].values.len(), 1 << 20);
        let limits = ReadLimits::default().bytes(1 << 20);
        let error = read_with(&packed, limits).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        // Stored as bytes, it would grow eightfold in memory.
        let plain = file(&[FLAGS, SIZE_1_2, NAME_AB, BYTES]);
        assert!(read_with(&plain, ReadLimits::default().bytes(15)).is_err());
        assert!(read_with(&plain, ReadLimits::default().bytes(16)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_never_panic(
            which in 0..3_usize,
            changes in proptest::collection::vec((0..2000_usize, 0..=255_u8), 1..8),
        ) {
            let mut bytes = match which {
                0 => MatFile::new().row("a", &[1.0, 2.0]).row("b", &[]).encode(0).unwrap(),
                1 => include_bytes!("../../tests/data/scipy_v5_plain.mat").to_vec(),
                _ => include_bytes!("../../tests/data/scipy_v5_compressed.mat").to_vec(),
            };
            for (at, value) in changes {
                let at = 124 + at % (bytes.len() - 124);
                bytes[at] = value;
            }
            let _ = read(&bytes);
        }
    }
}
