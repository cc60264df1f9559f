//! The corpus of malformed files: every file is read or refused without a panic, and those in a
//! folder named here as written there.
//!
//! `DCIMG_WRITE_MALFORMED=1 cargo test -p dcimg --test regression` writes the files again.
#![allow(
    clippy::cast_possible_truncation,
    reason = "values are small or meant to wrap"
)]

mod common;
#[path = "common/exercise.rs"]
mod exercise;

use std::fs;
use std::path::{Path, PathBuf};

use common::{footer, pixels_u16, set_u32, set_u64, write};
use dcimg::write::Spec;
use dcimg::{Dcimg, Options};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/malformed")
}

/// A kind of damage, a part of what default options answer, and the damaged files.
struct Damage {
    name: &'static str,
    answer: &'static str,
    files: Vec<Vec<u8>>,
}

fn damages() -> Vec<Damage> {
    let movie = pixels_u16(3, 4, 6);
    let packed = write(&Spec::packed(6, 4).relocated_at(1, 1), &movie);
    let framed = write(&Spec::framed(6, 4).relocated_at(1, 1), &movie);
    let u32_in = |bytes: &[u8], offset: usize, value: u32| {
        let mut bytes = bytes.to_vec();
        set_u32(&mut bytes, offset, value);
        bytes
    };
    let u64_in = |bytes: &[u8], offset: usize, value: u64| {
        let mut bytes = bytes.to_vec();
        set_u64(&mut bytes, offset, value);
        bytes
    };
    let foot = footer(&packed);
    let tables = foot + 0xA0;
    // Kind-4 block and its table entry of the framed file.
    let (block, entry) = (0x70 + 0x1C0, 0x70 + 0xF0);
    let damage = |name, answer, files| Damage {
        name,
        answer,
        files,
    };
    vec![
        damage(
            "not_dcimg",
            "byte 0: not a DCIMG file",
            vec![b"II*\0".to_vec(), vec![0; 300]],
        ),
        damage("empty_file", "byte 0: file header needs", vec![vec![]]),
        damage(
            "truncated_header",
            "the file is cut, 0 frames",
            vec![
                packed[..5].to_vec(),
                packed[..0x60].to_vec(),
                framed[..0xA0].to_vec(),
            ],
        ),
        damage(
            "truncated_frame",
            "the next frame needs",
            vec![
                packed[..232 + 100].to_vec(),
                framed[..872 + 2 * 80 + 50].to_vec(),
            ],
        ),
        damage(
            "truncated_footer",
            "the file is cut, 3 frames",
            vec![packed[..foot + 0x90].to_vec()],
        ),
        damage(
            "unknown_version",
            "byte 8: format version",
            vec![u32_in(&packed, 8, 8)],
        ),
        damage(
            "no_frames",
            "byte 152: the recording has no frames",
            vec![u32_in(&packed, 0x98, 0)],
        ),
        damage(
            "huge_count",
            "the next frame needs",
            vec![
                u32_in(&packed, 0x98, u32::MAX),
                u32_in(&framed, 0xAC, u32::MAX),
            ],
        ),
        damage(
            "huge_width",
            "cannot hold 4294967295 px",
            vec![u32_in(&packed, 0xA4, u32::MAX)],
        ),
        damage(
            "zero_row",
            "byte 168: a row of 0 bytes",
            vec![u32_in(&packed, 0xA8, 0)],
        ),
        damage(
            "zero_stride",
            "byte 228: frame stride 0",
            vec![u32_in(&framed, 0xE4, 0)],
        ),
        damage(
            "wrapping_stride",
            "byte 228: frame stride",
            vec![u32_in(&u32_in(&framed, 0xEC, u32::MAX), 0xE4, 47)],
        ),
        damage(
            "overlap",
            "overlap it",
            vec![u32_in(&packed, 0xBC, 0x10), u64_in(&framed, 0xD0, 0x7F)],
        ),
        damage(
            "overflow",
            "lies beyond any file",
            vec![
                u64_in(&packed, 0xC0, u64::MAX),
                u64_in(&packed, foot + 8, u64::MAX),
                u64_in(&packed, tables + 0x40, u64::MAX),
                u64_in(&framed, 0xD0, u64::MAX - 0x80),
            ],
        ),
        damage(
            "frames_in_footer",
            "inside the footer",
            vec![
                u32_in(&packed, 0x98, 4),   // one frame more
                u32_in(&packed, 0xBC, 114), // frames start two bytes later
            ],
        ),
        damage(
            "uncounted_frames",
            "read",
            vec![
                u32_in(&u32_in(&packed, 0x24, 2), 0x98, 2), // one frame fewer
                u32_in(&packed, 0xBC, 110),                 // frames start two bytes earlier
            ],
        ),
        damage(
            "several_sessions",
            "byte 32: the file holds 2",
            vec![u32_in(&packed, 0x20, 2)],
        ),
        damage(
            "odd_footer",
            "read",
            vec![
                u32_in(&packed, foot, 8),
                u64_in(&packed, foot + 8, 0x1000),
                u32_in(&packed, foot + 0x28, 0),
                u64_in(&packed, 0xC0, 112),
                u64_in(&packed, 0xC0, 1 << 40),
                u64_in(&packed, tables + 0x30, 1 << 20),
            ],
        ),
        damage(
            "odd_relocation",
            "read",
            vec![
                u32_in(&packed, tables + 0x64, 4 * 12), // below the frame
                u32_in(&packed, tables + 0x64, 6),      // across the end of a row
                u32_in(&packed, tables + 0x64, 1),      // inside a pixel
                u64_in(&packed, tables + 0x68, 1 << 33),
                u32_in(&framed, block + 12, 64),
                u32_in(&framed, block + 16, u32::MAX),
                u64_in(&framed, entry + 8, u64::MAX),
                u64_in(&framed, entry + 8, 0x50), // inside the table of blocks
                u32_in(&framed, entry + 4, u32::MAX),
            ],
        ),
    ]
}

