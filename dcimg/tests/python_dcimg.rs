//! The Python package `dcimg` reads what the writer writes.
//!
//! Needs a Python with that package, named by the environment variable
//! `WIDEFIELD_PYTHON_DCIMG`; skips aloud without. Release 0.6.0.post1 reads the subset written
//! here. It does not read, or reads wrongly:
//!
//! * 8-bit packed files with relocated pixels (it skips the correction), 8-bit framed ones (it
//!   restores four pixels instead of eight);
//! * trailers of other than 32 bytes;
//! * version 0x2000000;
//! * packed files whose relocated pixels are not in column 0 (it ignores the column);
//! * framed files whose relocated pixels are elsewhere than in column 0 of the row computed from
//!   the sub-array, or that hold sensor row 1023 without relocated pixels (it restores that row
//!   without looking), or whose sub-array is not 712 bytes after the session header;
//! * footers whose tables start elsewhere than at 0x110.
#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{pixels_u8, pixels_u16, stamp, write};
use dcimg::PixelType;
use dcimg::write::{Spec, Stored};
use ndarray::{Array2, Array3};
use ndarray_npy::{WritableElement, write_npy};

#[test]
fn python_package_reads_equal_pixels_and_stamps() {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON_DCIMG") else {
        eprintln!("SKIPPED: WIDEFIELD_PYTHON_DCIMG names no Python with the package dcimg");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, spec: Spec, (n, h, w): (usize, usize, usize)| {
        save_movie(folder.path(), name, &spec, &pixels_u16(n, h, w));
    };
    save("packed", Spec::packed(32, 24), (5, 24, 32));
    save(
        "packed_row_0",
        Spec::packed(32, 24).relocated_at(0, 0),
        (5, 24, 32),
    );
    save(
        "packed_row_17",
        Spec::packed(31, 24).relocated_at(17, 0),
        (5, 24, 31),
    );
    save(
        "packed_one_frame",
        Spec::packed(32, 24).relocated_at(3, 0),
        (1, 24, 32),
    );
    save(
        "packed_padded",
        Spec::packed(30, 10).row_padding(12).relocated_at(9, 0),
        (4, 10, 30),
    );
    save(
        "packed_other_sizes",
        Spec::packed(32, 24)
            .session_offset(0x100)
            .data_offset(300)
            .relocated_at(5, 0),
        (4, 24, 32),
    );
    save("framed", Spec::framed(32, 24), (5, 24, 32));
    save(
        "framed_full_height",
        Spec::framed(16, 1030).relocated_at(1023, 0),
        (3, 1030, 16),
    );
    save(
        "framed_sub_array",
        Spec::framed(32, 40)
            .first_sensor_row(1000)
            .relocated_at(23, 0),
        (3, 40, 32),
    );
    save(
        "framed_unannounced",
        Spec::framed(32, 168)
            .first_sensor_row(940)
            .relocated_unannounced(),
        (3, 168, 32),
    );
    save(
        "framed_binning",
        Spec::framed(32, 320)
            .binning(2)
            .first_sensor_row(400)
            .relocated_at(311, 0),
        (3, 320, 32),
    );
    save(
        "framed_padded",
        Spec::framed(30, 40)
            .first_sensor_row(1000)
            .row_padding(16)
            .relocated_at(23, 0),
        (3, 40, 30),
    );
    let eight = pixels_u8(4, 12, 16);
    for (name, spec) in [
        ("packed_u8", Spec::packed(16, 12)),
        ("framed_u8", Spec::framed(16, 12)),
    ] {
        save_movie(folder.path(), name, &spec.pixel(PixelType::U8), &eight);
    }

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/read_with_dcimg.py");
    let output = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{errors}");
    assert!(printed.contains("14 files, 0 differ"), "{printed}");
}

fn save_movie<T: Stored + WritableElement>(
    folder: &Path,
    name: &str,
    spec: &Spec,
    movie: &Array3<T>,
) {
    let path = |ending: &str| folder.join(name).with_extension(ending);
    std::fs::write(path("dcimg"), write(spec, movie)).unwrap();
    write_npy(path("npy"), movie).unwrap();
    let stamps = Array2::from_shape_fn((movie.dim().0, 3), |(frame, column)| {
        let stamp = stamp(frame);
        [
            stamp.framestamp,
            stamp.time.seconds,
            stamp.time.microseconds,
        ][column]
    });
    write_npy(path("stamps.npy"), &stamps).unwrap();
}
