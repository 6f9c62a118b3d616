//! Running other programs from the root of the repository.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The profile that tests, conformance and peer models run in: optimised, with all checks on.
pub(crate) const PROFILE: &str = "checked";

/// The most letters of a command that are shown.
const MAX_SHOWN: usize = 120;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where `scripts/setup.py` puts what it makes.
pub(crate) fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache").join("glassbox");
    std::env::var_os("GLASSBOX_CACHE").map_or_else(home, PathBuf::from)
}

/// Runs a program and fails if it does.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    run_command(Command::new(program).args(arguments).current_dir(root()))
}

/// Runs a command, where it says, and fails if it does.
pub(crate) fn run_command(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("── {shown}");
    let started = Instant::now();
    let status = command.status().with_context(|| format!("{shown} can't be started"))?;
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    println!("── done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// A command as a person would write it; a long one ends in an ellipsis.
pub(crate) fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let mut text = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    if text.chars().count() > MAX_SHOWN {
        text = text.chars().take(MAX_SHOWN).chain(['…']).collect();
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_cut() {
        assert_eq!(shown(Command::new("echo").args(["é"; 100])).chars().count(), MAX_SHOWN + 1);
        assert_eq!(shown(Command::new("echo").arg("a")), "echo a");
    }

    #[test]
    fn a_command_that_fails_is_told_apart_from_one_that_can_t_be_started() {
        let failed = run("sh", &["-c", "exit 3"]).expect_err("it fails").to_string();
        assert!(failed.contains("exit status: 3"), "{failed}");
        let missing = run("/no/such/program", &[]).expect_err("it is missing").to_string();
        assert!(missing.contains("can't be started"), "{missing}");
    }
}
