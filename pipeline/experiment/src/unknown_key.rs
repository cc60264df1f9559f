//! What is said of a key that does not exist.

use super::template::{EVENTS, KEYS, Key};

/// The message, and what helps.
pub(super) fn message(path: &str) -> (String, String) {
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
