//! Why a file could not be written.

use std::io;

use crate::PixelType;
use crate::limits::MOST_FRAMES;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The [`Spec`](super::Spec) describes no file that could be read.
    #[error("{0}")]
    Spec(&'static str),
    /// A frame of another shape was pushed.
    #[error("a frame of shape {found:?} was pushed, the file has {needed:?}")]
    Shape {
        /// `[height, width]` of the file.
        needed: [usize; 2],
        /// Shape of the frame.
        found: [usize; 2],
    },
    /// A frame of another pixel type was pushed.
    #[error("a frame of {given} pixels was pushed, the file has {needed}")]
    PixelType {
        /// The file's pixel type.
        needed: PixelType,
        /// That of the frame.
        given: PixelType,
    },
    /// The format, whose footer counts 32 bytes a frame in 32 bits, cannot hold more frames.
    #[error("more than {MOST_FRAMES} frames")]
    TooManyFrames,
    /// The destination failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
