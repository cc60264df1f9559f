//! Recordings: DCIMG movies read by ranges of bytes, from a disk or from a store, and where their frames are kept.

mod blocks;
pub mod inspect;
mod movie;

pub use blocks::{Block, Blocks};
pub use inspect::Inspection;
pub use movie::{Movie, MovieStore, Scratch, ScratchError, Spare};

use bytes::Bytes;
use dcimg::{Clock, FetchError, Layout, Options, Pieces};
use ndarray::{Array2, Array3};
use std::fs::{File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use widefield_storage::positioned;
use widefield_storage::{Ahead, Entry, Fetch, Place};

/// A DCIMG movie of which only the bytes that are asked for are read.
///
/// Opening reads the headers, a frame its own bytes and its entries in the tables of the footer:
/// the first frame of a movie in a store is there after a handful of requests, whatever the size.
///
/// ```
/// use widefield_recording::Recording;
/// # let mut file = std::io::Cursor::new(Vec::new());
/// # let mut writer = dcimg::write::Writer::new(&mut file, &dcimg::write::Spec::packed(4, 3))?;
/// # for k in 0..5_u16 {
/// #     writer.push(ndarray::Array2::from_elem((3, 4), k).view(), Default::default())?;
/// # }
/// # writer.finish()?;
///
/// let place = widefield_storage::Place::open("memory://")?;
/// place.put("movie", file.into_inner())?;
/// let recording = Recording::open(&place, "movie")?;
/// assert_eq!(recording.layout().frames(), 5);
/// assert_eq!(recording.frame(4)?, ndarray::Array2::from_elem((3, 4), 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    source: Source,
    layout: Layout,
}

/// Why a recording could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A file could not be opened, or not read at some place.
    #[error("{name}: byte {offset}")]
    Io {
        /// Its path.
        name: String,
        /// Where reading began.
        offset: u64,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store did not give the bytes.
    #[error(transparent)]
    Storage(#[from] widefield_storage::Error),
    /// The bytes are no DCIMG movie, or not one that can be read as asked.
    #[error("{name}")]
    Format {
        /// Path or URL.
        name: String,
        /// Why.
        source: dcimg::Error,
    },
}

/// Where the bytes are.
#[derive(Debug)]
struct Source {
    /// Path or URL, for messages.
    name: String,
    /// Of the whole file.
    bytes: u64,
    bytes_in: BytesIn,
}

#[derive(Debug)]
enum BytesIn {
    File(Opened),
    Store(Object),
}

/// A file that stays open, and how it was when it was opened.
#[derive(Debug)]
struct Opened {
    file: File,
    path: PathBuf,
    version: Version,
}

/// What tells one version of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Device and number of the file, where the system has them.
    file: Option<(u64, u64)>,
}

/// One version of an object.
#[derive(Debug)]
struct Object {
    place: Place,
    name: String,
    version: Entry,
}

/// Most ranges that are fetched from a store for a clock.
const CLOCK_RANGES: usize = 8;
/// Most frames whose clock is read for show: 50 MB of stamps. A sparse file of a few kB may claim any number.
pub(crate) const CLOCK_FRAMES: usize = 1 << 22;

/// Ranges that were read, and where they start.
pub(crate) type Parts = Vec<(u64, Bytes)>;

impl Recording {
    /// Opens the object `name` of a place.
    ///
    /// # Errors
    /// [`RecordingError`] if it is not there, cannot be read or is no whole DCIMG movie.
    pub fn open(place: &Place, name: &str) -> Result<Self, RecordingError> {
        Self::open_with(place, name, &Options::default())
    }

