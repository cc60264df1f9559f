//! `widefield run`

use super::failure::Failure;
use super::progress::{Mode, Progress, ProgressArgs};
use super::{Outcome, output};
use miette::IntoDiagnostic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use widefield_pipeline::config::{Existing, Override};
use widefield_pipeline::record::RunRecord;
use widefield_pipeline::{Engine, Error, Experiment, Plan, run_all};
use widefield_products::Products;
use widefield_report::Report;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Experiment files; `widefield init` writes one
    #[arg(required = true)]
    experiments: Vec<PathBuf>,
    /// Where trials run: local, spark or slurm
    #[arg(long, default_value = "local")]
    engine: String,
    #[command(flatten)]
    cluster: super::cluster::Args,
    /// Trials at a time, and cores to compute on [default: all cores, and one trial more]; on a cluster trials alone
    /// [what it gives]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    jobs: Option<u32>,
    /// Memory for all trials at a time, as in 4GiB [default: half of the machine's]; on a cluster for each [1GiB]
    #[arg(long, value_parser = bytes)]
    memory: Option<u64>,
    /// What happens to results that are there: resume, replace, clean or error
    #[arg(long, value_parser = existing)]
    existing: Option<Existing>,
    /// Take the folders of results over from a run that has claimed them and, as you know, is dead
    #[arg(long)]
    take_over: bool,
    /// Compare the content of all results that are kept, not only of those that were written since
    #[arg(long)]
    verify: bool,
    /// Replace a value of the experiment files, as in --set analysis.resolution=[256,256]
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Say what would be read and written, and touch nothing
    #[arg(long)]
    dry_run: bool,
    /// End with status 1 if a check failed, of the session or of a trial
    #[arg(long)]
    strict: bool,
    /// Print run.json of each session, one line each; with --dry-run, its plan
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    progress: ProgressArgs,
}

impl Args {
    /// One experiment, everything else by default.
    pub(super) fn of(experiment: PathBuf) -> Self {
        Self {
            experiments: vec![experiment],
            engine: "local".into(),
            cluster: super::cluster::Args::default(),
            jobs: None,
            memory: None,
            existing: None,
            take_over: false,
            verify: false,
            strict: false,
            set: Vec::new(),
            dry_run: false,
            json: false,
            progress: ProgressArgs::default(),
        }
    }
}

pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("is no size such as 512MiB or 4GiB".into()),
    };
    let size = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    size.filter(|&n| n > 0)
        .ok_or_else(|| "is no size such as 512MiB or 4GiB".into())
}

fn existing(text: &str) -> Result<Existing, String> {
    Ok(match text {
        "resume" => Existing::Resume,
        "replace" => Existing::Replace,
        "clean" => Existing::Clean,
        "error" => Existing::Error,
        _ => return Err("is none of resume, replace, clean, error".into()),
    })
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let engine = args.cluster.engine(&args.engine)?;
    let mut set = args.set.clone();
    if let Some(existing) = args.existing {
        let value = serde_json::to_string(&existing).into_diagnostic()?;
        set.push(format!("output.existing={value}"));
    }
    let overrides = overrides(&set)?;
    let mode = args.progress.mode();
    let planned = Arc::new(AtomicBool::new(false));
    let interrupted = interrupt_flag(mode, &planned)?;
    let mut worst = Outcome::Done;
    let mut plans = Vec::new();
    let products = Products::default();
    for path in &args.experiments {
        for plan in plan(path, &overrides, &products, args) {
            match plan {
                Ok(plan) => plans.push(plan),
                // One unusable session must not stop the others.
                Err(error) => {
                    mode.complain(&Failure::from(error).into());
                    worst = worst.max(Outcome::Unusable);
                }
            }
        }
    }
    if plans.is_empty() {
        return Ok(worst);
    }
    for ignored in plans.iter().flat_map(Plan::ignored) {
        mode.note(&format!("ignored: {ignored}"));
    }
    if args.dry_run {
        Plan::refuse_shared(&plans).map_err(Failure::from)?;
        for plan in &plans {
            super::dry_run::show(plan, args.json)?;
        }
        return Ok(worst);
    }
    planned.store(true, Ordering::Relaxed);
    Ok(worst.max(all(args, &plans, engine, &interrupted)?))
}

