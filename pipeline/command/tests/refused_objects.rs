//! Objects that a store lists and does not give are failures of their own; the other movies are done. The store is a
//! stand-in that speaks as much of S3 as is asked for.
#![cfg(feature = "cloud")]

use crate::common::{golden_experiment, record, run, widefield};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

/// Answers as S3 does for one bucket `b` with the files of a folder in `raw/`; those of `refused` with that status.
fn serve(listener: &TcpListener, folder: &Path, refused: &[(&str, u16)]) {
    std::thread::scope(|scope| {
        // Clients keep several connections.
        for stream in listener.incoming().flatten() {
            scope.spawn(|| answer(stream, folder, refused));
        }
    });
}

fn answer(stream: TcpStream, folder: &Path, refused: &[(&str, u16)]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut range = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.strip_prefix("range: bytes=") {
                let (from, to) = bytes.split_once('-').expect("range");
                let number = |text: &str| text.parse::<usize>().expect("number");
                range = Some((number(from), number(to) + 1));
            }
        }
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = target.split('?').next().unwrap_or("");
        let Some(name) = path.strip_prefix("/b/raw/") else {
            let list = listing(folder, refused);
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{list}",
                list.len()
            )?;
            continue;
        };
        let refusal = refused.iter().find(|(refused, _)| *refused == name);
        let content = std::fs::read(folder.join(name));
        let (status, body) = match (refusal, content) {
            (Some((_, status)), _) => (*status, Vec::new()),
            (None, Err(_)) => (404, Vec::new()),
            (None, Ok(content)) => match range {
                Some((from, to)) => (206, content[from..to.min(content.len())].to_vec()),
                None => (200, content),
            },
        };
        let total = std::fs::metadata(folder.join(name)).map_or(0, |m| m.len());
        let of =
            range.map(|(from, to)| format!("Content-Range: bytes {from}-{}/{total}\r\n", to - 1));
        write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nETag: \"{name}\"\r\n\
             Last-Modified: Tue, 14 Feb 2017 10:22:33 GMT\r\n{}\r\n",
            body.len(),
            of.unwrap_or_default()
        )?;
        if method != "HEAD" {
            stream.write_all(&body)?;
        }
    }
}

/// Of what is refused it says that it is as large as a number can tell.
fn listing(folder: &Path, refused: &[(&str, u16)]) -> String {
    let of = |name: &str| {
        let size = match refused.iter().any(|(refused, _)| *refused == name) {
            true => u64::MAX,
            false => std::fs::metadata(folder.join(name)).expect("file").len(),
        };
        format!(
            "<Contents><Key>raw/{name}</Key><LastModified>2017-02-14T10:22:33.000Z</LastModified>\
             <ETag>&quot;{name}&quot;</ETag><Size>{size}</Size></Contents>"
        )
    };
    let all: String = crate::common::files(folder)
        .iter()
        .map(|name| of(name))
        .collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{all}</ListBucketResult>")
}

#[test]
fn objects_that_a_store_lists_and_does_not_give() {
    for (code, reason) in [(404, "not found"), (403, "permission denied")] {
        let raw = tempfile::tempdir().expect("folder");
        let experiment = golden_experiment(raw.path(), "");
        let refused = "20170214_102233_4";
        let first = raw.path().join("20170214_102233_1");
        std::fs::copy(first, raw.path().join(refused)).expect("copy");
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let folder = raw.path().to_owned();
        std::thread::spawn(move || serve(&listener, &folder, &[(refused, code)]));
        let out = tempfile::tempdir().expect("folder");
        let (status, _, stderr) = run(widefield()
            .envs([
                ("AWS_ENDPOINT_URL", url.as_str()),
                ("AWS_ALLOW_HTTP", "true"),
                ("AWS_REGION", "here"),
                ("AWS_ACCESS_KEY_ID", "nobody"),
                ("AWS_SECRET_ACCESS_KEY", "nothing"),
            ])
            .arg("run")
            .arg(&experiment)
            .args(["--set", "data.url=s3://b/raw"])
            .arg("--set")
            .arg(format!("output.url={}", out.path().display())));
        assert_eq!(status, 1, "{stderr}");
        let record = record(out.path());
        let trials = record["trials"].as_array().expect("trials");
        assert_eq!(record["totals"]["ok"], 3);
        let failed = trials.iter().find(|t| t["status"] == "failed");
        let failed = failed.expect("one failed");
        assert_eq!(failed["file"], refused);
        let error = failed["error"].as_str().expect("reason");
        assert!(error.contains(reason), "{error}");
    }
}
