//! Writes logs, for simulation and tests.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::error::Error;
use crate::event::Decision;
use crate::problem::excerpt;

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`. The default.
    #[default]
    Lf,
    /// `\r\n`.
    CrLf,
}

/// When the lines of a trial come, in milliseconds after its begin (`end`: after the decision).
///
/// The default is the task of the reference notebook: cue, texture in place 3 s after the begin,
/// response cue 4.9 s later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// `Stimulus Cue`.
    pub cue_ms: u32,
    /// The texture.
    pub texture_ms: u32,
    /// `Response Cue`; not in early trials.
    pub response_ms: u32,
    /// From the decision to `End Trial`.
    pub end_ms: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            cue_ms: 1100,
            texture_ms: 3000,
            response_ms: 7900,
            end_ms: 2000,
        }
    }
}

/// Builds the text of a valid log, trial by trial or line by line.
///
/// ```
/// use jiff::{SignedDuration, civil::date};
/// use widefield_behaviour::{Decision, Log, write::LogWriter};
///
/// let mut log = LogWriter::new();
/// let start = date(2017, 2, 14).at(10, 22, 33, 250_000_000);
/// let end = log.trial(1, start, "Texture 1 P100", Decision::Go, SignedDuration::from_millis(700))?;
/// let log = Log::parse(&log.finish())?;
/// assert_eq!(log.trials()[0].decision, Decision::Go);
/// assert_eq!(log.trials()[0].end, Some(end));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogWriter {
    text: String,
    line_end: LineEnd,
    timing: Timing,
}

impl Default for LogWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl LogWriter {
    /// A log that consists of its header, with LF.
    pub fn new() -> Self {
        Self::with(LineEnd::default(), Timing::default())
    }

    /// A log that consists of its header.
    pub fn with(line_end: LineEnd, timing: Timing) -> Self {
        let mut log = LogWriter {
            text: String::new(),
            line_end,
            timing,
        };
        log.line("Date\tTime\tTrial\tEvent\t");
        log
    }

    /// Writes the lines of one trial and returns the time of its end.
    ///
    /// `reaction` is the time from the response cue (an early lick: from the texture) to the
    /// decision line.
    ///
    /// # Errors
    /// [`Error::Cell`] if `stimulus` is no texture line (it must begin with `Texture` and be free of
    /// line breaks); [`Error::Calendar`] if a time is out of the calendar or `start` before year 1.
    /// Nothing is written then.
    pub fn trial(
        &mut self,
        logged: u32,
        start: DateTime,
        stimulus: &str,
        decision: Decision,
        reaction: SignedDuration,
    ) -> Result<DateTime, Error> {
        self.trial_delayed(
            logged,
            start,
            stimulus,
            decision,
            reaction,
            SignedDuration::ZERO,
        )
    }

    /// [`LogWriter::trial`] whose cue, texture and all that follows come by `delay` later than [`Timing`] has
    /// them after the begin, or earlier by a negative one.
    ///
    /// ```
    /// use jiff::{SignedDuration, civil::date};
    /// use widefield_behaviour::{Decision, Log, write::LogWriter};
    ///
    /// let mut log = LogWriter::new();
    /// let (start, ms) = (date(2017, 2, 14).at(10, 22, 33, 0), SignedDuration::from_millis);
    /// log.trial_delayed(1, start, "Texture 1 P100", Decision::Go, ms(700), ms(-250))?;
    /// let log = Log::parse(&log.finish())?;
    /// let onset = log.trials()[0].stimulus_onset().map(|onset| onset.duration_since(start));
    /// assert_eq!(onset, Some(ms(2750)));
    /// # Ok::<(), widefield_behaviour::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`LogWriter::trial`]; [`Error::Range`] for a delay that puts a line before the begin.
    pub fn trial_delayed(
        &mut self,
        logged: u32,
        start: DateTime,
        stimulus: &str,
        decision: Decision,
        reaction: SignedDuration,
        delay: SignedDuration,
    ) -> Result<DateTime, Error> {
        if !stimulus.starts_with("Texture") {
            return Err(cell(stimulus, "a stimulus begins with Texture"));
        }
        let early = decision == Decision::Early;
        let after = |from: DateTime, what, by: SignedDuration| {
            from.checked_add(by).map_err(|_| Error::Calendar { what })
        };
        let ms = |ms: u32| SignedDuration::from_millis(i64::from(ms));
        let timing = self.timing;
        let late = |by: u32| ms(by).saturating_add(delay);
        let cue = after(start, "the cue", late(timing.cue_ms))?;
        let texture = after(start, "the texture", late(timing.texture_ms))?;
        let response = after(start, "the response cue", late(timing.response_ms))?;
        if [cue, texture, response].iter().any(|at| *at < start) {
            return Err(Error::Range {
                what: "the delay in seconds",
                value: delay.as_secs_f64(),
                range: "such that no line comes before the begin",
            });
        }
        let decided = after(
            if early { texture } else { response },
            "the decision",
            reaction,
        )?;
        let end = after(decided, "the end", ms(timing.end_ms))?;

        let text_before = self.text.len();
        let decision = if early {
            "Early Lick".to_owned()
        } else {
            decision.to_string()
        };
        let lines = [
            Some((start, "Begin Trial / Recording")),
            Some((cue, "Stimulus Cue")),
            Some((texture, stimulus)),
            (!early).then_some((response, "Response Cue")),
            Some((decided, decision.as_str())),
            Some((end, "End Trial")),
        ];
        for (at, event) in lines.into_iter().flatten() {
            if let Err(error) = self.event(at, logged, event) {
                self.text.truncate(text_before);
                return Err(error);
            }
        }
        Ok(end)
    }

