//! Which files of a place are the movies that a description asks for.

use std::cmp::Reverse;
use widefield_behaviour::table::stem;
use widefield_experiment::{Config, Mismatch};
use widefield_record::with_causes;
use widefield_storage::{Entry, ErrorKind, Listing, Place, concurrent};

/// What is called as the description asks.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Movies {
    /// By name.
    pub movies: Vec<Entry>,
    /// What could not be looked into, with the reason: a trial each, which has failed.
    pub unreadable: Vec<(Entry, String)>,
    /// What is no movie, with the reason.
    pub ignored: Vec<String>,
    /// Names of what is called as a movie and holds none: each has its place in an order.
    pub broken: Vec<String>,
}

/// Whether the description asks for files of that name.
fn wanted(config: &Config, name: &str) -> bool {
    let data = &config.data;
    let built_so = || {
        let read = data.name.as_ref().map(|pattern| pattern.read(stem(name)));
        !matches!(read, Some(Err(Mismatch::Unlike { .. })))
    };
    match data.prefix.as_str() {
        "" => built_so(),
        prefix => name.starts_with(prefix),
    }
}

impl Movies {
    /// Looks through a listing of a place. What is `known` to be a movie is not looked into.
    #[must_use]
    pub fn find(
        config: &Config,
        data: &Place,
        listing: &Listing,
        known: impl Fn(&Entry) -> bool + Sync,
    ) -> Self {
        let inputs = [&config.data.behaviour_log, &config.data.trials];
        let candidates: Vec<&Entry> = listing
            .entries
            .iter()
            .filter(|e| wanted(config, &e.name))
            .filter(|e| inputs.iter().all(|input| input.as_ref() != Some(&e.name)))
            .collect();
        let magic = concurrent::map(&candidates, |entry| {
            if entry.bytes == 0 || known(entry) {
                return Ok(true);
            }
            let start = data.read_range(&entry.name, 0..entry.bytes.min(8))?;
            Ok::<_, widefield_storage::Error>(dcimg::is_dcimg(&start))
        });
        let mut found = Self::default();
        // Called as movies are, but not as these: without a prefix there is nothing else to tell them by.
        let others = listing
            .entries
            .iter()
            .filter(|e| stem(&e.name) != e.name && !wanted(config, &e.name));
        if config.data.prefix.is_empty() {
            let why =
                others.map(|e| format!("{}: its name is not built as data.name says", e.name));
            found.ignored.extend(why);
        }
        for (entry, is_movie) in candidates.into_iter().zip(magic) {
            if entry.bytes == 0
                || (matches!(is_movie, Ok(false)) && stem(&entry.name) != entry.name)
            {
                found.broken.push(entry.name.clone());
            }
            match (is_movie, entry.bytes) {
                (_, 0) => found.ignored.push(format!("{}: empty file", entry.name)),
                (Ok(true), _) => match ambiguous(config, &entry.name) {
                    None => found.movies.push(entry.clone()),
                    Some(why) => found.unreadable.push((entry.clone(), why)),
                },
                (Ok(false), _) => {
                    let why = format!("{}: not a DCIMG file", entry.name);
                    found.ignored.push(why);
                }
                (Err(error), _) => found.unreadable.push((entry.clone(), with_causes(&error))),
            }
        }
        for other in listing.others.iter().filter(|o| wanted(config, &o.name)) {
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
}

/// What is asked for, as a sentence goes on after "a movie whose name".
#[must_use]
pub fn asked(config: &Config) -> String {
    match (config.data.prefix.as_str(), &config.data.name) {
        ("", Some(pattern)) => format!("is built as `{pattern}`"),
        (prefix, _) => format!("starts with `{prefix}`"),
    }
}

/// Why it is not known which trial a movie is, though its name is built as asked.
fn ambiguous(config: &Config, name: &str) -> Option<String> {
    let pattern = config.data.name.as_ref()?;
    let Err(Mismatch::Ambiguous(both)) = pattern.read(stem(name)) else {
        return None;
    };
    let said = both.map(|named| {
        let parts = [
            named.trial.map(|trial| format!("trial {trial}")),
            named.date.map(|date| date.to_string()),
            named.time.map(|time| time.to_string()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    Some(format!(
        "data.name = \"{pattern}\" reads its name in several ways: {}, or {}; say more of the text between",
        said[0], said[1]
    ))
}

/// How far three names, those that come farthest, are built as the pattern says; nothing where one is built so, or there is
/// no pattern.
#[must_use]
pub fn near(config: &Config, listing: &[Entry]) -> Option<String> {
    let pattern = config
        .data
        .name
        .as_ref()
        .filter(|_| config.data.prefix.is_empty())?;
    let unlike = |entry: &Entry| match pattern.read(stem(&entry.name)) {
        Err(Mismatch::Unlike { matched, wanted }) => Some((matched, wanted, entry.name.clone())),
        _ => None,
    };
    if listing.iter().any(|entry| wanted(config, &entry.name)) {
        return None;
    }
    let mut names: Vec<_> = listing.iter().filter_map(unlike).collect();
    // Names that end as movies do first, of those the ones that come farthest.
    names.sort_by_key(|(matched, _, name)| (stem(name) == name, Reverse(*matched)));
    let said = names.iter().take(3).map(|(matched, wanted, name)| {
        let next = match wanted.as_str() {
            "" => "the name should end".to_owned(),
            wanted => format!("`{wanted}` should come"),
        };
        match matched {
            0 => format!("{name}: {next} first"),
            _ => format!("{name}: after `{}` {next}", &name[..*matched]),
        }
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("of {} files there, {}", listing.len(), said.join("; ")))
}

/// What there is instead: the names of a listing or, where something is called as asked, why that is ignored.
#[must_use]
pub fn seen(listing: &[Entry], ignored: &[String]) -> String {
    let most = 5;
    let (what, names): (_, Vec<&str>) = if ignored.is_empty() {
        ("it has", listing.iter().map(|e| e.name.as_str()).collect())
    } else {
        (
            "these are called so",
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
