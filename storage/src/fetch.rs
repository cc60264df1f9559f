//! Parts of one object on their way: asked for ahead of their use, handed out in order.

use std::iter::FusedIterator;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use crate::objects::Entry;
use crate::positioned::OpenFile;
use crate::store::{describe, translate};
use crate::{Error, runtime};

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
    left: usize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    File {
        file: OpenFile,
        ranges: std::vec::IntoIter<Range<u64>>,
    },
    Store(Running),
}

impl Fetch {
    /// The version of the object from which all ranges come.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        match &self.source {
            Source::File { file, .. } => file.entry(),
            Source::Store(running) => &running.entry,
        }
    }

    pub(crate) fn of_file(file: OpenFile, ranges: Vec<Range<u64>>) -> Self {
        Fetch {
            left: ranges.len(),
            source: Source::File {
                file,
                ranges: ranges.into_iter(),
            },
        }
    }

    /// Starts the requests; the ranges lie within the object.
    pub(crate) fn of_store(
        part: Part,
        entry: Entry,
        ranges: Vec<Range<u64>>,
        ahead: Ahead,
    ) -> Result<Self, Error> {
        let left = ranges.len();
        Ok(Fetch {
            source: Source::Store(Running::start(part, entry, ranges, ahead)?),
            left,
        })
    }
}

impl Iterator for Fetch {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let next = match &mut self.source {
            Source::File { file, ranges } => file.read(ranges.next()?),
            Source::Store(running) => running.next(),
        };
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

/// Whether two descriptions are of one version, as far as they tell.
pub(crate) fn same_version(one: &Entry, other: &Entry) -> bool {
    one.bytes == other.bytes
        && match (&one.etag, &other.etag) {
            (Some(one), Some(other)) => one == other,
            _ => one.modified == other.modified,
        }
}

/// An object of a store, of which parts are asked for.
pub(crate) struct Part {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    /// Place and name, for messages.
    pub(crate) object: String,
}

impl Part {
    /// The bytes `range` of the version `entry`.
    async fn get(&self, entry: &Entry, range: Range<u64>) -> Result<Bytes, Error> {
        if range.is_empty() {
            // Stores differ in what they say to an empty range.
            return Ok(Bytes::new());
        }
        let failed = |error| translate(self.object.clone(), "reading", error);
        let length = range.end - range.start;
        let options = GetOptions::new().with_range(Some(range));
        let got = self.store.get_opts(&self.path, options).await;
        // Compared here: not all stores know If-Match, and it never matches a weak tag.
        let got = match got {
            Ok(got) if same_version(&describe(String::new(), &got.meta), entry) => got,
            Ok(_) => return Err(changed(&self.object)),
            // It has become so short that the range lies beyond its end.
            Err(error) => {
                let head = self
                    .store
                    .get_opts(&self.path, GetOptions::new().with_head(true));
                return Err(match head.await {
                    Ok(head) if !same_version(&describe(String::new(), &head.meta), entry) => {
                        changed(&self.object)
                    }
                    _ => failed(error),
                });
            }
        };
        let bytes = got.bytes().await.map_err(failed)?;
        if bytes.len() as u64 != length {
            let reason = format!("{} bytes came for a range of {length}", bytes.len());
            return Err(Error::format(&self.object, reason));
        }
        Ok(bytes)
    }
}

pub(crate) fn changed(object: &str) -> Error {
    Error::Changed {
        object: object.to_owned(),
    }
}

/// Requests that run on the storage thread.
#[derive(Debug)]
struct Running {
    entry: Arc<Entry>,
    object: String,
    receiver: mpsc::Receiver<(Result<Bytes, Error>, Option<OwnedSemaphorePermit>)>,
    task: AbortHandle,
}

/// Bytes are counted in units of this, since a semaphore counts up to 2^32 only.
const UNIT: u64 = 1 << 10;

impl Running {
    fn start(
        part: Part,
        entry: Entry,
        ranges: Vec<Range<u64>>,
        ahead: Ahead,
    ) -> Result<Self, Error> {
        let object = part.object.clone();
        // The channel is not bounded, what is in it is.
        let (sender, receiver) = mpsc::channel();
        let units = u32::try_from(ahead.bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let space = Arc::new(Semaphore::new(units as usize));
        let (part, entry) = (Arc::new(part), Arc::new(entry));
        let wanted = Arc::clone(&entry);
        let parts = stream::iter(ranges)
            // Space is given in the order of the ranges: a later one that took the last of it
            // would wait for an earlier one that waits for space.
            .then(move |range| {
                let needed = (range.end - range.start).div_ceil(UNIT);
                let needed = u32::try_from(needed).unwrap_or(u32::MAX).min(units);
                let space = Arc::clone(&space);
                async move { (range, space.acquire_many_owned(needed).await.ok()) }
            })
            .map(move |(range, permit)| {
                let (part, entry) = (Arc::clone(&part), Arc::clone(&wanted));
                async move { (part.get(&entry, range).await, permit) }
            })
            .buffered(ahead.requests.max(1));
        let task = runtime::spawn(&object, async move {
            let mut parts = std::pin::pin!(parts);
            while let Some(part) = parts.next().await {
                let last = part.0.is_err();
                if sender.send(part).is_err() || last {
                    break;
                }
            }
        })?;
        Ok(Running {
            entry,
            object,
            receiver,
            task,
        })
    }

    fn next(&mut self) -> Result<Bytes, Error> {
        // Taking the bytes gives their space back, with the permit.
        match self.receiver.recv() {
            Ok((bytes, _permit)) => bytes,
            Err(_) => Err(runtime::ended(&self.object)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
