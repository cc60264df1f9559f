//! `widefield inspect`

use super::failure::Failure;
use super::{Outcome, output};
use std::path::Path;
use widefield_pipeline::inspect;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// DCIMG files
    #[arg(required = true, value_name = "FILE|URL")]
    files: Vec<String>,
    /// Print one JSON object a file, one line each
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> miette::Result<Outcome> {
    let mut bad = 0;
    for name in &args.files {
        match one(args, name) {
            Ok(sound) => bad += usize::from(!sound),
            Err(report) if output::is_closed_pipe(&report) => return Err(report),
            Err(report) => {
                bad += 1;
                output::complain(&report);
            }
        }
    }
    Ok(if bad == 0 {
        Outcome::Done
    } else {
        Outcome::Partly
    })
}

/// Shows one file and says whether it is whole.
fn one(args: &Args, name: &str) -> miette::Result<bool> {
    let found = if name.contains("://") {
        inspect::url(name).map_err(Failure::from)?
    } else {
        inspect::file(Path::new(name)).map_err(|e| miette::miette!("{e}"))?
    };
    if args.json {
        output::result(found.json())?;
    } else {
        output::result(&found)?;
    }
    Ok(!found.is_cut())
}
