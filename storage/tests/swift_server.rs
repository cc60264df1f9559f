//! OpenStack Swift itself: version 1 and Keystone.
//!
//! These tests need the servers that `tests/services/swift-up` starts; without the variables that
//! it prints they skip, and say so.
#![cfg(feature = "swift")]

use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
};
use widefield_storage::swift::{Credentials, Retries, Swift};
use widefield_storage::{ErrorKind, Place, conformance};

#[path = "services/direct.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod direct;

use direct::{credentials, flush_tokens, v1, variable, wait};

/// Keystone, as `OS_` variables tell it.
fn v3() -> Option<Credentials> {
    credentials(|name| variable(name).filter(|_| name.starts_with("OS_")))
}

/// A container of its own for each test, emptied at the end.
struct Container {
    swift: Swift,
}

impl Container {
    fn new(name: &str, credentials: Credentials) -> Self {
        let name = format!("widefield {name} %20é {}", std::process::id());
        let retries = Retries::new(6, Duration::from_millis(50));
        Container {
            swift: Swift::with_retries(&name, credentials, retries).expect("client"),
        }
    }

    fn place(&self, folder: &str) -> Place {
        Place::from_swift(&self.swift, folder).expect("place")
    }

    /// Names of everything in the container.
    async fn names(&self) -> Vec<String> {
        use futures::TryStreamExt;
        let rows = self
            .swift
            .list(None)
            .map_ok(|meta| meta.location.to_string());
        rows.try_collect().await.expect("listing")
    }
}

fn assert_conforms(place: &Place, folder: &str) {
    let failures = conformance::check(place, folder);
    let text: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{place}\n{}", text.join("\n"));
}

#[test]
fn version_1_conforms() {
    let Some(credentials) = v1() else { return };
    let container = Container::new("v1", credentials);
    assert_conforms(&container.place(""), "top");
    assert_conforms(&container.place("a b%20/é"), "sub/folder");
}

#[test]
fn keystone_conforms() {
    let Some(credentials) = v3() else { return };
    let container = Container::new("v3", credentials);
    assert_conforms(&container.place(""), "top");
    assert_conforms(&container.place("a b%20/é"), "sub/folder");
}

#[test]
fn every_kind_of_login_opens_the_store() {
    let Some(_) = v1() else { return };
    let keystone = |pairs: &[(&'static str, &str)]| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| {
                (
                    *name,
                    variable(value).unwrap_or_else(|| (*value).to_owned()),
                )
            })
            .collect();
        credentials(move |name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        })
        .expect("the server is there")
    };
    let logins = [
        keystone(&[
            ("OS_AUTH_URL", "SWIFT_V2_AUTH_URL"),
            ("OS_USERNAME", "OS_USERNAME"),
            ("OS_PASSWORD", "OS_PASSWORD"),
            ("OS_TENANT_NAME", "OS_PROJECT_NAME"),
            ("OS_REGION_NAME", "OS_REGION_NAME"),
        ]),
        keystone(&[
            ("OS_AUTH_URL", "OS_AUTH_URL"),
            ("OS_APPLICATION_CREDENTIAL_ID", "SWIFT_V3_APPCRED_ID"),
            (
                "OS_APPLICATION_CREDENTIAL_SECRET",
                "SWIFT_V3_APPCRED_SECRET",
            ),
            ("OS_REGION_NAME", "OS_REGION_NAME"),
        ]),
        keystone(&[
            ("OS_AUTH_URL", "OS_AUTH_URL"),
            ("OS_USER_ID", "SWIFT_V3_USER_ID"),
            ("OS_PASSWORD", "OS_PASSWORD"),
            ("OS_PROJECT_ID", "SWIFT_V3_PROJECT_ID"),
            ("OS_REGION_NAME", "OS_REGION_NAME"),
        ]),
        keystone(&[
            ("OS_AUTH_URL", "OS_AUTH_URL"),
            ("OS_USERNAME", "SWIFT_CORP_USERNAME"),
            ("OS_PASSWORD", "SWIFT_CORP_PASSWORD"),
            ("OS_PROJECT_NAME", "SWIFT_CORP_PROJECT_NAME"),
            ("OS_USER_DOMAIN_NAME", "SWIFT_CORP_DOMAIN_NAME"),
            ("OS_PROJECT_DOMAIN_ID", "SWIFT_CORP_DOMAIN_ID"),
            ("OS_REGION_NAME", "OS_REGION_NAME"),
        ]),
    ];
    for login in logins {
        let shown = format!("{login:?}");
        let place = Container::new("logins", login).place("x");
        place.put("y", b"1".to_vec()).expect(&shown);
        assert_eq!(place.read("y").expect(&shown), b"1"[..]);
        place.remove("y").expect(&shown);
    }
}

