//! Ops by the rules of the version that the model declares.

use bytes::Bytes;
use glassbox_onnx::OnnxError;
use glassbox_onnx::proto::{AttributeProto, ModelProto, NodeProto, attribute_type};
use glassbox_tensor::{DType, Tensor};

use crate::protos::{
    assert_says, attribute, f32s, floats, graph, imported, int, ints, longs, model, node, node_with, refusal, run,
    string, untyped, value,
};

/// One node from `x` (and `w`, where given) to `y`.
fn one(node: NodeProto, version: i64, dims: &[i64], w: Option<&[f32]>) -> ModelProto {
    let mut graph = graph(vec![node], vec![value("x", DType::F32, dims)], vec![untyped("y")]);
    graph.initializer = w.map(|w| floats("w", &[w.len() as i64], w)).into_iter().collect();
    model(graph, version)
}

#[test]
fn softmax_before_version_13_takes_all_axes_from_its_axis_on() {
    let x = f32s(&[2, 2, 2], &[0.0; 8]);
    for (version, attributes, wanted) in [
        (11, vec![], 0.25),
        (11, vec![int("axis", 0)], 0.125),
        (11, vec![int("axis", -1)], 0.5),
        (13, vec![], 0.5),
        (13, vec![int("axis", 0)], 0.5),
    ] {
        let softmax = node_with("Softmax", &["x"], &["y"], attributes.clone());
        let outputs = run(&one(softmax, version, &[2, 2, 2], None), vec![x.clone()]);
        assert_eq!(outputs[0].shape(), [2, 2, 2]);
        assert_eq!(outputs[0].to_vec::<f32>(), Ok(vec![wanted; 8]), "version {version}, {attributes:?}");
    }
}

#[test]
fn addition_before_version_7_broadcasts_at_an_axis() {
    let x = f32s(&[2, 3, 2], &(0..12).map(|value| value as f32).collect::<Vec<_>>());
    let add = |attributes| node_with("Add", &["x", "w"], &["y"], attributes);
    let at_axis = one(add(vec![int("broadcast", 1), int("axis", 1)]), 6, &[2, 3, 2], Some(&[0.0, 100.0, 200.0]));
    let wanted = [0., 1., 102., 103., 204., 205., 6., 7., 108., 109., 210., 211.];
    assert_eq!(run(&at_axis, vec![x.clone()])[0].to_vec::<f32>(), Ok(wanted.to_vec()));
    let last = one(add(vec![int("broadcast", 1)]), 6, &[2, 3, 2], Some(&[0.0, 100.0]));
    assert_eq!(run(&last, vec![x])[0].to_vec::<f32>().map(|values| values[3]), Ok(103.0));
    assert_says(&refusal(&one(add(vec![]), 6, &[2, 3, 2], Some(&[0.0, 1.0]))), &["Add", "broadcast", "the same"]);
    let beyond = one(add(vec![int("broadcast", 1), int("axis", 2)]), 6, &[2, 3, 2], Some(&[0.0; 3]));
    assert_says(&refusal(&beyond), &["Add"]);
    let late = one(add(vec![int("broadcast", 1)]), 7, &[2, 3, 2], Some(&[0.0, 1.0]));
    assert_says(&refusal(&late), &["Add", "version 7", "attribute `broadcast`", "not understood"]);
}

