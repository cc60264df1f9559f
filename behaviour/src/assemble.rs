//! Lines to trials: the state between one begin and the next.

use jiff::civil::DateTime;

use crate::event::{Event, Recording};
use crate::line::{Entry, Line, Reader, column};
use crate::log::Log;
use crate::problem::{Done, Problem, What, excerpt};
use crate::rules::Rules;
use crate::trial::{OtherEvent, Reward, Trial};

/// Bytes of an event's text that are kept.
const MAX_EVENT: usize = 1024;

/// Builds a log line by line.
pub(crate) struct Assembler<'a> {
    rules: Rules,
    reader: Reader<'a>,
    log: Log,
    open: State,
    /// Last texture line anywhere, for the notebook's rule.
    carried: Option<&'a str>,
    last_at: Option<DateTime>,
    other_order_reported: bool,
    started: bool,
}

/// What the lines at hand belong to.
enum State {
    /// No trial.
    Between,
    /// No trial, but an unusable line, at this line number, may have been a begin.
    Perhaps(usize),
    /// A trial.
    Open(Draft),
    /// Under the notebook's rules: the trial that was ended last, still open to changes.
    Ended(Draft),
}

/// A trial that grows.
struct Draft {
    trial: Trial,
    /// The begin line was read; otherwise an unusable line is taken for it, and no number given yet.
    begun: bool,
    /// The last line was unusable.
    cut: bool,
    /// Has a texture, stimulus or decision line.
    task: bool,
    /// Lines within the trial bear its logged number: `None` without such lines.
    steady: Option<bool>,
}

impl Draft {
    fn new(trial: Trial, begun: bool) -> Self {
        Draft {
            trial,
            begun,
            cut: false,
            task: false,
            steady: None,
        }
    }

    /// Whether a line with this number, after an unusable line, belongs to another trial.
    fn is_left_by(&self, logged: u32) -> bool {
        self.cut && self.steady == Some(true) && logged != self.trial.logged
    }
}

impl<'a> Assembler<'a> {
    pub(crate) fn new(rules: Rules) -> Self {
        Assembler {
            rules,
            reader: Reader::new(rules.date_order),
            log: Log::default(),
            open: State::Between,
            carried: None,
            last_at: None,
            other_order_reported: false,
            started: false,
        }
    }

    /// Takes the next line. Returns the problem if the line is unusable.
    pub(crate) fn line(&mut self, number: usize, line: &'a str) -> Option<Problem> {
        self.log.lines = number;
        let first = !self.started;
        match self.reader.read(line) {
            Ok(Line::Blank) => return None,
            Ok(Line::Header) if first => {}
            Ok(Line::Header) => self.report(number, 1, What::RepeatedHeader, Done::Skipped),
            Ok(Line::Entry(ref entry)) => {
                if first {
                    self.report(number, 1, What::NoHeader, Done::Used);
                }
                self.entry(number, entry);
            }
            Err((column, what)) => {
                self.started = true;
                let problem = Problem {
                    line: number,
                    column,
                    what,
                    done: Done::Skipped,
                };
                self.log.report(problem.clone());
                self.unusable(number);
                return Some(problem);
            }
        }
        self.started = true;
        None
    }

    /// The log, once all lines are in.
    pub(crate) fn finish(mut self) -> Log {
        self.close(true);
        self.log.problems.sort_by_key(|problem| problem.line);
        self.log
    }

    fn report(&mut self, line: usize, column: usize, what: What, done: Done) {
        self.log.report(Problem {
            line,
            column,
            what,
            done,
        });
    }

    fn unusable(&mut self, number: usize) {
        match &mut self.open {
            State::Open(draft) => {
                draft.trial.damaged = true;
                draft.cut = true;
            }
            State::Perhaps(_) => {}
            State::Between | State::Ended(_) => self.open = State::Perhaps(number),
        }
    }

    fn entry(&mut self, number: usize, entry: &Entry<'a>) {
        if entry.other_order && !self.other_order_reported {
            self.other_order_reported = true;
            let date = entry.line.split('\t').next().unwrap_or_default().trim();
            self.report(
                number,
                column(entry.line, date),
                What::DateOrder(excerpt(date)),
                Done::Used,
            );
        }
        if self.last_at.is_some_and(|last| entry.at < last) {
            self.report(number, 1, What::Backwards, Done::Used);
        }
        self.last_at = Some(entry.at);

        let text = clip(entry.event);
        if text.len() < entry.event.len() {
            let what = What::LongEvent {
                bytes: entry.event.len(),
            };
            self.report(number, entry.event_column(), what, Done::Cut);
        }
        let event = Event::from_trimmed(text);
        if !matches!(event, Event::Begin(_)) {
            self.leave_cut_trial(number, entry);
        }
        match event {
            Event::Begin(recording) => self.begin(number, entry, recording),
            Event::End if self.rules.exact_end && text != "End Trial" => {
                self.within(number, entry, Event::Other(text));
            }
            Event::End => self.end(number, entry),
            Event::Decision(crate::Decision::Early) if !self.rules.early_lines => {
                self.within(number, entry, Event::Other(text));
            }
            event => self.within(number, entry, event),
        }
    }

    /// Closes a trial whose end and the next begin are both lost in unusable lines: the logged number tells.
    fn leave_cut_trial(&mut self, number: usize, entry: &Entry<'a>) {
        if matches!(&self.open, State::Open(draft) if draft.is_left_by(entry.trial)) {
            self.close(false);
            self.open = State::Perhaps(number - 1);
        }
    }

