//! The time that the environment gives a store.

use std::time::Duration;

use super::WHOLE;

/// Seconds, above 0.
const VARIABLE: &str = "WIDEFIELD_PATIENCE_S";

/// What the environment sets, else [`WHOLE`].
pub(crate) fn read() -> Result<Duration, String> {
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
    fn the_variable_is_a_number_of_seconds() {
        assert_eq!(parse("20"), Ok(Duration::from_secs(20)));
        assert_eq!(parse(" 0.5 "), Ok(Duration::from_millis(500)));
        for wrong in ["", "0", "-1", "soon", "NaN", "inf", "1e300"] {
            assert!(parse(wrong).unwrap_err().contains(VARIABLE), "{wrong}");
        }
    }
}
