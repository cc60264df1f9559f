//! What is written comes back, in the announced axes, whatever the shape, blocks and threads.
#![cfg(feature = "hdf5")]

use ndarray::{Array3, ArrayD, Axis, Ix3};
use widefield_storage::{
    Attribute, Dataset, ErrorKind, MatMovie, Orientation, Place, Precision, mat,
};

const ORIENTATIONS: [Orientation; 2] = [Orientation::Notebook, Orientation::Camera];

/// A movie (t, y, x) without symmetry, with NaN and infinities.
fn movie(shape: [usize; 3]) -> Array3<f32> {
    let mut state = 1_u32;
    Array3::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 24 {
            0 => f32::NAN,
            1 => f32::INFINITY,
            _ => (state >> 8) as f32 / (1 << 24) as f32 - 0.5,
        }
    })
}

/// The movie in the axes of the file, by their definition.
fn oriented(movie: &Array3<f32>, orientation: Orientation) -> ArrayD<f64> {
    let (t, y, x) = movie.dim();
    let at = |row, column, frame| f64::from(movie[[frame, row, column]]);
    match orientation {
        Orientation::Notebook => {
            Array3::from_shape_fn((x, y, t), |(i, j, k)| at(y - 1 - j, i, k)).into_dyn()
        }
        Orientation::Camera => Array3::from_shape_fn((y, x, t), |(i, j, k)| at(i, j, k)).into_dyn(),
    }
}

fn assert_same(found: &ArrayD<f64>, expected: &ArrayD<f64>, context: &str) {
    assert_eq!(found.shape(), expected.shape(), "{context}");
    for (at, value) in expected.indexed_iter() {
        // NaN equals NaN here: the bits of the value are what was promised.
        let other = found[&at];
        assert!(
            other == *value || (other.is_nan() && value.is_nan()),
            "{context} {at:?}"
        );
    }
}

fn write_hdf5(place: &Place, movie: &Array3<f32>, dataset: Dataset, block: usize) -> Vec<u8> {
    let mut file = place.create_hdf5("x.h5", dataset).unwrap();
    for block in movie.axis_chunks_iter(Axis(0), block) {
        file.push(block).unwrap();
    }
    let written = file.finish().unwrap();
    let bytes = place.read("x.h5").unwrap();
    assert_eq!(
        (written.bytes, written.crc32c),
        (bytes.len() as u64, crc32c::crc32c(&bytes))
    );
    bytes.into()
}

fn write_mat(place: &Place, movie: &Array3<f32>, plan: MatMovie, block: usize) -> Vec<u8> {
    let mut file = place.create_mat("x.mat", plan).unwrap();
    for block in movie.axis_chunks_iter(Axis(0), block) {
        file.push(block).unwrap();
    }
    let written = file.finish().unwrap();
    let bytes = place.read("x.mat").unwrap();
    assert_eq!(
        (written.bytes, written.crc32c),
        (bytes.len() as u64, crc32c::crc32c(&bytes))
    );
    bytes.into()
}

const SHAPES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [1, 3, 2],
    [2, 1, 5],
    [15, 63, 64],
    [16, 64, 65],
    [17, 65, 63],
    [33, 64, 64],
    [5, 7, 130],
    [50, 129, 3],
];

#[test]
fn every_shape_comes_back_from_hdf5() {
    let place = Place::open("memory://").unwrap();
    for shape in SHAPES {
        let movie = movie(shape);
        for orientation in ORIENTATIONS {
            for (precision, level) in [
                (Precision::F32, 0),
                (Precision::F32, 1),
                (Precision::F64, 0),
                (Precision::F64, 6),
            ] {
                let dataset = Dataset::new("dff", shape)
                    .orientation(orientation)
                    .precision(precision)
                    .compression(level);
                write_hdf5(&place, &movie, dataset, 4);
                let read = place.read_hdf5("x.h5", "dff").unwrap();
                let context = format!("{shape:?} {orientation:?} {precision:?} {level}");
                assert_same(&read.values, &oriented(&movie, orientation), &context);
            }
        }
    }
}

