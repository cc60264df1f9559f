//! One line of a log: header, nothing, or four cells with their meaning.

use jiff::civil::DateTime;
use nom::Offset;

use crate::date::{self, DateOrder, ReadDate};
use crate::problem::{What, excerpt};
use crate::time;

/// A line that could be used.
#[derive(Debug, PartialEq)]
pub(crate) enum Line<'a> {
    /// Nothing but blanks.
    Blank,
    /// Begins with `Date`.
    Header,
    /// An event.
    Entry(Entry<'a>),
}

/// The four cells of an event line; the text of the event without surrounding blanks.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) at: DateTime,
    pub(crate) other_order: bool,
    pub(crate) trial: u32,
    pub(crate) event: &'a str,
    /// The whole line, from which columns are counted when one is asked for.
    pub(crate) line: &'a str,
}

impl Entry<'_> {
    /// Column of the event, from 1.
    pub(crate) fn event_column(&self) -> usize {
        column(self.line, self.event)
    }
}

/// Reads lines; keeps the last date, which nearly every line repeats.
pub(crate) struct Reader<'a> {
    order: DateOrder,
    last: Option<(&'a str, ReadDate)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(order: DateOrder) -> Self {
        Reader { order, last: None }
    }

    /// The meaning of a line without its line break, or the column and what is wrong with it.
    pub(crate) fn read(&mut self, line: &'a str) -> Result<Line<'a>, (usize, What)> {
        let text = line.strip_prefix('\u{feff}').unwrap_or(line);
        if text.starts_with("Date") {
            return Ok(Line::Header);
        }
        match self.entry(text) {
            Err(_) if text.trim().is_empty() => Ok(Line::Blank),
            Err((part, what)) => Err((column(line, part), what)),
            Ok(entry) => Ok(Line::Entry(Entry { line, ..entry })),
        }
    }

    /// The four cells of a line, or the cell that is wrong.
    fn entry(&mut self, text: &'a str) -> Result<Entry<'a>, (&'a str, What)> {
        let Some([date, clock, number, event]) = self.cells(text) else {
            return Err((
                text,
                What::Cells {
                    found: text.split('\t').count(),
                },
            ));
        };
        let wrong = |cell: &'a str, what: fn(String) -> What| {
            let cell = cell.trim();
            (cell, what(excerpt(cell)))
        };
        let read = self.date(date).ok_or_else(|| wrong(date, What::Date))?;
        let clock_time = time::parse(clock).ok_or_else(|| wrong(clock, What::Time))?;
        let trial = trial_number(number).ok_or_else(|| wrong(number, What::TrialNumber))?;
        let trimmed = event.trim();
        if trimmed.is_empty() {
            return Err((event, What::NoEvent));
        }
        let at = read.date.to_datetime(clock_time);
        Ok(Entry {
            at,
            other_order: read.other_order,
            trial,
            event: trimmed,
            line: text,
        })
    }

    /// The four cells; the last one reaches to the end of the line. `None` if there are fewer.
    fn cells(&self, line: &'a str) -> Option<[&'a str; 4]> {
        let (date, rest) = self.known_date(line).or_else(|| cell(line))?;
        let (clock, rest) = cell(rest)?;
        let (number, event) = cell(rest)?;
        Some([date, clock, number, event])
    }

    /// The first cell if it is that of the line before, to the byte, and what follows it.
    fn known_date(&self, line: &'a str) -> Option<(&'a str, &'a str)> {
        let (last, _) = self.last?;
        Some((last, line.strip_prefix(last)?.strip_prefix('\t')?))
    }

    fn date(&mut self, cell: &'a str) -> Option<ReadDate> {
        match self.last {
            Some((last, date)) if std::ptr::eq(last, cell) => Some(date),
            _ => {
                let date = date::parse(cell.trim().as_bytes(), self.order)?;
                self.last = Some((cell, date));
                Some(date)
            }
        }
    }
}

/// The column, from 1 and in characters, at which a part of a line stands.
pub(crate) fn column(line: &str, part: &str) -> usize {
    1 + line
        .get(..line.offset(part))
        .map_or(0, |before| before.chars().count())
}

/// What precedes the first tab, and what follows it. Cells are too short for a search by vectors to
/// pay off, which is what `split_once` does.
fn cell(text: &str) -> Option<(&str, &str)> {
    let tab = text.bytes().position(|byte| byte == b'\t')?;
    Some((text.get(..tab)?, text.get(tab + 1..)?))
}

/// Decimal digits, any number of them as long as the value fits.
fn trial_number(cell: &str) -> Option<u32> {
    let text = cell.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn read(line: &str) -> Result<Line<'_>, (usize, What)> {
        Reader::new(DateOrder::DayFirst).read(line)
    }

    fn entry(line: &str) -> (DateTime, u32, &str) {
        match read(line) {
            Ok(Line::Entry(entry)) => (entry.at, entry.trial, entry.event),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn both_tab_spellings_and_blanks_read_alike() {
        let expected = (date(2017, 2, 14).at(10, 22, 33, 250_000_000), 7, "No Go");
        assert_eq!(entry("14.02.2017\t10:22:33.25\t7\tNo Go"), expected);
        assert_eq!(
            entry("14.02.2017 \t10:22:33.2500 \t 007\tNo Go \r"),
            expected
        );
        assert_eq!(
            entry("\u{feff}14.02.2017\t10:22:33.25\t7\t No Go\t\t"),
            expected
        );
    }

    #[test]
    fn the_event_reaches_to_the_end_of_the_line() {
        assert_eq!(
            entry("14.02.2017\t10:22:33\t1000\tNote: é\tü").2,
            "Note: é\tü"
        );
    }

    #[test]
    fn headers_and_blanks() {
        assert_eq!(read("Date\tTime\tTrial\tEvent\t"), Ok(Line::Header));
        assert_eq!(read("\u{feff}Date\tTime"), Ok(Line::Header));
        for blank in ["", " ", "\t\t\t\t", "\r"] {
            assert_eq!(read(blank), Ok(Line::Blank));
        }
    }

    #[test]
    fn faults_name_their_column() {
        for (line, column, what) in [
            ("14.02.2017\t10:22:33\t1", 1, What::Cells { found: 3 }),
            ("\0\0\0", 1, What::Cells { found: 1 }),
            (
                "é14.02.2017\t10:22:33\t1\tGo",
                1,
                What::Date("é14.02.2017".into()),
            ),
            (
                " 14.02.2017\té10:22:33\t1\tGo",
                13,
                What::Time("é10:22:33".into()),
            ),
            (
                "14.02.2017\t10:22:33\t-1\tGo",
                21,
                What::TrialNumber("-1".into()),
            ),
            (
                "14.02.2017\t10:22:33\t4294967296\tGo",
                21,
                What::TrialNumber("4294967296".into()),
            ),
            (
                "14.02.2017\t10:22:33\t\tGo",
                21,
                What::TrialNumber(String::new()),
            ),
            ("14.02.2017\t10:22:33\t1\t ", 23, What::NoEvent),
        ] {
            assert_eq!(read(line), Err((column, what)), "{line:?}");
        }
    }

    #[test]
    fn long_texts_are_not_repeated() {
        let line = format!("{}\t1\t2\t3", "x".repeat(100_000));
        let Err((1, What::Date(text))) = read(&line) else {
            panic!("not a date")
        };
        assert_eq!(text.len(), 67);
    }
}
