//! `--engine spark` on a real standalone cluster.
//!
//! These tests need the cluster that `pipeline/tests/services/spark-up` starts; without the variables that it prints they
//! skip, and say so. One at a time, since an application takes all cores.
#![cfg(target_os = "linux")]

use crate::common::clusters::{
    assert_same_results, attempts, corrupt, faulty_worker, flat, outcomes, processes_with,
    run_into, session, signal, start, until,
};
use crate::common::{record, run};
use ndarray::Array2;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The cluster, for one test at a time.
struct Cluster {
    _alone: MutexGuard<'static, ()>,
    master: String,
    /// Port of the master's page; those of the workers follow.
    page: u16,
    dir: tempfile::TempDir,
}

static ALONE: Mutex<()> = Mutex::new(());

impl Cluster {
    fn new() -> Option<Self> {
        let Ok(master) = std::env::var("SPARK_MASTER_URL") else {
            eprintln!("SKIPPED: no Spark; eval \"$(pipeline/tests/services/spark-up)\" starts one");
            return None;
        };
        let page = std::env::var("SPARK_MASTER_WEBUI").expect("SPARK_MASTER_WEBUI");
        Some(Self {
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
            master,
            page: page
                .rsplit(':')
                .next()
                .and_then(|p| p.parse().ok())
                .expect("a port"),
            dir: tempfile::tempdir().expect("folder"),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn spark(&self, experiment: &Path, out: &str, more: &[&str]) -> Command {
        let mut command = run_into(
            experiment,
            &self.path(out),
            &["--engine", "spark", "--master", &self.master],
        );
        command.args(more);
        command
    }
}

/// Name of the application in what the command tells.
fn application(messages: &str) -> Option<String> {
    let from = messages.find("app-")?;
    let name: String = messages[from..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    Some(name)
}

fn executors(application: &str) -> Vec<u32> {
    let mut found = processes_with("cmdline", application);
    let backend = processes_with("cmdline", "CoarseGrainedExecutorBackend");
    found.retain(|pid| backend.contains(pid));
    found
}

#[test]
fn results_are_those_of_the_local_engine() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let experiment = session(&cluster.path("data"), 6);
    let labels = Array2::from_shape_fn((64, 64), |(y, _)| if y < 32 { 1_u8 } else { 2 });
    ndarray_npy::write_npy(cluster.path("labels.npy"), &labels).expect("labels");
    let rois = format!("products.rois={}", cluster.path("labels.npy").display());
    // The second with a reference that all workers compare with. Products are made where the run was started: what a local
    // run takes from trials in memory comes from files then.
    for (scope, motion) in [("trial", "none"), ("session", "rigid")] {
        let set = [
            format!("analysis.background.scope={scope}"),
            format!("analysis.segmentation.scope={scope}"),
            format!("analysis.motion.method={motion}"),
            "products.averages=true".into(),
            "products.seeds=[\"1\"]".into(),
            rois.clone(),
        ];
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        for jobs in ["1", "2", "8"] {
            let mut local = run_into(&experiment, &cluster.path(&format!("{scope}-{jobs}")), &set);
            let (status, _, stderr) = run(local.args(["--jobs", jobs]));
            assert_eq!(status, 0, "{stderr}");
        }
        let (status, _, stderr) = run(&mut cluster.spark(&experiment, scope, &set));
        assert_eq!(status, 0, "{stderr}");
        assert!(application(&stderr).is_some(), "{stderr}");
        for jobs in ["1", "2", "8"] {
            assert_same_results(
                &cluster.path(&format!("{scope}-{jobs}")),
                &cluster.path(scope),
            );
        }
        for name in ["h5_avg", "corr_1", "seeds.h5", "traces.h5"] {
            assert!(cluster.path(scope).join(name).exists(), "{name}");
        }
    }
}

#[test]
fn failures_are_named_and_every_good_trial_is_right_and_once() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let experiment = session(&cluster.path("data"), 8);
    corrupt(&cluster.path("data"), 4);
    let (status, _, stderr) = run(&mut run_into(&experiment, &cluster.path("local"), &[]));
    assert_eq!(status, 1, "{stderr}");
    // 1 is killed before its work and 6 as it writes; 5 is silent once; an executor is killed under 7 and 8, which wait
    // for that.
    let went = cluster.path("went");
    let cases = format!(
        "
*_1) [ $n -gt 1 ] || kill -9 $$ ;;
*_2) exit 3 ;;
*_3) exit 0 ;;
*_5) [ $n -gt 1 ] || exit 0 ;;
*_6) [ $n -gt 1 ] || {{ (ulimit -c 0; ulimit -f 8; real); exit $?; }} ;;
*_7 | *_8) until [ -e '{}' ]; do sleep 0.05; done ;;",
        went.display()
    );
    let worker = faulty_worker(cluster.dir.path(), &cases);
    let messages = cluster.path("messages");
    let mut command = cluster.spark(&experiment, "out", &[]);
    let mut child = start(command.arg("--worker").arg(worker), &messages);
    let began =
        |number| cluster.path("attempts").is_dir() && attempts(cluster.dir.path(), number) > 0;
    until("the last trials begin", || began(7) && began(8));
    let told = std::fs::read_to_string(&messages).expect("messages");
    let of_it = executors(&application(&told).expect("an application"));
    assert_eq!(of_it.len(), 2, "{told}");
    signal("KILL", of_it[0]);
    std::fs::write(&went, "").expect("file");
    let status = child.wait().expect("child").code();
    let told = std::fs::read_to_string(&messages).expect("messages");
    assert_eq!(status, Some(1), "{told}");

    let found = outcomes(&record(&cluster.path("out")));
    let numbers: Vec<u64> = found.iter().map(|t| t.0).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    let statuses: Vec<&str> = found.iter().map(|t| t.1.as_str()).collect();
    let want = ["ok", "failed", "failed", "failed", "ok", "ok", "ok", "ok"];
    assert_eq!(statuses, want, "{told}");
    assert!(found[1].2.contains("ended with status 3"), "{}", found[1].2);
    assert!(found[2].2.contains("0 replies"), "{}", found[2].2);
    assert!(found[3].2.contains("byte"), "{}", found[3].2);
    let again = attempts(cluster.dir.path(), 7) + attempts(cluster.dir.path(), 8);
    assert!(again > 2, "the executor's trial was begun again");
    let [local, out] = ["local", "out"].map(|dir| {
        let mut names = crate::common::files(&cluster.path(dir));
        names.retain(|name| name.ends_with(".h5") || name.ends_with(".mat"));
        names
    });
    // Three files each of 2 and 3.
    assert_eq!(out.len(), local.len() - 6);
    for name in out {
        let [local, out] = ["local", "out"].map(|d| std::fs::read(cluster.path(d).join(&name)));
        assert!(local.expect("file") == out.expect("file"), "{name} differs");
    }
    // What the worker wrote that was killed has no owner any more: the next run begins with this.
    let place = widefield_storage::Place::open(&cluster.path("out").to_string_lossy());
    place.expect("place").sweep_temporary().expect("swept");
    crate::common::assert_nothing_temporary(&cluster.path("out"));
}

