//! `dcimg` against `openreadout-dcimg`, the reader with the best published evidence, on
//! thousands of generated files: equal pixels, stamps and camera facts wherever both read a
//! file, and every disagreement explained by a rule of [`rules`].
//!
//! `cargo test -p widefield-benches --test differential_dcimg -- --nocapture` prints how often
//! each rule was needed.

mod generate;
mod hostile;
mod readers;
mod rules;

use std::collections::BTreeMap;
use std::fmt::Display;

use dcimg::write::{Spec, Writer};
use dcimg::{Options, Padding, PixelType, Stamp, Version};
use ndarray::Array2;

use generate::{Case, MODEL, SERIAL};
use readers::{CameraFacts, Reading, ours, theirs};
use rules::Class;

/// Seeds of the generated files.
const FILES: u64 = 20_000;

/// How often something happened.
pub(crate) struct Tally<K>(BTreeMap<K, u32>);

impl<K: Ord> Tally<K> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn count(&mut self, what: K) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn of(&self, what: &K) -> u32 {
        self.0.get(what).copied().unwrap_or(0)
    }
}

/// The camera facts that a reader has to find.
fn facts(case: &Case) -> CameraFacts {
    let Some(camera) = case.camera else {
        return CameraFacts::default();
    };
    let named = |text: &str| camera.named.then(|| text.to_owned());
    let sub = Some(camera.sub).filter(|sub| sub.width > 0 && sub.height > 0);
    let across = u32::from(camera.sub.width) / case.width;
    let down = u32::from(camera.sub.height) / case.height;
    CameraFacts {
        model: named(MODEL),
        serial: named(SERIAL.trim_start_matches("S/N: ")),
        sub,
        binning: (sub.is_some() && across == down).then_some(across.into()),
    }
}

/// Fails unless `dcimg` returned what was written.
fn check_ours(case: &Case, reading: &Reading) {
    assert_eq!(reading.size, [case.width as usize, case.height as usize]);
    assert_eq!(reading.frames.len(), case.frames.len());
    for (frame, pixels) in reading.frames.iter().enumerate() {
        assert_eq!(*pixels, case.mistaken(frame), "frame {frame} of {case}");
    }
    let stamps: Vec<_> = case
        .stamps
        .iter()
        .map(|stamp| (u64::from(stamp.framestamp), stamp.time.to_string()))
        .collect();
    assert_eq!(reading.stamps, stamps, "{case}");
    assert_eq!(reading.camera, facts(case), "{case}");
}

/// The disagreements about one file, each once.
fn compare(
    case: &Case,
    bytes: &[u8],
    ours: &Reading,
    theirs: &Result<Reading, String>,
) -> Vec<Class> {
    let unexplained = |what: &dyn Display| -> ! { panic!("{what}: no rule explains it: {case}") };
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(error) => match rules::refused(case, error) {
            Some(class) => return vec![class],
            None => unexplained(&format_args!("only dcimg reads the file ({error})")),
        },
    };
    assert_eq!(theirs.size, ours.size, "{case}");
    assert_eq!(theirs.frames.len(), ours.frames.len(), "{case}");
    let mut classes = Vec::new();
    for (frame, (ours, theirs)) in ours.frames.iter().zip(&theirs.frames).enumerate() {
        if ours != theirs {
            match rules::pixels(case, bytes, frame, ours, theirs) {
                Some(class) => classes.push(class),
                None => unexplained(&format_args!(
                    "pixels of frame {frame}: {ours:?}, {theirs:?}"
                )),
            }
        }
    }
    if theirs.stamps.len() != ours.stamps.len() {
        unexplained(&"number of stamps");
    }
    for (frame, (ours, theirs)) in ours.stamps.iter().zip(&theirs.stamps).enumerate() {
        if ours != theirs {
            match rules::stamps(case, bytes, frame, theirs) {
                Some(class) => classes.push(class),
                None => unexplained(&format_args!("stamp {frame}: {ours:?}, {theirs:?}")),
            }
        }
    }
    if ours.camera != theirs.camera {
        match rules::camera(case, ours, theirs) {
            Some(class) => classes.push(class),
            None => unexplained(&format_args!("{:?}, {:?}", ours.camera, theirs.camera)),
        }
    }
    classes.sort();
    classes.dedup();
    classes
}

