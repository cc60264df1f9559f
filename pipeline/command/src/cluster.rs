//! Options of `widefield run` that choose where trials run.

use miette::IntoDiagnostic;
use std::path::PathBuf;
use widefield_pipeline::{Engine, Slurm, Spark};

#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Address of the Spark master, as in spark://host:7077 [default: that of Spark's configuration]
    #[arg(long, value_name = "URL", help_heading = "Spark")]
    master: Option<String>,
    /// Folder of the cluster's Spark [default: SPARK_HOME, else spark-submit of the PATH]
    #[arg(long, value_name = "FOLDER", help_heading = "Spark")]
    spark_home: Option<PathBuf>,
    /// A property for Spark, as in spark.task.cpus=4
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Spark")]
    spark_conf: Vec<String>,
    /// An option for sbatch, as in --sbatch-option=--time=1:00:00
    #[arg(
        long,
        value_name = "OPTION",
        allow_hyphen_values = true,
        help_heading = "Slurm"
    )]
    sbatch_option: Vec<String>,
    /// Trials that a task does one after the other [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Slurm")]
    trials_per_task: Option<u32>,
    /// Where the plan and the replies are kept; all nodes must see it by the same path [default: current folder]
    #[arg(long, value_name = "FOLDER", help_heading = "Slurm")]
    slurm_folder: Option<PathBuf>,
    /// Submit and do not wait; the same command later collects what was done
    #[arg(long, help_heading = "Slurm")]
    detach: bool,
    /// The widefield that the machines of a cluster run, one with HDF5 built in at best [default: this one]
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
}

impl Args {
    /// The engine of that name, with its options.
    pub(super) fn engine(&self, name: &str) -> miette::Result<Engine> {
        let spark =
            self.master.is_some() || self.spark_home.is_some() || !self.spark_conf.is_empty();
        let slurm = self.detach
            || !self.sbatch_option.is_empty()
            || self.trials_per_task.is_some()
            || self.slurm_folder.is_some();
        for (given, option, engine) in [
            (spark, "--master, --spark-home and --spark-conf", "spark"),
            (
                slurm,
                "--sbatch-option, --trials-per-task, --slurm-folder and --detach",
                "slurm",
            ),
        ] {
            miette::ensure!(
                !given || name == engine,
                "{option} are for --engine {engine}"
            );
        }
        miette::ensure!(
            name != "local" || self.worker.is_none(),
            "--worker is for --engine spark and slurm"
        );
        match name {
            "local" => Ok(Engine::local()),
            "spark" => self.spark(),
            "slurm" => Ok(self.slurm()),
            other => miette::bail!("--engine {other}: is none of local, spark, slurm"),
        }
    }

    fn spark(&self) -> miette::Result<Engine> {
        let mut spark = Spark::default();
        if let Some(master) = &self.master {
            spark = spark.master(master);
        }
        if let Some(home) = &self.spark_home {
            spark = spark.home(home);
        }
        if let Some(worker) = &self.worker {
            spark = spark.executable(worker);
        }
        for property in &self.spark_conf {
            spark = spark.conf(property).into_diagnostic()?;
        }
        Ok(Engine::spark(spark))
    }

    fn slurm(&self) -> Engine {
        let mut slurm =
            Slurm::default().trials_per_task(self.trials_per_task.unwrap_or(1) as usize);
        for option in &self.sbatch_option {
            slurm = slurm.option(option);
        }
        if let Some(folder) = &self.slurm_folder {
            slurm = slurm.folder(folder);
        }
        if let Some(worker) = &self.worker {
            slurm = slurm.executable(worker);
        }
        Engine::slurm(if self.detach { slurm.detach() } else { slurm })
    }
}
