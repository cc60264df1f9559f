//! What every kind of place promises, as checks that any of them can be put to.
//!
//! For tests of this crate, and to try a new store before trusting it with data:
//!
//! ```
//! use widefield_storage::{Place, conformance};
//!
//! let place = Place::open("memory://")?;
//! let failures = conformance::check(&place, "trial-of-the-store");
//! assert!(failures.is_empty(), "{failures:?}");
//! # Ok::<(), widefield_storage::Error>(())
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::{Ahead, Entry, Error, ErrorKind, Place};

/// A promise that a place did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Name of the check.
    pub check: &'static str,
    /// What was found instead.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.reason)
    }
}

type Check = fn(&Place, &str) -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("objects come back", objects_come_back),
    ("names survive", names_survive),
    ("the last writer wins", the_last_writer_wins),
    ("missing objects are told", missing_objects_are_told),
    ("ranges are exact", ranges_are_exact),
    ("parts come in order", parts_come_in_order),
    ("changes are noticed", changes_are_noticed),
    ("bad names are refused", bad_names_are_refused),
    ("folders are no prefixes", folders_are_no_prefixes),
    ("trying leaves nothing", trying_leaves_nothing),
    ("readers see whole objects", readers_see_whole_objects),
    #[cfg(feature = "hdf5")]
    ("HDF5 appears whole", hdf5_appears_whole),
    ("MAT appears whole", mat_appears_whole),
];

/// Puts `place` to all checks, within a folder `folder` that must be empty or missing,
/// and returns what failed. Objects are removed again, as far as the place lets them.
#[must_use]
pub fn check(place: &Place, folder: &str) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (number, &(check, run)) in CHECKS.iter().enumerate() {
        if let Err(reason) = run(place, &format!("{folder}/{number}")) {
            failures.push(Failure { check, reason });
        }
    }
    failures
}

/// The error with its causes, for `?` in checks.
fn told(error: Error) -> String {
    error.with_causes()
}

fn same<T: PartialEq + fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:?}, expected {expected:?}"))
}

fn kind<T>(result: Result<T, Error>) -> Result<(), ErrorKind> {
    result.map(drop).map_err(|error| error.kind())
}

/// Names directly in `folder`, without it.
fn names(place: &Place, folder: &str) -> Result<Vec<String>, String> {
    let within = |entry: Entry| match entry.name.strip_prefix(&format!("{folder}/")) {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("listing: {:?} is not within {folder}", entry.name)),
    };
    let entries = place.list(folder).map_err(told)?;
    entries.into_iter().map(within).collect()
}

/// Removes `names` in `folder` and makes sure that nothing else was there.
fn clear(place: &Place, folder: &str, names: &[&str]) -> Result<(), String> {
    for name in names {
        place.remove(&format!("{folder}/{name}")).map_err(told)?;
    }
    same("left over", self::names(place, folder)?, vec![])
}

fn objects_come_back(place: &Place, folder: &str) -> Result<(), String> {
    let sizes = [
        ("empty", 0),
        ("one", 1),
        ("some", 1000),
        ("many", 3_000_001),
    ];
    for (name, size) in sizes {
        let content: Vec<u8> = (0..=250).cycle().take(size).collect();
        let path = format!("{folder}/{name}");
        let written = place.put(&path, content.clone()).map_err(told)?;
        same("name", written.name.as_str(), &path)?;
        same("length", written.bytes, size as u64)?;
        same("checksum", written.crc32c, crc32c::crc32c(&content))?;
        let head = place
            .head(&path)
            .map_err(told)?
            .ok_or("no head of what was put")?;
        same(
            "head",
            (head.name.as_str(), head.bytes),
            (path.as_str(), size as u64),
        )?;
        if place.read(&path).map_err(told)? != content {
            return Err(format!("{name}: other bytes came back"));
        }
    }
    let listed = place.list(folder).map_err(told)?;
    let listed: Vec<_> = listed.into_iter().map(|e| (e.name, e.bytes)).collect();
    let mut expected = sizes.map(|(name, size)| (format!("{folder}/{name}"), size as u64));
    expected.sort();
    same("listing", listed, expected.to_vec())?;
    clear(place, folder, &["empty", "one", "some", "many"])
}

fn names_survive(place: &Place, folder: &str) -> Result<(), String> {
    let odd = [
        "a b%20c é.txt",
        "x#1",
        "~",
        "+&=",
        "%",
        "%2F",
        "日本",
        "a'b",
        "[x]{y}",
        "...",
        " ",
    ];
    for name in odd {
        place
            .put(&format!("{folder}/{name}"), name.as_bytes().to_vec())
            .map_err(told)?;
    }
    let expected: BTreeSet<_> = odd.iter().map(|name| (*name).to_owned()).collect();
    same(
        "listing",
        names(place, folder)?,
        expected.into_iter().collect(),
    )?;
    for name in odd {
        let content = place.read(&format!("{folder}/{name}")).map_err(told)?;
        same("content", &content[..], name.as_bytes())?;
    }
    clear(place, folder, &odd)
}

