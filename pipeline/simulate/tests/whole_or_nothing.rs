//! Where writing ends early nothing of a session is there, and the next one is not mixed with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use widefield_simulate::{Session, UNFINISHED};

fn session(trials: u32) -> Session {
    Session {
        trials,
        size: 16,
        frames: 4,
        ..Session::default()
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("entry").file_name();
        name.into_string().expect("UTF-8")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn a_session_that_ends_early_leaves_no_movie() {
    let whole = tempfile::tempdir().expect("folder");
    session(2).write(whole.path(), |_| ()).expect("session");
    let dir = tempfile::tempdir().expect("folder");
    for last in 1..=7 {
        let mut told = 0;
        let ends = catch_unwind(AssertUnwindSafe(|| {
            session(4).write(dir.path(), |_| {
                told += 1;
                assert!(told < last, "the end");
            })
        }));
        assert!(ends.is_err());
        assert_eq!(names(dir.path()), [UNFINISHED], "{last}");
    }
    session(2).write(dir.path(), |_| ()).expect("session");
    assert_eq!(names(dir.path()), names(whole.path()));
    assert_eq!(names(dir.path()).len(), 5);
}
