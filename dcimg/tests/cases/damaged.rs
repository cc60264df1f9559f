//! Cut, contradicting and hostile files.

use dcimg::write::Spec;
use dcimg::{Dcimg, Error, Options, Sessions, Warning};
use ndarray::s;

use crate::common::{footer, pixels_u16, set_u32, set_u64, write};

fn salvage() -> Options {
    Options::default().salvage(true)
}

#[test]
fn case_10_cut_in_the_middle_of_frame_3() {
    let movie = pixels_u16(6, 10, 16);
    let whole = write(&Spec::packed(16, 10).relocated_at(2, 0), &movie);
    let cut = &whole[..232 + 3 * 320 + 100];
    let error = Dcimg::parse(cut).unwrap_err();
    let expected = Error::Truncated {
        offset: 232 + 3 * 320,
        what: "the next frame",
        needed: 320,
        available: 100,
        complete_frames: 3,
    };
    assert_eq!(error, expected);

    let file = Dcimg::parse_with(cut, &salvage()).unwrap();
    assert_eq!(file.movie().len(), 3);
    assert!(matches!(
        file.movie().frame(3),
        Err(Error::NoSuchFrame { index: 3, count: 3 })
    ));
    let read = file.movie().to_array::<u16>(0..3).unwrap();
    // The true pixels were in the footer; all others are there.
    assert_eq!(read.slice(s![.., 3.., ..]), movie.slice(s![..3, 3.., ..]));
    assert!(matches!(file.movie().clock(), Err(Error::NoClock { .. })));
    assert_eq!(file.movie().frame(0).unwrap().stamp(), None);
    assert!(file.warnings().iter().any(|warning| matches!(
        warning,
        Warning::Salvaged { readable: 3, announced: 6, cause } if **cause == expected
    )));
}

#[test]
fn case_10_cut_framed_files_keep_their_stamps() {
    let movie = pixels_u16(6, 10, 16);
    let whole = write(&Spec::framed(16, 10).relocated_at(2, 0), &movie);
    let start = 0x70 + 760;
    // Cut in: frame 3's pixels, its relocated pixels, behind them, and behind its stamp without
    // relocated pixels in the file.
    for (length, frames) in [
        (3 * 352 + 319, 3),
        (3 * 352 + 320 + 19, 3),
        (3 * 352 + 320 + 20, 4),
    ] {
        let cut = &whole[..start + length];
        assert!(matches!(
            Dcimg::parse(cut),
            Err(Error::Truncated { complete_frames, .. }) if complete_frames == frames as u64
        ));
        let file = Dcimg::parse_with(cut, &salvage()).unwrap();
        let read = file.movie().to_array::<u16>(0..frames).unwrap();
        assert_eq!(file.movie().len(), frames);
        assert_eq!(read, movie.slice(s![..frames, .., ..]));
        assert_eq!(file.movie().clock().unwrap().len(), frames);
    }
    let plain = write(&Spec::framed(16, 10).trailer_bytes(16), &movie);
    let file = Dcimg::parse_with(&plain[..start + 3 * 336 + 320 + 5], &salvage()).unwrap();
    assert_eq!(file.movie().len(), 4);
    assert_eq!(file.movie().clock().unwrap().framestamps(), [0, 1, 2]);
    assert_eq!(file.movie().frame(3).unwrap().stamp(), None);
    assert_eq!(
        file.movie().to_array::<u16>(0..4).unwrap(),
        movie.slice(s![..4, .., ..])
    );
}

#[test]
fn case_11_cut_after_the_frames() {
    let movie = pixels_u16(6, 10, 16);
    let whole = write(&Spec::packed(16, 10), &movie);
    let frames_end = 232 + 6 * 320;
    // No footer at all, a part of it, no framestamps, no timestamps.
    for length in [0, 7, 0x30, 0x100, 0x110 + 10, 0x110 + 30] {
        let cut = &whole[..frames_end + length];
        let error = Dcimg::parse(cut).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Truncated {
                    complete_frames: 6,
                    ..
                }
            ),
            "{error}"
        );
        let file = Dcimg::parse_with(cut, &salvage()).unwrap();
        assert_eq!(file.movie().to_array::<u16>(0..6).unwrap(), movie);
        assert!(
            matches!(file.movie().clock(), Err(Error::NoClock { .. })),
            "{length}"
        );
        assert!(
            file.warnings().iter().any(|warning| matches!(
                warning,
                Warning::NoFooter { .. } | Warning::NoClock { .. }
            ))
        );
    }
    // Only the index behind the footer is gone: nothing is lost.
    let cut = &whole[..frames_end + 0x110 + 6 * 12];
    let file = Dcimg::parse(cut).unwrap();
    assert_eq!(file.movie().clock().unwrap().len(), 6);
    assert!(
        file.warnings()
            .iter()
            .any(|warning| matches!(warning, Warning::FileSize { .. }))
    );
}

