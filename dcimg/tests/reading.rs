//! Requests that cannot be met, files on disk, and what threads may do.

#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

mod common;

use common::{pixels_u8, pixels_u16, stamp, write};
use dcimg::write::{self, Spec, Writer};
use dcimg::{
    Dcimg, Error, FetchError, Frame, Layout, Limits, Movie, Options, Padding, Pieces, PixelType,
};
use ndarray::{Array2, Array3};
use std::ops::Range;

fn file() -> Vec<u8> {
    write(&Spec::packed(8, 6).relocated_at(2, 1), &pixels_u16(4, 6, 8))
}

#[test]
fn frames_and_movies_go_to_other_threads() {
    fn check<T: Send + Sync>() {}
    check::<Frame<'_>>();
    check::<Movie<'_>>();
    check::<Dcimg<'_>>();

    let bytes = file();
    let file = Dcimg::parse(&bytes).unwrap();
    let movie = file.movie();
    std::thread::scope(|scope| {
        for frame in movie.frames() {
            scope.spawn(move || {
                let read = frame.to_array::<u16>().unwrap();
                assert_eq!(
                    read,
                    pixels_u16(4, 6, 8).index_axis(ndarray::Axis(0), frame.index())
                );
            });
        }
    });
}

#[test]
fn iterator_knows_its_length_and_both_ends() {
    let bytes = file();
    let file = Dcimg::parse(&bytes).unwrap();
    let mut frames = file.movie().frames();
    assert_eq!(frames.len(), 4);
    assert_eq!(frames.next_back().unwrap().index(), 3);
    assert_eq!(frames.next().unwrap().index(), 0);
    assert_eq!(frames.len(), 2);
}

#[test]
fn buffers_of_another_shape_are_refused() {
    let bytes = file();
    let file = Dcimg::parse(&bytes).unwrap();
    let movie = file.movie();
    let frame = movie.frame(0).unwrap();
    let mut transposed = Array2::<u16>::zeros((8, 6));
    assert_eq!(
        frame.read_into(transposed.view_mut()),
        Err(Error::Shape {
            needed: vec![6, 8],
            found: vec![8, 6]
        })
    );
    let mut short = Array3::<u16>::zeros((3, 6, 8));
    assert!(matches!(
        movie.read_into(0..4, short.view_mut()),
        Err(Error::Shape { .. })
    ));
    assert!(movie.read_into(1..4, short.view_mut()).is_ok());
}

#[test]
#[expect(
    clippy::reversed_empty_ranges,
    reason = "what a careless caller may ask for"
)]
fn ranges_that_do_not_exist_are_refused() {
    let bytes = file();
    let file = Dcimg::parse(&bytes).unwrap();
    let movie = file.movie();
    assert_eq!(
        movie.frame(4).err(),
        Some(Error::NoSuchFrame { index: 4, count: 4 })
    );
    assert!(matches!(
        movie.to_array::<u16>(2..5),
        Err(Error::NoSuchRange {
            what: "frames",
            start: 2,
            end: 5,
            count: 4
        })
    ));
    assert!(movie.to_array::<u16>(3..2).is_err());
    assert!(movie.to_array::<u16>(0..usize::MAX).is_err());
    let frame = movie.frame(0).unwrap();
    let mut out = Array2::<u16>::zeros((1, 1));
    for (rows, columns, what) in [
        (6..7, 0..1, "rows"),
        (0..1, 8..9, "columns"),
        (1..0, 0..1, "rows"),
    ] {
        let error = frame
            .read_region_into(rows, columns, out.view_mut())
            .unwrap_err();
        assert!(matches!(error, Error::NoSuchRange { what: found, .. } if found == what));
    }
    assert!(file.layout().frame_ranges(3..5).is_err());
    assert_eq!(file.layout().frame_ranges(4..4), Ok(vec![]));
}

