//! Control ops whose bodies are missing, or take and give other values than their nodes say.

use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::{Cases, named};
use crate::protos::{body, floats, graph, int, ints, longs, model, node, node_with, unranked, untyped, value};

/// A model of one control node `it`, over `x: f32[2]`, `c: bool[]`, `n: i64[]` and `xs: f32[3, 2]`.
fn one(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> ModelProto {
    let values = vec![
        value("x", DType::F32, &[2]),
        value("c", DType::Bool, &[]),
        value("n", DType::I64, &[]),
        value("xs", DType::F32, &[3, 2]),
    ];
    model(graph(vec![named("it", node_with(op, inputs, &["y"], attributes))], values, vec![untyped("y")]), 21)
}

/// A body of one node that gives `m`.
fn gives(op: &str, operand: &str) -> GraphProto {
    GraphProto {
        name: Some("inside".to_owned()),
        ..graph(vec![node(op, &[operand], &["m"])], vec![], vec![untyped("m")])
    }
}

fn branches(yes: GraphProto, no: GraphProto) -> Vec<AttributeProto> {
    vec![body("then_branch", yes), body("else_branch", no)]
}

/// The body of a loop that carries one float vector and gives `results` for the names.
fn turn(inputs: Vec<ValueInfoProto>, nodes: Vec<NodeProto>, results: &[&str]) -> Vec<AttributeProto> {
    let graph = graph(nodes, inputs, results.iter().map(|name| untyped(name)).collect());
    vec![body("body", GraphProto { name: Some("inside".to_owned()), ..graph })]
}

fn loop_inputs() -> Vec<ValueInfoProto> {
    vec![value("i", DType::I64, &[]), value("go", DType::Bool, &[]), unranked("h", DType::F32)]
}

pub(super) fn add(cases: &mut Cases) {
    conditions(cases);
    loops(cases);
    scans(cases);
}

fn conditions(cases: &mut Cases) {
    let abs = || gives("Abs", "x");
    let two = GraphProto { output: vec![untyped("m"), untyped("m")], ..abs() };
    let takes = GraphProto { input: vec![unranked("p", DType::F32)], ..abs() };
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        (
            "if without else",
            one("If", &["c"], vec![body("then_branch", abs())]),
            &["If `it`", "else_branch", "missing"],
        ),
        ("if over a float", one("If", &["x"], branches(abs(), abs())), &["If `it`", "condition", "f32"]),
        ("if over a number", one("If", &["n"], branches(abs(), abs())), &["If `it`", "condition", "i64"]),
        ("if without a condition", one("If", &[], branches(abs(), abs())), &["If `it`", "missing"]),
        ("if with two conditions", one("If", &["c", "c"], branches(abs(), abs())), &["If `it`", "2"]),
        ("if of one and two results", one("If", &["c"], branches(abs(), two)), &["If `it`", "C2", "1 and 2"]),
        (
            "if of two dtypes",
            one("If", &["c"], branches(abs(), gives("Identity", "n"))),
            &["If `it`", "C2", "f32[2]", "i64[]"],
        ),
        ("if whose body takes a value", one("If", &["c"], branches(takes, abs())), &["inside", "If `it`", "takes 1"]),
        (
            "if with another attribute",
            one("If", &["c"], [branches(abs(), abs()), vec![int("axis", 1)]].concat()),
            &["If `it`", "`axis`"],
        ),
        (
            "unknown op in a body",
            one("If", &["c"], branches(gives("Frobnicate", "x"), abs())),
            &["Frobnicate", "version 21", "m"],
        ),
        (
            "body with a wrong shape",
            one("If", &["c"], branches(GraphProto { output: vec![value("m", DType::I8, &[2])], ..abs() }, abs())),
            &["inside", "If `it`", "`m`", "i8[2]", "f32[2]"],
        ),
    ];
    for (name, model, says) in rows {
        cases.add(&format!("body/{name}"), model, says);
    }
}

