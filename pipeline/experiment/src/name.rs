//! How the names of movies are built: where the trial's number stands, and when it began.

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A pattern of names, without `.dcimg`: text as it stands, `{trial}`, `{date}`, `{time}` and `{any}`.
///
/// `{trial}` is a number, `{date}` a day as `20170214` or `2017-02-14` (also `2017_02_14`), `{time}` a time of day as `102233` or
/// `10-22-33` (also `10_22_33`, `10.22.33`), `{any}` any text, even none. A pattern holds for the whole name.
///
/// ```
/// use widefield_experiment::{Mismatch, NamePattern};
///
/// let pattern: NamePattern = "{date}_{time}_{trial}".parse()?;
/// let found = pattern.read("20170214_102233_12").expect("alike");
/// assert_eq!(found.trial, Some(12));
/// assert_eq!(found.begin().map(|begin| begin.to_string()).as_deref(), Some("2017-02-14T10:22:33"));
///
/// let Err(Mismatch::Unlike { matched, wanted }) = pattern.read("20170214-12") else { panic!("unlike") };
/// assert_eq!((matched, wanted.as_str()), (8, "_"));
/// // Which of the two numbers is the trial's?
/// let vague: NamePattern = "{any}_{trial}_{any}".parse()?;
/// assert!(matches!(vague.read("m_1_2_x"), Err(Mismatch::Ambiguous(_))));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Trial,
    Date,
    Time,
    Any,
}

/// What a name says of its movie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Named {
    /// Number of the trial.
    pub trial: Option<u32>,
    /// Day.
    pub date: Option<Date>,
    /// Time of day.
    pub time: Option<Time>,
}

impl Named {
    /// When it began, if the name has both day and time; of which clock it does not say.
    #[must_use]
    pub fn begin(&self) -> Option<DateTime> {
        Some(self.date?.to_datetime(self.time?))
    }
}

/// Why a pattern does not read a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The name is not built so.
    Unlike {
        /// Bytes of the name that are.
        matched: usize,
        /// What should come then, as the pattern spells it; empty for the end of the name.
        wanted: String,
    },
    /// The name can be read in several ways, of which these are two.
    Ambiguous([Named; 2]),
}

const NAMES: [(&str, Part); 4] = [
    ("trial", Part::Trial),
    ("date", Part::Date),
    ("time", Part::Time),
    ("any", Part::Any),
];

impl NamePattern {
    /// Reads a name without its ending.
    ///
    /// # Errors
    /// [`Mismatch`].
    pub fn read(&self, name: &str) -> Result<Named, Mismatch> {
        // Every place that is reached, with what was read until there: no way is tried twice.
        let mut reached = BTreeSet::from([(0, Named::default())]);
        for (i, part) in self.parts.iter().enumerate() {
            let after = self.parts.get(i + 1);
            let next: BTreeSet<(usize, Named)> = reached
                .iter()
                .flat_map(|(at, named)| part.ends(name, *at, *named, after))
                .collect();
            if next.is_empty() {
                return Err(unlike(&reached, part.to_string()));
            }
            reached = next;
        }
        let ends = |(at, named): &(usize, Named)| (*at == name.len()).then_some(*named);
        let mut read = reached.iter().filter_map(ends);
        match (read.next(), read.next()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) => Err(Mismatch::Ambiguous([one, other])),
            (None, _) => Err(unlike(&reached, String::new())),
        }
    }

    /// Whether it has places for day and time.
    #[must_use]
    pub fn has_begin(&self) -> bool {
        self.parts.contains(&Part::Date) && self.parts.contains(&Part::Time)
    }
}

