//! Which frames of a movie, and how long a time: as people say it, and as frames.

use crate::number::count;
use crate::{Error, TimeAxis};
use std::fmt;
use std::ops::Range;

/// Some frames of a movie. The default are frames 9, 10 and 11.
///
/// As text, `{"frames": [9, 12]}`, `{"before_s": -2.0}` or `{"window_s": [-2.5, -2.0]}`; nothing is the default.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "keys::Keys", into = "keys::Keys")
)]
#[non_exhaustive]
pub enum Frames {
    /// Half-open, counted from 0: `9..12` takes frames 9, 10 and 11.
    Range(Range<usize>),
    /// All frames before this time, seconds.
    Before(f64),
    /// The frames from the first time on and before the second, seconds.
    Window(f64, f64),
}

impl Default for Frames {
    fn default() -> Self {
        Self::Range(9..12)
    }
}

impl From<Range<usize>> for Frames {
    fn from(range: Range<usize>) -> Self {
        Self::Range(range)
    }
}

impl Frames {
    /// The range of a movie of `n_frames`. A range stays as it is, whether the movie has it or not; of times it may
    /// be empty.
    pub fn range(&self, axis: &TimeAxis, n_frames: usize) -> Range<usize> {
        match *self {
            Self::Range(ref range) => range.clone(),
            Self::Before(end_s) => 0..axis.frames_before(end_s, n_frames),
            Self::Window(from_s, to_s) => axis.frames_between(from_s, to_s, n_frames),
        }
    }

    /// Whether any movie can have such frames.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |name, value, expected| {
            Err(Error::Parameter {
                name,
                value,
                expected,
            })
        };
        match *self {
            Self::Range(Range { start, end }) if start >= end => {
                Err(Error::BaselineEmpty { start, end })
            }
            Self::Before(s) if !s.is_finite() => wrong("before_s", s, "a time"),
            Self::Window(from, to) if !(from.is_finite() && to.is_finite() && from < to) => {
                wrong("window_s", from, "a time before the end of the window")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) => write!(f, "frames {}..{}", range.start, range.end),
            Self::Before(s) => write!(f, "frames before {s} s"),
            Self::Window(from, to) => write!(f, "frames from {from} s to {to} s"),
        }
    }
}

/// A length of time, above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(untagged, expecting = "expected a number of seconds")
)]
pub enum Span {
    /// In seconds.
    Seconds(f64),
    /// In frames of the movie.
    Frames {
        /// How many; of windows the nearest whole number, at least 1.
        frames: f64,
    },
}

impl Span {
    /// So many frames.
    pub fn frames(frames: usize) -> Self {
        Self::Frames {
            frames: count(frames),
        }
    }

    /// In frames, whichever it was in.
    pub(super) fn resolve(self, axis: &TimeAxis) -> Self {
        match self {
            Self::Seconds(s) => Self::Frames {
                frames: s * axis.sample_rate_hz,
            },
            frames => frames,
        }
    }

    /// The nearest whole number of frames, at least 1.
    pub(super) fn whole(self) -> Self {
        match self {
            Self::Frames { frames } => Self::Frames {
                frames: frames.round().max(1.0),
            },
            seconds => seconds,
        }
    }

    /// How many frames.
    pub(super) fn in_frames(self, what: &'static str) -> Result<f64, Error> {
        match self {
            Self::Frames { frames } => Ok(frames),
            Self::Seconds(_) => Err(Error::InSeconds { what }),
        }
    }

    /// As [`Span::in_frames`], whole.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and a window may be longer than any movie"
    )]
    pub(super) fn in_whole_frames(self, what: &'static str) -> Result<usize, Error> {
        Ok(self.whole().in_frames(what)? as usize)
    }

    pub(super) fn value(self) -> f64 {
        match self {
            Self::Seconds(value) | Self::Frames { frames: value } => value,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(s) => write!(f, "{s} s"),
            Self::Frames { frames } => write!(f, "{frames} frames"),
        }
    }
}

#[cfg(feature = "serde")]
mod keys {
    use super::Frames;

    /// What [`Frames`] is as text.
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Keys {
        #[serde(skip_serializing_if = "Option::is_none")]
        frames: Option<[usize; 2]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        before_s: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        window_s: Option<[f64; 2]>,
    }

    impl TryFrom<Keys> for Frames {
        type Error = String;

        fn try_from(keys: Keys) -> Result<Self, String> {
            let given = [
                keys.frames
                    .map(|[from, to]| ("frames", Self::Range(from..to))),
                keys.before_s.map(|s| ("before_s", Self::Before(s))),
                keys.window_s
                    .map(|[from, to]| ("window_s", Self::Window(from, to))),
            ];
            let mut given = given.into_iter().flatten();
            match (given.next(), given.next()) {
                (Some((one, _)), Some((other, _))) => Err(format!(
                    "`{one}` and `{other}` both say where F0 is; keep one"
                )),
                (Some((_, frames)), None) => Ok(frames),
                (None, _) => Ok(Self::default()),
            }
        }
    }

    impl From<Frames> for Keys {
        fn from(frames: Frames) -> Self {
            let mut keys = Self::default();
            match frames {
                Frames::Range(range) => keys.frames = Some([range.start, range.end]),
                Frames::Before(s) => keys.before_s = Some(s),
                Frames::Window(from, to) => keys.window_s = Some([from, to]),
            }
            keys
        }
    }
}

/// A range as a pair of numbers.
#[cfg(feature = "serde")]
pub(super) mod pair {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ops::Range;

    pub(in super::super) fn serialize<S: Serializer>(
        range: &Option<Range<usize>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        range
            .as_ref()
            .map(|range| [range.start, range.end])
            .serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Range<usize>>, D::Error> {
        let pair = Option::<[usize; 2]>::deserialize(from)?;
        Ok(pair.map(|[from, to]| from..to))
    }
}
