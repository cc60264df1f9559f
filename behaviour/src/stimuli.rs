//! The stimuli of a task, and what they make of a trial.

use crate::error::Error;
use crate::outcome::{Outcome, Verdict};
use crate::problem::excerpt;
use crate::stimulus::{Correct, condition, without_first};
use crate::trial::Trial;
use std::collections::BTreeMap;

/// How a trial's stimulus is looked up in the list of stimuli.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Matching {
    /// The whole text must be equal. The default, and the notebook's way.
    #[default]
    FullName,
    /// Only [`condition`] must be equal: `Texture 5 P1200` matches `Texture 7 P1200`, for rigs that
    /// number their textures differently. A listed name may also be the bare grit, `P1200`.
    Grit,
}

/// What happens to a trial whose stimulus is missing or not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unlabelled {
    /// It is an error, so that no trial goes missing unnoticed. The default.
    #[default]
    Refuse,
    /// It is [left out](Verdict::LeftOut), and counted as that.
    LeaveOut,
}

/// The stimuli of a task with the decision that is correct for each, ready to look up.
///
/// ```
/// use widefield_behaviour::{Correct, Matching, Stimuli};
/// let stimuli = Stimuli::new(&[("P100", Correct::Go), ("P1200", Correct::NoGo)], Matching::Grit)?;
/// assert_eq!(stimuli.correct("Texture 5 P1200"), Some(Correct::NoGo));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stimuli {
    matching: Matching,
    unlabelled: Unlabelled,
    listed: Vec<Listed>,
}

/// A stimulus of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    name: String,
    /// What is compared.
    key: String,
    correct: Correct,
}

impl Stimuli {
    /// Any number of stimuli.
    ///
    /// # Errors
    /// [`Error::Contradiction`] if two entries match the same stimulus and disagree;
    /// [`Error::NoGrit`] under [`Matching::Grit`] for a name without grit.
    pub fn new(stimuli: &[(impl AsRef<str>, Correct)], matching: Matching) -> Result<Self, Error> {
        let mut listed: Vec<Listed> = Vec::with_capacity(stimuli.len());
        for (name, correct) in stimuli {
            let (name, correct) = (name.as_ref().to_owned(), *correct);
            let key = key(&name, matching)?;
            if listed.iter().any(|l| l.key == key && l.correct != correct) {
                return Err(Error::Contradiction { stimulus: key });
            }
            listed.push(Listed { name, key, correct });
        }
        Ok(Self {
            matching,
            listed,
            ..Self::default()
        })
    }

    /// What happens to trials whose stimulus is missing or not listed. Default:
    /// [`Unlabelled::Refuse`].
    #[must_use]
    pub fn unlabelled(self, unlabelled: Unlabelled) -> Self {
        Self { unlabelled, ..self }
    }

    /// Names and correct decisions, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Correct)> {
        self.listed.iter().map(|l| (l.name.as_str(), l.correct))
    }

    /// The correct decision for a stimulus; `None` if it is not listed.
    pub fn correct(&self, stimulus: &str) -> Option<Correct> {
        let wanted = match self.matching {
            Matching::FullName => stimulus.trim(),
            Matching::Grit => condition(stimulus)?,
        };
        let found = self.listed.iter().find(|l| l.key == wanted);
        found.map(|l| l.correct)
    }

    /// What becomes of a trial in a score.
    ///
    /// A [damaged](Trial::damaged) trial without listed stimulus is left out under
    /// [`Unlabelled::LeaveOut`], and damaged otherwise.
    ///
    /// ```
    /// # use widefield_behaviour::{Correct, Log, Matching, Stimuli, Unlabelled, Verdict};
    /// # let log = Log::parse(include_str!("../tests/data/every_decision.txt"))?;
    /// let stimuli = Stimuli::new(&[("Texture 9 P50", Correct::Go)], Matching::FullName)?;
    /// assert!(stimuli.judge(&log.trials()[0]).is_err());
    /// let lenient = stimuli.unlabelled(Unlabelled::LeaveOut);
    /// assert_eq!(lenient.judge(&log.trials()[0])?, Verdict::LeftOut);
    /// # Ok::<(), widefield_behaviour::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::MissingStimulus`], [`Error::UnknownStimulus`], unless these are left out.
    pub fn judge(&self, trial: &Trial) -> Result<Verdict, Error> {
        let running = trial.running;
        let stimulus = trial.stimulus.as_deref();
        match stimulus.and_then(|s| self.correct(s)) {
            None if self.leaves_out() => Ok(Verdict::LeftOut),
            _ if trial.damaged => Ok(Verdict::Damaged),
            Some(correct) => {
                let outcome = Outcome::from_decision(correct, trial.decision);
                Ok(Verdict::Scored(outcome))
            }
            None => Err(match stimulus {
                None => Error::MissingStimulus { running },
                Some(stimulus) => Error::UnknownStimulus {
                    stimulus: stimulus.to_owned(),
                    running,
                },
            }),
        }
    }

    pub(crate) fn leaves_out(&self) -> bool {
        self.unlabelled == Unlabelled::LeaveOut
    }

    /// The stimuli of `shown` (one a trial) that are not listed, with how many trials have each,
    /// and the listed name that is spelt most alike, if any is at all; in the order of the names.
    ///
    /// For the message that somebody needs whose list is spelt differently from the log:
    ///
    /// ```
    /// use widefield_behaviour::{Correct, Matching, Stimuli};
    /// let stimuli = Stimuli::new(&[("Texture 1 P100", Correct::Go)], Matching::FullName)?;
    /// let unlisted = stimuli.unlisted(["Texture 1 P100", "texture 1 P100 ", "Tone"]);
    /// assert_eq!((unlisted[1].stimulus, unlisted[1].nearest), ("texture 1 P100", Some("Texture 1 P100")));
    /// assert_eq!((unlisted[0].stimulus, unlisted[0].trials, unlisted[0].nearest), ("Tone", 1, None));
    /// # Ok::<(), widefield_behaviour::Error>(())
    /// ```
    pub fn unlisted<'a>(&'a self, shown: impl IntoIterator<Item = &'a str>) -> Vec<Unlisted<'a>> {
        let mut trials: BTreeMap<&str, usize> = BTreeMap::new();
        for stimulus in shown {
            *trials.entry(stimulus.trim()).or_default() += 1;
        }
        let unlisted = trials
            .into_iter()
            .filter(|(stimulus, _)| self.correct(stimulus).is_none());
        unlisted
            .map(|(stimulus, trials)| Unlisted {
                stimulus,
                trials,
                nearest: nearest(stimulus, self.listed.iter().map(|l| l.name.as_str())),
            })
            .collect()
    }
}

