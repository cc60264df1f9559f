//! Our files in h5py and scipy, theirs in our readers, with whatever versions are there.
//!
//! Needs a Python with numpy, scipy and h5py, named by the environment variable
//! `WIDEFIELD_PYTHON`; without it the tests say so and pass, and `golden.rs` compares with what was kept. Where our bytes
//! change on purpose, `WIDEFIELD_RECORD=1` keeps their digests, after h5py and scipy have read them.
#![cfg(feature = "hdf5")]

#[cfg(feature = "swift")]
#[path = "services/direct.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod direct;

#[path = "common/ours.rs"]
mod ours;
#[path = "common/theirs.rs"]
mod theirs;

use std::path::Path;
use std::process::Command;

use widefield_storage::Place;

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
    ours::write(&place(&folder));
    let Some(text) = python("read_ours.py", folder.path()) else {
        return;
    };
    assert_eq!(text.trim(), "24 movies agree");
    // What they read is what tests without Python compare with.
    let found = ours::digests(folder.path());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/read_by_others.txt");
    if std::env::var_os("WIDEFIELD_RECORD").is_some() {
        std::fs::write(&kept, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(kept).unwrap());
}

#[test]
fn we_read_theirs() {
    let folder = tempfile::tempdir().unwrap();
    if python("write_theirs.py", folder.path()).is_none() {
        return;
    }
    let place = place(&folder);
    theirs::assert_h5py(&place);
    theirs::assert_scipy(&place);
    for copy in copies(folder.path()) {
        theirs::assert_h5py(&copy);
        for entry in copy.list("").unwrap() {
            copy.remove(&entry.name).unwrap();
        }
    }
}