/// The body of a page of this machine; empty where there is none.
fn page(port: u16, path: &str) -> String {
    let mut text = Vec::new();
    let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut stream| {
        // The first answer by REST takes its time.
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        )?;
        stream.read_to_end(&mut text)
    });
    drop(asked);
    String::from_utf8_lossy(&text).into_owned()
}

/// Every page of the driver, the master and the workers that links lead to, and what their REST answers.
fn crawl(cluster: &Cluster, driver: u16, application: &str) -> Vec<(String, String)> {
    let mut ports = vec![driver];
    ports.extend(cluster.page..cluster.page + 3);
    let mut todo: Vec<(u16, String)> = ports
        .iter()
        .flat_map(|&p| [(p, "/".into()), (p, "/json/".into())])
        .collect();
    for rest in [
        "jobs",
        "stages",
        "executors",
        "allexecutors",
        "environment",
        "storage/rdd",
    ] {
        todo.push((driver, format!("/api/v1/applications/{application}/{rest}")));
    }
    todo.push((driver, "/executors/threadDump/?executorId=driver".into()));
    let mut seen: BTreeSet<(u16, String)> = todo.iter().cloned().collect();
    let mut pages = Vec::new();
    // In order, so that what is named above is asked for whatever links there are.
    while !todo.is_empty() && pages.len() < 300 {
        let (port, path) = todo.remove(0);
        let body = page(port, &path);
        for link in body
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let link = link.replace("&amp;", "&");
            let (at, link) = match link
                .strip_prefix("http://127.0.0.1:")
                .and_then(|l| l.split_once('/'))
            {
                Some((at, path)) => (at.parse().unwrap_or(0), format!("/{path}")),
                None => (port, link),
            };
            let link = link.split('#').next().unwrap_or_default().to_owned();
            let follow =
                link.starts_with('/') && !link.contains("kill") && !link.starts_with("/static");
            if follow && ports.contains(&at) && seen.insert((at, link.clone())) {
                todo.push((at, link));
            }
        }
        pages.push((format!("{port}{path}"), body));
    }
    pages
}

