//! Places: folders and stores opened by URL.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
#[cfg(feature = "object-store")]
use object_store::ObjectStore;

use crate::folder::Folder;
use crate::location::Location;
use crate::memory::Memory;
use crate::objects::Objects;
#[cfg(feature = "object-store")]
use crate::store::Store;
use crate::watch::{Transfer, Watch};
use crate::{Ahead, Entry, Error, Fetch, Listing, Written, name};

/// A folder or store that holds named objects.
///
/// Names are UTF-8 and may contain `/`, which on a file system makes folders:
/// `"mov_out/x.h5"`. Names with empty parts, `.`, `..` or control characters
/// are refused, and so are those that start with `.widefield-`, which are this
/// library's temporary files and never listed.
///
/// Every object appears whole or not at all. On file systems it is written to a
/// temporary file beside it, made durable (`fsync`) and renamed; in stores it is put in
/// one request, or in parts that become the object with the last request.
///
/// All calls block, and work inside and outside of an async runtime; clones are cheap
/// and share the place. With the feature `object-store`, `Place::object_store` lends the asynchronous side.
///
/// ```
/// use widefield_storage::Place;
///
/// let place = Place::open("memory://")?;
/// let written = place.put("a/hello.txt", b"hello".to_vec())?;
/// assert_eq!((written.bytes, written.crc32c), (5, 0x9a71_bb4c));
/// assert_eq!(place.read("a/hello.txt")?, b"hello"[..]);
/// assert_eq!(place.list("a")?[0].name, "a/hello.txt");
/// # Ok::<(), widefield_storage::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Place {
    url: String,
    objects: Arc<dyn Objects>,
}