/// A stimulus that is shown and not listed; see [`Stimuli::unlisted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unlisted<'a> {
    /// As the log spells it.
    pub stimulus: &'a str,
    /// Trials that have it.
    pub trials: usize,
    /// The listed name most like it.
    pub nearest: Option<&'a str>,
}

/// The known name that is spelt most like another: in which the fewest letters, case apart, are
/// added, missing, exchanged or swapped. `None` where that is more than a third of the longer one.
///
/// ```
/// use widefield_behaviour::nearest;
/// assert_eq!(nearest("hit ", ["Hit", "Miss"]), Some("Hit"));
/// assert_eq!(nearest("early", ["Hit", "Miss"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer texts are no names, and comparing takes the product of the lengths.
    const LONGEST: usize = 256;
    let plain = |text: &str| text.trim().to_lowercase();
    let wanted = plain(name);
    let changes = known.into_iter().filter_map(|known| {
        let other = plain(known);
        let longest = wanted.chars().count().max(other.chars().count());
        let changes = (wanted.len().max(other.len()) <= LONGEST)
            .then(|| strsim::damerau_levenshtein(&wanted, &other))?;
        (3 * changes <= longest).then_some((changes, known))
    });
    changes
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, known)| known)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_differ_by_index() {
        let stimuli =
            Stimuli::new(&[("Texture 7 P1200", Correct::NoGo)], Matching::FullName).unwrap();
        assert_eq!(stimuli.correct("Texture 7 P1200 "), Some(Correct::NoGo));
        assert_eq!(stimuli.correct("Texture 5 P1200"), None);
    }

    #[test]
    fn contradictions_are_found_by_what_is_matched() {
        let same_grit = [
            ("Texture 1 P100", Correct::Go),
            ("Texture 2 P100", Correct::NoGo),
        ];
        assert!(Stimuli::new(&same_grit, Matching::FullName).is_ok());
        assert_eq!(
            Stimuli::new(&same_grit, Matching::Grit),
            Err(Error::Contradiction {
                stimulus: "100".into()
            })
        );
        assert_eq!(
            Stimuli::new(&[("P", Correct::Go)], Matching::Grit),
            Err(Error::NoGrit {
                stimulus: "P".into()
            })
        );
    }

    #[test]
    fn damaged_and_unlabelled_trials_are_told_apart() {
        let start = jiff::civil::date(2017, 2, 14).at(10, 0, 0, 0);
        let trial = |stimulus: Option<&str>, damaged| {
            let mut trial = Trial::new(4, 4, start);
            trial.stimulus = stimulus.map(str::to_owned);
            trial.damaged = damaged;
            trial
        };
        let strict = Stimuli::new(&[("T", Correct::Go)], Matching::FullName).unwrap();
        let lenient = strict.clone().unlabelled(Unlabelled::LeaveOut);
        let (missing, unknown) = (
            Error::MissingStimulus { running: 4 },
            Error::UnknownStimulus {
                stimulus: "U".into(),
                running: 4,
            },
        );
        let early = Ok(Verdict::Scored(Outcome::Early));
        for (stimulus, damaged, by_strict, by_lenient) in [
            (Some("T"), false, early.clone(), early),
            (Some("T"), true, Ok(Verdict::Damaged), Ok(Verdict::Damaged)),
            (Some("U"), false, Err(unknown), Ok(Verdict::LeftOut)),
            (None, false, Err(missing), Ok(Verdict::LeftOut)),
            (None, true, Ok(Verdict::Damaged), Ok(Verdict::LeftOut)),
        ] {
            let trial = trial(stimulus, damaged);
            assert_eq!(strict.judge(&trial), by_strict, "{trial:?}");
            assert_eq!(lenient.judge(&trial), by_lenient, "{trial:?}");
        }
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["Texture 1 P100", "Texture 7 P1200"];
        for (name, expected) in [
            ("Texture 1 p100", Some(known[0])),
            ("Textrue 7 P1200", Some(known[1])),
            ("Texture 7  P120", Some(known[1])),
            ("Tone 8 kHz", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), ["y"]), None);
        assert_eq!(nearest("a", []), None);
    }
}
