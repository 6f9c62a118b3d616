//! `cargo xtask tidy`: the rules of the repository that no other tool checks.
//!
//! In: the sources, manifests and documents of the working tree. Out: all that breaks a rule, each with its file.

mod errors;
mod sessions;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::links;
use crate::tools::root;

/// The crates in the order in which data passes through them: each may use those before it only.
const ORDER: &[&str] = &[
    "glassbox-tensor",
    "glassbox-kernels",
    "glassbox-weights",
    "glassbox-text",
    "glassbox-ir",
    "glassbox-dsl",
    "glassbox-macros",
    "glassbox-models",
    "glassbox-onnx",
    "glassbox-exec",
    "glassbox-image",
    "glassbox-reference",
    "glassbox-compiler",
    "glassbox-cpu",
    "glassbox-layout",
    "glassbox-check",
    "glassbox-backends",
    "glassbox-testkit",
    "glassbox-runtime",
    "glassbox",
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
    for path in files(&root(), "rs")? {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let place = place_of(&path);
        check_source(&place, &text, &mut wrong);
        check_sessions(&place, &text, &mut wrong);
        // Examples of what is wrong stand in the rule's own tests.
        if !place.starts_with("xtask/") {
            check_errors(&place, &text, &mut wrong);
        }
    }
    let documents: Vec<PathBuf> = files(&root(), "md")?.iter().map(|path| PathBuf::from(place_of(path))).collect();
    links::check(&documents, &mut wrong)?;
    if !wrong.is_empty() {
        bail!("not tidy:\n{}", wrong.join("\n"));
    }
    println!("tidy");
    Ok(())
}

/// Where a file is in the repository.
fn place_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every crate keeps to the rules of manifests.
fn check_crates(wrong: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root().join("crates"))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = folder.join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        check_manifest(&name, &manifest, wrong);
    }
    Ok(())
}

/// A crate uses none that comes after it, has its place in the order, and calls the reference by its name.
fn check_manifest(name: &str, manifest: &str, wrong: &mut Vec<String>) {
    let Some(place) = ORDER.iter().position(|known| *known == name) else {
        wrong.push(format!("{name}: give the crate its place in xtask/src/tidy.rs and ARCHITECTURE.md"));
        return;
    };
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    for (other, known) in ORDER.iter().enumerate() {
        let uses = dependencies
            .lines()
            .any(|line| line.starts_with(&format!("{known}.")) || line.starts_with(&format!("{known} ")));
        if uses && (other >= place || APART.contains(&(name, known))) {
            wrong.push(format!("{name} must not know {known}"));
        }
    }
    if sessions::renames_in_manifest(manifest) {
        wrong.push(format!("{name}: gives the reference another name, under which its session isn't found"));
    }
}

/// A source says what it is for, is of a size to be read, and has nothing unfinished.
fn check_source(place: &str, text: &str, wrong: &mut Vec<String>) {
    if !text.starts_with("//!") {
        wrong.push(format!("{place}: begins without `//!`: say what it is for"));
    }
    let without_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = without_tests.lines().count();
    if lines > MAX_LINES {
        wrong.push(format!("{place}: {lines} lines without its tests; more than {MAX_LINES}"));
    }
    for (number, line) in without_tests.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if let Some(word) = UNFINISHED.iter().find(|word| code.contains(**word)) {
            wrong.push(format!("{place}:{}: `{word}`", number + 1));
        }
    }
}

/// A source names the reference's session only where it may.
fn check_sessions(place: &str, text: &str, wrong: &mut Vec<String>) {
    let mut parts = Path::new(place).iter().filter_map(|part| part.to_str());
    if parts.next() == Some("crates") && parts.next().is_some_and(|name| sessions::MAY.contains(&name)) {
        return;
    }
    for (line, what) in sessions::check_source(text) {
        wrong.push(format!("{place}:{line}: {what}; ask the table of backends for a runtime"));
    }
}

