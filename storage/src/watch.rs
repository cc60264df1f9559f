//! How far long transfers have come.

use std::sync::Arc;

/// A transfer to or from a store, while it goes on.
///
/// ```
/// use widefield_storage::{Place, Transfer};
///
/// let place = Place::open("memory://")?.watched(|transfer: &Transfer<'_>| {
///     eprintln!("{}: {} of {} bytes", transfer.name, transfer.done, transfer.total);
/// });
/// place.put("a.bin", vec![0; 1000])?;
/// # Ok::<(), widefield_storage::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer<'a> {
    /// Name of the object within the place.
    pub name: &'a str,
    /// Bytes that have come, or that the store has acknowledged.
    pub done: u64,
    /// Bytes of the whole transfer.
    pub total: u64,
}

type Tell = dyn Fn(&Transfer<'_>) + Send + Sync;

/// Who is told.
#[derive(Clone, Default)]
pub(crate) struct Watch(Option<Arc<Tell>>);

impl Watch {
    pub(crate) fn new(tell: impl Fn(&Transfer<'_>) + Send + Sync + 'static) -> Self {
        Watch(Some(Arc::new(tell)))
    }

    /// Whether anybody listens.
    #[cfg(feature = "object-store")]
    pub(crate) fn listens(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn tell(&self, name: &str, done: u64, total: u64) {
        if let Some(tell) = &self.0 {
            tell(&Transfer { name, done, total });
        }
    }
}
