//! The pages of `docs/` against the program: no key, check or command is left unexplained.

use std::path::Path;
use widefield_pipeline::config::TEMPLATE;

/// A page; `None`, said aloud, in a package that is without them.
fn page(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: {} is not here", path.display());
    }
    text
}

/// The keys of the template with the tables they stand in, those that are commented out included.
fn keys() -> Vec<(String, String)> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for line in TEMPLATE.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix('[') {
            table = rest
                .trim_start_matches('[')
                .split(']')
                .next()
                .unwrap_or("")
                .to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if plain && !key.is_empty() {
                keys.push((table.clone(), key.to_owned()));
            }
        }
    }
    keys
}

#[test]
fn every_key_is_explained() {
    let keys = keys();
    assert!(keys.len() > 45, "{}", keys.len());
    let (Some(configuration), Some(checks)) = (page("configuration.md"), page("checks.md")) else {
        return;
    };
    for (table, key) in keys {
        let known = match table.as_str() {
            // The two limits of one check have a key each.
            "checks" => {
                let name = key.trim_end_matches("_low").trim_end_matches("_high");
                checks.contains(&format!("| `{name}` |"))
            }
            // Any name will do.
            "experiment.events" | "products.windows" => true,
            "experiment.stimulus" => configuration.contains(&format!("`{key}`")),
            _ => configuration.contains(&format!("| `{key}` |")),
        };
        assert!(known, "[{table}] {key} is not explained");
    }
}

#[test]
fn every_method_is_explained() {
    let Some(configuration) = page("configuration.md") else {
        return;
    };
    // The template names every method of the library, by a test of its own.
    let lines = TEMPLATE
        .lines()
        .filter(|line| line.starts_with("method = "));
    let methods: Vec<&str> = lines
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect();
    assert!(methods.len() > 20, "{methods:?}");
    for method in methods {
        let row = |line: &str| line.starts_with("| ") && line.contains(&format!("`\"{method}\"`"));
        assert!(configuration.lines().any(row), "{method} is not explained");
    }
}

#[test]
fn every_event_of_the_progress_is_explained() {
    let Some(progress) = page("progress.md") else {
        return;
    };
    let source = include_str!("../src/progress.rs");
    let events: Vec<&str> = source
        .split("\"event\": \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(events.len() >= 8, "{events:?}");
    for event in events {
        assert!(progress.contains(&format!("| `{event}` |")), "{event}");
    }
}
