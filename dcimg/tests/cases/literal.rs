//! Published header values of real camera files, byte by byte.

use dcimg::{Basis, Dcimg, Version};
use ndarray::s;

use crate::common::{pixels_u16, raw, set_u32, set_u64};

const JUNK: [u8; 8] = [0, 0, 255, 255, 0, 0, 255, 255];

/// The published packed file: 10 frames of 2048 x 168 px, pixels `pixels_u16`, junk at 0x53000 of
/// every frame, true bytes in the footer's last table.
fn packed() -> Vec<u8> {
    let pixels = pixels_u16(10, 168, 2048);
    let mut file = vec![0; 232];
    file[..5].copy_from_slice(b"DCIMG");
    set_u32(&mut file, 0x08, 7);
    set_u32(&mut file, 0x20, 1);
    set_u32(&mut file, 0x24, 10);
    set_u32(&mut file, 0x28, 0x78);
    set_u64(&mut file, 0x30, 6_882_304);
    set_u64(&mut file, 0x40, 6_882_304);
    set_u64(&mut file, 0x78, 6_882_304 - 0x78); // session size
    set_u32(&mut file, 0x98, 10); // frames
    set_u32(&mut file, 0x9C, 2); // bytes per pixel
    set_u32(&mut file, 0xA0, 1);
    set_u32(&mut file, 0xA4, 2048); // width
    set_u32(&mut file, 0xA8, 4096); // row bytes
    set_u32(&mut file, 0xAC, 168); // height
    set_u32(&mut file, 0xB0, 688_128); // frame bytes
    set_u32(&mut file, 0xBC, 112); // data offset
    set_u64(&mut file, 0xC0, 112 + 10 * 688_128); // footer
    let mut true_bytes = Vec::new();
    for frame in pixels.outer_iter() {
        let start = file.len();
        for pixel in frame {
            file.extend(pixel.to_le_bytes());
        }
        let place = start + 0x53000;
        true_bytes.extend_from_slice(&file[place..place + 8]);
        file[place..place + 8].copy_from_slice(&JUNK);
    }
    let mut footer = vec![0; 0x110];
    set_u32(&mut footer, 0x00, 7);
    set_u64(&mut footer, 0x08, 0xA0);
    set_u32(&mut footer, 0x28, 0x1D8);
    set_u64(&mut footer, 0xA0 + 0x30, 0x110);
    set_u64(&mut footer, 0xA0 + 0x40, 0x138);
    set_u64(&mut footer, 0xA0 + 0x58, 0x188);
    set_u32(&mut footer, 0xA0 + 0x64, 0x53000);
    set_u64(&mut footer, 0xA0 + 0x68, 8);
    for frame in 0..10u32 {
        footer.extend(frame.to_le_bytes());
    }
    for frame in 0..10u32 {
        footer.extend(1_511_904_855u32.to_le_bytes());
        footer.extend((664_884 + 10_000 * frame).to_le_bytes());
    }
    footer.extend(true_bytes);
    assert_eq!(footer.len(), 0x1D8);
    file.extend(footer);
    file.extend([0; 320]);
    assert_eq!(file.len(), 6_882_304);
    file
}

