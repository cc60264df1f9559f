//! Names, tables and onsets as other labs have them, on sessions with known truth.

use crate::common::{contents, record, run_experiment};
use ndarray::{Axis, s};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use widefield_pipeline::simulate::{Kind, SceneConfig, Session};
use widefield_storage::{Attribute, Orientation, Place};

fn session(kind: Kind, onset_jitter_s: f64) -> Session {
    Session {
        trials: 4,
        kind,
        onset_jitter_s,
        scene: SceneConfig {
            size: widefield::Size {
                width: 64,
                height: 64,
            },
            frames: 120,
            ..SceneConfig::default()
        },
        ..Session::default()
    }
}

/// The session in a folder, and the text of its description changed.
fn written(session: &Session, change: impl Fn(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session.write(dir.path(), |_| {}).expect("session");
    let text = std::fs::read_to_string(&experiment).expect("text");
    std::fs::write(&experiment, change(text)).expect("text");
    (dir, experiment)
}

fn trials(dir: &Path) -> Vec<Value> {
    let record = record(dir);
    record["trials"].as_array().expect("trials").clone()
}

fn truth(dir: &Path) -> Vec<Value> {
    let text = std::fs::read(dir.join("truth.json")).expect("truth.json");
    let truth: Value = serde_json::from_slice(&text).expect("JSON");
    truth["trials"].as_array().expect("trials").clone()
}

/// The trace of dF/F of a file around a pixel, and the time of its first frame.
fn trace(dir: &Path, stem: &str, [y, x]: [usize; 2]) -> (Vec<f64>, f64) {
    let place = Place::open(&dir.to_string_lossy()).expect("place");
    let file = place
        .open_hdf5(&format!("dff_out/{stem}.h5"))
        .expect("file");
    let dataset = file.dataset("dff").expect("dataset");
    let Some(Attribute::Float(first_s)) = dataset.attribute("first_frame_s") else {
        panic!("no time of the first frame");
    };
    let movie = dataset
        .read_movie(Orientation::Notebook, .., ..)
        .expect("movie");
    let around = movie.slice(s![.., y - 2..=y + 2, x - 2..=x + 2]);
    let mean = |frame: ndarray::ArrayView2<'_, f32>| f64::from(frame.mean().expect("pixels"));
    (around.axis_iter(Axis(0)).map(mean).collect(), *first_s)
}

/// Seconds from 10 to 90 % of the largest value of a course that begins at rest.
fn rise_s(course: &[(f64, f64)]) -> f64 {
    let peak = course.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let crosses = |share: f64| {
        let at = course
            .windows(2)
            .find(|two| two[1].1 >= share * peak)
            .expect("a rise");
        let [(t0, v0), (t1, v1)] = [at[0], at[1]];
        t0 + (share * peak - v0) / (v1 - v0) * (t1 - t0)
    };
    crosses(0.9) - crosses(0.1)
}

/// The rise of the mean over the trials of the first condition, by the times that files say.
fn mean_rise_s(dir: &Path, centre: [usize; 2]) -> f64 {
    let mut bins: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for trial in trials(dir) {
        if trial["condition"] != "100" || trial["outcome"] == "early" {
            continue;
        }
        let file = trial["file"].as_str().expect("name");
        let (values, first_s) = trace(dir, file.trim_end_matches(".dcimg"), centre);
        for (t, value) in (0_i32..).zip(values) {
            let time_s = first_s + f64::from(t) / 20.0;
            if (-1.5..1.5).contains(&time_s) {
                #[expect(clippy::cast_possible_truncation, reason = "bins of a frame")]
                let (sum, n) = bins.entry((time_s * 20.0).round() as i64).or_default();
                (*sum, *n) = (*sum + value, *n + 1.0);
            }
        }
    }
    let course: Vec<(f64, f64)> = bins
        .iter()
        .map(|(bin, (sum, n))| (*bin as f64 / 20.0, sum / n))
        .collect();
    rise_s(&course)
}

#[test]
fn aligned_by_their_onsets_mean_responses_rise_as_they_do() {
    for kind in [Kind::Trials, Kind::Csv] {
        let session = Session {
            trials: 12,
            ..session(kind, 1.0)
        };
        let simulated = widefield::simulate::Session::new(
            widefield::simulate::Config {
                seed: session.seed,
                ..session.scene.clone()
            },
            2,
        )
        .expect("scene");
        let area = &simulated.truth().areas[0][0];
        let fine: Vec<(f64, f64)> = (-300..300)
            .map(|t| f64::from(t) / 200.0)
            .map(|t| (t, area.time_course(t)))
            .collect();
        let truth_s = rise_s(&fine);

        let (dir, experiment) = written(&session, |text| text);
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        assert_eq!(status, 0, "{stderr}");
        let aligned_s = mean_rise_s(dir.path(), area.centre_pixel());
        let known = truth(dir.path())
            .iter()
            .map(|t| t["onset_s"].as_f64())
            .collect::<Vec<_>>();
        for (trial, onset_s) in trials(dir.path())
            .iter()
            .zip(order(&trials(dir.path()), &known))
        {
            assert_eq!(trial["onset_s"].as_f64(), onset_s);
            assert_eq!(
                trial["onset_from"],
                if kind == Kind::Csv { "table" } else { "log" }
            );
            let file = trial["file"]
                .as_str()
                .expect("name")
                .trim_end_matches(".dcimg");
            assert_eq!(Some(-trace(dir.path(), file, [30, 30]).1), onset_s);
        }

        let fixed = tempfile::tempdir().expect("folder");
        let output = format!("output.url={}", fixed.path().display());
        let (status, ..) = run_experiment(
            &experiment,
            &["--set", &output, "--set", "experiment.align=fixed"],
        );
        assert_eq!(status, 0);
        let fixed_s = mean_rise_s(fixed.path(), area.centre_pixel());
        // Bins of a frame, 0.05 s, smear a little.
        assert!(
            (aligned_s - truth_s).abs() < 0.06,
            "{kind:?}: {aligned_s} s, truth {truth_s} s"
        );
        assert!(
            fixed_s > 2.0 * truth_s + 0.1,
            "{kind:?}: {fixed_s} s, truth {truth_s} s"
        );
        let record = record(fixed.path());
        let checks = record["checks"].as_array().expect("checks");
        let spread = checks
            .iter()
            .find(|c| c["name"] == "onset_spread")
            .expect("told");
        assert_eq!(spread["level"], "warn", "{spread}");
        assert!(
            spread["message"]
                .as_str()
                .expect("text")
                .contains("experiment.align = \"log\""),
            "{spread}"
        );
    }
}

/// What is known of each trial in the order of its number, in the order of the records.
fn order<T: Copy>(trials: &[Value], known: &[T]) -> Vec<T> {
    let number =
        |trial: &Value| usize::try_from(trial["trial"].as_u64().expect("number")).expect("small");
    trials
        .iter()
        .map(|trial| known[number(trial) - 1])
        .collect()
}

#[test]
fn baselines_by_time_follow_the_onset() {
    let (dir, experiment) = written(&session(Kind::Csv, 1.0), |text| {
        text.replace("frames = [9, 12]", "window_s = [-1.0, -0.5] #")
    });
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 0, "{stderr}");
    for trial in trials(dir.path()) {
        let onset_s = trial["onset_s"].as_f64().expect("onset");
        let [from, to] = [0, 1].map(|end| {
            trial["quality"]["baseline_frames"][end]
                .as_f64()
                .expect("frames")
        });
        assert_eq!(
            (from, to),
            (
                ((onset_s - 1.0) * 20.0).ceil(),
                ((onset_s - 0.5) * 20.0).ceil()
            ),
            "{onset_s}"
        );
        let checks = trial["checks"].as_array().expect("checks");
        let baseline = checks
            .iter()
            .find(|c| c["name"] == "baseline_event")
            .expect("told");
        assert_eq!(baseline["level"], "pass", "{baseline}");
    }
}

