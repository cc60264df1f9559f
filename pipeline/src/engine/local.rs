//! Trials on threads of this machine.

use super::{Engine, Task, Told};
use crate::consumer;
use crate::contract::{Outcome, Reply};
use crate::order_of_steps::Steps;
use crate::plan::Plan;
use crate::recording::Spare;
use crate::trial::{self, Worker};
use crate::worker::perform;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use widefield_storage::concurrent;

/// Runs the tasks in order, several at a time.
///
/// A thread for each trial at a time reads, waits and writes; all that computes within a trial shares the threads of
/// the common pool, so that trials overlap one another's waiting without more threads computing than there are cores.
pub(super) fn run(engine: &Engine, tasks: &[Task<'_>], tell: &mut dyn FnMut(Told)) {
    let all = engine.bytes();
    let share = tasks
        .iter()
        .map(|task| task.plan.own.share(&task.plan.config));
    let held = consumer::share(all, share.fold(0.0, f64::max));
    let (jobs, memory) = width(engine, all - held, tasks);
    let spare = Spare::default();
    let work = |index: usize| {
        let task = &tasks[index];
        let worker = Worker {
            memory,
            held: all,
            claim: task.claim.as_ref(),
            spare: &spare,
            ..task.plan.worker(engine.flag())
        };
        let began = Instant::now();
        let outcome = perform(&worker, task.round, task.trial(), task.session, task.level);
        Reply::new(task.id.clone(), 0, began, outcome)
    };
    each(tasks.len(), jobs, engine.flag(), work, |progress| {
        match progress {
            Progress::Started(index) => tell(Told::Started(index)),
            // Abandoned ones have not ended: the next run does them.
            Progress::Ended(_, reply) if reply.outcome == Outcome::Interrupted => {}
            Progress::Ended(index, reply) => tell(Told::Ended(index, Box::new(reply))),
        }
    });
}

/// Trials at a time, and the bytes each may hold.
fn width(engine: &Engine, memory: u64, tasks: &[Task<'_>]) -> (usize, u64) {
    let largest = |tasks: &[Task<'_>]| {
        let sizes = tasks.iter().map(|task| task.trial().input.bytes);
        sizes.max().unwrap_or(0)
    };
    let bound = engine.width(memory, trial::needs(largest(tasks)));
    if bound.0 == engine.width(memory, 0).0 {
        return bound;
    }
    // Headers tell how much smaller movies become, which sizes of files do not.
    let sessions: Vec<&Task<'_>> = tasks
        .chunk_by(|a, b| std::ptr::eq(a.plan, b.plan))
        .filter_map(|session| session.iter().max_by_key(|task| task.trial().input.bytes))
        .collect();
    let needed = concurrent::map(&sessions, |task| {
        let Plan {
            config, own, data, ..
        } = task.plan;
        let steps = Steps::configured(&config.analysis, &config.experiment, own);
        trial::needed(config, &steps, data, task.trial())
    });
    engine.width(memory, needed.into_iter().max().unwrap_or(0))
}

/// What a thread tells while it goes on.
enum Progress<T> {
    Started(usize),
    Ended(usize, T),
}

/// Calls `work`, which must not panic, for every index below `count` on `jobs` threads, and `tell` on this one as
/// things happen. Indices start in order. After `cancelled` is set no further one starts.
fn each<T: Send>(
    count: usize,
    jobs: usize,
    cancelled: &AtomicBool,
    work: impl Fn(usize) -> T + Sync,
    mut tell: impl FnMut(Progress<T>),
) {
    let next = AtomicUsize::new(0);
    let (sender, events) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            let sender = sender.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                while !cancelled.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    // The receiver outlives this scope; a failed send has nobody to tell.
                    let _ = sender.send(Progress::Started(index));
                    let _ = sender.send(Progress::Ended(index, work(index)));
                }
            });
        }
        drop(sender);
        for event in events {
            tell(event);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Override;
    use crate::contract::{Decided, Round};
    use crate::plan::Experiment;
    use crate::simulate::Session;

    #[test]
    fn headers_tell_how_many_trials_fit() {
        let dir = tempfile::tempdir().expect("folder");
        let session = Session {
            trials: 2,
            size: 256,
            frames: 60,
            ..Session::default()
        };
        let path = session.write(dir.path(), |_| {}).expect("session");
        let smaller: Override = "analysis.resolution=[32,32]".parse().expect("override");
        let plan = Experiment::load_with(path, &[smaller])
            .and_then(Experiment::plan)
            .expect("plan");
        let decided = Decided::default();
        let tasks: Vec<_> = (0..2)
            .map(|number| Task {
                id: number.to_string(),
                round: Round::Process,
                plan: &plan,
                number,
                session: &decided,
                level: None,
                claim: None,
            })
            .collect();
        let trial = &plan.trials[0];
        let analysis = &plan.config.analysis;
        let steps = Steps::configured(analysis, &plan.config.experiment, &plan.own);
        let needed = trial::needed(&plan.config, &steps, &plan.data, trial);
        // By the sizes of the files alone only one would fit.
        assert!(trial::needs(trial.input.bytes) > needed + 2);
        let of = |memory| width(&Engine::local().jobs(4), memory, &tasks);
        assert_eq!(of(2 * needed), (2, needed));
        assert_eq!(of(2 * needed - 1), (1, 2 * needed - 1));
    }

    #[test]
    fn every_index_once() {
        let mut ended = [0; 20];
        each(
            20,
            3,
            &AtomicBool::new(false),
            |i| i * i,
            |event| {
                if let Progress::Ended(i, square) = event {
                    assert_eq!(square, i * i);
                    ended[i] += 1;
                }
            },
        );
        assert_eq!(ended, [1; 20]);
    }

    #[test]
    fn nothing_starts_after_cancelling() {
        let cancelled = AtomicBool::new(false);
        let work = |i: usize| {
            if i == 2 {
                cancelled.store(true, Ordering::Relaxed);
            }
        };
        let mut ended = 0;
        each(100, 1, &cancelled, work, |event| {
            ended += usize::from(matches!(event, Progress::Ended(..)));
        });
        assert_eq!(ended, 3);
    }
}
