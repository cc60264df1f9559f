//! Thresholds that need no absolute number of counts.

use super::density::{Density, check_finite};
use super::nowhere_below;
use crate::Error;
use crate::number::{count, index};
use ndarray::ArrayView2;

/// Bins of the histogram of [`triangle`].
const BINS: usize = 256;

/// Darkest and brightest pixel of an image of several brightnesses.
fn range(mean: ArrayView2<'_, f64>) -> Result<(f64, f64), Error> {
    const WHAT: &str = "mean image";
    check_finite(mean)?;
    let least = mean.iter().copied().reduce(f64::min);
    let most = mean.iter().copied().reduce(f64::max);
    let (Some(least), Some(most)) = (least, most) else {
        return Err(Error::Empty { what: WHAT });
    };
    if least == most {
        return Err(Error::ZeroVariance {
            what: WHAT,
            value: least,
        });
    }
    Ok((least, most))
}

/// Where the density, from the darkest pixel on, falls below a share of its peak after having reached it.
pub(super) fn relative(mean: ArrayView2<'_, f64>, share: f64) -> Result<f64, Error> {
    let (least, _) = range(mean)?;
    let density = Density::from_image(mean.mapv(|value| value - least).view())?;
    let cutoff = share * density.values().iter().copied().fold(0.0, f64::max);
    let mut rest = density.values().iter().enumerate();
    let begins = rest.find(|&(_, &density)| density >= cutoff);
    let ends = rest.find(|&(_, &density)| density < cutoff);
    match begins.and(ends) {
        Some((point, _)) => Ok(least + density.point(point)),
        None => Err(nowhere_below(&density, cutoff, least)),
    }
}

/// The darkest pixel of the brighter of two classes with the largest variance between them.
pub(super) fn otsu(mean: ArrayView2<'_, f64>) -> Result<f64, Error> {
    let (least, most) = range(mean)?;
    // From 0 to 1, so that no sum overflows.
    let mut sorted: Vec<f64> = mean.iter().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let share = |value: f64| (value - least) / (most - least);
    let n = count(sorted.len());
    let total: f64 = sorted.iter().map(|&value| share(value)).sum();
    let (mut below, mut best, mut threshold) = (0.0, -1.0, most);
    for (i, pair) in sorted.windows(2).enumerate() {
        below += share(pair[0]);
        if pair[0] == pair[1] {
            continue;
        }
        let (n_below, n_above) = (count(i + 1), n - count(i + 1));
        let difference = (total - below) / n_above - below / n_below;
        let between = n_below * n_above * difference * difference;
        if between > best {
            (best, threshold) = (between, pair[1]);
        }
    }
    Ok(threshold)
}

/// The middle of the bin farthest below the line from the peak to the farther end.
pub(super) fn triangle(mean: ArrayView2<'_, f64>) -> Result<f64, Error> {
    let (least, most) = range(mean)?;
    // Halves first: the difference of the largest numbers is none.
    let width = (most / 2.0 - least / 2.0) / count(BINS) * 2.0;
    let mut bins = [0_usize; BINS];
    for value in mean {
        let bin = (value / 2.0 - least / 2.0) / (width / 2.0);
        bins[index(bin).min(BINS - 1)] += 1;
    }
    // The first of equally tall bins; both end bins hold a pixel.
    let peak = (0..BINS).rev().max_by_key(|&bin| bins[bin]).unwrap_or(0);
    let rising = peak < BINS - 1 - peak;
    // Bins from the far end, at 0, to the peak.
    let far = |step: usize| if rising { BINS - 1 - step } else { step };
    let steps = if rising { BINS - 1 - peak } else { peak };
    let tall = count(bins[peak]);
    let below = |step: usize| tall * count(step) - count(steps) * count(bins[far(step)]);
    let farthest = (0..steps)
        .rev()
        .max_by(|&a, &b| below(a).total_cmp(&below(b)));
    let middle = count(far(farthest.unwrap_or(0))) + 0.5;
    Ok((least / 2.0 + width / 2.0 * middle) * 2.0)
}
