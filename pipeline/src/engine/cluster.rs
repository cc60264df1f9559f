//! What engines share that have their workers elsewhere.

use super::{Engine, Task, Told};
use crate::contract::{CONTRACT, Outcome, Reply, Request, failed};
use crate::error::{Error, with_causes};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Why a cluster could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A property that cannot be given.
    #[error("property {property}: {why}")]
    Property {
        /// Its key.
        property: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file for the cluster could not be written.
    #[error("{what}")]
    File {
        /// What was to be done.
        what: String,
        /// Why it could not.
        source: std::io::Error,
    },
    /// A command of the cluster does not start.
    #[error("{command} cannot be started")]
    Command {
        /// Which.
        command: String,
        /// Why.
        source: std::io::Error,
    },
    /// A command of the cluster failed.
    #[error("{command} failed ({status}): {output}")]
    Failed {
        /// Which.
        command: String,
        /// How it ended.
        status: String,
        /// Its last words.
        output: String,
    },
    /// The driver is not there in time.
    #[error("Spark did not start within {seconds} s; its last messages: {output}")]
    Silent {
        /// How long was waited.
        seconds: u64,
        /// The last of its log.
        output: String,
    },
}

/// What becomes known of a round's requests.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// The line that a worker wrote for a request.
    Reply { index: usize, line: String },
    /// No worker could answer.
    Failed { index: usize, error: String },
    /// For people.
    Note(String),
}

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All answers were waited for, or the run was cancelled.
    Here,
    /// These jobs of the cluster go on without us.
    #[cfg_attr(not(feature = "slurm"), allow(dead_code, reason = "for Slurm alone"))]
    Detached(String),
}

/// A cluster under way.
pub(crate) trait Rounds: Send {
    /// Lets the cluster answer all requests, and tells each answer once as it comes.
    ///
    /// After `cancelled` is set it returns soon, with requests left unanswered.
    fn round(
        &mut self,
        lines: &[Line],
        cancelled: &AtomicBool,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<Ended, ClusterError>;
}

/// What a trial may hold where the user does not say: longer movies then go through a scratch file.
const MEMORY: u64 = 1 << 30;

/// A cluster from the first round on. It ends with the last clone.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Option<Box<dyn Rounds>>>>);

impl Held {
    /// Runs tasks as one round on the cluster, which `start` starts if it is not there yet.
    pub(super) fn run(
        &self,
        name: &'static str,
        engine: &Engine,
        tasks: &[Task<'_>],
        tell: &mut dyn FnMut(Told),
        start: impl FnOnce() -> Result<Box<dyn Rounds>, ClusterError>,
    ) -> Result<(), Error> {
        let failed = |error: ClusterError| Error::Engine {
            engine: name,
            cause: with_causes(&error),
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = match &mut *held {
            Some(cluster) => cluster,
            none => none.insert(start().map_err(failed)?),
        };
        match round(&mut **cluster, engine, tasks, tell).map_err(failed)? {
            Ended::Here => Ok(()),
            Ended::Detached(jobs) => Err(Error::Detached { jobs }),
        }
    }
}

/// Runs tasks on a cluster as one round.
fn round(
    cluster: &mut dyn Rounds,
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
    Some(Line {
        json: serde_json::to_string(&request).ok()?,
        id: request.id,
    })
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

/// A request as it travels: an object on one line, with that `id`.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) json: String,
}

/// Requests of a round that lack an answer. Each is answered once, whatever is heard.
pub(crate) struct Unanswered(HashMap<String, usize>);

impl Unanswered {
    pub(crate) fn of(lines: &[Line]) -> Self {
        let ids = lines.iter().enumerate();
        Self(ids.map(|(index, line)| (line.id.clone(), index)).collect())
    }

    /// The index of a request that is answered now; `None` for a second answer, and for what was never asked.
    pub(crate) fn answered(&mut self, id: &str) -> Option<usize> {
        self.0.remove(id)
    }

    #[cfg_attr(not(feature = "slurm"), allow(dead_code, reason = "for Slurm alone"))]
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    #[cfg_attr(not(feature = "slurm"), allow(dead_code, reason = "for Slurm alone"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are left, in order.
    pub(crate) fn indices(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.0.values().copied().collect();
        left.sort_unstable();
        left
    }

    /// Says of all that are left that they failed.
    pub(crate) fn fail(&mut self, error: &str, tell: &mut dyn FnMut(Heard)) {
        for index in self.indices() {
            let error = error.to_owned();
            tell(Heard::Failed { index, error });
        }
        self.0.clear();
    }
}

/// Variables of the environment that stores are reached with, which workers elsewhere need.
pub(crate) fn forwarded() -> Vec<(String, String)> {
    let begins = ["OS_", "ST_", "AWS_", "AZURE_", "GOOGLE_", "SWIFT_"];
    let named = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "RUST_LOG",
        "WIDEFIELD_PATIENCE_S",
    ];
    let wanted = |name: &str| {
        let upper = name.to_ascii_uppercase();
        begins.iter().any(|b| upper.starts_with(b)) || named.contains(&upper.as_str())
    };
    // What is no text cannot have been meant for us.
    let text = std::env::vars_os()
        .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    let mut found: Vec<_> = text.filter(|(name, _)| wanted(name)).collect();
    found.sort();
    found
}

/// Writes a file that only its owner can read; it appears whole.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(part, path)
}

/// Requests, one a line.
pub(crate) fn write_lines(path: &Path, lines: &[Line]) -> std::io::Result<()> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    write_private(path, text.as_bytes())
}

/// The program that workers are.
pub(crate) fn executable(given: Option<&PathBuf>) -> std::io::Result<PathBuf> {
    match given {
        Some(path) => path.canonicalize(),
        None => std::env::current_exe()?.canonicalize(),
    }
}

/// What to tell people of an executable that is no whole on other machines.
pub(crate) fn executable_note() -> Option<Heard> {
    (!cfg!(feature = "static-hdf5")).then(|| {
        Heard::Note(
            "this executable needs the system's HDF5 library on every machine of the cluster; one built with \
             --features static-hdf5 does not"
                .into(),
        )
    })
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

    fn lines(ids: &[&str]) -> Vec<Line> {
        let line = |id: &&str| Line {
            id: (*id).into(),
            json: format!("{{\"id\":\"{id}\"}}"),
        };
        ids.iter().map(line).collect()
    }

    #[test]
    fn every_request_is_answered_once() {
        let mut open = Unanswered::of(&lines(&["a", "b", "c"]));
        assert_eq!(open.answered("b"), Some(1));
        assert_eq!(open.answered("b"), None);
        assert_eq!(open.answered("x"), None);
        assert_eq!(open.indices(), [0, 2]);
        let mut told = Vec::new();
        open.fail("gone", &mut |t| told.push(t));
        let failed = |index| Heard::Failed {
            index,
            error: "gone".into(),
        };
        assert_eq!(told, [failed(0), failed(2)]);
        assert!(open.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_plan_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("round-0.jsonl");
        write_lines(&path, &lines(&["a", "b"])).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }
}