/// The number after the last `_`.
pub(super) fn trailing_number(stem: &str) -> Option<u32> {
    let (_, digits) = stem.rsplit_once('_')?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

fn unlike(reached: &BTreeSet<(usize, Named)>, wanted: String) -> Mismatch {
    let matched = reached.iter().map(|(at, _)| *at).max().unwrap_or(0);
    Mismatch::Unlike { matched, wanted }
}

impl Part {
    /// Where this part may end that begins at `at`, and what is read then.
    fn ends(
        &self,
        name: &str,
        at: usize,
        named: Named,
        next: Option<&Self>,
    ) -> Vec<(usize, Named)> {
        let rest = &name[at..];
        match self {
            Self::Text(text) if rest.starts_with(text.as_str()) => vec![(at + text.len(), named)],
            Self::Text(_) => Vec::new(),
            Self::Trial => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let trial = |n: usize| Some((at + n, rest[..n].parse().ok()?));
                let numbers = (1..=digits).filter_map(trial);
                numbers
                    .map(|(end, trial)| {
                        (
                            end,
                            Named {
                                trial: Some(trial),
                                ..named
                            },
                        )
                    })
                    .collect()
            }
            Self::Date => spelt(rest, at, &DATES, |format, text| {
                let date = Some(Date::strptime(format, text).ok()?);
                Some(Named { date, ..named })
            }),
            Self::Time => spelt(rest, at, &TIMES, |format, text| {
                let time = Some(Time::strptime(format, text).ok()?);
                Some(Named { time, ..named })
            }),
            Self::Any => match next {
                None => vec![(name.len(), named)],
                Some(next) => {
                    let fits = |n: &usize| match next {
                        Self::Text(text) => rest.as_bytes()[*n..].starts_with(text.as_bytes()),
                        _ => rest.is_char_boundary(*n),
                    };
                    let places = (0..=rest.len()).filter(fits);
                    places.map(|n| (at + n, named)).collect()
                }
            },
        }
    }
}

/// Spellings of a day, with their lengths.
const DATES: [(&str, usize); 3] = [("%Y%m%d", 8), ("%Y-%m-%d", 10), ("%Y_%m_%d", 10)];
/// Spellings of a time of day.
const TIMES: [(&str, usize); 4] = [
    ("%H%M%S", 6),
    ("%H-%M-%S", 8),
    ("%H_%M_%S", 8),
    ("%H.%M.%S", 8),
];

