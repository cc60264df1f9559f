//! Folders of results belong to one run at a time.

use crate::common::{contents, files, golden_experiment, record, run_experiment, widefield};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use widefield_pipeline::contract::{Outcome, Request};
use widefield_pipeline::step::Known;
use widefield_pipeline::{Engine, Error, Event, Experiment, run_all};
use widefield_storage::{Claim, Place};

fn place(dir: &Path) -> Place {
    Place::open(dir.to_str().expect("UTF-8")).expect("place")
}

/// What a run of this process would hold.
fn claim(dir: &Path, folders: &[&str]) -> Claim {
    place(dir).claim(folders).expect("claim")
}

#[test]
fn a_claimed_folder_is_refused_and_its_holder_named() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    for folder in ["", "mov_out", "dff_out", "mat_out"] {
        let held = claim(dir.path(), &[folder]);
        let before = contents(dir.path());
        for existing in ["resume", "clean"] {
            let (status, _, stderr) = run_experiment(&experiment, &["--existing", existing]);
            assert_eq!(status, 2, "{stderr}");
            let flat = stderr.replace("\n  │ ", " ");
            let said = format!("claimed by process {} on", std::process::id());
            assert!(flat.contains(&said), "{stderr}");
            assert!(contents(dir.path()) == before, "{folder}");
        }
        held.check().expect("still held");
    }
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let left = files(dir.path());
    assert!(
        !left.iter().any(|name| name.contains(".widefield")),
        "{left:?}"
    );
}

/// The claim of a process that has ended, in a folder.
fn plant_dead(dir: &Path, folder: &str) {
    let path = dir.join(folder).join(".widefield-claim");
    let held = claim(dir, &[folder]);
    let text = std::fs::read_to_string(&path).expect("claim");
    drop(held);
    // Its process began at another time than the one that has its number.
    let line = |line: &str| match line.strip_prefix("owner ") {
        Some(owner) => format!("owner {owner}1\n"),
        None => format!("{line}\n"),
    };
    std::fs::write(path, text.lines().map(line).collect::<String>()).expect("claim");
}

#[cfg(target_os = "linux")]
#[test]
fn a_dead_claim_is_taken_over() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    for folder in ["", "mat_out"] {
        plant_dead(dir.path(), folder);
        let (status, _, stderr) = run_experiment(&experiment, &["--existing", "replace"]);
        assert_eq!(status, 0, "{stderr}");
        assert!(!dir.path().join(folder).join(".widefield-claim").exists());
    }
}

