//! Which files are movies, and which trial each is.

use crate::config::Config;
use crate::error::{Error, with_causes};
use crate::results::{INDICES, REFERENCE};
use std::collections::BTreeMap;
use widefield_storage::{Entry, ErrorKind, Listing, Place};

/// What bears the prefix.
#[derive(Debug, Default)]
pub(super) struct Movies {
    /// By name.
    pub(super) movies: Vec<Entry>,
    /// What could not be looked into, with the reason: a trial each, which has failed.
    pub(super) unreadable: Vec<(Entry, String)>,
    /// What is no movie, with the reason.
    pub(super) ignored: Vec<String>,
}

/// Movies, and what has the prefix but is none. Those that are `known` to be movies are not looked into.
pub(super) fn find(
    config: &Config,
    data: &Place,
    listing: &Listing,
    known: impl Fn(&Entry) -> bool + Sync,
) -> Movies {
    let begins = |name: &str| name.starts_with(&config.data.prefix);
    let candidates: Vec<&Entry> = listing
        .entries
        .iter()
        .filter(|e| begins(&e.name))
        .filter(|e| config.data.behaviour_log.as_ref() != Some(&e.name))
        .collect();
    let magic = crate::concurrent::map(&candidates, |entry| {
        if entry.bytes == 0 || known(entry) {
            return Ok(true);
        }
        let start = data.read_range(&entry.name, 0..entry.bytes.min(8))?;
        Ok::<_, widefield_storage::Error>(dcimg::is_dcimg(&start))
    });
    let mut found = Movies::default();
    for (entry, is_movie) in candidates.into_iter().zip(magic) {
        match (is_movie, entry.bytes) {
            (_, 0) => found.ignored.push(format!("{}: empty file", entry.name)),
            (Ok(true), _) => found.movies.push(entry.clone()),
            (Ok(false), _) => {
                let why = format!("{}: not a DCIMG file", entry.name);
                found.ignored.push(why);
            }
            (Err(error), _) => found.unreadable.push((entry.clone(), with_causes(&error))),
        }
    }
    for other in listing.others.iter().filter(|o| begins(&o.name)) {
        let readable = other.name.chars().all(|c| !c.is_control());
        match other.why.kind() {
            ErrorKind::NotFound => {
                let why = format!("{}: a link to nothing", other.name);
                found.ignored.push(why);
            }
            // A name in another encoding is most likely no movie of this program's users, one with a control
            // character is a movie whose name was typed wrong.
            ErrorKind::Invalid if readable => {
                let why = format!("{}: its name is no UTF-8", other.name);
                found.ignored.push(why);
            }
            _ => {
                let entry = Entry::named(&other.name);
                let why = with_causes(&other.why);
                found.unreadable.push((entry, why));
            }
        }
    }
    found.movies.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

pub(super) fn seen(listing: &[Entry], ignored: &[String]) -> String {
    let most = 5;
    let (what, names): (_, Vec<&str>) = if ignored.is_empty() {
        ("it has", listing.iter().map(|e| e.name.as_str()).collect())
    } else {
        (
            "these start so",
            ignored.iter().map(String::as_str).collect(),
        )
    };
    if names.is_empty() {
        return "the folder has no files; check data.url".into();
    }
    let more = names.len().saturating_sub(most);
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    format!(
        "{what}: {}{more}",
        names[..names.len().min(most)].join(", ")
    )
}

/// The name without a `.dcimg` ending.
pub(crate) fn stem(name: &str) -> &str {
    let cut = name
        .len()
        .checked_sub(6)
        .filter(|&at| name.is_char_boundary(at));
    match cut {
        Some(at) if name[at..].eq_ignore_ascii_case(".dcimg") && at > 0 => &name[..at],
        _ => name,
    }
}

/// The number after the last `_`.
pub(super) fn number(stem: &str) -> Option<u32> {
    let (_, digits) = stem.rsplit_once('_')?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

pub(super) fn refuse_same_trial(movies: &[Entry]) -> Result<(), Error> {
    let mut owners: BTreeMap<(Option<u32>, &str), Vec<&str>> = BTreeMap::new();
    for entry in movies {
        let stem = stem(&entry.name);
        // Without a number only the names of outputs can clash.
        let key = match number(stem) {
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

/// Without a log the MAT file of a movie bears its name, which must not be one of the session's own.
pub(super) fn refuse_own_names(config: &Config, movies: &[Entry]) -> Result<(), Error> {
    if config.data.behaviour_log.is_some() || config.output.mat.is_empty() {
        return Ok(());
    }
    for entry in movies {
        let name = format!("{}.mat", stem(&entry.name));
        // Of either spelling: some file systems take them for one.
        let own = |own: &&str| own.eq_ignore_ascii_case(&name);
        if [REFERENCE, INDICES].iter().any(own) {
            return Err(Error::OwnName {
                file: entry.name.clone(),
                output: format!("{}/{name}", config.output.mat),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_stem_and_number() {
        for (name, want_stem, want_number) in [
            ("20170214_102233_1", "20170214_102233_1", Some(1)),
            ("20170214_102233_12.dcimg", "20170214_102233_12", Some(12)),
            ("a_7.DCIMG", "a_7", Some(7)),
            ("a_007", "a_007", Some(7)),
            ("a_x", "a_x", None),
            ("a_", "a_", None),
            ("12", "12", None),
            ("a_99999999999", "a_99999999999", None),
            (".dcimg", ".dcimg", None),
            ("é_3", "é_3", Some(3)),
            ("ééé", "ééé", None),
        ] {
            assert_eq!(
                (stem(name), number(stem(name))),
                (want_stem, want_number),
                "{name}"
            );
        }
    }
}
