//! Values that nobody gives, that are given twice, too late, or by what reads them.

use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::{Cases, named};
use crate::protos::{body, floats, graph, model, node, node_with, untyped, value};

fn with_x(nodes: Vec<NodeProto>) -> GraphProto {
    graph(nodes, vec![value("x", DType::F32, &[2])], vec![untyped("y")])
}

pub(super) fn add(cases: &mut Cases) {
    let first = |op: &str, inputs: &[&str], outputs: &[&str]| named("first", node(op, inputs, outputs));
    let second = |op: &str, inputs: &[&str], outputs: &[&str]| named("second", node(op, inputs, outputs));
    let third = |op: &str, inputs: &[&str], outputs: &[&str]| named("third", node(op, inputs, outputs));
    let rows: Vec<(&str, Vec<NodeProto>, &[&str])> = vec![
        ("unknown operand", vec![first("Abs", &["nothing"], &["y"])], &["Abs `first`", "`nothing`", "no value"]),
        (
            "one unknown operand of two",
            vec![first("Add", &["x", "w"], &["y"])],
            &["Add `first`", "`w`", "no value of the model"],
        ),
        ("name that differs in case", vec![first("Abs", &["X"], &["y"])], &["Abs `first`", "`X`", "no value"]),
        ("name with a blank", vec![first("Abs", &["x "], &["y"])], &["Abs `first`", "`x `", "no value"]),
        ("reads itself", vec![first("Add", &["x", "y"], &["y"])], &["Add `first`", "`y`", "a cycle"]),
        (
            "cycle of two",
            vec![first("Add", &["x", "z"], &["y"]), second("Abs", &["y"], &["z"])],
            &["Add `first`", "`z`", "Abs `second`", "a cycle"],
        ),
        (
            "cycle of three",
            vec![first("Add", &["x", "b"], &["y"]), second("Abs", &["y"], &["a"]), third("Neg", &["a"], &["b"])],
            &["Add `first`", "`b`", "Neg `third`", "a cycle"],
        ),
        (
            "output given twice",
            vec![first("Abs", &["x"], &["y"]), second("Neg", &["x"], &["y"])],
            &["Neg `second`", "`y`", "unique"],
        ),
        ("one node gives a name twice", vec![first("Split", &["x"], &["y", "y"])], &["Split `first`", "`y`", "unique"]),
        ("output named as the input", vec![first("Abs", &["x"], &["x"])], &["Abs `first`", "`x`", "unique"]),
        ("no node gives the output", vec![first("Abs", &["x"], &["z"])], &["the graph", "output `y`", "no value"]),
        ("no nodes", vec![], &["the graph", "output `y`"]),
        ("no op", vec![first("", &["x"], &["y"])], &["node `first`", "no op"]),
        ("no op and no name", vec![node("", &["x"], &["y"])], &["node `y`", "no op"]),
    ];
    for (name, nodes, says) in rows {
        cases.add(&format!("names/{name}"), model(with_x(nodes), 13), says);
    }
    let base = || with_x(vec![first("Abs", &["x"], &["y"])]);
    let mut twice = base();
    twice.input.push(value("x", DType::F32, &[2]));
    cases.add("names/input twice", model(twice, 13), &["the graph", "input `x`", "unique"]);
    let mut nameless = base();
    nameless.input.push(value("", DType::F32, &[2]));
    cases.add("names/input without a name", model(nameless, 13), &["the graph", "input ``"]);
    let mut twice = base();
    twice.initializer = vec![floats("w", &[], &[1.0]), floats("w", &[], &[2.0])];
    cases.add("names/initializer twice", model(twice, 13), &["the graph", "initializer `w`", "unique"]);
    let mut nameless = base();
    nameless.initializer = vec![floats("", &[], &[1.0])];
    cases.add("names/initializer without a name", model(nameless, 13), &["the graph", "initializer ``"]);
    let mut hidden = base();
    hidden.initializer = vec![floats("y", &[2], &[1.0, 2.0])];
    cases.add("names/initializer named as an output of a node", model(hidden, 13), &["Abs `first`", "`y`", "unique"]);
    let mut nothing = base();
    nothing.output = vec![untyped("")];
    cases.add("names/output without a name", model(nothing, 13), &["the graph", "output ``"]);
    let branch = |operand: &str, gives: &str| {
        graph(vec![named("inner", node("Abs", &[operand], &[gives]))], vec![], vec![untyped(gives)])
    };
    let choice = |yes: GraphProto, no: GraphProto| {
        let branches = vec![body("then_branch", yes), body("else_branch", no)];
        let nodes = vec![named("choice", node_with("If", &["c"], &["y"], branches)), node("Abs", &["x"], &["late"])];
        graph(nodes, vec![value("x", DType::F32, &[2]), value("c", DType::Bool, &[])], vec![untyped("y")])
    };
    let rows: Vec<(&str, GraphProto, &[&str])> = vec![
        (
            "body reads nothing",
            choice(branch("none", "m"), branch("x", "m")),
            &["Abs `inner`", "`none`", "If `choice`"],
        ),
        ("body gives an outer name", choice(branch("x", "x"), branch("x", "m")), &["Abs `inner`", "`x`", "unique"]),
        ("body reads its own node", choice(branch("y", "m"), branch("x", "m")), &["Abs `inner`", "`y`"]),
    ];
    for (name, graph, says) in rows {
        cases.add(&format!("names/{name}"), model(graph, 16), says);
    }
}
