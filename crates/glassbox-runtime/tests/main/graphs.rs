//! The graph that writes is a graph like any other.

use std::collections::BTreeSet;

use glassbox_ir::text::{ParseOptions, parse};
use glassbox_ir::{Type, ValueId, json, specialise, verify};
use glassbox_tensor::DType;

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

#[test]
fn reading_a_prompt_and_every_later_step_have_dims_of_their_own() {
    let stories = stories();
    let graph = stories.graph();
    let attention = graph.walk().into_iter().map(|id| graph.node(id)).filter(|node| node.op.name == "attention");
    let ty = |operand: Option<ValueId>| graph.value(operand.expect("it is given")).ty.to_string();
    let types: BTreeSet<_> = attention.map(|node| (ty(node.operands[0]), ty(node.operands[1]))).collect();
    let dims = |ty: &str| ty.split(", ").nth(2).map(str::to_owned);
    let found: Vec<_> = types.iter().map(|(queries, keys)| (dims(queries), dims(keys))).collect();
    let pair = |queries: &str, keys: &str| (Some(queries.to_owned()), Some(keys.to_owned()));
    assert_eq!(found, [pair("1", "\"K'\"+1"), pair("N", "K+N")]);
    let prompt = [Type::tensor(DType::I64, [1i64, 7]), Type::scalar(DType::I64)];
    let special = specialise(graph, &prompt).expect("the types fit");
    verify(&special).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert!(special.to_string().contains("K+7"));
}
