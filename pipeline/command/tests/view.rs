//! Pictures and films of movies: what is in the files, read back by other readers.

use crate::common::{movie, run, widefield};
use ndarray::{Array3, s};
use std::path::{Path, PathBuf};
use widefield::render::{ColourMap, Scale};
use widefield_storage::{Dataset, Orientation, Place};

/// A dF/F movie of 30 frames of 12 x 10 px: NaN in the left column, a value that tells frame and place apart.
fn dff(dir: &Path) -> (PathBuf, Array3<f32>) {
    let values = Array3::from_shape_fn((30, 12, 10), |(t, y, x)| match x {
        0 => f32::NAN,
        _ => 0.001 * (t as f32 + 2.0 * y as f32 - x as f32),
    });
    let place = Place::open(dir.to_str().expect("UTF-8")).expect("place");
    let dataset = Dataset::new("dff", [30, 12, 10])
        .orientation(Orientation::Notebook)
        .attribute("axes", "x, reversed y, t")
        .attribute("sample_rate_hz", 20.0)
        .attribute("first_frame_s", -0.5);
    let mut file = place.create_hdf5("trial_1.h5", dataset).expect("file");
    file.push(values.view()).expect("frames");
    file.finish().expect("file");
    (dir.join("trial_1.h5"), values)
}

/// Exports a picture of a file and returns what is said on stdout.
fn viewed(file: &Path, output: &Path, options: &[&str]) -> String {
    let mut command = widefield();
    let command = command.arg("view").args(options).arg("-o").arg(output);
    let (status, stdout, stderr) = run(command.arg(file));
    assert_eq!(status, 0, "{stderr}");
    stdout
}

/// All frames of a PNG as colours, `(t, y, x)`.
fn frames(path: &Path) -> Array3<[u8; 3]> {
    let file = std::io::BufReader::new(std::fs::File::open(path).expect("picture"));
    let mut decoder = png::Decoder::new(file);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("PNG");
    let n = reader
        .info()
        .animation_control()
        .map_or(1, |a| a.num_frames as usize);
    let (h, w) = (reader.info().height as usize, reader.info().width as usize);
    let mut all = Vec::new();
    for _ in 0..n {
        let mut bytes = vec![0; reader.output_buffer_size().expect("size")];
        reader.next_frame(&mut bytes).expect("frame");
        all.extend(bytes.chunks_exact(3).map(|c| [c[0], c[1], c[2]]));
    }
    Array3::from_shape_vec((n, h, w), all).expect("whole frames")
}

/// The colour that the middle of each pixel of the movie has in a picture, where the image begins at row `top`.
fn colours(picture: &Array3<[u8; 3]>, frame: usize, top: usize, zoom: usize) -> Vec<[u8; 3]> {
    let mut found = Vec::new();
    for y in 0..12 {
        for x in 0..10 {
            found.push(picture[(frame, top + y * zoom + zoom / 2, x * zoom + zoom / 2)]);
        }
    }
    found
}

/// What they should be, to the nearest of 250 steps of the colour map.
fn wanted(values: ndarray::ArrayView2<'_, f32>, scale: Scale) -> Vec<[u8; 3]> {
    let colour = |v: &f32| match scale.share(*v) {
        None => [190; 3],
        Some(share) => ColourMap::Viridis.colour((share * 249.0 + 0.5).floor() / 249.0),
    };
    values.iter().map(colour).collect()
}

/// Rows above the image: a line of letters of one, two, ... pixels; the first with a colour of the map or the
/// grey of missing pixels over the whole width.
fn top_of(picture: &Array3<[u8; 3]>) -> usize {
    let image = |row: ndarray::ArrayView1<'_, [u8; 3]>| row[0] == [190; 3] && row[3] == [190; 3];
    let rows = picture.slice(s![0, .., ..]);
    rows.rows().into_iter().position(image).expect("an image")
}

#[test]
fn one_frame_has_the_colours_of_its_values() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, values) = dff(dir.path());
    let output = dir.path().join("frame.png");
    let options = ["--frame", "17", "--zoom", "8", "--scale", "0.5,4"];
    let said = viewed(&file, &output, &options);
    assert_eq!(said.trim(), output.to_str().expect("UTF-8"));
    let picture = frames(&output);
    let scale = Scale {
        low: 0.005,
        high: 0.04,
    };
    let found = colours(&picture, 0, top_of(&picture), 8);
    assert_eq!(found, wanted(values.slice(s![17, .., ..]), scale));
}

