//! Numbers as they stand in the file.

/// A number as its little-endian bytes.
pub(super) trait Number {
    fn bytes(self) -> impl AsRef<[u8]>;
}

macro_rules! number {
    ($($t:ty)*) => {$(
        impl Number for $t {
            fn bytes(self) -> impl AsRef<[u8]> {
                self.to_le_bytes()
            }
        }
    )*};
}

number!(u16 u32 u64);

/// Stores a number at a position of a header that was made large enough.
pub(super) fn put(header: &mut [u8], offset: usize, number: impl Number) {
    let bytes = number.bytes();
    let bytes = bytes.as_ref();
    header[offset..offset + bytes.len()].copy_from_slice(bytes);
}
