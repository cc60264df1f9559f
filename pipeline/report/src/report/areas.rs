//! Traces of areas: means with their error by condition and outcome, and every trial.

use super::figures::Figures;
use super::heat::{Heat, Rows};
use super::html;
use super::image::{Map, around_0};
use super::plot::{Line, Look, Plot};
use super::session::{OUTCOMES, condition_name, look_of, plural, with_events};
use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use widefield::average::{self, OfTraces};
use widefield_pipeline::config::Kind;
use widefield_pipeline::record::RunRecord;

/// What the section may weigh, bytes.
const HEAVIEST: usize = 1_100_000;
/// Points of a line.
const POINTS: usize = 240;

/// Traces as products write them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Traces {
    /// `(trial, time, area)`; NaN where a trial has no such time.
    pub(super) dff: Array3<f64>,
    pub(super) time_s: Vec<f64>,
    pub(super) names: Vec<String>,
    /// Of each trial; empty where there is none.
    pub(super) condition: Vec<String>,
    pub(super) outcome: Vec<String>,
}

/// Trials of one condition and outcome.
struct Group<'a> {
    condition: &'a str,
    outcome: &'a str,
    trials: Vec<usize>,
    /// Of all areas.
    average: OfTraces,
}

impl Traces {
    /// Whether everything is as long as it should be.
    pub(super) fn fits(&self) -> bool {
        let (trials, times, areas) = self.dff.dim();
        let lengths = [self.condition.len(), self.outcome.len()];
        lengths == [trials; 2] && self.time_s.len() == times && self.names.len() == areas
    }

    /// In the order of conditions and, within them, of outcomes as they are counted.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut trials: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (trial, (condition, outcome)) in self.condition.iter().zip(&self.outcome).enumerate() {
            let order = OUTCOMES.iter().position(|(name, ..)| name == outcome);
            let of = (condition.as_str(), order, outcome.as_str());
            trials.entry(of).or_default().push(trial);
        }
        let group = |((condition, _, outcome), trials): ((_, _, _), Vec<usize>)| {
            let of = self.dff.select(Axis(0), &trials);
            Group {
                condition,
                outcome,
                average: average::of_traces(of.view()),
                trials,
            }
        };
        trials.into_iter().map(group).collect()
    }

    /// Trials `(trial, time)` of an area, group by group.
    fn sorted(&self, groups: &[Group<'_>], area: usize) -> Array2<f64> {
        let order: Vec<usize> = groups.iter().flat_map(|g| g.trials.clone()).collect();
        let of = self.dff.slice(s![.., .., area]);
        of.select(Axis(0), &order)
    }
}

/// The section, as far as there is room for it.
pub(super) fn section(
    page: &mut String,
    record: &RunRecord,
    traces: Option<&Traces>,
    figures: &mut Figures,
) {
    let Some(traces) = traces.filter(|traces| traces.fits() && !traces.dff.is_empty()) else {
        return;
    };
    let groups = traces.groups();
    // What happens by itself happens at other times in each recording.
    let averaged = record.config.experiment.kind != Kind::Spontaneous;
    let section = Section {
        record,
        traces,
        groups: &groups,
        panels: panels(&groups),
        range: range(&groups),
    };
    let (mut means, mut every) = (String::new(), String::new());
    let mut shown = 0;
    let single: Vec<f32> = traces.dff.iter().map(|v| narrow(*v)).collect();
    let Some(scale) = around_0(single.iter(), 0.99) else {
        return;
    };
    for area in 0..traces.names.len() {
        let mut of = String::new();
        if averaged {
            section.means(&mut of, figures, area);
        }
        let heat = section.every(figures, area, scale);
        if shown > 0 && means.len() + every.len() + of.len() + heat.len() > HEAVIEST {
            continue;
        }
        means.push_str(&of);
        every.push_str(&heat);
        shown += 1;
    }
    html::section(page, "areas", "Areas");
    if averaged {
        let _ = write!(
            page,
            "<p class=\"quiet\">Mean dF/F of each area over trials, shaded: its standard error. The same axes for all. Not corrected for haemodynamics.</p>\
             <div class=\"plots\">{means}</div>"
        );
    }
    let _ = write!(
        page,
        "<h3>Every trial</h3><p class=\"quiet\">dF/F of each area, a row a trial{}. One scale for all.</p>\
         <div class=\"scale\">{}</div><div class=\"plots\">{every}</div>",
        section.key(),
        Map::Signed.bar(scale)
    );
    let more = traces.names.len() - shown;
    if more > 0 {
        let _ = write!(
            page,
            "<p class=\"quiet\">{more} more areas are in traces.h5.</p>"
        );
    }
}

