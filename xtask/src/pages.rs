//! What is written into the repository from what the program gives: status pages and golden files.

use std::process::Command;

use anyhow::Result;

use crate::book;
use crate::tools::{PROFILE, glassbox, root, run_command, setup};

/// Writes the generated pages.
pub(crate) fn status() -> Result<()> {
    setup()?;
    glassbox(&["conformance", "--at-least", "0", "--report", "docs/status/onnx.md"])?;
    golden(&["-p", "glassbox-cli", "--test", "cli"], &[TABLE])
}

/// The test that writes `docs/status/cli.md`.
const TABLE: &str = "golden_table";

/// Parts of the names of the tests that write what they give when they are let.
const GOLDEN: &[&str] = &["golden", "failing::", "wrong::"];

/// Runs the golden tests with leave to write what they give.
pub(crate) fn bless() -> Result<()> {
    golden(&["--workspace"], GOLDEN)?;
    book::bless(&[])
}

/// Runs tests of these crates, those with one of these names, with leave to write what they give.
fn golden(crates: &[&str], names: &[&str]) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["test", "--profile", PROFILE]).args(crates).arg("--").args(names).env("BLESS", "1");
    run_command(command.current_dir(root()))
}
