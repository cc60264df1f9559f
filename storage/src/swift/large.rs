//! Static large objects: a manifest that names segments in another container.
//!
//! Segments of an object `a/b` in `container` are
//! `container_segments/a/b/.widefield-<owner>.tmp/00000000` and so on: the owner tells later whether
//! the process that made them still runs. The object appears with its manifest, at the end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Attributes, MultipartUpload, PutPayload, PutResult, UploadPart};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::client::Call;
use super::failure::Failure;
use super::objects::{attributes, copy_plain, head, put_payload};
use super::{Inner, delete, listing, names};
use crate::name::OURS;
use crate::temporary;

/// A name that nobody else makes.
pub(super) fn unique() -> String {
    temporary::unique_name()
}

impl Inner {
    pub(super) fn segment_container(&self) -> String {
        format!("{}_segments", self.container)
    }
}

/// One segment as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// `container/name`, not escaped.
    pub(super) place: String,
    tag: String,
    bytes: u64,
    /// All of the segment, and it is no manifest itself.
    simple: bool,
}

/// What a manifest names.
#[derive(Clone, Debug)]
pub(super) struct Segments(pub(super) Vec<Segment>);

impl Segments {
    /// Places of the segments that this library made for `path`; others may have other users.
    pub(super) fn ours(&self, inner: &Inner, path: &Path) -> Vec<String> {
        let start = format!("{}/{path}/{OURS}", inner.segment_container());
        self.all()
            .into_iter()
            .filter(|place| place.starts_with(&start))
            .collect()
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.iter().map(|segment| segment.place.clone()).collect()
    }
}

