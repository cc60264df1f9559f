//! `widefield behaviour`

use super::{Outcome, output};
use miette::{IntoDiagnostic, WrapErr};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;
use widefield_behaviour::sdt::Correction;
use widefield_behaviour::{Correct, Log, Score, Trial, text};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Behaviour log
    log: PathBuf,
    /// A stimulus and its correct decision, as in 'Texture 1 P100=Go'; repeat for each
    #[arg(long = "stimulus", value_name = "NAME=DECISION", value_parser = stimulus)]
    stimuli: Vec<(String, Correct)>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn stimulus(text: &str) -> Result<(String, Correct), String> {
    let (name, decision) = text.rsplit_once('=').ok_or("is no NAME=DECISION")?;
    let correct = decision
        .parse()
        .map_err(|_| format!("`{decision}` is neither Go nor No Go"))?;
    match name.trim() {
        "" => Err("names no stimulus".into()),
        name => Ok((name.to_owned(), correct)),
    }
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let path = args.log.display();
    let bytes = std::fs::read(&args.log)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {path}"))?;
    let log = Log::read(&String::from_utf8_lossy(&bytes));
    for problem in log.problems() {
        output::message(format_args!("{path}: {problem}"));
    }
    if log.trials().is_empty() {
        miette::bail!("{path}: holds no trial");
    }
    let known = |t: &&Trial| {
        t.stimulus
            .as_ref()
            .is_some_and(|s| args.stimuli.iter().any(|(name, _)| name == s))
    };
    let scored: Vec<Trial> = log
        .trials()
        .iter()
        .filter(known)
        .filter(|t| !t.damaged)
        .cloned()
        .collect();
    let shown: BTreeSet<&str> = log
        .trials()
        .iter()
        .filter_map(|t| t.stimulus.as_deref())
        .collect();
    let unknown: Vec<&str> = shown
        .into_iter()
        .filter(|s| !args.stimuli.iter().any(|(name, _)| name == s))
        .collect();
    if !unknown.is_empty() {
        let hint: Vec<String> = unknown
            .iter()
            .map(|s| format!("--stimulus '{s}=Go'"))
            .collect();
        output::message(format_args!(
            "not scored, since no correct decision is given: {}; add for instance {}",
            unknown.join(", "),
            hint.join(" ")
        ));
    }
    let score = Score::of(&scored, &args.stimuli)
        .into_diagnostic()
        .wrap_err_with(|| format!("{path}"))?;
    if args.json {
        output::result(json(&log, &score))?;
    } else {
        output::result(text::trial_list(log.trials()).trim_end())?;
        output::result("")?;
        output::result(text::performance(&score, &args.stimuli).trim_end())?;
        output::result(format_args!(
            "Early: {}\nUnscored: {}\nNot scored: {}\nd': {:.3} (log-linear)",
            score.early(),
            score.unscored(),
            log.trials().len() - scored.len(),
            score.d_prime(Correction::LogLinear)
        ))?;
    }
    let sound = !log.problems().iter().any(|p| p.is_unusable());
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::Partly
    })
}

fn json(log: &Log, score: &Score) -> serde_json::Value {
    let finite = |v: f64| v.is_finite().then_some(v);
    let trials: Vec<_> = log
        .trials()
        .iter()
        .map(|t| {
            json!({
                "running": t.running,
                "logged": t.logged,
                "start": t.start.to_string(),
                "stimulus": t.stimulus,
                "decision": t.decision.to_string(),
                "damaged": t.damaged,
            })
        })
        .collect();
    let problems: Vec<_> = log
        .problems()
        .iter()
        .map(|p| json!({"line": p.line, "column": p.column, "message": p.to_string()}))
        .collect();
    json!({
        "trials": trials,
        "score": {
            "go_trials": score.go_trials(),
            "no_go_trials": score.no_go_trials(),
            "hits": score.hits(),
            "misses": score.misses(),
            "correct_rejections": score.correct_rejections(),
            "false_alarms": score.false_alarms(),
            "early": score.early(),
            "unscored": score.unscored(),
            "d_prime": finite(score.d_prime(Correction::LogLinear)),
        },
        "problems": problems,
    })
}
