//! Names of objects in requests and answers.

use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but letters, digits and `-._~/`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// `text` for the path of a request, slashes kept.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// `text` for the value of a query, in which a slash may stand as well.
pub(super) fn escape_value(text: &str) -> String {
    escape(text)
}

/// `/container/name`, escaped.
pub(super) fn target(container: &str, name: &str) -> String {
    format!("/{}/{}", escape(container), escape(name))
}

/// The path that says exactly `name`; nothing for names that it cannot say (`a//b`, `a/`, `../x`),
/// which are left out of listings rather than taken for others.
pub(super) fn path(name: &str) -> Option<Path> {
    Path::parse(name)
        .ok()
        .filter(|path| path.as_ref() == name && !name.is_empty())
}

/// What is wrong with `container` as a name, if anything.
pub(super) fn check_container(container: &str) -> Result<(), &'static str> {
    match container {
        "" => Err("the container is missing: swift://container/prefix"),
        "." | ".." => Err("a container cannot be called . or .."),
        _ if container.contains('/') => Err("a container cannot contain a slash"),
        _ if container.chars().any(char::is_control) => {
            Err("a container cannot contain control characters")
        }
        _ if container.len() > 256 => Err("a container's name has at most 256 bytes"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_once() {
        assert_eq!(target("a b", "é/%2F?#x"), "/a%20b/%C3%A9/%252F%3F%23x");
        assert_eq!(escape("-._~/"), "-._~/");
    }

    #[test]
    fn names_that_a_path_cannot_say_are_none() {
        for odd in ["", "a//b", "/a", "a/", "../x", "a/./b", "a\nb"] {
            assert_eq!(path(odd), None, "{odd:?}");
        }
        for fine in ["a", "a/b c%20é", "...", "%"] {
            assert_eq!(path(fine).unwrap().as_ref(), fine);
        }
    }

    #[test]
    fn containers_have_rules() {
        for bad in ["", ".", "..", "a/b", "a\nb", &"x".repeat(257)] {
            assert!(check_container(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_container("a b%20é"), Ok(()));
    }
}
