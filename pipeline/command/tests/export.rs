//! Movies for other programs: what is in the files, read back by other readers.

use crate::common::{files, movie, run, widefield};
use ndarray::{Array3, Axis};
use ndarray_npy::ReadNpyExt;
use std::fs::File;
use std::path::{Path, PathBuf};
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;
use widefield_storage::{Dataset, MatMovie, Orientation, Place};

const SHAPE: [usize; 3] = [30, 12, 10];

/// A dF/F movie: NaN in the left column, a value that tells frame and place apart.
fn values() -> Array3<f32> {
    Array3::from_shape_fn(SHAPE, |(t, y, x)| match x {
        0 => f32::NAN,
        _ => 0.001 * (t as f32 + 2.0 * y as f32 - x as f32),
    })
}

fn here(dir: &Path) -> Place {
    Place::open(dir.to_str().expect("UTF-8")).expect("place")
}

/// The movie as the dataset `name` of `trial_1.h5`.
fn hdf5(dir: &Path, name: &str, orientation: Orientation) -> PathBuf {
    let dataset = Dataset::new(name, SHAPE)
        .orientation(orientation)
        .attribute("axes", orientation.name())
        .attribute("scale", "(F - F0) / F0; NaN outside the mask")
        .attribute("sample_rate_hz", 20.0)
        .attribute("first_frame_s", -0.5);
    let mut file = here(dir).create_hdf5("trial_1.h5", dataset).expect("file");
    file.push(values().view()).expect("frames");
    file.finish().expect("file");
    dir.join("trial_1.h5")
}

/// The movie as the variable `tr` of a MAT file.
fn mat(dir: &Path) -> PathBuf {
    let name = "cond_A_trial1.mat";
    let variable = MatMovie::new("tr", SHAPE).orientation(Orientation::Notebook);
    let mut file = here(dir).create_mat(name, variable).expect("file");
    file.push(values().view()).expect("frames");
    file.finish().expect("file");
    dir.join(name)
}

/// A recording, and its counts.
fn dcimg(dir: &Path) -> (PathBuf, Array3<u16>) {
    let file = dir.join("20170214_102233_1");
    let count = |t, y, x| u16::try_from(64_000 + 40 * t + y + 2 * x).expect("16 bits");
    movie(&file, [9, 64, 80], count);
    let counts = Array3::from_shape_fn((9, 64, 80), |(t, y, x)| count(t, y, x));
    (file, counts)
}

fn export(dir: &Path, file: &Path, options: &[&str]) -> (i32, String, String) {
    let mut command = widefield();
    command.current_dir(dir).arg("export").arg(file);
    run(command.args(options))
}

/// Exports into the current folder; the name that is told.
fn exported(dir: &Path, file: &Path, options: &[&str]) -> PathBuf {
    let (status, stdout, stderr) = export(dir, file, options);
    assert_eq!(status, 0, "{stderr}");
    dir.join(stdout.trim_end())
}

fn bits(movie: &Array3<f32>) -> Vec<u32> {
    movie.iter().map(|value| value.to_bits()).collect()
}

/// All pages of a TIFF of f32, and its description.
fn pages(path: &Path) -> (Array3<f32>, String) {
    let file = std::io::BufReader::new(File::open(path).expect("file"));
    let mut decoder = Decoder::new(file).expect("TIFF");
    let text = decoder.get_tag_ascii_string(Tag::ImageDescription);
    let (width, height) = decoder.dimensions().expect("sizes");
    let mut all = Vec::new();
    let mut n = 0;
    loop {
        match decoder.read_image().expect("page") {
            DecodingResult::F32(page) => all.extend(page),
            other => panic!("{other:?}"),
        }
        n += 1;
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().expect("page");
    }
    let movie = Array3::from_shape_vec((n, height as usize, width as usize), all);
    (movie.expect("whole pages"), text.expect("description"))
}

