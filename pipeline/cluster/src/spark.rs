//! Requests as jobs of a Spark cluster.
//!
//! The cluster's own `spark-submit` runs a small driver, which is part of this program. For each request the driver
//! gives Spark a job of one task, and that pipes the request through this very executable, shipped with `--files`,
//! on a machine of the cluster. No Python runs there. Credentials go only through the environment of that pipe.

mod driver;

use crate::{Cluster, ClusterError, Ended, Heard, Line, Unanswered};
use driver::{Driver, Event};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Which cluster, and how it is asked.
///
/// ```
/// use widefield_cluster::Spark;
///
/// let spark = Spark::default()
///     .master("spark://head:7077")
///     .conf("spark.task.cpus=4")?
///     .conf("spark.task.maxFailures=2")?;
/// assert!(spark.clone().conf("spark.task.cpus").is_err());
/// assert!(spark.conf("spark.authenticate.secret=x").is_err());
/// # Ok::<(), widefield_cluster::ClusterError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spark {
    master: Option<String>,
    home: Option<PathBuf>,
    conf: Vec<String>,
    executable: Option<PathBuf>,
}

impl Spark {
    /// The cluster's address, as `spark://host:7077` or `yarn`. Default: what Spark's own configuration says.
    #[must_use]
    pub fn master(mut self, url: impl Into<String>) -> Self {
        self.master = Some(url.into());
        self
    }

    /// Folder of the cluster's Spark. Default: the variable `SPARK_HOME`, else `spark-submit` of the `PATH`.
    #[must_use]
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }

    /// A property of Spark, `KEY=VALUE`, beside those of its own configuration.
    ///
    /// # Errors
    /// [`ClusterError::Property`] without a `=`, and for a key that holds a secret, since all on the machine could
    /// read it among the arguments; Spark's own `spark-defaults.conf` is the place for those.
    pub fn conf(mut self, property: &str) -> Result<Self, ClusterError> {
        let wrong = |why| ClusterError::Property {
            property: property.split('=').next().unwrap_or_default().to_owned(),
            why,
        };
        let Some((key, _)) = property
            .split_once('=')
            .filter(|(key, _)| !key.trim().is_empty())
        else {
            return Err(wrong("is no KEY=VALUE"));
        };
        let key = key.to_ascii_lowercase();
        if ["secret", "password", "token"]
            .iter()
            .any(|word| key.contains(word))
        {
            return Err(wrong(
                "holds a secret, which belongs into spark-defaults.conf",
            ));
        }
        self.conf.push(property.to_owned());
        Ok(self)
    }

    /// The program that is shipped as worker. Default: the running one, which then must be a worker, as `widefield` is.
    #[must_use]
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.executable = Some(path.into());
        self
    }

    /// Whether the workers are on this machine, by a master as `local[4]`.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.master
            .as_deref()
            .is_some_and(|m| m.starts_with("local"))
    }

    /// Starts `spark-submit`, which takes its seconds; the first round waits for it.
    ///
    /// `window` requests at most are with Spark at a time; `None` is twice its cores, and at least 64.
    ///
    /// # Errors
    /// [`ClusterError::File`] for what the driver needs, [`ClusterError::Command`] if there is no `spark-submit`.
    pub fn start(&self, window: Option<usize>) -> Result<Application, ClusterError> {
        Ok(Application {
            driver: Driver::start(self, window)?,
            rounds: 0,
        })
    }
}

/// How long `spark-submit` may take to a driver that has its context; 8 s are usual.
const START: Duration = Duration::from_secs(60);
/// How often the wish to stop is looked for.
const GLANCE: Duration = Duration::from_millis(100);

/// An application on the cluster, made by [`Spark::start`]; rounds of requests go one after the other. Dropping it ends
/// it, in order after a round and otherwise by abandoning what it does.
#[derive(Debug)]
pub struct Application {
    driver: Driver,
    rounds: usize,
}