#[test]
fn every_shape_comes_back_from_mat() {
    let place = Place::open("memory://").unwrap();
    for shape in SHAPES {
        let movie = movie(shape);
        for orientation in ORIENTATIONS {
            for (precision, level) in [
                (Precision::F32, 0),
                (Precision::F32, 1),
                (Precision::F64, 0),
                (Precision::F64, 6),
            ] {
                let plan = MatMovie::new("tr", shape)
                    .orientation(orientation)
                    .precision(precision)
                    .compression(level);
                let bytes = write_mat(&place, &movie, plan, 4);
                let read = mat::read(&bytes).unwrap();
                assert_eq!((read.len(), read[0].name.as_str()), (1, "tr"));
                let context = format!("{shape:?} {orientation:?} {precision:?} {level}");
                assert_same(&read[0].values, &oriented(&movie, orientation), &context);
            }
        }
    }
}

/// The crate `matfile` reads our files too, with the same numbers.
#[test]
fn another_reader_of_mat_agrees() {
    let place = Place::open("memory://").unwrap();
    let shape = [4, 6, 5];
    let movie = movie(shape).mapv(|v| if v.is_finite() { v } else { 0.0 });
    for level in [0, 1] {
        let plan = MatMovie::new("tr", shape)
            .orientation(Orientation::Camera)
            .compression(level);
        let bytes = write_mat(&place, &movie, plan, 4);
        let file = matfile::MatFile::parse(&bytes[..]).unwrap();
        let array = file.find_by_name("tr").unwrap();
        assert_eq!(array.size(), &vec![6, 5, 4]);
        let matfile::NumericData::Single { real, imag: None } = array.data() else {
            panic!("not single: {array:?}");
        };
        // First axis fastest: y, then x, then t.
        let expected: Vec<f32> = movie
            .view()
            .permuted_axes([0, 2, 1])
            .iter()
            .copied()
            .collect();
        assert_eq!(*real, expected, "level {level}");
    }
}

/// A bright pixel at row r, column c of the camera is `tr(r+1, c+1, t)` in camera axes and
/// `tr(c+1, height-r, t)` in the notebook's (both counted from 1).
#[test]
fn a_bright_pixel_is_where_the_axes_say() {
    let (frames, height, width) = (3, 5, 7);
    let (frame, row, column) = (1, 1, 4);
    let mut movie = Array3::<f32>::zeros((frames, height, width));
    movie[[frame, row, column]] = 1.0;
    let place = Place::open("memory://").unwrap();
    let expected = [
        (Orientation::Notebook, [column, height - 1 - row, frame]),
        (Orientation::Camera, [row, column, frame]),
    ];
    for (orientation, at) in expected {
        let shape = [frames, height, width];
        write_hdf5(
            &place,
            &movie,
            Dataset::new("dff", shape).orientation(orientation),
            3,
        );
        let bytes = write_mat(
            &place,
            &movie,
            MatMovie::new("tr", shape).orientation(orientation),
            3,
        );
        for values in [
            place.read_hdf5("x.h5", "dff").unwrap().values,
            mat::read(&bytes).unwrap().remove(0).values,
        ] {
            let values = values.into_dimensionality::<Ix3>().unwrap();
            let bright: Vec<_> = values.indexed_iter().filter(|(_, v)| **v != 0.0).collect();
            assert_eq!(bright, [((at[0], at[1], at[2]), &1.0)], "{orientation:?}");
        }
    }
}

#[test]
fn blocks_and_threads_do_not_change_the_bytes() {
    let shape = [41, 70, 130];
    let movie = movie(shape);
    let place = Place::open("memory://").unwrap();
    for orientation in ORIENTATIONS {
        for precision in [Precision::F32, Precision::F64] {
            let hdf5 = |block| {
                let dataset = Dataset::new("dff", shape)
                    .orientation(orientation)
                    .precision(precision)
                    .attribute("unit", "dF/F")
                    .attribute("rate", 20.0);
                write_hdf5(&place, &movie, dataset, block)
            };
            let mat = |block| {
                let plan = MatMovie::new("tr", shape)
                    .orientation(orientation)
                    .precision(precision);
                write_mat(&place, &movie, plan, block)
            };
            let (whole_hdf5, whole_mat) = (hdf5(41), mat(41));
            for threads in [1, 2] {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                for block in [1, 7, 16, 41] {
                    pool.install(|| {
                        assert!(hdf5(block) == whole_hdf5, "HDF5, blocks of {block}");
                        assert!(mat(block) == whole_mat, "MAT, blocks of {block}");
                    });
                }
            }
        }
    }
}

