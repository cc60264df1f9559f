//! What a decision means, given the correct one.

use crate::event::Decision;
use crate::stimulus::Correct;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// assert_eq!(Outcome::of(Correct::Go, Decision::NoResponse), Outcome::Miss);
    /// ```
    pub fn of(correct: Correct, decision: Decision) -> Self {
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
