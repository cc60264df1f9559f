//! What workers elsewhere need: their program, their requests, and a few variables of the environment.

use crate::Line;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Variables of the environment that stores are reached with, which workers elsewhere need, by name: credentials
/// (`OS_*`, `ST_*`, `AWS_*`, `AZURE_*`, `GOOGLE_*`, `SWIFT_*`), proxies, certificates, and what the worker heeds itself.
///
/// They hold secrets: a place for them is a file of [`write_private`] or the environment of a process, no argument.
#[must_use]
pub fn forwarded() -> Vec<(String, String)> {
    let begins = ["OS_", "ST_", "AWS_", "AZURE_", "GOOGLE_", "SWIFT_"];
    let named = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "RUST_LOG",
        "WIDEFIELD_PATIENCE_S",
    ];
    let wanted = |name: &str| {
        let upper = name.to_ascii_uppercase();
        begins.iter().any(|b| upper.starts_with(b)) || named.contains(&upper.as_str())
    };
    // What is no text cannot have been meant for us.
    let text = std::env::vars_os()
        .filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
    let mut found: Vec<_> = text.filter(|(name, _)| wanted(name)).collect();
    found.sort();
    found
}

/// Writes a file that only its owner can read (mode 0600, on Unix); it appears whole.
///
/// # Errors
/// Those of the file system; the file is then as it was.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(part, path)
}

/// Writes requests, one a line, as [`write_private`] does.
///
/// # Errors
/// Those of the file system; the file is then as it was.
pub fn write_lines(path: &Path, lines: &[Line]) -> std::io::Result<()> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    write_private(path, text.as_bytes())
}

/// The absolute path of the program that workers are: the given one, or the running one.
///
/// # Errors
/// If there is no such file.
pub fn executable(given: Option<&PathBuf>) -> std::io::Result<PathBuf> {
    match given {
        Some(path) => path.canonicalize(),
        None => std::env::current_exe()?.canonicalize(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_plan_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("round-0.jsonl");
        write_lines(
            &path,
            &["a", "b"].map(|id| Line::new(id, format!("{{\"id\":\"{id}\"}}"))),
        )
        .unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }
}
