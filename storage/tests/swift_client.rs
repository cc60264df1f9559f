//! The Swift client against servers that answer what a test says.
#![cfg(feature = "swift")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use widefield_storage::swift::{Credentials, Retries, Swift};
use widefield_storage::{Ahead, ErrorKind, Place};

/// What a request asked: method and target, headers in lower case, body.
#[derive(Clone, Debug)]
struct Request {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn token(&self) -> &str {
        let found = self
            .headers
            .iter()
            .find_map(|header| header.strip_prefix("x-auth-token: "));
        found.unwrap_or_default()
    }
}

/// A server on this machine; `answer` gives head lines and body of each answer.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

type Reply = (String, Vec<u8>);

impl Server {
    /// `answer` is told the address of the server, the request, and how many came before.
    fn start(answer: impl Fn(&str, &Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, known, base) = (Arc::new(answer), Arc::clone(&seen), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, known, base) = (Arc::clone(&answer), Arc::clone(&known), base.clone());
                std::thread::spawn(move || serve(&stream, &base, &*answer, &known));
            }
        });
        Server { url, seen }
    }

    /// Lines of the requests that came, `GET /v1/AUTH_a/c?…`.
    fn lines(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("seen");
        seen.iter().map(|request| request.line.clone()).collect()
    }

    fn logins(&self) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.contains("/auth")).count()
    }

    fn place(&self) -> Place {
        let url = format!("{}/auth/v1.0", self.url);
        let credentials = Credentials::from_variables(|name| match name {
            "ST_AUTH" => Some(url.clone()),
            "ST_USER" => Some("lab:me".to_owned()),
            "ST_KEY" => Some("marker-of-a-key".to_owned()),
            _ => None,
        });
        let retries = Retries::new(3, Duration::from_millis(2));
        let swift = Swift::with_retries("c", credentials.expect("complete"), retries);
        Place::from_swift(&swift.expect("client"), "p").expect("place")
    }
}

fn serve(
    stream: &TcpStream,
    base: &str,
    answer: &(impl Fn(&str, &Request, usize) -> Reply + ?Sized),
    known: &Mutex<Vec<Request>>,
) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim().is_empty() => break,
                Ok(_) => lines.push(line.trim().to_owned()),
            }
        }
        let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
        let headers: Vec<_> = lines.iter().map(|line| line.to_ascii_lowercase()).collect();
        let length = headers
            .iter()
            .find_map(|header| header.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let request = Request {
            line,
            headers,
            body,
        };
        let before = {
            let mut known = known.lock().expect("seen");
            known.push(request.clone());
            known.len() - 1
        };
        let (head, body) = answer(base, &request, before);
        let mut writer = stream;
        let sent = write!(
            writer,
            "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let body = if request.line.starts_with("HEAD") {
            &[][..]
        } else {
            &body
        };
        if sent.and_then(|()| writer.write_all(body)).is_err() {
            return;
        }
    }
}

fn reply(head: &str, body: &[u8]) -> Reply {
    (head.to_owned(), body.to_vec())
}

/// A login with the token `token` that lives for `seconds`.
fn login(base: &str, token: &str, seconds: u32) -> Reply {
    let head = format!(
        "200 OK\r\nX-Auth-Token: {token}\r\nX-Storage-Url: {base}/v1/AUTH_a\r\nX-Auth-Token-Expires: {seconds}"
    );
    reply(&head, b"")
}

const FOUND: &str =
    "200 OK\r\nX-Timestamp: 1700000000.00000\r\nEtag: d41d8cd98f00b204e9800998ecf8427e";
/// The same without the tag.
const FOUND_AT: &str = "200 OK\r\nX-Timestamp: 1700000000.00000\r\nEtag: ";

#[test]
fn one_login_serves_all_that_wait_for_it() {
    let logins = Mutex::new(0);
    let server = Server::start(move |base, request, _| {
        if request.line.starts_with("GET /auth") {
            let mut logins = logins.lock().expect("count");
            *logins += 1;
            return login(base, &format!("token-{logins}"), 3600);
        }
        if request.token() == "token-1" {
            return reply("401 Unauthorized", b"");
        }
        reply(FOUND, b"")
    });
    let place = server.place();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(place.read("x").expect("read"), b""[..]));
        }
    });
    assert_eq!(server.logins(), 2, "{:?}", server.lines());
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    let server = Server::start(|base, request, before| {
        if request.line.starts_with("GET /auth") {
            // A second, and then an hour.
            let seconds = if before == 0 { 1 } else { 3600 };
            return login(base, &format!("token-{before}"), seconds);
        }
        reply(FOUND, b"")
    });
    let place = server.place();
    while server.logins() < 2 {
        place.read("x").expect("read");
    }
    place.read("x").expect("read");
    assert_eq!(server.logins(), 2);
}

