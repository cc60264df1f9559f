//! Ranges of an open file, of one version of it.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;

use bytes::Bytes;

use crate::Error;
use crate::fetch::{changed, same_version};
use crate::objects::Entry;

/// A file that stays open, and how it was when it was opened.
///
/// A file that replaces it under its name does not disturb: the old one stays readable. One that
/// is written over in place is noticed by its length and time.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    entry: Entry,
    describe: fn(String, &Metadata) -> Entry,
    /// Place and name, for messages.
    object: String,
}

impl OpenFile {
    /// `entry` is what `describe` said of the file.
    pub(crate) fn new(
        file: File,
        entry: Entry,
        describe: fn(String, &Metadata) -> Entry,
        object: String,
    ) -> Self {
        OpenFile {
            file,
            entry,
            describe,
            object,
        }
    }

    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    /// The bytes `range`, which lies within the file as it was.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let failed = |error| Error::io(&self.object, "reading", error);
        let length = usize::try_from(range.end - range.start).map_err(|_| Error::TooLarge {
            object: self.object.clone(),
            what: "a range",
            bytes: range.end - range.start,
            limit: usize::MAX as u64,
        })?;
        let mut bytes = vec![0; length];
        let read = read_exact_at(&self.file, &mut bytes, range.start);
        let now = self.file.metadata().map_err(failed)?;
        if !same_version(&(self.describe)(String::new(), &now), &self.entry) {
            return Err(changed(&self.object));
        }
        read.map_err(failed)?;
        Ok(bytes.into())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
