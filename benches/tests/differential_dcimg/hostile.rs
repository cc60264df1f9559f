//! Damaged files: neither reader panics, and what they make of them is counted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dcimg::Options;

use crate::Tally;
use crate::generate::{Case, Dice};
use crate::readers::{Reading, ours, theirs};

const FILES: u64 = 4000;
const DAMAGES: u32 = 16;
/// Frames read of each: a damaged count may be in the billions.
const MOST: usize = 8;

/// Cuts the file, or overwrites a few bytes of the headers, of the end or anywhere.
fn damage(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    if dice.chance(30) {
        bytes.truncate(dice.below(length) as usize);
        return bytes;
    }
    for _ in 0..1 + dice.below(3) {
        let at = match dice.below(4) {
            0 | 1 => dice.below(length.min(1024)),
            2 => length - 1 - dice.below(length.min(700)),
            _ => dice.below(length),
        };
        let byte = &mut bytes[at as usize];
        *byte = match dice.below(4) {
            0 => *byte ^ (1 << dice.below(8)),
            1 => 0xFF,
            2 => 0,
            _ => dice.word().to_le_bytes()[0],
        };
    }
    bytes
}

#[test]
fn damaged_files_are_read_or_refused_without_a_panic() {
    let mut tally = Tally::new();
    for seed in 0..FILES {
        let bytes = Case::new(seed).bytes();
        // Where undamaged files differ is another test's concern.
        if ours(&bytes, &Options::default(), MOST) != theirs(&bytes, MOST) {
            continue;
        }
        let dice = &mut Dice::new(seed);
        for _ in 0..DAMAGES {
            let bytes = damage(bytes.clone(), dice);
            for salvage in [false, true] {
                let options = Options::default().salvage(salvage);
                let ours = catch_unwind(|| ours(&bytes, &options, MOST));
                let ours = ours.unwrap_or_else(|_| panic!("seed {seed}: dcimg panicked"));
                let theirs = catch_unwind(AssertUnwindSafe(|| theirs(&bytes, MOST)));
                tally.count((salvage, outcome(&ours, &theirs)));
            }
        }
    }
    for ((salvage, outcome), count) in &tally.0 {
        println!("{count:5} salvage {salvage:5}: {outcome}");
    }
    let of = |outcome| tally.of(&(false, outcome));
    assert_eq!(
        of("openreadout-dcimg panics"),
        0,
        "worth a report to its authors"
    );
    assert!(of("both refuse") > 500 && of("equal pixels and stamps") > 500);
}

fn outcome<P>(
    ours: &Result<Reading, String>,
    theirs: &Result<Result<Reading, String>, P>,
) -> &'static str {
    match (ours, theirs) {
        (_, Err(_)) => "openreadout-dcimg panics",
        (Err(_), Ok(Err(_))) => "both refuse",
        (Ok(_), Ok(Err(_))) => "only dcimg reads",
        (Err(_), Ok(Ok(_))) => "only openreadout-dcimg reads",
        (Ok(ours), Ok(Ok(theirs))) if ours.frames != theirs.frames => "different pixels",
        (Ok(ours), Ok(Ok(theirs))) if ours.stamps != theirs.stamps => "different stamps",
        (Ok(ours), Ok(Ok(theirs))) if ours.camera != theirs.camera => "different camera",
        _ => "equal pixels and stamps",
    }
}
