//! Files that are no whole message, and models without their outermost parts.

use glassbox_onnx::proto::*;
use glassbox_tensor::DType;
use prost::Message;

use super::{Cases, named};
use crate::protos::{body, floats, graph, model, node, node_with, opset, string, untyped, value};

/// A sound model with parts of every kind.
pub(super) fn sound() -> ModelProto {
    let mut graph = graph(
        vec![
            named("scale", node_with("Gemm", &["x", "w"], &["h"], vec![])),
            named("out", node("Relu", &["h"], &["y"])),
        ],
        vec![value("x", DType::F32, &[2, 3])],
        vec![value("y", DType::F32, &[2, 2])],
    );
    graph.initializer = vec![floats("w", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    ModelProto { producer_name: Some("glassbox tests".to_owned()), ..model(graph, 13) }
}

pub(super) fn add(cases: &mut Cases) {
    let whole = sound().encode_to_vec();
    // After the producer's name the graph begins, and from there on nothing may end before the last field.
    let first = ModelProto { graph: None, opset_import: Vec::new(), ..sound() }.encode_to_vec().len() + 1;
    let last = whole.len() - 1;
    for part in 0..20 {
        let length = first + (last - first) * part / 19;
        cases.add_bytes(&format!("bytes/cut after {length}"), whole[..length].to_vec(), &["not a whole ModelProto"]);
    }
    cases.add_bytes("bytes/nothing", Vec::new(), &["not an ONNX model", "empty"]);
    cases.add_bytes("bytes/text", b"{\"model\": 1}".to_vec(), &["not an ONNX model"]);
    cases.add_bytes("bytes/zeros", vec![0; 64], &["not an ONNX model"]);
    cases.add_bytes("bytes/ones", vec![0xff; 64], &["not a whole ModelProto"]);
    cases.add_bytes("bytes/zip", b"PK\x03\x04\x14\x00\x00\x00\x08\x00".to_vec(), &["not an ONNX model"]);
    let mut doubled = whole.clone();
    doubled.push(0x3a);
    cases.add_bytes("bytes/half a field at the end", doubled, &["not a whole ModelProto"]);
    let mut longer = whole.clone();
    longer.extend([0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    cases.add_bytes("bytes/a length beyond the end", longer, &["not a whole ModelProto"]);
    let mut huge = whole.clone();
    huge.extend([0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    cases.add_bytes("bytes/a length of 2^64-1", huge, &["not a whole ModelProto"]);
    let mut varint = whole.clone();
    varint.extend([0x08; 1]);
    varint.extend([0xff; 11]);
    cases.add_bytes("bytes/a number without end", varint, &["not a whole ModelProto"]);
    let mut wire = whole.clone();
    wire.extend([0x3d, 0, 0, 0, 0]);
    cases.add_bytes("bytes/a graph that is a number", wire, &["not a whole ModelProto"]);
    let mut group = whole.clone();
    group.extend([0x3b; 300]);
    cases.add_bytes("bytes/groups in groups", group, &["not a whole ModelProto"]);
    let producer = whole.iter().position(|byte| *byte == b'g').expect("the producer is there");
    let mut text = whole.clone();
    text[producer] = 0xff;
    cases.add_bytes("bytes/a name that isn't UTF-8", text, &["ModelProto.producer_name", "UTF-8"]);
    let mut node_name = whole.clone();
    let place = node_name.windows(5).position(|window| window == b"scale").expect("the node is there");
    node_name[place] = 0xc3;
    cases.add_bytes("bytes/a node name that isn't UTF-8", node_name, &["NodeProto.name", "UTF-8"]);
    deep(cases);
    whole_models(cases);
}

/// Graphs in graphs beyond what the decoder follows.
fn deep(cases: &mut Cases) {
    let mut inner = graph(vec![node("Abs", &["x"], &["y"])], vec![], vec![untyped("y")]);
    for _ in 0..60 {
        inner = graph(vec![node_with("If", &["c"], &["y"], vec![body("then_branch", inner)])], vec![], vec![]);
    }
    cases.add("bytes/graphs nested too deep", model(inner, 13), &["not a whole ModelProto", "recursion limit"]);
    let mut ty = TypeProto { value: None };
    for _ in 0..120 {
        let elem_type = Some(Box::new(ty));
        ty = TypeProto { value: Some(TypeValue::Sequence(ElementTypeProto { elem_type })) };
    }
    let mut deep = sound();
    let graph = deep.graph.get_or_insert_default();
    graph.input.push(ValueInfoProto { name: Some("s".to_owned()), r#type: Some(ty) });
    cases.add("bytes/types nested too deep", deep, &["not a whole ModelProto", "recursion limit"]);
}

fn whole_models(cases: &mut Cases) {
    cases.add("model/no graph", ModelProto { graph: None, ..sound() }, &["the model", "no graph"]);
    cases.add(
        "model/no opset",
        ModelProto { opset_import: Vec::new(), ..sound() },
        &["the model", "IR version 10", "must import an opset"],
    );
    cases.add(
        "model/two versions of an opset",
        ModelProto { opset_import: vec![opset("", 13), opset("ai.onnx", 14)], ..sound() },
        &["the model", "two versions", "\"\""],
    );
    for version in [0, -1, 29, 1000, i64::MAX, i64::MIN] {
        let says = [format!("opset {version}"), "versions 1 to 28".to_owned()];
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        cases.add(
            &format!("model/opset {version}"),
            ModelProto { opset_import: vec![opset("", version)], ..sound() },
            &says,
        );
    }
    cases.add(
        "model/opset of another domain only",
        ModelProto { opset_import: vec![opset("ai.onnx.ml", 3)], ..sound() },
        &["Gemm", "Relu", "scale", "out", "no opset of this domain"],
    );
    cases.add(
        "model/ml opset too new",
        ModelProto { opset_import: vec![opset("", 13), opset("ai.onnx.ml", 99)], ..sound() },
        &["opset 99", "ai.onnx.ml"],
    );
    let mut text = sound();
    text.graph.get_or_insert_default().node[0].attribute = vec![string("alpha", "much")];
    cases.add("model/text where a number is read", text, &["Gemm `scale`", "`alpha`", "string", "not float"]);
}
