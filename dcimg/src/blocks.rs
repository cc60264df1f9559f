//! The table of header blocks in framed files, and the block that announces relocated pixels.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u32, le_u64};

use crate::bytes::{At, Bytes, Fault, structure};
use crate::camera::{self, CAMERA_BYTES};
use crate::session::Geometry;
use crate::{Camera, Warning};

/// Where the table of blocks starts, from the session header.
pub(crate) const TABLE: u32 = 0xF0;
/// What the offsets in the table count from, from the session header.
pub(crate) const BASE: u32 = 0xA0;
/// Where the table ends in known files, which have 13 slots.
pub(crate) const TABLE_END: u32 = 0x1C0;
pub(crate) const ENTRY_BYTES: u32 = 16;
const MOST_ENTRIES: u32 = 256;
pub(crate) const RELOCATION_KIND: u32 = 4;
/// Size of the block that announces relocated pixels.
pub(crate) const RELOCATION_BYTES: u32 = 56;

/// What the block table leads to.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) camera: Option<Camera>,
    /// Announced relocated pixels: bytes per frame, and byte offset inside a frame.
    pub(crate) relocated: Option<(At<u32>, At<u32>)>,
}

/// Reads the block table of the session header at `hs`.
pub(crate) fn read(
    source: Bytes<'_>,
    hs: u64,
    geometry: &Geometry,
    warnings: &mut Vec<Warning>,
) -> Result<Blocks, Fault> {
    let mut blocks = Blocks::default();
    let data_start = geometry.data_start.min(source.len());
    let mut table_end = data_start;
    let table = hs + u64::from(TABLE);
    let mut outside = None;
    let entry_bytes = u64::from(ENTRY_BYTES);
    let most = u64::from(MOST_ENTRIES) * entry_bytes;
    source.want(table..(table + most).min(data_start))?;
    for at in (table..table + most).step_by(ENTRY_BYTES as usize) {
        // The table ends where the first block begins.
        if at + entry_bytes > table_end {
            break;
        }
        let (kind, bytes, offset) = structure(source, at, entry_bytes, "block table", |input| {
            (le_u32, le_u32, le_u64).parse(input)
        })?;
        if kind == 0 {
            continue;
        }
        let start = (hs + u64::from(BASE)).checked_add(offset);
        let end = start.and_then(|start| start.checked_add(bytes.into()));
        let inside = start
            .zip(end)
            .filter(|&(start, end)| start >= at + entry_bytes && end <= data_start);
        let Some((start, _)) = inside else {
            let (_, _, _, count) = outside.get_or_insert((at, offset, bytes, 0));
            *count += 1;
            continue;
        };
        table_end = table_end.min(start);
        // Known files have one of each.
        if kind == RELOCATION_KIND && bytes >= 20 && blocks.relocated.is_none() {
            let (each, place) = structure(source, start, 20, "relocation block", |input| {
                let (input, _) = take(12usize).parse(input)?;
                (le_u32, le_u32).parse(input)
            })?;
            blocks.relocated = Some((
                At {
                    value: each,
                    offset: start + 12,
                },
                At {
                    value: place,
                    offset: start + 16,
                },
            ));
        } else if bytes == CAMERA_BYTES && blocks.camera.is_none() {
            blocks.camera = Some(camera::read(source, start, geometry, warnings)?);
        }
    }
    if let Some((offset, start, bytes, count)) = outside {
        warnings.push(Warning::Blocks {
            offset,
            start,
            bytes,
            count,
        });
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Session header at 0 with its block table; frames start at `data_start`.
    fn read(bytes: &[u8], data_start: u64) -> (Blocks, Vec<Warning>) {
        let geometry = Geometry {
            pixel: crate::PixelType::U16,
            width: 8,
            height: 4,
            row_bytes: 16,
            frame_bytes: 64,
            stride: 96,
            trailer: 32,
            frames: 1,
            data_start,
            data_end: data_start + 96,
        };
        let mut warnings = Vec::new();
        let blocks = super::read(Bytes::Whole(bytes), 0, &geometry, &mut warnings).unwrap();
        (blocks, warnings)
    }

    fn entry(bytes: &mut [u8], at: usize, kind: u32, size: u32, start: u64) {
        bytes[at..at + 4].copy_from_slice(&kind.to_le_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
        bytes[at + 8..at + 16].copy_from_slice(&start.wrapping_sub(0xA0).to_le_bytes());
    }

    /// Table of an unknown block, an empty slot and a relocation block, which starts right behind
    /// the table and whose own bytes look like a further entry.
    fn table() -> Vec<u8> {
        let mut bytes = vec![0; 0x240];
        entry(&mut bytes, 0xF0, 9, 16, 0x180);
        entry(&mut bytes, 0x110, 4, 56, 0x120);
        entry(&mut bytes, 0x120, 9, u32::MAX, 0);
        bytes[0x12C..0x130].copy_from_slice(&8u32.to_le_bytes());
        bytes[0x130..0x134].copy_from_slice(&0x12u32.to_le_bytes());
        bytes
    }

    #[test]
    fn empty_slots_are_skipped_and_the_first_block_ends_the_table() {
        let (blocks, warnings) = read(&table(), 0x240);
        let (bytes, place) = blocks.relocated.unwrap();
        assert_eq!((bytes.value, bytes.offset), (8, 0x12C));
        assert_eq!((place.value, place.offset), (0x12, 0x130));
        assert_eq!(blocks.camera, None);
        assert_eq!(warnings, []);
    }

    #[test]
    fn blocks_outside_the_header_are_counted_not_read() {
        let mut bytes = table();
        entry(&mut bytes, 0xF0, 1, 248, 0x140);
        entry(&mut bytes, 0x100, 4, 56, 0x50); // before the table
        let (blocks, warnings) = read(&bytes, 0x240);
        assert!(blocks.relocated.is_some() && blocks.camera.is_some());
        assert!(matches!(
            warnings[..],
            [Warning::Blocks {
                offset: 0x100,
                bytes: 56,
                count: 1,
                ..
            }]
        ));
        // With frames right behind the table, whatever they hold, everything reaches into them, and what were blocks
        // now look like entries.
        bytes[0x150..0x160].fill(0xFF);
        let (blocks, warnings) = read(&bytes, 0x150);
        assert!(blocks.relocated.is_none() && blocks.camera.is_none());
        assert!(matches!(
            warnings[..],
            [Warning::Blocks {
                offset: 0xF0,
                start: 0xA0,
                bytes: 248,
                count: 5
            }]
        ));
    }
}
