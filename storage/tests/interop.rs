//! Our files in h5py and scipy, theirs in our readers.
//!
//! Needs a Python with numpy, scipy and h5py, named by the environment variable
//! `WIDEFIELD_PYTHON`; without it the tests say so and pass.
#![cfg(feature = "hdf5")]

#[cfg(feature = "swift")]
#[path = "services/direct.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod direct;

use std::path::Path;
use std::process::Command;

use ndarray::{Array2, Array3, ArrayD, Axis};
use widefield_storage::mat::{self, Class};
use widefield_storage::{
    Attribute, Dataset, ErrorKind, MatFile, MatMovie, Orientation, Place, Precision,
};

/// Runs a script on a folder and returns what it prints; nothing without a Python.
fn python(script: &str, folder: &Path) -> Option<String> {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON") else {
        eprintln!("SKIPPED {script}: WIDEFIELD_PYTHON is not set");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python")
        .join(script);
    let output = Command::new(python)
        .arg(script)
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    Some(text.into_owned())
}

fn place(folder: &tempfile::TempDir) -> Place {
    Place::open(folder.path().to_str().unwrap()).unwrap()
}

/// The files of `folder` in places of other kinds: in memory, and in Swift if a server is there.
fn copies(folder: &Path) -> Vec<Place> {
    #[cfg_attr(
        not(feature = "swift"),
        expect(unused_mut, reason = "Swift is another")
    )]
    let mut places = vec![Place::open("memory://").unwrap()];
    #[cfg(feature = "swift")]
    match direct::v1() {
        Some(credentials) => {
            let name = format!("widefield-interop-{}", std::process::id());
            let swift = widefield_storage::swift::Swift::new(&name, credentials).unwrap();
            places.push(Place::from_swift(&swift, "theirs").unwrap());
        }
        None => eprintln!("SKIPPED in Swift: no server, see tests/services"),
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        for place in &places {
            place.put(name, std::fs::read(&path).unwrap()).unwrap();
        }
    }
    places
}

#[test]
fn they_read_ours() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    let shape = [37, 70, 90];
    let mut movie =
        Array3::from_shape_fn(shape, |(t, y, x)| (t + 100 * y + 10_000 * x) as f32 + 0.5);
    movie[[3, 4, 5]] = f32::NAN;

    for (axes, orientation) in [
        ("notebook", Orientation::Notebook),
        ("camera", Orientation::Camera),
    ] {
        for (name, precision) in [("f32", Precision::F32), ("f64", Precision::F64)] {
            for level in [0, 1, 6] {
                let stem = format!("{axes}_{name}_{level}");
                let dataset = Dataset::new("dff", shape)
                    .orientation(orientation)
                    .precision(precision)
                    .compression(level)
                    .attribute("unit", "ΔF/F₀")
                    .attribute("frames", 37)
                    .attribute("rate", 20.5)
                    .attribute("list", [1.0, -2.5, f64::NAN]);
                let plan = MatMovie::new("tr", shape)
                    .orientation(orientation)
                    .precision(precision)
                    .compression(level);
                let mut hdf5 = place.create_hdf5(&format!("{stem}.h5"), dataset).unwrap();
                let mut mat = place.create_mat(&format!("{stem}.mat"), plan).unwrap();
                for block in movie.axis_chunks_iter(Axis(0), 10) {
                    hdf5.push(block).unwrap();
                    mat.push(block).unwrap();
                }
                hdf5.finish().unwrap();
                mat.finish().unwrap();
            }
        }
    }
    let mut plus = place
        .create_mat("plus_one.mat", MatMovie::new("tr", shape).offset(1.0))
        .unwrap();
    plus.push(movie.view()).unwrap();
    plus.finish().unwrap();
    let plan = MatMovie::new("tr", [1, 70, 90]).orientation(Orientation::Camera);
    let mut one = place.create_mat("one_frame.mat", plan).unwrap();
    one.push(movie.slice(ndarray::s![..1, .., ..])).unwrap();
    one.finish().unwrap();
    let frame: Array2<f64> = movie.index_axis(Axis(0), 0).mapv(f64::from);
    for level in [0, 1] {
        let file = MatFile::new()
            .row("tr_100", &[1.0, 3.0, 8.0])
            .row("tr_1200", &[2.0])
            .matrix("refImg", frame.view(), Orientation::Notebook)
            .matrix("camera", frame.view(), Orientation::Camera);
        place
            .put(&format!("small_{level}.mat"), file.encode(level).unwrap())
            .unwrap();
    }
    if let Some(text) = python("read_ours.py", folder.path()) {
        assert_eq!(text.trim(), "24 movies agree");
    }
}

