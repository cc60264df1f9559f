//! Bodies on their way from the server: resumed when they break, large ones by several requests at a time.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use md5::{Digest, Md5};
use object_store::path::Path;
use reqwest::{Method, Response};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Inner;
use super::client::{Call, chunk};
use super::failure::Failure;
use super::objects::{extent, hex, value};

/// What one request asks for of an object that is wanted whole.
pub(super) const PART: u64 = 8 << 20;
/// Requests at a time for one object; what they bring waits in memory for its turn.
const AT_A_TIME: usize = 3;

/// One version of an object that is read.
pub(super) struct Body {
    inner: Arc<Inner>,
    path: Path,
    tag: Option<String>,
}

impl Body {
    pub(super) fn new(inner: &Arc<Inner>, path: &Path, tag: Option<String>) -> Self {
        Body {
            inner: Arc::clone(inner),
            path: path.clone(),
            tag,
        }
    }

    /// What `response` brings, the bytes `first`, and then `rest`; all together have the checksum `sum`.
    pub(super) fn stream(
        self,
        response: Response,
        first: Range<u64>,
        rest: Range<u64>,
        sum: Option<String>,
    ) -> BoxStream<'static, object_store::Result<Bytes>> {
        let body = Arc::new(self);
        let path = body.path.clone();
        let first = Transfer {
            response: Some(response),
            ..Transfer::new(&body, first)
        };
        let pieces = if rest.is_empty() {
            first.pieces(sum).left_stream()
        } else {
            body.parts(first, rest, sum).right_stream()
        };
        pieces
            .map_err(move |failure| failure.at(path.as_ref()))
            .boxed()
    }

    /// All that `first` brings, then `rest` by requests at the same time.
    fn parts(
        self: Arc<Self>,
        first: Transfer,
        rest: Range<u64>,
        sum: Option<String>,
    ) -> impl futures::Stream<Item = Result<Bytes, Failure>> {
        let others = (0..(rest.end - rest.start).div_ceil(PART)).map(move |number| {
            let start = rest.start + number * PART;
            Transfer::new(&self, start..(start + PART).min(rest.end))
        });
        let parts = stream::iter(std::iter::once(first).chain(others))
            .map(Transfer::all)
            .buffered(AT_A_TIME)
            .boxed();
        let sum = sum.map(|expected| Sum {
            making: tokio::task::spawn_blocking(Md5::new),
            expected,
        });
        let checked = stream::try_unfold((parts, sum), |(mut parts, mut sum)| async move {
            match (parts.try_next().await?, &mut sum) {
                (None, None) => Ok(None),
                (None, Some(sum)) => sum.check().await.map(|()| None),
                (Some(pieces), sum_of) => {
                    if let Some(sum) = sum_of {
                        sum.add(pieces.clone()).await?;
                    }
                    Ok(Some((pieces, (parts, sum))))
                }
            }
        });
        checked
            .map_ok(|pieces| stream::iter(pieces.into_iter().map(Ok)))
            .try_flatten()
    }
}

/// A checksum that a thread of its own makes, since it takes as long as the bytes take to come.
struct Sum {
    making: JoinHandle<Md5>,
    expected: String,
}

impl Sum {
    async fn so_far(&mut self) -> Result<Md5, Failure> {
        let made = (&mut self.making).await;
        made.map_err(|_| Failure::answer("the checksum was not made"))
    }

    /// Starts on these bytes when those before are done.
    async fn add(&mut self, pieces: Vec<Bytes>) -> Result<(), Failure> {
        let mut sum = self.so_far().await?;
        self.making = tokio::task::spawn_blocking(move || {
            pieces.iter().for_each(|piece| sum.update(piece));
            sum
        });
        Ok(())
    }

    async fn check(&mut self) -> Result<(), Failure> {
        check(self.so_far().await?, &self.expected)
    }
}

fn check(sum: Md5, expected: &str) -> Result<(), Failure> {
    if hex(&sum.finalize()).eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let reason = "the bytes do not have the object's checksum";
    Err(Failure::answer(reason))
}

/// What one request brings.
struct Transfer {
    body: Arc<Body>,
    response: Option<Response>,
    /// What is still to come.
    left: Range<u64>,
    failed: u32,
    /// How long it may still wait for the server.
    time: Duration,
}

impl Transfer {
    fn new(body: &Arc<Body>, range: Range<u64>) -> Self {
        Transfer {
            body: Arc::clone(body),
            response: None,
            time: body.inner.client.time(range.end - range.start),
            left: range,
            failed: 0,
        }
    }

    /// The bytes as they come, all of the object if it has the checksum `sum`.
    fn pieces(self, sum: Option<String>) -> impl futures::Stream<Item = Result<Bytes, Failure>> {
        let sum = sum.map(|expected| (Md5::new(), expected));
        stream::try_unfold((self, sum), |(mut transfer, mut sum)| async move {
            let piece = transfer.next().await?;
            match (&piece, &mut sum) {
                (Some(piece), Some((sum, _))) => sum.update(piece),
                (None, Some((sum, expected))) => check(std::mem::take(sum), expected)?,
                (_, None) => {}
            }
            Ok(piece.map(|piece| (piece, (transfer, sum))))
        })
    }

    /// All bytes.
    async fn all(mut self) -> Result<Vec<Bytes>, Failure> {
        let mut pieces = Vec::new();
        while let Some(piece) = self.next().await? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if self.left.is_empty() {
                return Ok(None);
            }
            let Some(response) = &mut self.response else {
                self.response = Some(self.ask().await?);
                continue;
            };
            let asked = Instant::now();
            let came = chunk(response, self.time).await;
            // Not the time in which nobody takes what came.
            self.time = self.time.saturating_sub(asked.elapsed());
            let failure = match came {
                Ok(Some(bytes)) => {
                    if bytes.len() as u64 > self.left.end - self.left.start {
                        return Err(Failure::answer("more bytes came than were announced"));
                    }
                    self.left.start += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Ok(None) => Failure::answer("the body ended early"),
                Err(failure) => failure,
            };
            self.response = None;
            self.failed += 1;
            if self.time.is_zero() {
                let limit = self.body.inner.client.time(0);
                return Err(self.body.inner.client.given_up(limit));
            }
            let Some(wait) = self.body.inner.client.wait(self.failed) else {
                return Err(failure);
            };
            sleep(wait).await;
        }
    }

    /// Asks for what is left of the same object.
    async fn ask(&self) -> Result<Response, Failure> {
        let Body { inner, path, tag } = &*self.body;
        let Range { start, end } = self.left;
        let mut call = Call::new(Method::GET, inner.target(path))
            .header("range", value(&format!("bytes={start}-{}", end - 1))?);
        if let Some(tag) = tag {
            call = call.header("if-match", value(tag)?);
        }
        let answer = inner.client.send(&call).await;
        let response = match answer.map_err(Failure::from) {
            Ok(answer) => answer.response,
            Err(failure) if failure.status() == Some(412) => return Err(Failure::Replaced),
            Err(failure) => return Err(failure),
        };
        let (range, _) = extent(&response)?;
        if range != self.left {
            return Err(Failure::answer("another range came than was asked for"));
        }
        Ok(response)
    }
}
