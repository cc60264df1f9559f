//! `widefield init`

use super::{Outcome, output};
use miette::{IntoDiagnostic, WrapErr};
use std::io::Write;
use std::path::PathBuf;
use widefield_pipeline::config::TEMPLATE;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File to write
    #[arg(default_value = "experiment.toml")]
    file: PathBuf,
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write {}", args.file.display()))?;
    file.write_all(TEMPLATE.as_bytes()).into_diagnostic()?;
    output::message(format_args!(
        "{} written; set data.prefix or data.name, then: widefield run {}",
        args.file.display(),
        args.file.display()
    ));
    Ok(Outcome::Done)
}