/// Groups that share a plot: all of them where an outcome is of one condition only, else those of a condition.
fn panels<'a>(groups: &'a [Group<'a>]) -> Vec<(Option<&'a str>, Vec<&'a Group<'a>>)> {
    let outcomes: BTreeSet<&str> = groups.iter().map(|group| group.outcome).collect();
    let colours: BTreeSet<usize> = outcomes.iter().map(|outcome| look_of(outcome).1).collect();
    let early = groups
        .iter()
        .filter(|group| group.outcome == "early")
        .count();
    if groups.len() == outcomes.len() + early.saturating_sub(1) && colours.len() == outcomes.len() {
        // Early trials of several conditions have no line in one plot.
        let told = |group: &&Group<'_>| early < 2 || group.outcome != "early";
        return vec![(None, groups.iter().filter(told).collect())];
    }
    let mut by_condition: BTreeMap<&str, Vec<&Group<'_>>> = BTreeMap::new();
    for group in groups {
        by_condition.entry(group.condition).or_default().push(group);
    }
    let of = by_condition.into_iter();
    of.map(|(condition, groups)| (Some(condition), groups))
        .collect()
}

/// Extent of all means with their errors, early trials apart, in %.
fn range(groups: &[Group<'_>]) -> Option<[f64; 2]> {
    let counted: Vec<&Group<'_>> = groups.iter().filter(|g| g.outcome != "early").collect();
    let groups = if counted.is_empty() {
        groups.iter().collect()
    } else {
        counted
    };
    let mut extent = [f64::INFINITY, f64::NEG_INFINITY];
    for group in groups {
        for (mean, sem) in group.average.mean.iter().zip(&group.average.sem) {
            let sem = if sem.is_finite() { *sem } else { 0.0 };
            if mean.is_finite() {
                extent = [extent[0].min(mean - sem), extent[1].max(mean + sem)];
            }
        }
    }
    (extent[0] < extent[1]).then(|| extent.map(|v| 100.0 * v))
}

struct Section<'a> {
    record: &'a RunRecord,
    traces: &'a Traces,
    groups: &'a [Group<'a>],
    panels: Vec<(Option<&'a str>, Vec<&'a Group<'a>>)>,
    range: Option<[f64; 2]>,
}

