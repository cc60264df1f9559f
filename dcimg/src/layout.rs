//! Everything parsed of a file, owned: where each frame, stamp and relocated pixel is.

use std::ops::Range;

mod parse;

use crate::bytes::{Fault, Pieces, Source};
use crate::relocation::{JUNK, Plan, RELOCATED_BYTES, Store};
use crate::session::framed;
use crate::{Error, Header, Movie, Options, Warning};

/// The parsed layout of a file, without its bytes.
///
/// [`crate::Dcimg`] and [`crate::Mapped`] keep one beside the bytes. On its own it serves files
/// that are somewhere else: [`Layout::from_pieces`] says which byte ranges it needs,
/// [`Layout::frame_ranges`] which ones some frames need, and [`Layout::movie`] reads them.
///
/// # Example
///
/// Reading the last frame of a file far away, here played by a slice:
///
/// ```
/// use dcimg::{Layout, Options, Pieces, Step};
/// # let mut file = std::io::Cursor::new(Vec::new());
/// # let spec = dcimg::write::Spec::packed(4, 3);
/// # let mut writer = dcimg::write::Writer::new(&mut file, &spec)?;
/// # for k in 0..5 {
/// #     writer.push(ndarray::Array2::from_elem((3, 4), k as u16).view(), Default::default())?;
/// # }
/// # writer.finish()?;
/// # let remote = file.into_inner();
/// let fetch = |range: std::ops::Range<u64>| remote[range.start as usize..range.end as usize].to_vec();
///
/// let mut fetched = Vec::new();
/// let layout = loop {
///     let mut pieces = Pieces::new(remote.len() as u64);
///     fetched.iter().for_each(|(start, bytes): &(u64, Vec<u8>)| pieces.add(*start, bytes));
///     match Layout::from_pieces(&pieces, &Options::default())? {
///         Step::Done(layout) => break layout,
///         Step::Needs(range) => fetched.push((range.start, fetch(range))),
///     }
/// };
/// let parts: Vec<_> = layout.frame_ranges(4..5)?.into_iter().map(|r| (r.start, fetch(r))).collect();
/// let mut pieces = Pieces::new(remote.len() as u64);
/// parts.iter().for_each(|(start, bytes)| pieces.add(*start, bytes));
/// let frame = layout.movie(&pieces).frame(4)?.to_array::<u16>()?;
/// assert_eq!(frame[[2, 3]], 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    header: Header,
    warnings: Vec<Warning>,
    file_bytes: u64,
    frames: usize,
    width: usize,
    height: usize,
    pub(crate) lead_bytes: usize,
    pub(crate) stamps: Stamps,
    pub(crate) plan: Plan,
}

/// Where framestamps and timestamps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    Trailers,
    Tables { framestamps: u64, timestamps: u64 },
    Unavailable { offset: u64, reason: &'static str },
}

/// What [`Layout::from_pieces`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value exists per opened file"
)]
pub enum Step {
    /// These bytes are needed, in one piece; never empty, always inside the file. Add them and
    /// call again.
    Needs(Range<u64>),
    /// All that was needed was there.
    Done(Layout),
}

impl Layout {
    /// Parses a whole file.
    ///
    /// # Errors
    ///
    /// [`Error::NotDcimg`], [`Error::Unsupported`], [`Error::Truncated`] and the other variants
    /// that blame the file.
    pub fn parse(bytes: &[u8], options: &Options) -> Result<Self, Error> {
        Ok(parse::layout(Source::Whole(bytes), options)?)
    }

    /// Parses from the parts of a file fetched so far, or says which part is needed next. A
    /// handful of calls lead to the end, whatever the size of the file: usually one range at
    /// the start and, in packed files, one in the footer.
    ///
    /// # Errors
    ///
    /// As [`Layout::parse`].
    pub fn from_pieces(pieces: &Pieces<'_>, options: &Options) -> Result<Step, Error> {
        match parse::layout(Source::Pieces(pieces), options) {
            Ok(layout) => Ok(Step::Done(layout)),
            Err(Fault::Missing(range)) => Ok(Step::Needs(range)),
            Err(Fault::Failed(error)) => Err(error),
        }
    }

