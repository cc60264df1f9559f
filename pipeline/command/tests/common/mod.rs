//! What the tests of the command share.
#![allow(dead_code, reason = "each test file uses its part")]

#[cfg(target_os = "linux")]
pub(crate) mod clusters;
#[cfg(unix)]
pub(crate) mod killing;
#[path = "../../../tests/common/mod.rs"]
mod shared;

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use shared::*;
use std::path::Path;
use std::process::{Command, Output};

/// The command under test.
pub(crate) fn widefield() -> Command {
    Command::new(env!("CARGO_BIN_EXE_widefield"))
}

/// Runs it and returns status, stdout and stderr.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        status.code().expect("no signal"),
        text(stdout),
        text(stderr),
    )
}

/// Runs `widefield run` on an experiment with more arguments.
pub(crate) fn run_experiment(experiment: &Path, more: &[&str]) -> (i32, String, String) {
    run(widefield().arg("run").arg(experiment).args(more))
}