/// An error says once what it says.
fn check_errors(place: &str, text: &str, wrong: &mut Vec<String>) {
    for (line, what) in errors::check_source(text) {
        wrong.push(format!(
            "{place}:{line}: `{what}` prints its source and gives it: write `transparent`, or name the field `error`"
        ));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a check says.
    fn said(check: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
        let mut wrong = Vec::new();
        check(&mut wrong);
        wrong
    }

    fn manifest(name: &str, text: &str) -> Vec<String> {
        said(|wrong| check_manifest(name, text, wrong))
    }

    fn source(text: &str) -> Vec<String> {
        said(|wrong| check_source("a.rs", text, wrong))
    }

    fn sessions_in(place: &str, text: &str) -> Vec<String> {
        said(|wrong| check_sessions(place, text, wrong))
    }

    #[test]
    fn a_crate_uses_none_that_comes_after_it() {
        let later = "[dependencies]\nglassbox-runtime.workspace = true\n";
        assert_eq!(manifest("glassbox-ir", later), ["glassbox-ir must not know glassbox-runtime"]);
        let spelled_out = "[dependencies]\nglassbox-runtime = { path = \"../glassbox-runtime\" }\n";
        assert_eq!(manifest("glassbox-ir", spelled_out), ["glassbox-ir must not know glassbox-runtime"]);
        // Itself too; tests may use what comes later; so may nobody what is kept apart.
        assert_eq!(manifest("glassbox-ir", "glassbox-ir.workspace = true").len(), 1);
        assert_eq!(manifest("glassbox-ir", &later.replace("dependencies", "dev-dependencies")), [""; 0]);
        assert_eq!(manifest("glassbox-runtime", "[dependencies]\nglassbox-ir.workspace = true\n"), [""; 0]);
        let apart = manifest("glassbox-reference", "[dependencies]\nglassbox-onnx.workspace = true\n");
        assert_eq!(apart, ["glassbox-reference must not know glassbox-onnx"]);
    }

    #[test]
    fn a_crate_has_its_place_in_the_order() {
        let unknown = manifest("glassbox-unknown", "");
        assert!(unknown.len() == 1 && unknown[0].contains("give the crate its place"), "{unknown:?}");
    }

    #[test]
    fn a_manifest_calls_the_reference_by_its_name() {
        let renamed = manifest("glassbox-cli", "[dependencies]\nr = { package = \"glassbox-reference\" }\n");
        assert!(renamed.len() == 1 && renamed[0].contains("another name"), "{renamed:?}");
    }

    #[test]
    fn a_source_says_what_it_is_for() {
        assert_eq!(source("fn main() {}\n"), ["a.rs: begins without `//!`: say what it is for"]);
        assert_eq!(source("//! A page.\nfn main() {}\n"), [""; 0]);
    }

    #[test]
    fn a_source_is_of_a_size_to_be_read() {
        let lines = |count: usize| format!("//! A page.\n{}", "\n".repeat(count - 1));
        assert_eq!(source(&lines(MAX_LINES)), [""; 0]);
        assert_eq!(source(&lines(MAX_LINES + 1)), ["a.rs: 801 lines without its tests; more than 800"]);
        let tested = format!("{}#[cfg(test)]\n{}", lines(MAX_LINES), lines(MAX_LINES));
        assert_eq!(source(&tested), [""; 0]);
    }

    #[test]
    fn a_source_has_nothing_unfinished() {
        for word in UNFINISHED {
            let found = source(&format!("//! A page.\n    {word}\n"));
            assert_eq!(found, [format!("a.rs:2: `{word}`")]);
            assert_eq!(source(&format!("//! A page.\n// {word}\n")), [""; 0]);
        }
    }

    #[test]
    fn the_session_of_the_reference_is_named_by_two_crates_only() {
        let text = "//! A page.\n\nuse glassbox_reference::{\n    Options,\n    Session,\n};\n";
        for place in ["crates/glassbox-cli/src/main.rs", "crates/glassbox-onnx/tests/main/a.rs", "fuzz/a.rs"] {
            let found = sessions_in(place, text);
            let wanted = "names the reference's session; ask the table of backends for a runtime";
            assert_eq!(found, [format!("{place}:5: {wanted}")]);
        }
        for place in ["crates/glassbox-reference/tests/a.rs", "crates/glassbox-backends/src/lib.rs"] {
            assert_eq!(sessions_in(place, text), [""; 0]);
        }
    }
}
