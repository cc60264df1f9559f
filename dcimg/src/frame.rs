//! One frame: its stored bytes, and its pixels with the relocated ones restored.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder};

use crate::bytes::Source;
use crate::layout::{Layout, Stamps, check_range};
use crate::movie::stamp;
use crate::pixel::Pixel;
use crate::relocation::{Basis, IN_TRAILER, JUNK, Place, RELOCATED_BYTES, Relocated, Store};
use crate::{Error, PixelType, Rows, Stamp};

/// A frame of a [`crate::Movie`]: a few pointers, nothing is decoded until asked for.
///
/// What is read has the relocated pixels restored; what is called `raw` are the stored bytes,
/// junk included.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    layout: &'a Layout,
    source: Source<'a>,
    index: usize,
}

/// The true bytes of a frame's relocated pixels and their place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patch {
    pub(crate) place: Place,
    pub(crate) bytes: [u8; 8],
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
    /// be read as `u8`, [`Error::NotFetched`] if the bytes are not there.
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
        let bytes = self.raw_bytes()?;
        let patch = self.patch(bytes)?;

        let row_bytes = header.row_bytes as usize;
        let from = self.layout.lead_bytes + columns.start * stored.bytes();
        let length = columns.len() * stored.bytes();
        let whole_rows = from == 0 && length == row_bytes;
        match out.as_slice_mut() {
            // Nothing lies between the rows, neither here nor there: one run.
            Some(out) if whole_rows => {
                T::run(
                    stored,
                    &bytes[rows.start * row_bytes..rows.end * row_bytes],
                    out,
                );
            }
            _ => {
                let stored_rows = bytes.chunks_exact(row_bytes).skip(rows.start);
                for (row, mut out) in stored_rows.zip(out.axis_iter_mut(Axis(0))) {
                    let row = &row[from..from + length];
                    match out.as_slice_mut() {
                        Some(out) => T::run(stored, row, out),
                        None => {
                            for (out, pixel) in out.iter_mut().zip(row.chunks(stored.bytes())) {
                                *out = T::one(two(pixel));
                            }
                        }
                    }
                }
            }
        }

        if let Some(patch) = patch
            && rows.contains(&(patch.place.row as usize))
        {
            let row = patch.place.row as usize;
            let stored_row = &bytes[row * row_bytes..(row + 1) * row_bytes];
            for column in self.touched(&patch.place) {
                if columns.contains(&column) {
                    let pixel = self.true_pixel(stored_row, &patch, column);
                    out[[row - rows.start, column - columns.start]] = T::one(pixel);
                }
            }
        }
        Ok(())
    }

    /// The rows as `T`, to be read one by one, relocated pixels restored.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`] if 16-bit pixels are to be read as `u8`, [`Error::NotFetched`] if the
    /// bytes are not there.
    pub fn rows<T: Pixel>(&self) -> Result<Rows<'a, T>, Error> {
        let header = self.layout.header();
        let row_bytes = header.row_bytes as usize;
        Rows::new(self, row_bytes, self.layout.lead_bytes, header.pixel)
    }

    /// All pixels in a new array `(y, x)`, relocated pixels restored.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`], [`Error::NotFetched`].
    pub fn to_array<T: Pixel>(&self) -> Result<Array2<T>, Error> {
        let mut out = Array2::from_elem((self.height(), self.width()), T::default());
        self.read_into(out.view_mut())?;
        Ok(out)
    }

    /// The relocated pixels of this frame, to be put into a zero-copy view; `None` if the frame
    /// has none.
    ///
    /// # Errors
    ///
    /// [`Error::NotFetched`] if the bytes are not there.
    pub fn relocated(&self) -> Result<Option<Relocated>, Error> {
        let bytes = self.raw_bytes()?;
        let Some(patch) = self.patch(bytes)? else {
            return Ok(None);
        };
        let row = patch.place.row as usize;
        let row_bytes = self.layout.header().row_bytes as usize;
        let stored_row = &bytes[row * row_bytes..(row + 1) * row_bytes];
        let columns = self.touched(&patch.place);
        let mut relocated = Relocated {
            row,
            column: columns.start,
            basis: patch.place.basis,
            values: [0; 8],
            count: columns.len(),
        };
        for (value, column) in relocated.values.iter_mut().zip(columns) {
            *value = u16::from_le_bytes(self.true_pixel(stored_row, &patch, column));
        }
        Ok(Some(relocated))
    }

    /// The stored bytes of all rows, padding and junk included, `row_bytes` a row.
    ///
    /// # Errors
    ///
    /// [`Error::NotFetched`] if the bytes are not there.
    pub fn raw_bytes(&self) -> Result<&'a [u8], Error> {
        let start = self.layout.frame_start(self.index);
        let bytes = self.layout.header().frame_bytes.into();
        Ok(self.source.get(start, bytes, "frame")?)
    }

    /// The stored pixels of a 16-bit file in place, `(y, x)`: zero copy, junk included, padding
    /// skipped by the row stride. See [`Frame::relocated`] for what the junk replaces.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`] for 8-bit files, [`Error::NoView`] if the bytes are not aligned to
    /// two bytes (memory maps of usual files are) or the machine is big-endian,
    /// [`Error::NotFetched`].
    pub fn raw_u16(&self) -> Result<ArrayView2<'a, u16>, Error> {
        let no_view = |reason| Error::NoView {
            offset: self.layout.frame_start(self.index),
            reason,
        };
        if self.layout.header().pixel != PixelType::U16 {
            return Err(Error::PixelType {
                stored: self.layout.header().pixel,
                asked: "u16 in place",
            });
        }
        if cfg!(target_endian = "big") {
            return Err(no_view("the machine is big-endian"));
        }
        let (bytes, row_bytes) = self.visible_bytes()?;
        if row_bytes % 2 != 0 {
            return Err(no_view("rows have an odd number of bytes"));
        }
        // Past the last pixel there may be an odd byte of padding.
        let even = bytes.len() - bytes.len() % 2;
        let pixels = bytemuck::try_cast_slice(&bytes[..even])
            .map_err(|_| no_view("its address in memory is odd"))?;
        self.view(pixels, row_bytes / 2)
    }

    /// The stored pixels of an 8-bit file in place, `(y, x)`: zero copy, junk included, padding
    /// skipped by the row stride.
    ///
    /// # Errors
    ///
    /// [`Error::PixelType`] for 16-bit files, [`Error::NotFetched`].
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

    /// Framestamp and timestamp; `None` if the file has none for this frame or they were not
    /// fetched.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.read_stamp().ok()
    }

    pub(crate) fn read_stamp(&self) -> Result<Stamp, Error> {
        let index = self.index as u64;
        let (framestamp, time) = match self.layout.stamps {
            Stamps::Unavailable { offset, reason } => {
                return Err(Error::NoClock { offset, reason });
            }
            Stamps::Tables {
                framestamps,
                timestamps,
            } => (framestamps + 4 * index, timestamps + 8 * index),
            Stamps::Trailers => {
                let trailer = self.layout.trailer_start(self.index);
                (trailer, trailer + 4)
            }
        };
        Ok(stamp(
            self.array(framestamp, "framestamp")?,
            self.array(time, "timestamp")?,
        ))
    }

    /// The relocated pixels, if this frame has any. `bytes` are its stored bytes.
    pub(crate) fn patch(&self, bytes: &[u8]) -> Result<Option<Patch>, Error> {
        let plan = &self.layout.plan;
        let place = plan
            .places
            .iter()
            .flatten()
            .find(|place| place.basis == Basis::Announced || self.has_junk(bytes, place));
        let Some(&place) = place else {
            return Ok(None);
        };
        let store = match plan.store {
            Store::Table(table) => table + self.index as u64 * RELOCATED_BYTES,
            Store::Trailers => self.layout.trailer_start(self.index) + u64::from(IN_TRAILER),
        };
        let bytes = self.array(store, "relocated pixels")?;
        Ok(Some(Patch { place, bytes }))
    }

    /// Whether the junk pattern stands at `place`.
    pub(crate) fn has_junk(&self, bytes: &[u8], place: &Place) -> bool {
        let row_bytes = self.layout.header().row_bytes as usize;
        let start = place.row as usize * row_bytes + place.byte as usize;
        bytes[start..start + JUNK.len()] == JUNK
    }

    /// Columns of the movie that relocated bytes at `place` touch.
    pub(crate) fn touched(&self, place: &Place) -> Range<usize> {
        let (column, count) = self.layout.visible(place.byte);
        column..column + count
    }

    /// The bytes of the pixel at `column` of the patched row.
    pub(crate) fn true_pixel(&self, stored_row: &[u8], patch: &Patch, column: usize) -> [u8; 2] {
        let size = self.layout.header().pixel.bytes();
        let start = self.layout.lead_bytes + column * size;
        let mut pixel = [0; 2];
        for (i, byte) in pixel.iter_mut().enumerate().take(size) {
            let position = start + i;
            *byte = position
                .checked_sub(patch.place.byte as usize)
                .and_then(|i| patch.bytes.get(i).copied())
                .unwrap_or(stored_row[position]);
        }
        pixel
    }

    /// From the first pixel of the image to the end of the frame, and the row stride.
    fn visible_bytes(&self) -> Result<(&'a [u8], usize), Error> {
        let row_bytes = self.layout.header().row_bytes as usize;
        Ok((&self.raw_bytes()?[self.layout.lead_bytes..], row_bytes))
    }

    fn view<T>(&self, pixels: &'a [T], row_stride: usize) -> Result<ArrayView2<'a, T>, Error> {
        let shape = (self.height(), self.width()).strides((row_stride, 1));
        ArrayView2::from_shape(shape, pixels).map_err(|_| Error::NoView {
            offset: self.layout.frame_start(self.index),
            reason: "rows overlap",
        })
    }

    fn array<const N: usize>(&self, offset: u64, what: &'static str) -> Result<[u8; N], Error> {
        let bytes = self.source.get(offset, N as u64, what)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
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
