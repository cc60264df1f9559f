//! Swift servers that are silent, drip, or never come to an end.
#![cfg(feature = "swift")]
#![allow(
    clippy::single_range_in_vec_init,
    reason = "a range is fetched, not its numbers"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use widefield_storage::swift::{Credentials, Retries, Swift};
use widefield_storage::{Ahead, Error, ErrorKind, Place, interrupt, resume};

/// What a server answers to the request `line` whose header `range` is `range`, by writing it.
type Answer = dyn Fn(&str, Option<&str>, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// A server of one request for each connection; its address.
fn server(
    answer: impl Fn(&str, Option<&str>, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let (answer, base): (Arc<Answer>, _) = (Arc::new(answer), url.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, base) = (Arc::clone(&answer), base.clone());
            std::thread::spawn(move || serve(stream, &base, &*answer));
        }
    });
    url
}

fn serve(mut stream: TcpStream, base: &str, answer: &Answer) {
    let reader = BufReader::new(stream.try_clone().expect("stream"));
    let lines = reader.lines().map_while(Result::ok);
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let Some(line) = lines.first() else { return };
    let range = lines.iter().find_map(|line| line.strip_prefix("range: "));
    // Whoever asked may have gone.
    let _ = if line.starts_with("GET /auth ") {
        let head = format!("X-Auth-Token: t\r\nX-Storage-Url: {base}/v1/AUTH_a");
        reply(&mut stream, &format!("200 OK\r\n{head}"), b"")
    } else {
        answer(line, range, &mut stream)
    };
}

fn reply(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(body)
}

