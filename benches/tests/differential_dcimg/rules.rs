//! Every disagreement between the readers that is understood, and who is right.
//!
//! A rule knows the truth about the file and recognises a disagreement only in its exact form:
//! what one reader must have returned for the reason given, and the other the truth. Whatever no
//! rule recognises fails the test.

use dcimg::{PixelType, Version};

use crate::generate::{Case, Place};
use crate::readers::Reading;

/// A disagreement about one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    VersionTwo,
    Unannounced,
    AcrossPadding,
    LongTrailer,
    LookAlike,
    Microseconds,
    FarCamera,
    OneAxisBinning,
    LongFooter,
}

use Class::*;

impl Class {
    /// What generated files show. `LongFooter` needs a longer one, which has its own test.
    pub(crate) const GENERATED: [Self; 8] = [
        VersionTwo,
        Unannounced,
        AcrossPadding,
        LongTrailer,
        LookAlike,
        Microseconds,
        FarCamera,
        OneAxisBinning,
    ];

    /// Which reader is right, and why they differ.
    pub(crate) fn explanation(self) -> (&'static str, &'static str) {
        match self {
            VersionTwo => (
                "dcimg",
                "version 0x2000000 is refused by openreadout-dcimg; three other readers read it \
                 as 0x1000000, and so does dcimg, with a warning",
            ),
            Unannounced => (
                "dcimg",
                "relocated pixels without a kind-4 block: the sub-array tells their row (sensor \
                 row 1023), and dcimg restores them where the junk pattern stands there; \
                 openreadout-dcimg only restores announced ones and returns the junk",
            ),
            AcrossPadding => (
                "dcimg",
                "announced relocated pixels reach into the padding of their row: dcimg restores \
                 those in the image; openreadout-dcimg restores none and returns junk",
            ),
            LongTrailer => (
                "dcimg",
                "a trailer over 4096 bytes, stride and trailer size agreeing: openreadout-dcimg \
                 assumes 32 bytes, so frames after the first are shifted and stamps wrong",
            ),
            LookAlike => (
                "openreadout-dcimg",
                "true pixels 0, 65535, 0, 65535 at the start of sensor row 1023 of a file that \
                 announces nothing but has room in its trailers: dcimg takes them for junk and \
                 returns what the trailer holds; without an announcement nothing tells them apart",
            ),
            Microseconds => (
                "either",
                "a timestamp with a million microseconds or more is invalid: dcimg keeps the \
                 number, carries it over in the text and warns; openreadout-dcimg shows .999999",
            ),
            FarCamera => (
                "dcimg",
                "the camera block ends beyond the first 1024 bytes of the session header, all \
                 that openreadout-dcimg reads of it: model, serial and sub-array are missing",
            ),
            OneAxisBinning => (
                "dcimg",
                "sub-array and image have another ratio across than down: openreadout-dcimg \
                 calls the ratio across the binning, dcimg says it is unknown",
            ),
            LongFooter => (
                "dcimg",
                "from 52416 frames on, the footer of a packed file exceeds the 1 MiB that \
                 openreadout-dcimg accepts: no stamps, and relocated pixels stay junk",
            ),
        }
    }
}

/// The reason why only `dcimg` opens this file.
pub(crate) fn refused(case: &Case, theirs: &str) -> Option<Class> {
    let version_two = case.version == Version::FramedV2 && theirs.contains("0x2000000");
    version_two.then_some(VersionTwo)
}

/// The reason why openreadout-dcimg cannot read a frame or reads other pixels.
pub(crate) fn pixels(
    case: &Case,
    bytes: &[u8],
    frame: usize,
    ours: &[u16],
    theirs: &[u16],
) -> Option<Class> {
    let seen = case.seen(frame);
    let rules = [
        (
            LongTrailer,
            long_trailer(case)
                && ours == case.mistaken(frame)
                && theirs == shifted(case, bytes, frame),
        ),
        (
            Unannounced,
            matches!(case.place, Some(Place::Unannounced(_)))
                && ours == seen
                && theirs == case.with_junk(frame),
        ),
        (
            AcrossPadding,
            across_padding(case) && ours == seen && theirs == case.with_junk(frame),
        ),
        (
            LookAlike,
            case.look_alike(frame).is_some() && ours == case.mistaken(frame) && theirs == seen,
        ),
    ];
    rules.into_iter().find(|rule| rule.1).map(|rule| rule.0)
}

/// The reason why stamps differ.
pub(crate) fn stamps(
    case: &Case,
    bytes: &[u8],
    frame: usize,
    theirs: &(u64, String),
) -> Option<Class> {
    let stamp = case.stamps[frame];
    let (framestamp, text) = theirs;
    let clamped = stamp.time.microseconds >= 1_000_000
        && *framestamp == u64::from(stamp.framestamp)
        && text.ends_with(".999999Z");
    if clamped {
        return Some(Microseconds);
    }
    let trailer = &bytes[assumed_start(case, frame) + case.frame_bytes()..];
    let shifted = trailer.starts_with(&framestamp.to_le_bytes()[..4]);
    (long_trailer(case) && shifted).then_some(LongTrailer)
}

/// The reason why the readers know different things of the camera; `dcimg` is known to be right.
pub(crate) fn camera(case: &Case, ours: &Reading, theirs: &Reading) -> Option<Class> {
    let (ours, theirs) = (&ours.camera, &theirs.camera);
    if case.data_offset > 1024 && *theirs == Default::default() {
        return Some(FarCamera);
    }
    let only_binning = ours.model == theirs.model
        && ours.serial == theirs.serial
        && ours.sub == theirs.sub
        && ours.binning.is_none();
    let across = ours
        .sub
        .map(|sub| u64::from(sub.width) / u64::from(case.width));
    (only_binning && theirs.binning == across).then_some(OneAxisBinning)
}

/// Whether openreadout-dcimg believes in another trailer than the file has.
pub(crate) fn long_trailer(case: &Case) -> bool {
    case.trailer > 4096
}

/// Where a frame would start if the trailer had 32 bytes.
fn assumed_start(case: &Case, frame: usize) -> usize {
    (case.session_offset + case.data_offset) as usize + frame * (case.frame_bytes() + 32)
}

/// What a reader returns that assumes a trailer of 32 bytes, and restores announced pixels.
fn shifted(case: &Case, bytes: &[u8], frame: usize) -> Vec<u16> {
    let (stored, trailer) = bytes[assumed_start(case, frame)..].split_at(case.frame_bytes());
    let mut stored = stored.to_vec();
    if case.announces()
        && !across_padding(case)
        && let Some(at) = case.place_in_frame()
    {
        stored[at..at + 8].copy_from_slice(&trailer[12..20]);
    }
    case.first_pixels(&stored)
}

fn across_padding(case: &Case) -> bool {
    let pixels = match case.pixel {
        PixelType::U8 => 8,
        _ => 4,
    };
    matches!(case.place, Some(Place::Announced(_, column)) if column + pixels > case.width)
}