    /// Every field of the headers.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Soft problems found while parsing.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Number of readable frames: as announced, or fewer in a salvaged file.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Columns of the movie: those of the image, or those of the stored row with
    /// [`crate::Padding::Keep`].
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of the movie.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The movie in the fetched parts of the file. Reading what was not fetched is
    /// [`Error::NotFetched`].
    #[must_use]
    pub fn movie<'a>(&'a self, pieces: &'a Pieces<'a>) -> Movie<'a> {
        Movie::new(self, Source::Pieces(pieces))
    }

    /// The movie in the bytes of the whole file, which must be those that were parsed; with
    /// other bytes reading gives an error or other numbers.
    #[must_use]
    pub fn movie_of<'a>(&'a self, bytes: &'a [u8]) -> Movie<'a> {
        Movie::new(self, Source::Whole(bytes))
    }

    /// The byte ranges that reading `frames` needs, stamps and relocated pixels included: one
    /// over all of them and, in packed files, up to three in the footer's tables. Pieces of
    /// these ranges must not be smaller than asked for; to split a long range, ask for fewer
    /// frames at a time.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchRange`] if the movie has fewer frames.
    pub fn frame_ranges(&self, frames: Range<usize>) -> Result<Vec<Range<u64>>, Error> {
        check_range("frames", &frames, self.frames)?;
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.frame_start(frames.start);
        let last = self.frame_start(frames.end - 1);
        // A salvaged last frame may lack a part of its trailer, so the end is that of the file.
        let end = (last + self.header.frame_stride).min(self.file_bytes);
        let entries = |table: u64, bytes: u64| {
            table + frames.start as u64 * bytes..table + frames.end as u64 * bytes
        };
        let mut ranges = Vec::with_capacity(4);
        ranges.push(first..end);
        if let Stamps::Tables {
            framestamps,
            timestamps,
        } = self.stamps
        {
            ranges.push(entries(framestamps, 4));
            ranges.push(entries(timestamps, 8));
        }
        if let (Store::Table(table), false) = (self.plan.store, self.plan.is_none()) {
            ranges.push(entries(table, RELOCATED_BYTES));
        }
        Ok(ranges)
    }

    /// The byte ranges that the clock needs: two tables in packed files, twelve bytes of every
    /// trailer in framed ones, none where there is no clock.
    #[must_use]
    pub fn clock_ranges(&self) -> Vec<Range<u64>> {
        let n = self.frames as u64;
        match self.stamps {
            Stamps::Unavailable { .. } => Vec::new(),
            Stamps::Tables {
                framestamps,
                timestamps,
            } => vec![
                framestamps..framestamps + 4 * n,
                timestamps..timestamps + 8 * n,
            ],
            Stamps::Trailers => (0..self.frames)
                .map(|frame| self.trailer_start(frame))
                .map(|start| start..start + u64::from(framed::STAMP_BYTES))
                .filter(|range| range.end <= self.file_bytes)
                .collect(),
        }
    }

    /// First column of the movie and number of columns that the relocated bytes at byte `place`
    /// of a stored row touch; 0 columns if all lie in the padding.
    pub(crate) fn visible(&self, place: u32) -> (usize, usize) {
        let size = self.header.pixel.bytes();
        let start = place as usize;
        let end = start + JUNK.len();
        let first = start.saturating_sub(self.lead_bytes) / size;
        let last = end.saturating_sub(self.lead_bytes).div_ceil(size);
        let (first, last) = (first.min(self.width), last.min(self.width));
        (first, last - first)
    }

    /// Where a frame starts; the frame must exist, which bounds the product.
    pub(crate) fn frame_start(&self, frame: usize) -> u64 {
        self.header.data_start() + frame as u64 * self.header.frame_stride
    }

    pub(crate) fn trailer_start(&self, frame: usize) -> u64 {
        self.frame_start(frame) + u64::from(self.header.frame_bytes)
    }
}

pub(crate) fn check_range(
    what: &'static str,
    range: &Range<usize>,
    count: usize,
) -> Result<(), Error> {
    if range.start > range.end || range.end > count {
        return Err(Error::NoSuchRange {
            what,
            start: range.start,
            end: range.end,
            count,
        });
    }
    Ok(())
}
