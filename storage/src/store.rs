//! Objects in an `object_store`, called from plain code.

mod lent;
mod parts;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{
    GetResult, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion,
};

use self::parts::Part;
use crate::entry::rfc3339;
use crate::fetch;
use crate::name::OURS;
use crate::objects::{Lent, Objects};
use crate::scratch::Scratch;
use crate::watch::Watch;
use crate::{
    Ahead, Entry, Error, Fetch, Listing, ReadLimits, Written, patience, runtime, temporary,
};

/// A folder of an object store.
#[derive(Clone)]
pub(crate) struct Store {
    store: Arc<dyn ObjectStore>,
    /// URL of the folder without credentials, for messages.
    url: String,
    /// Folder within the store, without slashes at its ends; `""` is the top.
    folder: String,
    /// Objects can be read by name, and nothing else.
    read_only: bool,
    /// Longest time of one call, besides that of the bytes it carries.
    whole: Duration,
    watch: Watch,
    /// The same store, where it has more to sweep than the temporary folder.
    #[cfg(feature = "swift")]
    swift: Option<crate::swift::Swift>,
}

/// What is larger than this is put in parts, so that it need not fit into memory twice.
const IN_PARTS: u64 = 256 << 20;
/// Least size of a part.
const PART: u64 = 64 << 20;
/// Stores limit the number of parts, Swift to 1000.
const MOST_PARTS: u64 = 900;
/// What is asked for at a time where somebody wants to know how far reading has come.
const READ_PART: u64 = 8 << 20;

/// Attempts at what others overtake.
const OVERTAKEN: u32 = 8;

