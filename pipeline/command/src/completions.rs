//! `widefield completions` and `widefield man`: what shells and manuals want to know of the command line.

use super::{Cli, Outcome, output};
use clap::CommandFactory;
use clap_complete::Shell;
use miette::{IntoDiagnostic, WrapErr};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// bash, elvish, fish, powershell or zsh
    #[arg(hide_possible_values = true)]
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder instead of one page to stdout
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the completions of a shell.
pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "widefield", &mut script);
    output::result(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Outcome::Done)
}

/// Prints the manual page, or writes all of them.
pub(super) fn man(args: &ManArgs) -> miette::Result<Outcome> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .into_diagnostic()?;
        output::result(String::from_utf8_lossy(&page).trim_end())?;
        return Ok(Outcome::Done);
    };
    let cannot = || format!("cannot write manual pages to {}", dir.display());
    std::fs::create_dir_all(dir)
        .into_diagnostic()
        .wrap_err_with(cannot)?;
    clap_mangen::generate_to(Cli::command(), dir)
        .into_diagnostic()
        .wrap_err_with(cannot)?;
    Ok(Outcome::Done)
}
