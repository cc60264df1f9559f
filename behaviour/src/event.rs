//! What a line of the log says happened.

/// Whether the camera records a trial, as its begin line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// assert_eq!(Event::of("No Go "), Event::Decision(Decision::NoGo));
    /// assert_eq!(Event::of("Coffee"), Event::Other("Coffee"));
    /// ```
    pub fn of(text: &'a str) -> Self {
        let text = text.trim();
        match text {
            "Go" => Event::Decision(Decision::Go),
            "No Go" => Event::Decision(Decision::NoGo),
            "No Response" => Event::Decision(Decision::NoResponse),
            "Inappropriate Response" => Event::Decision(Decision::InappropriateResponse),
            "Auto Reward" => Event::Reward { automatic: true },
            "Reward" => Event::Reward { automatic: false },
            "Puff" => Event::Puff,
            _ if text.starts_with("Texture") => Event::Texture(text),
            _ if text.starts_with("Stimulus") => Event::Stimulus,
            _ if text.starts_with("Begin Trial") => Event::Begin(recording(text)),
            _ if text.starts_with("End Trial") => Event::End,
            _ if text.starts_with("Delay") => Event::Delay,
            _ if text.starts_with("Report") || text.starts_with("Response Cue") => Event::Report,
            _ if text.starts_with("Early") => Event::Decision(Decision::Early),
            _ => z_plane(text).map_or(Event::Other(text), Event::ZPlane),
        }
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
        match Event::of(text) {
            Event::Decision(decision) => Ok(decision),
            _ => Err(crate::Error::Decision {
                text: crate::problem::excerpt(text),
            }),
        }
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
            assert_eq!(Event::of(text), event, "{text}");
            assert_eq!(Event::of(&format!(" {text} ")), event, "{text} with blanks");
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
            assert_eq!(Event::of(text), Event::Other(text));
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