#[test]
fn attributes_that_became_operands() {
    let cases: Vec<(NodeProto, i64, Vec<usize>)> = vec![
        (node_with("ReduceSum", &["x"], &["y"], vec![ints("axes", &[1]), int("keepdims", 0)]), 11, vec![1, 2]),
        (node_with("ReduceMean", &["x"], &["y"], vec![ints("axes", &[1])]), 17, vec![1, 1, 2]),
        (node_with("ReduceMax", &["x"], &["y"], vec![]), 13, vec![1, 1, 1]),
        (node_with("Squeeze", &["x"], &["y"], vec![ints("axes", &[0])]), 12, vec![3, 2]),
        (node_with("Unsqueeze", &["x"], &["y"], vec![ints("axes", &[0, 4])]), 12, vec![1, 1, 3, 2, 1]),
        (node_with("Reshape", &["x"], &["y"], vec![ints("shape", &[0, -1])]), 4, vec![1, 6]),
        (
            node_with("Slice", &["x"], &["y"], vec![ints("starts", &[1]), ints("ends", &[9]), ints("axes", &[1])]),
            9,
            vec![1, 2, 2],
        ),
        (node_with("Slice", &["x"], &["y"], vec![ints("starts", &[0, 1]), ints("ends", &[1, -1])]), 1, vec![1, 1, 2]),
        (node_with("Concat", &["x", "x"], &["y"], vec![]), 3, vec![1, 6, 2]),
        (node_with("Abs", &["x"], &["y"], vec![ints("consumed_inputs", &[0])]), 5, vec![1, 3, 2]),
    ];
    for (node, version, shape) in cases {
        let op = node.op_type.clone();
        let outputs = run(&one(node, version, &[1, 3, 2], None), vec![f32s(&[1, 3, 2], &[1.0; 6])]);
        assert_eq!(outputs[0].shape(), shape, "{op:?} of version {version}");
    }
    let refused: Vec<(NodeProto, i64, &str)> = vec![
        (node_with("ReduceSum", &["x"], &["y"], vec![ints("axes", &[1])]), 13, "`axes`"),
        (node_with("Squeeze", &["x"], &["y"], vec![ints("axes", &[0])]), 13, "`axes`"),
        (node_with("Reshape", &["x"], &["y"], vec![ints("shape", &[6])]), 5, "missing"),
        (node_with("Shape", &["x"], &["y"], vec![int("start", 1)]), 13, "`start`"),
        (node_with("Abs", &["x"], &["y"], vec![ints("consumed_inputs", &[0])]), 6, "`consumed_inputs`"),
        (node_with("Concat", &["x", "x"], &["y"], vec![]), 4, "`axis`"),
    ];
    for (node, version, part) in refused {
        assert_says(&refusal(&one(node, version, &[1, 3, 2], None)), &[part]);
    }
}

#[test]
fn cast_names_its_dtype_by_name_and_then_by_number() {
    let cast = |attribute: AttributeProto| node_with("Cast", &["x"], &["y"], vec![attribute]);
    for (attribute, version) in [(string("to", "INT64"), 1), (int("to", 7), 6), (int("to", 7), 25)] {
        let outputs = run(&one(cast(attribute), version, &[2], None), vec![f32s(&[2], &[1.5, -1.5])]);
        assert_eq!(outputs[0].to_vec::<i64>(), Ok(vec![1, -1]));
    }
    let cases: [(AttributeProto, i64, &[&str]); 5] = [
        (string("to", "INT65"), 1, &["INT65"]),
        (string("to", "INT64"), 6, &["`to`", "string", "not int"]),
        (int("to", 14), 13, &["COMPLEX64", "not supported"]),
        (int("to", 77), 13, &["77 is no dtype"]),
        (int("from", 1), 13, &["`to` is missing"]),
    ];
    for (attribute, version, parts) in cases {
        let message = refusal(&one(cast(attribute), version, &[2], None));
        assert_says(&message, parts);
        assert_says(&message, &["Cast"]);
    }
}

