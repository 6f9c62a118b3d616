//! Functions of the model that don't fit their calls, or never end.

use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::{Cases, named};
use crate::protos::{graph, int, model, node, node_with, opset, reference, untyped, value};

/// A function `F` of `a`, of these nodes, that gives `r`.
fn function(nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some("F".to_owned()),
        domain: Some("local".to_owned()),
        input: vec!["a".to_owned()],
        output: vec!["r".to_owned()],
        node: nodes,
        opset_import: vec![opset("", 21), opset("local", 1)],
        ..FunctionProto::default()
    }
}

fn local(op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: Some("local".to_owned()), ..node_with(op, inputs, outputs, attributes) }
}

/// A model that calls `F` once, in the node `it`.
fn calling(call: NodeProto, functions: Vec<FunctionProto>) -> ModelProto {
    let graph = graph(vec![named("it", call)], vec![value("x", DType::F32, &[2, 3])], vec![untyped("y")]);
    let whole = model(graph, 21);
    ModelProto { functions, opset_import: vec![opset("", 21), opset("local", 1)], ..whole }
}

fn call() -> NodeProto {
    local("F", &["x"], &["y"], vec![])
}

fn abs() -> Vec<NodeProto> {
    vec![named("inner", node("Abs", &["a"], &["r"]))]
}

pub(super) fn add(cases: &mut Cases) {
    let renamed = |name: &str, nodes| FunctionProto { name: Some(name.to_owned()), ..function(nodes) };
    let to = |name: &str| vec![local(name, &["a"], &["r"], vec![])];
    let concat = || vec![named("inner", node_with("Concat", &["a", "a"], &["r"], vec![reference("axis", "along", 2)]))];
    let with_axis = || FunctionProto { attribute: vec!["along".to_owned()], ..function(concat()) };
    let chain: Vec<FunctionProto> = (0..80)
        .map(|index| match index {
            79 => renamed("F79", abs()),
            0 => function(to("F1")),
            _ => renamed(&format!("F{index}"), to(&format!("F{}", index + 1))),
        })
        .collect();
    const F: &str = "local.F";
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        ("missing", calling(call(), vec![]), &[F, "it", "version 1"]),
        ("of another name", calling(call(), vec![renamed("G", abs())]), &[F, "it"]),
        (
            "of another overload",
            calling(NodeProto { overload: Some("o".to_owned()), ..call() }, vec![function(abs())]),
            &[F],
        ),
        ("without a name", calling(call(), vec![renamed("", abs())]), &["function", "no name"]),
        ("twice", calling(call(), vec![function(abs()), function(abs())]), &["function `local.F`", "twice"]),
        ("that calls itself", calling(call(), vec![function(to("F"))]), &["function `local.F`", "calls itself"]),
        (
            "that calls itself through another",
            calling(call(), vec![function(to("G")), renamed("G", to("F"))]),
            &["local.F -> local.G", "calls itself"],
        ),
        ("in 80 functions", calling(call(), chain), &["deeper than 64", "function `local.F"]),
        (
            "with too many operands",
            calling(local("F", &["x", "x"], &["y"], vec![]), vec![function(abs())]),
            &["call `it`", F, "2 operands", "takes 1"],
        ),
        (
            "with too many outputs",
            calling(local("F", &["x"], &["y", "z"], vec![]), vec![function(abs())]),
            &["call `it`", F, "2 outputs", "gives 1"],
        ),
        (
            "with a missing operand",
            calling(local("F", &[], &["y"], vec![]), vec![function(abs())]),
            &["Abs `it/inner`"],
        ),
        (
            "with an unknown attribute",
            calling(local("F", &["x"], &["y"], vec![int("b", 1)]), vec![function(abs())]),
            &["call `it`", F, "no attribute `b`"],
        ),
        ("without its attribute", calling(call(), vec![with_axis()]), &["Concat `it/inner`", "axis"]),
        (
            "with an attribute of another kind",
            calling(local("F", &["x"], &["y"], vec![crate::protos::string("along", "a")]), vec![with_axis()]),
            &["Concat `it/inner`", "`axis`", "string, not int"],
        ),
        (
            "with an axis beyond the rank",
            calling(local("F", &["x"], &["y"], vec![int("along", 9)]), vec![with_axis()]),
            &["Concat `it/inner`", "axis 9"],
        ),
        (
            "that refers to no attribute",
            calling(call(), vec![function(concat())]),
            &["`axis`", "Concat `it/inner`", "`along`"],
        ),
        (
            "with an attribute declared twice",
            calling(call(), vec![FunctionProto { attribute_proto: vec![int("along", 1)], ..with_axis() }]),
            &["function `local.F`", "`along`", "with and without a default"],
        ),
        (
            "that reads what nobody gives",
            calling(call(), vec![function(vec![named("inner", node("Abs", &["x"], &["r"]))])]),
            &["Abs `inner`", "function `local.F`", "`x`"],
        ),
        (
            "whose output nobody gives",
            calling(call(), vec![function(vec![named("inner", node("Abs", &["a"], &["q"]))])]),
            &["function `local.F`", "output `r`"],
        ),
        (
            "with an input twice",
            calling(call(), vec![FunctionProto { input: vec!["a".to_owned(); 2], ..function(abs()) }]),
            &["function `local.F`", "input `a`", "unique"],
        ),
        (
            "that gives a name twice",
            calling(call(), vec![function([abs(), abs()].concat())]),
            &["Abs `inner`", "function `local.F`", "`r`", "unique"],
        ),
        (
            "of a cycle of nodes",
            calling(call(), vec![function(vec![named("inner", node("Add", &["a", "r"], &["r"]))])]),
            &["Add `inner`", "function `local.F`", "a cycle"],
        ),
        (
            "of an unknown op",
            calling(call(), vec![function(vec![named("inner", node("Frobnicate", &["a"], &["r"]))])]),
            &["Frobnicate", "inner", "function `local.F`"],
        ),
        (
            "without an opset",
            calling(call(), vec![FunctionProto { opset_import: vec![], ..function(abs()) }]),
            &["Abs", "inner", "no opset of this domain"],
        ),
        (
            "of an opset too new",
            calling(call(), vec![FunctionProto { opset_import: vec![opset("", 500)], ..function(abs()) }]),
            &["opset 500", "versions 1 to 28"],
        ),
        (
            "of two versions",
            calling(call(), vec![FunctionProto { opset_import: vec![opset("", 5), opset("", 6)], ..function(abs()) }]),
            &["function `local.F`", "two versions"],
        ),
    ];
    for (name, model, says) in rows {
        cases.add(&format!("function/{name}"), model, says);
    }
    cases.add("function/that doubles without end", doubling(), &["larger than allowed", "most_nodes"]);
}

/// Forty functions, each of which calls the next twice: a thousand billion nodes.
fn doubling() -> ModelProto {
    let function_of = |index: usize| {
        let next = format!("D{}", index + 1);
        let nodes = match index {
            39 => vec![node("Abs", &["a"], &["r"])],
            _ => vec![local(&next, &["a"], &["b"], vec![]), local(&next, &["b"], &["r"], vec![])],
        };
        let name = if index == 0 { "F".to_owned() } else { format!("D{index}") };
        FunctionProto { name: Some(name), ..function(nodes) }
    };
    calling(call(), (0..40).map(function_of).collect())
}
