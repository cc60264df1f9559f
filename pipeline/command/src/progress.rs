//! What a run says while it goes on: a bar on a terminal, lines of text or of JSON elsewhere.

use super::output;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use widefield_pipeline::record::{Check, Level, RunRecord, Status, TrialRecord};
use widefield_pipeline::{Event, Plan, Why, Work};

#[derive(Debug, Default, clap::Args)]
pub(super) struct ProgressArgs {
    /// How progress is told on stderr: lines, json, or auto: a bar on a terminal, else lines
    #[arg(long, default_value = "auto", value_parser = ["auto", "lines", "json"], hide_possible_values = true)]
    progress: String,
    /// Say nothing but what failed, trials and checks
    #[arg(long, short, conflicts_with = "progress")]
    quiet: bool,
}

impl ProgressArgs {
    pub(super) fn mode(&self) -> Mode {
        match self.progress.as_str() {
            _ if self.quiet => Mode::Quiet,
            "lines" => Mode::Lines,
            "json" => Mode::Json,
            _ if std::io::stderr().is_terminal() => Mode::Bar,
            _ => Mode::Lines,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Bar,
    Lines,
    Json,
    Quiet,
}

impl Mode {
    /// Says something that belongs to no trial.
    pub(super) fn note(self, text: &str) {
        match self {
            Self::Quiet => {}
            Self::Json => line(json!({"event": "note", "message": text})),
            Self::Bar | Self::Lines => output::message(output::name(text)),
        }
    }

    /// Shows why a session could not be processed.
    pub(super) fn complain(self, report: &miette::Report) {
        match self {
            Self::Json => {
                let causes: Vec<String> = report.chain().skip(1).map(ToString::to_string).collect();
                let help = report.help().map(|help| help.to_string());
                let message = report.to_string();
                line(json!({"event": "error", "message": message, "causes": causes, "help": help}));
            }
            _ => output::complain(report),
        }
    }
}

fn line(value: Value) {
    output::message(value);
}

/// The progress of the sessions of one run.
pub(super) struct Progress {
    mode: Mode,
    bars: Option<Bars>,
    began: Instant,
    /// Where the movies of each session are, where there are several.
    sessions: Vec<String>,
    /// Bytes to be read for each movie that is to be done, by the name it is shown with.
    bytes: BTreeMap<String, u64>,
    to_do: usize,
    ended: usize,
}

/// The bar of the session, and a line for each trial under way.
struct Bars {
    all: MultiProgress,
    session: ProgressBar,
    trials: BTreeMap<String, ProgressBar>,
}

impl Bars {
    fn new(bytes: u64) -> Self {
        // One unit more than there are bytes to read: a session of empty files has an end, too.
        let session = ProgressBar::new(bytes.max(1));
        let template =
            "{bar:24} {msg}  {decimal_bytes} of {decimal_total_bytes}{rate}, {elapsed} gone{left}";
        // Before the first trial is done, rate and rest are not known.
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            if state.pos() > 0 {
                let _ = write!(out, ", {:.0} MB/s", state.per_sec() / 1e6);
            }
        };
        let left = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            if state.pos() > 0 {
                let _ = write!(out, ", {:#} left", HumanDuration(state.eta()));
            }
        };
        let style = style(template)
            .with_key("rate", rate)
            .with_key("left", left);
        session.set_style(style.progress_chars("━╸ "));
        session.set_message("no trial yet");
        session.enable_steady_tick(Duration::from_millis(500));
        let all = MultiProgress::new();
        Self {
            session: all.add(session),
            all,
            trials: BTreeMap::new(),
        }
    }

    fn start(&mut self, file: &str) {
        let bar = ProgressBar::new_spinner().with_style(style("  {spinner} {msg}  {elapsed}"));
        bar.set_message(output::name(file));
        let bar = self.all.insert_before(&self.session, bar);
        bar.enable_steady_tick(Duration::from_millis(500));
        self.trials.insert(file.to_owned(), bar);
    }

