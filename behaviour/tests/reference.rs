//! Equality with scipy, statsmodels and NumPy; the values are made by `python/reference_values.py`.

use widefield_behaviour::sdt::{self, Correction, Counts};
use widefield_behaviour::{quantiles, wilson};

/// The rows of a table, without its header. Parsed by std, which is exact to the last bit.
fn rows(table: &str) -> impl Iterator<Item = Vec<f64>> {
    table
        .lines()
        .skip(1)
        .map(|line| line.split('\t').map(|cell| cell.parse().unwrap()).collect())
}

/// Equal within `tolerance` of the larger of 1 and the value; infinities and NaN alike.
fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let both_nan = found.is_nan() && expected.is_nan();
    let near = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(
        found == expected || both_nan || near,
        "{what}: {found:e}, expected {expected:e}"
    );
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts below 1000"
)]
fn count(value: f64) -> u32 {
    value as u32
}

#[test]
fn normal_quantiles_equal_scipy() {
    let mut checked = 0;
    for row in rows(include_str!("data/normal_quantiles.tsv")) {
        let [p, z] = row[..] else { panic!("{row:?}") };
        let found = sdt::quantile(p);
        // Both are good to a few units in the last place: see the module.
        assert!(
            (found - z).abs() <= 1e-14 * z.abs(),
            "{p}: {found:e}, expected {z:e}"
        );
        checked += 1;
    }
    assert_eq!(checked, 220);
}

#[test]
fn d_prime_intervals_equal_scipy() {
    let mut checked = 0;
    for row in rows(include_str!("data/d_prime_intervals.tsv")) {
        let [hits, signal, false_alarms, noise, confidence, low, high] = row[..] else {
            panic!("{row:?}")
        };
        let counts = Counts {
            hits: count(hits),
            signal: count(signal),
            false_alarms: count(false_alarms),
            noise: count(noise),
        };
        let found = sdt::d_prime_interval(counts, Correction::LogLinear, confidence).unwrap();
        let what = format!("{counts:?} {confidence}");
        // A few operations on values near 1, each good to some 1e-16 of them.
        assert_close(found.low, low, 1e-12, &what);
        assert_close(found.high, high, 1e-12, &what);
        checked += 1;
    }
    assert_eq!(checked, 468);
}

#[test]
fn d_prime_criterion_and_beta_equal_scipy() {
    let mut checked = 0;
    for row in rows(include_str!("data/sdt.tsv")) {
        let [
            correction,
            hits,
            signal,
            false_alarms,
            noise,
            d_prime,
            criterion,
            beta,
        ] = row[..]
        else {
            panic!("{row:?}")
        };
        let correction = [
            Correction::None,
            Correction::HalfTrial,
            Correction::LogLinear,
        ][count(correction) as usize];
        let counts = Counts {
            hits: count(hits),
            signal: count(signal),
            false_alarms: count(false_alarms),
            noise: count(noise),
        };
        let what = format!("{correction:?} {counts:?}");
        assert_close(
            sdt::d_prime(counts, correction).unwrap(),
            d_prime,
            1e-12,
            &what,
        );
        assert_close(
            sdt::criterion(counts, correction).unwrap(),
            criterion,
            1e-12,
            &what,
        );
        assert_close(sdt::beta(counts, correction).unwrap(), beta, 1e-12, &what);
        checked += 1;
    }
    assert_eq!(checked, 468);
}

#[test]
fn wilson_intervals_equal_statsmodels() {
    let mut checked = 0;
    for row in rows(include_str!("data/wilson.tsv")) {
        let [successes, trials, confidence, low, high] = row[..] else {
            panic!("{row:?}")
        };
        let found = wilson(count(successes), count(trials), confidence).unwrap();
        let what = format!("{successes} of {trials} at {confidence}");
        assert_close(found.low, low, 1e-14, &what);
        assert_close(found.high, high, 1e-14, &what);
        checked += 1;
    }
    assert_eq!(checked, 430);
}

#[test]
fn sample_quantiles_equal_numpy() {
    for row in rows(include_str!("data/sample_quantiles.tsv")) {
        let [p, quantile, ref sample @ ..] = row[..] else {
            panic!("{row:?}")
        };
        let found = quantiles(sample, &[p]).unwrap()[0];
        assert_close(found, quantile, 1e-15, &format!("{p} of {sample:?}"));
    }
}
