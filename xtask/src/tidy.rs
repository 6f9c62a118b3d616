//! `cargo xtask tidy`: the rules of the repository that no other tool checks.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::tools::root;

/// The crates in the order in which data passes through them: each may use those before it only.
const ORDER: &[&str] = &[
    "glassbox-tensor",
    "glassbox-weights",
    "glassbox-text",
    "glassbox-ir",
    "glassbox-dsl",
    "glassbox-macros",
    "glassbox-models",
    "glassbox-onnx",
    "glassbox-reference",
    "glassbox-compiler",
    "glassbox-testkit",
    "glassbox-runtime",
    "glassbox-cli",
];

/// Pairs that the order would allow, and that must not be: the first must not know the second.
const APART: &[(&str, &str)] = &[("glassbox-reference", "glassbox-onnx")];

/// The most lines that a source file may have.
const MAX_LINES: usize = 800;

/// What code that is finished doesn't have. The words are put together, so that they don't stand here.
const UNFINISHED: &[&str] = &[concat!("#[", "ignore"), concat!("to", "do!("), concat!("un", "implemented!(")];

/// Checks every rule and reports all that is wrong.
pub(crate) fn main() -> Result<()> {
    let mut wrong = Vec::new();
    check_crates(&mut wrong)?;
    for file in files(&root(), "rs")? {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        check_source(&file, &text, &mut wrong);
    }
    check_links(&mut wrong)?;
    if !wrong.is_empty() {
        bail!("not tidy:\n{}", wrong.join("\n"));
    }
    println!("tidy");
    Ok(())
}

/// No crate uses one that comes after it, and every crate has its place in the order.
fn check_crates(wrong: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(place) = ORDER.iter().position(|known| **known == name) else {
            wrong.push(format!("{name}: give the crate its place in xtask/src/tidy.rs and ARCHITECTURE.md"));
            continue;
        };
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for (other, known) in ORDER.iter().enumerate() {
            let uses = dependencies
                .lines()
                .any(|line| line.starts_with(&format!("{known}.")) || line.starts_with(&format!("{known} ")));
            if uses && (other >= place || APART.contains(&(name.as_str(), known))) {
                wrong.push(format!("{name} must not know {known}"));
            }
        }
    }
    Ok(())
}

/// Every file says what it is for, is of a size to be read, and has nothing unfinished.
fn check_source(file: &Path, text: &str, wrong: &mut Vec<String>) {
    let place = file.strip_prefix(root()).unwrap_or(file).display();
    if !text.starts_with("//!") {
        wrong.push(format!("{place}: begins without `//!`: say what it is for"));
    }
    let lines = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
    if lines > MAX_LINES {
        wrong.push(format!("{place}: {lines} lines without its tests; more than {MAX_LINES}"));
    }
    for (number, line) in text.split("#[cfg(test)]").next().unwrap_or_default().lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if let Some(word) = UNFINISHED.iter().find(|word| code.contains(**word)) {
            wrong.push(format!("{place}:{}: `{word}`", number + 1));
        }
    }
}

/// Links of the documents lead to files that exist.
fn check_links(wrong: &mut Vec<String>) -> Result<()> {
    for file in files(&root(), "md")? {
        let text = std::fs::read_to_string(&file)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for part in text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            let local = !target.is_empty() && !target.contains("://") && !target.contains(' ');
            if local && !folder.join(target).exists() {
                wrong.push(format!("{}: leads to {target}, which isn't there", file.display()));
            }
        }
    }
    Ok(())
}

/// Every file of the repository with this ending, but for what is built.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, ending)?);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
