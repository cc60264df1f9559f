//! Where the frames of a movie are: in memory, or in a file on disk.

use std::borrow::Cow;

use crate::Error;
use crate::bytes::Bytes;
#[cfg(any(unix, windows))]
use crate::disk::Disk;

/// Bytes read from disk at a time: they stay in the processor's cache until they are decoded.
#[cfg(any(unix, windows))]
const AT_A_TIME: usize = 64 << 10;

/// Where bytes come from; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Memory(Bytes<'a>),
    #[cfg(any(unix, windows))]
    Disk(&'a Disk),
}

impl<'a> Source<'a> {
    /// The `bytes` bytes at `offset`: in place, or read; `what` names them in errors.
    pub(crate) fn get(
        self,
        offset: u64,
        bytes: u64,
        what: &'static str,
    ) -> Result<Cow<'a, [u8]>, Error> {
        match self {
            Self::Memory(memory) => Ok(Cow::Borrowed(memory.get(offset, bytes, what)?)),
            #[cfg(any(unix, windows))]
            Self::Disk(disk) => {
                let mut read = room(bytes, what)?;
                disk.read(offset, &mut read)?;
                Ok(Cow::Owned(read))
            }
        }
    }

    /// Fills `out` with the bytes from `offset` on.
    pub(crate) fn read(self, offset: u64, out: &mut [u8], what: &'static str) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => {
                out.copy_from_slice(memory.get(offset, out.len() as u64, what)?);
                Ok(())
            }
            #[cfg(any(unix, windows))]
            Self::Disk(disk) => disk.read(offset, out),
        }
    }

    /// As many bytes as the array has.
    pub(crate) fn array<const N: usize>(
        self,
        offset: u64,
        what: &'static str,
    ) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        self.read(offset, &mut array, what)?;
        Ok(array)
    }

    /// Gives `count` items of `size` bytes each (at least 1) from `offset` on to `then`, some at a time, with the
    /// index of the first: in memory all at once, from disk as many as stay in the cache, so that a file that claims
    /// much does not take as much.
    pub(crate) fn in_parts(
        self,
        offset: u64,
        size: usize,
        count: usize,
        what: &'static str,
        mut then: impl FnMut(usize, &[u8]),
    ) -> Result<(), Error> {
        match self {
            Self::Memory(memory) => {
                let bytes = (count as u64).saturating_mul(size as u64);
                then(0, memory.get(offset, bytes, what)?);
            }
            #[cfg(any(unix, windows))]
            Self::Disk(disk) => {
                let most = (AT_A_TIME / size).clamp(1, count.max(1));
                let mut part = room(most as u64 * size as u64, what)?;
                for first in (0..count).step_by(most) {
                    let part = &mut part[..most.min(count - first) * size];
                    disk.read(offset + first as u64 * size as u64, part)?;
                    then(first, part);
                }
            }
        }
        Ok(())
    }
}

/// Zeros, or an error where the program would end for lack of memory.
#[cfg(any(unix, windows))]
fn room(bytes: u64, what: &'static str) -> Result<Vec<u8>, Error> {
    let none = Error::Memory { what, bytes };
    let length = usize::try_from(bytes).map_err(|_| none.clone())?;
    let room = bytemuck::try_zeroed_slice_box(length);
    room.map(<[u8]>::into_vec).map_err(|()| none)
}
