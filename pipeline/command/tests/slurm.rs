//! `--engine slurm`, against stand-ins for Slurm's commands that run job arrays on this machine: see
//! `pipeline/tests/services`. No Slurm itself has been run.
#![cfg(target_os = "linux")]

use crate::common::clusters::{
    assert_same_results, attempts, corrupt, faulty_worker, flat, outcomes, processes_with,
    run_into, session, signal, start, until,
};
use crate::common::{files, record, run};
use std::path::PathBuf;
use std::process::Command;

/// A folder with a session and a stand-in for Slurm.
struct Site {
    dir: tempfile::TempDir,
    experiment: PathBuf,
}

impl Site {
    fn new(trials: usize, largest_array: usize) -> Self {
        let dir = tempfile::tempdir().expect("folder");
        let experiment = session(&dir.path().join("data"), trials);
        std::fs::create_dir(dir.path().join("slurm")).expect("folder");
        let config = format!("Configuration data\nMaxArraySize            = {largest_array}\n");
        std::fs::write(dir.path().join("slurm/config"), config).expect("configuration");
        Self { dir, experiment }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn slurm(&self, out: &str, more: &[&str]) -> Command {
        let mut command = run_into(
            &self.experiment,
            &self.path(out),
            &["--engine", "slurm", "--slurm-folder"],
        );
        command.arg(self.dir.path()).args(more);
        let stand_ins = crate::common::tests().join("services/slurm");
        let path = std::env::var("PATH").expect("PATH");
        command.env("PATH", format!("{}:{path}", stand_ins.display()));
        command.env("SLURM_STAND_IN", self.path("slurm"));
        command
    }

    /// The arrays that were submitted, as `sbatch` was told.
    fn arrays(&self) -> Vec<String> {
        let jobs = self.path("slurm/jobs");
        let names = files(&jobs).into_iter().filter(|n| n.ends_with(".array"));
        let text = |name| std::fs::read_to_string(jobs.join(name)).expect("array");
        names
            .map(text)
            .map(|t| t.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    }
}

#[test]
fn results_are_those_of_the_local_engine() {
    let site = Site::new(6, 4);
    for (scope, more) in [
        ("trial", &["--jobs", "2"][..]),
        ("session", &["--trials-per-task", "4"]),
    ] {
        let scopes =
            ["background", "segmentation"].map(|step| format!("analysis.{step}.scope={scope}"));
        let set = ["--set", &scopes[0], "--set", &scopes[1]];
        let [local, slurm] = ["local", "slurm-"].map(|engine| format!("{engine}-{scope}"));
        let (status, _, stderr) = run(&mut run_into(&site.experiment, &site.path(&local), &set));
        assert_eq!(status, 0, "{stderr}");
        let (status, _, stderr) = run(site.slurm(&slurm, &set).args(more));
        assert_eq!(status, 0, "{stderr}");
        assert_same_results(&site.path(&local), &site.path(&slurm));
    }
    // Six tasks where no index may reach 4; then two of four trials, in two rounds.
    assert_eq!(site.arrays(), ["0-3%2", "0-1%2", "0-1", "0-1"]);
    let left: Vec<String> = files(site.dir.path())
        .into_iter()
        .filter(|f| f.contains("widefield-slurm"))
        .collect();
    assert_eq!(left, [""; 0], "nothing is left of a run that went well");
}

#[test]
fn what_fails_is_named_and_the_rest_is_done() {
    let site = Site::new(6, 1001);
    corrupt(&site.path("data"), 4);
    let cases = "
*_1) [ $n -gt 1 ] || kill -9 $$ ;;
*_2) exit 3 ;;
*_3) exit 0 ;;
*_5) [ $n -gt 1 ] || exit 0 ;;";
    let worker = faulty_worker(site.dir.path(), cases);
    let (status, _, stderr) = run(site.slurm("out", &[]).arg("--worker").arg(worker));
    assert_eq!(status, 1, "{stderr}");
    let found = outcomes(&record(&site.path("out")));
    let numbers: Vec<u64> = found.iter().map(|t| t.0).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let statuses: Vec<&str> = found.iter().map(|t| t.1.as_str()).collect();
    assert_eq!(
        statuses,
        ["ok", "failed", "failed", "failed", "ok", "ok"],
        "{stderr}"
    );
    for lost in [1, 2] {
        assert!(
            found[lost].2.contains("twice without a result"),
            "{}",
            found[lost].2
        );
    }
    assert!(found[3].2.contains("byte"), "{}", found[3].2);
    assert_eq!(
        [1, 2, 3, 4, 5, 6].map(|i| attempts(site.dir.path(), i)),
        [2, 2, 2, 1, 2, 1]
    );
}

