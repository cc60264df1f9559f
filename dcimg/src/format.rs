#![doc = include_str!("format.md")]

use std::fmt;

/// How sure the meaning of a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Seen in published values of real files, and used by two or more independent readers.
    A,
    /// Used by two or more readers, or by one compared bit by bit with others on real files.
    B,
    /// One reader only, or inferred by reconciling sources.
    C,
    /// A guess.
    D,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The fields of [`crate::Camera`] and how sure each is, for programs that show them.
///
/// ```
/// use dcimg::format::{CAMERA, Confidence};
/// assert!(CAMERA.contains(&("sub_array", Confidence::B)));
/// ```
pub const CAMERA: [(&str, Confidence); 6] = [
    ("model", Confidence::C),
    ("serial", Confidence::C),
    ("versions", Confidence::C),
    ("sub_array", Confidence::B),
    ("binning", Confidence::B),
    ("stated_binning", Confidence::C),
];
