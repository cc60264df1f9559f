//! Counts of outcomes, and the rates and indices of them.

use crate::error::Error;
use crate::interval::{Interval, wilson};
use crate::outcome::{Outcome, Verdict};
use crate::sdt::{self, Correction};
use crate::stimuli::Stimuli;
use crate::trial::Trial;
use std::collections::HashMap;

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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Score {
    hits: u32,
    misses: u32,
    correct_rejections: u32,
    false_alarms: u32,
    early: u32,
    unscored: u32,
    damaged: u32,
    left_out: u32,
}

impl Score {
    /// Counts what becomes of trials.
    ///
    /// # Errors
    /// [`Error::UnknownStimulus`] and [`Error::MissingStimulus`] for the first undamaged trial
    /// whose stimulus is not listed or missing, unless
    /// [such trials are left out](crate::Unlabelled::LeaveOut).
    pub fn from_trials<'t>(
        trials: impl IntoIterator<Item = &'t Trial>,
        stimuli: &Stimuli,
    ) -> Result<Self, Error> {
        trials.into_iter().map(|t| stimuli.judge(t)).collect()
    }

    /// One count per stimulus of the trials, in the order of first appearance. Trials without
    /// stimulus are in none.
    ///
    /// # Errors
    /// Like [`Score::from_trials`].
    pub fn by_stimulus<'t>(
        trials: impl IntoIterator<Item = &'t Trial>,
        stimuli: &Stimuli,
    ) -> Result<Vec<(&'t str, Score)>, Error> {
        let judged = trials.into_iter().map(|trial| {
            let verdict = stimuli.judge(trial)?;
            Ok((trial.stimulus.as_deref(), verdict))
        });
        let judged: Vec<_> = judged.collect::<Result<_, Error>>()?;
        let named = judged.into_iter();
        Ok(Self::by_name(named.filter_map(|(stimulus, verdict)| {
            Some((stimulus?, verdict))
        })))
    }

    /// One count per name of what became of trials, in the order of first appearance.
    ///
    /// ```
    /// use widefield_behaviour::{Outcome, Score};
    /// let trials = [("tone", Outcome::Hit), ("noise", Outcome::FalseAlarm), ("tone", Outcome::Miss)];
    /// let scores = Score::by_name(trials);
    /// assert_eq!((scores[0].0, scores[0].1.go_trials(), scores[1].0), ("tone", 2, "noise"));
    /// ```
    pub fn by_name<'t>(
        trials: impl IntoIterator<Item = (&'t str, impl Into<Verdict>)>,
    ) -> Vec<(&'t str, Score)> {
        let mut scores: Vec<(&str, Score)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (name, verdict) in trials {
            let at = *places.entry(name).or_insert_with(|| {
                scores.push((name, Score::default()));
                scores.len() - 1
            });
            scores[at].1.add(verdict);
        }
        scores
    }

    /// Counts one more trial.
    pub fn add(&mut self, verdict: impl Into<Verdict>) {
        let count = self.count_mut(verdict.into());
        *count = count.saturating_add(1);
    }

    /// Takes back a trial counted before; no effect if there is none such.
    pub fn remove(&mut self, verdict: impl Into<Verdict>) {
        let count = self.count_mut(verdict.into());
        *count = count.saturating_sub(1);
    }

    fn count_mut(&mut self, verdict: Verdict) -> &mut u32 {
        match verdict {
            Verdict::Scored(Outcome::Hit) => &mut self.hits,
            Verdict::Scored(Outcome::Miss) => &mut self.misses,
            Verdict::Scored(Outcome::CorrectRejection) => &mut self.correct_rejections,
            Verdict::Scored(Outcome::FalseAlarm) => &mut self.false_alarms,
            Verdict::Scored(Outcome::Early) => &mut self.early,
            Verdict::Scored(Outcome::Unscored) => &mut self.unscored,
            Verdict::Damaged => &mut self.damaged,
            Verdict::LeftOut => &mut self.left_out,
        }
    }

    /// How often an outcome occurred.
    pub fn count(mut self, outcome: Outcome) -> u32 {
        *self.count_mut(outcome.into())
    }

    /// Go stimulus, licked: "Correct responses" of the notebook.
    pub fn hits(&self) -> u32 {
        self.hits
    }

    /// Go stimulus, not licked: "Missed responses".
    pub fn misses(&self) -> u32 {
        self.misses
    }

    /// No Go stimulus, not licked: "Correct rejects".
    pub fn correct_rejections(&self) -> u32 {
        self.correct_rejections
    }

    /// No Go stimulus, licked.
    pub fn false_alarms(&self) -> u32 {
        self.false_alarms
    }

    /// Early licks and trials without decision; in neither of the trial totals.
    pub fn early(&self) -> u32 {
        self.early
    }

    /// Trials whose stimulus and decision contradict each other; in neither of the trial totals.
    pub fn unscored(&self) -> u32 {
        self.unscored
    }

    /// Trials that unusable lines damaged; in neither of the trial totals.
    pub fn damaged(&self) -> u32 {
        self.damaged
    }

    /// Trials whose stimulus is missing or not listed; in neither of the trial totals.
    pub fn left_out(&self) -> u32 {
        self.left_out
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
        [
            self.go_trials(),
            self.no_go_trials(),
            self.early,
            self.unscored,
            self.damaged,
            self.left_out,
        ]
        .into_iter()
        .fold(0, u32::saturating_add)
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

    /// Approximate confidence interval of d'; see [`sdt::d_prime_interval`].
    ///
    /// # Errors
    /// [`Error::Range`] unless 0 < `confidence` < 1.
    pub fn d_prime_interval(
        &self,
        correction: Correction,
        confidence: f64,
    ) -> Result<Interval, Error> {
        let counts = sdt::Counts {
            hits: self.hits(),
            signal: self.go_trials(),
            false_alarms: self.false_alarms(),
            noise: self.no_go_trials(),
        };
        sdt::d_prime_interval(counts, correction, confidence)
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

impl<V: Into<Verdict>> FromIterator<V> for Score {
    fn from_iter<I: IntoIterator<Item = V>>(trials: I) -> Self {
        let mut score = Score::default();
        trials.into_iter().for_each(|verdict| score.add(verdict));
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
        for correction in Correction::ALL {
            assert!(none.d_prime(correction).is_nan() && none.beta(correction).is_nan());
        }
    }

    #[test]
    fn early_unscored_and_damaged_stay_out_of_the_totals() {
        let mut score: Score = Outcome::ALL.into_iter().collect();
        score.add(Verdict::Damaged);
        score.add(Verdict::LeftOut);
        assert_eq!(
            (score.go_trials(), score.no_go_trials(), score.trials()),
            (2, 2, 8)
        );
        assert_eq!(
            (
                score.early(),
                score.unscored(),
                score.damaged(),
                score.left_out()
            ),
            (1, 1, 1, 1)
        );
        assert_eq!(score.fraction_correct(), 0.5);
        score.remove(Outcome::Hit);
        score.remove(Outcome::Hit);
        assert_eq!((score.hits(), score.trials()), (0, 7));
    }
}
