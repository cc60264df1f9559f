//! Single objects: head, get, put, copy.

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use md5::{Digest, Md5};
use object_store::path::Path;
use object_store::{
    Attribute, AttributeValue, Attributes, GetOptions, GetRange, GetResult, GetResultPayload,
    ObjectMeta, PutMode, PutOptions, PutPayload, PutResult,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};

use super::client::Call;
use super::failure::Failure;
use super::transfer::{Body, PART};
use super::{Inner, names};

/// What marks a put, so that its own repetition is told from another's work.
const MARK: &str = "x-object-meta-widefield-put";
/// MD5 of nothing.
const EMPTY: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// What the head of an answer says about an object.
pub(super) struct Described {
    pub(super) meta: ObjectMeta,
    pub(super) attributes: Attributes,
    /// The object is a manifest of segments.
    pub(super) large: bool,
    mark: Option<String>,
}

pub(super) async fn head(inner: &Inner, path: &Path) -> Result<Described, Failure> {
    let call = Call::new(Method::HEAD, inner.target(path));
    let answer = inner.client.send(&call).await?;
    let headers = answer.response.headers();
    // The client strips no length off an answer without a body.
    let length = number(headers, "content-length")
        .ok_or_else(|| Failure::answer("the server tells no length"))?;
    describe(path, headers, length)
}

fn describe(path: &Path, headers: &HeaderMap, size: u64) -> Result<Described, Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let time = text("x-timestamp").and_then(timestamp).or_else(|| {
        let date = DateTime::parse_from_rfc2822(text("last-modified")?).ok()?;
        Some(date.with_timezone(&Utc))
    });
    let mut attributes = Attributes::new();
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let attribute = match name.as_str() {
            "content-type" => Attribute::ContentType,
            "content-encoding" => Attribute::ContentEncoding,
            "content-disposition" => Attribute::ContentDisposition,
            "content-language" => Attribute::ContentLanguage,
            "cache-control" => Attribute::CacheControl,
            MARK => continue,
            other => match other.strip_prefix("x-object-meta-") {
                Some(key) => Attribute::Metadata(key.to_owned().into()),
                None => continue,
            },
        };
        attributes.insert(attribute, AttributeValue::from(value.to_owned()));
    }
    Ok(Described {
        meta: ObjectMeta {
            location: path.clone(),
            last_modified: time.ok_or_else(|| Failure::answer("the server tells no time"))?,
            size,
            e_tag: text("etag").map(str::to_owned),
            version: None,
        },
        attributes,
        large: text("x-static-large-object")
            .is_some_and(|value| value.eq_ignore_ascii_case("true")),
        mark: text(MARK).map(str::to_owned),
    })
}

/// Time as `1700000000.12345`, exact where `Last-Modified` is rounded up to seconds.
fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    DateTime::from_timestamp(seconds.parse().ok()?, digits.parse().ok()?)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// An object or a part of it; the body comes as it is read, and resumes when it breaks.
pub(super) async fn get(
    inner: &Arc<Inner>,
    path: &Path,
    options: GetOptions,
) -> object_store::Result<GetResult> {
    let told = |failure: Failure| failure.at(path.as_ref());
    if options.version.is_some() {
        return Err(told(Failure::NotSupported("versions of objects")));
    }
    if options.head {
        let Described {
            meta, attributes, ..
        } = head(inner, path).await.map_err(told)?;
        options.check_preconditions(&meta)?;
        return Ok(GetResult {
            payload: GetResultPayload::Stream(stream::empty().boxed()),
            range: 0..0,
            meta,
            attributes,
            extensions: object_store::Extensions::default(),
        });
    }
    let response = ask(inner, path, options.range.as_ref()).await;
    let response = response.map_err(told)?;
    let (first, size) = extent(&response).map_err(told)?;
    let described = describe(path, response.headers(), size).map_err(told)?;
    // Here rather than in the request: Swift's dates there are rounded up to seconds, and a
    // missing object fails If-Match: * instead of being missing.
    options.check_preconditions(&described.meta)?;
    let range = match &options.range {
        Some(range) => range
            .as_range(size)
            .map_err(|error| told(Failure::answer(error.to_string())))?,
        None => 0..size,
    };
    let shortened = options.range.is_none() && first == (0..PART);
    if first != range && !shortened {
        return Err(told(Failure::answer(
            "another range came than was asked for",
        )));
    }
    // Of large objects the tag is no checksum of the bytes.
    let plain = !described.large && !response.headers().contains_key("x-object-manifest");
    let tag = described.meta.e_tag.clone();
    let sum = tag.clone().filter(|tag| {
        let is_sum = tag.len() == 32 && tag.bytes().all(|c| c.is_ascii_hexdigit());
        plain && range == (0..size) && is_sum
    });
    let rest = first.end..range.end;
    let body = Body::new(inner, path, tag).stream(response, first, rest, sum);
    Ok(GetResult {
        payload: GetResultPayload::Stream(body),
        range,
        meta: described.meta,
        attributes: described.attributes,
        extensions: object_store::Extensions::default(),
    })
}

