//! A file on disk, mapped into memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use memmap2::Mmap;

use crate::bytes::Source;
use crate::{Error, Header, Layout, Movie, Options, Pieces, Step, Warning};

/// Bytes read at a time while parsing: headers, and the footer's, fit into one such read each.
const READ_BYTES: u64 = 1024;

/// A DCIMG file mapped into memory: opening reads its headers only, in the same time for a file
/// of any size, and the map is made when the first frame is asked for.
///
/// Another program that shortens the file while it is mapped ends this one with a bus error, as
/// with any memory map; read files that are still being written into memory instead.
#[derive(Debug)]
pub struct Mapped {
    map: Map,
    layout: Layout,
}

/// The bytes of an open file, mapped when they are first needed: to map and to unmap takes the
/// system longer the larger the file is, which those who read headers only need not pay for.
#[derive(Debug)]
pub(crate) struct Map {
    file_bytes: u64,
    /// Until it is mapped.
    file: Mutex<Option<File>>,
    map: OnceLock<Result<Mmap, String>>,
}

impl Map {
    fn new(file: File, file_bytes: u64) -> Self {
        Self {
            file_bytes,
            file: Mutex::new(Some(file)),
            map: OnceLock::new(),
        }
    }

    /// Size of the file when it was opened.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    pub(crate) fn bytes(&self) -> Result<&[u8], Error> {
        let mapped = self.map.get_or_init(|| {
            let file = self
                .file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            // Taken by this closure only, which runs once.
            let file = file.ok_or("it was closed")?;
            map(&file).map_err(|error| error.to_string())
        });
        match mapped {
            Ok(map) => Ok(map),
            Err(reason) => Err(Error::Map {
                reason: reason.clone(),
            }),
        }
    }
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
        let file_bytes = file.metadata().map_err(io)?.len();
        let layout = parse(&file, file_bytes, options)
            .map_err(io)?
            .map_err(|source| OpenError::Format {
                path: path.to_path_buf(),
                source,
            })?;
        let map = Map::new(file, file_bytes);
        Ok(Self { map, layout })
    }

    /// The frames.
    #[must_use]
    pub fn movie(&self) -> Movie<'_> {
        Movie::new(&self.layout, Source::Map(&self.map))
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
        let length = end
            .max(start + READ_BYTES)
            .min(file_bytes)
            .saturating_sub(start);
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
    // SAFETY: the map is read-only and private to `Map`. Bytes that another process changes
    // meanwhile are only ever read as plain integers, every position is checked against the
    // length of the map; a file that is shortened ends the process, as documented there.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stamp;
    use crate::write::{Spec, Writer};

    #[test]
    fn a_file_that_lost_its_end_before_it_was_mapped_gives_errors() {
        let mut writer = Writer::new(io::Cursor::new(Vec::new()), &Spec::framed(64, 32)).unwrap();
        for framestamp in 0..3 {
            let stamp = Stamp {
                framestamp,
                ..Stamp::default()
            };
            writer
                .push(ndarray::Array2::<u16>::ones((32, 64)).view(), stamp)
                .unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movie");
        std::fs::write(&path, &bytes).unwrap();

        let opened = Mapped::open(&path).unwrap();
        let cut = opened.layout().frame_start(2);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(cut)
            .unwrap();
        let movie = opened.movie();
        assert_eq!(movie.len(), 3);
        assert_eq!(
            movie.frame(1).unwrap().to_array::<u16>().unwrap().sum(),
            64 * 32
        );
        let lost = movie.frame(2).unwrap().to_array::<u16>();
        assert!(matches!(lost, Err(Error::NotFetched { offset, .. }) if offset == cut));
        assert!(matches!(Mapped::open(&path), Err(OpenError::Format { .. })));
        assert!(matches!(
            Mapped::open(folder.path()),
            Err(OpenError::Io { .. })
        ));
    }
}
