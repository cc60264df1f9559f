//! The process `spark-submit` with the driver in it.

use super::Spark;
use crate::{ClusterError, Line, shipping};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the driver says. Its other output is kept as [`Driver::last_words`].
#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event {
    Started {
        version: String,
        application: String,
    },
    Waiting {
        seconds: u64,
    },
    Reply {
        id: String,
        line: String,
    },
    Failed {
        id: String,
        error: String,
    },
    Round {
        number: usize,
    },
    Stopped,
    Lost,
    /// The process is gone; not from the driver itself.
    #[serde(skip)]
    Ended {
        status: String,
    },
}

const PROGRAM: &str = include_str!("driver.py");
const PREFIX: &str = "@widefield ";
/// Longest line taken from Spark; the rest of a longer one is taken for the next.
const LONGEST: u64 = 16 << 20;
/// Lines of its log that are kept.
const KEPT: usize = 40;
/// From the wish to stop to force. An orderly end takes about two seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest wait for a driver whose work is done.
const GOODBYE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    folder: tempfile::TempDir,
    events: Receiver<Event>,
    log: Arc<Mutex<VecDeque<String>>>,
    started: bool,
    /// All rounds that were submitted have ended.
    idle: bool,
    over: bool,
}

impl Driver {
    pub(super) fn start(spark: &Spark, window: Option<usize>) -> Result<Self, ClusterError> {
        let file = |what: &str| {
            let what = what.to_owned();
            move |source| ClusterError::File { what, source }
        };
        let mut folder = tempfile::Builder::new();
        folder.prefix("widefield-spark-");
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = folder
            .tempdir()
            .map_err(file("a folder for Spark cannot be made"))?;
        let program = folder.path().join("driver.py");
        shipping::write_private(&program, PROGRAM.as_bytes())
            .map_err(file("the driver cannot be written"))?;
        let executable =
            shipping::executable(spark.executable.as_ref()).map_err(file("no worker to ship"))?;
        // By one name everywhere, and in the current folder of the driver too, where a local master runs it.
        let worker = folder.path().join("widefield");
        link(&executable, &worker)
            .map_err(file("the worker cannot be put into the folder for Spark"))?;

        let submit = match spark
            .home
            .clone()
            .or_else(|| std::env::var_os("SPARK_HOME").map(PathBuf::from))
        {
            Some(home) => {
                std::path::absolute(home.join("bin/spark-submit")).map_err(file("SPARK_HOME"))?
            }
            None => "spark-submit".into(),
        };
        let mut command = Command::new(&submit);
        if let Some(master) = &spark.master {
            command.args(["--master", master]);
        }
        for property in &spark.conf {
            command.args(["--conf", property]);
        }
        command.args(["--name", "widefield", "--deploy-mode", "client", "--files"]);
        command
            .arg(&worker)
            .arg(&program)
            .arg(folder.path())
            .arg("widefield");
        command
            .arg(window.unwrap_or(0).to_string())
            .arg(std::process::id().to_string());
        let forwarded = shipping::forwarded();
        let names: Vec<&str> = forwarded.iter().map(|(name, _)| name.as_str()).collect();
        command.env("WIDEFIELD_FORWARD", names.join(" "));
        command.current_dir(folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A group of its own: Ctrl-C in the terminal is for us, who stop it in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|source| ClusterError::Command {
            command: submit.display().to_string(),
            source,
        })?;

        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, events) = mpsc::channel();
        if let Some(errors) = child.stderr.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || lines(errors, |line| keep(&log, line)));
        }
        if let Some(output) = child.stdout.take() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                lines(output, |line| match event(&line) {
                    // Without a receiver nobody waits for it any more.
                    Some(event) => drop(sender.send(event)),
                    None => keep(&log, line),
                });
            });
        }
        Ok(Self {
            child,
            folder,
            events,
            log,
            started: false,
            idle: false,
            over: false,
        })
    }

    pub(super) fn started(&self) -> bool {
        self.started
    }

    /// Puts a round of requests where the driver looks for it.
    pub(super) fn submit(&mut self, number: usize, requests: &[Line]) -> Result<(), ClusterError> {
        self.idle = false;
        let path = self.folder.path().join(format!("round-{number}.jsonl"));
        shipping::write_lines(&path, requests).map_err(|source| ClusterError::File {
            what: "the requests for Spark cannot be written".into(),
            source,
        })
    }

    /// The next event, if there is one within that time. The end of the process comes after all others.
    pub(super) fn next(&mut self, within: Duration) -> Option<Event> {
        match self.events.recv_timeout(within) {
            Ok(event) => {
                self.started |= matches!(event, Event::Started { .. });
                self.idle |= matches!(event, Event::Round { .. });
                Some(event)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.wait(PATIENCE);
                self.over = true;
                Some(Event::Ended { status })
            }
        }
    }

    /// The last lines of what Spark wrote, those that look like a reason first.
    pub(super) fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let telling = |line: &&String| {
            ["ERROR", "WARN", "Exception", "Error"]
                .iter()
                .any(|w| line.contains(w))
        };
        let mut found: Vec<&str> = log.iter().filter(telling).map(String::as_str).collect();
        if found.is_empty() {
            found = log.iter().map(String::as_str).collect();
        }
        let last = found.len().saturating_sub(5);
        found[last..].join("; ")
    }

    /// How the process ended; if not within that time, by force.
    fn wait(&mut self, patience: Duration) -> String {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return error.to_string(),
            }
        }
        kill(&mut self.child);
        self.child
            .wait()
            .map_or_else(|e| e.to_string(), |s| s.to_string())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (file, patience) = if self.idle {
            ("end", GOODBYE)
        } else {
            ("stop", PATIENCE)
        };
        // Without the file there is no order to wait for.
        let asked = std::fs::write(self.folder.path().join(file), "").is_ok();
        self.wait(if asked { patience } else { Duration::ZERO });
    }
}

/// Ends the process and what it started. Workers end with their executors, and those with their driver.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        // Gone already is as good.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
}

/// Puts a file there under that name; a symbolic link will not do, Spark ships what it leads to by its old name.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop))
}

fn event(line: &str) -> Option<Event> {
    serde_json::from_str(line.strip_prefix(PREFIX)?).ok()
}

fn keep(log: &Mutex<VecDeque<String>>, line: String) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == KEPT {
        log.pop_front();
    }
    let short: String = line.chars().take(400).collect();
    if !short.trim().is_empty() {
        log.push_back(short);
    }
}

/// Every line until the end, bounded in length, whatever bytes they are.
fn lines(from: impl Read, mut each: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match (&mut from).take(LONGEST).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_among_other_output() {
        let output = b"Traceback \xff\n@widefield {\"event\": \"round\", \"number\": 1}\n@widefield {broken\n\
            @widefield {\"event\": \"reply\", \"id\": \"t1\", \"line\": \"{\\\"a\\\": 1}\"}";
        let mut found = Vec::new();
        lines(&output[..], |line| found.push(event(&line)));
        let reply = Event::Reply {
            id: "t1".into(),
            line: "{\"a\": 1}".into(),
        };
        assert_eq!(
            found,
            [None, Some(Event::Round { number: 1 }), None, Some(reply)]
        );
    }

    #[test]
    fn a_log_keeps_its_end() {
        let log = Mutex::new(VecDeque::new());
        for i in 0..100 {
            keep(&log, format!("line {i}"));
        }
        let log = log.into_inner().unwrap();
        assert_eq!((log.len(), log[0].as_str()), (KEPT, "line 60"));
    }
}
