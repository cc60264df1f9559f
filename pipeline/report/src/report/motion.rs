//! Motion of the head: within a trial, and over the session.

use super::pictures::Pictures;
use super::plot::{Line, Look, Plot};
use super::session::{dots, over_time};
use std::fmt::Write as _;
use widefield::motion::Verdict;
use widefield_pipeline::record::{Correction, Motion, RunRecord, TrialRecord};

const NAMES: [&str; 2] = ["down", "right"];

/// How far the frames of a trial lie from the reference, where that was measured.
pub(super) fn of_trial(
    page: &mut String,
    record: &RunRecord,
    trial: &TrialRecord,
    pictures: &Pictures,
    most: usize,
) {
    let (Some(motion), false) = (&trial.motion, pictures.shifts.is_empty()) else {
        return;
    };
    let axis = trial.axis(&record.config);
    let line = |k: usize| Line {
        colour: k,
        name: NAMES[k].into(),
        points: pictures
            .shifts
            .iter()
            .map(|(frame, shift)| [axis.time_s(*frame), f64::from(shift[k])])
            .collect(),
        look: Look::Solid,
    };
    let (taken_away, did) = match &motion.correction {
        Some(correction) => (", taken away", format!("{}. ", did(motion, correction))),
        None => ("", String::new()),
    };
    let mut note = format!("{did}{}", against(motion));
    if motion.flagged > 0 {
        let _ = write!(
            note,
            " Left out: {} of {} frames, which could not be told.",
            motion.flagged, motion.measured
        );
    }
    let plot = Plot {
        title: format!("Motion of the head{taken_away}"),
        note,
        y: "shift (px)",
        lines: vec![line(0), line(1)],
        most,
        span: pixel(motion),
        ..Plot::default()
    };
    page.push_str(&over_time(record, plot));
}

/// Where the trials lie, of those that were compared with the same movie as the last one, and what a correction leaves.
pub(super) fn over_trials(page: &mut String, record: &RunRecord) {
    let Some(last) = record.trials.iter().rev().find_map(placed) else {
        return;
    };
    let same = |trial| {
        let of = |m: &Motion| (m.reference.clone(), m.reference_id, m.side_px);
        placed(trial).filter(|motion| of(motion) == of(last))
    };
    let measured = record.trials.iter().filter_map(same).count();
    if measured < 2 {
        return;
    }
    let taken_away = match last.correction {
        Some(_) => ", taken away",
        None => "",
    };
    let place = |k: usize| dots(record, k, NAMES[k], move |t| Some(same(t)?.place_px?[k]));
    let place = Plot {
        title: format!("Where the head lies, {measured} trials{taken_away}"),
        note: against(last),
        x: "trial",
        y: "shift (px)",
        lines: vec![place(0), place(1)],
        span: pixel(last),
        ..Plot::default()
    };
    page.push_str(&place.figure());
    if last.correction.is_none() {
        return;
    }
    let [warn, _] = record.config.checks.motion;
    let within = Plot {
        title: "Motion within trials, before and after it was taken away".into(),
        note: "99th percentile of the distances from where a trial lies.".into(),
        x: "trial",
        y: "distance (px)",
        lines: vec![
            dots(record, 0, "before", |t| same(t)?.high_px),
            dots(record, 1, "left", |t| same(t)?.correction.as_ref()?.left_px),
        ],
        // What small motion is small against.
        levels: vec![(warn * pixel(last), "a check warns".into())],
        ..Plot::default()
    };
    page.push_str(&within.figure());
}

/// Motion of a trial of which some frames could be told.
fn placed(trial: &TrialRecord) -> Option<&Motion> {
    trial.motion.as_ref().filter(|m| m.place_px.is_some())
}

/// A pixel of a picture 256 px wide, which limits count in, in pixels of the resized image.
fn pixel(motion: &Motion) -> f64 {
    1.0 / motion.of_256_px()
}

/// What shifts are against, and their unit.
fn against(motion: &Motion) -> String {
    format!(
        "Against the first frames of {}. A px of the checks, which count those of a picture 256 px wide, is {} px here.",
        motion.reference,
        (100.0 * pixel(motion)).round() / 100.0
    )
}

