//! Case 32: whatever the bytes, reading gives numbers or a typed error that says where.

#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

mod common;
#[path = "common/exercise.rs"]
mod exercise;

use common::{pixels_u8, pixels_u16, write};
use dcimg::PixelType;
use dcimg::write::Spec;

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

/// Everything there is to read; a failure names the damage.
fn read_all(bytes: &[u8], damage: &str) {
    let read = std::panic::catch_unwind(|| {
        for options in exercise::options() {
            exercise::headers(bytes, &options);
            exercise::whole_file(bytes, &options);
            exercise::frame_access(bytes, &options, [1, 3, 0, 5, 2, 7]);
        }
    });
    assert!(read.is_ok(), "{damage}");
}

#[test]
fn case_32_every_byte_of_the_first_kibibyte_flipped() {
    for (name, bytes) in layouts() {
        let mut bytes = bytes;
        for offset in 0..bytes.len().min(1024) {
            for flip in [0xFF, 0x01, 0x80] {
                bytes[offset] ^= flip;
                read_all(&bytes, &format!("{name}: byte {offset} ^ {flip:#x}"));
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
                read_all(&bytes, &format!("{name}: byte {offset} ^ {flip:#x}"));
                bytes[offset] ^= flip;
            }
        }
    }
}

#[test]
fn case_32_every_truncation() {
    for (name, bytes) in layouts() {
        for length in 0..bytes.len() {
            read_all(&bytes[..length], &format!("{name}: {length} bytes"));
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
                read_all(&bytes, &format!("{name}: {value:#x} at {offset}"));
                bytes[offset..offset + 8].copy_from_slice(&saved);
            }
        }
    }
}
