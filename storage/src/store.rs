//! Objects in an `object_store`, called from plain code.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::name::OURS;
use crate::objects::{Entry, Objects, Written, rfc3339};
use crate::scratch::Scratch;
use crate::{Error, runtime, temporary};

/// A folder of an object store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    store: Arc<dyn ObjectStore>,
    /// URL of the folder without credentials, for messages.
    url: String,
    /// Folder within the store, without slashes at its ends; `""` is the top.
    folder: String,
}

impl Store {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, url: String, folder: String) -> Self {
        Store { store, url, folder }
    }

    /// Objects in memory: shared within this process by all that use the same `name`;
    /// without a name only by the clones of this value.
    pub(crate) fn memory(name: &str, url: String, folder: String) -> Self {
        static SHARED: OnceLock<Mutex<HashMap<String, Arc<InMemory>>>> = OnceLock::new();
        let store = if name.is_empty() {
            Arc::default()
        } else {
            // A panic elsewhere cannot leave a map of pointers half-made.
            let mut shared = SHARED
                .get_or_init(Mutex::default)
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(name.to_owned()).or_default())
        };
        Store::new(store, url, folder)
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
        let object = self.object(name);
        let future = operation(Arc::clone(&self.store), self.path(name)?);
        runtime::wait(&object, future)?.map_err(|error| translate(object, doing, error))
    }
}

impl Objects for Store {
    fn list(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        let listing = self.run(folder, "listing", |store, path| async move {
            store.list_with_delimiter(Some(&path)).await
        })?;
        let named = |meta: ObjectMeta| {
            let name = meta.location.filename().unwrap_or_default().to_owned();
            (!name.starts_with(OURS)).then(|| describe(name, &meta))
        };
        Ok(listing.objects.into_iter().filter_map(named).collect())
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
        self.run(name, "reading", |store, path| async move {
            store.get(&path).await?.bytes().await
        })
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
        let bytes = self.run(name, "reading", |store, path| async move {
            store.get_range(&path, start..end).await
        })?;
        if bytes.len() as u64 != end - start {
            let reason = format!("{} bytes came for the range {start} to {end}", bytes.len());
            return Err(Error::format(self.object(name), reason));
        }
        Ok(bytes)
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<Written, Error> {
        let written = Written {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
        };
        self.run(name, "writing", |store, path| async move {
            store.put(&path, bytes.into()).await
        })?;
        Ok(written)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
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
        let probe = format!("{folder}{slash}{OURS}probe-{}", std::process::id());
        self.put(&probe, Bytes::from_static(b"probe"))?;
        self.remove(&probe)
    }

    fn scratch(&self, name: &str) -> Result<Scratch, Error> {
        Scratch::for_store(self.clone(), name, self.object(name))
    }

    fn sweep(&self) -> Result<usize, Error> {
        let folder = std::env::temp_dir();
        temporary::sweep(&folder)
            .map_err(|error| Error::io(folder.display(), "sweeping temporary files", error))
    }

    fn local_path(&self, _: &str) -> Option<PathBuf> {
        None
    }

    fn object_store(&self) -> Result<(Arc<dyn ObjectStore>, Path), Error> {
        Ok((Arc::clone(&self.store), self.path("")?))
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
        object_store::Error::PermissionDenied { source, .. }
        | object_store::Error::Unauthenticated { source, .. } => Error::Permission {
            object,
            doing,
            source,
        },
        other => Error::Other {
            object,
            doing,
            source: other.into(),
        },
    }
}
