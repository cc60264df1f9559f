//! How long a store may take.

#[cfg(any(
    feature = "s3",
    feature = "gs",
    feature = "az",
    feature = "http",
    feature = "swift"
))]
pub(crate) mod variable;

use std::time::Duration;

use tokio::time::timeout;

/// Longest time of one call, besides that of the bytes it carries, where nobody says another.
pub(crate) const WHOLE: Duration = Duration::from_secs(300);
/// Slowest transfer that still counts as one, in bytes per second.
const SLOWEST: u64 = 64 << 10;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_their_time_besides() {
        assert_eq!(with_bytes(WHOLE, 0), WHOLE);
        assert_eq!(with_bytes(WHOLE, 128 << 10), WHOLE + Duration::from_secs(2));
        assert!(with_bytes(Duration::MAX, u64::MAX) == Duration::MAX);
    }
}
