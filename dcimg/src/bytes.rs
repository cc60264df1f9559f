//! Bytes of a file at an offset: all of them, or only the ranges somebody fetched.

use std::borrow::Cow;
use std::ops::Range;

use nom::Parser;

use crate::Error;

/// Ranges of a file that were fetched separately, for instance from an object store.
///
/// A range that [`crate::Layout`] asks for must be given in one piece; pieces may overlap and
/// come in any order.
///
/// ```
/// let mut pieces = dcimg::Pieces::new(5_000_000);
/// pieces.add(0, b"DCIMG\0\0\0");
/// assert_eq!(pieces.file_bytes(), 5_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Pieces<'a> {
    file_bytes: u64,
    /// In the order of their starts.
    pieces: Vec<Piece<'a>>,
}

#[derive(Clone, Debug)]
struct Piece<'a> {
    start: u64,
    bytes: Cow<'a, [u8]>,
    /// Where the farthest-reaching piece up to this one ends.
    reach: u64,
}

impl<'a> Pieces<'a> {
    /// No piece yet of a file of `file_bytes` bytes.
    #[must_use]
    pub fn new(file_bytes: u64) -> Self {
        Self {
            file_bytes,
            pieces: Vec::new(),
        }
    }

    /// Adds the bytes that start at `offset` of the file. Bytes beyond the stated size of the
    /// file are ignored. Fastest in the order of the file.
    pub fn add(&mut self, offset: u64, bytes: &'a [u8]) {
        let room = usize::try_from(self.file_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.insert(offset, Cow::Borrowed(&bytes[..bytes.len().min(room)]));
    }

    /// Adds what `fetch` gives for each of `ranges`, for instance those of [`crate::Layout::frame_ranges`].
    ///
    /// ```
    /// let file = b"DCIMG\0\0\0 and more";
    /// let mut pieces = dcimg::Pieces::new(file.len() as u64);
    /// pieces.fetch([0..5, 9..12], |range| file.get(range.start as usize..range.end as usize).ok_or("it ends"))?;
    /// # Ok::<(), dcimg::FetchError<&str>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FetchError::Fetch`] with the first error of `fetch`, [`FetchError::Format`] with [`Error::NotFetched`] if it
    /// gives fewer bytes than asked for.
    pub fn fetch<B: Into<Vec<u8>>, E>(
        &mut self,
        ranges: impl IntoIterator<Item = Range<u64>>,
        mut fetch: impl FnMut(Range<u64>) -> Result<B, E>,
    ) -> Result<(), FetchError<E>> {
        for range in ranges {
            let (offset, bytes) = (range.start, range.end.saturating_sub(range.start));
            let mut fetched: Vec<u8> = fetch(range).map_err(FetchError::Fetch)?.into();
            if (fetched.len() as u64) < bytes {
                return Err(FetchError::Format(Error::NotFetched { offset, bytes }));
            }
            fetched.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
            self.insert(offset, Cow::Owned(fetched));
        }
        Ok(())
    }

    fn insert(&mut self, start: u64, bytes: Cow<'a, [u8]>) {
        let piece = Piece {
            start,
            bytes,
            reach: 0,
        };
        let at = self.pieces.partition_point(|piece| piece.start <= start);
        self.pieces.insert(at, piece);
        let mut reach = at
            .checked_sub(1)
            .map_or(0, |before| self.pieces[before].reach);
        for piece in &mut self.pieces[at..] {
            reach = reach.max(piece.start.saturating_add(piece.bytes.len() as u64));
            piece.reach = reach;
        }
    }

    /// Size of the whole file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    fn get(&self, offset: u64, bytes: u64) -> Option<&[u8]> {
        let end = offset.checked_add(bytes)?;
        let candidates = self.pieces.partition_point(|piece| piece.start <= offset);
        self.pieces[..candidates]
            .iter()
            .rev()
            .take_while(|piece| piece.reach >= end)
            .find_map(|piece| slice(&piece.bytes, offset - piece.start, bytes))
    }
}

/// Why a part of a file was not had from a function that fetches ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError<E> {
    /// What was fetched is no DCIMG file, not one that can be read as asked, or too short.
    #[error(transparent)]
    Format(#[from] Error),
    /// The function gave an error.
    #[error(transparent)]
    Fetch(E),
}

/// Bytes of a file in memory; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bytes<'a> {
    Whole(&'a [u8]),
    Pieces(&'a Pieces<'a>),
}

/// Why bytes could not be had: not fetched yet, or an error for good.
#[derive(Debug)]
pub(crate) enum Fault {
    Missing(Range<u64>),
    Failed(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing(range) => Self::NotFetched {
                offset: range.start,
                bytes: range.end - range.start,
            },
            Fault::Failed(error) => error,
        }
    }
}

