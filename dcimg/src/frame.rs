//! One frame: its stored bytes, and its pixels with the relocated ones restored.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder, s};

use crate::layout::{Layout, Stamps, check_range};
use crate::pixel::{Pixel, zeros};
use crate::relocation::{Basis, IN_TRAILER, JUNK, Place, RELOCATED_BYTES, Relocated, Store};
use crate::session::framed_v1_v2::STAMP_BYTES;
use crate::source::Source;
use crate::{Error, PixelType, Stamp};

/// A frame of a [`crate::Movie`]: a few pointers, nothing is decoded until asked for.
///
/// What is read has the relocated pixels restored; what is called `raw` are the stored bytes,
/// junk included.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub(crate) layout: &'a Layout,
    source: Source<'a>,
    index: usize,
}

impl<'a> Frame<'a> {
    /// `index` must be below the number of frames.
    pub(crate) fn new(layout: &'a Layout, source: Source<'a>, index: usize) -> Self {
        Self {
            layout,
            source,
            index,
        }
    }

    /// Index in the movie, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layout.width()
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.layout.height()
    }

    /// Reads all pixels into `out` of shape `(height, width)`, relocated pixels restored.
    /// A contiguous buffer is filled fastest.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `out` has another shape, [`Error::PixelType`] if 16-bit pixels are to
    /// be read as `u8`, [`Error::NotFetched`] or [`Error::Io`] if the bytes are not there.
    pub fn read_into<T: Pixel>(&self, out: ArrayViewMut2<'_, T>) -> Result<(), Error> {
        self.read_region_into(0..self.height(), 0..self.width(), out)
    }

    /// Reads a part into `out` of shape `(rows, columns)`, relocated pixels restored where the
    /// part touches them.
    ///
    /// # Errors
    ///
    /// As [`Frame::read_into`], and [`Error::NoSuchRange`] beyond the image.
    pub fn read_region_into<T: Pixel>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        mut out: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        check_range("rows", &rows, self.height())?;
        check_range("columns", &columns, self.width())?;
        if out.dim() != (rows.len(), columns.len()) {
            return Err(Error::Shape {
                needed: vec![rows.len(), columns.len()],
                found: out.shape().to_vec(),
            });
        }
        let header = self.layout.header();
        let stored = header.pixel;
        T::check(stored)?;

        let row_bytes = header.row_bytes as usize;
        let from = self.layout.lead_bytes + columns.start * stored.bytes();
        let length = columns.len() * stored.bytes();
        let whole_rows = from == 0 && length == row_bytes;
        let start = self.row_start(rows.start);
        self.source
            .in_parts(start, row_bytes, rows.len(), "a frame", |first, bytes| {
                let part = first..first + bytes.len() / row_bytes;
                let mut out = out.slice_mut(s![part, ..]);
                match out.as_slice_mut() {
                    // Nothing lies between the rows, neither here nor there: one run.
                    Some(out) if whole_rows => T::run(stored, bytes, out),
                    _ => {
                        let rows = bytes.chunks_exact(row_bytes);
                        for (row, mut out) in rows.zip(out.axis_iter_mut(Axis(0))) {
                            let row = &row[from..from + length];
                            match out.as_slice_mut() {
                                Some(out) => T::run(stored, row, out),
                                None => {
                                    let pixels = row.chunks(stored.bytes());
                                    for (out, pixel) in out.iter_mut().zip(pixels) {
                                        *out = T::one(two(pixel));
                                    }
                                }
                            }
                        }
                    }
                }
            })?;

        let places = self.layout.plan.places.iter().flatten();
        if places
            .map(|place| place.row as usize)
            .any(|row| rows.contains(&row))
            && let Some(relocated) = self.relocated()?
            && rows.contains(&relocated.row)
        {
            for (column, &value) in (relocated.column..).zip(relocated.values()) {
                if columns.contains(&column) {
                    let place = [relocated.row - rows.start, column - columns.start];
                    out[place] = T::one(value.to_le_bytes());
                }
            }
        }
        Ok(())
    }

    /// All pixels in a new array `(y, x)`, relocated pixels restored.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`], [`Error::NotFetched`], [`Error::Io`], [`Error::Memory`].
    pub fn to_array<T: Pixel>(&self) -> Result<Array2<T>, Error> {
        let mut out = zeros((self.height(), self.width()), "a frame")?;
        self.read_into(out.view_mut())?;
        Ok(out)
    }

    /// The relocated pixels of this frame, to be put into a zero-copy view; `None` if the frame
    /// has none.
    ///
    /// # Errors
    ///
    /// [`Error::NotFetched`] or [`Error::Io`] if the bytes are not there.
    pub fn relocated(&self) -> Result<Option<Relocated>, Error> {
        let plan = &self.layout.plan;
        for place in plan.places.iter().flatten() {
            let junk = self.has_junk(place)?;
            if junk || place.basis == Basis::Announced {
                return self.restored(place, junk).map(Some);
            }
        }
        Ok(None)
    }

    /// What the pixels at `place` are, which hold the junk pattern or not.
    fn restored(&self, place: &Place, junk: bool) -> Result<Relocated, Error> {
        let store = match self.layout.plan.store {
            Store::Table(table) => table + self.index as u64 * RELOCATED_BYTES,
            Store::Trailers => self.layout.trailer_start(self.index) + u64::from(IN_TRAILER),
        };
        let moved: [u8; 8] = self.source.array(store, "relocated pixels")?;
        let (column, count) = self.layout.visible(place.byte);
        let size = self.layout.header().pixel.bytes();
        // Of pixels that begin before or end behind the eight bytes, the other half is where it was.
        let start = self.layout.lead_bytes + column * size;
        let mut bytes = [0; 10];
        let bytes = &mut bytes[..count * size];
        let position = self.row_start(place.row as usize) + start as u64;
        self.source.read(position, bytes, "relocated pixels")?;
        for (at, byte) in (start..).zip(bytes.iter_mut()) {
            let moved = at
                .checked_sub(place.byte as usize)
                .and_then(|at| moved.get(at));
            *byte = *moved.unwrap_or(byte);
        }
        let mut values = [0; 8];
        for (value, pixel) in values.iter_mut().zip(bytes.chunks(size)) {
            *value = u16::from_le_bytes(two(pixel));
        }
        Ok(Relocated {
            row: place.row as usize,
            column,
            basis: place.basis,
            junk,
            values,
            count,
        })
    }

    /// Whether the junk pattern stands at `place`.
    pub(crate) fn has_junk(&self, place: &Place) -> Result<bool, Error> {
        let position = self.row_start(place.row as usize) + u64::from(place.byte);
        Ok(self.source.array(position, "relocated pixels")? == JUNK)
    }

    /// Framestamp and timestamp; `None` if the file has none for this frame: in packed files whose footer is missing
    /// or unusable, and for the last frame of a framed file that is cut behind its pixels.
    ///
    /// # Errors
    ///
    /// [`Error::NotFetched`] or [`Error::Io`] if the bytes are not there.
    pub fn stamp(&self) -> Result<Option<Stamp>, Error> {
        let index = self.index as u64;
        let (framestamp, time) = match self.layout.stamps {
            Stamps::Unavailable { .. } => return Ok(None),
            Stamps::Tables {
                framestamps,
                timestamps,
            } => (framestamps + 4 * index, timestamps + 8 * index),
            Stamps::Trailers => {
                let trailer = self.layout.trailer_start(self.index);
                if trailer + u64::from(STAMP_BYTES) > self.layout.file_bytes {
                    return Ok(None);
                }
                (trailer, trailer + 4)
            }
        };
        Ok(Some(Stamp::from_bytes(
            self.source.array(framestamp, "framestamp")?,
            self.source.array(time, "timestamp")?,
        )))
    }

    /// The stored bytes of all rows, padding and junk included, `row_bytes` a row: in place, or of a
    /// [`crate::File`] read.
    ///
    /// # Errors
    ///
    /// [`Error::NotFetched`] or [`Error::Io`] if the bytes are not there, [`Error::Memory`].
    pub fn raw_bytes(&self) -> Result<Cow<'a, [u8]>, Error> {
        let bytes = self.layout.header().frame_bytes.into();
        self.source.get(self.row_start(0), bytes, "a frame")
    }

    /// The stored pixels of a 16-bit file in place, `(y, x)`: zero copy, junk included, padding
    /// skipped by the row stride. See [`Frame::relocated`] for what the junk replaces.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`] for 8-bit files, [`Error::NoView`] if the file is on disk ([`crate::File`]), its bytes
    /// are not aligned to two bytes (those of usual files in memory are) or the machine is big-endian,
    /// [`Error::NotFetched`].
    pub fn raw_u16(&self) -> Result<ArrayView2<'a, u16>, Error> {
        if self.layout.header().pixel != PixelType::U16 {
            return Err(Error::PixelType {
                stored: self.layout.header().pixel,
                asked: "u16 in place",
            });
        }
        if cfg!(target_endian = "big") {
            return Err(self.no_view("the machine is big-endian"));
        }
        let (bytes, row_bytes) = self.visible_bytes()?;
        if row_bytes % 2 != 0 {
            return Err(self.no_view("rows have an odd number of bytes"));
        }
        // Past the last pixel there may be an odd byte of padding.
        let even = bytes.len() - bytes.len() % 2;
        let pixels = bytemuck::try_cast_slice(&bytes[..even])
            .map_err(|_| self.no_view("its address in memory is odd"))?;
        self.view(pixels, row_bytes / 2)
    }

    /// The stored pixels of an 8-bit file in place, `(y, x)`: zero copy, junk included, padding
    /// skipped by the row stride.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`] for 16-bit files, [`Error::NoView`] if the file is on disk ([`crate::File`]),
    /// [`Error::NotFetched`].
    pub fn raw_u8(&self) -> Result<ArrayView2<'a, u8>, Error> {
        if self.layout.header().pixel != PixelType::U8 {
            return Err(Error::PixelType {
                stored: self.layout.header().pixel,
                asked: "u8 in place",
            });
        }
        let (bytes, row_bytes) = self.visible_bytes()?;
        self.view(bytes, row_bytes)
    }

    /// From the first pixel of the image to the end of the frame, and the row stride.
    fn visible_bytes(&self) -> Result<(&'a [u8], usize), Error> {
        let row_bytes = self.layout.header().row_bytes as usize;
        match self.source {
            Source::Memory(memory) => {
                let bytes = self.layout.header().frame_bytes.into();
                let bytes = memory.get(self.row_start(0), bytes, "a frame")?;
                Ok((&bytes[self.layout.lead_bytes..], row_bytes))
            }
            #[cfg(any(unix, windows))]
            Source::Disk(_) => Err(self.no_view("the file is on disk")),
        }
    }

    fn no_view(&self, reason: &'static str) -> Error {
        let offset = self.row_start(0);
        Error::NoView { offset, reason }
    }

    /// Where stored row `row` starts.
    fn row_start(&self, row: usize) -> u64 {
        let row_bytes = u64::from(self.layout.header().row_bytes);
        self.layout.frame_start(self.index) + row as u64 * row_bytes
    }

    fn view<T>(&self, pixels: &'a [T], row_stride: usize) -> Result<ArrayView2<'a, T>, Error> {
        let shape = (self.height(), self.width()).strides((row_stride, 1));
        ArrayView2::from_shape(shape, pixels).map_err(|_| self.no_view("rows overlap"))
    }
}

/// A stored pixel as two bytes.
fn two(pixel: &[u8]) -> [u8; 2] {
    match *pixel {
        [low, high] => [low, high],
        [low] => [low, 0],
        _ => [0; 2],
    }
}
