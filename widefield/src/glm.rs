//! A linear model of five values of every trial: what cue, texture and response add to the baseline.
//!
//! Of every trial and pixel come five values, its [`Cells`]: the mean of a baseline window, and the maxima of four later
//! windows. Each is one row of a least-squares problem whose columns are an intercept, the cue, and for every condition
//! texture in, texture out and response. Every row but that of the baseline has exactly one of these columns, so the
//! model is saturated and least squares is closed form: the intercept is the mean of all baselines, and a beta is the
//! mean of its cells less the intercept.
//!
//! # What it does not say
//!
//! It describes, it does not test: there are no standard errors and no p-values, as the five rows of a trial depend on
//! each other. With F0 from the frames of the baseline window the baseline is 0 by construction, which inflates R^2. The
//! maximum of many frames of noise is larger than that of few, so betas of windows of different length do not compare:
//! with the default windows the cue has 4 frames, the others have 20. The default window of texture out ends before the
//! texture leaves.

mod cells;

pub use cells::{Cells, CellsOfTrial, Windows};

use crate::Error;
use crate::error::same_shape;
use crate::number::count;
use ndarray::{Array2, Array3, Axis, Zip, s};

/// Takes up trials one at a time and holds as many images as the model has columns and one more, however many trials
/// there are.
///
/// ```
/// use ndarray::{Array3, array};
/// use widefield::glm::{Cells, Glm, Windows};
///
/// let mut glm = Glm::new(&["P100", "P1200"], Windows::default(), (1, 1))?;
/// // Base, cue, texture in, texture out, response.
/// let cells = |values: [f64; 5]| Cells::from_values(Array3::from_shape_fn((5, 1, 1), |(k, _, _)| values[k]));
/// glm.add("P100", &cells([0.0, 1.0, 4.0, 2.0, 3.0])?)?;
/// glm.add("P100", &cells([2.0, 2.0, 6.0, 2.0, 3.0])?)?;
/// glm.add("P1200", &cells([1.0, 3.0, 9.0, 5.0, 1.0])?)?;
/// assert!(!glm.add("P500", &cells([9.0; 5])?)?); // no condition of the model
///
/// let fit = glm.fit();
/// assert_eq!(fit.intercept, array![[1.0]]);
/// assert_eq!(fit.names[1], "tr_P100_In [0, 1) s");
/// assert_eq!(fit.betas[(1, 0, 0)], 4.0); // mean of 4 and 6, less 1
/// assert_eq!(fit.betas[(0, 0, 0)], 1.0); // mean of 1, 2 and 3, less 1
/// # Ok::<(), widefield::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Glm {
    conditions: Vec<String>,
    windows: Windows,
    /// Trials of each condition.
    trials: Vec<usize>,
    /// Mean of the cells of each group `(group, y, x)`: base, cue, then texture in, texture out and response, each for
    /// every condition.
    means: Array3<f64>,
    /// Sum of squared deviations from the means of the groups.
    within: Array2<f64>,
}

/// What [`Glm::fit`] gives. Images are `(y, x)`, in the unit of the movie.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fit {
    /// Mean of the baseline over all trials; NaN without trials.
    pub intercept: Array2<f64>,
    /// `(k, y, x)`, in the order of `names`: what is added to the intercept. NaN for a condition without trials.
    pub betas: Array3<f64>,
    /// Name of each beta with its window in seconds: `cue_stim`, then `tr_<condition>_In` of every condition,
    /// `tr_<condition>_Out` and `response_<condition>`.
    pub names: Vec<String>,
    /// Coefficient of determination, 0 to 1: `1 - SS_within / SS_total`; NaN where all values are equal.
    pub rsq: Array2<f64>,
    /// Trials of each condition.
    pub trials: Vec<usize>,
}

impl Glm {
    /// A model of these conditions, of which there may be any number, for images `(height, width)`.
    ///
    /// # Errors
    /// [`Error::Window`] as [`Windows::check`]; [`Error::TooLarge`] if no address space has room for the images.
    pub fn new(
        conditions: &[impl AsRef<str>],
        windows: Windows,
        (height, width): (usize, usize),
    ) -> Result<Self, Error> {
        windows.check()?;
        let conditions: Vec<String> = conditions.iter().map(|c| c.as_ref().to_owned()).collect();
        let groups = 2 + 3 * conditions.len();
        let elements = [groups, height, width]
            .iter()
            .try_fold(1_usize, |n, &side| n.checked_mul(side.max(1)));
        if elements.is_none_or(|n| n > isize::MAX.unsigned_abs() / size_of::<f64>()) {
            return Err(Error::TooLarge {
                what: "model",
                shape: vec![groups, height, width],
            });
        }
        Ok(Self {
            trials: vec![0; conditions.len()],
            conditions,
            windows,
            means: Array3::zeros((groups, height, width)),
            within: Array2::zeros((height, width)),
        })
    }

