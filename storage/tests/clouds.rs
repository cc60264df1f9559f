//! Places that `object_store` opens: S3 as Swift speaks it, and a plain web server.
#![cfg(feature = "cloud")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use widefield_storage::{Ahead, ErrorKind, Place, conformance};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn assert_conforms(place: &Place, folder: &str) {
    let failures = conformance::check(place, folder);
    let text: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{place}\n{}", text.join("\n"));
}

/// Runs the ignored test `name` of this program with other variables; what it says shows no secret.
fn child(name: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .output()
        .expect("child");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    assert!(!text.contains("marker-of-a-secret"), "{text}");
}

/// A bucket in the account of the test server.
#[cfg(feature = "swift")]
fn bucket() -> Option<String> {
    use widefield_storage::swift::{Credentials, Swift};
    if variable("S3_ENDPOINT").is_none() {
        eprintln!("SKIPPED: no S3; eval \"$(storage/tests/services/swift-up)\" starts one");
        return None;
    }
    let credentials = Credentials::from_variables(|name| match name {
        "ST_AUTH" => variable("SWIFT_AUTH_V1_URL"),
        "ST_USER" => variable("SWIFT_USER"),
        "ST_KEY" => variable("SWIFT_KEY"),
        _ => None,
    });
    let bucket = format!("widefield-s3-{}", std::process::id());
    let swift = Swift::new(&bucket, credentials.expect("credentials")).expect("client");
    let place = Place::from_swift(&swift, "").expect("place");
    // The first put makes the container.
    place.put("x", b"".to_vec()).expect("put");
    place.remove("x").expect("remove");
    Some(bucket)
}

#[cfg(feature = "swift")]
#[test]
fn s3_conforms_and_shows_no_secret() {
    let Some(bucket) = bucket() else { return };
    let get = |name| variable(name).expect("the server is there");
    let (endpoint, region) = (get("S3_ENDPOINT"), get("S3_REGION"));
    let (key, secret) = (get("S3_ACCESS_KEY"), get("S3_SECRET_KEY"));
    let variables = |secret| {
        [
            ("WIDEFIELD_TEST_BUCKET", bucket.as_str()),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", &region),
            ("AWS_ACCESS_KEY_ID", &key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
    };
    child("child_checks_s3", &variables(&secret));
    child("child_is_refused_by_s3", &variables("marker-of-a-secret"));
}

#[test]
#[ignore = "run by s3_conforms_and_shows_no_secret with the variables of the server"]
fn child_checks_s3() {
    let Some(bucket) = variable("WIDEFIELD_TEST_BUCKET") else {
        return;
    };
    let url = format!("s3://{bucket}");
    assert_conforms(&Place::open(&url).unwrap(), "top");
    // Whoever knows that a claim is dead gets it, also where the store refuses conditions, as Swift does here.
    let claimed = Place::open(&format!("{url}/claimed")).unwrap();
    std::mem::forget(claimed.claim(&["a"]).unwrap());
    let taken = claimed.claim_from(&["a"], |_| true).unwrap();
    taken.check().unwrap();
    drop(taken);
    let below = Place::open(&format!("{url}/a b%20/é/")).unwrap();
    assert_eq!(below.url(), format!("{url}/a b%20/é"));
    assert_conforms(&below, "sub/folder");
    let elsewhere = Place::open("s3://no-such-bucket-here/x").unwrap();
    let error = elsewhere.list("").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
}

#[test]
#[ignore = "run by s3_conforms_and_shows_no_secret with a wrong secret"]
fn child_is_refused_by_s3() {
    let Some(bucket) = variable("WIDEFIELD_TEST_BUCKET") else {
        return;
    };
    let place = Place::open(&format!("s3://{bucket}/x")).unwrap();
    let error = place.put("y", b"1".to_vec()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
    println!(
        "{place} {place:?} {error} {error:?} {}",
        error.with_causes()
    );
    println!(
        "{:?}",
        place.fetch_version("y", &place_entry(), vec![0..1, 1..2], Ahead::default())
    );
}

/// An entry of some object.
fn place_entry() -> widefield_storage::Entry {
    let place = Place::open("memory://").unwrap();
    place.put("y", b"12".to_vec()).unwrap();
    place.head("y").unwrap().unwrap()
}

/// A web server of one file, `/data/a b.bin`, that knows `Range` and no listings.
fn web_server(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}/data/", listener.local_addr().expect("address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty());
            let Some(request) = lines.next() else {
                continue;
            };
            let range = lines.find_map(|line| {
                let line = line.to_ascii_lowercase();
                let (first, last) = line.strip_prefix("range: bytes=")?.split_once('-')?;
                let last = last.parse::<usize>().unwrap_or(content.len() - 1);
                Some(first.parse::<usize>().ok()?..last.min(content.len() - 1) + 1)
            });
            let (head, body) = match (request.split(' ').nth(1), range) {
                (Some("/data/a%20b.bin"), None) => ("200 OK\r\n".to_owned(), &content[..]),
                (Some("/data/a%20b.bin"), Some(range)) => {
                    let last = range.end - 1;
                    let range_head = format!("bytes {}-{last}/{}", range.start, content.len());
                    let head = format!("206 Partial Content\r\nContent-Range: {range_head}\r\n");
                    (head, &content[range])
                }
                _ => ("404 Not Found\r\n".to_owned(), &b""[..]),
            };
            let mut writer = &stream;
            let _ = write!(
                writer,
                "HTTP/1.1 {head}ETag: W/\"7\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            if !request.starts_with("HEAD") {
                let _ = writer.write_all(body);
            }
        }
    });
    url
}

