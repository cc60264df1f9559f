//! The verdict, and everything that is not as it should be, before anything else.

use super::html::{self, badge, class, escape};
use std::fmt::Write as _;
use widefield_pipeline::record::{Check, CheckName, Level, RunRecord, TrialRecord};

/// The worst verdict of a trial.
pub(super) fn worst(trial: &TrialRecord) -> Level {
    let checks = trial.checks.iter().map(|c| c.level).max();
    if trial.good() {
        checks.unwrap_or(Level::Pass)
    } else {
        Level::Fail
    }
}

pub(super) fn verdict(page: &mut String, record: &RunRecord) {
    let t = &record.totals;
    let session = record.checks.iter().map(|c| c.level).max();
    let trials = record.trials.iter().map(worst).max();
    let level = session.max(trials).unwrap_or(Level::Pass);
    let words = match level {
        Level::Pass => "Everything went well.",
        Level::Warn => "Done, with something to look at.",
        Level::Fail if t.failed > 0 => "Something failed.",
        Level::Fail => "Done, but do not trust it without a look.",
    };
    let interrupted = if t.interrupted {
        " The run was interrupted; the next one goes on."
    } else {
        ""
    };
    let earlier = match t.skipped {
        0 => String::new(),
        n => format!(" ({n} by an earlier run)"),
    };
    let _ = write!(
        page,
        "<p class=\"verdict {}\"><strong>{words}</strong>{interrupted} {} of {} trials are done{earlier}, {} failed. {} of output in {:.1} s.</p>",
        class(level),
        t.done(),
        t.trials,
        t.failed,
        html::bytes(t.bytes),
        t.seconds,
    );
    let raised = |level| {
        let all = record.trials.iter().flat_map(|t| &t.checks);
        all.chain(&record.checks)
            .filter(|c| c.level == level)
            .count()
    };
    let facts = [
        ("Trials done", format!("{} of {}", t.done(), t.trials)),
        ("Checks passed", raised(Level::Pass).to_string()),
        ("Warnings", raised(Level::Warn).to_string()),
        ("Failed checks", raised(Level::Fail).to_string()),
        ("Output", html::bytes(t.bytes)),
        ("Software", format!("widefield {}", record.version)),
        ("Finished (UTC)", t.ended.replace('T', " ").replace('Z', "")),
    ];
    page.push_str("<dl class=\"facts\">");
    for (name, value) in facts {
        let _ = write!(
            page,
            "<div><dt>{name}</dt><dd>{}</dd></div>",
            escape(&value)
        );
    }
    page.push_str("</dl>\n");
}

/// One entry for each check that was raised, with the trials that raised it.
pub(super) fn attention(page: &mut String, record: &RunRecord) {
    let mut entries: Vec<(Level, String)> = Vec::new();
    let mut add = |level, name: &str, place: &str, message: &str| {
        let mut text = String::new();
        entry(&mut text, level, name, place, message);
        entries.push((level, text));
    };
    for (i, trial) in record.trials.iter().enumerate() {
        if let Some(error) = &trial.error {
            let place = format!("trial {}", link(i, trial));
            add(Level::Fail, "failed", &place, error);
        }
    }
    for check in record.checks.iter().filter(|c| raised(c)) {
        let name = check.name.to_string();
        add(check.level, &name, "session", &check.message);
    }
    for (name, found) in by_name(record) {
        let Some((_, worst)) = found.first() else {
            continue;
        };
        let most = 12;
        let mut places: Vec<String> = found
            .iter()
            .take(most)
            .filter_map(|(i, _)| Some(link(*i, record.trials.get(*i)?)))
            .collect();
        if found.len() > most {
            places.push(format!("and {} more", found.len() - most));
        }
        let (noun, first) = match found.len() {
            1 => ("trial", ""),
            _ => ("trials", "In the first: "),
        };
        let place = format!("{noun} {}", places.join(", "));
        let message = format!("{first}{}", worst.message);
        add(worst.level, &name.to_string(), &place, &message);
    }
    for ignored in &record.totals.ignored {
        add(Level::Warn, "ignored", "session", ignored);
    }
    if !entries.is_empty() {
        html::section(page, "findings", "What to look at");
        // The worst first, otherwise in the order of the job.
        entries.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        let entries: String = entries.into_iter().map(|(_, text)| text).collect();
        let _ = writeln!(page, "<ul class=\"checks\">{entries}</ul>");
    }
}

/// A check as an item of a list; `place` is markup.
fn entry(list: &mut String, level: Level, name: &str, place: &str, message: &str) {
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"quiet\">{place}</span>")
    };
    let _ = write!(
        list,
        "<li class=\"{0}\">{1} <strong>{2}</strong>{place}<br>{3}</li>",
        class(level),
        badge(level, class(level)),
        escape(name),
        escape(message)
    );
}

fn raised(check: &Check) -> bool {
    check.level != Level::Pass
}

/// Raised checks of trials by name, the worst first; of each the trials with the worst verdict first.
fn by_name(record: &RunRecord) -> Vec<(&CheckName, Vec<(usize, &Check)>)> {
    let mut groups: Vec<(&CheckName, Vec<(usize, &Check)>)> = Vec::new();
    for (i, trial) in record.trials.iter().enumerate() {
        for check in trial.checks.iter().filter(|c| raised(c)) {
            match groups.iter_mut().find(|(name, _)| **name == check.name) {
                Some((_, found)) => found.push((i, check)),
                None => groups.push((&check.name, vec![(i, check)])),
            }
        }
    }
    for (_, found) in &mut groups {
        found.sort_by_key(|(_, check)| std::cmp::Reverse(check.level));
    }
    groups.sort_by_key(|(_, found)| std::cmp::Reverse(found[0].1.level));
    groups
}

/// A trial's number, or its name, as a link to its pictures.
pub(super) fn link(i: usize, trial: &TrialRecord) -> String {
    let name = trial
        .trial
        .map_or_else(|| trial.file.clone(), |n| n.to_string());
    format!("<a href=\"#trial-{i}\">{}</a>", escape(&name))
}

/// All checks, for those who want every number.
pub(super) fn every(page: &mut String, checks: &[Check]) {
    page.push_str("<ul class=\"checks\">");
    for check in checks {
        entry(
            page,
            check.level,
            &check.name.to_string(),
            "",
            &check.message,
        );
    }
    page.push_str("</ul>");
}
