//! Dates in the spellings that logs use, read without guessing.

use jiff::civil::Date;
use nom::branch::alt;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{alpha1, one_of};
use nom::combinator::{all_consuming, map, map_opt};
use nom::{IResult, Parser};

/// Which number comes first where a date such as `03/04/2017` leaves it open.
///
/// The order has no effect on dates that begin with the year or name the month. Where only the
/// other order gives a date of the calendar (`02/14/2017`), that one is taken and reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// Day, month, year: what the behaviour program writes. The default.
    #[default]
    DayFirst,
    /// Month, day, year.
    MonthFirst,
}

/// A date, and whether it took the order that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadDate {
    pub(crate) date: Date,
    pub(crate) other_order: bool,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads `d.m.yyyy`, `yyyy-m-d`, `d-Mon-yyyy` (separators `.`, `/`, `-`, blank) and `yyyymmdd`.
/// Years need four digits: a century is never supplied.
pub(crate) fn parse(text: &[u8], order: DateOrder) -> Option<ReadDate> {
    let plain = |date| ReadDate {
        date,
        other_order: false,
    };
    let year_first = map_opt(
        (year, separator, small(1), separator, small(1)),
        |(y, s1, m, s2, d)| (s1 == s2).then(|| calendar(y, m, d)).flatten().map(plain),
    );
    let named = map_opt(
        (small(1), separator, month_name, separator, year),
        |(d, s1, m, s2, y)| (s1 == s2).then(|| calendar(y, m, d)).flatten().map(plain),
    );
    let numbers = map_opt(
        (small(1), separator, small(1), separator, year),
        |(a, s1, b, s2, y)| (s1 == s2).then(|| ordered(a, b, y, order)).flatten(),
    );
    let compact = map_opt((year, small(2), small(2)), |(y, m, d)| {
        calendar(y, m, d).map(plain)
    });
    let (_, date) = all_consuming(alt((numbers, year_first, named, compact)))
        .parse(text)
        .ok()?;
    Some(date)
}

fn ordered(first: i8, second: i8, year: i16, order: DateOrder) -> Option<ReadDate> {
    let (day_first, month_first) = (calendar(year, second, first), calendar(year, first, second));
    let (asked, other) = match order {
        DateOrder::DayFirst => (day_first, month_first),
        DateOrder::MonthFirst => (month_first, day_first),
    };
    match (asked, other) {
        (Some(date), _) => Some(ReadDate {
            date,
            other_order: false,
        }),
        (None, Some(date)) => Some(ReadDate {
            date,
            other_order: true,
        }),
        (None, None) => None,
    }
}

fn calendar(year: i16, month: i8, day: i8) -> Option<Date> {
    (year >= 1)
        .then(|| Date::new(year, month, day).ok())
        .flatten()
}

/// One or two digits, or exactly two.
pub(crate) fn small<'a>(
    least: usize,
) -> impl Parser<&'a [u8], Output = i8, Error = nom::error::Error<&'a [u8]>> {
    map(
        take_while_m_n(least, 2, |byte: u8| byte.is_ascii_digit()),
        |run: &[u8]| {
            run.iter()
                .fold(0, |sum, digit| sum * 10 + (digit - b'0') as i8)
        },
    )
}

fn year(input: &[u8]) -> IResult<&[u8], i16> {
    let digits = take_while_m_n(4, 4, |byte: u8| byte.is_ascii_digit());
    map(digits, |run: &[u8]| {
        run.iter()
            .fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'))
    })
    .parse(input)
}

fn separator(input: &[u8]) -> IResult<&[u8], char> {
    one_of("./- ")(input)
}

/// An English month, whole or its first three letters.
fn month_name(input: &[u8]) -> IResult<&[u8], i8> {
    map_opt(alpha1, |word: &[u8]| {
        let word = word.to_ascii_lowercase();
        let at = MONTHS
            .iter()
            .position(|month| word == month.as_bytes() || word == month.as_bytes()[..3])?;
        i8::try_from(at + 1).ok()
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn read(text: &str, order: DateOrder) -> Option<(Date, bool)> {
        parse(text.as_bytes(), order).map(|read| (read.date, read.other_order))
    }

    #[test]
    fn order_decides_only_where_it_is_open() {
        let (day, month) = (DateOrder::DayFirst, DateOrder::MonthFirst);
        assert_eq!(read("03.02.2017", day), Some((date(2017, 2, 3), false)));
        assert_eq!(read("03.02.2017", month), Some((date(2017, 3, 2), false)));
        assert_eq!(read("02/14/2017", day), Some((date(2017, 2, 14), true)));
        assert_eq!(read("14/02/2017", month), Some((date(2017, 2, 14), true)));
        assert_eq!(read("2017-02-03", month), Some((date(2017, 2, 3), false)));
        assert_eq!(read("3-Feb-2017", month), Some((date(2017, 2, 3), false)));
        assert_eq!(
            read("3 february 2017", day),
            Some((date(2017, 2, 3), false))
        );
        assert_eq!(read("20170203", month), Some((date(2017, 2, 3), false)));
    }

    #[test]
    fn no_date_is_invented() {
        for text in [
            "",
            "14.02",
            "14.02.17",
            "30.02.2017",
            "31.11.2017",
            "00.01.2017",
            "01.00.2017",
            "13.13.2017",
            "01.01.0000",
            "14.02-2017",
            "14.02.20170",
            "14.Foo.2017",
            "2017",
            "201702",
            "14.02.2017x",
            "-1.02.2017",
            "٣.02.2017",
        ] {
            assert_eq!(read(text, DateOrder::DayFirst), None, "{text}");
        }
        assert_eq!(
            read("29.02.2016", DateOrder::DayFirst),
            Some((date(2016, 2, 29), false))
        );
        assert_eq!(read("29.02.2017", DateOrder::DayFirst), None);
    }
}
