//! Areas from files of other software, with the masks that this makes of them.
//!
//! `data/areas` was written by `imagej/WriteRois.java` and `python/write_areas.py`. `WIDEFIELD_AREAS` names another folder to
//! compare with, such as one with thousands of random selections.
#![cfg(feature = "areas")]

use std::io::Write;
use std::path::PathBuf;

use ndarray::{Array2, Array3, Axis, array};
use ndarray_npy::ReadNpyExt;
use widefield_storage::mat::MatFile;
use widefield_storage::{Error, ErrorKind, Orientation, areas};
use zip::write::SimpleFileOptions;

const SIZE: (usize, usize) = (30, 40);

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/areas");
    std::env::var_os("WIDEFIELD_AREAS").map_or_else(|| own.into(), PathBuf::from)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

fn read(name: &str) -> Result<Vec<(String, Array2<bool>)>, Error> {
    areas::read(name, &bytes(name), SIZE, Orientation::Camera)
}

/// The masks of the other program, in the order of its file.
fn masks(name: &str) -> Array3<bool> {
    Array3::read_npy(&bytes(name)[..]).unwrap()
}

fn assert_same(areas: &[(String, Array2<bool>)], masks: &Array3<bool>) {
    assert_eq!(areas.len(), masks.len_of(Axis(0)));
    let mut different = Vec::new();
    for ((name, mask), expected) in areas.iter().zip(masks.outer_iter()) {
        let pixels = mask.iter().zip(&expected).filter(|(a, b)| a != b).count();
        if pixels > 0 {
            different.push(format!("{name}: {pixels}"));
        }
    }
    assert!(
        different.is_empty(),
        "{} of {}: {different:?}",
        different.len(),
        areas.len()
    );
}

#[test]
fn selections_are_filled_as_imagej_does() {
    let areas = read("rois.zip").unwrap();
    assert_same(&areas, &masks("rois.npy"));
    let names: Vec<&str> = areas.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["rectangle", "whole frame", "one pixel"]);
    assert!(names.contains(&"µ unicode 皮質"));
}

#[test]
fn selections_of_roifile_are_filled_as_scikit_image_does() {
    let areas = read("roifile.zip").unwrap();
    assert_same(&areas, &masks("roifile.npy"));
    let names = [
        "M1",
        "M2",
        "S1 barrel",
        "V1 crosses itself",
        "whole corners",
        "box",
    ];
    assert!(areas.iter().map(|(name, _)| name).eq(names));
    assert_eq!(read("box.roi").unwrap()[0], areas[5]);
}

/// The blocks, the pixel and the diagonal of write_areas.py, by their labels there.
fn labels() -> Array2<u16> {
    Array2::from_shape_fn(SIZE, |(y, x)| match (y, x) {
        (2..9, 3..20) => 1,
        (12..25, 10..33) => 7,
        (29, 39) => 200,
        (25..29, _) if x == y - 25 => 12,
        _ => 0,
    })
}

fn assert_labels(file: &str, expected: &Array2<u16>) {
    let areas = read(file).unwrap();
    let mut names: Vec<u16> = expected
        .iter()
        .copied()
        .filter(|&label| label > 0)
        .collect();
    names.sort_unstable();
    names.dedup();
    let found: Vec<u16> = areas
        .iter()
        .map(|(name, _)| name.parse().unwrap())
        .collect();
    assert_eq!(found, names, "{file}");
    for (name, mask) in areas {
        let label: u16 = name.parse().unwrap();
        assert_eq!(mask, expected.mapv(|at| at == label), "{file}: {name}");
    }
}

