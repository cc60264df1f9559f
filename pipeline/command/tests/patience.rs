//! Ctrl-C, and the time that a store has, while `widefield run` waits for a server that says nothing.
#![cfg(all(unix, feature = "swift"))]

use crate::common::{golden_experiment, run, widefield};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A Swift server that says nothing to requests that begin with `hush`, nor to any after them; its address, and where
/// it tells that one came.
fn server(hush: &'static str) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let (base, (tell, told)) = (url.clone(), mpsc::channel());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (base, tell) = (base.clone(), tell.clone());
            std::thread::spawn(move || {
                let reader = BufReader::new(stream.try_clone().expect("stream"));
                let mut lines = reader.lines().map_while(Result::ok);
                let line = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                if line.starts_with(hush) {
                    let _ = tell.send(());
                    let _ = stream.read_to_end(&mut Vec::new());
                }
                let head = if line.starts_with("GET /auth") {
                    format!("200 OK\r\nX-Auth-Token: t\r\nX-Storage-Url: {base}/v1/AUTH_a")
                } else {
                    "404 Not Found".to_owned()
                };
                // Whoever asked may have gone.
                let _ = write!(
                    stream,
                    "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            });
        }
    });
    (url, told)
}

/// A run of the golden session whose results go to the server at `url`.
fn run_to(dir: &std::path::Path, url: &str) -> Command {
    let mut command = widefield();
    command
        .arg("run")
        .arg(golden_experiment(dir, ""))
        .args(["--set", "output.url=\"swift://c/out\""])
        .env("ST_AUTH", format!("{url}/auth/v1.0"))
        .env("ST_USER", "lab:me")
        .env("ST_KEY", "key");
    for name in ["OS_AUTH_URL", "OS_AUTH_TOKEN", "OS_TOKEN", "OS_STORAGE_URL"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn one_interrupt_ends_every_wait() {
    // Logging in, listing, probing, and writing the first object.
    for hush in ["GET /auth", "GET /v1", "HEAD", "PUT"] {
        let dir = tempfile::tempdir().expect("folder");
        let (url, told) = server(hush);
        let mut child = run_to(dir.path(), &url)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        told.recv_timeout(Duration::from_secs(60)).expect(hush);
        let began = Instant::now();
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("signal");
        let status = child.wait().expect("wait");
        // One attempt alone would take longer.
        assert!(began.elapsed() < Duration::from_secs(60), "{hush}");
        assert_eq!(status.code(), Some(130), "{hush}");
    }
}

#[test]
fn the_time_of_a_store_can_be_set() {
    let dir = tempfile::tempdir().expect("folder");
    let (url, _told) = server("GET /auth");
    let with = |seconds| run(run_to(dir.path(), &url).env("WIDEFIELD_PATIENCE_S", seconds));
    let began = Instant::now();
    let (status, _, stderr) = with("0.3");
    assert!(status == 2 && stderr.contains("within"), "{stderr}");
    assert!(began.elapsed() < Duration::from_secs(60));
    let (status, _, stderr) = with("soon");
    assert!(
        status == 2 && stderr.contains("WIDEFIELD_PATIENCE_S"),
        "{stderr}"
    );
}