/// Says nothing until the other side has gone.
fn silence(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn place(login: String, whole: Duration) -> Place {
    let credentials = Credentials::from_variables(|name| match name {
        "ST_AUTH" => Some(login.clone()),
        "ST_USER" => Some("lab:me".to_owned()),
        "ST_KEY" => Some("key".to_owned()),
        _ => None,
    });
    let retries = Retries::default().whole(whole);
    let swift = Swift::with_retries("c", credentials.expect("complete"), retries);
    Place::from_swift(&swift.expect("client"), "p").expect("place")
}

const SHORT: Duration = Duration::from_millis(300);
/// Far less than one attempt at a silent server had before, and far more than what is tested takes.
const LONG: Duration = Duration::from_secs(60);

fn fails(what: &str, result: Result<(), Error>) {
    let text = result.expect_err(what).with_causes();
    assert!(text.contains("within"), "{what}: {text}");
}

#[test]
fn a_silent_server_is_given_up_in_one_time_for_all() {
    let began = Instant::now();
    let url = server(|_, _, stream| silence(stream));
    for login in ["/silent", "/auth"] {
        // A server of its own for each call: one that was silent counts as away.
        let place = || place(format!("{url}{login}"), SHORT);
        fails("read", place().read("x").map(drop));
        fails("read_range", place().read_range("x", 0..1).map(drop));
        fails("head", place().head("x").map(drop));
        fails("list", place().list("").map(drop));
        fails("put", place().put("x", vec![0; 10]).map(drop));
        fails("remove", place().remove("x"));
        fails("check_writable", place().check_writable(""));
        let fetch = place().fetch("x", vec![0..1, 1..2], Ahead::default());
        fails("fetch", fetch.map(drop));
    }
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

#[test]
fn an_endless_listing_ends() {
    let (page, sent) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (counted, url) = (Arc::clone(&sent), "/auth".to_owned());
    let url = server(move |_, _, stream| {
        let number = page.fetch_add(1, Ordering::Relaxed);
        let long = "x".repeat(16 << 20);
        let body = format!(r#"[{{"subdir": "p//{long}/"}}, {{"subdir": "p/{number:08}/"}}]"#);
        counted.fetch_add(body.len(), Ordering::Relaxed);
        reply(stream, "200 OK", body.as_bytes())
    }) + &url;
    let error = place(url.clone(), LONG).list("").unwrap_err();
    assert!(error.with_causes().contains("no end"), "{error:?}");
    let sent = sent.load(Ordering::Relaxed);
    assert!((256 << 20..320 << 20).contains(&sent), "{sent}");
    fails("list", place(url, SHORT).list("").map(drop));
}

#[test]
fn memory_is_not_asked_for_because_a_server_says_so() {
    for announced in ["9000000000", "1099511627776", "9223372036854775807"] {
        let url = server(move |_, _, stream| {
            let head = "HTTP/1.1 200 OK\r\nX-Timestamp: 1700000000.00000\r\nEtag: a";
            write!(
                stream,
                "{head}\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n"
            )?;
            // The second piece is where memory for all would be asked for.
            for _ in 0..2 {
                stream.write_all(&[0; 10_000])?;
                stream.flush()?;
                std::thread::sleep(Duration::from_millis(20));
            }
            silence(stream)
        }) + "/auth";
        let place = place(url, LONG);
        let error = place.read("x").expect_err(announced);
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
        assert!(error.to_string().contains(announced), "{error}");
        let watched = place.watched(|_| ());
        let error = watched.read("x").expect_err(announced);
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    }
}

#[test]
fn limits_that_a_cluster_does_not_tell_are_not_waited_for_at_each_put() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let url = server(move |line, _, stream| {
        if line.starts_with("GET /info") {
            counted.fetch_add(1, Ordering::Relaxed);
            return silence(stream);
        }
        reply(
            stream,
            "201 Created\r\nLast-Modified: Sun, 29 Nov 2026 00:00:00 GMT\r\nEtag: 0cc175b9c0f1b6a831c399e269772661",
            b"",
        )
    }) + "/auth";
    let place = place(url, Duration::from_secs(4));
    for name in ["x", "y", "z"] {
        place.put(name, "a").expect("put");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// A server of an object of 20 000 bytes that come one by one.
fn dripping() -> String {
    server(|line, range, stream| {
        let size = 20_000;
        let found = "X-Timestamp: 1700000000.00000\r\nEtag: a";
        let first = range.and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .split_once('-')?
                .0
                .parse()
                .ok()
        });
        let first: usize = first.unwrap_or(0);
        let head = match range {
            Some(_) => format!(
                "206 Partial Content\r\nContent-Range: bytes {first}-{}/{size}",
                size - 1
            ),
            None => "200 OK".to_owned(),
        };
        let length = size - first;
        write!(
            stream,
            "HTTP/1.1 {head}\r\n{found}\r\nContent-Length: {length}\r\n\r\n"
        )?;
        if line.starts_with("HEAD") {
            return silence(stream);
        }
        loop {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(10));
        }
    })
}

#[test]
fn a_download_has_a_least_rate() {
    use object_store::ObjectStoreExt;
    let began = Instant::now();
    let url = dripping() + "/auth";
    fails("read", place(url.clone(), SHORT).read("x").map(drop));
    let range = place(url.clone(), SHORT).read_range("x", 0..20_000);
    fails("read_range", range.map(drop));
    let fetch = place(url.clone(), SHORT).fetch("x", vec![0..20_000], Ahead::default());
    fails(
        "fetch",
        fetch
            .expect("found")
            .collect::<Result<Vec<_>, _>>()
            .map(drop),
    );
    let watched = place(url.clone(), SHORT).watched(|_| {});
    fails("read watched", watched.read("x").map(drop));
    // Also where no place waits.
    let (store, _) = place(url, SHORT).object_store().expect("store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let bytes = runtime
        .expect("runtime")
        .block_on(async { store.get(&"p/x".into()).await.expect("found").bytes().await });
    assert!(format!("{bytes:?}").contains("Timeout"), "{bytes:?}");
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
}

/// The answers to all that a place can be asked, each on a thread of its own.
fn ask_all(place: &Place) -> Vec<Option<ErrorKind>> {
    type Ask = fn(&Place) -> Result<(), Error>;
    let all: [Ask; 6] = [
        |place| place.read("x").map(drop),
        |place| place.list("").map(drop),
        |place| place.put("y", vec![1; 10]).map(drop),
        |place| place.check_writable(""),
        |place| place.sweep_temporary().map(drop),
        |place| place.fetch("x", vec![0..1], Ahead::default()).map(drop),
    ];
    std::thread::scope(|scope| {
        let asked = all.map(|ask| scope.spawn(move || ask(place).err().map(|error| error.kind())));
        asked.map(|asked| asked.join().expect("no panic")).to_vec()
    })
}

#[test]
fn an_interruption_ends_every_wait() {
    // A process of its own, since all waits of a process end.
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "child_is_interrupted",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .expect("child");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
#[ignore = "run by an_interruption_ends_every_wait"]
fn child_is_interrupted() {
    let (came, silent) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(true)),
    );
    let (count, hush) = (Arc::clone(&came), Arc::clone(&silent));
    let url = server(move |_, _, stream| {
        count.fetch_add(1, Ordering::Relaxed);
        if hush.load(Ordering::Relaxed) {
            return silence(stream);
        }
        reply(stream, "404 Not Found", b"")
    });
    let all_interrupted = [Some(ErrorKind::Interrupted); 6];
    for login in ["/silent", "/auth"] {
        let place = place(format!("{url}{login}"), Duration::from_secs(3600));
        let before = came.load(Ordering::Relaxed);
        let (answers, waited) = std::thread::scope(|scope| {
            let asking = scope.spawn(|| ask_all(&place));
            // While one logs in, or asks for limits, the others wait for it.
            let expected = if login == "/auth" { 5 } else { 1 };
            while came.load(Ordering::Relaxed) < before + expected {
                std::thread::yield_now();
            }
            let began = Instant::now();
            interrupt();
            (asking.join().expect("no panic"), began.elapsed())
        });
        assert_eq!(answers, all_interrupted, "{login}");
        assert!(waited < LONG, "{waited:?}");
        // What tidies up is not waited for either, and then not even asked.
        assert_eq!(place.read("x").unwrap_err().kind(), ErrorKind::Interrupted);
        let before = came.load(Ordering::Relaxed);
        assert_eq!(ask_all(&place), all_interrupted);
        assert_eq!(came.load(Ordering::Relaxed), before);
        resume();
    }
    // A store that answers can be tidied after an interruption.
    silent.store(false, Ordering::Relaxed);
    let place = place(format!("{url}/auth"), LONG);
    interrupt();
    assert_eq!(place.read("x").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(place.read("x").unwrap_err().kind(), ErrorKind::NotFound);
    resume();
    assert_eq!(place.head("x").expect("answer"), None);
}
