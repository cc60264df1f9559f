//! Header blocks of framed files: the camera's own words, and announced relocated pixels.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u16, le_u32, le_u64};

use crate::Warning;
use crate::bytes::{At, Fault, Source, structure};
use crate::session::Geometry;

/// Where the table of blocks starts, from the session header.
const TABLE: u64 = 0xF0;
/// What the offsets in the table count from, from the session header.
const BASE: u64 = 0xA0;
const ENTRY_BYTES: u64 = 16;
/// Known files have 13 slots.
const MOST_ENTRIES: u64 = 256;
const RELOCATION_KIND: u32 = 4;
const CAMERA_BYTES: u32 = 248;

/// The camera block of a framed file. What it leaves empty is `None`.
///
/// Texts are as the camera gives them, NUL padding removed and control characters replaced by
/// `U+FFFD`. Confidence: model, serial and sub-array are known from two families of real files;
/// the place of the stored binning is inferred (see [`crate::format`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Camera {
    /// Model, for instance `C11440-22C`.
    pub model: Option<String>,
    /// Serial number, for instance `S/N: 001634`.
    pub serial: Option<String>,
    /// The version texts that are not empty, in the order of the file (at most three).
    pub versions: Vec<String>,
    /// The part of the sensor that was read out; `None` if its width or height is 0.
    pub sub_array: Option<SubArray>,
    /// Sensor pixels per image pixel along either axis: the ratio of sub-array to image.
    /// `None` if that is no whole number, or not the same along both axes.
    pub binning: Option<u32>,
    /// The binning the block states; `None` if 0. Inferred field: trust [`Camera::binning`].
    pub stated_binning: Option<u16>,
}

/// The part of the sensor that was read out, in unbinned sensor pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubArray {
    /// First column.
    pub x0: u16,
    /// Columns.
    pub width: u16,
    /// First row.
    pub y0: u16,
    /// Rows.
    pub height: u16,
}

/// What the block table leads to.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) camera: Option<Camera>,
    /// Announced relocated pixels: bytes per frame, and byte offset inside a frame.
    pub(crate) relocated: Option<(At<u32>, At<u32>)>,
}

/// Reads the block table of the session header at `hs`.
pub(crate) fn blocks(
    source: Source<'_>,
    hs: u64,
    geometry: &Geometry,
    warnings: &mut Vec<Warning>,
) -> Result<Blocks, Fault> {
    let mut blocks = Blocks::default();
    let data_start = geometry.data_start.min(source.len());
    let mut table_end = data_start;
    let table = hs + TABLE;
    let mut outside = None;
    source.want(table..(table + MOST_ENTRIES * ENTRY_BYTES).min(data_start))?;
    for entry in 0..MOST_ENTRIES {
        let at = table + entry * ENTRY_BYTES;
        // The table ends where the first block begins.
        if at + ENTRY_BYTES > table_end {
            break;
        }
        let (kind, bytes, offset) = structure(source, at, ENTRY_BYTES, "block table", |input| {
            (le_u32, le_u32, le_u64).parse(input)
        })?;
        if kind == 0 {
            continue;
        }
        let start = (hs + BASE).checked_add(offset);
        let end = start.and_then(|start| start.checked_add(bytes.into()));
        let inside = start
            .zip(end)
            .filter(|&(start, end)| start >= at + ENTRY_BYTES && end <= data_start);
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
            blocks.camera = Some(camera(source, start, geometry, warnings)?);
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

fn camera(
    source: Source<'_>,
    start: u64,
    geometry: &Geometry,
    warnings: &mut Vec<Warning>,
) -> Result<Camera, Fault> {
    let camera = structure(
        source,
        start,
        CAMERA_BYTES.into(),
        "camera block",
        |input| {
            let (input, first) = take(32usize).parse(input)?; // 0x00
            let (input, second) = take(32usize).parse(input)?; // 0x20
            let (input, model) = take(64usize).parse(input)?; // 0x40
            let (input, third) = take(16usize).parse(input)?; // 0x80
            let (input, serial) = take(32usize).parse(input)?; // 0x90
            let (input, stated) = le_u16(input)?; // 0xB0
            let (input, _) = take(22usize).parse(input)?;
            let (input, (x0, width, y0, height)) = (le_u16, le_u16, le_u16, le_u16).parse(input)?; // 0xC8
            let sub_array = (width > 0 && height > 0).then_some(SubArray {
                x0,
                width,
                y0,
                height,
            });
            let camera = Camera {
                model: text(model),
                serial: text(serial),
                versions: [first, second, third]
                    .into_iter()
                    .filter_map(text)
                    .collect(),
                sub_array,
                binning: sub_array.and_then(|sub| binning(sub, geometry.width, geometry.height)),
                stated_binning: (stated > 0).then_some(stated),
            };
            Ok((input, camera))
        },
    )?;
    if let (Some(stored), Some(computed)) = (camera.stated_binning, camera.binning)
        && u32::from(stored) != computed
    {
        warnings.push(Warning::Binning {
            offset: start + 0xB0,
            stored,
            computed,
        });
    }
    Ok(camera)
}

/// Sub-array over image, if the same whole number along both axes.
pub(crate) fn binning(sub: SubArray, width: u32, height: u32) -> Option<u32> {
    let ratio = |sensor: u16, image: u32| {
        let sensor = u32::from(sensor);
        let whole = image > 0 && sensor >= image && sensor.is_multiple_of(image);
        whole.then(|| sensor / image)
    };
    let horizontal = ratio(sub.width, width)?;
    (ratio(sub.height, height)? == horizontal).then_some(horizontal)
}

/// The text before the first NUL; `None` if empty.
fn text(field: &[u8]) -> Option<String> {
    let end = field
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(field.len());
    let text: String = String::from_utf8_lossy(&field[..end])
        .trim()
        .chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(text(b"C11440-22C\0\0junk").as_deref(), Some("C11440-22C"));
        assert_eq!(text(b"\0\0\0"), None);
        assert_eq!(text(b"a\x1b[2J").as_deref(), Some("a\u{FFFD}[2J"));
        assert_eq!(text(b"full").as_deref(), Some("full"));
    }

    #[test]
    fn binning_is_the_common_whole_ratio() {
        let sub = |width, height| SubArray {
            x0: 0,
            width,
            y0: 0,
            height,
        };
        assert_eq!(binning(sub(2048, 1024), 512, 256), Some(4));
        assert_eq!(binning(sub(512, 256), 512, 256), Some(1));
        assert_eq!(binning(sub(1024, 256), 512, 256), None);
        assert_eq!(binning(sub(700, 350), 512, 256), None);
        assert_eq!(binning(sub(100, 100), 512, 256), None);
    }

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
        let blocks = blocks(Source::Whole(bytes), 0, &geometry, &mut warnings).unwrap();
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