#[test]
fn label_images_of_numpy_and_pillow_are_read() {
    let all = labels();
    for name in ["labels.npy", "labels_fortran.npy", "labels_version_2.npy"] {
        assert_labels(name, &all);
    }
    let small = all.mapv(|label| if label == 200 { 100 } else { label });
    for kind in [
        "i1_little",
        "u2_little",
        "i2_big",
        "i4_little",
        "u4_big",
        "u8_big",
        "f4_little",
        "f8_big",
    ] {
        assert_labels(&format!("labels_{kind}.npy"), &small);
    }
    assert_labels("labels_bool.npy", &all.mapv(|label| u16::from(label > 0)));
    assert_labels("labels_grey.png", &all);
    assert_labels("labels_palette.png", &all);
    assert_labels("labels_16.png", &all.mapv(|label| 100 * label));
    let few = all.mapv(|label| match label {
        7 => 2,
        1 => 1,
        _ => 0,
    });
    assert_labels("labels_few_colours.png", &few);
    assert_labels(
        "labels_one_bit.png",
        &all.mapv(|label| u16::from(label == 7)),
    );
}

#[test]
fn masks_of_scipy_and_those_of_ocia_are_read() {
    let labels = labels();
    let (m1, m2) = (labels.mapv(|at| at == 1), labels.mapv(|at| at == 7));
    let named = |areas: &[(&str, &Array2<bool>)]| -> Vec<(String, Array2<bool>)> {
        let owned = areas
            .iter()
            .map(|&(name, mask)| (name.to_owned(), mask.clone()));
        owned.collect()
    };
    let both = &m1 | &m2;
    let expected = named(&[
        ("M1", &m1),
        ("M2", &m2),
        ("pages_1", &m1),
        ("pages_2", &m2),
        ("pages_3", &both),
    ]);
    assert_eq!(read("masks_plain.mat").unwrap(), expected);
    assert_eq!(read("masks_packed.mat").unwrap(), expected);
    // The one on the movie of behaviour is left out.
    let expected = named(&[("M1", &m1), ("Barrel cortex µ", &m2)]);
    assert_eq!(read("ocia.mat").unwrap(), expected);
    let expected = named(&[("M1", &m1), ("M2", &m2)]);
    assert_eq!(read("ocia_rows.mat").unwrap(), expected);

    // The same bytes with the axes (x, reversed y) are an image of 40 rows and 30 columns.
    let notebook = Orientation::Notebook;
    let turned = areas::read("x", &bytes("ocia.mat"), (40, 30), notebook).unwrap();
    assert_eq!(turned[0].1[[39 - 3, 2]], m1[[2, 3]]);
    assert_eq!(
        turned[0].1,
        Array2::from_shape_fn((40, 30), |(y, x)| m1[[x, 39 - y]])
    );
}

#[test]
fn other_sizes_are_refused_and_both_are_said() {
    for name in [
        "labels.npy",
        "labels_grey.png",
        "masks_plain.mat",
        "ocia.mat",
    ] {
        let error = areas::read(name, &bytes(name), (64, 128), Orientation::Camera).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(name), "{text}");
        for said in ["30 rows and 40 columns", "the frame 64 and 128"] {
            assert!(text.contains(said), "{text}");
        }
    }
    let error = areas::read("r.zip", &bytes("rois.zip"), (30, 39), Orientation::Camera);
    let text = error.unwrap_err().to_string();
    let said = "r.zip: 0002.roi: reaches from column 0 to 40, row 0 to 30, but the frame has 39 columns and 30 rows";
    assert!(text.starts_with(said), "{text}");
}

#[test]
fn what_is_no_area_is_refused_with_a_reason() {
    let reason = |name: &str, bytes: &[u8]| {
        let error = areas::read(name, bytes, SIZE, Orientation::Camera).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        error.to_string()
    };
    assert!(reason("x", &bytes("line.roi")).starts_with("x: is a straight line: areas are"));
    assert!(reason("x", &bytes("colours.png")).contains("grey"));
    let mut roi = bytes("box.roi");
    for (kind, what) in [
        (3, "straight line"),
        (4, "freehand line"),
        (5, "segmented line"),
        (9, "an angle"),
        (10, "points"),
        (6, "unknown type 6"),
    ] {
        roi[6] = kind;
        assert!(reason("x", &roi).contains(what), "{what}");
    }
    // A rectangle that is a text, one with rounded corners, and a polygon with a spline.
    let change = |changes: &[(usize, u8)]| {
        let mut roi = bytes("box.roi");
        for &(at, value) in changes {
            roi[at] = value;
        }
        reason("x", &roi)
    };
    assert!(change(&[(49, 1)]).contains("is text"));
    assert!(change(&[(55, 4)]).contains("rounded corners"));
    assert!(change(&[(6, 0), (51, 1)]).contains("spline"));
    let nothing = MatFile::new().row("tr_100", &[1.0, 4.0]).encode(1).unwrap();
    let said =
        "x: has no masks of 30 rows and 40 columns (its axes are y, x, t); it holds tr_100 (1 x 2)";
    assert_eq!(reason("x", &nothing), said);
    let mut later = nothing.clone();
    later[125] = 2;
    assert!(reason("x", &later).contains("'-v7'"));
}

