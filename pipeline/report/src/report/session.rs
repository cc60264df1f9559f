//! What concerns all trials: behaviour, what changes over trials, mean responses.

use super::html::{self, Column, escape};
use super::motion;
use super::pictures::Pictures;
use super::plot::{Line, Look, Plot};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use widefield::TimeAxis;
use widefield_pipeline::config::Kind;
use widefield_pipeline::record::{BehaviourRecord, RunRecord, TrialRecord};
use widefield_pipeline::widefield_behaviour::Interval;
use widefield_pipeline::widefield_behaviour::sdt::{self, Correction, Counts};

/// Outcome, its letter in the sequence, its colour.
pub(super) const OUTCOMES: [(&str, &str, usize); 7] = [
    ("hit", "H", 2),
    ("miss", "M", 1),
    ("correct rejection", "CR", 0),
    ("false alarm", "FA", 3),
    ("early", "E", 4),
    ("unscored", "U", 5),
    ("left out", "–", 4),
];

pub(super) fn look_of(outcome: &str) -> (&'static str, usize) {
    let found = OUTCOMES.iter().find(|(name, ..)| *name == outcome);
    found.map_or(("?", 4), |(_, letter, colour)| (letter, *colour))
}

pub(super) fn behaviour(page: &mut String, record: &RunRecord) {
    let Some(b) = &record.behaviour else { return };
    html::section(page, "behaviour", "Behaviour");
    page.push_str("<div class=\"two\"><div>");
    let share = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |v| format!("{:.0} %", 100.0 * v))
    };
    let listed = match record.config.data.trials {
        Some(_) => "Trials listed",
        None => "Trials in the log",
    };
    let counts = [
        (listed, b.trials.to_string()),
        ("Go trials", b.go_trials.to_string()),
        ("No Go trials", b.no_go_trials.to_string()),
        ("Hits", format!("{} ({})", b.hits, share(b.hit_rate))),
        ("Misses", b.misses.to_string()),
        ("Correct rejections", b.correct_rejections.to_string()),
        (
            "False alarms",
            format!("{} ({})", b.false_alarms, share(b.false_alarm_rate)),
        ),
        ("Early", b.early.to_string()),
        ("Unscored", b.unscored.to_string()),
        ("Left out", b.left_out.to_string()),
        (
            "d′ (log-linear)",
            b.d_prime.map_or_else(|| "–".into(), |d| format!("{d:.2}")),
        ),
        ("95 % interval of d′", interval(b)),
    ];
    let rows: String = counts
        .iter()
        .map(|(name, value)| {
            format!("<tr><th scope=\"row\">{name}</th><td class=\"n\">{value}</td></tr>")
        })
        .collect();
    let head = [(Column::Words, "Count"), (Column::Numbers, "Trials")];
    html::table(page, "Behaviour", &head, &rows);
    page.push_str("</div><div>");
    sequence(page, b);
    page.push_str(&reactions(b));
    page.push_str("</div></div>\n");
}

/// That of d' by its approximate variance.
fn interval(b: &BehaviourRecord) -> String {
    let counts = Counts {
        hits: b.hits,
        signal: b.go_trials,
        false_alarms: b.false_alarms,
        noise: b.no_go_trials,
    };
    let found = sdt::d_prime_interval(counts, Correction::LogLinear, 0.95);
    match found {
        Ok(Interval { low, high }) if low.is_finite() && high.is_finite() => {
            format!("{low:.2} to {high:.2}").replace('-', "\u{2212}")
        }
        _ => "–".into(),
    }
}

fn sequence(page: &mut String, b: &BehaviourRecord) {
    if b.outcomes.is_empty() {
        return;
    }
    page.push_str("<h3>Outcomes in order</h3><ol class=\"strip\">");
    for o in &b.outcomes {
        let (letter, colour) = look_of(&o.outcome);
        let _ = write!(
            page,
            "<li class=\"c{colour}\" title=\"{}: {1}\">{letter}<span class=\"away\"> {1}</span></li>",
            o.trial,
            escape(&o.outcome)
        );
    }
    page.push_str("</ol><p class=\"quiet\">");
    let there = |name: &str| b.outcomes.iter().any(|o| o.outcome == name);
    let keys: Vec<String> = OUTCOMES
        .iter()
        .filter(|(name, ..)| there(name))
        .map(|(name, letter, _)| format!("{letter} {name}"))
        .collect();
    let _ = write!(page, "{}</p>", keys.join(", "));
}

