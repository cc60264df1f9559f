//! What AUC is where labels mean nothing.

use super::{TOGETHER, Trial, check, for_each_sample, ratio, ties};
use crate::Error;
use crate::number::count;
use crate::percentiles::percentile;
use multiversion::multiversion;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};

/// How labels of trials are shuffled.
///
/// Shuffle k of a seed depends on the seed, k and the numbers of trials alone, so tiles of the same trials are shuffled
/// alike, and neighbouring samples stay alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shuffles {
    /// How many, 1 to 10 000. Default: 1000.
    pub n: usize,
    /// Any number. Default: 0.
    pub seed: u64,
}

impl Default for Shuffles {
    fn default() -> Self {
        Self { n: 1000, seed: 0 }
    }
}

/// Most shuffles: their labels are kept in a byte each.
const MOST: usize = 10_000;

/// Shuffles that are gone through side by side.
const LANES: usize = 32;

/// Percentiles, 0 to 100, of [`auc`](super::auc) over shuffled labels: `(percentile, sample)`, one row for each of
/// `percents`; with 2.5 and 97.5 the band in which 95 % of the values are if the groups do not differ.
///
/// The labels of all trials are shuffled, then those are left out that are not finite at a sample; shuffles
/// that leave a group without trials there do not count, and NaN is where all do. Linear between order statistics, as
/// `numpy.percentile`. Takes the number of shuffles times the number of values.
///
/// ```
/// use ndarray::{Array2, s};
/// use widefield::auc::{self, Shuffles};
///
/// let trials = Array2::from_shape_fn((40, 1), |(trial, _)| trial as f32);
/// let (low, high) = (trials.slice(s![..20, ..]), trials.slice(s![20.., ..]));
/// let band = auc::shuffled(low, high, Shuffles { n: 500, seed: 1 }, &[2.5, 97.5])?;
/// assert!(0.25 < band[(0, 0)] && band[(0, 0)] < 0.4 && 0.6 < band[(1, 0)] && band[(1, 0)] < 0.75);
/// assert!(auc::auc(low, high)?[0] < band[(0, 0)]);
/// # Ok::<(), widefield::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the groups have different numbers of samples; [`Error::Parameter`] if there are no or more than
/// 10 000 shuffles, more than 65 535 trials, or a percentile is not from 0 to 100.
pub fn shuffled(
    first: ArrayView2<'_, f32>,
    second: ArrayView2<'_, f32>,
    shuffles: Shuffles,
    percents: &[f64],
) -> Result<Array2<f64>, Error> {
    let samples = check([first, second])?;
    let parameter = |name, value, expected| Error::Parameter {
        name,
        value,
        expected,
    };
    if !(1..=MOST).contains(&shuffles.n) {
        return Err(parameter("shuffles", count(shuffles.n), "1 to 10 000"));
    }
    if let Some(&wrong) = percents.iter().find(|p| !(0.0..=100.0).contains(*p)) {
        return Err(parameter("percentile", wrong, "0 to 100"));
    }
    let labels = Labels::new(first.nrows(), second.nrows(), shuffles);
    let mut out = Array2::from_elem((percents.len(), samples), f64::NAN);
    let tiles = out.axis_chunks_iter_mut(Axis(1), TOGETHER);
    tiles.into_par_iter().enumerate().for_each_init(
        || (Vec::new(), Vec::new()),
        |(memory, values), (tile, mut out)| {
            let n = out.ncols();
            for_each_sample([first, second], tile, n, memory, |sample, trials| {
                labels.auc(trials, values);
                for (out, &percent) in out.column_mut(sample).iter_mut().zip(percents) {
                    let values = values.iter().copied().filter(|auc| !auc.is_nan());
                    *out = percentile(values, percent).unwrap_or(f64::NAN);
                }
            });
        },
    );
    Ok(out)
}

