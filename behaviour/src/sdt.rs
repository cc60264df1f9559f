//! Signal detection theory: sensitivity, criterion and bias from counts.
//!
//! Signal trials are those with a Go stimulus, noise trials those with a No Go stimulus; a
//! response is a lick. `Z` is the quantile function of the standard normal distribution.

mod normal;

pub use normal::quantile;

use crate::error::Error;
use crate::interval::{Interval, two_sided};
use crate::problem::excerpt;

/// What is done about rates of 0 and 1, whose `Z` is infinite.
///
/// Without trials every rate is NaN. `Display` and `FromStr` use `none`, `half-trial` and `log-linear`.
///
/// ```
/// use widefield_behaviour::Correction;
/// assert_eq!(Correction::default().to_string(), "log-linear");
/// assert_eq!("half-trial".parse(), Ok(Correction::HalfTrial));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Correction {
    /// Nothing: `n / N`. Indices may be infinite, or NaN where both rates are extreme.
    None,
    /// 0 becomes `1 / (2 N)`, 1 becomes `1 - 1 / (2 N)`; other rates stay.
    ///
    /// Source: Macmillan & Kaplan 1985, Psychological Bulletin 98:185, doi:10.1037/0033-2909.98.1.185.
    HalfTrial,
    /// `(n + 0.5) / (N + 1)`, for every rate. The default.
    ///
    /// Source: Hautus 1995, doi:10.3758/BF03203619.
    #[default]
    LogLinear,
}

impl Correction {
    /// All of them.
    pub const ALL: [Correction; 3] = [
        Correction::None,
        Correction::HalfTrial,
        Correction::LogLinear,
    ];

    /// What `Display` writes.
    pub fn name(self) -> &'static str {
        match self {
            Correction::None => "none",
            Correction::HalfTrial => "half-trial",
            Correction::LogLinear => "log-linear",
        }
    }

    /// The corrected rate of `count` among `trials`; NaN if there are no trials.
    ///
    /// ```
    /// use widefield_behaviour::Correction;
    /// assert_eq!(Correction::HalfTrial.rate(0, 10), 0.05);
    /// assert_eq!(Correction::LogLinear.rate(4, 9), 0.45);
    /// ```
    pub fn rate(self, count: u32, trials: u32) -> f64 {
        let (n, of) = (f64::from(count), f64::from(trials));
        match self {
            _ if trials == 0 => f64::NAN,
            Correction::HalfTrial if count == 0 => 0.5 / of,
            Correction::HalfTrial if count == trials => 1.0 - 0.5 / of,
            Correction::None | Correction::HalfTrial => n / of,
            Correction::LogLinear => (n + 0.5) / (of + 1.0),
        }
    }
}

impl std::fmt::Display for Correction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Correction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut same = Self::ALL.into_iter().filter(|c| c.name() == text);
        same.next().ok_or_else(|| Error::Correction {
            text: excerpt(text),
        })
    }
}

/// Responses of the trials of both kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Responses in signal trials.
    pub hits: u32,
    /// Signal trials.
    pub signal: u32,
    /// Responses in noise trials.
    pub false_alarms: u32,
    /// Noise trials.
    pub noise: u32,
}

impl Counts {
    fn z(self, correction: Correction) -> Result<(f64, f64), Error> {
        for (count, trials) in [(self.hits, self.signal), (self.false_alarms, self.noise)] {
            if count > trials {
                return Err(Error::Count { count, trials });
            }
        }
        let z = |count, trials| quantile(correction.rate(count, trials));
        Ok((z(self.hits, self.signal), z(self.false_alarms, self.noise)))
    }
}

