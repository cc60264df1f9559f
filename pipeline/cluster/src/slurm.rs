//! Requests as tasks of a Slurm job array.
//!
//! The plan, a batch script and the environment go into a folder that all nodes see; `sbatch` takes the array, and
//! every task runs this executable on its share of the plan and puts each reply into a file of that folder. The
//! files decide what is done; `squeue` only tells whether waiting still makes sense.

mod array;
mod command;

use crate::{Cluster, ClusterError, Ended, Heard, Line, Unanswered, shipping};
use array::Array;
use command::Command;
pub use command::gone;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How Slurm is asked.
///
/// ```
/// use widefield_cluster::Slurm;
///
/// let slurm = Slurm::default().option("--partition=short").option("--cpus-per-task=4").trials_per_task(8);
/// ```
#[derive(Clone, Debug)]
pub struct Slurm {
    options: Vec<String>,
    folder: PathBuf,
    per_task: usize,
    detach: bool,
    executable: Option<PathBuf>,
}

impl Default for Slurm {
    /// One request a task, files in the current folder.
    fn default() -> Self {
        Self {
            options: Vec::new(),
            folder: PathBuf::from("."),
            per_task: 1,
            detach: false,
            executable: None,
        }
    }
}

impl Slurm {
    /// An option of `sbatch`, as it would stand on its command line: `--time=1:00:00`.
    #[must_use]
    pub fn option(mut self, option: impl Into<String>) -> Self {
        self.options.push(option.into());
        self
    }

    /// Where a folder for the plan and the replies is made; all nodes must see it by the same path.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// How many requests, trials, a task does, one after the other; at least 1. More is right for short ones, since each
    /// task is scheduled on its own.
    #[must_use]
    pub fn trials_per_task(mut self, trials: usize) -> Self {
        self.per_task = trials.max(1);
        self
    }

    /// Submits and does not wait: a round ends as [`Ended::Detached`] then, and its results are what the workers wrote
    /// elsewhere. The same run of the pipeline with `existing = "resume"` later finds what was done.
    #[must_use]
    pub fn detach(mut self) -> Self {
        self.detach = true;
        self
    }

    /// The program that the tasks run. Default: the running one, which then must be a worker, as `widefield` is.
    #[must_use]
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.executable = Some(path.into());
        self
    }

    /// Makes the folder for the plan and the replies; at most `width` tasks run at a time, what Slurm gives if `None`.
    ///
    /// # Errors
    /// [`ClusterError::File`] if the folder cannot be made.
    pub fn start(&self, width: Option<usize>) -> Result<Jobs, ClusterError> {
        Jobs::new(self, width)
    }
}

/// How often the replies are looked for.
const GLANCE: Duration = Duration::from_millis(500);
/// Time between questions to the queue: at first, and at most.
const ASK: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];
/// A network file system may show a reply only so long after its task has ended.
const LATE: Duration = Duration::from_secs(3);

/// What happened to one submission.
enum Waited {
    Answered,
    Gone,
    Cancelled,
}

/// Jobs of one run, made by [`Slurm::start`]. Its folder goes with it, unless jobs or messages are left that need it.
#[derive(Debug)]
pub struct Jobs {
    slurm: Slurm,
    width: Option<usize>,
    folder: tempfile::TempDir,
    rounds: usize,
}

impl Jobs {
    fn new(slurm: &Slurm, width: Option<usize>) -> Result<Self, ClusterError> {
        let wrong = |source| ClusterError::File {
            what: format!(
                "a folder for Slurm cannot be made in {}",
                slurm.folder.display()
            ),
            source,
        };
        let base = slurm.folder.canonicalize().map_err(wrong)?;
        let mut folder = tempfile::Builder::new();
        folder.prefix("widefield-slurm-");
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        Ok(Self {
            slurm: slurm.clone(),
            width,
            folder: folder.tempdir_in(base).map_err(wrong)?,
            rounds: 0,
        })
    }

    fn submit(&self, script: &Script<'_>, array: &Array) -> Result<String, ClusterError> {
        let mut sbatch = Command::new("sbatch");
        // Nothing of this environment goes with the job but what its file says.
        sbatch.args(["--parsable", "--export=NONE", "--job-name=widefield"]);
        sbatch.arg(format!("--chdir={}", script.folder.display()));
        sbatch.arg(format!(
            "--output={}/log/%A_%a.txt",
            script.folder.display()
        ));
        sbatch.arg(format!("--array={}", array.option(self.width)));
        sbatch.args(&self.slurm.options);
        sbatch
            .arg(script.folder.join("job.sh"))
            .arg(array.offset().to_string());
        let output = sbatch.output()?;
        // `ID` or `ID;cluster`
        let id = output
            .trim()
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(sbatch.failed("no job number", &output));
        }
        Ok(id)
    }
}

