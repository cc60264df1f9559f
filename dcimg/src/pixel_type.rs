//! How pixels are stored.

use std::fmt;

/// How a pixel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelType {
    /// One unsigned byte.
    U8,
    /// Two bytes, unsigned, little-endian.
    U16,
}

impl PixelType {
    /// Bytes per pixel, which is also the code in the file.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
        }
    }
}

impl fmt::Display for PixelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
        })
    }
}
