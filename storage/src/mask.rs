//! Mask images: which pixels are kept.

use std::io::Cursor;

use ndarray::Array2;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use crate::Error;

/// Name of the file in messages; whoever knows its place puts that before it.
const FILE: &str = "mask image";
/// Most bytes of pixels, whatever the file announces: a camera's frames have far fewer.
const MOST_BYTES: usize = 1 << 28;

/// The pixels `(y, x)` of a PNG, top row first: `true` where any colour is not black and the pixel is not wholly transparent.
///
/// Grey of 1 to 16 bits, with alpha or a transparent shade or without; RGB and RGBA of 8 and 16 bits; palettes. Of an animated
/// file the first image. No colour profile is applied, since black is black in any.
///
/// ```
/// // Two pixels of 8-bit grey: 0 and 1.
/// let mut file = Vec::new();
/// let mut encoder = png::Encoder::new(&mut file, 2, 1);
/// encoder.set_color(png::ColorType::Grayscale);
/// encoder.write_header()?.write_image_data(&[0, 1])?;
/// assert_eq!(widefield_storage::mask::read(&file)?, ndarray::array![[false, true]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Format`] if it is no PNG, cut or damaged; [`Error::TooLarge`] if its pixels take more than 256 MiB.
pub fn read(file: &[u8]) -> Result<Array2<bool>, Error> {
    let limits = Limits { bytes: MOST_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
    // Palettes to colours, transparent shades to alpha, few bits to 8.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(wrong)?;
    let size = reader.output_buffer_size().unwrap_or(usize::MAX);
    if size > MOST_BYTES {
        return Err(too_large(size as u64));
    }
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(size)
        .map_err(|_| too_large(size as u64))?;
    bytes.resize(size, 0);
    let image = reader.next_frame(&mut bytes).map_err(wrong)?;

    let sample = match image.bit_depth {
        BitDepth::Sixteen => 2,
        _ => 1,
    };
    let colours = match image.color_type {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => sample,
        _ => 3 * sample,
    };
    let alpha = match image.color_type {
        ColorType::GrayscaleAlpha | ColorType::Rgba => sample,
        _ => 0,
    };
    let any = |bytes: &[u8]| bytes.iter().any(|&byte| byte != 0);
    let kept = |pixel: &[u8]| any(&pixel[..colours]) && (alpha == 0 || any(&pixel[colours..]));
    let pixels = bytes[..image.buffer_size()].chunks_exact(colours + alpha);
    let shape = (image.height as usize, image.width as usize);
    Array2::from_shape_vec(shape, pixels.map(kept).collect())
        .map_err(|error| Error::format(FILE, error.to_string()))
}

fn too_large(bytes: u64) -> Error {
    Error::TooLarge {
        object: FILE.to_owned(),
        what: "the picture",
        bytes,
        limit: MOST_BYTES as u64,
    }
}

fn wrong(error: DecodingError) -> Error {
    match error {
        DecodingError::LimitsExceeded => too_large(u64::MAX),
        error => Error::format(FILE, format!("no readable PNG: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use png::Encoder;

    /// A file of `width` x 1 px of `bytes`.
    fn file(
        width: u32,
        color: ColorType,
        depth: BitDepth,
        bytes: &[u8],
        more: impl FnOnce(&mut Encoder<'_, &mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        more(&mut encoder);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(bytes).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn every_kind_is_kept_where_it_is_not_black() {
        use BitDepth::{Eight, Four, One, Sixteen, Two};
        use ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
        let cases: [(ColorType, BitDepth, &[u8]); 10] = [
            (Grayscale, One, &[0b0110_0000]),
            (Grayscale, Two, &[0b00_01_11_00]),
            (Grayscale, Four, &[0x01, 0xf0]),
            (Grayscale, Eight, &[0, 1, 255, 0]),
            // The lower byte counts as well.
            (Grayscale, Sixteen, &[0, 0, 0, 1, 255, 0, 0, 0]),
            // Of alpha 0 the colour does not matter.
            (GrayscaleAlpha, Eight, &[0, 255, 1, 255, 9, 1, 255, 0]),
            (
                GrayscaleAlpha,
                Sixteen,
                &[0, 0, 9, 9, 0, 1, 9, 9, 1, 0, 0, 1, 9, 9, 0, 0],
            ),
            (Rgb, Eight, &[0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0]),
            (
                Rgb,
                Sixteen,
                &[
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                ],
            ),
            (
                Rgba,
                Eight,
                &[0, 0, 0, 255, 0, 1, 0, 255, 1, 1, 1, 1, 255, 255, 255, 0],
            ),
        ];
        let expected = ndarray::array![[false, true, true, false]];
        for (color, depth, bytes) in cases {
            let file = file(4, color, depth, bytes, |_| ());
            assert_eq!(read(&file).unwrap(), expected, "{color:?} {depth:?}");
        }
    }

    #[test]
    fn palettes_and_transparent_shades_are_resolved() {
        // Black, dark blue, red, white of no opacity.
        let palette = file(
            4,
            ColorType::Indexed,
            BitDepth::Two,
            &[0b00_01_10_11],
            |e| {
                e.set_palette(vec![0, 0, 0, 0, 0, 1, 255, 0, 0, 255, 255, 255]);
                e.set_trns(vec![255, 255, 255, 0]);
            },
        );
        let expected = ndarray::array![[false, true, true, false]];
        assert_eq!(read(&palette).unwrap(), expected);
        let shade = file(
            4,
            ColorType::Grayscale,
            BitDepth::Eight,
            &[0, 1, 2, 9],
            |e| {
                e.set_trns(vec![0, 9]);
            },
        );
        assert_eq!(read(&shade).unwrap(), expected);
    }

    #[test]
    fn what_is_cut_or_no_png_is_an_error() {
        let noise: Vec<u8> = (0..400_u32)
            .map(|i| (i * i % 251).to_le_bytes()[0])
            .collect();
        let whole = file(400, ColorType::Grayscale, BitDepth::Eight, &noise, |_| ());
        // The last chunk says nothing but that it is the last.
        for cut in 0..whole.len() - 12 {
            let error = read(&whole[..cut]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{cut}: {error}");
        }
        assert_eq!(read(b"GIF89a").unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn a_small_file_cannot_take_much_memory() {
        let mut file = file(1, ColorType::Rgba, BitDepth::Sixteen, &[0; 8], |_| ());
        // Width and height in the header, which has a check sum.
        file[16..24].copy_from_slice(&[0, 0, 64, 0, 0, 0, 64, 0]);
        let sum = crc32(&file[12..29]);
        file[29..33].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(read(&file).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    /// The check sum of PNG (CRC-32 of ISO 3309), by its definition.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_never_panic(
            changes in proptest::collection::vec((0..400_usize, 0..=255_u8), 1..8),
        ) {
            let bytes: Vec<u8> = (0..300_u32).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
            let mut file = file(100, ColorType::Rgb, BitDepth::Eight, &bytes, |_| ());
            for (at, value) in changes {
                let at = at % file.len();
                file[at] = value;
            }
            let _ = read(&file);
        }
    }
}
