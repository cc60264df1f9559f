//! Framed files (versions 0x1000000 and 0x2000000).

use dcimg::write::Spec;
use dcimg::{Basis, Dcimg, Error, Options, Padding, PixelType, SubArray, Warning};
use ndarray::{Array3, s};

use crate::common::{pixels_u8, pixels_u16, raw, set_u32, u32_at, write};

fn read(bytes: &[u8]) -> Array3<u16> {
    let file = Dcimg::parse(bytes).unwrap();
    file.movie().to_array(0..file.movie().len()).unwrap()
}

#[test]
fn case_14_every_frame_gets_the_pixels_of_its_own_trailer() {
    let movie = pixels_u16(4, 10, 16);
    let bytes = write(&Spec::framed(16, 10).relocated_at(6, 8), &movie);
    assert_eq!(read(&bytes), movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(
        raw(&file, 3).slice(s![6, 8..12]).to_vec(),
        [0, 65535, 0, 65535]
    );

    let movie = pixels_u8(4, 10, 16);
    let spec = Spec::framed(16, 10).pixel(PixelType::U8).relocated_at(6, 8);
    assert_eq!(read(&write(&spec, &movie)), movie.mapv(u16::from));
}

#[test]
fn case_15_sixteen_byte_trailers() {
    let movie = pixels_u16(5, 10, 16);
    let bytes = write(&Spec::framed(16, 10).trailer_bytes(16), &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.header().frame_stride, 320 + 16);
    assert!(file.movie().relocation().unwrap().sites.is_empty());
    assert_eq!(read(&bytes), movie);
    assert_eq!(file.movie().clock().unwrap().framestamps(), [0, 1, 2, 3, 4]);
}

#[test]
fn case_16_frames_start_where_the_header_says() {
    let movie = pixels_u16(3, 10, 16);
    let relocated = Spec::framed(16, 10).relocated_at(3, 0);
    for (spec, start) in [
        (Spec::framed(16, 10).trailer_bytes(16).data_offset(696), 808),
        (relocated.clone().data_offset(752), 864),
        (relocated.clone().data_offset(1096), 1208),
        (relocated.session_offset(0x200).data_offset(70_000), 70_512),
    ] {
        let bytes = write(&spec, &movie);
        let file = Dcimg::parse(&bytes).unwrap();
        assert_eq!(file.header().data_start(), start);
        assert_eq!(read(&bytes), movie);
        assert!(file.header().camera.is_some());
    }
}

#[test]
fn case_17_sensor_row_1023_is_found_without_announcement() {
    let movie = pixels_u16(3, 168, 16);
    let spec = Spec::framed(16, 168)
        .first_sensor_row(940)
        .relocated_unannounced();
    let bytes = write(&spec, &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(
        raw(&file, 1).slice(s![83, ..4]).to_vec(),
        [0, 65535, 0, 65535]
    );
    assert_eq!(read(&bytes), movie);
    let site = &file.movie().relocation().unwrap().sites[0];
    assert_eq!((site.row, site.restored), (83, 3));
    assert_eq!(site.basis, Basis::Computed);
}

/// A computed place is believed only where the junk pattern stands.
#[test]
fn case_17_a_computed_place_without_junk_stays() {
    let movie = pixels_u16(3, 168, 16);
    let spec = Spec::framed(16, 168).first_sensor_row(940);
    let mut bytes = write(&spec, &movie);
    // Something where a trailer would have the true pixels.
    let stride = 16 * 168 * 2 + 32;
    for frame in 1..=3 {
        let trailer = bytes.len() - (144 + 3 * 32) - (3 - frame) * stride - 32;
        bytes[trailer + 12..trailer + 20].fill(0xAB);
    }
    assert_eq!(read(&bytes), movie);
    // The junk in one frame only: restored there alone.
    let spec = spec.relocated_unannounced();
    let mut junk = write(&spec, &movie);
    let start = 0x70 + 760 + 2 * stride + 83 * 32;
    junk[start] = 1;
    let file = Dcimg::parse(&junk).unwrap();
    let relocation = file.movie().relocation().unwrap();
    assert_eq!((relocation.restored(), relocation.frames), (2, 3));
    assert_eq!((relocation.sites[0].junk, relocation.examined), (2, 3));
    let all = read(&junk);
    assert_eq!(all.slice(s![..2, .., ..]), movie.slice(s![..2, .., ..]));
    assert_eq!(all.slice(s![2, 83, ..4]).to_vec(), [1, 65535, 0, 65535]);
}

#[test]
fn case_18_a_sub_array_without_that_row_has_nothing_to_restore() {
    let movie = pixels_u16(3, 40, 16);
    for y0 in [0, 900, 1024, 2000] {
        let bytes = write(&Spec::framed(16, 40).first_sensor_row(y0), &movie);
        let file = Dcimg::parse(&bytes).unwrap();
        assert!(file.movie().relocation().unwrap().sites.is_empty(), "{y0}");
        assert_eq!(read(&bytes), movie);
    }
}

#[test]
fn case_19_rows_divide_by_the_binning() {
    let movie = pixels_u16(2, 1024, 8);
    let spec = Spec::framed(8, 1024).binning(2).relocated_unannounced();
    let bytes = write(&spec, &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    let camera = file.header().camera.as_ref().unwrap();
    assert_eq!((camera.binning, camera.stated_binning), (Some(2), Some(2)));
    assert_eq!(
        raw(&file, 0).slice(s![511, ..4]).to_vec(),
        [0, 65535, 0, 65535]
    );
    assert_eq!(file.movie().relocation().unwrap().sites[0].row, 511);
    assert_eq!(read(&bytes), movie);
}

#[test]
fn case_19_the_ratio_is_trusted_over_the_stated_binning() {
    let movie = pixels_u16(2, 1024, 8);
    let mut bytes = write(
        &Spec::framed(8, 1024).binning(2).relocated_unannounced(),
        &movie,
    );
    let stated = 0x70 + 760 - 248 + 0xB0;
    assert_eq!(u32_at(&bytes, stated), 2);
    set_u32(&mut bytes, stated, 4);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(
        file.warnings(),
        [Warning::Binning {
            offset: stated as u64,
            stored: 4,
            computed: 2
        }]
    );
    assert_eq!(read(&bytes), movie);
}

#[test]
fn case_20_a_zero_sub_array_is_unknown() {
    let movie = pixels_u16(2, 1030, 8);
    let zero = SubArray {
        x0: 0,
        width: 0,
        y0: 0,
        height: 0,
    };
    let bytes = write(&Spec::framed(8, 1030).binning(0).sub_array(zero), &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    let camera = file.header().camera.as_ref().unwrap();
    assert_eq!(
        (camera.sub_array, camera.binning, camera.stated_binning),
        (None, None, None)
    );
    assert!(file.movie().relocation().unwrap().sites.is_empty());
    assert_eq!(read(&bytes), movie);
}

#[test]
fn case_20_no_camera_block_at_all() {
    let movie = pixels_u16(2, 1030, 8);
    let bytes = write(&Spec::framed(8, 1030).no_camera(), &movie);
    assert_eq!(Dcimg::parse(&bytes).unwrap().header().camera, None);
    assert_eq!(read(&bytes), movie);
}

#[test]
fn case_21_either_end_of_a_row_may_be_padding() {
    let movie = pixels_u16(2, 256, 512);
    let trailing = write(
        &Spec::framed(512, 256).row_padding(16).relocated_at(9, 0),
        &movie,
    );
    let leading = write(
        &Spec::framed(512, 256)
            .leading_row_padding(16)
            .relocated_at(9, 6),
        &movie,
    );
    for (bytes, padding) in [(&trailing, Padding::Trailing), (&leading, Padding::Leading)] {
        let options = Options::default().padding(padding);
        let file = Dcimg::parse_with(bytes, &options).unwrap();
        assert_eq!(file.header().row_bytes, 1040);
        assert_eq!(file.header().row_padding_bytes(), 16);
        assert_eq!(
            file.movie().to_array::<u16>(0..2).unwrap(),
            movie,
            "{padding:?}"
        );
        assert_eq!(
            raw(&file, 1).slice(s![20.., ..]),
            movie.slice(s![1, 20.., ..]),
            "{padding:?}"
        );
    }
    // The other choice shifts the image by 8 pixels.
    let file = Dcimg::parse(&leading).unwrap();
    let shifted = file.movie().to_array::<u16>(0..2).unwrap();
    assert_eq!(
        shifted.slice(s![.., .., 8..]),
        movie.slice(s![.., .., ..504])
    );
    let keep = Options::default().padding(Padding::Keep);
    let file = Dcimg::parse_with(&leading, &keep).unwrap();
    assert_eq!(file.movie().width(), 520);
    let kept = file.movie().to_array::<u16>(0..2).unwrap();
    assert_eq!(kept.slice(s![.., .., 8..]), movie);
}

/// The relocated pixels begin in the padding and end in the image: the image's part is restored.
#[test]
fn case_21_relocated_pixels_half_in_the_padding() {
    let movie = pixels_u16(2, 4, 6);
    let bytes = write(
        &Spec::framed(6, 4).leading_row_padding(4).relocated_at(1, 0),
        &movie,
    );
    let options = Options::default().padding(Padding::Leading);
    let file = Dcimg::parse_with(&bytes, &options).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..2).unwrap(), movie);
    let relocated = file.movie().frame(1).unwrap().relocated().unwrap().unwrap();
    assert_eq!((relocated.row, relocated.column), (1, 0));
    assert_eq!(relocated.values(), movie.slice(s![1, 1, ..2]).to_vec());

    let bytes = write(
        &Spec::framed(6, 4).row_padding(4).relocated_at(1, 4),
        &movie,
    );
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().to_array::<u16>(0..2).unwrap(), movie);
    let site = &file.movie().relocation().unwrap().sites[0];
    assert_eq!((site.column, site.count), (4, 2));
}

#[test]
fn case_22_bytes_after_the_last_frame() {
    let movie = pixels_u16(7, 10, 16);
    let bytes = write(&Spec::framed(16, 10), &movie);
    assert_eq!(bytes.len(), 0x70 + 760 + 7 * (320 + 32) + 144 + 7 * 32);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.movie().len(), 7);
    assert!(file.warnings().is_empty());
}