/// A zip of files with these names and contents.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read_zip(files: &[(&str, &[u8])]) -> Result<Vec<(String, Array2<bool>)>, Error> {
    areas::read("x.zip", &zipped(files), SIZE, Orientation::Camera)
}

#[test]
fn names_come_from_the_selection_or_its_file_and_differ() {
    let named = bytes("box.roi");
    // Without the second header, which has the name.
    let mut unnamed = named[..64].to_vec();
    unnamed[60..64].fill(0);
    let areas = read_zip(&[
        ("folder/", b""),
        ("folder/0001-0002.ROI", &unnamed),
        ("b.roi", &named),
        ("__MACOSX/._b.roi", b"of macOS"),
        ("notes.txt", b"left out"),
    ]);
    let areas = areas.unwrap();
    assert!(areas.iter().map(|(name, _)| name).eq(["0001-0002", "box"]));
    assert_eq!(areas[0].1, areas[1].1);
    let error = read_zip(&[("a.roi", &named), ("b.roi", &named)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.zip: two areas are named box: rename one"
    );
    let error = read_zip(&[("notes.txt", b"nothing")]).unwrap_err();
    assert_eq!(error.to_string(), "x.zip: has no areas");
    let error = read_zip(&[("a.roi", b"nothing")]).unwrap_err();
    assert_eq!(error.to_string(), "x.zip: a.roi: is no ROI of ImageJ");
    let single = areas::read("in/M1.roi", &unnamed, SIZE, Orientation::Camera).unwrap();
    assert_eq!(single[0].0, "M1");
}

#[test]
fn small_files_cannot_take_much_memory() {
    // 10 MB of zeros in 10 kB.
    let bomb = zipped(&[("a.roi", &vec![0; 10 << 20])]);
    assert!(bomb.len() < 20_000);
    let kind = |bytes: &[u8]| {
        areas::read("x", bytes, SIZE, Orientation::Camera)
            .unwrap_err()
            .kind()
    };
    assert_eq!(kind(&bomb), ErrorKind::TooLarge);
    // Corners and shapes that would take 16 GiB and more.
    let mut roi = bytes("box.roi");
    roi[6] = 0;
    roi[18..22].fill(0xff);
    assert_eq!(kind(&roi), ErrorKind::Invalid);
    let mut roi = bytes("box.roi");
    roi[36..40].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(kind(&roi), ErrorKind::Invalid);
    // What a zip may not hold.
    let mut roi = bytes("box.roi");
    roi.resize(5 << 20, 0);
    assert!(areas::read("x.roi", &roi, SIZE, Orientation::Camera).is_ok());
    roi.push(0);
    assert_eq!(kind(&roi), ErrorKind::TooLarge);
}

#[test]
fn curves_have_no_more_points_than_a_selection_may_have() {
    // To and fro on arcs so wide that each is as many lines as a curve can be.
    let said = |curves: u32| {
        let wide = 1e8_f32;
        let mut shape = vec![0.0, 0.0, 0.0];
        for (from, to) in (0..curves).map(|i| [(0.0, wide), (wide, 0.0)][i as usize % 2]) {
            shape.extend([3.0, from, wide, to, wide, to, 0.0]);
        }
        let mut roi = bytes("box.roi")[..64].to_vec();
        roi[60..64].fill(0);
        roi[36..40].copy_from_slice(&(3 + 7 * curves).to_be_bytes());
        roi.extend(shape.iter().flat_map(|number| number.to_be_bytes()));
        let error = areas::read("x", &roi, SIZE, Orientation::Camera).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.to_string()
    };
    assert!(said(1023).starts_with("x: reaches from column 0 to"));
    assert_eq!(said(1024), "x: has more than 1048576 points");
    assert_eq!(said(100_000), "x: has more than 1048576 points");
    // Corners of a polygon, 4 bytes each.
    let mut roi = bytes("box.roi")[..64].to_vec();
    roi[6] = 0;
    roi[60..64].fill(0);
    roi[18..22].copy_from_slice(&((1_u32 << 20) + 1).to_be_bytes());
    roi.resize(64 + (4 << 20) + 4, 0);
    let error = areas::read("x", &roi, SIZE, Orientation::Camera).unwrap_err();
    assert_eq!(error.to_string(), "x: has more than 1048576 points");
}

#[test]
fn arrays_of_fewer_dimensions_than_two_are_refused() {
    // Logical, as `bytes` that each follow a type and a count: flags, sizes, name and numbers.
    let element = |kind: u32, bytes: &[u8]| {
        let mut element = kind.to_le_bytes().to_vec();
        element.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        element.extend(bytes);
        element.resize(element.len().next_multiple_of(8), 0);
        element
    };
    for (sizes, numbers) in [(&[4, 0, 0, 0][..], &[1; 4][..]), (&[], &[1])] {
        let parts = [
            element(6, &[9, 2, 0, 0, 0, 0, 0, 0]),
            element(5, sizes),
            element(1, b"M1"),
            element(2, numbers),
        ];
        let mut file = MatFile::new().encode(0).unwrap();
        file.extend(element(14, &parts.concat()));
        let error = areas::read("x", &file, (4, 1), Orientation::Camera).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("dimensions"), "{error}");
    }
}