#[test]
fn constants_in_every_attribute() {
    let floats_attribute =
        AttributeProto { floats: vec![0.5, 1.5], ..attribute("value_floats", attribute_type::FLOATS) };
    let float = AttributeProto { f: Some(0.1), ..attribute("value_float", attribute_type::FLOAT) };
    let strings = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    let strings = AttributeProto { strings, ..attribute("value_strings", attribute_type::STRINGS) };
    let tensor =
        AttributeProto { t: Some(Box::new(longs("", &[1, 2], &[3, 4]))), ..attribute("value", attribute_type::TENSOR) };
    let text = |shape: &[usize], values: &[&str]| {
        Tensor::from_strings(shape, values.iter().map(|value| (*value).to_owned()).collect()).expect("sizes match")
    };
    let cases = vec![
        (tensor.clone(), Tensor::from_vec(&[1, 2], vec![3i64, 4]).expect("sizes match")),
        (int("value_int", -7), Tensor::scalar(-7i64)),
        (ints("value_ints", &[1, 2]), Tensor::from_vec(&[2], vec![1i64, 2]).expect("sizes match")),
        (ints("value_ints", &[]), Tensor::from_vec(&[0], Vec::<i64>::new()).expect("sizes match")),
        (float, Tensor::scalar(0.1f32)),
        (floats_attribute, f32s(&[2], &[0.5, 1.5])),
        (string("value_string", "hi"), text(&[], &["hi"])),
        (strings, text(&[2], &["a", "b"])),
    ];
    let constant =
        |attributes| model(graph(vec![node_with("Constant", &[], &["y"], attributes)], vec![], vec![untyped("y")]), 13);
    for (attribute, wanted) in cases {
        let name = attribute.name.clone();
        let outputs = run(&constant(vec![attribute]), vec![]);
        assert!(outputs[0].bit_eq(&wanted), "{name:?}: {:?}", outputs[0]);
    }
    assert_says(&refusal(&constant(vec![])), &["exactly one attribute"]);
    assert_says(&refusal(&constant(vec![tensor, int("value_int", 1)])), &["exactly one attribute"]);
}

#[test]
fn all_unsupported_ops_are_named_at_once() {
    let odd = |name: &str, op: &str, domain: &str| NodeProto {
        name: Some(name.to_owned()),
        domain: Some(domain.to_owned()),
        ..node(op, &["x"], &[&format!("out_{name}")])
    };
    let inner = graph(vec![odd("inner", "Odd", "")], vec![], vec![untyped("out_inner")]);
    let other = graph(vec![node("Abs", &["x"], &["b"])], vec![], vec![untyped("b")]);
    let branches = vec![crate::protos::body("then_branch", inner), crate::protos::body("else_branch", other)];
    let nodes = vec![
        odd("one", "Odd", ""),
        odd("two", "Odd", "elsewhere"),
        node("Where", &["x", "x", "x"], &["y"]),
        node_with("If", &["x"], &["z"], branches),
    ];
    let model = model(graph(nodes, vec![value("x", DType::F32, &[1])], vec![untyped("y")]), 8);
    let error = imported(&model).expect_err("nothing of it is supported");
    let OnnxError::Unsupported(nodes) = error.root() else { panic!("{error}") };
    let found: Vec<_> = nodes.iter().map(|node| (node.node.as_str(), node.op.as_str(), node.version)).collect();
    // `Where` came with version 9.
    assert_eq!(
        found,
        [("one", "Odd", Some(8)), ("two", "Odd", None), ("y", "Where", Some(8)), ("inner", "Odd", Some(8))]
    );
    let message = error.to_string();
    assert_says(
        &message,
        &["4 nodes", "3 ops", "Odd (version 8): one, inner", "elsewhere.Odd", "Where (version 8): y"],
    );
}

#[test]
fn opsets_that_are_not_known_are_refused() {
    let abs = || node("Abs", &["x"], &["y"]);
    assert!(imported(&one(abs(), 28, &[1], None)).is_ok());
    for version in [29, 0, -1] {
        let message = refusal(&one(abs(), version, &[1], None));
        assert_says(&message, &[&version.to_string(), "1 to 28"]);
    }
    let mut none = one(abs(), 13, &[1], None);
    none.opset_import.clear();
    assert_says(&refusal(&none), &["must import an opset"]);
    let mut twice = one(abs(), 13, &[1], None);
    twice.opset_import.push(crate::protos::opset("ai.onnx", 14));
    assert_says(&refusal(&twice), &["two versions"]);
    let mut unused = one(abs(), 13, &[1], None);
    unused.opset_import.push(crate::protos::opset("com.example", 99));
    assert!(imported(&unused).is_ok(), "a domain that no node uses does no harm");
}