#[test]
fn a_password_shows_nowhere_and_an_interrupt_leaves_no_process() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let experiment = session(&cluster.path("data"), 6);
    std::fs::create_dir(cluster.path("events")).expect("folder");
    let worker = faulty_worker(cluster.dir.path(), "*_2 | *_3) stuck ;;");
    let marker = format!("marker-{}", std::process::id());
    let driver = cluster.page + 8;
    let events = format!(
        "spark.eventLog.dir=file://{}",
        cluster.path("events").display()
    );
    let port = format!("spark.ui.port={driver}");
    let conf = [
        "--spark-conf",
        &events,
        "--spark-conf",
        "spark.eventLog.enabled=true",
        "--spark-conf",
        &port,
    ];
    let messages = cluster.path("messages");
    let mut command = cluster.spark(&experiment, "out", &conf);
    // Of a store that this session does not use; it is forwarded all the same.
    command
        .arg("--worker")
        .arg(worker)
        .env("OS_PASSWORD", &marker);
    let mut child = start(&mut command, &messages);
    let begun = |n| cluster.path("attempts").is_dir() && attempts(cluster.dir.path(), n) > 0;
    until("two workers wait", || begun(2) && begun(3));
    let told = std::fs::read_to_string(&messages).expect("messages");
    let application = application(&told).expect("an application");

    // It did reach the workers.
    let workers = || processes_with("cmdline", "widefield\0worker");
    until("both have the password", || {
        let holders = processes_with("environ", &format!("OS_PASSWORD={marker}"));
        workers().iter().filter(|pid| holders.contains(pid)).count() == 2
    });
    assert!(processes_with("cmdline", &marker).is_empty());

    let pages = crawl(&cluster, driver, &application);
    let whole = pages
        .iter()
        .filter(|(_, body)| body.contains(" 200 OK"))
        .count();
    assert!(whole > 25, "only {whole} of {} pages", pages.len());
    let of_environment = format!("{driver}/api/v1/applications/{application}/environment");
    assert!(
        pages
            .iter()
            .any(|(name, body)| *name == of_environment && body.contains("spark.eventLog.dir"))
    );
    for (name, body) in &pages {
        assert!(!body.contains(&marker), "{name}");
    }
    println!("{whole} pages without the password");

    signal("INT", child.id());
    let took = until("no process is left", || {
        child.try_wait().expect("child").is_some()
            && processes_with("environ", &marker).is_empty()
            && executors(&application).is_empty()
    });
    println!("gone after {took:.1} s");
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let mut logs = 0;
    let is_file = |name: &String| cluster.path(name).is_file();
    for name in crate::common::files(cluster.dir.path())
        .into_iter()
        .filter(is_file)
    {
        let bytes = std::fs::read(cluster.path(&name)).expect("file");
        logs += usize::from(name.starts_with("events/") && !bytes.is_empty());
        assert!(
            !bytes.windows(marker.len()).any(|w| w == marker.as_bytes()),
            "{name}"
        );
    }
    assert!(logs > 0, "there is an event log");
}