/// Shuffled labels of all trials.
struct Labels {
    n: usize,
    /// Shuffles, rounded up to whole [`LANES`].
    stride: usize,
    /// For each trial, for each shuffle: 1 if it is in the second group.
    second: Vec<u8>,
}

impl Labels {
    fn new(first: usize, second: usize, shuffles: Shuffles) -> Self {
        let stride = shuffles.n.next_multiple_of(LANES);
        let mut labels = vec![0; stride * (first + second)];
        for shuffle in 0..shuffles.n {
            let mut order = [vec![0; first], vec![1; second]].concat();
            let mut random = Random::of(shuffles.seed, shuffle);
            // Fisher and Yates 1938.
            for i in (1..order.len()).rev() {
                order.swap(i, random.up_to(i));
            }
            for (trial, label) in order.into_iter().enumerate() {
                labels[trial * stride + shuffle] = label;
            }
        }
        Self {
            n: shuffles.n,
            stride,
            second: labels,
        }
    }

    /// AUC of sorted trials for every shuffle.
    fn auc(&self, trials: &[Trial], values: &mut Vec<f64>) {
        values.clear();
        for from in (0..self.stride).step_by(LANES) {
            let (won, below) = wins(trials, &self.second[from..], self.stride);
            let all = trials.len() as u64;
            values.extend(
                won.into_iter()
                    .zip(below)
                    .map(|(won, below)| ratio(won.into(), all - u64::from(below), below.into())),
            );
        }
        values.truncate(self.n);
    }
}

/// Twice the pairs won and the trials of the second group, for shuffles side by side.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn wins(trials: &[Trial], labels: &[u8], stride: usize) -> ([u32; LANES], [u32; LANES]) {
    let (mut won, mut below) = ([0; LANES], [0; LANES]);
    for tie in ties(trials) {
        let mut second = [0_u32; LANES];
        for trial in tie {
            let labels = &labels[trial.row() * stride..][..LANES];
            for (second, label) in second.iter_mut().zip(labels) {
                *second += u32::from(*label);
            }
        }
        // No more than 65 535, as all trials.
        let all = u32::try_from(tie.len()).unwrap_or(u32::MAX);
        for ((won, below), second) in won.iter_mut().zip(&mut below).zip(second) {
            *won += (all - second) * (2 * *below + second);
            *below += second;
        }
    }
    (won, below)
}