#[test]
fn whoever_knows_better_takes_over() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let held = claim(dir.path(), &["dff_out"]);
    let (status, _, stderr) = run_experiment(&experiment, &["--take-over"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(held.check().is_err());
}

#[test]
fn of_two_runs_at_once_one_is_refused_and_nothing_is_mixed() {
    let mut refused = 0;
    for _ in 0..5 {
        let [a, b, out] = [(); 3].map(|()| tempfile::tempdir().expect("folder"));
        let experiments = [&a, &b].map(|dir| golden_experiment(dir.path(), ""));
        let place = format!("output.url={}", out.path().display());
        let start = |experiment: &PathBuf| {
            let mut command = widefield();
            command.arg("run").arg(experiment).args(["--set", &place]);
            let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("the command starts")
        };
        let started = [&experiments[0], &experiments[1]].map(start);
        let ended = started.map(|child| child.wait_with_output().expect("output"));
        let status = ended
            .each_ref()
            .map(|e| e.status.code().expect("no signal"));
        let winner = status.iter().position(|&s| s == 0).expect("one is done");
        // By the claim of the first, or by what it left: at no time is there room for both.
        assert_eq!(status[1 - winner], 2, "{status:?}");
        let told = String::from_utf8_lossy(&ended[1 - winner].stderr).replace("\n  │ ", " ");
        let by_claim = told.contains("claimed by process");
        assert!(by_claim || told.contains("another session"), "{told}");
        refused += usize::from(by_claim);
        let found = record(out.path());
        let theirs = [&a, &b][winner].path().display().to_string();
        assert_eq!(found["config"]["data"]["url"], theirs.as_str());
        assert_eq!(found["totals"]["ok"], 3);
        let left = files(out.path());
        assert!(
            !left.iter().any(|name| name.contains(".widefield")),
            "{left:?}"
        );
    }
    eprintln!("{refused} of 5 were refused by the claim");
}

#[test]
fn a_place_that_another_session_took_meanwhile_is_refused() {
    let [a, b, out] = [(); 3].map(|()| tempfile::tempdir().expect("folder"));
    let place = format!("output.url={}", out.path().display());
    let plan = |dir: &Path| {
        let experiment = golden_experiment(dir, "");
        let place = place.parse().expect("override");
        Experiment::load_with(experiment, &[place])
            .and_then(Experiment::plan)
            .expect("plan")
    };
    // Both see an empty place.
    let [first, second] = [plan(a.path()), plan(b.path())];
    first.run(Engine::local(), |_| {}).expect("run");
    let before = contents(out.path());
    let refused = second.run(Engine::local(), |_| {}).expect_err("refused");
    assert!(refused.to_string().contains("another session"), "{refused}");
    assert!(contents(out.path()) == before);
}

#[test]
fn a_plan_that_another_run_has_overtaken_is_not_carried_out() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let plan = || Experiment::load(&experiment).and_then(Experiment::plan);
    let (before_all, other) = (plan().expect("plan"), ["--set", "output.precision=f64"]);
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let movie = dir.path().join("20170214_102233_1");
    let movie = std::fs::File::options().append(true).open(movie);
    movie
        .and_then(|m| m.set_modified(std::time::UNIX_EPOCH))
        .expect("touched");
    // One trial to be done, two kept, of which the other run makes something else.
    let planned = plan().expect("plan");
    let (status, _, stderr) = run_experiment(&experiment, &other);
    assert_eq!(status, 0, "{stderr}");
    let theirs = contents(dir.path());
    let refused = planned.run(Engine::local(), |_| {}).expect_err("overtaken");
    assert!(matches!(refused, Error::Overtaken { .. }), "{refused}");
    assert!(contents(dir.path()) == theirs);
    // Nothing was kept then: all is done, and what another has made since is replaced as a whole.
    let record = before_all.run(Engine::local(), |_| {}).expect("a run");
    assert!(record.all_done());
    let again = plan()
        .expect("plan")
        .run(Engine::local(), |_| {})
        .expect("a run");
    // All but the movie that was touched after that plan was made.
    assert_eq!((again.totals.skipped, again.totals.ok), (2, 1));
}

#[test]
fn a_run_that_lost_its_claim_publishes_nothing_more() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let plan = Experiment::load(&experiment).and_then(Experiment::plan);
    let plans = [plan.expect("plan")];
    let mut theirs = None;
    // Another takes over when the first trial is done, and while no other has begun.
    let ended = run_all(&plans, &Engine::local().jobs(1), |_, event| {
        if let Event::Begins { .. } = event {
            let taken = place(dir.path()).claim_from(&["mov_out"], |_| true);
            theirs = Some(taken.expect("claim"));
        }
    });
    let results = ended.expect("the engine works");
    let lost = results.into_iter().next().expect("one").expect_err("lost");
    assert!(lost.to_string().contains("claimed by"), "{lost}");
    assert!(files(&dir.path().join("mov_out")) == [".widefield-claim"]);
    assert!(!dir.path().join("run.json").exists());
    theirs.expect("taken").check().expect("left alone");
}

#[test]
fn a_worker_elsewhere_publishes_for_the_holder_alone() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let plan = Experiment::load(&experiment).and_then(Experiment::plan);
    let plan = plan.expect("plan");
    let held = claim(dir.path(), &["mov_out", "dff_out"]);
    let ask = |token: &str| {
        let request = plan.request(0, 1 << 28, 1).expect("a trial");
        let mut request = serde_json::to_value(request).expect("JSON");
        let folders = held.folders();
        request["claim"] = serde_json::json!({"token": token, "folders": folders});
        let request = Request::parse(&request.to_string()).expect("request");
        let reply = request.serve(&Known::default(), &AtomicBool::new(false));
        reply.expect("no step of its own").outcome
    };
    let Outcome::Failed { record, retry } = ask("another") else {
        panic!("it is not theirs");
    };
    assert!(!retry && record.error.expect("why").contains("claimed by process"));
    assert!(files(&dir.path().join("mov_out")) == [".widefield-claim"]);
    assert!(matches!(ask(held.token()), Outcome::Done { .. }));
    assert_eq!(files(&dir.path().join("mov_out")).len(), 2);
}
