//! Faults that are planted in real models, each to be named by `glassbox check`: the wrong axis, a weight of another step, an
//! overflow, against other sides that are renamed, fused by onnxruntime, or values only.
//!
//! `cargo xtask hunts` plants 200, in exported models too, which need torch; the suite a part that needs no torch.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Context;
use crate::tools::{PROFILE, cache, root, run, run_command, target};

/// How many faults are planted, and the bar.
struct Bar {
    count: &'static str,
    /// The share that must be named first.
    first: &'static str,
    /// How many may be missed among the first three that are named.
    misses: &'static str,
}

/// Of few faults one more or less is much, and onnxruntime rounds and fuses in other ways on other processors, so the suite
/// leaves room for two misses beside those that were seen.
const FEW: Bar = Bar { count: "40", first: "0.9", misses: "2" };
/// What all of it is held against.
const MANY: Bar = Bar { count: "200", first: "0.95", misses: "0" };

/// The suite.
pub(super) fn main(context: &mut Context) -> Result<()> {
    context.data()?;
    let python = cache().join("venv/bin/python");
    let folder = target().join("hunts");
    hunt(&python, &folder, &["--without-torch"], "1", &FEW)
}

/// All of it, with another seed where one is given.
pub(crate) fn all(seed: u64) -> Result<()> {
    run("python3", &["scripts/setup.py"])?;
    run("python3", &["scripts/setup.py", "--only", "venv-torch"])?;
    let python = cache().join("venv-torch/bin/python");
    hunt(&python, &target().join("hunts-all"), &[], &seed.to_string(), &MANY)
}

/// Makes the models where they are missing, plants faults, and judges how they are found.
fn hunt(python: &Path, folder: &Path, models: &[&str], seed: &str, bar: &Bar) -> Result<()> {
    run("cargo", &["build", "--quiet", "--profile", PROFILE, "-p", "glassbox-cli"])?;
    let (made, planted) = (folder.join("models"), folder.join(seed));
    // The list is written last: a folder without one was left by a run that failed or was stopped.
    if !made.join("models.json").is_file() {
        if made.exists() {
            std::fs::remove_dir_all(&made)?;
        }
        run_command(script(python, "models.py").args(models).arg(&made))?;
    }
    if planted.exists() {
        std::fs::remove_dir_all(&planted)?;
    }
    run_command(script(python, "plant.py").arg(&made).arg(&planted).args(["--seed", seed, "--count", bar.count]))?;
    let binary: PathBuf = target().join(PROFILE).join("glassbox");
    let onnxruntime = cache().join("venv/bin/python");
    let mut judge = script(python, "judge.py");
    judge.arg("--binary").arg(binary).arg(planted.join("faults")).arg("--python").arg(onnxruntime);
    run_command(judge.args(["--jobs", "2", "--first", bar.first, "--misses", bar.misses]))
}

/// A script of the folder, which writes no bytecode beside itself.
fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("scripts/hunts/{name}")).current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
