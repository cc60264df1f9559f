//! When a request is sent again, and after how long.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How often and how patiently requests are repeated that failed for a passing reason: answers
/// 408, 422, 429, 498, 500, 502, 503 and 504, silence, and broken connections.
///
/// After a request that was given up the store counts as away, and requests are tried once each until
/// one succeeds.
///
/// All requests of this library can be repeated without harm: what a repetition meets of
/// an earlier attempt that was carried out unnoticed is told apart from the work of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// Most attempts in all, at least 1. Default 9.
    pub attempts: u32,
    /// Wait after the first failure, doubled after each further one. Default 0.2 s.
    pub first: Duration,
    /// Longest wait, also if the server asks for more by `Retry-After`. Default 30 s.
    pub longest: Duration,
    /// Longest time of one operation in all: logging in, every attempt, and the waits between. Bytes that it carries have
    /// the time besides that they take at 64 KiB/s; what comes or goes more slowly is given up. Default 5 min.
    pub whole: Duration,
}

impl Default for Retries {
    /// Waits of 0.2 to 25.6 s, some 50 s in all.
    fn default() -> Self {
        Retries {
            attempts: 9,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(30),
            whole: crate::patience::WHOLE,
        }
    }
}

impl Retries {
    /// At most `attempts` attempts, the first wait being `first`.
    #[must_use]
    pub fn new(attempts: u32, first: Duration) -> Self {
        Retries {
            attempts,
            first,
            ..Retries::default()
        }
    }

    /// At most `whole` for one operation in all.
    ///
    /// ```
    /// use std::time::Duration;
    /// use widefield_storage::swift::Retries;
    ///
    /// let impatient = Retries::default().whole(Duration::from_secs(20));
    /// assert_eq!(impatient.whole.as_secs(), 20);
    /// ```
    #[must_use]
    pub fn whole(mut self, whole: Duration) -> Self {
        self.whole = whole;
        self
    }

    /// Wait before attempt number `attempt + 1` (`attempt` failed so far), or nothing at the end.
    ///
    /// Between a half and the whole of the nominal time, so that clients that failed together do
    /// not come back together; what the server asks for counts in full.
    pub(super) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let nominal = self.first.saturating_mul(doubled).min(self.longest);
        // The state is new each time: randomness enough to spread clients.
        let random = RandomState::new().hash_one(attempt) >> 40;
        let part = 0.5 + random as f64 / f64::from(1 << 25);
        let own = nominal.mul_f64(part);
        Some(asked.map_or(own, |asked| asked.max(own).min(self.longest)))
    }
}

/// Whether another attempt may find better luck after this answer.
pub(super) fn passes(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        408 | 422 | 429 | 498 | 500 | 502 | 503 | 504
    )
}

/// Whether a request that got this answer may have been carried out all the same.
pub(super) fn leaves_doubt(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 422 | 429 | 498)
}

/// What `Retry-After` asks for, in seconds or as a date.
pub(super) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let now = std::time::SystemTime::now();
    std::time::SystemTime::from(date).duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let retries = Retries::new(4, Duration::from_millis(100));
        for (attempt, nominal) in [(1, 100), (2, 200), (3, 400)] {
            let wait = retries.wait(attempt, None).unwrap().as_millis();
            assert!(
                wait >= nominal / 2 && wait <= nominal,
                "{attempt}: {wait} ms"
            );
        }
        assert_eq!(retries.wait(4, None), None);
        let many = Retries::new(u32::MAX, Duration::from_secs(1));
        assert!(many.wait(4000, None).unwrap() <= many.longest);
    }

    #[test]
    fn the_server_may_ask_for_more_within_bounds() {
        let retries = Retries::new(4, Duration::from_millis(1));
        let wait = |seconds| retries.wait(1, Some(Duration::from_secs(seconds)));
        assert_eq!(wait(3), Some(Duration::from_secs(3)));
        assert_eq!(wait(86_400), Some(retries.longest));
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            asked(&headers)
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert!(asked("Wed, 21 Oct 2099 07:28:00 GMT").unwrap() > Duration::from_secs(1 << 30));
        assert_eq!(asked("-1"), None);
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn what_passes_and_what_does_not() {
        let code = |code| StatusCode::from_u16(code).unwrap();
        for status in [429, 498, 503, 502] {
            assert!(passes(code(status)), "{status}");
        }
        for status in [200, 400, 401, 403, 404, 409, 412, 413, 501, 507] {
            assert!(!passes(code(status)), "{status}");
        }
        assert!(leaves_doubt(code(503)) && !leaves_doubt(code(429)));
    }
}
