//! Motion of the head: within trials, between them, and what a correction did.

use super::{Measure, counts, from, percent};
use crate::CheckName::{Motion as Moves, MotionBetweenTrials, MotionCorrection};
use crate::motion::{Correction, Motion};
use crate::{Check, Level, TrialRecord};
use std::fmt::Write as _;
use widefield::motion::Verdict;
use widefield::percentiles::median;
use widefield_experiment::Checks;

fn px(value: f64) -> String {
    format!("{value:.2} px")
}

/// Of a trial.
pub(super) fn of_trial(limits: &Checks, motion: &Motion) -> Vec<Check> {
    let mut checks = vec![within(limits, motion)];
    checks.extend(motion.correction.as_ref().map(|correction| {
        let found = verdict(motion, correction);
        Check::found(MotionCorrection, level(correction.verdict), found)
    }));
    checks
}

fn within(limits: &Checks, motion: &Motion) -> Check {
    let Motion {
        reference,
        measured,
        flagged,
        ..
    } = motion;
    let Some(high) = motion.high_px else {
        let message = format!(
            "none of {measured} frames could be compared with the first ones of {reference}: too little structure, another size, or further away than analysis.motion.max_shift_px"
        );
        return Check::found(Moves, Level::Warn, message);
    };
    let scale = motion.of_256_px();
    let left = motion.correction.as_ref().map(|c| c.left_px);
    if left == Some(None) {
        let message = "what is left of the motion could not be measured; look at the shifts";
        return Check::found(Moves, Level::Warn, message);
    }
    let left = left.flatten();
    let (lie, make) = match left {
        Some(_) => ("lay", "would have made"),
        None => ("lie", "makes"),
    };
    let mut found = format!(
        "frames {lie} up to {} from where the trial does (99th percentile, of a picture 256 px wide)",
        px(high * scale)
    );
    if let Some([median, high]) = motion.predicted_dff {
        let _ = write!(
            found,
            ", which {make} |dF/F| of {} at the median pixel and {} at the 99th percentile",
            percent(median),
            percent(high)
        );
    }
    if let Some(left) = left {
        let _ = write!(found, "; {} is left of it", px(left * scale));
    }
    if *flagged > 0 {
        let _ = write!(found, "; {flagged} of {measured} frames could not be told");
    }
    let measure = Measure {
        name: Moves,
        value: left.unwrap_or(high) * scale,
        limits: limits.motion,
        beyond: from,
        found,
        show: px,
        advice: match left {
            Some(_) => "the correction leaves it; look at the shifts, and leave the frames out",
            None => {
                "responses of that size may be motion; take it away (analysis.motion.method = \"rigid\") \
                     and fix the head"
            }
        },
    };
    measure.check()
}

fn level(verdict: Verdict) -> Level {
    match verdict {
        Verdict::NotNeeded | Verdict::Helped => Level::Pass,
        Verdict::Harmed => Level::Fail,
        _ => Level::Warn,
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotNeeded => "not needed",
        Verdict::Helped => "helped",
        Verdict::Harmed => "harmed",
        _ => "unclear",
    }
}

/// The verdict on a trial's correction, with its numbers.
fn verdict(motion: &Motion, correction: &Correction) -> String {
    let known = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "unknown".into(), |v| format!("{v:.digits$}"))
    };
    let [y, x] = correction.slope.map(|slope| known(slope, 2));
    let [before, after, inverted] = correction.edge_noise.map(|noise| known(noise, 1));
    format!(
        "{}: of the shifts {y} is left in y and {x} in x (0 is right, 1 nothing done, 2 the wrong sign); pixels at edges change by {before} \
         counts as recorded, {after} corrected, {inverted} with shifts inverted; {} of {} frames have the shift of those \
         around; {} pixels lie outside of some frame and are masked",
        word(correction.verdict),
        motion.flagged,
        motion.measured,
        correction.outside_pixels
    )
}

