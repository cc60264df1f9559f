//! Layout of versions 0x1000000 and 0x2000000: every frame is followed by its own trailer.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u32, le_u64};

use super::Fields;
use crate::Error;
use crate::bytes::{At, Bytes, Fault, structure};

/// Bytes of the session header that hold known fields, short of the block table.
pub(crate) const HEADER_BYTES: u64 = 0x80;
/// Bytes of a trailer that hold the stamps.
pub(crate) const STAMP_BYTES: u32 = 12;

/// Reads the session header at `hs` and checks that stride, frame and trailer agree.
pub(crate) fn parse(source: Bytes<'_>, hs: u64) -> Result<Fields, Fault> {
    let at = |offset: u64| hs + offset;
    let fields = structure(source, hs, HEADER_BYTES, "session header", |input| {
        let (input, bytes) = le_u64(input)?; // 0x00
        let (input, _) = take(0x34usize).parse(input)?;
        let (input, frames) = le_u32(input)?; // 0x3C
        let (input, pixel) = le_u32(input)?; // 0x40
        let (input, _) = take(4usize).parse(input)?;
        let (input, width) = le_u32(input)?; // 0x48
        let (input, height) = le_u32(input)?; // 0x4C
        let (input, row_bytes) = le_u32(input)?; // 0x50
        let (input, frame_bytes) = le_u32(input)?; // 0x54
        let (input, _) = take(8usize).parse(input)?;
        let (input, data_offset) = le_u64(input)?; // 0x60
        let (input, _) = take(12usize).parse(input)?;
        let (input, stride) = le_u32(input)?; // 0x74
        let (input, _) = take(4usize).parse(input)?;
        let (input, trailer) = le_u32(input)?; // 0x7C
        let fields = Fields {
            bytes: At {
                value: bytes,
                offset: at(0x00),
            },
            frames: At {
                value: frames,
                offset: at(0x3C),
            },
            pixel: At {
                value: pixel,
                offset: at(0x40),
            },
            width: At {
                value: width,
                offset: at(0x48),
            },
            height: At {
                value: height,
                offset: at(0x4C),
            },
            row_bytes: At {
                value: row_bytes,
                offset: at(0x50),
            },
            frame_bytes: At {
                value: frame_bytes,
                offset: at(0x54),
            },
            data_offset: At {
                value: data_offset,
                offset: at(0x60),
            },
            stride: At {
                value: stride,
                offset: at(0x74),
            },
            trailer,
            header_bytes: HEADER_BYTES,
        };
        Ok((input, fields))
    })?;
    let frame_bytes = fields.frame_bytes.value;
    let agree = frame_bytes.checked_add(fields.trailer) == Some(fields.stride.value);
    // Reading on with one of two contradicting strides would shift the image from frame to frame.
    if !agree || fields.trailer < STAMP_BYTES {
        return Err(Fault::Failed(Error::Stride {
            offset: fields.stride.offset,
            stride: fields.stride.value,
            frame_bytes,
            trailer: fields.trailer,
        }));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Session header of the published 2048 x 168 px file with a 32-byte trailer.
    fn header(stride: u32, trailer: u32) -> Vec<u8> {
        let mut bytes = vec![0xEE; 0x80];
        let mut put = |offset: usize, value: u64, n: usize| {
            bytes[offset..offset + n].copy_from_slice(&value.to_le_bytes()[..n]);
        };
        put(0x00, 688_912 + 144 + 32, 8); // session size
        put(0x3C, 1, 4); // frames
        put(0x40, 2, 4); // pixel type
        put(0x48, 2048, 4); // width
        put(0x4C, 168, 4); // height
        put(0x50, 4096, 4); // row bytes
        put(0x54, 688_128, 4); // frame bytes
        put(0x60, 752, 8); // data offset
        put(0x74, stride.into(), 4);
        put(0x7C, trailer.into(), 4);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Fields, Error> {
        parse(Bytes::Whole(bytes), 0).map_err(Error::from)
    }

    #[test]
    fn reads_every_field_from_its_place() {
        let fields = read(&header(688_160, 32)).unwrap();
        assert_eq!((fields.frames.value, fields.pixel.value), (1, 2));
        assert_eq!((fields.width.value, fields.height.value), (2048, 168));
        assert_eq!(fields.row_bytes.value, 4096);
        assert_eq!(fields.frame_bytes.value, 688_128);
        assert_eq!(fields.data_offset.value, 752);
        assert_eq!((fields.stride.value, fields.trailer), (688_160, 32));
    }

    #[test]
    fn stride_must_be_frame_and_trailer() {
        for (stride, trailer) in [
            (688_144, 32),
            (688_160, 16),
            (688_136, 8),
            (u32::MAX, u32::MAX),
        ] {
            assert!(matches!(
                read(&header(stride, trailer)),
                Err(Error::Stride { offset: 0x74, .. })
            ));
        }
        assert!(read(&header(688_140, 12)).is_ok());
    }
}
