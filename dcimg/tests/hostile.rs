//! Case 32: whatever the bytes, reading gives numbers or a typed error that says where.

#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

mod common;

use common::{pixels_u8, pixels_u16, write};
use dcimg::write::Spec;
use dcimg::{Dcimg, Error, Layout, Options, Padding, Pieces, PixelType, Sessions, Step};
use ndarray::Array2;

fn layouts() -> Vec<(&'static str, Vec<u8>)> {
    let small = pixels_u16(5, 6, 8);
    let bytes = pixels_u8(5, 6, 9);
    let tall = pixels_u16(2, 30, 8);
    let u8_spec = |spec: Spec| spec.pixel(PixelType::U8);
    vec![
        (
            "packed",
            write(&Spec::packed(8, 6).relocated_at(2, 1), &small),
        ),
        (
            "packed u8 padded",
            write(
                &u8_spec(Spec::packed(9, 6))
                    .row_padding(3)
                    .relocated_at(2, 1),
                &bytes,
            ),
        ),
        (
            "framed",
            write(
                &Spec::framed(8, 6)
                    .model("C11440-22C", "S/N: 001634")
                    .relocated_at(2, 1),
                &small,
            ),
        ),
        (
            "framed u8",
            write(&u8_spec(Spec::framed(9, 6)).trailer_bytes(16), &bytes),
        ),
        (
            "framed computed",
            write(
                &Spec::framed(8, 30)
                    .first_sensor_row(1000)
                    .relocated_unannounced(),
                &tall,
            ),
        ),
        (
            "framed v2",
            write(&Spec::framed_v2(8, 6).relocated_unannounced(), &small),
        ),
    ]
}

fn options() -> [Options; 2] {
    [
        Options::default(),
        Options::default()
            .salvage(true)
            .sessions(Sessions::First)
            .padding(Padding::Leading),
    ]
}

/// Everything there is to read; every error must say which byte it is about.
fn read_all(bytes: &[u8], options: &Options, what: &str) {
    let parsed = Dcimg::parse_with(bytes, options);
    pieces_lead_to_the_same(bytes, options, parsed.as_ref().map(Dcimg::layout), what);
    let file = match parsed {
        Ok(file) => file,
        Err(error) => {
            assert!(error.offset().is_some(), "{what}: {error}");
            assert!(error.to_string().starts_with("byte "), "{what}: {error}");
            return;
        }
    };
    let movie = file.movie();
    // What is allocated is a small multiple of the file.
    let frame_bytes = movie.width() * movie.height();
    assert!(movie.len() * frame_bytes <= bytes.len(), "{what}");
    if let Err(error) = movie.clock().map(|clock| {
        let _ = (
            clock.warnings(),
            clock.gaps(),
            clock.intervals_s(),
            clock.rate_hz(),
        );
        assert!(clock.len() <= movie.len());
    }) {
        assert!(error.offset().is_some(), "{what}: {error}");
    }
    let relocation = movie.relocation();
    assert!(relocation.restored() <= movie.len());
    let mut buffer = Array2::<f32>::zeros((movie.height(), movie.width()));
    for frame in movie.frames() {
        frame.read_into(buffer.view_mut()).unwrap();
        frame.relocated().unwrap();
        let _ = (frame.raw_u16(), frame.raw_u8(), frame.stamp());
    }
    for warning in file.warnings() {
        assert!(!warning.to_string().is_empty());
    }
}

/// Fetching only what is asked for leads to the same result in a handful of steps.
fn pieces_lead_to_the_same(
    bytes: &[u8],
    options: &Options,
    whole: Result<&Layout, &Error>,
    what: &str,
) {
    let mut ranges: Vec<std::ops::Range<u64>> = Vec::new();
    for _ in 0..8 {
        let mut pieces = Pieces::new(bytes.len() as u64);
        for range in &ranges {
            pieces.add(
                range.start,
                &bytes[range.start as usize..range.end as usize],
            );
        }
        match Layout::from_pieces(&pieces, options) {
            Ok(Step::Needs(range)) => ranges.push(range),
            Ok(Step::Done(layout)) => return assert_eq!(Ok(&layout), whole, "{what}"),
            Err(error) => return assert_eq!(Err(&error), whole, "{what}"),
        }
    }
    panic!("{what}: more than a handful of fetches: {ranges:?}");
}

#[test]
fn case_32_every_byte_of_the_first_kibibyte_flipped() {
    for (name, bytes) in layouts() {
        let mut bytes = bytes;
        for offset in 0..bytes.len().min(1024) {
            for flip in [0xFF, 0x01, 0x80] {
                bytes[offset] ^= flip;
                for options in options() {
                    read_all(
                        &bytes,
                        &options,
                        &format!("{name}: byte {offset} ^ {flip:#x}"),
                    );
                }
                bytes[offset] ^= flip;
            }
        }
    }
}

/// The footer of packed files is as much a header as the start is.
#[test]
fn case_32_every_byte_of_the_footer_flipped() {
    for (name, bytes) in layouts() {
        let mut bytes = bytes;
        for offset in bytes.len().saturating_sub(1024)..bytes.len() {
            for flip in [0xFF, 0x01, 0x80] {
                bytes[offset] ^= flip;
                for options in options() {
                    read_all(
                        &bytes,
                        &options,
                        &format!("{name}: byte {offset} ^ {flip:#x}"),
                    );
                }
                bytes[offset] ^= flip;
            }
        }
    }
}

#[test]
fn case_32_every_truncation() {
    for (name, bytes) in layouts() {
        for length in 0..bytes.len() {
            for options in options() {
                read_all(
                    &bytes[..length],
                    &options,
                    &format!("{name}: {length} bytes"),
                );
            }
        }
    }
}

/// Extreme numbers in every aligned word of the headers, alone and in pairs of neighbours.
#[test]
fn extreme_words() {
    for (name, bytes) in layouts() {
        let end = bytes.len().min(1024);
        let mut bytes = bytes;
        for offset in (8..end - 8).step_by(4) {
            for value in [
                0u64,
                1,
                u64::from(u32::MAX),
                u64::MAX,
                1 << 63,
                0x7FFF_FFFF_7FFF_FFFF,
            ] {
                let saved: [u8; 8] = bytes[offset..offset + 8].try_into().unwrap();
                bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
                for options in options() {
                    read_all(&bytes, &options, &format!("{name}: {value:#x} at {offset}"));
                }
                bytes[offset..offset + 8].copy_from_slice(&saved);
            }
        }
    }
}