/// A recording that was never given a footer, and says so in its size, is readable.
#[test]
fn case_11_no_footer_and_none_expected() {
    let movie = pixels_u16(6, 10, 16);
    let mut bytes = write(&Spec::packed(16, 10), &movie);
    let end = 232 + 6 * 320;
    bytes.truncate(end);
    set_u64(&mut bytes, 0x30, end as u64);
    set_u64(&mut bytes, 0x40, end as u64);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..6).unwrap(), movie);
    assert!(matches!(file.movie().clock(), Err(Error::NoClock { .. })));
    assert!(
        file.warnings()
            .iter()
            .any(|warning| matches!(warning, Warning::NoFooter { .. }))
    );
}

#[test]
fn case_12_an_odd_footer_is_ignored() {
    let movie = pixels_u16(6, 10, 16);
    let whole = write(&Spec::packed(16, 10).relocated_at(2, 0), &movie);
    let at = footer(&whole);
    let mut version = whole.clone();
    set_u32(&mut version, at, 8);
    let mut second = whole.clone();
    set_u64(&mut second, at + 8, 0x10_0000);
    let mut pointer = whole.clone();
    set_u64(&mut pointer, 0xC0, whole.len() as u64 + 5);
    for odd in [version, second, pointer] {
        let file = Dcimg::parse(&odd).unwrap();
        assert!(matches!(
            file.warnings(),
            [Warning::NoFooter { cause }] if matches!(**cause, Error::Footer { .. })
        ));
        assert!(matches!(file.movie().clock(), Err(Error::NoClock { .. })));
        let read = file.movie().to_array::<u16>(0..6).unwrap();
        assert_eq!(read.slice(s![.., 3.., ..]), movie.slice(s![.., 3.., ..]));
        assert_eq!(file.header().footer, None);
    }
}

/// One bad table does not take the others with it.
#[test]
fn case_12_an_odd_table_is_ignored_alone() {
    let movie = pixels_u16(6, 10, 16);
    let whole = write(&Spec::packed(16, 10).relocated_at(2, 0), &movie);
    let tables = footer(&whole) + 0xA0;
    for field in [0x30, 0x40] {
        let mut odd = whole.clone();
        set_u64(&mut odd, tables + field, 0x1000);
        let file = Dcimg::parse(&odd).unwrap();
        assert!(matches!(file.warnings(), [Warning::NoClock { .. }]));
        assert!(file.movie().clock().is_err());
        assert_eq!(file.movie().to_array::<u16>(0..6).unwrap(), movie);
    }
    for (field, value) in [(0x58, 0x1000), (0x60, 1 << 48), (0x68, 9), (0x68, 1 << 40)] {
        let mut odd = whole.clone();
        set_u64(&mut odd, tables + field, value);
        let file = Dcimg::parse(&odd).unwrap();
        assert!(
            matches!(file.warnings(), [Warning::NotRestored { .. }]),
            "{field:#x}"
        );
        assert_eq!(file.movie().clock().unwrap().len(), 6);
        let row = file.movie().frame(0).unwrap().to_array::<u16>().unwrap();
        assert_eq!(row.slice(s![2, ..4]).to_vec(), [0, 65535, 0, 65535]);
    }
}

#[test]
fn case_13_table_offsets_that_overflow() {
    let movie = pixels_u16(6, 10, 16);
    let whole = write(&Spec::packed(16, 10).relocated_at(2, 0), &movie);
    let at = footer(&whole);
    for field in [
        0xC0,
        at + 8,
        at + 0xA0 + 0x30,
        at + 0xA0 + 0x40,
        at + 0xA0 + 0x58,
    ] {
        for value in [u64::MAX, u64::MAX - 100, u64::MAX - 0x1000] {
            let mut odd = whole.clone();
            set_u64(&mut odd, field, value);
            let error = match Dcimg::parse(&odd) {
                Err(error) => error,
                // Not beyond 64 bits after all: then it is beyond the footer.
                Ok(file) => match &file.warnings()[0] {
                    Warning::NoFooter { cause }
                    | Warning::NoClock { cause }
                    | Warning::NotRestored { cause } => (**cause).clone(),
                    other => panic!("{other}"),
                },
            };
            assert_eq!(error.offset(), Some(field as u64), "{error}");
            if value == u64::MAX {
                assert!(matches!(error, Error::Overflow { .. }), "{error}");
            }
            let file = Dcimg::parse_with(&odd, &salvage()).unwrap();
            assert_eq!(file.movie().len(), 6);
        }
    }
}

