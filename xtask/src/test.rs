//! `cargo xtask test`: all that must hold, in the order of what is quickest to say no.

use anyhow::Result;

use crate::tools::{PROFILE, glassbox, run, run_with, setup};
use crate::{peers, tidy};

/// The number of official ONNX tests that pass; a change may raise it, never lower it.
const CONFORMANCE_FLOOR: &str = "2003";

/// Everything that CI checks.
pub(crate) fn main() -> Result<()> {
    tidy::main()?;
    run("cargo", &["fmt", "--all", "--check"])?;
    setup()?;
    // The same random cases at every run, so that a change that is red is red for its own sake. A plain
    // `cargo test` draws others each time, and the fuzzers go on for as long as they are let.
    run_with("cargo", &["test", "--profile", PROFILE, "--workspace"], &[("PROPTEST_RNG_SEED", "1")])?;
    run("cargo", &["clippy", "--profile", PROFILE, "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    glassbox(&["conformance", "--at-least", CONFORMANCE_FLOOR])?;
    peers::main()
}

/// Writes the generated pages.
pub(crate) fn status() -> Result<()> {
    setup()?;
    glassbox(&["conformance", "--at-least", "0", "--report", "docs/status/onnx.md"])
}

/// Runs the golden tests with leave to write what they give.
pub(crate) fn bless() -> Result<()> {
    run_with("cargo", &["test", "--profile", PROFILE, "--workspace", "golden"], &[("BLESS", "1")])
}