/// Values that replace those of experiment files.
pub(super) fn overrides(set: &[String]) -> Result<Vec<Override>, Failure> {
    let parsed = set.iter().map(|given| given.parse::<Override>());
    let parsed: Result<Vec<_>, _> = parsed.collect();
    parsed.map_err(|error| Failure::from(Error::from(error)))
}

/// What one experiment file asks for: a plan for each of its sessions.
fn plan(
    path: &Path,
    overrides: &[Override],
    products: &Products,
    args: &Args,
) -> Vec<Result<Plan, Error>> {
    match Experiment::load_with(path, overrides) {
        Ok(experiment) => experiment
            .with(|own| own.consumer(products.clone()).consumer(Report))
            .verify(args.verify)
            .take_over(args.take_over)
            .sessions()
            .into_iter()
            .map(Experiment::plan)
            .collect(),
        Err(error) => vec![Err(error)],
    }
}

/// The first Ctrl-C ends the run in order, a second one at once; so does one before all is `planned`, when nothing has
/// been written.
pub(super) fn interrupt_flag(
    mode: Mode,
    planned: &Arc<AtomicBool>,
) -> miette::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let (set, planned) = (Arc::clone(&flag), Arc::clone(planned));
    ctrlc::set_handler(move || {
        if !planned.load(Ordering::Relaxed) || set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        super::end_waits();
        mode.note("interrupted: abandoning the trials under way; once more to stop at once");
    })
    .into_diagnostic()?;
    Ok(flag)
}

/// Runs all sessions as one.
fn all(
    args: &Args,
    plans: &[Plan],
    engine: Engine,
    interrupted: &Arc<AtomicBool>,
) -> miette::Result<Outcome> {
    let mode = args.progress.mode();
    let mut engine = engine.cancelled_by(Arc::clone(interrupted));
    if let Some(jobs) = args.jobs {
        let jobs = jobs as usize;
        engine = engine.jobs(jobs);
        // Trials share the threads that compute; more than cores would only take turns. A pool that stands already
        // is this process's first run, with the same number.
        let cores = std::thread::available_parallelism().map_or(jobs, usize::from);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.min(cores));
        let _ = pool.build_global();
    }
    if let Some(memory) = args.memory {
        engine = engine.memory(memory);
    }
    let mut progress = Progress::new(mode, plans);
    let results = run_all(plans, &engine, |session, event| {
        progress.show(session, &event);
    });
    progress.end();
    let results = match results {
        Err(detached @ Error::Detached { .. }) => {
            mode.note(&format!(
                "{detached}; the same command later collects what they have done"
            ));
            return Ok(Outcome::Done);
        }
        results => results.map_err(Failure::from)?,
    };
    let mut worst = Outcome::Done;
    for (plan, result) in plans.iter().zip(results) {
        match result {
            Ok(record) => {
                progress.finished(&record, &plan.records_url());
                if args.json {
                    output::result(serde_json::to_string(&record).into_diagnostic()?)?;
                }
                worst = worst.max(outcome(&record, args.strict));
            }
            Err(error) => {
                let report = Failure::from(error).into();
                mode.complain(&report);
                worst = worst.max(super::unusable_or_partly(&report));
                if interrupted.load(Ordering::Relaxed) {
                    worst = Outcome::Interrupted;
                }
            }
        }
    }
    Ok(worst)
}

fn outcome(record: &RunRecord, strict: bool) -> Outcome {
    let sound = || record.failed_checks().next().is_none() && record.failed_of_trials().is_empty();
    if record.totals.interrupted {
        Outcome::Interrupted
    } else if record.all_done() && (!strict || sound()) {
        Outcome::Done
    } else {
        Outcome::Partly
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_of_memory() {
        assert_eq!(bytes("4GiB"), Ok(4 << 30));
        assert_eq!(bytes("512 MiB"), Ok(512 << 20));
        assert_eq!(bytes("1000"), Ok(1000));
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        for wrong in [
            "",
            "GiB",
            "0",
            "-1",
            "4 apples",
            "99999999999999999999",
            "17179869184GiB",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
