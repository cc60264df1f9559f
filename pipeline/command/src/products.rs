//! `widefield products`

use super::Outcome;
use super::failure::Failure;
use super::output;
use super::progress::{Mode, ProgressArgs};
use super::run::{bytes, interrupt_flag, overrides};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use widefield_pipeline::record::Status;
use widefield_pipeline::{Error, Event, Experiment, Plan};
use widefield_products::{Product, Products};

/// What is held if nothing is said.
const MEMORY: u64 = 1 << 30;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Experiment files with [products]
    #[arg(required = true)]
    experiments: Vec<PathBuf>,
    /// One kind alone: averages, traces, seeds, glm or auc
    #[arg(long, value_parser = product)]
    only: Option<Product>,
    /// Memory for sums, as in 4GiB [default: 1GiB]
    #[arg(long, value_parser = bytes)]
    memory: Option<u64>,
    /// Replace a value of the experiment files, as in --set 'products.seeds=["M2"]'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Take the folders of results over from a run that has claimed them and, as you know, is dead
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    progress: ProgressArgs,
}

fn product(text: &str) -> Result<Product, String> {
    Ok(match text {
        "averages" => Product::Averages,
        "traces" => Product::Traces,
        "seeds" => Product::Seeds,
        "glm" => Product::Glm,
        "auc" => Product::Auc,
        _ => return Err("is none of averages, traces, seeds, glm, auc".into()),
    })
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    // Products are made of what earlier runs have left, whatever the next one is to do with that.
    let mut set = args.set.clone();
    set.push("output.existing=resume".into());
    let overrides = overrides(&set)?;
    let mode = args.progress.mode();
    let planned = Arc::new(AtomicBool::new(false));
    let interrupted = interrupt_flag(mode, &planned)?;
    let mut worst = Outcome::Done;
    for path in &args.experiments {
        let consumer = || args.only.map_or_else(Products::default, Products::only);
        let sessions = Experiment::load_with(path, &overrides).map(|experiment| {
            let experiment = experiment.with(|own| own.consumer(consumer()));
            experiment.take_over(args.take_over).sessions()
        });
        let sessions = match sessions {
            Ok(sessions) => sessions.into_iter().map(Experiment::plan).collect(),
            Err(error) => vec![Err(error)],
        };
        for plan in sessions {
            planned.store(true, Ordering::Relaxed);
            let made = plan.and_then(|plan| make(&plan, args, mode, &interrupted));
            // One unusable session must not stop the others.
            worst = worst.max(made.unwrap_or_else(|error| {
                mode.complain(&Failure::from(error).into());
                Outcome::Unusable
            }));
        }
    }
    Ok(match interrupted.load(Ordering::Relaxed) {
        true => Outcome::Interrupted,
        false => worst,
    })
}

/// Makes the products of one session.
fn make(plan: &Plan, args: &Args, mode: Mode, interrupted: &AtomicBool) -> Result<Outcome, Error> {
    let place = plan.output_url();
    if !plan.config().products.any() {
        mode.note(&format!(
            "{place}: its experiment file asks for no products"
        ));
        return Ok(Outcome::Unusable);
    }
    let memory = args.memory.unwrap_or(MEMORY);
    let record = plan.consume(memory, interrupted, |event| {
        if let Event::Note { message } = event {
            output::message(output::name(message));
        }
    })?;
    for trial in record.trials.iter().filter(|t| t.status == Status::Failed) {
        let why = trial.error.as_deref().unwrap_or_default();
        mode.note(&format!("{}: left out, {why}", trial.file));
    }
    let files = record.totals.outputs.len();
    mode.note(&format!(
        "{files} files of products in {}",
        plan.records_url()
    ));
    let failed = record.failed_checks().next().is_some();
    Ok(if failed {
        Outcome::Partly
    } else {
        Outcome::Done
    })
}