#[test]
fn refusals_are_told_without_the_password() {
    let Some(_) = v3() else { return };
    let with = |changed: &'static [(&'static str, &'static str)]| {
        let credentials = credentials(|name| {
            let found = changed.iter().find(|(known, _)| *known == name);
            found.map_or_else(
                || variable(name).filter(|_| name.starts_with("OS_")),
                |(_, value)| Some((*value).to_owned()),
            )
        });
        Container::new("refused", credentials.expect("the server is there")).place("")
    };
    let wrong = with(&[("OS_PASSWORD", "marker-of-a-password")]);
    let error = wrong.put("x", b"1".to_vec()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
    assert!(!format!("{error:?} {}", error.with_causes()).contains("marker"));
    let guest = with(&[("OS_USERNAME", "guest"), ("OS_PASSWORD", "guest-secret")]);
    let error = guest.put("x", b"1".to_vec()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
    let elsewhere = with(&[("OS_REGION_NAME", "Atlantis")]);
    let error = elsewhere.put("x", b"1".to_vec()).unwrap_err();
    assert!(error.with_causes().contains("RegionOne"), "{error:?}");
}

/// `length` bytes that differ from part to part.
fn bytes(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()[0] ^ seed)
        .collect()
}

async fn read(store: &Swift, path: &Path) -> Vec<u8> {
    let got = store.get(path).await.expect("get");
    got.bytes().await.expect("body").to_vec()
}

#[test]
fn objects_are_made_once_and_copied() {
    let Some(credentials) = v1() else { return };
    let Container { swift } = &Container::new("once", credentials);
    wait(async {
        let (one, two) = (Path::from("a/one"), Path::from("a/two"));
        let create = || PutOptions::from(PutMode::Create);
        swift
            .put_opts(&one, "first".into(), create())
            .await
            .expect("new");
        let again = swift.put_opts(&one, "second".into(), create()).await;
        assert!(
            matches!(again, Err(object_store::Error::AlreadyExists { .. })),
            "{again:?}"
        );
        assert_eq!(read(swift, &one).await, b"first");
        swift.copy(&one, &two).await.expect("copy");
        assert_eq!(read(swift, &two).await, b"first");
        let guarded = CopyOptions::new().with_mode(CopyMode::Create);
        let error = swift.copy_opts(&one, &Path::from("a/three"), guarded).await;
        assert!(matches!(
            error,
            Err(object_store::Error::NotSupported { .. })
        ));
        let missing = swift.copy(&Path::from("none"), &two).await;
        assert!(
            matches!(missing, Err(object_store::Error::NotFound { .. })),
            "{missing:?}"
        );
        let head = swift.head(&one).await.expect("head");
        use futures::TryStreamExt;
        let listed: Vec<_> = swift
            .list(Some(&"a".into()))
            .try_collect()
            .await
            .expect("list");
        assert_eq!(listed[0], head, "listing and head tell the same");
        let tag = head.e_tag.clone().expect("tag");
        let same = GetOptions::new().with_if_none_match(Some(tag.clone()));
        let error = swift.get_opts(&one, same).await;
        assert!(matches!(
            error,
            Err(object_store::Error::NotModified { .. })
        ));
        let other = GetOptions::new().with_if_match(Some("x".to_owned()));
        let error = swift.get_opts(&one, other).await;
        assert!(matches!(
            error,
            Err(object_store::Error::Precondition { .. })
        ));
        let unmodified = GetOptions::new().with_if_unmodified_since(Some(head.last_modified));
        swift
            .get_opts(&one, unmodified)
            .await
            .expect("dates are exact");
        let any = GetOptions::new().with_if_match(Some("*".to_owned()));
        let error = swift.get_opts(&Path::from("none"), any).await;
        assert!(matches!(error, Err(object_store::Error::NotFound { .. })));
        for path in [one, two] {
            swift.delete(&path).await.expect("delete");
            let again = swift.delete(&path).await;
            assert!(matches!(again, Err(object_store::Error::NotFound { .. })));
        }
    });
}

