//! Files of other software, with the values that software gives for them, and the bytes of ours that it read.

#[cfg(feature = "hdf5")]
#[path = "common/ours.rs"]
mod ours;
#[cfg(feature = "hdf5")]
#[path = "common/theirs.rs"]
mod theirs;

use ndarray::ArrayD;
#[cfg(feature = "hdf5")]
use widefield_storage::Place;
use widefield_storage::mat::{self, Class};

const MAT_PLAIN: &[u8] = include_bytes!("data/scipy_v5_plain.mat");
const MAT_COMPRESSED: &[u8] = include_bytes!("data/scipy_v5_compressed.mat");

fn expected() -> ArrayD<f64> {
    let bytes = &include_bytes!("data/tr.npy")[..];
    ndarray_npy::ReadNpyExt::read_npy(bytes).unwrap()
}

#[cfg(feature = "hdf5")]
#[test]
fn h5py_gzip() {
    let place = Place::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"));
    let read = place.unwrap().read_hdf5("h5py_gzip.h5", "dff").unwrap();
    assert_eq!(read.values, expected());
    assert_eq!(read.attributes, []);
}

/// Files of h5py and scipy of every type and storage.
#[cfg(feature = "hdf5")]
#[test]
fn theirs_are_read() {
    let place = Place::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/theirs")).unwrap();
    theirs::assert_h5py(&place);
    theirs::assert_scipy(&place);
}

/// The same bytes that h5py and scipy were seen to read.
#[cfg(feature = "hdf5")]
#[test]
fn ours_are_the_bytes_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    ours::write(&Place::open(folder.path().to_str().unwrap()).unwrap());
    let kept = include_str!("data/read_by_others.txt");
    let why = "other bytes than h5py and scipy read: see tests/interop.rs";
    assert_eq!(ours::digests(folder.path()), kept, "{why}");
}

#[test]
fn scipy_plain() {
    let read = mat::read(MAT_PLAIN).unwrap();
    let names: Vec<_> = read.iter().map(|v| (v.name.as_str(), v.class)).collect();
    // The text `name` is left out.
    assert_eq!(names, [("tr", Class::Double), ("tr_100", Class::Int(64))]);
    assert_eq!(read[0].values, expected());
    assert_eq!(read[1].values.shape(), [1, 3]);
    assert_eq!(
        read[1].values.iter().copied().collect::<Vec<_>>(),
        [1.0, 3.0, 5.0]
    );
}

#[test]
fn scipy_compressed() {
    let read = mat::read(MAT_COMPRESSED).unwrap();
    let find = |name: &str| read.iter().find(|v| v.name == name).unwrap();
    assert_eq!(find("tr").values, expected());
    assert_eq!(find("single").class, Class::Single);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the file holds the values rounded"
    )]
    let single = expected().mapv(|value| f64::from(value as f32));
    assert_eq!(find("single").values, single);
    assert_eq!(
        find("tr_100").values.iter().copied().collect::<Vec<_>>(),
        [1.0, 3.0, 5.0]
    );
}
