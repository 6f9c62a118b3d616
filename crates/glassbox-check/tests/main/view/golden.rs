//! Reports as text, as they shall look. `BLESS=1` writes the files.

use std::path::Path;

use glassbox_check::view::{TextOptions, text};

use super::fixtures;

fn check(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main/view/golden").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "{file} is not as it was; if that is right, run with BLESS=1. It is now:\n{text}");
}

#[test]
fn reports_at_eighty_and_at_forty_columns() {
    for (name, report) in fixtures::all() {
        for width in [80, 40] {
            check(&format!("{name}.{width}.txt"), &text(&report, &TextOptions { width, ..TextOptions::default() }));
        }
    }
}

#[test]
fn a_report_with_all_rows_and_with_colours() {
    let options = TextOptions { all: true, color: true, ..TextOptions::default() };
    check("epsilon.all.ansi", &text(&fixtures::epsilon(), &options));
}