    /// Adds the cells of a trial; `false` if the model does not have its condition, so that the trial is not used.
    ///
    /// A pixel that is NaN in one cell of one trial that is used is NaN in everything.
    ///
    /// # Errors
    /// [`Error::Shape`] if the images have another shape.
    pub fn add(&mut self, condition: &str, cells: &Cells) -> Result<bool, Error> {
        let values = cells.values();
        same_shape("cells", &self.means.shape()[1..], &values.shape()[1..])?;
        let Some(condition) = self.conditions.iter().position(|c| c == condition) else {
            return Ok(false);
        };
        self.trials[condition] += 1;
        for (cell, values) in values.outer_iter().enumerate() {
            let group = self.group(cell, condition);
            let n = count(self.in_group(group));
            // Welford 1962.
            Zip::from(self.means.index_axis_mut(Axis(0), group))
                .and(&mut self.within)
                .and(values)
                .par_for_each(|mean, within, &value| {
                    let before = value - *mean;
                    *mean += before / n;
                    *within += before * (value - *mean);
                });
        }
        Ok(true)
    }

    /// The fit to the trials so far.
    pub fn fit(&self) -> Fit {
        let groups = self.means.len_of(Axis(0));
        let rows: Vec<f64> = (0..groups).map(|g| count(self.in_group(g))).collect();
        let mut fit = Fit {
            intercept: Array2::from_elem(self.within.dim(), f64::NAN),
            betas: self.means.slice(s![1.., .., ..]).to_owned(),
            names: self.windows.names(&self.conditions),
            rsq: Array2::from_elem(self.within.dim(), f64::NAN),
            trials: self.trials.clone(),
        };
        Zip::from(self.means.lanes(Axis(0)))
            .and(&self.within)
            .and(fit.betas.lanes_mut(Axis(0)))
            .and(&mut fit.intercept)
            .and(&mut fit.rsq)
            .par_for_each(|means, &within, mut betas, intercept, rsq| {
                // NaN of any cell is in here.
                if within.is_nan() || rows[0] == 0.0 {
                    betas.fill(f64::NAN);
                    return;
                }
                *intercept = means[0];
                // Differences from the intercept: of equal values they are 0 without rounding.
                for (beta, &n) in betas.iter_mut().zip(&rows[1..]) {
                    *beta = if n > 0.0 { *beta - means[0] } else { f64::NAN };
                }
                let used = || rows[1..].iter().zip(&betas).filter(|(n, _)| **n > 0.0);
                let all = rows.iter().sum::<f64>();
                let grand = used().map(|(n, beta)| n * beta).sum::<f64>() / all;
                let between = rows[0] * grand * grand
                    + used()
                        .map(|(n, beta)| n * (beta - grand).powi(2))
                        .sum::<f64>();
                *rsq = between / (within + between);
            });
        fit
    }

    /// How many trials each condition has.
    pub fn trials(&self) -> impl ExactSizeIterator<Item = (&str, usize)> {
        let names = self.conditions.iter().map(String::as_str);
        names.zip(self.trials.iter().copied())
    }

    /// Height and width of the images.
    pub fn dim(&self) -> (usize, usize) {
        self.within.dim()
    }

    /// Where the cell of a trial of this condition belongs.
    fn group(&self, cell: usize, condition: usize) -> usize {
        match cell {
            0 | 1 => cell,
            later => 2 + (later - 2) * self.conditions.len() + condition,
        }
    }

