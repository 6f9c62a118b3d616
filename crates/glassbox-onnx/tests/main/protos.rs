//! Short ways to write models, and to run them.

use bytes::Bytes;
use glassbox_exec::{RunContext, Value};
use glassbox_onnx::proto::*;
use glassbox_onnx::{Import, ImportOptions, Model, OnnxError, import, parse};
use glassbox_tensor::{DType, Tensor};
use prost::Message;

/// A node of the default domain without attributes.
pub(crate) fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: outputs.iter().map(|name| (*name).to_owned()).collect(),
        ..NodeProto::default()
    }
}

/// A node with attributes.
pub(crate) fn node_with(op: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { attribute, ..node(op, inputs, outputs) }
}

pub(crate) fn attribute(name: &str, r#type: i32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(r#type), ..AttributeProto::default() }
}

pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, attribute_type::INT) }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, attribute_type::INTS) }
}

pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(Bytes::copy_from_slice(value.as_bytes())), ..attribute(name, attribute_type::STRING) }
}

pub(crate) fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(Box::new(graph)), ..attribute(name, attribute_type::GRAPH) }
}

/// Inside a function: the attribute `reference` of its caller.
pub(crate) fn reference(name: &str, reference: &str, r#type: i32) -> AttributeProto {
    AttributeProto { ref_attr_name: Some(reference.to_owned()), ..attribute(name, r#type) }
}

pub(crate) fn number(dtype: DType) -> Option<i32> {
    glassbox_onnx::dtype::to_onnx(dtype)
}

/// A value of known dims.
pub(crate) fn value(name: &str, dtype: DType, dims: &[i64]) -> ValueInfoProto {
    let dim = |dim: &i64| DimensionProto { value: Some(DimensionValue::Value(*dim)) };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    typed(name, TensorTypeProto { elem_type: number(dtype), shape })
}

/// A value of unknown rank.
pub(crate) fn unranked(name: &str, dtype: DType) -> ValueInfoProto {
    typed(name, TensorTypeProto { elem_type: number(dtype), shape: None })
}

/// A value without a type.
pub(crate) fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.to_owned()), r#type: None }
}

fn typed(name: &str, tensor: TensorTypeProto) -> ValueInfoProto {
    let ty = TypeProto { value: Some(TypeValue::Tensor(tensor)) };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(ty) }
}

pub(crate) fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: number(DType::F32),
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

pub(crate) fn longs(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: number(DType::I64),
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

pub(crate) fn graph(nodes: Vec<NodeProto>, input: Vec<ValueInfoProto>, output: Vec<ValueInfoProto>) -> GraphProto {
    GraphProto { node: nodes, name: Some("g".to_owned()), input, output, ..GraphProto::default() }
}

pub(crate) fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) }
}

pub(crate) fn model(graph: GraphProto, version: i64) -> ModelProto {
    ModelProto {
        ir_version: Some(10),
        opset_import: vec![opset("", version)],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

pub(crate) fn read(model: &ModelProto) -> Result<Model, OnnxError> {
    parse(Bytes::from(model.encode_to_vec()), None)
}

pub(crate) fn imported(model: &ModelProto) -> Result<Import, OnnxError> {
    let import = import(&read(model)?, &ImportOptions::default())?;
    let verified = glassbox_ir::verify(&import.graph);
    assert!(verified.is_ok(), "the imported graph breaks rules: {verified:?}");
    Ok(import)
}

/// The message with which importing fails.
pub(crate) fn refusal(model: &ModelProto) -> String {
    match imported(model) {
        Ok(import) => panic!("it was imported: {:?}", import.graph),
        Err(error) => error.to_string(),
    }
}

/// The ops of an imported graph, those of bodies included, without constants.
pub(crate) fn op_names(import: &Import) -> Vec<&'static str> {
    let ops = import.graph.walk().into_iter().map(|id| import.graph.node(id).op.name);
    ops.filter(|name| *name != "constant").collect()
}

/// What the reference computes for an imported model.
pub(crate) fn run(model: &ModelProto, inputs: Vec<Tensor>) -> Vec<Tensor> {
    let import = imported(model).unwrap_or_else(|error| panic!("{error}"));
    let mut session = glassbox_backends::testing::session(import.graph, &glassbox_backends::options())
        .unwrap_or_else(|error| panic!("{error}"));
    let inputs: Vec<Value> = inputs.into_iter().map(Value::Tensor).collect();
    let outputs = session.run(&inputs, RunContext::new()).unwrap_or_else(|error| panic!("{error}"));
    outputs.into_iter().filter_map(|value| value.as_tensor().cloned()).collect()
}

pub(crate) fn f32s(dims: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_vec(dims, values.to_vec()).unwrap_or_else(|error| panic!("{error}"))
}

/// Whether `message` has every one of `parts`.
pub(crate) fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} doesn't say {part:?}");
    }
}
