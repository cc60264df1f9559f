//! Cut, contradicting and hostile files.

use dcimg::write::Spec;
use dcimg::{Dcimg, Error, Layout, Limits, Options, Pieces, Sessions, Step, Warning};
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
    assert_eq!(file.movie().frame(0).unwrap().stamp(), Ok(None));
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
    assert_eq!(file.movie().frame(3).unwrap().stamp(), Ok(None));
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

/// A file of 1 x 1 px of 8 bits that claims `frames` frames, all of them there as far as its length goes: sparse, it
/// takes 8 kB on disk. Gives the bytes of a range, and the length.
fn claiming(frames: u32) -> (impl Fn(std::ops::Range<u64>) -> Vec<u8>, u64) {
    let spec = Spec::packed(1, 1).pixel(dcimg::PixelType::U8);
    let one = write(&spec, &ndarray::Array3::<u8>::ones((1, 1, 1)));
    let (mut header, mut foot) = (one[..232].to_vec(), one[233..233 + 0x110].to_vec());
    let n = u64::from(frames);
    let (start, length) = (232 + n, 232 + n + 0x110 + 12 * n);
    set_u32(&mut header, 0x24, frames);
    set_u32(&mut header, 0x98, frames);
    set_u64(&mut header, 0x30, length);
    set_u64(&mut header, 0x40, length);
    set_u64(&mut header, 0x78, length - 0x78);
    set_u64(&mut header, 0xC0, 112 + n);
    set_u32(
        &mut foot,
        0x28,
        u32::try_from(0x110 + 12 * n).unwrap_or(u32::MAX),
    );
    set_u64(&mut foot, 0xA0 + 0x30, 0x110);
    set_u64(&mut foot, 0xA0 + 0x40, 0x110 + 4 * n);
    let bytes = move |range: std::ops::Range<u64>| {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        for (at, part) in [(0, &header), (start, &foot)] {
            for (i, byte) in part.iter().enumerate() {
                let place = (at + i as u64).checked_sub(range.start);
                if let Some(place) = place.and_then(|place| bytes.get_mut(place as usize)) {
                    *place = *byte;
                }
            }
        }
        bytes
    };
    (bytes, length)
}

/// Parsing takes as little of a file that claims to be huge as of any other.
#[test]
fn case_28_claimed_frames_cost_nothing() {
    let parse = |frames: u32, options: &Options| {
        let (bytes, length) = claiming(frames);
        let mut parts: Vec<(u64, Vec<u8>)> = Vec::new();
        loop {
            let mut pieces = Pieces::new(length);
            parts
                .iter()
                .for_each(|(start, part)| pieces.add(*start, part));
            match Layout::from_pieces(&pieces, options)? {
                Step::Done(layout) => return Ok(layout),
                Step::Needs(range) => {
                    assert!(
                        range.end - range.start <= 4096 && parts.len() < 3,
                        "{range:?}"
                    );
                    parts.push((range.start, bytes(range)));
                }
            }
        }
    };
    let most = u32::MAX / 32;
    for frames in [u32::MAX, 1 << 30, most + 1] {
        let error: Error = parse(frames, &Options::default()).unwrap_err();
        let expected = Error::Limit {
            offset: 0x98,
            what: "number of frames",
            value: frames.into(),
            limit: most.into(),
        };
        assert_eq!(error, expected);
    }
    let boundless = Options::default().limits(Limits::default().frames(u32::MAX));
    for (frames, options) in [
        (most, Options::default()),
        (1 << 28, boundless.clone()),
        (u32::MAX, boundless),
    ] {
        let layout = parse(frames, &options).unwrap();
        assert_eq!(layout.frames(), frames as usize);
        // Tables of 4 GiB do not fit into a footer.
        let clock: Vec<_> = layout.clock_ranges().collect();
        assert_eq!(clock.len(), usize::from(frames < u32::MAX));
        let pieces = Pieces::new(claiming(frames).1);
        let clock = layout.movie(&pieces).clock();
        assert!(matches!(
            clock,
            Err(Error::NotFetched { .. } | Error::NoClock { .. } | Error::Memory { .. })
        ));
    }
}

