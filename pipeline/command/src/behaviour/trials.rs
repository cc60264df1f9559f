//! The trials of a file: of a log, or of a table.

use crate::output;
use serde_json::{Value, json};
use std::fmt::Write as _;
use widefield_behaviour::table::{self, Fault, Onset, Row, Table};
use widefield_behaviour::{
    Log, Outcome, Problem, ReactionFrom, Stimuli, Verdict, format_date_time, reaction_times_s,
};

pub(super) enum Trials {
    Log(Log),
    Table(Table),
}

/// What becomes of a trial.
pub(super) struct Judged<'a> {
    /// Or condition.
    pub(super) stimulus: Option<&'a str>,
    pub(super) verdict: Verdict,
    /// In words. Excluded rows keep theirs.
    outcome: String,
}

impl Trials {
    /// Of a file that is called as tables are, or not: such a one without a trial of a log is a table whose columns are
    /// called otherwise.
    pub(super) fn read(bytes: &[u8], called_table: bool) -> Result<Self, Fault> {
        if !table::is_table(bytes) {
            let log = Log::from_bytes(bytes);
            if !called_table || !log.trials().is_empty() {
                return Ok(Self::Log(log));
            }
        }
        Table::from_bytes(bytes).map(Self::Table)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Log(log) => log.trials().len(),
            Self::Table(table) => table.rows().len(),
        }
    }

    /// What was passed over, and how much more; of a table nothing ever is.
    pub(super) fn problems(&self) -> (&[Problem], usize) {
        match self {
            Self::Log(log) => (log.problems(), log.problems_omitted()),
            Self::Table(_) => (&[], 0),
        }
    }

    /// The stimuli that decide about an outcome.
    pub(super) fn asked(&self) -> Vec<&str> {
        let asked = |r: &&Row| !r.exclude && r.outcome.is_none() && r.decision.is_some();
        let stimuli: Vec<Option<&str>> = match self {
            Self::Log(log) => log.trials().iter().map(|t| t.stimulus.as_deref()).collect(),
            Self::Table(table) => {
                let rows = table.rows().iter().filter(asked);
                rows.map(|r| r.stimulus.as_deref()).collect()
            }
        };
        stimuli.into_iter().flatten().collect()
    }

    pub(super) fn judged(&self, stimuli: &Stimuli) -> Vec<Judged<'_>> {
        match self {
            Self::Log(log) => {
                let trials = log.trials().iter().map(|trial| {
                    let verdict = stimuli.judge(trial).unwrap_or(Verdict::LeftOut);
                    let outcome = match verdict {
                        Verdict::Scored(outcome) => outcome.to_string(),
                        Verdict::LeftOut if !trial.damaged => NOT_SCORED.into(),
                        Verdict::LeftOut | Verdict::Damaged => "damaged".into(),
                    };
                    Judged {
                        stimulus: trial.stimulus.as_deref(),
                        verdict,
                        outcome,
                    }
                });
                trials.collect()
            }
            Self::Table(table) => {
                let rows = table.rows().iter().map(|row| {
                    let verdict = table.judge(row, stimuli).unwrap_or(Verdict::LeftOut);
                    let outcome = row.outcome.or(verdict.outcome());
                    Judged {
                        stimulus: row.stimulus.as_deref().or(row.condition.as_deref()),
                        verdict,
                        outcome: outcome.map_or(NOT_SCORED.into(), |o| o.to_string()),
                    }
                });
                rows.collect()
            }
        }
    }

    /// Reaction times of hits in seconds, from the moment the animal may answer.
    pub(super) fn reactions_s(&self, judged: &[Judged]) -> Vec<f64> {
        let Self::Log(log) = self else {
            return Vec::new();
        };
        let trials = log.trials().iter().zip(judged);
        let hits = trials.filter(|(_, judged)| judged.verdict == Outcome::Hit.into());
        reaction_times_s(hits.map(|(trial, _)| trial), ReactionFrom::Report)
    }

    /// A line for each.
    pub(super) fn listing(&self, judged: &[Judged]) -> String {
        match self {
            Self::Log(log) => columns(
                [
                    "trial", "logged", "start", "stimulus", "decision", "outcome",
                ],
                log.trials().iter().zip(judged).map(|(t, judged)| {
                    [
                        t.running.to_string(),
                        t.logged.to_string(),
                        format_date_time(t.start),
                        t.stimulus.clone().unwrap_or_else(|| "missing".into()),
                        t.decision.to_string(),
                        judged.outcome.clone(),
                    ]
                }),
            ),
            Self::Table(table) => columns(
                [
                    "trial", "stimulus", "decision", "outcome", "onset", "excluded",
                ],
                table.rows().iter().zip(judged).map(|(row, judged)| {
                    let onset = row.onset.map(|onset| match onset {
                        Onset::Seconds(seconds) => format!("{seconds} s"),
                        Onset::At(moment) => format_date_time(moment),
                    });
                    let trial = row.trial.map(|number| number.to_string());
                    [
                        row.file.clone().or(trial),
                        judged.stimulus.map(str::to_owned),
                        row.decision.map(|decision| decision.to_string()),
                        Some(judged.outcome.clone()),
                        onset,
                        Some(if row.exclude { "yes" } else { "no" }.into()),
                    ]
                    .map(|cell| cell.map_or_else(|| "-".into(), |cell| output::name(&cell)))
                }),
            ),
        }
    }

    /// What a summary says beside the scores.
    pub(super) fn remarks(&self) -> String {
        let table = match self {
            Self::Log(log) => return format!("Incomplete: {}\n", log.incomplete().len()),
            Self::Table(table) => table,
        };
        let mut out = format!(
            "Excluded: {}\nSeparator: {}\n",
            excluded(table),
            table.separator()
        );
        if !table.other().is_empty() {
            let names: Vec<_> = table.other().iter().map(|n| output::name(n)).collect();
            let _ = writeln!(out, "Other columns: {}", names.join(", "));
        }
        out
    }

    /// [`Trials::remarks`] and the trials.
    pub(super) fn json(&self, judged: &[Judged]) -> serde_json::Map<String, Value> {
        let json = match self {
            Self::Log(log) => {
                let trials = log.trials().iter().zip(judged).map(|(t, judged)| {
                    let reaction = t.reaction_time(ReactionFrom::Report);
                    json!({
                        "running": t.running,
                        "logged": t.logged,
                        "start": t.start.to_string(),
                        "stimulus": t.stimulus,
                        "decision": t.decision.to_string(),
                        "outcome": judged.outcome,
                        "reaction_s": reaction.map(|r| r.as_secs_f64()),
                        "damaged": t.damaged,
                    })
                });
                json!({"trials": trials.collect::<Vec<_>>(), "incomplete": log.incomplete().len()})
            }
            Self::Table(table) => {
                let trials = table.rows().iter().zip(judged).map(|(row, judged)| {
                    let onset_s = match row.onset {
        Some(Onset::Seconds(seconds)) => Some(seconds),
        _ => None,
    };
                    let other = table.other().iter().cloned().zip(&row.other);
                    json!({
                        "file": row.file,
                        "trial": row.trial,
                        "line": row.line,
                        "stimulus": row.stimulus,
                        "condition": row.condition,
                        "decision": row.decision.map(|decision| decision.to_string()),
                        "outcome": judged.outcome,
                        "onset_s": onset_s,
                        "onset": row.at.map(|moment| moment.to_string()),
                        "excluded": row.exclude,
                        "other": other.map(|(name, cell)| (name, cell.as_str().into())).collect::<serde_json::Map<_, _>>(),
                    })
                });
                json!({
                    "trials": trials.collect::<Vec<_>>(),
                    "excluded": excluded(table),
                    "separator": table.separator().to_string(),
                })
            }
        };
        match json {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        }
    }

    pub(super) fn csv(&self, stimuli: &Stimuli) -> String {
        match self {
            Self::Log(log) => table::trials(log.trials(), Some(stimuli)),
            Self::Table(table) => table::rows(table, Some(stimuli)),
        }
    }
}

const NOT_SCORED: &str = "not scored";

fn excluded(table: &Table) -> usize {
    table.rows().iter().filter(|row| row.exclude).count()
}

/// A table with aligned columns.
fn columns<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|r| r[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, w)| format!("{cell:w$}"))
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}
