//! A run that its program cancels: each trial that was told as started is told as ended or abandoned.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use widefield_pipeline::consumer::{Consumer, Session, Watch, Watched};
use widefield_pipeline::record::Output;
use widefield_pipeline::step::Cause;
use widefield_pipeline::{Engine, Event, Experiment, simulate};

/// Cancels the run when the second trial is about to be analysed.
struct Cancel {
    trials: AtomicUsize,
    flag: Arc<AtomicBool>,
}

impl Consumer for Cancel {
    fn name(&self) -> &'static str {
        "cancel"
    }

    fn extension(&self) -> Option<&'static str> {
        None
    }

    fn watch(&self, _: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause> {
        if self.trials.fetch_add(1, Ordering::Relaxed) == 1 {
            self.flag.store(true, Ordering::Relaxed);
        }
        Ok(None)
    }

    fn session(&self, _: &Session<'_>) -> Result<Vec<Output>, Cause> {
        Ok(Vec::new())
    }
}

#[test]
fn what_started_ends_or_is_abandoned_and_all_trials_count() {
    let dir = tempfile::tempdir().expect("folder");
    let session = simulate::Session {
        trials: 6,
        size: 64,
        frames: 40,
        ..Default::default()
    };
    let experiment = session.write(dir.path(), |_| {}).expect("session");
    for jobs in [1, 2] {
        let flag = Arc::new(AtomicBool::new(false));
        let engine = Engine::local().jobs(jobs).cancelled_by(Arc::clone(&flag));
        let cancel = Cancel {
            trials: AtomicUsize::new(0),
            flag,
        };
        let plan = Experiment::load(&experiment).expect("experiment");
        let plan = plan.with(|own| own.consumer(cancel)).plan().expect("plan");
        let (mut started, mut ended, mut abandoned) = (vec![], vec![], vec![]);
        let record = plan.run(engine, |event| match event {
            Event::Started { file } => started.push(file.to_owned()),
            Event::Abandoned { file } => abandoned.push(file.to_owned()),
            Event::Ended { record } => ended.push(record.file.clone()),
            _ => {}
        });
        let totals = record.expect("run").totals;
        assert!(totals.interrupted);
        assert_eq!((totals.trials, totals.ok), (6, ended.len()));
        // One more may have ended beside the one that was abandoned.
        assert!(
            ended.len() <= 1 && !abandoned.is_empty(),
            "{ended:?} {abandoned:?}"
        );
        let over: BTreeSet<&String> = ended.iter().chain(&abandoned).collect();
        assert_eq!(over.len(), ended.len() + abandoned.len());
        assert_eq!(over, started.iter().collect());
    }
    let plan = Experiment::load(&experiment)
        .and_then(Experiment::plan)
        .expect("plan");
    let totals = plan.run(Engine::local(), |_| {}).expect("run").totals;
    assert_eq!((totals.trials, totals.done()), (6, 6));
    assert!(totals.skipped > 0);
}