/// Frames that are too many, too far or too large for the place of the footer would be read shifted.
#[test]
fn frames_that_reach_into_the_footer_are_refused() {
    let whole = write(&Spec::packed(4, 2), &pixels_u16(6, 2, 4));
    let (end, footer_start) = (232 + 6 * 16, footer(&whole) as u64);
    assert_eq!(footer_start, end);
    let more = |bytes: &mut Vec<u8>| {
        set_u32(bytes, 0x24, 7);
        set_u32(bytes, 0x98, 7);
    };
    let later = |bytes: &mut Vec<u8>| set_u32(bytes, 0xBC, 114);
    let earlier_footer = |bytes: &mut Vec<u8>| {
        // The footer stands a frame earlier, over the last one.
        let foot = bytes[end as usize..].to_vec();
        bytes.truncate(end as usize - 16);
        bytes.extend(foot);
        bytes.extend([0; 16]);
        set_u64(bytes, 0xC0, 112 + 5 * 16);
    };
    let damaged = |damage: &dyn Fn(&mut Vec<u8>)| {
        let mut odd = whole.clone();
        damage(&mut odd);
        odd
    };
    for (odd, frames_end, footer) in [
        (damaged(&more), end + 16, end),
        (damaged(&later), end + 2, end),
        (damaged(&earlier_footer), end, end - 16),
    ] {
        let expected = Error::FramesInFooter {
            offset: 0x98,
            frames_end,
            footer,
        };
        for options in [Options::default(), salvage()] {
            assert_eq!(Dcimg::parse_with(&odd, &options).unwrap_err(), expected);
        }
    }
}

#[test]
fn frames_that_are_not_counted_are_a_warning() {
    let movie = pixels_u16(6, 2, 4);
    let whole = write(&Spec::packed(4, 2), &movie);
    let warnings = |odd: &[u8], frames: usize| {
        let file = Dcimg::parse(odd).unwrap();
        assert_eq!(file.movie().len(), frames);
        file.warnings().to_vec()
    };
    let uncounted = |bytes, frames| Warning::Uncounted {
        offset: 0x98,
        bytes,
        frames,
    };
    assert_eq!(warnings(&whole, 6), []);
    let mut fewer = whole.clone();
    set_u32(&mut fewer, 0x24, 4);
    set_u32(&mut fewer, 0x98, 4);
    assert_eq!(warnings(&fewer, 4), [uncounted(32, 2)]);
    let mut earlier = whole.clone();
    set_u32(&mut earlier, 0xBC, 110);
    assert_eq!(warnings(&earlier, 6), [uncounted(2, 0)]);
}

/// The pattern that cameras write over relocated pixels tells whether an announcement is to be believed.
#[test]
fn an_announcement_without_junk_is_a_warning() {
    let movie = pixels_u16(3, 10, 16);
    let spec = Spec::packed(16, 10).relocated_at(2, 4);
    let warning = |bytes: &[u8]| {
        let file = Dcimg::parse(bytes).unwrap();
        file.movie().relocation().unwrap().warning()
    };
    let whole = write(&spec, &movie);
    assert_eq!(warning(&whole), None);
    let mut odd = whole.clone();
    let place = footer(&whole) + 0xA0 + 0x64;
    set_u32(&mut odd, place, 3 * 32 + 8);
    let expected = Warning::NoJunk {
        row: 3,
        column: 4,
        examined: 3,
    };
    assert_eq!(warning(&odd), Some(expected));
    // One frame with junk is enough, and without a place there is nothing to warn of.
    odd[232 + 320 + 3 * 32 + 8..][..8].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
    assert_eq!(warning(&odd), None);
    assert_eq!(warning(&write(&Spec::packed(16, 10), &movie)), None);
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
