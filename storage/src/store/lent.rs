//! A store for asynchronous callers, whose requests run on this library's own thread.
//!
//! A connection is driven by the runtime that opened it, and whoever logs in holds a lock while it waits. Neither may
//! depend on a runtime of a caller, which may block, or be gone, when the next request needs them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result, UploadPart,
};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::runtime;

/// Items of a stream that wait for the caller.
const WAITING: usize = 16;

/// A store that is lent.
pub(super) struct Lent(pub(super) Arc<dyn ObjectStore>);

/// Runs `future` on the storage thread; dropped, it ends there too.
async fn there<T: Send + 'static>(
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let mut task = JoinSet::new();
    task.spawn_on(future, &runtime::handle().map_err(gone)?);
    match task.join_next().await {
        Some(ended) => ended?,
        None => Err(gone("the task is missing")),
    }
}

fn gone(reason: impl Into<crate::Cause>) -> Error {
    Error::Generic {
        store: "storage thread",
        source: reason.into(),
    }
}

/// The items of a stream that is made and runs on the storage thread, a few ahead of the caller.
fn from_there<T: Send + 'static>(
    make: impl FnOnce() -> BoxStream<'static, Result<T>> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let started = async move {
        let handle = runtime::handle().map_err(gone)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        let sending = async move {
            let mut items = make();
            while let Some(item) = items.next().await {
                if sender.send(item).await.is_err() {
                    break;
                }
            }
        };
        task.spawn_on(sending, &handle);
        Ok((receiver, task))
    };
    let items = |started: Result<(mpsc::Receiver<Result<T>>, JoinSet<()>)>| match started {
        Err(error) => stream::iter([Err(error)]).boxed(),
        Ok(started) => stream::unfold(started, |(mut receiver, mut task)| async {
            let item = match receiver.recv().await {
                Some(item) => item,
                // The end of the stream, unless it is that of a task that panicked.
                None => Err(task.join_next().await?.err()?.into()),
            };
            Some((item, (receiver, task)))
        })
        .boxed(),
    };
    stream::once(started).flat_map(items).boxed()
}

impl fmt::Display for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Without the form of the store itself, which might show credentials.
impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({})", self.0)
    }
}

#[async_trait]
impl ObjectStore for Lent {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let (store, location) = (Arc::clone(&self.0), location.clone());
        there(async move { store.put_opts(&location, payload, opts).await }).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (store, location) = (Arc::clone(&self.0), location.clone());
        let upload = there(async move { store.put_multipart_opts(&location, opts).await }).await?;
        Ok(Box::new(Upload(Arc::new(Mutex::new(upload)))))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (store, location) = (Arc::clone(&self.0), location.clone());
        let mut got = there(async move { store.get_opts(&location, options).await }).await?;
        if let GetResultPayload::Stream(body) = got.payload {
            got.payload = GetResultPayload::Stream(from_there(|| body));
        }
        Ok(got)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = Arc::clone(&self.0);
        // The names come from the caller, and are waited for there.
        let gone = locations.ready_chunks(1000).then(move |chunk| {
            let store = Arc::clone(&store);
            there(async move {
                let deleted = store.delete_stream(stream::iter(chunk).boxed());
                Ok(deleted.collect::<Vec<_>>().await)
            })
        });
        gone.flat_map(|gone| stream::iter(gone.unwrap_or_else(|error| vec![Err(error)])))
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (Arc::clone(&self.0), prefix.cloned());
        from_there(move || store.list(prefix.as_ref()))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix, offset) = (Arc::clone(&self.0), prefix.cloned(), offset.clone());
        from_there(move || store.list_with_offset(prefix.as_ref(), &offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let (store, prefix) = (Arc::clone(&self.0), prefix.cloned());
        there(async move { store.list_with_delimiter(prefix.as_ref()).await }).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (store, from, to) = (Arc::clone(&self.0), from.clone(), to.clone());
        there(async move { store.copy_opts(&from, &to, options).await }).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (store, from, to) = (Arc::clone(&self.0), from.clone(), to.clone());
        there(async move { store.rename_opts(&from, &to, options).await }).await
    }
}

/// An upload in parts of a store that is lent.
#[derive(Debug)]
struct Upload(Arc<Mutex<Box<dyn MultipartUpload>>>);

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.0.try_lock() {
            Ok(mut upload) => Box::pin(there(upload.put_part(data))),
            Err(_) => Box::pin(std::future::ready(Err(gone("the upload is being ended")))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let upload = Arc::clone(&self.0);
        there(async move { upload.lock().await.complete().await }).await
    }

    async fn abort(&mut self) -> Result<()> {
        let upload = Arc::clone(&self.0);
        there(async move { upload.lock().await.abort().await }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("runtime").block_on(future)
    }

    #[test]
    fn a_panic_is_an_error_and_no_end() {
        let items = from_there(|| {
            let mut items = vec![Ok(2), Ok(1)];
            let item = move |()| items.pop().expect("none is left");
            stream::repeat(()).map(item).boxed()
        });
        let items: Vec<Result<i32>> = block_on(items.collect());
        assert!(
            matches!(items[..], [Ok(1), Ok(2), Err(Error::JoinError { .. })]),
            "{items:?}"
        );
        let outcome = block_on(there::<()>(async { panic!("told") }));
        assert!(matches!(outcome, Err(Error::JoinError { .. })));
    }

    #[test]
    fn a_stream_runs_a_few_items_ahead_and_ends_with_its_reader() {
        let (tell, told) = std::sync::mpsc::channel();
        let mut items = from_there(move || {
            let item = move |n| Ok(tell.send(n));
            stream::iter(0..).map(item).boxed()
        });
        assert!(block_on(items.next()).is_some());
        drop(items);
        // What was told before it ended, and then no more: the other side is gone.
        assert!(told.iter().count() <= WAITING + 3);
    }
}