#[test]
fn a_tiff_has_the_camera_s_frames_and_says_what_they_are() {
    for orientation in [Orientation::Notebook, Orientation::Camera] {
        let dir = tempfile::tempdir().expect("folder");
        let file = hdf5(dir.path(), "dff", orientation);
        let output = exported(dir.path(), &file, &["--to", "tiff", "--pixel-um", "20.5"]);
        assert_eq!(output, dir.path().join("trial_1_dff.ome.tif"));
        let (found, text) = pages(&output);
        assert_eq!(found.dim(), (30, 12, 10));
        assert_eq!(bits(&found), bits(&values()), "{orientation:?}");
        for part in [
            r#"Name="trial_1.h5 dff""#,
            "<Description>(F - F0) / F0; NaN outside the mask; frame 0 at -0.5 s</Description>",
            r#"SizeT="30""#,
            r#"PhysicalSizeX="20.5" PhysicalSizeY="20.5" TimeIncrement="0.05""#,
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

#[test]
fn a_mat_file_is_exported_in_the_axes_that_are_said() {
    let dir = tempfile::tempdir().expect("folder");
    let file = mat(dir.path());
    let output = exported(dir.path(), &file, &["--to", "npy"]);
    assert_eq!(output, dir.path().join("cond_A_trial1_tr.npy"));
    let read = |path: &Path| Array3::<f32>::read_npy(File::open(path).expect("file"));
    assert_eq!(bits(&read(&output).expect("array")), bits(&values()));

    let options = ["--to", "npy", "--axes", "camera", "-o", "sub/turned.npy"];
    let output = exported(dir.path(), &file, &options);
    assert_eq!(output, dir.path().join("sub/turned.npy"));
    // What was (x, reversed y, t) is taken for (y, x, t).
    let mut turned = values();
    turned.invert_axis(Axis(1));
    let turned = turned
        .permuted_axes([0, 2, 1])
        .as_standard_layout()
        .into_owned();
    assert_eq!(bits(&read(&output).expect("array")), bits(&turned));
}

#[test]
fn recordings_stay_counts_from_paths_and_urls() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, counts) = dcimg(dir.path());
    let url = format!("file://{}", file.display());
    for file in [file.as_path(), Path::new(&url)] {
        let output = exported(dir.path(), file, &["--to", "npy", "--overwrite"]);
        assert_eq!(output, dir.path().join("20170214_102233_1.npy"));
        let found = Array3::<u16>::read_npy(File::open(&output).expect("file"));
        assert_eq!(found.expect("array"), counts);
    }
    let output = exported(dir.path(), &file, &["--to", "wfield", "-o", "sub"]);
    let name = "sub/frames-20170214-102233-1_1_64_80_uint16.bin";
    assert_eq!(output, dir.path().join(name));
    let numbers: Vec<u8> = counts
        .iter()
        .flat_map(|count| count.to_le_bytes())
        .collect();
    assert!(std::fs::read(&output).expect("file") == numbers);
}

/// tifffile and NumPy read the same axes, types, numbers and times.
#[test]
fn python_agrees() {
    let Some(python) = std::env::var_os("WIDEFIELD_PYTHON") else {
        eprintln!("SKIPPED: WIDEFIELD_PYTHON names no Python with tifffile");
        return;
    };
    let has = std::process::Command::new(&python)
        .args(["-c", "import tifffile"])
        .output();
    if !has.is_ok_and(|has| has.status.success()) {
        eprintln!("SKIPPED: the Python of WIDEFIELD_PYTHON has no tifffile");
        return;
    }
    let dir = tempfile::tempdir().expect("folder");
    let dff = hdf5(dir.path(), "dff", Orientation::Notebook);
    let (raw, _) = dcimg(dir.path());
    let mut names = Vec::new();
    for file in [&dff, &raw] {
        for to in ["tiff", "npy", "wfield"] {
            names.push(exported(dir.path(), file, &["--to", to]));
        }
    }
    // The bare frames are compared with those that NumPy read, and both with those in the TIFF.
    let script = "
import sys, numpy, tifffile
for tiff, npy, bare in (sys.argv[1:4], sys.argv[4:7]):
    array = numpy.load(npy)
    assert array.flags['C_CONTIGUOUS']
    with tifffile.TiffFile(tiff) as file:
        series = file.series[0]
        assert file.is_ome and file.is_bigtiff and len(file.series) == 1
        assert series.asarray().tobytes() == array.tobytes()
        pixels = tifffile.xml2dict(file.ome_metadata)['OME']['Image']['Pixels']
        print(series.axes, series.shape, series.dtype, array.shape, array.dtype, pixels.get('TimeIncrement'))
    assert tifffile.memmap(tiff, mode='r').tobytes() == array.tobytes()
    assert open(bare, 'rb').read() == array.tobytes()
    print(repr(float(array[-1, 2, 3])), int(numpy.isnan(array).sum()))
";
    let mut command = std::process::Command::new(python);
    let (status, stdout, stderr) = run(command.args(["-c", script]).args(&names));
    assert_eq!(status, 0, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(
        lines[0],
        "TYX (30, 12, 10) float32 (30, 12, 10) float32 0.05"
    );
    let value = f64::from(values()[[29, 2, 3]]);
    assert_eq!(lines[1], format!("{value:?} {}", 30 * 12));
    // The clock of the recording has intervals of its own.
    assert!(
        lines[2].starts_with("TYX (9, 64, 80) uint16 (9, 64, 80) uint16 0."),
        "{stdout}"
    );
    assert_eq!(lines[3], format!("{:?} 0", f64::from(64_000 + 320 + 2 + 6)));
}

/// A message without the line ends that fit it to a terminal.
fn flat(stderr: &str) -> String {
    let words: Vec<&str> = stderr.split_whitespace().filter(|w| *w != "│").collect();
    words.join(" ")
}

#[test]
fn nothing_is_overwritten_unless_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("folder");
    let file = hdf5(dir.path(), "dff", Orientation::Notebook);
    let whole = std::fs::read(&file).expect("file");
    for to in ["tiff", "npy", "wfield"] {
        let output = exported(dir.path(), &file, &["--to", to]);
        std::fs::write(&output, b"mine").expect("file");
        let (status, stdout, stderr) = export(dir.path(), &file, &["--to", to]);
        assert_eq!((status, stdout.as_str()), (2, ""));
        let said = flat(&stderr);
        assert!(
            said.contains("is there already") && said.contains("--overwrite"),
            "{stderr}"
        );
        assert_eq!(std::fs::read(&output).expect("file"), b"mine");
        exported(dir.path(), &file, &["--to", to, "--overwrite"]);
        assert!(std::fs::read(&output).expect("file").len() > 30 * 12 * 10 * 4 - 1);
    }
    // A result is not what such a file may be called.
    for to in ["tiff", "npy"] {
        let options = ["--to", to, "-o", "trial_1.h5", "--overwrite"];
        let (status, _, stderr) = export(dir.path(), &file, &options);
        assert_eq!(status, 2);
        assert!(flat(&stderr).contains("the ending is none of"), "{stderr}");
    }
    assert!(std::fs::read(&file).expect("file") == whole);
    assert_eq!(files(dir.path()).len(), 4);
}

#[test]
fn what_is_no_movie_is_refused_with_what_is_there() {
    let dir = tempfile::tempdir().expect("folder");
    let file = hdf5(dir.path(), "dff", Orientation::Notebook);
    let mat = mat(dir.path());
    let notes = dir.path().join("notes.txt");
    std::fs::write(&notes, b"hello").expect("file");
    let rows = widefield_storage::MatFile::new()
        .row("tr_1", &[1.0])
        .row("tr_2", &[2.0]);
    let rows = rows.encode(1).expect("MAT");
    here(dir.path()).put("trials_ind.mat", rows).expect("file");
    let several = dir.path().join("trials_ind.mat");
    let missing = dir.path().join("none.h5");
    for (file, more, said) in [
        (
            &file,
            &["--dataset", "mov"][..],
            "there is no dataset mov; it has dff",
        ),
        (&file, &["--dataset", "a/b"], "no dataset a/b"),
        (
            &mat,
            &["--dataset", "x"],
            "there is no dataset x; it has tr",
        ),
        (&several, &[], "is not clear; it has tr_1, tr_2"),
        (&notes, &[], "neither an HDF5 nor a MAT file"),
        (&missing, &[], "none.h5: not found"),
        (&file, &["--axes", "txy"], "is none of notebook, camera"),
        (&file, &["--pixel-um", "0"], "is no number from"),
    ] {
        let mut options = vec!["--to", "npy"];
        options.extend(more);
        let (status, stdout, stderr) = export(dir.path(), file, &options);
        assert_eq!((status, stdout.as_str()), (2, ""), "{more:?}");
        assert!(flat(&stderr).contains(said), "{more:?}: {stderr}");
    }
    let (status, _, stderr) = export(dir.path(), &file, &["--to", "zarr"]);
    assert_eq!(status, 2);
    assert!(
        flat(&stderr).contains("none of tiff, npy, wfield"),
        "{stderr}"
    );
    assert_eq!(files(dir.path()).len(), 4);
}

#[test]
fn of_a_damaged_file_nothing_is_written() {
    let dir = tempfile::tempdir().expect("folder");
    let dff = hdf5(dir.path(), "dff", Orientation::Notebook);
    let mat = mat(dir.path());
    let (raw, _) = dcimg(dir.path());
    for file in [&dff, &mat, &raw] {
        let whole = std::fs::read(file).expect("file");
        let name = file.file_name().and_then(|n| n.to_str()).expect("UTF-8");
        for length in [0, 100, 200, whole.len() / 2, whole.len() * 9 / 10] {
            std::fs::write(file, &whole[..length]).expect("file");
            let (status, stdout, stderr) = export(dir.path(), file, &["--to", "tiff"]);
            assert_eq!((status, stdout.as_str()), (2, ""), "{name} {length}");
            assert!(flat(&stderr).contains(name), "{length}: {stderr}");
        }
        std::fs::write(file, &whole).expect("file");
    }
    // A chunk that does not inflate: what zlib's header of level 1 begins.
    let mut forged = std::fs::read(&dff).expect("file");
    let chunk = forged.windows(2).position(|bytes| bytes == b"\x78\x01");
    let chunk = chunk.expect("a compressed chunk");
    forged[chunk + 2..chunk + 18].fill(0xff);
    std::fs::write(&dff, forged).expect("file");
    let (status, _, stderr) = export(dir.path(), &dff, &["--to", "npy"]);
    assert_eq!(status, 2);
    assert!(flat(&stderr).contains("trial_1.h5"), "{stderr}");
    assert_eq!(files(dir.path()).len(), 3);
}

/// The HDF5 library reads texts through tables of lengths, and old versions trust them.
#[test]
fn a_file_that_crashes_its_reader_is_an_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().expect("folder");
    let file = hdf5(dir.path(), "dff", Orientation::Notebook);
    let sound = std::fs::read(&file).expect("file");
    let table = sound.windows(4).position(|bytes| bytes == b"GCOL");
    // Behind 16 bytes of the table and 8 of the first text: the length of that text.
    let length = table.expect("a table of texts") + 24;
    // Not its lowest byte, with which those versions never come back.
    for byte in [1, 4, 7] {
        let mut forged = sound.clone();
        forged[length + byte] = 0xff;
        std::fs::write(&file, forged).expect("file");
        let output = format!("{byte}.npy");
        let (status, _, stderr) = export(dir.path(), &file, &["--to", "npy", "-o", &output]);
        // A text that cannot be read is none; the numbers can be exported all the same.
        assert_eq!(status == 0, dir.path().join(output).exists(), "{stderr}");
        assert!(
            status == 0 || status == 2 && flat(&stderr).contains("trial_1.h5"),
            "{stderr}"
        );
    }
    crate::common::assert_nothing_temporary(dir.path());
}
