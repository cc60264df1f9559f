//! Ranges of an object of a store, by requests that run ahead of their reader.

use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::{describe, translate};
use crate::fetch::Parts;
use crate::{Ahead, Entry, Error, Fetch, patience, runtime};

/// An object of a store, of which parts are asked for.
pub(super) struct Part {
    pub(super) store: Arc<dyn ObjectStore>,
    /// Longest time of one request, besides that of its bytes.
    pub(super) whole: Duration,
    pub(super) path: Path,
    /// Place and name, for messages.
    pub(super) object: String,
}

impl Part {
    fn changed(&self) -> Error {
        Error::Changed {
            object: self.object.clone(),
        }
    }

    /// The bytes `range` of the version `entry`.
    async fn get(&self, entry: &Entry, range: Range<u64>) -> Result<Bytes, Error> {
        if range.is_empty() {
            // Stores differ in what they say to an empty range.
            return Ok(Bytes::new());
        }
        let failed = |error| translate(self.object.clone(), "reading", error);
        let length = range.end - range.start;
        let options = GetOptions::new().with_range(Some(range));
        let asked = self.store.get_opts(&self.path, options);
        let got = patience::within(self.whole, asked).await;
        // Compared here: not all stores know If-Match, and it never matches a weak tag.
        let got = match got {
            Ok(got) if describe(String::new(), &got.meta).is_version_of(entry) => got,
            Ok(_) => return Err(self.changed()),
            // It has become so short that the range lies beyond its end.
            Err(error) => {
                let head = self
                    .store
                    .get_opts(&self.path, GetOptions::new().with_head(true));
                return Err(match patience::within(self.whole, head).await {
                    Ok(head) if !describe(String::new(), &head.meta).is_version_of(entry) => {
                        self.changed()
                    }
                    _ => failed(error),
                });
            }
        };
        // Memory is asked for by what the answer says.
        let announced = got.range.end.saturating_sub(got.range.start);
        if announced != length {
            let reason = format!("{announced} bytes come for a range of {length}");
            return Err(Error::format(&self.object, reason));
        }
        let limit = patience::with_bytes(self.whole, length);
        let bytes = patience::within(limit, got.bytes()).await.map_err(failed)?;
        if bytes.len() as u64 != length {
            let reason = format!("{} bytes came for a range of {length}", bytes.len());
            return Err(Error::format(&self.object, reason));
        }
        Ok(bytes)
    }
}

/// Requests that run on the storage thread.
#[derive(Debug)]
struct Running {
    object: String,
    receiver: mpsc::Receiver<(Result<Bytes, Error>, Option<OwnedSemaphorePermit>)>,
    task: AbortHandle,
}

/// Bytes are counted in units of this, since a semaphore counts up to 2^32 only.
const UNIT: u64 = 1 << 10;

/// Starts the requests; the ranges lie within the object.
pub(super) fn start(
    part: Part,
    entry: Entry,
    ranges: Vec<Range<u64>>,
    ahead: Ahead,
) -> Result<Fetch, Error> {
    let count = ranges.len();
    let running = Running::start(part, entry.clone(), ranges, ahead)?;
    Ok(Fetch::new(entry, count, running))
}

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
                let (part, entry) = (Arc::clone(&part), Arc::clone(&entry));
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
            object,
            receiver,
            task,
        })
    }
}

impl Parts for Running {
    fn next(&mut self) -> Option<Result<Bytes, Error>> {
        // Taking the bytes gives their space back, with the permit.
        Some(match self.receiver.recv() {
            Ok((bytes, _permit)) => bytes,
            Err(_) => Err(runtime::ended(&self.object)),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