impl Place {
    /// Opens a path or URL.
    ///
    /// | URL | what | feature |
    /// | --- | --- | --- |
    /// | a path, `file:///path` | a folder of the file system | |
    /// | `memory://name/folder` | objects in memory, for tests | |
    /// | `swift://container/folder` | OpenStack Swift; credentials `OS_*` or `ST_*` | `swift` |
    /// | `s3://bucket/folder` | S3 and its relatives; `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`, ... | `s3` |
    /// | `gs://bucket/folder` | Google Cloud Storage; `GOOGLE_*` | `gs` |
    /// | `az://container/folder` | Azure Blob Storage; `AZURE_*` | `az` |
    /// | `http(s)://host/folder` | a web server; reading by name only | `http` |
    ///
    /// Stores have five minutes for a call, or as many seconds as `WIDEFIELD_PATIENCE_S` says, from logging in to the last
    /// attempt; bytes that a call carries have the time besides that they take at 64 KiB/s. `interrupt` ends any wait at once.
    ///
    /// Nothing is touched yet: a folder that is to be written need not exist. `memory://name/folder`
    /// is shared within the process by all that name it; `memory://` without a
    /// name belongs to this value and its clones. Folders in stores are taken literally, without
    /// escapes; the account is that of the credentials in the environment.
    ///
    /// # Errors
    /// [`Error::NotAvailable`] for schemes whose feature this build lacks, [`Error::Url`] for what
    /// is no place at all, for missing credentials, and if `WIDEFIELD_PATIENCE_S` is no number above 0.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::open_in(Path::new(""), url)
    }

    /// Opens like [`Place::open`]; a relative path starts at `base` instead of the current folder.
    ///
    /// # Errors
    /// As [`Place::open`].
    pub fn open_in(base: &Path, url: &str) -> Result<Self, Error> {
        Ok(match Location::parse(base, url)? {
            Location::Folder(path) => Place {
                url: path.display().to_string(),
                objects: Arc::new(Folder::new(path)),
            },
            Location::Memory { name, folder } => {
                let slash = if folder.is_empty() { "" } else { "/" };
                let url = format!("memory://{name}{slash}{folder}");
                let memory = Memory::new(&name, url.clone(), folder);
                Place {
                    url,
                    objects: Arc::new(memory),
                }
            }
            #[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
            Location::Cloud {
                cloud,
                bucket,
                folder,
            } => {
                let top = format!("{cloud}://{bucket}");
                let store = cloud
                    .open(&bucket)
                    .map_err(|error| unusable(&top, &error))?;
                let url = url_of_folder(&top, &folder)?;
                let store = Store::new(store, url.clone(), folder);
                Place {
                    objects: Arc::new(store.whole(whole(&url)?)),
                    url,
                }
            }
            #[cfg(feature = "http")]
            Location::Web(url) => {
                let store = crate::cloud::web(&url).map_err(|error| unusable(&url, &error))?;
                Place {
                    objects: Arc::new(Store::read_only(store, url.clone()).whole(whole(&url)?)),
                    url,
                }
            }
            #[cfg(feature = "swift")]
            Location::Swift { container, folder } => {
                let url = format!("swift://{}", name::within(&container, &folder));
                let wrong = |reason: String| Error::Url {
                    url: url.clone(),
                    reason,
                };
                let credentials = crate::swift::Credentials::from_environment_or_prompt()
                    .map_err(|error| wrong(error.to_string()))?;
                let retries = crate::swift::Retries::default().whole(whole(&url)?);
                let swift = crate::swift::Swift::with_retries(&container, credentials, retries)
                    .map_err(|error| wrong(error.to_string()))?;
                Self::from_swift(&swift, &folder)?
            }
        })
    }

    /// The folder `folder` (`""` is the top) of a container, for programs that have its
    /// credentials elsewhere than in the environment.
    ///
    /// # Errors
    /// [`Error::Name`] if that cannot be a folder.
    #[cfg(feature = "swift")]
    pub fn from_swift(swift: &crate::swift::Swift, folder: &str) -> Result<Self, Error> {
        let url = url_of_folder(&swift.to_string(), folder)?;
        Ok(Place {
            objects: Arc::new(Store::swift(swift, url.clone(), folder.to_owned())),
            url,
        })
    }

    /// The folder `folder` (`""` is the top) of any store, which messages call `url`.
    ///
    /// For stores that need other settings than those in the environment, and for kinds that
    /// this library does not know. Connections belong to the runtime that opened them, and this library has its own: use
    /// the store elsewhere as [`Place::object_store`] lends it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use widefield_storage::Place;
    ///
    /// let store = Arc::new(object_store::memory::InMemory::new());
    /// let place = Place::from_store(store, "mine://here", "a/b")?;
    /// place.put("x", b"1".to_vec())?;
    /// assert_eq!(place.url(), "mine://here/a/b");
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`] if that cannot be a folder.
    #[cfg(feature = "object-store")]
    pub fn from_store(store: Arc<dyn ObjectStore>, url: &str, folder: &str) -> Result<Self, Error> {
        let url = url_of_folder(url, folder)?;
        Ok(Place {
            objects: Arc::new(Store::new(store, url.clone(), folder.to_owned())),
            url,
        })
    }

    /// The absolute path or URL, without credentials. Equal places have equal URLs, except that
    /// every unnamed `memory://` is one of its own.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where `folder` (`""` is the top) really is: a text that is the same for every name, link and
    /// spelling of one folder. On file systems its absolute path with all links followed, as far as it
    /// exists; in stores its URL.
    ///
    /// ```
    /// use widefield_storage::Place;
    ///
    /// let dir = tempfile::tempdir()?;
    /// std::fs::create_dir(dir.path().join("raw"))?;
    /// let here = Place::open(&dir.path().display().to_string())?;
    /// let round = Place::open(&format!("file://{}/new/../", dir.path().display()))?;
    /// assert_eq!(here.resolved("raw")?, round.resolved("raw")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Name`], and what the system reports where it does not tell what is there.
    pub fn resolved(&self, folder: &str) -> Result<String, Error> {
        self.check_folder(folder)?;
        self.objects.resolved(folder)
    }

    /// The files directly in `folder` (`""` is the top), sorted by name.
    ///
    /// Their names are those within the place, `folder/x`, as all methods take them.
    /// Links count as what they point to; folders, devices and our own temporaries
    /// are left out, as is what cannot be looked at ([`Place::survey`] tells). A folder below the top that
    /// does not exist is empty, as in stores, which have no folders.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the top folder of a file system does not exist, [`Error::Unsupported`]
    /// for web servers, and what the system or store reports.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        Ok(self.survey(folder)?.entries)
    }

    /// As [`Place::list`], also with what is left out there since it cannot be read: links to nothing or in a circle,
    /// files that may not be looked at, and names that no method here takes.
    ///
    /// # Errors
    /// As [`Place::list`].
    pub fn survey(&self, folder: &str) -> Result<Listing, Error> {
        self.check_folder(folder)?;
        let mut listing = self.objects.list(folder)?;
        for mut entry in std::mem::take(&mut listing.entries) {
            match name::check(&entry.name) {
                Ok(()) => {
                    if !folder.is_empty() {
                        entry.name = format!("{folder}/{}", entry.name);
                    }
                    listing.entries.push(entry);
                }
                Err(reason) => listing.strange(&self.url, entry.name, reason),
            }
        }
        listing.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        listing.others.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    /// Size, time and identity of an object; nothing if there is none.
    ///
    /// # Errors
    /// What the system or store reports, a missing object excepted.
    pub fn head(&self, name: &str) -> Result<Option<Entry>, Error> {
        self.check(name)?;
        self.objects.head(name)
    }

    /// All bytes of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`], and what the system or store reports.
    pub fn read(&self, name: &str) -> Result<Bytes, Error> {
        self.check(name)?;
        self.objects.read(name)
    }

    /// Exactly the bytes `range` of an object.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Usage`] if the range does not lie within the object; and
    /// what the system or store reports.
    pub fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        self.check(name)?;
        if range.start > range.end {
            let reason = format!("bytes {} to {} are no range", range.start, range.end);
            return Err(Error::usage(self.object(name), reason));
        }
        self.objects.read_range(name, range)
    }

    /// The bytes of each of `ranges`, in their order, asked for ahead of their use.
    ///
    /// All come from one version of the object, that of [`Fetch::entry`]. What is on its way or
    /// waits keeps within `ahead`, so a movie streams in bounded memory while the caller works on
    /// what came before. Ranges may overlap and be in any order; each is one request.
    ///
    /// ```
    /// use widefield_storage::{Ahead, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// place.put("x", b"0123456789".to_vec())?;
    /// let mut parts = place.fetch("x", vec![8..10, 0..3], Ahead::default())?;
    /// assert_eq!(parts.next().unwrap()?, b"89"[..]);
    /// assert_eq!(parts.next().unwrap()?, b"012"[..]);
    /// assert!(parts.next().is_none());
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Usage`] if a range does not lie within the object. Items are
    /// [`Error::Changed`] if the object is another than it was, and what the system or
    /// store reports.
    pub fn fetch(&self, name: &str, ranges: Vec<Range<u64>>, ahead: Ahead) -> Result<Fetch, Error> {
        self.check(name)?;
        self.objects.fetch(name, None, ranges, ahead)
    }

    /// The same of the version `entry`, which a listing, [`Place::head`] or an earlier
    /// [`Fetch`] told; its `name` does not matter. Saves a request, and ties several calls to one
    /// version.
    ///
    /// # Errors
    /// As [`Place::fetch`]; [`Error::Changed`], here or with an item, if there is another version
    /// now.
    pub fn fetch_version(
        &self,
        name: &str,
        entry: &Entry,
        ranges: Vec<Range<u64>>,
        ahead: Ahead,
    ) -> Result<Fetch, Error> {
        self.check(name)?;
        self.objects.fetch(name, Some(entry), ranges, ahead)
    }

    /// Writes an object whole, in place of one that may be there.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Permission`], and what else the system or store reports;
    /// then the object is what it was before.
    pub fn put(&self, name: &str, bytes: impl Into<Bytes>) -> Result<Written, Error> {
        self.check(name)?;
        self.objects.put(name, bytes.into())
    }

    /// Removes an object; that there is none is no error.
    ///
    /// # Errors
    /// What the system or store reports.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.check(name)?;
        self.objects.remove(name)
    }

    /// Tries whether objects can be written into `folder` (`""` is the top), by a small temporary
    /// one. On file systems the folder is made and stays; nothing else does.
    ///
    /// # Errors
    /// What writing there reports.
    pub fn check_writable(&self, folder: &str) -> Result<(), Error> {
        self.check_folder(folder)?;
        self.objects.check_writable(folder)
    }

    /// Removes temporary files that processes left which run no more, and says how many.
    ///
    /// On file systems it looks into the top folder and those directly in it; for
    /// stores into the system's temporary folder, where their objects are built, and for the
    /// parts of objects that were never finished. Files of
    /// living processes stay; those of other machines or containers, of which one
    /// cannot know, stay until nobody has touched them for a week.
    ///
    /// # Errors
    /// What the system reports; a folder that does not exist is swept.
    pub fn sweep_temporary(&self) -> Result<usize, Error> {
        self.objects.sweep()
    }

    /// Path of an object on the file system, whether it exists or not; nothing for other places.
    #[must_use]
    pub fn local_path(&self, name: &str) -> Option<PathBuf> {
        self.check(name).ok()?;
        self.objects.local_path(name)
    }

    /// The same place, which calls `tell` while an object comes from a store or goes there.
    ///
    /// Told are [`Place::read`], [`Place::put`] and the end of a writer, on the thread that calls them: once with nothing
    /// done, after each part, and with all done; not after a failure. A part counts when the store has answered: reading asks
    /// for 8 MiB at a time, and what is put in one request counts at once. A transfer that begins again, because the object was replaced
    /// meanwhile, is told from the start. `memory://` tells the beginning and the end. Folders of file systems tell
    /// nothing, nor do ranges ([`Place::read_range`], [`Place::fetch`]) and the copy that `Place::open_hdf5` reads from.
    #[must_use]
    pub fn watched(&self, tell: impl Fn(&Transfer<'_>) + Send + Sync + 'static) -> Self {
        let objects = self.objects.watched(Watch::new(tell));
        Place {
            url: self.url.clone(),
            objects: objects.unwrap_or_else(|| Arc::clone(&self.objects)),
        }
    }

    /// The store and this place's folder in it, for asynchronous callers.
    ///
    /// Requests of a store run on this library's own thread, whichever runtime waits for them: neither connections nor
    /// logins depend on a runtime of the caller, which may block, as with the methods of this type, or end. A request
    /// that is dropped ends there too.
    ///
    /// For a folder this is `object_store`'s local file system: it hides names that end
    /// in `#` and digits, and its unfinished files are not found by
    /// [`Place::sweep_temporary`]. The methods of this type have neither limit.
    ///
    /// # Errors
    /// On file systems if the folder does not exist; [`Error::Unsupported`] for `memory://`, since whoever wants a store in
    /// memory makes one and opens it by [`Place::from_store`].
    #[cfg(feature = "object-store")]
    pub fn object_store(&self) -> Result<(Arc<dyn ObjectStore>, object_store::path::Path), Error> {
        self.objects.object_store()
    }

    /// What builds objects too large for memory.
    pub(crate) fn scratch(&self, name: &str) -> Result<crate::scratch::Scratch, Error> {
        self.check(name)?;
        self.objects.scratch(name)
    }

    pub(crate) fn objects(&self) -> &dyn Objects {
        &*self.objects
    }

    /// Place and name, for messages.
    pub(crate) fn object(&self, name: &str) -> String {
        name::within(&self.url, name)
    }

    pub(crate) fn check(&self, name: &str) -> Result<(), Error> {
        name::check(name).map_err(|reason| Error::Name {
            place: self.url.clone(),
            name: name.to_owned(),
            reason,
        })
    }

    pub(crate) fn check_folder(&self, folder: &str) -> Result<(), Error> {
        if folder.is_empty() {
            Ok(())
        } else {
            self.check(folder)
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

/// URL of a folder within `url`.
#[cfg(feature = "object-store")]
fn url_of_folder(url: &str, folder: &str) -> Result<String, Error> {
    if !folder.is_empty() {
        name::check(folder).map_err(|reason| Error::Name {
            place: url.to_owned(),
            name: folder.to_owned(),
            reason,
        })?;
    }
    Ok(name::within(url, folder))
}

/// Longest time of one call.
#[cfg(any(
    feature = "s3",
    feature = "gs",
    feature = "az",
    feature = "http",
    feature = "swift"
))]
fn whole(url: &str) -> Result<std::time::Duration, Error> {
    crate::patience::variable::read().map_err(|reason| Error::Url {
        url: url.to_owned(),
        reason,
    })
}

/// A store that its settings do not describe.
#[cfg(any(feature = "s3", feature = "gs", feature = "az", feature = "http"))]
fn unusable(url: &str, error: &object_store::Error) -> Error {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        // Some texts contain that of their cause.
        if !reason.contains(&inner.to_string()) {
            reason = format!("{reason}: {inner}");
        }
        cause = inner.source();
    }
    let url = url.to_owned();
    Error::Url { url, reason }
}
