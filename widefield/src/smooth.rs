//! Gaussian smoothing of a frame.

mod taps;
mod waves;

use crate::Error;
use crate::number::index;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use taps::Taps;
use waves::Waves;

/// Largest standard deviation, in pixels, that [`gaussian`] takes.
pub const MAX_SD_PX: f64 = 1e5;

/// Radius in pixels from which waves are faster than adding the pixels one by one.
pub const WAVES_FROM_PX: usize = 24;

/// Lines that are filtered side by side, one in each lane of a register.
const LANES: usize = 8;

/// The same place of [`LANES`] lines.
type Place = [f64; LANES];

/// Gaussian filter of a frame `(y, x)`, standard deviation `sd_px` pixels on both axes.
///
/// Weights `exp(-i^2 / (2 sd^2))` up to the radius `int(4 sd + 0.5)`, divided by their sum; the frame
/// is continued by reflection with the edge repeated (`b a | a b c | c b`), however far the radius
/// reaches. Equal to `scipy.ndimage.gaussian_filter` with its defaults within 1e-12 of the largest
/// pixel. The result does not depend on the number of threads.
///
/// A wide Gaussian is summed as waves whose windowed sums slide along a line, so the work does not grow
/// with `sd_px`; see [`WAVES_FROM_PX`].
///
/// A standard deviation below 0.125 px has the radius 0 and leaves the frame as it is. NaN and
/// infinite pixels spread as far as the radius. An empty frame gives an empty one.
///
/// ```
/// // One bright pixel becomes the product of the weights: at sd 0.25 the radius is 1 and the
/// // weight of a neighbour exp(-8) = 0.000335 of the middle one.
/// let mut frame = ndarray::Array2::zeros((3, 3));
/// frame[(1, 1)] = 1.0;
/// let smooth = widefield::smooth::gaussian(frame.view(), 0.25)?;
/// assert!((smooth[(0, 1)] / smooth[(1, 1)] - (-8.0_f64).exp()).abs() < 1e-12);
/// assert!((smooth.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] if `sd_px` is negative, not a number or above [`MAX_SD_PX`].
pub fn gaussian(frame: ArrayView2<'_, f64>, sd_px: f64) -> Result<Array2<f64>, Error> {
    if !(0.0..=MAX_SD_PX).contains(&sd_px) {
        return Err(Error::Parameter {
            name: "smoothing_sd_px",
            value: sd_px,
            expected: "0 to 100000 px",
        });
    }
    let mut out = frame.as_standard_layout().into_owned();
    let (height, width) = frame.dim();
    if frame.is_empty() || radius(sd_px) == 0 {
        return Ok(out);
    }
    // A sliding sum never loses a value that is not finite, and may overflow where weights would not.
    let slidable = frame.iter().all(|value| value.abs() < 1e300);
    if let Some(out) = out.as_slice_mut() {
        let columns = along_columns(out, width, &Kernel::new(sd_px, height, slidable));
        along_rows(
            &columns,
            width,
            height,
            &Kernel::new(sd_px, width, slidable),
            out,
        );
    }
    Ok(out)
}

fn radius(sd_px: f64) -> usize {
    index(4.0 * sd_px + 0.5)
}

/// How lines of one length are filtered.
enum Kernel {
    Taps(Taps),
    Waves(Box<Waves>),
}

impl Kernel {
    /// For lines of `n` pixels.
    fn new(sd_px: f64, n: usize, slidable: bool) -> Self {
        // Beyond several times the line, its reflections are longer than what folding leaves to add.
        if slidable && (WAVES_FROM_PX..=8 * n).contains(&radius(sd_px)) {
            Self::Waves(Box::new(Waves::new(sd_px)))
        } else {
            Self::Taps(Taps::new(sd_px, n))
        }
    }

    /// Places needed before the first and after the last pixel.
    fn reach(&self) -> usize {
        match self {
            Self::Taps(taps) => taps.reach(),
            Self::Waves(waves) => waves.reach(),
        }
    }

    /// Filters lines that begin [`Kernel::reach`] places early and end as many late.
    fn filter(&self, line: &[Place], out: &mut [Place]) {
        match self {
            Self::Taps(taps) => taps.filter(line, out),
            Self::Waves(waves) => waves.filter(line, out),
        }
    }
}

