//! Requests to the servers that `swift-up` starts, past the library: what is there without it, and faults.

use std::io::{Read, Write};
use std::net::TcpStream;

use widefield_storage::swift::Credentials;

/// A variable of the environment, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// One that `swift-up` prints.
pub(crate) fn printed(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} is not set, and a server is there"))
}

/// Credentials for version 1; nothing if no server is there.
pub(crate) fn v1() -> Option<Credentials> {
    credentials(|name| match name {
        "ST_AUTH" => variable("SWIFT_AUTH_V1_URL"),
        "ST_USER" => variable("SWIFT_USER"),
        "ST_KEY" => variable("SWIFT_KEY"),
        _ => None,
    })
}

/// Whatever `variable` tells, or nothing if no server is there.
pub(crate) fn credentials(variables: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    if variable("SWIFT_AUTH_V1_URL").is_none() {
        eprintln!("SKIPPED: no Swift; eval \"$(storage/tests/services/swift-up)\" starts one");
        return None;
    }
    Some(Credentials::from_variables(variables).expect("credentials of the server"))
}

/// Sends `text` to `host`; all that comes back.
fn exchange(host: &str, text: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Sends a request to a URL; `headers` end each with a line end. The answer with its head.
pub(crate) fn request(method: &str, url: &str, headers: &str, body: &str) -> String {
    try_request(method, url, headers, body).expect("an answer")
}

fn try_request(method: &str, url: &str, headers: &str, body: &str) -> std::io::Result<String> {
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').expect("path");
    let length = format!("Content-Length: {}\r\n", body.len());
    let head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    exchange(host, &format!("{head}{length}{headers}\r\n{body}"))
}

/// Sends the beginning of a request and hangs up; `headers` tell the length of the whole.
pub(crate) fn begin(method: &str, url: &str, headers: &str, body: &[u8]) {
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').expect("path");
    let head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
    let mut stream = TcpStream::connect(host).expect("server");
    stream.write_all(head.as_bytes()).expect("head");
    stream.write_all(body).expect("body");
}

/// A value in the head of an answer.
pub(crate) fn header(answer: &str, name: &str) -> Option<String> {
    let head = answer.split("\r\n\r\n").next()?;
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

/// The address of the account of version 1, and a header with a token for it.
pub(crate) fn account() -> (String, String) {
    let (user, key) = (printed("SWIFT_USER"), printed("SWIFT_KEY"));
    let login = format!("X-Auth-User: {user}\r\nX-Auth-Key: {key}\r\n");
    let answer = request("GET", &printed("SWIFT_AUTH_V1_URL"), &login, "");
    let get = |name| header(&answer, name).expect("the login succeeds");
    let token = format!("X-Auth-Token: {}\r\n", get("X-Auth-Token"));
    (get("X-Storage-Url"), token)
}

/// What a request with the token of version 1 answers; `path` follows the address of the account.
pub(crate) fn raw(method: &str, path: &str, headers: &str, body: &str) -> String {
    let (url, token) = account();
    request(
        method,
        &format!("{url}/{path}"),
        &format!("{token}{headers}"),
        body,
    )
}

/// Sets (PUT), tells (GET) or forgets (DELETE) the rule of the proxy of version 1, see `widefield_faults.py`.
pub(crate) fn fault(method: &str, rule: &str) -> String {
    let answer = request(method, &printed("SWIFT_FAULT_URL"), "", rule);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// A rule that is forgotten with this value.
pub(crate) struct Fault;

impl Fault {
    pub(crate) fn set(rule: &str) -> Self {
        fault("PUT", rule);
        Fault
    }

    /// How often it has been applied.
    pub(crate) fn hits(&self) -> u64 {
        Self::number("hits")
    }

    /// How many requests it lets through before it is applied.
    pub(crate) fn skip(&self) -> u64 {
        Self::number("skip")
    }

    fn number(name: &str) -> u64 {
        let answer = fault("GET", "");
        let (_, number) = answer.split_once(&format!("\"{name}\": ")).expect(name);
        let end = number.find(|c: char| !c.is_ascii_digit()).expect("an end");
        number[..end].parse().expect("a number")
    }

    /// Has the cluster say that it takes `bytes` in one put.
    pub(crate) fn largest_put(bytes: u64) -> Self {
        Self::set(&Self::largest_put_rule(bytes))
    }

    /// The rule of [`Fault::largest_put`], to be one of several.
    pub(crate) fn largest_put_rule(bytes: u64) -> String {
        format!(
            r#"{{"method": "GET", "path": "^/info", "count": -1, "status": 200, "body":
                {{"swift": {{"max_file_size": {bytes}}}, "slo": {{"max_manifest_segments": 1000}},
                "bulk_delete": {{"max_deletes_per_request": 1000}}}}}}"#
        )
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // Also after a failure, of which the proxy may have been the cause.
        let forgotten = try_request("DELETE", &printed("SWIFT_FAULT_URL"), "", "");
        assert!(
            forgotten.is_ok() || std::thread::panicking(),
            "{forgotten:?}"
        );
    }
}

/// Has all tokens of version 1 refused.
pub(crate) fn flush_tokens() {
    let answer = exchange(&printed("SWIFT_MEMCACHED"), "flush_all\r\nquit\r\n").expect("memcached");
    assert!(answer.starts_with("OK"), "{answer}");
}

/// What a future gives, for tests that are not asynchronous themselves.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
        .block_on(future)
}