#[test]
fn a_refused_login_is_asked_once_and_shows_no_key() {
    let server = Server::start(|_, _, _| reply("401 Unauthorized", b"marker-of-a-key"));
    let place = server.place();
    for _ in 0..3 {
        let error = place.read("x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Permission);
        let shown = format!("{error} {error:?} {} {place:?}", error.with_causes());
        assert!(!shown.contains("marker"), "{shown}");
    }
    assert_eq!(server.lines().len(), 1, "accounts get locked by repetition");
}

#[test]
fn only_what_passes_is_repeated() {
    for (status, attempts) in [
        ("503 Busy", 3),
        ("498 Slow", 3),
        ("403 No", 1),
        ("400 Bad", 1),
    ] {
        let server = Server::start(move |base, request, _| {
            if request.line.starts_with("GET /auth") {
                return login(base, "t", 3600);
            }
            reply(status, b"")
        });
        server.place().read("x").unwrap_err();
        assert_eq!(server.lines().len(), attempts + 1, "{status}");
    }
}

#[test]
fn bytes_are_compared_with_the_checksum() {
    let server = Server::start(|base, request, _| match &request.line[..3] {
        "GET" if request.line.contains("/auth") => login(base, "t", 3600),
        "GET" => reply(FOUND, b"not empty"),
        "HEA" => reply("404 Not Found", b""),
        // Says that it stored something else.
        _ => reply("201 Created\r\nEtag: 00000000000000000000000000000000", b""),
    });
    let place = server.place();
    let error = place.read("x").unwrap_err();
    assert!(error.with_causes().contains("checksum"), "{error:?}");
    let error = place.put("x", b"bytes".to_vec()).unwrap_err();
    assert!(error.with_causes().contains("other bytes"), "{error:?}");
    let seen = server.seen.lock().expect("seen");
    let put = seen.last().expect("a put");
    assert_eq!(put.line, "PUT /v1/AUTH_a/c/p/x");
    assert_eq!(put.body, b"bytes");
    // MD5 of "bytes", by which the server can refuse what was damaged on its way.
    assert!(
        put.headers
            .contains(&"etag: 4b3a6218bb3e3a7303e8a171a60fcf92".to_owned())
    );
}

/// MD5 of two million sevens.
const SEVENS: &str = "e82f730f749c332843645ee26b77bb81";

/// Puts two million sevens to a server that answers one put after the other with `answers`, and whose object has
/// the tag `found` afterwards. Outcome, and what was asked of the server after the login.
fn put_sevens(answers: [&'static str; 2], found: &'static str) -> (bool, Vec<Request>) {
    let server = Server::start(move |base, request, before| match &request.line[..3] {
        "GET" if request.line.contains("/auth") => login(base, "t", 3600),
        "PUT" => {
            assert!(request.body.len() == 2_000_000, "{}", request.body.len());
            // Before the puts: login, a look at the object, limits.
            reply(answers[usize::from(before > 3)], b"")
        }
        "HEA" if before > 3 => reply(&format!("{FOUND_AT}{found}"), b""),
        "DEL" => reply("204 No Content", b""),
        _ => reply("404 Not Found", b""),
    });
    let stored = server.place().put("x", vec![7; 2_000_000]);
    if let Err(error) = &stored {
        let text = error.with_causes();
        assert!(
            text.contains("other bytes") || text.contains("422"),
            "{text}"
        );
    }
    let seen = server.seen.lock().expect("seen")[3..].to_vec();
    (stored.is_ok(), seen)
}

#[test]
fn a_large_body_is_compared_after_it_was_sent_and_then_sent_again() {
    const GOOD: &str = "201 Created\r\nEtag: e82f730f749c332843645ee26b77bb81";
    const BAD: &str = "201 Created\r\nEtag: 00000000000000000000000000000000";
    const REFUSED: &str = "422 Unprocessable Entity";
    let ahead = |request: &Request| request.headers.contains(&format!("etag: {SEVENS}"));
    let lines = |seen: &[Request]| -> Vec<_> {
        let verb = |request: &Request| request.line.split(' ').next().map(str::to_owned);
        seen.iter().filter_map(verb).collect()
    };

    let (stored, seen) = put_sevens([GOOD, BAD], "");
    assert!(stored && lines(&seen) == ["PUT"] && !ahead(&seen[0]));
    // The second time the server refuses by itself what has another sum.
    for first in [BAD, "201 Created"] {
        let (stored, seen) = put_sevens([first, GOOD], "");
        assert!(stored && lines(&seen) == ["PUT", "PUT"] && ahead(&seen[1]));
    }
    // Nothing helps: what was damaged goes, what somebody else has put stays.
    for second in [BAD, REFUSED] {
        let (stored, seen) = put_sevens([BAD, second], "00000000000000000000000000000000");
        assert!(!stored && lines(&seen).ends_with(&["HEAD".to_owned(), "DELETE".to_owned()]));
        let (stored, seen) = put_sevens([BAD, second], "11111111111111111111111111111111");
        assert!(!stored && lines(&seen).ends_with(&["HEAD".to_owned()]));
        assert!(!lines(&seen).contains(&"DELETE".to_owned()));
    }
}

#[test]
fn more_parts_than_the_cluster_takes_are_refused_and_removed() {
    use object_store::ObjectStore;
    let server = Server::start(|base, request, _| match request.line.as_str() {
        line if line.starts_with("GET /auth") => login(base, "t", 3600),
        "GET /info" => reply("200 OK", br#"{"slo": {"max_manifest_segments": 2}}"#),
        line if line.starts_with("PUT") => reply("201 Created", b""),
        line if line.starts_with("DELETE") => reply("204 No Content", b""),
        _ => reply("404 Not Found", b""),
    });
    let (store, _) = server.place().object_store().expect("store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("runtime").block_on(async {
        let path = object_store::path::Path::from("p/x");
        let options = object_store::PutMultipartOptions::default();
        let upload = store.put_multipart_opts(&path, options).await;
        let mut upload = upload.expect("start");
        for _ in 0..3 {
            upload.put_part("part".into()).await.expect("part");
        }
        let error = upload.complete().await.unwrap_err();
        assert!(
            format!("{error:?}").contains("limit for a large object is 2"),
            "{error:?}"
        );
        upload.abort().await.expect("abort");
    });
    let lines = server.lines();
    let removed = lines
        .iter()
        .filter(|line| line.starts_with("DELETE"))
        .count();
    assert_eq!(removed, 3, "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("manifest=put")),
        "{lines:?}"
    );
}

#[test]
fn listings_go_on_until_an_empty_page() {
    let server = Server::start(|base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        let row = |name: &str| {
            let time = "2026-11-22T20:00:00.000000";
            format!(
                r#"[{{"name": "p/{name}", "bytes": 1, "hash": "a", "last_modified": "{time}"}}]"#
            )
        };
        let marker = request.line.split("marker=").nth(1);
        let page = match marker {
            None => row("a b"),
            Some("p/a%20b") => row("é"),
            Some(_) => "[]".to_owned(),
        };
        reply("200 OK", page.as_bytes())
    });
    let names: Vec<_> = server.place().list("").expect("list");
    let names: Vec<_> = names.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["a b", "é"]);
    assert_eq!(
        server.lines()[1..],
        [
            "GET /v1/AUTH_a/c?format=json&prefix=p/&delimiter=/",
            "GET /v1/AUTH_a/c?format=json&prefix=p/&delimiter=/&marker=p/a%20b",
            "GET /v1/AUTH_a/c?format=json&prefix=p/&delimiter=/&marker=p/%C3%A9",
        ]
    );
}

