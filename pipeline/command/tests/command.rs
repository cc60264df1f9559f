//! The command line itself: what goes to stdout, what to stderr, and the exit status.

use crate::common::{
    files, golden_experiment, golden_session, record, run, run_experiment, widefield,
};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use widefield_behaviour::{Decision, Log};

#[test]
fn init_writes_once_and_the_result_is_understood() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("new.toml");
    let (status, stdout, _) = run(widefield().arg("init").arg(&file));
    assert_eq!((status, stdout.as_str()), (0, ""));
    let text = std::fs::read_to_string(&file).unwrap();
    // The log it shows is one.
    let shown = text
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .map(|line| {
            let columns = line.split("  ").map(str::trim).filter(|c| !c.is_empty());
            columns.collect::<Vec<_>>().join("\t") + "\n"
        });
    let log = Log::parse(&shown.collect::<String>()).expect("log");
    let [trial] = log.trials() else {
        panic!("one trial: {log:?}");
    };
    assert_eq!(trial.stimulus.as_deref(), Some("Texture 1 P100"));
    assert_eq!((trial.decision, log.problems().len()), (Decision::Go, 0));
    std::fs::write(&file, text.clone() + "# mine\n").unwrap();
    let (status, _, stderr) = run(widefield().arg("init").arg(&file));
    assert_eq!(status, 2);
    assert!(stderr.contains("new.toml"), "{stderr}");
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .ends_with("# mine\n")
    );
    // Its only fault is that there is nothing to process.
    let (status, _, stderr) = run_experiment(&file, &[]);
    assert_eq!(status, 2);
    assert!(stderr.contains("nothing to process"), "{stderr}");
}

#[test]
fn inspect_shows_geometry_clock_and_problems() {
    let movie = golden_session().join("20170214_102233_1");
    let (status, stdout, _) = run(widefield().arg("inspect").arg(&movie));
    assert_eq!(status, 0);
    assert!(stdout.contains("24 of 96 x 96 px, 16 bit"), "{stdout}");
    let (status, stdout, _) = run(widefield()
        .args(["inspect", "--json"])
        .arg(&movie)
        .arg(&movie));
    assert_eq!(status, 0);
    let lines: Vec<serde_json::Value> = stdout
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["frames"], 24);
    assert_eq!(lines[0]["clock"]["dropped_frames"], 0);
    assert!((lines[0]["clock"]["rate_hz"].as_f64().unwrap() - 20.0).abs() < 0.01);

    let dir = tempfile::tempdir().expect("folder");
    let cut = dir.path().join("cut");
    let bytes = std::fs::read(&movie).unwrap();
    std::fs::write(&cut, &bytes[..200_000]).unwrap();
    let (status, stdout, _) = run(widefield().args(["inspect", "--json"]).arg(&cut));
    assert_eq!(status, 1);
    let found: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(found["frames"], 10);
    assert!(found["problems"][0].as_str().unwrap().contains("byte"));

    let other = dir.path().join("other");
    std::fs::write(&other, "text").unwrap();
    let (status, stdout, stderr) = run(widefield().arg("inspect").arg(&other).arg(&movie));
    assert_eq!(status, 1);
    assert!(
        stderr.contains("other") && stdout.contains("24 of 96"),
        "{stderr}"
    );
}

#[test]
fn behaviour_prints_the_counts() {
    let log = golden_session().join("behaviour.txt");
    let table = [
        "--stimulus",
        "Texture 1 P100=Go",
        "--stimulus",
        "Texture 7 P1200=No Go",
    ];
    let (status, stdout, stderr) = run(widefield().arg("behaviour").arg(&log).args(table));
    assert_eq!((status, stderr.as_str()), (0, ""));
    let counts =
        std::fs::read_to_string(golden_session().join("BehaviourPerformance.txt")).unwrap();
    assert!(stdout.contains(counts.trim_end()), "{stdout}");
    let (status, stdout, _) = run(widefield()
        .arg("behaviour")
        .arg(&log)
        .args(table)
        .arg("--json"));
    assert_eq!(status, 0);
    let found: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(found["score"]["hits"], 1);
    assert_eq!(found["trials"].as_array().unwrap().len(), 3);
    // d' = Z(1.5 / 3) - Z(1.5 / 2) by the log-linear rule, from 1 hit of 2 and 1 false alarm of 1.
    let d_prime = found["score"]["d_prime"].as_f64().unwrap();
    assert!(
        (d_prime + 0.674_489_750_196_081_7).abs() < 1e-12,
        "{d_prime}"
    );
    assert_eq!(found["trials"][0]["outcome"], "hit");
    assert!(
        (found["reaction_of_hits_s"]["quartiles"][1]
            .as_f64()
            .unwrap()
            - 0.7)
            .abs()
            < 1e-9
    );
    let (status, stdout, _) = run(widefield()
        .arg("behaviour")
        .arg(&log)
        .args(table)
        .arg("--csv"));
    assert_eq!(status, 0);
    assert_eq!(stdout.lines().count(), 4);
    let grit = [
        "--by-grit",
        "--stimulus",
        "P100=Go",
        "--stimulus",
        "P1200=No Go",
        "--json",
    ];
    let (_, by_grit, _) = run(widefield().arg("behaviour").arg(&log).args(grit));
    let by_grit: serde_json::Value = serde_json::from_str(&by_grit).expect("JSON");
    assert_eq!(by_grit["score"], found["score"]);
    let (status, _, stderr) = run(widefield().args(["behaviour", "/nowhere/log.txt"]));
    assert_eq!(status, 2);
    assert!(stderr.contains("/nowhere/log.txt"), "{stderr}");
    let (status, _, _) = run(widefield()
        .arg("behaviour")
        .arg(&log)
        .args(["--stimulus", "Texture 1 P100=Maybe"]));
    assert_eq!(status, 2);
}

