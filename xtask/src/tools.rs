//! Running other programs from the root of the repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The profile that tests, conformance and peer models run in: optimised, with all checks on.
pub(crate) const PROFILE: &str = "checked";

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Where `scripts/setup.py` puts what it makes.
pub(crate) fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache").join("glassbox");
    std::env::var_os("GLASSBOX_CACHE").map_or_else(home, PathBuf::from)
}

/// Runs a program and fails if it does.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    run_with(program, arguments, &[])
}

/// Runs a program with more environment and fails if it does.
pub(crate) fn run_with(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    println!("── {program} {}", arguments.join(" "));
    let started = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).envs(environment.iter().copied());
    let status = command.status().with_context(|| format!("{program} can't be started"))?;
    if !status.success() {
        bail!("{program} {} failed: {status}", arguments.join(" "));
    }
    println!("── done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Makes the virtual environment and the test data.
pub(crate) fn setup() -> Result<()> {
    run("python3", &["scripts/setup.py"])
}

/// Runs the command line of Glassbox, built in the profile of the tests.
pub(crate) fn glassbox(arguments: &[&str]) -> Result<()> {
    let mut all = vec!["run", "--quiet", "--profile", PROFILE, "-p", "glassbox-cli", "--"];
    all.extend(arguments);
    run("cargo", &all)
}