#[test]
fn a_listing_that_repeats_itself_ends() {
    let server = Server::start(|base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        reply("200 OK", br#"[{"subdir": "p/x/"}]"#)
    });
    let error = server.place().list("").unwrap_err();
    assert!(error.with_causes().contains("advance"), "{error:?}");
}

#[test]
fn redirects_are_not_followed() {
    let server = Server::start(|base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        reply(&format!("302 Found\r\nLocation: {base}/elsewhere"), b"")
    });
    server.place().read("x").unwrap_err();
    assert!(!server.lines().iter().any(|line| line.contains("elsewhere")));
}

/// A server of one object of 100 bytes; its numbers are their places. Answers wait while `hold`.
fn object_of_100(hold: Arc<Mutex<()>>) -> Server {
    Server::start(move |base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        if request.line.starts_with("HEAD") {
            return reply(FOUND, &[0; 100]);
        }
        let range = request.headers.iter().find_map(|header| {
            let (first, last) = header.strip_prefix("range: bytes=")?.split_once('-')?;
            Some((first.parse::<u8>().ok()?, last.parse::<u8>().ok()?))
        });
        let (first, last) = range.expect("a range");
        drop(hold.lock());
        let head = FOUND.replace("200 OK", "206 Partial Content");
        let body: Vec<_> = (first..=last).collect();
        reply(
            &format!("{head}\r\nContent-Range: bytes {first}-{last}/100"),
            &body,
        )
    })
}