#[test]
fn pixel_types_that_do_not_fit_are_refused() {
    let bytes = file();
    let sixteen = Dcimg::parse(&bytes).unwrap();
    let frame = sixteen.movie().frame(0).unwrap();
    assert!(matches!(
        frame.to_array::<u8>(),
        Err(Error::PixelType { asked: "u8", .. })
    ));
    assert!(matches!(frame.raw_u8(), Err(Error::PixelType { .. })));
    let bytes = write(
        &Spec::packed(9, 6).pixel(PixelType::U8),
        &pixels_u8(2, 6, 9),
    );
    let eight = Dcimg::parse(&bytes).unwrap();
    let frame = eight.movie().frame(0).unwrap();
    assert!(matches!(frame.raw_u16(), Err(Error::PixelType { .. })));
    assert!(frame.raw_u8().is_ok());
}

/// Pixels at odd addresses cannot be viewed, but read.
#[test]
fn odd_addresses() {
    let spec = Spec::packed(8, 6).data_offset(113).relocated_at(2, 1);
    let movie = pixels_u16(4, 6, 8);
    let bytes = write(&spec, &movie);
    for shift in 0..2 {
        let mut moved = vec![0; shift];
        moved.extend_from_slice(&bytes);
        let file = Dcimg::parse(&moved[shift..]).unwrap();
        let even = (moved.as_ptr() as usize + shift + 0x78 + 113).is_multiple_of(2);
        let frame = file.movie().frame(1).unwrap();
        assert_eq!(frame.raw_u16().is_ok(), even);
        assert_eq!(file.movie().to_array::<u16>(0..4).unwrap(), movie);
    }
}

#[test]
fn zero_copy_views_step_over_padding() {
    let movie = pixels_u16(2, 6, 8);
    for (spec, padding) in [
        (Spec::packed(8, 6).row_padding(6), Padding::Trailing),
        (Spec::packed(8, 6).leading_row_padding(6), Padding::Leading),
    ] {
        let bytes = write(&spec, &movie);
        let options = Options::default().padding(padding);
        let file = Dcimg::parse_with(&bytes, &options).unwrap();
        let view = file.movie().frame(1).unwrap().raw_u16().unwrap();
        assert_eq!(view.strides(), [11, 1]);
        assert_eq!(view, movie.index_axis(ndarray::Axis(0), 1));
        let inside = bytes.as_ptr_range();
        assert!(inside.contains(&view.as_ptr().cast()));
    }
}

#[test]
fn limits_of_the_caller_hold() {
    let bytes = file();
    let with = |limits| Dcimg::parse_with(&bytes, &Options::default().limits(limits)).map(|_| ());
    let limits = Limits::default();
    assert!(matches!(
        with(limits.frames(3)),
        Err(Error::Limit {
            value: 4,
            limit: 3,
            ..
        })
    ));
    assert!(matches!(
        with(limits.frame_bytes(95)),
        Err(Error::Limit { value: 96, .. })
    ));
    assert!(matches!(
        with(limits.header_bytes(119)),
        Err(Error::HeaderSize { .. })
    ));
    assert_eq!(
        with(limits.frames(4).frame_bytes(96).header_bytes(120)),
        Ok(())
    );
}

#[test]
fn owned_bytes_need_no_owner() {
    let file: Dcimg<'static> = Dcimg::from_vec(file(), &Options::default()).unwrap();
    assert_eq!(file.movie().len(), 4);
}

#[test]
fn writer_refuses_other_frames() {
    let mut writer = Writer::new(std::io::Cursor::new(Vec::new()), &Spec::packed(8, 6)).unwrap();
    let wrong = Array2::<u16>::zeros((8, 6));
    assert!(matches!(
        writer.push(wrong.view(), stamp(0)),
        Err(write::Error::Shape {
            needed: [6, 8],
            found: [8, 6]
        })
    ));
    let eight = Array2::<u8>::zeros((6, 8));
    assert!(matches!(
        writer.push(eight.view(), stamp(0)),
        Err(write::Error::PixelType {
            needed: PixelType::U16,
            given: PixelType::U8
        })
    ));
    assert_eq!(writer.frames(), 0);
}

