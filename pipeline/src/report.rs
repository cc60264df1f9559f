//! `report.html`: the run for people, in one file that needs nothing else.

mod html;

use crate::record::{Check, Level, RunRecord, Status, TrialRecord};
use html::{escape, number};
use std::fmt::Write as _;

/// The whole page.
pub(crate) fn html(record: &RunRecord) -> String {
    let mut page = String::new();
    let data = &record.config.data;
    html::head(&mut page, &format!("{} {}", data.prefix, data.url));
    verdict(&mut page, record);
    attention(&mut page, record);
    behaviour(&mut page, record);
    trials(&mut page, record);
    parameters(&mut page, record);
    html::foot(
        &mut page,
        &format!("widefield {}, {}", record.version, record.totals.ended),
    );
    page
}

/// The worst verdict of a trial.
fn worst(trial: &TrialRecord) -> Level {
    let checks = trial
        .checks
        .iter()
        .map(|c| c.level)
        .max()
        .unwrap_or(Level::Pass);
    if trial.good() { checks } else { Level::Fail }
}

fn class(level: Level) -> &'static str {
    match level {
        Level::Pass => "pass",
        Level::Warn => "warn",
        Level::Fail => "fail",
    }
}

fn verdict(page: &mut String, record: &RunRecord) {
    let t = &record.totals;
    let session = record
        .checks
        .iter()
        .map(|c| c.level)
        .max()
        .unwrap_or(Level::Pass);
    let trials = record.trials.iter().map(worst).max().unwrap_or(Level::Pass);
    let level = session.max(trials);
    let words = match level {
        Level::Pass => "Everything went well.",
        Level::Warn => "Done, with something to look at.",
        Level::Fail => "Something failed.",
    };
    let interrupted = if t.interrupted {
        " The run was interrupted; the next one goes on."
    } else {
        ""
    };
    let _ = write!(
        page,
        "<p class=\"verdict {}\"><strong>{words}</strong>{interrupted} {} of {} trials are done{}, {} failed. {} of output in {:.1} s.</p>",
        class(level),
        t.ok + t.skipped,
        t.trials,
        if t.skipped > 0 {
            format!(" ({} by an earlier run)", t.skipped)
        } else {
            String::new()
        },
        t.failed,
        html::bytes(t.bytes),
        t.seconds,
    );
}

/// Everything that is not as it should be, first.
fn attention(page: &mut String, record: &RunRecord) {
    let mut rows = String::new();
    let mut row = |level: Level, place: &str, name: &str, message: &str| {
        let _ = write!(
            rows,
            "<tr><td><span class=\"badge {0}\">{0}</span></td><td>{1}</td><td>{2}</td><td>{3}</td></tr>",
            class(level),
            escape(place),
            escape(name),
            escape(message)
        );
    };
    let raised = |c: &&Check| c.level != Level::Pass;
    for check in record.checks.iter().filter(raised) {
        row(check.level, "session", &check.name, &check.message);
    }
    for trial in &record.trials {
        if let Some(error) = &trial.error {
            row(Level::Fail, &trial.file, "failed", error);
        }
        for check in trial.checks.iter().filter(raised) {
            row(check.level, &trial.file, &check.name, &check.message);
        }
    }
    for ignored in &record.totals.ignored {
        row(Level::Warn, "session", "ignored", ignored);
    }
    if !rows.is_empty() {
        html::table(
            page,
            "What to look at",
            &["", "Where", "Check", "What was found"],
            &rows,
        );
    }
}

fn behaviour(page: &mut String, record: &RunRecord) {
    let Some(b) = &record.behaviour else { return };
    let mut rows = String::new();
    let mut row = |name: &str, value: String| {
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{value}</td></tr>"
        );
    };
    row("Trials in the log", b.trials.to_string());
    row("Go trials", b.go_trials.to_string());
    row("No Go trials", b.no_go_trials.to_string());
    row("Hits", b.hits.to_string());
    row("Misses", b.misses.to_string());
    row("Correct rejections", b.correct_rejections.to_string());
    row("False alarms", b.false_alarms.to_string());
    row("Early", b.early.to_string());
    row("Unscored", b.unscored.to_string());
    row("Left out", b.left_out.to_string());
    row(
        "d′ (log-linear)",
        b.d_prime.map_or_else(|| "–".into(), |d| format!("{d:.2}")),
    );
    html::table(page, "Behaviour", &["Count", "Trials"], &rows);
}

fn trials(page: &mut String, record: &RunRecord) {
    let mut rows = String::new();
    for trial in &record.trials {
        let level = worst(trial);
        let status = match trial.status {
            Status::Ok => "done",
            Status::Failed => "failed",
            Status::Skipped => "kept",
        };
        let text = |t: Option<&str>| escape(t.unwrap_or("–"));
        let seconds: f64 = trial.seconds.values().sum();
        let _ = write!(
            rows,
            "<tr><td><span class=\"badge {}\">{status}</span></td><td class=\"n\">{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{seconds:.2}</td></tr>",
            class(level),
            trial.trial.map_or_else(|| "–".into(), |n| n.to_string()),
            escape(&trial.file),
            text(trial.stimulus.as_deref()),
            text(trial.decision.as_deref()),
            trial.frames.map_or_else(|| "–".into(), |n| n.to_string()),
            number(trial.background),
            number(trial.threshold),
            trial
                .masked_pixels
                .map_or_else(|| "–".into(), |n| n.to_string()),
        );
    }
    let head = [
        "",
        "Trial",
        "File",
        "Stimulus",
        "Decision",
        "Frames",
        "Background (counts)",
        "Threshold (counts)",
        "Masked (px)",
        "Time (s)",
    ];
    html::table(page, "Trials", &head, &rows);
}

fn parameters(page: &mut String, record: &RunRecord) {
    let text = serde_json::to_string_pretty(&record.config).unwrap_or_default();
    let _ = write!(page, "<h2>Parameters</h2><pre>{}</pre>", escape(&text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Analysis, Config, Data, Output, Timing};
    use crate::record::Totals;

    fn record() -> RunRecord {
        let mut bad = TrialRecord::of("a_<1>");
        bad.error = Some("cut at byte 7 & gone".into());
        let mut good = TrialRecord::of("a_2");
        good.status = Status::Ok;
        good.background = Some(58.25);
        RunRecord {
            version: "0".into(),
            config: Config {
                data: Data {
                    url: "/x".into(),
                    prefix: "a_".into(),
                    behaviour_log: None,
                },
                output: Output::default(),
                experiment: Timing::default(),
                analysis: Analysis::default(),
            },
            trials: vec![bad, good],
            checks: vec![],
            behaviour: None,
            totals: Totals {
                trials: 2,
                ok: 1,
                failed: 1,
                ..Totals::default()
            },
        }
    }

    #[test]
    fn failures_come_first_and_are_escaped() {
        let page = html(&record());
        assert!(page.contains("a_&lt;1&gt;") && !page.contains("a_<1>"));
        assert!(page.contains("cut at byte 7 &amp; gone"));
        assert!(page.contains("Something failed."));
        assert!(page.find("What to look at").unwrap() < page.find(">Trials<").unwrap());
        assert!(page.contains("58.2") || page.contains("58.3"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = html(&record());
        for outside in ["http:", "https:", "src=", "<link", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let opened = page.matches("<table").count();
        assert!(opened > 0 && opened == page.matches("</table>").count());
    }
}
