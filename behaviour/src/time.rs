//! Times of day and date-times: civil, as the clock of the rig showed them.

use jiff::civil::{DateTime, Time};
use nom::bytes::complete::take_while;
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map, opt};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::date::{self, DateOrder, small};
use crate::error::Error;
use crate::problem::excerpt;

/// Reads a date and a time of day, separated by blanks or one `T`.
///
/// Dates: `14.02.2017`, `14/02/2017`, `14-Feb-2017`, `2017-02-14`, `2017/02/14`, `20170214`. Times:
/// `10:22:33`, `1:02:03`, `102233`, with any number of decimals after `.` or `,` (kept to the
/// nanosecond, further ones are dropped). `order` decides dates such as `03/04/2017`. Nothing is
/// filled in: a text without date, or with a year of two digits, is an error.
///
/// ```
/// use widefield_behaviour::{DateOrder, parse_date_time};
/// let time = parse_date_time("03.02.2017 10:22:33.25", DateOrder::DayFirst)?;
/// assert_eq!(time, jiff::civil::date(2017, 2, 3).at(10, 22, 33, 250_000_000));
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::DateTime`] if the text is none of these, or no date of the calendar.
pub fn parse_date_time(text: &str, order: DateOrder) -> Result<DateTime, Error> {
    let wrong = || Error::DateTime {
        text: excerpt(text),
    };
    let trimmed = text.trim();
    let (date, time) = trimmed
        .rsplit_once(char::is_whitespace)
        .or_else(|| trimmed.split_once('T'))
        .ok_or_else(wrong)?;
    let date = date::parse(date.trim_end().as_bytes(), order)
        .ok_or_else(wrong)?
        .date;
    Ok(date.to_datetime(parse(time).ok_or_else(wrong)?))
}

/// `YYYY-MM-DD HH:MM:SS`, followed by six decimals unless they are all zero: how Python's
/// `str(datetime)` writes it. What is finer than a microsecond is dropped.
///
/// ```
/// use jiff::civil::date;
/// use widefield_behaviour::format_date_time;
/// assert_eq!(format_date_time(date(2017, 2, 14).at(9, 8, 7, 500_000_000)), "2017-02-14 09:08:07.500000");
/// assert_eq!(format_date_time(date(2017, 2, 14).at(9, 8, 7, 0)), "2017-02-14 09:08:07");
/// ```
pub fn format_date_time(time: DateTime) -> String {
    let mut text = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    let microseconds = time.subsec_nanosecond() / 1000;
    if microseconds != 0 {
        text.push_str(&format!(".{microseconds:06}"));
    }
    text
}

/// Reads `H:MM:SS` or `HHMMSS`, with decimals after `.` or `,`; surrounding blanks do not count.
pub(crate) fn parse(text: &str) -> Option<Time> {
    usual(text.as_bytes()).or_else(|| any(text.trim().as_bytes()))
}

/// `HH:MM:SS` and decimals after a point, the one spelling that logs are known to use: several
/// times faster than [`any`], which gives the same.
fn usual(text: &[u8]) -> Option<Time> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, decimals @ ..] = text else {
        return None;
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| i32::from(byte - b'0'));
    let pair = |tens, ones| Some(digit(tens)? * 10 + digit(ones)?);
    let mut nanosecond = 0;
    if let [point, decimals @ ..] = decimals {
        if *point != b'.' || decimals.len() > 9 {
            return None;
        }
        for decimal in decimals {
            nanosecond = nanosecond * 10 + digit(decimal)?;
        }
        nanosecond *= POWERS_OF_TEN[9 - decimals.len()];
    }
    let (hour, minute, second) = (pair(h1, h2)?, pair(m1, m2)?, pair(s1, s2)?);
    let small = |number: i32| i8::try_from(number).ok();
    Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond).ok()
}

const POWERS_OF_TEN: [i32; 10] = [
    1,
    10,
    100,
    1000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// Any spelling.
fn any(text: &[u8]) -> Option<Time> {
    let (rest, (hour, minute, second)) = colons(text).or_else(|_| compact(text)).ok()?;
    let (_, nanosecond) = all_consuming(fraction).parse(rest).ok()?;
    Time::new(hour, minute, second, nanosecond).ok()
}

fn colons(input: &[u8]) -> IResult<&[u8], (i8, i8, i8)> {
    (
        small(1),
        preceded(char(':'), small(2)),
        preceded(char(':'), small(2)),
    )
        .parse(input)
}

fn compact(input: &[u8]) -> IResult<&[u8], (i8, i8, i8)> {
    (small(2), small(2), small(2)).parse(input)
}

/// Decimals of a second as nanoseconds; absent, or a bare point, is 0.
fn fraction(input: &[u8]) -> IResult<&[u8], i32> {
    let decimals = preceded(one_of(".,"), take_while(|byte: u8| byte.is_ascii_digit()));
    map(opt(decimals), |decimals: Option<&[u8]>| {
        let kept = decimals.unwrap_or_default();
        let digit = |place| kept.get(place).map_or(0, |digit| i32::from(digit - b'0'));
        (0..9).fold(0, |sum, place| sum * 10 + digit(place))
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn decimals_of_any_number() {
        assert_eq!(parse("10:22:33"), Some(time(10, 22, 33, 0)));
        assert_eq!(parse("10:22:33."), Some(time(10, 22, 33, 0)));
        assert_eq!(parse("10:22:33.0001"), Some(time(10, 22, 33, 100_000)));
        assert_eq!(
            parse("10:22:33,123456"),
            Some(time(10, 22, 33, 123_456_000))
        );
        assert_eq!(
            parse("10:22:33.12345678999999"),
            Some(time(10, 22, 33, 123_456_789))
        );
        assert_eq!(parse("102233.5"), Some(time(10, 22, 33, 500_000_000)));
    }

    #[test]
    fn no_time_is_invented() {
        for text in [
            "",
            "10",
            "10:22",
            "24:00:00",
            "10:60:00",
            "10:22:60",
            "10:2:03",
            "10:22: 33",
            "10:22:33.5x",
            "1022",
            "-1:02:03",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_fast_way_equals_the_general_one_or_leaves_it_to_that() {
        let mut read = 0;
        for clock in [
            "00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60", "1:02:03", "9a:00:00",
        ] {
            for decimals in [
                "",
                ".",
                ".5",
                ",5",
                ".000000001",
                ".1234567891",
                ".12x",
                " ",
            ] {
                let text = format!("{clock}{decimals}");
                if let Some(time) = usual(text.as_bytes()) {
                    assert_eq!(Some(time), any(text.as_bytes()), "{text}");
                    read += 1;
                }
            }
        }
        assert_eq!(read, 8);
    }

    #[test]
    fn date_times_need_both_halves() {
        let expected = date(2017, 2, 14).at(10, 22, 33, 0);
        for text in [
            "2017-02-14T10:22:33",
            " 14 Feb 2017  10:22:33 ",
            "20170214\t102233",
        ] {
            assert_eq!(
                parse_date_time(text, DateOrder::DayFirst),
                Ok(expected),
                "{text}"
            );
        }
        for text in ["", "10:22:33", "14.02.2017", "14.02.2017T", "T10:22:33"] {
            assert!(
                parse_date_time(text, DateOrder::DayFirst).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn written_as_python_does() {
        assert_eq!(
            format_date_time(date(987, 1, 2).at(3, 4, 5, 999)),
            "0987-01-02 03:04:05"
        );
        assert_eq!(
            format_date_time(date(2017, 12, 31).at(23, 59, 59, 1_999)),
            "2017-12-31 23:59:59.000001"
        );
    }
}
