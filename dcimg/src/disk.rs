//! An open file, read at offsets.

use std::fs::File;
use std::io;

use crate::Error;

/// A file and its size when it was opened. Several threads may read at a time.
#[derive(Debug)]
pub(crate) struct Disk {
    file: File,
    bytes: u64,
}

impl Disk {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        // Reading a folder fails later, and says so less well.
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let bytes = metadata.len();
        Ok(Self { file, bytes })
    }

    /// Size of the file when it was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `out` from `offset` on.
    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.read_exact(offset, out).map_err(|error| Error::Io {
            offset,
            kind: error.kind(),
            reason: error.to_string(),
        })
    }

    pub(crate) fn read_exact(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        read_exact_at(&self.file, out, offset).map_err(|error| match error.kind() {
            // What is read was inside when the file was opened.
            kind @ io::ErrorKind::UnexpectedEof => {
                io::Error::new(kind, "the file became shorter while it was open")
            }
            _ => error,
        })
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                out = &mut out[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
