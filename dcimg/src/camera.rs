//! The camera block of framed files: model, serial number, the part of the sensor that was read.

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::le_u16;

use crate::Warning;
use crate::bytes::{Bytes, Fault, structure};
use crate::session::Geometry;

/// Size of the block.
pub(crate) const CAMERA_BYTES: u32 = 248;

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

/// Reads the block at `start`.
pub(crate) fn read(
    source: Bytes<'_>,
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
}