/// Of a session.
pub(super) fn of_session(limits: &Checks, trials: &[TrialRecord]) -> Vec<Check> {
    let moving = || {
        let good = trials.iter().filter(|trial| counts(trial));
        good.filter_map(|trial| Some((trial, trial.motion.as_ref()?)))
    };
    let mut checks = Vec::from_iter(between(limits, &moving().collect::<Vec<_>>()));
    let corrected: Vec<Verdict> = moving()
        .filter_map(|(_, motion)| Some(motion.correction.as_ref()?.verdict))
        .collect();
    if let Some(worst) = corrected.iter().copied().map(level).max() {
        let all = [
            Verdict::Harmed,
            Verdict::Unclear,
            Verdict::Helped,
            Verdict::NotNeeded,
        ];
        let counted = all.map(|one| (one, corrected.iter().filter(|v| **v == one).count()));
        let told = counted.iter().filter(|(_, n)| *n > 0);
        let told: Vec<String> = told
            .map(|&(one, n)| format!("{} in {n}", word(one)))
            .collect();
        let message = format!("of {} trials: {}", corrected.len(), told.join(", "));
        checks.push(Check::found(MotionCorrection, worst, message));
    }
    checks
}

/// How far the trials lie from the middle of those that were compared with the same movie.
fn between(limits: &Checks, moving: &[(&TrialRecord, &Motion)]) -> Option<Check> {
    let (_, last) = moving.last()?;
    let of = |m: &Motion| (m.reference.clone(), m.reference_id, m.side_px);
    let same = |motion: &Motion| of(motion) == of(last);
    // Where it lies now.
    let place = |motion: &Motion| match &motion.correction {
        Some(correction) => correction.left_place_px,
        None => motion.place_px,
    };
    let compared = || moving.iter().filter(|(_, motion)| same(motion));
    let now = compared().filter_map(|(trial, motion)| Some((&*trial.file, place(motion)?)));
    let (file, most) = farthest(now)?;
    let scale = last.of_256_px();
    let mut found = format!(
        "of {} trials {file} lies farthest from the middle of the session: {} (of a picture 256 px wide)",
        compared().count(),
        px(most * scale)
    );
    if last.correction.is_some() {
        let before = compared().filter_map(|(trial, m)| Some((&*trial.file, m.place_px?)));
        if let Some((_, most)) = farthest(before) {
            let _ = write!(
                found,
                "; it was up to {} before motion was taken away",
                px(most * scale)
            );
        }
    }
    let measure = Measure {
        name: MotionBetweenTrials,
        value: most * scale,
        limits: limits.motion_between_trials,
        beyond: from,
        found,
        show: px,
        advice: match last.correction {
            Some(_) => "the correction leaves it: a pixel is not the same place in all trials",
            None => {
                "a pixel is not the same place in all trials; take the motion away (analysis.motion.method = \"rigid\") \
                 before averages and common masks"
            }
        },
    };
    Some(measure.check())
}