#[test]
fn a_web_server_is_read_by_name() {
    let content: Vec<u8> = (0..=250).cycle().take(100_000).collect();
    let url = web_server(content.clone());
    let place = Place::open(&url).unwrap();
    assert_eq!(place.url(), url.trim_end_matches('/'));
    assert_eq!(place.head("none").unwrap(), None);
    assert_eq!(place.read("none").unwrap_err().kind(), ErrorKind::NotFound);
    let entry = place.head("a b.bin").unwrap().unwrap();
    assert_eq!(entry.bytes, 100_000);
    assert_eq!(entry.modified.as_deref(), Some("2015-10-21T07:28:00Z"));
    assert_eq!(place.read("a b.bin").unwrap(), content);
    assert_eq!(
        place.read_range("a b.bin", 99_990..100_000).unwrap(),
        content[99_990..]
    );
    let parts = place.fetch("a b.bin", vec![7..9, 0..3], Ahead::default());
    let parts = parts.unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(parts, [&content[7..9], &content[0..3]]);

    let kinds = [
        place.list("").map(drop),
        place.put("x", b"1".to_vec()).map(drop),
        place.remove("x"),
        place.check_writable(""),
        place
            .create_mat("x", widefield_storage::MatMovie::new("tr", [1, 1, 1]))
            .map(drop),
    ];
    for result in kinds {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains(place.url()), "{error}");
    }
}

#[test]
fn places_without_settings_say_what_is_missing() {
    for url in ["https://user:marker@host/x", "https://host/x?sig=marker"] {
        let error = Place::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(
            !format!("{error} {error:?}").contains("marker"),
            "{error:?}"
        );
    }
    if variable("AZURE_STORAGE_ACCOUNT_NAME").is_none() {
        let error = Place::open("az://container/x").unwrap_err();
        assert!(error.to_string().contains("ccount"), "{error}");
    }
}

/// The address of a server of one request per connection; `answer` has the head of the request.
fn server(mut answer: impl FnMut(&str, &TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            answer(&head.join("\n"), &stream);
        }
    });
    url
}

