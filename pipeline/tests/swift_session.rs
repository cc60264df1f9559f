//! Whole runs with data and results in stores: the same results as in a folder, also when the store fails meanwhile.
//!
//! These tests need the servers that `storage/tests/services/swift-up` starts; without the variables that it prints
//! they skip, and say so.
#![cfg(all(feature = "swift", feature = "cloud"))]

mod common;

use common::{files, golden_experiment, widefield};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use widefield_storage::Place;
use widefield_storage::swift::{Credentials, Swift};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The servers and their faults are one set: one test at a time. Nothing if no server is there.
fn server() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    if variable("SWIFT_AUTH_V1_URL").is_none() {
        eprintln!("SKIPPED: no Swift; eval \"$(storage/tests/services/swift-up)\" starts one");
        return None;
    }
    Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    V1,
    Keystone,
    S3,
}

/// The variables by which the command logs in.
fn credentials(kind: Kind) -> Vec<(String, String)> {
    let renamed = |pairs: &[(&str, &str)]| {
        let get = |name: &str| variable(name).expect("the server is there");
        pairs
            .iter()
            .map(|(name, from)| ((*name).to_owned(), get(from)))
            .collect::<Vec<_>>()
    };
    match kind {
        Kind::V1 => renamed(&[
            ("ST_AUTH", "SWIFT_AUTH_V1_URL"),
            ("ST_USER", "SWIFT_USER"),
            ("ST_KEY", "SWIFT_KEY"),
        ]),
        Kind::Keystone => std::env::vars()
            .filter(|(name, _)| name.starts_with("OS_"))
            .collect(),
        Kind::S3 => {
            let mut found = renamed(&[
                ("AWS_ENDPOINT_URL", "S3_ENDPOINT"),
                ("AWS_REGION", "S3_REGION"),
                ("AWS_ACCESS_KEY_ID", "S3_ACCESS_KEY"),
                ("AWS_SECRET_ACCESS_KEY", "S3_SECRET_KEY"),
            ]);
            found.push(("AWS_ALLOW_HTTP".to_owned(), "true".to_owned()));
            found
        }
    }
}

/// A container with the raw files of the golden session in `raw`; results go to `out`.
struct Session {
    kind: Kind,
    swift: Swift,
    /// Holds the experiment.
    _folder: tempfile::TempDir,
    experiment: PathBuf,
}

impl Session {
    fn new(kind: Kind, name: &str) -> Self {
        // S3 shares the account of version 1, in which a bucket is a container.
        let login = credentials(if kind == Kind::S3 { Kind::V1 } else { kind });
        let login = Credentials::from_variables(|name| {
            let found = login.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        });
        let bucket = format!("widefield-{name}-{}", std::process::id());
        let swift = Swift::new(&bucket, login.expect("credentials")).expect("client");
        let folder = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(folder.path(), "");
        let raw = Place::of_swift(&swift, "raw").expect("place");
        for name in files(folder.path()) {
            let bytes = std::fs::read(folder.path().join(&name)).expect("read");
            raw.put(&name, bytes).expect("put");
        }
        Session {
            kind,
            swift,
            _folder: folder,
            experiment,
        }
    }

