//! Names of objects within a place.

/// Start of the names that belong to this library: temporaries and probes.
pub(crate) const OURS: &str = ".widefield-";

/// Whether `name` can name an object or a folder; otherwise the rest of a sentence about it.
///
/// Refused is what some place cannot hold or would read as another name: empty
/// segments (`a//b`), `.` and `..`, control characters, and our own temporaries.
pub(crate) fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.chars().any(|c| c.is_ascii_control()) {
        return Err("contains a control character");
    }
    for segment in name.split('/') {
        match segment {
            "" => return Err("has an empty part: no / at its start or end, and no //"),
            "." | ".." => return Err("has a part . or .., which could leave its place"),
            ours if ours.starts_with(OURS) => {
                return Err("belongs to this library's temporary files");
            }
            _ => {}
        }
    }
    if cfg!(windows) && name.contains(['\\', ':', '*', '?', '"', '<', '>', '|']) {
        return Err("contains a character that Windows does not permit");
    }
    Ok(())
}

/// Place and name as one text, for messages.
pub(crate) fn within(place: &str, name: &str) -> String {
    // The slashes of a bare scheme are no end of a folder.
    let slash = match place.ends_with('/') && !place.ends_with("://") || name.is_empty() {
        true => "",
        false => "/",
    };
    format!("{place}{slash}{name}")
}

#[cfg(test)]
mod tests {
    use super::{check, within};

    #[test]
    fn place_and_name_are_joined_by_one_slash() {
        assert_eq!(within("/a", "x"), "/a/x");
        assert_eq!(within("/", "x"), "/x");
        assert_eq!(within("memory://", "x/y"), "memory:///x/y");
        assert_eq!(within("memory://a", "x"), "memory://a/x");
        assert_eq!(within("/a", ""), "/a");
    }

    #[test]
    fn ordinary_and_odd_names_pass() {
        for name in [
            "x",
            "a/b.h5",
            "a b%20c é.txt",
            "..x",
            "x..",
            "#1",
            "a#1",
            " ",
            "-",
            "~",
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_leave_or_vanish_are_refused() {
        for name in [
            "",
            "/",
            "/x",
            "x/",
            "a//b",
            ".",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a\nb",
            "a\0b",
            ".widefield-1.tmp",
            "a/.widefield-x",
        ] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }
}
