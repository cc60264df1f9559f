//! The commands of Slurm.

use crate::ClusterError;
use std::process::Stdio;

/// A command whose output is wanted.
pub(super) struct Command {
    name: &'static str,
    command: std::process::Command,
}

impl std::ops::Deref for Command {
    type Target = std::process::Command;
    fn deref(&self) -> &Self::Target {
        &self.command
    }
}

impl std::ops::DerefMut for Command {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.command
    }
}

impl Command {
    pub(super) fn new(name: &'static str) -> Self {
        let mut command = std::process::Command::new(name);
        command.stdin(Stdio::null());
        Self { name, command }
    }

    /// Its standard output.
    pub(super) fn output(&mut self) -> Result<String, ClusterError> {
        let output = self
            .command
            .output()
            .map_err(|source| ClusterError::Command {
                command: self.name.into(),
                source,
            })?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(self.failed(&output.status.to_string(), &words));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) fn failed(&self, status: &str, output: &str) -> ClusterError {
        ClusterError::Failed {
            command: self.name.into(),
            status: status.into(),
            output: output.trim().chars().take(1000).collect(),
        }
    }
}

/// How many tasks an array may have: `MaxArraySize`, 1001 by default, is one above the largest index.
pub(super) fn largest_array() -> usize {
    let mut scontrol = Command::new("scontrol");
    scontrol.args(["show", "config"]);
    // A site without the command, or that hides its configuration, most likely has the default.
    scontrol
        .output()
        .ok()
        .and_then(|text| max_array_size(&text))
        .unwrap_or(1001)
}

fn max_array_size(config: &str) -> Option<usize> {
    let values = config.lines().filter_map(|line| line.split_once('='));
    let mut sizes = values.filter(|(key, _)| key.trim() == "MaxArraySize");
    let size = sizes.next()?.1.trim().parse().ok()?;
    Some(std::cmp::max(size, 1))
}

/// Whether any task of these jobs waits or runs; also when the queue does not answer, as it will later.
pub(super) fn queued(jobs: &[String]) -> bool {
    gone(jobs) != Some(true)
}

/// Whether these jobs, numbers as `sbatch` gives them, neither wait nor run; `None` when the queue does not answer.
#[must_use]
pub fn gone(jobs: &[String]) -> Option<bool> {
    let mut squeue = Command::new("squeue");
    squeue
        .args(["--noheader", "--format=%i"])
        .arg(format!("--jobs={}", jobs.join(",")));
    match squeue.output() {
        Ok(listed) => Some(listed.trim().is_empty()),
        // Slurm forgets jobs some minutes after their end.
        Err(ClusterError::Failed { output, .. }) if output.contains("Invalid job id") => Some(true),
        Err(_) => None,
    }
}

/// Cancels what is left of these jobs.
pub(super) fn cancel(jobs: &[String]) {
    if !jobs.is_empty() {
        let mut scancel = Command::new("scancel");
        // Jobs that ended meanwhile make it complain.
        let _ = scancel.args(jobs).output();
    }
}

#[cfg(test)]
mod tests {
    use super::max_array_size;

    #[test]
    fn array_size_of_a_configuration() {
        let text = "Configuration data as of 2026-11-22T10:00:00\nMaxArraySize            = 1001\nMaxJobCount = 10000\n";
        assert_eq!(max_array_size(text), Some(1001));
        assert_eq!(max_array_size("MaxArraySize = 0\n"), Some(1));
        assert_eq!(max_array_size("MaxArraySize = many\n"), None);
        assert_eq!(max_array_size(""), None);
    }
}