    /// Trials of a group.
    fn in_group(&self, group: usize) -> usize {
        match group.checked_sub(2) {
            None => self.trials.iter().sum(),
            Some(of_condition) => self.trials[of_condition % self.conditions.len().max(1)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direct;
    use ndarray::Array3;

    fn cells(trial: usize) -> Cells {
        Cells::from_values(Array3::from_shape_fn((5, 2, 3), |(cell, y, x)| {
            let noise = ((trial * 7919 + cell * 104_729 + y * 31 + x * 17) % 1009) as f64 / 1009.0;
            match (y, x) {
                (0, 0) => 0.1,
                (0, 1) if (trial, cell) == (4, 3) => f64::NAN,
                (0, 2) if (trial, cell) == (2, 0) => f64::INFINITY,
                (1, 2) => 1000.0 + 1e-3 * noise,
                _ => noise + cell as f64 * 0.3 * (1 + trial % 3) as f64,
            }
        }))
        .unwrap()
    }

    const CONDITIONS: [&str; 3] = ["P100", "P1200", "tone"];

    fn model(trials: usize) -> Glm {
        let mut glm = Glm::new(&CONDITIONS, Windows::default(), (2, 3)).unwrap();
        for trial in 0..trials {
            assert!(glm.add(CONDITIONS[trial % 3], &cells(trial)).unwrap());
            assert!(!glm.add("P500", &cells(trial + 1)).unwrap());
        }
        glm
    }

    #[test]
    fn equal_to_least_squares_of_the_whole_design() {
        for trials in [3, 4, 20] {
            let fit = model(trials).fit();
            for y in 0..2 {
                for x in 0..3 {
                    let rows: Vec<_> = (0..trials)
                        .map(|trial| {
                            let cells = cells(trial);
                            (
                                std::array::from_fn(|cell| cells.values()[(cell, y, x)]),
                                trial % 3,
                            )
                        })
                        .collect();
                    if (y, x) == (0, 0) {
                        assert_eq!(fit.intercept[(0, 0)], 0.1);
                        assert!(
                            fit.betas
                                .slice(s![.., 0, 0])
                                .iter()
                                .all(|beta| *beta == 0.0)
                        );
                        assert!(fit.rsq[(0, 0)].is_nan());
                        continue;
                    }
                    if rows
                        .iter()
                        .any(|(cells, _)| cells.iter().any(|v| v.is_nan()))
                    {
                        let values = fit.betas.slice(s![.., y, x]);
                        assert!(values.iter().all(|v| v.is_nan()));
                        assert!(fit.intercept[(y, x)].is_nan() && fit.rsq[(y, x)].is_nan());
                        continue;
                    }
                    let (coefficients, rsq) = direct::glm(&rows, 3);
                    let ours = std::iter::once(fit.intercept[(y, x)])
                        .chain(fit.betas.slice(s![.., y, x]).to_vec());
                    for (ours, want) in ours.zip(coefficients) {
                        // The decomposition loses digits to a mean of 1000.
                        assert!(
                            (ours - want).abs() < 1e-10,
                            "{trials}, {y} {x}: {ours}, {want}"
                        );
                    }
                    let close = if (y, x) == (1, 2) { 1e-4 } else { 1e-12 };
                    assert!(
                        (fit.rsq[(y, x)] - rsq).abs() < close,
                        "{} {rsq}",
                        fit.rsq[(y, x)]
                    );
                }
            }
        }
    }

    #[test]
    fn conditions_without_trials_are_nan_and_change_nothing_else() {
        let with = Glm::new(&["P100", "never"], Windows::default(), (2, 3));
        let without = Glm::new(&["P100"], Windows::default(), (2, 3));
        let (mut with, mut without) = (with.unwrap(), without.unwrap());
        for trial in 0..4 {
            with.add("P100", &cells(trial)).unwrap();
            without.add("P100", &cells(trial)).unwrap();
        }
        let (with, without) = (with.fit(), without.fit());
        assert_eq!(with.rsq[(1, 0)], without.rsq[(1, 0)]);
        for (ours, theirs) in [(0, 0), (1, 1), (3, 2), (5, 3)] {
            assert_eq!(with.betas[(ours, 1, 0)], without.betas[(theirs, 1, 0)]);
        }
        for k in [2, 4, 6] {
            assert!(with.names[k].contains("never") && with.betas[(k, 1, 0)].is_nan());
        }
    }

    #[test]
    fn one_trial_is_explained_and_none_is_nan() {
        let fit = model(1).fit();
        assert_eq!(fit.rsq[(1, 1)], 1.0);
        assert_eq!(fit.trials, [1, 0, 0]);
        for none in [
            model(0),
            Glm::new(&[""; 0], Windows::default(), (2, 3)).unwrap(),
        ] {
            let fit = none.fit();
            let all = fit.intercept.iter().chain(&fit.betas).chain(&fit.rsq);
            assert!(all.copied().all(f64::is_nan));
            assert_eq!(fit.betas.len_of(Axis(0)), fit.names.len());
        }
    }

    #[test]
    fn names_are_in_the_order_of_the_betas() {
        let glm = Glm::new(&["a", "b"], Windows::default(), (1, 1)).unwrap();
        let want = [
            "cue_stim [-1.9, -1.7) s",
            "tr_a_In [0, 1) s",
            "tr_b_In [0, 1) s",
            "tr_a_Out [1, 2) s",
            "tr_b_Out [1, 2) s",
            "response_a [4.9, 5.9) s",
            "response_b [4.9, 5.9) s",
        ];
        assert_eq!(glm.fit().names, want);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut glm = model(2);
        let other = Cells::from_values(Array3::zeros((5, 3, 2))).unwrap();
        assert!(matches!(glm.add("P100", &other), Err(Error::Shape { .. })));
        assert_eq!(glm.trials().map(|(_, n)| n).sum::<usize>(), 2);
        let huge = Glm::new(&["a"], Windows::default(), (usize::MAX, 0));
        assert!(matches!(huge, Err(Error::TooLarge { .. })));
        let windows = Windows {
            response: 2.0..f64::NAN,
            ..Windows::default()
        };
        let wrong = Glm::new(&["a"], windows, (1, 1)).unwrap_err();
        assert!(
            wrong.to_string().contains("\"response\" from 2 s to NaN s"),
            "{wrong}"
        );
    }
}
