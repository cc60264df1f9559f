//! Hamamatsu DCIMG movies: pixels and clock, every known layout.
//!
//! DCIMG is what Hamamatsu's recording software (HCImage, DCAM) writes for scientific cameras:
//! one file per recording, unsigned 8- or 16-bit frames, and with each frame a counter of the
//! camera (framestamp) and a time of the computer (timestamp). The layout is not published;
//! [`format`](mod@format) lists every field this crate reads, and how each is known. Two things
//! make naive readers fail: rows, frames and headers have sizes that must be taken from the file,
//! and many cameras overwrite 8 bytes of one row of every frame and store the true values
//! elsewhere. Whatever this crate calls `read` has these pixels restored; the stored bytes are
//! called `raw`.
//!
//! # Reading frames and clock
//!
//! ```
//! # let spec = dcimg::write::Spec::packed(64, 48).relocated_at(7, 0);
//! # let mut writer = dcimg::write::Writer::new(std::io::Cursor::new(Vec::new()), &spec)?;
//! # for k in 0..3u32 {
//! #     let time = dcimg::Timestamp { seconds: 1_487_067_753, microseconds: 50_000 * k };
//! #     let frame = ndarray::Array2::from_elem((48, 64), 100 + k as u16);
//! #     writer.push(frame.view(), dcimg::Stamp { framestamp: k, time })?;
//! # }
//! # let bytes = writer.finish()?.into_inner();
//! # let mut means = Vec::new();
//! let file = dcimg::Dcimg::parse(&bytes)?; // or dcimg::File::open(path)?
//! let movie = file.movie();
//! let clock = movie.clock()?;
//! println!(
//!     "{} frames of {} x {} px, {:.2} Hz, {} dropped",
//!     movie.len(), movie.width(), movie.height(), clock.rate_hz(), clock.dropped(),
//! );
//! let mut pixels = ndarray::Array2::<f32>::zeros((movie.height(), movie.width()));
//! for frame in movie.frames() {
//!     frame.read_into(pixels.view_mut())?;
//!     println!("frame {}: mean {:?}", frame.index(), pixels.mean());
//! #   means.push(pixels.mean().unwrap());
//! }
//! for warning in file.warnings() {
//!     eprintln!("warning: {warning}");
//! }
//! # assert_eq!(means, [100.0, 101.0, 102.0]);
//! # assert_eq!(clock.rate_hz(), 20.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Tasks
//!
//! | to | use |
//! | --- | --- |
//! | recognise a file (recordings often have no extension) | [`is_dcimg`] |
//! | open a file on disk / in memory | [`File::open`] / [`Dcimg::parse`], [`Dcimg::from_vec`] |
//! | read a frame, a part of it, many frames | [`Frame::read_into`], [`Frame::read_region_into`], [`Movie::read_into`], [`Movie::to_array`] |
//! | read a frame row by row | [`Frame::rows`] |
//! | read on all cores (feature `rayon`) | `Movie::par_read_into`, `Movie::par_frames` |
//! | look at stored pixels in memory without copying | [`Frame::raw_u16`], [`Frame::raw_u8`], and [`Frame::relocated`] for what they hide |
//! | know times, rate, dropped frames | [`Movie::clock`] |
//! | know which pixels are restored, and how often | [`Movie::relocation`] |
//! | know the camera, sub-array, binning | [`Header::camera`] |
//! | rescue a cut recording | [`Options::salvage`] |
//! | read a file that is somewhere else, such as in an object store | [`Layout::from_fetch`], [`Pieces::fetch`] |
//! | write a file | [`write`](mod@write) |
//!
//! Arrays have the axes `(t, y, x)` or `(y, x)`; row 0 is the first stored row, which is the top
//! of the camera's picture. Pixels are camera counts, unchanged: reading as `f32` only converts.
//! The arrays are those of [`ndarray`], which is re-exported.
//!
//! # Trust
//!
//! Parsing is pure and meant for files from anywhere: numbers of the file meet checked arithmetic
//! and [`Limits`], and a few KiB are looked at whatever they claim. Where memory is asked for that
//! is proportional to them, for pixels or a clock, not to get it is an error, too. What cannot be
//! right is an [`Error`] with the byte offset it is about; what is merely odd is a [`Warning`], of
//! the headers, the clock ([`Clock::warnings`]) or the relocated pixels ([`Relocation::warning`]).
//! Nothing is guessed silently: a cut file, several sessions, or padding at the other end of rows
//! are choices in [`Options`].
//!
//! # Features
//!
//! `rayon`: decoding on all cores.

mod ahead;
mod blocks;
mod bytes;
mod camera;
mod clock;
#[cfg(any(unix, windows))]
mod disk;
mod error;
#[cfg(any(unix, windows))]
mod file;
pub mod format;
mod frame;
mod header;
mod in_memory;
mod layout;
mod limits;
mod movie;
mod pixel;
mod pixel_type;
mod relocation;
mod rows;
mod session;
mod source;
mod time;
mod warning;
pub mod write;

pub use ndarray;

pub use bytes::{FetchError, Pieces};
pub use camera::{Camera, SubArray};
pub use clock::{Clock, Gap};
pub use error::Error;
#[cfg(any(unix, windows))]
pub use file::{File, OpenError};
pub use frame::Frame;
pub use header::{Footer, Header, Version, is_dcimg};
pub use in_memory::Dcimg;
pub use layout::{Layout, Step};
pub use limits::{Limits, Options, Padding, Sessions};
pub use movie::Movie;
pub use pixel::Pixel;
pub use pixel_type::PixelType;
pub use relocation::{Basis, Relocated, Relocation, Site};
pub use rows::Rows;
pub use time::{Stamp, Timestamp};
pub use warning::Warning;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
