//! Listings of a container, page by page.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};
use reqwest::Method;
use serde::Deserialize;

use super::Inner;
use super::client::Call;
use super::failure::Failure;
use super::names;

/// One row of a listing.
pub(super) enum Row {
    Object(ObjectMeta),
    Folder(Path),
    /// A name that a path cannot say.
    Unspeakable,
}

/// Most pages of one listing, and of what is collected most bytes: a server can go on for ever.
const PAGES: usize = 100_000;
pub(super) const COLLECTED: usize = 256 << 20;

/// The objects below `prefix`, which ends in a slash or is empty; those after `offset` if given. It fails when more than
/// `most` bytes have come.
pub(super) fn below(
    inner: &Arc<Inner>,
    container: &str,
    prefix: String,
    offset: Option<String>,
    most: usize,
) -> BoxStream<'static, Result<ObjectMeta, Failure>> {
    pages(inner, container, prefix, offset, false, most)
        .map_ok(|rows| stream::iter(rows).map(Ok))
        .try_flatten()
        .try_filter_map(|row| async move {
            Ok(match row {
                Row::Object(meta) => Some(meta),
                _ => None,
            })
        })
        .boxed()
}

/// The objects and folders directly below `prefix`.
pub(super) async fn directly_below(
    inner: &Arc<Inner>,
    prefix: String,
) -> Result<ListResult, Failure> {
    let (mut objects, mut common_prefixes) = (Vec::new(), Vec::new());
    let mut pages = pages(inner, &inner.container, prefix, None, true, COLLECTED);
    while let Some(rows) = pages.try_next().await? {
        for row in rows {
            match row {
                Row::Object(meta) => objects.push(meta),
                Row::Folder(path) => common_prefixes.push(path),
                Row::Unspeakable => {}
            }
        }
    }
    Ok(ListResult {
        common_prefixes,
        objects,
        extensions: object_store::Extensions::default(),
    })
}

/// Pages until an empty one: how long a full page is differs from cluster to cluster.
fn pages(
    inner: &Arc<Inner>,
    container: &str,
    prefix: String,
    offset: Option<String>,
    delimited: bool,
    most: usize,
) -> BoxStream<'static, Result<Vec<Row>, Failure>> {
    let inner = Arc::clone(inner);
    let mut base = format!("/{}?format=json", names::escape(container));
    if !prefix.is_empty() {
        base = format!("{base}&prefix={}", names::escape_value(&prefix));
    }
    if delimited {
        base.push_str("&delimiter=/");
    }
    stream::try_unfold((offset, 0, 0), move |(marker, pages, bytes)| {
        let inner = Arc::clone(&inner);
        let target = match &marker {
            Some(marker) => format!("{base}&marker={}", names::escape_value(marker)),
            None => base.clone(),
        };
        async move {
            let call = Call::new(Method::GET, target);
            let body = inner.client.text(&call).await?;
            let (pages, bytes) = (pages + 1, bytes + body.len());
            if pages > PAGES || bytes > most {
                return Err(Failure::answer("the listing has no end"));
            }
            let (rows, last) = parse(&body)?;
            let Some(last) = last else { return Ok(None) };
            if marker.as_ref().is_some_and(|marker| last <= *marker) {
                return Err(Failure::answer("the listing does not advance"));
            }
            Ok(Some((rows, (Some(last), pages, bytes))))
        }
    })
    .fuse()
    .boxed()
}

/// Rows of a page, and the name with which the next one starts.
fn parse(body: &[u8]) -> Result<(Vec<Row>, Option<String>), Failure> {
    if body.is_empty() {
        return Ok((Vec::new(), None));
    }
    let page: Vec<Named> = serde_json::from_slice(body)
        .map_err(|_| Failure::answer("the listing is not what Swift writes"))?;
    let last = page.last().map(|row| row.name.clone());
    Ok((page.into_iter().map(|row| row.row).collect(), last))
}

/// A row, and the name that it has in the order of the listing.
#[derive(Deserialize)]
#[serde(try_from = "Written")]
struct Named {
    row: Row,
    name: String,
}

/// A row as Swift writes it. Nothing else of it is held, and the first that is none ends the page: a tree of whatever a
/// server sends takes a hundred times its bytes.
#[derive(Deserialize)]
struct Written {
    subdir: Option<String>,
    name: Option<String>,
    bytes: Option<u64>,
    hash: Option<String>,
    slo_etag: Option<String>,
    last_modified: Option<String>,
}

impl TryFrom<Written> for Named {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if let Some(name) = written.subdir {
            let path = name.strip_suffix('/').and_then(names::path);
            let row = path.map_or(Row::Unspeakable, Row::Folder);
            return Ok(Self { row, name });
        }
        let name = written.name.ok_or("a row without a name")?;
        let Some(location) = names::path(&name) else {
            let row = Row::Unspeakable;
            return Ok(Self { row, name });
        };
        let modified = written.last_modified.as_deref().and_then(time);
        let row = Row::Object(ObjectMeta {
            location,
            last_modified: modified.ok_or("an object without a time")?,
            size: written.bytes.ok_or("an object without a size")?,
            // Of a large object `hash` is that of its manifest, and no request answers with it.
            e_tag: written.slo_etag.or(written.hash),
            version: None,
        });
        Ok(Self { row, name })
    }
}

/// Time of a listing: UTC without saying so.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim_end_matches('Z');
    let time: jiff::Timestamp = format!("{text}Z").parse().ok()?;
    let nanoseconds = u32::try_from(time.subsec_nanosecond()).ok()?;
    DateTime::from_timestamp(time.as_second(), nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_kinds() {
        let page = br#"[
            {"name": "a b", "bytes": 5, "hash": "aa", "last_modified": "2026-11-22T20:00:00.123450"},
            {"name": "large", "bytes": 9, "hash": "bb", "slo_etag": "\"cc\"",
             "last_modified": "2026-11-22T20:00:00.000000"},
            {"subdir": "x/"}, {"subdir": "/"},
            {"name": "a//b", "bytes": 0, "hash": "", "last_modified": "2026-11-22T20:00:00.0"}]"#;
        let (rows, last) = parse(page).unwrap();
        assert_eq!(last.as_deref(), Some("a//b"));
        let shown: Vec<_> = rows
            .iter()
            .map(|row| match row {
                Row::Object(meta) => format!(
                    "{} {} {:?} {}",
                    meta.location, meta.size, meta.e_tag, meta.last_modified
                ),
                Row::Folder(path) => format!("{path}/"),
                Row::Unspeakable => "-".to_owned(),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "a b 5 Some(\"aa\") 2026-11-22 20:00:00.123450 UTC",
                "large 9 Some(\"\\\"cc\\\"\") 2026-11-22 20:00:00 UTC",
                "x/",
                "-",
                "-"
            ]
        );
        assert!(parse(b"[]").unwrap().1.is_none());
        assert!(parse(b"").unwrap().1.is_none());
    }

    #[test]
    fn anything_else_is_an_error() {
        for page in [
            &b"<html>"[..],
            b"{}",
            b"[1]",
            b"[[[[]]]]",
            br#"[{"": 0}]"#,
            b"[{}]",
            br#"[{"name": "x"}]"#,
            br#"[{"name": "x", "bytes": -1, "last_modified": "2026-11-22T20:00:00"}]"#,
        ] {
            assert!(parse(page).is_err(), "{}", String::from_utf8_lossy(page));
        }
    }
}
