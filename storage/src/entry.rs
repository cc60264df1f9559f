//! What a place tells about its objects.

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
    /// Whether two descriptions are of one version, as far as they tell.
    pub(crate) fn is_version_of(&self, other: &Entry) -> bool {
        self.bytes == other.bytes
            && match (&self.etag, &other.etag) {
                (Some(one), Some(other)) => one == other,
                _ => self.modified == other.modified,
            }
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
