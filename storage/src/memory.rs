//! Objects in memory.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::entry::rfc3339_of;
use crate::fetch::{self, Parts};
use crate::name::OURS;
#[cfg(feature = "object-store")]
use crate::objects::Lent;
use crate::objects::Objects;
use crate::scratch::Scratch;
use crate::watch::Watch;
use crate::{Ahead, Entry, Error, Fetch, Listing, Written, temporary};

/// A folder of objects in memory.
#[derive(Clone)]
pub(crate) struct Memory {
    all: Arc<Mutex<BTreeMap<String, Object>>>,
    url: String,
    /// Without slashes at its ends; `""` is the top.
    folder: String,
    watch: Watch,
}

struct Object {
    bytes: Bytes,
    modified: SystemTime,
    /// No two contents have the same.
    version: u64,
}

impl Object {
    fn new(bytes: Bytes) -> Self {
        static VERSION: AtomicU64 = AtomicU64::new(0);
        Object {
            bytes,
            modified: SystemTime::now(),
            version: VERSION.fetch_add(1, Relaxed),
        }
    }

    fn describe(&self, name: &str) -> Entry {
        Entry {
            name: name.to_owned(),
            bytes: self.bytes.len() as u64,
            modified: rfc3339_of(self.modified),
            etag: Some(self.version.to_string()),
        }
    }
}

/// A panic elsewhere cannot leave a map of whole objects half-made.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Shared within this process by all that use the same `name`; without a name only by the clones
    /// of this value.
    pub(crate) fn new(name: &str, url: String, folder: String) -> Self {
        type All = Arc<Mutex<BTreeMap<String, Object>>>;
        static SHARED: OnceLock<Mutex<HashMap<String, All>>> = OnceLock::new();
        let all = if name.is_empty() {
            All::default()
        } else {
            let mut shared = lock(SHARED.get_or_init(Mutex::default));
            Arc::clone(shared.entry(name.to_owned()).or_default())
        };
        Memory {
            all,
            url,
            folder,
            watch: Watch::default(),
        }
    }

    fn object(&self, name: &str) -> String {
        crate::name::within(&self.url, name)
    }

    /// Its name among all objects.
    fn path(&self, name: &str) -> String {
        match (self.folder.as_str(), name) {
            ("", name) => name.to_owned(),
            (folder, "") => folder.to_owned(),
            (folder, name) => format!("{folder}/{name}"),
        }
    }

    /// The bytes of an object, and what describes it.
    fn find(&self, name: &str) -> Result<(Bytes, Entry), Error> {
        let found = lock(&self.all)
            .get(&self.path(name))
            .map(|object| (object.bytes.clone(), object.describe(name)));
        found.ok_or_else(|| Error::NotFound {
            object: self.object(name),
        })
    }

    /// Puts what a temporary file holds.
    fn put_file(&self, name: &str, file: &mut File) -> Result<Written, Error> {
        let failed = |error| Error::io(self.object(name), "reading back", error);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        self.put(name, bytes.into())
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Objects for Memory {
    fn list(&self, folder: &str) -> Result<Listing, Error> {
        let mut start = self.path(folder);
        if !start.is_empty() {
            start.push('/');
        }
        let all = lock(&self.all);
        let below = all.range(start.clone()..).map_while(|(path, object)| {
            let name = path.strip_prefix(&start)?;
            Some((name, object))
        });
        let found = below
            .filter(|(name, _)| !name.contains('/') && !name.starts_with(OURS))
            .map(|(name, object)| object.describe(name));
        Ok(Listing {
            entries: found.collect(),
            others: Vec::new(),
        })
    }

    fn head(&self, name: &str) -> Result<Option<Entry>, Error> {
        let all = lock(&self.all);
        Ok(all.get(&self.path(name)).map(|found| found.describe(name)))
    }

    fn read(&self, name: &str) -> Result<Bytes, Error> {
        let (bytes, entry) = self.find(name)?;
        self.watch.tell(name, 0, entry.bytes);
        self.watch.tell(name, entry.bytes, entry.bytes);
        Ok(bytes)
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let (bytes, entry) = self.find(name)?;
        fetch::check(&self.object(name), &entry, std::slice::from_ref(&range))?;
        Ok(slice(&bytes, range))
    }

    fn fetch(
        &self,
        name: &str,
        entry: Option<&Entry>,
        ranges: Vec<Range<u64>>,
        _: Ahead,
    ) -> Result<Fetch, Error> {
        let object = self.object(name);
        let (bytes, found) = self.find(name)?;
        if entry.is_some_and(|entry| !entry.is_version_of(&found)) {
            return Err(Error::Changed { object });
        }
        fetch::check(&object, &found, &ranges)?;
        Ok(Fetch::new(
            found,
            ranges.len(),
            Slices(bytes, ranges.into_iter()),
        ))
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<Written, Error> {
        let written = Written {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
        };
        self.watch.tell(name, 0, written.bytes);
        lock(&self.all).insert(self.path(name), Object::new(bytes));
        self.watch.tell(name, written.bytes, written.bytes);
        Ok(written)
    }

    fn put_if(&self, name: &str, bytes: Bytes, there: Option<&Entry>) -> Result<bool, Error> {
        let mut all = lock(&self.all);
        let now = all.get(&self.path(name)).map(|found| found.describe(name));
        let same = match (now, there) {
            (Some(now), Some(there)) => now.is_version_of(there),
            (now, there) => now.is_none() && there.is_none(),
        };
        if same {
            all.insert(self.path(name), Object::new(bytes));
        }
        Ok(same)
    }

    fn touch(&self, name: &str, bytes: Bytes, there: &Entry) -> Result<(), Error> {
        self.put_if(name, bytes, Some(there)).map(drop)
    }

    fn resolved(&self, folder: &str) -> Result<String, Error> {
        Ok(self.object(folder))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        lock(&self.all).remove(&self.path(name));
        Ok(())
    }

    fn check_writable(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn scratch(&self, name: &str) -> Result<Scratch, Error> {
        let (memory, named) = (self.clone(), name.to_owned());
        Scratch::elsewhere(name, self.object(name), move |file| {
            memory.put_file(&named, file)
        })
    }

    fn sweep(&self) -> Result<usize, Error> {
        temporary::sweep_system()
    }

    fn local_path(&self, _: &str) -> Option<PathBuf> {
        None
    }

    fn watched(&self, watch: Watch) -> Option<Arc<dyn Objects>> {
        Some(Arc::new(Memory {
            watch,
            ..self.clone()
        }))
    }

    #[cfg(feature = "object-store")]
    fn object_store(&self) -> Result<Lent, Error> {
        Err(Error::Unsupported {
            object: self.url.clone(),
            doing: "lending a store",
        })
    }
}

/// Bytes of a range that lies within.
fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let place = |at: u64| usize::try_from(at).unwrap_or(bytes.len());
    bytes.slice(place(range.start)..place(range.end))
}

/// Ranges of one version, which stays what it is whatever is put in its place.
#[derive(Debug)]
struct Slices(Bytes, std::vec::IntoIter<Range<u64>>);

impl Parts for Slices {
    fn next(&mut self) -> Option<Result<Bytes, Error>> {
        Some(Ok(slice(&self.0, self.1.next()?)))
    }
}
