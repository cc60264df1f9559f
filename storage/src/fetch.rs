//! Parts of one object on their way: asked for ahead of their use, handed out in order.

use std::iter::FusedIterator;
use std::ops::Range;

use bytes::Bytes;

use crate::{Entry, Error};

/// How far a [`Fetch`] may run ahead of its reader.
///
/// ```
/// use widefield_storage::Ahead;
///
/// let small = Ahead::default().bytes(1 << 20).requests(2);
/// assert_eq!((small.bytes, small.requests), (1 << 20, 2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ahead {
    /// Most bytes on their way or waiting to be taken. A single range that is larger is fetched
    /// alone. Default 64 MiB.
    pub bytes: u64,
    /// Most requests under way at a time, at least 1. Default 8.
    pub requests: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Ahead {
            bytes: 64 << 20,
            requests: 8,
        }
    }
}

impl Ahead {
    /// At most `bytes` bytes on their way or waiting.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// At most `requests` requests at a time.
    #[must_use]
    pub fn requests(mut self, requests: usize) -> Self {
        self.requests = requests;
        self
    }
}

/// Ranges of one version of an object, in the order in which they were asked for.
///
/// Made by [`Place::fetch`](crate::Place::fetch). In stores the requests run on this library's
/// own thread while the caller works on what came before; dropped, it cancels them. Files are
/// read when their turn comes. After an error there are no more items.
#[derive(Debug)]
pub struct Fetch {
    entry: Entry,
    left: usize,
    parts: Box<dyn Parts>,
}

/// How a kind of place hands out the ranges, one after the other.
pub(crate) trait Parts: std::fmt::Debug + Send {
    fn next(&mut self) -> Option<Result<Bytes, Error>>;
}

impl Fetch {
    /// `count` ranges of the version `entry`.
    pub(crate) fn new(entry: Entry, count: usize, parts: impl Parts + 'static) -> Self {
        Fetch {
            entry,
            left: count,
            parts: Box::new(parts),
        }
    }

    /// The version of the object from which all ranges come.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Iterator for Fetch {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let next = self.parts.next()?;
        if next.is_err() {
            self.left = 0;
        }
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.min(1), Some(self.left))
    }
}

impl FusedIterator for Fetch {}

/// Refuses what is no range within `entry`; `object` names it.
pub(crate) fn check(object: &str, entry: &Entry, ranges: &[Range<u64>]) -> Result<(), Error> {
    let outside = |range: &&Range<u64>| range.start > range.end || range.end > entry.bytes;
    let Some(Range { start, end }) = ranges.iter().find(outside) else {
        return Ok(());
    };
    let reason = format!("bytes {start} to {end} asked for, it has {}", entry.bytes);
    Err(Error::usage(object, reason))
}
