//! A session has its folders of results to itself while it runs.

use crate::error::Error;
use crate::plan::{Plan, Work};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
#[cfg(feature = "slurm")]
use widefield_cluster::slurm::gone;
use widefield_storage::{Claim, Holder, Place};

/// What a worker elsewhere knows of the claim of its session, so that it does not publish for one that has lost it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    token: String,
    folders: Vec<String>,
}

impl Ticket {
    pub(crate) fn of(claim: &Claim) -> Self {
        Self {
            token: claim.token().to_owned(),
            folders: claim.folders().to_vec(),
        }
    }

    /// Refuses to go on for a run whose folder another has taken over; without a name, whichever of its folders.
    pub(crate) fn check(
        &self,
        output: &Place,
        folder: Option<&str>,
    ) -> Result<(), widefield_storage::Error> {
        let one = self.folders.iter().find(|own| Some(own.as_str()) == folder);
        let folders = one.map_or(&self.folders[..], std::slice::from_ref);
        output.check_claim(folders, &self.token)
    }
}

impl Plan {
    /// Claims the folders into which this session writes.
    pub(crate) fn claim(&self) -> Result<Claim, Error> {
        let out = &self.config.output;
        // Manifests and what the report is made from lie below the records.
        let mut folders = BTreeSet::from([out.movie.as_str(), &out.dff, &out.mat]);
        folders.remove("");
        folders.insert(&out.records);
        let folders = Vec::from_iter(folders);
        let is_dead = |holder: &Holder| self.take_over || self.has_ended(holder);
        Ok(self.output.claim_from(&folders, is_dead)?)
    }

    /// Whether a claim was left to jobs of a cluster that are no longer known there or, where nobody can be asked, have
    /// done all that there was to do.
    fn has_ended(&self, holder: &Holder) -> bool {
        let done = || self.trials.iter().all(|t| matches!(t.work, Work::Keep(_)));
        holder.job.as_deref().is_some_and(|job| {
            let asked = numbers(job).and_then(|jobs| gone(&jobs));
            asked.unwrap_or_else(done)
        })
    }
}

/// Without the engine there is nobody to ask.
#[cfg(not(feature = "slurm"))]
fn gone(_: &[String]) -> Option<bool> {
    None
}

/// What a claim says that was left to these jobs of an engine.
pub(crate) fn left_to(engine: &str, jobs: &str) -> String {
    match engine {
        "slurm" => format!("{SLURM}{jobs}"),
        other => format!("{other} job {jobs}"),
    }
}

const SLURM: &str = "Slurm job ";

/// The jobs of [`left_to`], if they are Slurm's.
fn numbers(text: &str) -> Option<Vec<String>> {
    let jobs: Vec<String> = text
        .strip_prefix(SLURM)?
        .split(", ")
        .map(str::to_owned)
        .collect();
    let is_number = |job: &String| !job.is_empty() && job.bytes().all(|b| b.is_ascii_digit());
    jobs.iter().all(is_number).then_some(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_a_claim_was_left_to() {
        assert_eq!(numbers(&left_to("slurm", "12, 13")).unwrap(), ["12", "13"]);
        assert_eq!(numbers(&left_to("mine", "12")), None);
        for other in ["", "Slurm job ", "Slurm job 1; rm", "Spark job 1"] {
            assert_eq!(numbers(other), None, "{other}");
        }
    }
}
