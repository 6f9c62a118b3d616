//! The page of all ops that the importer knows, made from the rows. `BLESS=1` writes it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use glassbox_onnx::ops;

/// The domain and the name of an op.
fn parts(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// The versions of a row, of which those up to the latest have no end.
fn versions(row: &ops::Row) -> String {
    match (row.since, row.until) {
        (since, i64::MAX) => format!("{since}–"),
        (since, until) if since == until => format!("{since}"),
        (since, until) => format!("{since}–{until}"),
    }
}

fn page() -> String {
    let mut page = String::from(
        "# ONNX ops that the importer knows\n\nMade from the rows of the importer by a test (`cargo xtask bless`); don't \
         edit. The numbers are the versions of\nthe domain in which an op is read by one set of rules; `–` without an end \
         goes up to the latest.\n",
    );
    for (domain, latest) in ops::DOMAINS {
        let mut found: BTreeMap<&str, Vec<&ops::Row>> = BTreeMap::new();
        for row in ops::rows().filter(|row| parts(row.name).0 == *domain) {
            found.entry(parts(row.name).1).or_default().push(row);
        }
        let title = if domain.is_empty() { "ai.onnx" } else { domain };
        let _ = writeln!(page, "\n## {title}, up to version {latest}: {} ops\n", found.len());
        page.push_str("| op | versions |\n| --- | --- |\n");
        for (op, mut rows) in found {
            rows.sort_by_key(|row| row.since);
            let rows: Vec<String> = rows.into_iter().map(versions).collect();
            let _ = writeln!(page, "| {op} | {} |", rows.join(", "));
        }
    }
    page.push_str("\n## Refused on purpose\n\n| op | what to do instead |\n| --- | --- |\n");
    for (domain, op, advice) in ops::refusals() {
        let _ = writeln!(page, "| {domain}.{op} | {advice} |");
    }
    page
}

#[test]
fn golden_page_of_the_ops() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/status/onnx-ops.md");
    let page = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &page).expect("the page");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(page == known, "{} is not as the rows are; `cargo xtask bless` writes it", file.display());
}
