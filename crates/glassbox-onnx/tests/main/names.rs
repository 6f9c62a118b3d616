//! Names: order, cycles, what is missing and what is there twice.

use glassbox_onnx::proto::{GraphProto, NodeProto};
use glassbox_tensor::DType;

use crate::protos::{
    assert_says, body, f32s, floats, graph, imported, model, node, node_with, op_names, refusal, run, untyped, value,
};

fn with_x(nodes: Vec<NodeProto>) -> GraphProto {
    graph(nodes, vec![value("x", DType::F32, &[2])], vec![untyped("y")])
}

#[test]
fn broken_names_are_explained() {
    let named = |name: &str, node: NodeProto| NodeProto { name: Some(name.to_owned()), ..node };
    let cycle = vec![named("first", node("Add", &["x", "z"], &["y"])), named("second", node("Abs", &["y"], &["z"]))];
    let itself = vec![named("first", node("Add", &["x", "y"], &["y"]))];
    let missing = vec![named("first", node("Abs", &["nothing"], &["y"]))];
    let twice = vec![named("first", node("Abs", &["x"], &["y"])), named("second", node("Neg", &["x"], &["y"]))];
    let input = vec![named("first", node("Abs", &["x"], &["x"])), node("Abs", &["x"], &["y"])];
    let cases: Vec<(Vec<NodeProto>, &[&str])> = vec![
        (cycle, &["Add `first`", "`z`", "Abs `second`", "a cycle"]),
        (itself, &["Add `first`", "`y`", "a cycle"]),
        (missing, &["Abs `first`", "`nothing`", "no value of the model"]),
        (twice, &["Neg `second`", "`y`", "unique"]),
        (input, &["Abs `first`", "`x`", "unique"]),
        (vec![node("", &["x"], &["y"])], &["no op"]),
        (vec![], &["output `y`", "no value"]),
    ];
    for (nodes, parts) in cases {
        assert_says(&refusal(&model(with_x(nodes), 13)), parts);
    }
    let mut repeated = with_x(vec![node("Abs", &["x"], &["y"])]);
    repeated.input.push(value("x", DType::F32, &[2]));
    assert_says(&refusal(&model(repeated, 13)), &["input `x`", "unique"]);
    let mut repeated = with_x(vec![node("Abs", &["x"], &["y"])]);
    repeated.initializer = vec![floats("w", &[], &[1.0]), floats("w", &[], &[2.0])];
    assert_says(&refusal(&model(repeated, 13)), &["initializer `w`", "unique"]);
}

#[test]
fn an_initializer_makes_an_input_a_constant() {
    let mut graph = graph(
        vec![node("Add", &["x", "w"], &["y"])],
        vec![value("x", DType::F32, &[2]), value("w", DType::F32, &[2])],
        vec![untyped("y")],
    );
    graph.initializer = vec![floats("w", &[2], &[10.0, 20.0]), floats("unused", &[1], &[0.0])];
    let model = model(graph, 13);
    let import = imported(&model).expect("the model is sound");
    assert_eq!(import.inputs, ["x"]);
    assert_eq!(import.graph.node_count(), 2, "a constant and an addition");
    assert!(import.graph.find_value("w").is_some());
    let outputs = run(&model, vec![f32s(&[2], &[1.0, 2.0])]);
    assert_eq!(outputs[0].to_vec::<f32>().expect("it is f32"), [11.0, 22.0]);
}

#[test]
fn what_is_passed_on_has_a_value_of_its_own_under_each_name() {
    let mut graph = with_x(vec![node("Identity", &["x"], &["y"]), node("Identity", &["y"], &["z"])]);
    graph.output = vec![untyped("y"), untyped("z"), untyped("x")];
    let import = imported(&model(graph, 13)).expect("the model is sound");
    assert_eq!(import.outputs, ["y", "z", "x"]);
    assert_eq!(op_names(&import), ["identity", "identity"]);
    let named: Vec<_> = ["y", "z", "x"].iter().map(|name| import.graph.find_value(name)).collect();
    assert_eq!(named, import.graph.outputs().iter().copied().map(Some).collect::<Vec<_>>());
    assert_eq!(import.graph.outputs()[2], import.graph.inputs()[0], "the input keeps its name");
}

/// `if condition { if condition { x + w } else { x - w } } else { x }`, with `w` of the outer body.
pub(crate) fn nested(inner_output: &str) -> GraphProto {
    let inner = |op: &str| graph(vec![node(op, &["x", "w"], &[inner_output])], vec![], vec![untyped(inner_output)]);
    let branches = vec![body("then_branch", inner("Add")), body("else_branch", inner("Sub"))];
    let mut outer = graph(vec![node_with("If", &["b"], &["m"], branches)], vec![], vec![untyped("m")]);
    outer.initializer = vec![floats("w", &[2], &[10.0, 20.0])];
    let other = graph(vec![node("Identity", &["x"], &["m"])], vec![], vec![untyped("m")]);
    let branches = vec![body("then_branch", outer), body("else_branch", other)];
    graph(
        vec![node_with("If", &["a"], &["y"], branches)],
        vec![value("x", DType::F32, &[2]), value("a", DType::Bool, &[]), value("b", DType::Bool, &[])],
        vec![untyped("y")],
    )
}

#[test]
fn bodies_capture_the_values_around_them() {
    let bool = |value: bool| glassbox_tensor::Tensor::scalar(value);
    for (a, b, wanted) in [(true, true, [11.0, 22.0]), (true, false, [-9.0, -18.0]), (false, true, [1.0, 2.0])] {
        let outputs = run(&model(nested("n"), 16), vec![f32s(&[2], &[1.0, 2.0]), bool(a), bool(b)]);
        assert_eq!(outputs[0].to_vec::<f32>().expect("it is f32"), wanted);
    }
}

#[test]
fn a_body_may_not_use_a_visible_name_again() {
    assert_says(&refusal(&model(nested("w"), 16)), &["`w`", "unique"]);
    assert_says(&refusal(&model(nested("x"), 16)), &["`x`", "unique"]);
}