#[test]
fn a_second_of_time_changes_nothing() {
    let place = Place::open("memory://").unwrap();
    let movie = movie([3, 10, 10]);
    let write = || {
        let dataset = Dataset::new("dff", [3, 10, 10]).attribute("text", "x");
        let hdf5 = write_hdf5(&place, &movie, dataset, 3);
        (
            hdf5,
            write_mat(&place, &movie, MatMovie::new("tr", [3, 10, 10]), 3),
        )
    };
    let first = write();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(write() == first);
}

/// The same bytes from the library's versions 1.10.8 (system) and 2.2.0 (compiled in), for both of
/// which this number was computed. Uncompressed, since another version of the compressor may
/// choose other bytes.
#[test]
fn versions_of_the_library_give_the_same_bytes() {
    let place = Place::open("memory://").unwrap();
    let dataset = Dataset::new("dff", [20, 70, 66])
        .compression(0)
        .attribute("unit", "ΔF/F₀")
        .attribute("rate", 20.0)
        .attribute("range", [9.0, 12.0]);
    let bytes = write_hdf5(&place, &movie([20, 70, 66]), dataset, 7);
    assert_eq!(crc32c::crc32c(&bytes), 0x34c1_ef2c);
}

#[test]
fn attributes_come_back() {
    let place = Place::open("memory://").unwrap();
    let long = "é".repeat(100_000);
    let dataset = Dataset::new("dff", [1, 1, 1])
        .attribute("unit", "replaced")
        .attribute("unit", "ΔF/F₀")
        .attribute("long", long.as_str())
        .attribute("empty", "")
        .attribute("frames", 200_i64)
        .attribute("rate", 20.5)
        .attribute("fit", [1.0, f64::NAN, -3.0])
        .attribute("one", vec![1.5])
        .attribute("none", Vec::new());
    write_hdf5(&place, &movie([1, 1, 1]), dataset, 1);
    let read = place.read_hdf5("x.h5", "dff").unwrap();
    assert_eq!(read.attribute("unit"), Some(&Attribute::from("ΔF/F₀")));
    assert_eq!(read.attribute("long"), Some(&Attribute::from(long)));
    assert_eq!(read.attribute("empty"), Some(&Attribute::from("")));
    assert_eq!(read.attribute("frames"), Some(&Attribute::Integer(200)));
    assert_eq!(read.attribute("rate"), Some(&Attribute::Float(20.5)));
    assert_eq!(read.attribute("one"), Some(&Attribute::Floats(vec![1.5])));
    assert_eq!(read.attribute("none"), Some(&Attribute::Floats(vec![])));
    assert!(
        matches!(read.attribute("fit"), Some(Attribute::Floats(v)) if v[2] == -3.0 && v[1].is_nan())
    );
    assert_eq!(read.attributes.len(), 8);
}

#[test]
fn the_constant_is_added_once_in_f64() {
    let place = Place::open("memory://").unwrap();
    let values = [0.0, 1e-9, -0.25, f32::NAN, 0.1];
    let movie = Array3::from_shape_vec((1, 1, 5), values.to_vec()).unwrap();
    for precision in [Precision::F32, Precision::F64] {
        let plan = MatMovie::new("tr", [1, 1, 5])
            .precision(precision)
            .offset(1.0);
        let read = mat::read(&write_mat(&place, &movie, plan, 1)).unwrap();
        for (&found, &value) in read[0].values.iter().zip(&values) {
            let exact = f64::from(value) + 1.0;
            #[expect(clippy::cast_possible_truncation, reason = "the rounding under test")]
            let expected = match precision {
                Precision::F32 => f64::from(exact as f32),
                Precision::F64 => exact,
            };
            assert!(
                found == expected || (found.is_nan() && expected.is_nan()),
                "{found} {expected}"
            );
        }
    }
}

