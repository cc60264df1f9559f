//! A movie: frames by index, blocks of frames, the clock, the report on relocated pixels.

use std::ops::Range;

use ndarray::{Array3, ArrayViewMut3, Axis};

use crate::bytes::Source;
use crate::layout::{Layout, Stamps, check_range};
use crate::pixel::Pixel;
use crate::{Clock, Error, Frame, PixelType, Relocation, Site, Stamp, Timestamp};

/// The frames of a file, lent by [`crate::Dcimg`], [`crate::Mapped`] or [`Layout`]; a few
/// pointers, so copies are free.
///
/// Arrays have the axes `(t, y, x)` or `(y, x)`; row 0 is the first stored row, column 0 the
/// first of the image.
#[derive(Clone, Copy, Debug)]
pub struct Movie<'a> {
    layout: &'a Layout,
    source: Source<'a>,
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
    /// [`Error::NoSuchRange`], [`Error::Shape`], [`Error::PixelType`], [`Error::NotFetched`].
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
    /// As [`Movie::read_into`].
    pub fn to_array<T: Pixel>(&self, frames: Range<usize>) -> Result<Array3<T>, Error> {
        check_range("frames", &frames, self.len())?;
        let shape = (frames.len(), self.height(), self.width());
        let mut out = Array3::from_elem(shape, T::default());
        self.read_into(frames, out.view_mut())?;
        Ok(out)
    }

    /// Framestamps and timestamps of all frames.
    ///
    /// Of a salvaged framed file the last frame may lack its stamp; then the clock is one
    /// shorter than the movie.
    ///
    /// # Errors
    ///
    /// [`Error::NoClock`] if a packed file's footer is missing or unusable,
    /// [`Error::NotFetched`] if its bytes are not there.
    pub fn clock(&self) -> Result<Clock, Error> {
        let frames = self.len() as u64;
        match self.layout.stamps {
            Stamps::Unavailable { offset, reason } => Err(Error::NoClock { offset, reason }),
            Stamps::Tables {
                framestamps,
                timestamps,
            } => {
                let counts = self.source.get(framestamps, 4 * frames, "framestamps")?;
                let times = self.source.get(timestamps, 8 * frames, "timestamps")?;
                let (counts, _) = counts.as_chunks();
                let (times, _) = times.as_chunks();
                Ok(Clock::from_stamps(
                    counts
                        .iter()
                        .zip(times)
                        .map(|(&count, &time)| stamp(count, time)),
                ))
            }
            Stamps::Trailers => {
                let mut stamps = Vec::with_capacity(self.len());
                for frame in self.frames() {
                    // Only the last frame of a salvaged file can end inside its trailer.
                    match frame.read_stamp() {
                        Err(Error::Truncated { .. }) => break,
                        read => stamps.push(read?),
                    }
                }
                Ok(Clock::from_stamps(stamps))
            }
        }
    }

    /// Where relocated pixels are and in how many frames they are restored. Looks at every
    /// frame; of a file in [`crate::Pieces`] only those that were fetched are examined.
    #[must_use]
    pub fn relocation(&self) -> Relocation {
        let plan = &self.layout.plan;
        let mut sites: Vec<(crate::relocation::Place, Site)> = plan
            .places
            .into_iter()
            .flatten()
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
        let mut examined = 0;
        for frame in self.frames() {
            if sites.is_empty() {
                break;
            }
            let Ok(bytes) = frame.raw_bytes() else {
                continue;
            };
            let Ok(patch) = frame.patch(bytes) else {
                continue;
            };
            examined += 1;
            for (place, site) in &mut sites {
                site.junk += usize::from(frame.has_junk(bytes, place));
                site.restored += usize::from(patch.is_some_and(|patch| patch.place == *place));
            }
        }
        Relocation {
            sites: sites.into_iter().map(|(_, site)| site).collect(),
            frames: self.len(),
            examined,
        }
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

/// A stamp of its stored bytes.
pub(crate) fn stamp(framestamp: [u8; 4], time: [u8; 8]) -> Stamp {
    let [s0, s1, s2, s3, m0, m1, m2, m3] = time;
    Stamp {
        framestamp: u32::from_le_bytes(framestamp),
        time: Timestamp {
            seconds: u32::from_le_bytes([s0, s1, s2, s3]),
            microseconds: u32::from_le_bytes([m0, m1, m2, m3]),
        },
    }
}
