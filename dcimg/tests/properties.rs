//! What is written is read, over all layouts, and ways of reading agree with each other.

#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

mod common;

use common::{raw, write_with};
use dcimg::write::Spec;
use dcimg::{Dcimg, Layout, Options, Padding, Pieces, PixelType, Stamp, Step, Timestamp, Version};
use ndarray::{Array2, Array3, ArrayView3, s};
use proptest::prelude::*;

/// A file and what must be read from it.
#[derive(Debug)]
struct Sample {
    bytes: Vec<u8>,
    pixels: Array3<u16>,
    stamps: Vec<Stamp>,
    options: Options,
    spec: Spec,
}

prop_compose! {
    fn any_sample()(
        version in 0..3usize,
        pixel in prop_oneof![Just(PixelType::U8), Just(PixelType::U16)],
        (frames, height, width) in (1..5usize, 1..12usize, 1..20usize),
        padding in 0..7u32,
        leading in any::<bool>(),
        place in prop::option::of((0..12u32, 0..20u32)),
        unannounced in any::<bool>(),
        (y0, binning) in (1000..1024u16, 1..4u16),
        extra_header in 0..300u32,
        trailer in 20..80u32,
        seed in any::<u64>(),
    ) -> Sample {
        let (w, h) = (width as u32, height as u32);
        let mut spec = match version {
            0 => Spec::packed(w, h).data_offset(112 + extra_header),
            1 => Spec::framed(w, h).data_offset(760 + extra_header),
            _ => Spec::framed_v2(w, h).data_offset(760 + extra_header),
        };
        spec = spec.pixel(pixel).session_offset(0x70 + extra_header % 7);
        if version > 0 {
            spec = spec.trailer_bytes(trailer).binning(binning).first_sensor_row(y0);
        }
        spec = if leading {
            spec.leading_row_padding(padding)
        } else {
            spec.row_padding(padding)
        };
        let size = pixel.bytes() as u32;
        let row_bytes = w * size + padding;
        if let Some((row, column)) = place {
            if version > 0 && unannounced {
                let computed = if version == 2 { 0 } else { u32::from(1023 - y0) / u32::from(binning) };
                if row_bytes >= 8 && computed < h {
                    spec = spec.relocated_unannounced();
                }
            } else if row_bytes >= 8 {
                spec = spec.relocated_at(row % h, column % ((row_bytes - 8) / size + 1));
            }
        }
        // A small generator: every bit pattern occurs, the junk pattern does not.
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as u32
        };
        let top = if pixel == PixelType::U8 { 256 } else { 65_535 };
        let pixels = Array3::from_shape_fn((frames, height, width), |_| (next() % top) as u16);
        let stamps: Vec<_> = (0..frames)
            .map(|_| Stamp {
                framestamp: next(),
                time: Timestamp { seconds: next(), microseconds: next() % 1_000_000 },
            })
            .collect();
        let bytes = match pixel {
            PixelType::U8 => write_with(&spec, &pixels.mapv(|p| p as u8), |i| stamps[i]),
            _ => write_with(&spec, &pixels, |i| stamps[i]),
        };
        let side = if leading { Padding::Leading } else { Padding::Trailing };
        Sample { bytes, pixels, stamps, options: Options::default().padding(side), spec }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn write_then_read_is_identity(sample in any_sample()) {
        let Sample { bytes, pixels, stamps, options, .. } = &sample;
        let file = Dcimg::parse_with(bytes, options).unwrap();
        let movie = file.movie();
        let n = movie.len();
        prop_assert_eq!(&movie.to_array::<u16>(0..n).unwrap(), pixels);
        prop_assert_eq!(movie.to_array::<f32>(0..n).unwrap(), pixels.mapv(f32::from));
        let read: Vec<_> = movie.frames().map(|frame| frame.stamp().unwrap().unwrap()).collect();
        prop_assert_eq!(&read, stamps);
        let clock = movie.clock().unwrap();
        prop_assert!(clock.framestamps().iter().eq(stamps.iter().map(|s| &s.framestamp)));
        prop_assert!(clock.times().iter().eq(stamps.iter().map(|s| &s.time)));
        let odd = |w: &&dcimg::Warning| !matches!(w, dcimg::Warning::VersionTwo);
        prop_assert_eq!(file.warnings().iter().find(odd), None);
    }

    /// A stored frame with its relocated pixels put in is the frame that is read.
    #[test]
    fn raw_and_relocated_make_the_frame(sample in any_sample()) {
        let file = Dcimg::parse_with(&sample.bytes, &sample.options).unwrap();
        for frame in file.movie().frames() {
            if file.movie().pixel() == PixelType::U16 && file.header().row_bytes % 2 == 1 {
                prop_assert!(frame.raw_u16().is_err());
                continue;
            }
            if frame.raw_u16().is_err() && frame.raw_u8().is_err() {
                continue; // odd address
            }
            let mut stored = raw(&file, frame.index());
            if let Some(relocated) = frame.relocated().unwrap() {
                for (i, &value) in relocated.values().iter().enumerate() {
                    stored[[relocated.row, relocated.column + i]] = value;
                }
            }
            prop_assert_eq!(stored, sample.pixels.slice(s![frame.index(), .., ..]));
        }
    }

    #[test]
    fn any_window_is_that_part_of_the_whole(sample in any_sample(), cut in any::<[u8; 6]>()) {
        let file = Dcimg::parse_with(&sample.bytes, &sample.options).unwrap();
        let (n, h, w) = sample.pixels.dim();
        let range = |a: u8, b: u8, size: usize| {
            let (a, b) = (usize::from(a) % (size + 1), usize::from(b) % (size + 1));
            a.min(b)..a.max(b)
        };
        let frames = range(cut[0], cut[1], n);
        let (rows, columns) = (range(cut[2], cut[3], h), range(cut[4], cut[5], w));
        let part: ArrayView3<u16> =
            sample.pixels.slice(s![frames.clone(), rows.clone(), columns.clone()]);
        let mut out = Array3::<f32>::zeros(part.dim());
        file.movie()
            .read_region_into(frames.clone(), rows.clone(), columns.clone(), out.view_mut())
            .unwrap();
        prop_assert_eq!(&out, &part.mapv(f32::from));
        // Transposed, so that nothing in the buffer is contiguous.
        for frame in frames {
            let mut out = Array2::<u16>::zeros((columns.len(), rows.len()));
            file.movie()
                .frame(frame)
                .unwrap()
                .read_region_into(rows.clone(), columns.clone(), out.view_mut().reversed_axes())
                .unwrap();
            prop_assert_eq!(
                out.t(),
                sample.pixels.slice(s![frame, rows.clone(), columns.clone()])
            );
        }
    }

    /// Only the announced ranges are fetched; everything asked for is in them.
    #[test]
    fn fetched_ranges_hold_what_they_promise(sample in any_sample(), cut in any::<[u8; 2]>()) {
        let bytes = &sample.bytes;
        let fetch = |ranges: &[std::ops::Range<u64>]| -> Vec<(u64, Vec<u8>)> {
            ranges.iter()
                .map(|r| (r.start, bytes[r.start as usize..r.end as usize].to_vec()))
                .collect()
        };
        fn pieces(size: usize, parts: &[(u64, Vec<u8>)]) -> Pieces<'_> {
            let mut pieces = Pieces::new(size as u64);
            parts.iter().for_each(|(start, bytes)| pieces.add(*start, bytes));
            pieces
        }
        let mut parts = Vec::new();
        let layout = loop {
            match Layout::from_pieces(&pieces(bytes.len(), &parts), &sample.options).unwrap() {
                Step::Done(layout) => break layout,
                Step::Needs(range) => parts.extend(fetch(&[range])),
            }
        };
        prop_assert!(parts.len() <= 3, "{}", parts.len());

        let n = layout.frames();
        let (a, b) = (usize::from(cut[0]) % (n + 1), usize::from(cut[1]) % (n + 1));
        let wanted = a.min(b)..a.max(b);
        let parts = fetch(&layout.frame_ranges(wanted.clone()).unwrap());
        let pieces_of_frames = pieces(bytes.len(), &parts);
        let movie = layout.movie(&pieces_of_frames);
        prop_assert_eq!(
            movie.to_array::<u16>(wanted.clone()).unwrap(),
            sample.pixels.slice(s![wanted.clone(), .., ..])
        );
        for frame in wanted.clone() {
            prop_assert_eq!(movie.frame(frame).unwrap().stamp(), Ok(Some(sample.stamps[frame])));
        }
        prop_assert!(movie.relocation().unwrap().restored() <= wanted.len());

        let ranges: Vec<_> = layout.clock_ranges().collect();
        let parts = fetch(&ranges);
        let pieces_of_clock = pieces(bytes.len(), &parts);
        let clock = layout.movie(&pieces_of_clock).clock().unwrap();
        prop_assert!(clock.times().iter().eq(sample.stamps.iter().map(|s| &s.time)));
    }

    /// A file read by position is the file in memory.
    #[cfg(any(unix, windows))]
    #[test]
    fn on_disk_is_in_memory(sample in any_sample(), part in any::<[u8; 4]>()) {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), &sample.bytes).unwrap();
        let disk = dcimg::File::open_with(path.path(), &sample.options).unwrap();
        let memory = Dcimg::parse_with(&sample.bytes, &sample.options).unwrap();
        prop_assert_eq!(disk.layout(), memory.layout());
        let (disk, memory) = (disk.movie(), memory.movie());
        let n = memory.len();
        prop_assert_eq!(disk.to_array::<u16>(0..n), memory.to_array(0..n));
        prop_assert_eq!(disk.to_array::<f32>(0..n), memory.to_array(0..n));
        prop_assert_eq!(disk.clock(), memory.clock());
        prop_assert_eq!(disk.relocation(), memory.relocation());
        let range = |i: usize, side: usize| {
            let (a, b) = (usize::from(part[i]) % (side + 1), usize::from(part[i + 1]) % (side + 1));
            a.min(b)..a.max(b)
        };
        let (rows, columns) = (range(0, memory.height()), range(2, memory.width()));
        for (disk, memory) in disk.frames().zip(memory.frames()) {
            prop_assert_eq!(disk.stamp(), memory.stamp());
            prop_assert_eq!(disk.relocated(), memory.relocated());
            prop_assert_eq!(disk.raw_bytes(), memory.raw_bytes());
            let mut read = [(); 2].map(|()| Array2::<f32>::zeros((rows.len(), columns.len())));
            disk.read_region_into(rows.clone(), columns.clone(), read[0].view_mut()).unwrap();
            memory.read_region_into(rows.clone(), columns.clone(), read[1].view_mut()).unwrap();
            prop_assert_eq!(&read[0], &read[1]);
        }
    }

    #[cfg(feature = "rayon")]
    #[test]
    fn parallel_is_serial(sample in any_sample()) {
        use rayon::iter::ParallelIterator;
        let file = Dcimg::parse_with(&sample.bytes, &sample.options).unwrap();
        let mut out = Array3::<u16>::zeros(sample.pixels.dim());
        file.movie().par_read_into(0..file.movie().len(), out.view_mut()).unwrap();
        prop_assert_eq!(&out, &sample.pixels);
        let frames: Vec<_> = file.movie().par_frames().map(|f| f.to_array::<u16>().unwrap()).collect();
        for (t, frame) in frames.iter().enumerate() {
            prop_assert_eq!(frame, &sample.pixels.slice(s![t, .., ..]));
        }
    }

    /// Cut anywhere, salvage gives only true pixels.
    #[test]
    fn salvaged_frames_are_true(sample in any_sample(), cut in any::<u16>()) {
        let length = usize::from(cut) % (sample.bytes.len() + 1);
        let options = sample.options.clone().salvage(true);
        let Ok(file) = Dcimg::parse_with(&sample.bytes[..length], &options) else {
            // Then the cut is in the headers.
            prop_assert!((length as u64) < 1 << 11);
            return Ok(());
        };
        for frame in file.movie().frames() {
            let read = frame.to_array::<u16>().unwrap();
            let expected = sample.pixels.slice(s![frame.index(), .., ..]);
            let differing = read.iter().zip(expected).filter(|(a, b)| a != b).count();
            if file.header().version == Version::Packed && file.header().footer.is_none() {
                // The true bytes of up to eight pixels went with the footer.
                prop_assert!(differing <= 8);
            } else if file.warnings().iter().all(|w| !matches!(w, dcimg::Warning::NotRestored { .. })) {
                prop_assert_eq!(differing, 0);
            }
        }
    }
}

/// The generator reaches every kind of file.
#[test]
fn samples_cover_the_layouts() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut computed, mut announced, mut none) = ([0; 3], [0; 3], [0; 3]);
    for _ in 0..500 {
        let sample = any_sample().new_tree(&mut runner).unwrap().current();
        let file = Dcimg::parse_with(&sample.bytes, &sample.options).unwrap();
        let version = match file.header().version {
            Version::Packed => 0,
            Version::Framed => 1,
            _ => 2,
        };
        let relocation = file.movie().relocation().unwrap();
        let site = relocation.sites.iter().find(|site| site.restored > 0);
        match site.map(|site| site.basis) {
            Some(dcimg::Basis::Computed) => computed[version] += 1,
            Some(_) => announced[version] += 1,
            None => none[version] += 1,
        }
        assert!(!format!("{:?}", sample.spec).is_empty());
    }
    for (kind, counts) in [("announced", announced), ("none", none)] {
        assert!(counts.iter().all(|&count| count > 10), "{kind} {counts:?}");
    }
    assert!(computed[1] > 5 && computed[2] > 10, "{computed:?}");
}