impl Cluster for Jobs {
    /// What has no reply when its job is gone is submitted once more. When the run is cancelled, so are the jobs.
    fn round(
        &mut self,
        lines: &[Line],
        cancelled: &AtomicBool,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<Ended, ClusterError> {
        let wrong = |source| ClusterError::File {
            what: format!(
                "the plan for Slurm cannot be written to {}",
                self.folder.path().display()
            ),
            source,
        };
        let folder = self.folder.path().join(format!("round-{}", self.rounds));
        self.rounds += 1;
        let script = Script {
            folder: &folder,
            executable: &shipping::executable(self.slurm.executable.as_ref()).map_err(wrong)?,
            per_task: self.slurm.per_task,
            requests: lines.len(),
        };
        script.write(lines).map_err(wrong)?;

        let largest = command::largest_array();
        let mut open = Unanswered::of(lines);
        for attempt in 0..2 {
            let tasks: BTreeSet<usize> = open
                .indices()
                .into_iter()
                .map(|i| i / self.slurm.per_task)
                .collect();
            let mut jobs = Vec::new();
            for array in Array::of(&tasks, largest) {
                let submitted = self.submit(&script, &array);
                if submitted.is_err() {
                    command::cancel(&jobs);
                }
                jobs.push(submitted?);
            }
            let what = if attempt == 0 {
                "submitted"
            } else {
                "submitted once more"
            };
            tell(Heard::Note(format!(
                "{} tasks {what} as Slurm job {}",
                tasks.len(),
                jobs.join(", ")
            )));
            if self.slurm.detach {
                self.folder.disable_cleanup(true);
                return Ok(Ended::Detached(jobs.join(", ")));
            }
            match wait(&script, lines, &jobs, cancelled, &mut open, tell) {
                Waited::Answered => return Ok(Ended::Here),
                Waited::Gone => {}
                Waited::Cancelled => {
                    command::cancel(&jobs);
                    return Ok(Ended::Here);
                }
            }
        }
        // Workers that failed for a reason which may pass have left it; the others leave only Slurm's messages.
        script.replies("failed", lines, &mut open, tell);
        if !open.is_empty() {
            self.folder.disable_cleanup(true);
            let log = folder.join("log");
            let error = format!(
                "its Slurm task ended twice without a result; see {}",
                log.display()
            );
            open.fail(&error, tell);
        }
        Ok(Ended::Here)
    }
}

/// Waits until all is answered, nothing more can come, or the run is cancelled.
fn wait(
    script: &Script<'_>,
    lines: &[Line],
    jobs: &[String],
    cancelled: &AtomicBool,
    open: &mut Unanswered,
    tell: &mut dyn FnMut(Heard),
) -> Waited {
    let mut ask = ASK[0];
    let mut asked = Instant::now();
    let mut gone: Option<Instant> = None;
    loop {
        script.replies("json", lines, open, tell);
        if open.is_empty() {
            return Waited::Answered;
        }
        if cancelled.load(Ordering::Relaxed) {
            return Waited::Cancelled;
        }
        if gone.is_some_and(|since| since.elapsed() > LATE) {
            return Waited::Gone;
        }
        if gone.is_none() && asked.elapsed() > ask {
            gone = (!command::queued(jobs)).then(Instant::now);
            asked = Instant::now();
            ask = (2 * ask).min(ASK[1]);
        }
        std::thread::sleep(GLANCE);
    }
}

/// The batch script and its files.
struct Script<'a> {
    folder: &'a Path,
    executable: &'a Path,
    per_task: usize,
    requests: usize,
}

impl Script<'_> {
    fn write(&self, lines: &[Line]) -> std::io::Result<()> {
        for part in ["results", "log"] {
            std::fs::create_dir_all(self.folder.join(part))?;
        }
        shipping::write_lines(&self.folder.join("plan.jsonl"), lines)?;
        let mut environment = String::new();
        for (name, value) in shipping::forwarded() {
            // A name from elsewhere must not become a command.
            if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                environment.push_str(&format!("export {name}={}\n", quoted(&value)));
            }
        }
        shipping::write_private(&self.folder.join("environment"), environment.as_bytes())?;
        shipping::write_private(&self.folder.join("job.sh"), self.text().as_bytes())
    }

    /// A reply appears under its name only whole; one with a status other than 0 is kept aside, since it may go
    /// better the next time.
    fn text(&self) -> String {
        format!(
            r#"#!/bin/sh
# A task does {per} of the {n} requests of plan.jsonl, from that of its number on; $1 is added to the number.
umask 077
cd {folder} || exit 1
. ./environment
export RAYON_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}"
index=$(( ($1 + SLURM_ARRAY_TASK_ID) * {per} ))
end=$(( index + {per} ))
[ "$end" -le {n} ] || end={n}
while [ "$index" -lt "$end" ]; do
    if [ ! -e "results/$index.json" ]; then
        part="results/$index.part.$SLURM_JOB_ID.$$"
        if {executable} worker --plan plan.jsonl --index "$index" >"$part" && [ -s "$part" ]; then
            mv "$part" "results/$index.json"
        else
            mv "$part" "results/$index.failed"
        fi
    fi
    index=$(( index + 1 ))
done
"#,
            per = self.per_task,
            n = self.requests,
            folder = quoted(&self.folder.to_string_lossy()),
            executable = quoted(&self.executable.to_string_lossy()),
        )
    }

    /// Tells the replies that have come, from the files of that ending.
    fn replies(
        &self,
        ending: &str,
        lines: &[Line],
        open: &mut Unanswered,
        tell: &mut dyn FnMut(Heard),
    ) {
        // Not readable now may be readable at the next glance.
        let entries = std::fs::read_dir(self.folder.join("results"))
            .into_iter()
            .flatten()
            .flatten();
        for path in entries.map(|entry| entry.path()) {
            let index = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<usize>().ok());
            let Some(line) = index
                .filter(|_| path.extension().is_some_and(|e| e == ending))
                .and_then(|i| lines.get(i))
            else {
                continue;
            };
            if !open.holds(&line.id) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            // An empty one answers nothing.
            if text.trim().is_empty() {
                continue;
            }
            if let Some(index) = open.answered(&line.id) {
                tell(Heard::Reply {
                    index,
                    line: text.trim().to_owned(),
                });
            }
        }
    }
}

/// For a shell, as one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
