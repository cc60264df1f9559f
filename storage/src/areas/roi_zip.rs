//! Selections of ImageJ's ROI Manager, a zip of `.roi` files.

use std::io::{Cursor, Read};

use ndarray::Array2;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{Areas, check_room, roi, too_large};
use crate::Error;

/// Local files, or the end where there are none.
pub(super) const MAGIC: &[u8] = b"PK";
/// Most bytes of one selection: that is ImageJ's limit, and a million corners.
const MOST_OF_ONE: u64 = 5 << 20;
/// Most bytes of all of them, so that what is small cannot take long.
const MOST_OF_ALL: u64 = 256 << 20;

/// The selections in the order of the list.
pub(super) fn read(object: &str, file: &[u8], size: (usize, usize)) -> Result<Areas, Error> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| wrong(object, error))?;
    let mut areas = Areas::new();
    let mut left = MOST_OF_ALL;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| wrong(object, error))?;
        let name = entry.name().to_owned();
        // macOS adds what it knows of each file under the same name.
        if name.starts_with("__MACOSX/") || stem(&name).is_none() {
            continue;
        }
        let within = format!("{object}: {name}");
        let limit = MOST_OF_ONE.min(left);
        let mut bytes = Vec::new();
        let taken = entry.by_ref().take(limit + 1).read_to_end(&mut bytes);
        taken.map_err(|error| wrong(&within, ZipError::Io(error)))?;
        left = left
            .checked_sub(bytes.len() as u64)
            .filter(|_| bytes.len() as u64 <= limit)
            .ok_or_else(|| too_large(&within, "the selection", bytes.len() as u64, limit))?;
        check_room(object, areas.len() + 1, size)?;
        areas.push(area(&within, &name, &bytes, size)?);
    }
    Ok(areas)
}

/// The area of a selection in the file `name`.
pub(super) fn area(
    object: &str,
    name: &str,
    bytes: &[u8],
    (height, width): (usize, usize),
) -> Result<(String, Array2<bool>), Error> {
    let count = bytes.len() as u64;
    if count > MOST_OF_ONE {
        return Err(too_large(object, "the selection", count, MOST_OF_ONE));
    }
    let roi = roi::parse(object, bytes)?;
    let Some([least, most]) = roi.outline.bounds() else {
        return Err(Error::format(object, "has no corners, or not finite ones"));
    };
    // Beyond half a pixel outside, a pixel outside may belong to it.
    let within = |axis: usize, size: usize| least[axis] >= -0.5 && most[axis] <= size as f64 + 0.5;
    if !within(0, width) || !within(1, height) {
        let reason = format!(
            "reaches from column {} to {}, row {} to {}, but the frame has {width} columns and {height} rows: was it drawn on an image of another size?",
            least[0], most[0], least[1], most[1]
        );
        return Err(Error::format(object, reason));
    }
    check_room(object, 1, (height, width))?;
    let of_file = || stem(name).unwrap_or(name).to_owned();
    Ok((
        roi.name.unwrap_or_else(of_file),
        roi.outline.fill((height, width)),
    ))
}

/// The name of a selection's file without folders and ending; nothing if it is none.
fn stem(name: &str) -> Option<&str> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let at = file.len().checked_sub(4)?;
    let (stem, ending) = file.split_at_checked(at)?;
    (ending.eq_ignore_ascii_case(".roi")).then_some(stem)
}

fn wrong(object: &str, error: ZipError) -> Error {
    Error::format(object, format!("no readable zip: {error}"))
}