/// Where what is spelt in one of some forms ends, and what it says.
fn spelt(
    rest: &str,
    at: usize,
    forms: &[(&str, usize)],
    read: impl Fn(&str, &str) -> Option<Named>,
) -> Vec<(usize, Named)> {
    let found = forms
        .iter()
        .filter_map(|(format, n)| Some((at + n, read(format, rest.get(..*n)?)?)));
    found.collect()
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            other => {
                let name = NAMES.iter().find(|(_, part)| part == other);
                write!(f, "{{{}}}", name.map_or("", |(name, _)| name))
            }
        }
    }
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let without =
            |end: usize| text.is_char_boundary(end) && text[end..].eq_ignore_ascii_case(".dcimg");
        let cut = text.len().checked_sub(6).filter(|&end| without(end));
        let mut rest = &text[..cut.unwrap_or(text.len())];
        let mut parts: Vec<Part> = Vec::new();
        while !rest.is_empty() {
            let (part, after) = match rest.strip_prefix('{') {
                Some(inner) => {
                    let (name, after) = inner.split_once('}').ok_or("a { is not closed by }")?;
                    let known = NAMES.into_iter().find(|(known, _)| *known == name);
                    let (_, part) = known.ok_or_else(|| {
                        format!("{{{name}}} is none of {{trial}}, {{date}}, {{time}}, {{any}}")
                    })?;
                    (part, after)
                }
                None => {
                    let end = rest.find('{').unwrap_or(rest.len());
                    (Part::Text(rest[..end].to_owned()), &rest[end..])
                }
            };
            if part != Part::Any && parts.contains(&part) && !matches!(part, Part::Text(_)) {
                return Err(format!("{part} stands twice"));
            }
            let open = [Part::Any, Part::Trial];
            if let (Some(before), Part::Any) | (Some(before @ Part::Any), Part::Trial) =
                (parts.last(), &part)
                && open.contains(before)
            {
                return Err(format!(
                    "{before}{part}: nothing says where one ends; put the text between them"
                ));
            }
            parts.push(part);
            rest = after;
        }
        if parts.iter().all(|part| matches!(part, Part::Text(_))) {
            return Err(
                "has none of {trial}, {date}, {time}, {any}, so at most one movie is called so"
                    .into(),
            );
        }
        if text.contains(['/', '\\']) {
            return Err("names files; folders belong into data.url".into());
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

impl TryFrom<String> for NamePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(pattern: &str, name: &str) -> Option<u32> {
        let pattern: NamePattern = pattern.parse().expect(pattern);
        pattern.read(name).ok()?.trial
    }

    #[test]
    fn names_of_other_labs_are_read() {
        for (pattern, name, want) in [
            ("rec-{trial}", "rec-000001", Some(1)),
            ("rec-{trial}.dcimg", "rec-000001", Some(1)),
            ("{any}_t{trial}", "mouse1_s2_t1", Some(1)),
            ("mouse{any}_s{any}_t{trial}", "mouse1_s2_t12", Some(12)),
            (
                "Frames_2_512_512_uint16_{trial}",
                "Frames_2_512_512_uint16_0001",
                Some(1),
            ),
            ("img_{trial}", "img_00000", Some(0)),
            ("t{trial}_{any}", "t7_", Some(7)),
            ("{date}{trial}", "2017021412", Some(12)),
            ("{trial}{date}", "1220170214", Some(12)),
            ("{any}é{trial}", "éé3", Some(3)),
            // Where the text may stand at places that overlap.
            ("{any}__{trial}", "a___1", Some(1)),
            ("rec-{trial}", "rec-x", None),
            ("rec-{trial}", "rec-1x", None),
            ("rec-{trial}", "Rec-1", None),
            ("rec-{trial}", "rec-99999999999", None),
            ("{date}_{trial}", "20171345_1", None),
        ] {
            assert_eq!(trial(pattern, name), want, "{pattern}: {name}");
        }
    }

    #[test]
    fn days_and_times_have_several_spellings() {
        for name in [
            "20170214_102233",
            "2017-02-14_10-22-33",
            "2017_02_14_10.22.33",
            "2017_02_14_10_22_33",
        ] {
            let pattern: NamePattern = "{date}_{time}".parse().expect("pattern");
            let begin = pattern.read(name).ok().and_then(|named| named.begin());
            assert_eq!(
                begin,
                Some(jiff::civil::datetime(2017, 2, 14, 10, 22, 33, 0)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_said_of_an_unlike_name() {
        let of = |pattern: &str, name: &str| {
            let pattern: NamePattern = pattern.parse().expect(pattern);
            pattern.read(name).expect_err(name)
        };
        let unlike = |matched, wanted: &str| Mismatch::Unlike {
            matched,
            wanted: wanted.into(),
        };
        assert_eq!(of("rec-{trial}", "rec-x1"), unlike(4, "{trial}"));
        assert_eq!(of("rec-{trial}", "rec-12b"), unlike(6, ""));
        assert_eq!(of("{date}_{time}", "20170214"), unlike(8, "_"));
        let names: Vec<u32> = match of("{any}_{trial}_{any}", "a_1_22_3_b") {
            Mismatch::Ambiguous(both) => both.iter().filter_map(|named| named.trial).collect(),
            other => panic!("{other:?}"),
        };
        assert_eq!(names, [1, 3]);
    }

    #[test]
    fn patterns_that_say_nothing_are_refused() {
        for (pattern, why) in [
            ("", "none of"),
            ("rec-1", "none of"),
            ("rec-{number}", "{number} is none of"),
            ("rec-{trial", "not closed"),
            ("{trial}_{trial}", "{trial} stands twice"),
            ("{any}{trial}", "nothing says where one ends"),
            ("{trial}{any}", "nothing says where one ends"),
            ("{any}{any}", "nothing says where one ends"),
            ("a/{trial}", "data.url"),
        ] {
            let refused = pattern.parse::<NamePattern>().expect_err(pattern);
            assert!(refused.contains(why), "{pattern}: {refused}");
        }
        let pattern: NamePattern = serde_json::from_str("\"rec-{trial}\"").expect("one");
        assert_eq!(
            serde_json::to_string(&pattern).expect("text"),
            "\"rec-{trial}\""
        );
    }

    #[test]
    fn numbers_follow_the_last_underscore() {
        for (stem, want) in [
            ("20170214_102233_1", Some(1)),
            ("a_007", Some(7)),
            ("a_x", None),
            ("a_", None),
            ("12", None),
            ("a_99999999999", None),
            ("é_3", Some(3)),
            ("ééé", None),
        ] {
            assert_eq!(trailing_number(stem), want, "{stem}");
        }
    }

    #[test]
    fn hostile_names_take_no_time() {
        let pattern: NamePattern = "{any}1{any}1{any}_{trial}_{any}1{any}"
            .parse()
            .expect("pattern");
        let name = "1".repeat(500) + "_" + &"1".repeat(500);
        assert!(pattern.read(&name).is_err());
    }
}
