//! Whole runs: the trials of one or several plans, in two rounds where a session decides something for all of them.

mod consume;
mod finish;
mod session_scope;

use crate::claim::{Ticket, left_to};
use crate::config::Config;
use crate::contract::{Decided, Outcome, Round, failed};
use crate::engine::{Engine, Task, Told};
use crate::error::Error;
use crate::plan::{Plan, TrialPlan, Why, Work};
use crate::record::{Check, RunRecord, Status, TrialRecord, checks, with_causes};
use crate::results;
use crate::trial::{Worker, needs, told};
use std::collections::BTreeSet;
use std::time::Instant;
use widefield::{BackgroundLevel, Mask};
use widefield_storage::{Claim, Place, concurrent};

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
    /// Trials that an earlier run finished are done again, for a reason that concerns the session.
    Again {
        /// The reason.
        why: &'a Why,
        /// Trials that are done again.
        trials: usize,
        /// Their files that are replaced.
        files: usize,
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
    /// A trial that had started was abandoned, since the run was cancelled: nothing of it is in place.
    Abandoned {
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
    /// [`Error::Storage`] when the output place cannot be written at all, before any work; [`Error::Engine`] when
    /// trials could not be run at all; [`Error::Finish`] when `run.json` itself could not be written.
    pub fn run(self, engine: Engine, mut tell: impl FnMut(Event<'_>)) -> Result<RunRecord, Error> {
        let mut ended = run_all(&[self], &engine, |_, event| tell(event))?;
        // One plan has one result.
        ended.swap_remove(0)
    }

    /// Makes sure that results can be written, and by nobody else, before any work.
    fn prepare(&self) -> Result<Claim, Error> {
        let claim = self.claim()?;
        // Another run may have come and gone since this one was planned.
        self.settle()?;
        let out = &self.config.output;
        let folders = results::folders(&self.config, &self.own).into_iter();
        let folders = folders.map(|folder| folder.path);
        let folders: Vec<String> = [out.records.clone()].into_iter().chain(folders).collect();
        for folder in &folders {
            self.output.check_writable(folder)?;
        }
        self.output.sweep_temporary()?;
        // Sweeping looks into the folders directly below: go there where folders are deeper.
        let deeper: BTreeSet<&str> = folders
            .iter()
            .filter_map(|folder| Some(folder.rsplit_once('/')?.0))
            .collect();
        for path in deeper.iter().filter_map(|f| self.output.local_path(f)) {
            Place::open(&path.to_string_lossy())?.sweep_temporary()?;
        }
        // So that what was compared once need not be again.
        let verified: Vec<_> = self
            .trials
            .iter()
            .filter_map(|t| t.verified.as_deref())
            .collect();
        concurrent::map(&verified, |manifest| manifest.put(&self.output))
            .into_iter()
            .collect::<Result<(), _>>()?;
        Ok(claim)
    }

    /// Whether motion is taken away.
    fn moves(&self) -> bool {
        results::of_shifts(&self.config, &self.own).is_some()
    }

    /// Whether something is decided for the session.
    fn decides(&self) -> bool {
        self.config.analysis.of_session()
    }
}

/// A session while it runs.
struct Session {
    began: Instant,
    /// One for each trial of the plan that has ended, with its mask where that is known.
    records: Vec<Option<(TrialRecord, Option<Mask>)>>,
    /// Trials that have not.
    left: usize,
    result: Option<Result<RunRecord, Error>>,
    /// Kept until it is closed.
    claim: Option<Claim>,
}

/// What a session knows when its second round begins.
#[derive(Default)]
struct Known {
    /// Trials of the second round.
    to_do: Vec<usize>,
    decided: Decided,
    /// One for each trial of the plan that was measured.
    levels: Vec<Option<BackgroundLevel>>,
    claim: Option<Ticket>,
}

/// Runs several sessions at once, as [`Plan::run`] does one: while the last trials of one end, those of the next
/// begin. `tell` is given the number of the plan.
///
/// Returns one result for each plan.
///
/// # Errors
/// [`Error::Engine`] when trials could not be run at all; before any work, [`Error::SharedFolder`] and its like where
/// results of two plans would meet.
pub fn run_all(
    plans: &[Plan],
    engine: &Engine,
    mut tell: impl FnMut(usize, Event<'_>),
) -> Result<Vec<Result<RunRecord, Error>>, Error> {
    Plan::refuse_shared(plans)?;
    let mut run = Run {
        plans,
        engine,
        tell: &mut tell,
        sessions: plans.iter().map(Session::new).collect(),
    };
    let mut known: Vec<Known> = (0..plans.len()).map(|s| run.begin(s)).collect();
    let rounds = run.first_round(&mut known);
    let rounds = rounds.and_then(|()| run.round(Round::Process, &known, |_, _, _| true));
    if let Err(error) = rounds {
        run.leave(&error);
        return Err(error);
    }
    for session in 0..plans.len() {
        run.close(session);
    }
    Ok(run.sessions.into_iter().filter_map(|s| s.result).collect())
}

struct Run<'a> {
    plans: &'a [Plan],
    engine: &'a Engine,
    tell: &'a mut dyn FnMut(usize, Event<'_>),
    sessions: Vec<Session>,
}

impl Session {
    fn new(plan: &Plan) -> Self {
        let kept = |trial: &TrialPlan| match &trial.work {
            Work::Keep(record) => Some((kept(&plan.config, trial, record), trial.mask.clone())),
            Work::Undecided(_) | Work::Do(_) | Work::Fail(_) => None,
        };
        let records: Vec<_> = plan.trials.iter().map(kept).collect();
        Self {
            began: Instant::now(),
            left: records.iter().filter(|r| r.is_none()).count(),
            records,
            result: None,
            claim: None,
        }
    }

    /// Whether a trial has ended; in a closed session all have.
    fn has(&self, trial: usize) -> bool {
        self.result.is_some() || self.records.get(trial).is_some_and(Option::is_some)
    }
}

impl Run<'_> {
    /// Prepares a session; the trials that it has to do.
    fn begin(&mut self, session: usize) -> Known {
        let plans = self.plans;
        let plan = &plans[session];
        let state = &mut self.sessions[session];
        match plan.prepare() {
            Ok(claim) => state.claim = Some(claim),
            Err(error) => {
                state.result = Some(Err(error));
                return Known::default();
            }
        }
        let open = |&i: &usize| state.records[i].is_none();
        let to_do: Vec<usize> = (0..plan.trials.len()).filter(open).collect();
        let (failing, mut to_do): (Vec<_>, Vec<_>) = to_do
            .into_iter()
            .partition(|&i| matches!(plan.trials[i].work, Work::Fail(_)));
        let begins = Event::Begins {
            to_do: to_do.len() + failing.len(),
            kept: plan.trials.len() - to_do.len() - failing.len(),
            checks: &plan.checks,
        };
        (self.tell)(session, begins);
        for (why, trials, files) in plan.again() {
            (self.tell)(session, Event::Again { why, trials, files });
        }
        for i in failing {
            if let Work::Fail(why) = &plan.trials[i].work {
                self.ended(session, i, failed(&plan.trials[i], why.clone()), None);
            }
        }
        let mut decided = plan.given();
        if !to_do.is_empty() {
            match Self::worker(plan, self.engine, None).origin(&plan.trials) {
                Ok(origin) => decided.reference = Some(origin),
                // Nothing begins any more.
                Err(_) if self.engine.cancelled() => {}
                Err(error) if plan.moves() => self.nowhere(session, &mut to_do, &error),
                Err(error) => {
                    let message = format!("motion is not measured: {}", with_causes(&error));
                    (self.tell)(session, Event::Note { message: &message });
                }
            }
        }
        Known {
            levels: vec![None; plan.trials.len()],
            decided,
            to_do,
            claim: self.sessions[session].claim.as_ref().map(Ticket::of),
        }
    }

    /// Ends the trials of a session without a movie that they could be moved to; what an earlier run finished stays.
    fn nowhere(&mut self, session: usize, to_do: &mut Vec<usize>, error: &dyn std::error::Error) {
        let plan = &self.plans[session];
        let why = format!(
            "no movie that motion is taken away to: {}",
            with_causes(error)
        );
        for i in std::mem::take(to_do) {
            let trial = &plan.trials[i];
            match &trial.work {
                Work::Undecided(record) => {
                    let record = kept(&plan.config, trial, record);
                    self.ended(session, i, record, trial.mask.clone());
                }
                _ => self.ended(session, i, failed(trial, why.clone()), None),
            }
        }
    }

    /// Where something is decided for a session, measures its trials and decides.
    fn first_round(&mut self, known: &mut [Known]) -> Result<(), Error> {
        let plans = self.plans;
        for (plan, known) in plans.iter().zip(known.iter_mut()) {
            if plan.decides() {
                let levels =
                    concurrent::map(&known.to_do, |&i| plan.measured_before(i, &known.decided));
                for (&i, level) in known.to_do.iter().zip(levels) {
                    known.levels[i] = level;
                }
            }
        }
        let measured = self.round(Round::Measure, known, |session, known, i| {
            plans[session].decides() && known.levels[i].is_none()
        })?;
        for (session, i, level) in measured {
            known[session].levels[i] = Some(level);
        }
        if self.engine.cancelled() {
            // What is decided for a session needs all of its trials.
            known.iter_mut().for_each(|k| k.to_do.clear());
            return Ok(());
        }
        for (session, known) in known.iter_mut().enumerate() {
            let decides = plans[session].decides() || known.decided.moved_to().is_some();
            if decides && !known.to_do.is_empty() {
                self.decide(session, known);
            }
        }
        Ok(())
    }

    /// Lets the engine take the trials to do, those that are `wanted` of them, through a round; the levels it measured.
    fn round(
        &mut self,
        round: Round,
        known: &[Known],
        wanted: impl Fn(usize, &Known, usize) -> bool,
    ) -> Result<Vec<(usize, usize, BackgroundLevel)>, Error> {
        let plans = self.plans;
        let mut tasks = Vec::new();
        let mut whose = Vec::new();
        for (session, known) in known.iter().enumerate() {
            let before = tasks.len();
            for &i in known.to_do.iter().filter(|&&i| wanted(session, known, i)) {
                let (decided, level) = match round {
                    Round::Measure => (&known.decided, None),
                    Round::Process => (&known.decided, known.levels[i].as_ref()),
                };
                let file = &plans[session].trials[i].file;
                // Several sessions may have movies of one name.
                let id = match plans.len() {
                    1 => file.clone(),
                    _ => format!("{}:{file}", session + 1),
                };
                tasks.push(Task {
                    id,
                    round,
                    plan: &plans[session],
                    number: i,
                    session: decided,
                    level,
                    claim: known.claim.clone(),
                });
                whose.push((session, i));
            }
            let trials = tasks.len() - before;
            if round == Round::Measure && trials > 0 {
                (self.tell)(session, Event::Measures { trials });
            }
        }
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let mut started = vec![false; tasks.len()];
        let mut measured = Vec::new();
        let engine = self.engine;
        let ended = engine.run(&tasks, &mut |told| match told {
            Told::Note(message) => self.note(&message),
            Told::Started(task) => {
                let (session, i) = whose[task];
                let file = &plans[session].trials[i].file;
                if round == Round::Process {
                    started[task] = true;
                    (self.tell)(session, Event::Started { file });
                }
            }
            Told::Ended(task, reply) => {
                let (session, i) = whose[task];
                match reply.outcome {
                    Outcome::Measured { level } => {
                        measured.push((session, i, level));
                        let file = &plans[session].trials[i].file;
                        (self.tell)(session, Event::Measured { file });
                    }
                    Outcome::Done { record, mask } => self.ended(session, i, *record, mask),
                    Outcome::Failed { record, .. } => self.ended(session, i, *record, None),
                    Outcome::Interrupted => {}
                }
            }
        });
        for (&(session, i), started) in whose.iter().zip(started) {
            let heard = measured
                .iter()
                .any(|&(s, trial, _)| (s, trial) == (session, i));
            if started && engine.cancelled() && !self.sessions[session].has(i) {
                let file = &plans[session].trials[i].file;
                (self.tell)(session, Event::Abandoned { file });
            }
            if ended.is_ok() {
                self.lost(session, i, heard);
            }
        }
        ended.map(|()| measured)
    }

    /// Decides for a session from its measured trials, and leaves the failed ones out.
    fn decide(&mut self, session: usize, known: &mut Known) {
        let plan = &self.plans[session];
        let decided = match plan.decides() {
            true => {
                known.to_do.retain(|&i| known.levels[i].is_some());
                plan.decide(&known.to_do, &known.levels, &known.decided)
            }
            false => Ok(known.decided.clone()),
        };
        match decided {
            Ok(decided) => {
                let same = decided.identity();
                known.decided = decided;
                for i in known.to_do.clone() {
                    if let Work::Undecided(record) = &plan.trials[i].work
                        && plan.trials[i].decided == same
                    {
                        known.to_do.retain(|&other| other != i);
                        let record = kept(&plan.config, &plan.trials[i], record);
                        self.ended(session, i, record, plan.trials[i].mask.clone());
                    }
                }
            }
            Err(message) => {
                for i in std::mem::take(&mut known.to_do) {
                    let record = failed(&plan.trials[i], format!("the session's {message}"));
                    self.ended(session, i, record, None);
                }
            }
        }
    }

    /// Takes note of a trial that ended, and closes the session after its last one.
    fn ended(&mut self, session: usize, trial: usize, record: TrialRecord, mask: Option<Mask>) {
        let state = &mut self.sessions[session];
        if state.has(trial) {
            return;
        }
        (self.tell)(session, Event::Ended { record: &record });
        state.records[trial] = Some((record, mask));
        state.left -= 1;
        if state.left == 0 && !self.engine.cancelled() {
            self.close(session);
        }
    }

    /// A trial of which nothing was heard though nobody cancelled the run has failed.
    fn lost(&mut self, session: usize, trial: usize, heard: bool) {
        if !heard && !self.engine.cancelled() && !self.sessions[session].has(trial) {
            let plan = &self.plans[session].trials[trial];
            let message = "no result came back of it".to_owned();
            self.ended(session, trial, failed(plan, message), None);
        }
    }

    /// Leaves the claims to what goes on without this process.
    fn leave(&mut self, error: &Error) {
        let Error::Detached { jobs } = error else {
            return;
        };
        let holder = left_to(self.engine.name(), jobs);
        for session in 0..self.sessions.len() {
            let open = self.sessions[session].claim.take();
            if let Some(Err(error)) = open.map(|claim| claim.leave_to(&holder)) {
                self.note(&with_causes(&error));
            }
        }
    }

    /// For what is read of a session outside of its trials.
    fn worker<'s>(plan: &'s Plan, engine: &'s Engine, claim: Option<&'s Ticket>) -> Worker<'s> {
        let largest = plan.trials.iter().map(|t| t.input.bytes).max().unwrap_or(0);
        Worker {
            memory: engine.width(engine.bytes(), needs(largest)).1,
            claim,
            ..plan.worker(engine.flag())
        }
    }

    fn close(&mut self, session: usize) {
        let state = &mut self.sessions[session];
        if state.result.is_some() {
            return;
        }
        let plan = &self.plans[session];
        let claim = state.claim.take();
        let ticket = claim.as_ref().map(Ticket::of);
        let trials = std::mem::take(&mut state.records);
        let worker = Self::worker(plan, self.engine, ticket.as_ref());
        let result = plan.finish(
            &worker,
            trials.into_iter().flatten().collect(),
            state.began,
            self.engine.cancelled(),
            &mut |event| (self.tell)(session, event),
        );
        state.result = Some(result);
    }

    fn note(&mut self, message: &str) {
        (self.tell)(0, Event::Note { message });
    }
}

/// The record of a trial that an earlier run finished, judged by the limits of this one.
fn kept(config: &Config, trial: &TrialPlan, record: &TrialRecord) -> TrialRecord {
    let mut record = TrialRecord {
        status: Status::Skipped,
        ..told(trial, record.clone())
    };
    checks::judge(config, &mut record);
    record
}
