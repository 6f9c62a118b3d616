//! Damaged texts: whatever is done to one, the reader answers with a graph that verifies, or an error.

use glassbox_ir::text::{ParseOptions, PrintOptions, parse, parse_example, print};
use glassbox_ir::{json, ops, verify};
use proptest::prelude::*;

use crate::golden::model;

/// Pieces that mean something, to be put where they don't belong.
const PIECES: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ",",
    ":",
    "=",
    "-",
    "*",
    "?",
    "@",
    "@{fuse = true}",
    "%",
    "%x",
    "%0",
    "\"",
    "\\",
    "//",
    "\n",
    "0",
    "18446744073709551616",
    "-1",
    "1e999",
    "0x",
    "bits(0xffffffffffffffff)",
    "nan",
    "seq<",
    "f32[",
    "q4_0[32] ",
    "data(",
    "i64[1000000000000] ",
    "9223372036854775807*",
    "floordiv(",
    "yield",
    "output",
    "loop(",
    "state @s: f32[2]",
    "null",
    "true",
    "4294967295",
    "ä",
];

/// Removes, doubles or inserts at places picked by number.
fn mutate(text: &str, edits: &[(usize, u8, usize, usize)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for (place, kind, length, piece) in edits {
        let start = place % (text.len() + 1);
        let end = (start + length % 24).min(text.len());
        match kind % 3 {
            0 => drop(text.drain(start..end)),
            1 => {
                let copy: Vec<char> = text[start..end].to_vec();
                text.splice(start..start, copy);
            }
            _ => drop(text.splice(start..start, PIECES[piece % PIECES.len()].chars())),
        }
    }
    text.into_iter().collect()
}

fn edits() -> impl Strategy<Value = Vec<(usize, u8, usize, usize)>> {
    prop::collection::vec((any::<usize>(), any::<u8>(), any::<usize>(), any::<usize>()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_texts_are_graphs_or_errors(edits in edits()) {
        let text = mutate(&print(&model(), &PrintOptions::with_data()), &edits);
        if let Ok(graph) = parse(&text, &ParseOptions::default()) {
            let errors = verify(&graph).err();
            prop_assert!(errors.is_none(), "{:?}\n{}", errors, text);
            let again = print(&graph, &PrintOptions::with_data());
            let parsed = parse(&again, &ParseOptions::default()).map_err(|error| TestCaseError::fail(format!("{error}\n{again}")))?;
            prop_assert_eq!(graph.same_as(&parsed), Ok(()));
        }
    }

    #[test]
    fn damaged_examples_are_examples_or_errors(op in 0..ops::TABLE.len(), edits in edits()) {
        let text = mutate(ops::TABLE[op].example, &edits);
        if let Ok(example) = parse_example(&text) {
            let errors = verify(&example.graph).err();
            prop_assert!(errors.is_none(), "{:?}\n{}", errors, text);
        }
    }

    #[test]
    fn damaged_json_is_a_graph_or_an_error(edits in edits()) {
        let text = mutate(&json::to_string(&model()).expect("JSON"), &edits);
        if let Ok(graph) = json::from_str(&text) {
            prop_assert_eq!(verify(&graph).err(), None);
        }
    }
}
