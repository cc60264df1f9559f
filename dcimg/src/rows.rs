//! The rows of one frame, one by one.

use crate::ahead;
use crate::frame::{Frame, Patch};
use crate::layout::check_range;
use crate::pixel::Pixel;
use crate::{Error, PixelType};
use std::marker::PhantomData;

/// Bytes between a row that is read and what is asked for meanwhile: two pages, as memory takes less time for them than
/// resizing takes for the rows on them. From camera counts to dF/F that saves a fifth of the time; 4 and 16 KiB gave
/// no more.
const AHEAD: usize = 8 << 10;

/// The rows of a frame as `T`, from [`Frame::rows`]: for programs that go on with a row while it is in the
/// cache, instead of with a frame.
///
/// ```
/// # let spec = dcimg::write::Spec::packed(64, 48).relocated_at(7, 0);
/// # let mut writer = dcimg::write::Writer::new(std::io::Cursor::new(Vec::new()), &spec)?;
/// # let time = dcimg::Timestamp { seconds: 1_487_067_753, microseconds: 0 };
/// # let stored = ndarray::Array2::from_shape_fn((48, 64), |(y, x)| (100 * y + x) as u16);
/// # writer.push(stored.view(), dcimg::Stamp { framestamp: 0, time })?;
/// # let bytes = writer.finish()?.into_inner();
/// let file = dcimg::Dcimg::parse(&bytes)?;
/// let frame = file.movie().frame(0)?;
/// let rows = frame.rows::<u16>()?;
/// let mut row = vec![0; frame.width()];
/// rows.read_into(7, &mut row)?;
/// assert_eq!(row[..3], [700, 701, 702]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// All stored rows, padding included.
    bytes: &'a [u8],
    row_bytes: usize,
    lead_bytes: usize,
    width: usize,
    height: usize,
    stored: PixelType,
    patch: Option<Patched>,
    pixels: PhantomData<fn() -> T>,
}

/// True pixels side by side, as two bytes each.
#[derive(Clone, Copy, Debug)]
struct Patched {
    row: usize,
    column: usize,
    values: [[u8; 2]; 8],
    count: usize,
}

impl<'a, T: Pixel> Rows<'a, T> {
    pub(crate) fn new(
        frame: &Frame<'a>,
        row_bytes: usize,
        lead_bytes: usize,
        stored: PixelType,
    ) -> Result<Self, Error> {
        T::check(stored)?;
        let bytes = frame.raw_bytes()?;
        let patch = frame
            .patch(bytes)?
            .map(|patch| patched(frame, bytes, row_bytes, &patch));
        Ok(Self {
            bytes,
            row_bytes,
            lead_bytes,
            width: frame.width(),
            height: frame.height(),
            stored,
            patch,
            pixels: PhantomData,
        })
    }

    /// Reads row `y` into `out`, which is as long as the row, relocated pixels restored.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchRange`] beyond the last row, [`Error::Shape`] if `out` has another length.
    #[inline]
    pub fn read_into(&self, y: usize, out: &mut [T]) -> Result<(), Error> {
        check_range("rows", &(y..y.saturating_add(1)), self.height)?;
        if out.len() != self.width {
            return Err(Error::Shape {
                needed: vec![self.width],
                found: vec![out.len()],
            });
        }
        let start = y * self.row_bytes + self.lead_bytes;
        let row = &self.bytes[start..start + self.width * self.stored.bytes()];
        ahead::want(self.bytes, start + AHEAD, row.len());
        T::run(self.stored, row, out);
        if let Some(patch) = &self.patch
            && patch.row == y
        {
            let out = out.iter_mut().skip(patch.column);
            for (out, &value) in out.zip(&patch.values[..patch.count]) {
                *out = T::one(value);
            }
        }
        Ok(())
    }
}

fn patched(frame: &Frame<'_>, bytes: &[u8], row_bytes: usize, patch: &Patch) -> Patched {
    let row = patch.place.row as usize;
    let stored_row = &bytes[row * row_bytes..(row + 1) * row_bytes];
    let columns = frame.touched(&patch.place);
    let mut values = [[0; 2]; 8];
    for (value, column) in values.iter_mut().zip(columns.clone()) {
        *value = frame.true_pixel(stored_row, patch, column);
    }
    Patched {
        row,
        column: columns.start,
        values,
        count: columns.len(),
    }
}
