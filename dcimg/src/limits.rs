//! Choices of the caller: what to do with odd files, and how much to believe a header.

/// How a file is read. The default refuses what is cut or ambiguous.
///
/// ```
/// use dcimg::{Options, Padding, Sessions};
/// let options = Options::default().salvage(true).padding(Padding::Keep).sessions(Sessions::First);
/// assert!(options.salvage);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Read the complete frames of a cut file, and of a file without frames none, instead of
    /// refusing it. Default `false`. No effect on whole files.
    pub salvage: bool,
    /// Which end of a row is padding. No effect if rows have none.
    pub padding: Padding,
    /// What to do with a file of several sessions.
    pub sessions: Sessions,
    /// How large the numbers of a header may be.
    pub limits: Limits,
}

impl Options {
    /// Sets [`Options::salvage`].
    #[must_use]
    pub fn salvage(self, salvage: bool) -> Self {
        Self { salvage, ..self }
    }

    /// Sets [`Options::padding`].
    #[must_use]
    pub fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// Sets [`Options::sessions`].
    #[must_use]
    pub fn sessions(self, sessions: Sessions) -> Self {
        Self { sessions, ..self }
    }

    /// Sets [`Options::limits`].
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

/// Which end of a stored row is padding, when it has more bytes than the image is wide.
///
/// Public readers disagree and no public file settles it, hence a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// Padding follows the pixels: the first `width` pixels are the image (as lens-biophotonics
    /// `dcimg` and `openreadout-dcimg` do).
    #[default]
    Trailing,
    /// Padding precedes the pixels: the last `width` pixels are the image (as PYME does).
    Leading,
    /// Padding is image: the movie is as wide as the stored row.
    Keep,
}

/// What to do with a file that announces several sessions. No such file is public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sessions {
    /// Refuse with [`crate::Error::Sessions`].
    #[default]
    Refuse,
    /// Read the first session and say so in a [`crate::Warning`].
    First,
}

/// Most frames of a file: the footer of a packed one, 0x110 + 20 bytes a frame, and the index
/// behind it, 32 bytes a frame, are counted in 32 bits.
pub(crate) const MOST_FRAMES: u32 = u32::MAX / 32;

/// Largest numbers believed.
///
/// Frames that do not fit into the file are refused before anything is allocated, and parsing takes a few KiB
/// whatever the headers say. But a file may be larger than the room it takes on disk (sparse), so what is
/// proportional to the number of frames, like [`crate::Movie::clock`], is bounded by these numbers only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest file header, that is, offset of the session header, in bytes; default 1 MiB.
    pub header_bytes: u32,
    /// Most frames that are in the file; default 2^27 - 1, as many as an index of 32 bytes a frame, whose size
    /// has 32 bits in the file, can count.
    pub frames: u32,
    /// Largest frame in bytes; default no limit.
    pub frame_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 1 << 20,
            frames: MOST_FRAMES,
            frame_bytes: u32::MAX,
        }
    }
}

impl Limits {
    /// Sets [`Limits::header_bytes`].
    #[must_use]
    pub fn header_bytes(self, header_bytes: u32) -> Self {
        Self {
            header_bytes,
            ..self
        }
    }

    /// Sets [`Limits::frames`].
    #[must_use]
    pub fn frames(self, frames: u32) -> Self {
        Self { frames, ..self }
    }

    /// Sets [`Limits::frame_bytes`].
    #[must_use]
    pub fn frame_bytes(self, frame_bytes: u32) -> Self {
        Self {
            frame_bytes,
            ..self
        }
    }
}
