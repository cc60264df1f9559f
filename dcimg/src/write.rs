//! Writing DCIMG files: for tests, simulation and conversion.
//!
//! Frames are streamed; of each only its stamp and relocated pixels (20 bytes) are kept, and
//! only in packed files, whose tables come last. A file that was not finished holds no frames.
//!
//! ```
//! use dcimg::write::{Spec, Writer};
//! use dcimg::{Dcimg, Stamp, Timestamp};
//!
//! let spec = Spec::framed(16, 8).relocated_at(3, 0);
//! let mut writer = Writer::new(std::io::Cursor::new(Vec::new()), &spec)?;
//! for k in 0..5u16 {
//!     let frame = ndarray::Array2::from_elem((8, 16), 100 + k);
//!     let time = Timestamp { seconds: 1_487_067_753, microseconds: 50_000 * u32::from(k) };
//!     writer.push(frame.view(), Stamp { framestamp: k.into(), time })?;
//! }
//! let bytes = writer.finish()?.into_inner();
//!
//! let file = Dcimg::parse(&bytes)?;
//! assert_eq!(file.movie().frame(4)?.raw_u16()?[[3, 1]], 65535);       // what the camera does
//! assert_eq!(file.movie().frame(4)?.to_array::<u16>()?[[3, 1]], 104); // what it saw
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod framed_v1_v2;
mod number;
mod packed_v7;
mod plan;
mod spec;

use std::io::{self, Seek, SeekFrom, Write};

use ndarray::ArrayView2;

use number::put;
use plan::Plan;

pub use error::Error;
pub use spec::Spec;

use crate::limits::MOST_FRAMES;
use crate::relocation::JUNK;
use crate::{Stamp, Version};

/// A pixel type that can be stored: `u8` or `u16`.
pub trait Stored: Copy + sealed::Encode {}

impl Stored for u8 {}
impl Stored for u16 {}

mod sealed {
    use crate::PixelType;

    pub trait Encode: Sized {
        const PIXEL: PixelType;
        /// Appends the pixel's stored bytes.
        fn append(self, bytes: &mut Vec<u8>);
    }

    impl Encode for u8 {
        const PIXEL: PixelType = PixelType::U8;
        fn append(self, bytes: &mut Vec<u8>) {
            bytes.push(self);
        }
    }

    impl Encode for u16 {
        const PIXEL: PixelType = PixelType::U16;
        fn append(self, bytes: &mut Vec<u8>) {
            bytes.extend_from_slice(&self.to_le_bytes());
        }
    }
}

/// Writes a file frame by frame.
///
/// The file starts where the destination stands when the writer is made.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    start: u64,
    plan: Plan,
    frames: u32,
    /// Stamps and relocated pixels of packed files.
    tables: packed_v7::Tables,
    /// The frame being written, with its trailer.
    buffer: Vec<u8>,
}

impl<W: Write + Seek> Writer<W> {
    /// Starts a file.
    ///
    /// # Errors
    ///
    /// [`Error::Spec`] if the parts of `spec` do not fit together, [`Error::Io`].
    pub fn new(mut out: W, spec: &Spec) -> Result<Self, Error> {
        let plan = Plan::new(spec)?;
        let start = out.stream_position()?;
        let tables = packed_v7::Tables::default();
        // Without frames until it is finished, so that a half-written file is refused.
        let header = header(&plan, 0, 0);
        out.write_all(&header)?;
        Ok(Self {
            out,
            start,
            plan,
            frames: 0,
            tables,
            buffer: Vec::new(),
        })
    }

    /// Appends a frame of shape `(height, width)`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], [`Error::PixelType`], [`Error::TooManyFrames`], [`Error::Io`].
    pub fn push<T: Stored>(&mut self, frame: ArrayView2<'_, T>, stamp: Stamp) -> Result<(), Error> {
        let plan = &self.plan;
        let needed = [plan.spec.height as usize, plan.spec.width as usize];
        let found = [frame.nrows(), frame.ncols()];
        if found != needed {
            return Err(Error::Shape { needed, found });
        }
        if T::PIXEL != plan.spec.pixel {
            return Err(Error::PixelType {
                needed: plan.spec.pixel,
                given: T::PIXEL,
            });
        }
        if self.frames == MOST_FRAMES {
            return Err(Error::TooManyFrames);
        }

        let padding = [plan.spec.leading_bytes, plan.spec.trailing_bytes].map(|n| n as usize);
        self.buffer.clear();
        for row in frame.rows() {
            self.buffer.resize(self.buffer.len() + padding[0], 0);
            for &pixel in row {
                pixel.append(&mut self.buffer);
            }
            self.buffer.resize(self.buffer.len() + padding[1], 0);
        }
        let mut relocated = [0; 8];
        if let Some(place) = plan.place {
            let at = place.row as usize * plan.row_bytes as usize + place.byte as usize;
            let pixels = &mut self.buffer[at..at + JUNK.len()];
            relocated.copy_from_slice(pixels);
            pixels.copy_from_slice(&JUNK);
        }
        match plan.spec.version {
            Version::Packed => self.tables.push(stamp, relocated),
            Version::Framed | Version::FramedV2 => {
                framed_v1_v2::trailer(&mut self.buffer, plan.trailer, stamp, relocated);
            }
        }
        self.out.write_all(&self.buffer)?;
        self.frames += 1;
        Ok(())
    }

    /// Number of frames pushed so far.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Writes what follows the frames, completes the header and gives the destination back,
    /// standing at the end of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<W, Error> {
        let plan = &self.plan;
        match plan.spec.version {
            Version::Packed => {
                let end_of_data = plan.data_offset(self.frames);
                let footer = self.tables.footer(plan, end_of_data);
                self.out.write_all(&footer)?;
            }
            // 144 bytes and 32 a frame of unknown content follow in the one published file.
            Version::Framed | Version::FramedV2 => {
                let tail = 144 + 32 * u64::from(self.frames);
                io::copy(&mut io::Read::take(io::repeat(0), tail), &mut self.out)?;
            }
        }
        let end = self.out.stream_position()?;
        let header = header(plan, self.frames, end - self.start);
        self.out.seek(SeekFrom::Start(self.start))?;
        self.out.write_all(&header)?;
        self.out.seek(SeekFrom::Start(end))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// All bytes before the first frame.
fn header(plan: &Plan, frames: u32, file_bytes: u64) -> Vec<u8> {
    let hs = plan.spec.session_offset;
    let mut header = vec![0; (hs + plan.data_offset) as usize];
    header[..5].copy_from_slice(crate::header::MAGIC);
    put(&mut header, 0x08, plan.spec.version.number());
    put(&mut header, 0x20, 1u32);
    put(&mut header, 0x24, frames);
    put(&mut header, 0x28, hs);
    put(&mut header, 0x30, file_bytes);
    put(&mut header, 0x40, file_bytes);
    let session_bytes = file_bytes.saturating_sub(hs.into());
    let session = &mut header[hs as usize..];
    match plan.spec.version {
        Version::Packed => packed_v7::header(plan, session, frames, session_bytes),
        Version::Framed | Version::FramedV2 => {
            framed_v1_v2::header(plan, session, frames, session_bytes);
        }
    }
    header
}