fn reactions(b: &BehaviourRecord) -> String {
    let mut lines = Vec::new();
    for (name, _, colour) in OUTCOMES {
        let points: Vec<[f64; 2]> = b
            .outcomes
            .iter()
            .filter(|o| o.outcome == name)
            .filter_map(|o| Some([f64::from(o.trial), o.reaction_s?]))
            .collect();
        if !points.is_empty() {
            lines.push(Line {
                colour,
                name: format!("{name} ({})", points.len()),
                points,
                look: Look::Dots,
            });
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let plot = Plot {
        title: "Reaction time: from the response cue to the lick".into(),
        x: "trial",
        y: "reaction time (s)",
        lines,
        most: 10_000,
        ..Plot::default()
    };
    plot.figure()
}

/// Background, threshold and F0 of each trial.
pub(super) fn over_trials(page: &mut String, record: &RunRecord) {
    html::section(page, "over-trials", "Over the session");
    page.push_str("<div class=\"plots\">");
    type Value = fn(&TrialRecord) -> Option<f64>;
    let measures: [(&str, &'static str, usize, Value); 4] = [
        (
            "Background that was subtracted",
            "background (counts)",
            0,
            |t| t.background,
        ),
        ("Threshold of the mask", "threshold (counts)", 1, |t| {
            t.threshold
        }),
        ("Median F0 of the kept pixels", "F0 (counts)", 2, |t| {
            t.quality.as_ref()?.f0
        }),
        ("Masked pixels", "masked (%)", 3, |t| {
            Some(100.0 * t.quality.as_ref()?.masked_share?)
        }),
    ];
    for (title, y, colour, value) in measures {
        let plot = Plot {
            title: title.into(),
            x: "trial",
            y,
            lines: vec![dots(record, colour, title, value)],
            most: 10_000,
            least: 0.1,
            ..Plot::default()
        };
        page.push_str(&plot.figure());
    }
    motion::over_trials(page, record);
    page.push_str("</div>\n");
}

/// A value of the trials that have it, as dots.
pub(super) fn dots<'a>(
    record: &'a RunRecord,
    colour: usize,
    name: &str,
    value: impl Fn(&'a TrialRecord) -> Option<f64>,
) -> Line {
    let point = |(i, t): (usize, &'a TrialRecord)| {
        let x = t.trial.map_or(i as f64, f64::from);
        Some([x, value(t)?])
    };
    let mut points: Vec<[f64; 2]> = record.trials.iter().enumerate().filter_map(point).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    Line {
        colour,
        name: name.into(),
        points,
        look: Look::Dots,
    }
}

/// Mean dF/F over the mask, averaged over the trials of a condition with the same outcome.
pub(super) fn responses(page: &mut String, record: &RunRecord, pictures: &[Option<Pictures>]) {
    let timing = &record.config.experiment;
    // What happens by itself happens at other times in each recording.
    if timing.kind == Kind::Spontaneous {
        return;
    }
    let axis = timing.axis(None);
    let baselines = record.trials.iter().filter_map(|trial| {
        let axis = trial.axis(&record.config);
        let frames = trial.quality.as_ref()?.baseline_frames?;
        Some((axis, frames))
    });
    let mut baselines: Vec<_> = baselines.collect();
    baselines.dedup();
    // Those that lie elsewhere in each trial have no common place.
    let baseline = (baselines.len() == 1).then(|| baselines[0].1);
    let mut groups: BTreeMap<String, BTreeMap<&str, Mean>> = BTreeMap::new();
    for (trial, pictures) in record.trials.iter().zip(pictures) {
        let Some(pictures) = pictures else { continue };
        if pictures.trace.is_empty() || !trial.good() {
            continue;
        }
        let condition = named(trial.stimulus.as_deref(), trial.condition.as_deref());
        if trial.exclude {
            continue;
        }
        let outcome = trial.outcome.as_deref().unwrap_or("all");
        let group = groups.entry(condition).or_default();
        // Frames of trials with a time 0 of their own go to the nearest of the common one.
        let first_s = trial.axis(&record.config).first_frame_s;
        #[expect(clippy::cast_possible_truncation, reason = "frames of a trial")]
        let later = ((first_s - axis.first_frame_s) * axis.sample_rate_hz).round() as i64;
        group
            .entry(outcome)
            .or_default()
            .add(&pictures.trace, later);
    }
    if groups.is_empty() {
        return;
    }
    html::section(page, "responses", "Mean dF/F by condition and outcome");
    page.push_str("<div class=\"plots\">");
    for (condition, by_outcome) in groups {
        let mut lines = Vec::new();
        for (outcome, mean) in by_outcome {
            let (_, colour) = look_of(outcome);
            let points = mean.points(|t| t as f64 / axis.sample_rate_hz + axis.first_frame_s);
            lines.push(Line {
                colour,
                name: format!("{outcome} ({})", plural(mean.trials)),
                points,
                // Early trials apart: the animal moved before it was asked.
                look: if outcome == "early" {
                    Look::Dashed
                } else {
                    Look::Solid
                },
            });
        }
        if let [only] = lines.as_slice() {
            let title = format!("{condition}: {}", only.name);
            page.push_str(&trace_plot(record, (axis, baseline), title, lines, 600));
        } else {
            page.push_str(&trace_plot(record, (axis, baseline), condition, lines, 600));
        }
    }
    page.push_str("</div>\n<p class=\"quiet\">Mean over the pixels of the mask, then over trials. Dashed: early trials.</p>\n");
}

/// What the trials of a condition are called.
fn named(stimulus: Option<&str>, condition: Option<&str>) -> String {
    match (stimulus, condition) {
        (Some(name), Some(condition)) => format!("{name} (condition {condition})"),
        (Some(name), None) => name.into(),
        (None, Some(condition)) => format!("condition {condition}"),
        (None, None) => "no stimulus known".into(),
    }
}

/// The same for a condition alone.
pub(super) fn condition_name(record: &RunRecord, condition: Option<&str>) -> String {
    let of = |trial: &&TrialRecord| trial.condition.as_deref() == condition;
    let stimulus = record
        .trials
        .iter()
        .filter(of)
        .find_map(|trial| trial.stimulus.as_deref());
    named(stimulus, condition)
}

pub(super) fn plural(trials: usize) -> String {
    match trials {
        1 => "1 trial".into(),
        n => format!("{n} trials"),
    }
}

/// A plot of dF/F against time with the configured events.
pub(super) fn trace_plot(
    record: &RunRecord,
    (axis, baseline): (TimeAxis, Option<[usize; 2]>),
    title: String,
    lines: Vec<Line>,
    most: usize,
) -> String {
    let band = baseline.map(|frames| (frames.map(|t| axis.time_s(t)), "F0"));
    let plot = Plot {
        title,
        y: "dF/F (%)",
        lines,
        band,
        most,
        ..Plot::default()
    };
    over_time(record, plot)
}

/// A plot against time with the configured events.
pub(super) fn over_time(record: &RunRecord, plot: Plot) -> String {
    with_events(record, plot).figure()
}

/// The same before it is drawn.
pub(super) fn with_events(record: &RunRecord, plot: Plot) -> Plot {
    let events = &record.config.experiment.events;
    let event = |(name, s): (&String, &f64)| (*s, name.trim_end_matches("_s").replace('_', " "));
    let mut places: Vec<(f64, String)> = events.iter().map(event).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let x = match record.config.experiment.kind {
        Kind::Spontaneous => "time (s)",
        _ => "time from stimulus (s)",
    };
    Plot { x, places, ..plot }
}

/// Mean of traces, frame by frame over those that have a value there.
#[derive(Default)]
struct Mean {
    trials: usize,
    /// By frame of the common time.
    sums: BTreeMap<i64, (f64, usize)>,
}

impl Mean {
    /// A trace whose first frame is so many frames later than the common first.
    fn add(&mut self, trace: &[Option<f32>], later: i64) {
        self.trials += 1;
        for (frame, value) in (later..).zip(trace) {
            let (sum, n) = self.sums.entry(frame).or_default();
            if let Some(value) = value {
                *sum += f64::from(*value);
                *n += 1;
            }
        }
    }

    fn points(&self, time_s: impl Fn(i64) -> f64) -> Vec<[f64; 2]> {
        let point = |(t, (sum, n)): (&i64, &(f64, usize))| [time_s(*t), 100.0 * sum / *n as f64];
        self.sums.iter().map(point).collect()
    }
}
