//! The command `widefield`: what was typed, and what the shell is told.

mod behaviour;
mod cluster;
mod completions;
mod demo;
mod dry_run;
mod export;
mod failure;
mod init;
mod inspect;
mod output;
mod products;
mod progress;
mod run;
mod simulate;
mod view;
mod worker;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;
use widefield_pipeline::Error;

/// Preprocess widefield calcium imaging: DCIMG movies and a behaviour log to dF/F.
#[derive(Debug, Parser)]
#[command(name = "widefield", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a small session, run it, and say where the report is
    Demo(demo::Args),
    /// Write a simulated session: movies, behaviour log, experiment.toml
    Simulate(simulate::Args),
    /// Write a commented experiment.toml with every key; never over an existing file
    Init(init::Args),
    /// Preprocess the sessions that experiment files describe
    Run(run::Args),
    /// Make averages, traces, correlations, regressions and AUC of sessions that were run
    Products(products::Args),
    /// Header, geometry, clock, gaps and problems of DCIMG files
    Inspect(inspect::Args),
    /// Score a behaviour log, or a table of trials
    Behaviour(behaviour::Args),
    /// Export a picture or an animation of a movie: HDF5 or DCIMG
    View(view::Args),
    /// Write a movie for other programs: OME-TIFF, NumPy, wfield
    Export(export::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(completions::ManArgs),
    /// Carry out one trial for `widefield run` on another computer: a line of JSON in, a line of JSON out
    #[command(hide = true)]
    Worker(worker::Args),
}

/// How a command ended, when it did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything done.
    Done,
    /// Some of it failed and is named; the rest is done and saved.
    Partly,
    /// Nothing could be done with the request.
    Unusable,
    /// Stopped by the user.
    Interrupted,
}

impl Outcome {
    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => 0,
            Self::Partly => 1,
            Self::Unusable => 2,
            Self::Interrupted => 130,
        })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "swift")]
    widefield_storage::swift::set_prompt(password);
    let result = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Products(args) => products::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Behaviour(args) => behaviour::run(&args),
        Command::View(args) => view::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => completions::man(&args),
        Command::Worker(args) => worker::run(&args),
    };
    match result {
        Ok(outcome) => outcome.code(),
        Err(report) if output::is_closed_pipe(&report) => ExitCode::SUCCESS,
        Err(report) => {
            output::complain(&report);
            unusable_or_partly(&report).code()
        }
    }
}

/// Ends what waits for a store.
fn end_waits() {
    #[cfg(any(feature = "swift", feature = "cloud"))]
    widefield_storage::interrupt();
}

/// Asks for a password without echo; nobody where there is no terminal.
#[cfg(feature = "swift")]
fn password(user: &str) -> Option<String> {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    rpassword::prompt_password(format!("OpenStack password of {user}: ")).ok()
}

/// A run whose trials ended but which could not be recorded is partly done; every other error means that the
/// request could not be carried out.
fn unusable_or_partly(report: &miette::Report) -> Outcome {
    if report.downcast_ref::<output::Untold>().is_some() {
        return Outcome::Partly;
    }
    match report.downcast_ref::<Failure>() {
        Some(Failure::Job(Error::Finish { .. })) => Outcome::Partly,
        _ => Outcome::Unusable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
