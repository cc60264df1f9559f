//! One fault a session: it must be found by its check, in its trials, and by no other check.

use crate::common::run_experiment;
use dcimg::write::{Spec, Writer};
use dcimg::{File, Stamp, Timestamp};
use jiff::ToSpan;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::path::Path;
use widefield_behaviour::write::LogWriter;
use widefield_behaviour::{Decision, Log, ReactionFrom, Trial};
use widefield_pipeline::simulate::{Faults, Light, SceneConfig, Session};

const TRIALS: u32 = 6;

/// Six trials of 5 s, small but otherwise as the camera would give them.
fn session(scene: SceneConfig) -> Session {
    Session {
        trials: TRIALS,
        scene: SceneConfig {
            size: widefield::Size {
                width: 128,
                height: 128,
            },
            frames: 100,
            ..scene
        },
        ..Session::default()
    }
}

/// The session with these faults of the camera or the head.
fn with(faults: Faults) -> Session {
    session(SceneConfig {
        faults,
        ..SceneConfig::default()
    })
}

/// Checks that were not passed: their level, the trials that raised them (0 is the session), and what the first says.
type Raised = BTreeMap<String, (String, Vec<u64>, String)>;

/// Runs the session after `spoil` and returns which checks were raised, at which level, in which trials; the
/// session itself is trial 0.
fn raised(session: &Session, spoil: impl FnOnce(&Path), more: &[&str]) -> Raised {
    let dir = tempfile::tempdir().expect("folder");
    let experiment = session.write(dir.path(), |_| {}).expect("session");
    spoil(dir.path());
    let (_, _, stderr) = run_experiment(&experiment, more);
    let record = crate::common::record(dir.path());
    let mut found = Raised::new();
    let mut add = |trial: u64, checks: &serde_json::Value| {
        for check in checks.as_array().expect("checks") {
            let text = |key: &str| check[key].as_str().expect(key).to_owned();
            if text("level") != "pass" {
                let first = || (text("level"), Vec::new(), text("message"));
                let entry = found.entry(text("name")).or_insert_with(first);
                entry.1.push(trial);
                // What a person reads on the terminal and on the page.
                assert!(text("message").len() > 30, "{check}");
                eprintln!("{trial} {}: {}", text("name"), text("message"));
            }
        }
    };
    add(0, &record["checks"]);
    let trials = record["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), TRIALS as usize, "{stderr}");
    for trial in trials {
        add(trial["trial"].as_u64().expect("number"), &trial["checks"]);
    }
    let page = std::fs::read_to_string(dir.path().join("report.html")).expect("report.html");
    for name in found.keys() {
        assert!(
            page.contains(name.as_str()),
            "{name} is missing from the report"
        );
    }
    found
}

fn expect(found: Raised, name: &str, level: &str, trials: &[u64]) {
    let [(raised, (worst, which, _))] = Vec::from_iter(&found)[..] else {
        panic!("not {name} alone: {found:?}");
    };
    assert_eq!((raised.as_str(), worst.as_str()), (name, level));
    assert_eq!(which, trials);
}

const NOTHING: fn(&Path) = |_| {};
const ALL: [u64; 6] = [1, 2, 3, 4, 5, 6];

#[test]
fn a_sound_session_raises_nothing() {
    assert_eq!(
        raised(&with(Faults::default()), NOTHING, &[]),
        BTreeMap::new()
    );
}

#[test]
fn saturated_area() {
    let faults = Faults {
        saturated_share: 0.005,
        ..Faults::default()
    };
    expect(
        raised(&with(faults), NOTHING, &[]),
        "saturation",
        "fail",
        &ALL,
    );
}

#[test]
fn bleaching() {
    let scene = SceneConfig {
        bleaching: 0.02,
        ..SceneConfig::default()
    };
    let found = raised(&session(scene.clone()), NOTHING, &[]);
    let method = "analysis.baseline.method = \"bleaching\"";
    assert!(found["bleaching"].2.contains(method), "{found:?}");
    expect(found, "bleaching", "warn", &ALL);
    // What it says helps.
    let fading = ["--set", "analysis.baseline.method=bleaching"];
    assert_eq!(raised(&session(scene), NOTHING, &fading), BTreeMap::new());
}

#[test]
fn light_that_fades_over_the_session() {
    let scene = SceneConfig {
        session_drift: 0.03,
        ..SceneConfig::default()
    };
    expect(
        raised(&session(scene), NOTHING, &[]),
        "f0_drift",
        "warn",
        &[0],
    );
}

#[test]
fn camera_offset_step() {
    let faults = Faults {
        offset_step_counts: 100.0,
        offset_step_trial: 4,
        ..Faults::default()
    };
    expect(
        raised(&with(faults), NOTHING, &[]),
        "background_step",
        "warn",
        &[5, 6],
    );
}

#[test]
fn lens_cap() {
    let faults = Faults {
        capped_trials: 2..4,
        ..Faults::default()
    };
    expect(
        raised(&with(faults), NOTHING, &[]),
        "no_light",
        "fail",
        &[3, 4],
    );
}

#[test]
fn head_that_moved() {
    let faults = Faults {
        shift: [0.05, 0.04],
        shift_trial: 4,
        ..Faults::default()
    };
    // Where the head lies is a matter of the session.
    let mut found = raised(&with(faults), NOTHING, &[]);
    let (level, trials, message) = found.remove("motion_between_trials").expect("raised");
    assert_eq!((level.as_str(), trials), ("fail", vec![0]));
    // 0.05 and 0.04 of the frame, of a picture 256 px wide.
    assert!(message.contains("session: 16."), "{message}");
    expect(found, "mask_stability", "fail", &[5, 6]);
}

#[test]
fn flat_light() {
    let session = Session {
        light: Light::Flat,
        ..with(Faults::default())
    };
    expect(
        raised(&session, NOTHING, &[]),
        "background_implausible",
        "fail",
        &ALL,
    );
}

#[test]
fn a_background_that_is_too_high() {
    let constant = |counts: &str, spoil: fn(&Path)| {
        let counts = format!("analysis.background.counts={counts}");
        let method = "analysis.background.method=constant";
        let args = ["--set", method, "--set", &counts];
        raised(&with(Faults::default()), spoil, &args)
    };
    // Above the light of most pixels.
    let found = constant("1000", NOTHING);
    let message = &found["background_implausible"].2;
    assert!(message.contains("the median of the frame"), "{message}");
    expect(found, "background_implausible", "warn", &ALL);
    // Below it; a mask that is not made of what is left of the light shows it.
    let found = constant("150", given_mask);
    let message = &found["clamped"].2;
    assert!(
        message.contains("below the background and became 0"),
        "{message}"
    );
    expect(found, "clamped", "fail", &ALL);
    // What is right raises nothing.
    assert_eq!(constant("100", NOTHING), BTreeMap::new());
}

/// Gives the session a mask that keeps three quarters of the frame.
fn given_mask(dir: &Path) {
    let path = dir.join("experiment.toml");
    let text = std::fs::read_to_string(&path).expect("experiment");
    let mask = "[analysis.segmentation]\nmethod = \"file\"\nfile = \"mask.png\"\n";
    std::fs::write(path, format!("{text}\n{mask}")).expect("experiment");
    let file = std::fs::File::create(dir.join("mask.png")).expect("create");
    let mut encoder = png::Encoder::new(file, 128, 128);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..128 * 128).map(|i| u8::from(i % 128 >= 32)).collect();
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&pixels).expect("pixels");
}

