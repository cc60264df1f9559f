//! Names of MATLAB variables.

/// Longest name that MATLAB keeps (`namelengthmax`).
const LONGEST: usize = 63;

/// What MATLAB's `iskeyword` lists.
const KEYWORDS: [&str; 20] = [
    "break",
    "case",
    "catch",
    "classdef",
    "continue",
    "else",
    "elseif",
    "end",
    "for",
    "function",
    "global",
    "if",
    "otherwise",
    "parfor",
    "persistent",
    "return",
    "spmd",
    "switch",
    "try",
    "while",
];

/// Whether `name` can name a MATLAB variable: an ASCII letter, then letters,
/// digits and underscores, at most 63 in all, no keyword.
///
/// ```
/// use widefield_storage::mat::valid_name;
///
/// assert!(valid_name("tr_100"));
/// assert!(!valid_name("100_tr") && !valid_name("tr 100") && !valid_name("end"));
/// ```
#[must_use]
pub fn valid_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && name.len() <= LONGEST
        && !KEYWORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matlab_takes() {
        for name in ["a", "tr", "tr_1200", "refImg", "End", &"x".repeat(63)] {
            assert!(valid_name(name), "{name}");
        }
        for name in [
            "",
            "_a",
            "1a",
            "a b",
            "a-b",
            "é",
            "a.b",
            "for",
            &"x".repeat(64),
        ] {
            assert!(!valid_name(name), "{name}");
        }
    }
}