/// Labels by the trial of the truth, which the begin of a movie tells.
fn labels(dir: &Path) -> Vec<(String, String, String)> {
    let mut trials = trials(dir);
    let begin = |trial: &Value| {
        trial["quality"]["first_frame_unix_s"]
            .as_f64()
            .expect("clock")
    };
    trials.sort_by(|a, b| begin(a).total_cmp(&begin(b)));
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let mat = |trial: &Value| text(&trial["outputs"][2]["path"]);
    trials
        .iter()
        .map(|t| (text(&t["stimulus"]), text(&t["outcome"]), mat(t)))
        .collect()
}

/// Gives the movies of a session other names, in their order.
fn renamed(dir: &Path, name: impl Fn(usize) -> String) {
    for (i, trial) in truth(dir).iter().enumerate() {
        let old = dir.join(trial["file"].as_str().expect("name"));
        std::fs::rename(old, dir.join(name(i))).expect("renamed");
    }
}

#[test]
fn order_time_and_patterns_give_the_labels_that_numbers_gave() {
    let (by_number, experiment) = written(&session(Kind::Trials, 0.0), |text| text);
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let want = labels(by_number.path());
    assert!(
        want.iter().any(|(_, outcome, _)| outcome == "hit"),
        "{want:?}"
    );

    let letters = ["d", "a", "c", "b"];
    // Where nothing is shifted, name and way to match; of names in no order by time only.
    type Name = fn(usize, [&str; 4]) -> String;
    let cases: [(&str, &str, Name); 6] = [
        // Beside a prefix.
        (
            "{date}_{time}_{trial}\"\nprefix = \"2017",
            "number",
            |i, _| format!("20170214_10000{i}_{}", i + 1),
        ),
        ("{any}_t{trial}_x", "number", |i, _| {
            format!("mouse1_t{}_x.dcimg", i + 1)
        }),
        ("m{any}", "order", |i, _| format!("m{}.dcimg", i + 8)),
        ("{any}.raw", "time", |i, letters| {
            format!("{}.raw", letters[i])
        }),
        // The clock in the name is another hour and a quarter.
        ("{date}-{time}", "time", |i, _| {
            let seconds = 37 * 60 + 33 + 17 * i;
            format!("2017-02-14-11{:02}{:02}", seconds / 60, seconds % 60)
        }),
        ("{date}_{time}_{any}", "order", |i, _| {
            format!("20170214_10223{i}_z")
        }),
    ];
    for (pattern, by, name) in cases {
        let keys = format!("name = \"{pattern}\"\nmatch = \"{by}\"");
        let change = |text: String| text.replace("prefix = \"20170214_\"", &keys);
        let (dir, experiment) = written(&session(Kind::Trials, 0.0), change);
        renamed(dir.path(), |i| name(i, letters));
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        assert_eq!(status, 0, "{pattern}: {stderr}");
        assert_eq!(labels(dir.path()), want, "{pattern}, {by}");
    }
}

