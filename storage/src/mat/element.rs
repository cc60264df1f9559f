//! Layout of level 5 files: header, tags, and what precedes the numbers of an array.
//!
//! A file is a header of 128 bytes and elements. An element is a tag (type, byte count)
//! and data; arrays are elements that contain flags, dimensions, name and numbers, each
//! padded to 8 bytes. Source: MathWorks, "MAT-File Format", R2019b.

use crate::{Error, Precision};

/// Element types.
pub(super) const INT8: u32 = 1;
pub(super) const INT32: u32 = 5;
pub(super) const UINT32: u32 = 6;
pub(super) const SINGLE: u32 = 7;
pub(super) const DOUBLE: u32 = 9;
pub(super) const MATRIX: u32 = 14;
pub(super) const COMPRESSED: u32 = 15;

/// An array with all its parts stays below this many bytes.
pub(super) const LIMIT: u64 = 1 << 31;

/// The 128 bytes every file starts with. The text states no time, so that equal data
/// give equal files.
pub(super) fn header() -> [u8; 128] {
    let mut header = [b' '; 128];
    let text = concat!(
        "MATLAB 5.0 MAT-file, written by widefield-storage ",
        env!("CARGO_PKG_VERSION")
    );
    header[..text.len()].copy_from_slice(text.as_bytes());
    // No subsystem data; version 1.0; the byte order mark, read as "IM" on little-endian.
    header[116..124].fill(0);
    header[124..].copy_from_slice(&[0x00, 0x01, b'I', b'M']);
    header
}

/// A tag: type and byte count of the data that follows.
pub(super) fn tag(kind: u32, bytes: u32) -> [u8; 8] {
    let mut tag = [0; 8];
    tag[..4].copy_from_slice(&kind.to_le_bytes());
    tag[4..].copy_from_slice(&bytes.to_le_bytes());
    tag
}

/// The parts of an array that surround its numbers.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// From the tag of the array to the tag of the numbers.
    pub(super) before: Vec<u8>,
    /// Bytes of the numbers.
    pub(super) numbers: usize,
    /// Zeros that follow the numbers.
    pub(super) padding: usize,
}

impl Frame {
    /// For a real array `name` of `dimensions` (first one runs fastest).
    pub(super) fn new(
        name: &str,
        dimensions: &[usize],
        precision: Precision,
    ) -> Result<Self, Error> {
        if !super::valid_name(name) {
            return Err(Error::usage(name, "is no name of a MATLAB variable"));
        }
        let too_large = |bytes: Option<u64>| Error::TooLarge {
            object: name.to_owned(),
            what: "the MATLAB variable",
            bytes: bytes.unwrap_or(u64::MAX),
            limit: LIMIT - 1,
        };
        let numbers = dimensions
            .iter()
            .try_fold(precision.bytes() as u64, |product, &size| {
                product.checked_mul(size as u64)
            });
        let below_limit = numbers
            .filter(|&n| n < LIMIT)
            .and_then(|n| usize::try_from(n).ok());
        let numbers = below_limit.ok_or_else(|| too_large(numbers))?;
        let (class, kind) = match precision {
            Precision::F32 => (7, SINGLE),
            Precision::F64 => (6, DOUBLE),
        };

        let mut body = Vec::new();
        part(&mut body, UINT32, &[class, 0, 0, 0, 0, 0, 0, 0]);
        let mut sizes = Vec::new();
        for &size in dimensions {
            // An empty array may have one dimension beyond what its format holds.
            let size = i32::try_from(size).map_err(|_| too_large(None))?;
            sizes.extend(size.to_le_bytes());
        }
        part(&mut body, INT32, &sizes);
        part(&mut body, INT8, name.as_bytes());
        let padding = numbers.next_multiple_of(8) - numbers;
        let total = body.len() + 8 + numbers + padding;
        // Below 2^31, so that both counts fit their tags and signed readers.
        let (Ok(count), Ok(inner)) = (i32::try_from(total), i32::try_from(numbers)) else {
            return Err(too_large(Some(total as u64)));
        };
        let mut before = tag(MATRIX, count.unsigned_abs()).to_vec();
        before.append(&mut body);
        before.extend(tag(kind, inner.unsigned_abs()));
        Ok(Frame {
            before,
            numbers,
            padding,
        })
    }
}

/// Appends a part of an array: data of up to 4 bytes share the tag's 8 bytes.
#[expect(
    clippy::cast_possible_truncation,
    reason = "names have up to 63 bytes, sizes 4 each"
)]
fn part(body: &mut Vec<u8>, kind: u32, data: &[u8]) {
    if (1..=4).contains(&data.len()) {
        body.extend((kind as u16).to_le_bytes());
        body.extend((data.len() as u16).to_le_bytes());
    } else {
        body.extend(tag(kind, data.len() as u32));
    }
    body.extend(data);
    body.resize(body.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn bytes_before_the_numbers_of_a_small_array() {
        let frame = Frame::new("tr", &[2, 3, 1], Precision::F32).unwrap();
        let expected: [&[u8]; 8] = [
            &[14, 0, 0, 0, 16 + 24 + 8 + 8 + 24, 0, 0, 0], // array of 80 bytes
            &[6, 0, 0, 0, 8, 0, 0, 0],                     // flags: two u32
            &[7, 0, 0, 0, 0, 0, 0, 0],                     // class single, real
            &[5, 0, 0, 0, 12, 0, 0, 0],                    // dimensions: three i32
            &[2, 0, 0, 0, 3, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0],       // 1, padding
            &[1, 0, 2, 0, b't', b'r', 0, 0], // small part: two characters
            &[7, 0, 0, 0, 24, 0, 0, 0],      // singles, 24 bytes
        ];
        assert_eq!(frame.before, expected.concat());
        assert_eq!((frame.numbers, frame.padding), (24, 0));
        // One single more than a multiple of 8 bytes.
        assert_eq!(Frame::new("tr", &[1], Precision::F32).unwrap().padding, 4);
    }

    #[test]
    fn two_gibibytes_are_refused() {
        let kind = |frames, precision| {
            Frame::new("tr", &[256, 256, frames], precision)
                .map(|_| ())
                .map_err(|e| e.kind())
        };
        assert_eq!(kind(8191, Precision::F32), Ok(()));
        assert_eq!(kind(8192, Precision::F32), Err(ErrorKind::TooLarge));
        assert_eq!(kind(4095, Precision::F64), Ok(()));
        assert_eq!(kind(4096, Precision::F64), Err(ErrorKind::TooLarge));
        assert_eq!(kind(usize::MAX, Precision::F32), Err(ErrorKind::TooLarge));
        // Numbers alone just below 2 GiB, with the rest not.
        let tight = Frame::new("tr", &[(1 << 29) - 1], Precision::F32);
        assert_eq!(tight.unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn the_header_tells_version_and_byte_order() {
        assert_eq!(header()[..10], *b"MATLAB 5.0");
        assert_eq!(header()[124..], [0, 1, b'I', b'M']);
    }
}