#[test]
fn a_background_at_the_bound_of_its_fit() {
    let session = Session {
        light: Light::Flat,
        ..with(Faults::default())
    };
    let bounded = ["--set", "analysis.background.method=bounded_fit"];
    let found = raised(&session, NOTHING, &bounded);
    assert!(
        found["background_bound"]
            .2
            .contains("ended at its bound, 0"),
        "{found:?}"
    );
    expect(found, "background_bound", "warn", &ALL);
}

/// Every second frame, 1, 3 and so on, is dark.
#[test]
fn alternating_bright_and_dark_frames() {
    let spoil = |dir: &Path| {
        for trial in 2..4 {
            rewrite(dir, trial, |i, stamp, pixels| {
                if i % 2 == 1 {
                    // The camera's offset and some noise.
                    let mut at = i;
                    pixels.mapv_inplace(|_| {
                        at = at.wrapping_mul(25_214_903_917).wrapping_add(11);
                        100 + u16::try_from(at >> 20 & 7).expect("small")
                    });
                }
                Some(stamp)
            });
        }
    };
    let found = raised(&with(Faults::default()), spoil, &[]);
    assert!(
        found["alternating_light"].2.contains("take turns"),
        "{found:?}"
    );
    expect(found, "alternating_light", "fail", &[2, 3]);
}

#[test]
fn dim_first_frame() {
    let faults = Faults {
        dim_first_frame: 0.2,
        ..Faults::default()
    };
    expect(
        raised(&with(faults), NOTHING, &[]),
        "first_frame",
        "fail",
        &ALL,
    );
}