    /// Writes one line: `dd.mm.yyyy`, blank, tab, `HH:MM:SS.fff` (six or nine decimals where three
    /// do not hold the time), tab, number, tab, event.
    ///
    /// # Errors
    /// [`Error::Cell`] if the event is empty, has blanks at its ends or a line break within;
    /// [`Error::Calendar`] for times before the year 1.
    pub fn event(&mut self, at: DateTime, logged: u32, event: &str) -> Result<(), Error> {
        if event.is_empty() || event.trim() != event {
            return Err(cell(event, "empty, or blanks at its ends"));
        }
        if event.contains(['\r', '\n']) {
            return Err(cell(event, "line break"));
        }
        if at.year() < 1 {
            return Err(Error::Calendar {
                what: "the time of a line",
            });
        }
        let mut line = format!(
            "{:02}.{:02}.{:04} \t{:02}:{:02}:{:02}.",
            at.day(),
            at.month(),
            at.year(),
            at.hour(),
            at.minute(),
            at.second()
        );
        let nanoseconds = at.subsec_nanosecond();
        // Writing to a String cannot fail.
        let _ = match (nanoseconds % 1_000_000, nanoseconds % 1000) {
            (0, _) => write!(line, "{:03}", nanoseconds / 1_000_000),
            (_, 0) => write!(line, "{:06}", nanoseconds / 1000),
            _ => write!(line, "{nanoseconds:09}"),
        };
        let _ = write!(line, "\t{logged}\t{event}");
        self.line(&line);
        Ok(())
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push_str(match self.line_end {
            LineEnd::Lf => "\n",
            LineEnd::CrLf => "\r\n",
        });
    }
}

fn cell(text: &str, reason: &'static str) -> Error {
    Error::Cell {
        text: excerpt(text),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn as_many_decimals_as_needed() {
        let mut log = LogWriter::with(LineEnd::CrLf, Timing::default());
        for nanoseconds in [0, 250_000_000, 1000, 1] {
            log.event(date(2017, 2, 3).at(4, 5, 6, nanoseconds), 12, "Puff")
                .unwrap();
        }
        assert_eq!(
            log.finish(),
            "Date\tTime\tTrial\tEvent\t\r\n\
             03.02.2017 \t04:05:06.000\t12\tPuff\r\n03.02.2017 \t04:05:06.250\t12\tPuff\r\n\
             03.02.2017 \t04:05:06.000001\t12\tPuff\r\n03.02.2017 \t04:05:06.000000001\t12\tPuff\r\n"
        );
    }

    #[test]
    fn early_licks_count_from_the_texture() {
        let mut log = LogWriter::new();
        let start = date(2017, 2, 14).at(10, 0, 0, 0);
        let reaction = SignedDuration::from_millis(400);
        let end = log
            .trial(3, start, "Texture 1 P100", Decision::Early, reaction)
            .unwrap();
        assert_eq!(end, date(2017, 2, 14).at(10, 0, 5, 400_000_000));
        let log = log.finish();
        assert_eq!(
            log.lines().nth(4),
            Some("14.02.2017 \t10:00:03.400\t3\tEarly Lick")
        );
        assert!(!log.contains("Response Cue"));
    }

    #[test]
    fn all_but_the_begin_is_delayed() {
        let ms = SignedDuration::from_millis;
        let start = date(2017, 2, 14).at(10, 0, 0, 0);
        let seconds = |decision, delay| {
            let mut log = LogWriter::new();
            let stimulus = "Texture 1 P100";
            log.trial_delayed(1, start, stimulus, decision, ms(700), delay)?;
            let log = log.finish();
            let cells = log
                .lines()
                .skip(1)
                .filter_map(|line| line.split('\t').nth(1));
            Ok(cells
                .map(|time| time["10:00:".len()..].to_owned())
                .collect())
        };
        let expected = |s: &str| Ok(s.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            seconds(Decision::Go, ms(125)),
            expected("00.000 01.225 03.125 08.025 08.725 10.725")
        );
        assert_eq!(
            seconds(Decision::Early, ms(-1100)),
            expected("00.000 00.000 01.900 02.600 04.600")
        );
        for wrong in [ms(-1101), SignedDuration::MIN] {
            let refused = seconds(Decision::Go, wrong);
            assert!(matches!(
                refused,
                Err(Error::Range { .. } | Error::Calendar { .. })
            ));
        }
        assert!(seconds(Decision::Go, SignedDuration::MAX).is_err());
    }

    #[test]
    fn what_would_not_read_back_is_refused() {
        let mut log = LogWriter::new();
        let at = date(2017, 2, 14).at(10, 0, 0, 0);
        for event in ["", " Go", "Go ", "a\nb", "a\rb"] {
            assert!(log.event(at, 1, event).is_err(), "{event:?}");
        }
        assert!(log.event(date(0, 1, 1).at(0, 0, 0, 0), 1, "Go").is_err());
        let second = SignedDuration::from_secs(1);
        assert!(log.trial(1, at, "Bird", Decision::Go, second).is_err());
        assert!(
            log.trial(1, at, "Texture 1\nP100", Decision::Go, second)
                .is_err()
        );
        assert!(
            log.trial(1, DateTime::MAX, "Texture 1 P100", Decision::Go, second)
                .is_err()
        );
        assert_eq!(log.finish(), LogWriter::new().finish());
    }
}
