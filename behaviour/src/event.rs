//! What a line of the log says happened.

/// Whether the camera records a trial, as its begin line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Recording {
    /// `Begin Trial / Recording`, `Begin Trial + Recording`.
    Yes,
    /// `Begin Trial w/o Recording`.
    No,
    /// Any other text, or an unusable begin line.
    #[default]
    Unknown,
}

/// A decision line of the log, or `Early` for its absence.
///
/// `Display` and `FromStr` use the log's spelling.
///
/// ```
/// use widefield_behaviour::Decision;
/// assert_eq!(Decision::NoGo.to_string(), "No Go");
/// assert_eq!("Inappropriate Response".parse(), Ok(Decision::InappropriateResponse));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Decision {
    /// `Go`: licked to the Go texture.
    Go,
    /// `No Go`: did not lick.
    NoGo,
    /// `No Response`: no lick to the Go texture.
    NoResponse,
    /// `Inappropriate Response`: licked to the No Go texture.
    InappropriateResponse,
    /// Licked too early, or the trial has no decision line.
    #[default]
    Early,
}

/// The event of one line.
///
/// Texts are compared exactly, but for those marked as prefix; surrounding blanks do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Prefix `Begin Trial`.
    Begin(Recording),
    /// Prefix `End Trial`.
    End,
    /// Prefix `Texture`: the stimulus, its whole text.
    Texture(&'a str),
    /// Prefix `Stimulus`.
    Stimulus,
    /// Prefix `Delay`.
    Delay,
    /// Prefix `Report` or `Response Cue`: the animal may answer from here on.
    Report,
    /// `Go`, `No Go`, `No Response`, `Inappropriate Response`, prefix `Early`.
    Decision(Decision),
    /// `Auto Reward` (automatic) or `Reward`.
    Reward {
        /// Given without an answer.
        automatic: bool,
    },
    /// `Puff`.
    Puff,
    /// `Z-Plane` and a number.
    ZPlane(f64),
    /// Anything else, with its text.
    Other(&'a str),
}

impl<'a> Event<'a> {
    /// The event that a text means; never fails.
    ///
    /// ```
    /// use widefield_behaviour::{Decision, Event};
    /// assert_eq!(Event::from_text("No Go "), Event::Decision(Decision::NoGo));
    /// assert_eq!(Event::from_text("Coffee"), Event::Other("Coffee"));
    /// ```
    pub fn from_text(text: &'a str) -> Self {
        Self::from_trimmed(text.trim())
    }

    /// [`Event::from_text`] a text without blanks at its ends.
    pub(crate) fn from_trimmed(text: &'a str) -> Self {
        // By the first letter, so that few texts are compared.
        let known = match text.as_bytes().first() {
            Some(b'A') if text == "Auto Reward" => Some(Event::Reward { automatic: true }),
            Some(b'B') if text.starts_with("Begin Trial") => Some(Event::Begin(recording(text))),
            Some(b'D') if text.starts_with("Delay") => Some(Event::Delay),
            Some(b'E') if text.starts_with("End Trial") => Some(Event::End),
            Some(b'P') if text == "Puff" => Some(Event::Puff),
            Some(b'R') if text == "Reward" => Some(Event::Reward { automatic: false }),
            Some(b'R') if text.starts_with("Report") || text.starts_with("Response Cue") => {
                Some(Event::Report)
            }
            Some(b'S') if text.starts_with("Stimulus") => Some(Event::Stimulus),
            Some(b'T') if text.starts_with("Texture") => Some(Event::Texture(text)),
            Some(b'Z') => z_plane(text).map(Event::ZPlane),
            _ => decision(text).map(Event::Decision),
        };
        known.unwrap_or(Event::Other(text))
    }
}

fn decision(text: &str) -> Option<Decision> {
    match text {
        "Go" => Some(Decision::Go),
        "No Go" => Some(Decision::NoGo),
        "No Response" => Some(Decision::NoResponse),
        "Inappropriate Response" => Some(Decision::InappropriateResponse),
        _ => text.starts_with("Early").then_some(Decision::Early),
    }
}

fn recording(text: &str) -> Recording {
    match text["Begin Trial".len()..].trim() {
        "/ Recording" | "+ Recording" => Recording::Yes,
        "w/o Recording" => Recording::No,
        _ => Recording::Unknown,
    }
}

fn z_plane(text: &str) -> Option<f64> {
    let plane: f64 = text.strip_prefix("Z-Plane")?.trim().parse().ok()?;
    plane.is_finite().then_some(plane)
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Decision::Go => "Go",
            Decision::NoGo => "No Go",
            Decision::NoResponse => "No Response",
            Decision::InappropriateResponse => "Inappropriate Response",
            Decision::Early => "Early",
        })
    }
}

impl std::str::FromStr for Decision {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decision(text.trim()).ok_or_else(|| crate::Error::Decision {
            text: crate::problem::excerpt(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_text() {
        for (text, event) in [
            ("Begin Trial / Recording", Event::Begin(Recording::Yes)),
            ("Begin Trial + Recording", Event::Begin(Recording::Yes)),
            ("Begin Trial w/o Recording", Event::Begin(Recording::No)),
            ("Begin Trial", Event::Begin(Recording::Unknown)),
            ("End Trial", Event::End),
            ("End Trial / Recording", Event::End),
            ("Texture 3 P000", Event::Texture("Texture 3 P000")),
            ("Stimulus Cue", Event::Stimulus),
            ("Delay", Event::Delay),
            ("Report", Event::Report),
            ("Response Cue", Event::Report),
            ("Go", Event::Decision(Decision::Go)),
            ("No Go", Event::Decision(Decision::NoGo)),
            ("No Response", Event::Decision(Decision::NoResponse)),
            (
                "Inappropriate Response",
                Event::Decision(Decision::InappropriateResponse),
            ),
            ("Early Lick", Event::Decision(Decision::Early)),
            ("Auto Reward", Event::Reward { automatic: true }),
            ("Reward", Event::Reward { automatic: false }),
            ("Puff", Event::Puff),
            ("Z-Plane -12.5", Event::ZPlane(-12.5)),
        ] {
            assert_eq!(Event::from_text(text), event, "{text}");
            assert_eq!(
                Event::from_text(&format!(" {text} ")),
                event,
                "{text} with blanks"
            );
        }
    }

    #[test]
    fn everything_else_is_kept() {
        for text in [
            "",
            "Go Cue",
            "No",
            "Rewarded",
            "Z-Plane",
            "Z-Plane x",
            "Z-Plane inf",
            "Response",
            "go",
            "Puff 2",
        ] {
            assert_eq!(Event::from_text(text), Event::Other(text));
        }
    }

    #[test]
    fn decisions_round_trip() {
        for decision in [
            Decision::Go,
            Decision::NoGo,
            Decision::NoResponse,
            Decision::InappropriateResponse,
            Decision::Early,
        ] {
            assert_eq!(decision.to_string().parse(), Ok(decision));
        }
        assert!("Texture 1 P100".parse::<Decision>().is_err());
    }
}
