//! Times of day and date-times: civil, as the clock of the rig showed them.

use jiff::civil::{DateTime, Time};
use nom::bytes::complete::take_while;
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map_opt, opt};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::date::{self, DateOrder, digits, narrow};
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
    let date = date::parse(date.trim_end(), order).ok_or_else(wrong)?.date;
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

/// Reads `H:MM:SS` or `HHMMSS`, with decimals after `.` or `,`.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let (rest, (hour, minute, second)) = colons(text).or_else(|_| compact(text)).ok()?;
    let (_, nanosecond) = all_consuming(fraction).parse(rest).ok()?;
    Time::new(hour, minute, second, nanosecond).ok()
}

fn colons(input: &str) -> IResult<&str, (i8, i8, i8)> {
    let pair = || map_opt(digits(2, 2), narrow);
    (
        map_opt(digits(1, 2), narrow),
        preceded(char(':'), pair()),
        preceded(char(':'), pair()),
    )
        .parse(input)
}

fn compact(input: &str) -> IResult<&str, (i8, i8, i8)> {
    let pair = || map_opt(digits(2, 2), narrow);
    (pair(), pair(), pair()).parse(input)
}

/// Decimals of a second as nanoseconds; absent, or a bare point, is 0.
fn fraction(input: &str) -> IResult<&str, i32> {
    let decimals = preceded(one_of(".,"), take_while(|c: char| c.is_ascii_digit()));
    opt(decimals)
        .map(|decimals| {
            let padded = decimals
                .unwrap_or("")
                .bytes()
                .chain(std::iter::repeat(b'0'));
            padded
                .take(9)
                .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'))
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
            "10:22:33 ",
            "10:22:33.5x",
            "1022",
            "-1:02:03",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
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
