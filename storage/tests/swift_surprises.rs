//! What a client of Swift must expect, and would not: each against the server itself.
//!
//! These tests need the servers that `tests/services/swift-up` starts; without the variables that
//! it prints they skip, and say so.
#![cfg(feature = "swift")]

#[path = "services/direct.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod direct;

use std::time::Duration;

use direct::{raw, v1, wait};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use widefield_storage::swift::Swift;
use widefield_storage::{ErrorKind, Place};

#[test]
fn large_objects() {
    let Some(credentials) = v1() else { return };
    let name = format!("widefield-surprises-{}", std::process::id());
    let swift = &Swift::new(&name, credentials.clone()).expect("client");
    let segments = &Swift::new(&format!("{name}_segments"), credentials).expect("client");
    let place = &Place::from_swift(swift, "").expect("place");
    place.put("part/1", b"one".to_vec()).expect("put");
    place.put("part/2", b"two".to_vec()).expect("put");

    // A dynamic large object has a tag that is no checksum, and no length in listings.
    let answer = raw(
        "PUT",
        &format!("{name}/dynamic"),
        &format!("X-Object-Manifest: {name}/part/\r\n"),
        "",
    );
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(place.read("dynamic").expect("read"), b"onetwo"[..]);
    assert_eq!(
        place.read_range("dynamic", 2..5).expect("range"),
        b"etw"[..]
    );
    assert_eq!(
        place.head("dynamic").expect("head").expect("there").bytes,
        6
    );

    wait(async {
        use futures::TryStreamExt;
        let path = Path::from("static");
        let mut upload = swift.put_multipart(&path).await.expect("start");
        for part in ["123", "45"] {
            upload.put_part(part.into()).await.expect("part");
        }
        upload.complete().await.expect("complete");
        // In listings `hash` is that of the manifest.
        let head = swift.head(&path).await.expect("head");
        let rows: Vec<_> = swift.list(None).try_collect().await.expect("list");
        let row = rows.into_iter().find(|row| row.location == path);
        assert_eq!(row.expect("listed"), head);
        // A segment that is missing is told, not left out.
        let rows: Vec<_> = segments.list(None).try_collect().await.expect("list");
        segments.delete(&rows[0].location).await.expect("delete");
        let read = match swift.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "{read:?}");
        swift.delete(&path).await.expect("delete");
        let rows: Vec<_> = segments.list(None).try_collect().await.expect("list");
        assert!(rows.is_empty(), "{rows:?}");
    });
    for name in ["part/1", "part/2", "dynamic"] {
        place.remove(name).expect("remove");
    }
}

#[test]
fn small_requests() {
    let Some(credentials) = v1() else { return };
    let name = format!("widefield-small-{}", std::process::id());
    let swift = &Swift::new(&name, credentials).expect("client");
    let place = &Place::from_swift(swift, "").expect("place");
    place.put("empty", b"".to_vec()).expect("put");
    assert_eq!(place.read("empty").expect("read"), b""[..]);
    assert_eq!(place.read_range("empty", 0..0).expect("range"), b""[..]);
    // Expired objects stay in listings and are gone all the same.
    let answer = raw(
        "PUT",
        &format!("{name}/brief"),
        "X-Delete-After: 1\r\n",
        "x",
    );
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    while place.head("brief").expect("head").is_some() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(place.read("brief").unwrap_err().kind(), ErrorKind::NotFound);
    place.remove("brief").expect("removing what is gone");
    wait(async {
        let path = Path::from("empty");
        // Swift would ignore If-Match and overwrite.
        let head = swift.head(&path).await.expect("head");
        let version = object_store::UpdateVersion {
            e_tag: head.e_tag,
            version: None,
        };
        let update = PutOptions::from(PutMode::Update(version));
        let error = swift.put_opts(&path, "new".into(), update).await;
        assert!(
            matches!(error, Err(object_store::Error::NotSupported { .. })),
            "{error:?}"
        );
    });
    assert_eq!(place.read("empty").expect("read"), b""[..]);
    // Without its objects a container may go; with them the server refuses.
    assert!(raw("DELETE", &name, "", "").starts_with("HTTP/1.1 409"));
    place.remove("empty").expect("remove");
}

#[test]
fn what_is_cut_short_or_damaged_is_not_stored() {
    let Some(credentials) = v1() else { return };
    let name = format!("widefield-damaged-{}", std::process::id());
    let swift = &Swift::new(&name, credentials).expect("client");
    let place = &Place::from_swift(swift, "").expect("place");
    place.put("x", b"before".to_vec()).expect("put");
    let sum = "00000000000000000000000000000000";
    let target = format!("{name}/x");
    let answer = raw("PUT", &target, &format!("ETag: {sum}\r\n"), "damaged");
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    assert_eq!(place.read("x").expect("read"), b"before"[..]);

    // Without a checksum the length tells. The server waits for the rest until the connection is closed.
    let (url, token) = direct::account();
    let url = format!("{url}/{target}");
    direct::begin(
        "PUT",
        &url,
        &format!("{token}Content-Length: 2000000\r\n"),
        &[7; 1_000_000],
    );
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(place.read("x").expect("read"), b"before"[..]);

    let row = format!(r#"[{{"path": "/{name}/x", "etag": "{sum}"}}]"#);
    let target = format!("{name}/y?multipart-manifest=put");
    let answer = raw("PUT", &target, "", &row);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(place.head("y").expect("head"), None);
    place.remove("x").expect("remove");
}

#[test]
fn what_is_empty() {
    let Some(credentials) = v1() else { return };
    let name = format!("widefield-empty-{}", std::process::id());
    let swift = &Swift::new(&name, credentials).expect("client");
    wait(async {
        use futures::TryStreamExt;
        let path = Path::from("x");
        // A segment has at least one byte, and a large object one segment.
        let mut upload = swift.put_multipart(&path).await.expect("start");
        for part in ["", "12", ""] {
            upload.put_part(part.into()).await.expect("part");
        }
        upload.complete().await.expect("complete");
        let got = swift.get(&path).await.expect("get");
        assert_eq!(got.bytes().await.expect("body"), "12");
        let mut upload = swift.put_multipart(&path).await.expect("start");
        upload.complete().await.expect("complete");
        let got = swift.get(&path).await.expect("get");
        assert_eq!(
            (got.range.clone(), got.bytes().await.expect("body").len()),
            (0..0, 0)
        );

        // The end of nothing is nothing; what begins behind the end is refused, as for other objects.
        let end = GetOptions::new().with_range(Some(GetRange::Suffix(5)));
        let got = swift.get_opts(&path, end).await.expect("the end");
        assert_eq!(got.bytes().await.expect("body").len(), 0);
        let behind = GetOptions::new().with_range(Some(GetRange::Offset(0)));
        assert!(swift.get_opts(&path, behind).await.is_err());

        swift.delete(&path).await.expect("delete");
        let rows: Vec<_> = swift.list(None).try_collect().await.expect("listing");
        assert_eq!(rows, []);
    });
}
