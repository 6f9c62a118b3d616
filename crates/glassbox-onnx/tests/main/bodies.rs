//! Loops and scans.

use glassbox_onnx::proto::{GraphProto, ModelProto, NodeProto};
use glassbox_tensor::{DType, Tensor};

use crate::protos::{
    assert_says, body, f32s, floats, graph, imported, int, ints, model, node, node_with, refusal, run, unranked,
    untyped, value,
};

/// A loop of three turns over one carried value that begins as `x`.
fn loop_model(body_nodes: Vec<NodeProto>, scans: &[&str], carried: glassbox_onnx::proto::ValueInfoProto) -> ModelProto {
    let mut outputs = vec![untyped("go"), untyped("next")];
    outputs.extend(scans.iter().map(|name| untyped(name)));
    let turn = graph(body_nodes, vec![untyped("i"), value("go", DType::Bool, &[]), carried], outputs);
    let mut results = vec!["y"];
    results.extend(scans);
    let node = node_with("Loop", &["count", "", "x"], &results, vec![body("body", turn)]);
    let mut graph: GraphProto = graph(vec![node], vec![unranked("x", DType::F32)], vec![untyped("y")]);
    graph.output.extend(scans.iter().map(|name| untyped(name)));
    graph.initializer = vec![crate::protos::longs("count", &[], &[3]), floats("one", &[1], &[1.0])];
    model(graph, 16)
}

#[test]
fn a_loop_carries_and_stacks() {
    let nodes = vec![node("Add", &["c", "one"], &["next"]), node("Identity", &["c"], &["seen"])];
    let outputs = run(&loop_model(nodes, &["seen"], untyped("c")), vec![f32s(&[1], &[5.0])]);
    assert_eq!(outputs[0].to_vec::<f32>(), Ok(vec![8.0]));
    assert_eq!((outputs[1].shape(), outputs[1].to_vec::<f32>()), (&[3, 1][..], Ok(vec![5.0, 6.0, 7.0])));
}

#[test]
fn a_body_that_widens_is_converted_for_what_holds_of_every_turn() {
    let nodes = vec![node_with("Concat", &["c", "one"], &["next"], vec![int("axis", 0)])];
    let mut grows = loop_model(nodes, &[], untyped("c"));
    if let Some(graph) = &mut grows.graph {
        graph.input = vec![value("x", DType::F32, &[1])];
    }
    let import = imported(&grows).expect("the model is sound");
    assert_eq!(import.graph.value(import.graph.outputs()[0]).ty.to_string(), "f32[?]");
    assert!(import.graph.find_value("next").is_some(), "the discarded body keeps no names");
    assert_eq!(run(&grows, vec![f32s(&[1], &[2.0])])[0].to_vec::<f32>(), Ok(vec![2.0, 1.0, 1.0, 1.0]));
    // Softmax by the old rules is converted by rank: a body whose rank changes must not use the first one.
    let axes = node_with("Constant", &[], &["axes"], vec![ints("value_ints", &[0])]);
    let softmax = node_with("Softmax", &["c"], &["s"], vec![int("axis", 0)]);
    let mut rank = loop_model(vec![axes, softmax, node("Unsqueeze", &["s", "axes"], &["next"])], &[], untyped("c"));
    if let Some(graph) = &mut rank.graph {
        graph.input = vec![value("x", DType::F32, &[2])];
    }
    rank.opset_import = vec![crate::protos::opset("", 12)];
    let unsqueeze_12 = |node: &mut NodeProto| {
        node.input.truncate(1);
        node.attribute = vec![ints("axes", &[0])];
    };
    if let Some(turn) = rank.graph.as_mut().and_then(|graph| graph.node[0].attribute[0].g.as_mut()) {
        turn.node.remove(0);
        unsqueeze_12(&mut turn.node[1]);
    }
    assert_says(&refusal(&rank), &["Softmax", "unknown rank", "not supported"]);
}

#[test]
fn a_body_that_contradicts_is_refused() {
    let add = || vec![node("Add", &["c", "one"], &["next"])];
    assert_says(&refusal(&loop_model(add(), &[], value("c", DType::F64, &[1]))), &["`c`", "f64", "f32"]);
    let cast = vec![node_with("Cast", &["c"], &["next"], vec![int("to", 7)])];
    assert_says(&refusal(&loop_model(cast, &[], untyped("c"))), &["Loop", "C2"]);
    let mut few = loop_model(add(), &[], untyped("c"));
    if let Some(turn) = few.graph.as_mut().and_then(|graph| graph.node[0].attribute[0].g.as_mut()) {
        turn.input.remove(0);
    }
    assert_says(&refusal(&few), &["takes 2 values", "gives it 3"]);
}

/// The running sums of a sequence.
fn scan_body() -> GraphProto {
    let nodes = vec![node("Add", &["s", "e"], &["t"]), node("Identity", &["t"], &["u"])];
    graph(nodes, vec![untyped("s"), untyped("e")], vec![untyped("t"), untyped("u")])
}

#[test]
fn a_scan_runs_over_slices() {
    let attributes = vec![int("num_scan_inputs", 1), ints("scan_input_directions", &[1]), body("body", scan_body())];
    let node = node_with("Scan", &["s0", "xs"], &["y", "ys"], attributes);
    let inputs = vec![value("s0", DType::F32, &[]), value("xs", DType::F32, &[3])];
    let model = model(graph(vec![node], inputs, vec![untyped("y"), untyped("ys")]), 16);
    let outputs = run(&model, vec![Tensor::scalar(0.0f32), f32s(&[3], &[1.0, 2.0, 3.0])]);
    assert_eq!(outputs[0].to_vec::<f32>(), Ok(vec![6.0]));
    assert_eq!(outputs[1].to_vec::<f32>(), Ok(vec![3.0, 5.0, 6.0]));
}

#[test]
fn the_first_scan_runs_for_each_element_of_a_batch() {
    let scan = |lengths: &str| {
        let attributes = vec![int("num_scan_inputs", 1), body("body", scan_body())];
        let node = node_with("Scan", &[lengths, "s0", "xs"], &["y", "ys"], attributes);
        let inputs = vec![
            value("s0", DType::F32, &[2, 1]),
            value("xs", DType::F32, &[2, 3, 1]),
            value("lengths", DType::I64, &[2]),
        ];
        model(graph(vec![node], inputs, vec![untyped("y"), untyped("ys")]), 8)
    };
    let lengths = Tensor::from_vec(&[2], vec![3i64, 3]).expect("sizes match");
    let xs = f32s(&[2, 3, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let outputs = run(&scan(""), vec![f32s(&[2, 1], &[0.0, 10.0]), xs, lengths]);
    assert_eq!((outputs[0].shape(), outputs[0].to_vec::<f32>()), (&[2, 1][..], Ok(vec![6.0, 25.0])));
    assert_eq!(outputs[1].shape(), [2, 3, 1]);
    assert_eq!(outputs[1].to_vec::<f32>(), Ok(vec![1.0, 3.0, 6.0, 14.0, 19.0, 25.0]));
    // Of the second element of the batch only two turns count; what comes after them is zeros.
    let lengths = Tensor::from_vec(&[2], vec![3i64, 2]).expect("sizes match");
    let xs = f32s(&[2, 3, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let outputs = run(&scan("lengths"), vec![f32s(&[2, 1], &[0.0, 10.0]), xs, lengths]);
    assert_eq!(outputs[0].to_vec::<f32>(), Ok(vec![6.0, 19.0]));
    assert_eq!(outputs[1].to_vec::<f32>(), Ok(vec![1.0, 3.0, 6.0, 14.0, 19.0, 0.0]));
}
