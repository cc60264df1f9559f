//! What was shown and what the animal did, as a rig writes it down.

use super::{Error, Session, trial::Trial};
use widefield_behaviour::write::LogWriter;

pub(super) const LOG: &str = "behaviour.txt";

impl Session {
    pub(super) fn log(&self, trials: &[Trial]) -> Result<String, Error> {
        let mut log = LogWriter::new();
        for (logged, trial) in (1..).zip(trials) {
            let stimulus = &self.stimuli[trial.stimulus].name;
            log.trial(
                logged,
                trial.start,
                stimulus,
                trial.decision,
                trial.reaction,
            )
            .map_err(|e| Error::Simulate(e.to_string()))?;
        }
        Ok(log.finish())
    }
}
