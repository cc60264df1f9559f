//! A file on disk.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::disk::Disk;
use crate::source::Source;
use crate::{Error, FetchError, Header, Layout, Movie, Options, Warning};

/// A DCIMG file on disk, read where and when its bytes are needed: opening reads the headers, in the same time for a
/// file of any size, a frame its own bytes.
///
/// A file that somebody shortens meanwhile gives [`Error::Io`]; one that is written meanwhile gives its old bytes or
/// its new ones. Several threads may read at a time. Unix and Windows only; elsewhere, and for views of pixels
/// in place ([`crate::Frame::raw_u16`]), there is [`crate::Dcimg`].
///
/// ```no_run
/// let file = dcimg::File::open("20170214_102233_1")?;
/// let first = file.movie().frame(0)?.to_array::<u16>()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct File {
    disk: Disk,
    layout: Layout,
}

/// Why a file could not be opened; names the path. What is wrong with it is the error's source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file could not be opened or read.
    #[error("{} cannot be read", path.display())]
    Io {
        /// The path given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was opened and refused.
    #[error("{} is no DCIMG movie that can be read", path.display())]
    Format {
        /// The path given.
        path: PathBuf,
        /// Why.
        source: Error,
    },
}

impl File {
    /// Opens a file with default [`Options`].
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`] if it cannot be read, [`OpenError::Format`] as [`Layout::parse`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, &Options::default())
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// As [`File::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let io = |source| OpenError::Io {
            path: path.to_path_buf(),
            source,
        };
        let disk = fs::File::open(path).and_then(Disk::new).map_err(io)?;
        let layout = Layout::from_fetch(disk.bytes(), options, |range| {
            // A few KiB at a time, however long the file.
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
            disk.read_exact(range.start, &mut bytes)?;
            Ok::<_, io::Error>(bytes)
        });
        let layout = layout.map_err(|error| match error {
            FetchError::Fetch(error) => io(error),
            FetchError::Format(source) => OpenError::Format {
                path: path.to_path_buf(),
                source,
            },
        })?;
        Ok(Self { disk, layout })
    }

    /// The frames.
    #[must_use]
    pub fn movie(&self) -> Movie<'_> {
        Movie::new(&self.layout, Source::Disk(&self.disk))
    }

    /// Every field of the headers.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.layout.header()
    }

    /// Soft problems found while parsing; see also [`crate::Clock::warnings`] and [`crate::Relocation::warning`].
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stamp;
    use crate::write::{Spec, Writer};

    #[test]
    fn a_file_that_loses_its_end_while_it_is_open_gives_errors() {
        let spec = Spec::framed(64, 32).relocated_at(7, 0);
        let mut writer = Writer::new(io::Cursor::new(Vec::new()), &spec).unwrap();
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
        fs::write(&path, &bytes).unwrap();

        let opened = File::open(&path).unwrap();
        let cut = opened.layout().frame_start(2);
        let writing = fs::File::options().write(true).open(&path).unwrap();
        writing.set_len(cut).unwrap();
        let movie = opened.movie();
        assert_eq!(movie.len(), 3);
        let sum = |frame: usize| Ok(movie.frame(frame)?.to_array::<u16>()?.sum());
        assert_eq!(sum(1), Ok(64 * 32));
        let lost = |error: Error| {
            let eof = io::ErrorKind::UnexpectedEof;
            matches!(error, Error::Io { offset, kind, .. } if offset >= cut && kind == eof)
        };
        assert!(sum(2).is_err_and(lost));
        assert!(movie.clock().is_err_and(lost));
        assert!(movie.relocation().is_err_and(lost));
        assert!(movie.frame(2).unwrap().stamp().is_err_and(lost));
        assert!(matches!(File::open(&path), Err(OpenError::Format { .. })));
    }
}
