//! Whole runs with data and results in stores: the same results as in a folder, also when the store fails meanwhile.
//!
//! These tests need the servers that `storage/tests/services/swift-up` starts; without the variables that it prints
//! they skip, and say so.
#![cfg(all(unix, feature = "cloud", feature = "swift"))]

#[path = "../../../storage/tests/services/direct.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod direct;

use crate::common::killing::{
    self, Moment, Run, events_of, tells_times, was_killed, without_times,
};
use crate::common::{files, golden_experiment, widefield};
use direct::{Fault, flush_tokens, variable};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use widefield_pipeline::recording::Recording;
use widefield_storage::Place;
use widefield_storage::swift::{Credentials, Swift};

/// The servers and their faults are one set: one test at a time. Nothing if no server is there.
pub(crate) fn server() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    direct::v1()?;
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
        pairs
            .iter()
            .map(|(name, from)| ((*name).to_owned(), direct::printed(from)))
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

/// The command, which finds these variables for its login and no others.
fn only_with(credentials: Vec<(String, String)>, mut command: Command) -> Command {
    for (name, _) in std::env::vars() {
        let starts = ["OS_", "ST_", "AWS_", "S3_", "SWIFT_"];
        if starts.iter().any(|start| name.starts_with(start)) {
            command.env_remove(name);
        }
    }
    command.envs(credentials);
    command
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
        let raw = Place::from_swift(&swift, "raw").expect("place");
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

    /// What `--set` says of the places.
    fn places(&self) -> [String; 2] {
        let scheme = if self.kind == Kind::S3 { "s3" } else { "swift" };
        let url = format!("{scheme}://{}", self.swift.container());
        [
            format!("data.url={url}/raw"),
            format!("output.url={url}/out"),
        ]
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = only_with(credentials(self.kind), widefield());
        command
            .arg("run")
            .arg(&self.experiment)
            .args(self.places().iter().flat_map(|set| ["--set", set]))
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

    /// The objects below `folder`, by name.
    fn objects(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let top = Place::from_swift(&self.swift, "").expect("place");
        let named = |name: String| {
            let short = name.strip_prefix(&format!("{folder}/"))?.to_owned();
            Some((short, top.read(&name).expect("read").to_vec()))
        };
        names(&self.swift).into_iter().filter_map(named).collect()
    }

    /// Names of the segments of results that are large objects.
    fn segments(&self) -> Vec<String> {
        let name = format!("{}_segments", self.swift.container());
        let login = direct::v1().expect("the server is there");
        let mut names = names(&Swift::new(&name, login).expect("client"));
        names.retain(|name| name.starts_with("out/"));
        names
    }

    fn outcome(&self) -> Outcome {
        Outcome::new(self.objects("out"))
    }

    /// Names of the results.
    fn results(&self) -> Vec<String> {
        let mut names = names(&self.swift);
        names.retain(|name| name.starts_with("out/"));
        names
    }

    fn remove_results(&self) {
        let top = Place::from_swift(&self.swift, "").expect("place");
        for name in self.results() {
            top.remove(&name).expect("remove");
        }
    }

    /// Waits a while for `settled`, since listings may lag behind what is there.
    fn wait_until(settled: impl Fn() -> bool) {
        let start = Instant::now();
        while !settled() && start.elapsed() < Duration::from_secs(300) {
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// Names of everything in a container.
fn names(swift: &Swift) -> Vec<String> {
    use futures::TryStreamExt;
    use object_store::ObjectStore;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let rows = swift.list(None).map_ok(|meta| meta.location.to_string());
        match rows.try_collect().await {
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            names => names.expect("listing"),
        }
    })
}

impl Drop for Session {
    fn drop(&mut self) {
        let top = Place::from_swift(&self.swift, "").expect("place");
        for name in names(&self.swift) {
            // Second failures would hide the first.
            let removed = top.remove(&name);
            assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
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
    page: String,
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
        let record: Value = serde_json::from_slice(record).expect("JSON");
        let page = objects.get("report.html").expect("report.html").clone();
        let page = timeless(&String::from_utf8(page).expect("UTF-8"), &record);
        let names = objects.keys().cloned().collect();
        let outputs = objects.into_iter().filter(|(name, _)| !tells_times(name));
        Outcome {
            outputs: outputs.collect(),
            record: without_times(record),
            page,
            names,
        }
    }

    /// What the same run leaves in a folder.
    fn of_folder() -> Outcome {
        let folder = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(folder.path(), "");
        let out = folder.path().join("out");
        let places = [
            format!("data.url={}", folder.path().display()),
            format!("output.url={}", out.display()),
        ];
        let set = ["--set", &places[0], "--set", &places[1]];
        let (status, _, stderr) = crate::common::run_experiment(&experiment, &set);
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
        let lines = self.page.lines().zip(other.page.lines());
        for (one, other) in lines {
            assert_eq!(one, other, "{case}: another report");
        }
        assert_eq!(self.page.len(), other.page.len(), "{case}: another report");
    }
}

/// The report without what `record` says of times and places, and of which run did what.
fn timeless(page: &str, record: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let ended = text(&record["totals"]["ended"]);
    let mut page = page
        .replace(&text(&record["config"]["output"]["url"]), "OUTPUT")
        .replace(&text(&record["config"]["data"]["url"]), "DATA")
        .replace(&ended.replace('T', " ").replace('Z', ""), "ENDED")
        .replace(&ended, "ENDED")
        .replace(">kept<", ">done<");
    let seconds = record["totals"]["seconds"].as_f64().expect("seconds");
    page = page.replace(&format!(" in {seconds:.1} s."), " in TIME.");
    let skipped = &record["totals"]["skipped"];
    page = page.replace(&format!(" ({skipped} by an earlier run)"), "");
    for trial in record["trials"].as_array().expect("trials") {
        let stages = trial["seconds"].as_object().expect("stages").values();
        let seconds: f64 = stages.map(|s| s.as_f64().expect("seconds")).sum();
        // At the end of the trial's row.
        page = page.replace(&format!(">{seconds:.2}</td></tr>"), ">TIME</td></tr>");
    }
    page
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

/// Waits until the proxy has applied its rule: the run is in the middle of its work.
fn wait_for(rule: &Fault) {
    let start = Instant::now();
    while rule.hits() == 0 {
        assert!(start.elapsed() < Duration::from_secs(300), "never applied");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts what does not run of the servers, or stops one of them.
fn servers(script: &str, argument: &[&str]) {
    let path = format!(
        "{}/../../storage/tests/services/{script}",
        env!("CARGO_MANIFEST_DIR")
    );
    let output = Command::new(path).args(argument).output().expect("script");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
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
        let rule = Fault::set(&case);
        let (status, text) = session.run(&[], || wait_for(&rule));
        drop(rule);
        assert_eq!(status, 0, "{case}\n{text}");
        expected.assert_same(&session.outcome(), &case);
        session.remove_results();
    }
}

/// One answer that asks the run to wait, so that there is time for something to happen to it.
const PAUSE: &str = r#"{"method": "PUT", "path": "/out/(mov|dff|mat)_out/[^.]", "status": 503,
    "headers": {"Retry-After": "2"}}"#;

/// Stops one of the servers for a while.
fn outage(server: &str) {
    servers("swift-down", &[server]);
    std::thread::sleep(Duration::from_secs(3));
    servers("swift-up", &[]);
}

#[test]
fn servers_that_come_back_change_nothing() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    let session = Session::new(Kind::V1, "outages");
    let during = |case: &str, happens: &dyn Fn()| {
        let pause = Fault::set(PAUSE);
        let (status, text) = session.run(&[], || {
            wait_for(&pause);
            happens();
        });
        assert_eq!(status, 0, "{case}\n{text}");
    };
    let resume = || {
        let (status, text) = session.run(&["--existing", "resume"], || ());
        assert_eq!(status, 0, "{text}");
        text
    };
    during("token revoked", &flush_tokens);
    expected.assert_same(&session.outcome(), "token revoked");
    session.remove_results();
    during("object server", &|| outage("object"));
    expected.assert_same(&session.outcome(), "object server");
    let text = resume();
    assert!(
        text.contains("3 trials are finished and unchanged, 0"),
        "{text}"
    );
    session.remove_results();
    // Without the container server objects are stored, and do not appear in listings for a while.
    during("listing lags", &|| outage("container"));
    // What is not listed yet is done again, over what is there.
    resume();
    Session::wait_until(|| session.results().len() == expected.names.len());
    expected.assert_same(&session.outcome(), "listing lags");
}

#[test]
fn a_store_that_stays_away_is_told_and_resume_completes() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    let session = Session::new(Kind::V1, "away");
    let pause = Fault::set(PAUSE);
    let start = Instant::now();
    let (status, text) = session.run(&[], || {
        wait_for(&pause);
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

#[test]
fn a_run_that_sleeps_while_another_takes_over_ends_with_the_file_it_was_at() {
    let Some(_turn) = server() else { return };
    let session = Session::new(Kind::V1, "asleep");
    let pause = Fault::set(PAUSE);
    let mut sleeper = session.command(&["--jobs", "1"]).spawn().expect("a run");
    wait_for(&pause);
    let signal = |signal| kill_process(Pid::from_child(&sleeper), signal).expect("signal");
    signal(Signal::STOP);
    drop(pause);
    let other = ["--set", "analysis.resize=\"nearest\""];
    let (status, text) = session.run(&[other[0], other[1], "--take-over"], || ());
    assert_eq!(status, 0, "{text}");
    let taken = session.objects("out");
    signal(Signal::CONT);
    let mut said = String::new();
    let stderr = sleeper.stderr.as_mut().expect("stderr");
    stderr.read_to_string(&mut said).expect("UTF-8");
    assert!(!sleeper.wait().expect("its end").success(), "{said}");
    assert!(said.contains("no longer claimed for this run"), "{said}");
    let left = session.objects("out");
    assert!(left.keys().eq(taken.keys()));
    let differ: Vec<&String> = left.keys().filter(|n| left[*n] != taken[*n]).collect();
    assert!(
        matches!(differ[..], [one] if one.starts_with("mov_out/")),
        "{differ:?}"
    );
    // Nobody takes that one file for the other run's.
    let (status, text) = session.run(&other, || ());
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("2 trials are finished and unchanged, 1"),
        "{text}"
    );
    Outcome::new(taken).assert_same(&session.outcome(), "after resume");
}

#[test]
#[ignore = "what the others start and kill"]
fn run_that_is_killed() {
    killing::run_to_be_killed();
}

/// What the cluster says that it takes in one put.
const LARGEST_PUT: u64 = 40_000;

/// How many segments these objects have then.
fn parts_of(objects: &BTreeMap<String, Vec<u8>>) -> usize {
    let lengths = objects.values().map(|bytes| bytes.len() as u64);
    let parts = lengths.filter(|length| *length > LARGEST_PUT);
    let parts: u64 = parts.map(|length| length.div_ceil(LARGEST_PUT)).sum();
    usize::try_from(parts).expect("few")
}

#[test]
fn killed_at_any_moment_and_resumed_a_session_in_a_store_is_as_if_unbroken() {
    let Some(_turn) = server() else { return };
    let expected = Outcome::of_folder();
    let session = Session::new(Kind::V1, "killed");
    let temporary = tempfile::tempdir().expect("folder");
    let places = session.places();
    let run = |moment| {
        let run = Run::new(&session.experiment, &[&places[0], &places[1]]);
        let mut command = only_with(credentials(Kind::V1), run.command(moment));
        command.env("TMPDIR", temporary.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let assert_as_unbroken = |case: &str| {
        Session::wait_until(|| session.results().len() == expected.names.len());
        let objects = session.objects("out");
        let parts = parts_of(&objects);
        expected.assert_same(&Outcome::new(objects), case);
        Session::wait_until(|| session.segments().len() == parts);
        let segments = session.segments();
        assert_eq!(segments.len(), parts, "{case}: {segments:#?}");
        assert_eq!(files(temporary.path()), [""; 0]);
    };
    // Most results go in parts, so that uploads of several requests are hit. The store puts off the request after so many.
    let put_off_after = |request: u64| {
        Fault::set(&format!(
            r#"[{}, {{"method": "PUT", "path": "/out/", "skip": {request}, "count": -1, "status": 503,
            "headers": {{"Retry-After": "5"}}}}]"#,
            Fault::largest_put_rule(LARGEST_PUT)
        ))
    };
    const NEVER: u64 = 1 << 40;
    let parts = put_off_after(NEVER);
    let events = events_of(run(None));
    let requests = NEVER - parts.skip();
    assert_as_unbroken("unbroken");
    assert!(parts_of(&expected.outputs) >= 20, "most are in parts");
    // How many trials are kept.
    let resume = |case: &str| {
        events_of(run(None));
        let record = session.objects("out").remove("run.json").expect("run.json");
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        assert_as_unbroken(case);
        record["totals"]["skipped"].as_u64().expect("a count")
    };
    let mut kept = 0;
    // In folders a run is killed at each of its events.
    for event in (0..events).step_by(3) {
        session.remove_results();
        let moment = Moment::Event(event);
        let killed = run(Some(moment)).output().expect("a run");
        assert!(was_killed(killed.status), "{moment:?}: {killed:?}");
        kept += resume(&format!("{moment:?}"));
    }
    drop(parts);
    assert!(kept > 0, "killed runs leave what need not be done again");
    kept = 0;
    // A request that is put off for ever holds the run up for as long as killing takes.
    for tenth in 0..10 {
        let request = requests * tenth / 10;
        session.remove_results();
        let put_off = put_off_after(request);
        let mut child = run(None).spawn().expect("the run starts");
        wait_for(&put_off);
        child.kill().expect("kill");
        let killed = child.wait_with_output().expect("output");
        assert!(was_killed(killed.status), "request {request}: {killed:?}");
        drop(put_off);
        let parts = Fault::largest_put(LARGEST_PUT);
        kept += resume(&format!("request {request} of {requests}"));
        drop(parts);
    }
    assert!(kept > 0, "killed runs leave what need not be done again");
    session.remove_results();
    Session::wait_until(|| session.segments().is_empty());
    assert_eq!(session.segments(), [""; 0]);
}

/// Passes connections on to a server, and counts what comes back from it.
struct Counted {
    host: String,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let host = listener.local_addr().expect("address").to_string();
        let (server, bytes) = (server.to_owned(), Arc::new(AtomicU64::new(0)));
        let total = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut server = TcpStream::connect(&server).expect("server");
                let mut there = server.try_clone().expect("socket");
                let mut from = client.try_clone().expect("socket");
                let total = Arc::clone(&total);
                std::thread::spawn(move || std::io::copy(&mut from, &mut there));
                std::thread::spawn(move || {
                    let mut buffer = [0; 1 << 16];
                    // Whatever ends a connection ends the other one too.
                    while let Ok(length @ 1..) = server.read(&mut buffer) {
                        total.fetch_add(length as u64, Ordering::Relaxed);
                        if client.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                    let _ = client.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Counted { host, bytes }
    }

    /// What came while `operation` ran, and how long that took.
    fn during<T>(&self, operation: impl FnOnce() -> T) -> (T, u64, f64) {
        let (start, before) = (Instant::now(), self.bytes.load(Ordering::Relaxed));
        let result = operation();
        let seconds = start.elapsed().as_secs_f64();
        (result, self.bytes.load(Ordering::Relaxed) - before, seconds)
    }
}

/// A file that takes no space where zeros are written.
struct Sparse(std::fs::File);

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let piece = &bytes[..bytes.len().min(1 << 16)];
        if piece.iter().all(|byte| *byte == 0) {
            let length = i64::try_from(piece.len()).expect("small");
            return self.0.seek(SeekFrom::Current(length)).map(|_| piece.len());
        }
        self.0.write(piece)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

/// A movie of 480 equal frames of 2 MiB, 1 GB, as a large object of which each frame is the same segment.
fn put_large_movie(place: &Place, container: &str, folder: &Path) -> u64 {
    use std::os::unix::fs::FileExt;
    const FRAMES: u32 = 480;
    let path = folder.join("movie");
    let file = std::fs::File::create_new(&path).expect("create");
    let spec = dcimg::write::Spec::packed(1024, 1024);
    let mut writer = dcimg::write::Writer::new(Sparse(file), &spec).expect("writer");
    let mut frame = ndarray::Array2::zeros((1024, 1024));
    frame[[17, 23]] = 1234_u16;
    for _ in 0..FRAMES {
        writer
            .push(frame.view(), dcimg::Stamp::default())
            .expect("frame");
    }
    writer.finish().expect("finish");

    let movie = Recording::open_url(path.to_str().expect("UTF-8")).expect("movie");
    let starts = |k| movie.layout().frame_ranges(k..k + 1).expect("frame")[0].start;
    let (first, second) = (starts(0), starts(1));
    let last = first + u64::from(FRAMES) * (second - first);
    let file = std::fs::File::open(&path).expect("open");
    let size = file.metadata().expect("size").len();
    let mut rows = Vec::new();
    for (name, range, times) in [
        ("header", 0..first, 1),
        ("frame", first..second, FRAMES),
        ("footer", last..size, 1),
    ] {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).expect("small")];
        file.read_exact_at(&mut bytes, range.start).expect("read");
        let name = format!("parts/{name}");
        place.put(&name, bytes).expect("put");
        let row = serde_json::json!({"path": format!("/{container}/{name}")});
        rows.extend((0..times).map(|_| row.clone()));
    }
    let manifest = Value::from(rows).to_string();
    let target = format!("{container}/movie?multipart-manifest=put");
    let answer = direct::raw("PUT", &target, "", &manifest);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    std::fs::remove_file(&path).expect("remove");
    size
}

#[test]
fn the_first_frame_of_a_large_movie_comes_at_once() {
    let Some(_turn) = server() else { return };
    let folder = tempfile::tempdir().expect("folder");
    let url = direct::printed("SWIFT_AUTH_V1_URL");
    let host = url.split('/').nth(2).expect("host");
    let counted = Counted::before(host);
    // The server calls its storage by the address at which it is asked.
    let mut login = credentials(Kind::V1);
    login[0].1 = url.replace(host, &counted.host);
    let swift = |login: &[(String, String)], container: &str| {
        let login = Credentials::from_variables(|name| {
            let found = login.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        });
        Swift::new(container, login.expect("credentials")).expect("client")
    };
    let container = format!("widefield-first-{}", std::process::id());
    let place = Place::from_swift(&swift(&login, &container), "").expect("place");
    let size = put_large_movie(&place, &container, folder.path());
    assert!(size > 1_000_000_000);

    // Its own client, which logs in first.
    let place = Place::from_swift(&swift(&login, &container), "").expect("place");
    let (frame, read, seconds) = counted.during(|| {
        let movie = Recording::open(&place, "movie").expect("movie");
        movie.frame(0).expect("frame")
    });
    assert_eq!(
        (frame[[17, 23]], frame[[17, 24]], frame.dim()),
        (1234, 0, (1024, 1024))
    );
    let check = |what: &str, read: u64, seconds: f64| {
        let percent = 100.0 * read as f64 / size as f64;
        eprintln!("{what}: {percent:.2} % of {size} bytes in {seconds:.2} s");
        assert!(read > 0, "nothing passed the counter");
        assert!(percent < 1.0, "{what} read {read} bytes");
        // A second where nothing else runs, as the measurement says; here others run too.
        assert!(seconds < 20.0, "{what} took {seconds} s");
    };
    check("first frame", read, seconds);

    let url = format!("swift://{container}/movie");
    let picture = folder.path().join("x.png");
    for arguments in [
        vec!["inspect", &url],
        vec![
            "view",
            &url,
            "--frame",
            "0",
            "-o",
            picture.to_str().expect("UTF-8"),
        ],
    ] {
        let mut command = only_with(login.clone(), widefield());
        command.args(&arguments);
        let ((status, _, stderr), read, seconds) =
            counted.during(|| crate::common::run(&mut command));
        assert_eq!(status, 0, "{stderr}");
        check(arguments[0], read, seconds);
    }
    assert!(picture.exists());
    // The manifest alone: as one object its segments would be removed as often as it names them.
    let answer = direct::raw("DELETE", &format!("{container}/movie"), "", "");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    for name in ["header", "frame", "footer"] {
        place.remove(&format!("parts/{name}")).expect("remove");
    }
}
