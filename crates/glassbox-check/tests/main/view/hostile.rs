//! What must hold of text whatever a report has in it.

use glassbox_check::report::{Report, Row, Status};
use glassbox_check::view::{TextOptions, text};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::fixtures;

/// Takes the escapes of colours out of a text.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (codes, rest) = part.split_once('m').expect("an escape of a colour ends");
        assert!(codes.chars().all(|char| char.is_ascii_digit() || char == ';'), "{codes:?}");
        plain.push_str(rest);
    }
    plain
}

#[test]
fn no_line_is_wider_than_asked_for_and_colours_change_nothing_else() {
    for (name, report) in fixtures::all() {
        for width in [0, 30, 31, 40, 55, 56, 71, 72, 80, 100, 200] {
            for all in [false, true] {
                let options = TextOptions { width, all, top: 7, color: false };
                let plain = text(&report, &options);
                for line in plain.lines() {
                    assert!(line.width() <= width.max(30), "{name} at {width}: {line:?}");
                    assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
                }
                let coloured = text(&report, &TextOptions { color: true, ..options });
                assert_eq!(without_colours(&coloured), plain, "{name} at {width}");
            }
        }
    }
}

/// How many rows the lines of the table stand for.
fn counted(text: &str) -> usize {
    let table = text.lines().skip_while(|line| !line.starts_with("   value ")).skip(1);
    let mut sum = 0;
    for line in table.take_while(|line| !line.contains("» output")) {
        if let Some(fold) = line.strip_prefix('▸') {
            let word = fold.split([' ', ':']).find(|word| word.parse::<usize>().is_ok());
            sum += word.and_then(|word| word.parse::<usize>().ok()).expect("a fold has a number");
        } else {
            sum += 1;
        }
    }
    sum
}

proptest! {
    #[test]
    fn every_row_is_shown_or_counted(
        statuses in prop::collection::vec((0usize..4, 0usize..5), 1..200),
        top in 0usize..30,
        culprit in any::<prop::sample::Index>(),
    ) {
        let all = [Status::Agrees, Status::Rounding, Status::Inherited, Status::Introduced];
        let rows: Vec<Row> = statuses
            .iter()
            .map(|(status, layer)| Row {
                value: "v".into(),
                layer: if *layer == 0 { String::new() } else { format!("layer{}", "x".repeat(*layer)) },
                status: all[*status],
                ..Row::default()
            })
            .collect();
        let count = rows.len();
        let culprits = vec![glassbox_check::report::Culprit { row: Some(culprit.index(count)), ..Default::default() }];
        // With an output, the legend has the word that ends the table.
        let report = Report { rows, culprits, outputs: vec![0], ..Report::default() };
        let shown = text(&report, &TextOptions { top, width: 120, ..TextOptions::default() });
        prop_assert_eq!(counted(&shown), count, "{}", shown);
    }
}
