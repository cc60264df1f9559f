//! Consumers, when the trials of a session are done: in a run, or by themselves.

use super::finish::{failed_check, totals};
use super::{Event, kept};
use crate::claim::Ticket;
use crate::consumer::{Consumer, Session, part_name};
use crate::contract::failed;
use crate::error::Error;
use crate::labels::Labels;
use crate::plan::{Plan, Work};
use crate::record::{Check, CheckName, Level, Output, RunRecord, Status, TrialRecord, with_causes};
use crate::trial::Worker;
use crate::worker::caught;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use widefield_storage::concurrent;

impl Plan {
    /// Lets consumers that have results of their own make them of what earlier runs have left, within `memory` bytes. No trial is
    /// done for it, and `run.json` stays as it is: what it would say is returned, with those trials failed that are not done as
    /// they are described today.
    ///
    /// # Errors
    /// [`Error::Storage`] when the output place cannot be written, or another run has it.
    pub fn consume(
        &self,
        memory: u64,
        cancelled: &AtomicBool,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<RunRecord, Error> {
        let claim = self.prepare()?;
        let ticket = Ticket::of(&claim);
        let worker = Worker {
            memory,
            claim: Some(&ticket),
            ..self.worker(cancelled)
        };
        let trials = self.trials.iter().map(|trial| match &trial.work {
            Work::Keep(record) | Work::Undecided(record) => kept(&self.config, trial, record),
            Work::Do(why) => failed(trial, format!("not done: {why}")),
            Work::Fail(why) => failed(trial, why.clone()),
        });
        let trials: Vec<TrialRecord> = trials.collect();
        let mut record = RunRecord {
            version: crate::VERSION.into(),
            config: self.config.clone(),
            behaviour: self.labels.as_ref().map(Labels::record),
            totals: totals(&trials, Vec::new(), self.ignored.clone(), false),
            trials,
            checks: Vec::new(),
        };
        for consumer in self.own.makers(&self.config).0 {
            self.consumed(consumer, &worker, &mut record, &mut tell);
        }
        Ok(record)
    }

    /// Lets a consumer make its results.
    pub(super) fn consumed(
        &self,
        consumer: &dyn Consumer,
        worker: &Worker<'_>,
        record: &mut RunRecord,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let parts = self.parts(consumer, &record.trials);
        self.tell_of_lost(consumer, &mut record.trials, &parts, tell);
        let session = Session {
            record,
            parts: &parts,
            output: &self.output,
            memory: worker.memory,
            worker,
            failures: Mutex::default(),
        };
        let made = caught(|| consumer.session(&session)).unwrap_or_else(|panic| Err(panic.into()));
        let mut failures = session.failures.into_inner().unwrap_or_default();
        match made {
            Ok(outputs) => {
                let bytes = outputs.iter().map(|output| output.bytes).sum::<u64>();
                record.totals.bytes = record.totals.bytes.saturating_add(bytes);
                record.totals.outputs.extend(outputs);
            }
            Err(error) => failures.push(with_causes(&*error)),
        }
        for failure in failures {
            let message = format!("{}: {failure}", consumer.name());
            tell(Event::Note { message: &message });
            record.checks.push(failed_check(message));
        }
    }

    /// What a consumer kept of each trial; `None` where that is nothing, or cannot be read.
    fn parts(&self, consumer: &dyn Consumer, trials: &[TrialRecord]) -> Vec<Option<Vec<u8>>> {
        concurrent::map(trials, |record| {
            // A failed trial may have left its part in an earlier run; that of this one came with measures.
            record.quality.as_ref()?;
            let name = part_name(consumer, crate::plan::stem(&record.file))?;
            let name = self.config.output.beside(&name);
            let part = self.output.read(&name).ok()?;
            // Records of earlier versions do not say which part is theirs.
            let same = |o: &Output| o.path == name && o.crc32c == crc32c::crc32c(&part);
            let own = record
                .parts
                .as_ref()
                .is_none_or(|parts| parts.iter().any(same));
            (own && consumer.is_part(&part)).then(|| Vec::from(part))
        })
    }

    /// Says of which kept trials a consumer has lost its part.
    fn tell_of_lost(
        &self,
        consumer: &dyn Consumer,
        trials: &mut [TrialRecord],
        parts: &[Option<Vec<u8>>],
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let mut lost = Vec::new();
        for (record, part) in trials.iter_mut().zip(parts) {
            let had_one = record.status == Status::Skipped && record.quality.is_some();
            if !had_one || part.is_some() {
                continue;
            }
            let Some(name) = part_name(consumer, crate::plan::stem(&record.file)) else {
                continue;
            };
            let message = format!("{name} is lost; --existing replace makes it again");
            let check = Check::found(CheckName::Pictures, Level::Warn, message);
            record.checks.push(check);
            lost.push(name);
        }
        if let Some(first) = lost.first() {
            let message = format!(
                "{} lacks its parts of {} kept trials, such as {first}; --existing replace makes them again",
                consumer.name(),
                lost.len()
            );
            tell(Event::Note { message: &message });
        }
    }
}