#[test]
fn case_01_published_packed_file() {
    let bytes = packed();
    let file = Dcimg::parse(&bytes).unwrap();
    let header = file.header();
    assert_eq!(header.version, Version::Packed);
    assert_eq!((header.session_offset, header.data_start()), (0x78, 232));
    assert_eq!(
        (header.width, header.height, header.frames),
        (2048, 168, 10)
    );
    assert_eq!((header.row_bytes, header.frame_bytes), (4096, 688_128));
    assert_eq!(header.footer.unwrap().bytes, 0x1D8);
    assert_eq!(header.camera, None);
    assert!(file.warnings().is_empty());

    let clock = file.movie().clock().unwrap();
    assert_eq!(clock.framestamps(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(clock.times()[0].to_string(), "2017-11-28T21:34:15.664884Z");
    assert_eq!(clock.dropped(), 0);
    assert!(clock.warnings().is_empty());
}

#[test]
fn case_02_every_frame_gets_its_own_pixels_in_row_83() {
    let bytes = packed();
    let file = Dcimg::parse(&bytes).unwrap();
    let movie = file.movie();
    let expected = pixels_u16(10, 168, 2048);
    assert_eq!(movie.to_array::<u16>(0..10).unwrap(), expected);
    for (t, frame) in movie.frames().enumerate() {
        let stored = raw(&file, t);
        assert_eq!(stored.slice(s![83, ..4]).to_vec(), [0, 65535, 0, 65535]);
        assert_eq!(stored.slice(s![83, 4..]), expected.slice(s![t, 83, 4..]));
        let relocated = frame.relocated().unwrap().unwrap();
        assert_eq!((relocated.row, relocated.column), (83, 0));
        assert_eq!(relocated.values(), expected.slice(s![t, 83, ..4]).to_vec());
    }
    let site = &movie.relocation().unwrap().sites[0];
    assert_eq!((site.row, site.column, site.count), (83, 0, 4));
    assert_eq!((site.restored, site.junk), (10, 10));
    assert_eq!(site.basis, Basis::Announced);
}

#[test]
fn case_03_windows_that_touch_the_relocated_pixels() {
    let bytes = packed();
    let file = Dcimg::parse(&bytes).unwrap();
    let expected = pixels_u16(10, 168, 2048);
    let windows = [
        (80..90, 0..2048),
        (83..84, 0..2048),
        (0..168, 2..5),
        (83..84, 3..4),
        (84..90, 0..4),
    ];
    for (rows, columns) in windows {
        for frame in file.movie().frames() {
            let part = expected.slice(s![frame.index(), rows.clone(), columns.clone()]);
            let mut out = ndarray::Array2::<u16>::zeros(part.dim());
            frame
                .read_region_into(rows.clone(), columns.clone(), out.view_mut())
                .unwrap();
            assert_eq!(out, part, "{rows:?} {columns:?}");
            // The same into a buffer whose rows are not contiguous.
            let mut wide = ndarray::Array2::<f32>::zeros((part.nrows(), 2 * part.ncols()));
            frame
                .read_region_into(rows.clone(), columns.clone(), wide.slice_mut(s![.., ..;2]))
                .unwrap();
            assert_eq!(wide.slice(s![.., ..;2]), part.mapv(f32::from));
        }
        let part = expected.slice(s![2..7, rows.clone(), columns.clone()]);
        let mut out = ndarray::Array3::<f32>::zeros(part.dim());
        file.movie()
            .read_region_into(2..7, rows, columns, out.view_mut())
            .unwrap();
        assert_eq!(out, part.mapv(f32::from));
    }
}

/// One frame of the published framed file: 2048 x 168 px, sub-array at row 940, kind-4 block and
/// 32-byte trailer, data start 864.
#[test]
fn case_14_published_framed_file() {
    let pixels = pixels_u16(2, 168, 2048);
    let stride = 688_128 + 32;
    let mut file = vec![0; 864];
    file[..5].copy_from_slice(b"DCIMG");
    set_u32(&mut file, 0x08, 0x0100_0000);
    set_u32(&mut file, 0x20, 1);
    set_u32(&mut file, 0x24, 2);
    set_u32(&mut file, 0x28, 0x70);
    let size = 864 + 2 * stride + 144 + 64;
    set_u64(&mut file, 0x30, size);
    set_u64(&mut file, 0x40, size);
    set_u64(&mut file, 0x70, size - 0x70);
    set_u32(&mut file, 0xAC, 2); // frames
    set_u32(&mut file, 0xB0, 2); // bytes per pixel
    set_u32(&mut file, 0xB8, 2048); // width
    set_u32(&mut file, 0xBC, 168); // height
    set_u32(&mut file, 0xC0, 4096); // row bytes
    set_u32(&mut file, 0xC4, 688_128); // frame bytes
    set_u64(&mut file, 0xD0, 752); // data offset
    set_u32(&mut file, 0xE4, 688_160); // stride
    set_u32(&mut file, 0xEC, 32); // trailer
    // Block table: an empty slot, the camera at 616, the relocated pixels at 560.
    set_u32(&mut file, 0x170, 1);
    set_u32(&mut file, 0x174, 248);
    set_u64(&mut file, 0x178, 616 - 0x110);
    set_u32(&mut file, 0x180, 4);
    set_u32(&mut file, 0x184, 56);
    set_u64(&mut file, 0x188, 560 - 0x110);
    set_u32(&mut file, 560 + 12, 8);
    set_u32(&mut file, 560 + 16, 0x53000);
    file[616..616 + 4].copy_from_slice(b"2.53");
    file[616 + 0x40..616 + 0x4A].copy_from_slice(b"C11440-22C");
    file[616 + 0x90..616 + 0x9B].copy_from_slice(b"S/N: 001634");
    for (i, value) in [0u16, 2048, 940, 168].into_iter().enumerate() {
        let at = 616 + 0xC8 + 2 * i;
        file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    for (t, frame) in pixels.outer_iter().enumerate() {
        let start = file.len();
        for pixel in frame {
            file.extend(pixel.to_le_bytes());
        }
        let mut trailer = [0; 32];
        trailer[..4].copy_from_slice(&(t as u32).to_le_bytes());
        trailer[4..8].copy_from_slice(&1_725_555_197u32.to_le_bytes());
        let place = start + 0x53000;
        trailer[12..20].copy_from_slice(&file[place..place + 8]);
        file[place..place + 8].copy_from_slice(&JUNK);
        file.extend(trailer);
    }
    file.extend([0; 144 + 64]);
    assert_eq!(file.len() as u64, size);

    let read = Dcimg::parse(&file).unwrap();
    assert!(read.warnings().is_empty(), "{:?}", read.warnings());
    assert_eq!(read.movie().to_array::<u16>(0..2).unwrap(), pixels);
    assert_ne!(raw(&read, 0), pixels.slice(s![0, .., ..]));
    let camera = read.header().camera.as_ref().unwrap();
    assert_eq!(camera.model.as_deref(), Some("C11440-22C"));
    assert_eq!(camera.serial.as_deref(), Some("S/N: 001634"));
    assert_eq!(camera.versions, ["2.53"]);
    assert_eq!(camera.sub_array.unwrap().y0, 940);
    assert_eq!(camera.binning, Some(1));
    let clock = read.movie().clock().unwrap();
    assert_eq!(clock.framestamps(), [0, 1]);
    assert_eq!(clock.times()[1].seconds, 1_725_555_197);
    let site = &read.movie().relocation().unwrap().sites[0];
    assert_eq!(
        (site.row, site.basis, site.restored),
        (83, Basis::Announced, 2)
    );
}
