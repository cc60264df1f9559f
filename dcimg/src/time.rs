//! Timestamps and framestamps of single frames.

use std::fmt;

/// When a frame was recorded, by the clock of the recording computer: UTC, as seconds and
/// microseconds since 1970-01-01.
///
/// Which moment of the exposure is meant is not documented. Displays as ISO 8601 with
/// microseconds; microseconds of a million and more carry over.
///
/// ```
/// let time = dcimg::Timestamp { seconds: 1_511_904_855, microseconds: 664_884 };
/// assert_eq!(time.to_string(), "2017-11-28T21:34:15.664884Z");
/// assert_eq!(time.as_seconds(), 1_511_904_855.664_884);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
    pub seconds: u32,
    /// Microseconds within the second, as stored; valid files have fewer than a million.
    pub microseconds: u32,
}

impl Timestamp {
    /// A time of its stored bytes.
    pub(crate) fn from_bytes([s0, s1, s2, s3, m0, m1, m2, m3]: [u8; 8]) -> Self {
        Self {
            seconds: u32::from_le_bytes([s0, s1, s2, s3]),
            microseconds: u32::from_le_bytes([m0, m1, m2, m3]),
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z, exact to about 0.2 us.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        f64::from(self.seconds) + f64::from(self.microseconds) / 1e6
    }

    /// Microseconds since 1970-01-01T00:00:00Z, exact.
    #[must_use]
    pub fn as_microseconds(self) -> u64 {
        u64::from(self.seconds) * 1_000_000 + u64::from(self.microseconds)
    }

    /// `self - earlier` in seconds; negative if `self` is the earlier one.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        // Both are below 2^53, so the difference is exact and division the only rounding.
        let (a, b) = (self.as_microseconds(), earlier.as_microseconds());
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 microseconds")]
        let magnitude = a.abs_diff(b) as f64 / 1e6;
        if a < b { -magnitude } else { magnitude }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.as_microseconds();
        let (seconds, microseconds) = (total / 1_000_000, total % 1_000_000);
        let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60,
        );
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microseconds:06}Z"
        )
    }
}

/// Gregorian date of a day counted from 1970-01-01.
///
/// Years are taken to start in March, so that the leap day is the last of a year and month
/// lengths follow 153 days per five months.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days from 0000-03-01, in cycles of 400 years.
    let days = days + 719_468;
    let (cycle, day_of_cycle) = (days / 146_097, days % 146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    (year, month, day)
}

impl Stamp {
    /// A stamp of its stored bytes.
    pub(crate) fn from_bytes(framestamp: [u8; 4], time: [u8; 8]) -> Self {
        Self {
            framestamp: u32::from_le_bytes(framestamp),
            time: Timestamp::from_bytes(time),
        }
    }
}

/// What the camera and the computer note with each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The camera's frame counter: plus one per frame, a gap means dropped frames. It may start
    /// anywhere and wraps around after `u32::MAX`.
    pub framestamp: u32,
    /// When the frame was recorded.
    pub time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(seconds: u32, microseconds: u32) -> String {
        Timestamp {
            seconds,
            microseconds,
        }
        .to_string()
    }

    #[test]
    fn dates_at_the_seams_of_the_calendar() {
        // Expected values: date -u -d @N.
        assert_eq!(show(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(show(951_782_399, 0), "2000-02-28T23:59:59.000000Z");
        assert_eq!(show(951_782_400, 0), "2000-02-29T00:00:00.000000Z");
        assert_eq!(show(951_868_800, 0), "2000-03-01T00:00:00.000000Z");
        assert_eq!(show(1_709_164_800, 5), "2024-02-29T00:00:00.000005Z");
        assert_eq!(show(1_735_689_599, 999_999), "2024-12-31T23:59:59.999999Z");
        assert_eq!(show(u32::MAX, 0), "2106-02-07T06:28:15.000000Z");
    }

    #[test]
    fn microseconds_are_a_number_not_digits_of_a_fraction() {
        let time = Timestamp {
            seconds: 7,
            microseconds: 5_000,
        };
        assert_eq!(time.as_seconds(), 7.005);
        assert_eq!(show(7, 5_000), "1970-01-01T00:00:07.005000Z");
    }

    #[test]
    fn too_many_microseconds_carry_over() {
        assert_eq!(show(7, 1_500_000), "1970-01-01T00:00:08.500000Z");
        assert_eq!(show(u32::MAX, u32::MAX), "2106-02-07T07:39:49.967295Z");
    }

    #[test]
    fn differences_have_a_sign() {
        let early = Timestamp {
            seconds: 1,
            microseconds: 999_999,
        };
        let late = Timestamp {
            seconds: 2,
            microseconds: 4,
        };
        assert_eq!(late.seconds_since(early), 5e-6);
        assert_eq!(early.seconds_since(late), -5e-6);
    }
}
