//! A file on disk, mapped into memory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::{Error, Header, Layout, Movie, Options, Warning};

/// A DCIMG file mapped into memory: opening reads its headers only, whatever its size, and
/// frames are read when they are asked for.
///
/// Another program that shortens the file while it is mapped ends this one with a bus error, as
/// with any memory map; read files that are still being written into memory instead.
#[derive(Debug)]
pub struct Mapped {
    map: Mmap,
    layout: Layout,
}

/// Why a file could not be opened; names the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file could not be opened or mapped.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was opened and refused.
    #[error("{}: {source}", path.display())]
    Format {
        /// The path given.
        path: PathBuf,
        /// Why.
        source: Error,
    },
}

impl Mapped {
    /// Opens a file with default [`Options`].
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`] if it cannot be opened, [`OpenError::Format`] as [`Layout::parse`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &Options::default())
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As [`Mapped::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let map = File::open(path)
            .and_then(|file| map(&file))
            .map_err(|source| OpenError::Io {
                path: path.to_path_buf(),
                source,
            })?;
        let layout = Layout::parse(&map, options).map_err(|source| OpenError::Format {
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self { map, layout })
    }

    /// The frames.
    #[must_use]
    pub fn movie(&self) -> Movie<'_> {
        self.layout.movie_of(&self.map)
    }

    /// Every field of the headers.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.layout.header()
    }

    /// Soft problems found while parsing; see also [`crate::Clock::warnings`].
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        self.layout.warnings()
    }

    /// The parsed layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

#[expect(unsafe_code, reason = "memory maps cannot be had without")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and private to `Mapped`. Bytes that another process changes
    // meanwhile are only ever read as plain integers, every position is checked against the
    // length of the map; a file that is shortened ends the process, as documented there.
    unsafe { Mmap::map(file) }
}
