//! A file on disk, mapped into memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::{Error, Header, Layout, Movie, Options, Pieces, Step, Warning};

/// Bytes read at a time while parsing: headers, and the footer's, fit into one such read each.
const READ_BYTES: u64 = 1024;

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
        let io = |source| OpenError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let map = map(&file).map_err(io)?;
        let layout = parse(&file, map.len() as u64, options)
            .map_err(io)?
            .map_err(|source| OpenError::Format {
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

/// Parses what is read from `file`, not from its map: touching pages at both ends of a map makes
/// the system build page tables, whose cost grows with the distance between them.
fn parse(mut file: &File, file_bytes: u64, options: &Options) -> io::Result<Result<Layout, Error>> {
    let mut read = |start: u64, end: u64| -> io::Result<(u64, Vec<u8>)> {
        let length = end.max(start + READ_BYTES).min(file_bytes).saturating_sub(start);
        // Room from the beginning saves the small read that finds out whether there is anything.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        if start > 0 {
            file.seek(SeekFrom::Start(start))?;
        }
        file.take(length).read_to_end(&mut bytes)?;
        Ok((start, bytes))
    };
    let mut parts = vec![read(0, 0)?];
    loop {
        let mut pieces = Pieces::frugal(file_bytes);
        for (start, bytes) in &parts {
            pieces.add(*start, bytes);
        }
        match Layout::from_pieces(&pieces, options) {
            Ok(Step::Done(layout)) => return Ok(Ok(layout)),
            Ok(Step::Needs(range)) => {
                let part = read(range.start, range.end)?;
                if range.end - range.start > part.1.len() as u64 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file became shorter while it was opened",
                    ));
                }
                parts.push(part);
            }
            Err(error) => return Ok(Err(error)),
        }
    }
}

#[expect(unsafe_code, reason = "memory maps cannot be had without")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and private to `Mapped`. Bytes that another process changes
    // meanwhile are only ever read as plain integers, every position is checked against the
    // length of the map; a file that is shortened ends the process, as documented there.
    unsafe { Mmap::map(file) }
}