#[test]
fn a_density_cutoff_that_masks_nothing() {
    let cutoff = ["--set", "analysis.segmentation.density_cutoff=1"];
    expect(
        raised(&with(Faults::default()), NOTHING, &cutoff),
        "threshold_zero",
        "fail",
        &ALL,
    );
}

#[test]
fn baseline_after_the_stimulus() {
    let late = ["--set", "analysis.baseline.frames=[70, 80]"];
    expect(
        raised(&with(Faults::default()), NOTHING, &late),
        "baseline_event",
        "fail",
        &ALL,
    );
}

#[test]
fn baselines_of_the_whole_recording_are_at_no_event() {
    for method in [
        "mean",
        "median",
        "percentile",
        "sliding_percentile",
        "maximin",
    ] {
        let whole = ["--set", &format!("analysis.baseline.method={method}")];
        let found = raised(&with(Faults::default()), NOTHING, &whole);
        assert_eq!(found, BTreeMap::new(), "{method}");
    }
}

#[test]
fn baseline_at_the_cue() {
    let late = ["--set", "analysis.baseline.frames=[20, 26]"];
    expect(
        raised(&with(Faults::default()), NOTHING, &late),
        "baseline_event",
        "warn",
        &ALL,
    );
}

/// Writes a movie again with other stamps; `None` leaves the frame out.
fn restamp(dir: &Path, trial: u32, stamp: impl Fn(usize, Stamp) -> Option<Stamp>) {
    rewrite(dir, trial, |i, old, _| stamp(i, old));
}

/// Writes a movie again with other stamps and pixels; frames without a stamp are left out.
fn rewrite(
    dir: &Path,
    trial: u32,
    change: impl Fn(usize, Stamp, &mut Array2<u16>) -> Option<Stamp>,
) {
    let name = movies(dir)[&trial].clone();
    let (old, new) = (dir.join(&name), dir.join("rewritten"));
    let file = File::open(&old).expect("movie");
    let movie = file.movie();
    let side = |n: usize| u32::try_from(n).expect("small");
    let spec = Spec::packed(side(movie.width()), side(movie.height()));
    let out = std::io::BufWriter::new(std::fs::File::create(&new).expect("create"));
    let mut writer = Writer::new(out, &spec).expect("writer");
    for (i, frame) in movie.frames().enumerate() {
        let mut pixels = frame.to_array::<u16>().expect("frame");
        let old = frame.stamp().expect("stamp").expect("stamp");
        if let Some(stamp) = change(i, old, &mut pixels) {
            writer.push(pixels.view(), stamp).expect("push");
        }
    }
    writer.finish().expect("finish");
    std::fs::rename(new, old).expect("rename");
}

/// Movies by number.
fn movies(dir: &Path) -> BTreeMap<u32, String> {
    let names = std::fs::read_dir(dir).expect("folder");
    let names = names.map(|e| e.expect("entry").file_name().into_string().expect("UTF-8"));
    let of = |name: String| {
        let number = name.rsplit_once('_')?.1.parse().ok()?;
        name.starts_with("20170214_").then_some((number, name))
    };
    names.filter_map(of).collect()
}

#[test]
fn dropped_frames() {
    let spoil = |dir: &Path| restamp(dir, 2, |i, stamp| (!(50..53).contains(&i)).then_some(stamp));
    expect(
        raised(&with(Faults::default()), spoil, &[]),
        "dropped_frames",
        "warn",
        &[2],
    );
    let spoil = |dir: &Path| restamp(dir, 2, |i, stamp| (i != 10).then_some(stamp));
    expect(
        raised(&with(Faults::default()), spoil, &[]),
        "dropped_frames",
        "fail",
        &[2],
    );
}

fn later(time: Timestamp, by_us: i64) -> Timestamp {
    let us = i64::from(time.seconds) * 1_000_000 + i64::from(time.microseconds) + by_us;
    let part = |n: i64| u32::try_from(n).expect("within the epoch");
    Timestamp {
        seconds: part(us / 1_000_000),
        microseconds: part(us % 1_000_000),
    }
}

#[test]
fn jittering_clock() {
    // Up to 8 ms of 50, the first and last frame on time.
    let spoil = |dir: &Path| {
        restamp(dir, 3, |i, stamp| {
            let by_us = if i == 0 || i == 99 {
                0
            } else {
                (i as i64 * 37 % 17 - 8) * 1000
            };
            Some(Stamp {
                time: later(stamp.time, by_us),
                ..stamp
            })
        });
    };
    expect(
        raised(&with(Faults::default()), spoil, &[]),
        "clock_jitter",
        "warn",
        &[3],
    );
}