#[test]
fn mean_maximum_and_peak_are_what_they_are_called() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, values) = dff(dir.path());
    let mean = values.slice(s![4..14, .., ..]).mean_axis(ndarray::Axis(0));
    // Time 0 is frame 10, a quarter of a second is 5 frames: the last whole window is frames 25 to 29.
    let peak = values.slice(s![25..30, .., ..]).mean_axis(ndarray::Axis(0));
    let max = values.slice(s![29, .., ..]).to_owned();
    for (arguments, image) in [
        (&["--mean", "--frames", "4..14"][..], mean.expect("frames")),
        (&["--max"], max),
        // What is shown of dF/F unless something else is asked for.
        (&[], peak.expect("frames")),
    ] {
        let output = dir.path().join("out.png");
        let mut command = widefield();
        command.args([
            "view",
            "--zoom",
            "8",
            "--scale",
            "-1,5",
            "--overwrite",
            "-o",
        ]);
        let (status, _, stderr) = run(command.arg(&output).arg(&file).args(arguments));
        assert_eq!(status, 0, "{stderr}");
        let picture = frames(&output);
        let scale = Scale {
            low: -0.01,
            high: 0.05,
        };
        let found = colours(&picture, 0, top_of(&picture), 8);
        let same = found
            .iter()
            .zip(wanted(image.view(), scale))
            // A value on the border of two steps may fall to either.
            .filter(|(a, b)| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 3));
        assert_eq!(same.count(), 120, "{arguments:?}");
    }
}

#[test]
fn a_film_has_every_frame_and_one_scale() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, values) = dff(dir.path());
    let output = dir.path().join("film.png");
    let options = ["--movie", "--every", "3", "--zoom", "8", "--scale", "-1,5"];
    viewed(&file, &output, &options);
    let picture = frames(&output);
    assert_eq!(picture.dim().0, 10);
    let scale = Scale {
        low: -0.01,
        high: 0.05,
    };
    let top = top_of(&picture);
    for (i, t) in (0..30).step_by(3).enumerate() {
        let found = colours(&picture, i, top, 8);
        assert_eq!(found, wanted(values.slice(s![t, .., ..]), scale), "{t}");
    }
    // The time stamps differ.
    let title = |i: usize| picture.slice(s![i, ..top, ..]).to_owned();
    assert!((1..10).all(|i| title(i) != title(0)));
}

/// Pillow reads the same pixels, texts and times from PNG and GIF.
#[test]
fn pillow_agrees() {
    let Ok(python) = std::env::var("WIDEFIELD_PYTHON") else {
        eprintln!("skipped: WIDEFIELD_PYTHON names no Python with Pillow");
        return;
    };
    let dir = tempfile::tempdir().expect("folder");
    let (file, _) = dff(dir.path());
    let mut outputs = Vec::new();
    for name in ["film.png", "film.gif"] {
        let output = dir.path().join(name);
        viewed(&file, &output, &["--movie", "--fps", "25"]);
        outputs.push(output);
    }
    let script = "
import sys, hashlib
from PIL import Image
for path in sys.argv[1:]:
    film = Image.open(path)
    print(film.n_frames, film.size[0], film.size[1], film.info['duration'], film.info['loop'], film.info.get('Description', ''))
    for i in range(film.n_frames):
        film.seek(i)
        print(hashlib.md5(film.convert('RGB').tobytes()).hexdigest())
";
    let mut command = std::process::Command::new(python);
    let (status, stdout, stderr) = run(command.args(["-c", script]).args(&outputs));
    assert_eq!(status, 0, "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    let [png, gif] = [&lines[..31], &lines[31..]];
    let own = frames(&outputs[0]);
    let (n, h, w) = own.dim();
    assert!(
        png[0].starts_with(&format!(
            "{n} {w} {h} 40.0 0 trial_1.h5: frames 0 to 29, every 1,"
        )),
        "{}",
        png[0]
    );
    assert!(
        gif[0].starts_with(&format!("{n} {w} {h} 40 0")),
        "{}",
        gif[0]
    );
    assert_eq!(png[1..], gif[1..]);
    let different: std::collections::BTreeSet<&str> = png[1..].iter().copied().collect();
    assert_eq!(different.len(), 30);
}

#[test]
fn recordings_are_shown_from_paths_and_urls() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("a_1");
    movie(&file, [9, 64, 80], |t, y, x| {
        u16::try_from(100 + t + y + 2 * x).expect("small")
    });
    let url = format!("file://{}", file.display());
    let mut pictures = Vec::new();
    for name in [file.to_str().expect("UTF-8"), &url] {
        let output = dir.path().join("p.png");
        let mut command = widefield();
        let command = command.args(["view", "--overwrite", "-o"]).arg(&output);
        let (status, _, stderr) = run(command.args(["--frame", "8", name]));
        assert_eq!(status, 0, "{stderr}");
        pictures.push(frames(&output));
    }
    assert_eq!(pictures[0], pictures[1]);
    // 80 px wide: enlarged four times.
    assert_eq!(pictures[0].dim().2, 320);
}

