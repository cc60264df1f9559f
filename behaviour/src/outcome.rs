//! What a decision means, given the correct one.

use crate::error::Error;
use crate::event::Decision;
use crate::problem::excerpt;
use crate::stimulus::{Correct, plain};

/// The outcome of a trial.
///
/// | correct | decision | outcome |
/// | --- | --- | --- |
/// | Go | Go | hit |
/// | Go | No Go, No Response | miss |
/// | No Go | No Go | correct rejection |
/// | No Go | Go, Inappropriate Response | false alarm |
/// | any | Early | early |
/// | Go | Inappropriate Response | unscored |
/// | No Go | No Response | unscored |
///
/// Unscored pairs contradict themselves: the first names a lick to a No Go texture, the second a
/// missing lick to a Go texture. The reference notebook counts them nowhere; here they are counted
/// apart, in no rate and in neither trial total. So are early ones.
///
/// `Display` writes `correct rejection`; `FromStr` reads that in any case, with any blanks, `-` or
/// `_` between the words.
///
/// ```
/// use widefield_behaviour::Outcome;
/// assert_eq!("correct_rejection".parse(), Ok(Outcome::CorrectRejection));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Outcome {
    /// Licked to a Go stimulus.
    Hit,
    /// Did not lick to a Go stimulus.
    Miss,
    /// Did not lick to a No Go stimulus.
    CorrectRejection,
    /// Licked to a No Go stimulus.
    FalseAlarm,
    /// Licked too early, or no decision.
    Early,
    /// Stimulus and decision contradict each other.
    Unscored,
}

impl Outcome {
    /// All outcomes, in the order of their counts.
    pub const ALL: [Outcome; 6] = [
        Outcome::Hit,
        Outcome::Miss,
        Outcome::CorrectRejection,
        Outcome::FalseAlarm,
        Outcome::Early,
        Outcome::Unscored,
    ];

    /// The outcome of a decision where `correct` is right.
    ///
    /// ```
    /// use widefield_behaviour::{Correct, Decision, Outcome};
    /// assert_eq!(Outcome::from_decision(Correct::Go, Decision::NoResponse), Outcome::Miss);
    /// ```
    pub fn from_decision(correct: Correct, decision: Decision) -> Self {
        match (correct, decision) {
            (_, Decision::Early) => Outcome::Early,
            (Correct::Go, Decision::Go) => Outcome::Hit,
            (Correct::Go, Decision::NoGo | Decision::NoResponse) => Outcome::Miss,
            (Correct::Go, Decision::InappropriateResponse) => Outcome::Unscored,
            (Correct::NoGo, Decision::NoGo) => Outcome::CorrectRejection,
            (Correct::NoGo, Decision::Go | Decision::InappropriateResponse) => Outcome::FalseAlarm,
            (Correct::NoGo, Decision::NoResponse) => Outcome::Unscored,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Outcome::Hit => "hit",
            Outcome::Miss => "miss",
            Outcome::CorrectRejection => "correct rejection",
            Outcome::FalseAlarm => "false alarm",
            Outcome::Early => "early",
            Outcome::Unscored => "unscored",
        })
    }
}

impl std::str::FromStr for Outcome {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wanted = plain(text);
        let known = Outcome::ALL.into_iter();
        let mut same = known.filter(|outcome| plain(&outcome.to_string()) == wanted);
        same.next().ok_or_else(|| Error::Outcome {
            text: excerpt(text),
        })
    }
}

/// What becomes of a trial in a [`Score`](crate::Score); see [`Stimuli::judge`](crate::Stimuli::judge).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Verdict {
    /// It has an outcome.
    Scored(Outcome),
    /// Unusable lines [damaged](crate::Trial::damaged) it, so it cannot be judged.
    Damaged,
    /// Its stimulus is missing or not listed, and such trials are
    /// [left out](crate::Unlabelled::LeaveOut).
    LeftOut,
}

impl Verdict {
    /// The outcome, if it has one.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Verdict::Scored(outcome) => Some(outcome),
            Verdict::Damaged | Verdict::LeftOut => None,
        }
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Verdict::Scored(outcome)
    }
}