#[test]
fn generated_files_read_equal_or_differ_for_a_known_reason() {
    let (mut classes, mut kinds) = (Tally::new(), Tally::new());
    let (mut equal, mut empty) = (0u64, 0u64);
    for seed in 0..FILES {
        let case = Case::new(seed);
        let bytes = case.bytes();
        let other = theirs(&bytes, usize::MAX);
        if case.frames.is_empty() {
            // Both refuse a recording without frames, one when opening, one when reading.
            let refused = ours(&bytes, &Options::default(), usize::MAX);
            assert!(refused.is_err() && other.is_err(), "{case}");
            empty += 1;
            continue;
        }
        let reading = ours(&bytes, &Options::default(), usize::MAX)
            .unwrap_or_else(|error| panic!("{error}: {case}"));
        check_ours(&case, &reading);
        kinds.count((case.version.number(), case.pixel.bytes(), case.announces()));
        if case.padding[1] == 0 {
            check_leading_padding(&case, &bytes);
        }
        let found = compare(&case, &bytes, &reading, &other);
        equal += u64::from(found.is_empty());
        found.into_iter().for_each(|class| classes.count(class));
    }

    println!("{FILES} files, {equal} read equal, {empty} without frames refused by both");
    for class in Class::GENERATED {
        let (right, why) = class.explanation();
        let count = classes.of(&class);
        println!("{count:5} {class:?}: {right} is right: {why}");
        assert!(count >= 10, "{class:?} is hardly tested: {count} files");
    }
    assert!(equal > FILES / 2, "only {equal} files to compare");
    for version in [Version::Packed, Version::Framed, Version::FramedV2] {
        for bytes in [1, 2] {
            for announced in [false, true] {
                let count = kinds.of(&(version.number(), bytes, announced));
                assert!(
                    count >= 50,
                    "{version:?}, {bytes} bytes, {announced}: {count}"
                );
            }
        }
    }
}

/// With padding known to come first, the image is right whatever it holds.
fn check_leading_padding(case: &Case, bytes: &[u8]) {
    let options = Options::default().padding(Padding::Leading);
    let reading = ours(bytes, &options, usize::MAX).unwrap();
    for (frame, (read, written)) in reading.frames.iter().zip(&case.frames).enumerate() {
        if case.look_alike(frame).is_none() {
            assert_eq!(read, written, "frame {frame} of {case}");
        }
    }
}

/// The footer of a packed file has 20 bytes a frame with relocated pixels.
#[test]
fn long_recordings_keep_their_footer() {
    let frames = 52_416;
    let read = |n: u32| {
        let spec = Spec::packed(4, 1).pixel(PixelType::U16).relocated_at(0, 0);
        let mut writer = Writer::new(std::io::Cursor::new(Vec::new()), &spec).unwrap();
        let pixels = Array2::from_elem((1, 4), 7u16);
        for framestamp in 0..n {
            let stamp = Stamp {
                framestamp,
                ..Stamp::default()
            };
            writer.push(pixels.view(), stamp).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let file = ours(&bytes, &Options::default(), 2).unwrap();
        (file, theirs(&bytes, 2).unwrap())
    };
    let (short, other) = read(frames - 1);
    assert_eq!(short, other);

    let (long, other) = read(frames);
    assert_eq!(long.frames, [[7; 4], [7; 4]]);
    assert_eq!(long.stamps, short.stamps);
    assert_eq!(other.frames, [[0, 65535, 0, 65535]; 2]);
    assert_eq!(other.stamps, []);
    println!(
        "{:?}: {:?}",
        Class::LongFooter,
        Class::LongFooter.explanation()
    );
}

/// The golden files of `dcimg`, written by another program than the generated ones.
#[test]
fn golden_files_read_equal_or_differ_for_a_known_reason() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../dcimg/tests/data/golden");
    let (mut equal, mut different) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "dcimg")
        {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let ours = ours(&bytes, &Options::default(), usize::MAX).unwrap();
        match theirs(&bytes, usize::MAX) {
            Ok(theirs) if theirs == ours => equal += 1,
            Ok(_) => different.push((path.file_stem().unwrap().to_owned(), Class::Unannounced)),
            Err(_) => different.push((path.file_stem().unwrap().to_owned(), Class::VersionTwo)),
        }
    }
    different.sort();
    let known = [
        ("v1_u16_unannounced_y940".into(), Class::Unannounced),
        ("v2_u16".into(), Class::VersionTwo),
    ];
    assert_eq!((equal, &different[..]), (10, &known[..]));
}
