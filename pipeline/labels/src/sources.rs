//! Log and table as they are read.

use crate::Error;
use crate::files::{PERFORMANCE, TRIAL_LIST};
use widefield_behaviour::Log;
use widefield_behaviour::table::Table;
use widefield_experiment::Config;
use widefield_storage::Place;

/// A log, a table, or both.
#[derive(Debug)]
pub struct Sources {
    /// With its name.
    pub(crate) log: Option<(String, Log)>,
    /// With its name.
    pub(crate) table: Option<(String, Table)>,
}

impl Sources {
    /// Reads what the configuration names; `None` if it names nothing.
    ///
    /// # Errors
    /// [`Error::Log`], [`Error::Table`] for what is not there or cannot be used, [`Error::Storage`] if the place does not
    /// answer.
    pub fn load(config: &Config, data: &Place) -> Result<Option<Self>, Error> {
        let log = config.data.behaviour_log.as_ref();
        let log = log.map(|name| Ok::<_, Error>((name.clone(), read_log(name, data)?)));
        let table = config.data.trials.as_ref();
        let table = table.map(|name| Ok::<_, Error>((name.clone(), read_table(name, data)?)));
        let (log, table) = (log.transpose()?, table.transpose()?);
        Ok((log.is_some() || table.is_some()).then_some(Self { log, table }))
    }

    /// What a message calls them.
    pub(crate) fn called(&self) -> &'static str {
        match (&self.log, &self.table) {
            (Some(_), None) => "log",
            (None, _) => "table",
            (Some(_), Some(_)) => "log and table",
        }
    }

    /// Whether movies are found by the number in their names.
    #[must_use]
    pub fn by_number(&self, config: &Config) -> bool {
        config.data.matching == widefield_experiment::Match::Number && !self.by_file()
    }

    /// Whether every entry names its movie's file, so that nothing has to be matched.
    pub(crate) fn by_file(&self) -> bool {
        let mut rows = self.table.iter().flat_map(|(_, table)| table.rows());
        self.log.is_none() && rows.all(|row| row.file.is_some())
    }
}

fn read_log(name: &str, data: &Place) -> Result<Log, Error> {
    let wrong = |cause: String| Error::Log {
        place: data.url().to_owned(),
        name: name.to_owned(),
        cause,
    };
    if data.head(name)?.is_none() {
        return Err(wrong(no_such_file(data, &[".txt", ".log"], "text")?));
    }
    let log = Log::from_bytes(&data.read(name)?);
    if log.trials().is_empty() {
        let first = log.problems().first();
        let first = first.map(|p| format!("; {p}")).unwrap_or_default();
        return Err(wrong(format!("holds no trial{first}")));
    }
    Ok(log)
}

fn read_table(name: &str, data: &Place) -> Result<Table, Error> {
    let wrong = |cause: String| Error::Table {
        place: data.url().to_owned(),
        name: name.to_owned(),
        cause,
    };
    if data.head(name)?.is_none() {
        return Err(wrong(no_such_file(
            data,
            &[".csv", ".tsv", ".txt"],
            "table",
        )?));
    }
    let table = Table::from_bytes(&data.read(name)?).map_err(|fault| wrong(fault.to_string()))?;
    match table.rows() {
        [] => Err(wrong(
            "holds no trial: the header line is all there is".into(),
        )),
        _ => Ok(table),
    }
}

/// What a run writes is no input.
const TEXTS: [&str; 2] = [TRIAL_LIST, PERFORMANCE];

/// That a file is missing, with those like it that are there instead.
fn no_such_file(data: &Place, endings: &[&str], kind: &str) -> Result<String, Error> {
    let entries = data.list("")?;
    let alike =
        |name: &&str| endings.iter().any(|ending| name.ends_with(ending)) && !TEXTS.contains(name);
    let alike: Vec<&str> = entries
        .iter()
        .map(|e| e.name.as_str())
        .filter(alike)
        .collect();
    let most = 8;
    Ok(match alike.len() {
        0 => format!("there is no such file, and no other {kind} file there"),
        n if n > most => format!(
            "there is no such file; {kind}s there: {}, ...",
            alike[..most].join(", ")
        ),
        _ => format!("there is no such file; {kind}s there: {}", alike.join(", ")),
    })
}
