//! OpenStack Swift as an [`ObjectStore`].
//!
//! One [`Swift`] is one container of one account. `Place::open("swift://container/prefix")` takes
//! its [`Credentials`] from the environment; programs that have them elsewhere say so:
//!
//! ```
//! use std::sync::Arc;
//! use widefield_storage::Place;
//! use widefield_storage::swift::{Credentials, Swift};
//!
//! let credentials = Credentials::from_variables(|name| match name {
//!     "OS_AUTH_TOKEN" => Some("a token".to_owned()),
//!     "OS_STORAGE_URL" => Some("https://swift.example.org/v1/AUTH_lab".to_owned()),
//!     _ => None,
//! })?;
//! let swift = Swift::new("movies", credentials)?;
//! let place = Place::from_swift(&swift, "2869L1")?;
//! assert_eq!(place.url(), "swift://movies/2869L1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! Every object is put whole, and its MD5 checksum compared with the server's: before the object appears if it
//! has up to 1 MiB or is made under a condition, else right after, while it can still be put again or removed.
//! Bodies that are read are compared with the object's checksum, where it is one. A body that breaks is
//! resumed where it broke, if the object is still the same. A large object that is read whole comes by several
//! requests at a time, all of one version; if it is replaced meanwhile the stream ends with
//! [`object_store::Error::Precondition`], and `Place::read` begins again.
//!
//! Passing failures are repeated, see [`Retries`]. A token is renewed before it ends and when it is
//! refused, once for all requests that wait for it.
//!
//! Uploads in parts are static large objects with their segments in the container
//! `<container>_segments`; they are removed when the upload is given up, and when the
//! object is replaced or removed. Containers that do not exist are made by the first put.
//!
//! # What Swift cannot do
//!
//! Put on condition of what is there (`PutMode::Update`), copy only if the target is missing, and
//! versions: these are `NotSupported`. Listings may lag behind writes for a while.

mod auth;
mod catalogue;
mod client;
mod credentials;
mod delete;
pub(crate) mod failure;
mod large;
mod listing;
mod names;
mod objects;
mod retry;
mod transfer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use failure::Failure;

pub use credentials::{Credentials, CredentialsError, Prompt, set_prompt};
pub use retry::Retries;

/// A container of an account in OpenStack Swift.
///
/// Clones are cheap and share token, connections and limits. See the [module](self) for guarantees.
#[derive(Clone)]
pub struct Swift {
    inner: Arc<Inner>,
}

struct Inner {
    client: client::Client,
    container: String,
}

/// Why a [`Swift`] cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SwiftError(String);

impl Swift {
    /// A container, which need not exist yet. Nothing is sent before the first operation.
    ///
    /// # Errors
    /// If the name cannot be one of a container, or the file of certificates cannot be read.
    pub fn new(container: &str, credentials: Credentials) -> Result<Self, SwiftError> {
        Self::with_retries(container, credentials, Retries::default())
    }

    /// The same, with another patience.
    ///
    /// # Errors
    /// As [`Swift::new`].
    pub fn with_retries(
        container: &str,
        credentials: Credentials,
        retries: Retries,
    ) -> Result<Self, SwiftError> {
        names::check_container(container).map_err(|reason| SwiftError(reason.to_owned()))?;
        let client = client::Client::new(credentials, retries).map_err(SwiftError)?;
        let container = container.to_owned();
        Ok(Swift {
            inner: Arc::new(Inner { client, container }),
        })
    }

    /// Name of the container.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.inner.container
    }

    /// Removes the segments of uploads below `prefix` whose processes run no more; how many uploads.
    ///
    /// Those of other machines, of which one cannot know, stay for a week.
    ///
    /// # Errors
    /// What the store reports. A container without segments is swept.
    pub async fn sweep(&self, prefix: Option<&Path>) -> Result<usize> {
        let swept = large::sweep(&self.inner, folder(prefix)).await;
        swept.map_err(|failure| failure.at(&self.inner.container))
    }

    /// What the cluster takes in one put, in bytes, from its `/info`; 5 GiB if it does not tell.
    ///
    /// Larger objects are put in parts, see [`ObjectStore::put_multipart_opts`]; `Place` does so by itself.
    pub async fn largest_put(&self) -> u64 {
        self.inner.client.limits().await.max_file_size
    }

    /// Longest time of one operation, see [`Retries::whole`].
    pub(crate) fn whole(&self) -> Duration {
        self.inner.client.whole()
    }

    fn told(&self, prefix: Option<&Path>) -> impl Fn(Failure) -> object_store::Error + use<> {
        let name = prefix.map_or_else(String::new, |prefix| format!("/{prefix}"));
        let name = format!("{}{name}", self.inner.container);
        move |failure| failure.at(&name)
    }
}

/// `prefix` as whole segments: `a` lists what is in `a/`.
fn folder(prefix: Option<&Path>) -> String {
    match prefix.map(AsRef::as_ref) {
        None | Some("") => String::new(),
        Some(prefix) => format!("{prefix}/"),
    }
}

impl fmt::Display for Swift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "swift://{}", self.inner.container)
    }
}

impl fmt::Debug for Swift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swift")
            .field("container", &self.inner.container)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for Swift {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        objects::put(&self.inner, location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = large::Multipart::new(&self.inner, location, &opts.attributes);
        Ok(Box::new(
            upload.map_err(|failure| failure.at(location.as_ref()))?,
        ))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        objects::get(&self.inner, location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        locations
            .ready_chunks(1000)
            .then(move |chunk| {
                let inner = Arc::clone(&inner);
                async move {
                    let paths = chunk.iter().flatten().cloned().collect();
                    let mut outcomes = delete::objects(&inner, paths).await.into_iter();
                    let told = chunk.into_iter().map(|path| {
                        let path = path?;
                        match outcomes.next() {
                            Some(Err(failure)) => Err(failure.at(path.as_ref())),
                            _ => Ok(path),
                        }
                    });
                    stream::iter(told.collect::<Vec<_>>())
                }
            })
            .flatten()
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let told = self.told(prefix);
        let container = &self.inner.container;
        listing::below(&self.inner, container, folder(prefix), None, usize::MAX)
            .map(move |row| row.map_err(&told))
            .boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let told = self.told(prefix);
        let (container, offset) = (&self.inner.container, offset.to_string());
        listing::below(
            &self.inner,
            container,
            folder(prefix),
            Some(offset),
            usize::MAX,
        )
        .map(move |row| row.map_err(&told))
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        listing::directly_below(&self.inner, folder(prefix))
            .await
            .map_err(self.told(prefix))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let result = match options.mode {
            CopyMode::Overwrite => objects::copy(&self.inner, from, to).await,
            CopyMode::Create => {
                // Its If-None-Match would be one of the source.
                let reason = "Swift has no copy on condition that the target is missing";
                Err(Failure::NotSupported(reason))
            }
        };
        result.map_err(|failure| failure.at(from.as_ref()))
    }
}
