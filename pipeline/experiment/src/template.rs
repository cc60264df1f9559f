//! The text that `widefield init` writes; what keys there are is read from it.

use std::sync::LazyLock;

/// A commented `experiment.toml` that names every key. As it stands it holds the defaults, but for `prefix`,
/// which has none, and what is marked as an example.
pub const TEMPLATE: &str = include_str!("template.toml");

/// A key of the template.
pub(super) struct Key {
    /// With the tables it stands in, as `analysis.resolution`; `experiment.events.` for a name that is free.
    pub(super) path: String,
    /// The line, with what it says of the key.
    pub(super) line: String,
}

impl Key {
    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// Every key there is, in the order of the template.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut table = "";
    let mut keys = Vec::new();
    for line in TEMPLATE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some((name, _)) = line.trim_start_matches('[').split_once(']')
            && line.starts_with('[')
        {
            table = name;
        } else if let Some((name, _)) = line.split_once(" = ")
            && !name.trim_end().contains([' ', '#'])
        {
            keys.push(Key {
                path: format!("{table}.{}", name.trim_end()),
                line: line.split_whitespace().collect::<Vec<_>>().join(" "),
            });
        }
    }
    // The second of two examples of stimuli repeats keys; names of events are free.
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|key| !key.path.starts_with(EVENTS) && seen.insert(key.path.clone()));
    keys
});

const EVENTS: &str = "experiment.events.";

/// Whether the key exists, as a value or as a table of such.
pub(super) fn known(path: &str) -> bool {
    let event = |name: &str| name.ends_with("_s") && !name.contains('.');
    let is_table = |key: &Key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    path.strip_prefix(EVENTS).map_or_else(
        || {
            path == EVENTS.trim_end_matches('.')
                || KEYS.iter().any(|key| key.path == path || is_table(key))
        },
        event,
    )
}

/// How the template spells a key such as `analysis.resolution`, with what it says of it.
pub(super) fn spelt(path: &str) -> Option<&'static str> {
    KEYS.iter()
        .find(|key| key.path == path)
        .map(|key| key.line.as_str())
}

/// What is said of a key that does not exist, and what helps.
pub(super) fn unknown(path: &str) -> (String, String) {
    let help = match path.starts_with(EVENTS) {
        true => "names of events end in _s, as in `cue_s = -1.9`".to_owned(),
        false => format!("the nearest known key is `{}`", nearest(path)),
    };
    (format!("unknown key `{path}`"), help)
}

/// The known key most like this one: by its last part if one comes close, by the whole path otherwise.
fn nearest(path: &str) -> &'static str {
    let Some((table, name)) = path.rsplit_once('.') else {
        let near = |table: &&str| strsim::damerau_levenshtein(table, path);
        let tables = KEYS.iter().filter_map(|key| key.path.split('.').next());
        return tables
            .min_by_key(near)
            .filter(|t| near(t) <= 3)
            .unwrap_or_else(|| by_name("", path));
    };
    by_name(table, name)
}

fn by_name(table: &str, name: &str) -> &'static str {
    let path = format!("{table}.{name}");
    let distance = |key: &&Key| {
        // A slip within the table is likelier than one in its name as well.
        let elsewhere = key.path.rsplit_once('.').is_none_or(|(of, _)| of != table);
        let by_name = strsim::damerau_levenshtein(key.name(), name) + 2 * usize::from(elsewhere);
        (by_name, strsim::damerau_levenshtein(&key.path, &path))
    };
    KEYS.iter().min_by_key(distance).map_or("", |key| &key.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_their_table() {
        assert!(KEYS.len() > 60, "{}", KEYS.len());
        let line = spelt("analysis.resolution").expect("a key");
        assert!(line.starts_with("resolution = [256, 256] # [width, height]"));
        assert_eq!(
            spelt("experiment.stimulus.name"),
            Some("name = \"Texture 1 P100\" # as the log spells it")
        );
        assert_eq!(spelt("data.resolution"), None);
        assert_eq!(spelt("nothing"), None);
        for path in [
            "analysis",
            "analysis.background",
            "checks.low_f0",
            "experiment.events",
            "experiment.events.a_s",
        ] {
            assert!(known(path), "{path}");
        }
        for path in [
            "analysi",
            "analysis.backgroun",
            "experiment.events.a",
            "experiment.events.a.b_s",
            "",
            "data.",
        ] {
            assert!(!known(path), "{path}");
        }
    }
}
