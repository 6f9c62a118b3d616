//! The example of every op of the table.

use glassbox_ir::text::{ParseOptions, parse, parse_example};
use glassbox_ir::{json, ops, verify};

/// Every example parses; its graph verifies, prints and reads back in both forms. All rows that fail are
/// reported at once.
#[test]
fn every_example_parses_and_round_trips() {
    let failures: Vec<String> = ops::TABLE
        .iter()
        .filter_map(|op| check(op.name, op.example).err().map(|message| format!("{}: {message}", op.name)))
        .collect();
    assert!(failures.is_empty(), "{} of {} rows fail:\n{}", failures.len(), ops::TABLE.len(), failures.join("\n"));
}

fn check(name: &str, text: &str) -> Result<(), String> {
    let example = parse_example(text).map_err(|error| error.to_string())?;
    let graph = example.graph;
    let nodes: Vec<_> = graph.region(graph.body()).nodes.iter().map(|id| graph.node(*id).op.name).collect();
    if nodes.last() != Some(&name) {
        return Err(format!("the example is of {nodes:?}"));
    }
    verify(&graph).map_err(|errors| format!("{errors:?}"))?;
    let printed = graph.to_string();
    let parsed = parse(&printed, &ParseOptions::default()).map_err(|error| format!("{error}\n{printed}"))?;
    graph.same_as(&parsed).map_err(|difference| format!("{difference}\n{printed}"))?;
    let written = json::to_string(&graph).map_err(|error| error.to_string())?;
    let read = json::from_str(&written).map_err(|error| format!("{error}\n{written}"))?;
    graph.same_as(&read).map_err(|difference| difference.to_string())?;
    match json::to_string(&read) {
        Ok(again) if again == written => Ok(()),
        _ => Err("JSON that is read and written again is different".to_owned()),
    }
}
