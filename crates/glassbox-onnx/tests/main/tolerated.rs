//! What files break of the format's rules, and is read all the same: with a note, or as everybody reads it.

use bytes::Bytes;
use glassbox_onnx::proto::*;
use glassbox_tensor::{DType, Tensor};

use crate::protos::{f32s, graph, imported, ints, longs, model, node, node_with, number, opset, run, untyped, value};

/// An input whose dims are these names.
fn named(name: &str, dims: &[&str]) -> ValueInfoProto {
    let dim = |dim: &&str| DimensionProto { value: Some(DimensionValue::Param((*dim).to_owned())) };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = TensorTypeProto { elem_type: number(DType::F32), shape };
    let ty = TypeProto { value: Some(TypeValue::Tensor(tensor)) };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(ty) }
}

#[test]
fn placeholders_of_exporters_are_unknown_dims() {
    let ty = |input: ValueInfoProto| {
        let import = imported(&model(graph(vec![node("Abs", &["x"], &["y"])], vec![input], vec![untyped("y")]), 13));
        let import = import.expect("it is sound");
        import.graph.value(import.graph.inputs()[0]).ty.to_string()
    };
    for name in ["?", "None", "none", "", "-1", " ? ", "*", "unk", "Unknown", "null", "dynamic", "..."] {
        assert_eq!(ty(named("x", &[name, name])), "f32[?, ?]", "{name:?}");
    }
    // Numbered ones are names: the same number is the same size.
    assert_eq!(ty(named("x", &["unk__6", "unk__7", "unk__6", "N"])), "f32[unk__6, unk__7, unk__6, N]");
    for negative in [-1, -2, i64::MIN] {
        assert_eq!(ty(value("x", DType::F32, &[negative, 3])), "f32[?, 3]");
    }
    let both = model(graph(vec![node("Abs", &["x"], &["y"])], vec![named("x", &["?", "?"])], vec![untyped("y")]), 13);
    assert_eq!(run(&both, vec![f32s(&[2, 3], &[-1.0; 6])])[0].shape(), [2, 3]);
}

#[test]
fn bools_that_are_neither_0_nor_1_are_true() {
    let bools = |tensor: TensorProto| {
        let mut graph = graph(vec![node("Not", &["b"], &["n"])], vec![], vec![untyped("b"), untyped("n")]);
        graph.initializer =
            vec![TensorProto { name: Some("b".to_owned()), dims: vec![4], data_type: number(DType::Bool), ..tensor }];
        let model = model(graph, 13);
        let notes = imported(&model).expect("it is read").notes;
        assert!(notes.iter().any(|note| note.contains("`b`: 2 of its bools")), "{notes:?}");
        let outputs = run(&model, vec![]);
        assert_eq!(outputs[0].to_vec::<bool>(), Ok(vec![false, true, true, true]));
        assert_eq!(outputs[1].to_vec::<bool>(), Ok(vec![true, false, false, false]));
    };
    bools(TensorProto { raw_data: Some(Bytes::from_static(&[0, 1, 2, 255])), ..TensorProto::default() });
    bools(TensorProto { int32_data: vec![0, 1, 256, -1], ..TensorProto::default() });
}

#[test]
fn an_axis_that_is_given_twice_is_reduced_once() {
    let x = || vec![f32s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])];
    let reduced = |op: &str| {
        let mut graph =
            graph(vec![node(op, &["x", "a"], &["y"])], vec![value("x", DType::F32, &[2, 3])], vec![untyped("y")]);
        graph.initializer = vec![longs("a", &[2], &[1, -1])];
        run(&model(graph, 18), x())[0].clone()
    };
    // What onnxruntime gives.
    for (op, wanted) in
        [("ReduceSum", [3.0, 12.0]), ("ReduceMean", [1.0, 4.0]), ("ReduceMax", [2.0, 5.0]), ("ReduceProd", [0.0, 60.0])]
    {
        let y = reduced(op);
        assert_eq!((y.shape(), y.to_vec::<f32>()), (&[2, 1][..], Ok(wanted.to_vec())), "{op}");
    }
    assert_eq!(reduced("ReduceL1").to_vec::<f32>(), Ok(vec![3.0, 12.0]));
    let old = node_with("ReduceSum", &["x"], &["y"], vec![ints("axes", &[1, -1])]);
    let old = graph(vec![old], vec![value("x", DType::F32, &[2, 3])], vec![untyped("y")]);
    assert_eq!(run(&model(old, 11), x())[0].to_vec::<f32>(), Ok(vec![3.0, 12.0]));
    let squeezed = node_with("Squeeze", &["x"], &["y"], vec![ints("axes", &[2, -1])]);
    let squeezed = graph(vec![squeezed], vec![value("x", DType::F32, &[2, 3, 1])], vec![untyped("y")]);
    assert_eq!(run(&model(squeezed, 11), vec![f32s(&[2, 3, 1], &[0.0; 6])])[0].shape(), [2, 3]);
}