/// The answer to a GET; of a large object that is wanted whole it is the start, since the rest can come by other
/// requests at the same time.
async fn ask(inner: &Inner, path: &Path, range: Option<&GetRange>) -> Result<Response, Failure> {
    let call = Call::new(Method::GET, inner.target(path));
    let with = |text: String| Ok::<_, Failure>(call.clone().header("range", value(&text)?));
    let answer = match range {
        Some(GetRange::Bounded(range)) if range.start >= range.end => {
            return Err(Failure::answer("an empty range was asked for"));
        }
        Some(GetRange::Bounded(Range { start, end })) => with(format!("bytes={start}-{}", end - 1)),
        Some(GetRange::Offset(start)) => with(format!("bytes={start}-")),
        Some(GetRange::Suffix(length)) => with(format!("bytes=-{length}")),
        None => {
            let start = with(format!("bytes=0-{}", PART - 1))?;
            match inner.client.send(&start).await {
                // Other requests could get another version.
                Ok(answer) if !answer.response.headers().contains_key("etag") => Ok(call),
                // The object is empty.
                Err(refusal) if refusal.failure.status() == Some(416) => Ok(call),
                answer => return Ok(answer?.response),
            }
        }
    };
    Ok(inner.client.send(&answer?).await?.response)
}

/// Which bytes an answer carries, and how many the object has.
pub(super) fn extent(response: &Response) -> Result<(Range<u64>, u64), Failure> {
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let text = response.headers().get("content-range");
        return text
            .and_then(|value| content_range(value.to_str().ok()?))
            .ok_or_else(|| Failure::answer("the range of the answer is not told"));
    }
    let length = number(response.headers(), "content-length");
    let length = length.ok_or_else(|| Failure::answer("the length of the answer is not told"))?;
    Ok((0..length, length))
}