#[test]
fn a_table_beside_the_log_corrects_it() {
    let change = |text: String| text.replace("behaviour_log", "trials = \"t.csv\"\nbehaviour_log");
    let (dir, experiment) = written(&session(Kind::Trials, 0.5), change);
    let table = "trial;outcome;onset_s;exclude;who\n1;miss;2.125;;\n2;;;true;mine\n";
    std::fs::write(dir.path().join("t.csv"), table).expect("table");
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    let found = trials(dir.path());
    let one = |n: u64| found.iter().find(|t| t["trial"] == n).expect("trial");
    assert_eq!(
        (one(1)["outcome"].as_str(), one(1)["onset_s"].as_f64()),
        (Some("miss"), Some(2.125))
    );
    assert_eq!(
        (one(2)["exclude"].as_bool(), one(2)["outcome"].as_str()),
        (Some(true), Some("left out"))
    );
    assert_eq!(one(2)["columns"]["who"], "mine");
    assert_eq!(
        [one(1), one(2)].map(|t| t["onset_from"].as_str()),
        [Some("table"), Some("log")]
    );

    // What no result depends on is told anew, and nothing is done again for it.
    let before = contents(&dir.path().join("dff_out"));
    let run = |table: &str| {
        std::fs::write(dir.path().join("t.csv"), table).expect("table");
        let (status, _, stderr) = run_experiment(&experiment, &[]);
        assert_eq!(status, 0, "{stderr}");
        stderr
    };
    let stderr = run(&table
        .replace("mine", "yours")
        .replace("miss", "hit")
        .replace(";true;", ";;"));
    assert!(stderr.contains("0 done, 0 failed, 4 kept"), "{stderr}");
    let found = trials(dir.path());
    let two = found.iter().find(|t| t["trial"] == 2).expect("trial");
    assert_eq!(
        (two["columns"]["who"].as_str(), two.get("exclude")),
        (Some("yours"), None)
    );
    assert_eq!(contents(&dir.path().join("dff_out")), before);
    let stderr = run(&table.replace("2.125", "2.25"));
    assert!(stderr.contains("1 done, 0 failed, 3 kept"), "{stderr}");
}