    fn end(&mut self, file: &str) {
        if let Some(bar) = self.trials.remove(file) {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress {
    pub(super) fn new(mode: Mode, plans: &[Plan]) -> Self {
        let sessions = match plans {
            [_] => Vec::new(),
            _ => plans.iter().map(|p| p.config().data.url.clone()).collect(),
        };
        let mut progress = Self {
            mode,
            bars: None,
            began: Instant::now(),
            sessions,
            bytes: BTreeMap::new(),
            to_do: 0,
            ended: 0,
        };
        for (session, plan) in plans.iter().enumerate() {
            let to_do = plan
                .trials()
                .iter()
                .filter(|t| !matches!(t.work, Work::Keep(_)));
            for trial in to_do {
                let name = progress.name(session, &trial.file);
                progress.bytes.insert(name, trial.input.bytes);
            }
        }
        let sum = progress.all_bytes();
        progress.bars = (mode == Mode::Bar).then(|| Bars::new(sum));
        progress
    }

    /// Of all movies to be read, as their places tell.
    fn all_bytes(&self) -> u64 {
        self.bytes
            .values()
            .fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// What a movie is called: several sessions may have movies of one name.
    fn name(&self, session: usize, file: &str) -> String {
        match self.sessions.get(session) {
            Some(place) => format!("{}/{file}", place.trim_end_matches('/')),
            None => file.to_owned(),
        }
    }

    pub(super) fn show(&mut self, session: usize, event: &Event<'_>) {
        if self.mode == Mode::Json {
            self.json(session, event);
        }
        match event {
            Event::Begins {
                to_do,
                kept,
                checks,
            } => {
                self.to_do += *to_do;
                self.count();
                if *kept > 0 {
                    self.say(&format!(
                        "{kept} trials are finished and unchanged, {to_do} are to be done"
                    ));
                }
                for check in checks.iter().filter(|c| c.level != Level::Pass) {
                    self.say(&format!("{}: {}", check.name, check.message));
                }
            }
            Event::Again { why, trials, files } => {
                self.say(&format!(
                    "{trials} trials are done again, {files} files replaced: {why}"
                ));
            }
            Event::Measures { trials } => {
                self.say(&format!("measuring {trials} trials for the session"));
            }
            Event::Started { file } => {
                let file = &self.name(session, file);
                if let Some(bars) = &mut self.bars {
                    bars.start(file);
                }
            }
            Event::Ended { record } => self.ended(session, record),
            Event::Note { message } => self.say(message),
            _ => {}
        }
    }

    fn ended(&mut self, session: usize, record: &TrialRecord) {
        let file = self.name(session, &record.file);
        self.ended += 1;
        if let Some(bars) = &mut self.bars {
            bars.end(&file);
            bars.session
                .inc(self.bytes.get(&file).copied().unwrap_or(0));
        }
        self.count();
        let at = format!("[{}/{}]", self.ended, self.to_do);
        if record.status == Status::Failed {
            let why = record.error.as_deref().unwrap_or("unknown");
            let text = format!("{at} {file}: failed: {why}");
            match self.mode {
                Mode::Quiet => output::message(output::name(&text)),
                _ => self.say(&text),
            }
        } else if self.mode == Mode::Lines {
            let seconds: f64 = record.seconds.values().sum();
            let background = record.background.unwrap_or(f64::NAN);
            let masked = record.masked_pixels.unwrap_or(0);
            self.say(&format!(
                "{at} {file}: done in {seconds:.2} s, background {background:.1}, {masked} pixels masked{}",
                self.left()
            ));
        }
        for check in record.checks.iter().filter(|c| c.level != Level::Pass) {
            self.say(&format!("  {file}: {}: {}", check.name, check.message));
        }
    }

    /// How many trials are done stands in the bar.
    fn count(&self) {
        if let Some(bars) = &self.bars {
            let text = format!("{}/{} trials", self.ended, self.to_do);
            bars.session.set_message(text);
        }
    }

    /// For lines: the time the rest will take if it goes on like this, where it is worth a word.
    fn left(&self) -> String {
        let rest = self.to_do.saturating_sub(self.ended);
        let left = self
            .began
            .elapsed()
            .mul_f64(rest as f64 / self.ended.max(1) as f64);
        match left.as_secs() {
            0..10 => String::new(),
            _ => format!(", about {} left", HumanDuration(left)),
        }
    }

    /// Text for people; what JSON says has been said.
    fn say(&self, text: &str) {
        let text = &output::name(text);
        match (&self.bars, self.mode) {
            (Some(bars), _) => {
                if bars.all.println(text).is_err() {
                    output::message(text);
                }
            }
            (None, Mode::Json | Mode::Quiet) => {}
            (None, _) => output::message(text),
        }
    }

    /// One JSON object a line; the keys are described in `docs/progress.md`.
    fn json(&self, session: usize, event: &Event<'_>) {
        let t = self.began.elapsed().as_secs_f64();
        let bytes = |file: &str| self.bytes.get(&self.name(session, file));
        let mut value = match event {
            Event::Begins {
                to_do,
                kept,
                checks,
            } => json!({
                "event": "begins", "t": t, "to_do": to_do, "kept": kept,
                "bytes": self.all_bytes(), "checks": raised(checks),
            }),
            Event::Again { why, trials, files } => {
                let parameters = match why {
                    Why::Parameters { keys } => &keys[..],
                    _ => &[],
                };
                json!({
                    "event": "again", "t": t, "why": why.to_string(), "parameters": parameters,
                    "trials": trials, "files": files,
                })
            }
            Event::Measures { trials } => json!({"event": "measures", "t": t, "trials": trials}),
            Event::Measured { file } => json!({"event": "measured", "t": t, "file": file}),
            Event::Started { file } => {
                json!({"event": "started", "t": t, "file": file, "bytes": bytes(file)})
            }
            Event::Ended { record } => json!({
                "event": "ended", "t": t, "file": record.file, "bytes": bytes(&record.file),
                "status": record.status, "error": record.error,
                "done": self.ended + 1, "to_do": self.to_do, "checks": raised(&record.checks),
            }),
            Event::Abandoned { file } => json!({"event": "abandoned", "t": t, "file": file}),
            Event::Note { message } => json!({"event": "note", "t": t, "message": message}),
            // Events of later versions have no line yet.
            _ => return,
        };
        if let Some(place) = self.sessions.get(session) {
            value["session"] = json!(place);
        }
        line(value);
    }

    /// Clears the bar.
    pub(super) fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.session.finish_and_clear();
        }
    }

    /// Says how a session ended.
    pub(super) fn finished(&self, record: &RunRecord, place: &str) {
        let t = &record.totals;
        match self.mode {
            Mode::Quiet => {}
            Mode::Json => line(json!({
                "event": "finished", "t": self.began.elapsed().as_secs_f64(), "trials": t.trials, "ok": t.ok,
                "failed": t.failed, "kept": t.skipped, "interrupted": t.interrupted, "place": place,
                "failed_checks": record.failed_checks().map(described).collect::<Vec<_>>(),
                "failed_checks_of_trials": record.failed_of_trials(),
            })),
            Mode::Bar | Mode::Lines => {
                let done = record.trials.iter().filter(|r| r.status != Status::Skipped);
                let read = done.filter_map(|r| Some(r.input.as_ref()?.bytes));
                let read = read.fold(0, u64::saturating_add) as f64;
                let rate = read / 1e6 / t.seconds.max(1e-3);
                output::message(format_args!(
                    "{} done, {} failed, {} kept of {} trials in {:.1} s ({rate:.0} MB/s); results and report.html in {place}",
                    t.ok, t.failed, t.skipped, t.trials, t.seconds
                ));
            }
        }
        self.failed_checks(record, place);
    }

    /// What nobody may overlook: failed checks, also where nothing else is said.
    fn failed_checks(&self, record: &RunRecord, place: &str) {
        if self.mode == Mode::Json {
            return;
        }
        let of = match self.sessions.len() {
            0 => String::new(),
            _ => format!("{place}: "),
        };
        for check in record.failed_checks() {
            let line = format!("{of}check failed: {}: {}", check.name, check.message);
            output::message(output::name(&line));
        }
        for (name, files) in record.failed_of_trials() {
            let trials = match files.len() {
                1 => "1 trial".to_owned(),
                n => format!("{n} trials"),
            };
            let first = files.first().unwrap_or(&"");
            let line = format!("{of}check failed: {name} of {trials}, such as {first}");
            output::message(output::name(&line));
        }
    }
}

fn raised(checks: &[Check]) -> Vec<Value> {
    let raised = checks.iter().filter(|c| c.level != Level::Pass);
    raised.map(described).collect()
}

fn described(check: &Check) -> Value {
    json!({"name": check.name, "level": check.level, "message": check.message})
}