impl Cluster for Application {
    fn round(
        &mut self,
        lines: &[Line],
        cancelled: &AtomicBool,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<Ended, ClusterError> {
        let mut open = Unanswered::of(lines);
        let number = self.rounds;
        self.rounds += 1;
        self.driver.submit(number, lines)?;
        let began = Instant::now();
        while !cancelled.load(Ordering::Relaxed) {
            match self.driver.next(GLANCE) {
                Some(Event::Started {
                    version,
                    application,
                }) => {
                    tell(Heard::Note(format!(
                        "Spark {version} runs as {application}"
                    )));
                }
                Some(Event::Waiting { seconds }) => tell(Heard::Note(format!(
                    "the cluster has given no executor for {seconds} s; see the master's page for what it lacks"
                ))),
                Some(Event::Reply { id, line }) => {
                    if let Some(index) = open.answered(&id) {
                        tell(Heard::Reply { index, line });
                    }
                }
                Some(Event::Failed { id, error }) => {
                    if let Some(index) = open.answered(&id) {
                        tell(Heard::Failed { index, error });
                    }
                }
                Some(Event::Round { number: ended }) if ended == number => {
                    open.fail("its answer was lost on the way from Spark", tell);
                    return Ok(Ended::Here);
                }
                Some(Event::Ended { status }) => {
                    if !self.driver.started() {
                        return Err(ClusterError::Failed {
                            command: "spark-submit".into(),
                            status,
                            output: self.driver.last_words(),
                        });
                    }
                    let words = self.driver.last_words();
                    tell(Heard::Note(format!(
                        "Spark ended early ({status}): {words}"
                    )));
                    open.fail("Spark ended before it was done", tell);
                    return Ok(Ended::Here);
                }
                Some(_) => {}
                None if !self.driver.started() && began.elapsed() > START => {
                    return Err(ClusterError::Silent {
                        seconds: START.as_secs(),
                        output: self.driver.last_words(),
                    });
                }
                None => {}
            }
        }
        Ok(Ended::Here)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    /// The test cluster, and a shell script in place of the worker; `None`, aloud, without a cluster.
    fn cluster(folder: &Path, script: &str) -> Option<Spark> {
        let Ok(master) = std::env::var("SPARK_MASTER_URL") else {
            eprintln!("skipped: SPARK_MASTER_URL is not set; see pipeline/tests/services");
            return None;
        };
        let worker = folder.join("worker");
        std::fs::write(&worker, format!("#!/bin/sh\nread -r line\n{script}\n")).unwrap();
        std::fs::set_permissions(&worker, PermissionsExt::from_mode(0o755)).unwrap();
        Some(Spark::default().master(master).executable(worker))
    }

    fn lines(count: usize) -> Vec<Line> {
        let line = |i| Line::new(format!("t{i}"), format!("{{\"id\":\"t{i}\"}}"));
        (0..count).map(line).collect()
    }

    #[test]
    fn a_property_is_a_key_and_a_value() {
        assert!(Spark::default().conf("spark.a=b=c").is_ok());
        for wrong in ["spark.a", "=b", "", "spark.executorEnv.OS_PASSWORD=marker"] {
            let error = Spark::default().conf(wrong).unwrap_err().to_string();
            assert!(!error.contains("marker"), "{error}");
        }
    }

    #[test]
    fn a_missing_spark_is_named() {
        let spark = Spark::default().home("/nowhere");
        let error = spark.start(None).err().unwrap().to_string();
        assert_eq!(error, "/nowhere/bin/spark-submit cannot be started");
    }

    /// What a trial costs beside its own work, two at a time: at most 50 ms.
    #[test]
    #[ignore = "a measurement; run it alone on the machine, with --nocapture"]
    fn overhead() {
        let dir = tempfile::tempdir().unwrap();
        let Some(spark) = cluster(dir.path(), "echo '{}'") else {
            return;
        };
        let cancelled = AtomicBool::new(false);
        let began = Instant::now();
        let mut application = spark.start(None).unwrap();
        for (what, count) in [("first", 1), ("next", 199), ("warm", 400), ("warm", 400)] {
            let mut replies = 0;
            let round = Instant::now();
            let tell = &mut |told| match told {
                Heard::Reply { .. } => replies += 1,
                other => println!("{other:?}"),
            };
            application.round(&lines(count), &cancelled, tell).unwrap();
            assert_eq!(replies, count);
            let each = round.elapsed().as_secs_f64() / count as f64;
            println!(
                "{what} {count}: {:.1} ms each, {:.1} s since the start",
                1e3 * each,
                began.elapsed().as_secs_f64()
            );
            assert!(what != "warm" || each < 0.05, "{each} s a trial");
        }
    }
}
