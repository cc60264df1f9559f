//! How much a file may ask of its reader.

/// Deflate cannot turn one byte into more than this many.
pub(crate) const DEFLATE_EXPANSION: u64 = 1032;

/// How much a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadLimits {
    /// Most bytes that one array may take in memory, as f64.
    pub bytes: u64,
}

impl Default for ReadLimits {
    /// 8 GiB.
    fn default() -> Self {
        ReadLimits { bytes: 8 << 30 }
    }
}

impl ReadLimits {
    /// At most `bytes` bytes for one array.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}
