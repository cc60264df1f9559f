//! What every kind of place can do.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::scratch::Scratch;
use crate::watch::Watch;
use crate::{Ahead, Entry, Error, Fetch, Listing, Written};

/// A store, and a folder in it.
#[cfg(feature = "object-store")]
pub(crate) type Lent = (Arc<dyn object_store::ObjectStore>, object_store::path::Path);

/// One kind of place. Names and folders arrive checked; `""` is the top folder.
pub(crate) trait Objects: std::fmt::Debug + Send + Sync {
    /// What is directly in `folder`, in any order, without our temporaries.
    fn list(&self, folder: &str) -> Result<Listing, Error>;
    fn head(&self, name: &str) -> Result<Option<Entry>, Error>;
    fn read(&self, name: &str) -> Result<Bytes, Error>;
    /// Exactly the bytes of a range whose start is not beyond its end.
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error>;
    /// Ranges of the version `entry`, or of the present one; see [`crate::Place::fetch`].
    fn fetch(
        &self,
        name: &str,
        entry: Option<&Entry>,
        ranges: Vec<Range<u64>>,
        ahead: Ahead,
    ) -> Result<Fetch, Error>;
    fn put(&self, name: &str, bytes: Bytes) -> Result<Written, Error>;
    /// Puts a small object if `there` still is under its name, nothing if that is nothing; whether it did. Where a
    /// store knows no such condition, always.
    fn put_if(&self, name: &str, bytes: Bytes, there: Option<&Entry>) -> Result<bool, Error>;
    /// Makes an object, which holds `bytes`, as if it were written now, if it still is `there`.
    fn touch(&self, name: &str, bytes: Bytes, there: &Entry) -> Result<(), Error>;
    /// Afterwards there is no such object, whether or not there was one.
    fn remove(&self, name: &str) -> Result<(), Error>;
    /// Tries a temporary object in `folder`, and leaves none.
    fn check_writable(&self, folder: &str) -> Result<(), Error>;
    /// Starts an object that is too large to be built in memory.
    fn scratch(&self, name: &str) -> Result<Scratch, Error>;
    /// Removes temporaries of dead processes; how many.
    fn sweep(&self) -> Result<usize, Error>;
    fn local_path(&self, name: &str) -> Option<PathBuf>;
    /// One text for all names, links and spellings of a folder.
    fn resolved(&self, folder: &str) -> Result<String, Error>;
    /// The same place telling of its transfers; nothing if it has none that take long.
    fn watched(&self, watch: Watch) -> Option<Arc<dyn Objects>>;
    /// The store, and the folder in it, for callers that are asynchronous.
    #[cfg(feature = "object-store")]
    fn object_store(&self) -> Result<Lent, Error>;
}