/// Answers `head` without a body.
fn answer_empty(mut stream: &TcpStream, head: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

const MIB: u64 = 1 << 20;

/// The length of what has an end only lest a test never ends.
const ENDLESS: u64 = 200 * MIB;

/// Answers `head` and a body of that length, and adds to `taken` what is taken of it.
fn answer_endless(mut stream: &TcpStream, head: &str, taken: &AtomicU64) {
    let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
    let piece = vec![b' '; 1 << 20];
    for _ in 0..ENDLESS / MIB {
        if stream.write_all(&piece).is_err() {
            return;
        }
        taken.fetch_add(MIB, Ordering::SeqCst);
    }
}

/// Asks the S3 at `endpoint` for something, which fails with an error that says `says`.
fn assert_fails(call: &str, endpoint: &str, says: &str, more: &[(&str, &str)]) {
    let mut variables = vec![
        ("WIDEFIELD_TEST_CALL", call),
        ("WIDEFIELD_TEST_SAYS", says),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "here"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "marker-of-a-secret"),
        ("AWS_SESSION_TOKEN", "marker-of-a-secret"),
    ];
    variables.extend(more);
    child("child_fails_at_s3", &variables);
}

#[test]
#[ignore = "run by the tests of servers that mean no good"]
fn child_fails_at_s3() {
    let (Some(call), Some(says)) = (
        variable("WIDEFIELD_TEST_CALL"),
        variable("WIDEFIELD_TEST_SAYS"),
    ) else {
        return;
    };
    let place = Place::open("s3://bucket/x").unwrap();
    let result = match call.as_str() {
        "list" => place.list("y").map(drop),
        "head" => place.head("y").map(drop),
        "read" => place.read("y").map(drop),
        "range" => place.read_range("y", 0..10).map(drop),
        _ => place.put("y", b"1".to_vec()).map(drop),
    };
    let error = result.unwrap_err();
    println!("{error} {error:?} {}", error.with_causes());
    assert!(error.with_causes().contains(&says), "{says}");
}

#[test]
fn a_redirect_is_not_followed() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let other = server(move |_, stream| {
        count.fetch_add(1, Ordering::SeqCst);
        answer_empty(stream, "404 Not Found");
    });
    for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
        let head = format!("{status}\r\nLocation: {other}/bucket/x/y");
        let endpoint = server(move |_, stream| answer_empty(stream, &head));
        for call in ["list", "head", "read", "put"] {
            let says = "a redirect to another address is not followed";
            assert_fails(call, &endpoint, says, &[]);
            assert_eq!(asked.load(Ordering::SeqCst), 0, "{call} {status}");
        }
    }
}

#[test]
fn an_endless_answer_is_given_up() {
    let head = "200 OK\r\nETag: \"1\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT";
    let part = format!("206 Partial Content{}", &head["200 OK".len()..]);
    let cases = [
        ("list", "200 OK".to_owned()),
        (
            "list",
            format!("200 OK\r\nContent-Length: {}", ENDLESS << 20),
        ),
        ("list", "400 Bad Request".to_owned()),
        ("read", "400 Bad Request".to_owned()),
        ("put", "400 Bad Request".to_owned()),
        (
            "range",
            format!("{part}\r\nContent-Range: bytes 0-9/100\r\nContent-Length: {ENDLESS}"),
        ),
    ];
    for (call, answer) in cases {
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let (told, found) = (answer.clone(), format!("{head}\r\nContent-Length: 100"));
        let endpoint = server(move |request, mut stream| {
            if request.starts_with("HEAD") {
                let _ = write!(stream, "HTTP/1.1 {found}\r\nConnection: close\r\n\r\n");
            } else {
                answer_endless(stream, &told, &count);
            }
        });
        assert_fails(call, &endpoint, "the answer is unreasonably long", &[]);
        // What is on its way is counted too.
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken < ENDLESS / 2, "{taken} of {call} {answer}");
    }
}

#[test]
fn the_environment_sets_proxy_and_agent() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let proxy = server(move |request, stream| {
        let agent = request.to_ascii_lowercase().contains("user-agent: someone");
        if agent && request.starts_with("HEAD http://s3.invalid/bucket/x/y ") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        answer_empty(stream, "403 Forbidden");
    });
    let more = [
        ("AWS_PROXY_URL", proxy.as_str()),
        ("AWS_USER_AGENT", "someone"),
    ];
    assert_fails("head", "http://s3.invalid", "403", &more);
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    // Without a word, nothing is sent in the clear.
    let refused = [more[0], ("AWS_ALLOW_HTTP", "false")];
    assert_fails("head", "http://s3.invalid", "URL", &refused);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
