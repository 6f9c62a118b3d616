//! Types of inputs and values, attributes of odd kinds.

use glassbox_onnx::proto::{
    AttributeProto, DimensionProto, DimensionValue, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue,
    ValueInfoProto, attribute_type,
};
use glassbox_tensor::DType;

use crate::protos::{
    assert_says, attribute, graph, imported, int, model, node, node_with, number, refusal, unranked, untyped, value,
};

fn named_dims(name: &str, dims: &[&str]) -> ValueInfoProto {
    let dim = |dim: &&str| DimensionProto { value: Some(DimensionValue::Param((*dim).to_owned())) };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = TensorTypeProto { elem_type: number(DType::F32), shape };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)) }) }
}

#[test]
fn dims_are_numbers_symbols_or_unknown() {
    let inputs = vec![
        named_dims("a", &["batch", "past + 1", "past_+_1", ""]),
        named_dims("b", &["batch", "past + 1"]),
        value("c", DType::I8, &[0, 3, -1]),
        unranked("d", DType::Bool),
    ];
    let import = imported(&model(graph(vec![], inputs, vec![untyped("a")]), 13)).expect("the model is sound");
    let types: Vec<String> = import.graph.inputs().iter().map(|id| import.graph.value(*id).ty.to_string()).collect();
    assert_eq!(types, ["f32[batch, past___1, past___1_2, ?]", "f32[batch, past___1]", "i8[0, 3, ?]", "bool[*]"]);
    let negative = model(graph(vec![], vec![value("a", DType::F32, &[-2, i64::MIN])], vec![]), 13);
    let import = imported(&negative).expect("a negative dim is one that isn't known").graph;
    assert_eq!(import.value(import.inputs()[0]).ty.to_string(), "f32[?, ?]");
}

#[test]
fn inputs_need_a_type_that_exists() {
    assert_says(&refusal(&model(graph(vec![], vec![untyped("a")], vec![]), 13)), &["`a`", "no type"]);
    let complex = TensorTypeProto { elem_type: Some(15), shape: None };
    let complex = TypeProto { value: Some(TypeValue::Tensor(complex)) };
    let complex = ValueInfoProto { name: Some("a".to_owned()), r#type: Some(complex) };
    assert_says(&refusal(&model(graph(vec![], vec![complex], vec![]), 13)), &["`a`", "COMPLEX128", "not supported"]);
    let map = TypeProto { value: Some(TypeValue::Map(Default::default())) };
    let map = ValueInfoProto { name: Some("a".to_owned()), r#type: Some(map) };
    assert_says(&refusal(&model(graph(vec![], vec![map], vec![]), 13)), &["`a`", "map"]);
}

#[test]
fn declarations_that_contradict_are_errors_or_notes() {
    let declared = |ty: ValueInfoProto| {
        let mut graph =
            graph(vec![node("Abs", &["x"], &["y"])], vec![value("x", DType::F32, &[2])], vec![untyped("y")]);
        graph.value_info = vec![ty];
        model(graph, 13)
    };
    assert_says(&refusal(&declared(value("y", DType::F64, &[2]))), &["`y`", "f64[2]", "f32[2]"]);
    let import = imported(&declared(value("y", DType::F32, &[3]))).expect("a wrong dim is only noted");
    assert_eq!(import.notes.len(), 1);
    assert_says(&import.notes[0], &["`y`", "f32[3]", "f32[2]"]);
    assert!(imported(&declared(value("y", DType::F32, &[2]))).expect("it is right").notes.is_empty());
}

#[test]
fn attributes_must_be_of_one_kind_and_read() {
    let cast = |attributes: Vec<AttributeProto>| {
        let node = node_with("Cast", &["x"], &["y"], attributes);
        model(graph(vec![node], vec![value("x", DType::F32, &[2])], vec![untyped("y")]), 13)
    };
    let untagged = AttributeProto { r#type: None, ..int("to", 7) };
    assert!(imported(&cast(vec![untagged])).is_ok(), "the first version of the format had no type");
    let empty = attribute("to", attribute_type::UNDEFINED);
    let torn = AttributeProto { f: Some(1.0), ..int("to", 7) };
    let cases: Vec<(Vec<AttributeProto>, &[&str])> = vec![
        (vec![empty], &["`to`", "must have a type"]),
        (vec![torn], &["`to`", "holds", "\"f\""]),
        (vec![attribute("to", 99)], &["99 is no type of attribute"]),
        (vec![attribute("to", attribute_type::TENSOR)], &["`to`", "missing"]),
        (vec![int("to", 7), int("to", 7)], &["`to`", "unique"]),
        (vec![int("to", 7), int("odd", 1)], &["Cast", "version 13", "attribute `odd`", "not understood"]),
        (vec![int("to", 7), int("saturate", 2)], &["`saturate` is 2"]),
    ];
    for (attributes, parts) in cases {
        assert_says(&refusal(&cast(attributes)), parts);
    }
}
