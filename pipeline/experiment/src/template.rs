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
    // The second of two examples of stimuli repeats keys; names of events and windows are free.
    let mut seen = std::collections::BTreeSet::new();
    let free = |path: &str| [EVENTS, WINDOWS].iter().any(|free| path.starts_with(free));
    keys.retain(|key| !free(&key.path) && seen.insert(key.path.clone()));
    keys
});

/// Before names that are free.
pub(super) const EVENTS: &str = "experiment.events.";
const WINDOWS: &str = "products.windows.";

/// Whether the key exists, as a value or as a table of such.
pub(super) fn known(path: &str) -> bool {
    let event = |name: &str| name.ends_with("_s") && !name.contains('.');
    let is_table = |key: &Key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    };
    if let Some(name) = path.strip_prefix(EVENTS) {
        return event(name);
    }
    let table = |free: &&str| path == free.trim_end_matches('.');
    path.strip_prefix(WINDOWS)
        .is_some_and(|name| !name.contains('.'))
        || [EVENTS, WINDOWS].iter().any(table)
        || KEYS.iter().any(|key| key.path == path || is_table(key))
}

/// How the template spells a key such as `analysis.resolution`, with what it says of it.
pub(super) fn spelt(path: &str) -> Option<&'static str> {
    KEYS.iter()
        .find(|key| key.path == path)
        .map(|key| key.line.as_str())
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
