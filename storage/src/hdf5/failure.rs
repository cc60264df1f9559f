//! Errors of the HDF5 library as ours.

use std::io;

use crate::Error;

/// Translates a failure of the library while `doing` something to `object`.
///
/// The library reports a failed system call as text with `errno = 28` in one of
/// the frames of its stack; that number sorts the error.
pub(super) fn translate(object: &str, doing: &'static str, error: &hdf5::Error) -> Error {
    let Some(stack) = error.stack() else {
        return other(object, doing, error.to_string());
    };
    let system = stack.iter().find_map(|frame| errno(frame.desc()));
    match system {
        Some(code) => Error::io(object, doing, io::Error::from_raw_os_error(code)),
        None => other(object, doing, stack.description().to_owned()),
    }
}

fn other(object: &str, doing: &'static str, text: String) -> Error {
    Error::Other {
        object: object.to_owned(),
        doing,
        source: format!("HDF5 library: {text}").into(),
    }
}

/// The number after `errno = `, unless it is 0.
fn errno(text: &str) -> Option<i32> {
    let (_, rest) = text.split_once("errno = ")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok().filter(|&code| code != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_number_is_found_in_the_text() {
        let text = "file write failed: time = x, filename = 'y', file descriptor = 5, errno = 28, \
                    error message = 'No space left on device'";
        assert_eq!(errno(text), Some(28));
        assert_eq!(errno("errno = 0, x"), None);
        assert_eq!(errno("no number"), None);
    }

    #[test]
    fn a_missing_file_is_not_found() {
        let error = hdf5::File::open("/nowhere/at/all.h5").unwrap_err();
        assert_eq!(
            translate("x", "opening", &error).kind(),
            ErrorKind::NotFound
        );
    }
}
