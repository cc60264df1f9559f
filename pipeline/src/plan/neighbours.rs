//! Sessions that keep their records elsewhere in the same output place, but write into the same folders of results.
//!
//! Folders of results whose session has its records elsewhere than at the top bear the name of that folder, since nothing
//! else in the place leads there.

use super::RUN_JSON;
use super::earlier::{foreign, listed};
use crate::config::{Config, Existing, Output};
use crate::error::Error;
use crate::manifest::{self, Manifest};
use crate::record::RunRecord;
use std::collections::BTreeMap;
use widefield_storage::{Error as Unread, Place};

/// What names the folder of records.
const MARK: &str = ".widefield.records";
/// More than any name of a folder.
const LONGEST: usize = 4096;

/// Refuses folders that hold results of another session, unless `clean` gives them to this one.
pub(super) fn refuse(config: &Config, output: &Place) -> Result<(), Error> {
    if config.output.existing == Existing::Clean {
        return Ok(());
    }
    let mut neighbours: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for folder in folders(&config.output) {
        let signed = mark(output, folder)?.map(|records| vec![records]);
        for records in signed.unwrap_or_else(|| unsigned(folder).map(str::to_owned).to_vec()) {
            neighbours.entry(records).or_default().push(folder);
        }
    }
    neighbours.remove(&config.output.records);
    for (records, shared) in neighbours {
        if let Some(theirs) = session(output, &records)?
            && !theirs.same_session(config)
            && folders(&theirs.output).any(|folder| shared.contains(&folder))
        {
            return Err(foreign(output, &theirs));
        }
    }
    Ok(())
}

/// Has the folders of results say where their records are.
pub(super) fn sign(config: &Config, output: &Place) -> Result<(), Error> {
    let records = config.output.records.as_str();
    for folder in folders(&config.output) {
        let said = match mark(output, folder)? {
            Some(signed) => signed == records,
            None => unsigned(folder).contains(&records),
        };
        if !said {
            output.put(&format!("{folder}/{MARK}"), records.to_owned())?;
        }
    }
    Ok(())
}

/// Where records are looked for if a folder of results does not say it: at the top, or, as sessions of `data.folders` have
/// it, in a folder called as that below the kind of results.
fn unsigned(folder: &str) -> [&str; 2] {
    ["", folder.split_once('/').map_or("", |(_, below)| below)]
}

/// Whether an object is what [`sign`] wrote.
pub(crate) fn is_mark(name: &str) -> bool {
    name.rsplit('/').next() == Some(MARK)
}

fn folders(out: &Output) -> impl Iterator<Item = &str> {
    let kinds = [&out.movie, &out.dff, &out.mat].into_iter();
    kinds
        .map(String::as_str)
        .filter(|folder| !folder.is_empty())
}

/// The folder of records that a folder of results names; nothing where it names none that could be one.
fn mark(output: &Place, folder: &str) -> Result<Option<String>, Error> {
    let bytes = match output.read(&format!("{folder}/{MARK}")) {
        Ok(bytes) => bytes,
        Err(Unread::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|t| t.len() <= LONGEST);
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    let text = text.filter(|t| t.is_empty() || t.split('/').all(plain));
    Ok(text.map(str::to_owned))
}

/// The session whose records are in a folder, if one is.
fn session(output: &Place, records: &str) -> Result<Option<Config>, Error> {
    let mut there = Config::new("");
    there.output.records = records.to_owned();
    match output.read(&there.output.beside(RUN_JSON)) {
        Ok(bytes) => {
            if let Ok(run) = serde_json::from_slice::<RunRecord>(&bytes) {
                return Ok(Some(run.config));
            }
        }
        Err(Unread::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // A run that never came to its end has left manifests alone.
    let folder = there.output.beside(manifest::FOLDER);
    for entry in listed(output, &folder)? {
        let name = entry.name.rsplit('/').next().unwrap_or_default();
        if let Some(stem) = name.strip_suffix(".json")
            && let (Some(manifest), _) = Manifest::read(output, &there, stem)?
        {
            return Ok(Some(manifest.config));
        }
    }
    Ok(None)
}