const SMALL: [&str; 11] = [
    "box.roi",
    "roifile.zip",
    "rois.zip",
    "labels_grey.png",
    "labels_palette.png",
    "labels_one_bit.png",
    "labels_fortran.npy",
    "labels_version_2.npy",
    "masks_packed.mat",
    "ocia.mat",
    "ocia_rows.mat",
];

#[test]
fn every_cut_is_an_error_or_areas() {
    for name in SMALL {
        let whole = bytes(name);
        let complete = read(name).unwrap();
        for cut in 0..whole.len() {
            match areas::read(name, &whole[..cut], SIZE, Orientation::Camera) {
                // Nothing is lost where nothing is said, but variables at the end of a MAT file.
                Ok(areas) => assert!(
                    areas == complete || name.ends_with(".mat"),
                    "{name}: {cut} of {}",
                    whole.len()
                ),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {cut}: {error}")
                }
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
    #[test]
    fn damaged_files_never_panic(
        which in 0..SMALL.len(),
        changes in proptest::collection::vec((0..6000_usize, 0..=255_u8), 1..8),
    ) {
        let mut bytes = bytes(SMALL[which]);
        for (at, value) in changes {
            // Mostly headers.
            let at = at % bytes.len().min(if value % 2 == 0 { 200 } else { 6000 });
            bytes[at] = value;
        }
        if let Ok(areas) = areas::read("x", &bytes, SIZE, Orientation::Camera) {
            proptest::prop_assert!(areas.iter().all(|(_, mask)| mask.dim() == SIZE));
        }
    }
}

#[test]
fn masks_may_lie_beside_other_variables_of_their_size() {
    let image = array![[0.0, 2.0], [1.0, 0.0]];
    let mask = array![[0.0, 1.0], [1.0, 0.0]];
    let file = MatFile::new()
        .matrix("refImg", image.view(), Orientation::Camera)
        .matrix("M1", mask.view(), Orientation::Camera)
        .encode(1)
        .unwrap();
    let read = areas::read("x", &file, (2, 2), Orientation::Camera).unwrap();
    assert_eq!(
        read,
        [("M1".to_owned(), array![[false, true], [true, false]])]
    );
}
