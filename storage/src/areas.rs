//! Named areas of the frame, from the files that labs keep them in.
//!
//! | file | an area | its name |
//! | --- | --- | --- |
//! | PNG, grey or with a palette | the pixels of one number (of a palette, the index) above 0 | the number |
//! | NumPy `.npy`, whole numbers or truth values | the pixels of one number other than 0 | the number |
//! | ImageJ, Fiji: `.zip` of the ROI Manager, `.roi` | the pixels whose centres lie within a selection, as ImageJ fills it | that of the selection, else of the file |
//! | MAT, level 5: logical arrays, or numbers that are 0 or 1 | the pixels of a matrix, or of each page of a 3-D array | the variable; of pages with `_1`, `_2` ... |
//! | OCIA's `ROIs.mat` | a mask of the movie (those of behaviour are left out) | the one given in OCIA |
//!
//! Areas may overlap and may be without a pixel. Images must have the size of the frame, which is the resized one; selections,
//! which tell no size, must lie within it.

use ndarray::Array2;

use crate::{Error, Orientation};

mod labels;
mod mat;
mod npy;
mod outline;
mod png;
mod roi;
mod roi_zip;

/// Most areas of a file.
const MOST: usize = 65_535;
/// Most bytes of the arrays of a file, and of the masks made of it.
const MOST_BYTES: u64 = 1 << 30;

/// Areas with their names; masks are `(y, x)`, row 0 at the top of the camera's image.
type Areas = Vec<(String, Array2<bool>)>;

/// The areas in `bytes`, which lie in the file `name`, of a frame of the size `(height, width)`.
///
/// What kind of file it is, its first bytes say. The areas come in its order, those of label images by their numbers.
/// `orientation` says how the axes of the arrays in MAT files lie; files of other kinds are images with the camera's row 0 at
/// the top.
///
/// ```
/// use ndarray::array;
/// use widefield_storage::{Orientation, areas, mat::MatFile};
///
/// let mask = array![[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]];
/// let file = MatFile::new().matrix("M2", mask.view(), Orientation::Notebook).encode(1)?;
/// let read = areas::read("areas.mat", &file, (2, 3), Orientation::Notebook)?;
/// assert_eq!(read[0].0, "M2");
/// assert_eq!(read[0].1, array![[false, true, true], [false, false, true]]);
/// # Ok::<(), widefield_storage::Error>(())
/// ```
///
/// # Errors
/// [`Error::Format`], naming the file, if it is of another kind, cut or damaged, of another size than the frame (both are said),
/// without areas, or with more than 65535; if a selection is none that encloses pixels, has more than 2^20 points, or reaches
/// beyond the frame; if two areas have one name. [`Error::TooLarge`] if arrays, or the masks together, take more than 1 GiB, a
/// picture 256 MiB, or a selection 5 MiB.
pub fn read(
    name: &str,
    bytes: &[u8],
    size: (usize, usize),
    orientation: Orientation,
) -> Result<Areas, Error> {
    let areas = if bytes.starts_with(png::MAGIC) {
        png::read(name, bytes, size)?
    } else if bytes.starts_with(npy::MAGIC) {
        npy::read(name, bytes, size)?
    } else if bytes.starts_with(roi_zip::MAGIC) {
        roi_zip::read(name, bytes, size)?
    } else if bytes.starts_with(roi::MAGIC) {
        vec![roi_zip::area(name, name, bytes, size)?]
    } else if mat::is(bytes) {
        mat::read(name, bytes, size, orientation)?
    } else {
        let reason = "is no PNG, NumPy array, ImageJ selection or zip of these, and no MAT file";
        return Err(Error::format(name, reason));
    };
    if areas.is_empty() {
        return Err(Error::format(name, "has no areas"));
    }
    let mut names: Vec<&String> = areas.iter().map(|(area, _)| area).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let reason = format!("two areas are named {}: rename one", twice[0]);
        return Err(Error::format(name, reason));
    }
    Ok(areas)
}

/// Whether so many masks of this size may be made.
fn check_room(object: &str, count: usize, (height, width): (usize, usize)) -> Result<(), Error> {
    let bytes = (count as u64)
        .saturating_mul(height as u64)
        .saturating_mul(width as u64);
    if count > MOST {
        return Err(Error::format(object, format!("has more than {MOST} areas")));
    }
    if bytes > MOST_BYTES {
        return Err(too_large(object, "all masks together", bytes, MOST_BYTES));
    }
    Ok(())
}

/// Whether what has this size is an image of the frame.
fn check_size(
    object: &str,
    what: &str,
    found: (usize, usize),
    size: (usize, usize),
) -> Result<(), Error> {
    if found == size {
        return Ok(());
    }
    let reason = format!(
        "{what} has {} rows and {} columns, the frame {} and {}",
        found.0, found.1, size.0, size.1
    );
    Err(Error::format(object, reason))
}

fn too_large(object: &str, what: &'static str, bytes: u64, limit: u64) -> Error {
    let object = object.to_owned();
    Error::TooLarge {
        object,
        what,
        bytes,
        limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"Iou", b"GIF89a", &[0; 300]] {
            let error = read("x", bytes, (2, 2), Orientation::Camera).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().starts_with("x: is no PNG"), "{error}");
        }
    }

    #[test]
    fn many_masks_are_refused_before_they_are_made() {
        assert!(check_room("x", 16_384, (256, 256)).is_ok());
        for (count, size) in [(16_385, (256, 256)), (2, (usize::MAX, usize::MAX))] {
            let error = check_room("x", count, size).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge);
        }
        let error = check_room("x", 65_536, (1, 1)).unwrap_err();
        assert_eq!(error.to_string(), "x: has more than 65535 areas");
    }
}
