//! How performance changes: within a session, and from session to session.

use std::ops::Range;

use jiff::civil::DateTime;

use crate::error::Error;
use crate::outcome::Verdict;
use crate::score::Score;
use crate::stimuli::Stimuli;
use crate::trial::Trial;

/// One position of a sliding window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Indices of its trials, from 0, end excluded.
    pub trials: Range<usize>,
    /// Their outcomes.
    pub score: Score,
}

/// The score of every `width` consecutive trials, the window moving on by `step` trials.
///
/// Trials of every kind count for the width, early and damaged ones too. Fewer trials than `width`
/// give no window, and neither do the last ones that do not fill another.
///
/// ```
/// # use widefield_behaviour::*;
/// # let log = Log::parse(include_str!("../tests/data/every_decision.txt"))?;
/// # let stimuli = [("Texture 1 P100", Correct::Go), ("Texture 7 P1200", Correct::NoGo)];
/// let stimuli = Stimuli::new(&stimuli, Matching::FullName)?;
/// for window in sliding(log.trials(), &stimuli, 4, 1)? {
///     println!("from trial {}: {:.2}", window.trials.start, window.score.hit_rate());
/// }
/// # assert_eq!(sliding(log.trials(), &stimuli, 4, 1)?.len(), 7);
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Range`] if `width` or `step` is 0; [`Error::UnknownStimulus`],
/// [`Error::MissingStimulus`].
pub fn sliding(
    trials: &[Trial],
    stimuli: &Stimuli,
    width: usize,
    step: usize,
) -> Result<Vec<Window>, Error> {
    for (what, value) in [("the window's width", width), ("the window's step", step)] {
        if value == 0 {
            return Err(Error::Range {
                what,
                value: 0.0,
                range: "at least 1",
            });
        }
    }
    let outcomes = trials
        .iter()
        .map(|trial| stimuli.judge(trial))
        .collect::<Result<Vec<Verdict>, _>>()?;
    let mut windows: Vec<Window> = Vec::new();
    for start in (0..=outcomes.len().saturating_sub(width)).step_by(step) {
        let Some(now) = outcomes.get(start..start + width) else {
            break;
        };
        let score = match windows.last() {
            // What left and what came, rather than all again.
            Some(last) if step < width => {
                let mut score = last.score;
                outcomes[last.trials.start..start]
                    .iter()
                    .for_each(|gone| score.remove(*gone));
                now[width - step..].iter().for_each(|come| score.add(*come));
                score
            }
            _ => now.iter().copied().collect(),
        };
        windows.push(Window {
            trials: start..start + width,
            score,
        });
    }
    Ok(windows)
}

/// One session of a learning curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What the caller calls it.
    pub name: String,
    /// Start of its first trial; `None` without trials.
    pub start: Option<DateTime>,
    /// Its outcomes.
    pub score: Score,
}

/// The score of each session, in the order given.
///
/// ```
/// # use widefield_behaviour::*;
/// # let log = Log::parse(include_str!("../tests/data/every_decision.txt"))?;
/// # let stimuli = [("Texture 1 P100", Correct::Go), ("Texture 7 P1200", Correct::NoGo)];
/// # let stimuli = Stimuli::new(&stimuli, Matching::FullName)?;
/// # let (monday, tuesday) = (log.trials(), log.trials());
/// for session in learning_curve([("Monday", monday), ("Tuesday", tuesday)], &stimuli)? {
///     let rate = session.score.hit_rate_interval(0.95)?;
///     println!("{}: hits {:.2} to {:.2}", session.name, rate.low, rate.high);
/// }
/// # Ok::<(), widefield_behaviour::Error>(())
/// ```
///
/// # Errors
/// [`Error::Session`] naming the session, with its cause.
pub fn learning_curve<'t, N: Into<String>>(
    sessions: impl IntoIterator<Item = (N, &'t [Trial])>,
    stimuli: &Stimuli,
) -> Result<Vec<Session>, Error> {
    let one = |(name, trials): (N, &[Trial])| {
        let (name, start) = (name.into(), trials.first().map(|trial| trial.start));
        match Score::from_trials(trials, stimuli) {
            Ok(score) => Ok(Session { name, start, score }),
            Err(cause) => Err(Error::Session {
                session: name,
                cause: Box::new(cause),
            }),
        }
    };
    sessions.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Decision;
    use crate::stimuli::Matching;
    use crate::stimulus::Correct;
    use jiff::civil::date;

    fn stimuli() -> Stimuli {
        Stimuli::new(&[("Texture 1 P100", Correct::Go)], Matching::FullName).unwrap()
    }

    /// Trials of one Go stimulus: `h` hit, `m` miss, `e` early, `d` damaged.
    fn trials(kinds: &str) -> Vec<Trial> {
        let one = |kind| {
            let mut trial = Trial::new(1, 1, date(2017, 2, 14).at(10, 0, 0, 0));
            trial.stimulus = Some("Texture 1 P100".to_owned());
            trial.damaged = kind == 'd';
            trial.decision = match kind {
                'h' => Decision::Go,
                'm' => Decision::NoResponse,
                _ => Decision::Early,
            };
            trial
        };
        kinds.chars().map(one).collect()
    }

    #[test]
    fn windows_equal_scores_of_their_trials() {
        let all = trials("hhmehdmmhhhemhdh");
        for width in 1..=17 {
            for step in 1..=5 {
                let windows = sliding(&all, &stimuli(), width, step).unwrap();
                let starts: Vec<usize> = (0..all.len())
                    .step_by(step)
                    .filter(|s| s + width <= all.len())
                    .collect();
                assert_eq!(
                    windows.iter().map(|w| w.trials.start).collect::<Vec<_>>(),
                    starts
                );
                for window in windows {
                    let direct =
                        Score::from_trials(&all[window.trials.clone()], &stimuli()).unwrap();
                    assert_eq!(
                        window.score, direct,
                        "width {width}, step {step}, {:?}",
                        window.trials
                    );
                }
            }
        }
        assert!(sliding(&[], &stimuli(), 3, 1).unwrap().is_empty());
        assert!(sliding(&all, &stimuli(), usize::MAX, 1).unwrap().is_empty());
    }

    #[test]
    fn widths_and_steps_of_zero_are_refused() {
        assert!(matches!(
            sliding(&[], &stimuli(), 0, 1),
            Err(Error::Range { .. })
        ));
        assert!(matches!(
            sliding(&[], &stimuli(), 1, 0),
            Err(Error::Range { .. })
        ));
    }

    #[test]
    fn a_session_that_cannot_be_scored_is_named() {
        let (good, mut bad) = (trials("hm"), trials("h"));
        bad[0].stimulus = None;
        let curve = learning_curve([("one", good.as_slice()), ("none", &[])], &stimuli()).unwrap();
        assert_eq!(
            (curve[0].score.hits(), curve[0].start),
            (1, Some(good[0].start))
        );
        assert_eq!((curve[1].score.trials(), curve[1].start), (0, None));
        let error =
            learning_curve([("one", good.as_slice()), ("two", &bad)], &stimuli()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "session two: trial 1: the log names no stimulus"
        );
    }
}
