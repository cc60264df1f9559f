//! Every kind of session: its files agree with each other, and those of the default are what they always were.

use ndarray::Array2;
use serde_json::Value;
use std::path::Path;
use widefield_behaviour::Log;
use widefield_behaviour::table::{Onset, Table};
use widefield_experiment::{Answer, Config, Stimulus};
use widefield_simulate::widefield::Size;
use widefield_simulate::widefield::simulate::{Session as Simulated, Trial};
use widefield_simulate::{Kind, Motion, SceneConfig, Session};

fn session(kind: Kind) -> Session {
    Session {
        trials: 4,
        size: 24,
        frames: 70,
        seed: 3,
        kind,
        ..Session::default()
    }
}

/// The written session: folder, names in the order of writing.
fn written(session: &Session) -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().expect("folder");
    let mut names = Vec::new();
    let told = |name: &str| names.push(name.to_owned());
    session.write(dir.path(), told).expect("session");
    (dir, names)
}

fn text(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).expect(name)
}

fn truth(dir: &Path) -> Value {
    serde_json::from_str(&text(dir, "truth.json")).expect("JSON")
}

fn description(dir: &Path) -> toml::Table {
    text(dir, "experiment.toml").parse().expect("TOML")
}

/// `onset_s` of the trials in truth.json.
fn onsets(truth: &Value) -> Vec<f64> {
    let trials = truth["trials"].as_array().expect("trials").iter();
    trials
        .map(|t| t["onset_s"].as_f64().expect("a time"))
        .collect()
}

fn refusal(session: &Session) -> String {
    let dir = tempfile::tempdir().expect("folder");
    let place = dir.path().join("s");
    let refused = session.write(&place, |_| ()).expect_err("no session");
    assert!(!place.exists());
    refused.to_string()
}

/// Whether the pixels of a movie are those that `frame_into` of the simulator gives.
fn assert_shows(path: &Path, trial: &Trial<'_>, frames: usize) {
    let file = dcimg::File::open(path).expect("movie");
    let movie = file.movie();
    assert_eq!(movie.len(), frames);
    let mut want = Array2::<u16>::zeros((movie.height(), movie.width()));
    for (t, frame) in movie.frames().enumerate() {
        trial.frame_into(t, want.view_mut());
        assert_eq!(frame.to_array::<u16>().expect("frame"), want, "{t}");
    }
}

fn scene(session: &Session) -> Simulated {
    let config = SceneConfig {
        size: Size {
            width: session.size,
            height: session.size,
        },
        frames: session.frames,
        seed: session.seed,
        ..session.scene.clone()
    };
    Simulated::new(config, session.stimuli.len()).expect("a valid configuration")
}

/// Check sums of what the version without kinds wrote. Dark frames hold nothing that a platform's `exp` could change.
#[test]
fn trials_without_jitter_are_what_they_were() {
    let dark = SceneConfig {
        peak_counts: 0.0,
        ..SceneConfig::default()
    };
    let (dir, names) = written(&Session {
        size: 48,
        scene: dark,
        ..session(Kind::Trials)
    });
    let sums = names.iter().filter(|name| *name != "truth.json");
    let sums: Vec<(&str, u32)> = sums
        .map(|name| {
            let bytes = std::fs::read(dir.path().join(name)).expect(name);
            (name.as_str(), crc32c::crc32c(&bytes))
        })
        .collect();
    assert_eq!(sums, BEFORE);
    let truth = text(dir.path(), "truth.json");
    assert!(!truth.contains("onset_s") && !truth.contains("shift"));

    let lit = session(Kind::Trials);
    let (dir, names) = written(&lit);
    let simulated = scene(&lit);
    for (index, (name, trial)) in names.iter().zip(trials(dir.path())).enumerate() {
        let movie = dir.path().join(name);
        let want = simulated.trial(index, trial.condition, trial.responds);
        assert_shows(&movie, &want, 70);
    }
}

