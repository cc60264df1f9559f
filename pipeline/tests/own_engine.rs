//! An engine that a program brings: its sessions are those of the local one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use widefield_pipeline::cluster::{Cluster, ClusterError, Ended, Heard, Line};
use widefield_pipeline::contract::Request;
use widefield_pipeline::record::{Status, TrialRecord};
use widefield_pipeline::step::Known;
use widefield_pipeline::{Engine, Error, Event, Experiment, simulate};

/// Answers in this process, the last request first, and one of them twice.
struct Here;

impl Cluster for Here {
    fn round(
        &mut self,
        requests: &[Line],
        cancelled: &AtomicBool,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<Ended, ClusterError> {
        tell(Heard::Note(format!("{} requests", requests.len())));
        let served = |line: &Line| -> Result<String, Box<dyn std::error::Error>> {
            let reply = Request::parse(&line.json)?.serve(&Known::default(), cancelled)?;
            Ok(serde_json::to_string(&reply)?)
        };
        for (index, request) in requests.iter().enumerate().rev() {
            if cancelled.load(Ordering::Relaxed) {
                break;
            }
            for _ in 0..=usize::from(index == 0) {
                tell(match served(request) {
                    Ok(line) => Heard::Reply { index, line },
                    Err(error) => Heard::Failed {
                        index,
                        error: error.to_string(),
                    },
                });
            }
        }
        Ok(Ended::Here)
    }
}

/// Gives up, or loses what it was asked.
struct Broken {
    works: bool,
}

impl Cluster for Broken {
    fn round(
        &mut self,
        requests: &[Line],
        _: &AtomicBool,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<Ended, ClusterError> {
        if !self.works {
            return Err(ClusterError::Other("the queue is closed".into()));
        }
        tell(Heard::Reply {
            index: 0,
            line: "{}".into(),
        });
        tell(Heard::Reply {
            index: requests.len(),
            line: "{}".into(),
        });
        Ok(Ended::Here)
    }
}

/// A session whose mask is decided in a round of its own, each trial with its own time 0, from which motion is taken away.
fn session(dir: &Path) -> Experiment {
    let session = simulate::Session {
        trials: 3,
        size: 48,
        frames: 24,
        kind: simulate::Kind::Csv,
        onset_jitter_s: 0.5,
        scene: simulate::SceneConfig {
            motion: simulate::Motion {
                drift_px: 4.0,
                jitter_px: 0.4,
                step_px: 1.0,
            },
            ..Default::default()
        },
        ..Default::default()
    };
    let path = session.write(dir, |_| {}).expect("session");
    let set = [
        "analysis.segmentation.scope=session",
        "analysis.motion.method=rigid",
    ];
    let set = set.map(|set| set.parse().expect("override"));
    Experiment::load_with(path, &set).expect("experiment")
}

/// All that does not depend on time.
fn timeless(mut trial: TrialRecord) -> TrialRecord {
    trial.seconds.clear();
    trial.input = None;
    trial
}

#[test]
fn trials_are_those_of_the_local_engine() {
    let run = |engine: Engine| {
        let dir = tempfile::tempdir().expect("folder");
        let plan = session(dir.path()).plan().expect("plan");
        let mut notes = Vec::new();
        let record = plan.run(engine, |event| {
            if let Event::Note { message } = event {
                notes.push(message.to_owned());
            }
        });
        let record = record.expect("run");
        assert!(record.all_done());
        assert_eq!(record.totals.ok, 3);
        let trials: Vec<_> = record.trials.into_iter().map(timeless).collect();
        (trials, record.checks, notes)
    };
    let (local, own) = (run(Engine::local()), run(Engine::cluster("here", Here)));
    assert!(local.0.iter().all(|trial| !trial.outputs.is_empty()));
    let onset = |trial: &TrialRecord| trial.onset.expect("an onset").s;
    assert!(onset(&local.0[0]) != onset(&local.0[1]));
    assert_eq!(own.0, local.0);
    assert_eq!(own.1, local.1);
    assert_eq!(own.2, ["3 requests", "3 requests"]);
}

#[test]
fn what_an_engine_does_wrong_is_said() {
    let dir = tempfile::tempdir().expect("folder");
    let run = |works| {
        let plan = session(dir.path()).plan().expect("plan");
        plan.run(Engine::cluster("mine", Broken { works }), |_| {})
    };
    let error = run(false).expect_err("closed");
    assert!(
        matches!(&error, Error::Engine { engine: "mine", .. }),
        "{error}"
    );
    assert_eq!(error.to_string(), "engine mine: the queue is closed");
    let record = run(true).expect("a record");
    let why = |trial: &TrialRecord| {
        assert_eq!(trial.status, Status::Failed);
        trial.error.clone().expect("a reason")
    };
    let whys: Vec<String> = record.trials.iter().map(why).collect();
    assert!(whys[0].contains("answered nonsense"), "{whys:?}");
    assert!(whys[1].contains("no result came back"), "{whys:?}");
}