impl<'a> Bytes<'a> {
    pub(crate) fn len(self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Pieces(pieces) => pieces.file_bytes,
        }
    }

    /// The `bytes` bytes at `offset`; `what` names them in errors.
    pub(crate) fn get(
        self,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<&'a [u8], Fault> {
        let found = match self {
            // Nothing needs no piece.
            Self::Pieces(pieces) if bytes == 0 && offset <= pieces.file_bytes => Some(&[][..]),
            Self::Whole(all) => slice(all, offset, bytes),
            Self::Pieces(pieces) => pieces.get(offset, bytes),
        };
        if let Some(found) = found {
            return Ok(found);
        }
        match offset.checked_add(bytes) {
            Some(end) if end <= self.len() => Err(Fault::Missing(offset..end)),
            _ => Err(Fault::Failed(Error::Truncated {
                offset,
                what,
                needed: bytes,
                available: self.len().saturating_sub(offset),
                complete_frames: 0,
            })),
        }
    }

    /// Makes sure that the part of `range` inside the file is at hand, so that many small reads
    /// become one fetch.
    pub(crate) fn want(self, range: Range<u64>) -> Result<(), Fault> {
        let end = range.end.min(self.len());
        if range.start < end {
            self.get(range.start, end - range.start, "range")?;
        }
        Ok(())
    }
}

fn slice(all: &[u8], offset: u64, bytes: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(bytes).ok()?)?;
    all.get(start..end)
}

/// A value of the file and where it stands, for errors that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) offset: u64,
}

/// Runs a nom parser over the structure at `offset`, which has `bytes` bytes.
pub(crate) fn structure<'a, T>(
    source: Bytes<'a>,
    offset: u64,
    bytes: u64,
    what: &'static str,
    mut parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Result<T, Fault> {
    let input = source.get(offset, bytes, what)?;
    match parser.parse(input) {
        Ok((_, value)) => Ok(value),
        // The parsers read fixed fields without conditions, so this means `bytes` is too small.
        Err(_) => Err(Fault::Failed(Error::Truncated {
            offset,
            what,
            needed: bytes + 1,
            available: bytes,
            complete_frames: 0,
        })),
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use super::*;

    #[test]
    fn whole_source_ends_where_the_bytes_end() {
        let source = Bytes::Whole(&[1, 2, 3, 4]);
        assert_eq!(source.get(1, 3, "x").unwrap(), [2, 3, 4]);
        for (offset, bytes) in [(1, 4), (5, 0), (u64::MAX, 1), (1, u64::MAX)] {
            let fault = source.get(offset, bytes, "x").unwrap_err();
            assert!(matches!(fault, Fault::Failed(Error::Truncated { .. })));
        }
    }

    #[test]
    fn pieces_tell_missing_from_truncated() {
        let mut pieces = Pieces::new(100);
        pieces.add(10, &[1, 2, 3]);
        pieces.add(90, &[0; 20]);
        let source = Bytes::Pieces(&pieces);
        assert_eq!(source.get(11, 2, "x").unwrap(), [2, 3]);
        assert!(matches!(source.get(11, 3, "x"), Err(Fault::Missing(range)) if range == (11..14)));
        assert!(source.get(99, 1, "x").is_ok());
        assert!(source.get(50, 0, "x").unwrap().is_empty());
        assert!(matches!(
            source.get(99, 2, "x"),
            Err(Fault::Failed(Error::Truncated { available: 1, .. }))
        ));
    }

    #[test]
    fn pieces_may_overlap_and_come_in_any_order() {
        let all: Vec<u8> = (0..100).collect();
        let mut pieces = Pieces::new(100);
        for (start, end) in [(50, 60), (0, 40), (10, 12), (90, 100), (11, 11), (55, 80)] {
            pieces.add(start as u64, &all[start..end]);
        }
        let inside =
            |a: u64, b: u64| b <= 40 || a >= 90 || a >= 55 && b <= 80 || a >= 50 && b <= 60;
        for a in 0..100u64 {
            for b in a + 1..=100 {
                let found = pieces.get(a, b - a);
                let expected = inside(a, b).then_some(a as usize..b as usize);
                assert_eq!(found, expected.map(|range| &all[range]), "{a}..{b}");
            }
        }
    }

    #[test]
    fn wanted_range_is_clipped_to_the_file() {
        let pieces = Pieces::new(50);
        let fault = Bytes::Pieces(&pieces).want(40..4096).unwrap_err();
        assert!(matches!(fault, Fault::Missing(range) if range == (40..50)));
        assert!(Bytes::Pieces(&pieces).want(60..70).is_ok());
    }
}