#[test]
fn case_23_a_contradicting_stride_is_refused() {
    let movie = pixels_u16(3, 10, 16);
    let bytes = write(&Spec::framed(16, 10), &movie);
    for stride in [0, 320, 336, 351, 353, u32::MAX] {
        let mut odd = bytes.clone();
        set_u32(&mut odd, 0xE4, stride);
        for options in [Options::default(), Options::default().salvage(true)] {
            let error = Dcimg::parse_with(&odd, &options).unwrap_err();
            assert!(
                matches!(error, Error::Stride { offset: 0xE4, .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn case_24_version_0x2000000_is_read_behind_a_warning() {
    let movie = pixels_u16(5, 10, 16);
    let mut bytes = write(&Spec::framed(16, 10).trailer_bytes(16), &movie);
    set_u32(&mut bytes, 8, 0x0200_0000);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(file.warnings(), [Warning::VersionTwo]);
    assert_eq!(read(&bytes), movie);
}

#[test]
fn case_24_version_0x2000000_looks_for_junk_in_row_0_and_the_sensor_row() {
    let movie = pixels_u16(3, 168, 16);
    let spec = Spec::framed_v2(16, 168).first_sensor_row(940);
    let plain = write(&spec, &movie);
    assert_eq!(read(&plain), movie);
    assert!(
        Dcimg::parse(&plain)
            .unwrap()
            .movie()
            .relocation()
            .unwrap()
            .is_none()
    );

    let bytes = write(&spec.relocated_unannounced(), &movie);
    let file = Dcimg::parse(&bytes).unwrap();
    assert_eq!(read(&bytes), movie);
    let sites = file.movie().relocation().unwrap().sites;
    let found: Vec<_> = sites.iter().map(|site| (site.row, site.restored)).collect();
    assert_eq!(found, [(0, 3), (83, 0)]);

    // The sensor row, as version 0x1000000 has it.
    let spec = Spec::framed(16, 168)
        .trailer_bytes(512)
        .first_sensor_row(940);
    let mut bytes = write(&spec.relocated_unannounced(), &movie);
    set_u32(&mut bytes, 8, 0x0200_0000);
    assert_eq!(read(&bytes), movie);
}
