//! What closes a session: texts, indices, reference image, removal of old files, `run.json` and the report.

use super::Event;
use crate::config::Existing;
use crate::consumer::part_name;
use crate::error::Error;
use crate::labels::Labels;
use crate::manifest::{Manifest, Measurement};
use crate::plan::{Plan, RUN_JSON, Said, TrialPlan, neighbours};
use crate::record::{
    Check, CheckName, Level, Output, RunRecord, Status, Totals, TrialRecord, checks, with_causes,
};
use crate::results;
use crate::trial::Worker;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Instant;
use widefield::Mask;
use widefield_storage::{ErrorKind, concurrent, mat};

impl Plan {
    /// Everything after the trials: texts, indices, reference image, old files, record and report.
    pub(super) fn finish(
        &self,
        worker: &Worker<'_>,
        trials: Vec<(TrialRecord, Option<Mask>)>,
        began: Instant,
        interrupted: bool,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<RunRecord, Error> {
        // What another took over meanwhile is not ours to write, nor to remove.
        let ours = || {
            worker.owned(None).map_err(|source| match source.kind() {
                // A place that does not answer keeps what the trials left there.
                ErrorKind::Other => Error::Finish { source },
                _ => source.into(),
            })
        };
        ours()?;
        let (mut trials, masks): (Vec<TrialRecord>, Vec<Option<Mask>>) = trials.into_iter().unzip();
        let mut checks = self.checks.clone();
        let mut outputs = Vec::new();
        if !interrupted {
            match self.session_files(worker, &trials) {
                Ok(written) => outputs = written,
                Err(message) => {
                    tell(Event::Note { message: &message });
                    checks.push(failed_check(message));
                }
            }
        }
        let reporting = Instant::now();
        let labels = self.labels.as_ref();
        let behaviour = labels.map(Labels::record);
        let plans = self.trials.iter();
        let said: BTreeMap<&str, &Said> = plans.map(|t| (t.file.as_str(), &t.said)).collect();
        let said = trials
            .iter()
            .map(|record| said.get(record.file.as_str()).copied());
        let session = checks::Session {
            masks: masks
                .iter()
                .map(|mask| mask.as_ref().map(Mask::kept))
                .collect(),
            log_starts: labels.map(Labels::starts).unwrap_or_default(),
            numbers: said.clone().map(|said| said?.running).collect(),
            onsets_s: said.map(|said| said?.onset_s).collect(),
            behaviour: behaviour.as_ref(),
        };
        checks.extend(checks::of_session(&self.config, &mut trials, &session));
        let mut record = RunRecord {
            version: crate::VERSION.into(),
            config: self.config.clone(),
            behaviour,
            totals: Totals {
                trials: self.trials.len(),
                ..totals(&trials, outputs, self.ignored.clone(), interrupted)
            },
            trials,
            checks,
        };
        // What has results of its own makes them while those of before stand; the report comes last.
        let (making, showing) = self.own.makers(&self.config);
        if !interrupted {
            let makes = !making.is_empty();
            for consumer in making {
                self.consumed(consumer, worker, &mut record, tell);
            }
            record.totals.interrupted = makes && worker.cancelled.load(Ordering::Relaxed);
        }
        ours()?;
        if !record.totals.interrupted {
            self.remove_old(&mut record, tell);
        }
        record.totals.seconds = began.elapsed().as_secs_f64();
        for consumer in showing {
            self.consumed(consumer, worker, &mut record, tell);
        }
        record.totals.report_seconds = reporting.elapsed().as_secs_f64();
        let json = serde_json::to_vec_pretty(&record).unwrap_or_default();
        ours()?;
        self.output
            .put(&self.config.output.beside(RUN_JSON), json)
            .map_err(|source| Error::Finish { source })?;
        Ok(record)
    }

    fn session_files(
        &self,
        worker: &Worker<'_>,
        trials: &[TrialRecord],
    ) -> Result<Vec<Output>, String> {
        let mut written = Vec::new();
        let wrong = |error: widefield_storage::Error| with_causes(&error);
        if let Some(labels) = &self.labels {
            for (name, bytes) in labels.files(&self.config).map_err(wrong)? {
                written.push(self.output.put(&name, bytes).map_err(wrong)?.into());
            }
        }
        let out = &self.config.output;
        let first_good = |t: &&TrialPlan| trials.iter().any(|r| r.file == t.file && r.good());
        if !out.mat.is_empty()
            && let Some(trial) = self.trials.iter().find(first_good)
        {
            let name = format!("{}/{}", out.mat, results::REFERENCE);
            let of = |cause: String| format!("{name}: {cause}");
            let mean = worker.raw_mean(trial, &self.trials);
            let mean = mean.map_err(|e| of(with_causes(&e)))?;
            let image = widefield::reference::image(mean.view());
            let image = image.map_err(|e| of(e.to_string()))?;
            let bytes = mat::MatFile::new()
                .matrix("refImg", image.view(), out.orientation.into())
                .verify(out.verify)
                .encode(out.compression)
                .map_err(|e| of(with_causes(&e)))?;
            written.push(self.output.put(&name, bytes).map_err(wrong)?.into());
        }
        Ok(written)
    }

    /// Removes what is of no use any more. Only after everything new is safe.
    fn remove_old(&self, record: &mut RunRecord, tell: &mut dyn FnMut(Event<'_>)) {
        let mut old = self.misnamed(record);
        for (trial, kept) in self.trials.iter().zip(&record.trials) {
            if kept.status == Status::Skipped {
                let own = |name: &&String| kept.outputs.iter().any(|o| o.path == **name);
                old.extend(trial.stale.iter().filter(|name| !own(name)).cloned());
            }
        }
        // What was measured is of use until every trial is done with it.
        if record.trials.iter().all(TrialRecord::good) {
            old.extend(self.measured.iter().cloned());
            if self.decides() {
                let names = self
                    .trials
                    .iter()
                    .map(|t| Measurement::name(&self.config, &t.stem));
                old.extend(names.filter(|name| !self.measured.contains(name)));
            }
        }
        if self.config.output.existing == Existing::Clean {
            if record.all_done() {
                let (results, strange): (Vec<_>, Vec<_>) = self
                    .others(record)
                    .into_iter()
                    .filter(|name| !neighbours::is_mark(name))
                    .partition(|name| results::is_result(&self.config, &self.own, name));
                old.extend(results);
                if let Some(first) = strange.first() {
                    let n = strange.len();
                    let message = format!(
                        "left alone, since they are no results: {n} files, such as {first}"
                    );
                    tell(Event::Note { message: &message });
                }
            } else {
                tell(Event::Note {
                    message: "old files are kept, since not everything went well",
                });
            }
        }
        let remove = |name: &String| {
            results::remove(&self.config, &self.own, &self.data, &self.output, name)
        };
        for removed in concurrent::map(&old, remove) {
            if let Err(error) = removed {
                let message = format!("old file could not be removed: {}", with_causes(&error));
                tell(Event::Note { message: &message });
                let check = Check::found(CheckName::OldFiles, Level::Warn, message);
                record.checks.push(check);
            }
        }
    }

    /// Files that bear the name of a trial that failed, and hold another one, which has a new name now.
    fn misnamed(&self, record: &RunRecord) -> Vec<String> {
        let trials = self.trials.iter().zip(&record.trials);
        let (done, others): (Vec<_>, Vec<_>) = trials.partition(|(_, r)| r.status == Status::Ok);
        let former: BTreeSet<&str> = done
            .iter()
            .flat_map(|(trial, _)| trial.earlier.iter().map(|o| o.path.as_str()))
            .collect();
        let made: BTreeSet<&str> = record
            .trials
            .iter()
            .flat_map(|r| r.outputs.iter().map(|o| o.path.as_str()))
            .collect();
        let wrong = others
            .iter()
            .flat_map(|(trial, _)| trial.outputs.names())
            .filter(|name| former.contains(name) && !made.contains(name));
        wrong.map(str::to_owned).collect()
    }

    /// What stands in the folders of results and does not belong to this run.
    fn others(&self, record: &RunRecord) -> Vec<String> {
        let mut ours: BTreeSet<String> = record
            .trials
            .iter()
            .flat_map(|t| &t.outputs)
            .chain(&record.totals.outputs)
            .map(|o| o.path.clone())
            .collect();
        for trial in &self.trials {
            ours.insert(Manifest::name(&self.config, &trial.stem));
            for consumer in &self.own.consumers {
                let part = part_name(&**consumer, &trial.stem);
                ours.extend(part.map(|part| self.config.output.beside(&part)));
            }
        }
        let mut others = Vec::new();
        for results::Folder { path, .. } in results::folders(&self.config, &self.own) {
            let entries = self.output.list(&path).unwrap_or_default();
            let names = entries.into_iter().map(|e| e.name);
            others.extend(names.filter(|name| !ours.contains(name)));
        }
        others
    }
}

/// That something of the session could not be made.
pub(super) fn failed_check(message: String) -> Check {
    Check::found(CheckName::SessionFiles, Level::Fail, message)
}

pub(super) fn totals(
    trials: &[TrialRecord],
    outputs: Vec<Output>,
    ignored: Vec<String>,
    interrupted: bool,
) -> Totals {
    let count = |status| trials.iter().filter(|t| t.status == status).count();
    let of_trials = trials.iter().filter(|t| t.good()).flat_map(|t| &t.outputs);
    Totals {
        trials: trials.len(),
        ok: count(Status::Ok),
        failed: count(Status::Failed),
        skipped: count(Status::Skipped),
        bytes: of_trials
            .chain(&outputs)
            .fold(0, |sum, output| sum.saturating_add(output.bytes)),
        seconds: 0.0,
        report_seconds: 0.0,
        ended: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        interrupted,
        outputs,
        ignored,
    }
}
