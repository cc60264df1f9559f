//! A whole run: the trials of a plan, then what belongs to the session.

use crate::checks;
use crate::config::{Config, Existing, Scope};
use crate::engine::Engine;
use crate::engine::local::{self, Progress};
use crate::error::{Error, with_causes};
use crate::plan::{Plan, RUN_JSON, TrialPlan, Work};
use crate::record::{Check, Level, Output, RunRecord, Status, Totals, TrialRecord};
use crate::report::{self, pictures::Pictures};
use crate::trial::{Measured, SessionWide, TrialError, Worker, described};
use ndarray::Array2;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use widefield::BackgroundLevel;
use widefield_storage::mat;

/// What happens while a plan runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins; so many trials are to be done, so many are kept from an earlier run.
    Begins {
        /// Trials to be done.
        to_do: usize,
        /// Trials kept.
        kept: usize,
        /// What is known of the session so far.
        checks: &'a [Check],
    },
    /// Every trial is measured before the first is written.
    Measures {
        /// Trials to measure.
        trials: usize,
    },
    /// Work on a trial begins.
    Started {
        /// The movie.
        file: &'a str,
    },
    /// A trial has been measured.
    Measured {
        /// The movie.
        file: &'a str,
    },
    /// A trial ended, well or not.
    Ended {
        /// Its record.
        record: &'a TrialRecord,
    },
    /// A file of the session was written, or could not be.
    Note {
        /// For people.
        message: &'a str,
    },
}