/// Waits until `count` ranges have been asked for, and a while for more.
fn assert_asked(server: &Server, count: usize) {
    let asked = || {
        let lines = server.lines();
        lines
            .iter()
            .filter(|line| line.starts_with("GET /v1"))
            .count()
    };
    for _ in 0..6000 {
        if asked() >= count {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(asked(), count, "{:?}", server.lines());
}

#[test]
fn a_fetch_runs_ahead_within_its_bounds() {
    let hold = Arc::new(Mutex::new(()));
    let server = object_of_100(Arc::clone(&hold));
    let place = server.place();
    let ranges: Vec<_> = (0..50).map(|n| n..n + 2).collect();
    // Space for five ranges: one unit of 1 KiB each.
    let ahead = Ahead::default().bytes(5 << 10).requests(3);
    let closed = hold.lock().expect("hold");
    let mut parts = place.fetch("x", ranges.clone(), ahead).expect("fetch");
    assert_asked(&server, 3);
    drop(closed);
    assert_asked(&server, 5);
    assert_eq!(parts.next().expect("first").expect("read"), [0, 1][..]);
    assert_asked(&server, 6);
    for n in 1..50 {
        assert_eq!(parts.next().expect("some").expect("read"), [n, n + 1][..]);
    }
    assert!(parts.next().is_none());
    assert_asked(&server, 50);
}

#[test]
fn a_fetch_that_is_dropped_asks_no_more() {
    let hold = Arc::new(Mutex::new(()));
    let server = object_of_100(Arc::clone(&hold));
    let place = server.place();
    let ranges: Vec<_> = (0..50).map(|n| n..n + 2).collect();
    let closed = hold.lock().expect("hold");
    let parts = place
        .fetch("x", ranges, Ahead::default().requests(4))
        .expect("fetch");
    assert_asked(&server, 4);
    drop(parts);
    drop(closed);
    assert_asked(&server, 4);
}

#[test]
fn names_that_a_bulk_request_was_refused_are_removed_one_by_one() {
    use futures::StreamExt;
    use object_store::ObjectStore;
    let server = Server::start(|base, request, _| match request.line.as_str() {
        line if line.starts_with("GET /auth") => login(base, "t", 3600),
        "GET /info" => reply(
            "200 OK",
            br#"{"bulk_delete": {"max_deletes_per_request": 100}}"#,
        ),
        line if line.starts_with("HEAD") => reply(FOUND, b""),
        // HTTP says yes; a token that ended within shows inside.
        line if line.starts_with("POST") => reply(
            "200 OK",
            br#"{"Response Status": "400 Bad Request", "Number Deleted": 1,
                "Errors": [["/c/p/b%25", "401 Unauthorized"], ["/c/p/d", "403 Forbidden"]]}"#,
        ),
        "DELETE /v1/AUTH_a/c/p/b%25" => reply("204 No Content", b""),
        _ => reply("403 Forbidden", b""),
    });
    let (store, _) = server.place().object_store().expect("store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcomes: Vec<_> = runtime.expect("runtime").block_on(async {
        let paths = ["p/a", "p/b%", "p/d"].map(object_store::path::Path::parse);
        let paths = futures::stream::iter(paths.map(|path| Ok(path.expect("path"))));
        store.delete_stream(paths.boxed()).collect().await
    });
    assert!(outcomes[0].is_ok() && outcomes[1].is_ok(), "{outcomes:?}");
    assert!(
        matches!(
            outcomes[2],
            Err(object_store::Error::PermissionDenied { .. })
        ),
        "{outcomes:?}"
    );
}