#[test]
fn demo_ends_with_a_report_and_a_second_one_keeps_it() {
    let dir = tempfile::tempdir().expect("folder");
    let place = dir.path().join("demo");
    let demo = || {
        run(widefield()
            .arg("demo")
            .arg(&place)
            .args(["--trials", "2", "--size", "64", "--frames", "20"]))
    };
    let (status, _, stderr) = demo();
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("report.html"), "{stderr}");
    assert!(
        std::fs::read_to_string(place.join("report.html"))
            .unwrap()
            .contains("Everything went well.")
    );
    let before = files(&place);
    let (status, _, stderr) = demo();
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(record(&place)["totals"]["skipped"], 2);
    assert_eq!(files(&place), before);
    let (status, _, stderr) = run(widefield().arg("simulate").arg(&place));
    assert_eq!(status, 2);
    assert!(stderr.contains("not empty"), "{stderr}");
}

#[test]
fn the_same_seed_gives_the_same_session() {
    let simulate = |seed: &str| {
        let dir = tempfile::tempdir().expect("folder");
        let more = [
            "--trials", "2", "--size", "32", "--frames", "4", "--seed", seed,
        ];
        let (status, stdout, _) = run(widefield()
            .arg("simulate")
            .arg(dir.path().join("s"))
            .args(more));
        assert_eq!(status, 0);
        assert!(stdout.trim_end().ends_with("experiment.toml"), "{stdout}");
        let names = files(dir.path());
        names
            .iter()
            .map(|n| std::fs::read(dir.path().join(n)).unwrap())
            .collect::<Vec<_>>()
    };
    assert!(simulate("3") == simulate("3"));
    assert!(simulate("3") != simulate("4"));
}