fn the_last_writer_wins(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/x");
    place
        .put(&path, b"longer at first".to_vec())
        .map_err(told)?;
    let first = place.head(&path).map_err(told)?;
    place.put(&path, b"then short".to_vec()).map_err(told)?;
    same(
        "content",
        &place.read(&path).map_err(told)?[..],
        b"then short",
    )?;
    if place.head(&path).map_err(told)? == first {
        return Err("the head did not change with the content".to_owned());
    }
    clear(place, folder, &["x"])
}

fn missing_objects_are_told(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/nothing");
    same("read", kind(place.read(&path)), Err(ErrorKind::NotFound))?;
    same(
        "range",
        kind(place.read_range(&path, 0..1)),
        Err(ErrorKind::NotFound),
    )?;
    same("head", place.head(&path).map_err(told)?, None)?;
    same("remove", kind(place.remove(&path)), Ok(()))?;
    same("listing", names(place, folder)?, vec![])
}

fn ranges_are_exact(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/x");
    place.put(&path, b"0123456789".to_vec()).map_err(told)?;
    for (range, expected) in [
        (0..10, "0123456789"),
        (0..1, "0"),
        (9..10, "9"),
        (3..7, "3456"),
        (4..4, ""),
        (10..10, ""),
    ] {
        let found = place.read_range(&path, range.clone()).map_err(told)?;
        same(&format!("{range:?}"), &found[..], expected.as_bytes())?;
    }
    #[expect(clippy::reversed_empty_ranges, reason = "what must be refused")]
    for range in [0..11, 10..11, 11..11, 7..3, 0..u64::MAX, u64::MAX..u64::MAX] {
        let found = kind(place.read_range(&path, range.clone()));
        same(&format!("{range:?}"), found, Err(ErrorKind::Invalid))?;
    }
    clear(place, folder, &["x"])
}

fn parts_come_in_order(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/x");
    let content: Vec<u8> = (0..=250).cycle().take(300_000).collect();
    place.put(&path, content.clone()).map_err(told)?;
    let ranges: Vec<_> = (0..40)
        .map(|n| 299_000 - 7_000 * n..300_000 - 7_000 * n)
        .chain([5..5, 0..300_000, 300_000..300_000, 0..1])
        .collect();
    // Also with less room than the largest range needs.
    for ahead in [
        Ahead::default(),
        Ahead::default().bytes(2_500).requests(3),
        Ahead::default().bytes(0).requests(0),
    ] {
        let mut parts = place.fetch(&path, ranges.clone(), ahead).map_err(told)?;
        same("length", parts.entry().bytes, 300_000)?;
        for range in &ranges {
            let Range { start, end } = *range;
            let part = parts
                .next()
                .ok_or("fewer parts than ranges")?
                .map_err(told)?;
            let expected =
                usize::try_from(start).and_then(|start| Ok(start..usize::try_from(end)?));
            if Some(&part[..]) != expected.ok().and_then(|range| content.get(range)) {
                return Err(format!("other bytes came for {range:?} with {ahead:?}"));
            }
        }
        same("more parts than ranges", parts.next().is_none(), true)?;
    }
    #[expect(clippy::reversed_empty_ranges, reason = "what must be refused")]
    for range in [0..300_001, 7..3, 300_001..300_001] {
        let refused = kind(place.fetch(&path, vec![0..1, range], Ahead::default()));
        same("range outside", refused, Err(ErrorKind::Invalid))?;
    }
    let missing = place.fetch(
        &format!("{folder}/none"),
        vec![0..1, 1..2],
        Ahead::default(),
    );
    same("missing", kind(missing), Err(ErrorKind::NotFound))?;
    clear(place, folder, &["x"])
}

fn changes_are_noticed(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/x");
    place.put(&path, vec![1; 10]).map_err(told)?;
    let old = place.head(&path).map_err(told)?.ok_or("no head")?;
    let ahead = Ahead::default().bytes(1).requests(1);
    let mut parts = place
        .fetch_version(&path, &old, vec![0..4, 4..8], ahead)
        .map_err(told)?;
    let part = parts.next().ok_or("no part")?.map_err(told)?;
    same("of the version", &part[..], &[1; 4])?;
    for (length, value) in [(10, 2), (3, 2), (20, 2)] {
        place.put(&path, vec![value; length]).map_err(told)?;
        let now = place.fetch_version(&path, &old, vec![0..3, 6..9], ahead);
        let found = now.and_then(|parts| parts.collect::<Result<Vec<_>, _>>());
        same("another version", kind(found), Err(ErrorKind::Changed))?;
    }
    clear(place, folder, &["x"])
}

fn bad_names_are_refused(place: &Place, folder: &str) -> Result<(), String> {
    for bad in [
        "",
        "/",
        "..",
        "../x",
        "a/../../x",
        "/x",
        "x/",
        "a//b",
        "a\nb",
        ".widefield-x.tmp",
    ] {
        let path = if bad.is_empty() {
            String::new()
        } else {
            format!("{folder}/{bad}")
        };
        same(bad, kind(place.put(&path, vec![])), Err(ErrorKind::Invalid))?;
        same(bad, kind(place.read(&path)), Err(ErrorKind::Invalid))?;
        same(bad, kind(place.head(&path)), Err(ErrorKind::Invalid))?;
        same(bad, kind(place.remove(&path)), Err(ErrorKind::Invalid))?;
        same(bad, place.local_path(&path), None)?;
    }
    same("listing", names(place, folder)?, vec![])
}