/// `bytes 3-7/10` is `(3..8, 10)`.
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) =
        (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

/// Puts an object in one request, and removes the segments of a large one that it replaces.
pub(super) async fn put(
    inner: &Arc<Inner>,
    path: &Path,
    payload: PutPayload,
    options: PutOptions,
) -> object_store::Result<PutResult> {
    let told = |failure: Failure| failure.at(path.as_ref());
    let create = match options.mode {
        PutMode::Overwrite => false,
        PutMode::Create => true,
        PutMode::Update(_) => {
            // Swift ignores If-Match here and would overwrite.
            let reason = "Swift has no put on condition of what is there";
            return Err(told(Failure::NotSupported(reason)));
        }
    };
    let mut headers = HeaderMap::new();
    attributes(&options.attributes, &mut headers).map_err(told)?;
    if create {
        headers.insert("if-none-match", HeaderValue::from_static("*"));
        headers.insert(MARK, value(&super::large::unique()).map_err(told)?);
    }
    let old = if create {
        None
    } else {
        super::large::segments_of(inner, path).await.map_err(told)?
    };
    let call = Call {
        headers,
        ..Call::new(Method::PUT, inner.target(path))
    };
    match put_payload(inner, call.clone(), payload).await {
        Ok(tag) => {
            if let Some(old) = old {
                super::large::drop_segments(inner, old.ours(inner, path)).await;
            }
            Ok(PutResult {
                e_tag: Some(tag),
                version: None,
                extensions: object_store::Extensions::default(),
            })
        }
        Err((failure, doubt)) if create && failure.status() == Some(412) => {
            if doubt
                && let Ok(found) = head(inner, path).await
                && found.mark.as_deref() == call.headers.get(MARK).and_then(|v| v.to_str().ok())
            {
                // It was this very request, whose answer got lost.
                return Ok(PutResult {
                    e_tag: found.meta.e_tag,
                    version: None,
                    extensions: object_store::Extensions::default(),
                });
            }
            Err(object_store::Error::AlreadyExists {
                path: path.to_string(),
                source: Box::new(failure),
            })
        }
        Err((failure, _)) => Err(told(failure)),
    }
}

/// Sends a body and compares checksums with the server; returns the tag.
///
/// The checksum of a small body goes ahead of it, so that the server refuses what was damaged on its way. That of
/// a large one takes as long as sending it and is made meanwhile; if the server then tells another one, the
/// body goes again with its checksum ahead, and if that fails too, what was damaged is removed. A body that is
/// cut short is refused in any case, by its length.
///
/// A container that does not exist is made, as a folder would be. The error comes with the doubt
/// whether an attempt was carried out.
pub(super) async fn put_payload(
    inner: &Inner,
    mut call: Call,
    payload: PutPayload,
) -> Result<String, (Failure, bool)> {
    let limit = inner.client.limits().await.max_file_size;
    if payload.content_length() as u64 > limit {
        let reason = format!(
            "{} bytes in one put, the cluster's limit is {limit}",
            payload.content_length()
        );
        return Err((Failure::answer(reason), false));
    }
    let sum = checksum(payload.clone());
    let meanwhile = payload.content_length() > AHEAD && !call.headers.contains_key("if-none-match");
    call = call.body(payload);
    if !call.headers.contains_key("content-type") {
        let kind = HeaderValue::from_static("application/octet-stream");
        call = call.header("content-type", kind);
    }
    let certain = |failure| (failure, false);
    if !meanwhile {
        return put_checked(inner, call, sum.await.map_err(certain)?).await;
    }
    // Both at once; the sum is made by a thread of its own.
    let (sum, told) = tokio::join!(sum, put_unchecked(inner, &call));
    let (sum, told) = (sum.map_err(certain)?, told?);
    if told.as_ref() == Some(&sum) {
        return Ok(sum);
    }
    let again = put_checked(inner, call.clone(), sum).await;
    if let (Err(_), Some(damaged)) = (&again, told) {
        remove_damaged(inner, &call.target, &damaged).await;
    }
    again
}

/// Largest body that waits for its checksum.
const AHEAD: usize = 1 << 20;

/// MD5 of a body, made by a thread that may take its time.
fn checksum(body: PutPayload) -> impl Future<Output = Result<String, Failure>> {
    let sum = tokio::task::spawn_blocking(move || {
        let mut sum = Md5::new();
        body.iter().for_each(|chunk| sum.update(chunk));
        hex(&sum.finalize())
    });
    async {
        sum.await
            .map_err(|_| Failure::answer("the checksum was not made"))
    }
}

/// Sends a body with its checksum `sum` ahead.
async fn put_checked(inner: &Inner, call: Call, sum: String) -> Result<String, (Failure, bool)> {
    let tag = value(&sum).map_err(|failure| (failure, false))?;
    match put_unchecked(inner, &call.header("etag", tag)).await? {
        Some(told) if told != sum => Err((Failure::answer("the server stored other bytes"), true)),
        _ => Ok(sum),
    }
}

/// Sends a body; the checksum that the server tells, in lower case.
async fn put_unchecked(inner: &Inner, call: &Call) -> Result<Option<String>, (Failure, bool)> {
    let mut sent = inner.client.send(call).await;
    if let Err(refusal) = &sent
        && refusal.failure.status() == Some(404)
    {
        let container = call.target.trim_start_matches('/').split('/').next();
        create_container(inner, container.unwrap_or_default())
            .await
            .map_err(|failure| (failure, false))?;
        sent = inner.client.send(call).await;
    }
    let answer = sent.map_err(|refusal| (refusal.failure, refusal.doubt))?;
    let tag = answer.response.headers().get("etag");
    let tag = tag.and_then(|tag| tag.to_str().ok());
    Ok(tag.map(|tag| tag.trim_matches('"').to_ascii_lowercase()))
}

/// Removes an object if it is the one with this tag, and not what somebody else has put since. The failure that
/// led here is the one to tell.
async fn remove_damaged(inner: &Inner, target: &str, tag: &str) {
    let Ok(found) = inner.client.send(&Call::new(Method::HEAD, target)).await else {
        return;
    };
    let found = found.response.headers().get("etag");
    if found.is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(tag.as_bytes())) {
        let _ = inner.client.send(&Call::new(Method::DELETE, target)).await;
    }
}