#[test]
fn large_objects_leave_no_segments() {
    let Some(credentials) = v3() else { return };
    let container = Container::new("large", credentials.clone());
    let swift = &container.swift;
    let name = format!("{}_segments", swift.container());
    let segments = &Swift::new(&name, credentials).expect("client");
    let count = async || {
        use futures::TryStreamExt;
        let rows: Vec<_> = segments.list(None).try_collect().await.expect("listing");
        rows.len()
    };
    let parts = [bytes(300_000, 1), bytes(300_000, 2), bytes(17, 3)];
    let whole = parts.concat();
    let write = async |path: &Path, finish: bool| {
        let mut upload = swift.put_multipart(path).await.expect("start");
        // Two at a time, as callers may.
        let sent: Vec<_> = parts
            .iter()
            .map(|part| upload.put_part(part.clone().into()))
            .collect();
        futures::future::try_join_all(sent).await.expect("parts");
        if finish {
            upload.complete().await.expect("complete");
        } else {
            upload.abort().await.expect("abort");
        }
    };
    wait(async {
        let one = Path::parse("a %/one").expect("path");
        let two = Path::from("two");
        write(&one, true).await;
        assert_eq!(read(swift, &one).await, whole);
        assert_eq!(count().await, 3);
        assert_eq!(container.names().await, ["a %/one"]);
        let head = swift.head(&one).await.expect("head");
        assert_eq!(head.size, whole.len() as u64);
        let part = swift
            .get_range(&one, 299_990..300_010)
            .await
            .expect("range");
        assert_eq!(part, whole[299_990..300_010]);
        write(&one, false).await;
        assert_eq!(count().await, 3, "given up: its segments are gone");
        assert_eq!(read(swift, &one).await, whole);
        write(&one, true).await;
        assert_eq!(count().await, 3, "replaced: the old segments are gone");
        swift.copy(&one, &two).await.expect("copy");
        assert_eq!(count().await, 6, "the copy has its own");
        swift.delete(&one).await.expect("delete");
        assert_eq!(count().await, 3);
        assert_eq!(read(swift, &two).await, whole);
        swift.put(&two, "small".into()).await.expect("put");
        assert_eq!(count().await, 0);
        assert_eq!(read(swift, &two).await, b"small");
        // Never finished, by a process that still runs: nothing is swept.
        let mut upload = swift.put_multipart(&one).await.expect("start");
        upload.put_part(vec![1; 10].into()).await.expect("part");
        assert_eq!(swift.sweep(None).await.expect("sweep"), 0);
        assert_eq!(count().await, 1);
        // One of a process that runs no more, and a stranger's that looks like none.
        let place = segments.list(None);
        use futures::TryStreamExt;
        let rows: Vec<_> = place.try_collect().await.expect("listing");
        let living = rows[0].location.as_ref();
        let mut owner: Vec<_> = living.split('-').map(str::to_owned).collect();
        let start = owner.len() - 2;
        owner[start] = "1".to_owned();
        let dead = Path::parse(owner.join("-")).expect("path");
        segments.put(&dead, "x".into()).await.expect("put");
        segments
            .put(&"stranger/1".into(), "x".into())
            .await
            .expect("put");
        assert_eq!(swift.sweep(None).await.expect("sweep"), 1);
        assert_eq!(count().await, 2);
        upload.abort().await.expect("abort");
        segments.delete(&"stranger/1".into()).await.expect("delete");
        swift.delete(&two).await.expect("delete");
    });
}

#[test]
#[ignore = "puts 300 MB, and needs as much space again"]
fn a_movie_of_300_mb_goes_in_parts() {
    use ndarray::{Array3, Axis};
    let Some(credentials) = v1() else { return };
    let container = Container::new("movie", credentials.clone());
    let name = format!("{}_segments", container.swift.container());
    let segments = Container {
        swift: Swift::new(&name, credentials).expect("client"),
    };
    let place = container.place("p");
    let shape = [300, 500, 500];
    let dataset = widefield_storage::Dataset::new("mov", shape)
        .orientation(widefield_storage::Orientation::Camera)
        .compression(0);
    let value = |t: usize, y: usize, x: usize| ((t * 250_000 + y * 500 + x) % 65_521) as f32;
    let mut file = place.create_hdf5("x.h5", dataset).expect("create");
    for t in 0..300 {
        let frame = Array3::from_shape_fn((1, 500, 500), |(_, y, x)| value(t, y, x));
        file.push(frame.view()).expect("push");
    }
    let written = file.finish().expect("finish");
    assert!(written.bytes > 300_000_000);
    assert_eq!(wait(segments.names()).len(), 5, "of 64 MiB");
    let read = place.read("x.h5").expect("read");
    assert_eq!(crc32c::crc32c(&read), written.crc32c);
    drop(read);
    let file = place.open_hdf5("x.h5").expect("open");
    let part = file.dataset("mov").expect("dataset");
    let part = part.read(&[(7, 8), (0, 500), (123, 125)]).expect("part");
    for (x, pair) in part.index_axis(Axis(0), 0).outer_iter().enumerate() {
        assert_eq!(
            [pair[0], pair[1]],
            [value(123, 7, x), value(124, 7, x)].map(f64::from)
        );
    }
    place.remove("x.h5").expect("remove");
    assert!(wait(segments.names()).is_empty());
}

