//! Pearson correlation of pixels with seeds, and of areas with each other.

mod running;

use crate::Error;
use crate::error::same_shape;
use crate::number::{count, narrow};
use ndarray::parallel::prelude::*;
use ndarray::{
    Array2, Array3, Array4, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut4, Axis, Slice,
};
use std::ops::Range;

/// f32 or f64, as which correlations are given.
pub trait Real: Copy + Default + Send + Sync + sealed::Sealed {
    /// The number, rounded.
    fn of(r: f64) -> Self;
}

impl Real for f64 {
    fn of(r: f64) -> Self {
        r
    }
}

impl Real for f32 {
    fn of(r: f64) -> Self {
        narrow(r)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Correlation of every pixel of a movie `(t, y, x)` with seeds `(t, seed)` in a window that moves along:
/// `(seed, t, y, x)`.
///
/// The value at frame t is Pearson's r over the `w` frames from `t - w / 2` on, with whole division: `t - 10` to `t + 9`
/// for 20 frames, `t - 10` to `t + 10` for 21. The first and the last `w / 2` frames are NaN. So are windows in which
/// the pixel or the seed has a value that is not finite, or does not change. All is NaN if the window is
/// longer than the movie.
///
/// Windows around the same frame share sums, in f64, of differences from that frame; nothing is ever taken off a sum. So
/// r is within about `w^2 1e-16` of the exact one whatever came before, limited to -1 to 1. Every value depends on its
/// own pixel alone: any number of threads and any tiles of rows give the same bits.
///
/// ```
/// use ndarray::{Array3, array};
/// use widefield::correlation;
///
/// let seed = array![[1.0], [2.0], [4.0], [8.0], [9.0]];
/// // One pixel follows the seed, the other does the opposite.
/// let movie = Array3::from_shape_fn((5, 1, 2), |(t, _, x)| {
///     let value = seed[(t, 0)] as f32;
///     if x == 0 { 3.0 * value } else { -value }
/// });
/// let r = correlation::running::<f64>(movie.view(), seed.view(), 3)?;
/// assert!((r[(0, 1, 0, 0)] - 1.0).abs() < 1e-12 && (r[(0, 3, 0, 1)] + 1.0).abs() < 1e-12);
/// assert!(r[(0, 0, 0, 0)].is_nan() && r[(0, 4, 0, 0)].is_nan());
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// As [`running_into`]; [`Error::TooLarge`] if no address space has room for the result.
pub fn running<R: Real>(
    movie: ArrayView3<'_, f32>,
    seeds: ArrayView2<'_, f64>,
    window: usize,
) -> Result<Array4<R>, Error> {
    let (n_frames, height, width) = movie.dim();
    let shape = [seeds.ncols(), n_frames, height, width];
    let elements = shape
        .iter()
        .try_fold(1_usize, |n, &side| n.checked_mul(side.max(1)));
    if elements.is_none_or(|n| n > isize::MAX.unsigned_abs() / size_of::<R>()) {
        let shape = shape.to_vec();
        return Err(Error::TooLarge {
            what: "correlation",
            shape,
        });
    }
    check(movie, seeds, window)?;
    let mut out = Array4::from_elem(shape, R::of(f64::NAN));
    fill(movie, seeds, window, out.view_mut());
    Ok(out)
}

/// [`running`] into memory that is there, `(seed, t, y, x)`: a movie with many seeds goes by tiles of rows.
///
/// # Errors
/// [`Error::Shape`] if the seeds have another number of frames or `out` another shape, [`Error::Parameter`] if the
/// window has fewer than 2 frames.
pub fn running_into<R: Real>(
    movie: ArrayView3<'_, f32>,
    seeds: ArrayView2<'_, f64>,
    window: usize,
    mut out: ArrayViewMut4<'_, R>,
) -> Result<(), Error> {
    let (n_frames, height, width) = movie.dim();
    check(movie, seeds, window)?;
    let shape = [seeds.ncols(), n_frames, height, width];
    same_shape("correlation", &shape, out.shape())?;
    out.par_map_inplace(|r| *r = R::of(f64::NAN));
    fill(movie, seeds, window, out);
    Ok(())
}

fn check(
    movie: ArrayView3<'_, f32>,
    seeds: ArrayView2<'_, f64>,
    window: usize,
) -> Result<(), Error> {
    frames_of_seeds(movie.len_of(Axis(0)), seeds)?;
    if window < 2 {
        return Err(Error::Parameter {
            name: "window",
            value: count(window),
            expected: "2 frames or more",
        });
    }
    Ok(())
}

/// Puts the correlations into what is NaN.
fn fill<R: Real>(
    movie: ArrayView3<'_, f32>,
    seeds: ArrayView2<'_, f64>,
    window: usize,
    mut out: ArrayViewMut4<'_, R>,
) {
    if window > movie.len_of(Axis(0)) || seeds.ncols() == 0 {
        return;
    }
    let seeds = running::Seeds::new(seeds, window);
    out.axis_iter_mut(Axis(2))
        .into_par_iter()
        .enumerate()
        .for_each_init(Vec::new, |memory, (y, out)| {
            seeds.row(movie.index_axis(Axis(1), y), memory, out);
        });
}

/// Correlation of every pixel of a movie `(t, y, x)` with seeds `(t, seed)` over the frames `frames`: maps
/// `(seed, y, x)`.
///
/// Pearson's r over the frames in which both the pixel and the seed are finite, limited to -1 to 1; NaN if there are
/// fewer than 2 or one of the two does not change. Two passes in f64, means first.
///
/// ```
/// use ndarray::array;
/// use widefield::correlation;
///
/// let movie = array![[[1.0]], [[f32::NAN]], [[2.0]], [[6.0]]];
/// let r = correlation::maps(movie.view(), array![[1.0], [5.0], [2.0], [3.0]].view(), 0..4)?;
/// // Of 1, 2, 6 and 1, 2, 3: 5 / sqrt(14 x 2).
/// assert!((r[(0, 0, 0)] - 5.0 / 28.0_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the seeds have another number of frames, [`Error::Frames`] if the movie ends before the frames.
pub fn maps(
    movie: ArrayView3<'_, f32>,
    seeds: ArrayView2<'_, f64>,
    frames: Range<usize>,
) -> Result<Array3<f64>, Error> {
    let (n_frames, height, width) = movie.dim();
    frames_of_seeds(n_frames, seeds)?;
    if frames.start > frames.end || frames.end > n_frames {
        return Err(Error::Frames { frames, n_frames });
    }
    let part = Slice::from(frames);
    let (movie, seeds) = (
        movie.slice_axis(Axis(0), part),
        seeds.slice_axis(Axis(0), part),
    );
    let mut maps = Array3::from_elem((seeds.ncols(), height, width), f64::NAN);
    maps.axis_iter_mut(Axis(1))
        .into_par_iter()
        .enumerate()
        .for_each_init(Vec::new, |sums, (y, mut out)| {
            let row = movie.index_axis(Axis(1), y);
            for (mut out, seed) in out.outer_iter_mut().zip(seeds.columns()) {
                sums.clear();
                sums.resize(width, Pairs::default());
                each_pair(row, seed, sums, Pairs::add_to_means);
                sums.iter_mut().for_each(Pairs::take_means);
                each_pair(row, seed, sums, Pairs::add_deviations);
                for (out, pairs) in out.iter_mut().zip(&*sums) {
                    *out = pairs.r();
                }
            }
        });
    Ok(maps)
}

/// Correlation of traces `(t, area)` with each other: `(area, area)`, symmetric, 1 on the diagonal.
///
/// Each over the frames in which both are finite, NaN as in [`maps`].
///
/// ```
/// use ndarray::array;
///
/// let r = widefield::correlation::matrix(array![[1.0, 6.0], [2.0, 4.0], [3.0, 2.0]].view());
/// assert_eq!(r.diag(), array![1.0, 1.0]);
/// assert!((r[(0, 1)] + 1.0).abs() < 1e-15 && r[(1, 0)] == r[(0, 1)]);
/// ```
pub fn matrix(traces: ArrayView2<'_, f64>) -> Array2<f64> {
    let areas = traces.ncols();
    let mut r = Array2::from_elem((areas, areas), f64::NAN);
    for (i, a) in traces.columns().into_iter().enumerate() {
        for (j, b) in traces.columns().into_iter().enumerate().skip(i) {
            let mut pairs = Pairs::default();
            let each = || a.iter().zip(b).filter(|(a, b)| finite(**a, **b));
            each().for_each(|(a, b)| pairs.add_to_means(*a, *b));
            pairs.take_means();
            each().for_each(|(a, b)| pairs.add_deviations(*a, *b));
            let value = match pairs.r() {
                // Without rounding.
                same if i == j && !same.is_nan() => 1.0,
                other => other,
            };
            r[(i, j)] = value;
            r[(j, i)] = value;
        }
    }
    r
}

fn frames_of_seeds(n_frames: usize, seeds: ArrayView2<'_, f64>) -> Result<(), Error> {
    same_shape("seeds", &[n_frames, seeds.ncols()], seeds.shape())
}

fn finite(a: f64, b: f64) -> bool {
    a.is_finite() && b.is_finite()
}

/// r from the sums of products of deviations.
#[inline(always)]
fn limited(r: f64) -> f64 {
    // `clamp` would do, but is no vector code.
    let r = if r > 1.0 { 1.0 } else { r };
    if r < -1.0 { -1.0 } else { r }
}

/// What two passes over pairs of values add up.
#[derive(Clone, Copy, Debug, Default)]
struct Pairs {
    n: usize,
    /// The first pair: with it taken off, what does not change is 0 without rounding.
    first: (f64, f64),
    mean: (f64, f64),
    squares: (f64, f64),
    products: f64,
}

impl Pairs {
    fn add_to_means(&mut self, a: f64, b: f64) {
        if self.n == 0 {
            self.first = (a, b);
        }
        self.n += 1;
        self.mean.0 += a - self.first.0;
        self.mean.1 += b - self.first.1;
    }

    fn take_means(&mut self) {
        self.mean.0 /= count(self.n);
        self.mean.1 /= count(self.n);
    }

    fn add_deviations(&mut self, a: f64, b: f64) {
        let (a, b) = (
            a - self.first.0 - self.mean.0,
            b - self.first.1 - self.mean.1,
        );
        self.squares.0 += a * a;
        self.squares.1 += b * b;
        self.products += a * b;
    }

    fn r(&self) -> f64 {
        // 0 / 0 where nothing changes.
        limited(self.products / (self.squares.0.sqrt() * self.squares.1.sqrt()))
    }
}

fn each_pair(
    row: ArrayView2<'_, f32>,
    seed: ArrayView1<'_, f64>,
    sums: &mut [Pairs],
    add: impl Fn(&mut Pairs, f64, f64),
) {
    for (frame, &seed) in row.outer_iter().zip(seed) {
        for (pairs, &value) in sums.iter_mut().zip(frame) {
            let value = f64::from(value);
            if finite(value, seed) {
                add(pairs, value, seed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::{array, s};

    /// Noise on a slow wave and a large mean, with holes, a pixel that does not change for a while, and one that jumps.
    fn movie(n_frames: usize) -> Array3<f32> {
        Array3::from_shape_fn((n_frames, 3, 37), |(t, y, x)| {
            let i = t * 111 + y * 37 + x;
            let noise = ((i * 7919) % 1009) as f32 / 1009.0;
            match (y, x) {
                (0, 3) => f32::NAN,
                (0, 4) if t == 30 => f32::NAN,
                (0, 5) if t % 40 == 7 => f32::INFINITY,
                (1, 6) if t > 12 => 0.1,
                (1, 7) if t == 25 => 3e6,
                (1, 8) => 1e-20 * noise,
                (2, 0) => 0.3,
                _ => 1000.0 + noise + (t as f32 * 0.2 + x as f32).sin(),
            }
        })
    }

    fn seeds(n_frames: usize) -> Array2<f64> {
        Array2::from_shape_fn((n_frames, 4), |(t, seed)| match seed {
            0 => (t as f64 * 0.2).sin() + ((t * 31) % 17) as f64 * 0.05,
            1 if t == 40 => f64::NAN,
            1 => ((t * 7919) % 101) as f64 + 5e3,
            2 => f64::NAN,
            _ => 0.1,
        })
    }

    #[test]
    fn running_equals_the_definition_for_any_window() {
        for n_frames in [1, 2, 3, 41, 90] {
            let (movie, seeds) = (movie(n_frames), seeds(n_frames));
            for window in [2, 3, 20, 21, 40, 41, 90, 91, usize::MAX] {
                let r = running::<f64>(movie.view(), seeds.view(), window).unwrap();
                for (k, seed) in seeds.columns().into_iter().enumerate() {
                    for ((y, x), pixel) in ndarray::indices((3, 37))
                        .into_iter()
                        .map(|at| (at, movie.slice(s![.., at.0, at.1])))
                    {
                        let pixel = pixel.mapv(f64::from).to_vec();
                        let want = match window > n_frames {
                            true => vec![f64::NAN; n_frames],
                            false => direct::running_correlation(&pixel, &seed.to_vec(), window),
                        };
                        for (t, want) in want.into_iter().enumerate() {
                            let r = r[(k, t, y, x)];
                            // The root of the definition is less exact than the sums.
                            assert!(
                                (r.is_nan() && want.is_nan()) || (r - want).abs() < 1e-11,
                                "{n_frames} frames, window {window}, seed {k}, frame {t}, pixel {y} {x}: {r}, {want}"
                            );
                            assert!(r.is_nan() || r.abs() <= 1.0);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn strides_tiles_threads_and_f32_give_the_same_numbers() {
        let (movie, seeds) = (movie(60), seeds(60));
        let bits = |r: Array4<f64>| r.mapv(f64::to_bits);
        let whole = bits(running(movie.view(), seeds.view(), 20).unwrap());
        let turned = movie
            .view()
            .permuted_axes([2, 0, 1])
            .as_standard_layout()
            .into_owned();
        let strided = running(turned.view().permuted_axes([1, 2, 0]), seeds.view(), 20).unwrap();
        assert_eq!(bits(strided), whole);
        let tile = running(movie.slice(s![.., 1.., 5..30]), seeds.view(), 20).unwrap();
        assert_eq!(bits(tile), whole.slice(s![.., .., 1.., 5..30]));
        let mut out = Array4::<f64>::zeros((37, 60, 4, 3));
        running_into(
            movie.view(),
            seeds.view(),
            20,
            out.view_mut().permuted_axes([2, 1, 3, 0]),
        )
        .unwrap();
        assert_eq!(out.permuted_axes([2, 1, 3, 0]).mapv(f64::to_bits), whole);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(
                bits(
                    pool.install(|| running(movie.view(), seeds.view(), 20))
                        .unwrap()
                ),
                whole
            );
        }
        let narrow_r = running::<f32>(movie.view(), seeds.view(), 20).unwrap();
        assert_eq!(
            narrow_r.mapv(f32::to_bits),
            whole.mapv(|r| narrow(f64::from_bits(r)).to_bits())
        );
    }

    #[test]
    fn maps_equal_the_definition() {
        let (movie, seeds) = (movie(90), seeds(90));
        for frames in [0..90, 13..60, 5..7, 5..6, 7..7] {
            let maps = maps(movie.view(), seeds.view(), frames.clone()).unwrap();
            for ((k, y, x), r) in maps.indexed_iter() {
                let pixel = movie
                    .slice(s![frames.clone(), y, x])
                    .mapv(f64::from)
                    .to_vec();
                let want = direct::pearson(&pixel, &seeds.slice(s![frames.clone(), k]).to_vec());
                assert!(
                    (r.is_nan() && want.is_nan()) || (r - want).abs() < 1e-12,
                    "{frames:?}, seed {k}, pixel {y} {x}: {r}, {want}"
                );
            }
        }
    }

    #[test]
    fn the_matrix_is_symmetric_and_equal_to_the_definition() {
        let traces = seeds(90);
        let r = matrix(traces.view());
        for ((i, j), value) in r.indexed_iter() {
            let want = direct::pearson(&traces.column(i).to_vec(), &traces.column(j).to_vec());
            assert!((value.is_nan() && want.is_nan()) || (value - want).abs() < 1e-13);
            assert_eq!(value.to_bits(), r[(j, i)].to_bits());
        }
        assert_eq!(matrix(Array2::zeros((5, 0)).view()).dim(), (0, 0));
        assert!(matrix(Array2::zeros((0, 1)).view())[(0, 0)].is_nan());
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_gives_nothing() {
        let (movie, seeds) = (movie(30), seeds(30));
        let short = seeds.slice(s![1.., ..]);
        assert!(matches!(
            running::<f32>(movie.view(), short, 20),
            Err(Error::Shape { .. })
        ));
        assert!(matches!(
            maps(movie.view(), short, 0..2),
            Err(Error::Shape { .. })
        ));
        for window in [0, 1] {
            let r = running::<f32>(movie.view(), seeds.view(), window);
            assert!(matches!(r, Err(Error::Parameter { .. })));
        }
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        for frames in [0..31, 40..40, 5..4] {
            let r = maps(movie.view(), seeds.view(), frames);
            assert!(matches!(r, Err(Error::Frames { .. })));
        }
        let none = running::<f64>(movie.view(), seeds.slice(s![.., ..0]), 20).unwrap();
        assert_eq!(none.dim(), (0, 30, 3, 37));
        let empty = Array3::zeros((0, 3, 4));
        let r = running::<f64>(empty.view(), Array2::zeros((0, 2)).view(), 20).unwrap();
        assert_eq!(r.dim(), (2, 0, 3, 4));
        let r = maps(empty.view(), Array2::zeros((0, 2)).view(), 0..0).unwrap();
        assert!(r.iter().all(|r| r.is_nan()));
        let flat = Array3::zeros((30, 0, 4));
        assert!(running::<f64>(flat.view(), seeds.view(), 20).is_ok());
        let r = matrix(array![[1.0, 2.0], [f64::NAN, 3.0]].view());
        assert!(r.iter().filter(|r| r.is_nan()).count() == 3 && r[(1, 1)] == 1.0);
    }
}
