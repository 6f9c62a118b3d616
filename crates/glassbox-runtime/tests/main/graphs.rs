//! The graph that writes is a graph like any other.

use glassbox_ir::text::{ParseOptions, parse};
use glassbox_ir::{json, verify};

use super::stories;

#[test]
fn the_graph_that_writes_verifies_prints_and_serialises() {
    let stories = stories();
    let graph = stories.graph();
    verify(graph).unwrap_or_else(|errors| panic!("{errors:?}"));
    let text = graph.to_string();
    let parsed = parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    graph.same_as(&parsed).unwrap_or_else(|difference| panic!("{difference}"));
    let written = json::to_string(graph).expect("JSON");
    let read = json::from_str(&written).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(json::to_string(&read).expect("JSON"), written);
    for part in ["loop(", "call(", "host(", "parameter(", "state_append(", "layer(\"transformer/h.5/attn\")"] {
        assert!(text.contains(part), "no {part} in the graph");
    }
}
