//! What can be wrong with a file or with a request.

use crate::PixelType;

/// Why a file or a request was refused.
///
/// Every variant that blames the file carries the byte offset of the field (or of the missing
/// bytes) it blames; [`Error::offset`] gives it for any variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first five bytes are not `DCIMG`.
    #[error("byte 0: not a DCIMG file, it starts with {found:02x?}")]
    NotDcimg {
        /// The bytes found instead, at most eight.
        found: Vec<u8>,
    },
    /// The file ends too early.
    #[error(
        "byte {offset}: {what} needs {needed} bytes, {available} remain; \
         the file is cut, {complete_frames} frames are complete"
    )]
    Truncated {
        /// Where the incomplete part starts.
        offset: u64,
        /// The part that is incomplete.
        what: &'static str,
        /// Its size in bytes.
        needed: u64,
        /// How many of these bytes the file has.
        available: u64,
        /// Frames whose pixels are all there; [`crate::Options::salvage`] reads them.
        complete_frames: u64,
    },
    /// The format version is none of 7, 0x1000000 and 0x2000000.
    #[error("byte {offset}: format version {found:#x} is not supported")]
    Unsupported {
        /// Position of the version number.
        offset: u64,
        /// The number found.
        found: u32,
    },
    /// The size of the file header, which is where the session header starts, cannot be right.
    #[error("byte {offset}: file header of {found} bytes is outside {smallest} to {largest}")]
    HeaderSize {
        /// Position of the field.
        offset: u64,
        /// The size found.
        found: u32,
        /// Smallest size that holds all known fields.
        smallest: u32,
        /// [`crate::Limits::header_bytes`].
        largest: u32,
    },
    /// The file holds several sessions and [`crate::Sessions::Refuse`] is in force.
    #[error("byte {offset}: the file holds {count} sessions; only the first could be read")]
    Sessions {
        /// Position of the field.
        offset: u64,
        /// The number of sessions announced.
        count: u32,
    },
    /// The recording has no frames.
    #[error("byte {offset}: the recording has no frames")]
    NoFrames {
        /// Position of the frame count.
        offset: u64,
    },
    /// The pixel type code is neither 1 (8-bit) nor 2 (16-bit).
    #[error("byte {offset}: pixel type {code} is not supported")]
    PixelCode {
        /// Position of the code.
        offset: u64,
        /// The code found.
        code: u32,
    },
    /// The image has no columns or no rows.
    #[error("byte {offset}: image {what} is 0")]
    ZeroSize {
        /// Position of the field.
        offset: u64,
        /// `width` or `height`.
        what: &'static str,
    },
    /// A stored row is shorter than the pixels it should hold.
    #[error("byte {offset}: a row of {row_bytes} bytes cannot hold {width} px x {pixel_bytes} B")]
    RowBytes {
        /// Position of the row size.
        offset: u64,
        /// Bytes per stored row.
        row_bytes: u32,
        /// Pixels per row.
        width: u32,
        /// Bytes per pixel.
        pixel_bytes: u32,
    },
    /// Bytes per frame differ from bytes per row times height.
    #[error(
        "byte {offset}: a frame of {frame_bytes} bytes is not {height} rows of {row_bytes} bytes"
    )]
    FrameBytes {
        /// Position of the frame size.
        offset: u64,
        /// Bytes per frame.
        frame_bytes: u32,
        /// Bytes per stored row.
        row_bytes: u32,
        /// Number of rows.
        height: u32,
    },
    /// Frame data would start inside the session header.
    #[error("byte {offset}: frames at {found} bytes after the session header overlap it")]
    DataOffset {
        /// Position of the field.
        offset: u64,
        /// Announced distance from the session header to frame 0.
        found: u64,
    },
    /// The distance between frames is not the size of a frame and its trailer.
    #[error(
        "byte {offset}: frame stride {stride} is not {frame_bytes} pixel bytes \
         and a trailer of {trailer} (at least 12)"
    )]
    Stride {
        /// Position of the stride field.
        offset: u64,
        /// Announced distance between frames in bytes.
        stride: u32,
        /// Announced pixel bytes per frame.
        frame_bytes: u32,
        /// Announced trailer bytes per frame.
        trailer: u32,
    },
    /// The footer of a packed file contradicts itself.
    #[error("byte {offset}: session footer: {reason}")]
    Footer {
        /// Position of the field or of the footer.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// Frames of a packed file reach into its footer: their number, size or place is wrong, and pixels would be
    /// shifted.
    #[error(
        "byte {offset}: frames end at byte {frames_end}, inside the footer, which starts at {footer}"
    )]
    FramesInFooter {
        /// Position of the frame count.
        offset: u64,
        /// Where the last frame ends.
        frames_end: u64,
        /// Where the footer starts.
        footer: u64,
    },
    /// The announced place or store of the relocated pixels cannot be right.
    #[error("byte {offset}: relocated pixels: {reason}")]
    RelocationPlace {
        /// Position of the announcement.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A position computed from the file exceeds 64 bits.
    #[error("byte {offset}: {what} at {value:#x} lies beyond any file")]
    Overflow {
        /// Position of the field.
        offset: u64,
        /// The part whose position overflows.
        what: &'static str,
        /// The value of the field.
        value: u64,
    },
    /// A number of the file exceeds [`crate::Limits`].
    #[error("byte {offset}: {what} of {value} exceeds the limit {limit}")]
    Limit {
        /// Position of the field.
        offset: u64,
        /// What the number counts.
        what: &'static str,
        /// The number found.
        value: u64,
        /// The limit in force.
        limit: u64,
    },
    /// The file has no usable framestamps and timestamps.
    #[error("byte {offset}: no clock: {reason}")]
    NoClock {
        /// Where the clock is or should be.
        offset: u64,
        /// Why it cannot be read.
        reason: &'static str,
    },
    /// A frame beyond the last one was asked for.
    #[error("frame {index} requested, the movie has {count}")]
    NoSuchFrame {
        /// The frame asked for, from 0.
        index: usize,
        /// Frames in the movie.
        count: usize,
    },
    /// Rows, columns or frames that do not exist were asked for.
    #[error("{what} {start}..{end} requested, the movie has {count}")]
    NoSuchRange {
        /// `rows`, `columns` or `frames`.
        what: &'static str,
        /// First one asked for.
        start: usize,
        /// One after the last asked for.
        end: usize,
        /// How many there are.
        count: usize,
    },
    /// The caller's buffer has another shape than what is to be read into it.
    #[error("the buffer has shape {found:?}, needed is {needed:?}")]
    Shape {
        /// Shape of what is read.
        needed: Vec<usize>,
        /// Shape of the buffer.
        found: Vec<usize>,
    },
    /// The file's pixels do not fit the type asked for.
    #[error("the file stores {stored} pixels, {asked} was requested")]
    PixelType {
        /// What the file stores.
        stored: PixelType,
        /// The type asked for.
        asked: &'static str,
    },
    /// Pixels cannot be viewed in place: they are in a file on disk, not aligned to their type, or the byte order of
    /// the machine differs from that of the file; `read_into` works all the same.
    #[error("byte {offset}: stored pixels cannot be viewed in place ({reason})")]
    NoView {
        /// Where the frame starts in the file.
        offset: u64,
        /// What prevents it.
        reason: &'static str,
    },
    /// Bytes of a [`crate::File`] could not be read; [`std::io::ErrorKind::UnexpectedEof`] if it has become shorter
    /// since it was opened.
    #[error("byte {offset}: {reason}")]
    Io {
        /// Where reading began.
        offset: u64,
        /// What kind of failure it is.
        kind: std::io::ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// The system has not enough memory for what was asked for.
    #[error("{bytes} bytes of memory for {what} cannot be had")]
    Memory {
        /// What it was for.
        what: &'static str,
        /// How many bytes it takes; `u64::MAX` if more.
        bytes: u64,
    },
    /// Bytes that were not given to [`crate::Pieces`] are needed.
    #[error("byte {offset}: {bytes} bytes are needed but were not fetched")]
    NotFetched {
        /// Where the bytes start.
        offset: u64,
        /// How many are needed.
        bytes: u64,
    },
}

impl Error {
    /// The byte of the file that the error is about; `None` for requests the file is not to
    /// blame for.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match *self {
            Self::NotDcimg { .. } => Some(0),
            Self::Truncated { offset, .. }
            | Self::Unsupported { offset, .. }
            | Self::HeaderSize { offset, .. }
            | Self::Sessions { offset, .. }
            | Self::NoFrames { offset }
            | Self::PixelCode { offset, .. }
            | Self::ZeroSize { offset, .. }
            | Self::RowBytes { offset, .. }
            | Self::FrameBytes { offset, .. }
            | Self::DataOffset { offset, .. }
            | Self::Stride { offset, .. }
            | Self::Footer { offset, .. }
            | Self::FramesInFooter { offset, .. }
            | Self::RelocationPlace { offset, .. }
            | Self::Overflow { offset, .. }
            | Self::Limit { offset, .. }
            | Self::NoClock { offset, .. }
            | Self::NoView { offset, .. }
            | Self::Io { offset, .. }
            | Self::NotFetched { offset, .. } => Some(offset),
            Self::NoSuchFrame { .. }
            | Self::NoSuchRange { .. }
            | Self::Shape { .. }
            | Self::Memory { .. }
            | Self::PixelType { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_offset_and_reason() {
        let cut = Error::Truncated {
            offset: 232,
            what: "frame 3",
            needed: 64,
            available: 10,
            complete_frames: 3,
        };
        assert_eq!(
            cut.to_string(),
            "byte 232: frame 3 needs 64 bytes, 10 remain; the file is cut, 3 frames are complete"
        );
        assert_eq!(cut.offset(), Some(232));
        let request = Error::NoSuchFrame { index: 7, count: 5 };
        assert_eq!(request.to_string(), "frame 7 requested, the movie has 5");
        assert_eq!(request.offset(), None);
    }
}
