//! Lent stores under runtimes of the caller that block, idle or end, with Swift and S3.
#![cfg(all(feature = "swift", feature = "s3"))]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::{Either, select};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};
use widefield_storage::Place;
use widefield_storage::swift::{Credentials, Retries, Swift};

/// A server that speaks as much of Swift (below `/v1/`) and of S3 as the tests ask. Connections stay.
/// All objects hold `12345`, whose MD5 is their tag.
#[derive(Default)]
struct Server {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    logins: AtomicUsize,
}

const TIMES: &str = "X-Timestamp: 1700000000.00000\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT";

impl Server {
    fn start() -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let server = Arc::new(Server::default());
        let (known, base) = (Arc::clone(&server), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, base) = (Arc::clone(&known), base.clone());
                std::thread::spawn(move || while known.serve(&stream, &base).is_some() {});
            }
        });
        (server, url)
    }

    /// One request; nothing if the other side is done.
    fn serve(&self, stream: &TcpStream, base: &str) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut lines = reader.by_ref().lines().map_while(Result::ok);
        let line = lines.next()?;
        let (mut length, mut whole) = (0, true);
        for line in lines.take_while(|line| !line.is_empty()) {
            let line = line.to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().expect("length");
            }
            whole &= !line.starts_with("range: ");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut words = line.split(' ');
        let (verb, target) = (words.next()?, words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (head, body) = if path.starts_with("/auth") {
            self.logins.fetch_add(1, Ordering::Relaxed);
            // Time for whoever blocks meanwhile.
            std::thread::sleep(Duration::from_millis(200));
            let head = format!("200 OK\r\nX-Auth-Token: t\r\nX-Storage-Url: {base}/v1/a");
            (head, Vec::new())
        } else {
            self.answer(verb, path, query, body, whole)
        };
        let length = body.len();
        let mut writer = stream;
        write!(
            writer,
            "HTTP/1.1 {head}\r\n{TIMES}\r\nContent-Length: {length}\r\n\r\n"
        )
        .ok()?;
        if verb != "HEAD" {
            writer.write_all(&body).ok()?;
        }
        Some(())
    }

    fn answer(
        &self,
        verb: &str,
        path: &str,
        query: &str,
        body: Vec<u8>,
        whole: bool,
    ) -> (String, Vec<u8>) {
        let missing = || ("404 Not Found".to_owned(), Vec::new());
        let mut objects = self.objects.lock().expect("objects");
        let below = |prefix: &str, objects: &BTreeMap<String, Vec<u8>>| {
            let names = objects
                .keys()
                .filter_map(|name| Some(name.strip_prefix(prefix)?.to_owned()));
            names.collect::<Vec<_>>()
        };
        match (verb, path) {
            ("GET", "/v1/a/c") if query.contains("marker=") => {
                ("200 OK".to_owned(), b"[]".to_vec())
            }
            ("GET", "/v1/a/c") => {
                let row = |name: String| {
                    format!(
                        r#"{{"name": "{name}", "bytes": 5, "hash": "a", "last_modified": "2026-11-22T20:00:00.0"}}"#
                    )
                };
                let rows: Vec<_> = below("/v1/a/c/", &objects).into_iter().map(row).collect();
                (
                    "200 OK".to_owned(),
                    format!("[{}]", rows.join(",")).into_bytes(),
                )
            }
            ("GET", "/c") => {
                let row = |name: String| {
                    format!(
                        "<Contents><Key>{name}</Key><LastModified>2015-10-21T07:28:00.000Z</LastModified><Size>5</Size><ETag>a</ETag></Contents>"
                    )
                };
                let rows: String = below("/c/", &objects).into_iter().map(row).collect();
                let head = "<ListBucketResult><IsTruncated>false</IsTruncated>";
                (
                    "200 OK".to_owned(),
                    format!("{head}{rows}</ListBucketResult>").into_bytes(),
                )
            }
            ("POST", _) if query == "uploads=" || query == "uploads" => {
                let text = "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>";
                ("200 OK".to_owned(), text.into())
            }
            ("POST", _) if query.starts_with("delete") => {
                objects.remove("/c/y");
                let text = "<DeleteResult><Deleted><Key>y</Key></Deleted></DeleteResult>";
                ("200 OK".to_owned(), text.into())
            }
            ("POST", _) => {
                let text =
                    "<CompleteMultipartUploadResult><ETag>a</ETag></CompleteMultipartUploadResult>";
                ("200 OK".to_owned(), text.into())
            }
            ("PUT", _) => {
                if !query.contains("manifest=put") && !path.contains("_segments/") {
                    objects.insert(path.to_owned(), body);
                }
                ("201 Created\r\nEtag: 827ccb0eea8a706c4c34a16891f84e7b".to_owned(), Vec::new())
            }
            ("DELETE", _) => {
                objects.remove(path);
                ("204 No Content".to_owned(), Vec::new())
            }
            _ => objects.get(path).map_or_else(missing, |body| {
                let last = body.len() - 1;
                let head = match whole {
                    true => "200 OK\r\nEtag: 827ccb0eea8a706c4c34a16891f84e7b".to_owned(),
                    false => format!(
                        "206 Partial Content\r\nEtag: 827ccb0eea8a706c4c34a16891f84e7b\r\nContent-Range: bytes 0-{last}/{}",
                        last + 1
                    ),
                };
                (head, body.clone())
            }),
        }
    }
}

