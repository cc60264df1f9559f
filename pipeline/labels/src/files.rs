//! The files of a session that say what its trials were.

use crate::Labels;
use widefield_behaviour::{Trial, text};
use widefield_experiment::Config;
use widefield_storage::{Error, mat};

/// Text of the trials of the log.
pub const TRIAL_LIST: &str = "TrialList.txt";
/// Text of the counts of the task.
pub const PERFORMANCE: &str = "BehaviourPerformance.txt";
/// MAT file of the numbers of the trials of each condition.
pub const INDICES: &str = "trials_ind.mat";

impl Labels {
    /// Both texts of the notebook and the trial indices: names below the output place, and contents. Without a log there
    /// is no list of trials, as a table is one.
    ///
    /// # Errors
    /// [`Error`] if the indices cannot be compressed.
    pub fn files(&self, config: &Config) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let out = &config.output;
        let trials = self.entries.iter().filter_map(|entry| entry.trial.clone());
        let trials: Vec<Trial> = trials.collect();
        let mut files = Vec::new();
        if self.sources.log.is_some() {
            let text = text::trial_list(&trials).into_bytes();
            files.push((out.beside(TRIAL_LIST), text));
        }
        let text = text::performance(&self.score, &self.stimuli).into_bytes();
        files.push((out.beside(PERFORMANCE), text));
        let conditions = self.conditions.iter();
        let mut rows = conditions
            .filter(|(_, numbers)| !numbers.is_empty())
            .peekable();
        if !out.mat.is_empty() && rows.peek().is_some() {
            let mut indices = mat::MatFile::new().verify(out.verify);
            for (condition, numbers) in rows {
                let numbers: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
                indices = indices.row(format!("tr_{condition}"), &numbers);
            }
            let bytes = indices.encode(out.compression)?;
            files.push((format!("{}/{INDICES}", out.mat), bytes));
        }
        Ok(files)
    }
}