impl Section<'_> {
    fn means(&self, page: &mut String, figures: &mut Figures, area: usize) {
        let name = &self.traces.names[area];
        for (condition, groups) in &self.panels {
            let place = condition.map(|condition| {
                let condition = Some(condition).filter(|condition| !condition.is_empty());
                format!(", {}", condition_name(self.record, condition))
            });
            let plot = Plot {
                title: format!("{name}{}", place.unwrap_or_default()),
                y: "dF/F (%)",
                lines: groups.iter().map(|group| self.line(group, area)).collect(),
                ribbons: groups
                    .iter()
                    .map(|group| self.ribbon(group, area))
                    .collect(),
                range: self.range,
                most: POINTS,
                ..Plot::default()
            };
            let plot = with_events(self.record, plot);
            page.push_str(&plot.figure());
            figures.add(&["trace", name, condition.unwrap_or("")], || {
                let note = "Mean over trials, shaded: its standard error. Not corrected for haemodynamics.";
                let plot = Plot {
                    note: note.into(),
                    ..plot
                };
                plot.file()
            });
        }
    }

    fn line(&self, group: &Group<'_>, area: usize) -> Line {
        let (_, colour) = look_of(group.outcome);
        let outcome = match group.outcome {
            "" => "all",
            outcome => outcome,
        };
        let mean = group.average.mean.column(area);
        let points = self.traces.time_s.iter().zip(mean);
        Line {
            colour,
            name: format!("{outcome} ({})", plural(group.trials.len())),
            points: points.map(|(time, mean)| [*time, 100.0 * mean]).collect(),
            look: match group.outcome {
                "early" => Look::Dashed,
                _ => Look::Solid,
            },
        }
    }

    fn ribbon(&self, group: &Group<'_>, area: usize) -> (usize, Vec<[f64; 3]>) {
        let (_, colour) = look_of(group.outcome);
        let of = |of: &Array2<f64>| of.column(area).to_vec();
        let each = of(&group.average.mean)
            .into_iter()
            .zip(of(&group.average.sem));
        let points = self.traces.time_s.iter().zip(each);
        let point = |(time, (mean, sem)): (&f64, (f64, f64))| {
            [*time, 100.0 * (mean - sem), 100.0 * (mean + sem)]
        };
        (colour, points.map(point).collect())
    }

    /// The heat map of an area.
    fn every(&self, figures: &mut Figures, area: usize, scale: widefield::render::Scale) -> String {
        let values = self.traces.sorted(self.groups, area);
        let name = &self.traces.names[area];
        let (Some(first), Some(last)) = (self.traces.time_s.first(), self.traces.time_s.last())
        else {
            return String::new();
        };
        let plain = with_events(self.record, Plot::default());
        let rows: Vec<Rows> = self.groups.iter().map(|group| self.rows(group)).collect();
        let view: ArrayView2<'_, f64> = values.view();
        let heat = Heat {
            title: name.clone(),
            note: format!(
                "dF/F, a row a trial{}. Not corrected for haemodynamics.",
                self.key()
            ),
            x: plain.x,
            values: view,
            time_s: [*first, *last],
            groups: &rows,
            places: &plain.places,
            scale,
            map: Map::Signed,
        };
        figures.add(&["trials", name], || heat.file());
        heat.figure()
    }

    fn rows(&self, group: &Group<'_>) -> Rows {
        let (letter, colour) = look_of(group.outcome);
        let n = group.trials.len();
        let name = match (group.outcome, self.panels.len()) {
            ("", _) => n.to_string(),
            (_, 1) => format!("{letter} {n}"),
            _ => {
                let condition: String = group.condition.chars().take(4).collect();
                format!("{condition} {letter}")
            }
        };
        Rows {
            name,
            colour,
            rows: n,
        }
    }

    /// What the letters beside rows mean.
    fn key(&self) -> String {
        let there = |name: &str| self.groups.iter().any(|group| group.outcome == name);
        let keys: Vec<String> = OUTCOMES
            .iter()
            .filter(|(name, ..)| there(name))
            .map(|(name, letter, _)| format!("{letter} {name}"))
            .collect();
        match keys.is_empty() {
            true => String::new(),
            false => format!(": {}, with their number", keys.join(", ")),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "to be looked at")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;

    fn traces(of: &[(&str, &str)]) -> Traces {
        let texts = |k: fn(&(&str, &str)) -> String| of.iter().map(k).collect();
        Traces {
            dff: Array3::from_shape_fn((of.len(), 8, 2), |(trial, t, area)| {
                0.01 * (trial + t * (area + 1)) as f64
            }),
            time_s: (0..8).map(|t| -1.0 + 0.25 * f64::from(t)).collect(),
            names: vec!["V1".into(), "A<1>".into()],
            condition: texts(|(condition, _)| (*condition).into()),
            outcome: texts(|(_, outcome)| (*outcome).into()),
        }
    }

    fn drawn(traces: &Traces) -> (String, Figures) {
        let (mut page, mut figures) = (String::new(), Figures::new(true));
        section(&mut page, &record(), Some(traces), &mut figures);
        (page, figures)
    }

    #[test]
    fn outcomes_share_a_plot_and_rows_stand_by_group() {
        let traces = traces(&[
            ("1", "miss"),
            ("1", "hit"),
            ("2", "false alarm"),
            ("1", "hit"),
        ]);
        let groups = traces.groups();
        let order: Vec<&str> = groups.iter().map(|group| group.outcome).collect();
        assert_eq!(order, ["hit", "miss", "false alarm"]);
        let sorted = traces.sorted(&groups, 0);
        assert_eq!(sorted.column(0).to_vec(), [0.01, 0.03, 0.0, 0.02]);
        let (page, figures) = drawn(&traces);
        // Two areas: a plot and a heat map each.
        assert_eq!(
            (
                page.matches("<figure").count(),
                page.matches("<image").count()
            ),
            (4, 2)
        );
        for text in [
            "hit (2 trials)",
            "miss (1 trial)",
            ">H 2</text>",
            ">FA 1</text>",
            "A&lt;1&gt;",
        ] {
            assert!(page.contains(text), "{text}");
        }
        let names: Vec<&str> = figures.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["trace_A_1", "trace_V1", "trials_A_1", "trials_V1"]);
    }

    #[test]
    fn an_outcome_of_two_conditions_gets_two_plots() {
        let traces = traces(&[("1", "hit"), ("2", "hit")]);
        let (page, _) = drawn(&traces);
        assert!(page.contains("V1, condition 1") && page.contains("V1, condition 2"));
        assert_eq!(page.matches("<figure").count(), 2 * 2 + 2);
    }

    #[test]
    fn the_standard_error_is_in_percent() {
        let traces = traces(&[("1", "hit"), ("1", "hit")]);
        let groups = traces.groups();
        let section = Section {
            record: &record(),
            traces: &traces,
            groups: &groups,
            panels: panels(&groups),
            range: range(&groups),
        };
        // 0 and 1 %: mean 0.5, s.e.m. 0.5.
        let (_, ribbon) = section.ribbon(&groups[0], 0);
        assert!(ribbon[0][1].abs() < 1e-12 && (ribbon[0][2] - 1.0).abs() < 1e-12);
        assert_eq!(ribbon[0][0], -1.0);
    }

    #[test]
    fn what_does_not_fit_together_is_not_shown() {
        let mut wrong = traces(&[("1", "hit")]);
        wrong.outcome.clear();
        assert!(drawn(&wrong).0.is_empty());
        assert!(drawn(&traces(&[])).0.is_empty());
        let mut none = traces(&[("1", "")]);
        none.dff.fill(f64::NAN);
        assert!(drawn(&none).0.is_empty());
    }
}
