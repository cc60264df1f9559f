//! What was made and from what, so that nothing is made twice.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use widefield_pipeline::consumer::Session;
use widefield_pipeline::record::Output;
use widefield_storage::Place;

/// Name beside `run.json` of the list of what was made.
pub(crate) const LIST: &str = "products.json";

/// A file, and what it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Made {
    #[serde(flatten)]
    output: Output,
    /// One number for version, parameters and inputs.
    of: u32,
    /// What differs when it was written again.
    stamp: String,
}

/// The files of a session, as they are made.
pub(crate) struct Files<'a> {
    session: &'a Session<'a>,
    before: BTreeMap<String, Made>,
    now: Vec<Made>,
    /// Whether anything was made.
    written: bool,
}

impl<'a> Files<'a> {
    /// With what earlier runs have made.
    pub(crate) fn of(session: &'a Session<'a>) -> Self {
        let name = session.record.config.output.beside(LIST);
        let read = session.output.read(&name).ok();
        let before: Vec<Made> = read
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            session,
            before: before
                .into_iter()
                .map(|made| (made.output.path.clone(), made))
                .collect(),
            now: Vec::new(),
            written: false,
        }
    }

    pub(crate) fn place(&self) -> &'a Place {
        self.session.output
    }

    /// Keeps the files of these names if all stand as they were made, from the same.
    pub(crate) fn keep(&mut self, names: &[String], of: u32) -> bool {
        let place = self.session.output;
        let kept = names.iter().map(|name| {
            let made = self.before.get(name).filter(|made| made.of == of)?;
            (stamp(place, name)? == made.stamp).then(|| made.clone())
        });
        let kept: Option<Vec<Made>> = kept.collect();
        let all = kept.is_some();
        self.now.extend(kept.unwrap_or_default());
        all
    }

    /// Asks whether more may appear.
    pub(crate) fn may_write(&self) -> Result<(), Error> {
        if self.session.cancelled() {
            return Err(Error::Interrupted);
        }
        Ok(self.session.owned()?)
    }

    /// Takes note of a file that was made.
    pub(crate) fn made(&mut self, output: impl Into<Output>, of: u32) {
        let output = output.into();
        let stamp = stamp(self.session.output, &output.path).unwrap_or_default();
        self.written = true;
        self.now.push(Made { output, of, stamp });
    }

    /// Removes what was made under names that are `of` a product, and which this one, now that it is made whole, has no use of: an
    /// average of an outcome that no trial has any more, say. Where trials failed nothing goes: they may be of use yet.
    pub(crate) fn remove_others(&mut self, of: impl Fn(&str) -> bool) -> Result<(), Error> {
        if self.session.record.totals.failed > 0 {
            return Ok(());
        }
        let now = |name: &str| self.now.iter().any(|made| made.output.path == name);
        let others = self.before.iter();
        let others = others.filter(|(name, _)| of(name) && !now(name));
        let others: Vec<Made> = others.map(|(_, made)| made.clone()).collect();
        for made in others {
            self.may_write()?;
            let name = &made.output.path;
            // What another has put there since is not ours.
            if stamp(self.place(), name).as_ref() == Some(&made.stamp) {
                self.place().remove(name)?;
            }
            self.before.remove(name);
            self.written = true;
        }
        Ok(())
    }

    /// Writes the list; the files.
    pub(crate) fn finish(self) -> Result<Vec<Output>, Error> {
        // Others that were made before and still stand, though nobody asks for them now.
        let asked: Vec<&str> = self
            .now
            .iter()
            .map(|made| made.output.path.as_str())
            .collect();
        let others = self
            .before
            .values()
            .filter(|made| !asked.contains(&made.output.path.as_str()));
        let all: Vec<&Made> = self.now.iter().chain(others).collect();
        if self.written {
            let json = serde_json::to_vec_pretty(&all).unwrap_or_default();
            self.session.put(LIST, json)?;
        }
        Ok(self.now.into_iter().map(|made| made.output).collect())
    }
}

/// What differs when an object was written again: its entity tag in a store, size and time on a file system.
fn stamp(place: &Place, name: &str) -> Option<String> {
    let entry = place.head(name).ok().flatten()?;
    let told = entry.etag.or(entry.modified).unwrap_or_default();
    Some(format!("{} {told}", entry.bytes))
}

/// One number for what something is made from.
pub(crate) fn identity(what: &impl Serialize) -> u32 {
    let what = (widefield_pipeline::VERSION, what);
    crc32c::crc32c(&serde_json::to_vec(&what).unwrap_or_default())
}
