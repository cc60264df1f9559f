//! Trials as requests in lines to a cluster, and its answers.

use super::{Engine, Task, Told};
use crate::contract::{CONTRACT, Outcome, Reply, Request, failed};
use crate::error::Error;
use crate::record::with_causes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use widefield_cluster::{Cluster, ClusterError, Ended, Heard, Line};

/// What a trial may hold where the user does not say: longer movies then go through a scratch file.
const MEMORY: u64 = 1 << 30;

/// Starts a cluster that carries out so many requests at a time.
type Start = Box<dyn Fn(Option<usize>) -> Result<Box<dyn Cluster>, ClusterError> + Send>;

/// A cluster by its name. It starts with the first round, and ends with the last clone.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) name: &'static str,
    state: Arc<Mutex<State>>,
}

enum State {
    /// `note` is for people once it has started.
    #[cfg_attr(
        not(any(feature = "slurm", feature = "spark")),
        expect(dead_code, reason = "those of a program are under way")
    )]
    Off {
        start: Start,
        note: Option<&'static str>,
    },
    On(Box<dyn Cluster>),
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Held {
    /// One that is under way.
    pub(super) fn on(name: &'static str, cluster: impl Cluster + 'static) -> Self {
        Self::of(name, State::On(Box::new(cluster)))
    }

    /// One that starts when it is needed; its workers are this very executable, `elsewhere` on other machines.
    #[cfg(any(feature = "slurm", feature = "spark"))]
    pub(super) fn off<C: Cluster + 'static>(
        name: &'static str,
        elsewhere: bool,
        start: impl Fn(Option<usize>) -> Result<C, ClusterError> + Send + 'static,
    ) -> Self {
        let note = (elsewhere && !cfg!(feature = "static-hdf5")).then_some(
            "this executable needs the system's HDF5 library on every machine of the cluster; one built with \
             --features static-hdf5 does not",
        );
        let start: Start = Box::new(move |jobs| Ok(Box::new(start(jobs)?)));
        Self::of(name, State::Off { start, note })
    }

    fn of(name: &'static str, state: State) -> Self {
        Self {
            name,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Runs tasks as one round on the cluster, which starts if it is not there yet.
    pub(super) fn run(
        &self,
        engine: &Engine,
        tasks: &[Task<'_>],
        tell: &mut dyn FnMut(Told),
    ) -> Result<(), Error> {
        let failed = |error: ClusterError| Error::Engine {
            engine: self.name,
            cause: with_causes(&error),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Off { start, note } = &*state {
            let cluster = start(engine.jobs).map_err(failed)?;
            if let Some(note) = note {
                tell(Told::Note((*note).to_owned()));
            }
            *state = State::On(cluster);
        }
        let State::On(cluster) = &mut *state else {
            return Ok(());
        };
        match round(&mut **cluster, engine, tasks, tell).map_err(failed)? {
            Ended::Here => Ok(()),
            Ended::Detached(jobs) => Err(Error::Detached { jobs }),
        }
    }
}

/// Runs tasks on a cluster as one round.
fn round(
    cluster: &mut dyn Cluster,
    engine: &Engine,
    tasks: &[Task<'_>],
    tell: &mut dyn FnMut(Told),
) -> Result<Ended, ClusterError> {
    let memory = engine.memory.unwrap_or(MEMORY);
    let lines: Vec<Line> = tasks.iter().filter_map(|task| line(task, memory)).collect();
    let began = Instant::now();
    let lost = |index: usize, error: String| {
        let record = Box::new(failed(tasks[index].trial(), error));
        let outcome = Outcome::Failed {
            record,
            retry: false,
        };
        Reply::new(tasks[index].id.clone(), 0, began, outcome)
    };
    cluster.round(&lines, engine.flag(), &mut |heard| match heard {
        Heard::Note(message) => tell(Told::Note(message)),
        // Of something that nobody asked for.
        Heard::Failed { index, .. } | Heard::Reply { index, .. } if index >= tasks.len() => {}
        Heard::Failed { index, error } => tell(Told::Ended(index, Box::new(lost(index, error)))),
        Heard::Reply { index, line } => {
            let reply = reply(&line, &tasks[index].id).unwrap_or_else(|error| lost(index, error));
            // Abandoned ones have not ended: the next run does them.
            if reply.outcome != Outcome::Interrupted {
                tell(Told::Ended(index, Box::new(reply)));
            }
        }
    })
}

/// Threads are for the cluster to give: it knows the cores of a task.
fn line(task: &Task<'_>, memory: u64) -> Option<Line> {
    let request = Request {
        id: task.id.clone(),
        round: task.round,
        session: task.session.clone(),
        level: task.level.copied(),
        claim: task.claim.clone(),
        ..task.plan.request(task.number, memory, 0)?
    };
    let json = serde_json::to_string(&request).ok()?;
    Some(Line::new(request.id, json))
}

fn reply(line: &str, id: &str) -> Result<Reply, String> {
    let reply: Reply =
        serde_json::from_str(line).map_err(|e| format!("its worker answered nonsense: {e}"))?;
    if reply.version != CONTRACT || reply.id != id {
        return Err(format!(
            "its worker answered for {} (version {})",
            reply.id, reply.version
        ));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_be_one_and_of_this_request() {
        let good = format!(
            r#"{{"version":{CONTRACT},"id":"a","ran":{{"attempt":0,"host":"h","pid":1,"seconds":1.5}},"outcome":"interrupted"}}"#
        );
        assert_eq!(reply(&good, "a").unwrap().ran.host, "h");
        assert!(reply(&good, "b").unwrap_err().contains("answered for a"));
        let other = good.replace(&format!("\"version\":{CONTRACT}"), "\"version\":999");
        assert!(reply(&other, "a").unwrap_err().contains("version 999"));
        assert!(reply("", "a").unwrap_err().contains("nonsense"));
    }
}
