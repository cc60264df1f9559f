//! Layout of version 7: frames back to back, then a footer with tables for all frames.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u32, le_u64};

use super::{Fields, Geometry};
use crate::bytes::{At, Bytes, Fault, structure};
use crate::relocation::{Announcement, RELOCATED_BYTES};
use crate::{Error, Version};

/// Bytes of the session header that hold known fields.
pub(crate) const HEADER_BYTES: u64 = 0x50;
/// Bytes of the footer's first structure that hold known fields.
const FOOTER_BYTES: u64 = 0x34;
/// Bytes of the footer's second structure.
const TABLES_BYTES: u64 = 0x70;
/// Where the tables start in the one published file: both structures stand before.
const USUAL_TABLES: u64 = 0x110;

/// Reads the session header at `hs`; also gives the footer's position, counted from `hs`.
pub(crate) fn parse(source: Bytes<'_>, hs: u64) -> Result<(Fields, At<u64>), Fault> {
    let at = |offset: u64| hs + offset;
    structure(source, hs, HEADER_BYTES, "session header", |input| {
        let (input, bytes) = le_u64(input)?; // 0x00
        let (input, _) = take(24usize).parse(input)?;
        let (input, frames) = le_u32(input)?; // 0x20
        let (input, pixel) = le_u32(input)?; // 0x24
        let (input, _) = take(4usize).parse(input)?;
        let (input, width) = le_u32(input)?; // 0x2C
        let (input, row_bytes) = le_u32(input)?; // 0x30
        let (input, height) = le_u32(input)?; // 0x34
        let (input, frame_bytes) = le_u32(input)?; // 0x38
        let (input, _) = take(8usize).parse(input)?;
        let (input, data_offset) = le_u32(input)?; // 0x44
        let (input, footer) = le_u64(input)?; // 0x48
        let fields = Fields {
            bytes: At {
                value: bytes,
                offset: at(0x00),
            },
            frames: At {
                value: frames,
                offset: at(0x20),
            },
            pixel: At {
                value: pixel,
                offset: at(0x24),
            },
            width: At {
                value: width,
                offset: at(0x2C),
            },
            height: At {
                value: height,
                offset: at(0x34),
            },
            row_bytes: At {
                value: row_bytes,
                offset: at(0x30),
            },
            frame_bytes: At {
                value: frame_bytes,
                offset: at(0x38),
            },
            data_offset: At {
                value: data_offset.into(),
                offset: at(0x44),
            },
            stride: At {
                value: frame_bytes,
                offset: at(0x38),
            },
            trailer: 0,
            header_bytes: HEADER_BYTES,
        };
        Ok((
            input,
            (
                fields,
                At {
                    value: footer,
                    offset: at(0x48),
                },
            ),
        ))
    })
}

/// What the footer announces. Positions count from the start of the file.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) start: u64,
    pub(crate) bytes: u32,
    /// Position of the framestamps, or why they cannot be used.
    pub(crate) framestamps: Result<u64, Error>,
    /// Position of the timestamps, or why they cannot be used.
    pub(crate) timestamps: Result<u64, Error>,
    /// The relocated pixels, if announced, or why the announcement cannot be used.
    pub(crate) relocated: Result<Option<Announcement>, Error>,
}

/// The fields of the second structure.
struct Tables {
    framestamps: u64,
    timestamps: u64,
    relocated: u64,
    place: u32,
    relocated_bytes: u64,
}

