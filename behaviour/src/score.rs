//! Counts of outcomes, and the rates and indices of them.

use crate::error::Error;
use crate::interval::{Interval, wilson};
use crate::outcome::Outcome;
use crate::sdt::{self, Correction};
use crate::stimulus::{Correct, Matching, Table};
use crate::trial::Trial;

/// How often each outcome occurred.
///
/// ```
/// use widefield_behaviour::{Correction, Outcome, Score};
/// let score: Score = [Outcome::Hit, Outcome::Hit, Outcome::Miss, Outcome::CorrectRejection]
///     .into_iter()
///     .collect();
/// assert_eq!((score.hits(), score.go_trials(), score.no_go_trials()), (2, 3, 1));
/// assert!((score.hit_rate() - 2.0 / 3.0).abs() < 1e-15);
/// assert!(score.d_prime(Correction::LogLinear) > 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    counts: [u32; 6],
    damaged: u32,
}

impl Score {
    /// Counts the outcomes of trials. `stimuli` names the correct decision for each stimulus, by
    /// its full name.
    ///
    /// [Damaged](Trial::damaged) trials are counted apart, whatever they hold.
    ///
    /// # Errors
    /// [`Error::UnknownStimulus`] and [`Error::MissingStimulus`] for the first undamaged trial
    /// whose stimulus is not listed or missing; [`Error::Contradiction`] for the list.
    pub fn of(trials: &[Trial], stimuli: &[(impl AsRef<str>, Correct)]) -> Result<Self, Error> {
        Self::with(trials, &Table::new(stimuli, Matching::FullName)?)
    }

