//! Links of documents lead somewhere.
//!
//! In: every document of the repository. Out: the links that lead to no file, or to no heading of one. Two rules hold
//! for the book alone, whose pages are read apart from the repository too: a link leads to a page of the book, and a
//! file of the repository is named by its path from the root, in code type, and is there.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::documents::{At, Document};
use crate::tools::root;

/// The folder of the book's pages.
pub(crate) const PAGES: &str = "docs/book/src";
/// What paths of the repository begin with.
const FOLDERS: &[&str] = &["crates/", "docs/", "models/", "scripts/", "xtask/", ".ci/"];

/// Checks the links of these documents, given by their paths from the root.
///
/// # Errors
///
/// If a document can't be read.
pub(crate) fn check(places: &[PathBuf], wrong: &mut Vec<String>) -> Result<()> {
    for place in places {
        let text = read(place)?;
        let document = Document::read(&text);
        let mut complain = |at: &At, why: &str| {
            wrong.push(format!("{}:{}: `{}` {why}", place.display(), at.line, at.text));
        };
        for link in &document.links {
            if let Some(why) = check_link(place, &link.text) {
                complain(link, &why);
            }
        }
        if is_of_book(place) {
            for span in document.spans.iter().filter(|span| is_path(&span.text)) {
                if !root().join(&span.text).exists() {
                    complain(span, "is no file of the repository");
                }
            }
        }
    }
    Ok(())
}

/// What is wrong with a link of a document.
fn check_link(place: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = place.parent().unwrap_or(Path::new(""));
    let target = if path.is_empty() { place.to_owned() } else { plain(&folder.join(path)) };
    if target.starts_with("..") || !root().join(&target).exists() {
        return Some("leads to nothing".to_owned());
    }
    if is_of_book(place) && !is_of_book(&target) {
        return Some("leads out of the book: name the file in code type".to_owned());
    }
    let has_anchors = target.extension().is_some_and(|ending| ending == "md");
    if anchor.is_empty() || !has_anchors {
        return None;
    }
    let there = anchors(&target).ok()?.contains(anchor);
    (!there).then(|| format!("leads to no heading of {}", target.display()))
}

/// What a link can name in a document, or in those that stand in it as a whole.
fn anchors(target: &Path) -> Result<HashSet<String>> {
    let mut anchors = Document::read(&read(target)?).anchors;
    for (page, document) in included()? {
        if page == target {
            anchors.extend(Document::read(&read(&document)?).anchors);
        }
    }
    Ok(anchors)
}

/// Whether a page is one of the book, or stands in it as a whole.
fn is_of_book(place: &Path) -> bool {
    place.starts_with(PAGES) || included().is_ok_and(|all| all.iter().any(|(_, one)| one == place))
}

/// The documents that stand in the book as a whole: the page that includes each, and the document.
///
/// # Errors
///
/// If the book can't be read.
pub(crate) fn included() -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    let folder = root().join(PAGES);
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(&folder)? {
        let page = Path::new(PAGES).join(entry?.file_name());
        if page.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        for part in read(&page)?.split("{{#include ").skip(1) {
            let target = part.split("}}").next().unwrap_or_default();
            found.push((page.clone(), plain(&Path::new(PAGES).join(target))));
        }
    }
    Ok(found)
}

/// Whether a text in code type is the path of a file.
fn is_path(text: &str) -> bool {
    FOLDERS.iter().any(|folder| text.starts_with(folder)) && !text.contains(['*', ' ', '…', '<'])
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if !plain.ends_with("..") && plain.pop() => {}
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn read(place: &Path) -> Result<String> {
    std::fs::read_to_string(root().join(place)).with_context(|| place.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_and_headings() {
        let said = |link: &str| check_link(Path::new("docs/decisions/a.md"), link);
        let good = ["../language.md", "../../ARCHITECTURE.md#the-crates", "https://a.b/c", "../../docs"];
        for good in good {
            assert_eq!(said(good), None, "{good}");
        }
        assert_eq!(said("gone.md").as_deref(), Some("leads to nothing"));
        for out in ["../../..", "../../../..", "../../../../.."] {
            assert_eq!(said(out).as_deref(), Some("leads to nothing"), "{out}");
        }
        assert_eq!(said("../../ARCHITECTURE.md#gone").as_deref(), Some("leads to no heading of ARCHITECTURE.md"));
    }

    #[test]
    fn pages_of_the_book_link_to_each_other_only() {
        let page = Path::new("docs/book/src/SUMMARY.md");
        assert_eq!(check_link(page, "SUMMARY.md"), None);
        let out = check_link(page, "../../../README.md").expect("it leads out");
        assert!(out.contains("leads out of the book"), "{out}");
    }

    #[test]
    fn paths_are_told_from_other_code() {
        assert!(is_path("crates/glassbox/src/lib.rs") && is_path(".ci/run"));
        assert!(!is_path("glassbox run") && !is_path("crates/*/src") && !is_path("models/<NAME>"));
    }
}
