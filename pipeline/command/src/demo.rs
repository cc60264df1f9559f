//! `widefield demo`

use super::{Outcome, output, simulate};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder to write to
    #[arg(default_value = "widefield-demo")]
    dir: PathBuf,
    #[command(flatten)]
    session: simulate::SessionArgs,
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let experiment = args.dir.join("experiment.toml");
    // A second demo in the same folder shows what resuming does instead of simulating anew.
    if experiment.exists() {
        output::message(format_args!(
            "{} is there already and is run again",
            args.dir.display()
        ));
    } else {
        simulate::refuse_used(&args.dir)?;
        simulate::write(&args.session.session(), &args.dir)?;
    }
    let outcome = super::run::run(&super::run::Args::of(experiment))?;
    output::message(format_args!(
        "open {}",
        args.dir.join("report.html").display()
    ));
    Ok(outcome)
}
