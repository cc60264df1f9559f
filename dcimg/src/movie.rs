//! A movie: frames by index, blocks of frames, the clock, the report on relocated pixels.

use std::ops::Range;

use ndarray::{Array3, ArrayViewMut3, Axis};

use crate::bytes::{Bytes, Pieces};
use crate::layout::{Layout, Stamps, check_range};
use crate::pixel::{Pixel, zeros};
use crate::source::Source;
use crate::{Clock, Error, Frame, PixelType, Relocation, Site, Stamp, Timestamp};

/// The frames of a file, lent by [`crate::Dcimg`], [`crate::File`] or [`Layout`]; a few
/// pointers, so copies are free.
///
/// Arrays have the axes `(t, y, x)` or `(y, x)`; row 0 is the first stored row, column 0 the
/// first of the image.
#[derive(Clone, Copy, Debug)]
pub struct Movie<'a> {
    layout: &'a Layout,
    source: Source<'a>,
}

impl Layout {
    /// The movie in the fetched parts of the file. Reading what was not fetched is
    /// [`Error::NotFetched`].
    #[must_use]
    pub fn movie<'a>(&'a self, pieces: &'a Pieces<'a>) -> Movie<'a> {
        Movie::new(self, Source::Memory(Bytes::Pieces(pieces)))
    }

    /// The movie in the bytes of the whole file, which must be those that were parsed; with
    /// other bytes reading gives an error or other numbers.
    #[must_use]
    pub fn movie_of<'a>(&'a self, bytes: &'a [u8]) -> Movie<'a> {
        Movie::new(self, Source::Memory(Bytes::Whole(bytes)))
    }
}

impl<'a> Movie<'a> {
    pub(crate) fn new(layout: &'a Layout, source: Source<'a>) -> Self {
        Self { layout, source }
    }

