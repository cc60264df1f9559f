//! Whether taking the motion away helped.

use super::Shift;
use crate::Error;
use crate::error::same_shape;
use crate::number::count;
use crate::percentiles::{median, percentile};
use ndarray::ArrayView2;

/// How large shifts are, flagged frames left out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Extent {
    /// Median of the distances from the reference, pixels; NaN if no frame is left.
    pub median_px: f64,
    /// Their 99th percentile.
    pub high_px: f64,
    /// Frames that are flagged.
    pub flagged: usize,
}

impl Extent {
    /// Of shifts in any order.
    ///
    /// ```
    /// use widefield::motion::{Extent, Shift};
    ///
    /// let extent = Extent::from_shifts(&[Shift::from_px(0.0, 0.0), Shift::from_px(3.0, -4.0), Shift::from_px(0.6, 0.8)]);
    /// assert_eq!((extent.median_px, extent.flagged), (1.0, 0));
    /// ```
    pub fn from_shifts(shifts: &[Shift]) -> Self {
        let good = || shifts.iter().filter(|shift| shift.flag.is_none());
        let lengths = || good().map(|shift| shift.length_px());
        Self {
            median_px: median(lengths()).unwrap_or(f64::NAN),
            high_px: percentile(lengths(), 99.0).unwrap_or(f64::NAN),
            flagged: shifts.len() - good().count(),
        }
    }
}

/// What a correction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// The median shift is below 0.1 px and the 99th percentile below 0.5 px, of a picture 256 px wide.
    NotNeeded,
    /// Less than 0.3 of the shifts is left, and pixels at edges change less than without correction and than with the
    /// inverted one. Where shifts hardly vary, edges tell nothing: then less than 0.3 of the median distance.
    Helped,
    /// More than 1.2 of the shifts is left, in either direction, or the inverted correction is better at edges. Where shifts
    /// hardly vary: more than 1.2 of the median distance.
    Harmed,
    /// None of these, or nothing to tell by: all frames flagged, say.
    Unclear,
}

/// The verdict on a correction, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Judgement {
    /// What it did.
    pub verdict: Verdict,
    /// The shifts that were taken away.
    pub extent: Extent,
    /// What is left of a shift in y and in x, as a share of it: 0 is right, 1 means that nothing happened, 2 that shifts
    /// were added instead of taken away, -2 that they were measured with the wrong sign. NaN where shifts vary by less than 0.2 px of a picture 256 px wide.
    pub slope: [f64; 2],
    /// How much pixels at edges change.
    pub edges: EdgeNoise,
}

impl Judgement {
    /// From the shifts that were taken away, those that are found in the corrected frames, frame by frame, and the
    /// change at edges; of pictures of the shape `(height, width)`. Frames that are flagged in either list do not count, nor
    /// those that only one of them has.
    ///
    /// Corrected frames have NaN where nothing was seen: measure `left` within the [`Crop`](super::Crop), in the frames
    /// and in the image of the reference alike.
    ///
    /// ```
    /// use widefield::motion::{EdgeNoise, Judgement, Shift, Verdict};
    ///
    /// let taken: Vec<Shift> = (0..50).map(|t| Shift::from_px(f64::from(t % 7), f64::from(t % 5))).collect();
    /// let added: Vec<Shift> = taken.iter().map(|shift| shift.scaled(2.0)).collect();
    /// let edges = |corrected, inverted| EdgeNoise { uncorrected: 40.0, corrected, inverted };
    /// let wrong_sign = Judgement::new((256, 256), &taken, &added, edges(75.0, 9.0));
    /// assert_eq!((wrong_sign.verdict, wrong_sign.slope), (Verdict::Harmed, [2.0, 2.0]));
    /// let right = Judgement::new((256, 256), &taken, &[Shift::default(); 50], edges(9.0, 75.0));
    /// assert_eq!((right.verdict, right.slope), (Verdict::Helped, [0.0, 0.0]));
    /// ```
    pub fn new(
        (height, width): (usize, usize),
        taken: &[Shift],
        left: &[Shift],
        edges: EdgeNoise,
    ) -> Self {
        let px = count(height.max(width)) / 256.0;
        let extent = Extent::from_shifts(taken);
        let both = taken.iter().zip(left);
        let pairs = both.filter(|(a, b)| a.flag.is_none() && b.flag.is_none());
        let slope = [
            slope(pairs.clone().map(|(a, b)| (a.dy_px, b.dy_px)), 0.2 * px),
            slope(pairs.clone().map(|(a, b)| (a.dx_px, b.dx_px)), 0.2 * px),
        ];
        let known = || slope.into_iter().filter(|slope| !slope.is_nan());
        let steady = known().count() == 0;
        let length = |of: fn((&Shift, &Shift)) -> f64| median(pairs.clone().map(of));
        let (before, after) = (
            length(|(a, _)| a.length_px()),
            length(|(_, b)| b.length_px()),
        );
        let share = before.zip(after).map_or(f64::NAN, |(a, b)| b / a);
        let (harmed, helped) = if steady {
            (share > 1.2, share < 0.3)
        } else {
            let quiet = edges.corrected < edges.uncorrected && edges.corrected < edges.inverted;
            (
                known().any(|slope| slope.abs() > 1.2) || edges.inverted < edges.corrected,
                known().all(|slope| slope.abs() < 0.3) && quiet,
            )
        };
        let verdict = if extent.median_px < 0.1 * px && extent.high_px < 0.5 * px {
            Verdict::NotNeeded
        } else if harmed {
            Verdict::Harmed
        } else if helped {
            Verdict::Helped
        } else {
            Verdict::Unclear
        };
        Self {
            verdict,
            extent,
            slope,
            edges,
        }
    }
}