const BEFORE: [(&str, u32); 6] = [
    ("20170214_102233_1", 2_411_440_336),
    ("20170214_102250_2", 3_315_345_584),
    ("20170214_102307_3", 3_401_762_793),
    ("20170214_102324_4", 2_183_276_599),
    ("behaviour.txt", 1_195_091_810),
    ("experiment.toml", 1_942_173_352),
];

/// A trial as truth.json has it.
struct True {
    file: String,
    condition: usize,
    responds: bool,
}

fn trials(dir: &Path) -> Vec<True> {
    let truth = truth(dir);
    let conditions = truth["conditions"].as_array().expect("conditions");
    let trial = |t: &Value| True {
        file: t["file"].as_str().expect("a name").to_owned(),
        condition: conditions
            .iter()
            .position(|c| c["stimulus"] == t["stimulus"])
            .expect("a condition"),
        responds: t["responds"].as_bool().expect("a truth"),
    };
    truth["trials"]
        .as_array()
        .expect("trials")
        .iter()
        .map(trial)
        .collect()
}

#[test]
fn jittered_onsets_are_the_same_in_log_truth_and_pixels() {
    let jittered = Session {
        trials: 8,
        onset_jitter_s: 0.8,
        ..session(Kind::Trials)
    };
    let (dir, names) = written(&jittered);
    let onsets = onsets(&truth(dir.path()));
    assert!(onsets.iter().all(|s| (2.2..=3.8).contains(s)), "{onsets:?}");
    assert!(onsets.iter().any(|s| *s < 2.8) && onsets.iter().any(|s| *s > 3.2));
    // Not by whole frames of 50 ms.
    assert!(onsets.iter().any(|s| (s * 1000.0).round() % 50.0 != 0.0));

    let log = Log::parse(&text(dir.path(), "behaviour.txt")).expect("log");
    assert!(log.problems().is_empty() && log.trials().len() == 8);
    for (trial, onset_s) in log.trials().iter().zip(&onsets) {
        let onset = trial.stimulus_onset().expect("a texture");
        assert_eq!(onset.duration_since(trial.start).as_secs_f64(), *onset_s);
    }

    let simulated = scene(&jittered);
    let trials = trials(dir.path());
    for (index, (trial, onset_s)) in trials.iter().zip(&onsets).enumerate() {
        assert_eq!(trial.file, names[index]);
        let want = simulated.trial_at(index, trial.condition, trial.responds, *onset_s);
        assert_shows(&dir.path().join(&trial.file), &want, 70);
    }

    let description = description(dir.path());
    assert_eq!(description["experiment"]["align"].as_str(), Some("log"));
    assert_eq!(description["data"]["prefix"].as_str(), Some("20170214_"));
    // But for that line, it is the description of a session without jitter.
    let (usual, _) = written(&session(Kind::Trials));
    let (ours, theirs) = (
        text(dir.path(), "experiment.toml"),
        text(usual.path(), "experiment.toml"),
    );
    assert_eq!(ours.replace("align = \"log\"\n", ""), theirs);
}

#[test]
fn late_stimuli_do_not_reach_into_the_next_trial() {
    let (dir, _) = written(&Session {
        onset_jitter_s: 20.0,
        frames: 4,
        scene: SceneConfig {
            first_frame_s: -25.0,
            ..SceneConfig::default()
        },
        ..session(Kind::Trials)
    });
    let log = Log::parse(&text(dir.path(), "behaviour.txt")).expect("log");
    assert!(log.problems().is_empty(), "{:?}", log.problems());
    let trials = log.trials().windows(2);
    assert!(
        trials
            .into_iter()
            .all(|pair| pair[0].end < Some(pair[1].start))
    );
}