/// A destination that already holds something, and frames that are not contiguous.
#[test]
fn writer_starts_where_the_destination_stands() {
    use std::io::{Cursor, Seek, SeekFrom};
    let mut out = Cursor::new(vec![0xAA; 10]);
    out.seek(SeekFrom::End(0)).unwrap();
    let mut writer = Writer::new(out, &Spec::framed(6, 8)).unwrap();
    let frame = pixels_u16(1, 6, 8).index_axis_move(ndarray::Axis(0), 0);
    writer.push(frame.t(), stamp(0)).unwrap();
    let out = writer.finish().unwrap();
    assert_eq!(out.position(), out.get_ref().len() as u64);
    let bytes = out.into_inner();
    assert_eq!(bytes[..10], [0xAA; 10]);
    let file = Dcimg::parse(&bytes[10..]).unwrap();
    assert!(file.warnings().is_empty());
    assert_eq!(
        file.movie().frame(0).unwrap().to_array::<u16>().unwrap(),
        frame.t()
    );
}

#[test]
fn an_unfinished_file_has_no_frames() {
    let mut out = std::io::Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, &Spec::framed(8, 6)).unwrap();
    for frame in pixels_u16(3, 6, 8).outer_iter() {
        writer.push(frame, stamp(0)).unwrap();
    }
    drop(writer);
    assert!(matches!(
        Dcimg::parse(out.get_ref()),
        Err(Error::NoFrames { .. })
    ));
}

/// A request for what stands side by side, or nearly so; one a frame where whole frames lie between.
#[test]
fn ranges_of_the_clock_are_few() {
    let lengths = |spec: Spec, [frames, height, width]: [usize; 3]| {
        let bytes = write(&spec, &pixels_u16(frames, height, width));
        let layout = Layout::parse(&bytes, &Options::default()).unwrap();
        let mut pieces = Pieces::new(bytes.len() as u64);
        let fetch = |range: Range<u64>| {
            bytes
                .get(range.start as usize..range.end as usize)
                .ok_or(())
        };
        pieces.fetch(layout.clock_ranges(), fetch).unwrap();
        let clock = layout.movie(&pieces).clock().unwrap();
        assert_eq!(clock, layout.movie_of(&bytes).clock().unwrap());
        assert_eq!(clock.len(), frames);
        let ranges = layout.clock_ranges();
        ranges
            .map(|range| range.end - range.start)
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(Spec::packed(8, 6), [5, 6, 8]), [5 * 12]);
    assert_eq!(lengths(Spec::framed(64, 64), [3, 64, 64]), [12; 3]);
    // 96 + 32 bytes from one trailer to the next, and no more than 1 MiB together.
    assert_eq!(lengths(Spec::framed(8, 6), [5, 6, 8]), [4 * 128 + 12]);
    let together = (1 << 20) / 128;
    assert_eq!(
        lengths(Spec::framed(8, 6), [together + 5, 6, 8]),
        [(together as u64 - 1) * 128 + 12, 4 * 128 + 12]
    );
}

/// Who asks for a range and gets less is told, and does not ask for ever.
#[test]
fn short_fetches_are_errors() {
    let bytes = file();
    let size = bytes.len() as u64;
    let short =
        |range: Range<u64>| Ok::<_, ()>(&bytes[range.start as usize..range.end as usize - 1]);
    let expected = FetchError::Format(Error::NotFetched {
        offset: 0,
        bytes: size.min(4096),
    });
    assert_eq!(
        Layout::from_fetch(size, &Options::default(), short),
        Err(expected)
    );
    let failing = |_: Range<u64>| Err::<Vec<u8>, _>("offline");
    let failed = Layout::from_fetch(size, &Options::default(), failing);
    assert_eq!(failed, Err(FetchError::Fetch("offline")));
}

