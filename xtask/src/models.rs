//! `cargo xtask models`: models of others beside onnxruntime, and the official tests of earlier releases of onnx.
//!
//! In: which of them. What is fetched goes to the cache folder, what is made of it to `models` in the target folder. Out: the
//! pages of `docs/status` that tell what came out. An error where a model is refused that onnxruntime runs, where one
//! differs, or where a test fails that no reason is known for.

mod sets;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::tools::{PROFILE, cache, root, run, run_command, setup, target};

/// What can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Models of published packages
    Wheels,
    /// Models that exporters and converters make
    Exports,
    /// The models of packages and exporters that are there, exported again by Glassbox
    Exported,
    /// Random models of one node
    Random,
    /// Official tests of onnx 1.21 and 1.22
    Sets,
}

/// The groups of models, each with a file of results.
const GROUPS: &[(What, &str)] = &[(What::Wheels, "wheels"), (What::Exports, "exports")];

/// The environments that models are made in, and which topic of them where that isn't all.
const EXPORTERS: &[(&str, Option<&str>)] = &[("venv-exports", None), ("venv-tensorflow", Some("tensorflow_models"))];

/// Runs what is asked for, all of it though a part fails.
pub(crate) fn main(what: &[What], only: Option<&str>) -> Result<()> {
    setup()?;
    run("cargo", &["build", "--quiet", "--profile", PROFILE, "-p", "glassbox-cli"])?;
    let mut wrong = Vec::new();
    for (one, name) in GROUPS.iter().filter(|(one, _)| what.contains(one)) {
        if let Err(error) = group(*one, name, only) {
            wrong.push(format!("{name}: {error:#}"));
        }
    }
    if what.contains(&What::Exported)
        && let Err(error) = exported()
    {
        wrong.push(format!("exported: {error:#}"));
    }
    if what.contains(&What::Random)
        && let Err(error) = random(only)
    {
        wrong.push(format!("random: {error:#}"));
    }
    if what.contains(&What::Sets)
        && let Err(error) = sets::main()
    {
        wrong.push(format!("sets: {error:#}"));
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

/// Where models and results are.
fn folder() -> PathBuf {
    target().join("models")
}

/// Makes the models of a group, runs them, and writes the page.
fn group(what: What, name: &str, only: Option<&str>) -> Result<()> {
    let out = folder();
    let python = cache().join("venv/bin/python");
    if what == What::Wheels {
        run_command(script(&python, "wheels.py").arg(cache().join("wheels")).arg(&out))?;
    } else {
        for (environment, topic) in EXPORTERS {
            run("python3", &["scripts/setup.py", "--only", environment])?;
            let python = cache().join(environment).join("bin/python");
            let mut make = script(&python, "exports/make.py");
            make.arg(&out).args(["--only", only.unwrap_or_default()]);
            run_command(make.args(topic.iter().flat_map(|topic| ["--topic", topic])))?;
        }
    }
    let results = out.join("results").join(format!("{name}.json"));
    std::fs::create_dir_all(out.join("results"))?;
    let mut beside = script(&python, "beside.py");
    beside.arg(&out).arg("--binary").arg(target().join(PROFILE).join("glassbox"));
    if let Some(only) = only {
        return run_command(beside.args(["--only", &format!("^{name}/.*(?:{only})")]));
    }
    let went = run_command(beside.args(["--only", &format!("^{name}/")]).arg("--out").arg(&results));
    page(&python, &out)?;
    went
}

/// Exports all models that are there, in their own opset and simplified, and has onnxruntime run both.
fn exported() -> Result<()> {
    let (out, python) = (folder(), cache().join("venv/bin/python"));
    std::fs::create_dir_all(out.join("results"))?;
    let mut command = script(&python, "exported.py");
    command.arg(&out).arg("--binary").arg(target().join(PROFILE).join("glassbox"));
    let went = run_command(command.arg("--out").arg(out.join("results").join("exported.json")));
    page(&python, &out)?;
    went
}

/// Draws models of one node, of ONNX and of `ai.onnx.ml`, and of some nodes, or those of some ops among them, and runs them.
fn random(only: Option<&str>) -> Result<()> {
    let mut command = script(&cache().join("venv/bin/python"), "random_models.py");
    command.arg(folder()).arg("--binary").arg(target().join(PROFILE).join("glassbox"));
    match only {
        Some(only) => command.args(["--only", only]),
        None => command.arg("--page").arg(root().join("docs/status/random.md")),
    };
    run_command(&mut command)
}

/// Writes the page from all results that are there.
fn page(python: &Path, out: &Path) -> Result<()> {
    let mut command = script(python, "page.py");
    command.arg(root().join("docs/status/models.md"));
    for (_, name) in GROUPS {
        command.arg(out.join("results").join(format!("{name}.json")));
    }
    command.arg("--exported").arg(out.join("results/exported.json"));
    command.arg("--notes").arg(out.join("wheels.json")).arg(out.join("exports.json"));
    run_command(&mut command)
}

/// A script of the folder, which writes no bytecode beside itself.
fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("scripts/models/{name}")).current_dir(root());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("HF_HUB_OFFLINE", "1");
    command
}
