//! The ops of networks and images by the rules of older versions.

use glassbox_onnx::proto::{AttributeProto, ModelProto, NodeProto, attribute_type};
use glassbox_tensor::{DType, Tensor};

use crate::protos::{
    assert_says, attribute, f32s, floats, graph, imported, int, ints, longs, model, node_with, op_names, refusal, run,
    string, untyped, value,
};

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, attribute_type::FLOAT) }
}

fn float_list(name: &str, values: &[f32]) -> AttributeProto {
    AttributeProto { floats: values.to_vec(), ..attribute(name, attribute_type::FLOATS) }
}

/// One node from `x` and constants `a`, `b`… to what it gives.
fn one(node: NodeProto, version: i64, dims: &[i64], constants: &[&[f32]]) -> ModelProto {
    let outputs = node.output.iter().map(|name| untyped(name)).collect();
    let mut graph = graph(vec![node], vec![value("x", DType::F32, dims)], outputs);
    let named = ["a", "b", "c", "d"].iter().zip(constants);
    graph.initializer = named.map(|(name, values)| floats(name, &[values.len() as i64], values)).collect();
    model(graph, version)
}

fn elements(model: &ModelProto, x: &Tensor) -> Vec<f32> {
    run(model, vec![x.clone()])[0].to_vec::<f32>().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn upsample_became_resize() {
    let x = f32s(&[1, 1, 1, 2], &[1.0, 3.0]);
    let dims = [1, 1, 1, 2];
    let node = |op: &str, inputs: &[&str], attributes: &[AttributeProto], mode: &str| {
        let attributes = attributes.iter().cloned().chain([string("mode", mode)]).collect();
        node_with(op, inputs, &["y"], attributes)
    };
    let scales = [1.0, 1.0, 1.0, 2.0];
    let both = [float("height_scale", 1.0), float("width_scale", 2.0)];
    for (mode, wanted) in [("nearest", [1.0, 1.0, 3.0, 3.0]), ("linear", [1.0, 2.0, 3.0, 3.0])] {
        let listed = one(node("Upsample", &["x"], &[float_list("scales", &scales)], mode), 7, &dims, &[]);
        let operand = one(node("Upsample", &["x", "a"], &[], mode), 9, &dims, &[&scales]);
        let resized = one(node("Resize", &["x", "a"], &[], mode), 10, &dims, &[&scales]);
        let first =
            one(node("Upsample", &["x"], &both, if mode == "linear" { "bilinear" } else { mode }), 1, &dims, &[]);
        for model in [listed, operand, resized, first] {
            assert_eq!(elements(&model, &x), wanted, "{mode}");
        }
    }
    assert_says(&refusal(&one(node("Upsample", &["x", "a"], &[], "nearest"), 10, &dims, &[&scales])), &["Upsample"]);
}

#[test]
fn resize_where_an_axis_shrinks() {
    let x = f32s(&[4], &[1.0, 2.0, 3.0, 4.0]);
    // Version 10 rounds up where an axis shrinks; version 11 takes lists that are empty as left out.
    let ten = one(node_with("Resize", &["x", "a"], &["y"], vec![]), 10, &[4], &[&[0.6]]);
    assert_eq!(elements(&ten, &x), [1.0, 3.0]);
    let mut eleven = one(node_with("Resize", &["x", "a", "b", "n"], &["y"], vec![]), 11, &[4], &[&[], &[]]);
    let graph = eleven.graph.as_mut().expect("there is a graph");
    graph.initializer.push(longs("n", &[1], &[2]));
    assert_eq!(elements(&eleven, &x), [1.0, 3.0]);
    let for_nn = string("coordinate_transformation_mode", "tf_half_pixel_for_nn");
    let eleven = one(node_with("Resize", &["x", "a", "b"], &["y"], vec![for_nn]), 11, &[4], &[&[], &[0.5]]);
    assert_eq!(elements(&eleven, &x), [2.0, 4.0]);
}

#[test]
fn grid_sample_16_names_its_modes_for_two_dimensions() {
    let x = f32s(&[1, 1, 1, 2], &[1.0, 3.0]);
    for (version, mode) in [(16, None), (16, Some("bilinear")), (20, None), (20, Some("linear"))] {
        let attributes = mode.map(|mode| string("mode", mode)).into_iter().collect();
        let mut sampled = one(node_with("GridSample", &["x", "g"], &["y"], attributes), version, &[1, 1, 1, 2], &[]);
        let graph = sampled.graph.as_mut().expect("there is a graph");
        graph.initializer.push(floats("g", &[1, 1, 1, 2], &[0.0, 0.0]));
        assert_eq!(elements(&sampled, &x), [2.0], "version {version}, {mode:?}");
    }
}

#[test]
fn batch_normalization_before_it_had_a_training_mode() {
    let x = f32s(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
    let constants: [&[f32]; 4] = [&[1.0, 10.0], &[0.0, 0.5], &[1.0, 2.0], &[1.0, 4.0]];
    let normalised = |version, attributes: Vec<AttributeProto>, outputs: &[&str]| {
        let attributes = attributes.into_iter().chain([float("epsilon", 0.0), float("momentum", 0.5)]).collect();
        one(
            node_with("BatchNormalization", &["x", "a", "b", "c", "d"], outputs, attributes),
            version,
            &[2, 2, 1],
            &constants,
        )
    };
    for (version, attributes) in
        [(6, vec![int("is_test", 1)]), (7, vec![]), (8, vec![int("spatial", 0)]), (9, vec![]), (14, vec![])]
    {
        assert_eq!(elements(&normalised(version, attributes, &["y"]), &x), [0.0, 0.5, 2.0, 10.5], "version {version}");
    }
    // Before version 7 it is training where nothing says that it is a test: each channel is -1 and 1 by its own statistics.
    assert_eq!(elements(&normalised(6, vec![], &["y"]), &x), [-1.0, -9.5, 1.0, 10.5]);
}

#[test]
fn group_normalization_18_scales_groups() {
    let x = f32s(&[1, 4, 1], &[1.0, 3.0, 5.0, 9.0]);
    let attributes = || vec![int("num_groups", 2), float("epsilon", 0.0)];
    let node = || node_with("GroupNormalization", &["x", "a", "b"], &["y"], attributes());
    let groups = one(node(), 18, &[1, 4, 1], &[&[2.0, 3.0], &[10.0, 20.0]]);
    assert_eq!(elements(&groups, &x), [8.0, 12.0, 17.0, 23.0]);
    let channels = one(node(), 21, &[1, 4, 1], &[&[2.0, 2.0, 3.0, 3.0], &[10.0, 10.0, 20.0, 20.0]]);
    assert_eq!(elements(&channels, &x), [8.0, 12.0, 17.0, 23.0]);
}

#[test]
fn dropout_drops_only_in_training() {
    let x = f32s(&[3], &[1.0, 2.0, 3.0]);
    let dropped = |version, attributes, outputs: &[&str]| {
        one(node_with("Dropout", &["x"], outputs, attributes), version, &[3], &[])
    };
    for (version, attributes) in
        [(6, vec![int("is_test", 1)]), (7, vec![float("ratio", 0.9)]), (13, vec![int("seed", 3)])]
    {
        let model = dropped(version, attributes, &["y"]);
        let import = imported(&model).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(op_names(&import), ["identity"], "version {version}");
        assert_eq!(elements(&model, &x), [1.0, 2.0, 3.0]);
    }
    for (version, dtype) in [(7, DType::F32), (10, DType::Bool), (22, DType::Bool)] {
        let outputs = run(&dropped(version, vec![], &["y", "mask"]), vec![x.clone()]);
        assert_eq!((outputs[1].dtype(), outputs[1].load::<i64>().ok().as_deref()), (dtype, Some(&[1, 1, 1][..])));
    }
    // Version 6 drops where it isn't said that this is a test.
    let many = f32s(&[1000], &[1.0; 1000]);
    let training = one(node_with("Dropout", &["x"], &["y"], vec![float("ratio", 0.75)]), 6, &[1000], &[]);
    let kept = elements(&training, &many).into_iter().filter(|value| *value == 4.0).count();
    assert!((150..350).contains(&kept), "{kept} of 1000 are kept");
}

#[test]
fn norms_of_version_1_have_a_float_order() {
    let x = f32s(&[1, 1, 2], &[3.0, -4.0]);
    let node = |op: &str, attributes: Vec<AttributeProto>| node_with(op, &["x"], &["y"], attributes);
    let global = one(node("GlobalLpPool", vec![float("p", 2.0)]), 1, &[1, 1, 2], &[]);
    assert_eq!(elements(&global, &x), [5.0]);
    let kernel = ints("kernel_shape", &[2]);
    let pooled =
        one(node("LpPool", vec![float("p", 1.0), kernel.clone(), string("auto_pad", "VALID")]), 1, &[1, 1, 2], &[]);
    assert_eq!(elements(&pooled, &x), [7.0]);
    assert_says(&refusal(&one(node("LpPool", vec![float("p", 1.5), kernel]), 1, &[1, 1, 2], &[])), &["LpPool", "1.5"]);
}

#[test]
fn roi_align_10_does_not_move_coordinates() {
    let x = f32s(&[1, 1, 1, 3], &[0.0, 10.0, 20.0]);
    for (version, wanted) in [(10, 10.0), (16, 5.0)] {
        let node = node_with("RoiAlign", &["x", "r", "n"], &["y"], vec![int("sampling_ratio", 1)]);
        let mut aligned = one(node, version, &[1, 1, 1, 3], &[]);
        let graph = aligned.graph.as_mut().expect("there is a graph");
        graph.initializer = vec![floats("r", &[1, 4], &[0.5, 0.0, 1.5, 1.0]), longs("n", &[1], &[0])];
        assert_eq!(elements(&aligned, &x), [wanted], "version {version}");
    }
}
