//! Declared types that don't exist, or contradict what the values are.

use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::{Cases, named};
use crate::protos::{floats, graph, ints, model, node, node_with, untyped, value};

/// `y = Abs(x)` with this declared type of `x`.
fn taking(ty: Option<TypeProto>) -> ModelProto {
    let input = ValueInfoProto { name: Some("x".to_owned()), r#type: ty };
    model(graph(vec![named("it", node("Abs", &["x"], &["y"]))], vec![input], vec![untyped("y")]), 13)
}

fn tensor(elem_type: Option<i32>, dims: &[i64]) -> Option<TypeProto> {
    let dim = |dim: &i64| DimensionProto { value: Some(DimensionValue::Value(*dim)) };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    Some(TypeProto { value: Some(TypeValue::Tensor(TensorTypeProto { elem_type, shape })) })
}

pub(super) fn add(cases: &mut Cases) {
    cases.add("type/input without a type", taking(None), &["input `x`", "no type"]);
    cases.add("type/input with an empty type", taking(Some(TypeProto { value: None })), &["input `x`", "no type"]);
    cases.add("type/no dtype", taking(tensor(None, &[2])), &["input `x`", "no type"]);
    for number in [29, 1000, -7] {
        let says = format!("{number} is no dtype");
        cases.add(&format!("type/dtype {number}"), taking(tensor(Some(number), &[2])), &["`x`", &says]);
    }
    cases.add("type/complex", taking(tensor(Some(14), &[2])), &["`x`", "COMPLEX64"]);
    let map = TypeValue::Map(MapTypeProto { key_type: Some(7), value_type: None });
    cases.add("type/a map", taking(Some(TypeProto { value: Some(map) })), &["`x`", "a map"]);
    let opaque = TypeValue::Opaque(OpaqueTypeProto::default());
    cases.add("type/opaque", taking(Some(TypeProto { value: Some(opaque) })), &["`x`", "opaque"]);
    let sparse = TypeValue::SparseTensor(TensorTypeProto { elem_type: Some(1), shape: None });
    cases.add("type/sparse", taking(Some(TypeProto { value: Some(sparse) })), &["`x`", "sparse"]);
    let sequence = TypeValue::Sequence(ElementTypeProto { elem_type: tensor(Some(1), &[2]).map(Box::new) });
    cases.add(
        "type/a sequence where a tensor is read",
        taking(Some(TypeProto { value: Some(sequence) })),
        &["Abs `it`", "seq<f32[2]>"],
    );
    let empty = TypeValue::Sequence(ElementTypeProto { elem_type: None });
    cases.add("type/a sequence of nothing", taking(Some(TypeProto { value: Some(empty) })), &["input `x`", "no type"]);
    contradictions(cases);
}

fn contradictions(cases: &mut Cases) {
    let x = || vec![value("x", DType::F32, &[2, 3])];
    let nodes = || vec![named("it", node("Abs", &["x"], &["y"]))];
    let other = vec![value("y", DType::I64, &[2, 3])];
    cases.add(
        "type/output of another dtype",
        model(graph(nodes(), x(), other), 13),
        &["`y`", "i64[2, 3]", "f32[2, 3]"],
    );
    let sequence = TypeValue::Sequence(ElementTypeProto { elem_type: tensor(Some(1), &[2]).map(Box::new) });
    let output = ValueInfoProto { name: Some("y".to_owned()), r#type: Some(TypeProto { value: Some(sequence) }) };
    let wrong = model(graph(nodes(), x(), vec![output]), 13);
    cases.add("type/output of another kind", wrong, &["`y`", "seq<f32[2]>", "f32[2, 3]"]);
    let mut info = graph(nodes(), x(), vec![untyped("y")]);
    info.value_info = vec![value("y", DType::Bool, &[2, 3])];
    cases.add("type/value_info of another dtype", model(info, 13), &["`y`", "bool[2, 3]", "f32[2, 3]"]);
    let mut input =
        graph(vec![named("it", node("Abs", &["w"], &["y"]))], vec![value("w", DType::I32, &[1])], vec![untyped("y")]);
    input.initializer = vec![floats("w", &[1], &[1.0])];
    cases.add("type/initializer of another dtype than its input", model(input, 13), &["`w`", "i32[1]", "f32[1]"]);
    let pair = graph(
        vec![named("it", node("Add", &["a", "b"], &["y"]))],
        vec![value("a", DType::F32, &[2]), value("b", DType::F64, &[2])],
        vec![untyped("y")],
    );
    cases.add("type/operands of two dtypes", model(pair, 13), &["Add `it`", "f32", "f64"]);
    let strings = graph(
        vec![named("it", node("Exp", &["a"], &["y"]))],
        vec![value("a", DType::String, &[2])],
        vec![untyped("y")],
    );
    cases.add("type/the exponential of a string", model(strings, 13), &["Exp `it`", "string"]);
    let float_axes = graph(
        vec![named("it", node("Reshape", &["a", "s"], &["y"]))],
        vec![value("a", DType::F32, &[2]), value("s", DType::F32, &[1])],
        vec![untyped("y")],
    );
    cases.add("type/a shape of floats", model(float_axes, 13), &["Reshape `it`", "f32", "shape"]);
    let perm = graph(
        vec![named("it", node_with("Transpose", &["a"], &["y"], vec![ints("perm", &[0, 1, 2])]))],
        vec![value("a", DType::F32, &[2, 3])],
        vec![untyped("y")],
    );
    cases.add(
        "type/a permutation of another rank",
        model(perm, 13),
        &["Transpose `it`", "perm [0, 1, 2] of a tensor of rank 2"],
    );
}