    /// Opens a path or URL.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn open_url(url: &str) -> Result<Self, RecordingError> {
        match url.rsplit_once('/') {
            Some((folder, name)) if url.contains("://") => Self::open(&Place::open(folder)?, name),
            _ => Self::parse(Source::file(Path::new(url))?, &Options::default()),
        }
    }

    /// Opens an object with other than the default options.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn open_with(place: &Place, name: &str, options: &Options) -> Result<Self, RecordingError> {
        let source = match place.local_path(name) {
            Some(path) => Source::file(&path)?,
            None => Source::object(place, name)?,
        };
        Self::parse(source, options)
    }

    fn parse(source: Source, options: &Options) -> Result<Self, RecordingError> {
        let layout = Layout::from_fetch(source.bytes, options, |range| {
            let parts = source.fetch(vec![range])?;
            Ok(parts.into_iter().next().unwrap_or_default().1)
        });
        let layout = layout.map_err(|error| match error {
            FetchError::Format(error) => source.format(error),
            FetchError::Fetch(error) => error,
        })?;
        Ok(Self { source, layout })
    }

    /// Everything known of the file but its pixels and its clock.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Pixels of frame `index` `(y, x)`, relocated ones restored; 8-bit pixels widened.
    ///
    /// # Errors
    /// [`RecordingError`] beyond the last frame, or if the bytes cannot be read.
    pub fn frame(&self, index: usize) -> Result<Array2<u16>, RecordingError> {
        let wrong = |error| self.source.format(error);
        let parts = self.read(self.frame_ranges(index..index.saturating_add(1))?)?;
        let pieces = self.pieces(&parts);
        let frame = self.layout.movie(&pieces).frame(index).map_err(wrong)?;
        frame.to_array().map_err(wrong)
    }

    /// Frames `(t, y, x)` with the pixels of [`Recording::frame`], as f32. All at once: a caller bounds their number.
    ///
    /// # Errors
    /// [`RecordingError`] beyond the last frame, or if the bytes cannot be read.
    pub fn frames(&self, frames: Range<usize>) -> Result<Array3<f32>, RecordingError> {
        let wrong = |error| self.source.format(error);
        let parts = self.read(self.frame_ranges(frames.clone())?)?;
        let pieces = self.pieces(&parts);
        let movie = self.layout.movie(&pieces);
        let mut block = Array3::zeros((frames.len(), self.layout.height(), self.layout.width()));
        for (frame, out) in frames.zip(block.outer_iter_mut()) {
            let read = movie.frame(frame).and_then(|f| f.read_into(out));
            read.map_err(wrong)?;
        }
        Ok(block)
    }

    /// Framestamps and times of all frames. `None` where a store would have to be asked once for nearly every
    /// frame, since they lie between the frames, and for more than four million frames.
    ///
    /// # Errors
    /// [`RecordingError`] if they cannot be read.
    pub fn clock(&self) -> Result<Option<Clock>, RecordingError> {
        if !self.has_clock_at_hand() {
            return Ok(None);
        }
        let parts = self.read(self.layout.clock_ranges().collect())?;
        let clock = self.layout.movie(&self.pieces(&parts)).clock();
        clock.map(Some).map_err(|error| self.source.format(error))
    }

    /// When the first frame was taken by the camera's clock, in seconds since 1970; `None` where the file does not say.
    /// In a store it takes one or two requests.
    ///
    /// # Errors
    /// [`RecordingError`] if it cannot be read.
    pub fn begin_unix_s(&self) -> Result<Option<f64>, RecordingError> {
        if self.layout.frames() == 0 || self.layout.frames() > CLOCK_FRAMES {
            return Ok(None);
        }
        let parts = self.read(self.layout.clock_ranges().take(2).collect())?;
        let pieces = self.pieces(&parts);
        let first = self.layout.movie(&pieces).frame(0);
        let stamp = first.and_then(|frame| frame.stamp());
        let stamp = stamp.map_err(|error| self.source.format(error))?;
        Ok(stamp.map(|stamp| stamp.time.as_seconds()))
    }

    /// Whether all times are read at a few places.
    pub(crate) fn has_clock_at_hand(&self) -> bool {
        let few = || self.layout.clock_ranges().nth(CLOCK_RANGES).is_none();
        self.layout.frames() <= CLOCK_FRAMES && (self.is_local() || few())
    }

    /// Where frames lie, and what the tables say of them.
    pub(crate) fn frame_ranges(
        &self,
        frames: Range<usize>,
    ) -> Result<Vec<Range<u64>>, RecordingError> {
        let ranges = self.layout.frame_ranges(frames);
        ranges.map_err(|error| self.source.format(error))
    }

    /// Reads these ranges.
    pub(crate) fn read(&self, ranges: Vec<Range<u64>>) -> Result<Parts, RecordingError> {
        self.source.fetch(ranges)
    }

    /// What was read, for [`Layout::movie`].
    pub(crate) fn pieces<'a>(&self, parts: &'a Parts) -> Pieces<'a> {
        let mut pieces = Pieces::new(self.source.bytes);
        for (start, part) in parts {
            pieces.add(*start, part);
        }
        pieces
    }

    /// Whether frames are read from a file of this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.source.bytes_in, BytesIn::File(_))
    }
}

