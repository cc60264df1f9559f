//! How well two groups of trials can be told apart, sample by sample: the area under the ROC curve.

mod shuffled;

pub use shuffled::{Shuffles, shuffled};

use crate::Error;
use crate::error::same_shape;
use crate::number::count;
use crate::percentiles::key;
use ndarray::parallel::prelude::*;
use ndarray::{Array1, ArrayView2, Axis, Slice};

/// Samples whose trials are gathered together: a row of an array is read in runs of so many.
const TOGETHER: usize = 64;

/// Most trials: twice their pairs are below 2^32.
const MOST_TRIALS: usize = 65_535;

/// Probability that a trial of the first group is above one of the second, for each sample, 0 to 1; 0.5 is chance.
///
/// Both groups are `(trial, sample)`, where the samples may be any pixels and frames, such as a tile of a movie:
/// `P(first > second) + P(equal) / 2 = U / (n1 n2)` of Mann and Whitney 1947, the area under the ROC curve. Trials that
/// are not finite at a sample are left out there; NaN if a group has none left. Exact but for the last division, the same
/// for any number of threads.
///
/// ```
/// use ndarray::array;
/// use widefield::auc;
///
/// let hits = array![[3.0, 1.0], [5.0, 1.0]];
/// let misses = array![[1.0, 1.0], [4.0, f32::NAN]];
/// // 3 > 1, 5 > 1 and 5 > 4, of 4 pairs; all equal.
/// assert_eq!(auc::auc(hits.view(), misses.view())?, array![0.75, 0.5]);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the groups have different numbers of samples, [`Error::Parameter`] if there are more than 65 535
/// trials.
pub fn auc(first: ArrayView2<'_, f32>, second: ArrayView2<'_, f32>) -> Result<Array1<f64>, Error> {
    let samples = check([first, second])?;
    let mut out = Array1::from_elem(samples, f64::NAN);
    let tiles = out.axis_chunks_iter_mut(Axis(0), TOGETHER);
    tiles
        .into_par_iter()
        .enumerate()
        .for_each_init(Vec::new, |memory, (tile, mut out)| {
            for_each_sample(
                [first, second],
                tile,
                out.len(),
                memory,
                |sample, trials| {
                    out[sample] = of_sorted(trials, first.nrows());
                },
            );
        });
    Ok(out)
}

/// A finite trial at one sample, as a number that sorts as the values do: above the key of the value, below the row; those
/// of the second group after those of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Trial(u64);

impl Trial {
    fn new(value: f32, row: u32) -> Self {
        // -0 becomes 0, which it is equal to.
        let key = key(value + 0.0).cast_unsigned() ^ (1 << 31);
        Self(u64::from(key) << 32 | u64::from(row))
    }

