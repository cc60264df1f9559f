//! Bytes per second of a container of OpenStack Swift, against `curl` and the `swift` command.
//!
//!     eval "$(storage/tests/services/swift-up)"
//!     export ST_AUTH=$SWIFT_AUTH_V1_URL ST_USER=$SWIFT_USER ST_KEY=$SWIFT_KEY PATH=$PATH:$SWIFT_HOME/venv/bin
//!     cargo run --release -p widefield-storage --features swift --example throughput -- CONTAINER [ROUNDS]
//!
//! One object of 100 MB, then twenty of 5 to 20 MB from a folder and into one. All take turns with the same
//! bytes on the same server; each line gives the medians in MB/s and their ratio. Only the container stays, empty.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use widefield_storage::Place;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const LARGE: usize = 100_000_000;
const COUNT: usize = 20;
/// Transfers at a time, as many as the `swift` command has.
const AT_A_TIME: usize = 10;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let container = arguments
        .next()
        .ok_or("the name of a container is missing")?;
    let rounds = arguments.next().map_or(Ok(7), |text| text.parse())?;
    let place = &Place::open(&format!("swift://{container}"))?;
    let work = tempfile::tempdir()?;
    let (from, into) = (&work.path().join("from"), &work.path().join("into"));
    std::fs::create_dir(from)?;
    std::fs::create_dir(into)?;

    // Bytes that differ, so that nothing on the way can save itself the work.
    let content: Vec<u8> = (0..LARGE as u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0])
        .collect();
    let content = bytes::Bytes::from(content);
    let file = work.path().join("large");
    std::fs::write(&file, &content)?;
    let lengths: Vec<_> = (0..COUNT)
        .map(|n| 5_000_000 + 15_000_000 * n / (COUNT - 1))
        .collect();
    let names: Vec<_> = (0..COUNT).map(|n| format!("small-{n:02}")).collect();
    for (name, length) in names.iter().zip(&lengths) {
        std::fs::write(from.join(name), &content[..*length])?;
    }
    let all = lengths.iter().sum();

    let session = Session::new(&container)?;
    place.put("large", content.clone())?;
    compare(
        "put one",
        LARGE,
        rounds,
        ("curl", &|| session.curl("large", &["-T", text(&file)?])),
        &|| {
            place.put("large", content.clone())?;
            Ok(())
        },
    )?;
    compare(
        "read one",
        LARGE,
        rounds,
        ("curl", &|| session.curl("large", &[])),
        &|| {
            place.read("large")?;
            Ok(())
        },
    )?;
    if place.read("large")? != content {
        return Err("what was put is not what is read".into());
    }
    place.remove("large")?;

    let swift = |arguments: &[&str], folder: &Path| -> Outcome {
        let mut command = Command::new("swift");
        command
            .args(["--quiet", arguments[0], &container])
            .args(&arguments[1..]);
        finished(command.args(&names).current_dir(folder))
    };
    compare(
        "upload twenty",
        all,
        rounds,
        ("swift", &|| swift(&["upload"], from)),
        &|| {
            each(&names, |name| {
                place.put(name, std::fs::read(from.join(name))?)?;
                Ok(())
            })
        },
    )?;
    compare(
        "download twenty",
        all,
        rounds,
        ("swift", &|| swift(&["download"], into)),
        &|| {
            each(&names, |name| {
                Ok(std::fs::write(into.join(name), place.read(name)?)?)
            })
        },
    )?;
    for name in &names {
        if std::fs::read(from.join(name))? != std::fs::read(into.join(name))? {
            return Err(format!("{name} differs").into());
        }
        place.remove(name)?;
    }
    Ok(())
}

/// Runs both in turns, and tells the medians of `bytes` per second and how ours compares.
fn compare(
    what: &str,
    bytes: usize,
    rounds: usize,
    (other, theirs): (&str, &dyn Fn() -> Outcome),
    ours: &dyn Fn() -> Outcome,
) -> Outcome {
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (work, rates) in [theirs, ours].into_iter().zip(&mut rates) {
            let start = Instant::now();
            work()?;
            rates.push(bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
        }
    }
    let [theirs, ours] = rates.map(|mut rates| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    let ratio = ours / theirs;
    println!("{what:16} {other:5} {theirs:6.0} MB/s, ours {ours:6.0} MB/s, ratio {ratio:.2}");
    Ok(())
}

/// The same for all names, several at a time.
fn each(names: &[String], work: impl Fn(&str) -> Outcome + Sync) -> Outcome {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME)
            .map(|first| {
                let mut mine = names.iter().skip(first).step_by(AT_A_TIME);
                let work = &work;
                scope.spawn(move || mine.try_for_each(|name| work(name)))
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}

/// What `curl` needs to reach the container.
struct Session {
    url: String,
    token: String,
}

impl Session {
    /// Logs in by version 1.
    fn new(container: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let variable = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
        let (login, user, key) = (
            variable("ST_AUTH")?,
            variable("ST_USER")?,
            variable("ST_KEY")?,
        );
        let headers = [format!("X-Auth-User: {user}"), format!("X-Auth-Key: {key}")];
        let answer = curl(&headers, &["--include", &login])?;
        let header = |name: &str| {
            let line = answer
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with(name));
            let value = line.and_then(|line| line.split_once(": "));
            value
                .map(|(_, value)| value.trim().to_owned())
                .ok_or("the login is refused")
        };
        Ok(Session {
            url: format!("{}/{container}", header("x-storage-url:")?),
            token: header("x-auth-token:")?,
        })
    }

    fn curl(&self, name: &str, more: &[&str]) -> Outcome {
        let url = format!("{}/{name}", self.url);
        let arguments = [more, &["--output", "/dev/null", &url]].concat();
        curl(&[format!("X-Auth-Token: {}", self.token)], &arguments).map(drop)
    }
}

/// Runs `curl`, and returns what it says; the headers go by its standard input, unseen by others.
fn curl(headers: &[String], arguments: &[&str]) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--config", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        for header in headers {
            writeln!(stdin, "header = \"{header}\"")?;
        }
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("curl: {}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn finished(command: &mut Command) -> Outcome {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

fn text(path: &Path) -> Result<&str, &'static str> {
    path.to_str().ok_or("the temporary folder is not UTF-8")
}