impl Source {
    fn file(path: &Path) -> Result<Self, RecordingError> {
        let name = path.display().to_string();
        match Opened::new(path) {
            Ok(opened) => Ok(Self {
                name,
                bytes: opened.version.bytes,
                bytes_in: BytesIn::File(opened),
            }),
            Err(source) => Err(RecordingError::Io {
                name,
                offset: 0,
                source,
            }),
        }
    }

    fn object(place: &Place, name: &str) -> Result<Self, RecordingError> {
        let version = place
            .fetch(name, Vec::new(), Ahead::default())?
            .entry()
            .clone();
        let slash = if place.url().ends_with('/') { "" } else { "/" };
        Ok(Self {
            name: format!("{}{slash}{name}", place.url()),
            bytes: version.bytes,
            bytes_in: BytesIn::Store(Object {
                place: place.clone(),
                name: name.to_owned(),
                version,
            }),
        })
    }

    fn format(&self, source: dcimg::Error) -> RecordingError {
        RecordingError::Format {
            name: self.name.clone(),
            source,
        }
    }

    fn fetch(&self, ranges: Vec<Range<u64>>) -> Result<Parts, RecordingError> {
        let starts: Vec<u64> = ranges.iter().map(|range| range.start).collect();
        let bytes = match &self.bytes_in {
            BytesIn::File(opened) => {
                let read = |range| {
                    let mut bytes = Vec::new();
                    self.read_into(opened, range, &mut bytes)?;
                    Ok(bytes.into())
                };
                let read: Result<Vec<Bytes>, RecordingError> =
                    ranges.into_iter().map(read).collect();
                read?
            }
            BytesIn::Store(object) => object
                .fetch(ranges, Ahead::default())?
                .collect::<Result<Vec<Bytes>, _>>()?,
        };
        Ok(starts.into_iter().zip(bytes).collect())
    }

    /// Puts the bytes `range` of the file in place of what `bytes` holds.
    fn read_into(
        &self,
        opened: &Opened,
        range: Range<u64>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), RecordingError> {
        let failed = |source| RecordingError::Io {
            name: self.name.clone(),
            offset: range.start,
            source,
        };
        let length = usize::try_from(range.end - range.start)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        // A sparse file may hold frames that no memory does.
        bytes
            .try_reserve(length.saturating_sub(bytes.len()))
            .map_err(|error| failed(error.into()))?;
        bytes.resize(length, 0);
        let read = positioned::read(&opened.file, bytes, range.start);
        // One that became shorter ends where bytes were expected.
        read.or_else(|error| self.unchanged().and(Err(failed(error))))
    }

    /// Whether a file of this machine still is as it was when it was opened, itself and under its name. Objects of
    /// stores are compared with every request.
    fn unchanged(&self) -> Result<(), RecordingError> {
        match &self.bytes_in {
            BytesIn::File(opened) if opened.changed() => {
                let object = self.name.clone();
                Err(widefield_storage::Error::Changed { object }.into())
            }
            _ => Ok(()),
        }
    }
}

impl Opened {
    fn new(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self {
            version: Version::of(&file.metadata()?),
            path: path.to_owned(),
            file,
        })
    }

    fn changed(&self) -> bool {
        let same = |found: std::io::Result<Metadata>| {
            found.is_ok_and(|metadata| Version::of(&metadata) == self.version)
        };
        !(same(self.file.metadata()) && same(std::fs::metadata(&self.path)))
    }
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = {
            use std::os::unix::fs::MetadataExt;
            Some((metadata.dev(), metadata.ino()))
        };
        #[cfg(not(unix))]
        let file = None;
        Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            file,
        }
    }
}

impl Object {
    /// Ranges of this version.
    fn fetch(
        &self,
        ranges: Vec<Range<u64>>,
        ahead: Ahead,
    ) -> Result<Fetch, widefield_storage::Error> {
        self.place
            .fetch_version(&self.name, &self.version, ranges, ahead)
    }
}

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
