//! What the tests of the job and of the command share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The folder `pipeline/tests`, also from a package inside `pipeline`.
pub(crate) fn tests() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = package.ancestors().map(|folder| folder.join("tests"));
    folders
        .find(|tests| tests.join("data/session").is_dir())
        .expect("pipeline/tests")
}

/// Three simulated trials with values computed by numpy, scipy and Pillow; see the README there.
pub(crate) fn golden_session() -> PathBuf {
    tests().join("data/session")
}

/// `run.json` of an output place.
pub(crate) fn record(dir: &Path) -> serde_json::Value {
    let text = std::fs::read(dir.join("run.json")).expect("run.json");
    serde_json::from_slice(&text).expect("JSON")
}

/// Copies the raw files of the golden session and describes them; `more` follows the parameters they were
/// computed with.
pub(crate) fn golden_experiment(dir: &Path, more: &str) -> PathBuf {
    for entry in std::fs::read_dir(golden_session()).expect("golden session") {
        let entry = entry.expect("entry");
        let name = entry.file_name().into_string().expect("name");
        let is_raw = name.starts_with("20170214_") && !name.contains('.');
        if is_raw || name == "behaviour.txt" {
            std::fs::copy(entry.path(), dir.join(name)).expect("copy");
        }
    }
    let path = dir.join("experiment.toml");
    std::fs::write(&path, format!("{GOLDEN}{more}")).expect("experiment.toml");
    path
}

pub(crate) const GOLDEN: &str = r#"
[data]
prefix = "20170214_"
behaviour_log = "behaviour.txt"
[[experiment.stimulus]]
name = "Texture 1 P100"
decision = "Go"
[[experiment.stimulus]]
name = "Texture 7 P1200"
decision = "No Go"
[analysis]
resolution = [48, 48]
[analysis.background]
smoothing_sd_px = 5.0
[analysis.segmentation]
density_cutoff = 0.0004
"#;

/// Every file below a folder, as sorted names relative to it.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    fn walk(top: &Path, dir: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                walk(top, &path, found);
            } else {
                let name = path
                    .strip_prefix(top)
                    .expect("below")
                    .to_str()
                    .expect("UTF-8");
                found.push(name.replace('\\', "/"));
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}

/// Asks every few milliseconds, for a minute; whether the answer was yes.
pub(crate) fn within_a_minute(mut asked: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !asked() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// No half-written or temporary file is left.
pub(crate) fn assert_nothing_temporary(dir: &Path) {
    let left: Vec<String> = files(dir)
        .into_iter()
        .filter(|f| f.contains(".widefield-") || f.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Writes a packed movie whose pixels `value(t, y, x)` gives.
pub(crate) fn movie(
    path: &Path,
    [frames, height, width]: [usize; 3],
    value: impl Fn(usize, usize, usize) -> u16,
) {
    let side = |n: usize| u32::try_from(n).expect("small");
    let spec = dcimg::write::Spec::packed(side(width), side(height));
    let file = std::fs::File::create(path).expect("create");
    let mut writer =
        dcimg::write::Writer::new(std::io::BufWriter::new(file), &spec).expect("writer");
    for t in 0..frames {
        let frame = ndarray::Array2::from_shape_fn((height, width), |(y, x)| value(t, y, x));
        let time = dcimg::Timestamp {
            seconds: 1_487_067_753,
            microseconds: side(t) * 1000,
        };
        let stamp = dcimg::Stamp {
            framestamp: side(t),
            time,
        };
        writer.push(frame.view(), stamp).expect("frame");
    }
    writer.finish().expect("finish");
}

/// Counts of a bright Gaussian spot on a dark field of 60, a little different in each frame.
pub(crate) fn spot([height, width]: [usize; 2]) -> impl Fn(usize, usize, usize) -> u16 {
    move |t, y, x| {
        let dy = (y as f64 - height as f64 / 2.0) / (height as f64 / 5.0);
        let dx = (x as f64 - width as f64 / 2.0) / (width as f64 / 5.0);
        let light = 3000.0 * (-0.5 * (dx * dx + dy * dy)).exp();
        counts(60.0 + light * (1.0 + 0.01 * (t % 3) as f64))
    }
}

/// The nearest whole number of counts.
pub(crate) fn counts(light: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding is meant, and the cast saturates"
    )]
    let counts = light.round() as u16;
    counts
}

/// Every file below a folder with its content.
pub(crate) fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |name: String| {
        let content = std::fs::read(dir.join(&name)).expect("read");
        (name, content)
    };
    files(dir).into_iter().map(read).collect()
}