/// Reads the footer that `pointer` (from `hs`) leads to. Errors, also those inside the result,
/// are [`Error::Truncated`] if the file is cut, [`Error::Overflow`] if a position exceeds 64 bits
/// and otherwise [`Error::Footer`].
pub(crate) fn footer(
    source: Bytes<'_>,
    hs: u64,
    pointer: At<u64>,
    geometry: &Geometry,
    file_bytes: u64,
) -> Result<Footer, Fault> {
    // A wrong pointer is no cut: only a file shorter than it says it is lacks its end.
    let cut = source.len() < file_bytes;
    let inside = |pointer: u64, start: u64, needed: u64, what| {
        let available = source.len().saturating_sub(start);
        // An empty table must be inside, too.
        if start <= source.len() && needed <= available {
            return Ok(());
        }
        Err(if cut {
            Error::Truncated {
                offset: start,
                what,
                needed,
                available,
                complete_frames: geometry.frames.into(),
            }
        } else {
            Error::Footer {
                offset: pointer,
                reason: "it leads beyond the end of the file",
            }
        })
    };
    let start = add(hs, pointer, "session footer")?;
    inside(pointer.offset, start, FOOTER_BYTES, "session footer")?;
    let n = u64::from(geometry.frames);
    // Not the tables: they are as long as the header claims.
    source.want(start..start.saturating_add(USUAL_TABLES))?;
    let (version, second, bytes) =
        structure(source, start, FOOTER_BYTES, "session footer", |input| {
            let (input, version) = le_u32(input)?; // 0x00
            let (input, _) = take(4usize).parse(input)?;
            let (input, second) = le_u64(input)?; // 0x08
            let (input, _) = take(0x18usize).parse(input)?;
            let (input, bytes) = le_u32(input)?; // 0x28
            Ok((input, (version, second, bytes)))
        })?;
    if version != Version::Packed.number() {
        return Err(Fault::Failed(Error::Footer {
            offset: start,
            reason: "its format version is not 7",
        }));
    }
    let second = At {
        value: second,
        offset: start + 0x08,
    };
    let tables_start = add(start, second, "second footer structure")?;
    if second.value.saturating_add(TABLES_BYTES) > u64::from(bytes) {
        return Err(Fault::Failed(Error::Footer {
            offset: second.offset,
            reason: "its second structure lies beyond its end",
        }));
    }
    inside(second.offset, tables_start, TABLES_BYTES, "footer tables")?;
    let tables = tables(source, tables_start)?;

    let table = |value: u64, field: u64, entry: u64, what| {
        let pointer = At {
            value,
            offset: tables_start + field,
        };
        let position = add(start, pointer, what)?;
        if value.saturating_add(n * entry) > u64::from(bytes) {
            return Err(Error::Footer {
                offset: pointer.offset,
                reason: "a table reaches beyond the end of the footer",
            });
        }
        inside(pointer.offset, position, n * entry, what)?;
        Ok(position)
    };
    let place = At {
        value: tables.place,
        offset: tables_start + 0x64,
    };
    let relocated = match tables.relocated_bytes {
        0 => Ok(None),
        RELOCATED_BYTES => table(tables.relocated, 0x58, RELOCATED_BYTES, "relocated pixels")
            .map(|store| Some(Announcement { place, store })),
        _ => Err(Error::RelocationPlace {
            offset: tables_start + 0x68,
            reason: "other than 8 bytes per frame are announced",
        }),
    };
    Ok(Footer {
        start,
        bytes,
        framestamps: table(tables.framestamps, 0x30, 4, "framestamps"),
        timestamps: table(tables.timestamps, 0x40, 8, "timestamps"),
        relocated,
    })
}

fn tables(source: Bytes<'_>, start: u64) -> Result<Tables, Fault> {
    structure(source, start, TABLES_BYTES, "footer tables", |input| {
        let (input, _) = take(0x30usize).parse(input)?;
        let (input, framestamps) = le_u64(input)?; // 0x30
        let (input, _) = take(8usize).parse(input)?;
        let (input, timestamps) = le_u64(input)?; // 0x40
        let (input, _) = take(0x10usize).parse(input)?;
        let (input, relocated) = le_u64(input)?; // 0x58
        let (input, _) = take(4usize).parse(input)?;
        let (input, place) = le_u32(input)?; // 0x64
        let (input, relocated_bytes) = le_u64(input)?; // 0x68
        let tables = Tables {
            framestamps,
            timestamps,
            relocated,
            place,
            relocated_bytes,
        };
        Ok((input, tables))
    })
}