#[test]
fn camera_at_another_rate() {
    let slow = ["--set", "experiment.sample_rate_hz=19.8"];
    expect(
        raised(&with(Faults::default()), NOTHING, &slow),
        "frame_rate",
        "warn",
        &ALL,
    );
}

/// Writes the log again from its trials, as `change` leaves them.
fn rewrite_log(dir: &Path, change: impl FnOnce(&mut Vec<Trial>)) {
    let path = dir.join("behaviour.txt");
    let log = Log::parse(&std::fs::read_to_string(&path).expect("log")).expect("log");
    let mut trials = log.into_trials();
    change(&mut trials);
    let mut log = LogWriter::new();
    for (logged, trial) in (1..).zip(&trials) {
        let reaction = trial.reaction_time(ReactionFrom::Report);
        let stimulus = trial.stimulus.as_deref().expect("stimulus");
        let reaction = reaction.unwrap_or(jiff::SignedDuration::from_millis(700));
        log.trial(logged, trial.start, stimulus, trial.decision, reaction)
            .expect("trial");
    }
    std::fs::write(path, log.finish()).expect("log");
}

#[test]
fn log_with_one_trial_more() {
    let spoil = |dir: &Path| {
        rewrite_log(dir, |trials| {
            let mut last = trials.last().expect("trial").clone();
            last.start += 17.seconds();
            trials.push(last);
        });
    };
    expect(
        raised(&with(Faults::default()), spoil, &[]),
        "log_match",
        "warn",
        &[0],
    );
}

/// Recording 4 was lost and nobody noticed: the camera's next file took its number.
#[test]
fn restarted_recording_shifts_later_labels() {
    let longer = Session {
        trials: TRIALS + 1,
        ..with(Faults::default())
    };
    let spoil = |dir: &Path| {
        let movies = movies(dir);
        std::fs::remove_file(dir.join(&movies[&4])).expect("remove");
        for (number, name) in movies.range(5..) {
            let (start, _) = name.rsplit_once('_').expect("number");
            let shifted = format!("{start}_{}", number - 1);
            std::fs::rename(dir.join(name), dir.join(shifted)).expect("rename");
        }
        rewrite_log(dir, |trials| drop(trials.pop()));
    };
    let found = raised(&longer, spoil, &[]);
    // It names the first movie that has another trial's label.
    assert!(found["clock_match"].2.contains("from movie 4 on"));
    expect(found, "clock_match", "fail", &[0]);
}

#[test]
fn one_movie_begins_late() {
    let spoil = |dir: &Path| {
        restamp(dir, 5, |_, stamp| {
            Some(Stamp {
                time: later(stamp.time, 4_000_000),
                ..stamp
            })
        });
    };
    expect(
        raised(&with(Faults::default()), spoil, &[]),
        "clock_match",
        "warn",
        &[0],
    );
}

/// Intervals are nearly even, so the clocks seem to differ by one of them.
#[test]
fn all_labels_are_those_of_the_next_trial() {
    let spoil = |dir: &Path| {
        rewrite_log(dir, |trials| {
            let mut more = trials.last().expect("trial").clone();
            more.start += 17.seconds();
            trials.remove(0);
            trials.push(more);
        });
    };
    let found = raised(&with(Faults::default()), spoil, &[]);
    let message = &found["clock_match"].2;
    for part in ["begin -17.", "from the entries 1 earlier", "off by 1"] {
        assert!(message.contains(part), "{message}");
    }
    expect(found, "clock_match", "fail", &[0]);
}

#[test]
fn a_clock_that_is_ahead() {
    let ahead = |us: i64| {
        move |dir: &Path| {
            for trial in 1..=TRIALS {
                restamp(dir, trial, |_, stamp| {
                    let time = later(stamp.time, us);
                    Some(Stamp { time, ..stamp })
                });
            }
        }
    };
    let sound = with(Faults::default());
    let found = raised(&sound, ahead(100_000_000), &[]);
    assert!(
        found["clock_match"].2.contains("offset of +100.0 s"),
        "{found:?}"
    );
    expect(found, "clock_match", "warn", &[0]);
    // A time zone, and seconds beside it.
    assert_eq!(raised(&sound, ahead(3_604_000_000), &[]), BTreeMap::new());
}

#[test]
fn half_the_trials_early() {
    let spoil = |dir: &Path| {
        rewrite_log(dir, |trials| {
            for trial in trials.iter_mut().step_by(2) {
                trial.decision = Decision::Early;
            }
        });
    };
    let found = raised(&with(Faults::default()), spoil, &[]);
    // Half is not beyond the second limit.
    expect(found, "early_share", "warn", &[0]);
}
