//! One bar on a terminal, plain lines otherwise.

use super::output;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use widefield_pipeline::Event;
use widefield_pipeline::record::{Check, Level, Status, TrialRecord};

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    to_do: usize,
    ended: usize,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{bar:30} {pos}/{len} trials  {elapsed} gone, {eta} left  {msg}",
            );
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            bar,
            to_do: 0,
            ended: 0,
        }
    }

    pub(super) fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Begins {
                to_do,
                kept,
                checks,
            } => {
                self.to_do = *to_do;
                if let Some(bar) = &self.bar {
                    bar.set_length(*to_do as u64);
                }
                if *kept > 0 {
                    self.line(&format!(
                        "{kept} trials are finished and unchanged, {to_do} are to be done"
                    ));
                }
                self.remarks(checks);
            }
            Event::Measures { trials } => {
                self.line(&format!("measuring {trials} trials for the session"))
            }
            Event::Started { file } => {
                if let Some(bar) = &self.bar {
                    bar.set_message((*file).to_owned());
                }
            }
            Event::Ended { record } => self.ended(record),
            Event::Note { message } => self.line(message),
            _ => {}
        }
    }

    fn ended(&mut self, record: &TrialRecord) {
        self.ended += 1;
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        let at = format!("[{}/{}]", self.ended, self.to_do);
        match (&record.status, &record.error) {
            (Status::Failed, error) => {
                let why = error.as_deref().unwrap_or("unknown");
                self.line(&format!("{at} {}: failed: {why}", record.file));
            }
            _ if self.bar.is_none() => {
                let seconds: f64 = record.seconds.values().sum();
                let background = record.background.unwrap_or(f64::NAN);
                let masked = record.masked_pixels.unwrap_or(0);
                self.line(&format!(
                    "{at} {}: done in {seconds:.2} s, background {background:.1}, {masked} pixels masked",
                    record.file
                ));
            }
            _ => {}
        }
        for check in record.checks.iter().filter(|c| c.level != Level::Pass) {
            self.line(&format!(
                "  {}: {}: {}",
                record.file, check.name, check.message
            ));
        }
    }

    fn remarks(&self, checks: &[Check]) {
        for check in checks.iter().filter(|c| c.level != Level::Pass) {
            self.line(&format!("{}: {}", check.name, check.message));
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => output::message(text),
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