#[test]
fn a_table_says_what_the_truth_says() {
    let named = [
        ("Tone, 8 kHz \"high\"", Answer::Go, "8k"),
        ("Tone 4", Answer::NoGo, "4k"),
    ];
    let stimuli = named.map(|(name, answer, condition)| {
        let mut stimulus = Stimulus::new(name, answer);
        stimulus.condition = Some(condition.into());
        stimulus
    });
    for onset_jitter_s in [0.0, 1.5] {
        let tabled = Session {
            onset_jitter_s,
            stimuli: stimuli.to_vec(),
            ..session(Kind::Csv)
        };
        let (dir, names) = written(&tabled);
        let expected = [
            "rec-000001.dcimg",
            "rec-000002.dcimg",
            "rec-000003.dcimg",
            "rec-000004.dcimg",
            "trials.csv",
            "truth.json",
            "experiment.toml",
        ];
        assert_eq!(names, expected);

        let truth = truth(dir.path());
        let onsets = onsets(&truth);
        let within = 3.0 - onset_jitter_s..=3.0 + onset_jitter_s;
        assert!(onsets.iter().all(|s| within.contains(s)), "{onsets:?}");
        assert_eq!(onsets.iter().all(|s| *s == 3.0), onset_jitter_s == 0.0);
        let table = Table::parse(&text(dir.path(), "trials.csv")).expect("table");
        assert_eq!(table.other(), ["weight_g"]);
        assert_eq!(table.rows().len(), 4);
        let simulated = scene(&tabled);
        for (index, (row, trial)) in table.rows().iter().zip(trials(dir.path())).enumerate() {
            let true_trial = &truth["trials"][index];
            assert_eq!(row.trial.map(|n| n as usize), Some(index + 1));
            assert_eq!(row.onset, Some(Onset::Seconds(onsets[index])));
            assert_eq!(row.stimulus.as_deref(), true_trial["stimulus"].as_str());
            let decision = row.decision.map(|d| d.to_string());
            assert_eq!(decision.as_deref(), true_trial["decision"].as_str());
            assert!(row.other[0].parse::<f64>().is_ok());
            let want = simulated.trial_at(index, trial.condition, trial.responds, onsets[index]);
            assert_shows(&dir.path().join(trial.file), &want, 70);
        }

        let description = description(dir.path());
        let data: toml::Table = "name = \"rec-{trial}\"\ntrials = \"trials.csv\""
            .parse()
            .expect("TOML");
        assert_eq!(description["data"].as_table(), Some(&data));
        let experiment = &description["experiment"];
        assert_eq!(experiment["align"].as_str(), Some("log"));
        assert_eq!(experiment["stimulus"][0]["name"].as_str(), Some(named[0].0));
        assert_eq!(experiment["stimulus"][1]["condition"].as_str(), Some("4k"));
    }
}

#[test]
fn spontaneous_recordings_hold_the_true_activity_and_nothing_else() {
    let mut quiet = Session {
        trials: 2,
        frames: 0,
        ..session(Kind::Spontaneous)
    };
    let (dir, names) = written(&quiet);
    assert_eq!(
        names,
        [
            "rec-000001.dcimg",
            "rec-000002.dcimg",
            "truth.json",
            "experiment.toml"
        ]
    );
    quiet.frames = 600;
    let simulated = scene(&quiet);
    let truth = truth(dir.path());
    let areas: Vec<_> = simulated.truth().areas.iter().flatten().collect();
    for (true_area, area) in truth["areas"].as_array().expect("areas").iter().zip(&areas) {
        assert_eq!(true_area["centre_yx_px"][0].as_f64(), Some(area.centre[0]));
    }
    assert_eq!(truth["areas"].as_array().map(Vec::len), Some(4));
    for index in 0..2 {
        let want = simulated.spontaneous(index);
        let recording = &truth["recordings"][index];
        assert_eq!(recording["file"], names[index].as_str());
        let ours = recording["activations"].as_array().expect("activations");
        assert!(ours.len() > 8 && ours.len() == want.activations().len());
        for (ours, a) in ours.iter().zip(want.activations()) {
            assert_eq!(ours["begin_s"].as_f64(), Some(a.begin_s));
            assert_eq!(ours["area"], a.area);
            assert_eq!(ours["peak_dff"].as_f64(), Some(a.peak_dff));
            let rise_s = ours["peak_s"].as_f64().expect("a time") - a.begin_s;
            assert!((rise_s - areas[a.area].rise_to_peak_s()).abs() < 1e-9);
        }
        assert_shows(&dir.path().join(&names[index]), &want, 600);
    }

    let expected = "# A simulated session; truth.json says what is in it.\n\n\
         [data]\nname = \"rec-{trial}\"\n\n\
         [experiment]\nkind = \"spontaneous\"\nsample_rate_hz = 20.0\n\n\
         [analysis]\n\n\
         [analysis.baseline]\nmethod = \"percentile\"\npercentile = 10\n";
    assert_eq!(text(dir.path(), "experiment.toml"), expected);
    // The analysis in it is one that can be configured.
    let (_, analysis) = expected.split_once("[analysis]").expect("two parts");
    let file = dir.path().join("analysis.toml");
    std::fs::write(
        &file,
        format!("[data]\nprefix = \"rec-\"\n[analysis]{analysis}"),
    )
    .expect("file");
    Config::load(&file, &[]).expect("a description");
}