    /// Number of readable frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.frames()
    }

    /// Whether there are no readable frames (only with [`crate::Options::salvage`]). Then nothing
    /// vouches for width and height: look before making a buffer of that size.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Columns of a frame.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layout.width()
    }

    /// Rows of a frame.
    #[must_use]
    pub fn height(&self) -> usize {
        self.layout.height()
    }

    /// How pixels are stored.
    #[must_use]
    pub fn pixel(&self) -> PixelType {
        self.layout.header().pixel
    }

    /// The layout of the file.
    #[must_use]
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// Frame `index`, from 0.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchFrame`] beyond the last frame.
    pub fn frame(&self, index: usize) -> Result<Frame<'a>, Error> {
        if index >= self.len() {
            return Err(Error::NoSuchFrame {
                index,
                count: self.len(),
            });
        }
        Ok(Frame::new(self.layout, self.source, index))
    }

    /// All frames in order.
    pub fn frames(
        &self,
    ) -> impl DoubleEndedIterator<Item = Frame<'a>> + ExactSizeIterator + use<'a> {
        let (layout, source) = (self.layout, self.source);
        (0..self.len()).map(move |index| Frame::new(layout, source, index))
    }

    /// Reads `frames` into `out` of shape `(frames, height, width)`, relocated pixels restored.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchRange`], [`Error::Shape`], [`Error::PixelType`], [`Error::NotFetched`], [`Error::Io`].
    pub fn read_into<T: Pixel>(
        &self,
        frames: Range<usize>,
        out: ArrayViewMut3<'_, T>,
    ) -> Result<(), Error> {
        self.read_region_into(frames, 0..self.height(), 0..self.width(), out)
    }

    /// Reads a part of `frames` into `out` of shape `(frames, rows, columns)`, relocated pixels
    /// restored where the part touches them.
    ///
    /// # Errors
    ///
    /// As [`Movie::read_into`].
    pub fn read_region_into<T: Pixel>(
        &self,
        frames: Range<usize>,
        rows: Range<usize>,
        columns: Range<usize>,
        mut out: ArrayViewMut3<'_, T>,
    ) -> Result<(), Error> {
        self.check_block(&frames, &rows, &columns, out.shape())?;
        for (index, out) in frames.zip(out.axis_iter_mut(Axis(0))) {
            Frame::new(self.layout, self.source, index).read_region_into(
                rows.clone(),
                columns.clone(),
                out,
            )?;
        }
        Ok(())
    }

    /// [`Movie::read_into`] with the frames spread over rayon's threads; equal results.
    ///
    /// # Errors
    ///
    /// As [`Movie::read_into`].
    #[cfg(feature = "rayon")]
    pub fn par_read_into<T: Pixel>(
        &self,
        frames: Range<usize>,
        mut out: ArrayViewMut3<'_, T>,
    ) -> Result<(), Error> {
        use rayon::iter::{IntoParallelIterator, ParallelIterator};

        let (rows, columns) = (0..self.height(), 0..self.width());
        self.check_block(&frames, &rows, &columns, out.shape())?;
        let jobs: Vec<_> = frames.zip(out.axis_iter_mut(Axis(0))).collect();
        jobs.into_par_iter()
            .try_for_each(|(index, out)| Frame::new(self.layout, self.source, index).read_into(out))
    }

    /// All frames as a parallel iterator of rayon, in order.
    #[cfg(feature = "rayon")]
    pub fn par_frames(
        &self,
    ) -> impl rayon::iter::IndexedParallelIterator<Item = Frame<'a>> + use<'a> {
        use rayon::iter::{IntoParallelIterator, ParallelIterator};

        let (layout, source) = (self.layout, self.source);
        (0..self.len())
            .into_par_iter()
            .map(move |index| Frame::new(layout, source, index))
    }

    /// Reads `frames` into a new array `(t, y, x)`, relocated pixels restored. Takes memory for
    /// all of them: at most twice (f32 of 16-bit pixels) or four times (f32 of 8-bit pixels)
    /// what they take in the file.
    ///
    /// # Errors
    ///
    /// As [`Movie::read_into`], and [`Error::Memory`].
    pub fn to_array<T: Pixel>(&self, frames: Range<usize>) -> Result<Array3<T>, Error> {
        check_range("frames", &frames, self.len())?;
        let mut out = zeros((frames.len(), self.height(), self.width()), "frames")?;
        self.read_into(frames, out.view_mut())?;
        Ok(out)
    }

    /// Framestamps and timestamps of all frames, 12 bytes each.
    ///
    /// Of a salvaged framed file the last frame may lack its stamp; then the clock is one
    /// shorter than the movie.
    ///
    /// # Errors
    ///
    /// [`Error::NoClock`] if a packed file's footer is missing or unusable,
    /// [`Error::NotFetched`] or [`Error::Io`] if its bytes are not there, [`Error::Memory`].
    pub fn clock(&self) -> Result<Clock, Error> {
        let n = self.len();
        let room = || Clock::with_room(n);
        match (self.layout.stamps, self.source) {
            (Stamps::Unavailable { offset, reason }, _) => Err(Error::NoClock { offset, reason }),
            (
                Stamps::Tables {
                    framestamps,
                    timestamps,
                },
                source,
            ) => {
                let mut clock = room()?;
                let add = |_: usize, bytes: &[u8]| {
                    let counts = bytes.as_chunks().0.iter();
                    let counts = counts.map(|&count| u32::from_le_bytes(count));
                    clock.framestamps.extend(counts);
                };
                source.in_parts(framestamps, 4, n, "framestamps", add)?;
                let add = |_: usize, bytes: &[u8]| {
                    let times = bytes.as_chunks().0.iter();
                    clock
                        .times
                        .extend(times.map(|&time| Timestamp::from_bytes(time)));
                };
                source.in_parts(timestamps, 8, n, "timestamps", add)?;
                Ok(clock)
            }
            (Stamps::Trailers, Source::Memory(_)) => {
                let mut clock = room()?;
                for frame in self.frames() {
                    // Only the last frame of a salvaged file can end inside its trailer.
                    clock.extend(frame.stamp()?);
                }
                Ok(clock)
            }
            #[cfg(any(unix, windows))]
            (Stamps::Trailers, Source::Disk(_)) => {
                let mut clock = room()?;
                for Range { start, end } in self.layout.clock_ranges() {
                    let bytes = self.source.get(start, end - start, "stamps")?;
                    while let Some(stamp) = self.stamp_in(&bytes, start, clock.len()) {
                        clock.extend([stamp]);
                    }
                }
                Ok(clock)
            }
        }
    }

    /// The stamp of `frame`, if its trailer is among the bytes from `start` on.
    #[cfg(any(unix, windows))]
    fn stamp_in(&self, bytes: &[u8], start: u64, frame: usize) -> Option<Stamp> {
        let trailer = self.layout.trailer_start(frame).checked_sub(start)?;
        let trailer = bytes.get(usize::try_from(trailer).ok()?..)?;
        let (count, rest) = trailer.split_first_chunk()?;
        Some(Stamp::from_bytes(*count, *rest.first_chunk()?))
    }

    /// Where relocated pixels are and in how many frames they are restored. Looks at every
    /// frame; of a file in [`crate::Pieces`] only those that were fetched are examined.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn relocation(&self) -> Result<Relocation, Error> {
        self.relocation_in(0..self.len())
    }

    /// As [`Movie::relocation`], but looks only at `frames`, as far as there are any: enough of a long recording
    /// to know what the camera does.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn relocation_in(&self, frames: Range<usize>) -> Result<Relocation, Error> {
        let places = self.layout.plan.places.iter().flatten();
        let mut sites: Vec<_> = places
            .map(|place| {
                let (column, count) = self.layout.visible(place.byte);
                let site = Site {
                    row: place.row as usize,
                    column,
                    count,
                    basis: place.basis,
                    restored: 0,
                    junk: 0,
                };
                (place, site)
            })
            .collect();
        let end = if sites.is_empty() { 0 } else { self.len() };
        let mut examined = 0;
        for index in frames.start..frames.end.min(end) {
            let frame = Frame::new(self.layout, self.source, index);
            let look = || {
                let relocated = frame.relocated()?;
                let junk = sites.iter().map(|(place, _)| frame.has_junk(place));
                Ok((relocated, junk.collect::<Result<Vec<_>, _>>()?))
            };
            let (relocated, junk) = match look() {
                Err(Error::NotFetched { .. }) => continue,
                looked => looked?,
            };
            examined += 1;
            for ((_, site), junk) in sites.iter_mut().zip(junk) {
                site.junk += usize::from(junk);
                let here = relocated.is_some_and(|it| (it.row, it.basis) == (site.row, site.basis));
                site.restored += usize::from(here);
            }
        }
        Ok(Relocation {
            sites: sites.into_iter().map(|(_, site)| site).collect(),
            frames: self.len(),
            examined,
        })
    }

    fn check_block(
        &self,
        frames: &Range<usize>,
        rows: &Range<usize>,
        columns: &Range<usize>,
        found: &[usize],
    ) -> Result<(), Error> {
        check_range("frames", frames, self.len())?;
        check_range("rows", rows, self.height())?;
        check_range("columns", columns, self.width())?;
        let needed = [frames.len(), rows.len(), columns.len()];
        if found != needed {
            return Err(Error::Shape {
                needed: needed.to_vec(),
                found: found.to_vec(),
            });
        }
        Ok(())
    }
}
