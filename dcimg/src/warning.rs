//! Soft problems: the file is read, but something in it deserves a look.

use crate::{Error, Timestamp};

/// A problem that did not prevent reading.
///
/// Collected while parsing ([`crate::Dcimg::warnings`]), of the clock ([`crate::Clock::warnings`]) and of relocated
/// pixels ([`crate::Relocation::warning`]).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Format version 0x2000000: read as 0x1000000, which others report to work, but no
    /// description of real files is public.
    #[error("byte 8: format version 0x2000000 is read as 0x1000000; check the first images")]
    VersionTwo,
    /// The header's file size is not the real one: cut, still being written, or appended to.
    #[error("byte {offset}: the header says {stated} bytes, the file has {actual}")]
    FileSize {
        /// Position of the field.
        offset: u64,
        /// Size according to the header.
        stated: u64,
        /// Real size.
        actual: u64,
    },
    /// The session, footer included, should end beyond the end of the file.
    #[error("byte {offset}: the session should end at byte {end}, the file at {actual}")]
    SessionSize {
        /// Position of the field.
        offset: u64,
        /// Announced end of the session.
        end: u64,
        /// Real size of the file.
        actual: u64,
    },
    /// File header and session header count different numbers of frames; the session's is used.
    #[error(
        "byte 36: the file header counts {file} frames, the session {session}; using {session}"
    )]
    FrameCount {
        /// Frames according to the file header.
        file: u32,
        /// Frames according to the session header.
        session: u32,
    },
    /// Between the last frame of a packed file and its footer there are bytes that nobody asks for: frames that
    /// are not counted, or a wrong place of the frames.
    #[error(
        "byte {offset}: {bytes} bytes between the last frame and the footer are not read, room for {frames} \
         more frames"
    )]
    Uncounted {
        /// Position of the frame count.
        offset: u64,
        /// Bytes between the last frame and the footer.
        bytes: u64,
        /// Whole frames that would fit.
        frames: u64,
    },
    /// The number of sessions is not 1 (0, or several with [`crate::Sessions::First`]).
    #[error("byte 32: the file counts {count} sessions; the first is read")]
    Sessions {
        /// Number of sessions announced.
        count: u32,
    },
    /// The file is cut and was read because [`crate::Options::salvage`] asks for it.
    #[error("the file is cut: {readable} of {announced} frames are readable ({cause})")]
    Salvaged {
        /// Frames that can be read.
        readable: u32,
        /// Frames announced.
        announced: u32,
        /// The error that reading without salvage gives.
        cause: Box<Error>,
    },
    /// The footer of a packed file is unusable: no clock, and overwritten pixels, if any, cannot
    /// be restored.
    #[error("no clock and no restored pixels: {cause}")]
    NoFooter {
        /// What is wrong with it.
        cause: Box<Error>,
    },
    /// Framestamps or timestamps are unusable; frames are read without a clock.
    #[error("no clock: {cause}")]
    NoClock {
        /// What is wrong with them.
        cause: Box<Error>,
    },
    /// Relocated pixels are announced but the announcement is unusable: the junk stays.
    #[error("overwritten pixels are not restored: {cause}")]
    NotRestored {
        /// What is wrong with the announcement.
        cause: Box<Error>,
    },
    /// Pixels are announced to be relocated and are restored, but no frame that was looked at holds the junk pattern
    /// that cameras leave in their place: the announcement may be wrong, and good pixels replaced.
    #[error(
        "relocated pixels are announced in row {row} from column {column}, but none of {examined} frames holds \
         the junk pattern there: true pixels may have been replaced"
    )]
    NoJunk {
        /// Row, from 0 at the top.
        row: usize,
        /// First column.
        column: usize,
        /// Frames that were looked at.
        examined: usize,
    },
    /// Entries of the block table point outside the header; these blocks are ignored.
    #[error(
        "byte {offset}: a header block of {bytes} bytes at {start} is outside the header \
         ({count} such blocks)"
    )]
    Blocks {
        /// Position of the first such entry.
        offset: u64,
        /// Where that block would start, counted as in the file, from 160 bytes after the
        /// session header.
        start: u64,
        /// Its size.
        bytes: u32,
        /// Number of such entries.
        count: u32,
    },
    /// The stored binning is not the ratio of sub-array and image; the ratio is used.
    #[error("byte {offset}: binning {stored} is stored, sub-array and image give {computed}")]
    Binning {
        /// Position of the stored number.
        offset: u64,
        /// The stored number.
        stored: u16,
        /// Sub-array width over image width.
        computed: u32,
    },
    /// A timestamp has a million microseconds or more.
    #[error("frame {frame}: timestamp with {} microseconds", time.microseconds)]
    Microseconds {
        /// The first such frame.
        frame: usize,
        /// Its timestamp.
        time: Timestamp,
    },
    /// The clock was set back while recording.
    #[error("the clock goes back {count} times, first after frame {frame}")]
    ClockBackwards {
        /// The first frame whose successor is earlier.
        frame: usize,
        /// How often it happens.
        count: usize,
    },
    /// Framestamps repeat or go back.
    #[error("framestamps do not increase {count} times, first after frame {frame}")]
    FramestampOrder {
        /// The first frame whose successor does not count up.
        frame: usize,
        /// How often it happens.
        count: usize,
    },
}
