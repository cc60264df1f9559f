"""Writes reference values of normal quantiles, signal detection indices, Wilson intervals and sample
quantiles as tab-separated tables with a header line.

    python reference_values.py ../data

needs numpy, scipy, statsmodels.
"""

import sys
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint


def write(path, columns, rows):
    lines = ["\t".join(columns)] + ["\t".join(repr(cell) for cell in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def quantiles():
    tails = [10.0 ** -k for k in range(1, 308, 6)] + [5e-324, 1e-310, 2.2250738585072014e-308]
    middle = [k / 1000 for k in range(1, 1000, 7)]
    edges = [0.075, 0.925, np.nextafter(0.075, 0), np.nextafter(0.925, 1), np.exp(-25.0), np.nextafter(np.exp(-25.0), 0)]
    high = [1 - 2.0 ** -k for k in range(2, 54, 3)]
    for p in sorted({float(p) for p in tails + middle + edges + high}):
        yield p, float(norm.ppf(p))


def rate(correction, count, trials):
    if correction == "log_linear":
        return (count + 0.5) / (trials + 1)
    if correction == "half_trial":
        return min(max(count / trials, 0.5 / trials), 1 - 0.5 / trials)
    return count / trials


def cases_of_indices():
    rng = np.random.default_rng(20170214)
    cases = [(0, 10, 0, 10), (10, 10, 0, 10), (0, 10, 10, 10), (10, 10, 10, 10), (1, 1, 0, 1), (84, 100, 16, 100)]
    for _ in range(150):
        signal, noise = (int(n) for n in rng.integers(1, 400, 2))
        cases.append((int(rng.integers(0, signal + 1)), signal, int(rng.integers(0, noise + 1)), noise))
    return cases


def indices():
    """Indices of counts; infinite and undefined ones are left to IEEE arithmetic."""
    cases = cases_of_indices()
    for correction in ["none", "half_trial", "log_linear"]:
        for hits, signal, alarms, noise in cases:
            h, f = norm.ppf(rate(correction, hits, signal)), norm.ppf(rate(correction, alarms, noise))
            with np.errstate(all="ignore"):
                d, c, beta = h - f, -(h + f) / 2, np.exp((f * f - h * h) / 2)
            names = {"none": 0, "half_trial": 1, "log_linear": 2}
            yield names[correction], hits, signal, alarms, noise, float(d), float(c), float(beta)


def d_prime_intervals():
    """Gourevitch and Galanter 1967, with the log-linear correction."""
    for hits, signal, alarms, noise in cases_of_indices():
        d, variance = 0.0, 0.0
        for sign, count, trials in [(1, hits, signal), (-1, alarms, noise)]:
            p = rate("log_linear", count, trials)
            z = norm.ppf(p)
            d += sign * z
            variance += p * (1 - p) / (trials * norm.pdf(z) ** 2)
        for confidence in [0.5, 0.95, 0.999]:
            low, high = norm.interval(confidence, loc=d, scale=np.sqrt(variance))
            yield hits, signal, alarms, noise, confidence, float(low), float(high)


def intervals():
    rng = np.random.default_rng(14022017)
    cases = [(0, 1), (1, 1), (0, 30), (30, 30), (8, 10), (15, 30)]
    for _ in range(80):
        trials = int(rng.integers(1, 1000))
        cases.append((int(rng.integers(0, trials + 1)), trials))
    for count, trials in cases:
        for confidence in [0.5, 0.9, 0.95, 0.99, 0.999]:
            low, high = proportion_confint(count, trials, alpha=1 - confidence, method="wilson")
            yield count, trials, confidence, float(low), float(high)


def sample_quantiles():
    """Each row: probability, quantile, then the sample."""
    rng = np.random.default_rng(3)
    for size in [1, 2, 3, 10, 57]:
        sample = rng.gamma(4.0, 0.1, size)
        for p in [0.0, 0.05, 0.25, 1 / 3, 0.5, 0.9, 1.0]:
            yield (p, float(np.quantile(sample, p)), *(float(value) for value in sample))


def main():
    folder = Path(sys.argv[1])
    write(folder / "normal_quantiles.tsv", ["p", "z"], quantiles())
    columns = ["correction", "hits", "signal", "false_alarms", "noise", "d_prime", "criterion", "beta"]
    write(folder / "sdt.tsv", columns, indices())
    columns = ["hits", "signal", "false_alarms", "noise", "confidence", "low", "high"]
    write(folder / "d_prime_intervals.tsv", columns, d_prime_intervals())
    write(folder / "wilson.tsv", ["count", "trials", "confidence", "low", "high"], intervals())
    write(folder / "sample_quantiles.tsv", ["p", "quantile", "sample"], sample_quantiles())
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, statsmodels {statsmodels.__version__}")


if __name__ == "__main__":
    main()