    fn row(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    fn equals(self, other: Self) -> bool {
        self.0 >> 32 == other.0 >> 32
    }
}

/// Calls `work` with each sample of a tile and its trials in ascending order.
fn for_each_sample(
    groups: [ArrayView2<'_, f32>; 2],
    tile: usize,
    n: usize,
    trials: &mut Vec<Vec<Trial>>,
    mut work: impl FnMut(usize, &[Trial]),
) {
    trials.resize(n, Vec::new());
    trials.iter_mut().for_each(Vec::clear);
    let of_tile = Slice::from(tile * TOGETHER..tile * TOGETHER + n);
    let parts = groups.map(|group| group.slice_axis_move(Axis(1), of_tile));
    let rows = parts.iter().flat_map(|group| group.outer_iter());
    for (row, values) in (0_u32..).zip(rows) {
        for (trials, &value) in trials.iter_mut().zip(values) {
            if value.is_finite() {
                trials.push(Trial::new(value, row));
            }
        }
    }
    for (sample, trials) in trials.iter_mut().enumerate() {
        trials.sort_unstable();
        work(sample, trials);
    }
}

/// Groups of equal values.
fn ties(trials: &[Trial]) -> impl Iterator<Item = &[Trial]> {
    trials.chunk_by(|a, b| a.equals(*b))
}

/// AUC of sorted trials, of which those from row `of_first` on are the second group.
fn of_sorted(trials: &[Trial], of_first: usize) -> f64 {
    // Twice the number of pairs won, so that equal ones count 1.
    let (mut won, mut below) = (0, 0);
    for tie in ties(trials) {
        let second = tie.iter().filter(|trial| trial.row() >= of_first).count() as u64;
        let first = tie.len() as u64 - second;
        won += first * (2 * below + second);
        below += second;
    }
    ratio(won, trials.len() as u64 - below, below)
}

/// AUC from twice the number of pairs won.
#[expect(clippy::cast_precision_loss, reason = "rounded as the quotient is")]
fn ratio(won: u64, first: u64, second: u64) -> f64 {
    won as f64 / (2 * first * second) as f64
}

/// How many samples there are.
fn check(groups: [ArrayView2<'_, f32>; 2]) -> Result<usize, Error> {
    let [first, second] = groups;
    same_shape(
        "second group",
        &[second.nrows(), first.ncols()],
        second.shape(),
    )?;
    let trials = first.nrows().saturating_add(second.nrows());
    if trials > MOST_TRIALS {
        return Err(Error::Parameter {
            name: "number of trials",
            value: count(trials),
            expected: "65 535 or fewer",
        });
    }
    Ok(first.ncols())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::{Array2, array, s};

    /// Groups with ties, holes, zeros of both signs, samples without trials in one group or both.
    pub(super) fn groups(first: usize, second: usize) -> [Array2<f32>; 2] {
        let value = |group: usize| {
            move |(trial, sample): (usize, usize)| match (trial * 7919
                + sample * 31
                + group * 104_729)
                % 23
            {
                _ if sample == 5 && group == 1 => f32::NAN,
                _ if sample == 6 => f32::INFINITY,
                _ if sample == 7 => 0.25,
                0 => f32::NAN,
                1 => -0.0,
                2 => 0.0,
                3 => f32::MIN_POSITIVE / 2.0,
                other => (other % 7) as f32 - 3.0 + group as f32 * 0.5 * (sample % 3) as f32,
            }
        };
        let group = |n: usize, k: usize| Array2::from_shape_fn((n, 150), value(k));
        [group(first, 0), group(second, 1)]
    }

    #[test]
    fn equal_to_all_pairs() {
        for (n, m) in [(1, 1), (2, 5), (30, 41), (0, 3), (3, 0), (0, 0)] {
            let [first, second] = groups(n, m);
            let ours = auc(first.view(), second.view()).unwrap();
            for (sample, auc) in ours.iter().enumerate() {
                let column = |group: &Array2<f32>| group.column(sample).to_vec();
                let want = direct::auc(&column(&first), &column(&second));
                assert_eq!(
                    auc.to_bits(),
                    want.to_bits(),
                    "{n} and {m}, sample {sample}"
                );
            }
        }
    }

    #[test]
    fn swapped_groups_are_one_less_it_and_tiles_strides_and_threads_do_not_matter() {
        let [first, second] = groups(30, 41);
        let whole = auc(first.view(), second.view()).unwrap();
        let swapped = auc(second.view(), first.view()).unwrap();
        // The quotient is rounded twice.
        assert!(
            whole
                .iter()
                .zip(&swapped)
                .all(|(a, b)| a.is_nan() && b.is_nan() || (a + b - 1.0).abs() < 1e-15)
        );
        let bits = |auc: Array1<f64>| auc.mapv(f64::to_bits);
        let tile = auc(first.slice(s![.., 70..]), second.slice(s![.., 70..])).unwrap();
        assert_eq!(bits(tile), bits(whole.clone()).slice(s![70..]));
        let turned = first.t().as_standard_layout().into_owned();
        assert_eq!(
            bits(auc(turned.t(), second.view()).unwrap()),
            bits(whole.clone())
        );
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let again = pool.install(|| auc(first.view(), second.view())).unwrap();
            assert_eq!(bits(again), bits(whole.clone()));
        }
    }

    #[test]
    fn any_order_of_the_values_that_keeps_their_order_gives_the_same() {
        let [first, second] = groups(30, 41);
        let cubes = |group: &Array2<f32>| group.mapv(|v| v.powi(3) * 2.0 + v);
        let whole = auc(first.view(), second.view()).unwrap();
        let other = auc(cubes(&first).view(), cubes(&second).view()).unwrap();
        assert_eq!(whole.mapv(f64::to_bits), other.mapv(f64::to_bits));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let wrong = auc(Array2::zeros((2, 3)).view(), Array2::zeros((2, 4)).view());
        assert!(matches!(wrong, Err(Error::Shape { .. })));
        let wrong = auc(
            Array2::zeros((40_000, 1)).view(),
            Array2::zeros((40_000, 1)).view(),
        );
        assert!(matches!(wrong, Err(Error::Parameter { .. })));
        assert_eq!(
            auc(array![[], []].view(), array![[]].view()).unwrap().len(),
            0
        );
    }
}
