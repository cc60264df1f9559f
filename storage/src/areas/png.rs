//! Images of labels as PNG.

use std::io::Cursor;

use ndarray::Array2;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{Areas, check_size, labels, too_large};
use crate::Error;

pub(super) const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Most bytes of pixels, whatever the file announces.
const MOST_BYTES: usize = 1 << 28;

/// The areas of a grey image or one with a palette, of 1 to 16 bits.
pub(super) fn read(object: &str, file: &[u8], size: (usize, usize)) -> Result<Areas, Error> {
    let limits = Limits { bytes: MOST_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    // Numbers as they are stored: no colours for those of a palette.
    decoder.set_transformations(Transformations::IDENTITY);
    let wrong = |error| match error {
        DecodingError::LimitsExceeded => picture_too_large(object, u64::MAX),
        error => Error::format(object, format!("no readable PNG: {error}")),
    };
    let mut reader = decoder.read_info().map_err(wrong)?;
    let info = reader.info();
    let (height, width) = (info.height as usize, info.width as usize);
    let (colour, depth) = (info.color_type, info.bit_depth);
    if !matches!(colour, ColorType::Grayscale | ColorType::Indexed) {
        let reason = "has colours or transparency, and which label a colour is nobody says: save it as 8 or 16 bit grey, or with a palette";
        return Err(Error::format(object, reason));
    }
    check_size(object, "the image", (height, width), size)?;
    let count = reader.output_buffer_size().unwrap_or(usize::MAX);
    if count > MOST_BYTES {
        return Err(picture_too_large(object, count as u64));
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(count)
        .map_err(|_| picture_too_large(object, count as u64))?;
    bytes.resize(count, 0);
    let line = reader.next_frame(&mut bytes).map_err(wrong)?.line_size;

    let label = |(y, x): (usize, usize)| {
        let byte = |at: usize| bytes.get(y * line + at).copied().map_or(0, i64::from);
        // Several to a byte, the first in the highest bits.
        let packed = |bits: usize| {
            let shift = 8 - bits - x * bits % 8;
            byte(x * bits / 8) >> shift & ((1 << bits) - 1)
        };
        match depth {
            BitDepth::One => packed(1),
            BitDepth::Two => packed(2),
            BitDepth::Four => packed(4),
            BitDepth::Eight => byte(x),
            BitDepth::Sixteen => byte(2 * x) << 8 | byte(2 * x + 1),
        }
    };
    labels::areas(object, &Array2::from_shape_fn(size, label), size)
}

fn picture_too_large(object: &str, bytes: u64) -> Error {
    too_large(object, "the picture", bytes, MOST_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn file(width: u32, colour: ColorType, depth: BitDepth, pixels: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, 2);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == ColorType::Indexed {
            // Black, and black again: colours do not matter.
            encoder.set_palette(vec![0; 48]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn every_depth_gives_its_numbers() {
        use BitDepth::{Eight, Four, One, Sixteen, Two};
        use ColorType::{Grayscale, Indexed};
        let cases: [(ColorType, BitDepth, &[u8], &[&str]); 7] = [
            (Grayscale, One, &[0b0100_0000, 0b0010_0000], &["1", "1"]),
            (Grayscale, Two, &[0b00_11_00_00, 0b00_00_10_00], &["3", "2"]),
            (Indexed, Four, &[0x07, 0, 0, 0x20], &["7", "2"]),
            (Grayscale, Four, &[0x0f, 0, 0, 0x20], &["15", "2"]),
            (Grayscale, Eight, &[0, 255, 0, 0, 0, 2], &["255", "2"]),
            (Indexed, Eight, &[0, 9, 0, 0, 0, 2], &["9", "2"]),
            (
                Grayscale,
                Sixteen,
                &[0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 2],
                &["258", "2"],
            ),
        ];
        for (colour, depth, pixels, names) in cases {
            let read = read("x", &file(3, colour, depth, pixels), (2, 3)).unwrap();
            let named = |name: &str| &read.iter().find(|(known, _)| known == name).unwrap().1;
            assert!(named(names[0])[[0, 1]], "{colour:?} {depth:?}");
            assert!(named(names[1])[[1, 2]], "{colour:?} {depth:?}");
            let pixels: usize = read
                .iter()
                .map(|(_, mask)| mask.iter().filter(|&&m| m).count())
                .sum();
            assert_eq!(pixels, 2);
        }
    }

    #[test]
    fn colours_are_refused_with_a_reason() {
        for (colour, pixels) in [(ColorType::Rgb, 18), (ColorType::GrayscaleAlpha, 12)] {
            let file = file(3, colour, BitDepth::Eight, &vec![0; pixels]);
            let error = read("x", &file, (2, 3)).unwrap_err();
            assert!(error.to_string().contains("grey"), "{error}");
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let noise: Vec<u8> = (0..200_u8).collect();
        let whole = file(100, ColorType::Grayscale, BitDepth::Eight, &noise);
        // The last chunk says nothing but that it is the last.
        for cut in 0..whole.len() - 12 {
            let error = read("x", &whole[..cut], (2, 100)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{cut}: {error}");
        }
    }
}
