//! Turning stored bytes into numbers.

use ndarray::{Array, Dimension, IntoDimension};

use crate::{Error, PixelType};

/// A number that stored pixels can be read as: `u8` (8-bit files only), `u16` and `f32` (every
/// file). Values are unchanged: 8-bit pixels read as `u16` range from 0 to 255.
pub trait Pixel: Copy + Default + Send + Sync + sealed::Decode {}

impl Pixel for u8 {}
impl Pixel for u16 {}
impl Pixel for f32 {}

pub(crate) mod sealed {
    use super::{Error, PixelType};

    /// Decoding; not for callers, so that more types can be added.
    pub trait Decode: bytemuck::Zeroable {
        /// Whether pixels stored so can be read as this type.
        fn check(stored: PixelType) -> Result<(), Error>;
        /// One pixel of little-endian bytes, the second of which is 0 in 8-bit files.
        fn one(bytes: [u8; 2]) -> Self;
        /// As many pixels as `out` holds; `bytes` has as many bytes as they need.
        fn run(stored: PixelType, bytes: &[u8], out: &mut [Self]);
    }
}

impl sealed::Decode for u8 {
    fn check(stored: PixelType) -> Result<(), Error> {
        match stored {
            PixelType::U8 => Ok(()),
            PixelType::U16 => Err(Error::PixelType {
                stored,
                asked: "u8",
            }),
        }
    }

    fn one(bytes: [u8; 2]) -> Self {
        bytes[0]
    }

    fn run(stored: PixelType, bytes: &[u8], out: &mut [Self]) {
        match stored {
            PixelType::U8 => out.copy_from_slice(bytes),
            PixelType::U16 => decode_u16(bytes, out, |[low, _]| low),
        }
    }
}

impl sealed::Decode for u16 {
    fn check(_: PixelType) -> Result<(), Error> {
        Ok(())
    }

    fn one(bytes: [u8; 2]) -> Self {
        Self::from_le_bytes(bytes)
    }

    fn run(stored: PixelType, bytes: &[u8], out: &mut [Self]) {
        match stored {
            PixelType::U8 => decode_u8(bytes, out, Self::from),
            PixelType::U16 if cfg!(target_endian = "little") => {
                bytemuck::cast_slice_mut::<Self, u8>(out).copy_from_slice(bytes);
            }
            PixelType::U16 => decode_u16(bytes, out, Self::from_le_bytes),
        }
    }
}

impl sealed::Decode for f32 {
    fn check(_: PixelType) -> Result<(), Error> {
        Ok(())
    }

    fn one(bytes: [u8; 2]) -> Self {
        Self::from(u16::from_le_bytes(bytes))
    }

    fn run(stored: PixelType, bytes: &[u8], out: &mut [Self]) {
        match stored {
            PixelType::U8 => decode_u8(bytes, out, Self::from),
            PixelType::U16 => {
                decode_u16(bytes, out, |pair| Self::from(u16::from_le_bytes(pair)));
            }
        }
    }
}

/// An array of zeros, or an error where the program would end for lack of memory.
pub(crate) fn zeros<T: Pixel, S: IntoDimension>(
    shape: S,
    what: &'static str,
) -> Result<Array<T, S::Dim>, Error> {
    let shape = shape.into_dimension();
    let sides = shape.slice().iter();
    let count = sides.fold(1, |count: usize, &side| count.saturating_mul(side));
    let pixels = bytemuck::try_zeroed_slice_box(count).ok();
    pixels
        .and_then(|pixels| Array::from_shape_vec(shape, pixels.into_vec()).ok())
        .ok_or(Error::Memory {
            what,
            bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
        })
}

// Plain loops over pairs of slices: the compiler vectorises them.
fn decode_u8<T>(bytes: &[u8], out: &mut [T], convert: impl Fn(u8) -> T) {
    for (out, &byte) in out.iter_mut().zip(bytes) {
        *out = convert(byte);
    }
}

fn decode_u16<T>(bytes: &[u8], out: &mut [T], convert: impl Fn([u8; 2]) -> T) {
    let (pairs, _) = bytes.as_chunks::<2>();
    for (out, &pair) in out.iter_mut().zip(pairs) {
        *out = convert(pair);
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Decode;
    use super::*;

    fn run<T: Pixel>(stored: PixelType, bytes: &[u8]) -> Vec<T> {
        let mut out = vec![T::default(); bytes.len() / stored.bytes()];
        T::run(stored, bytes, &mut out);
        out
    }

    #[test]
    fn sixteen_bit_pixels_are_little_endian() {
        let bytes = [0x01, 0x02, 0xFF, 0xFF, 0x00, 0x80];
        assert_eq!(run::<u16>(PixelType::U16, &bytes), [0x0201, 0xFFFF, 0x8000]);
        assert_eq!(
            run::<f32>(PixelType::U16, &bytes),
            [513.0, 65535.0, 32768.0]
        );
        assert_eq!(u16::one([1, 2]), 0x0201);
        assert_eq!(f32::one([1, 2]), 513.0);
    }

    #[test]
    fn eight_bit_pixels_keep_their_value() {
        let bytes = [0, 1, 200, 255];
        assert_eq!(run::<u8>(PixelType::U8, &bytes), bytes);
        assert_eq!(run::<u16>(PixelType::U8, &bytes), [0, 1, 200, 255]);
        assert_eq!(run::<f32>(PixelType::U8, &bytes), [0.0, 1.0, 200.0, 255.0]);
    }

    #[test]
    fn bytes_do_not_hold_sixteen_bit_pixels() {
        assert!(u8::check(PixelType::U8).is_ok());
        assert!(matches!(
            u8::check(PixelType::U16),
            Err(Error::PixelType {
                stored: PixelType::U16,
                asked: "u8"
            })
        ));
    }
}