impl Store {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, url: String, folder: String) -> Self {
        Store {
            store,
            url,
            folder,
            read_only: false,
            whole: patience::WHOLE,
            watch: Watch::default(),
            #[cfg(feature = "swift")]
            swift: None,
        }
    }

    /// A store whose objects can be read by name, and nothing else.
    #[cfg(feature = "http")]
    pub(crate) fn read_only(store: Arc<dyn ObjectStore>, url: String) -> Self {
        Store {
            read_only: true,
            ..Store::new(store, url, String::new())
        }
    }

    /// The same with another longest time of one call.
    #[cfg(any(feature = "s3", feature = "gs", feature = "az", feature = "http"))]
    pub(crate) fn whole(self, whole: Duration) -> Self {
        Store { whole, ..self }
    }

    /// Refuses what a read-only store cannot do.
    fn able(&self, name: &str, doing: &'static str) -> Result<(), Error> {
        if self.read_only {
            let object = self.object(name);
            return Err(Error::Unsupported { object, doing });
        }
        Ok(())
    }

    /// A folder of a container.
    #[cfg(feature = "swift")]
    pub(crate) fn swift(swift: &crate::swift::Swift, url: String, folder: String) -> Self {
        let store = Arc::new(swift.clone());
        Store {
            swift: Some(swift.clone()),
            whole: swift.whole(),
            ..Store::new(store, url, folder)
        }
    }

    fn object(&self, name: &str) -> String {
        crate::name::within(&self.url, name)
    }

    fn path(&self, name: &str) -> Result<Path, Error> {
        let full = match (self.folder.as_str(), name) {
            ("", name) => name.to_owned(),
            (folder, "") => folder.to_owned(),
            (folder, name) => format!("{folder}/{name}"),
        };
        Path::parse(full).map_err(|error| Error::usage(self.object(name), error.to_string()))
    }

    /// Puts the rest of `file`, whole or not at all; large files in parts, two at a time in memory.
    pub(crate) fn put_file(&self, name: &str, file: &mut File) -> Result<Written, Error> {
        let failed = |error| Error::io(self.object(name), "reading back", error);
        let length = file.metadata().map_err(failed)?.len();
        match self.part_of(name, length)? {
            Some(part) => self.put_parts(name, file, length, part),
            None => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(failed)?;
                self.put_whole(name, bytes.into())
            }
        }
    }

    /// Size of the parts in which so many bytes are put; nothing if one request takes them.
    fn part_of(&self, name: &str, length: u64) -> Result<Option<u64>, Error> {
        let largest = self.largest_put(name)?;
        let part = PART.max(length.div_ceil(MOST_PARTS)).min(largest);
        Ok((length > largest.min(IN_PARTS)).then_some(part))
    }

    /// What the store takes in one request, as far as it tells.
    fn largest_put(&self, name: &str) -> Result<u64, Error> {
        #[cfg(feature = "swift")]
        if let Some(swift) = self.swift.clone() {
            return self.run(name, "asking for limits", |_, _| async move {
                Ok(swift.largest_put().await.max(1))
            });
        }
        let _ = name;
        Ok(u64::MAX)
    }

    /// Puts an object in one request.
    fn put_whole(&self, name: &str, bytes: Bytes) -> Result<Written, Error> {
        let written = Written {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
        };
        self.watch.tell(name, 0, written.bytes);
        self.run_with(written.bytes, name, "writing", |store, path| async move {
            let mut attempt = 1;
            loop {
                match store.put(&path, bytes.clone().into()).await {
                    Err(error) if attempt < OVERTAKEN && lacks_tag(&error) => attempt += 1,
                    other => return other,
                }
            }
        })?;
        self.watch.tell(name, written.bytes, written.bytes);
        Ok(written)
    }

    /// Puts the rest of `source`, `total` bytes, in parts of `part` bytes.
    fn put_parts(
        &self,
        name: &str,
        source: &mut impl Read,
        total: u64,
        part: u64,
    ) -> Result<Written, Error> {
        let failed = |error| Error::io(self.object(name), "reading back", error);
        self.watch.tell(name, 0, total);
        let mut upload = self.run(name, "writing", |store, path| async move {
            store.put_multipart(&path).await
        })?;
        let (mut bytes, mut crc) = (0, 0);
        let mut pending = None;
        let sent = loop {
            let mut data = Vec::new();
            if let Err(error) = source.take(part).read_to_end(&mut data) {
                break Err(failed(error));
            }
            let end = data.is_empty();
            bytes += data.len() as u64;
            crc = crc32c::crc32c_append(crc, &data);
            // While one part is on its way the next one is read.
            if let Some(pending) = pending.take() {
                let sent: Result<Result<(), Error>, _> = runtime::join(&self.object(name), pending);
                if let Err(error) = sent.and_then(|sent| sent) {
                    break Err(error);
                }
                let acknowledged = bytes - data.len() as u64;
                // The last part counts when the object is complete.
                if acknowledged < total {
                    self.watch.tell(name, acknowledged, total);
                }
            }
            if end {
                break Ok(());
            }
            let limit = patience::with_bytes(self.whole, data.len() as u64);
            let sending = upload.put_part(data.into());
            let object = self.object(name);
            let sending = async move {
                let sent = patience::within(limit, sending).await;
                sent.map_err(|error| translate(object, "writing", error))
            };
            match runtime::start(&self.object(name), sending) {
                Ok(started) => pending = Some(started),
                Err(error) => break Err(error),
            }
        };
        self.run(name, "writing", move |_, _| async move {
            let done = match &sent {
                Ok(()) => upload.complete().await.map(drop),
                Err(_) => Ok(()),
            };
            if done.is_err() || sent.is_err() {
                // What cannot be removed is swept later; the first failure is the one to tell.
                let _ = upload.abort().await;
            }
            done.map(|()| sent)
        })??;
        self.watch.tell(name, bytes, total);
        Ok(Written {
            name: name.to_owned(),
            bytes,
            crc32c: crc,
        })
    }

    /// Reads in parts, and tells after each.
    fn read_watched(&self, name: &str) -> Result<Bytes, Error> {
        let entry = self.head(name)?.ok_or_else(|| Error::NotFound {
            object: self.object(name),
        })?;
        let total = self.readable(name, entry.bytes)?;
        let starts = (0..total.div_ceil(READ_PART)).map(|part| part * READ_PART);
        let ranges = starts.map(|start| start..(start + READ_PART).min(total));
        let fetch = self.fetch(name, Some(&entry), ranges.collect(), Ahead::default())?;
        self.watch.tell(name, 0, total);
        let mut all = Vec::new();
        for part in fetch {
            all.extend_from_slice(&part?);
            self.watch.tell(name, all.len() as u64, total);
        }
        Ok(all.into())
    }

    /// The size of an object, unless it is more than can be meant to be read at once.
    fn readable(&self, name: &str, bytes: u64) -> Result<u64, Error> {
        let limit = ReadLimits::default().bytes;
        if bytes <= limit {
            return Ok(bytes);
        }
        Err(Error::TooLarge {
            object: self.object(name),
            what: "reading it whole",
            bytes,
            limit,
        })
    }

    /// Runs `operation` on the storage thread and names the object in its error.
    fn run<T, F>(
        &self,
        name: &str,
        doing: &'static str,
        operation: impl FnOnce(Arc<dyn ObjectStore>, Path) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = object_store::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.run_with(0, name, doing, operation)
    }

    /// The same of an operation that carries so many bytes.
    fn run_with<T, F>(
        &self,
        bytes: u64,
        name: &str,
        doing: &'static str,
        operation: impl FnOnce(Arc<dyn ObjectStore>, Path) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = object_store::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let object = self.object(name);
        let limit = patience::with_bytes(self.whole, bytes);
        let future = operation(Arc::clone(&self.store), self.path(name)?);
        let future = patience::within(limit, future);
        runtime::wait(&object, future)?.map_err(|error| translate(object, doing, error))
    }
}

