//! Nodes that stand in another order than they can be computed in, and names that two values have.

use glassbox_onnx::proto::*;
use glassbox_tensor::{DType, Tensor};

use crate::protos::{
    assert_says, body, f32s, floats, graph, imported, model, node, node_with, opset, read, refusal, run, untyped, value,
};

fn reversed(prefix: &str, input: &str, output: &str) -> Vec<NodeProto> {
    let (a, b) = (format!("{prefix}a"), format!("{prefix}b"));
    vec![node("Neg", &[&b], &[output]), node("Exp", &[&a], &[&b]), node("Abs", &[input], &[&a])]
}

#[test]
fn nodes_out_of_order_are_sorted_with_a_note() {
    let sorted = model(graph(reversed("", "x", "y"), vec![value("x", DType::F32, &[1])], vec![untyped("y")]), 13);
    let import = imported(&sorted).expect("it is sorted");
    assert!(import.notes.iter().any(|note| note.contains("topological order")), "{:?}", import.notes);
    let y = run(&sorted, vec![f32s(&[1], &[-1.0])])[0].to_vec::<f32>().expect("it is f32")[0];
    assert!((f64::from(y) + 1f64.exp()).abs() < 1e-6, "{y}");
    // What stands in order keeps it, without a note.
    let mut in_order = sorted;
    in_order.graph.iter_mut().for_each(|graph| graph.node.reverse());
    assert!(imported(&in_order).expect("it is sound").notes.is_empty());
}

#[test]
fn nodes_out_of_order_are_sorted_in_bodies_and_functions() {
    let branch = |prefix: &str| {
        graph(reversed(prefix, "z", &format!("{prefix}m")), vec![], vec![untyped(&format!("{prefix}m"))])
    };
    let branches = vec![body("then_branch", branch("t")), body("else_branch", branch("e"))];
    // The bodies read `z`, which a later node gives by a function whose nodes stand the wrong way round.
    let nodes = vec![
        node_with("If", &["c"], &["y"], branches),
        NodeProto { domain: Some("d".to_owned()), ..node("F", &["x"], &["z"]) },
    ];
    let mut model =
        model(graph(nodes, vec![value("x", DType::F32, &[1]), value("c", DType::Bool, &[])], vec![untyped("y")]), 16);
    model.opset_import.push(opset("d", 1));
    model.functions = vec![FunctionProto {
        name: Some("F".to_owned()),
        domain: Some("d".to_owned()),
        input: vec!["p".to_owned()],
        output: vec!["q".to_owned()],
        node: vec![node("Neg", &["r"], &["q"]), node("Abs", &["p"], &["r"])],
        opset_import: vec![opset("", 16)],
        ..FunctionProto::default()
    }];
    let notes = imported(&model).expect("it is sorted").notes;
    for place in ["the graph:", "function `d.F`", "graph `g` of If `y`"] {
        assert!(notes.iter().any(|note| note.contains(place) && note.contains("sorted")), "{place}: {notes:?}");
    }
    let y = run(&model, vec![f32s(&[1], &[2.0]), Tensor::scalar(true)])[0].to_vec::<f32>().expect("it is f32")[0];
    assert!((f64::from(y) + 2f64.exp()).abs() < 1e-5, "{y}");
}

#[test]
fn a_name_of_a_body_alone_orders_nothing_outside() {
    // The branch has an `m` of its own; the later node of that name isn't what it reads.
    let branch = || graph(vec![node("Neg", &["x"], &["n"]), node("Abs", &["n"], &["k"])], vec![], vec![untyped("k")]);
    let branches = vec![body("then_branch", branch()), body("else_branch", branch())];
    let nodes = vec![node_with("If", &["c"], &["m"], branches), node("Neg", &["m"], &["n"])];
    let inputs = vec![value("x", DType::F32, &[1]), value("c", DType::Bool, &[])];
    let import = imported(&model(graph(nodes, inputs, vec![untyped("n")]), 16)).expect("it is sound");
    assert!(!import.notes.iter().any(|note| note.contains("order")), "{:?}", import.notes);
}

#[test]
fn an_inner_initializer_that_hides_an_outer_value_is_refused() {
    let hiding = |outer_initializer: bool, name: &str| {
        let mut inner = graph(vec![node("Add", &["x", name], &["m"])], vec![], vec![untyped("m")]);
        inner.initializer = vec![floats(name, &[1], &[10.0])];
        let other = graph(vec![node("Identity", &["x"], &["k"])], vec![], vec![untyped("k")]);
        let branches = vec![body("then_branch", inner), body("else_branch", other)];
        let nodes = vec![node("Neg", &["x"], &["v"]), node_with("If", &["c"], &["y"], branches)];
        let inputs = vec![value("x", DType::F32, &[1]), value("c", DType::Bool, &[])];
        let mut graph = graph(nodes, inputs, vec![untyped("y"), untyped("v")]);
        if outer_initializer {
            graph.initializer = vec![floats("w", &[1], &[1.0])];
        }
        model(graph, 16)
    };
    for (outer, name) in [(true, "w"), (false, "x"), (false, "v")] {
        assert_says(&refusal(&hiding(outer, name)), &["initializer", &format!("`{name}`"), "Rename"]);
    }
    assert!(read(&hiding(false, "w")).is_ok(), "nothing is hidden");
}