async fn create_container(inner: &Inner, escaped: &str) -> Result<(), Failure> {
    let call = Call::new(Method::PUT, format!("/{escaped}")).body(PutPayload::new());
    inner.client.send(&call).await?;
    Ok(())
}

/// Copies within the cluster.
pub(super) async fn copy(inner: &Arc<Inner>, from: &Path, to: &Path) -> Result<(), Failure> {
    let source = super::large::segments_of(inner, from).await?;
    if from == to {
        return match source {
            Some(_) => Ok(()),
            None => head(inner, from).await.map(drop),
        };
    }
    let old = super::large::segments_of(inner, to).await?;
    match source {
        Some(source) => super::large::copy(inner, from, to, &source).await?,
        None => copy_plain(inner, &inner.target(from), inner.target(to))
            .await
            .map(drop)?,
    }
    if let Some(old) = old {
        super::large::drop_segments(inner, old.ours(inner, to)).await;
    }
    Ok(())
}

/// Copies one object that is no manifest; paths are escaped. Returns the tag.
pub(super) async fn copy_plain(inner: &Inner, from: &str, to: String) -> Result<String, Failure> {
    let call = Call::new(Method::PUT, to)
        .header("x-copy-from", value(from)?)
        .body(PutPayload::new());
    let answer = inner.client.send(&call).await?;
    let tag = answer.response.headers().get("etag");
    let tag = tag.and_then(|tag| tag.to_str().ok()).unwrap_or(EMPTY);
    Ok(tag.trim_matches('"').to_owned())
}

/// Headers that keep `attributes`.
pub(super) fn attributes(attributes: &Attributes, headers: &mut HeaderMap) -> Result<(), Failure> {
    for (attribute, text) in attributes {
        let name = match attribute {
            Attribute::ContentType => "content-type".to_owned(),
            Attribute::ContentEncoding => "content-encoding".to_owned(),
            Attribute::ContentDisposition => "content-disposition".to_owned(),
            Attribute::ContentLanguage => "content-language".to_owned(),
            Attribute::CacheControl => "cache-control".to_owned(),
            Attribute::Metadata(key) => format!("x-object-meta-{key}"),
            _ => return Err(Failure::NotSupported("this attribute of an object")),
        };
        let name = HeaderName::try_from(name)
            .map_err(|_| Failure::answer("the name of an attribute cannot be a header"))?;
        headers.insert(name, value(text)?);
    }
    Ok(())
}

pub(super) fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::answer("a value cannot be a header"))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Inner {
    /// Escaped path of an object below the account.
    pub(super) fn target(&self, path: &Path) -> String {
        names::target(&self.container, path.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_answers() {
        assert_eq!(content_range("bytes 3-7/10"), Some((3..8, 10)));
        assert_eq!(content_range("bytes 0-0/1"), Some((0..1, 1)));
        for bad in [
            "",
            "bytes 7-3/10",
            "bytes 0-10/10",
            "bytes */10",
            "bytes 0-1/*",
            "0-1/2",
        ] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_keep_their_fraction() {
        let time = |text| timestamp(text).map(|time| time.timestamp_nanos_opt().unwrap());
        assert_eq!(time("1700000000.12345"), Some(1_700_000_000_123_450_000));
        assert_eq!(time("1700000000"), Some(1_700_000_000_000_000_000));
        assert_eq!(time("soon"), None);
    }

    #[test]
    fn the_sum_of_nothing() {
        assert_eq!(hex(&Md5::digest(b"")), EMPTY);
    }
}
