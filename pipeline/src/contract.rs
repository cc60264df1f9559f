//! One trial as a request and a reply, the same on threads of this machine and on computers of a cluster.
//!
//! A worker reads one [`Request`] as a line of JSON and answers with exactly one [`Reply`], so whatever can
//! start a program somewhere and pass it a line can run a session. Results travel through the output place; a reply
//! has only numbers. Any request may be carried out twice, at once even: the outputs of both are the same, and each
//! appears whole.

pub use crate::claim::Ticket;
use crate::config::Config;
use crate::error::Error;
use crate::plan::TrialPlan;
use crate::record::{Input, Status, TrialRecord};
use crate::step::Placed;
use crate::trial::described;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use widefield::{BackgroundLevel, Mask};

/// Version of [`Request`] and [`Reply`]; both sides must have the same.
pub const CONTRACT: u32 = 4;

/// What is to be done with a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Round {
    /// Estimate the background and take the mean image, for what is decided for the session.
    Measure,
    /// The whole trial.
    Process,
}

/// What is decided once for a session instead of by each trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Background of every trial, counts.
    pub background: Option<f64>,
    /// Mask of every trial, decided or given, as run lengths.
    pub mask: Option<Mask>,
    /// Tells from which movies this was decided.
    #[serde(default)]
    pub of: u32,
    /// What motion is measured against.
    #[serde(default)]
    pub reference: Option<Origin>,
}

/// The movie of a session whose first frames all others are compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its name in the data place.
    pub file: String,
    /// What identifies it.
    pub input: Input,
    /// Whether motion is taken away, so that results depend on it.
    pub corrects: bool,
}

/// A trial to be carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// [`CONTRACT`] of who asks.
    pub version: u32,
    /// Name of this request among those of a run; the reply bears it.
    pub id: String,
    /// Which of the two rounds.
    pub round: Round,
    /// The experiment, its places by absolute URL.
    pub config: Config,
    /// The steps that are not among the configured ones: a worker that does not know them refuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Placed>,
    /// Who watches the trial: a worker that does not know one refuses.
    #[serde(default)]
    pub consumers: Vec<String>,
    /// The trial.
    pub trial: TrialPlan,
    /// What the session decided.
    #[serde(default)]
    pub session: Decided,
    /// The background that the first round measured in this trial.
    #[serde(default)]
    pub level: Option<BackgroundLevel>,
    /// Bytes the trial may hold.
    pub memory: u64,
    /// Threads to compute with; 0 for as many as there are cores.
    pub threads: usize,
    /// How often this was asked before.
    #[serde(default)]
    pub attempt: u32,
    /// The claim of the session on its folders of results; without one nothing is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Ticket>,
    /// Nobody will try again: the worker then ends well whatever comes of it, so that its reply is heard.
    #[serde(default)]
    pub last: bool,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// [`CONTRACT`] of who answers.
    pub version: u32,
    /// That of the request.
    pub id: String,
    /// Where and how long it ran.
    pub ran: Attempt,
    /// What came of it.
    pub outcome: Outcome,
}

/// Where and how long a request ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// As in the request.
    pub attempt: u32,
    /// Name of the computer, empty where the system does not tell.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
    /// Wall-clock time.
    pub seconds: f64,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Processed: outputs and manifest are in place.
    Done {
        /// What `run.json` will say of it.
        record: Box<TrialRecord>,
        /// Its mask, for checks that compare the trials of a session.
        #[serde(default)]
        mask: Option<Mask>,
    },
    /// Measured: its mean image is in the output place.
    Measured {
        /// Its background.
        level: BackgroundLevel,
    },
    /// Failed, with the reason; nothing of it is in place.
    Failed {
        /// What `run.json` will say of it.
        record: Box<TrialRecord>,
        /// Whether trying again may help: a place that does not answer, a full disk.
        retry: bool,
    },
    /// Abandoned on request; nothing of it is in place.
    Interrupted,
}

impl Request {
    /// Reads a request from its line.
    ///
    /// # Errors
    /// [`Error::Request`] if it is none, or one of another version of the contract.
    pub fn parse(line: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let wrong = |cause: serde_json::Error| Error::Request {
            cause: cause.to_string(),
        };
        let Version { version } = serde_json::from_str(line).map_err(wrong)?;
        if version != CONTRACT {
            let cause =
                format!("it follows version {version} of the contract, this program {CONTRACT}");
            return Err(Error::Request { cause });
        }
        serde_json::from_str(line).map_err(wrong)
    }
}

impl Reply {
    pub(crate) fn new(id: String, attempt: u32, began: Instant, outcome: Outcome) -> Self {
        let ran = Attempt {
            attempt,
            host: host(),
            pid: std::process::id(),
            seconds: began.elapsed().as_secs_f64(),
        };
        Self {
            version: CONTRACT,
            id,
            ran,
            outcome,
        }
    }

    /// Whether the request failed in a way that trying again may cure.
    #[must_use]
    pub fn retry(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { retry: true, .. })
    }
}

/// A record that says only why there is nothing else to say.
pub(crate) fn failed(trial: &TrialPlan, message: String) -> TrialRecord {
    TrialRecord {
        status: Status::Failed,
        error: Some(message),
        ..described(trial)
    }
}

/// Name of this computer, as far as it is known without asking the network.
fn host() -> String {
    let told = std::env::var("HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty());
    let of_system = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    told.unwrap_or_else(|| of_system().trim().to_owned())
}