#[test]
fn other_kinds_of_sessions_can_be_simulated() {
    let dir = tempfile::tempdir().expect("folder");
    let simulate = |name: &str, more: &[&str]| {
        let place = dir.path().join(name);
        let (status, _, stderr) = run(widefield()
            .arg("simulate")
            .arg(&place)
            .args(["--size", "16"])
            .args(more));
        (status, stderr, place)
    };
    let csv = ["--kind", "csv", "--trials", "1", "--frames", "4"];
    let jitter = ["--onset-jitter", "0.5"];
    let (status, stderr, place) = simulate("csv", &[&csv[..], &jitter].concat());
    assert_eq!(status, 0, "{stderr}");
    assert_eq!(
        files(&place),
        [
            "experiment.toml",
            "rec-000001.dcimg",
            "trials.csv",
            "truth.json"
        ]
    );
    let table = std::fs::read_to_string(place.join("trials.csv")).expect("table");
    assert!(!table.contains(",3,"), "{table}");

    let (status, stderr, place) = simulate("quiet", &["--kind", "spontaneous"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("3 recordings of 16 x 16 px x 600 frames"));
    assert_eq!(files(&place).len(), 3 + 2);

    for (wrong, why) in [
        (["--onset-jitter", "-1"], "onset_jitter_s is -1"),
        (["--onset-jitter", "2"], "before the trial"),
        (["--onset-jitter", "x"], "--onset-jitter"),
        (["--kind", "dreams"], "spontaneous"),
    ] {
        let (status, stderr, place) = simulate("wrong", &wrong);
        assert_eq!(status, 2, "{stderr}");
        // Messages are folded to the width of the terminal.
        let message: Vec<&str> = stderr.split_whitespace().collect();
        assert!(message.join(" ").contains(why), "{stderr}");
        assert!(!place.exists());
    }
}

#[test]
fn a_dry_run_touches_nothing() {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = golden_experiment(dir.path(), "");
    let before = files(dir.path());
    let (status, stdout, stderr) = run_experiment(&experiment, &["--dry-run"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stdout.contains("20170214_102250_2 (new) -> mov_out/20170214_102250_2.h5"),
        "{stdout}"
    );
    assert!(stdout.contains("mat_out/cond_1200_trial1.mat"), "{stdout}");
    assert_eq!(files(dir.path()), before);
}

#[test]
fn json_is_the_record_and_several_sessions_give_a_line_each() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = golden_experiment(one.path(), "");
    let second = golden_experiment(two.path(), "");
    std::fs::write(two.path().join("20170214_102250_2"), b"DCIMG\0\0\0\x07").unwrap();
    let (status, stdout, _) = run(widefield()
        .arg("run")
        .arg(&first)
        .arg(&second)
        .arg("--json"));
    assert_eq!(status, 1, "one trial of the second session fails");
    let lines: Vec<serde_json::Value> = stdout
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], record(one.path()));
    assert_eq!(lines[1]["totals"]["failed"], 1);
    let (status, stdout, stderr) = run(widefield()
        .arg("run")
        .arg(two.path().join("none.toml"))
        .arg(&first)
        .arg("--json"));
    assert_eq!(status, 2);
    assert_eq!(
        stdout.lines().count(),
        1,
        "the session after an unusable one is run"
    );
    assert!(stderr.contains("none.toml"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_error() {
    let movie = golden_session().join("20170214_102233_1");
    let command = env!("CARGO_BIN_EXE_widefield");
    let movies = vec![movie.to_str().expect("UTF-8"); 300].join(" ");
    let script = format!("{command} inspect {movies} | head -n 1; exit ${{PIPESTATUS[0]}}");
    let (status, _, stderr) = run(std::process::Command::new("bash").args(["-c", &script]));
    assert_eq!((status, stderr.as_str()), (0, ""));
}

/// Ctrl-C: nothing half-written, what is done is recorded, the next run goes on.
#[cfg(unix)]
#[test]
fn an_interrupted_run_is_completed_by_the_next() {
    let dir = tempfile::tempdir().expect("folder");
    let place = dir.path().join("s");
    let more = ["--trials", "12", "--size", "256", "--frames", "60"];
    assert_eq!(run(widefield().arg("simulate").arg(&place).args(more)).0, 0);
    let experiment = place.join("experiment.toml");
    let mut child = widefield()
        .arg("run")
        .arg(&experiment)
        .args(["--jobs", "1"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = lines.by_ref().map_while(Result::ok);
    assert!(told.any(|line| line.starts_with("[1/12]")));
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("signal");
    let told: Vec<String> = told.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told:?}");
    crate::common::assert_nothing_temporary(&place);
    let first = record(&place);
    assert_eq!(first["totals"]["interrupted"], true);
    let done = first["totals"]["ok"].as_u64().unwrap();
    assert!((1..12).contains(&done), "{done}");

    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    let second = record(&place);
    assert_eq!(second["totals"]["skipped"].as_u64(), Some(done));
    assert_eq!(second["trials"].as_array().unwrap().len(), 12);
}

#[test]
fn wrong_arguments_end_with_status_2() {
    for wrong in [
        vec!["run"],
        vec!["frobnicate"],
        vec!["run", "x", "--jobs", "0"],
        vec!["run", "x", "--memory", "much"],
        vec!["run", "x", "--existing", "burn"],
        vec!["run", "x", "--engine", "abacus"],
    ] {
        let (status, stdout, stderr) = run(widefield().args(&wrong));
        assert_eq!((status, stdout.as_str()), (2, ""), "{wrong:?}");
        assert!(!stderr.is_empty());
    }
    assert_eq!(run(widefield().arg("--version")).0, 0);
    assert_eq!(run(widefield().arg("help")).0, 0);
}

#[test]
fn completions_and_manual_name_every_command() {
    let commands = [
        "demo",
        "simulate",
        "init",
        "run",
        "inspect",
        "behaviour",
        "view",
    ];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (status, stdout, stderr) = run(widefield().args(["completions", shell]));
        assert_eq!((status, stderr.as_str()), (0, ""));
        for name in commands {
            assert!(stdout.contains(name), "{shell}: {name}");
        }
        assert!(
            stdout.contains("--dry-run") || stdout.contains("dry-run"),
            "{shell}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(widefield().arg("man").arg(dir.path())).0, 0);
    let pages = files(dir.path());
    for name in commands {
        assert!(pages.contains(&format!("widefield-{name}.1")), "{pages:?}");
    }
    let (status, page, _) = run(widefield().arg("man"));
    assert_eq!(status, 0);
    assert!(page.contains(".TH") && commands.iter().all(|name| page.contains(name)));
}