#[test]
fn damaged_files_get_the_answer_they_are_filed_under() {
    for damage in damages() {
        let files = files_in(&folder().join(damage.name));
        assert_eq!(files.len(), damage.files.len(), "{}", damage.name);
        for (path, bytes) in files {
            match Dcimg::parse(&bytes) {
                Err(error) => assert!(
                    damage.answer != "read" && error.to_string().contains(damage.answer),
                    "{}: {error}",
                    path.display()
                ),
                Ok(file) => {
                    assert_eq!(damage.answer, "read", "{}", path.display());
                    assert!(!file.warnings().is_empty(), "{}", path.display());
                }
            }
            let salvage = Options::default().salvage(true);
            if let Ok(file) = Dcimg::parse_with(&bytes, &salvage) {
                assert!(!file.warnings().is_empty() || damage.answer == "read");
            }
        }
    }
}

#[test]
fn no_file_of_the_corpora_panics() {
    let data = folder().parent().unwrap().to_path_buf();
    let mut count = 0;
    for corpus in ["malformed", "fuzz", "golden"] {
        for entry in fs::read_dir(data.join(corpus)).unwrap() {
            let path = entry.unwrap().path();
            let files = if path.is_dir() {
                files_in(&path)
            } else {
                vec![(path.clone(), fs::read(&path).unwrap())]
            };
            for (path, bytes) in files {
                let read = std::panic::catch_unwind(|| {
                    for options in exercise::options() {
                        exercise::headers(&bytes, &options);
                        exercise::whole_file(&bytes, &options);
                        exercise::frame_access(&bytes, &options, [0, 9, 1, 200, 3, 250]);
                    }
                });
                assert!(read.is_ok(), "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count} files");
}

/// The files are those that this program makes, and there are no others.
#[test]
fn malformed_files_are_made_here() {
    let write = std::env::var_os("DCIMG_WRITE_MALFORMED").is_some();
    let mut made = Vec::new();
    for damage in damages() {
        let folder = folder().join(damage.name);
        for (i, bytes) in damage.files.into_iter().enumerate() {
            let path = folder.join(format!("{i}.dcimg"));
            if write {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, &bytes).unwrap();
            }
            made.push((path, bytes));
        }
    }
    let folders = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = folders
        .filter(|path| path.is_dir())
        .flat_map(|path| files_in(&path))
        .collect();
    made.sort();
    found.sort();
    let paths = |files: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        files.iter().map(|(path, _)| path.clone()).collect()
    };
    assert_eq!(paths(&found), paths(&made));
    for ((path, found), (_, made)) in found.iter().zip(&made) {
        assert!(found == made, "{} is another file", path.display());
    }
}

fn files_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}