/// A message without the line ends that fit it to a terminal.
fn flat(stderr: &str) -> String {
    let words: Vec<&str> = stderr.split_whitespace().filter(|w| *w != "│").collect();
    words.join(" ")
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_of_a_failure() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, _) = dff(dir.path());
    let output = dir.path().join("here.png");
    std::fs::write(&output, b"mine").expect("file");
    let view = |output: &Path, more: &[&str]| {
        let mut command = widefield();
        run(command
            .arg("view")
            .arg(&file)
            .arg("-o")
            .arg(output)
            .args(more))
    };
    let (status, _, stderr) = view(&output, &[]);
    assert_eq!(status, 2);
    assert!(
        flat(&stderr).contains("is there already") && flat(&stderr).contains("--overwrite"),
        "{stderr}"
    );
    assert_eq!(std::fs::read(&output).expect("file"), b"mine");

    let other = dir.path().join("other.png");
    for (more, said) in [
        (&["--frame", "30"][..], "30 frames"),
        (&["--frames", "20..31"], "range 20 to 31"),
        (&["--frame", "1", "--mean"], "cannot be used with"),
        (&["--dataset", "mov"], "it has dff"),
    ] {
        let (status, _, stderr) = view(&other, more);
        assert_eq!(status, 2, "{more:?}");
        assert!(flat(&stderr).contains(said), "{more:?}: {stderr}");
    }
    for (name, said) in [
        ("p.bmp", "the ending is none of"),
        ("p.mp4", "--movie"),
        ("no/such/folder/p.png", "no/such/folder/p.png: No such file"),
    ] {
        let (status, _, stderr) = view(&dir.path().join(name), &[]);
        assert_eq!(status, 2, "{name}");
        assert!(flat(&stderr).contains(said), "{name}: {stderr}");
    }
    let film = dir.path().join("film.mp4");
    let (status, _, stderr) = view(&film, &["--ffmpeg=/no/such/program"]);
    assert_eq!(status, 2);
    assert!(
        flat(&stderr).contains("/no/such/program") && flat(&stderr).contains(".gif"),
        "{stderr}"
    );
    let mut left = crate::common::files(dir.path());
    left.retain(|name| name != "trial_1.h5" && name != "here.png");
    assert!(left.is_empty(), "{left:?}");
}

/// A stand-in for ffmpeg: what it is sent, and that its failure is told.
#[cfg(unix)]
#[test]
fn ffmpeg_is_sent_every_frame() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().expect("folder");
    let (file, _) = dff(dir.path());
    let program = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("script");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("script");
        format!("--ffmpeg={}", path.display())
    };
    let view = |output: &Path, program: String| {
        let mut command = widefield();
        run(command
            .arg("view")
            .arg(&file)
            .arg("-o")
            .arg(output)
            .arg(program))
    };
    let output = dir.path().join("film.mp4");
    let keeps = program("keeps", "for last; do :; done; cat > \"$last\"");
    let (status, _, stderr) = view(&output, keeps);
    assert_eq!(status, 0, "{stderr}");
    let png = dir.path().join("film.png");
    let mut command = widefield();
    let (status, _, stderr) = run(command.args(["view", "--movie", "-o"]).arg(&png).arg(&file));
    assert_eq!(status, 0, "{stderr}");
    let sent: Vec<u8> = frames(&png).iter().flatten().copied().collect();
    assert!(std::fs::read(&output).expect("film") == sent);

    let refuses = program("refuses", "echo no such codec >&2; exit 1");
    let (status, _, stderr) = view(&dir.path().join("second.mp4"), refuses);
    assert_eq!(status, 2);
    assert!(stderr.contains("no such codec"), "{stderr}");
    assert!(!dir.path().join("second.mp4").exists());
}

/// The HDF5 library reads texts through tables of lengths, and old versions trust them.
#[test]
fn a_file_that_crashes_its_reader_is_an_error() {
    let dir = tempfile::tempdir().expect("folder");
    let (file, _) = dff(dir.path());
    let sound = std::fs::read(&file).expect("file");
    let table = sound.windows(4).position(|bytes| bytes == b"GCOL");
    // Behind 16 bytes of the table and 8 of the first text: the length of that text.
    let length = table.expect("a table of texts") + 24;
    // Not its lowest byte, with which those versions never come back.
    for byte in 1..8 {
        let mut forged = sound.clone();
        forged[length + byte] = 0xff;
        std::fs::write(&file, forged).expect("file");
        let output = dir.path().join(format!("{byte}.png"));
        let mut command = widefield();
        let command = command.arg("view").arg(&file).arg("-o").arg(&output);
        // `run` takes no signal for an end.
        let (status, _, stderr) = run(command);
        // A text that cannot be read is none; the numbers can be shown all the same.
        assert_eq!(status == 0, output.exists(), "{stderr}");
        assert!(
            status == 0 || status == 2 && flat(&stderr).contains("trial_1.h5"),
            "{stderr}"
        );
    }
}
