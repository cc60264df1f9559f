//! One stimulus: its condition, and the decision that is correct for it.

use crate::error::Error;
use crate::event::Decision;
use crate::problem::excerpt;

/// The correct decision for a stimulus.
///
/// `FromStr` reads `Go` and `No Go`, in any case, with any blanks, `-` or `_` between the words.
///
/// ```
/// use widefield_behaviour::Correct;
/// assert_eq!(" no go".parse(), Ok(Correct::NoGo));
/// assert_eq!(Correct::NoGo.to_string(), "No Go");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Correct {
    /// Lick.
    Go,
    /// Do not lick.
    NoGo,
}

/// What follows the last blank of a stimulus, its first character dropped: the condition that names
/// output files. `None` if there is no blank or nothing remains.
///
/// ```
/// use widefield_behaviour::condition;
/// assert_eq!(condition("Texture 1 P100"), Some("100"));
/// assert_eq!(condition("Texture"), None);
/// ```
pub fn condition(stimulus: &str) -> Option<&str> {
    let (_, last) = stimulus.trim_end().rsplit_once(' ')?;
    without_first(last)
}

pub(crate) fn without_first(word: &str) -> Option<&str> {
    let mut letters = word.chars();
    letters.next()?;
    Some(letters.as_str()).filter(|rest| !rest.is_empty())
}

impl Correct {
    /// The decision line that says so.
    pub fn decision(self) -> Decision {
        match self {
            Correct::Go => Decision::Go,
            Correct::NoGo => Decision::NoGo,
        }
    }
}

impl std::fmt::Display for Correct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.decision().fmt(f)
    }
}

impl std::str::FromStr for Correct {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match plain(text).as_str() {
            "go" => Ok(Correct::Go),
            "nogo" => Ok(Correct::NoGo),
            _ => Err(Error::Correct {
                text: excerpt(text),
            }),
        }
    }
}

/// The letters of a word or two, in lower case: of a longer text as many as tell that it is one.
pub(crate) fn plain(text: &str) -> String {
    let is_between = |c: &char| c.is_whitespace() || matches!(c, '-' | '_');
    let letters = text.chars().filter(|c| !is_between(c)).take(24);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        for (stimulus, expected) in [
            ("Texture 7 P1200", Some("1200")),
            ("Texture 7 P1200 ", Some("1200")),
            ("Texture 3 é1", Some("1")),
            ("Texture P", None),
            ("", None),
            (" ", None),
        ] {
            assert_eq!(condition(stimulus), expected, "{stimulus:?}");
        }
    }

    #[test]
    fn correct_decisions_are_read_tolerantly() {
        for text in ["No Go", "nogo", "NO-GO", " no_go "] {
            assert_eq!(text.parse(), Ok(Correct::NoGo), "{text}");
        }
        assert_eq!("go".parse(), Ok(Correct::Go));
        assert_eq!(
            "gone".parse::<Correct>(),
            Err(Error::Correct {
                text: "gone".into()
            })
        );
        assert!("".parse::<Correct>().is_err());
    }
}
