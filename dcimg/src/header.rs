//! File header: magic, format version, frame count, sizes; and what all headers together say.

use std::fmt;

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u32, le_u64};

use crate::bytes::{At, Bytes, Fault, structure};
use crate::{Camera, Error, Limits, PixelType};

pub(crate) const MAGIC: &[u8; 5] = b"DCIMG";
/// Bytes of the file header that hold known fields.
pub(crate) const FILE_HEADER_BYTES: u32 = 0x50;

/// Whether `prefix`, the first bytes of a file, is the start of a DCIMG file.
///
/// Looks at the first five bytes only: recordings often have no file name extension. A prefix
/// shorter than that is not recognised.
///
/// ```
/// assert!(dcimg::is_dcimg(b"DCIMG\0\0\0\x07\0\0\0"));
/// assert!(!dcimg::is_dcimg(b"II*\0"));
/// ```
#[must_use]
pub fn is_dcimg(prefix: &[u8]) -> bool {
    prefix.starts_with(MAGIC)
}

/// The known format versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// `7`, packed: frames back to back, stamps and relocated pixels in tables after the last.
    Packed,
    /// `0x1000000`, framed: every frame has a trailer with its stamps and relocated pixels.
    Framed,
    /// `0x2000000`: read as framed, behind [`crate::Warning::VersionTwo`].
    FramedV2,
}

impl Version {
    /// The number in the file.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Packed => 7,
            Self::Framed => 0x0100_0000,
            Self::FramedV2 => 0x0200_0000,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::Packed, Self::Framed, Self::FramedV2]
            .into_iter()
            .find(|version| version.number() == number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.number())
    }
}

/// Every known field of the headers. [`crate::format`] tells how each is known.
///
/// Numbers are as stored; what is not in the file is `None`, never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Format version.
    pub version: Version,
    /// Number of sessions; 1 in every known file.
    pub sessions: u32,
    /// Frames according to the file header.
    pub file_frames: u32,
    /// Size of the file according to the header, in bytes.
    pub file_bytes: u64,
    /// The second copy of the size.
    pub file_bytes_copy: u64,
    /// Where the session header starts, in bytes from the start of the file.
    pub session_offset: u32,
    /// Size of the session from its header to its end, footer included, in bytes.
    pub session_bytes: u64,
    /// Frames according to the session header, which is the number believed.
    pub frames: u32,
    /// How pixels are stored.
    pub pixel: PixelType,
    /// Columns of the image.
    pub width: u32,
    /// Rows of the image.
    pub height: u32,
    /// Bytes from one row to the next; more than `width` pixels if rows are padded.
    pub row_bytes: u32,
    /// Pixel bytes per frame, `row_bytes * height`, without trailer.
    pub frame_bytes: u32,
    /// Where frame 0 starts, in bytes from the session header.
    pub data_offset: u64,
    /// Bytes from one frame to the next.
    pub frame_stride: u64,
    /// Bytes that follow each frame's pixels; 0 in packed files.
    pub trailer_bytes: u32,
    /// The tables after the last frame; `None` in framed files and where unusable.
    pub footer: Option<Footer>,
    /// What the camera block of a framed file says; `None` where there is none.
    pub camera: Option<Camera>,
}

impl Header {
    /// Where frame 0 starts, in bytes from the start of the file.
    #[must_use]
    pub fn data_start(&self) -> u64 {
        // Checked when the header was read.
        u64::from(self.session_offset).saturating_add(self.data_offset)
    }

    /// Bytes at the end (or start) of each row that are no pixels of the image.
    #[must_use]
    pub fn row_padding_bytes(&self) -> u64 {
        u64::from(self.row_bytes).saturating_sub(u64::from(self.width) * self.pixel.bytes() as u64)
    }
}

/// Position and tables of a packed file's footer. Table positions count from the start of the
/// file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Footer {
    /// Where the footer starts.
    pub start: u64,
    /// Its size in bytes, tables included.
    pub bytes: u32,
    /// Framestamps, four bytes a frame; `None` if the position is unusable.
    pub framestamps: Option<u64>,
    /// Timestamps, eight bytes a frame; `None` if the position is unusable.
    pub timestamps: Option<u64>,
    /// Relocated pixels, eight bytes a frame; `None` if the recording has none.
    pub relocated: Option<u64>,
}

/// The fields of the file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) version: Version,
    pub(crate) sessions: u32,
    pub(crate) frames: u32,
    pub(crate) session_offset: u32,
    pub(crate) file_bytes: At<u64>,
    pub(crate) file_bytes_copy: At<u64>,
}

