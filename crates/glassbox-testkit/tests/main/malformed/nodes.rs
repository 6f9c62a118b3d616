//! Nodes whose op, attributes or numbers of operands don't exist.

use bytes::Bytes;
use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::{Cases, named};
use crate::protos::{attribute, floats, graph, int, ints, longs, model, node, node_with, string, untyped, value};

/// A model of one node `it`, which reads `x: f32[2, 3]`, `s: i64[2]` and `b: bool[]`.
fn one(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> ModelProto {
    at(21, op, inputs, attributes)
}

fn at(version: i64, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> ModelProto {
    let inputs_of_model =
        vec![value("x", DType::F32, &[2, 3]), value("s", DType::I64, &[2]), value("b", DType::Bool, &[])];
    model(
        graph(vec![named("it", node_with(op, inputs, &["y"], attributes))], inputs_of_model, vec![untyped("y")]),
        version,
    )
}

pub(super) fn add(cases: &mut Cases) {
    ops(cases);
    attributes(cases);
    kinds(cases);
    counts(cases);
    values(cases);
}

fn ops(cases: &mut Cases) {
    cases.add("op/unknown", one("Frobnicate", &["x"], vec![]), &["Frobnicate", "version 21", "it", "not supported"]);
    cases.add("op/lower case", one("relu", &["x"], vec![]), &["relu", "it", "not supported"]);
    cases.add("op/before its first version", at(8, "Erf", &["x"], vec![]), &["Erf", "version 8", "it"]);
    cases.add("op/after its last version", at(10, "Upsample", &["x"], vec![]), &["Upsample", "version 10", "it"]);
    let mut foreign = one("Relu", &["x"], vec![]);
    foreign.graph.get_or_insert_default().node[0].domain = Some("com.example".to_owned());
    cases.add("op/domain that isn't imported", foreign.clone(), &["com.example.Relu", "no opset of this domain", "it"]);
    foreign.opset_import.push(crate::protos::opset("com.example", 3));
    cases.add("op/unknown domain", foreign, &["com.example.Relu", "version 3", "it"]);
    let mut overloaded = one("Relu", &["x"], vec![]);
    let node = &mut overloaded.graph.get_or_insert_default().node;
    node[0].op_type = Some("Relu:f32".to_owned());
    cases.add("op/overload in the name", overloaded, &["Relu:f32", "it"]);
    let nodes = (0..20).map(|index| named(&format!("n{index}"), node_op(index))).collect();
    let many = graph(nodes, vec![value("x", DType::F32, &[2])], vec![untyped("y0")]);
    cases.add("op/many unknown", model(many, 13), &["20 nodes use 2 ops", "Foo", "Bar", "n0", "and 2 more"]);
}

fn node_op(index: usize) -> NodeProto {
    node(if index.is_multiple_of(2) { "Foo" } else { "Bar" }, &["x"], &[&format!("y{index}")])
}

fn attributes(cases: &mut Cases) {
    let it = "`it`";
    cases.add("attribute/unknown", one("Relu", &["x"], vec![int("slope", 1)]), &["Relu", it, "`slope`"]);
    cases.add(
        "attribute/of a later version",
        at(12, "Reshape", &["x", "s"], vec![int("allowzero", 1)]),
        &["Reshape", it, "`allowzero`", "version"],
    );
    cases.add(
        "attribute/of an earlier version",
        one("ReduceSum", &["x"], vec![ints("axes", &[0])]),
        &["ReduceSum", it, "`axes`"],
    );
    cases.add("attribute/missing", one("Concat", &["x", "x"], vec![]), &["Concat", it, "axis"]);
    cases.add("attribute/missing dtype", one("Cast", &["x"], vec![]), &["Cast", it, "to"]);
    cases.add("attribute/missing bodies", one("If", &["b"], vec![]), &["If", it, "then_branch"]);
    let twice = vec![int("axis", 0), int("axis", 1)];
    cases.add("attribute/twice", one("Concat", &["x", "x"], twice), &["`axis`", "Concat", it, "unique"]);
    let nameless = vec![AttributeProto { name: None, ..int("", 0) }];
    cases.add("attribute/without a name", one("Concat", &["x"], nameless), &["Concat", it, "attribute names"]);
    for kind in [15, -1, i32::MAX] {
        let says = format!("{kind} is no type of attribute");
        let wrong = vec![attribute("axis", kind)];
        cases.add(&format!("attribute/type {kind}"), one("Concat", &["x"], wrong), &["`axis`", "Concat", it, &says]);
    }
    let untyped = vec![AttributeProto { i: Some(1), f: Some(1.0), ..attribute("axis", 0) }];
    cases.add("attribute/no type and two values", one("Concat", &["x"], untyped), &["`axis`", it, "\"f\"", "\"i\""]);
    let empty = vec![attribute("axis", 0)];
    cases.add("attribute/no type and no value", one("Concat", &["x"], empty), &["`axis`", it, "must have a type"]);
    let other = vec![AttributeProto { f: Some(1.0), ..attribute("axis", attribute_type::INT) }];
    cases.add("attribute/type and value differ", one("Concat", &["x"], other), &["`axis`", it, "type is 2", "\"f\""]);
    let absent = vec![attribute("value", attribute_type::TENSOR)];
    cases.add("attribute/tensor missing", one("Constant", &[], absent), &["`value`", it, "missing"]);
    let absent = vec![attribute("then_branch", attribute_type::GRAPH)];
    cases.add("attribute/graph missing", one("If", &["b"], absent), &["`then_branch`", it, "missing"]);
    let reference = vec![crate::protos::reference("axis", "outer", attribute_type::INT)];
    cases.add("attribute/reference outside a function", one("Concat", &["x"], reference), &["`axis`", it, "`outer`"]);
    let broken =
        AttributeProto { t: Some(Box::new(floats("", &[3], &[1.0]))), ..attribute("value", attribute_type::TENSOR) };
    cases.add("attribute/tensor with too little data", one("Constant", &[], vec![broken]), &["`value`", it, "[3]"]);
    let both = vec![int("value_int", 1), AttributeProto { f: Some(1.0), ..attribute("value_float", 1) }];
    cases.add("attribute/two constants in one", one("Constant", &[], both), &["Constant", it, "exactly one attribute"]);
    cases.add("attribute/no constant", one("Constant", &[], vec![]), &["Constant", it, "exactly one attribute"]);
}

/// Each kind of attribute where another is read.
fn kinds(cases: &mut Cases) {
    let float = || AttributeProto { f: Some(0.5), ..attribute("axis", attribute_type::FLOAT) };
    let strings =
        AttributeProto { strings: vec![Bytes::from_static(b"1")], ..attribute("axis", attribute_type::STRINGS) };
    let tensor =
        AttributeProto { t: Some(Box::new(longs("", &[], &[0]))), ..attribute("axis", attribute_type::TENSOR) };
    for (found, given) in [
        ("float", float()),
        ("string", string("axis", "1")),
        ("strings", strings),
        ("ints", ints("axis", &[0])),
        ("tensor", tensor),
    ] {
        let says = format!("kind {found}, not int");
        cases.add(
            &format!("kind/{found} for an int"),
            one("Concat", &["x", "x"], vec![given]),
            &["Concat `it`", "`axis`", &says],
        );
    }
    cases.add(
        "kind/int for ints",
        one("Transpose", &["x"], vec![int("perm", 1)]),
        &["`it`", "`perm`", "int, not ints"],
    );
    cases.add("kind/int for a float", one("LeakyRelu", &["x"], vec![int("alpha", 1)]), &["`it`", "alpha"]);
    cases.add(
        "kind/int for a graph",
        one("If", &["b"], vec![int("then_branch", 1)]),
        &["If `it`", "`then_branch`", "int, not graph"],
    );
    cases.add("kind/int for a string", one("Einsum", &["x"], vec![int("equation", 1)]), &["`it`", "equation"]);
    let latin = AttributeProto { s: Some(Bytes::from_static(&[0xe9])), ..attribute("to", attribute_type::STRING) };
    cases.add("kind/text that isn't UTF-8", at(5, "Cast", &["x"], vec![latin]), &["Cast `it`", "`to`", "UTF-8"]);
}

/// Too many and too few operands and results.
fn counts(cases: &mut Cases) {
    let rows: &[(&str, &str, &[&str])] = &[
        ("no operand", "Abs", &[]),
        ("a left out operand", "Abs", &[""]),
        ("one operand too many", "Abs", &["x", "x"]),
        ("one operand too few", "MatMul", &["x"]),
        ("first of two left out", "MatMul", &["", "x"]),
        ("three for two", "Add", &["x", "x", "x"]),
        ("two for three", "Where", &["b", "x"]),
        ("a hole in a list", "Max", &["x", "", "x"]),
    ];
    for (name, op, inputs) in rows {
        cases.add(&format!("count/{name}"), one(op, inputs, vec![]), &[op, "`it`", "arity"]);
    }
    let mut two = one("Abs", &["x"], vec![]);
    two.graph.get_or_insert_default().node[0].output.push("z".to_owned());
    cases.add("count/two results of one", two, &["Abs `it`", "2"]);
    let mut two = one("Identity", &["x"], vec![]);
    two.graph.get_or_insert_default().node[0].output.push("z".to_owned());
    cases.add("count/two results of a formula", two, &["Identity `it`", "2 outputs"]);
}

/// Numbers and words that an attribute doesn't have.
fn values(cases: &mut Cases) {
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        ("keepdims of 2", one("ReduceSum", &["x"], vec![int("keepdims", 2)]), &["`keepdims`", "2"]),
        ("dtype 99", one("Cast", &["x"], vec![int("to", 99)]), &["`to`", "99 is no dtype"]),
        ("dtype 0", one("Cast", &["x"], vec![int("to", 0)]), &["`to`", "undefined"]),
        ("dtype of 2^40", one("Cast", &["x"], vec![int("to", 1 << 40)]), &["`to`", "1099511627776 is no dtype"]),
        ("complex dtype", one("Cast", &["x"], vec![int("to", 14)]), &["`to`", "COMPLEX64"]),
        ("dtype by an unknown name", at(1, "Cast", &["x"], vec![string("to", "float32")]), &["float32"]),
        ("axis beyond the rank", one("Concat", &["x", "x"], vec![int("axis", 2)]), &["axis 2", "[-2, 2)"]),
        ("least axis", one("Concat", &["x", "x"], vec![int("axis", i64::MIN)]), &["-9223372036854775808"]),
        ("greatest axis", one("Concat", &["x"], vec![int("axis", i64::MAX)]), &["9223372036854775807"]),
        ("permutation with a repeat", one("Transpose", &["x"], vec![ints("perm", &[0, 0])]), &["[0, 0]"]),
        (
            "permutation beyond the rank",
            one("Transpose", &["x"], vec![ints("perm", &[0, 2])]),
            &["perm [0, 2] of a tensor of rank 2"],
        ),
        ("short permutation", one("Transpose", &["x"], vec![ints("perm", &[1])]), &["[1]"]),
        ("softmax axis", one("Softmax", &["x"], vec![int("axis", 5)]), &["axis 5"]),
        ("broadcast of 3", at(6, "Add", &["x", "x"], vec![int("broadcast", 3)]), &["`broadcast`", "3"]),
        ("allowzero of -1", one("Reshape", &["x", "s"], vec![int("allowzero", -1)]), &["`allowzero`", "-1"]),
    ];
    for (name, model, says) in rows {
        let says: Vec<&str> = says.iter().copied().chain(["`it`"]).collect();
        cases.add(&format!("value/{name}"), model, &says);
    }
}
