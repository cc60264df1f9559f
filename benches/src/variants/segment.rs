//! Brain or dark surround, from the mean image.

use ndarray::{Array2, ArrayView2};
use widefield::{Segmentation, direct};

use super::{Failure, Variant};

/// `true` for the pixels of the mean image `(y, x)`, in counts above the background, to keep.
pub type Run = fn(ArrayView2<'_, f64>) -> Result<Array2<bool>, Failure>;

/// Density below which, per count, the default analysis cuts.
const CUTOFF: f64 = 0.0002;

/// Ways to find the brain. Differences are in shares of all pixels.
pub const VARIANTS: &[Variant<Run>] = &[
    Variant {
        name: "density_cutoff",
        run: density_cutoff,
        within: Some(0.0),
        slow: false,
    },
    Variant {
        name: "density_cutoff_tidied",
        run: density_cutoff_tidied,
        within: None,
        slow: false,
    },
    Variant {
        name: "relative_cutoff",
        run: |mean| {
            kept(
                Segmentation::RelativeCutoff {
                    relative_cutoff: 0.05,
                },
                mean,
            )
        },
        within: None,
        slow: false,
    },
    Variant {
        name: "otsu",
        run: |mean| kept(Segmentation::Otsu, mean),
        within: None,
        slow: false,
    },
    Variant {
        name: "triangle",
        run: |mean| kept(Segmentation::Triangle, mean),
        within: None,
        slow: false,
    },
    Variant {
        name: "percentile_30",
        run: |mean| kept(Segmentation::Percentile { percentile: 30.0 }, mean),
        within: None,
        slow: false,
    },
    Variant {
        name: "tenth_of_brightest",
        run: tenth_of_brightest,
        within: None,
        slow: false,
    },
    Variant {
        name: "direct",
        run: by_definition,
        within: Some(0.0),
        slow: true,
    },
];

/// The density summed directly, one exponential for every pixel and grid point.
#[must_use]
pub fn reference(mean: ArrayView2<'_, f64>) -> Array2<bool> {
    let highest = brightest(mean);
    let points: Vec<f64> = (0..500).map(|i| f64::from(i) * highest / 499.0).collect();
    let values: Vec<f64> = mean.iter().copied().collect();
    let density = direct::density(&values, &points);
    let below = density.iter().position(|&density| density < CUTOFF);
    let threshold = below.map_or(f64::INFINITY, |i| points[i]);
    mean.mapv(|value| value >= threshold)
}

/// Share of the pixels that only one of two masks keeps.
#[must_use]
pub fn differing(a: &Array2<bool>, b: &Array2<bool>) -> f64 {
    if a.dim() != b.dim() {
        return f64::INFINITY;
    }
    let differing = a.iter().zip(b).filter(|(a, b)| a != b).count();
    differing as f64 / a.len() as f64
}

fn by_definition(mean: ArrayView2<'_, f64>) -> Result<Array2<bool>, Failure> {
    Ok(reference(mean))
}

fn kept(rule: Segmentation, mean: ArrayView2<'_, f64>) -> Result<Array2<bool>, Failure> {
    Ok(rule.mask(mean)?.kept().to_owned())
}

fn density_cutoff(mean: ArrayView2<'_, f64>) -> Result<Array2<bool>, Failure> {
    kept(
        Segmentation::DensityCutoff {
            density_cutoff: CUTOFF,
        },
        mean,
    )
}

/// The largest part alone, without holes.
fn density_cutoff_tidied(mean: ArrayView2<'_, f64>) -> Result<Array2<bool>, Failure> {
    let mask = Segmentation::DensityCutoff {
        density_cutoff: CUTOFF,
    }
    .mask(mean)?;
    Ok(mask.largest_component().fill_holes().kept().to_owned())
}

/// Everything brighter than a tenth of the brightest pixel.
fn tenth_of_brightest(mean: ArrayView2<'_, f64>) -> Result<Array2<bool>, Failure> {
    let threshold = brightest(mean) / 10.0;
    Ok(mean.mapv(|value| value >= threshold))
}

fn brightest(mean: ArrayView2<'_, f64>) -> f64 {
    mean.fold(0.0, |a, &b| a.max(b))
}