#[test]
fn a_signal_without_a_last_axis_is_of_real_numbers() {
    let stft = |dims: &[i64]| {
        let mut graph = graph(
            vec![node("STFT", &["x", "step", "window"], &["y"])],
            vec![value("x", DType::F32, dims)],
            vec![untyped("y")],
        );
        graph.initializer =
            vec![longs("step", &[], &[2]), crate::protos::floats("window", &[4], &[1.0, 0.5, 1.0, 2.0])];
        model(graph, 17)
    };
    let samples: Vec<f32> = (0..16).map(|index| (index * index % 7) as f32).collect();
    let two = run(&stft(&[2, 8]), vec![f32s(&[2, 8], &samples)])[0].clone();
    let three = run(&stft(&[2, 8, 1]), vec![f32s(&[2, 8, 1], &samples)])[0].clone();
    assert!(two.bit_eq(&three), "{two:?} {three:?}");
    assert!(imported(&stft(&[2, 8])).expect("it is read").notes.iter().any(|note| note.contains("STFT")));
}

#[test]
fn a_pool_whose_kernel_reaches_over_the_input_gives_what_is_there() {
    let pool = |op: &str, dims: &[i64], kernel: &[i64], strides: &[i64]| {
        let attributes =
            vec![ints("kernel_shape", kernel), ints("strides", strides), crate::protos::int("ceil_mode", 1)];
        let graph = graph(
            vec![node_with(op, &["x"], &["y"], attributes)],
            vec![value("x", DType::F32, dims)],
            vec![untyped("y")],
        );
        let sizes: Vec<usize> = dims.iter().map(|size| *size as usize).collect();
        let values: Vec<f32> = (1..=sizes.iter().product::<usize>()).map(|value| value as f32).collect();
        let mut model = model(graph, 18);
        model.opset_import = vec![opset("", 22)];
        let y: Tensor = run(&model, vec![f32s(&sizes, &values)])[0].clone();
        y.to_vec::<f32>().expect("it is f32")
    };
    assert_eq!(pool("MaxPool", &[1, 1, 2, 2], &[3, 3], &[2, 2]), [4.0]);
    assert_eq!(pool("AveragePool", &[1, 1, 2, 2], &[3, 3], &[2, 2]), [2.5]);
    assert_eq!(pool("MaxPool", &[1, 1, 2], &[3], &[2]), [2.0]);
    assert_eq!(pool("MaxPool", &[1, 1, 2, 2, 2], &[3, 3, 3], &[3, 2, 2]), [8.0]);
    assert_eq!(pool("LpPool", &[1, 1, 2], &[3], &[2]), [5f32.sqrt()]);
}

#[test]
fn sizes_of_zero_that_only_a_run_tells() {
    let one = |node: NodeProto, dims: &[&str], version: i64, shape: &[usize]| {
        let model = model(graph(vec![node], vec![named("x", dims)], vec![untyped("y")]), version);
        let x = f32s(shape, &vec![1.0; shape.iter().product()]);
        run(&model, vec![x])[0].shape().to_vec()
    };
    // By the rules before version 13 all axes from one on are one; any of them may be empty.
    for op in ["Softmax", "LogSoftmax", "Hardmax"] {
        for shape in [[0, 1, 3], [2, 0, 3], [2, 1, 0], [2, 1, 3]] {
            let node = node_with(op, &["x"], &["y"], vec![crate::protos::int("axis", 1)]);
            assert_eq!(one(node, &["a", "b", "c"], 10, &shape), shape, "{op}");
        }
    }
    // Where no window fits, the formula gives none, and fewer it can't give.
    for op in ["MaxPool", "AveragePool", "LpPool"] {
        let node = || node_with(op, &["x"], &["y"], vec![ints("kernel_shape", &[3, 1])]);
        assert_eq!(one(node(), &["n", "c", "h", "w"], 18, &[1, 2, 2, 5]), [1, 2, 0, 5], "{op}");
        assert_eq!(one(node(), &["n", "c", "h", "w"], 18, &[0, 2, 4, 5]), [0, 2, 2, 5], "{op}");
    }
}