#[test]
fn a_store_that_is_away_is_tried_once_until_it_answers() {
    let away = Arc::new(Mutex::new(true));
    let switch = Arc::clone(&away);
    let server = Server::start(move |base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        if *switch.lock().expect("switch") {
            return reply("503 Away", b"");
        }
        reply(FOUND, b"")
    });
    let place = server.place();
    let attempts = || {
        let before = server.lines().len();
        let result = place.read("x").map(drop).map_err(|error| error.kind());
        (server.lines().len() - before, result)
    };
    // The first one with the login.
    assert_eq!(attempts(), (4, Err(ErrorKind::Other)));
    assert_eq!(attempts(), (1, Err(ErrorKind::Other)));
    *away.lock().expect("switch") = false;
    assert_eq!(attempts(), (1, Ok(())));
    *away.lock().expect("switch") = true;
    assert_eq!(attempts(), (3, Err(ErrorKind::Other)));
}

/// An object of 20 MiB that comes by parts; while it is read it is replaced `times` times, each time with other
/// bytes.
fn replaced_while_read(times: u8) -> (Server, Place) {
    const SIZE: usize = 20 << 20;
    let version = Mutex::new(0);
    let server = Server::start(move |base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        let header = |name: &str| {
            request
                .headers
                .iter()
                .find_map(|line| line.strip_prefix(name))
        };
        let range = header("range: bytes=").and_then(|range| range.split_once('-'));
        let (first, last) = range.expect("a range");
        let (first, last): (usize, usize) =
            (first.parse().expect("first"), last.parse().expect("last"));
        let mut version = version.lock().expect("version");
        let now = *version;
        if header("if-match: ").is_some_and(|tag| tag != SUMS[usize::from(now)]) {
            return reply("412 Precondition Failed", b"");
        }
        if first == 0 && now < times {
            *version += 1;
        }
        let end = (last + 1).min(SIZE);
        let tag = SUMS[usize::from(now)];
        reply(
            &format!(
                "206 Partial Content\r\nX-Timestamp: 1700000000.0000{now}\r\nEtag: {tag}\r\nContent-Range: bytes {first}-{}/{SIZE}",
                end - 1
            ),
            &vec![now; end - first],
        )
    });
    let place = server.place();
    (server, place)
}

/// MD5 of 20 MiB of zeros, of ones, ...
const SUMS: [&str; 10] = [
    "8f4e33f3dc3e414ff94e5fb6905cba8c",
    "6c0a92c8eb2120b6335ee06af6f2e18b",
    "b0e1d91d87aeb0a8b1a10d79dcf141b7",
    "f10d07ae5ce43baf2c8f9011f816e529",
    "d85134f758e3d2f9eea19eb6e88c2be9",
    "9fe37ad5b8de131a5a6928ee1b32e565",
    "76b41dc5aaf7414c0171deb264b1f3e3",
    "e4e70e33a2f8bf1ea969db2c53dffd4a",
    "3ac1c5f0e03e6f2d76746e550bbc3caf",
    "5bf308445f7b7697a07cb3279bf95f5d",
];

#[test]
fn a_large_object_is_read_by_parts_of_one_version() {
    for (times, expected) in [(0, 0), (1, 1), (3, 3)] {
        let (server, place) = replaced_while_read(times);
        let bytes = place.read("x").expect("read");
        assert!(bytes.len() == 20 << 20 && bytes.iter().all(|byte| *byte == expected));
        let parts = server.lines().len();
        assert!(
            parts >= 4,
            "three parts after the login: {:?}",
            server.lines()
        );
    }
    let (_server, place) = replaced_while_read(9);
    let error = place.read("x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error:?}");
}

#[test]
fn a_large_object_that_is_damaged_on_its_way_is_told() {
    let server = Server::start(|base, request, _| {
        if request.line.starts_with("GET /auth") {
            return login(base, "t", 3600);
        }
        let range = request
            .headers
            .iter()
            .find_map(|line| line.strip_prefix("range: bytes="));
        let (first, last) = range
            .and_then(|range| range.split_once('-'))
            .expect("a range");
        let (first, last): (usize, usize) =
            (first.parse().expect("first"), last.parse().expect("last"));
        let end = (last + 1).min(20 << 20);
        let mut body = vec![0; end - first];
        if end == 20 << 20 {
            body[5] = 1;
        }
        let head = format!("{FOUND_AT}{}", SUMS[0]).replace("200 OK", "206 Partial Content");
        let size = 20 << 20;
        reply(
            &format!("{head}\r\nContent-Range: bytes {first}-{}/{size}", end - 1),
            &body,
        )
    });
    let error = server.place().read("x").unwrap_err();
    assert!(error.with_causes().contains("checksum"), "{error:?}");
}
