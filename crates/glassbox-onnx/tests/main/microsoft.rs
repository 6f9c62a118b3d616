//! Ops of other domains: refusals that say what to do instead, notes, and what values alone don't show.

use glassbox_onnx::proto::{ModelProto, NodeProto};
use glassbox_tensor::{DType, Tensor};

use crate::protos::{
    assert_says, attribute, f32s, floats, graph, imported, int, model, node_with, op_names, opset, refusal, run,
    string, untyped, value,
};

/// One node of a domain, from `x` (and constants) to `y`.
fn one(domain: &str, mut node: NodeProto, dims: &[i64], constants: &[(&str, &[i64], &[f32])]) -> ModelProto {
    node.domain = Some(domain.to_owned());
    let mut graph = graph(vec![node], vec![value("x", DType::F32, dims)], vec![untyped("y")]);
    graph.initializer = constants.iter().map(|(name, dims, values)| floats(name, dims, values)).collect();
    let mut model = model(graph, 17);
    model.opset_import.push(opset(domain, 1));
    model
}

#[test]
fn refused_ops_say_what_to_do_instead() {
    for (domain, op, parts) in [
        ("com.microsoft", "BeamSearch", ["BeamSearch", "glassbox generate"]),
        ("com.microsoft", "WhisperBeamSearch", ["WhisperBeamSearch", "decoder"]),
        ("com.microsoft", "EPContext", ["EPContext", "before it was compiled"]),
        ("com.microsoft.nchwc", "Conv", ["com.microsoft.nchwc.Conv", "ORT_ENABLE_EXTENDED"]),
        ("com.microsoft.nchwc", "ReorderInput", ["ReorderInput", "graph_optimization_level"]),
    ] {
        assert_says(&refusal(&one(domain, node_with(op, &["x"], &["y"], vec![]), &[2], &[])), &parts);
    }
    let unknown = refusal(&one("com.microsoft", node_with("Swoosh", &["x"], &["y"], vec![]), &[2], &[]));
    assert_says(&unknown, &["com.microsoft.Swoosh", "version 1"]);
}

#[test]
fn what_a_conversion_cannot_do_names_node_attribute_and_way_out() {
    let attention = |attributes| {
        let mut all = vec![int("num_heads", 1)];
        all.extend(attributes);
        let node = node_with("Attention", &["x", "w", "b"], &["y"], all);
        let constants: [(&str, &[i64], &[f32]); 2] = [("w", &[2, 6], &[0.5; 12]), ("b", &[6], &[0.0; 6])];
        one("com.microsoft", node, &[1, 3, 2], &constants)
    };
    let rotated = refusal(&attention(vec![int("do_rotary", 1)]));
    assert_says(&rotated, &["com.microsoft.Attention", "`y`", "`do_rotary` is 1", "RotaryEmbedding"]);
    let shared = refusal(&attention(vec![int("past_present_share_buffer", 1)]));
    assert_says(&shared, &["`past_present_share_buffer` is 1", "export the model without"]);
    assert_says(&refusal(&attention(vec![int("swirl", 1)])), &["attribute `swirl`", "not understood"]);
    let packed = one(
        "com.microsoft",
        node_with("FusedConv", &["x", "w"], &["y"], vec![string("activation", "Wave")]),
        &[1, 1, 3, 3],
        &[("w", &[1, 1, 1, 1], &[1.0])],
    );
    assert_says(&refusal(&packed), &["FusedConv", "\"Wave\"", "`activation`"]);
}

#[test]
fn fused_ops_become_the_composites_that_backends_have_kernels_for() {
    let constants: [(&str, &[i64], &[f32]); 2] = [("s", &[1, 2, 2], &[1.0; 4]), ("g", &[2], &[1.0; 2])];
    let skip = node_with("SkipLayerNormalization", &["x", "s", "g"], &["y"], vec![]);
    let import = imported(&one("com.microsoft", skip, &[1, 2, 2], &constants)).expect("it is sound");
    assert!(op_names(&import).contains(&"layer_normalization"), "{:?}", op_names(&import));
    let fast = node_with("FastGelu", &["x"], &["y"], vec![]);
    let import = imported(&one("com.microsoft", fast, &[2], &[])).expect("it is sound");
    assert!(op_names(&import).contains(&"gelu"), "{:?}", op_names(&import));
}

#[test]
fn a_function_of_the_model_hides_an_op_of_the_same_name() {
    let mut model = one("com.microsoft", node_with("Gelu", &["x"], &["y"], vec![]), &[2], &[]);
    let function = glassbox_onnx::proto::FunctionProto {
        name: Some("Gelu".to_owned()),
        domain: Some("com.microsoft".to_owned()),
        input: vec!["a".to_owned()],
        output: vec!["b".to_owned()],
        node: vec![node_with("Neg", &["a"], &["b"], vec![])],
        opset_import: vec![opset("", 17)],
        ..Default::default()
    };
    model.functions.push(function);
    assert_eq!(run(&model, vec![f32s(&[2], &[1.0, -2.0])])[0].to_vec::<f32>(), Ok(vec![-1.0, 2.0]));
}

#[test]
fn zip_map_gives_its_table_and_says_what_the_columns_are() {
    let mut labels = attribute("classlabels_strings", glassbox_onnx::proto::attribute_type::STRINGS);
    labels.strings = ["cat", "dog"].map(|label| label.as_bytes().to_vec().into()).to_vec();
    let model = one("ai.onnx.ml", node_with("ZipMap", &["x"], &["y"], vec![labels]), &[2, 2], &[]);
    let scores: Tensor = f32s(&[2, 2], &[0.25, 0.75, 0.5, 0.5]);
    assert_eq!(run(&model, vec![scores.clone()])[0].to_vec::<f32>(), scores.to_vec::<f32>());
    let notes = imported(&model).expect("it is sound").notes;
    assert_eq!(notes.len(), 1);
    assert_says(&notes[0], &["ZipMap", "`y`", "cat, dog"]);
    let none = one("ai.onnx.ml", node_with("ZipMap", &["x"], &["y"], vec![]), &[2, 2], &[]);
    assert_says(&refusal(&none), &["labels", "ZipMap"]);
}
