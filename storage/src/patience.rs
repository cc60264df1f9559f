//! How long a store may take.

use std::time::Duration;

use tokio::time::timeout;

/// Longest time of one call, besides that of the bytes it carries, where nobody says another.
pub(crate) const WHOLE: Duration = Duration::from_secs(300);
/// Slowest transfer that still counts as one, in bytes per second.
const SLOWEST: u64 = 64 << 10;
/// What sets another time.
const VARIABLE: &str = "WIDEFIELD_PATIENCE_S";

/// A store did not do it in its time.
#[derive(Debug, thiserror::Error)]
#[error("not done by the store within {0:?}")]
struct Late(Duration);

/// `whole`, and the time that so many bytes may take.
pub(crate) fn with_bytes(whole: Duration, bytes: u64) -> Duration {
    whole.saturating_add(Duration::from_secs_f64(bytes as f64 / SLOWEST as f64))
}

/// `future`, if it ends within `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    future: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    timeout(limit, future).await.unwrap_or_else(|_| {
        Err(object_store::Error::Generic {
            store: "the store",
            source: Box::new(Late(limit)),
        })
    })
}

/// What the environment sets, else [`WHOLE`].
pub(crate) fn of_environment() -> Result<Duration, String> {
    std::env::var(VARIABLE).map_or(Ok(WHOLE), |text| parse(&text))
}

fn parse(text: &str) -> Result<Duration, String> {
    let seconds = text.trim().parse::<f64>().ok().filter(|s| *s > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{VARIABLE} is no number of seconds above 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_their_time_besides() {
        assert_eq!(with_bytes(WHOLE, 0), WHOLE);
        assert_eq!(with_bytes(WHOLE, 128 << 10), WHOLE + Duration::from_secs(2));
        assert!(with_bytes(Duration::MAX, u64::MAX) == Duration::MAX);
    }

    #[test]
    fn the_variable_is_a_number_of_seconds() {
        assert_eq!(parse("20"), Ok(Duration::from_secs(20)));
        assert_eq!(parse(" 0.5 "), Ok(Duration::from_millis(500)));
        for wrong in ["", "0", "-1", "soon", "NaN", "inf", "1e300"] {
            assert!(parse(wrong).unwrap_err().contains(VARIABLE), "{wrong}");
        }
    }
}
