//! Stimuli and the decision that is correct for each.

use crate::error::Error;
use crate::event::Decision;
use crate::outcome::Outcome;
use crate::problem::excerpt;
use crate::trial::Trial;

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
pub enum Correct {
    /// Lick.
    Go,
    /// Do not lick.
    NoGo,
}

/// How a trial's stimulus is looked up in the table of correct decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// The whole text must be equal. The default, and the notebook's way.
    #[default]
    FullName,
    /// Only [`condition`] must be equal: `Texture 5 P1200` matches `Texture 7 P1200`, for rigs that
    /// number their textures differently. A listed name may also be the bare grit, `P1200`.
    Grit,
}

/// A table stimulus to correct decision, ready to look up.
///
/// ```
/// use widefield_behaviour::{Correct, Matching, Table};
/// let table = Table::new(&[("P100", Correct::Go), ("P1200", Correct::NoGo)], Matching::Grit)?;
/// assert_eq!(table.correct("Texture 5 P1200"), Some(Correct::NoGo));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    matching: Matching,
    entries: Vec<(String, Correct)>,
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

fn without_first(word: &str) -> Option<&str> {
    let mut letters = word.chars();
    letters.next()?;
    Some(letters.as_str()).filter(|rest| !rest.is_empty())
}

impl Table {
    /// A table of any number of stimuli.
    ///
    /// # Errors
    /// [`Error::Contradiction`] if two entries match the same stimulus and disagree;
    /// [`Error::NoGrit`] under [`Matching::Grit`] for a name without grit.
    pub fn new(stimuli: &[(impl AsRef<str>, Correct)], matching: Matching) -> Result<Self, Error> {
        let mut entries: Vec<(String, Correct)> = Vec::with_capacity(stimuli.len());
        for (name, correct) in stimuli {
            let key = key(name.as_ref(), matching)?;
            match entries.iter().find(|(known, _)| *known == key) {
                Some((_, other)) if other != correct => {
                    return Err(Error::Contradiction { stimulus: key });
                }
                Some(_) => {}
                None => entries.push((key, *correct)),
            }
        }
        Ok(Table { matching, entries })
    }

    /// The correct decision for a stimulus; `None` if the table does not know it.
    pub fn correct(&self, stimulus: &str) -> Option<Correct> {
        let wanted = match self.matching {
            Matching::FullName => stimulus.trim(),
            Matching::Grit => condition(stimulus)?,
        };
        self.entries
            .iter()
            .find(|(key, _)| key == wanted)
            .map(|(_, correct)| *correct)
    }

    /// The outcome of a trial; `None` for a [damaged](Trial::damaged) one, which cannot be judged.
    ///
    /// # Errors
    /// [`Error::MissingStimulus`], [`Error::UnknownStimulus`].
    pub fn outcome(&self, trial: &Trial) -> Result<Option<Outcome>, Error> {
        if trial.damaged {
            return Ok(None);
        }
        let running = trial.running;
        let stimulus = trial
            .stimulus
            .as_deref()
            .ok_or(Error::MissingStimulus { running })?;
        let correct = self
            .correct(stimulus)
            .ok_or_else(|| Error::UnknownStimulus {
                stimulus: stimulus.to_owned(),
                running,
            })?;
        Ok(Some(Outcome::of(correct, trial.decision)))
    }
}

fn key(name: &str, matching: Matching) -> Result<String, Error> {
    let name = name.trim();
    match matching {
        Matching::FullName => Ok(name.to_owned()),
        Matching::Grit => match name.contains(' ') {
            true => condition(name),
            false => without_first(name),
        }
        .map(str::to_owned)
        .ok_or_else(|| Error::NoGrit {
            stimulus: excerpt(name),
        }),
    }
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
        let plain: String = text
            .chars()
            .filter(|c| !(c.is_whitespace() || matches!(c, '-' | '_')))
            .take(8)
            .collect();
        match plain.to_ascii_lowercase().as_str() {
            "go" => Ok(Correct::Go),
            "nogo" => Ok(Correct::NoGo),
            _ => Err(Error::Correct {
                text: excerpt(text),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_differ_by_index() {
        let table = Table::new(&[("Texture 7 P1200", Correct::NoGo)], Matching::FullName).unwrap();
        assert_eq!(table.correct("Texture 7 P1200 "), Some(Correct::NoGo));
        assert_eq!(table.correct("Texture 5 P1200"), None);
    }

    #[test]
    fn contradictions_are_found_by_what_is_matched() {
        let same_grit = [
            ("Texture 1 P100", Correct::Go),
            ("Texture 2 P100", Correct::NoGo),
        ];
        assert!(Table::new(&same_grit, Matching::FullName).is_ok());
        assert_eq!(
            Table::new(&same_grit, Matching::Grit),
            Err(Error::Contradiction {
                stimulus: "100".into()
            })
        );
        assert_eq!(
            Table::new(&[("P", Correct::Go)], Matching::Grit),
            Err(Error::NoGrit {
                stimulus: "P".into()
            })
        );
    }

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