/// Enough for anything here, and short of what would be waited for in vain otherwise.
const LONG: Duration = Duration::from_secs(60);

fn swift(url: &str) -> Place {
    let credentials = Credentials::from_variables(|name| match name {
        "ST_AUTH" => Some(format!("{url}/auth/v1.0")),
        "ST_USER" => Some("lab:me".to_owned()),
        "ST_KEY" => Some("key".to_owned()),
        _ => None,
    });
    let retries = Retries::default().whole(LONG);
    let swift = Swift::with_retries("c", credentials.expect("complete"), retries);
    Place::from_swift(&swift.expect("client"), "").expect("place")
}

fn s3(url: &str) -> Place {
    let store = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(url)
        .with_allow_http(true)
        .with_bucket_name("c")
        .with_region("r")
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .build();
    Place::from_store(Arc::new(store.expect("store")), "s3://c", "").expect("place")
}

type Make = fn(&str) -> Place;
const KINDS: [Make; 2] = [swift, s3];

fn runtimes() -> [Runtime; 2] {
    let mut kinds = [Builder::new_current_thread(), Builder::new_multi_thread()];
    kinds.each_mut().map(|kind| {
        kind.worker_threads(1)
            .enable_all()
            .build()
            .expect("runtime")
    })
}

fn bare() -> Runtime {
    Builder::new_current_thread().build().expect("runtime")
}

async fn read(store: &dyn ObjectStore, name: &str) -> Vec<u8> {
    let found = store.get(&Path::from(name)).await.expect("found");
    found.bytes().await.expect("bytes").to_vec()
}

async fn uses_everything(store: Arc<dyn ObjectStore>) {
    let path = Path::from("y");
    store.put(&path, "12345".into()).await.expect("put");
    assert_eq!(read(&*store, "y").await, b"12345");
    let listed: Vec<_> = store.list(None).try_collect().await.expect("list");
    let mut names: Vec<_> = listed.iter().map(|meta| meta.location.as_ref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["x", "y"]);
    let mut upload = store.put_multipart(&Path::from("z")).await.expect("upload");
    upload.put_part("12345".into()).await.expect("part");
    upload.complete().await.expect("complete");
    store.delete(&path).await.expect("delete");
    let gone = store.head(&path).await.unwrap_err();
    assert!(
        matches!(gone, object_store::Error::NotFound { .. }),
        "{gone:?}"
    );
}

#[test]
fn a_lent_store_and_a_place_share_connections_between_runtimes() {
    for make in KINDS {
        for runtime in runtimes() {
            let (server, url) = Server::start();
            let place = make(&url);
            let (store, _) = place.object_store().expect("store");
            runtime.block_on(async {
                // Blocks the thread of the runtime.
                place.put("x", b"12345".to_vec()).expect("put");
                assert_eq!(read(&*store, "x").await, b"12345");
                assert_eq!(place.read("x").expect("read"), b"12345"[..]);
                assert_eq!(place.list("").expect("list").len(), 1);
            });
            runtime.block_on(uses_everything(Arc::clone(&store)));
            // The runtime is there, and nobody drives it.
            assert_eq!(place.read("x").expect("read"), b"12345"[..]);
            // Under one that knows neither time nor network, and under another one after its end.
            assert_eq!(bare().block_on(read(&*store, "x")), b"12345");
            drop(runtime);
            assert_eq!(place.read("x").expect("read"), b"12345"[..]);
            for other in runtimes() {
                assert_eq!(other.block_on(read(&*store, "x")), b"12345");
            }
            assert!(server.logins.load(Ordering::Relaxed) <= 1);
        }
    }
}

#[test]
fn a_place_does_not_wait_for_a_request_of_the_thread_that_it_blocks() {
    for make in KINDS {
        for runtime in runtimes() {
            let (server, url) = Server::start();
            let x = ["/v1/a/c/x", "/c/x"].map(|name| (name.to_owned(), b"12345".to_vec()));
            server.objects.lock().expect("objects").extend(x);
            let place = make(&url);
            let (store, _) = place.object_store().expect("store");
            let (inside, is_swift) = (place.clone(), place.url().starts_with("swift"));
            // On a thread of the runtime, its only one.
            let task = runtime.spawn(async move {
                let asked = tokio::spawn(async move { read(&*store, "x").await });
                while is_swift && server.logins.load(Ordering::Relaxed) == 0 {
                    tokio::task::yield_now().await;
                }
                // The other one is logging in.
                let read = inside.read("x").expect("read");
                (read, asked.await.expect("no panic"))
            });
            let (blocking, lent) = runtime.block_on(task).expect("no panic");
            assert_eq!((&blocking[..], &lent[..]), (&b"12345"[..], &b"12345"[..]));
        }
    }
}

#[test]
fn a_request_that_is_dropped_ends() {
    let (server, url) = Server::start();
    let place = swift(&url);
    let (store, _) = place.object_store().expect("store");
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("runtime").block_on(async {
        let path = Path::from("x");
        let asked = store.head(&path);
        let logged_in = async {
            while server.logins.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
        };
        let (asked, logged_in) = (std::pin::pin!(asked), std::pin::pin!(logged_in));
        let either = select(asked, logged_in).await;
        assert!(
            matches!(either, Either::Right(_)),
            "an answer before the login"
        );
    });
    // It has left the lock of the login.
    assert_eq!(place.head("x").expect("answer"), None);
    assert_eq!(server.logins.load(Ordering::Relaxed), 2);
}
