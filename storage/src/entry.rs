//! What a place tells about its objects.

use crate::Error;

/// An object of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Name within the place.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Time of the last change, RFC 3339 in UTC, where the place knows it.
    pub modified: Option<String>,
    /// A text that differs when the contents differ, where the place knows one.
    pub etag: Option<String>,
}

impl Entry {
    /// One of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Entry {
            name: name.to_owned(),
            bytes: 0,
            modified: None,
            etag: None,
        }
    }

    /// Whether two descriptions are of one version, as far as they tell.
    pub(crate) fn is_version_of(&self, other: &Entry) -> bool {
        self.bytes == other.bytes
            && match (&self.etag, &other.etag) {
                (Some(one), Some(other)) => one == other,
                _ => self.modified == other.modified,
            }
    }
}

/// What is directly in a folder.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// Its files, sorted by name.
    pub entries: Vec<Entry>,
    /// What bears a name in it, and can neither be read nor asked for.
    pub others: Vec<Strange>,
}

/// Something in a folder that cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Strange {
    /// Its name in the folder, as far as it is text.
    pub name: String,
    /// What is wrong with it: [`Error::NotFound`] of a link to nothing, [`Error::Name`] of a name that no object
    /// may have, otherwise what the system says.
    pub why: Error,
}

impl Listing {
    /// Takes note of a name that cannot be asked for.
    pub(crate) fn strange(&mut self, place: &str, name: String, reason: &'static str) {
        let place = place.to_owned();
        let why = Error::Name {
            place,
            name: name.clone(),
            reason,
        };
        self.others.push(Strange { name, why });
    }
}

/// An object that was written whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Name within the place.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// CRC-32C (Castagnoli) of the bytes.
    pub crc32c: u32,
}

/// RFC 3339 in UTC of a time since 1970.
pub(crate) fn rfc3339(seconds: i64, nanoseconds: u32) -> Option<String> {
    let nanoseconds = i32::try_from(nanoseconds).ok()?;
    jiff::Timestamp::new(seconds, nanoseconds)
        .ok()
        .map(|time| time.to_string())
}

/// The same of a time of the system.
pub(crate) fn rfc3339_of(time: std::time::SystemTime) -> Option<String> {
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    rfc3339(i64::try_from(since.as_secs()).ok()?, since.subsec_nanos())
}