/// value(i, j, k) = i + 10 j + 100 k, modulo 100 for 8-bit types.
fn expected(kind: &str) -> ArrayD<f64> {
    Array3::from_shape_fn((3, 4, 5), |(i, j, k)| {
        let value = (i + 10 * j + 100 * k) as f64;
        if kind.ends_with('1') {
            value % 100.0
        } else {
            value
        }
    })
    .into_dyn()
}

#[test]
fn we_read_h5py() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    if python("write_theirs.py", folder.path()).is_none() {
        return;
    }
    assert_read_h5py(&place);
    for copy in copies(folder.path()) {
        assert_read_h5py(&copy);
        for entry in copy.list("").unwrap() {
            copy.remove(&entry.name).unwrap();
        }
    }
}

/// What h5py wrote, like MATLAB behind a block of 512 bytes.
fn assert_read_h5py(place: &Place) {
    for file in ["old.h5", "new.h5"] {
        let read = |dataset: &str| place.read_hdf5(file, dataset);
        for storage in ["contiguous", "gzip", "shuffle"] {
            for kind in [
                "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "big_f8", "big_i2",
            ] {
                let found = read(&format!("{storage}/{kind}")).unwrap();
                assert_eq!(found.values, expected(kind), "{file} {storage} {kind}");
            }
        }
        assert_eq!(
            read("unwritten").unwrap().values,
            ArrayD::from_elem(vec![3, 4], 7.0)
        );
        assert_eq!(read("empty").unwrap().values.shape(), [0, 4]);
        assert_eq!(
            read("scalar").unwrap().values,
            ndarray::arr0(2.5).into_dyn()
        );
        assert_eq!(read("text").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(read("contiguous").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(read("missing").unwrap_err().kind(), ErrorKind::Invalid);

        let open = place.open_hdf5(file).unwrap();
        for storage in ["contiguous", "gzip", "shuffle"] {
            let dataset = open.dataset(&format!("/{storage}/f8")).unwrap();
            let part = dataset.read(&[(1, 3), (0, 2), (4, 5)]).unwrap();
            let all = expected("f8");
            assert_eq!(part, all.slice(ndarray::s![1..3, 0..2, 4..5]).into_dyn());
        }

        let found = read("contiguous/f4").unwrap();
        let expected = [
            ("bytes", Attribute::from("fixed")),
            ("float", Attribute::Float(0.5)),
            ("integer", Attribute::Integer(-3)),
            ("integers", Attribute::Floats(vec![1.0, 2.0, 3.0, 4.0])),
            ("list", Attribute::Floats(vec![1.0, 2.0])),
            ("text", Attribute::from("µm")),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        assert_eq!(found.attributes, expected, "{file}");
    }
}

#[test]
fn we_read_scipy() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(&folder);
    if python("write_theirs.py", folder.path()).is_none() {
        return;
    }
    for file in ["plain.mat", "packed.mat"] {
        let read = mat::read(&place.read(file).unwrap()).unwrap();
        let classes = [
            ("f4", Class::Single),
            ("f8", Class::Double),
            ("i1", Class::Int(8)),
            ("u1", Class::UInt(8)),
            ("i2", Class::Int(16)),
            ("u2", Class::UInt(16)),
            ("i4", Class::Int(32)),
            ("u4", Class::UInt(32)),
            ("i8", Class::Int(64)),
            ("u8", Class::UInt(64)),
        ];
        let find = |name: &str| read.iter().find(|v| v.name == name).unwrap();
        for (kind, class) in classes {
            let found = find(kind);
            assert_eq!(
                (found.class, &found.values),
                (class, &expected(kind)),
                "{file} {kind}"
            );
        }
        assert_eq!(find("logical").class, Class::Logical);
        assert_eq!(
            find("logical").values,
            expected("f8").mapv(|v| f64::from(v % 2.0 == 0.0))
        );
        assert_eq!(find("nothing").values.shape(), [0, 3]);
        assert!(find("last").values[[0, 1]].is_nan());
        assert_eq!(
            find("a_name_of_more_than_thirty_one_letters").values,
            expected("f8")
        );
        // Texts, cells, structures and complex arrays are left out.
        assert_eq!(read.len(), 14, "{file}");
    }
}