#[test]
fn case_25_unknown_versions_are_named() {
    let mut bytes = write(&Spec::packed(16, 10), &pixels_u16(2, 10, 16));
    for found in [8, 0x0300_0000, 0] {
        set_u32(&mut bytes, 8, found);
        let error = Dcimg::parse(&bytes).unwrap_err();
        assert_eq!(error, Error::Unsupported { offset: 8, found });
        assert!(
            error.to_string().contains(&format!("{found:#x}")),
            "{error}"
        );
    }
}

#[test]
fn case_26_file_sizes_are_compared_on_64_bits() {
    let mut bytes = write(&Spec::packed(16, 10), &pixels_u16(2, 10, 16));
    let actual = bytes.len() as u64;
    let stated = actual + (3 << 32);
    set_u64(&mut bytes, 0x30, stated);
    set_u64(&mut bytes, 0x40, stated);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.header().file_bytes, stated);
    let expected = [0x30, 0x40].map(|offset| Warning::FileSize {
        offset,
        stated,
        actual,
    });
    assert_eq!(file.warnings(), expected);
}

#[test]
fn case_27_a_wrong_file_size_is_a_warning() {
    let movie = pixels_u16(2, 10, 16);
    for spec in [Spec::packed(16, 10), Spec::framed(16, 10)] {
        let whole = write(&spec, &movie);
        let mut longer = whole.clone();
        longer.extend([0xCC; 77]);
        let mut shorter = whole.clone();
        shorter.truncate(whole.len() - 5);
        let mut unset = whole.clone();
        set_u64(&mut unset, 0x30, 0);
        set_u64(&mut unset, 0x40, 0);
        for bytes in [longer, shorter, unset] {
            let file = Dcimg::parse(&bytes).unwrap();
            assert!(
                file.warnings()
                    .iter()
                    .any(|w| matches!(w, Warning::FileSize { .. }))
            );
            assert_eq!(file.movie().to_array::<u16>(0..2).unwrap(), movie);
            assert_eq!(file.movie().clock().unwrap().len(), 2);
        }
    }
}

#[test]
fn case_28_absurd_geometry() {
    let movie = pixels_u16(2, 10, 16);
    let packed = write(&Spec::packed(16, 10), &movie);
    let framed = write(&Spec::framed(16, 10), &movie);
    let error = |bytes: &[u8], offset: usize, value: u32| {
        let mut odd = bytes.to_vec();
        set_u32(&mut odd, offset, value);
        Dcimg::parse(&odd).unwrap_err()
    };
    for (bytes, frames, width, row_bytes) in
        [(packed, 0x98, 0xA4, 0xA8), (framed, 0xAC, 0xB8, 0xC0)]
    {
        assert_eq!(
            error(&bytes, frames, 0),
            Error::NoFrames {
                offset: frames as u64
            }
        );
        let many = error(&bytes, frames, u32::MAX);
        assert!(matches!(many, Error::Truncated { complete_frames, .. } if complete_frames >= 2));
        assert!(matches!(
            error(&bytes, width, u32::MAX),
            Error::RowBytes { .. }
        ));
        assert!(matches!(error(&bytes, width, 0), Error::ZeroSize { .. }));
        assert!(matches!(
            error(&bytes, row_bytes, 0),
            Error::RowBytes { .. }
        ));
        assert!(matches!(
            error(&bytes, row_bytes, u32::MAX),
            Error::FrameBytes { .. }
        ));

        let mut empty = bytes.clone();
        set_u32(&mut empty, frames, 0);
        let file = Dcimg::parse_with(&empty, &salvage()).unwrap();
        assert!(file.movie().is_empty());
        assert!(file.movie().frames().next().is_none());
        assert_eq!(
            file.movie().to_array::<f32>(0..0).unwrap().dim(),
            (0, 10, 16)
        );
    }
}

#[test]
fn case_29_several_sessions_are_a_choice() {
    let movie = pixels_u16(2, 10, 16);
    let mut bytes = write(&Spec::packed(16, 10), &movie);
    set_u32(&mut bytes, 0x20, 2);
    let error = Dcimg::parse(&bytes).unwrap_err();
    assert_eq!(
        error,
        Error::Sessions {
            offset: 0x20,
            count: 2
        }
    );
    let first = Options::default().sessions(Sessions::First);
    let file = Dcimg::parse_with(&bytes, &first).unwrap();
    assert_eq!(file.warnings(), [Warning::Sessions { count: 2 }]);
    assert_eq!(file.movie().to_array::<u16>(0..2).unwrap(), movie);
}