#[test]
fn what_cannot_be_told_apart_is_said_with_its_remedy() {
    let said =
        |kind: Kind, change: &dyn Fn(String) -> String, spoil: &dyn Fn(&Path), want: &[&str]| {
            let (dir, experiment) = written(&session(kind, 0.0), change);
            spoil(dir.path());
            let (status, _, stderr) = run_experiment(&experiment, &[]);
            let flat = stderr
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace(" │ ", " ");
            assert!(
                want.iter().all(|text| flat.contains(text)),
                "{want:?}: {stderr}"
            );
            (status, dir)
        };
    let same = |text: String| text;
    let nothing = |_: &Path| ();
    let pattern = |text: String| text.replace("rec-{trial}", "rec_{date}_{trial}");
    let want = [
        "is built as `rec_{date}_{trial}`",
        "of 7 files there",
        "rec-000001.dcimg: `rec_` should come first",
        "rec-000003.dcimg",
    ];
    assert_eq!(said(Kind::Csv, &pattern, &nothing, &want).0, 2);
    let pattern = |text: String| text.replace("rec-{trial}", "rec-{date}");
    let want = ["rec-000001.dcimg: after `rec-` `{date}` should come"];
    assert_eq!(said(Kind::Csv, &pattern, &nothing, &want).0, 2);
    let twice = |text: String| text.replace("rec-{trial}", "rec-{trial}-{trial}");
    assert_eq!(
        said(
            Kind::Csv,
            &twice,
            &nothing,
            &["{trial} stands twice", "experiment.toml:4"]
        )
        .0,
        2
    );
    let gone = |dir: &Path| std::fs::remove_file(dir.join("trials.csv")).expect("removed");
    assert_eq!(
        said(
            Kind::Csv,
            &same,
            &gone,
            &["trials.csv: there is no such file, and no other table file there"]
        )
        .0,
        2
    );
    let bad = |dir: &Path| {
        std::fs::write(dir.join("trials.csv"), "trial,onset_s\n1,soon\n").expect("written")
    };
    assert_eq!(
        said(
            Kind::Csv,
            &same,
            &bad,
            &["line 2, column 2 (onset_s): \"soon\" is no number of seconds"]
        )
        .0,
        2
    );
    let order = |text: String| text.replace("behaviour_log", "match = \"order\"\nbehaviour_log");
    let fewer = |dir: &Path| {
        let name = truth(dir)[1]["file"].as_str().expect("name").to_owned();
        std::fs::remove_file(dir.join(name)).expect("removed");
    };
    let want = [
        "data.match = \"order\": 3 movies and 4 entries cannot be paired in order",
        "nothing is guessed",
    ];
    assert_eq!(said(Kind::Trials, &order, &fewer, &want).0, 2);
    let time = |text: String| text.replace("behaviour_log", "match = \"time\"\nbehaviour_log");
    assert_eq!(
        said(
            Kind::Trials,
            &time,
            &fewer,
            &["movies: none; entries: 2 of 2017-02-14T10:22:50"]
        )
        .0,
        2
    );
    // What is called as a movie and holds none keeps its place: the others are who they were.
    let empty = |dir: &Path| {
        let name = truth(dir)[1]["file"].as_str().expect("name").to_owned();
        std::fs::write(dir.join(name), "").expect("emptied");
    };
    let (status, dir) = said(Kind::Trials, &order, &empty, &[]);
    assert_eq!(status, 0);
    let shown = |trials: Vec<Value>| -> Vec<String> {
        let text = |t: &Value| t["stimulus"].as_str().expect("text").to_owned();
        trials.iter().map(text).collect()
    };
    let mut known = truth(dir.path());
    known.remove(1);
    assert_eq!(shown(trials(dir.path())), shown(known));
    // A name that can be read in two ways is one failed trial.
    let vague =
        |text: String| text.replace("prefix = \"20170214_\"", "name = \"{any}_{trial}_{any}\"");
    let names = |dir: &Path| {
        renamed(dir, |i| {
            format!("m_{}{}_x", i + 1, if i == 3 { "_7" } else { "" })
        })
    };
    let (status, dir) = said(
        Kind::Trials,
        &vague,
        &names,
        &["m_4_7_x", "in several ways: trial 4, or trial 7"],
    );
    assert_eq!(
        (
            status,
            trials(dir.path())
                .iter()
                .filter(|t| t["status"] == "ok")
                .count()
        ),
        (1, 3)
    );
    // Those are nobody's trials.
    let small = |text: String| text.replace("1,Texture", "9,Texture");
    let csv = |dir: &Path| {
        let path = dir.join("trials.csv");
        let text = std::fs::read_to_string(&path).expect("table");
        std::fs::write(path, small(text)).expect("table");
    };
    let (status, dir) = said(Kind::Csv, &same, &csv, &[]);
    assert_eq!(status, 0);
    let found = record(dir.path());
    let checks = found["checks"].as_array().expect("checks");
    let check = checks
        .iter()
        .find(|c| c["name"] == "log_match")
        .expect("told");
    let message = "movies without an entry in the table: rec-000001.dcimg; trials of the table without a movie: 9: line 2, column 1 (trial)";
    assert_eq!(
        (check["level"].as_str(), check["message"].as_str()),
        (Some("warn"), Some(message))
    );
    let first = &trials(dir.path())[0];
    let checks = first["checks"].as_array().expect("checks");
    let names: Vec<_> = checks
        .iter()
        .filter(|c| c["level"] == "warn")
        .map(|c| c["name"].as_str())
        .collect();
    assert_eq!(names, [Some("label"), Some("onset")]);
    assert_eq!(
        (first["onset_s"].as_f64(), first["onset_from"].as_str()),
        (Some(3.0), Some("fixed"))
    );
}