#[test]
fn views_of_any_layout_are_written_alike() {
    let place = Place::open("memory://").unwrap();
    let shape = [20, 30, 40];
    let movie = movie(shape);
    let wide = ndarray::concatenate![Axis(2), movie, movie];
    let part = wide.slice(ndarray::s![.., .., ..40]);
    let write = |view: ndarray::ArrayView3<'_, f32>| {
        let mut hdf5 = place
            .create_hdf5("v.h5", Dataset::new("dff", shape))
            .unwrap();
        hdf5.push(view).unwrap();
        let mut mat = place
            .create_mat("v.mat", MatMovie::new("tr", shape))
            .unwrap();
        mat.push(view).unwrap();
        (hdf5.finish().unwrap().crc32c, mat.finish().unwrap().crc32c)
    };
    let fortran = movie
        .view()
        .reversed_axes()
        .as_standard_layout()
        .into_owned();
    assert_eq!(write(part), write(movie.view()));
    assert_eq!(write(fortran.t()), write(movie.view()));
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    let invalid = |result: Result<(), widefield_storage::Error>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Invalid);
    };
    for shape in [[0, 2, 2], [2, 0, 2], [2, 2, 0]] {
        invalid(place.create_hdf5("x", Dataset::new("dff", shape)).map(drop));
        invalid(place.create_mat("x", MatMovie::new("tr", shape)).map(drop));
    }
    let shape = [2, 3, 4];
    invalid(place.create_hdf5("x", Dataset::new("a/b", shape)).map(drop));
    invalid(place.create_hdf5("x", Dataset::new("", shape)).map(drop));
    invalid(
        place
            .create_hdf5("x", Dataset::new("d", shape).compression(10))
            .map(drop),
    );
    invalid(
        place
            .create_hdf5("x", Dataset::new("d", shape).attribute("a", "b\0c"))
            .map(drop),
    );
    invalid(
        place
            .create_hdf5("../x", Dataset::new("d", shape))
            .map(drop),
    );
    invalid(place.create_mat("x", MatMovie::new("1r", shape)).map(drop));
    invalid(
        place
            .create_mat("x", MatMovie::new("tr", shape).compression(10))
            .map(drop),
    );
    let huge = place
        .create_mat("x", MatMovie::new("tr", [1 << 13, 256, 256]))
        .map(drop);
    assert_eq!(huge.unwrap_err().kind(), ErrorKind::TooLarge);
    let huge = place
        .create_hdf5("x", Dataset::new("d", [1 << 40, 1 << 20, 1 << 20]))
        .map(drop);
    assert_eq!(huge.unwrap_err().kind(), ErrorKind::TooLarge);

    let frames = Array3::<f32>::zeros((2, 3, 4));
    let other = Array3::<f32>::zeros((1, 4, 3));
    let mut hdf5 = place.create_hdf5("x", Dataset::new("d", shape)).unwrap();
    invalid(hdf5.push(other.view()));
    hdf5.push(frames.slice(ndarray::s![..1, .., ..])).unwrap();
    invalid(hdf5.push(frames.view()));
    invalid(hdf5.finish().map(drop));
    let mut mat = place.create_mat("x", MatMovie::new("tr", shape)).unwrap();
    invalid(mat.push(other.view()));
    mat.push(frames.slice(ndarray::s![..1, .., ..])).unwrap();
    invalid(mat.push(frames.view()));
    invalid(mat.finish().map(drop));
    drop(place.create_hdf5("y", Dataset::new("d", shape)).unwrap());
    drop(place.create_mat("y", MatMovie::new("tr", shape)).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// All calls work from within a runtime, on its own thread and on a blocking one.
#[cfg(feature = "object-store")]
#[test]
fn plain_calls_work_inside_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let places = [
        Place::from_store(store, "mine://here", "").unwrap(),
        Place::open(folder.path().to_str().unwrap()).unwrap(),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for place in places {
        let work = move || {
            let movie = movie([3, 4, 5]);
            write_hdf5(&place, &movie, Dataset::new("dff", [3, 4, 5]), 2);
            write_mat(&place, &movie, MatMovie::new("tr", [3, 4, 5]), 2);
            assert_eq!(place.list("").unwrap().len(), 2);
            place.remove("x.h5").unwrap();
            assert_eq!(place.head("x.h5").unwrap(), None);
        };
        let other = work.clone();
        runtime.block_on(async move {
            work();
            tokio::task::spawn_blocking(other).await.unwrap();
        });
    }
}