fn add(base: u64, pointer: At<u64>, what: &'static str) -> Result<u64, Error> {
    base.checked_add(pointer.value).ok_or(Error::Overflow {
        offset: pointer.offset,
        what,
        value: pointer.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PixelType;

    fn put(bytes: &mut [u8], offset: usize, value: u64, n: usize) {
        bytes[offset..offset + n].copy_from_slice(&value.to_le_bytes()[..n]);
    }

    /// Session header of the published file of 10 frames of 2048 x 168 px.
    fn header() -> Vec<u8> {
        let mut bytes = vec![0xEE; 0x50];
        put(&mut bytes, 0x00, 6_882_184, 8); // session size
        put(&mut bytes, 0x20, 10, 4); // frames
        put(&mut bytes, 0x24, 2, 4); // bytes per pixel
        put(&mut bytes, 0x2C, 2048, 4); // width
        put(&mut bytes, 0x30, 4096, 4); // bytes per row
        put(&mut bytes, 0x34, 168, 4); // height
        put(&mut bytes, 0x38, 688_128, 4); // bytes per frame
        put(&mut bytes, 0x44, 112, 4); // frame 0
        put(&mut bytes, 0x48, 112 + 6_881_280, 8); // footer
        bytes
    }

    /// Footer of two frames, with tables of relocated pixels, framestamps and timestamps, in
    /// this unusual order: 0x28 bytes behind the two structures of 0x34 and 0x70 bytes.
    fn footer_bytes() -> Vec<u8> {
        let mut bytes = vec![0xEE; 0x40 + 0x70 + 40];
        put(&mut bytes, 0x00, 7, 4); // format version
        put(&mut bytes, 0x08, 0x40, 8); // second structure
        put(&mut bytes, 0x28, 0xD8, 4); // footer size
        put(&mut bytes, 0x40 + 0x30, 0xC0, 8); // framestamps
        put(&mut bytes, 0x40 + 0x40, 0xC8, 8); // timestamps
        put(&mut bytes, 0x40 + 0x58, 0xB0, 8); // relocated pixels
        put(&mut bytes, 0x40 + 0x64, 0x12, 4); // place inside a frame
        put(&mut bytes, 0x40 + 0x68, 8, 8); // bytes per frame
        bytes
    }

    fn read_footer(bytes: &[u8], stated: u64) -> Result<Footer, Error> {
        let geometry = Geometry {
            pixel: PixelType::U16,
            width: 8,
            height: 4,
            row_bytes: 16,
            frame_bytes: 64,
            stride: 64,
            trailer: 0,
            frames: 2,
            data_start: 0,
            data_end: 0,
        };
        let pointer = At {
            value: 3,
            offset: 500,
        };
        // Three bytes before the footer, two of them before the session header.
        let file = [&[0; 5], bytes].concat();
        Ok(footer(
            Bytes::Whole(&file),
            2,
            pointer,
            &geometry,
            stated + 5,
        )?)
    }

    #[test]
    fn reads_every_field_from_its_place() {
        let file = [&[0; 7][..], &header()].concat();
        let (fields, footer) = parse(Bytes::Whole(&file), 7).unwrap();
        assert_eq!(fields.bytes.value, 6_882_184);
        assert_eq!((fields.frames.value, fields.frames.offset), (10, 7 + 0x20));
        assert_eq!(fields.pixel.value, 2);
        assert_eq!((fields.width.value, fields.height.value), (2048, 168));
        assert_eq!(fields.row_bytes.value, 4096);
        assert_eq!(fields.frame_bytes.value, 688_128);
        assert_eq!(fields.data_offset.value, 112);
        assert_eq!((fields.stride.value, fields.trailer), (688_128, 0));
        assert_eq!((footer.value, footer.offset), (6_881_392, 7 + 0x48));
    }

    #[test]
    fn every_truncation_of_the_header_is_an_error() {
        let whole = header();
        for length in 0..whole.len() {
            let fault = parse(Bytes::Whole(&whole[..length]), 0).unwrap_err();
            let error = Error::from(fault);
            assert!(matches!(error, Error::Truncated { .. }), "{length}");
        }
    }

    #[test]
    fn tables_are_where_the_pointers_say() {
        let bytes = footer_bytes();
        let footer = read_footer(&bytes, bytes.len() as u64).unwrap();
        assert_eq!((footer.start, footer.bytes), (5, 0xD8));
        assert_eq!(footer.framestamps, Ok(5 + 0xC0));
        assert_eq!(footer.timestamps, Ok(5 + 0xC8));
        let relocated = footer.relocated.unwrap().unwrap();
        assert_eq!(relocated.store, 5 + 0xB0);
        assert_eq!(
            (relocated.place.value, relocated.place.offset),
            (0x12, 5 + 0x40 + 0x64)
        );
    }

    /// What a cut footer loses depends on whether the file says it is longer.
    #[test]
    fn every_truncation_of_the_footer_is_told_from_a_wrong_pointer() {
        let bytes = footer_bytes();
        let whole = bytes.len();
        for length in 0..whole {
            for (stated, cut) in [(whole, true), (length, false)] {
                let error = match read_footer(&bytes[..length], stated as u64) {
                    Err(error) => error,
                    // The last table is the first to go.
                    Ok(footer) => footer.timestamps.unwrap_err(),
                };
                assert_eq!(matches!(error, Error::Truncated { .. }), cut, "{length}");
                assert_eq!(matches!(error, Error::Footer { .. }), !cut, "{length}");
            }
        }
    }

    #[test]
    fn a_table_beyond_the_footer_is_refused_alone() {
        let mut bytes = footer_bytes();
        bytes.extend([0; 64]);
        put(&mut bytes, 0x40 + 0x30, 0xD1, 8); // one byte too far for two framestamps
        let footer = read_footer(&bytes, bytes.len() as u64).unwrap();
        assert!(matches!(
            footer.framestamps,
            Err(Error::Footer { offset, .. }) if offset == 5 + 0x40 + 0x30
        ));
        assert!(footer.timestamps.is_ok() && footer.relocated.is_ok());
    }

    #[test]
    fn a_second_structure_that_reaches_beyond_the_footer_is_refused() {
        let mut bytes = footer_bytes();
        bytes.extend([0; 64]);
        put(&mut bytes, 0x08, 0xD8 - 0x70 + 1, 8);
        let error = read_footer(&bytes, bytes.len() as u64).unwrap_err();
        assert!(matches!(error, Error::Footer { offset: 13, .. }), "{error}");
    }
}