fn loops(cases: &mut Cases) {
    let same = || vec![node("Identity", &["go"], &["next"]), node("Abs", &["h"], &["m"])];
    let of = |inputs, nodes, results: &[&str], operands: &[&str]| one("Loop", operands, turn(inputs, nodes, results));
    let other = || vec![node("Identity", &["go"], &["next"]), node("Identity", &["i"], &["m"])];
    let number = || vec![node("Identity", &["i"], &["next"]), node("Abs", &["h"], &["m"])];
    let all: &[&str] = &["n", "c", "x"];
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        ("loop without a body", one("Loop", all, vec![]), &["Loop `it`", "`body`", "missing"]),
        (
            "loop that carries two of one",
            of(loop_inputs(), same(), &["next", "m"], &["n", "c", "x", "x"]),
            &["inside", "Loop `it`", "takes 3", "4"],
        ),
        (
            "loop that carries none of one",
            of(loop_inputs(), same(), &["next", "m"], &["n", "c"]),
            &["inside", "Loop `it`", "takes 3", "2"],
        ),
        (
            "loop whose body takes nothing",
            of(vec![], vec![node("Abs", &["x"], &["m"])], &["m"], all),
            &["inside", "takes 0"],
        ),
        ("loop whose body gives nothing", of(loop_inputs(), same(), &[], all), &["Loop `it`"]),
        ("loop whose body gives no next value", of(loop_inputs(), same(), &["next"], all), &["Loop `it`"]),
        ("loop that changes a dtype", of(loop_inputs(), other(), &["next", "m"], all), &["Loop `it`", "f32", "i64"]),
        (
            "loop with a numeric condition",
            of(loop_inputs(), number(), &["next", "m"], all),
            &["Loop `it`", "i64", "bool"],
        ),
        ("loop over a float count", of(loop_inputs(), same(), &["next", "m"], &["x", "c", "x"]), &["Loop `it`"]),
        ("loop under a float condition", of(loop_inputs(), same(), &["next", "m"], &["n", "x", "x"]), &["Loop `it`"]),
        (
            "loop whose body says another dtype",
            {
                let inputs =
                    vec![value("i", DType::I64, &[]), value("go", DType::Bool, &[]), value("h", DType::F64, &[2])];
                of(inputs, same(), &["next", "m"], all)
            },
            &["inside", "Loop `it`", "`h`", "f64[2]", "f32[2]"],
        ),
    ];
    for (name, model, says) in rows {
        cases.add(&format!("body/{name}"), model, says);
    }
    let mut endless = of(loop_inputs(), same(), &["next", "m"], &["most", "yes", "x"]);
    let graph = endless.graph.get_or_insert_default();
    let yes = TensorProto { int32_data: vec![1], data_type: Some(9), ..floats("yes", &[], &[]) };
    graph.initializer = vec![longs("most", &[], &[i64::MAX]), yes];
    cases.add("body/loop without end", endless, &["loop `it`", "100 turns", "limit"]);
}

fn scans(cases: &mut Cases) {
    let step = |results: &[&str]| {
        let inputs = vec![unranked("h", DType::F32), unranked("e", DType::F32)];
        turn(inputs, vec![node("Add", &["h", "e"], &["m"])], results)
    };
    let with = |more: Vec<AttributeProto>| [step(&["m", "m"]), more].concat();
    let scan = |inputs: &[&str], attributes| one("Scan", inputs, attributes);
    let pair: &[&str] = &["x", "xs"];
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        ("scan without a count", scan(pair, step(&["m", "m"])), &["num_scan_inputs"]),
        ("scan without a body", scan(pair, vec![int("num_scan_inputs", 1)]), &["`body`", "missing"]),
        ("scan of three of two", scan(pair, with(vec![int("num_scan_inputs", 3)])), &["num_scan_inputs", "3 of 2"]),
        ("scan of minus one", scan(pair, with(vec![int("num_scan_inputs", -1)])), &["num_scan_inputs", "-1"]),
        ("scan of nothing", scan(pair, with(vec![int("num_scan_inputs", 0)])), &["num_scan_inputs", "0"]),
        ("scan over a scalar", scan(&["x", "n"], with(vec![int("num_scan_inputs", 1)])), &["axis 0"]),
        (
            "scan over no axis",
            scan(pair, with(vec![int("num_scan_inputs", 1), ints("scan_input_axes", &[2])])),
            &["axis 2"],
        ),
        (
            "scan with too many axes",
            scan(pair, with(vec![int("num_scan_inputs", 1), ints("scan_input_axes", &[0, 0])])),
            &["C3", "2 axes for 1"],
        ),
        (
            "scan in direction 2",
            scan(pair, with(vec![int("num_scan_inputs", 1), ints("scan_input_directions", &[2])])),
            &["C5", "[2]"],
        ),
        ("scan of different extents", scan(&["x", "xs"], with(vec![int("num_scan_inputs", 2)])), &["C4", "2", "3"]),
        (
            "scan whose body takes one",
            scan(&["xs"], with(vec![int("num_scan_inputs", 1)])),
            &["inside", "takes 2", "1"],
        ),
    ];
    for (name, model, says) in rows {
        let says: Vec<&str> = says.iter().copied().chain(["Scan `it`"]).collect();
        cases.add(&format!("body/{name}"), model, &says);
    }
}
