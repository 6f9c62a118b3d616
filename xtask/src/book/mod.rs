//! `cargo xtask test book`: what the book and the README say is so.
//!
//! In: the pages in `docs/book/src` and the README. Every command on them is run and what it prints compared
//! ([`script`] says which, [`play`] where); tables of JSON's fields are held against what is printed ([`fields`]); every
//! command of the program must stand in the README and be run by the book. Then links are checked, and mdBook builds the
//! book into `target/book`, where a warning is an error.

mod fields;
mod matching;
mod play;
mod script;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::links::{self, PAGES};
use crate::tools::{PROFILE, cache, root, run, target};
use play::{Stage, play};

/// The page besides those of the book whose commands are run.
const README: &str = "README.md";

/// What the suite finds out without a failure.
pub(crate) enum Built {
    Yes,
    /// mdBook isn't there.
    No,
}

/// Checks everything.
///
/// # Errors
///
/// With all that is wrong, each with its page and line.
pub(crate) fn check() -> Result<Built> {
    let binary = binary()?;
    let mut wrong = Vec::new();
    let run = play_all(&binary, &pages()?, &mut wrong)?;
    check_complete(&names(&Stage::new(&binary)?)?, &run, &mut wrong);
    links::check(&documents()?, &mut wrong)?;
    refuse(&wrong)?;
    build()
}

/// Runs the commands of some pages, named by parts of their paths, or of all.
///
/// # Errors
///
/// With all that differs, each with its page and line.
pub(crate) fn run_pages(parts: &[String]) -> Result<()> {
    let mut wrong = Vec::new();
    play_all(&binary()?, &chosen(parts)?, &mut wrong)?;
    refuse(&wrong)
}

fn refuse(wrong: &[String]) -> Result<()> {
    if wrong.is_empty() { Ok(()) } else { bail!("the book is wrong:\n{}", wrong.join("\n")) }
}

/// Runs the commands of these pages, and gives them with their pages.
fn play_all(binary: &Path, pages: &[PathBuf], wrong: &mut Vec<String>) -> Result<Vec<(PathBuf, String)>> {
    let mut run = Vec::new();
    for place in pages {
        let started = Instant::now();
        let stage = Stage::new(binary)?;
        let played = play(&stage, place)?;
        fields::check(&stage, &place.display().to_string(), &read(place)?, wrong)?;
        println!(
            "── {}: {} commands, {:.1} s",
            place.display(),
            played.commands.len(),
            started.elapsed().as_secs_f64()
        );
        run.extend(played.commands.into_iter().map(|command| (place.clone(), command.text)));
        wrong.extend(played.wrong);
    }
    Ok(run)
}

/// Writes what the commands print into some pages, named by parts of their paths, or into all.
///
/// # Errors
///
/// If a page can't be read or written, or a command can't be run.
pub(crate) fn bless(parts: &[String]) -> Result<()> {
    let binary = binary()?;
    for place in chosen(parts)? {
        let played = play(&Stage::new(&binary)?, &place)?;
        if played.blessed != read(&place)? {
            println!("── {} is written anew", place.display());
            std::fs::write(root().join(&place), played.blessed).with_context(|| place.display().to_string())?;
        }
    }
    Ok(())
}

/// The folder of `glassbox`, which is built.
fn binary() -> Result<PathBuf> {
    run("cargo", &["build", "--profile", PROFILE, "-p", "glassbox-cli"])?;
    Ok(target().join(PROFILE))
}

/// The pages whose commands are run, by their paths from the root.
fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(root().join(PAGES)).context(PAGES)? {
        pages.push(Path::new(PAGES).join(entry?.file_name()));
    }
    pages.retain(|page| page.extension().is_some_and(|ending| ending == "md"));
    pages.push(PathBuf::from(README));
    pages.sort();
    Ok(pages)
}

/// The pages whose paths have one of these parts; all without any.
fn chosen(parts: &[String]) -> Result<Vec<PathBuf>> {
    let mut pages = pages()?;
    pages.retain(|page| parts.is_empty() || parts.iter().any(|part| page.to_string_lossy().contains(part)));
    if pages.is_empty() {
        bail!("there is no page like {}", parts.join(", "));
    }
    Ok(pages)
}

/// The documents whose links are checked: the book, and all that is written about the repository as a whole.
fn documents() -> Result<Vec<PathBuf>> {
    let mut found = pages()?;
    found.extend(["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from));
    for folder in ["docs", "docs/decisions", "docs/status"] {
        for entry in std::fs::read_dir(root().join(folder)).context(folder)? {
            let place = Path::new(folder).join(entry?.file_name());
            if place.extension().is_some_and(|ending| ending == "md") {
                found.push(place);
            }
        }
    }
    Ok(found)
}

/// The names of the program's commands.
fn names(stage: &Stage) -> Result<Vec<String>> {
    let help = stage.run("glassbox --help")?.lines;
    let list = help.iter().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = list.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<String> = names.filter(|name| !name.is_empty() && *name != "help").map(str::to_owned).collect();
    if names.is_empty() {
        bail!("`glassbox --help` lists no commands: {}", help.join("\n"));
    }
    Ok(names)
}

/// Every command of the program is run by the README and by the book.
fn check_complete(names: &[String], run: &[(PathBuf, String)], wrong: &mut Vec<String>) {
    for name in names {
        let runs =
            |text: &str| text.split("glassbox ").skip(1).any(|rest| rest.split_whitespace().next() == Some(name));
        let (readme, book): (Vec<_>, Vec<_>) = run.iter().partition(|(place, _)| place == Path::new(README));
        for (what, commands) in [(README, readme), (PAGES, book)] {
            if !commands.iter().any(|(_, text)| runs(text)) {
                wrong.push(format!("{what}: `glassbox {name}` isn't run"));
            }
        }
    }
}

/// Has mdBook build the book.
fn build() -> Result<Built> {
    let Some(program) = mdbook() else {
        return Ok(Built::No);
    };
    let folder = target().join("book");
    let output =
        Command::new(&program).arg("build").arg(root().join("docs/book")).arg("--dest-dir").arg(&folder).output();
    let output = output.with_context(|| format!("{} can't be started", program.display()))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() || said.contains("WARN") || said.contains("ERROR") {
        bail!("mdBook is not content:\n{said}");
    }
    if !folder.join("index.html").is_file() {
        bail!("mdBook wrote no {}", folder.join("index.html").display());
    }
    println!("── the book is in {}", folder.display());
    Ok(Built::Yes)
}

/// mdBook: where `.ci/install` puts it, or on the search path.
fn mdbook() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(cache().join("mdbook/bin")).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join("mdbook")).find(|program| program.is_file())
}

fn read(place: &Path) -> Result<String> {
    std::fs::read_to_string(root().join(place)).with_context(|| place.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_no_page_runs_is_told() {
        let run = [(README, "glassbox run x"), ("docs/book/src/a.md", "true | glassbox run - && glassbox trace y")];
        let run = run.map(|(place, text)| (PathBuf::from(place), text.to_owned()));
        let mut wrong = Vec::new();
        check_complete(&["run", "trace"].map(str::to_owned), &run, &mut wrong);
        assert_eq!(wrong, ["README.md: `glassbox trace` isn't run"]);
    }

    #[test]
    fn the_links_of_every_document_lead_somewhere() {
        let mut wrong = Vec::new();
        links::check(&documents().expect("documents"), &mut wrong).expect("they can be read");
        assert_eq!(wrong, [""; 0]);
    }
}