/// Filters all columns of a frame. Block after block of [`LANES`] columns, each with all rows.
fn along_columns(frame: &[f64], width: usize, kernel: &Kernel) -> Vec<Place> {
    let height = frame.len() / width;
    let sources = reflected(height, kernel.reach());
    let mut columns = vec![[0.0; LANES]; width.div_ceil(LANES) * height];
    columns
        .par_chunks_mut(height)
        .enumerate()
        .for_each_init(Vec::new, |line, (block, out)| {
            let first = block * LANES;
            let lanes = LANES.min(width - first);
            line.clear();
            line.extend(sources.iter().map(|y| {
                let mut place = [0.0; LANES];
                place[..lanes].copy_from_slice(&frame[y * width + first..][..lanes]);
                place
            }));
            kernel.filter(line, out);
        });
    columns
}

/// Filters all rows of what [`along_columns`] gives, into a frame row by row.
fn along_rows(columns: &[Place], width: usize, height: usize, kernel: &Kernel, out: &mut [f64]) {
    let sources = reflected(width, kernel.reach());
    let new = || {
        (
            vec![[0.0; LANES]; width],
            Vec::new(),
            vec![[0.0; LANES]; width],
        )
    };
    out.par_chunks_mut(LANES * width).enumerate().for_each_init(
        new,
        |(row, line, filtered), (block, out)| {
            let first = block * LANES;
            for lane in 0..out.len() / width {
                for (x, place) in row.iter_mut().enumerate() {
                    place[lane] = columns[x / LANES * height + first + lane][x % LANES];
                }
            }
            line.clear();
            line.extend(sources.iter().map(|&x| row[x]));
            kernel.filter(line, filtered);
            for (lane, out) in out.chunks_exact_mut(width).enumerate() {
                for (out, place) in out.iter_mut().zip(filtered.iter()) {
                    *out = place[lane];
                }
            }
        },
    );
}

/// For every place from `-reach` to `n + reach` the pixel that stands there.
fn reflected(n: usize, reach: usize) -> Vec<usize> {
    let period = 2 * n;
    let start = period - reach % period;
    (0..n + 2 * reach)
        .map(|i| {
            let place = (start + i) % period;
            if place < n { place } else { period - 1 - place }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use crate::number::count;

    #[test]
    fn reflection_repeats_the_edge_and_goes_on_forever() {
        assert_eq!(reflected(3, 2), [1, 0, 0, 1, 2, 2, 1]);
        assert_eq!(reflected(2, 5), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
        assert_eq!(reflected(1, 2), [0; 5]);
    }

    #[test]
    fn equals_direct_summation_for_any_radius() {
        for (height, width, sd) in [
            (1, 1, 3.0),
            (1, 7, 2.0),
            (5, 1, 9.0),
            (9, 40, 1.3),
            (3, 4, 30.0),
            (70, 33, 8.0),
        ] {
            let frame =
                Array2::from_shape_fn((height, width), |(y, x)| count((y * 31 + x * 17) % 23));
            let fast = gaussian(frame.view(), sd).unwrap();
            let slow = direct::gaussian_filter(frame.view(), sd);
            for (fast, slow) in fast.iter().zip(&slow) {
                assert!(
                    (fast - slow).abs() < 1e-12,
                    "{height} x {width}, sd {sd}: {fast} and {slow}"
                );
            }
        }
    }

    #[test]
    fn a_constant_stays_and_bad_widths_are_refused() {
        let frame = Array2::from_elem((20, 30), 5.0);
        for value in gaussian(frame.view(), 50.0).unwrap() {
            assert!((value - 5.0).abs() < 1e-13);
        }
        for sd in [-1.0, f64::NAN, f64::INFINITY, 2e5] {
            assert!(matches!(
                gaussian(frame.view(), sd),
                Err(Error::Parameter { .. })
            ));
        }
        assert_eq!(
            gaussian(Array2::zeros((0, 4)).view(), 3.0).unwrap().dim(),
            (0, 4)
        );
        assert_eq!(gaussian(frame.view(), 0.0).unwrap(), frame);
    }
}
