//! HDF5 files that are cut, forged or no HDF5 at all: errors, not crashes, and no huge allocations.
#![cfg(feature = "hdf5")]

use ndarray::Array3;
use widefield_storage::{Dataset, ErrorKind, Place, ReadLimits};

fn written(shape: [usize; 3]) -> (Place, Vec<u8>) {
    let place = Place::open("memory://").unwrap();
    let mut file = place
        .create_hdf5("x.h5", Dataset::new("dff", shape))
        .unwrap();
    file.push(Array3::zeros(shape).view()).unwrap();
    file.finish().unwrap();
    let bytes = place.read("x.h5").unwrap().to_vec();
    (place, bytes)
}

#[test]
fn every_cut_is_an_error() {
    let (place, bytes) = written([3, 5, 4]);
    for cut in (0..bytes.len()).step_by(7) {
        place.put("cut.h5", bytes[..cut].to_vec()).unwrap();
        let error = place.read_hdf5("cut.h5", "dff").unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Invalid,
            "{cut}: {}",
            error.with_causes()
        );
        assert!(error.to_string().contains("cut.h5"), "{error}");
    }
}

#[test]
fn other_files_are_no_hdf5() {
    let place = Place::open("memory://").unwrap();
    for content in [&b""[..], b"text", &[0; 4096]] {
        place.put("x", content.to_vec()).unwrap();
        assert_eq!(
            place.read_hdf5("x", "dff").unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }
    assert_eq!(
        place.read_hdf5("missing", "dff").unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(
        place.read_hdf5("missing", "dff").unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn limits_hold_before_anything_is_allocated() {
    let (place, _) = written([16, 64, 64]);
    let bytes = 16 * 64 * 64 * 8;
    let limits = ReadLimits::default().bytes(bytes);
    assert!(place.read_hdf5_with("x.h5", "dff", limits).is_ok());
    let error = place
        .read_hdf5_with("x.h5", "dff", limits.bytes(bytes - 1))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn a_shape_without_values_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    // Four GiB of values, none of which was ever written.
    let file = hdf5::File::create(folder.path().join("empty.h5")).unwrap();
    file.new_dataset::<f32>()
        .shape([1 << 12, 1 << 12, 32])
        .chunk([64, 64, 16])
        .create("d")
        .unwrap();
    file.close().unwrap();
    let error = place.read_hdf5("empty.h5", "d").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", error.with_causes());
}

/// What a stranger's file points to shows nothing of other files.
#[test]
fn bytes_of_other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("secret"), b"secret!!").unwrap();
    let other = hdf5::File::create(at("other.h5")).unwrap();
    let numbers = other.new_dataset::<u8>().shape(8).create("d").unwrap();
    numbers.write_raw(&[7; 8]).unwrap();
    drop(numbers);
    other.close().unwrap();

    let file = hdf5::File::create(at("x.h5")).unwrap();
    let secret = at("secret").display().to_string();
    let outside = file.new_dataset::<u8>().shape(8).external(&secret, 0, 8);
    outside.create("outside").unwrap();
    let other = at("other.h5").display().to_string();
    let mapped = file.new_dataset::<u8>().shape(8);
    let mapped = mapped.virtual_map(&other, "d", 8, 0..8, 8, 0..8);
    mapped.create("mapped").unwrap();
    file.link_external(&other, "/d", "linked").unwrap();
    file.link_soft("/linked", "soft").unwrap();
    file.create_group("group").unwrap();
    file.link_external(&other, "/", "group/linked").unwrap();
    let own = file.new_dataset::<u8>().shape(8).create("own").unwrap();
    own.write_raw(&[9; 8]).unwrap();
    drop(own);
    file.link_soft("/own", "group/soft").unwrap();
    file.flush().unwrap();
    file.close().unwrap();

    // The library may still hold the file that it made, under other flags.
    std::fs::copy(at("x.h5"), at("y.h5")).unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    let open = place.open_hdf5("y.h5").unwrap();
    for name in ["outside", "mapped", "linked", "soft", "group/linked/d"] {
        let error = open.dataset(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name}: {error}");
        assert!(error.to_string().contains("other files"), "{name}: {error}");
    }
    for name in ["own", "group/soft"] {
        assert_eq!(
            open.dataset(name).unwrap().read(&[(0, 1)]).unwrap()[[0]],
            9.0
        );
    }
    assert_eq!(open.dataset_names().unwrap(), ["mapped", "outside", "own"]);
}
