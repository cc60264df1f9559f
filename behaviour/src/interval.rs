//! Confidence intervals of rates.

use crate::error::Error;
use crate::sdt::quantile;

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Wilson's score interval of the rate `count / trials`, within 0 to 1; both ends NaN without trials.
///
/// With z the two-sided normal quantile of `confidence` (0.95: 1.96), p the rate and n the trials,
/// (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n).
///
/// ```
/// let interval = widefield_behaviour::wilson(8, 10, 0.95)?;
/// assert!((interval.low - 0.4901625).abs() < 1e-7 && (interval.high - 0.9433178).abs() < 1e-7);
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Count`] if `count` exceeds `trials`; [`Error::Range`] unless 0 < `confidence` < 1.
///
/// # Source
/// Wilson 1927, doi:10.1080/01621459.1927.10502953; Brown, Cai & DasGupta 2001,
/// doi:10.1214/ss/1009213286.
pub fn wilson(count: u32, trials: u32, confidence: f64) -> Result<Interval, Error> {
    if count > trials {
        return Err(Error::Count { count, trials });
    }
    let z = two_sided(confidence)?;
    let (count, n) = (f64::from(count), f64::from(trials));
    let p = count / n;
    let widening = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / widening;
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / widening;
    Ok(Interval {
        low: (centre - half).clamp(0.0, 1.0),
        high: (centre + half).clamp(0.0, 1.0),
    })
}

/// Normal quantile of a two-sided interval: 1.96 for 0.95.
pub(crate) fn two_sided(confidence: f64) -> Result<f64, Error> {
    if confidence > 0.0 && confidence < 1.0 {
        return Ok(-quantile(0.5 * (1.0 - confidence)));
    }
    Err(Error::Range {
        what: "confidence",
        value: confidence,
        range: "between 0 and 1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_counts_stay_within_zero_and_one() {
        for trials in [1, 7, 1000, u32::MAX] {
            let none = wilson(0, trials, 0.95).unwrap();
            let all = wilson(trials, trials, 0.95).unwrap();
            assert!(none.low.abs() < 1e-15 && none.high > 0.0 && none.high < 1.0);
            assert!((all.high - 1.0).abs() < 1e-15 && all.low > 0.0 && all.low < 1.0);
        }
        let nothing = wilson(0, 0, 0.95).unwrap();
        assert!(nothing.low.is_nan() && nothing.high.is_nan());
    }

    #[test]
    fn bad_requests() {
        assert_eq!(
            wilson(2, 1, 0.95),
            Err(Error::Count {
                count: 2,
                trials: 1
            })
        );
        for confidence in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert!(
                matches!(wilson(1, 2, confidence), Err(Error::Range { .. })),
                "{confidence}"
            );
        }
    }
}