/// Random numbers of one shuffle: SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn of(seed: u64, shuffle: usize) -> Self {
        // Two steps, so that neighbouring seeds and shuffles have nothing in common.
        let mut of_seed = Self(seed);
        Self(Self(of_seed.next() ^ shuffle as u64).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `last`, each as often, to 1 in 2^48.
    #[expect(clippy::cast_possible_truncation, reason = "at most `last`")]
    fn up_to(&mut self, last: usize) -> usize {
        ((u128::from(self.next()) * (last as u128 + 1)) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::{auc, tests::groups};
    use super::*;
    use crate::direct;
    use ndarray::{Array2, concatenate, s};

    const PERCENTS: [f64; 4] = [0.0, 2.5, 50.0, 100.0];

    #[test]
    fn equal_to_auc_of_groups_that_are_shuffled() {
        for (n, m, shuffles) in [(3, 4, 33), (20, 31, 64), (1, 0, 5)] {
            let [first, second] = groups(n, m);
            let how = Shuffles {
                n: shuffles,
                seed: 7,
            };
            let band = shuffled(first.view(), second.view(), how, &PERCENTS).unwrap();
            let labels = Labels::new(n, m, how);
            let all = concatenate![Axis(0), first, second];
            for sample in 0..all.ncols() {
                let values = (0..shuffles).filter_map(|k| {
                    let group = |label: u8| -> Vec<f32> {
                        let in_group =
                            |row: &usize| labels.second[row * labels.stride + k] == label;
                        let rows = (0..n + m).filter(in_group);
                        rows.map(|row| all[(row, sample)]).collect()
                    };
                    let auc = direct::auc(&group(0), &group(1));
                    (!auc.is_nan()).then_some(auc)
                });
                let values: Vec<f64> = values.collect();
                for (percent, ours) in PERCENTS.iter().zip(band.column(sample)) {
                    let want = percentile(values.clone(), *percent).unwrap_or(f64::NAN);
                    assert_eq!(
                        ours.to_bits(),
                        want.to_bits(),
                        "sample {sample}, {percent} %"
                    );
                }
            }
        }
    }

    #[test]
    fn labels_keep_their_number_and_every_trial_gets_each() {
        let labels = Labels::new(10, 30, Shuffles { n: 4000, seed: 3 });
        let second = |trial: usize, k: usize| usize::from(labels.second[trial * labels.stride + k]);
        for k in 0..4000 {
            assert_eq!((0..40).map(|trial| second(trial, k)).sum::<usize>(), 30);
        }
        for trial in 0..40 {
            let share = (0..4000).map(|k| second(trial, k)).sum::<usize>() as f64 / 4000.0;
            // Five standard deviations of 0.0068.
            assert!((share - 0.75).abs() < 0.035, "{share}");
        }
    }

    #[test]
    fn the_band_is_that_of_the_rank_sum() {
        // Of 20 and 30 different values the variance of AUC under chance is (n1 + n2 + 1) / (12 n1 n2).
        let first = Array2::from_shape_fn((20, 1), |(trial, _)| trial as f32);
        let second = Array2::from_shape_fn((30, 1), |(trial, _)| trial as f32 + 0.5);
        let how = Shuffles { n: 10_000, seed: 1 };
        let band = shuffled(first.view(), second.view(), how, &[2.5, 50.0, 97.5]).unwrap();
        let sd = (51.0_f64 / (12.0 * 600.0)).sqrt();
        for (found, z) in band.iter().zip([-1.96, 0.0, 1.96]) {
            // Near normal, and the standard error of the percentiles is 0.027 s.d.
            assert!((found - 0.5 - z * sd).abs() < 0.1 * sd, "{found}, {z}");
        }
    }

    #[test]
    fn seeds_differ_and_tiles_and_threads_do_not() {
        let [first, second] = groups(20, 31);
        let band = |seed| {
            shuffled(
                first.view(),
                second.view(),
                Shuffles { n: 50, seed },
                &PERCENTS,
            )
            .unwrap()
        };
        let bits = |band: Array2<f64>| band.mapv(f64::to_bits);
        let whole = bits(band(1));
        assert_ne!(whole, bits(band(2)));
        let (a, b) = (first.slice(s![.., 65..]), second.slice(s![.., 65..]));
        let tile = shuffled(a, b, Shuffles { n: 50, seed: 1 }, &PERCENTS).unwrap();
        assert_eq!(bits(tile), whole.slice(s![.., 65..]));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(bits(pool.install(|| band(1))), whole);
        }
    }

    #[test]
    fn what_cannot_be_shuffled_is_refused() {
        let [first, second] = groups(2, 3);
        let of = |n, percents: &[f64]| {
            shuffled(
                first.view(),
                second.view(),
                Shuffles { n, seed: 0 },
                percents,
            )
        };
        for n in [0, 10_001, usize::MAX] {
            assert!(matches!(of(n, &[50.0]), Err(Error::Parameter { .. })));
        }
        for percent in [-1.0, 100.5, f64::NAN] {
            assert!(matches!(
                of(9, &[50.0, percent]),
                Err(Error::Parameter { .. })
            ));
        }
        assert_eq!(of(9, &[]).unwrap().dim(), (0, 150));
        let all_equal = of(9, &[0.0, 100.0]).unwrap();
        assert_eq!(all_equal.column(7).to_vec(), [0.5, 0.5]);
        assert_eq!(auc(first.view(), second.view()).unwrap()[7], 0.5);
    }
}