    /// Like [`Score::of`], with a table made before.
    ///
    /// # Errors
    /// [`Error::UnknownStimulus`], [`Error::MissingStimulus`].
    pub fn with<'t>(
        trials: impl IntoIterator<Item = &'t Trial>,
        table: &Table,
    ) -> Result<Self, Error> {
        let mut score = Score::default();
        for trial in trials {
            score.add(table.outcome(trial)?);
        }
        Ok(score)
    }

    /// One count per stimulus of the trials, in the order of first appearance. Damaged trials
    /// without stimulus are left out.
    ///
    /// # Errors
    /// Like [`Score::with`].
    pub fn by_stimulus(trials: &[Trial], table: &Table) -> Result<Vec<(String, Score)>, Error> {
        let mut scores: Vec<(String, Score)> = Vec::new();
        for trial in trials {
            let outcome = table.outcome(trial)?;
            let Some(stimulus) = &trial.stimulus else {
                continue;
            };
            match scores.iter_mut().find(|(known, _)| known == stimulus) {
                Some((_, score)) => score.add(outcome),
                None => {
                    let mut score = Score::default();
                    score.add(outcome);
                    scores.push((stimulus.clone(), score));
                }
            }
        }
        Ok(scores)
    }

    /// Counts one more outcome, `None` for a damaged trial.
    pub fn add(&mut self, outcome: Option<Outcome>) {
        let count = self.slot(outcome);
        *count = count.saturating_add(1);
    }

    /// Takes back an outcome counted before; no effect if there is none.
    pub fn remove(&mut self, outcome: Option<Outcome>) {
        let count = self.slot(outcome);
        *count = count.saturating_sub(1);
    }

    fn slot(&mut self, outcome: Option<Outcome>) -> &mut u32 {
        match outcome {
            Some(outcome) => &mut self.counts[outcome as usize],
            None => &mut self.damaged,
        }
    }

    /// How often an outcome occurred.
    pub fn count(&self, outcome: Outcome) -> u32 {
        self.counts[outcome as usize]
    }

    /// Go stimulus, licked: "Correct responses" of the notebook.
    pub fn hits(&self) -> u32 {
        self.count(Outcome::Hit)
    }

    /// Go stimulus, not licked: "Missed responses".
    pub fn misses(&self) -> u32 {
        self.count(Outcome::Miss)
    }

    /// No Go stimulus, not licked: "Correct rejects".
    pub fn correct_rejections(&self) -> u32 {
        self.count(Outcome::CorrectRejection)
    }

    /// No Go stimulus, licked.
    pub fn false_alarms(&self) -> u32 {
        self.count(Outcome::FalseAlarm)
    }

    /// Early licks and trials without decision; in neither of the trial totals.
    pub fn early(&self) -> u32 {
        self.count(Outcome::Early)
    }

    /// Trials whose stimulus and decision contradict each other; in neither of the trial totals.
    pub fn unscored(&self) -> u32 {
        self.count(Outcome::Unscored)
    }

    /// Trials that unusable lines damaged; in neither of the trial totals.
    pub fn damaged(&self) -> u32 {
        self.damaged
    }

    /// Hits and misses.
    pub fn go_trials(&self) -> u32 {
        self.hits().saturating_add(self.misses())
    }

    /// Correct rejections and false alarms.
    pub fn no_go_trials(&self) -> u32 {
        self.correct_rejections()
            .saturating_add(self.false_alarms())
    }

    /// All trials counted.
    pub fn trials(&self) -> u32 {
        self.counts
            .iter()
            .fold(self.damaged, |sum, count| sum.saturating_add(*count))
    }

    /// Hits of Go trials, 0 to 1; NaN without Go trials.
    pub fn hit_rate(&self) -> f64 {
        ratio(self.hits(), self.go_trials())
    }

    /// False alarms of No Go trials, 0 to 1; NaN without No Go trials.
    pub fn false_alarm_rate(&self) -> f64 {
        ratio(self.false_alarms(), self.no_go_trials())
    }

    /// Hits and correct rejections of all scored trials, 0 to 1; NaN without any.
    pub fn fraction_correct(&self) -> f64 {
        let scored = self.go_trials().saturating_add(self.no_go_trials());
        ratio(
            self.hits().saturating_add(self.correct_rejections()),
            scored,
        )
    }

    /// Early trials of all, 0 to 1; NaN without trials.
    pub fn early_rate(&self) -> f64 {
        ratio(self.early(), self.trials())
    }

    /// [Wilson interval](crate::wilson) of the hit rate; `confidence` e.g. 0.95.
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < `confidence` < 1.
    pub fn hit_rate_interval(&self, confidence: f64) -> Result<Interval, Error> {
        wilson(self.hits(), self.go_trials(), confidence)
    }

    /// [Wilson interval](crate::wilson) of the false alarm rate.
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < `confidence` < 1.
    pub fn false_alarm_rate_interval(&self, confidence: f64) -> Result<Interval, Error> {
        wilson(self.false_alarms(), self.no_go_trials(), confidence)
    }

    /// Sensitivity d'; see [`sdt::d_prime`].
    pub fn d_prime(&self, correction: Correction) -> f64 {
        let (z_hit, z_false_alarm) = self.z(correction);
        sdt::d_prime_of_z(z_hit, z_false_alarm)
    }

    /// Criterion c; see [`sdt::criterion`].
    pub fn criterion(&self, correction: Correction) -> f64 {
        let (z_hit, z_false_alarm) = self.z(correction);
        sdt::criterion_of_z(z_hit, z_false_alarm)
    }

    /// Likelihood ratio beta; see [`sdt::beta`].
    pub fn beta(&self, correction: Correction) -> f64 {
        let (z_hit, z_false_alarm) = self.z(correction);
        sdt::beta_of_z(z_hit, z_false_alarm)
    }

    fn z(&self, correction: Correction) -> (f64, f64) {
        (
            sdt::quantile(correction.rate(self.hits(), self.go_trials())),
            sdt::quantile(correction.rate(self.false_alarms(), self.no_go_trials())),
        )
    }
}

impl FromIterator<Outcome> for Score {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        let mut score = Score::default();
        outcomes
            .into_iter()
            .for_each(|outcome| score.add(Some(outcome)));
        score
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_without_trials_are_nan() {
        let none = Score::default();
        assert!(none.hit_rate().is_nan() && none.false_alarm_rate().is_nan());
        assert!(none.fraction_correct().is_nan() && none.early_rate().is_nan());
        for correction in [
            Correction::None,
            Correction::HalfTrial,
            Correction::LogLinear,
        ] {
            assert!(none.d_prime(correction).is_nan() && none.beta(correction).is_nan());
        }
    }

    #[test]
    fn early_unscored_and_damaged_stay_out_of_the_totals() {
        let mut score: Score = Outcome::ALL.into_iter().collect();
        score.add(None);
        assert_eq!(
            (score.go_trials(), score.no_go_trials(), score.trials()),
            (2, 2, 7)
        );
        assert_eq!(
            (score.early(), score.unscored(), score.damaged()),
            (1, 1, 1)
        );
        assert_eq!(score.fraction_correct(), 0.5);
        score.remove(Some(Outcome::Hit));
        score.remove(Some(Outcome::Hit));
        assert_eq!((score.hits(), score.trials()), (0, 6));
    }
}
