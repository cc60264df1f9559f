//! `widefield behaviour`

mod trials;

use super::{Outcome as Ended, output};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use miette::{IntoDiagnostic, WrapErr};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use trials::{Judged, Trials};
use widefield_behaviour::{
    Correct, Correction, Interval, Matching, Problem, Score, Stimuli, Unlabelled, Verdict,
    quantiles, text,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Behaviour log, or table of trials
    ///
    /// A table has commas, semicolons or tabs, and a header line with `file` or `trial` and any of `stimulus`,
    /// `condition`, `decision`, `outcome`, `onset_s`, `onset` and `exclude`.
    file: PathBuf,
    /// A stimulus and its correct decision, as in 'Texture 1 P100=Go'; repeat for each
    #[arg(long = "stimulus", value_name = "NAME=DECISION", value_parser = stimulus)]
    stimuli: Vec<(String, Correct)>,
    /// Match stimuli by the word after the last blank (P100) instead of the whole name
    #[arg(long)]
    by_grit: bool,
    /// What is done about rates of 0 and 1 in d', criterion and beta
    #[arg(long, default_value_t, value_parser = corrections())]
    correction: Correction,
    /// Print one JSON object
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print a table of all trials with every field, comma separated
    #[arg(long)]
    csv: bool,
}

fn corrections() -> impl TypedValueParser<Value = Correction> {
    let values = Correction::ALL.map(|correction| {
        let help = match correction {
            Correction::None => "n / N, which may make d' infinite",
            Correction::HalfTrial => "0 becomes 1 / (2 N), 1 becomes 1 - 1 / (2 N)",
            Correction::LogLinear => "(n + 0.5) / (N + 1), for every rate",
            _ => "",
        };
        PossibleValue::new(correction.name()).help(help)
    });
    PossibleValuesParser::new(values).try_map(|text| text.parse::<Correction>())
}

/// Confidence of the intervals shown.
const CONFIDENCE: f64 = 0.95;

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

pub(super) fn run(args: &Args) -> miette::Result<Ended> {
    let path = args.file.display();
    let bytes = std::fs::read(&args.file)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {path}"))?;
    let ending = args.file.extension().unwrap_or_default();
    let called_table = ["csv", "tsv"]
        .iter()
        .any(|e| ending.eq_ignore_ascii_case(e));
    let trials =
        Trials::read(&bytes, called_table).map_err(|fault| miette::miette!("{path}: {fault}"))?;
    let (problems, omitted) = trials.problems();
    for problem in problems {
        output::message(format_args!("{path}: {problem}"));
    }
    if omitted > 0 {
        output::message(format_args!("{path}: and {omitted} more problems"));
    }
    if trials.len() == 0 {
        miette::bail!("{path}: holds no trial");
    }
    let scored = Scored::new(args, &trials).wrap_err_with(|| format!("{path}"))?;
    if args.json {
        output::result(scored.json()?)?;
    } else if args.csv {
        output::result(trials.csv(&scored.stimuli).trim_end())?;
    } else {
        output::text(&trials.listing(&scored.judged))?;
        output::text(scored.summary()?.trim_end())?;
    }
    let sound = !problems.iter().any(Problem::is_unusable);
    Ok(if sound { Ended::Done } else { Ended::Partly })
}

/// Stimuli that a message names one by one.
const NAMED: usize = 8;

/// Trials and what the stimuli make of them.
struct Scored<'a> {
    trials: &'a Trials,
    judged: Vec<Judged<'a>>,
    stimuli: Stimuli,
    correction: Correction,
    score: Score,
}

impl<'a> Scored<'a> {
    fn new(args: &Args, trials: &'a Trials) -> miette::Result<Self> {
        let matching = if args.by_grit {
            Matching::Grit
        } else {
            Matching::FullName
        };
        let stimuli = Stimuli::new(&args.stimuli, matching)
            .into_diagnostic()?
            .unlabelled(Unlabelled::LeaveOut);
        let unlisted = stimuli.unlisted(trials.asked());
        if !unlisted.is_empty() {
            let names = unlisted.iter().map(|u| output::name(u.stimulus));
            let names: Vec<String> = names.take(NAMED).collect();
            let hint = names.iter().map(|s| format!("--stimulus '{s}=Go'"));
            let hint: Vec<String> = hint.collect();
            let more = match unlisted.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            output::message(format_args!(
                "not scored, since no correct decision is given: {}{more}; add for instance {}",
                names.join(", "),
                hint.join(" ")
            ));
        }
        let judged = trials.judged(&stimuli);
        Ok(Self {
            trials,
            stimuli,
            correction: args.correction,
            score: judged.iter().map(|trial| trial.verdict).collect(),
            judged,
        })
    }