/// Slope of the line of least squares through pairs; NaN if the first ones vary by less than `least_sd`.
fn slope(pairs: impl Iterator<Item = (f64, f64)> + Clone, least_sd: f64) -> f64 {
    let n = count(pairs.clone().count());
    let (x, y) = pairs
        .clone()
        .fold((0.0, 0.0), |(x, y), (a, b)| (x + a / n, y + b / n));
    let (xx, xy) = pairs.fold((0.0, 0.0), |(xx, xy), (a, b)| {
        (xx + (a - x) * (a - x), xy + (a - x) * (b - y))
    });
    if (xx / n).sqrt() >= least_sd {
        xy / xx
    } else {
        f64::NAN
    }
}

/// Standard deviation over time of the pixels at edges, median over them, counts. Compare corrected and inverted: they
/// are equally blurred, and blur alone lowers noise by a third.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EdgeNoise {
    /// As recorded.
    pub uncorrected: f64,
    /// Shifts taken away.
    pub corrected: f64,
    /// Shifts added.
    pub inverted: f64,
}

/// The steepest twentieth of the pixels of an image, vessel edges mostly, and how much they change over time.
#[derive(Clone, Debug)]
pub struct Edges {
    dim: (usize, usize),
    pixels: Vec<(usize, usize)>,
    /// Of every pixel in all three movies, sum and sum of squares.
    sums: Vec<[[f64; 2]; 3]>,
    frames: usize,
}

impl Edges {
    /// Those of an image `(y, x)` among the pixels that are kept with their four neighbours.
    ///
    /// ```
    /// use ndarray::array;
    /// use widefield::motion::Edges;
    ///
    /// let image = array![[0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 8.0, 8.0]];
    /// let mut edges = Edges::from_image(image.view(), image.mapv(|_| true).view())?;
    /// for light in [1.0, 3.0] {
    ///     let frame = image.mapv(|_| light);
    ///     edges.add([frame.view(), image.view(), frame.view()])?;
    /// }
    /// let noise = edges.noise();
    /// assert_eq!((noise.uncorrected, noise.corrected), (2.0_f64.sqrt(), 0.0));
    /// # Ok::<(), widefield::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] if they differ in shape, [`Error::Empty`] if no such pixel is left.
    pub fn from_image(
        image: ArrayView2<'_, f32>,
        kept: ArrayView2<'_, bool>,
    ) -> Result<Self, Error> {
        same_shape("mask", image.shape(), kept.shape())?;
        let (height, width) = image.dim();
        let mut steep = Vec::new();
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)];
                let [up, down, left, right] = around.map(|place| f64::from(image[place]));
                let steepness = (down - up).abs() + (right - left).abs();
                let all_kept = kept[(y, x)] && around.iter().all(|place| kept[*place]);
                if all_kept && steepness.is_finite() {
                    steep.push(((y, x), steepness));
                }
            }
        }
        if steep.is_empty() {
            return Err(Error::Empty {
                what: "set of kept pixels",
            });
        }
        steep.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        steep.truncate(steep.len().div_ceil(20));
        Ok(Self {
            dim: image.dim(),
            sums: vec![[[0.0; 2]; 3]; steep.len()],
            pixels: steep.into_iter().map(|(place, _)| place).collect(),
            frames: 0,
        })
    }

    /// Adds a frame `(y, x)`, in any order: as recorded, with its shift taken away, and with it added.
    ///
    /// # Errors
    /// [`Error::Shape`] if one has another shape than the image.
    pub fn add(&mut self, frames: [ArrayView2<'_, f32>; 3]) -> Result<(), Error> {
        for frame in &frames {
            same_shape("frame", &[self.dim.0, self.dim.1], frame.shape())?;
        }
        for (&place, sums) in self.pixels.iter().zip(&mut self.sums) {
            for (frame, [sum, squares]) in frames.iter().zip(sums) {
                let value = f64::from(frame[place]);
                *sum += value;
                *squares += value * value;
            }
        }
        self.frames += 1;
        Ok(())
    }

    /// Of the pixels that are finite in all frames of all three movies; NaN without any, and below 2 frames.
    pub fn noise(&self) -> EdgeNoise {
        let n = count(self.frames);
        let finite = || {
            let all = self.sums.iter();
            all.filter(|sums| sums.iter().flatten().all(|sum| sum.is_finite()))
        };
        let sd = |movie: usize| {
            let variances = finite().map(|sums| {
                let [sum, squares] = sums[movie];
                ((squares - sum * sum / n) / (n - 1.0)).max(0.0)
            });
            match self.frames {
                0 | 1 => f64::NAN,
                _ => median(variances).map_or(f64::NAN, f64::sqrt),
            }
        };
        EdgeNoise {
            uncorrected: sd(0),
            corrected: sd(1),
            inverted: sd(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_lies_elsewhere_as_a_whole_is_judged_by_how_far_it_lies_then() {
        let taken = [Shift::from_px(2.0, 0.1); 20];
        // Equally quiet, whatever is taken away.
        let edges = EdgeNoise {
            uncorrected: 9.0,
            corrected: 9.1,
            inverted: 9.0,
        };
        for (left, verdict) in [
            (0.02, Verdict::Helped),
            (1.0, Verdict::Unclear),
            (4.0, Verdict::Harmed),
        ] {
            let left = [Shift::from_px(left, 0.0); 20];
            let found = Judgement::new((256, 256), &taken, &left, edges);
            assert_eq!(found.verdict, verdict);
            assert!(found.slope.iter().all(|slope| slope.is_nan()));
        }
        let unknown = Judgement::new((256, 256), &taken, &[], edges);
        assert_eq!(unknown.verdict, Verdict::Unclear);
    }
}
