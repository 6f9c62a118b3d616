//! The tests of the Python scripts.
//!
//! Each is a program that runs its own tests and exits with their result; run as a program it finds the modules of its
//! folder. Those that need torch have an environment of their own, which is large: without `GLASSBOX_NO_SKIP` they run
//! only where it is there already.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::lines::{Skipped, run_and_note};
use super::{Context, no_skip};
use crate::tools::{cache, root, run};

/// Those that the packages of `scripts/requirements.txt` suffice for.
const LIGHT: &[&str] = &[
    "scripts/test_setup.py",
    "scripts/hunts/test_hunts.py",
    "scripts/hunts/test_lifting.py",
    "scripts/language/test_evaluate.py",
    "scripts/language/test_generate.py",
    "scripts/models/test_models.py",
    "scripts/shapes/test_layers.py",
    "scripts/stories/test_grammar.py",
];

/// Those that need torch and transformers.
const HEAVY: &[&str] =
    &["scripts/families/test_sensitivity.py", "scripts/hunts/test_torch_values.py", "scripts/stories/test_models.py"];

/// The environment with torch.
const TORCH: &str = "venv-torch";

/// Runs those that need no torch.
pub(super) fn scripts(context: &mut Context) -> Result<()> {
    context.data()?;
    run_all(context, LIGHT, cache().join("venv/bin/python"))
}

/// Runs those that need torch.
pub(super) fn torch(context: &mut Context) -> Result<()> {
    let is_there = cache().join(TORCH).join(".stamp").is_file();
    if !is_there && !no_skip() {
        let why = format!("no torch, which takes 6 GB; `python3 scripts/setup.py --only {TORCH}` installs it");
        println!("skipped: {why}");
        return context.note_skipped(vec![Skipped { test: "torch".to_owned(), why }]);
    }
    run("python3", &["scripts/setup.py", "--only", TORCH])?;
    run_all(context, HEAVY, cache().join(TORCH).join("bin/python"))
}

/// Runs every script, those after one that failed too.
fn run_all(context: &mut Context, scripts: &[&str], python: PathBuf) -> Result<()> {
    let mut failed = Vec::new();
    for script in scripts {
        // Bytecode would be left in the working tree; packages that look things up in the network may not.
        let command = &mut Command::new(&python);
        command.arg(script).current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1").env("HF_HUB_OFFLINE", "1");
        if let Err(error) = run_and_note(context, command) {
            println!("{error:#}");
            failed.push(*script);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("these fail: {}", failed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `test_*.py` under a folder.
    fn test_scripts(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                test_scripts(&path, found);
            } else if name.starts_with("test_") && name.ends_with(".py") {
                found.push(path.strip_prefix(root()).expect("inside").display().to_string());
            }
        }
    }

    #[test]
    fn every_test_of_a_script_is_in_a_suite() {
        let mut found = Vec::new();
        test_scripts(&root().join("scripts"), &mut found);
        let mut listed: Vec<String> = LIGHT.iter().chain(HEAVY).map(|script| (*script).to_owned()).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }
}