#[cfg(any(unix, windows))]
mod on_disk {
    use super::*;
    use dcimg::{File, OpenError};
    use std::error::Error as _;

    #[test]
    fn a_file_on_disk_is_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("movie");
        std::fs::write(&path, file()).unwrap();
        let on_disk = File::open(&path).unwrap();
        let bytes = file();
        let parsed = Dcimg::parse(&bytes).unwrap();
        assert_eq!(on_disk.layout(), parsed.layout());
        assert_eq!(
            on_disk.movie().to_array::<u16>(0..4).unwrap(),
            pixels_u16(4, 6, 8)
        );
        let view = on_disk.movie().frame(3).unwrap().raw_u16();
        assert!(matches!(view, Err(Error::NoView { .. })));
    }

    #[test]
    fn errors_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let missing = File::open(folder.path().join("missing")).unwrap_err();
        assert!(matches!(missing, OpenError::Io { .. }));
        assert!(
            missing.to_string().contains("missing cannot be read"),
            "{missing}"
        );
        // The cause is told once.
        let cause = missing.source().unwrap().to_string();
        assert!(!missing.to_string().contains(&cause), "{missing}: {cause}");
        assert!(File::open(folder.path()).is_err());

        for (name, bytes) in [
            ("empty", vec![]),
            ("text", b"hello".to_vec()),
            ("cut", file()[..300].to_vec()),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let error = File::open(&path).unwrap_err();
            assert!(matches!(error, OpenError::Format { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
            let cause = error.source().unwrap().to_string();
            assert!(cause.starts_with("byte "), "{cause}");
            assert!(!error.to_string().contains(&cause), "{error}");
        }
        let salvage = Options::default().salvage(true);
        assert_eq!(
            File::open_with(folder.path().join("cut"), &salvage)
                .unwrap()
                .movie()
                .len(),
            0
        );
    }

    /// Sizes beyond 32 bits; the file is sparse, so it takes no room.
    #[test]
    fn frames_beyond_4_gib() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let spec = Spec::framed(2048, 2048).trailer_bytes(16);
        let bytes = write(&spec, &pixels_u16(1, 2048, 2048));
        let frames = 700u64;
        let stride = 2048 * 2048 * 2 + 16;
        let size = 0x70 + 760 + frames * stride + 144 + 32 * frames;
        let mut header = bytes[..0x70 + 760].to_vec();
        common::set_u32(&mut header, 0x24, frames as u32);
        common::set_u32(&mut header, 0xAC, frames as u32);
        common::set_u64(&mut header, 0x30, size);
        common::set_u64(&mut header, 0x40, size);
        common::set_u64(&mut header, 0x70, size - 0x70);
        {
            use std::io::{Seek, SeekFrom, Write};
            let mut out = std::fs::File::create(&path).unwrap();
            out.write_all(&header).unwrap();
            out.seek(SeekFrom::Start(0x70 + 760 + (frames - 1) * stride))
                .unwrap();
            out.write_all(&bytes[0x70 + 760..0x70 + 760 + stride as usize])
                .unwrap();
            out.set_len(size).unwrap();
        }
        let file = File::open(&path).unwrap();
        assert!(file.warnings().is_empty(), "{:?}", file.warnings());
        assert_eq!(file.movie().len(), 700);
        let last = file.movie().frame(699).unwrap();
        assert_eq!(
            last.to_array::<u16>().unwrap(),
            pixels_u16(1, 2048, 2048).index_axis(ndarray::Axis(0), 0)
        );
        assert_eq!(last.stamp(), Ok(Some(stamp(0))));
        let before = file.movie().frame(698).unwrap();
        assert_eq!(before.to_array::<u16>().unwrap()[[5, 5]], 0);
    }
}