fn folders_are_no_prefixes(place: &Place, folder: &str) -> Result<(), String> {
    for name in ["a/x", "a/deep/y", "ab"] {
        place
            .put(&format!("{folder}/{name}"), vec![1])
            .map_err(told)?;
    }
    same("top", names(place, folder)?, vec!["ab".to_owned()])?;
    same(
        "a",
        names(place, &format!("{folder}/a"))?,
        vec!["x".to_owned()],
    )?;
    same(
        "the folder as an object",
        place.head(&format!("{folder}/a")).map_err(told)?,
        None,
    )?;
    same(
        "missing folder",
        names(place, &format!("{folder}/none"))?,
        vec![],
    )?;
    clear(place, &format!("{folder}/a/deep"), &["y"])?;
    clear(place, &format!("{folder}/a"), &["x"])?;
    clear(place, folder, &["ab"])
}

fn trying_leaves_nothing(place: &Place, folder: &str) -> Result<(), String> {
    place.check_writable(folder).map_err(told)?;
    same("listing", names(place, folder)?, vec![])?;
    place.sweep_temporary().map_err(told)?;
    Ok(())
}

/// Several writers of one name and a reader: what it sees is the work of one of them.
fn readers_see_whole_objects(place: &Place, folder: &str) -> Result<(), String> {
    let path = &format!("{folder}/x");
    let whole =
        |content: &[u8]| content.len() == 100_000 && content.iter().all(|b| *b == content[0]);
    place.put(path, vec![0; 100_000]).map_err(told)?;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=4_u8)
            .map(|writer| {
                scope.spawn(move || {
                    (0..5).try_for_each(|_| {
                        let put = place.put(path, vec![writer; 100_000]);
                        put.map(drop).map_err(told)
                    })
                })
            })
            .collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            if !whole(&place.read(path).map_err(told)?) {
                return Err("a reader saw a part or a mixture".to_owned());
            }
        }
        writers
            .into_iter()
            .try_for_each(|writer| match writer.join() {
                Ok(result) => result.map_err(|reason| format!("a writer failed: {reason}")),
                Err(_) => Err("a writer panicked".to_owned()),
            })
    })?;
    if !whole(&place.read(path).map_err(told)?) {
        return Err("what stayed is not whole".to_owned());
    }
    clear(place, folder, &["x"])
}

#[cfg(feature = "hdf5")]
fn hdf5_appears_whole(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/x.h5");
    let movie =
        ndarray::Array3::from_shape_fn((3, 4, 5), |(t, y, x)| (t + 10 * y + 100 * x) as f32);
    let start = || place.create_hdf5(&path, crate::Dataset::new("d", [3, 4, 5]));
    let mut file = start().map_err(told)?;
    file.push(movie.view()).map_err(told)?;
    same("before the end", names(place, folder)?, vec![])?;
    drop(file);
    same("given up", names(place, folder)?, vec![])?;
    let mut file = start().map_err(told)?;
    file.push(movie.view()).map_err(told)?;
    let written = file.finish().map_err(told)?;
    let bytes = place.read(&path).map_err(told)?;
    same(
        "checksum",
        (written.bytes, written.crc32c),
        (bytes.len() as u64, crc32c::crc32c(&bytes)),
    )?;
    let read = place.read_hdf5(&path, "d").map_err(told)?.values;
    same("a value", read.get([4, 3, 2]).copied(), Some(402.0))?;
    clear(place, folder, &["x.h5"])
}

fn mat_appears_whole(place: &Place, folder: &str) -> Result<(), String> {
    let path = format!("{folder}/x.mat");
    let movie =
        ndarray::Array3::from_shape_fn((3, 4, 5), |(t, y, x)| (t + 10 * y + 100 * x) as f32);
    let start = || place.create_mat(&path, crate::MatMovie::new("tr", [3, 4, 5]));
    let mut file = start().map_err(told)?;
    file.push(movie.view()).map_err(told)?;
    same("before the end", names(place, folder)?, vec![])?;
    drop(file);
    same("given up", names(place, folder)?, vec![])?;
    let mut file = start().map_err(told)?;
    file.push(movie.view()).map_err(told)?;
    let written = file.finish().map_err(told)?;
    let bytes = place.read(&path).map_err(told)?;
    same(
        "checksum",
        (written.bytes, written.crc32c),
        (bytes.len() as u64, crc32c::crc32c(&bytes)),
    )?;
    let read = crate::mat::read(&bytes).map_err(told)?;
    let value = read
        .first()
        .and_then(|variable| variable.values.get([4, 3, 2]).copied());
    same("a value", value, Some(402.0))?;
    clear(place, folder, &["x.mat"])
}
