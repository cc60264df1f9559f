//! Packed files (version 7).

use dcimg::write::Spec;
use dcimg::{Dcimg, Options, Padding, PixelType, Warning};
use ndarray::s;

use crate::common::{
    footer, pixels_u8, pixels_u16, raw, set_u32, set_u64, stamp, u32_at, write, write_with,
};

#[test]
fn case_04_size_field_0_means_no_relocated_pixels() {
    let movie = pixels_u16(3, 6, 8);
    let mut bytes = write(&Spec::packed(8, 6).relocated_at(2, 0), &movie);
    let size = footer(&bytes) + 0xA0 + 0x68;
    assert_eq!(u32_at(&bytes, size), 8);
    set_u64(&mut bytes, size, 0);
    let file = Dcimg::parse(&bytes).unwrap();
    assert!(file.movie().relocation().unwrap().sites.is_empty());
    for (t, frame) in file.movie().frames().enumerate() {
        let read = frame.to_array::<u16>().unwrap();
        assert_eq!(read, raw(&file, t));
        assert_eq!(read.slice(s![2, ..4]).to_vec(), [0, 65535, 0, 65535]);
    }
}

#[test]
fn case_05_relocated_pixels_in_row_0() {
    let movie = pixels_u16(3, 6, 8);
    let bytes = write(&Spec::packed(8, 6).relocated_at(0, 0), &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..3).unwrap(), movie);
    assert_eq!(
        raw(&file, 1).slice(s![0, ..5]).to_vec(),
        [0, 65535, 0, 65535, movie[[1, 0, 4]]]
    );
}

#[test]
fn case_06_relocated_pixels_not_in_column_0() {
    let movie = pixels_u16(3, 6, 8);
    let bytes = write(&Spec::packed(8, 6).relocated_at(4, 3), &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..3).unwrap(), movie);
    assert_eq!(
        raw(&file, 2).slice(s![4, 3..7]).to_vec(),
        [0, 65535, 0, 65535]
    );
    let site = &file.movie().relocation().unwrap().sites[0];
    assert_eq!((site.row, site.column, site.count), (4, 3, 4));
}

#[test]
fn case_07_eight_pixels_of_8_bits() {
    let movie = pixels_u8(4, 6, 12);
    let spec = Spec::packed(12, 6).pixel(PixelType::U8).relocated_at(5, 2);
    let bytes = write(&spec, &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().to_array::<u8>(0..4).unwrap(), movie);
    let frame = file.movie().frame(3).unwrap();
    assert_eq!(
        frame.raw_u8().unwrap().slice(s![5, 2..10]).to_vec(),
        [0, 0, 255, 255, 0, 0, 255, 255]
    );
    assert_eq!(frame.relocated().unwrap().unwrap().values().len(), 8);
}

#[test]
fn case_08_header_sizes_are_not_assumed() {
    let movie = pixels_u16(3, 6, 8);
    for (session_offset, data_offset) in [(0x78, 112), (0x50, 0x50), (0x100, 400), (1000, 113)] {
        let spec = Spec::packed(8, 6)
            .session_offset(session_offset)
            .data_offset(data_offset)
            .relocated_at(2, 1);
        let bytes = write(&spec, &movie);
        let file = Dcimg::parse(&bytes).unwrap();
        assert_eq!(
            file.header().data_start(),
            u64::from(session_offset + data_offset)
        );
        assert_eq!(file.movie().to_array::<u16>(0..3).unwrap(), movie);
        assert_eq!(file.movie().clock().unwrap().framestamps(), [0, 1, 2]);
    }
}

#[test]
fn case_09_rows_longer_than_the_image() {
    let movie = pixels_u16(3, 20, 512);
    let bytes = write(
        &Spec::packed(512, 20)
            .row_padding(4096 - 1024)
            .relocated_at(7, 0),
        &movie,
    );
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!((file.header().row_bytes, file.movie().width()), (4096, 512));
    assert_eq!(file.movie().to_array::<u16>(0..3).unwrap(), movie);
    assert_eq!(
        raw(&file, 2).slice(s![8.., ..]),
        movie.slice(s![2, 8.., ..])
    );

    let keep = Dcimg::parse_with(&bytes, &Options::default().padding(Padding::Keep)).unwrap();
    assert_eq!(keep.movie().width(), 2048);
    let whole = keep.movie().to_array::<u16>(0..3).unwrap();
    assert_eq!(whole.slice(s![.., .., ..512]), movie);
    assert!(
        whole
            .slice(s![.., .., 512..])
            .iter()
            .all(|&pixel| pixel == 0)
    );
}

#[test]
fn case_30_microseconds_are_a_number() {
    let movie = pixels_u16(2, 4, 4);
    let bytes = write_with(&Spec::packed(4, 4), &movie, |frame| {
        let mut stamp = stamp(frame);
        stamp.time.seconds = 100 + frame as u32;
        stamp.time.microseconds = [5_000, 1_500_000][frame];
        stamp
    });
    let file = Dcimg::parse(&bytes).unwrap();
    let clock = file.movie().clock().unwrap();
    assert_eq!(clock.times()[0].as_seconds(), 100.005);
    assert_eq!(clock.times()[1].as_seconds(), 102.5);
    assert!(matches!(
        clock.warnings()[..],
        [Warning::Microseconds { frame: 1, time }] if time.microseconds == 1_500_000
    ));
}

#[test]
fn case_31_a_gap_in_the_framestamps() {
    let movie = pixels_u16(4, 4, 4);
    let bytes = write_with(&Spec::packed(4, 4), &movie, |frame| {
        let mut stamp = stamp(frame);
        stamp.framestamp = [0, 1, 3, 4][frame];
        stamp
    });
    let file = Dcimg::parse(&bytes).unwrap();
    let clock = file.movie().clock().unwrap();
    let gaps = clock.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].after, gaps[0].missing), (1, 1));
    assert_eq!(clock.dropped(), 1);
}

#[cfg(any(unix, windows))]
#[test]
fn case_33_a_file_without_extension_is_known_by_its_first_bytes() {
    let movie = pixels_u16(2, 4, 4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("20170214_102233_1");
    std::fs::write(&path, write(&Spec::packed(4, 4), &movie)).unwrap();
    assert!(dcimg::is_dcimg(&std::fs::read(&path).unwrap()[..8]));
    let file = dcimg::File::open(&path).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..2).unwrap(), movie);
}

#[test]
fn case_34_saturated_pixels_beside_the_junk_stay() {
    let mut movie = pixels_u16(3, 6, 12);
    movie.slice_mut(s![.., 2, ..]).fill(65535);
    movie
        .slice_mut(s![.., 2, 4..8])
        .assign(&ndarray::array![1, 2, 3, 4]);
    let bytes = write(&Spec::packed(12, 6).relocated_at(2, 4), &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..3).unwrap(), movie);
    let stored = raw(&file, 0);
    let changed = stored
        .iter()
        .zip(movie.slice(s![0, .., ..]))
        .filter(|(stored, read)| stored != read)
        .count();
    assert_eq!(changed, 4);
}

#[test]
fn case_35_the_sessions_frame_count_is_believed() {
    let movie = pixels_u16(9, 4, 4);
    let mut bytes = write(&Spec::packed(4, 4), &movie);
    set_u32(&mut bytes, 0x24, 10);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().len(), 9);
    assert_eq!((file.header().file_frames, file.header().frames), (10, 9));
    assert_eq!(
        file.warnings(),
        [Warning::FrameCount {
            file: 10,
            session: 9
        }]
    );
}
