//! Reads everything there is to read from any bytes and checks what must always hold. Shared by
//! the tests of damaged files, the regression corpus and the fuzz targets.

use std::ops::Range;

use dcimg::{Dcimg, Error, Frame, Layout, Limits, Options, Padding, Pieces, Sessions, Step};
use ndarray::{Array2, s};

/// Strict and forgiving options, every padding among them.
pub(crate) fn options() -> [Options; 3] {
    let forgiving = Options::default().salvage(true).sessions(Sessions::First);
    [
        Options::default(),
        forgiving.clone().padding(Padding::Leading),
        forgiving
            .padding(Padding::Keep)
            .limits(Limits::default().frames(1000).frame_bytes(1 << 20)),
    ]
}

/// Parses `bytes` whole and in pieces; the outcomes must agree, and errors say where.
pub(crate) fn headers(bytes: &[u8], options: &Options) {
    let whole = Layout::parse(bytes, options);
    if let Err(error) = &whole {
        assert!(error.offset().is_some(), "{error}");
        assert!(error.to_string().starts_with("byte "), "{error}");
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for _ in 0..8 {
        let mut pieces = Pieces::new(bytes.len() as u64);
        for range in &ranges {
            pieces.add(range.start, &bytes[usize_range(range)]);
        }
        let step = Layout::from_pieces(&pieces, options);
        let parsed = match &step {
            Ok(Step::Needs(range)) => {
                assert!(range.start < range.end && range.end <= bytes.len() as u64);
                ranges.push(range.clone());
                continue;
            }
            Ok(Step::Done(layout)) => Ok(layout),
            Err(error) => Err(error),
        };
        assert_eq!(parsed, whole.as_ref());
        return;
    }
    panic!("more than a handful of fetches: {ranges:?}");
}

/// Reads every frame in every way, the clock and the reports.
pub(crate) fn whole_file(bytes: &[u8], options: &Options) {
    let Ok(file) = Dcimg::parse_with(bytes, options) else {
        return;
    };
    let movie = file.movie();
    let (n, height, width) = (movie.len(), movie.height(), movie.width());
    // What reading allocates is a small multiple of the file.
    assert!(n * height * width * movie.pixel().bytes() <= bytes.len());
    for warning in file.warnings() {
        assert!(!warning.to_string().is_empty());
    }

    match movie.clock() {
        Ok(clock) => {
            assert!(clock.len() <= n && clock.len() + 1 >= n);
            assert_eq!(clock.intervals_s().len(), clock.len().saturating_sub(1));
            assert!(clock.gaps().iter().all(|gap| gap.after + 1 < clock.len()));
            let _ = (clock.warnings(), clock.rate_hz(), clock.camera_rate_hz());
            for (frame, time) in movie.frames().zip(clock.times()) {
                let stamp = frame.stamp().expect("bytes at hand");
                assert_eq!(stamp.map(|stamp| stamp.time), Some(*time));
                assert!(time.to_string().ends_with('Z'));
            }
        }
        Err(error) => assert!(matches!(error, Error::NoClock { .. }), "{error}"),
    }
    let relocation = movie.relocation().expect("bytes at hand");
    assert!(relocation.restored() <= n && !relocation.to_string().is_empty());

    // Without frames the image may be of any size.
    if movie.is_empty() {
        return;
    }
    let mut restored = 0;
    let mut pixels = Array2::<u16>::zeros((height, width));
    let mut floats = Array2::<f32>::zeros((height, width));
    for frame in movie.frames() {
        frame.read_into(pixels.view_mut()).expect("whole frame");
        frame.read_into(floats.view_mut()).expect("whole frame");
        assert!(pixels.iter().zip(&floats).all(|(&a, &b)| f32::from(a) == b));
        row_by_row(&frame, &pixels);
        let relocated = frame.relocated().expect("whole frame");
        restored += usize::from(relocated.is_some());
        // Only relocated pixels differ between what is stored and what is read.
        let stored = match (frame.raw_u16(), frame.raw_u8()) {
            (Ok(view), _) => view.to_owned(),
            (_, Ok(view)) => view.mapv(u16::from),
            _ => continue,
        };
        if let Some(relocated) = relocated {
            let from = relocated.column;
            let to = from + relocated.values().len();
            let read = pixels.slice(s![relocated.row, from..to]);
            assert_eq!(read.to_vec(), relocated.values());
            pixels
                .slice_mut(s![relocated.row, from..to])
                .assign(&stored.slice(s![relocated.row, from..to]));
        }
        assert_eq!(pixels, stored);
    }
    assert_eq!(restored, relocation.restored());
}

/// Rows one by one are those of the frame, and there are no others.
fn row_by_row(frame: &Frame<'_>, whole: &Array2<u16>) {
    let rows = frame.rows::<u16>().expect("whole frame");
    let mut row = vec![0; frame.width()];
    for (y, whole) in whole.outer_iter().enumerate() {
        rows.read_into(y, &mut row).expect("a row");
        assert_eq!(whole.to_slice(), Some(row.as_slice()), "row {y}");
    }
    for beyond in [frame.height(), usize::MAX] {
        let error = rows.read_into(beyond, &mut row);
        assert!(matches!(error, Err(Error::NoSuchRange { .. })));
    }
    let error = rows.read_into(0, &mut row[1..]);
    assert!(matches!(error, Err(Error::Shape { .. })));
}

/// Reads a part of some frames from the fetched ranges alone; it must be that part of the whole.
/// The numbers are taken modulo what there is.
pub(crate) fn frame_access(bytes: &[u8], options: &Options, numbers: [u8; 6]) {
    let Ok(file) = Dcimg::parse_with(bytes, options) else {
        return;
    };
    let movie = file.movie();
    let range = |i: usize, count: usize| {
        let (a, b) = (usize::from(numbers[i]), usize::from(numbers[i + 1]));
        let (a, b) = (a % (count + 1), b % (count + 1));
        a.min(b)..a.max(b)
    };
    let frames = range(0, movie.len());
    let (rows, columns) = (range(2, movie.height()), range(4, movie.width()));

    let layout = file.layout();
    let ranges = layout
        .frame_ranges(frames.clone())
        .expect("frames of the movie");
    let mut pieces = Pieces::new(bytes.len() as u64);
    for range in &ranges {
        pieces.add(range.start, &bytes[usize_range(range)]);
    }
    let fetched = layout.movie(&pieces);
    for index in frames {
        let whole = movie
            .frame(index)
            .expect("a frame")
            .to_array::<u16>()
            .expect("whole frame");
        let mut part = Array2::<u16>::zeros((rows.len(), columns.len()));
        let frame = fetched.frame(index).expect("a frame");
        frame
            .read_region_into(rows.clone(), columns.clone(), part.view_mut())
            .expect("fetched bytes");
        assert_eq!(part, whole.slice(s![rows.clone(), columns.clone()]));
        assert_eq!(frame.stamp(), movie.frame(index).expect("a frame").stamp());
    }
    assert!(movie.frame(movie.len()).is_err());
    assert!(layout.frame_ranges(0..movie.len() + 1).is_err());
}

fn usize_range(range: &Range<u64>) -> Range<usize> {
    let place = |offset: u64| usize::try_from(offset).expect("inside the file");
    place(range.start)..place(range.end)
}
