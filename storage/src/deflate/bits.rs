//! Bits from the lowest one on, into bytes.

/// Bytes that may follow the room asked for, since whole words are written.
const SLACK: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Bits {
    /// Longer than what is used, so that writing needs no growth.
    out: Vec<u8>,
    used: usize,
    /// Bits not yet in a whole byte, fewer than 8 between calls.
    pending: u64,
    count: u32,
}

impl Bits {
    pub(super) fn clear(&mut self) {
        (self.used, self.pending, self.count) = (0, 0, 0);
    }

    /// Whole bytes so far.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.out[..self.used]
    }

    pub(super) fn aligned(&self) -> bool {
        self.count == 0
    }

    /// Makes room for `bytes` more.
    pub(super) fn reserve(&mut self, bytes: usize) {
        let needed = self.used + bytes + SLACK;
        if self.out.len() < needed {
            self.out.resize(needed.max(self.out.len() * 3 / 2), 0);
        }
    }

    /// Takes `count` bits without writing; at most 56 between two calls of [`Bits::flush`].
    #[inline(always)]
    pub(super) fn push(&mut self, bits: u32, count: u32) {
        self.pending |= u64::from(bits) << self.count;
        self.count += count;
    }

    /// Writes whole bytes, within the room reserved.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        self.out[self.used..self.used + 8].copy_from_slice(&self.pending.to_le_bytes());
        self.used += (self.count / 8) as usize;
        self.pending >>= self.count & !7;
        self.count &= 7;
    }

    /// Takes and writes up to 32 bits.
    #[inline]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.push(bits, count);
        self.flush();
    }

    /// Fills the last byte with zeros.
    pub(super) fn align(&mut self) {
        if self.count > 0 {
            self.reserve(1);
            self.count = 8;
            self.flush();
        }
    }

    /// Appends whole bytes at a byte boundary.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        debug_assert!(self.aligned());
        self.reserve(bytes.len());
        self.out[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }
}