/// Reads and checks the file header.
pub(crate) fn parse(source: Bytes<'_>, limits: &Limits) -> Result<FileHeader, Fault> {
    let start = source.get(0, source.len().min(8), "magic")?;
    let compared = start.len().min(MAGIC.len());
    if start[..compared] != MAGIC[..compared] {
        return Err(Fault::Failed(Error::NotDcimg {
            found: start.to_vec(),
        }));
    }
    let bytes = u64::from(FILE_HEADER_BYTES);
    let (version, sessions, frames, session_offset, file_bytes, file_bytes_copy) =
        structure(source, 0, bytes, "file header", |input| {
            let (input, _) = take(0x08usize).parse(input)?;
            let (input, version) = le_u32(input)?;
            let (input, _) = take(0x14usize).parse(input)?;
            let (input, sessions) = le_u32(input)?; // 0x20
            let (input, frames) = le_u32(input)?; // 0x24
            let (input, session_offset) = le_u32(input)?; // 0x28
            let (input, _) = take(4usize).parse(input)?;
            let (input, file_bytes) = le_u64(input)?; // 0x30
            let (input, _) = take(8usize).parse(input)?;
            let (input, copy) = le_u64(input)?; // 0x40
            Ok((
                input,
                (version, sessions, frames, session_offset, file_bytes, copy),
            ))
        })?;
    let version = Version::from_number(version).ok_or(Error::Unsupported {
        offset: 0x08,
        found: version,
    })?;
    if !(FILE_HEADER_BYTES..=limits.header_bytes).contains(&session_offset) {
        return Err(Fault::Failed(Error::HeaderSize {
            offset: 0x28,
            found: session_offset,
            smallest: FILE_HEADER_BYTES,
            largest: limits.header_bytes,
        }));
    }
    Ok(FileHeader {
        version,
        sessions,
        frames,
        session_offset,
        file_bytes: At {
            value: file_bytes,
            offset: 0x30,
        },
        file_bytes_copy: At {
            value: file_bytes_copy,
            offset: 0x40,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file header field by field.
    fn header(version: u32, hs: u32) -> Vec<u8> {
        let mut bytes = b"DCIMG\0\0\0".to_vec();
        bytes.extend(version.to_le_bytes()); // 0x08 format version
        bytes.extend([0xEE; 20]); // 0x0C unknown
        bytes.extend(1u32.to_le_bytes()); // 0x20 sessions
        bytes.extend(10u32.to_le_bytes()); // 0x24 frames
        bytes.extend(hs.to_le_bytes()); // 0x28 session header
        bytes.extend([0; 4]); // 0x2C unknown
        bytes.extend(0x0000_0002_0000_1234_u64.to_le_bytes()); // 0x30 file size
        bytes.extend([0xEE; 8]); // 0x38 unknown
        bytes.extend(0x0000_0003_0000_1234_u64.to_le_bytes()); // 0x40 file size again
        bytes.extend([0xEE; 8]); // 0x48 unknown
        bytes
    }

    fn read(bytes: &[u8]) -> Result<FileHeader, Error> {
        parse(Bytes::Whole(bytes), &Limits::default()).map_err(Error::from)
    }

    #[test]
    fn reads_every_field() {
        let read = read(&header(0x0100_0000, 0x70)).unwrap();
        assert_eq!(read.version, Version::Framed);
        assert_eq!((read.sessions, read.frames), (1, 10));
        assert_eq!(read.session_offset, 0x70);
        assert_eq!(read.file_bytes.value, 0x2_0000_1234);
        assert_eq!(read.file_bytes_copy.value, 0x3_0000_1234);
    }

    #[test]
    fn refuses_other_magic_and_says_what_it_found() {
        assert_eq!(
            read(b"II*\0\x08"),
            Err(Error::NotDcimg {
                found: b"II*\0\x08".to_vec()
            })
        );
    }

    #[test]
    fn names_the_unknown_version() {
        for found in [0, 8, 0x0300_0000] {
            let error = read(&header(found, 0x78)).unwrap_err();
            assert_eq!(error, Error::Unsupported { offset: 8, found });
            assert!(error.to_string().contains(&format!("{found:#x}")));
        }
    }

    #[test]
    fn refuses_absurd_header_sizes() {
        for found in [0, 0x4F, (1 << 20) + 1, u32::MAX] {
            assert!(matches!(
                read(&header(7, found)),
                Err(Error::HeaderSize { offset: 0x28, .. })
            ));
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = header(7, 0x78);
        for length in 0..whole.len() {
            let error = read(&whole[..length]).unwrap_err();
            assert!(
                matches!(error, Error::Truncated { .. }),
                "{length}: {error}"
            );
        }
    }
}