    fn command(&self, more: &[&str]) -> Command {
        let scheme = if self.kind == Kind::S3 { "s3" } else { "swift" };
        let url = format!("{scheme}://{}", self.swift.container());
        let mut command = widefield();
        for (name, _) in std::env::vars() {
            if ["OS_", "ST_", "AWS_", "S3_", "SWIFT_"]
                .iter()
                .any(|start| name.starts_with(start))
            {
                command.env_remove(name);
            }
        }
        command
            .envs(credentials(self.kind))
            .arg("run")
            .arg(&self.experiment)
            .args(["--set", &format!("data.url={url}/raw")])
            .args(["--set", &format!("output.url={url}/out")])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command; status and all it said, in which no secret is.
    fn run(&self, more: &[&str], meanwhile: impl FnOnce()) -> (i32, String) {
        let child = self.command(more).spawn().expect("the command starts");
        meanwhile();
        let output = child.wait_with_output().expect("output");
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_no_secret(&text);
        (output.status.code().expect("no signal"), text.into_owned())
    }

    /// Every object of the container, by name.
    fn objects(&self, place: &str) -> BTreeMap<String, Vec<u8>> {
        use futures::TryStreamExt;
        let top = Place::of_swift(&self.swift, "").expect("place");
        let (store, _) = top.object_store().expect("store");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        let names: Vec<String> = runtime.block_on(async {
            let rows = store.list(None).map_ok(|meta| meta.location.to_string());
            rows.try_collect().await.expect("listing")
        });
        names
            .into_iter()
            .filter_map(|name| {
                let short = name.strip_prefix(&format!("{place}/"))?.to_owned();
                Some((short, top.read(&name).expect("read").to_vec()))
            })
            .collect()
    }

    fn outcome(&self) -> Outcome {
        Outcome::new(self.objects("out"))
    }

    fn remove_results(&self) {
        let out = Place::of_swift(&self.swift, "out").expect("place");
        for name in self.objects("out").keys() {
            out.remove(name).expect("remove");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let top = Place::of_swift(&self.swift, "").expect("place");
        for place in ["raw", "out"] {
            for name in self.objects(place).keys() {
                top.remove(&format!("{place}/{name}")).expect("remove");
            }
        }
    }
}

fn assert_no_secret(text: &str) {
    for name in ["SWIFT_KEY", "OS_PASSWORD", "S3_SECRET_KEY"] {
        let secret = variable(name).expect("the server is there");
        assert!(
            secret.len() > 8,
            "{name} is no word that is found by chance"
        );
        assert!(!text.contains(&secret), "{name} is shown:\n{text}");
    }
    assert!(!text.contains("AUTH_tk"), "a token is shown:\n{text}");
}

/// What a run leaves, without what tells times and places.
#[derive(Debug, PartialEq)]
struct Outcome {
    outputs: BTreeMap<String, Vec<u8>>,
    record: Value,
    /// Names of all objects.
    names: Vec<String>,
}

impl Outcome {
    fn new(objects: BTreeMap<String, Vec<u8>>) -> Self {
        for (name, bytes) in &objects {
            if !name.ends_with(".h5") && !name.ends_with(".mat") && variable("SWIFT_KEY").is_some()
            {
                assert_no_secret(&String::from_utf8_lossy(bytes));
            }
        }
        let record = objects.get("run.json").expect("run.json");
        let mut record: Value = serde_json::from_slice(record).expect("JSON");
        for key in ["seconds", "report_seconds", "ended", "skipped", "ok"] {
            record["totals"][key] = Value::Null;
        }
        for trial in record["trials"].as_array_mut().expect("trials") {
            for key in ["seconds", "input", "status"] {
                trial[key] = Value::Null;
            }
        }
        record["config"]["output"]["url"] = Value::Null;
        record["config"]["data"]["url"] = Value::Null;
        let names = objects.keys().cloned().collect();
        let tells_times = |name: &String| {
            name == "run.json" || name == "report.html" || name.starts_with("manifest/")
        };
        let outputs = objects.into_iter().filter(|(name, _)| !tells_times(name));
        Outcome {
            outputs: outputs.collect(),
            record,
            names,
        }
    }

    /// What the same run leaves in a folder.
    fn of_folder() -> Outcome {
        let folder = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(folder.path(), "");
        let out = folder.path().join("out");
        let set = format!("output.url={}", out.display());
        let (status, _, stderr) = common::run_experiment(&experiment, &["--set", &set]);
        assert_eq!(status, 0, "{stderr}");
        let read = |name: String| {
            let bytes = std::fs::read(out.join(&name)).expect("read");
            (name, bytes)
        };
        Outcome::new(files(&out).into_iter().map(read).collect())
    }

    fn assert_same(&self, other: &Outcome, case: &str) {
        assert_eq!(self.names, other.names, "{case}: other objects");
        for (name, bytes) in &self.outputs {
            assert!(other.outputs[name] == *bytes, "{case}: {name} differs");
        }
        assert_eq!(self.record, other.record, "{case}: another record");
    }
}

#[test]
fn stores_and_folders_hold_the_same() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    assert!(expected.outputs.len() >= 11, "{:?}", expected.names);
    for kind in [Kind::V1, Kind::Keystone, Kind::S3] {
        let session = Session::new(kind, "same");
        let (status, text) = session.run(&[], || ());
        assert_eq!(status, 0, "{kind:?}\n{text}");
        expected.assert_same(&session.outcome(), &format!("{kind:?}"));
    }
}

/// Sets or asks for the rule of the proxy of version 1.
fn rule(method: &str, body: &str) -> String {
    let url = variable("SWIFT_FAULT_URL").expect("the server is there");
    let rest = url.strip_prefix("http://").expect("http");
    let (host, path) = rest.split_once('/').expect("path");
    let mut stream = TcpStream::connect(host).expect("proxy");
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// Waits until the proxy has applied its rule: the run is in the middle of its work.
fn wait_for_rule() {
    let start = Instant::now();
    while rule("GET", "").contains("\"hits\": 0") {
        assert!(start.elapsed() < Duration::from_secs(60), "never applied");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts what does not run of the servers, or stops one of them.
fn servers(script: &str, argument: &[&str]) {
    let path = format!(
        "{}/../storage/tests/services/{script}",
        env!("CARGO_MANIFEST_DIR")
    );
    let output = Command::new(path).args(argument).output().expect("script");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

fn flush_tokens() {
    let memcached = variable("SWIFT_MEMCACHED").expect("the server is there");
    let mut stream = TcpStream::connect(memcached).expect("memcached");
    stream.write_all(b"flush_all\r\n").expect("flush");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("answer");
}

#[test]
fn passing_faults_change_nothing() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    let session = Session::new(Kind::V1, "faults");
    let put = r#""method": "PUT", "path": "/out/(mov|dff|mat)_out/[^.]""#;
    let get = r#""method": "GET", "path": "/raw/20170214_""#;
    let mut cases = Vec::new();
    for fault in [
        r#""status": 401"#,
        r#""status": 503, "count": 2"#,
        r#""status": 503, "after": true"#,
        r#""status": 498, "count": 3"#,
        r#""drop": true, "count": 2"#,
        r#""drop": true, "after": true"#,
    ] {
        cases.push(format!("{{{put}, {fault}}}"));
        cases.push(format!("{{{get}, {fault}}}"));
    }
    cases.push(format!("{{{get}, \"truncate\": 1000, \"count\": 4}}"));
    for case in cases {
        rule("PUT", &case);
        let (status, text) = session.run(&[], wait_for_rule);
        rule("DELETE", "");
        assert_eq!(status, 0, "{case}\n{text}");
        expected.assert_same(&session.outcome(), &case);
        session.remove_results();
    }
}

/// One answer that asks the run to wait, so that there is time for something to happen to it.
const PAUSE: &str = r#"{"method": "PUT", "path": "/out/(mov|dff|mat)_out/[^.]", "status": 503,
    "headers": {"Retry-After": "2"}}"#;

/// A case of an outage, and what happens in it while the session runs.
type Happening = (&'static str, Box<dyn Fn()>);

#[test]
fn servers_that_come_back_change_nothing() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    let session = Session::new(Kind::V1, "outages");
    let outage = |server: &'static str| {
        move || {
            wait_for_rule();
            servers("swift-down", &[server]);
            std::thread::sleep(Duration::from_secs(3));
            servers("swift-up", &[]);
        }
    };
    let revoked = || {
        wait_for_rule();
        flush_tokens();
    };
    // Without the container server objects are stored and do not appear in listings for a while.
    let cases: [Happening; 3] = [
        ("token revoked", Box::new(revoked)),
        ("object server", Box::new(outage("object"))),
        ("listing lags", Box::new(outage("container"))),
    ];
    for (case, happens) in cases {
        rule("PUT", PAUSE);
        let (status, text) = session.run(&[], happens);
        rule("DELETE", "");
        assert_eq!(status, 0, "{case}\n{text}");
        // What an earlier run stored is known, listed or not.
        let (status, text) = session.run(&["--existing", "resume"], || ());
        assert_eq!(status, 0, "{case}\n{text}");
        std::thread::sleep(Duration::from_secs(if case == "listing lags" {
            8
        } else {
            0
        }));
        expected.assert_same(&session.outcome(), case);
        session.remove_results();
    }
}

#[test]
fn a_store_that_stays_away_is_told_and_resume_completes() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    let session = Session::new(Kind::V1, "away");
    rule("PUT", PAUSE);
    let start = Instant::now();
    let (status, text) = session.run(&[], || {
        wait_for_rule();
        servers("swift-down", &["proxy-v1"]);
    });
    eprintln!(
        "given up after {:.0} s:\n{text}",
        start.elapsed().as_secs_f64()
    );
    servers("swift-up", &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains(session.swift.container()), "{text}");
    assert!(text.contains("no answer from the server"), "{text}");
    let (status, text) = session.run(&["--existing", "resume"], || ());
    assert_eq!(status, 0, "{text}");
    expected.assert_same(&session.outcome(), "after resume");
}
