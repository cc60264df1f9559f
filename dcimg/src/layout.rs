//! Everything parsed of a file, owned: where each frame, stamp and relocated pixel is.

use std::ops::Range;

mod parse;

use crate::bytes::{Bytes, Fault, Pieces};
use crate::relocation::{JUNK, Plan, RELOCATED_BYTES, Store};
use crate::session::framed_v1_v2;
use crate::{Error, FetchError, Header, Options, Warning};

/// Most bytes between parts of the clock that are one range, and most bytes of such a range.
const CLOCK_BETWEEN: u64 = 4 << 10;
const CLOCK_TOGETHER: u64 = 1 << 20;

/// The parsed layout of a file, without its bytes.
///
/// [`crate::Dcimg`] and [`crate::File`] keep one beside the bytes. On its own it serves files
/// that are somewhere else: [`Layout::from_fetch`] asks for the byte ranges it needs,
/// [`Layout::frame_ranges`] says which ones some frames need, and [`Layout::movie`] reads them.
///
/// # Example
///
/// Reading the last frame of a file far away, here played by a slice:
///
/// ```
/// use dcimg::{Layout, Options, Pieces};
/// # let mut file = std::io::Cursor::new(Vec::new());
/// # let spec = dcimg::write::Spec::packed(4, 3);
/// # let mut writer = dcimg::write::Writer::new(&mut file, &spec)?;
/// # for k in 0..5 {
/// #     writer.push(ndarray::Array2::from_elem((3, 4), k as u16).view(), Default::default())?;
/// # }
/// # writer.finish()?;
/// # let remote = file.into_inner();
/// let size = remote.len() as u64;
/// let fetch = |range: std::ops::Range<u64>| {
///     remote.get(range.start as usize..range.end as usize).ok_or(std::io::Error::other("it is shorter"))
/// };
///
/// let layout = Layout::from_fetch(size, &Options::default(), fetch)?;
/// let mut pieces = Pieces::new(size);
/// pieces.fetch(layout.frame_ranges(4..5)?, fetch)?;
/// let frame = layout.movie(&pieces).frame(4)?.to_array::<u16>()?;
/// assert_eq!(frame[[2, 3]], 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    header: Header,
    warnings: Vec<Warning>,
    pub(crate) file_bytes: u64,
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
        Ok(parse::layout(Bytes::Whole(bytes), options)?)
    }

    /// Parses a file of `file_bytes` bytes of which `fetch` gives ranges, each inside the file and of a few KiB:
    /// usually one at the start and, in packed files, one in the footer.
    ///
    /// # Errors
    ///
    /// [`FetchError::Format`] as [`Layout::parse`], or with [`Error::NotFetched`] if fewer bytes are given than were
    /// asked for; [`FetchError::Fetch`] with the first error of `fetch`.
    pub fn from_fetch<B: Into<Vec<u8>>, E>(
        file_bytes: u64,
        options: &Options,
        mut fetch: impl FnMut(Range<u64>) -> Result<B, E>,
    ) -> Result<Self, FetchError<E>> {
        let mut pieces = Pieces::new(file_bytes);
        loop {
            match Self::from_pieces(&pieces, options)? {
                Step::Done(layout) => return Ok(layout),
                Step::Needs(range) => pieces.fetch([range], &mut fetch)?,
            }
        }
    }

    /// Parses from the parts of a file fetched so far, or says which part is needed next, where
    /// [`Layout::from_fetch`] cannot wait for it, as in async code.
    ///
    /// # Errors
    ///
    /// As [`Layout::parse`].
    pub fn from_pieces(pieces: &Pieces<'_>, options: &Options) -> Result<Step, Error> {
        match parse::layout(Bytes::Pieces(pieces), options) {
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

    /// The byte ranges that the clock needs, in the order of the file: usually one in packed files, where its
    /// tables stand side by side, twelve bytes of every trailer in framed ones, none where there is no clock.
    ///
    /// Ranges with little between them are one, bytes between included, so that small frames do not take a
    /// request each: at most 4 KiB between, and together no longer than 1 MiB, unless they touch.
    pub fn clock_ranges(&self) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let n = self.frames as u64;
        let (mut tables, trailers) = match self.stamps {
            Stamps::Unavailable { .. } => ([0..0, 0..0], 0),
            Stamps::Tables {
                framestamps,
                timestamps,
            } => (
                [
                    framestamps..framestamps + 4 * n,
                    timestamps..timestamps + 8 * n,
                ],
                0,
            ),
            Stamps::Trailers => ([0..0, 0..0], self.frames),
        };
        tables.sort_by_key(|table| table.start);
        let trailers = (0..trailers)
            .map(|frame| self.trailer_start(frame))
            .map(|start| start..start + u64::from(framed_v1_v2::STAMP_BYTES))
            .filter(|range| range.end <= self.file_bytes);
        let mut ranges = tables
            .into_iter()
            .filter(|table| !table.is_empty())
            .chain(trailers)
            .peekable();
        std::iter::from_fn(move || {
            let mut range = ranges.next()?;
            while let Some(next) = ranges.next_if(|next| {
                next.start <= range.end
                    || next.start - range.end <= CLOCK_BETWEEN
                        && next.end - range.start <= CLOCK_TOGETHER
            }) {
                range.end = range.end.max(next.end);
            }
            Some(range)
        })
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
