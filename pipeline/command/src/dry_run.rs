//! What `widefield run --dry-run` shows: what would be read, written, removed and kept, and why.

use super::output;
use miette::IntoDiagnostic;
use serde_json::{Value, json};
use widefield_pipeline::config::Existing;
use widefield_pipeline::{Plan, TrialPlan, Work};

/// One session, as text or as one line of JSON.
pub(super) fn show(plan: &Plan, as_json: bool) -> miette::Result<()> {
    if as_json {
        let trials: Vec<Value> = plan.trials().iter().map(value).collect();
        let whole = json!({
            "data": plan.config().data.url,
            "output": plan.output_url(),
            "existing": plan.config().output.existing,
            "trials": trials,
            "ignored": plan.ignored(),
            "checks": plan.checks(),
        });
        return output::result(serde_json::to_string(&whole).into_diagnostic()?);
    }
    // One write for a session: ten thousand flushed lines take longer than the plan.
    let mut text = format!("output place: {}", plan.output_url());
    let mut add = |line: String| {
        text.push('\n');
        text.push_str(&output::name(&line));
    };
    let mut bytes = 0;
    let mut kept = 0;
    for trial in plan.trials() {
        let (what, why) = work(trial);
        if what == "keep" {
            kept += 1;
            add(format!("keep  {} ({why})", trial.file));
        } else if what == "fail" {
            add(format!("fail  {} ({why})", trial.file));
        } else {
            bytes += trial.input.bytes;
            let names: Vec<&str> = trial.outputs.names().collect();
            let names = match names.is_empty() {
                true => "nothing".to_owned(),
                false => names.join(", "),
            };
            add(format!("{what:5} {} ({why}) -> {names}", trial.file));
        }
        for name in &trial.stale {
            add(format!("      removes {name}"));
        }
        for check in &trial.checks {
            add(format!("      {}: {}", check.name, check.message));
        }
    }
    for check in plan.checks() {
        add(format!("{}: {}", check.name, check.message));
    }
    if plan.config().output.existing == Existing::Clean {
        add("every other result of the result folders is removed when all went well".into());
    }
    let to_do = plan.trials().len() - kept;
    add(format!(
        "{to_do} trials to do, {kept} kept; {:.1} MB to read",
        bytes as f64 / 1e6
    ));
    output::result(text)
}

/// What happens to a trial, and why.
fn work(trial: &TrialPlan) -> (&'static str, String) {
    match &trial.work {
        Work::Do(why) => ("do", why.to_string()),
        Work::Fail(why) => ("fail", why.clone()),
        Work::Keep(_) => ("keep", "finished and unchanged".into()),
        Work::Undecided(_) => (
            "maybe",
            "finished; done again if the session decides for another background, mask or motion reference".into(),
        ),
    }
}

fn value(trial: &TrialPlan) -> Value {
    let (what, why) = work(trial);
    let writes: Vec<&str> = match what {
        "keep" | "fail" => Vec::new(),
        _ => trial.outputs.names().collect(),
    };
    json!({
        "file": trial.file,
        "bytes": trial.input.bytes,
        "work": what,
        "why": why,
        "writes": writes,
        "removes": trial.stale,
        "checks": trial.checks,
    })
}
