//! Bits from the lowest one on, into bytes.

/// Bytes that may follow the room asked for, since whole words are written.
const SLACK: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Bits {
    /// Longer than what is used, so that writing needs no growth.
    out: Vec<u8>,
    at: Place,
}

/// Where the next bit goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    used: usize,
    /// Bits not yet in a whole byte, fewer than 8 between calls.
    pending: u64,
    count: u32,
}

impl Place {
    /// Bits before it.
    pub(crate) fn bits(self) -> usize {
        8 * self.used + self.count as usize
    }
}

impl Bits {
    pub(crate) fn clear(&mut self) {
        self.at = Place::default();
    }

    /// Whole bytes so far.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.out[..self.at.used]
    }

    pub(crate) fn aligned(&self) -> bool {
        self.at.count == 0
    }

    /// The place to [`Bits::rewind`] to.
    pub(crate) fn place(&self) -> Place {
        self.at
    }

    /// Forgets what was written after a place of this stream.
    pub(crate) fn rewind(&mut self, place: Place) {
        self.at = place;
    }

    /// Makes room for `bytes` more.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        let needed = self.at.used + bytes + SLACK;
        if self.out.len() < needed {
            self.out.resize(needed.max(self.out.len() * 3 / 2), 0);
        }
    }

    /// Takes `count` bits without writing; at most 56 between two calls of [`Bits::flush`].
    #[inline(always)]
    pub(crate) fn push(&mut self, bits: u64, count: u32) {
        self.at.pending |= bits << self.at.count;
        self.at.count += count;
    }

    /// Writes whole bytes, within the room reserved.
    #[inline(always)]
    pub(crate) fn flush(&mut self) {
        let at = &mut self.at;
        self.out[at.used..at.used + 8].copy_from_slice(&at.pending.to_le_bytes());
        at.used += (at.count / 8) as usize;
        at.pending >>= at.count & !7;
        at.count &= 7;
    }

    /// Takes and writes up to 56 bits.
    #[inline(always)]
    pub(crate) fn put(&mut self, bits: u64, count: u32) {
        self.push(bits, count);
        self.flush();
    }

    /// Fills the last byte with zeros.
    pub(crate) fn align(&mut self) {
        if self.at.count > 0 {
            self.reserve(1);
            self.at.count = 8;
            self.flush();
        }
    }

    /// Appends whole bytes at a byte boundary.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        debug_assert!(self.aligned());
        self.reserve(bytes.len());
        let used = self.at.used;
        self.out[used..used + bytes.len()].copy_from_slice(bytes);
        self.at.used += bytes.len();
    }

    /// Gives back what room is left.
    pub(crate) fn shrink(&mut self) {
        self.out.truncate(self.at.used);
        self.out.shrink_to_fit();
    }

    /// Appends all bits of another stream, whatever place they come to.
    pub(crate) fn append_bits(&mut self, other: &Bits) {
        let (sixes, rest) = other.as_slice().as_chunks::<6>();
        self.reserve(other.as_slice().len() + SLACK);
        for six in sixes {
            let [a, b, c, d, e, f] = *six;
            self.put(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]), 48);
        }
        for &byte in rest {
            self.put(byte.into(), 8);
        }
        self.put(other.at.pending, other.at.count);
    }
}