    fn summary(&self) -> miette::Result<String> {
        let s = &self.score;
        let mut out = text::performance(s, &self.stimuli);
        if s.trials() > s.left_out() && self.stimuli.iter().next().is_none() {
            // A table's outcomes do not say of which stimuli.
            out = out.replace(" (none)", "");
        }
        let _ = writeln!(
            out,
            "Early: {}\nUnscored: {}\nDamaged: {}\nNot scored: {}\n{}",
            s.early(),
            s.unscored(),
            s.damaged(),
            s.left_out(),
            self.trials.remarks()
        );
        let rate = |value: f64, interval: Interval| {
            format!(
                "{value:.3} (95 % {:.3} to {:.3})",
                interval.low, interval.high
            )
        };
        if s.go_trials() > 0 {
            let interval = s.hit_rate_interval(CONFIDENCE).into_diagnostic()?;
            let _ = writeln!(out, "Hit rate: {}", rate(s.hit_rate(), interval));
        }
        if s.no_go_trials() > 0 {
            let interval = s.false_alarm_rate_interval(CONFIDENCE).into_diagnostic()?;
            let _ = writeln!(
                out,
                "False-alarm rate: {}",
                rate(s.false_alarm_rate(), interval)
            );
        }
        if s.go_trials() > 0 && s.no_go_trials() > 0 {
            let _ = writeln!(
                out,
                "d': {:.3}  criterion: {:.3}  beta: {:.3}  ({})",
                shown(s.d_prime(self.correction)),
                shown(s.criterion(self.correction)),
                shown(s.beta(self.correction)),
                self.correction_name()
            );
        }
        let reactions = self.trials.reactions_s(&self.judged);
        if !reactions.is_empty() {
            let q = quantiles(&reactions, &[0.25, 0.5, 0.75]).into_diagnostic()?;
            let _ = writeln!(
                out,
                "Reaction time of hits: median {:.3} s, quartiles {:.3} and {:.3} s, {} trials",
                q[1],
                q[0],
                q[2],
                reactions.len()
            );
        }
        Ok(out)
    }

    fn correction_name(&self) -> &'static str {
        match self.correction {
            Correction::None => "no correction",
            Correction::HalfTrial => "1/(2N)",
            _ => "log-linear",
        }
    }

    fn json(&self) -> miette::Result<Value> {
        let finite = |v: f64| v.is_finite().then_some(v);
        let (problems, _) = self.trials.problems();
        let problems: Vec<_> = problems
            .iter()
            .map(|p| json!({"line": p.line, "column": p.column, "message": p.to_string()}))
            .collect();
        let counts = |s: &Score| {
            let interval = |i: Result<Interval, _>| {
                i.ok().and_then(|i| Some([finite(i.low)?, finite(i.high)?]))
            };
            json!({
                "go_trials": s.go_trials(),
                "no_go_trials": s.no_go_trials(),
                "hits": s.hits(),
                "misses": s.misses(),
                "correct_rejections": s.correct_rejections(),
                "false_alarms": s.false_alarms(),
                "early": s.early(),
                "unscored": s.unscored(),
                "damaged": s.damaged(),
                "hit_rate": finite(s.hit_rate()),
                "hit_rate_interval": interval(s.hit_rate_interval(CONFIDENCE)),
                "false_alarm_rate": finite(s.false_alarm_rate()),
                "false_alarm_rate_interval": interval(s.false_alarm_rate_interval(CONFIDENCE)),
                "correction": self.correction_name(),
                "d_prime": finite(s.d_prime(self.correction)),
                "criterion": finite(s.criterion(self.correction)),
                "beta": finite(s.beta(self.correction)),
            })
        };
        let judged = self.judged.iter();
        let named = judged
            .filter(|trial| trial.verdict != Verdict::LeftOut)
            .filter_map(|trial| Some((trial.stimulus?, trial.verdict)));
        let by_stimulus: serde_json::Map<String, Value> = Score::by_name(named)
            .iter()
            .map(|(stimulus, score)| ((*stimulus).to_owned(), counts(score)))
            .collect();
        let reactions = self.trials.reactions_s(&self.judged);
        let q = quantiles(&reactions, &[0.25, 0.5, 0.75]).into_diagnostic()?;
        let mut all = self.trials.json(&self.judged);
        all.extend([
            ("not_scored".into(), self.score.left_out().into()),
            ("score".into(), counts(&self.score)),
            ("by_stimulus".into(), by_stimulus.into()),
            (
                "reaction_of_hits_s".into(),
                json!({"trials": reactions.len(), "quartiles": q.into_iter().map(finite).collect::<Vec<_>>()}),
            ),
            ("problems".into(), problems.into()),
        ]);
        Ok(all.into())
    }
}

/// Without the sign of a number that is shown as 0.
fn shown(value: f64) -> f64 {
    if value.abs() < 0.0005 { 0.0 } else { value }
}