#[test]
fn many_are_removed_at_once() {
    let Some(credentials) = v1() else { return };
    let container = Container::new("bulk", credentials);
    let swift = &container.swift;
    wait(async {
        use futures::{StreamExt, TryStreamExt};
        let paths: Vec<_> = (0..30)
            .map(|number| Path::parse(format!("x/{number} %2F é?#\"{{}}")).expect("path"))
            .collect();
        for path in &paths {
            swift.put(path, "x".into()).await.expect("put");
        }
        let offset = paths.iter().max().expect("some").clone();
        let after: Vec<_> = swift
            .list_with_offset(None, &offset)
            .try_collect()
            .await
            .expect("list");
        assert!(after.is_empty());
        let mut asked = paths.clone();
        asked.insert(7, Path::from("missing"));
        let stream = futures::stream::iter(asked.clone()).map(Ok).boxed();
        let outcomes: Vec<_> = swift.delete_stream(stream).collect().await;
        assert_eq!(outcomes.len(), 31);
        for (number, (outcome, path)) in outcomes.into_iter().zip(asked).enumerate() {
            match outcome {
                Ok(removed) => assert_eq!(removed, path),
                Err(error) => {
                    assert!(
                        matches!(error, object_store::Error::NotFound { .. }),
                        "{error:?}"
                    );
                    assert_eq!(number, 7);
                }
            }
        }
        assert!(container.names().await.is_empty());
    });
}

mod faults {
    use std::sync::{Mutex, PoisonError};

    use super::direct::Fault;
    use super::*;

    /// The rules of the proxy are one set: one test at a time.
    static TURN: Mutex<()> = Mutex::new(());

    /// Runs `operation` while the proxy follows `rule` once or twice, and makes sure that it did.
    fn during<T>(rule: &str, operation: impl FnOnce() -> T) -> T {
        let fault = Fault::set(rule);
        let result = operation();
        assert!(fault.hits() > 0, "{rule} never applied");
        result
    }