/// What a correction did, with its numbers.
fn did(motion: &Motion, correction: &Correction) -> String {
    let known = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "unknown".into(), |v| format!("{v:.digits$}"))
    };
    let verdict = match correction.verdict {
        Verdict::NotNeeded => "It was not needed",
        Verdict::Helped => "It helped",
        Verdict::Harmed => "It harmed",
        _ => "Whether it helped is unclear",
    };
    let [recorded, corrected, _] = correction.edge_noise.map(|noise| known(noise, 1));
    format!(
        "{verdict}: 99th percentile of distances {} px before, {} px left; noise at edges {recorded} counts as recorded, \
         {corrected} corrected",
        known(motion.high_px, 2),
        known(correction.left_px, 2)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A session of such trials, 1 and up.
    fn session(trials: &[TrialRecord]) -> RunRecord {
        let record = json!({
            "version": "0", "config": {"data": {"url": "/x", "prefix": "a_"}}, "trials": trials,
            "checks": [], "behaviour": null, "totals": widefield_pipeline::record::Totals::default(),
        });
        serde_json::from_value(record).expect("a record")
    }

    fn trial(n: u32, place: [f64; 2], correction: Value) -> TrialRecord {
        let mut trial = TrialRecord::of(&format!("a_{n}"));
        trial.trial = Some(n);
        let motion = json!({
            "reference": "a_<1>", "side_px": 128, "measured": 20, "flagged": 2, "place_px": place,
            "median_px": 0.3, "high_px": 1.25, "correction": correction,
        });
        trial.motion = Some(serde_json::from_value(motion).expect("motion"));
        trial
    }

    fn helped() -> Value {
        json!({
            "verdict": "helped", "left_px": 0.08, "slope": [0.01, null], "edge_noise": [40.0, 9.0, 75.0],
            "rows": [3, 128], "columns": [0, 128], "outside_pixels": 384,
        })
    }

    fn moved() -> Pictures {
        let shift = |t: u8| (10 * usize::from(t), [0.25 * f32::from(t), -1.0]);
        Pictures {
            shifts: (0..18).map(shift).collect(),
            ..Pictures::default()
        }
    }

    fn drawn(trial: &TrialRecord, pictures: &Pictures) -> String {
        let mut page = String::new();
        let record = session(std::slice::from_ref(trial));
        of_trial(&mut page, &record, trial, pictures, 90);
        page
    }

    #[test]
    fn shifts_are_drawn_with_what_they_are_against_and_their_unit() {
        let page = drawn(&trial(2, [2.0, -1.0], Value::Null), &moved());
        assert_eq!(page.matches("<figure>").count(), 1);
        assert_eq!(page.matches("class=\"line").count(), 2);
        for part in [
            "aria-label=\"Motion of the head: shift (px) against time",
            "</span> down</span>",
            "</span> right</span>",
            "first frames of a_&lt;1&gt;. ",
            "is 0.5 px here",
            "2 of 20 frames",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("taken away") && !page.contains("NaN"));
    }

    #[test]
    fn a_correction_tells_what_it_did() {
        let page = drawn(&trial(2, [2.0, -1.0], helped()), &moved());
        for part in [
            "Motion of the head, taken away",
            "It helped: 99th percentile of distances 1.25 px before, 0.08 px left; \
             noise at edges 40.0 counts as recorded, 9.0 corrected.",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let mut unknown = helped();
        (unknown["verdict"], unknown["left_px"]) = (json!("unclear"), Value::Null);
        let page = drawn(&trial(2, [2.0, -1.0], unknown), &moved());
        assert!(page.contains("Whether it helped is unclear: "), "{page}");
        assert!(page.contains(" unknown px left"), "{page}");
    }

    #[test]
    fn without_motion_there_is_no_plot() {
        let with = trial(2, [2.0, -1.0], Value::Null);
        assert_eq!(drawn(&with, &Pictures::default()), "");
        assert_eq!(drawn(&TrialRecord::of("a_2"), &moved()), "");
        let still = [TrialRecord::of("a_1"), TrialRecord::of("a_2"), with];
        let mut page = String::new();
        over_trials(&mut page, &session(&still));
        assert_eq!(page, "", "one trial has no other to lie elsewhere than");
    }

    #[test]
    fn trials_lie_where_they_were_found() {
        let place = |n: u32| trial(n, [f64::from(n), -1.0], Value::Null);
        let mut trials: Vec<TrialRecord> = (1..=4).map(place).collect();
        // Of an earlier run, so against something else.
        trials[0].motion.as_mut().expect("motion").reference = "a_0".into();
        let mut page = String::new();
        over_trials(&mut page, &session(&trials));
        assert_eq!(page.matches("<figure>").count(), 1);
        assert!(page.contains("<figcaption>Where the head lies, 3 trials <"));
        assert_eq!(page.matches("h0").count(), 6, "{page}");
        assert!(page.contains("first frames of a_&lt;1&gt;. "));
    }

    #[test]
    fn a_correction_is_seen_over_trials() {
        let trials = [
            trial(1, [0.0, 0.0], helped()),
            trial(2, [2.0, -1.0], helped()),
        ];
        let mut page = String::new();
        over_trials(&mut page, &session(&trials));
        assert_eq!(page.matches("<figure>").count(), 2);
        assert_eq!(page.matches("h0").count(), 8);
        for part in ["2 trials, taken away", "> before</span>", "> left</span>"] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
