//! One trial, and what can be computed from it alone.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::event::{Decision, Recording};

/// One trial of a log.
///
/// Times are those of the rig's clock, without time zone. A time is `None` where the log has no
/// such line.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Trial {
    /// Number of the trial in this log, counted at its begin line: 1, 2, 3 ... A trial that was
    /// begun and never ended takes a number too. Imaging files are matched to this number.
    pub running: u32,
    /// Number counted at end lines, as OCIA does; smaller than `running` after an aborted trial.
    /// `None` if the trial has no end line.
    pub running_at_end: Option<u32>,
    /// Number that the behaviour program wrote into the begin line; may repeat or restart.
    pub logged: u32,
    /// Time of the begin line. Where that line is unusable: of the first usable line after it.
    pub start: DateTime,
    /// Text of the last texture line, e.g. `Texture 1 P100`; `None` is "missing".
    pub stimulus: Option<String>,
    /// The last decision line, `Early` without one.
    pub decision: Decision,
    /// An unusable line lies within this trial or took the place of its begin or end, so stimulus
    /// and decision may be wrong or missing.
    pub damaged: bool,
    /// Whether the begin line says that the camera records.
    pub recording: Recording,
    /// First `Stimulus` line.
    pub stimulus_line_at: Option<DateTime>,
    /// Last texture line.
    pub texture_at: Option<DateTime>,
    /// First `Delay` line.
    pub delay_at: Option<DateTime>,
    /// First `Report` or `Response Cue` line: the animal may answer.
    pub report_at: Option<DateTime>,
    /// Last decision line.
    pub decision_at: Option<DateTime>,
    /// End line.
    pub end: Option<DateTime>,
    /// Number of the last `Z-Plane` line.
    pub z_plane: Option<f64>,
    /// Rewards, in the order of the log.
    pub rewards: Vec<Reward>,
    /// Air puffs, in the order of the log.
    pub puffs: Vec<DateTime>,
    /// Lines with texts unknown to this crate, in the order of the log.
    pub other: Vec<OtherEvent>,
    /// Line number of the begin line, or of the unusable line taken for it; 0 if made by hand.
    pub line: usize,
}

/// A reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reward {
    /// When.
    pub at: DateTime,
    /// `Auto Reward`: given without an answer.
    pub automatic: bool,
}

/// A line whose text is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OtherEvent {
    /// When.
    pub at: DateTime,
    /// The text; at most 1024 bytes of it.
    pub text: String,
}

/// Where a reaction time starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReactionFrom {
    /// [`Trial::stimulus_onset`].
    StimulusOnset,
    /// [`Trial::report_at`]: when the animal may answer.
    Report,
}

impl Trial {
    /// A trial with nothing but numbers and a start.
    pub fn new(running: u32, logged: u32, start: DateTime) -> Self {
        Trial {
            running,
            running_at_end: None,
            logged,
            start,
            stimulus: None,
            decision: Decision::Early,
            damaged: false,
            recording: Recording::Unknown,
            stimulus_line_at: None,
            texture_at: None,
            delay_at: None,
            report_at: None,
            decision_at: None,
            end: None,
            z_plane: None,
            rewards: Vec::new(),
            puffs: Vec::new(),
            other: Vec::new(),
            line: 0,
        }
    }

    /// When the texture reached the animal: the later of the texture line and the `Stimulus` line,
    /// `None` without texture line.
    ///
    /// Rigs write them in either order: a cue that announces the texture (`Stimulus Cue`, then the
    /// texture when it is in place), or the choice of texture and then its presentation.
    pub fn stimulus_onset(&self) -> Option<DateTime> {
        self.texture_at.map(|texture| {
            self.stimulus_line_at
                .map_or(texture, |line| line.max(texture))
        })
    }

    /// Time from `from` to the lick; `None` if the trial has no lick as decision (only `Go` and
    /// `Inappropriate Response` are) or no such line to count from. Negative if the lick came before.
    pub fn reaction_time(&self, from: ReactionFrom) -> Option<SignedDuration> {
        let licked = matches!(
            self.decision,
            Decision::Go | Decision::InappropriateResponse
        );
        let from = match from {
            ReactionFrom::StimulusOnset => self.stimulus_onset(),
            ReactionFrom::Report => self.report_at,
        };
        (licked).then_some(self.decision_at?.duration_since(from?))
    }

    /// Time from start to end, across midnight too; `None` without end line.
    pub fn duration(&self) -> Option<SignedDuration> {
        Some(self.end?.duration_since(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn onset_is_the_later_line() {
        let at = |s| Some(date(2017, 2, 14).at(10, 0, s, 0));
        let mut trial = Trial::new(1, 1, date(2017, 2, 14).at(10, 0, 0, 0));
        trial.stimulus_line_at = at(1);
        assert_eq!(trial.stimulus_onset(), None);
        trial.texture_at = at(3);
        assert_eq!(trial.stimulus_onset(), at(3));
        trial.stimulus_line_at = at(4);
        assert_eq!(trial.stimulus_onset(), at(4));
    }

    #[test]
    fn reactions_are_licks_only() {
        let start = date(2017, 2, 14).at(23, 59, 58, 0);
        let mut trial = Trial::new(1, 1, start);
        trial.report_at = Some(date(2017, 2, 14).at(23, 59, 59, 500_000_000));
        trial.decision_at = Some(date(2017, 2, 15).at(0, 0, 0, 250_000_000));
        trial.end = trial.decision_at;
        trial.decision = Decision::Go;
        assert_eq!(
            trial.reaction_time(ReactionFrom::Report),
            Some(SignedDuration::from_millis(750))
        );
        assert_eq!(trial.reaction_time(ReactionFrom::StimulusOnset), None);
        assert_eq!(trial.duration(), Some(SignedDuration::from_millis(2250)));
        trial.decision = Decision::InappropriateResponse;
        assert!(trial.reaction_time(ReactionFrom::Report).is_some());
        trial.decision = Decision::NoGo;
        assert_eq!(trial.reaction_time(ReactionFrom::Report), None);
    }
}