/// Whether a store cannot put on a condition, which it or its client says.
fn knows_no_conditions(error: &object_store::Error) -> bool {
    use object_store::Error::{NotImplemented, NotSupported};
    if matches!(error, NotSupported { .. } | NotImplemented { .. }) {
        return true;
    }
    // The status is private to the client of S3.
    let mut causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.any(|cause| cause.to_string().contains("501 Not Implemented"))
}

/// The bytes of an answer as they come: memory is not asked for because a server says so.
async fn collect(found: GetResult) -> object_store::Result<Bytes> {
    let mut parts = found.into_stream();
    let mut all = Vec::new();
    while let Some(part) = parts.next().await {
        all.extend_from_slice(&part?);
    }
    Ok(all.into())
}

/// Without the store, whose own form might show credentials.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Objects for Store {
    fn list(&self, folder: &str) -> Result<Listing, Error> {
        self.able(folder, "listing")?;
        let listing = self.run(folder, "listing", |store, path| async move {
            store.list_with_delimiter(Some(&path)).await
        });
        let listing = match listing {
            // A container that does not exist, below which everything is empty.
            Err(Error::NotFound { .. }) if !folder.is_empty() => return Ok(Listing::default()),
            listing => listing?,
        };
        let named = |meta: ObjectMeta| {
            let name = meta.location.filename().unwrap_or_default().to_owned();
            (!name.starts_with(OURS)).then(|| describe(name, &meta))
        };
        Ok(Listing {
            entries: listing.objects.into_iter().filter_map(named).collect(),
            others: Vec::new(),
        })
    }

    fn head(&self, name: &str) -> Result<Option<Entry>, Error> {
        let found = self.run(name, "looking", |store, path| async move {
            store.head(&path).await
        });
        match found {
            Ok(meta) => Ok(Some(describe(name.to_owned(), &meta))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, name: &str) -> Result<Bytes, Error> {
        let mut attempt = 1;
        loop {
            let read = if self.watch.listens() {
                self.read_watched(name)
            } else {
                let found = self.run(name, "reading", |store, path| async move {
                    store.get(&path).await
                });
                found.and_then(|found| {
                    let bytes = found.range.end.saturating_sub(found.range.start);
                    self.readable(name, bytes)?;
                    self.run_with(bytes, name, "reading", |_, _| collect(found))
                })
            };
            match read {
                // Replaced meanwhile: the new version, whole.
                Err(Error::Changed { .. }) if attempt < OVERTAKEN => attempt += 1,
                read => return read,
            }
        }
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let Range { start, end } = range;
        let length = self
            .run(name, "looking", |store, path| async move {
                store.head(&path).await
            })?
            .size;
        if end > length {
            let reason = format!("bytes {start} to {end} asked for, it has {length}");
            return Err(Error::usage(self.object(name), reason));
        }
        if start == end {
            // Stores differ in what they say to an empty range.
            return Ok(Bytes::new());
        }
        let bytes = self.run_with(end - start, name, "reading", |store, path| async move {
            store.get_range(&path, start..end).await
        })?;
        if bytes.len() as u64 != end - start {
            let reason = format!("{} bytes came for the range {start} to {end}", bytes.len());
            return Err(Error::format(self.object(name), reason));
        }
        Ok(bytes)
    }

    fn fetch(
        &self,
        name: &str,
        entry: Option<&Entry>,
        ranges: Vec<Range<u64>>,
        ahead: Ahead,
    ) -> Result<Fetch, Error> {
        let object = self.object(name);
        let entry = match entry {
            Some(entry) => entry.clone(),
            None => self.head(name)?.ok_or_else(|| Error::NotFound {
                object: object.clone(),
            })?,
        };
        fetch::check(&object, &entry, &ranges)?;
        let part = Part {
            store: Arc::clone(&self.store),
            whole: self.whole,
            path: self.path(name)?,
            object,
        };
        parts::start(part, entry, ranges, ahead)
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<Written, Error> {
        self.able(name, "writing")?;
        let length = bytes.len() as u64;
        match self.part_of(name, length)? {
            Some(part) => self.put_parts(name, &mut &bytes[..], length, part),
            None => self.put_whole(name, bytes),
        }
    }

    fn put_if(&self, name: &str, bytes: Bytes, there: Option<&Entry>) -> Result<bool, Error> {
        self.able(name, "writing")?;
        let mode = there.map_or(PutMode::Create, |entry| {
            PutMode::Update(UpdateVersion {
                e_tag: entry.etag.clone(),
                version: None,
            })
        });
        self.run(name, "writing", |store, path| async move {
            let payload = PutPayload::from(bytes);
            match store.put_opts(&path, payload.clone(), mode.into()).await {
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. }
                    | object_store::Error::NotFound { .. },
                ) => Ok(false),
                Err(error) if knows_no_conditions(&error) => {
                    store.put(&path, payload).await.map(|_| true)
                }
                put => put.map(|_| true),
            }
        })
    }

    fn touch(&self, name: &str, bytes: Bytes, there: &Entry) -> Result<(), Error> {
        self.put_if(name, bytes, Some(there)).map(drop)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.able(name, "removing")?;
        let gone = self.run(name, "removing", |store, path| async move {
            store.delete(&path).await
        });
        match gone {
            Err(Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    fn check_writable(&self, folder: &str) -> Result<(), Error> {
        let slash = if folder.is_empty() { "" } else { "/" };
        // One name for all: what a process leaves that dies here is removed by the next one that tries.
        let probe = format!("{folder}{slash}{OURS}probe");
        self.put(&probe, Bytes::from_static(b"probe"))?;
        self.remove(&probe)
    }

    fn scratch(&self, name: &str) -> Result<Scratch, Error> {
        self.able(name, "writing")?;
        let (store, named) = (self.clone(), name.to_owned());
        Scratch::elsewhere(name, self.object(name), move |file| {
            store.put_file(&named, file)
        })
    }

    fn sweep(&self) -> Result<usize, Error> {
        let swept = temporary::sweep_system()?;
        #[cfg(feature = "swift")]
        if let Some(swift) = self.swift.clone() {
            let parts = self.run("", "sweeping unfinished uploads", |_, path| async move {
                swift.sweep(Some(&path)).await
            })?;
            return Ok(swept + parts);
        }
        Ok(swept)
    }

    fn local_path(&self, _: &str) -> Option<PathBuf> {
        None
    }

    fn resolved(&self, folder: &str) -> Result<String, Error> {
        Ok(self.object(folder))
    }

    fn watched(&self, watch: Watch) -> Option<Arc<dyn Objects>> {
        Some(Arc::new(Store {
            watch,
            ..self.clone()
        }))
    }

    fn object_store(&self) -> Result<Lent, Error> {
        let store = lent::Lent(Arc::clone(&self.store));
        Ok((Arc::new(store), self.path("")?))
    }
}

fn describe(name: String, meta: &ObjectMeta) -> Entry {
    let time = meta.last_modified;
    let modified = rfc3339(time.timestamp(), time.timestamp_subsec_nanos());
    Entry {
        name,
        bytes: meta.size,
        modified,
        etag: meta.e_tag.clone(),
    }
}

fn translate(object: String, doing: &'static str, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::NotFound { object },
        object_store::Error::Precondition { .. } => Error::Changed { object },
        object_store::Error::PermissionDenied { source, .. }
        | object_store::Error::Unauthenticated { source, .. } => Error::Permission {
            object,
            doing,
            source: bounded(source),
        },
        #[cfg(feature = "swift")]
        object_store::Error::Generic { source, .. } if is_full(&*source) => Error::Full {
            object,
            doing,
            source,
        },
        // A listing of what is in no bucket: only the text of the answer says so.
        object_store::Error::Generic { source, .. } if no_bucket(&*source) => {
            Error::NotFound { object }
        }
        // Its own text would only repeat the cause.
        object_store::Error::Generic { source, .. } => Error::Other {
            object,
            doing,
            source: bounded(source),
        },
        other => Error::Other {
            object,
            doing,
            source: bounded(other.into()),
        },
    }
}

/// An error that says at most some lines with all its causes, in each of which the answer of a server may stand.
fn bounded(source: Source) -> Source {
    const MOST: usize = 2048;
    let causes = std::iter::successors(Some(&*source as &dyn std::error::Error), |e| e.source());
    let text = causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    match text.char_indices().nth(MOST) {
        None => source,
        Some((end, _)) => format!("{} ... ({} bytes)", &text[..end], text.len()).into(),
    }
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

#[cfg(feature = "swift")]
fn is_full(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    source
        .downcast_ref::<crate::swift::failure::Failure>()
        .is_some_and(crate::swift::failure::Failure::is_full)
}

/// Whether an answer that says yes has no tag: so does S3 as Swift speaks it when another put of the
/// same object, which began later, came first.
fn lacks_tag(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { source, .. }
        if source.to_string().contains("ETag Header missing"))
}

/// Whether the store answered that the bucket or container itself is missing.
fn no_bucket(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if [
            "<Code>NoSuchBucket</Code>",
            "<Code>ContainerNotFound</Code>",
        ]
        .iter()
        .any(|code| text.contains(code))
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;
    use std::io::{Seek, SeekFrom, Write};
    use std::sync::Mutex;

    type Told = Arc<Mutex<Vec<(String, u64, u64)>>>;

    fn watched() -> (Store, Told) {
        let told = Told::default();
        let to = Arc::clone(&told);
        let watch = Watch::new(move |transfer| {
            let entry = (transfer.name.to_owned(), transfer.done, transfer.total);
            to.lock().unwrap().push(entry);
        });
        let store = Arc::new(InMemory::new());
        let store = Store::new(store, "mine://".to_owned(), String::new());
        (Store { watch, ..store }, told)
    }

    #[test]
    fn errors_quote_little_of_an_answer() {
        use object_store::Error::{Generic, PermissionDenied, Unauthenticated};
        let (path, store) = ("x".to_owned(), "S3");
        let long = || Source::from("é".repeat(100_000));
        let below = || Source::from(std::io::Error::other(long()));
        for error in [
            Generic {
                store,
                source: long(),
            },
            Generic {
                store,
                source: below(),
            },
            PermissionDenied {
                path: path.clone(),
                source: long(),
            },
            Unauthenticated {
                path,
                source: below(),
            },
            object_store::Error::NotSupported { source: long() },
        ] {
            let text = translate("o".to_owned(), "reading", error).with_causes();
            assert!(
                text.len() < 3 * 2048 && text.contains("éé ... ("),
                "{}",
                text.len()
            );
        }
        let short = Generic {
            store,
            source: "no".into(),
        };
        let text = translate("o".to_owned(), "reading", short).with_causes();
        assert!(text.ends_with(": no"), "{text}");
    }

    #[test]
    fn a_file_goes_in_parts_and_tells_after_each() {
        let (store, told) = watched();
        let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        for part in [300, 500, 1000, 5000] {
            file.seek(SeekFrom::Start(0)).unwrap();
            let written = store.put_parts("a/x", &mut file, 1000, part).unwrap();
            assert_eq!(written.bytes, 1000);
            assert_eq!(written.crc32c, crc32c::crc32c(&content));
            let steps = (0..1000)
                .step_by(usize::try_from(part).unwrap())
                .chain([1000]);
            let expected: Vec<_> = steps
                .map(|done| ("a/x".to_owned(), done as u64, 1000))
                .collect();
            assert_eq!(
                std::mem::take(&mut *told.lock().unwrap()),
                expected,
                "{part}"
            );
            assert_eq!(store.read("a/x").unwrap(), content);
            told.lock().unwrap().clear();
        }
    }

    #[test]
    fn what_is_put_and_read_at_once_is_told_of_too() {
        let (store, told) = watched();
        let length = READ_PART + 5;
        let content = Bytes::from(vec![7; usize::try_from(length).unwrap()]);
        store.put("y", content.clone()).unwrap();
        assert_eq!(store.read("y").unwrap(), content);
        let done: Vec<u64> = told.lock().unwrap().iter().map(|told| told.1).collect();
        assert_eq!(done, [0, length, 0, READ_PART, length]);
        told.lock().unwrap().clear();
        assert!(matches!(store.read("z"), Err(Error::NotFound { .. })));
        assert!(told.lock().unwrap().is_empty());
    }
}
