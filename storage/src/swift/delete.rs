//! Removing objects: one by one, or many in one request.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use object_store::path::Path;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::client::Call;
use super::failure::Failure;
use super::objects::head;
use super::{Inner, large, names};

/// Removes `paths`, and tells the outcome of each in the same order.
///
/// Of a large object first the manifest goes, then the segments: who reads meanwhile finds all of
/// it or nothing.
pub(super) async fn objects(inner: &Arc<Inner>, paths: Vec<Path>) -> Vec<Result<(), Failure>> {
    let looked: Vec<_> = stream::iter(paths.clone())
        .map(|path| async move {
            let found = head(inner, &path).await?;
            if found.large {
                return large::read_manifest(inner, &path).await;
            }
            Ok(None)
        })
        .buffered(8)
        .collect()
        .await;
    let mut places = Vec::new();
    for (path, looked) in paths.iter().zip(&looked) {
        if looked.is_ok() {
            places.push(format!("{}/{path}", inner.container));
        }
    }
    let mut outcomes = each(inner, &places).await.into_iter();
    let mut results = Vec::with_capacity(paths.len());
    for looked in looked {
        let result = match looked {
            Err(failure) => Err(failure),
            Ok(segments) => match outcomes.next().unwrap_or(Ok(())) {
                Ok(()) => match segments {
                    Some(segments) => self::places(inner, &segments.all()).await,
                    None => Ok(()),
                },
                Err(failure) => Err(failure),
            },
        };
        results.push(result);
    }
    results
}

/// Removes `container/name`s; the first failure, if any. Those that are missing are fine.
pub(super) async fn places(inner: &Inner, places: &[String]) -> Result<(), Failure> {
    let outcomes = each(inner, places).await;
    let failure = outcomes.into_iter().find_map(|outcome| match outcome {
        Err(failure) if failure.status() != Some(404) => Some(failure),
        _ => None,
    });
    failure.map_or(Ok(()), Err)
}

/// Removes plain objects by the most economic way the cluster has.
async fn each(inner: &Inner, places: &[String]) -> Vec<Result<(), Failure>> {
    let most = match places.len() {
        0 => return Vec::new(),
        1 => 0,
        _ => inner.client.limits().await.max_deletes.min(1000),
    };
    if most < 2 {
        return stream::iter(places.to_vec())
            .map(|place| async move { one(inner, &place).await })
            .buffered(8)
            .collect()
            .await;
    }
    let mut outcomes = Vec::with_capacity(places.len());
    for chunk in places.chunks(most) {
        match bulk(inner, chunk).await {
            Ok(failed) => {
                for place in chunk {
                    outcomes.push(match failed.get(place) {
                        // Also refusals for want of a valid token: alone it gets one.
                        Some(_) => one(inner, place).await,
                        None => Ok(()),
                    });
                }
            }
            Err(failure) => outcomes.extend(chunk.iter().map(|_| Err(failure.clone()))),
        }
    }
    outcomes
}

async fn one(inner: &Inner, place: &str) -> Result<(), Failure> {
    let (container, name) = place.split_once('/').unwrap_or((place, ""));
    let call = Call::new(Method::DELETE, names::target(container, name));
    match inner.client.send(&call).await {
        Ok(_) => Ok(()),
        // An earlier attempt did it, and its answer got lost.
        Err(refusal) if refusal.doubt && refusal.failure.status() == Some(404) => Ok(()),
        Err(refusal) => Err(refusal.failure),
    }
}

/// One bulk request; the names that it did not remove, with their status.
async fn bulk(inner: &Inner, places: &[String]) -> Result<HashMap<String, String>, Failure> {
    let lines: Vec<_> = places.iter().map(|place| names::escape(place)).collect();
    let call = Call::new(Method::POST, "?bulk-delete")
        .header("content-type", HeaderValue::from_static("text/plain"))
        .header("accept", HeaderValue::from_static("application/json"))
        .body(lines.join("\n"));
    let mut failed = 0;
    loop {
        let body = inner.client.text(&call).await?;
        match report(&body)? {
            Ok(failed) => return Ok(failed),
            // HTTP says 200 whatever happened; the truth is inside.
            Err(status) => {
                failed += 1;
                let wait = inner
                    .client
                    .wait(failed)
                    .filter(|_| status.starts_with('5'));
                let Some(wait) = wait else {
                    return Err(Failure::Answer(format!("bulk deletion: {status}")));
                };
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// What a bulk request reports: names not removed, or the status by which the whole failed.
fn report(body: &[u8]) -> Result<Result<HashMap<String, String>, String>, Failure> {
    let wrong = || Failure::answer("the report of the bulk deletion cannot be understood");
    let report: Value = serde_json::from_slice(body).map_err(|_| wrong())?;
    let status = report["Response Status"].as_str().ok_or_else(wrong)?;
    let mut failed = HashMap::new();
    for row in report["Errors"].as_array().ok_or_else(wrong)? {
        let (name, status) = (row[0].as_str(), row[1].as_str());
        let name = name.ok_or_else(wrong)?.trim_start_matches('/');
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        failed.insert(name.into_owned(), status.ok_or_else(wrong)?.to_owned());
    }
    if failed.is_empty() && !status.starts_with('2') {
        return Ok(Err(status.to_owned()));
    }
    Ok(Ok(failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_inside() {
        let fine = br#"{"Response Status": "200 OK", "Errors": [], "Number Deleted": 2}"#;
        assert_eq!(report(fine).unwrap(), Ok(HashMap::new()));
        let some = br#"{"Response Status": "400 Bad Request",
            "Errors": [["/c/a%20%25", "401 Unauthorized"]], "Number Deleted": 1}"#;
        let failed = report(some).unwrap().unwrap();
        assert_eq!(failed.get("c/a %").unwrap(), "401 Unauthorized");
        let broken = br#"{"Response Status": "503 Service Unavailable", "Errors": []}"#;
        assert_eq!(
            report(broken).unwrap(),
            Err("503 Service Unavailable".to_owned())
        );
        assert!(report(b"<html>").is_err());
    }
}
