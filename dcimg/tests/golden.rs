//! Every golden file gives the pixels and stamps that independent software gives.

#![allow(clippy::cast_possible_truncation, reason = "small files")]

use std::path::PathBuf;

use dcimg::write::{Spec, Writer};
use dcimg::{Basis, Dcimg, PixelType, SubArray};
use ndarray::{Array3, Axis};
use ndarray_npy::read_npy;
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden")
}

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 12);
    cases
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

fn bytes(case: &Value) -> Vec<u8> {
    std::fs::read(folder().join(name(case)).with_extension("dcimg")).unwrap()
}

/// The expected frames; 8-bit ones widened.
fn expected(case: &Value) -> Array3<u16> {
    let path = folder().join(name(case)).with_extension("npy");
    match case["dtype"].as_str().unwrap() {
        "uint8" => read_npy::<_, Array3<u8>>(path).unwrap().mapv(u16::from),
        _ => read_npy(path).unwrap(),
    }
}

fn list(value: &Value) -> Vec<u32> {
    let number = |v: &Value| u32::try_from(v.as_u64().unwrap()).unwrap();
    value.as_array().unwrap().iter().map(number).collect()
}

#[test]
fn pixels_are_equal_however_they_are_read() {
    for case in cases() {
        let (bytes, expected) = (bytes(&case), expected(&case));
        let file = Dcimg::parse(&bytes).unwrap();
        let movie = file.movie();
        let (n, h, w) = expected.dim();
        assert_eq!(
            (movie.len(), movie.height(), movie.width()),
            (n, h, w),
            "{}",
            name(&case)
        );
        assert_eq!(
            movie.to_array::<u16>(0..n).unwrap(),
            expected,
            "{}",
            name(&case)
        );
        assert_eq!(
            movie.to_array::<f32>(0..n).unwrap(),
            expected.mapv(f32::from)
        );
        for (frame, expected) in movie.frames().zip(expected.axis_iter(Axis(0))) {
            assert_eq!(frame.to_array::<u16>().unwrap(), expected);
        }
        match movie.pixel() {
            PixelType::U8 => {
                assert_eq!(
                    movie.to_array::<u8>(0..n).unwrap().mapv(u16::from),
                    expected
                );
            }
            _ => assert!(movie.to_array::<u8>(0..n).is_err()),
        }
    }
}

#[test]
fn stamps_are_equal() {
    for case in cases() {
        let bytes = bytes(&case);
        let file = Dcimg::parse(&bytes).unwrap();
        let clock = file.movie().clock().unwrap();
        assert_eq!(
            clock.framestamps(),
            list(&case["framestamps"]),
            "{}",
            name(&case)
        );
        let seconds: Vec<_> = clock.times().iter().map(|time| time.seconds).collect();
        let microseconds: Vec<_> = clock.times().iter().map(|time| time.microseconds).collect();
        assert_eq!(seconds, list(&case["seconds"]));
        assert_eq!(microseconds, list(&case["microseconds"]));
        for (frame, &framestamp) in file.movie().frames().zip(clock.framestamps()) {
            assert_eq!(frame.stamp().unwrap().unwrap().framestamp, framestamp);
        }
        // Framestamps count by three.
        assert_eq!(clock.dropped(), 2 * (clock.len() as u64 - 1));
    }
}

#[test]
fn relocated_pixels_are_where_the_files_have_them() {
    let places: Vec<_> = cases()
        .iter()
        .map(|case| {
            let bytes = bytes(case);
            let file = Dcimg::parse(&bytes).unwrap();
            let relocation = file.movie().relocation().unwrap();
            let site = relocation.sites.first().map(|site| {
                assert_eq!((site.column, site.junk), (0, relocation.frames));
                (site.row, site.count, site.basis)
            });
            assert_eq!(relocation.restored(), site.map_or(0, |_| relocation.frames));
            (name(case).to_owned(), site)
        })
        .collect();
    let announced =
        |name: &str, row, count| (name.to_owned(), Some((row, count, Basis::Announced)));
    let expected = [
        announced("v7_u16", 0, 4),
        announced("v7_u16_row7", 7, 4),
        announced("v7_u16_padded", 0, 4),
        announced("v7_u8", 0, 8),
        announced("v1_u16_line1023", 1023, 4),
        announced("v1_u16_crop_y1000", 23, 4),
        announced("v1_u16_binning2_y0_400", 311, 4),
        (
            "v1_u16_unannounced_y940".into(),
            Some((83, 4, Basis::Computed)),
        ),
        ("v1_u16_usb16".into(), None),
        announced("v1_u16_padded", 13, 4),
        announced("v1_u8", 13, 8),
        announced("v2_u16", 0, 4),
    ];
    assert_eq!(places, expected);
}

