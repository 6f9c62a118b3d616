//! The table of suites, in the order of what is quickest to say no.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::lines::{Skipped, run_and_note};
use super::{Context, elsewhere, hunts, python};
use crate::bench::{self, Bench};
use crate::tools::{PROFILE, cache, glassbox, root, run, run_command, target};
use crate::{book, peers, tidy};

/// Something that must hold.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// What it is, in one line.
    pub(crate) what: &'static str,
    pub(crate) run: fn(&mut Context) -> Result<()>,
}

/// The number of official ONNX tests that pass; a change may raise it, never lower it.
const CONFORMANCE_FLOOR: &str = "2027";

/// Every suite.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "tidy", what: "the rules of the repository that no other tool checks", run: |_| tidy::main() },
    Suite {
        name: "format",
        what: "the format of the Rust sources",
        run: |_| run("cargo", &["fmt", "--all", "--check"]),
    },
    Suite { name: "setup", what: "the packages and data of the other suites", run: Context::data },
    Suite { name: "scripts", what: "the tests of the scripts that make data", run: python::scripts },
    Suite { name: "tests", what: "all tests of the workspace", run: tests },
    Suite { name: "elsewhere", what: "tests again, as on another machine", run: elsewhere::main },
    Suite { name: "lints", what: "clippy, without a warning", run: lints },
    Suite { name: "book", what: "the book and the README: every command, every link", run: book },
    Suite { name: "conformance", what: "the official ONNX backend tests", run: conformance },
    Suite {
        name: "cpu",
        what: "the same, and programs and language models, on the fast backend",
        run: |it| backend(it, "cpu"),
    },
    Suite { name: "toy", what: "and on a backend of one file and one row", run: |it| backend(it, "toy") },
    Suite { name: "contrib", what: "ops of com.microsoft and kin against onnxruntime", run: contrib },
    Suite {
        name: "export",
        what: "models that are exported: what comes back, the checker and onnxruntime",
        run: export,
    },
    Suite { name: "peers", what: "whole models against onnxruntime", run: peers },
    Suite { name: "bench", what: "the benchmark, with tiny models: whether it works", run: bench },
    Suite { name: "hunts", what: "faults that are planted in models, each to be named", run: hunts::main },
    Suite { name: "torch", what: "the tests of the scripts that need torch", run: python::torch },
];

/// The names of the suites.
pub(crate) fn names() -> Vec<&'static str> {
    SUITES.iter().map(|suite| suite.name).collect()
}

/// The same random cases at every run, so that a change that is red is red for its own sake. A plain `cargo test`
/// draws others each time, `cargo xtask soak` goes on for as long as it is let, and so do the fuzzers.
pub(crate) const FIXED_SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// `cargo test` over the workspace, going on after a binary that fails.
pub(crate) fn cargo_test() -> Command {
    let mut command = Command::new("cargo");
    command.args(["test", "--profile", PROFILE, "--workspace", "--no-fail-fast"]);
    command.current_dir(root()).env(FIXED_SEED.0, FIXED_SEED.1);
    command
}

fn tests(context: &mut Context) -> Result<()> {
    context.data()?;
    run_and_note(context, cargo_test().args(["--", "--show-output"]))
}

fn lints(_: &mut Context) -> Result<()> {
    run("cargo", &["clippy", "--profile", PROFILE, "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// The commands of the book need onnxruntime and models from elsewhere, mdBook only makes pages of it.
fn book(context: &mut Context) -> Result<()> {
    context.data()?;
    match book::check()? {
        book::Built::Yes => Ok(()),
        book::Built::No => {
            let why = "no mdbook; .ci/install installs it".to_owned();
            println!("skipped: {why}");
            context.note_skipped(vec![Skipped { test: "book".to_owned(), why }])
        }
    }
}

fn conformance(context: &mut Context) -> Result<()> {
    context.data()?;
    glassbox(&["conformance", "--backend", "reference", "--at-least", CONFORMANCE_FLOOR])
}

/// What a backend gets by its row in the table: conformance, and the tests of language models, programs and the simulator,
/// which `tests` runs on the reference.
fn backend(context: &mut Context, name: &str) -> Result<()> {
    context.data()?;
    glassbox(&["conformance", "--backend", name, "--at-least", CONFORMANCE_FLOOR])?;
    let mut command = Command::new("cargo");
    command.args(["test", "--profile", PROFILE, "--no-fail-fast", "--test", "main"]);
    command.args(["-p", "glassbox-models", "-p", "glassbox-dsl", "-p", "glassbox-onnx", "-p", "glassbox-runtime"]);
    command.current_dir(root()).env("GLASSBOX_TEST_BACKEND", name).env(FIXED_SEED.0, FIXED_SEED.1);
    run_and_note(context, command.args(["--", "--show-output"]))
}

/// Ops outside of the official suite, on every backend that computes by itself. All must pass.
fn contrib(context: &mut Context) -> Result<()> {
    context.data()?;
    let cases = cache().join("contrib").display().to_string();
    for backend in ["reference", "cpu"] {
        glassbox(&["conformance", "--cases", &cases, "--backend", backend])?;
    }
    Ok(())
}

/// How many official tests are the same function after their model was exported to an opset; the others need ops or dtypes
/// that it doesn't have.
const EXPORTED: &[(&str, &str)] =
    &[("28", "2027"), ("26", "1989"), ("21", "1916"), ("17", "1580"), ("13", "1508"), ("9", "808")];

/// What comes back of exported models on the reference; the models themselves in the hands of others.
fn export(context: &mut Context) -> Result<()> {
    context.data()?;
    let python = cache().join("venv/bin/python");
    let script = |name: &str| {
        let mut command = Command::new(&python);
        command.current_dir(root()).arg(Path::new("scripts").join(name));
        command
    };
    for (opset, least) in EXPORTED {
        let folder = target().join("exported").join(opset);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let save = folder.display().to_string();
        let given =
            ["conformance", "--backend", "reference", "--exported", opset, "--save", &save, "--at-least", least];
        glassbox(&[&["--quiet"], &given[..]].concat())?;
        run_command(script("exported_models.py").arg(cache().join("conformance")).arg(&folder))?;
    }
    glassbox(&["conformance", "--backend", "reference", "--exported", "28", "--simplified", "--at-least", "2027"])?;
    run_command(script("exported_language.py").arg(target().join(PROFILE).join("glassbox")))
}

fn peers(context: &mut Context) -> Result<()> {
    context.data()?;
    peers::check()
}

/// That every engine computes the same, and that times come out; what they are says nothing.
fn bench(context: &mut Context) -> Result<()> {
    context.data()?;
    bench::main(&Bench::quick())
}
