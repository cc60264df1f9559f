//! The files that tests/python/read_ours.py reads, and digests of what is ours in them.

use std::fmt::Write as _;
use std::path::Path;

use ndarray::{Array2, Array3, Axis};
use widefield_storage::{Dataset, MatFile, MatMovie, Orientation, Place, Precision};

/// Writes all of them.
pub(crate) fn write(place: &Place) {
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
}

/// A line for each file: name, how many bytes of it are ours, their CRC-32C. Of HDF5 files those are the chunks, in the order of
/// their places in the dataset: the rest is written by the library, of whatever version.
pub(crate) fn digests(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut lines = String::new();
    for path in paths {
        let all = std::fs::read(&path).unwrap();
        let ours = match path.extension().is_some_and(|ending| ending == "h5") {
            true => chunks(&path, &all),
            false => all,
        };
        let name = path.file_name().unwrap().to_str().unwrap();
        let crc = crc32c::crc32c(&ours);
        writeln!(lines, "{name} {} {crc:08x}", ours.len()).unwrap();
    }
    lines
}

fn chunks(path: &Path, all: &[u8]) -> Vec<u8> {
    let file = hdf5::File::open(path).unwrap();
    let dataset = file.dataset("dff").unwrap();
    let chunks = 0..dataset.num_chunks().unwrap();
    let mut chunks: Vec<_> = chunks.map(|at| dataset.chunk_info(at).unwrap()).collect();
    chunks.sort_by(|a, b| a.offset.cmp(&b.offset));
    let place = |at: u64| usize::try_from(at).unwrap();
    let bytes = chunks
        .iter()
        .map(|chunk| &all[place(chunk.addr)..place(chunk.addr + chunk.size)]);
    bytes.collect::<Vec<_>>().concat()
}
