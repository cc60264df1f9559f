//! Writes a small movie as HDF5 and as MAT into a folder and reads both back.
//!
//! `cargo run -p widefield-storage --example write_read -- [FOLDER or URL]`; without an
//! argument it stays in memory.

use ndarray::{Array3, Axis};
use widefield_storage::{Dataset, MatFile, MatMovie, Orientation, Place, mat};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "memory://".to_owned());
    let place = Place::open(&url)?;
    place.check_writable("")?;

    // 50 frames of 96 rows x 128 columns with one bright pixel, row 10, column 20.
    let shape = [50, 96, 128];
    let mut movie = Array3::<f32>::zeros(shape);
    movie.slice_mut(ndarray::s![.., 10, 20]).fill(1.0);

    let dataset = Dataset::new("dff", shape)
        .orientation(Orientation::Camera)
        .attribute("unit", "dF/F")
        .attribute("sample_rate_hz", 20.0);
    let mut file = place.create_hdf5("example/dff.h5", dataset)?;
    for block in movie.axis_chunks_iter(Axis(0), 20) {
        file.push(block)?;
    }
    let hdf5 = file.finish()?;

    let mut file = place.create_mat("example/tr.mat", MatMovie::new("tr", shape).offset(1.0))?;
    file.push(movie.view())?;
    let tr = file.finish()?;

    let trials = MatFile::new()
        .row("tr_100", &[1.0, 4.0])
        .row("tr_1200", &[2.0, 3.0]);
    place.put("example/trials_ind.mat", trials.encode(1)?)?;

    for written in [hdf5, tr] {
        println!(
            "{place}/{}: {} bytes, crc32c {:08x}",
            written.name, written.bytes, written.crc32c
        );
    }
    let dff = place.read_hdf5("example/dff.h5", "dff")?;
    println!(
        "dff {:?}, camera axes: [10, 20, 0] = {}",
        dff.values.shape(),
        dff.values[[10, 20, 0]]
    );
    let tr = mat::read(&place.read("example/tr.mat")?)?.remove(0);
    println!(
        "tr {:?}, notebook axes: [20, 85, 0] = {}",
        tr.values.shape(),
        tr.values[[20, 85, 0]]
    );
    Ok(())
}