#[test]
fn the_truth_has_the_shifts_of_every_frame_that_the_pixels_show() {
    let motion = Motion {
        drift_px: 20.0,
        jitter_px: 2.0,
        step_px: 5.0,
    };
    for kind in [Kind::Trials, Kind::Csv, Kind::Spontaneous] {
        let mut moving = session(kind);
        moving.scene.motion = motion;
        let (dir, names) = written(&moving);
        let simulated = scene(&moving);
        let truth = truth(dir.path());
        let list = match kind {
            Kind::Spontaneous => "recordings",
            _ => "trials",
        };
        let movies = truth[list].as_array().expect("movies");
        assert_eq!(movies.len(), 4);
        for (index, movie) in movies.iter().enumerate() {
            assert_eq!(movie["file"], names[index].as_str());
            let trial = match kind {
                Kind::Spontaneous => simulated.spontaneous(index),
                _ => {
                    let of = &trials(dir.path())[index];
                    simulated.trial(index, of.condition, of.responds)
                }
            };
            assert_shows(&dir.path().join(&names[index]), &trial, 70);
            let shifts = movie["shift_yx_px"].as_array().expect("shifts");
            assert_eq!(shifts.len(), 70);
            for (t, shift) in shifts.iter().enumerate() {
                for (axis, want) in trial.shift_px(t).into_iter().enumerate() {
                    let px = shift[axis].as_f64().expect("a number");
                    // Four decimals.
                    assert!((px - want).abs() < 0.500_1e-4, "{px} {want}");
                }
            }
        }
        assert_ne!(movies[0]["shift_yx_px"], movies[1]["shift_yx_px"]);

        // But for them it is the truth about a head that stays.
        let mut rest = truth.clone();
        for movie in rest[list].as_array_mut().expect("movies") {
            movie
                .as_object_mut()
                .expect("a movie")
                .remove("shift_yx_px");
        }
        let (still, _) = written(&session(kind));
        assert_eq!(format!("{rest:#}\n"), text(still.path(), "truth.json"));
    }
}

#[test]
fn impossible_motion_is_refused() {
    for px in [-1.0, f64::NAN, 257.0] {
        let mut moving = session(Kind::Trials);
        moving.scene.motion.drift_px = px;
        let refused = refusal(&moving);
        assert!(refused.contains("`motion.drift_px`"), "{refused}");
        assert!(refused.contains("from 0 to 256"), "{refused}");
    }
}

#[test]
fn impossible_jitter_is_refused() {
    let with = |kind, onset_jitter_s| Session {
        onset_jitter_s,
        ..session(kind)
    };
    for jitter_s in [-0.1, f64::NAN, f64::INFINITY, 1.1e6] {
        let refused = refusal(&with(Kind::Csv, jitter_s));
        assert!(
            refused.contains("it must be from 0 to 1000000"),
            "{refused}"
        );
    }
    let refused = refusal(&with(Kind::Spontaneous, 0.5));
    assert!(refused.contains("have no onsets"), "{refused}");
    let refused = refusal(&with(Kind::Trials, 1.101));
    assert!(
        refused.contains("1.899 s after the first frame"),
        "{refused}"
    );
    written(&with(Kind::Trials, 1.1));
}
