//! The keys of `[experiment]`: times and stimuli.

use super::error::{Problem, Rule, ensure};
use super::is_default;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield::baseline::Frames;
use widefield::{Baseline, TimeAxis};
use widefield_behaviour::Correct;

/// Timing and stimuli of the experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Timing {
    /// Frames per second.
    pub sample_rate_hz: f64,
    /// Whether trials have a stimulus.
    #[serde(skip_serializing_if = "is_default")]
    pub kind: Kind,
    /// Time of frame 0 in seconds from stimulus onset, where no trial says its own.
    pub first_frame_s: f64,
    /// Where time 0 is.
    #[serde(skip_serializing_if = "is_default")]
    pub align: Align,
    /// Size of a resized pixel at the brain in micrometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_um: Option<f64>,
    /// Named moments in seconds; drawn and checked, never computed with.
    pub events: BTreeMap<String, f64>,
    /// What is shown and what is right.
    pub stimulus: Vec<Stimulus>,
}

const FIRST_FRAME_S: f64 = -3.0;

/// What is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Trials with a stimulus, whose onset is time 0.
    #[default]
    Trials,
    /// Activity by itself: time is counted from the first frame, and nothing is judged against events.
    Spontaneous,
}

/// Where time 0 of a trial is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Align {
    /// [`Timing::first_frame_s`] says it, the same for all.
    #[default]
    Fixed,
    /// At the onset that log or table give for each; the fixed one for a trial without.
    Log,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            sample_rate_hz: 20.0,
            kind: Kind::Trials,
            first_frame_s: FIRST_FRAME_S,
            align: Align::Fixed,
            pixel_um: None,
            events: BTreeMap::new(),
            stimulus: Vec::new(),
        }
    }
}

impl Timing {
    /// Frame number to seconds, in trials with that onset, in seconds after their first frame; `None` for the fixed one.
    ///
    /// ```
    /// use widefield_experiment::Timing;
    ///
    /// let timing = Timing::default();
    /// assert_eq!(timing.axis(None).time_s(20), -2.0);
    /// assert_eq!(timing.axis(Some(3.25)).time_s(20), -2.25);
    /// ```
    #[must_use]
    pub fn axis(&self, onset_s: Option<f64>) -> TimeAxis {
        TimeAxis {
            sample_rate_hz: self.sample_rate_hz,
            // Not the negative of 0.
            first_frame_s: onset_s.map_or(self.first_frame_s, |onset_s| 0.0 - onset_s),
        }
    }

    /// The table stimulus -> correct decision that scoring takes.
    #[must_use]
    pub fn rules(&self) -> Vec<(String, Correct)> {
        let rule = |s: &Stimulus| (s.name.clone(), s.decision.into());
        self.stimulus.iter().map(rule).collect()
    }

    /// The stimulus of that name.
    #[must_use]
    pub fn stimulus(&self, name: &str) -> Option<&Stimulus> {
        self.stimulus.iter().find(|s| s.name == name)
    }
}

/// One stimulus and its correct decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stimulus {
    /// As the log spells it, e.g. `Texture 1 P100`.
    pub name: String,
    /// What the animal should do.
    pub decision: Answer,
    /// Name of the condition in files; default: what follows the last blank of the name, first letter dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

impl Stimulus {
    /// A stimulus as the log spells it, and what is right; its condition is taken from the name.
    #[must_use]
    pub fn new(name: impl Into<String>, decision: Answer) -> Self {
        Self {
            name: name.into(),
            decision,
            condition: None,
        }
    }

    /// Name of the condition in files, e.g. `100`. Empty only in a configuration that has not been checked.
    #[must_use]
    pub fn condition(&self) -> &str {
        match &self.condition {
            Some(given) => given,
            None => widefield_behaviour::condition(&self.name).unwrap_or_default(),
        }
    }
}

/// What the animal should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Lick.
    Go,
    /// Withhold.
    #[serde(rename = "No Go")]
    NoGo,
}

impl From<Answer> for Correct {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Go => Correct::Go,
            Answer::NoGo => Correct::NoGo,
        }
    }
}

impl Timing {
    pub(super) fn problem(&self) -> Rule {
        let above_0 = |x: f64| x.is_finite() && x > 0.0;
        let rate = self.sample_rate_hz;
        let message = format_args!("{rate} is no rate above 0");
        ensure(above_0(rate), "experiment.sample_rate_hz", message)?;
        let first = self.first_frame_s.is_finite();
        ensure(first, "experiment.first_frame_s", "is not finite")?;
        self.spontaneous()?;
        let size = self.pixel_um.is_none_or(above_0);
        ensure(size, "experiment.pixel_um", "is no size above 0")?;
        for (name, s) in &self.events {
            ensure(
                s.is_finite(),
                &format!("experiment.events.{name}"),
                "is not finite",
            )?;
        }
        for (i, stimulus) in self.stimulus.iter().enumerate() {
            let wrong = |right, message: String| ensure(right, "experiment.stimulus", message);
            let condition = stimulus.condition();
            let name = &stimulus.name;
            wrong(
                widefield_storage::mat::valid_name(&format!("tr_{condition}")),
                format!(
                    "condition `{condition}` of `{name}` is no valid name in MATLAB; set `condition` to letters, digits and _"
                ),
            )?;
            for earlier in &self.stimulus[..i] {
                let other = &earlier.name;
                wrong(name != other, format!("`{name}` is listed twice"))?;
                wrong(
                    !earlier.condition().eq_ignore_ascii_case(condition),
                    format!(
                        "`{other}` and `{name}` share the condition `{condition}`, so their files would collide; set `condition` of one"
                    ),
                )?;
            }
        }
        Ok(())
    }

    /// What recordings without time 0 do not have.
    fn spontaneous(&self) -> Rule {
        if self.kind != Kind::Spontaneous {
            return Ok(());
        }
        let none = "belongs to kind = \"trials\": spontaneous recordings have no time 0";
        let first = [FIRST_FRAME_S, 0.0].contains(&self.first_frame_s);
        ensure(first, "experiment.first_frame_s", none)?;
        ensure(self.align == Align::Fixed, "experiment.align", none)?;
        ensure(self.events.is_empty(), "experiment.events", none)
    }

    /// Whether F0 can be taken so.
    pub(super) fn suits(&self, baseline: &Baseline) -> Rule {
        let (key, message) = match baseline {
            _ if self.kind != Kind::Spontaneous => return Ok(()),
            Baseline::Frames(Frames::Before(_)) => {
                ("before_s", "spontaneous recordings have no time 0")
            }
            Baseline::Frames(frames) if *frames == Frames::default() => (
                "method",
                "spontaneous recordings have no frames before a stimulus, and frames 9 to 11, the default, are no rest",
            ),
            _ => return Ok(()),
        };
        Err(Problem {
            help: Some(
                "F0 of the whole recording: method = \"percentile\", \"median\" or \"mean\"; or one that follows slow changes of \
                 light: \"sliding_percentile\", \"maximin\", \"bleaching\""
                    .into(),
            ),
            ..Problem::new(format!("analysis.baseline.{key}"), message)
        })
    }
}
