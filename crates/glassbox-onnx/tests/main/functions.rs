//! Model-local functions: attributes, defaults, overloads, versions, recursion.

use glassbox_onnx::proto::{AttributeProto, FunctionProto, ModelProto, NodeProto, attribute_type};
use glassbox_onnx::{ImportOptions, OnnxError, import};
use glassbox_tensor::DType;

use crate::protos::{
    assert_says, f32s, graph, imported, int, ints, longs, model, node, node_with, op_names, opset, read, reference,
    refusal, run, untyped, value,
};

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.to_owned()),
        domain: Some("local".to_owned()),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: outputs.iter().map(|name| (*name).to_owned()).collect(),
        node: nodes,
        opset_import: vec![opset("", 13)],
        ..FunctionProto::default()
    }
}

fn call(name: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: Some("local".to_owned()), ..node_with(name, inputs, outputs, attribute) }
}

fn with_functions(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelProto {
    let graph = graph(nodes, vec![value("x", DType::F32, &[2, 3])], vec![untyped("y")]);
    let mut model = model(graph, 13);
    model.opset_import.push(opset("local", 1));
    model.functions = functions;
    model
}

fn x() -> glassbox_tensor::Tensor {
    f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
}

/// Sums along the axis `which`, which has the default 1; `keep` has none.
fn sum() -> FunctionProto {
    let axis = node_with("Constant", &[], &["axes"], vec![reference("value_ints", "which", attribute_type::INTS)]);
    let sum = node_with("ReduceSum", &["a", "axes"], &["s"], vec![reference("keepdims", "keep", attribute_type::INT)]);
    FunctionProto {
        attribute: vec!["keep".to_owned()],
        attribute_proto: vec![ints("which", &[1])],
        ..function("Total", &["a"], &["s"], vec![axis, sum])
    }
}

#[test]
fn attributes_of_the_caller_reach_the_body() {
    let cases: Vec<(Vec<AttributeProto>, Vec<usize>, Vec<f32>)> = vec![
        (vec![], vec![2, 1], vec![6.0, 15.0]),
        (vec![int("keep", 0)], vec![2], vec![6.0, 15.0]),
        (vec![ints("which", &[0]), int("keep", 1)], vec![1, 3], vec![5.0, 7.0, 9.0]),
    ];
    for (attributes, shape, values) in cases {
        let model = with_functions(vec![call("Total", &["x"], &["y"], attributes)], vec![sum()]);
        let import = imported(&model).expect("the model is sound");
        assert_eq!(op_names(&import), ["call", "reduce_sum"]);
        let outputs = run(&model, vec![x()]);
        assert_eq!((outputs[0].shape(), outputs[0].to_vec::<f32>()), (shape.as_slice(), Ok(values)));
    }
    let wrong = with_functions(vec![call("Total", &["x"], &["y"], vec![int("other", 1)])], vec![sum()]);
    assert_says(&refusal(&wrong), &["local.Total", "`other`"]);
}

#[test]
fn names_and_provenance_show_the_calls() {
    let inner = function("Inner", &["a"], &["b"], vec![node("Abs", &["a"], &["b"])]);
    let outer = function("Outer", &["a"], &["b"], vec![call("Inner", &["a"], &["b"], vec![])]);
    let nodes = vec![call("Outer", &["x"], &["z"], vec![]), call("Outer", &["z"], &["y"], vec![])];
    let import = imported(&with_functions(nodes, vec![outer, inner])).expect("the model is sound");
    assert_eq!(op_names(&import), ["call", "call", "abs", "call", "call", "abs"]);
    for name in ["z", "z/b", "z/b/b", "y", "y/b", "y/b/b"] {
        assert!(import.graph.find_value(name).is_some(), "no value is named {name}");
    }
    let labels: Vec<String> = import.graph.walk().into_iter().map(|id| import.graph.node_label(id)).collect();
    assert_eq!(labels, ["z", "z/b", "z/b/b", "y", "y/b", "y/b/b"]);
}

#[test]
fn operands_may_be_left_out_and_known_ones_stay_known() {
    // The second operand of Squeeze, the axes, is left out by the first call and known in the second.
    let squeeze = function("Drop", &["a", "axes"], &["b"], vec![node("Squeeze", &["a", "axes"], &["b"])]);
    let nodes =
        |operands: &[&str]| vec![node("Unsqueeze", &["x", "one"], &["u"]), call("Drop", operands, &["y"], vec![])];
    for operands in [&["u"][..], &["u", ""], &["u", "one"]] {
        let mut model = with_functions(nodes(operands), vec![squeeze.clone()]);
        if let Some(graph) = &mut model.graph {
            graph.initializer = vec![longs("one", &[1], &[1])];
        }
        let import = imported(&model).expect("the model is sound");
        let output = import.graph.value(import.graph.outputs()[0]);
        assert_eq!(output.ty.to_string(), "f32[2, 3]", "{operands:?}");
    }
    let many = with_functions(vec![call("Drop", &["x", "x", "x"], &["y"], vec![])], vec![squeeze]);
    assert_says(&refusal(&many), &["3 operands", "takes 2"]);
}

#[test]
fn a_function_has_its_own_opsets_and_overloads() {
    // Before version 13 the axes of ReduceSum are an attribute.
    let old = |axis: i64, overload: &str| FunctionProto {
        opset_import: vec![opset("", 11)],
        overload: Some(overload.to_owned()),
        ..function("Old", &["a"], &["b"], vec![node_with("ReduceSum", &["a"], &["b"], vec![ints("axes", &[axis])])])
    };
    for (overload, shape) in [("rows", [2, 1]), ("columns", [1, 3])] {
        let mut call = call("Old", &["x"], &["y"], vec![]);
        call.overload = Some(overload.to_owned());
        let outputs = run(&with_functions(vec![call], vec![old(1, "rows"), old(0, "columns")]), vec![x()]);
        assert_eq!(outputs[0].shape(), shape);
    }
    let twice = with_functions(vec![node("Abs", &["x"], &["y"])], vec![old(0, ""), old(1, "")]);
    assert_says(&refusal(&twice), &["local.Old", "defined twice"]);
}

#[test]
fn functions_may_not_call_themselves() {
    let ping = function("Ping", &["a"], &["b"], vec![call("Pong", &["a"], &["b"], vec![])]);
    let pong = function("Pong", &["a"], &["b"], vec![call("Ping", &["a"], &["b"], vec![])]);
    let model = with_functions(vec![call("Ping", &["x"], &["y"], vec![])], vec![ping, pong]);
    assert_says(&refusal(&model), &["local.Ping", "calls itself", "local.Ping -> local.Pong"]);
}

/// Functions of which each calls the next `calls` times.
pub(crate) fn tower(height: usize, calls: usize) -> ModelProto {
    let name = |level: usize| format!("F{level}");
    let level = |level: usize| {
        let value = |index: usize| if index == 0 { "a".to_owned() } else { format!("v{index}") };
        let step = |index: usize| match level + 1 == height {
            true => node("Abs", &[&value(index)], &[&value(index + 1)]),
            false => call(&name(level + 1), &[&value(index)], &[&value(index + 1)], vec![]),
        };
        function(&name(level), &["a"], &[&value(calls)], (0..calls).map(step).collect())
    };
    with_functions(vec![call("F0", &["x"], &["y"], vec![])], (0..height).map(level).collect())
}

#[test]
fn calls_have_bounds() {
    assert!(imported(&tower(10, 1)).is_ok());
    assert_says(&refusal(&tower(10_000, 1)), &["nest deeper"]);
    // Each of 30 functions calls the next twice: a billion nodes from a small file.
    let mut options = ImportOptions::default();
    options.most_nodes = 1000;
    let model = read(&tower(30, 2)).expect("the names are sound");
    let error = import(&model, &options).expect_err("it is too large");
    assert!(matches!(error, OnnxError::TooLarge(_)), "{error}");
}

#[test]
fn a_reference_outside_a_function_is_an_error() {
    let cast = node_with("Cast", &["x"], &["y"], vec![reference("to", "which", attribute_type::INT)]);
    assert_says(&refusal(&with_functions(vec![cast], vec![])), &["`to`", "`which`", "there is none"]);
}