#[test]
fn a_run_that_is_killed_takes_its_workers_along() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let experiment = session(&cluster.path("data"), 4);
    let worker = faulty_worker(cluster.dir.path(), "*_*) stuck ;;");
    let marker = format!("killed-{}", std::process::id());
    let mut command = cluster.spark(&experiment, "out", &[]);
    command
        .arg("--worker")
        .arg(worker)
        .env("OS_MARKER", &marker);
    let mut child = start(&mut command, &cluster.path("messages"));
    until("a worker waits", || {
        cluster.path("attempts").is_dir() && attempts(cluster.dir.path(), 1) > 0
    });
    let told = std::fs::read_to_string(cluster.path("messages")).expect("messages");
    let application = application(&told).expect("an application");
    signal("KILL", child.id());
    child.wait().expect("child");
    until("no process is left", || {
        processes_with("environ", &marker).is_empty() && executors(&application).is_empty()
    });
}

#[test]
fn a_cluster_that_is_not_there_is_told() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let experiment = session(&cluster.path("data"), 1);
    let mut command = run_into(
        &experiment,
        &cluster.path("out"),
        &["--engine", "spark", "--master", "nonsense://x"],
    );
    let (status, _, stderr) = run(&mut command);
    assert_eq!(status, 2, "{stderr}");
    assert!(
        flat(&stderr).contains("spark-submit failed") && flat(&stderr).contains("Master must"),
        "{stderr}"
    );
    let (status, _, stderr) = run(command.args(["--spark-home", "/nowhere"]));
    assert_eq!(status, 2, "{stderr}");
    assert!(
        flat(&stderr).contains("/nowhere/bin/spark-submit cannot be started"),
        "{stderr}"
    );
    let (status, _, stderr) = run(command.args(["--spark-conf", "spark.x"]));
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("spark.x"), "{stderr}");
}

/// From a container of Swift to another with Spark between, as from a folder to another without.
#[cfg(all(feature = "cloud", feature = "swift"))]
#[test]
fn a_session_in_swift_on_both_sides() {
    let Some(cluster) = Cluster::new() else {
        return;
    };
    let Some(_turn) = crate::swift_session::server() else {
        return;
    };
    let experiment = session(&cluster.path("data"), 4);
    let (status, _, stderr) = run(&mut run_into(&experiment, &cluster.path("local"), &[]));
    assert_eq!(status, 0, "{stderr}");
    let number = std::process::id();
    let [data, out] = ["data", "out"].map(|kind| format!("swift://spark-{kind}-{number}/session"));
    let raw = widefield_storage::Place::open(&data).expect("place");
    for name in crate::common::files(&cluster.path("data")) {
        raw.put(
            &name,
            std::fs::read(cluster.path("data").join(&name)).expect("file"),
        )
        .expect("put");
    }
    let [data_set, out_set] =
        [("data", &data), ("output", &out)].map(|(k, url)| format!("{k}.url={url:?}"));
    let mut command = crate::common::widefield();
    command
        .arg("run")
        .arg(&experiment)
        .args(["--engine", "spark", "--master", &cluster.master]);
    let (status, _, stderr) = run(command.args(["--set", &data_set, "--set", &out_set]));
    assert_eq!(status, 0, "{stderr}");
    let results = widefield_storage::Place::open(&out).expect("place");
    let mut compared = 0;
    for name in crate::common::files(&cluster.path("local")) {
        if name.ends_with(".h5") || name.ends_with(".mat") || name.ends_with(".txt") {
            let local = std::fs::read(cluster.path("local").join(&name)).expect("file");
            assert!(
                results.read(&name).expect("object") == local,
                "{name} differs"
            );
            compared += 1;
        }
    }
    assert!(compared >= 4 * 3 + 4, "{compared}");
    for (place, names) in [
        (&raw, crate::common::files(&cluster.path("data"))),
        (&results, crate::common::files(&cluster.path("local"))),
    ] {
        names.iter().for_each(|name| drop(place.remove(name)));
    }
}