#[test]
fn camera_block_is_read() {
    let case = &cases()[6];
    let bytes = bytes(case);
    let file = Dcimg::parse(&bytes).unwrap();
    let camera = file.header().camera.clone().unwrap();
    assert_eq!(camera.model.as_deref(), Some("C11440-22C"));
    assert_eq!(camera.serial.as_deref(), Some("S/N: 001634"));
    assert!(camera.versions.is_empty());
    let sub = camera.sub_array.unwrap();
    assert_eq!((sub.x0, sub.width, sub.y0, sub.height), (0, 32, 400, 640));
    assert_eq!((camera.binning, camera.stated_binning), (Some(2), None));
}

/// The writer makes the golden files, byte by byte, from their pixels and stamps. Only what no
/// reader uses differs: a word that is 1 in a real packed file, and the index behind its footer.
#[test]
fn writer_makes_the_golden_files() {
    for case in cases() {
        let (golden, pixels) = (bytes(&case), expected(&case));
        let file = Dcimg::parse(&golden).unwrap();
        let spec = spec(&file, name(&case) == "v1_u16_unannounced_y940");
        let mut writer = Writer::new(std::io::Cursor::new(Vec::new()), &spec).unwrap();
        for (frame, pixels) in file.movie().frames().zip(pixels.outer_iter()) {
            let stamp = frame.stamp().unwrap().unwrap();
            match file.movie().pixel() {
                PixelType::U8 => {
                    let pixels = pixels.mapv(|pixel| u8::try_from(pixel).unwrap());
                    writer.push(pixels.view(), stamp).unwrap();
                }
                _ => writer.push(pixels, stamp).unwrap(),
            }
        }
        let written = writer.finish().unwrap().into_inner();
        let differing: Vec<usize> = (0..golden.len().max(written.len()))
            .filter(|&i| golden.get(i) != written.get(i))
            .filter(|&i| match file.header().footer {
                Some(footer) => i != 0xA0 && i < (footer.start + u64::from(footer.bytes)) as usize,
                None => true,
            })
            .collect();
        assert_eq!(written.len(), golden.len(), "{}", name(&case));
        assert_eq!(differing, [0usize; 0], "{}", name(&case));
    }
}

/// The specification of a golden file, from what its headers say.
fn spec(file: &Dcimg<'_>, unannounced: bool) -> Spec {
    let header = file.header();
    let (width, height) = (header.width, header.height);
    let mut spec = match header.version.number() {
        7 => Spec::packed(width, height),
        0x0100_0000 => Spec::framed(width, height),
        _ => Spec::framed_v2(width, height),
    };
    if let Some(camera) = &header.camera {
        let sub = camera.sub_array.unwrap();
        spec = spec
            .trailer_bytes(header.trailer_bytes)
            .binning(0)
            .sub_array(SubArray { ..sub });
        spec = spec.model(
            camera.model.as_ref().unwrap(),
            camera.serial.as_ref().unwrap(),
        );
    }
    spec = spec
        .pixel(header.pixel)
        .row_padding(header.row_padding_bytes() as u32);
    match file.movie().relocation().unwrap().sites.first() {
        None => spec,
        Some(_) if unannounced => spec.relocated_unannounced(),
        Some(site) => spec.relocated_at(site.row as u32, site.column as u32),
    }
}
