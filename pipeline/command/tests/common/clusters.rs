//! What the tests of engines with workers elsewhere share: a session, a comparison of results, workers that fail in
//! chosen ways, and a look at the processes of this machine.

use super::{files, run, widefield};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Simulates a session of small movies, named `..._1` to `..._n`, and returns its experiment file.
pub(crate) fn session(dir: &Path, trials: usize) -> PathBuf {
    let mut simulate = widefield();
    simulate
        .arg("simulate")
        .arg(dir)
        .args(["--size", "64", "--frames", "20", "--trials"]);
    let (status, _, stderr) = run(simulate.arg(trials.to_string()));
    assert_eq!(status, 0, "{stderr}");
    dir.join("experiment.toml")
}

/// `widefield run` of that experiment, with results in a folder of their own.
pub(crate) fn run_into(experiment: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = widefield();
    let url = format!("output.url={:?}", out.to_str().expect("UTF-8"));
    command
        .arg("run")
        .arg(experiment)
        .args(["--set", &url])
        .args(more);
    command
}

/// What both runs must have alike: names and bytes of all results, `run.json`, `products.json` and manifests but for times.
pub(crate) fn assert_same_results(a: &Path, b: &Path) {
    let names = files(a);
    assert_eq!(names, files(b), "{} and {}", a.display(), b.display());
    assert!(
        names.iter().any(|n| n.starts_with("dff_out/"))
            && names.iter().any(|n| n.starts_with("mat_out/"))
    );
    for name in names.iter().filter(|n| *n != "report.html") {
        let [one, two] = [a, b].map(|dir| std::fs::read(dir.join(name)).expect("file"));
        let record = ["run.json", "products.json"].contains(&name.as_str())
            || name.starts_with("manifest/") && name.ends_with(".json");
        if record {
            assert_eq!(without_times(&one), without_times(&two), "{name}");
        } else if name.ends_with(".measured") {
            // A line that names the places, then the mean image.
            let image = |bytes: &[u8]| bytes.splitn(2, |&b| b == b'\n').nth(1).map(<[u8]>::to_vec);
            assert!(
                image(&one).is_some_and(|i| !i.is_empty()) && image(&one) == image(&two),
                "{name} differs"
            );
        } else {
            assert!(one == two, "{name} differs");
        }
    }
}

fn without_times(json: &[u8]) -> Value {
    fn clear(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for key in [
                    "seconds",
                    "report_seconds",
                    "ended",
                    "url",
                    "stamps",
                    "stamp",
                ] {
                    map.remove(key);
                }
                map.values_mut().for_each(clear);
            }
            Value::Array(list) => list.iter_mut().for_each(clear),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(json).expect("JSON");
    clear(&mut value);
    value
}

/// A worker that does as `cases` says, shell patterns of a `case` on the name of the movie, and is a real one
/// otherwise. There `$n` counts the attempts, `$line` is the request, `real` runs the real one, and `stuck` becomes
/// a real one that waits for its request without end.
pub(crate) fn faulty_worker(dir: &Path, cases: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let state = dir.join("attempts");
    std::fs::create_dir(&state).expect("folder");
    let never = dir.join("never");
    assert!(
        Command::new("mkfifo")
            .arg(&never)
            .status()
            .expect("mkfifo")
            .success()
    );
    let script = format!(
        r#"#!/bin/sh
if [ "$2" = --plan ]; then line=$(sed -n "$(($5 + 1))p" "$3"); else read -r line; fi
name=$(printf %s "$line" | grep -o '"file": *"2017[^"]*"' | head -n 1 | cut -d'"' -f4)
echo $$ >>"{state}/$name"
n=$(wc -l <"{state}/$name")
real() {{
    "{real}" worker <<END
$line
END
}}
stuck() {{
    exec "{real}" worker <>"{never}"
}}
case $name in
{cases}
esac
exec "{real}" worker <<END
$line
END
"#,
        state = state.display(),
        never = never.display(),
        real = env!("CARGO_BIN_EXE_widefield"),
    );
    let path = dir.join("faulty");
    std::fs::write(&path, script).expect("script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("mode");
    path
}

/// How often a faulty worker began the movie with that number.
pub(crate) fn attempts(dir: &Path, number: usize) -> usize {
    let of = |name: String| {
        name.ends_with(&format!("_{number}"))
            .then(|| dir.join("attempts").join(name))
    };
    let file = files(&dir.join("attempts")).into_iter().find_map(of);
    file.map_or(0, |f| {
        std::fs::read_to_string(f).expect("text").lines().count()
    })
}

/// Makes a movie unreadable.
pub(crate) fn corrupt(session: &Path, number: usize) {
    let name = files(session)
        .into_iter()
        .find(|n| n.starts_with("2017") && n.ends_with(&format!("_{number}")));
    let path = session.join(name.expect("movie"));
    let bytes = std::fs::read(&path).expect("movie");
    std::fs::write(&path, &bytes[..1000]).expect("movie");
}

/// Status and error of each trial in `run.json`, by the number of the movie, which stands there once.
pub(crate) fn outcomes(record: &Value) -> Vec<(u64, String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let one = |t: &Value| {
        (
            t["trial"].as_u64().expect("number"),
            text(&t["status"]),
            text(&t["error"]),
        )
    };
    record["trials"]
        .as_array()
        .expect("trials")
        .iter()
        .map(one)
        .collect()
}

/// Numbers of the processes whose file of that name below `/proc` holds the text: `cmdline` or `environ`.
pub(crate) fn processes_with(file: &str, text: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        *pid != std::process::id() && bytes.windows(text.len()).any(|w| w == text.as_bytes())
    };
    numbers.filter(holds).collect()
}

/// Waits until something is so; the limit is there for what never comes, not for what is slow. Seconds it took.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) -> f64 {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(300), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    began.elapsed().as_secs_f64()
}

/// Sends a signal to one process, by its name as in `INT`.
pub(crate) fn signal(name: &str, pid: u32) {
    let status = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(status.expect("kill").success());
}

/// A process that ends with the test at the latest.
pub(crate) struct Running(Child);

impl std::ops::Deref for Running {
    type Target = Child;
    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a command whose messages go to a file.
pub(crate) fn start(command: &mut Command, messages: &Path) -> Running {
    let file = std::fs::File::create(messages).expect("file");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file);
    Running(command.spawn().expect("the command starts"))
}

/// What was told, without the breaks and bars of its layout.
pub(crate) fn flat(told: &str) -> String {
    told.replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