    fn begin(&mut self, number: usize, entry: &Entry<'a>, recording: Recording) {
        self.close(false);
        let mut draft = self.draft(number, entry, true);
        draft.trial.running = self.next_running();
        draft.trial.recording = recording;
        self.open = State::Open(draft);
    }

    fn draft(&self, line: usize, entry: &Entry<'a>, begun: bool) -> Draft {
        let mut trial = Trial::new(self.log.begun.saturating_add(1), entry.trial, entry.at);
        trial.line = line;
        trial.damaged = !begun;
        Draft::new(trial, begun)
    }

    fn next_running(&mut self) -> u32 {
        self.log.begun = self.log.begun.saturating_add(1);
        self.log.begun
    }

    fn end(&mut self, number: usize, entry: &Entry<'a>) {
        let mut draft = match std::mem::replace(&mut self.open, State::Between) {
            State::Open(draft) => draft,
            State::Perhaps(line) => self.draft(line, entry, false),
            State::Ended(draft) => {
                self.report(
                    number,
                    entry.event_column(),
                    What::EndWithoutBegin,
                    Done::Repeated,
                );
                draft
            }
            State::Between => {
                self.report(
                    number,
                    entry.event_column(),
                    What::EndWithoutBegin,
                    Done::Ignored,
                );
                return;
            }
        };
        if !draft.begun {
            draft.begun = true;
            draft.trial.running = self.next_running();
            self.report(
                number,
                entry.event_column(),
                What::EndWithoutBegin,
                Done::Counted,
            );
        }
        self.log.ended = self.log.ended.saturating_add(1);
        draft.trial.running_at_end = Some(self.log.ended);
        draft.trial.end = Some(entry.at);
        if self.rules.repeat_rows {
            self.list(draft.trial.clone());
            self.open = State::Ended(draft);
        } else {
            self.list(draft.trial);
        }
    }

    /// An event that neither begins nor ends a trial.
    fn within(&mut self, number: usize, entry: &Entry<'a>, event: Event<'a>) {
        if let Event::Texture(text) = event {
            self.carried = Some(text);
        }
        if let State::Perhaps(line) = self.open {
            self.open = State::Open(self.draft(line, entry, false));
        }
        let draft = match &mut self.open {
            State::Open(draft) | State::Ended(draft) => draft,
            State::Between | State::Perhaps(_) => {
                if matches!(event, Event::Texture(_) | Event::Decision(_)) {
                    let what = What::OutsideTrial(excerpt(entry.event));
                    self.report(number, entry.event_column(), what, Done::Ignored);
                }
                return;
            }
        };
        let same = entry.trial == draft.trial.logged;
        draft.steady = Some(draft.steady.unwrap_or(true) && same);
        draft.task |= matches!(
            event,
            Event::Texture(_) | Event::Stimulus | Event::Decision(_)
        );
        draft.cut = false;
        let (trial, at) = (&mut draft.trial, entry.at);
        match event {
            Event::Texture(text) => {
                let another = trial
                    .stimulus
                    .as_deref()
                    .is_some_and(|before| before != text);
                trial.stimulus = Some(text.to_owned());
                trial.texture_at = Some(at);
                if another {
                    let what = What::TwoStimuli {
                        running: trial.running,
                    };
                    self.report(number, entry.event_column(), what, Done::LastTaken);
                }
            }
            Event::Decision(decision) => {
                trial.decision = decision;
                trial.decision_at = Some(at);
            }
            Event::Stimulus => {
                trial.stimulus_line_at.get_or_insert(at);
            }
            Event::Delay => {
                trial.delay_at.get_or_insert(at);
            }
            Event::Report => {
                trial.report_at.get_or_insert(at);
            }
            Event::Reward { automatic } => trial.rewards.push(Reward { at, automatic }),
            Event::Puff => trial.puffs.push(at),
            Event::ZPlane(plane) => trial.z_plane = Some(plane),
            Event::Other(text) => trial.other.push(OtherEvent {
                at,
                text: text.to_owned(),
            }),
            Event::Begin(_) | Event::End => {}
        }
    }

    /// Settles what is open when another trial or the end of the log follows.
    fn close(&mut self, at_end: bool) {
        let mut draft = match &mut self.open {
            // The usual case, without moving the rest.
            State::Between => return,
            open => match std::mem::replace(open, State::Between) {
                State::Open(draft) => draft,
                _ => return,
            },
        };
        if !draft.begun {
            if !draft.task {
                return;
            }
            draft.trial.running = self.next_running();
        }
        let what = What::Incomplete {
            running: draft.trial.running,
        };
        if draft.cut && !at_end {
            self.report(draft.trial.line, 1, what, Done::Counted);
            self.list(draft.trial);
        } else {
            self.report(draft.trial.line, 1, what, Done::SetAside);
            self.fill(&mut draft.trial);
            self.log.incomplete.push(draft.trial);
        }
    }

    fn fill(&self, trial: &mut Trial) {
        if trial.stimulus.is_none() && self.rules.carry_stimulus {
            trial.stimulus = self.carried.map(str::to_owned);
        }
    }

    fn list(&mut self, mut trial: Trial) {
        if trial.stimulus.is_none() {
            self.fill(&mut trial);
            let done = if trial.stimulus.is_some() {
                Done::Carried
            } else {
                Done::Missing
            };
            self.report(
                trial.line,
                1,
                What::NoStimulus {
                    running: trial.running,
                },
                done,
            );
        }
        self.log.trials.push(trial);
    }
}

/// The part of an event's text that is kept.
fn clip(text: &str) -> &str {
    if text.len() <= MAX_EVENT {
        return text;
    }
    let mut end = MAX_EVENT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end()
}
