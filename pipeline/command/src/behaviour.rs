//! `widefield behaviour`

use super::{Outcome as Ended, output};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use miette::{IntoDiagnostic, WrapErr};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use widefield_behaviour::{
    Correct, Correction, Interval, Log, Matching, Outcome, ReactionFrom, Score, Stimuli, Trial,
    Unlabelled, Verdict, format_date_time, quantiles, reaction_times_s, table, text,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Behaviour log
    log: PathBuf,
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
    let path = args.log.display();
    let bytes = std::fs::read(&args.log)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {path}"))?;
    let log = Log::from_bytes(&bytes);
    for problem in log.problems() {
        output::message(format_args!("{path}: {problem}"));
    }
    if log.problems_omitted() > 0 {
        output::message(format_args!(
            "{path}: and {} more problems",
            log.problems_omitted()
        ));
    }
    if log.trials().is_empty() {
        miette::bail!("{path}: holds no trial");
    }
    let scored = Scored::new(args, &log).wrap_err_with(|| format!("{path}"))?;
    if args.json {
        output::result(scored.json()?)?;
    } else if args.csv {
        output::result(table::trials(log.trials(), Some(&scored.stimuli)).trim_end())?;
    } else {
        output::text(&scored.trials())?;
        output::text(scored.summary()?.trim_end())?;
    }
    let sound = !log.problems().iter().any(|p| p.is_unusable());
    Ok(if sound { Ended::Done } else { Ended::Partly })
}

/// Stimuli that a message names one by one.
const NAMED: usize = 8;

/// A log and what the stimuli make of it.
struct Scored<'a> {
    log: &'a Log,
    stimuli: Stimuli,
    correction: Correction,
    score: Score,
}

impl<'a> Scored<'a> {
    fn new(args: &'a Args, log: &'a Log) -> miette::Result<Self> {
        let matching = if args.by_grit {
            Matching::Grit
        } else {
            Matching::FullName
        };
        let stimuli = Stimuli::new(&args.stimuli, matching)
            .into_diagnostic()?
            .unlabelled(Unlabelled::LeaveOut);
        let shown = log.trials().iter().filter_map(|t| t.stimulus.as_deref());
        let unlisted = stimuli.unlisted(shown);
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
        let score = Score::from_trials(log.trials(), &stimuli).into_diagnostic()?;
        Ok(Self {
            log,
            stimuli,
            correction: args.correction,
            score,
        })
    }

    fn verdict(&self, trial: &Trial) -> Verdict {
        self.stimuli.judge(trial).unwrap_or(Verdict::LeftOut)
    }

    fn outcome(&self, trial: &Trial) -> String {
        match self.verdict(trial) {
            Verdict::Scored(outcome) => outcome.to_string(),
            Verdict::LeftOut if !trial.damaged => "not scored".into(),
            Verdict::LeftOut | Verdict::Damaged => "damaged".into(),
        }
    }

    /// Reaction times of hits in seconds, from the moment the animal may answer.
    fn reactions_s(&self) -> Vec<f64> {
        let hit = |t: &&Trial| self.verdict(t) == Outcome::Hit.into();
        reaction_times_s(self.log.trials().iter().filter(hit), ReactionFrom::Report)
    }

    fn trials(&self) -> String {
        let rows = self.log.trials().iter().map(|t| {
            [
                t.running.to_string(),
                t.logged.to_string(),
                format_date_time(t.start),
                t.stimulus.clone().unwrap_or_else(|| "missing".into()),
                t.decision.to_string(),
                self.outcome(t).to_owned(),
            ]
        });
        columns(
            [
                "trial", "logged", "start", "stimulus", "decision", "outcome",
            ],
            rows,
        )
    }

    fn summary(&self) -> miette::Result<String> {
        let s = &self.score;
        let mut out = text::performance(s, &self.stimuli);
        let _ = writeln!(
            out,
            "Early: {}\nUnscored: {}\nDamaged: {}\nNot scored: {}\nIncomplete: {}\n",
            s.early(),
            s.unscored(),
            s.damaged(),
            s.left_out(),
            self.log.incomplete().len()
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
        let reactions = self.reactions_s();
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
        let trials: Vec<_> = self
            .log
            .trials()
            .iter()
            .map(|t| {
                let reaction = t.reaction_time(ReactionFrom::Report);
                json!({
                    "running": t.running,
                    "logged": t.logged,
                    "start": t.start.to_string(),
                    "stimulus": t.stimulus,
                    "decision": t.decision.to_string(),
                    "outcome": self.outcome(t),
                    "reaction_s": reaction.map(|r| r.as_secs_f64()),
                    "damaged": t.damaged,
                })
            })
            .collect();
        let problems: Vec<_> = self
            .log
            .problems()
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
        let by_stimulus: serde_json::Map<String, Value> =
            Score::by_stimulus(self.log.trials(), &self.stimuli)
                .into_diagnostic()?
                .iter()
                .filter(|(stimulus, _)| self.stimuli.correct(stimulus).is_some())
                .map(|(stimulus, score)| ((*stimulus).to_owned(), counts(score)))
                .collect();
        let reactions = self.reactions_s();
        let q = quantiles(&reactions, &[0.25, 0.5, 0.75]).into_diagnostic()?;
        Ok(json!({
            "trials": trials,
            "incomplete": self.log.incomplete().len(),
            "not_scored": self.score.left_out(),
            "score": counts(&self.score),
            "by_stimulus": by_stimulus,
            "reaction_of_hits_s": {"trials": reactions.len(), "quartiles": q.into_iter().map(finite).collect::<Vec<_>>()},
            "problems": problems,
        }))
    }
}

/// Without the sign of a number that is shown as 0.
fn shown(value: f64) -> f64 {
    if value.abs() < 0.0005 { 0.0 } else { value }
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
