//! What several test files share: building small files and changing single fields of them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::Cursor;

use dcimg::write::{Spec, Stored, Writer};
use dcimg::{Stamp, Timestamp};
use ndarray::{Array2, Array3, Axis};

/// Stamps of the published packed file: framestamp from 0, first time 2017-11-28T21:34:15.664884Z,
/// 50 ms apart.
pub(crate) fn stamp(frame: usize) -> Stamp {
    let microseconds = 664_884 + 50_000 * frame as u64;
    Stamp {
        framestamp: frame as u32,
        time: Timestamp {
            seconds: 1_511_904_855 + (microseconds / 1_000_000) as u32,
            microseconds: (microseconds % 1_000_000) as u32,
        },
    }
}

/// Pixels that differ from frame to frame and from place to place, and never look like junk.
pub(crate) fn pixels_u16(frames: usize, height: usize, width: usize) -> Array3<u16> {
    Array3::from_shape_fn((frames, height, width), |(t, y, x)| {
        (t * 7919 + y * 131 + x * 17 + 3) as u16 % 60_000
    })
}

pub(crate) fn pixels_u8(frames: usize, height: usize, width: usize) -> Array3<u8> {
    Array3::from_shape_fn((frames, height, width), |(t, y, x)| {
        (t * 59 + y * 31 + x * 17 + 3) as u8
    })
}

pub(crate) fn write<T: Stored>(spec: &Spec, movie: &Array3<T>) -> Vec<u8> {
    write_with(spec, movie, stamp)
}

pub(crate) fn write_with<T: Stored>(
    spec: &Spec,
    movie: &Array3<T>,
    stamp: impl Fn(usize) -> Stamp,
) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), spec).unwrap();
    for (i, frame) in movie.axis_iter(Axis(0)).enumerate() {
        writer.push(frame, stamp(i)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

pub(crate) fn set_u32(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn set_u64(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

/// Where the footer of a packed file with the session header at 0x78 starts.
pub(crate) fn footer(bytes: &[u8]) -> usize {
    0x78 + u64_at(bytes, 0xC0) as usize
}

/// What reading without restoring gives.
pub(crate) fn raw(file: &dcimg::Dcimg<'_>, frame: usize) -> Array2<u16> {
    let frame = file.movie().frame(frame).unwrap();
    match file.movie().pixel() {
        dcimg::PixelType::U8 => frame.raw_u8().unwrap().mapv(u16::from),
        _ => frame.raw_u16().unwrap().to_owned(),
    }
}