/// The segments of `path` if it is a static large object; nothing if it is none or missing.
pub(super) async fn segments_of(inner: &Inner, path: &Path) -> Result<Option<Segments>, Failure> {
    match head(inner, path).await {
        Ok(found) if found.large => read_manifest(inner, path).await,
        Ok(_) => Ok(None),
        Err(failure) if failure.status() == Some(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The segments of an object that is known to be large; nothing if it went meanwhile.
pub(super) async fn read_manifest(inner: &Inner, path: &Path) -> Result<Option<Segments>, Failure> {
    let target = format!("{}?multipart-manifest=get", inner.target(path));
    match inner.client.text(&Call::new(Method::GET, target)).await {
        Ok(body) => parse(&body).map(Some),
        Err(failure) if failure.status() == Some(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn parse(body: &[u8]) -> Result<Segments, Failure> {
    let wrong = || Failure::answer("the manifest of the large object cannot be understood");
    let rows: Value = serde_json::from_slice(body).map_err(|_| wrong())?;
    let segment = |row: &Value| {
        // Data within the manifest has no name, and nothing to remove.
        let Some(name) = row["name"].as_str() else {
            return row["data"].is_string().then_some(None);
        };
        let plain = row["range"].is_null() && row["sub_slo"].as_bool() != Some(true);
        Some(Some(Segment {
            place: name.strip_prefix('/')?.to_owned(),
            tag: row["hash"].as_str()?.to_owned(),
            bytes: row["bytes"].as_u64()?,
            simple: plain,
        }))
    };
    let rows = rows.as_array().ok_or_else(wrong)?;
    let segments: Option<Vec<_>> = rows.iter().map(segment).collect();
    let segments = segments.ok_or_else(wrong)?;
    Ok(Segments(segments.into_iter().flatten().collect()))
}

/// Removes segments that nothing names any more. What fails stays for a later sweep: the work
/// itself is done, and a failure here must not make it look undone.
pub(super) async fn drop_segments(inner: &Arc<Inner>, places: Vec<String>) {
    let _ = delete::places(inner, &places).await;
}

/// Copies a large object: its segments one by one, so that neither depends on the other.
pub(super) async fn copy(
    inner: &Arc<Inner>,
    from: &Path,
    to: &Path,
    source: &Segments,
) -> Result<(), Failure> {
    if !source.0.iter().all(|segment| segment.simple) || source.0.is_empty() {
        // The server makes one plain object of it, up to its limit for one.
        return copy_plain(inner, &inner.target(from), inner.target(to))
            .await
            .map(drop);
    }
    let described = head(inner, from).await?;
    let upload = Upload::new(inner, to, &described.attributes)?;
    let copied: Result<Vec<()>, _> = stream::iter(source.0.clone().into_iter().enumerate())
        .map(|(index, segment)| {
            let upload = &upload;
            async move {
                let (container, name) = segment.place.split_once('/').unwrap_or_default();
                let from = names::target(container, name);
                let tag = copy_plain(inner, &from, upload.target(index)).await?;
                upload.done(index, tag, segment.bytes);
                Ok::<_, Failure>(())
            }
        })
        .buffer_unordered(4)
        .try_collect()
        .await;
    let result = match copied {
        Ok(_) => upload.write_manifest(source.0.len()).await.map(drop),
        Err(failure) => Err((failure, false)),
    };
    if matches!(result, Err((_, false))) {
        drop_segments(inner, upload.places()).await;
    }
    result.map_err(|(failure, _)| failure)
}

/// A large object while it is written.
struct Upload {
    inner: Arc<Inner>,
    path: Path,
    /// Folder of the segments in their container.
    folder: String,
    headers: HeaderMap,
    /// Tag and length of the segments that are stored, by number.
    stored: Mutex<Vec<Option<(String, u64)>>>,
}

impl Upload {
    fn new(inner: &Arc<Inner>, path: &Path, kept: &Attributes) -> Result<Self, Failure> {
        let mut headers = HeaderMap::new();
        attributes(kept, &mut headers)?;
        Ok(Upload {
            inner: Arc::clone(inner),
            path: path.clone(),
            folder: format!("{path}/{}", unique()),
            headers,
            stored: Mutex::default(),
        })
    }

    fn name(&self, index: usize) -> String {
        format!("{}/{index:08}", self.folder)
    }

    fn target(&self, index: usize) -> String {
        names::target(&self.inner.segment_container(), &self.name(index))
    }

    fn done(&self, index: usize, tag: String, bytes: u64) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.len() <= index {
            stored.resize(index + 1, None);
        }
        stored[index] = Some((tag, bytes));
    }

    fn places(&self) -> Vec<String> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let container = self.inner.segment_container();
        (0..stored.len())
            .map(|index| format!("{container}/{}", self.name(index)))
            .collect()
    }

    async fn put(&self, index: usize, data: PutPayload) -> Result<(), Failure> {
        let bytes = data.content_length() as u64;
        // Known before it is sent, so that giving up removes also what was stored unnoticed.
        {
            let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            if stored.len() <= index {
                stored.resize(index + 1, None);
            }
        }
        let call = Call::new(Method::PUT, self.target(index));
        let tag = put_payload(&self.inner, call, data).await;
        self.done(index, tag.map_err(|(failure, _)| failure)?, bytes);
        Ok(())
    }

    /// Makes the segments `0..count` the object; returns its tag. The error comes with the doubt whether they are
    /// the object all the same, and must stay.
    async fn write_manifest(&self, count: usize) -> Result<Option<String>, (Failure, bool)> {
        let certain = |failure| (failure, false);
        let limit = self.inner.client.limits().await.max_segments;
        if count > limit {
            return Err(certain(Failure::Answer(format!(
                "{count} parts, the cluster's limit for a large object is {limit}: larger parts are needed"
            ))));
        }
        let container = self.inner.segment_container();
        let rows: Option<Vec<Value>> = {
            let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            (0..count)
                .map(|index| {
                    let (tag, bytes) = stored.get(index)?.as_ref()?;
                    let path = format!("/{container}/{}", self.name(index));
                    Some(json!({"path": path, "etag": tag, "size_bytes": bytes}))
                })
                .collect()
        };
        let rows = rows.ok_or_else(|| certain(Failure::answer("a part is missing")))?;
        let target = format!("{}?multipart-manifest=put", self.inner.target(&self.path));
        let mut call = Call::new(Method::PUT, target).body(Value::from(rows).to_string());
        call.headers = self.headers.clone();
        if !call.headers.contains_key("content-type") {
            let kind = HeaderValue::from_static("application/octet-stream");
            call = call.header("content-type", kind);
        }
        let mut sent = self.inner.client.send(&call).await;
        if let Err(refusal) = &sent
            && refusal.failure.status() == Some(404)
        {
            let container = names::escape(&self.inner.container);
            let create = Call::new(Method::PUT, format!("/{container}")).body(PutPayload::new());
            let created = self.inner.client.send(&create).await;
            created.map_err(|refusal| certain(refusal.failure))?;
            sent = self.inner.client.send(&call).await;
        }
        let answer = sent.map_err(|refusal| (refusal.failure, refusal.doubt))?;
        let tag = answer.response.headers().get("etag");
        Ok(tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned))
    }
}

/// What `object_store` asks of an upload in parts.
pub(super) struct Multipart {
    upload: Arc<Upload>,
    count: usize,
    /// Completing it failed in a way that leaves open whether it was carried out.
    in_doubt: bool,
}

impl Multipart {
    pub(super) fn new(inner: &Arc<Inner>, path: &Path, kept: &Attributes) -> Result<Self, Failure> {
        Ok(Multipart {
            upload: Arc::new(Upload::new(inner, path, kept)?),
            count: 0,
            in_doubt: false,
        })
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("path", &self.upload.path)
            .field("parts", &self.count)
            .finish()
    }
}

#[async_trait]
impl MultipartUpload for Multipart {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if data.content_length() == 0 {
            // A segment has at least one byte.
            return Box::pin(std::future::ready(Ok(())));
        }
        let (index, upload) = (self.count, Arc::clone(&self.upload));
        self.count += 1;
        Box::pin(async move {
            let result = upload.put(index, data).await;
            result.map_err(|failure| failure.at(upload.path.as_ref()))
        })
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        let Upload { inner, path, .. } = &*self.upload;
        let told = |failure: Failure| failure.at(path.as_ref());
        let old = segments_of(inner, path).await.map_err(told)?;
        let e_tag = if self.count == 0 {
            let mut call = Call::new(Method::PUT, inner.target(path));
            call.headers = self.upload.headers.clone();
            let put = put_payload(inner, call, PutPayload::new()).await;
            Some(put.map_err(|(failure, _)| told(failure))?)
        } else {
            let written = self.upload.write_manifest(self.count).await;
            written.map_err(|(failure, doubt)| {
                self.in_doubt |= doubt;
                told(failure)
            })?
        };
        if let Some(old) = old {
            let mine = self.upload.places();
            let mut gone = old.ours(inner, path);
            // Completed twice, it is its own predecessor.
            gone.retain(|place| !mine.contains(place));
            drop_segments(inner, gone).await;
        }
        Ok(PutResult {
            e_tag,
            version: None,
            extensions: object_store::Extensions::default(),
        })
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        let Upload { inner, path, .. } = &*self.upload;
        if self.in_doubt {
            // Perhaps it is the object by now; if not, a sweep removes it later.
            return Ok(());
        }
        let removed = delete::places(inner, &self.upload.places()).await;
        removed.map_err(|failure| failure.at(path.as_ref()))
    }
}

/// Removes segments below the folder `prefix` whose makers run no more and that no manifest
/// names; how many uploads they belonged to.
pub(super) async fn sweep(inner: &Arc<Inner>, prefix: String) -> Result<usize, Failure> {
    let container = inner.segment_container();
    let mut uploads: Vec<(String, Vec<String>, Option<std::time::Duration>)> = Vec::new();
    let mut rows = listing::below(inner, &container, prefix, None, listing::COLLECTED);
    loop {
        let meta = match rows.try_next().await {
            Ok(Some(meta)) => meta,
            Ok(None) => break,
            Err(failure) if failure.status() == Some(404) => return Ok(0),
            Err(failure) => return Err(failure),
        };
        let name = meta.location.as_ref();
        let Some((folder, _)) = name.rsplit_once('/') else {
            continue;
        };
        let age = chrono::Utc::now() - meta.last_modified;
        let age = age.to_std().ok();
        let place = format!("{container}/{name}");
        match uploads.last_mut() {
            Some((last, places, youngest)) if last == folder => {
                places.push(place);
                *youngest = age.and_then(|age| Some(age.min((*youngest)?)));
            }
            _ => uploads.push((folder.to_owned(), vec![place], age)),
        }
    }
    let mut swept = 0;
    for (folder, places, youngest) in uploads {
        let Some((object, owner)) = folder.rsplit_once('/') else {
            continue;
        };
        if !temporary::is_dead(owner, youngest) {
            continue;
        }
        let Some(path) = names::path(object) else {
            continue;
        };
        let named = segments_of(inner, &path).await?;
        let named = named.map(|segments| segments.all()).unwrap_or_default();
        if !places.iter().any(|place| named.contains(place)) {
            delete::places(inner, &places).await?;
            swept += 1;
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read() {
        let body = br#"[{"name": "/c_segments/a/1", "hash": "aa", "bytes": 5},
            {"data": "eHg="},
            {"name": "/c_segments/a/2", "hash": "bb", "bytes": 6, "range": "1-2"}]"#;
        let Segments(segments) = parse(body).unwrap();
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0].place, "c_segments/a/1");
        assert!(segments[0].simple && !segments[1].simple);
        for bad in [
            &b"{}"[..],
            b"[{}]",
            b"",
            br#"[{"name": "x", "hash": "a", "bytes": 1}]"#,
        ] {
            assert!(parse(bad).is_err());
        }
    }
}