impl Plan {
    /// Runs the trials, writes the session's files, and returns what `run.json` holds.
    ///
    /// A trial that fails is in the record with its reason; the others go on.
    ///
    /// # Errors
    /// [`Error::Storage`] when the output place cannot be written at all, before any work; [`Error::Finish`] when
    /// `run.json` itself could not be written.
    pub fn run(self, engine: Engine, mut tell: impl FnMut(Event<'_>)) -> Result<RunRecord, Error> {
        let began = Instant::now();
        let out = &self.config.output;
        for folder in ["", &out.movie, &out.dff, &out.mat, "report"] {
            self.output.check_writable(folder)?;
        }
        self.output.sweep_temporary()?;

        let to_do: Vec<usize> = (0..self.trials.len())
            .filter(|&i| matches!(self.trials[i].work, Work::Do(_)))
            .collect();
        tell(Event::Begins {
            to_do: to_do.len(),
            kept: self.trials.len() - to_do.len(),
            checks: &self.checks,
        });
        let kept = |trial| kept(&self.config, trial);
        let mut records: Vec<Option<TrialRecord>> = self.trials.iter().map(kept).collect();
        let largest = self.trials.iter().map(|t| t.input.bytes).max().unwrap_or(0);
        let (jobs, memory) = engine.width(largest);
        let worker = Worker {
            config: &self.config,
            data: &self.data,
            output: &self.output,
            memory,
            cancelled: engine.flag(),
        };

        let (session, levels, to_do) =
            self.first_round(&worker, jobs, to_do, &mut records, &mut tell);
        let ended = local::run(
            to_do.len(),
            jobs,
            engine.flag(),
            |i| worker.run(&self.trials[to_do[i]], &session, levels.get(i)),
            |i, message| failed(&self.trials[to_do[i]], message),
            |progress| match progress {
                Progress::Started(i) => tell(Event::Started {
                    file: &self.trials[to_do[i]].file,
                }),
                Progress::Ended(_, record) => tell(Event::Ended { record }),
            },
        );
        for (i, record) in to_do.into_iter().zip(ended) {
            records[i] = record;
        }
        self.finish(&worker, records, began, &mut tell)
    }

    /// Where something is decided for the session, measures every trial; otherwise does nothing.
    ///
    /// Returns what was decided, and the trials that can go on with their levels.
    fn first_round(
        &self,
        worker: &Worker<'_>,
        jobs: usize,
        to_do: Vec<usize>,
        records: &mut [Option<TrialRecord>],
        tell: &mut impl FnMut(Event<'_>),
    ) -> (SessionWide, Vec<BackgroundLevel>, Vec<usize>) {
        let analysis = &self.config.analysis;
        let background = analysis.background.scope == Scope::Session;
        let mask = analysis.segmentation.scope == Scope::Session;
        if !(background || mask) || to_do.is_empty() {
            return (SessionWide::default(), Vec::new(), to_do);
        }
        tell(Event::Measures {
            trials: to_do.len(),
        });
        let measured = local::run(
            to_do.len(),
            jobs,
            worker.cancelled,
            |i| {
                worker
                    .measure(&self.trials[to_do[i]])
                    .map_err(|e| with_causes(&e))
            },
            |_, message| Err(message),
            |progress| {
                if let Progress::Ended(i, _) = progress {
                    tell(Event::Measured {
                        file: &self.trials[to_do[i]].file,
                    });
                }
            },
        );
        let mut good = Vec::new();
        let mut go_on = Vec::new();
        for (&i, result) in to_do.iter().zip(measured) {
            match result {
                Some(Ok(m)) => {
                    good.push(m);
                    go_on.push(i);
                }
                Some(Err(message)) => {
                    let record = failed(&self.trials[i], message);
                    tell(Event::Ended { record: &record });
                    records[i] = Some(record);
                }
                None => {}
            }
        }
        let mut session = SessionWide::default();
        if background {
            session.background = widefield::order::median(good.iter().map(|m| m.background.value));
        }
        if mask {
            match session_mask(worker, &good) {
                Ok(found) => session.mask = found,
                Err(error) => {
                    for i in go_on.drain(..) {
                        let record = failed(&self.trials[i], format!("the session's {error}"));
                        tell(Event::Ended { record: &record });
                        records[i] = Some(record);
                    }
                }
            }
        }
        let levels = good.into_iter().map(|m| m.background).collect();
        (session, levels, go_on)
    }

    /// Everything after the trials: texts, indices, reference image, old files, record and report.
    fn finish(
        &self,
        worker: &Worker<'_>,
        records: Vec<Option<TrialRecord>>,
        began: Instant,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<RunRecord, Error> {
        let interrupted = worker.cancelled.load(std::sync::atomic::Ordering::Relaxed);
        let mut checks = self.checks.clone();
        let mut outputs = Vec::new();
        // Trials that were under way or never began are no failures: the next run does them.
        let mut trials: Vec<TrialRecord> = records
            .into_iter()
            .flatten()
            .filter(|r| {
                !(interrupted
                    && r.error.as_deref() == Some(TrialError::Cancelled.to_string().as_str()))
            })
            .collect();
        if !interrupted {
            match self.session_files(worker, &trials) {
                Ok(written) => outputs = written,
                Err(message) => {
                    tell(Event::Note { message: &message });
                    checks.push(Check::new(
                        "session_files",
                        Level::Fail,
                        f64::NAN,
                        f64::NAN,
                        message,
                    ));
                }
            }
        }
        let reporting = Instant::now();
        let pictures = self.pictures(&trials);
        let masks: Vec<_> = pictures
            .iter()
            .map(|p| p.as_ref().and_then(Pictures::kept))
            .collect();
        let behaviour = self.log.as_ref().map(crate::label::SessionLog::record);
        let session = checks::Session {
            masks: masks.iter().map(Option::as_ref).collect(),
            log_starts: self.log.as_ref().map(|l| l.starts()).unwrap_or_default(),
            behaviour: behaviour.as_ref(),
        };
        checks.extend(checks::of_session(&self.config, &mut trials, &session));
        let mut record = RunRecord {
            version: crate::VERSION.into(),
            config: self.config.clone(),
            behaviour,
            totals: totals(&trials, outputs, self.ignored.clone(), interrupted),
            trials,
            checks,
        };
        if !interrupted {
            self.remove_old(&mut record, tell);
        }
        record.totals.seconds = began.elapsed().as_secs_f64();
        let page = report::html(&record, &pictures);
        record.totals.report_seconds = reporting.elapsed().as_secs_f64();
        let finish = |source| Error::Finish { source };
        self.output
            .put("report.html", page.into_bytes())
            .map_err(finish)?;
        let json = serde_json::to_vec_pretty(&record).unwrap_or_default();
        self.output.put(RUN_JSON, json).map_err(finish)?;
        Ok(record)
    }

    /// What was kept for the report, for each record; `None` where nothing was, or nothing readable.
    fn pictures(&self, trials: &[TrialRecord]) -> Vec<Option<Pictures>> {
        let of = |record: &TrialRecord| {
            let trial = self.trials.iter().find(|t| t.file == record.file)?;
            // A failed trial may have left pictures in an earlier run; those of this one came with measures.
            record.quality.as_ref()?;
            let bytes = self.output.read(&Pictures::name(&trial.stem)).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        trials.iter().map(of).collect()
    }

    fn session_files(
        &self,
        worker: &Worker<'_>,
        trials: &[TrialRecord],
    ) -> Result<Vec<Output>, String> {
        let mut written = Vec::new();
        if let Some(log) = &self.log {
            written = log
                .write(&self.config, &self.output)
                .map_err(|e| with_causes(&e))?;
        }
        let out = &self.config.output;
        let first_good = |t: &&TrialPlan| trials.iter().any(|r| r.file == t.file && r.good());
        if !out.mat.is_empty()
            && let Some(trial) = self.trials.iter().find(first_good)
        {
            let name = format!("{}/refImg.mat", out.mat);
            let wrong = |cause: String| format!("{name}: {cause}");
            let mean = worker.raw_mean(trial).map_err(|e| wrong(with_causes(&e)))?;
            let image =
                widefield::reference::image(mean.view()).map_err(|e| wrong(e.to_string()))?;
            let bytes = mat::MatFile::new()
                .matrix("refImg", image.view(), out.orientation.into())
                .encode(out.compression)
                .map_err(|e| wrong(with_causes(&e)))?;
            written.push(
                self.output
                    .put(&name, bytes)
                    .map_err(|e| with_causes(&e))?
                    .into(),
            );
        }
        Ok(written)
    }

    /// Removes what earlier runs left and this one replaced. Only after everything new is safe.
    fn remove_old(&self, record: &mut RunRecord, tell: &mut impl FnMut(Event<'_>)) {
        let trials = record.trials.iter().filter(|t| t.good());
        let mut keep: BTreeSet<String> = trials
            .flat_map(|t| &t.outputs)
            .map(|o| o.path.clone())
            .collect();
        keep.extend(record.totals.outputs.iter().map(|o| o.path.clone()));
        let mut old = Vec::new();
        if self.config.output.existing == Existing::Clean {
            if !record.all_done() {
                tell(Event::Note {
                    message: "old files are kept, since not everything went well",
                });
                return;
            }
            let out = &self.config.output;
            for folder in [&out.movie, &out.dff, &out.mat]
                .into_iter()
                .filter(|f| !f.is_empty())
            {
                for entry in self.output.list(folder).unwrap_or_default() {
                    old.push(format!("{folder}/{}", entry.name));
                }
            }
        } else if let Some(previous) = &self.previous {
            let good: BTreeMap<&str, &TrialRecord> = record
                .trials
                .iter()
                .filter(|t| t.good())
                .map(|t| (t.file.as_str(), t))
                .collect();
            let replaced = previous
                .trials
                .iter()
                .filter(|t| good.contains_key(t.file.as_str()));
            old.extend(replaced.flat_map(|t| &t.outputs).map(|o| o.path.clone()));
            // A trial that failed now keeps what an earlier run made of it.
            let failed = previous
                .trials
                .iter()
                .filter(|t| !good.contains_key(t.file.as_str()));
            keep.extend(failed.flat_map(|t| &t.outputs).map(|o| o.path.clone()));
        }
        for name in old.into_iter().filter(|name| !keep.contains(name)) {
            if let Err(error) = self.output.remove(&name) {
                let message = format!("old file could not be removed: {}", with_causes(&error));
                tell(Event::Note { message: &message });
                record.checks.push(Check::new(
                    "old_files",
                    Level::Warn,
                    f64::NAN,
                    f64::NAN,
                    message,
                ));
            }
        }
    }
}

/// The record of a trial that an earlier run finished, judged by the limits of this one.
fn kept(config: &Config, trial: &TrialPlan) -> Option<TrialRecord> {
    match &trial.work {
        Work::Do(_) => None,
        Work::Keep(record) => {
            let mut record = TrialRecord {
                status: Status::Skipped,
                ..(**record).clone()
            };
            checks::judge(config, &mut record);
            Some(record)
        }
    }
}

fn failed(trial: &TrialPlan, message: String) -> TrialRecord {
    TrialRecord {
        status: Status::Failed,
        error: Some(message),
        ..described(trial)
    }
}

/// The mask of the equally weighted mean of the trials' mean images.
fn session_mask(worker: &Worker<'_>, good: &[Measured]) -> Result<Option<widefield::Mask>, String> {
    let Some(first) = good.first() else {
        return Ok(None);
    };
    let same: Vec<&Array2<f64>> = good
        .iter()
        .map(|m| &m.mean)
        .filter(|m| m.dim() == first.mean.dim())
        .collect();
    let mean = widefield::session::mean_of(&same).map_err(|e| format!("mean image: {e}"))?;
    let rule = worker.config.analysis.segmentation.rule();
    rule.mask(mean.view())
        .map(Some)
        .map_err(|e| format!("mask: {e}"))
}

fn totals(
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
        bytes: of_trials.chain(&outputs).map(|o| o.bytes).sum(),
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