#[test]
fn onsets_outside_of_their_movies_are_told() {
    let (dir, experiment) = written(&session(Kind::Csv, 0.0), |text| text);
    let path = dir.path().join("trials.csv");
    let table = std::fs::read_to_string(&path).expect("table");
    // Milliseconds in a column of seconds, as Excel writes numbers where the comma is the decimal sign.
    let table = table
        .replace(',', ";")
        .replacen(";3;", ";3000,5;", 1)
        .replacen(";3;", ";2,5;", 1);
    std::fs::write(&path, table).expect("table");
    for _ in 0..2 {
        assert_eq!(run_experiment(&experiment, &[]).0, 0);
        let found = trials(dir.path());
        let [one, two] = [&found[0], &found[1]];
        assert_eq!(
            [one, two].map(|t| t["onset_s"].as_f64()),
            [Some(3000.5), Some(2.5)]
        );
        let raised = |trial: &Value| {
            let checks = trial["checks"].as_array().expect("checks").clone();
            checks
                .into_iter()
                .filter(|c| c["name"] == "onset_outside")
                .collect::<Vec<_>>()
        };
        assert!(raised(two).is_empty());
        let [check] = &raised(one)[..] else {
            panic!("told {} times", raised(one).len());
        };
        assert_eq!(check["level"], "fail");
        assert!(
            check["message"]
                .as_str()
                .expect("text")
                .contains("6.00 s long; onset_s is in seconds"),
            "{check}"
        );
    }
}

#[test]
fn recordings_without_stimulus_need_no_log_and_are_judged_as_a_whole() {
    let spontaneous = Session {
        trials: 2,
        frames: 240,
        ..session(Kind::Spontaneous, 0.0)
    };
    let (dir, experiment) = written(&spontaneous, |text| text);
    let (status, _, stderr) = run_experiment(&experiment, &["--strict"]);
    assert_eq!(status, 0, "{stderr}");
    for trial in trials(dir.path()) {
        assert!(trial.get("onset_s").is_none(), "{trial}");
        let checks = trial["checks"].as_array().expect("checks");
        let of = |name: &str| {
            checks
                .iter()
                .find(|c| c["name"] == name)
                .expect("told")
                .clone()
        };
        assert_eq!(
            of("baseline_event")["message"],
            "F0 is taken from the whole recording, frames 0 to 239"
        );
        assert_eq!(of("slow_drift")["level"], "pass");
        let file = trial["file"]
            .as_str()
            .expect("name")
            .trim_end_matches(".dcimg");
        assert_eq!(trace(dir.path(), file, [30, 30]).1, 0.0);
    }
    let page = std::fs::read_to_string(dir.path().join("report.html")).expect("report");
    assert!(
        page.contains("time (s)")
            && !page.contains("from the stimulus")
            && !page.contains("time from stimulus"),
        "the report speaks of a stimulus"
    );

    // F0 that follows the light does not hide that it fades.
    let mut fading = spontaneous.clone();
    fading.scene.bleaching = 0.08;
    let follow = |text: String| {
        text.replace(
            "method = \"percentile\"\npercentile = 10",
            "method = \"maximin\"\nspan_s = 1.0",
        )
    };
    let (dir, experiment) = written(&fading, follow);
    assert_eq!(run_experiment(&experiment, &[]).0, 0);
    for trial in trials(dir.path()) {
        let checks = trial["checks"].as_array().expect("checks");
        let bleaching = checks
            .iter()
            .find(|c| c["name"] == "bleaching")
            .expect("told");
        assert_eq!(bleaching["level"], "fail", "{bleaching}");
    }
    // Nothing but the kind: F0 has to be chosen.
    let alone = |text: String| text.replace("method = \"percentile\"\npercentile = 10", "");
    let (_dir, experiment) = written(&spontaneous, alone);
    let (status, _, stderr) = run_experiment(&experiment, &[]);
    assert_eq!(status, 2);
    assert!(
        stderr.contains("analysis.baseline.method") && stderr.contains("\"sliding_percentile\""),
        "{stderr}"
    );
}
