//! Where the rows of a frame come from.

use crate::invalid::clear_row;
use std::ops::Range;

/// A frame of counts, some rows after the other, each asked for once from the top.
pub(in crate::resize) trait Source {
    /// What can go wrong.
    type Error;

    /// How many rows to ask for at a time.
    const AT_A_TIME: usize;

    /// Whether rows lie in memory from where they still have to come.
    const FAR: bool;

    /// Counts above become 0, which is up to the caller of [`Source::row`].
    fn invalid_above(&self) -> u16;

    /// Row `y` into `row`.
    fn row(&mut self, y: usize, row: &mut [u16]) -> Result<(), Self::Error>;

    /// Several rows of `width` pixels where they lie, or written to `buffer`, cleared.
    fn rows<'a>(
        &'a mut self,
        rows: Range<usize>,
        width: usize,
        buffer: &'a mut Vec<u16>,
    ) -> Result<Window<'a>, Self::Error>;
}

/// Rows side by side.
pub(in crate::resize) struct Window<'a> {
    /// The pixels, and around those of the rows that were asked for others, whose values are of no use: at least
    /// one on either side that is no end of the frame.
    pub(super) pixels: &'a [u16],
    /// The first pixel of the first row.
    pub(super) start: usize,
    /// How many pixels became 0.
    pub(super) cleared: usize,
}

/// A frame in memory, as it is.
pub(in crate::resize) struct Stored<'f>(pub(in crate::resize) &'f [u16]);

impl Source for Stored<'_> {
    type Error = std::convert::Infallible;

    const AT_A_TIME: usize = usize::MAX;
    const FAR: bool = true;

    fn invalid_above(&self) -> u16 {
        u16::MAX
    }

    fn row(&mut self, y: usize, row: &mut [u16]) -> Result<(), Self::Error> {
        row.copy_from_slice(&self.0[y * row.len()..][..row.len()]);
        Ok(())
    }

    fn rows<'a>(
        &'a mut self,
        rows: Range<usize>,
        width: usize,
        _: &'a mut Vec<u16>,
    ) -> Result<Window<'a>, Self::Error> {
        Ok(Window {
            pixels: self.0,
            start: rows.start * width,
            cleared: 0,
        })
    }
}

/// A frame from a function that writes one row after the other.
pub(in crate::resize) struct Filled<F> {
    pub(in crate::resize) fill: F,
    pub(in crate::resize) invalid_above: u16,
}

impl<E, F: FnMut(usize, &mut [u16]) -> Result<(), E>> Source for Filled<F> {
    type Error = E;

    /// With one by one, a row would be loaded while the stores of what was put there are still under way, which
    /// stalls. With many, they would no longer be in the first cache.
    const AT_A_TIME: usize = 4;
    const FAR: bool = false;

    fn invalid_above(&self) -> u16 {
        self.invalid_above
    }

    fn row(&mut self, y: usize, row: &mut [u16]) -> Result<(), E> {
        (self.fill)(y, row)
    }

    fn rows<'a>(
        &'a mut self,
        rows: Range<usize>,
        width: usize,
        buffer: &'a mut Vec<u16>,
    ) -> Result<Window<'a>, E> {
        /// Pixels before the rows, so many that rows of usual widths begin with a line of the cache as the buffer
        /// does.
        const BEFORE: usize = 32;
        let length = rows.len() * width;
        if buffer.len() < BEFORE + length + 1 {
            buffer.resize(BEFORE + length + 1, 0);
        }
        let written = &mut buffer[BEFORE..BEFORE + length];
        for (y, row) in rows.zip(written.chunks_exact_mut(width)) {
            (self.fill)(y, row)?;
        }
        let cleared = clear_row(written, self.invalid_above);
        Ok(Window {
            pixels: buffer,
            start: BEFORE,
            cleared,
        })
    }
}