/// Sensitivity d' = Z(H) - Z(F): how far apart signal and noise are, in standard deviations.
///
/// Dimensionless; 0 is chance. Swapping signal and noise negates it.
///
/// ```
/// use widefield_behaviour::sdt::{Correction, Counts, d_prime};
/// let counts = Counts { hits: 84, signal: 100, false_alarms: 16, noise: 100 };
/// assert!((d_prime(counts, Correction::None)? - 1.98891577).abs() < 1e-8);
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Count`] if a count exceeds its trials.
///
/// # Source
/// Green & Swets 1966, Signal Detection Theory and Psychophysics; Stanislaw & Todorov 1999,
/// doi:10.3758/BF03207704.
pub fn d_prime(counts: Counts, correction: Correction) -> Result<f64, Error> {
    counts
        .z(correction)
        .map(|(hit, false_alarm)| d_prime_of_z(hit, false_alarm))
}

/// Approximate confidence interval of [`d_prime`]; `confidence` e.g. 0.95. Both ends NaN without trials of either kind, and where
/// a rate of 0 or 1 is left as it is.
///
/// d' ± z sqrt(H (1 - H) / (N φ(Z(H))²) + F (1 - F) / (M φ(Z(F))²)) with z the two-sided normal quantile of `confidence`, φ the
/// density of the standard normal distribution, H and F the rates after `correction`, of N signal and M noise trials. It takes
/// d' as normally distributed. By all outcomes of 30 and of 100 trials of each kind, the log-linear 95 % interval holds the true
/// d' in 95.7 % and 95.3 % at the rates 0.85 and 0.2, and in 94.0 % and 96.3 % at 0.97 and 0.03.
///
/// ```
/// use widefield_behaviour::sdt::{Correction, Counts, d_prime_interval};
/// let counts = Counts { hits: 84, signal: 100, false_alarms: 16, noise: 100 };
/// let interval = d_prime_interval(counts, Correction::None, 0.95)?;
/// assert!((interval.low - 1.57127810).abs() < 1e-8 && (interval.high - 2.40655343).abs() < 1e-8);
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Count`] if a count exceeds its trials; [`Error::Range`] unless 0 < `confidence` < 1.
///
/// # Source
/// Gourevitch & Galanter 1967, doi:10.1007/BF02289402.
pub fn d_prime_interval(
    counts: Counts,
    correction: Correction,
    confidence: f64,
) -> Result<Interval, Error> {
    let z = two_sided(confidence)?;
    let (hit, false_alarm) = counts.z(correction)?;
    let variance = |rate: f64, z: f64, trials: u32| {
        let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        rate * (1.0 - rate) / (f64::from(trials) * density * density)
    };
    let [h, f] = [
        (counts.hits, counts.signal),
        (counts.false_alarms, counts.noise),
    ]
    .map(|(count, trials)| correction.rate(count, trials));
    let half =
        z * (variance(h, hit, counts.signal) + variance(f, false_alarm, counts.noise)).sqrt();
    let d_prime = d_prime_of_z(hit, false_alarm);
    Ok(Interval {
        low: d_prime - half,
        high: d_prime + half,
    })
}

/// Criterion c = -(Z(H) + Z(F)) / 2: negative where licking is favoured, in standard deviations.
///
/// # Errors
/// [`Error::Count`] if a count exceeds its trials.
///
/// # Source
/// Macmillan & Creelman 2005, Detection Theory, chapter 2; Stanislaw & Todorov 1999.
pub fn criterion(counts: Counts, correction: Correction) -> Result<f64, Error> {
    counts
        .z(correction)
        .map(|(hit, false_alarm)| criterion_of_z(hit, false_alarm))
}

/// Likelihood ratio beta = exp((Z(F)² - Z(H)²) / 2) = exp(d' c): 1 is unbiased, below 1 licking is
/// favoured.
///
/// # Errors
/// [`Error::Count`] if a count exceeds its trials.
///
/// # Source
/// Green & Swets 1966; Stanislaw & Todorov 1999.
pub fn beta(counts: Counts, correction: Correction) -> Result<f64, Error> {
    counts
        .z(correction)
        .map(|(hit, false_alarm)| beta_of_z(hit, false_alarm))
}

pub(crate) fn d_prime_of_z(hit: f64, false_alarm: f64) -> f64 {
    hit - false_alarm
}

pub(crate) fn criterion_of_z(hit: f64, false_alarm: f64) -> f64 {
    -0.5 * (hit + false_alarm)
}

pub(crate) fn beta_of_z(hit: f64, false_alarm: f64) -> f64 {
    (0.5 * (false_alarm * false_alarm - hit * hit)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_rates() {
        let counts = Counts {
            hits: 10,
            signal: 10,
            false_alarms: 0,
            noise: 20,
        };
        assert_eq!(d_prime(counts, Correction::None), Ok(f64::INFINITY));
        assert!(criterion(counts, Correction::None).unwrap().is_nan());
        assert_eq!(
            d_prime(counts, Correction::HalfTrial),
            Ok(quantile(0.95) - quantile(0.025))
        );
        assert_eq!(
            d_prime(counts, Correction::LogLinear),
            Ok(quantile(10.5 / 11.0) - quantile(0.5 / 21.0))
        );
    }

    #[test]
    fn intervals_without_variance_are_nan_and_bad_ones_refused() {
        let counts = |hits, signal, false_alarms, noise| Counts {
            hits,
            signal,
            false_alarms,
            noise,
        };
        for (of, correction) in [
            (counts(0, 0, 2, 9), Correction::LogLinear),
            (counts(5, 5, 2, 9), Correction::None),
        ] {
            let Interval { low, high } = d_prime_interval(of, correction, 0.95).unwrap();
            assert!(low.is_nan() && high.is_nan(), "{of:?}");
        }
        for (of, confidence) in [(counts(3, 2, 0, 1), 0.95), (counts(1, 2, 0, 1), 1.0)] {
            assert!(d_prime_interval(of, Correction::LogLinear, confidence).is_err());
        }
        // Four times the trials at the same rates: half as wide.
        let half = |k: u32| {
            let of = counts(8 * k, 10 * k, 3 * k, 10 * k);
            let Interval { low, high } = d_prime_interval(of, Correction::None, 0.95).unwrap();
            high - low
        };
        assert!((half(1) - 2.0 * half(4)).abs() < 1e-12);
    }

    #[test]
    fn counts_above_their_trials_are_refused() {
        let counts = Counts {
            hits: 3,
            signal: 2,
            false_alarms: 0,
            noise: 1,
        };
        assert_eq!(
            beta(counts, Correction::LogLinear),
            Err(Error::Count {
                count: 3,
                trials: 2
            })
        );
    }

    #[test]
    fn unbiased_means_zero_and_one() {
        let counts = Counts {
            hits: 7,
            signal: 10,
            false_alarms: 3,
            noise: 10,
        };
        assert!(criterion(counts, Correction::None).unwrap().abs() < 1e-15);
        assert!((beta(counts, Correction::None).unwrap() - 1.0).abs() < 1e-15);
    }
}
