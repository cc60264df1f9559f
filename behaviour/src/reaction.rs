//! Reaction times of many trials.

use crate::error::Error;
use crate::trial::{ReactionFrom, Trial};

/// The reaction times in seconds, one for each trial that has one, in the order of the trials.
///
/// For those of hits only, pass only the trials that are hits. See [`Trial::reaction_time`].
pub fn reaction_times_s<'t>(
    trials: impl IntoIterator<Item = &'t Trial>,
    from: ReactionFrom,
) -> Vec<f64> {
    trials
        .into_iter()
        .filter_map(|trial| Some(trial.reaction_time(from)?.as_secs_f64()))
        .collect()
}

/// Quantiles of a sample: for each probability the value at (n - 1) p of the sorted sample,
/// interpolated linearly. NaN for an empty sample.
///
/// ```
/// let median = widefield_behaviour::quantiles(&[0.4, 0.1, 0.2, 0.3], &[0.5])?[0];
/// assert!((median - 0.25).abs() < 1e-15);
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Range`] if a probability is outside 0 to 1 or a value of the sample is NaN.
///
/// # Source
/// Definition 7 of Hyndman & Fan 1996, doi:10.1080/00031305.1996.10473566; the default of NumPy and R.
pub fn quantiles(sample: &[f64], probabilities: &[f64]) -> Result<Vec<f64>, Error> {
    if let Some(value) = sample.iter().copied().find(|value| value.is_nan()) {
        return Err(Error::Range {
            what: "a value of the sample",
            value,
            range: "a number",
        });
    }
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    probabilities.iter().map(|&p| one(&sorted, p)).collect()
}

fn one(sorted: &[f64], p: f64) -> Result<f64, Error> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Range {
            what: "a probability",
            value: p,
            range: "from 0 to 1",
        });
    }
    let Some(last) = sorted.len().checked_sub(1) else {
        return Ok(f64::NAN);
    };
    let place = p * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= place <= last, a length"
    )]
    let below = (place.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[last.min(below + 1)]);
    Ok(if low == high {
        low
    } else {
        low + (high - low) * (place - below as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_single_values_and_infinities() {
        assert_eq!(
            quantiles(&[3.0, 1.0, 2.0], &[0.0, 0.5, 1.0]),
            Ok(vec![1.0, 2.0, 3.0])
        );
        assert_eq!(quantiles(&[7.0], &[0.0, 0.3, 1.0]), Ok(vec![7.0; 3]));
        assert_eq!(
            quantiles(&[1.0, f64::INFINITY, f64::INFINITY], &[0.75, 1.0]),
            Ok(vec![f64::INFINITY; 2])
        );
        assert!(quantiles(&[], &[0.5]).unwrap()[0].is_nan());
    }

    #[test]
    fn bad_requests() {
        for p in [-0.1, 1.1, f64::NAN] {
            assert!(
                matches!(quantiles(&[1.0], &[p]), Err(Error::Range { .. })),
                "{p}"
            );
        }
        assert!(matches!(
            quantiles(&[f64::NAN], &[0.5]),
            Err(Error::Range { .. })
        ));
    }
}
