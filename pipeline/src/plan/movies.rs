//! What movies have that tells which trial each is, and which of them nothing tells apart.

use crate::config::{Config, Kind, Match};
use crate::error::Error;
use crate::labels::{INDICES, Movie};
use crate::recording::{Recording, RecordingError};
use crate::results::{REFERENCE, is_of_condition};
use std::collections::{BTreeMap, BTreeSet};
pub(crate) use widefield_behaviour::table::stem;
use widefield_storage::{Entry, Place, concurrent};

/// What log and table are matched by. When movies began is looked up only where that is asked for: in their names if
/// these say it, else by the camera's clock, which `known` may have of an earlier run.
pub(super) fn for_labels<'e>(
    config: &Config,
    data: &Place,
    entries: &'e [&Entry],
    broken: &'e [String],
    known: impl Fn(&Entry) -> Option<f64> + Sync,
) -> Vec<Movie<'e>> {
    let by_name = config
        .data
        .name
        .as_ref()
        .filter(|pattern| pattern.has_begin());
    let begin = |entry: &Entry| match by_name {
        Some(pattern) => pattern
            .read(stem(&entry.name))
            .ok()?
            .begin()
            .map(widefield_labels::seconds_at),
        None => known(entry).or_else(|| began(data, &entry.name).ok()?),
    };
    let begins = match config.data.matching {
        Match::Time => concurrent::map(entries, |entry| begin(entry)),
        _ => vec![None; entries.len()],
    };
    let mut taken = BTreeSet::new();
    let movies = entries.iter().zip(begins).map(|(entry, begin_s)| {
        let mut movie = Movie::new(&entry.name);
        // Of movies that share one, which is refused where they can be read, the first: what is unreadable comes last.
        movie.number = config
            .data
            .number(movie.stem())
            .filter(|n| taken.insert(*n));
        movie.begin_s = begin_s;
        movie
    });
    let broken = broken
        .iter()
        .filter(|_| config.data.matching == Match::Order);
    movies.chain(broken.map(|name| Movie::new(name))).collect()
}

fn began(data: &Place, name: &str) -> Result<Option<f64>, RecordingError> {
    Recording::open(data, name)?.begin_unix_s()
}

/// Refuses movies whose numbers or results nothing tells apart; numbers may repeat where nothing is matched `by_number`.
pub(super) fn refuse_same_trial(
    config: &Config,
    movies: &[Entry],
    by_number: bool,
) -> Result<(), Error> {
    let mut owners: BTreeMap<(Option<u32>, &str), Vec<&str>> = BTreeMap::new();
    for entry in movies {
        let stem = stem(&entry.name);
        // Without a number only the names of outputs can clash.
        let key = match config.data.number(stem).filter(|_| by_number) {
            Some(n) => (Some(n), ""),
            None => (None, stem),
        };
        owners.entry(key).or_default().push(&entry.name);
    }
    let clash = |((number, stem), files): (&(Option<u32>, &str), &Vec<&str>)| {
        let claimed = number.map_or_else(|| (*stem).to_owned(), |n| n.to_string());
        (files.len() > 1).then(|| format!("{claimed}: {}", files.join(", ")))
    };
    let clashes: Vec<String> = owners.iter().filter_map(clash).collect();
    if clashes.is_empty() {
        Ok(())
    } else {
        Err(Error::SameTrial { clashes })
    }
}

/// Without labels, or without stimulus, the MAT file of a movie bears its name, which must not be one of the session's own.
pub(super) fn refuse_own_names(config: &Config, movies: &[Entry]) -> Result<(), Error> {
    let labelled = config.data.labelled();
    let spontaneous = config.experiment.kind == Kind::Spontaneous;
    if (labelled && !spontaneous) || config.output.mat.is_empty() {
        return Ok(());
    }
    for entry in movies {
        let name = format!("{}.mat", stem(&entry.name));
        // Of either spelling: some file systems take them for one.
        let own = |own: &&str| own.eq_ignore_ascii_case(&name);
        let labels = labelled && is_of_condition(&name.to_ascii_lowercase());
        if labels || [REFERENCE, INDICES].iter().any(own) {
            return Err(Error::OwnName {
                file: entry.name.clone(),
                output: format!("{}/{name}", config.output.mat),
            });
        }
    }
    Ok(())
}
