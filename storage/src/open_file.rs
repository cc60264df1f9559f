//! An open file, of one version.

use std::fs::{File, Metadata};
use std::ops::Range;

use bytes::Bytes;

use crate::fetch::Parts;
use crate::{Entry, Error, positioned};

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
        let read = positioned::read(&self.file, &mut bytes, range.start);
        let now = self.file.metadata().map_err(failed)?;
        if !(self.describe)(String::new(), &now).is_version_of(&self.entry) {
            return Err(Error::Changed {
                object: self.object.clone(),
            });
        }
        read.map_err(failed)?;
        Ok(bytes.into())
    }
}

/// Ranges of an open file, read when their turn comes.
#[derive(Debug)]
pub(crate) struct FileParts(
    pub(crate) OpenFile,
    pub(crate) std::vec::IntoIter<Range<u64>>,
);

impl Parts for FileParts {
    fn next(&mut self) -> Option<Result<Bytes, Error>> {
        Some(self.0.read(self.1.next()?))
    }
}