    #[test]
    fn passing_faults_pass() {
        let Some(credentials) = v1() else { return };
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let container = Container::new("faults", credentials);
        let place = container.place("p");
        let content = bytes(1_000_000, 9);
        place
            .put("warm", content.clone())
            .expect("before any fault");
        for fault in [
            r#""status": 503, "headers": {"Retry-After": "1"}, "count": 2"#,
            r#""status": 503, "after": true"#,
            r#""status": 498"#,
            r#""status": 429"#,
            r#""status": 401"#,
            r#""drop": true"#,
            r#""drop": true, "after": true"#,
        ] {
            let rule =
                |method: &str| format!(r#"{{"method": "{method}", "path": "faults", {fault}}}"#);
            during(&rule("PUT"), || place.put("x", content.clone())).expect(fault);
            assert!(
                during(&rule("GET"), || place.read("x")).expect(fault) == content,
                "{fault}"
            );
            let head = during(&rule("HEAD"), || place.head("x")).expect(fault);
            assert_eq!(head.expect("there").bytes, 1_000_000, "{fault}");
            let listed = during(&rule("GET"), || place.list("")).expect(fault);
            assert_eq!(listed.len(), 2, "{fault}");
            during(&rule("DELETE"), || place.remove("x")).expect(fault);
            assert_eq!(place.head("x").expect(fault), None, "{fault}");
            wait(async {
                let path = Path::from("p/once");
                let create = PutOptions::from(PutMode::Create);
                let lasting = Fault::set(&rule("PUT"));
                let made = container.swift.put_opts(&path, "x".into(), create).await;
                made.expect(fault);
                drop(lasting);
                container.swift.delete(&path).await.expect(fault);
            });
        }
        place.remove("warm").expect("end");
        assert!(wait(container.names()).is_empty());
    }

    #[test]
    fn what_is_beyond_the_limit_of_one_put_goes_in_parts() {
        let Some(credentials) = v1() else { return };
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // More than other tests, which run at the same time, put at once.
        let limit = Fault::largest_put(4_000_000);
        let container = Container::new("parts", credentials.clone());
        let place = container.place("p");
        let name = format!("{}_segments", container.swift.container());
        let segments = Container {
            swift: Swift::new(&name, credentials).expect("client"),
        };
        let count = || wait(segments.names()).len();

        let content = bytes(9_000_000, 3);
        let written = place.put("x", content.clone()).expect("put");
        assert!(limit.hits() > 0);
        drop(limit);
        assert_eq!(written.bytes, 9_000_000);
        assert_eq!(written.crc32c, crc32c::crc32c(&content));
        assert_eq!(count(), 3);
        assert!(place.read("x").expect("read") == content);
        let range = 3_999_990..8_000_010;
        let part = place.read_range("x", range.clone()).expect("range");
        let range = usize::try_from(range.start).expect("small")
            ..usize::try_from(range.end).expect("small");
        assert!(part == content[range]);

        // The last part does not get through: the object stays, and no part of the other.
        let full = r#"{"method": "PUT", "path": "parts.*_segments/.*/00000002", "status": 507, "count": -1}"#;
        let error = during(full, || place.put("x", bytes(9_000_000, 4))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
        assert_eq!(count(), 3);
        assert!(place.read("x").expect("read") == content);

        // The manifest neither.
        let full =
            r#"{"method": "PUT", "path": "multipart-manifest=put", "status": 507, "count": -1}"#;
        let error = during(full, || place.put("x", bytes(9_000_000, 4))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
        assert!(place.read("x").expect("read") == content);
        assert_eq!(count(), 3);

        // A part whose answer is lost goes again.
        let lost =
            r#"{"method": "PUT", "path": "_segments/.*/00000001", "drop": true, "after": true}"#;
        let other = bytes(9_000_000, 4);
        during(lost, || place.put("x", other.clone())).expect("put");
        assert!(place.read("x").expect("read") == other);
        assert_eq!(count(), 3, "replaced: the old segments are gone");

        // The object is complete and its writer does not learn it: nothing of it goes.
        let lost = r#"{"method": "PUT", "path": "multipart-manifest=put", "drop": true, "after": true, "count": -1}"#;
        during(lost, || place.put("x", content.clone())).expect_err("no answer");
        assert!(place.read("x").expect("read") == content);
        assert_eq!(count(), 6, "what it replaced is swept later");
        let rows = wait(segments.names());
        place.remove("x").expect("remove");
        assert_eq!(count(), 3);
        for name in rows {
            wait(segments.swift.delete(&Path::from(name))).ok();
        }
    }

    #[test]
    fn broken_bodies_are_resumed() {
        let Some(credentials) = v1() else { return };
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let container = Container::new("faults broken", credentials);
        let place = container.place("p");
        let content = bytes(3_000_000, 5);
        place.put("x", content.clone()).expect("put");
        let rule = r#"{"method": "GET", "path": "broken", "truncate": 100000, "count": 3}"#;
        assert!(during(rule, || place.read("x")).expect("read") == content);
        let range = during(rule, || place.read_range("x", 1_000_000..2_000_000)).expect("range");
        assert!(range == content[1_000_000..2_000_000]);
        place.remove("x").expect("remove");
    }

    #[test]
    fn lasting_faults_are_told() {
        let Some(credentials) = v1() else { return };
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let container = Container::new("faults lasting", credentials);
        let place = container.place("p");
        let rule = r#"{"path": "lasting", "status": 503, "count": -1}"#;
        let error = during(rule, || place.put("x", b"1".to_vec())).unwrap_err();
        assert!(error.with_causes().contains("503"), "{error:?}");
        assert!(error.to_string().contains("lasting"), "{error}");
        let full = r#"{"method": "PUT", "path": "lasting.*x", "status": 507, "count": -1}"#;
        let error = during(full, || place.put("x", b"1".to_vec())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
    }

    #[test]
    fn tokens_that_end_are_renewed() {
        let Some(credentials) = v1() else { return };
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let container = Arc::new(Container::new("tokens", credentials));
        let place = container.place("p");
        place.put("x", b"1".to_vec()).expect("put");
        flush_tokens();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(place.read("x").expect("read"), b"1"[..]));
            }
        });
        place.remove("x").expect("remove");
    }
}