#[test]
fn a_detached_run_is_collected_by_the_next() {
    let site = Site::new(3, 1001);
    let (status, _, stderr) = run(site.slurm("out", &[]).arg("--detach"));
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("job 101"), "{stderr}");
    let groups = || {
        files(&site.path("slurm/jobs"))
            .iter()
            .any(|f| f.ends_with(".group"))
    };
    until("the tasks end", || !groups());
    let (status, _, stderr) = run(&mut run_into(&site.experiment, &site.path("out"), &[]));
    assert_eq!(status, 0, "{stderr}");
    let found = outcomes(&record(&site.path("out")));
    assert!(
        found.len() == 3 && found.iter().all(|t| t.1 == "skipped"),
        "{found:?}"
    );
}

#[test]
fn what_detached_jobs_have_claimed_stays_theirs_until_they_end() {
    let site = Site::new(2, 1001);
    let go = site.path("go");
    let cases = format!(
        "*_*) until [ -e '{}' ]; do sleep 0.1; done ;;",
        go.display()
    );
    let worker = faulty_worker(site.dir.path(), &cases);
    let mut detached = site.slurm("out", &[]);
    let (status, _, stderr) = run(detached.arg("--detach").arg("--worker").arg(worker));
    assert_eq!(status, 0, "{stderr}");
    // Here and where Slurm cannot be asked.
    let others = [
        site.slurm("out", &[]),
        run_into(&site.experiment, &site.path("out"), &[]),
    ];
    for mut other in others {
        let (status, _, stderr) = run(&mut other);
        assert_eq!(status, 2, "{stderr}");
        let flat = stderr.replace("\n  │ ", " ");
        assert!(flat.contains("claimed by Slurm job 101"), "{stderr}");
    }
    std::fs::write(go, "").expect("go");
    let running = || {
        let jobs = files(&site.path("slurm/jobs"));
        jobs.iter().any(|f| f.ends_with(".group"))
    };
    until("the tasks end", || !running());
    let (status, _, stderr) = run(&mut site.slurm("out", &[]));
    assert_eq!(status, 0, "{stderr}");
    let found = outcomes(&record(&site.path("out")));
    assert!(
        found.len() == 2 && found.iter().all(|t| t.1 == "skipped"),
        "{found:?}"
    );
}

#[test]
fn an_interrupt_cancels_the_jobs_and_credentials_travel_in_a_file() {
    let site = Site::new(4, 1001);
    let worker = faulty_worker(site.dir.path(), "*_*) stuck ;;");
    let messages = site.path("messages");
    let marker = format!("marker-{}", std::process::id());
    let mut command = site.slurm("out", &[]);
    command
        .arg("--worker")
        .arg(worker)
        .env("OS_PASSWORD", &marker)
        .env("OTHER", &marker);
    let mut child = start(&mut command, &messages);
    until("two tasks run", || {
        site.path("attempts").is_dir() && files(&site.path("attempts")).len() == 2
    });
    // The tasks have it by the file, and nothing else of our environment.
    until("the tasks have it", || {
        processes_with("environ", &format!("OS_PASSWORD={marker}")).len() >= 3
    });
    // What asks Slurm for the state of its jobs has it, too, and is gone at once; the tasks stay.
    until("the rest stays with the command", || {
        processes_with("environ", &format!("OTHER={marker}")) == [child.id()]
    });
    assert!(processes_with("cmdline", &marker).is_empty());
    use std::os::unix::fs::PermissionsExt;
    for name in files(site.dir.path()) {
        let path = site.path(&name);
        if !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        if bytes.windows(marker.len()).any(|w| w == marker.as_bytes()) {
            assert!(name.ends_with("environment"), "{name}");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    signal("INT", child.id());
    let took = until("no process is left", || {
        child.try_wait().expect("child").is_some() && processes_with("environ", &marker).is_empty()
    });
    println!("gone after {took:.1} s");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(
        std::fs::read_to_string(site.path("slurm/cancelled")).unwrap(),
        "101\n"
    );
}

#[test]
fn a_site_without_slurm_is_told() {
    let site = Site::new(1, 1001);
    let (status, _, stderr) = run(site.slurm("out", &[]).env("PATH", "/nowhere"));
    assert_eq!(status, 2, "{stderr}");
    assert!(
        flat(&stderr).contains("sbatch cannot be started"),
        "{stderr}"
    );
    let (status, _, stderr) = run(site
        .slurm("out", &[])
        .args(["--sbatch-option", "--no-such-option"]));
    assert_eq!(status, 2, "{stderr}");
    assert!(
        flat(&stderr).contains("unrecognized option '--no-such-option'"),
        "{stderr}"
    );
}
