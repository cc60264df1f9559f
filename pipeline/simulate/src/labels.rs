//! What was shown and what the animal did, as a rig writes it down.

use super::{Error, Kind, Session, trial::Trial};
use widefield_behaviour::write::LogWriter;

pub(super) const LOG: &str = "behaviour.txt";
pub(super) const TABLE: &str = "trials.csv";

impl Session {
    /// Name and text of the file that a session of this kind has.
    pub(super) fn labels(&self, trials: &[Trial]) -> Result<Option<(&'static str, String)>, Error> {
        Ok(match self.kind {
            Kind::Trials => Some((LOG, self.log(trials)?)),
            Kind::Csv => Some((TABLE, self.table(trials)?)),
            Kind::Spontaneous => None,
        })
    }

    fn table(&self, trials: &[Trial]) -> Result<String, Error> {
        let wrong = |cause: String| Error::Simulate(format!("{TABLE}: {cause}"));
        let mut table = csv::Writer::from_writer(Vec::new());
        let header = ["trial", "stimulus", "decision", "onset_s", "weight_g"].map(str::to_owned);
        let rows = (1..).zip(trials).map(|(number, trial): (u32, _)| {
            [
                number.to_string(),
                self.stimuli[trial.stimulus].name.clone(),
                trial.decision.to_string(),
                trial.onset_s.to_string(),
                format!("{:.1}", trial.weight_g),
            ]
        });
        for row in std::iter::once(header).chain(rows) {
            table.write_record(row).map_err(|e| wrong(e.to_string()))?;
        }
        let table = table.into_inner().map_err(|e| wrong(e.to_string()))?;
        String::from_utf8(table).map_err(|e| wrong(e.to_string()))
    }

    fn log(&self, trials: &[Trial]) -> Result<String, Error> {
        let mut log = LogWriter::new();
        for (logged, trial) in (1..).zip(trials) {
            let stimulus = &self.stimuli[trial.stimulus].name;
            log.trial_delayed(
                logged,
                trial.start,
                stimulus,
                trial.decision,
                trial.reaction,
                trial.delay,
            )
            .map_err(|e| Error::Simulate(e.to_string()))?;
        }
        Ok(log.finish())
    }
}
