//! Layout of version 7: frames back to back, then a footer with tables for all frames.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u32, le_u64};

use super::{Fields, Geometry};
use crate::bytes::{At, Fault, Source, structure};
use crate::relocation::{Announcement, RELOCATED_BYTES};
use crate::{Error, Version};

/// Bytes of the session header that hold known fields.
pub(crate) const HEADER_BYTES: u64 = 0x50;
/// Bytes of the footer's first structure that hold known fields.
const FOOTER_BYTES: u64 = 0x34;
/// Bytes of the footer's second structure.
const TABLES_BYTES: u64 = 0x70;
/// Where the tables start in the one published file; only used to guess how much to fetch.
const USUAL_TABLES: u64 = 0x110;

/// Reads the session header at `hs`; also gives the footer's position, counted from `hs`.
pub(crate) fn parse(source: Source<'_>, hs: u64) -> Result<(Fields, At<u64>), Fault> {
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
    source: Source<'_>,
    hs: u64,
    pointer: At<u64>,
    geometry: &Geometry,
    file_bytes: u64,
) -> Result<Footer, Fault> {
    // A wrong pointer is no cut: only a file shorter than it says it is lacks its end.
    let cut = source.len() < file_bytes;
    let inside = |pointer: u64, start: u64, needed: u64, what| {
        let available = source.len().saturating_sub(start);
        if needed <= available {
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
    source.want(start..start.saturating_add(USUAL_TABLES + n * 20))?;
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

fn tables(source: Source<'_>, start: u64) -> Result<Tables, Fault> {
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
