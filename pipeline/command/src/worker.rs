//! `widefield worker`

use super::failure::Failure;
use super::{Outcome, output};
use miette::IntoDiagnostic;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use widefield_pipeline::step::Known;
use widefield_pipeline::worker::{self, Served};
use widefield_report::Report;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take requests from this file, one a line, instead of one from stdin
    #[arg(long, requires = "index")]
    plan: Option<PathBuf>,
    /// Which lines of the file, from 0: one, or several as in 4..8, the last one excluded
    #[arg(long, value_name = "N[..M]", value_parser = worker::lines, requires = "plan")]
    index: Option<Range<usize>>,
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&cancelled);
    ctrlc::set_handler(move || {
        set.store(true, Ordering::Relaxed);
        super::end_waits();
    })
    .into_diagnostic()?;
    worker::end_with_parent(&cancelled);
    let known = Known::default().consumer(Report);
    let served = match (&args.plan, &args.index) {
        (Some(path), Some(range)) => {
            let file = std::fs::File::open(path)
                .map_err(|cause| miette::miette!("{}: {cause}", path.display()))?;
            worker::serve(file, range.clone(), &known, &cancelled, output::line)
        }
        _ => worker::serve(std::io::stdin(), 0..1, &known, &cancelled, output::line),
    };
    Ok(match served.map_err(Failure::from)? {
        Served::Done => Outcome::Done,
        Served::Again => Outcome::Partly,
        Served::Interrupted => Outcome::Interrupted,
    })
}