/// Which lies farthest from the median place, and how far; nothing for less than two.
fn farthest<'a>(places: impl Iterator<Item = (&'a str, [f64; 2])>) -> Option<(&'a str, f64)> {
    let places: Vec<_> = places.collect();
    let middle = |axis: usize| median(places.iter().map(|(_, place)| place[axis]));
    let (y, x) = (middle(0)?, middle(1)?);
    let far = places
        .iter()
        .map(|(file, p)| (*file, (p[0] - y).hypot(p[1] - x)));
    let far = far.filter(|_| places.len() > 1);
    far.max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Quality, Status};
    use widefield::motion::{Flag, Shift};

    fn moved(dy: f64, spread: f64) -> Motion {
        let shifts: Vec<Shift> = (0..21)
            .map(|t| Shift::from_px(dy + spread * f64::from(t - 10) / 10.0, 0.0))
            .collect();
        Motion::from_shifts("a_1", 256, &shifts)
    }

    fn trial(file: &str, motion: Motion) -> TrialRecord {
        let mut trial = TrialRecord::of(file);
        trial.status = Status::Ok;
        trial.quality = Some(Quality::default());
        trial.motion = Some(motion);
        trial
    }

    #[test]
    fn motion_within_a_trial_is_judged_in_px_of_a_picture_256_px_wide() {
        let limits = Checks::default();
        let mut motion = moved(7.0, 0.45);
        motion.predicted_dff = Some([0.004, 0.02]);
        let check = within(&limits, &motion);
        assert_eq!(check.level, Level::Pass, "{}", check.message);
        motion.side_px = 128;
        let check = within(&limits, &motion);
        assert_eq!(check.level, Level::Warn);
        assert!((check.value.expect("px") - 0.9).abs() < 0.01);
        for part in ["0.90 px", "|dF/F| of 0.40 %", "and 2.0 %", "\"rigid\""] {
            assert!(check.message.contains(part), "{part}: {}", check.message);
        }
        motion.side_px = 32;
        assert_eq!(within(&limits, &motion).level, Level::Fail);
    }

    #[test]
    fn frames_that_cannot_be_told_are_told() {
        let mut shifts = vec![Shift::from_px(9.0, 0.0); 2];
        shifts[0].flag = Some(Flag::Weak);
        shifts[1].dy_px = 0.1;
        let some = within(
            &Checks::default(),
            &Motion::from_shifts("a_1", 256, &shifts),
        );
        assert_eq!((some.level, some.value), (Level::Pass, Some(0.0)));
        assert!(some.message.contains("1 of 2 frames could not be told"));
        let none = within(
            &Checks::default(),
            &Motion::from_shifts("a_1", 256, &shifts[..1]),
        );
        assert_eq!((none.level, none.value), (Level::Warn, None));
        assert!(
            none.message.contains("first ones of a_1"),
            "{}",
            none.message
        );
    }

    #[test]
    fn trials_that_lie_elsewhere_are_found_unless_it_was_taken_away() {
        let limits = Checks::default();
        let mut trials: Vec<TrialRecord> = [0.0, 0.1, 0.0, 2.5]
            .iter()
            .zip(1..)
            .map(|(&dy, n)| trial(&format!("a_{n}"), moved(dy, 0.1)))
            .collect();
        let found = of_session(&limits, &trials);
        let [check] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(
            (&check.name, check.level),
            (&MotionBetweenTrials, Level::Fail)
        );
        assert!(
            check.message.starts_with(
                "of 4 trials a_4 lies farthest from the middle of the session: 2.45 px"
            ),
            "{}",
            check.message
        );
        for trial in &mut trials {
            trial.motion.as_mut().expect("measured").correction = Some(Correction {
                verdict: Verdict::Helped,
                left_px: Some(0.01),
                left_place_px: Some([0.0, 0.02]),
                slope: [Some(0.01), None],
                edge_noise: [Some(40.0), Some(9.0), Some(75.0)],
                rows: [3, 256],
                columns: [0, 256],
                outside_pixels: 768,
            });
        }
        let found = of_session(&limits, &trials);
        assert_eq!(found.iter().map(|c| c.level).max(), Some(Level::Pass));
        assert!(
            found[0]
                .message
                .contains("0.00 px (of a picture 256 px wide); it was up to 2.45 px before"),
            "{}",
            found[0].message
        );
        assert_eq!(found[1].message, "of 4 trials: helped in 4");
        let harmed = trials[2].motion.as_mut().expect("measured");
        harmed.correction.as_mut().expect("corrected").verdict = Verdict::Harmed;
        let of_it = of_trial(&limits, harmed);
        assert_eq!(of_it[1].level, Level::Fail);
        assert!(
            of_it[1]
                .message
                .starts_with("harmed: of the shifts 0.01 is left in y and unknown in x")
        );
        let found = of_session(&limits, &trials);
        assert_eq!(
            (found[1].level, found[1].message.as_str()),
            (Level::Fail, "of 4 trials: harmed in 1, helped in 3")
        );
    }
}
