//! Files that are cut and patched: what stays, what goes, what runs, and what is refused.

use std::path::{Path, PathBuf};

use glassbox_ir::edit::Change;
use glassbox_onnx::edit::{Cut, Source};
use glassbox_onnx::proto::*;
use glassbox_onnx::{ImportOptions, import, load};
use glassbox_tensor::{DType, Tensor};
use prost::Message;

use crate::protos::{
    body, f32s, floats, graph, int, ints, longs, model, node, node_with, number, opset, run, string, untyped, value,
};

/// A folder with a model in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn source(&self, bytes: Vec<u8>) -> Source {
        let path = self.path("model.onnx");
        std::fs::write(&path, bytes).expect("it is written");
        Source::open(&path).expect("the model is sound")
    }
}

fn read(path: &Path) -> ModelProto {
    ModelProto::decode(std::fs::read(path).expect("it is there").as_slice()).expect("it is a model")
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// `x` is scaled, split, one half goes through a function, the other through an If that reads values around it.
fn whole() -> ModelProto {
    let branch = |op: &str, operand: &str| {
        let out = format!("{op}_out");
        let inner = graph(vec![node(op, &[operand, "w"], &[&out])], vec![], vec![untyped(&out)]);
        body(if op == "Add" { "then_branch" } else { "else_branch" }, inner)
    };
    let twice = NodeProto { domain: Some("own".to_owned()), ..node("Twice", &["left"], &["doubled"]) };
    let nodes = vec![
        node("Mul", &["x", "k"], &["scaled"]),
        node_with("Split", &["scaled"], &["left", "right"], vec![int("axis", 0), int("num_outputs", 2)]),
        twice,
        node_with("If", &["which"], &["chosen"], vec![branch("Add", "right"), branch("Mul", "right")]),
        node("Add", &["doubled", "chosen"], &["y"]),
        node("Neg", &["doubled"], &["unused"]),
    ];
    let inputs = vec![value("x", DType::F32, &[4]), value("which", DType::Bool, &[])];
    let mut graph = graph(nodes, inputs, vec![value("y", DType::F32, &[2])]);
    graph.initializer = vec![floats("k", &[], &[3.0]), floats("w", &[2], &[10.0, 20.0])];
    graph.value_info = vec![value("scaled", DType::F32, &[4]), value("unused", DType::F32, &[2])];
    let function = |name: &str| FunctionProto {
        name: Some(name.to_owned()),
        domain: Some("own".to_owned()),
        input: names(&["a"]),
        output: names(&["b"]),
        node: vec![node("Add", &["a", "a"], &["b"])],
        opset_import: vec![opset("", 18)],
        ..FunctionProto::default()
    };
    let functions = vec![function("Twice"), function("Never")];
    let opset_import = vec![opset("", 18), opset("own", 1)];
    ModelProto { functions, opset_import, producer_name: Some("tests".to_owned()), ..model(graph, 18) }
}

fn truth(value: bool) -> Tensor {
    Tensor::from_vec(&[], vec![value]).expect("a scalar")
}

#[test]
fn a_piece_has_what_it_needs_and_computes_the_same() {
    let (whole, folder) = (whole(), Folder::new());
    let source = folder.source(whole.encode_to_vec());
    // Every value of the graph, from the whole model.
    let x = f32s(&[4], &[1.0, 2.0, 3.0, 4.0]);
    let all = ["scaled", "left", "right", "doubled", "chosen", "y"];
    let mut everything = whole.clone();
    everything.graph.as_mut().expect("a graph").output = all.iter().map(|name| untyped(name)).collect();
    let computed = run(&everything, vec![x.clone(), truth(true)]);
    let known = |name: &str| match name {
        "x" => x.clone(),
        "which" => truth(true),
        "k" => Tensor::scalar(3.0f32),
        name => computed[all.iter().position(|known| *known == name).expect("a value")].clone(),
    };
    for (from, to, inputs, nodes, initializers, functions) in [
        (&[][..], &[][..], &["x", "which"][..], 5, &["k", "w"][..], 1),
        (&["scaled"], &["doubled"], &["scaled"], 2, &[], 1),
        (&[], &["chosen"], &["x", "which"], 3, &["k", "w"], 0),
        (&["right"], &["chosen"], &["right", "which"], 1, &["w"], 0),
        // One output of Split is an input now, the other is computed.
        (&["left"], &["y"], &["left", "x", "which"], 5, &["k", "w"], 1),
        (&["k"], &["scaled"], &["k", "x"], 1, &[], 0),
        (&["chosen", "doubled"], &[], &["chosen", "doubled"], 1, &[], 0),
    ] {
        let label = format!("{from:?} to {to:?}");
        let path = folder.path("piece.onnx");
        let cut = Cut { from: names(from), to: names(to) };
        source.extract(&cut).expect(&label).write(&path).expect(&label);
        let piece = read(&path);
        let graph = piece.graph.clone().expect("a graph");
        let given: Vec<&str> = graph.input.iter().filter_map(|input| input.name.as_deref()).collect();
        let kept: Vec<&str> = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
        assert_eq!((given.as_slice(), graph.node.len(), kept.as_slice()), (inputs, nodes, initializers), "{label}");
        assert_eq!((piece.functions.len(), piece.producer_name.as_deref()), (functions, Some("tests")), "{label}");
        assert_eq!(piece.opset_import, whole.opset_import, "{label}");
        assert!(graph.input.iter().chain(&graph.output).all(|end| end.r#type.is_some()), "{label}: {graph:?}");
        let results = run(&piece, inputs.iter().map(|name| known(name)).collect());
        for (output, result) in graph.output.iter().zip(results) {
            let name = output.name.as_deref().expect("a name");
            assert!(result.bit_eq(&known(name)), "{label}: {name}");
        }
    }
}

#[test]
fn what_is_not_understood_stays_in_a_piece() {
    let folder = Folder::new();
    let mut bytes = whole().encode_to_vec();
    // A documentation string (field 6), and a field that no version has (99).
    for (tag, text) in [(6u64, "what it is for"), (99, "of a later version")] {
        prost::encoding::encode_key(tag as u32, prost::encoding::WireType::LengthDelimited, &mut bytes);
        bytes.push(text.len() as u8);
        bytes.extend(text.as_bytes());
    }
    let source = folder.source(bytes);
    let path = folder.path("piece.onnx");
    source.extract(&Cut { from: names(&["scaled"]), to: Vec::new() }).expect("a piece").write(&path).expect("written");
    let written = String::from_utf8_lossy(&std::fs::read(&path).expect("it is there")).into_owned();
    assert!(written.contains("what it is for") && written.contains("of a later version"), "{written}");
    let changed = source.set(&[change("y", "op", "Sub")], true).expect("it is changed");
    changed.write(&path).expect("written");
    let written = String::from_utf8_lossy(&std::fs::read(&path).expect("it is there")).into_owned();
    assert!(written.contains("what it is for") && written.contains("of a later version"), "{written}");
}

#[test]
fn places_that_are_no_cut_are_refused_with_what_to_do() {
    let folder = Folder::new();
    let source = folder.source(whole().encode_to_vec());
    for (from, to, want) in [
        (&["scald"][..], &[][..], "no value is named `scald`; is `scaled` meant?"),
        (&["Add_out"], &[], "`Add_out` is a value inside a body of If `chosen`"),
        (&["y"], &["y"], "the piece begins and ends with `y`"),
        (&["chosen"], &["doubled"], "`doubled` can be computed without `chosen`"),
        (&["b"], &[], "no value is named `b`"),
    ] {
        let refused = source.extract(&Cut { from: names(from), to: names(to) }).err().expect("it is refused");
        assert!(refused.to_string().starts_with(want), "{refused}");
    }
    // A type that is neither declared nor can be inferred, since an op isn't known.
    let unknown = NodeProto { domain: Some("other".to_owned()), ..node("Mystery", &["x"], &["m"]) };
    let unknown = model(
        graph(vec![unknown, node("Abs", &["m"], &["y"])], vec![value("x", DType::F32, &[2])], vec![untyped("y")]),
        18,
    );
    let source =
        folder.source(ModelProto { opset_import: vec![opset("", 18), opset("other", 1)], ..unknown }.encode_to_vec());
    let refused = source.extract(&Cut { from: names(&["m"]), to: Vec::new() }).err().expect("it is refused");
    assert!(refused.to_string().contains("`m` would be an input, but the file doesn't say its type"), "{refused}");
    // The other end can be had: its output has no type, which is told.
    let edited = source.extract(&Cut { from: Vec::new(), to: names(&["m"]) }).expect("a piece");
    assert!(edited.notes[0].starts_with("the type of the output `m` is left out"), "{:?}", edited.notes);
    let over = edited.write(&folder.path("model.onnx")).expect_err("it isn't written over");
    assert!(over.to_string().contains("the model is read from it"), "{over}");
}

#[test]
fn names_of_dims_stay_those_of_the_file() {
    let folder = Folder::new();
    let dim = |name: &str| DimensionProto { value: Some(DimensionValue::Param(name.to_owned())) };
    let shape = TensorShapeProto { dim: vec![dim("batch size"), dim("n")] };
    let ty = TypeProto { value: Some(TypeValue::Tensor(TensorTypeProto { elem_type: Some(1), shape: Some(shape) })) };
    let x = ValueInfoProto { name: Some("x".to_owned()), r#type: Some(ty.clone()) };
    let nodes = vec![node("Abs", &["x"], &["a"]), node("Neg", &["a"], &["y"])];
    let source = folder.source(model(graph(nodes, vec![x], vec![untyped("y")]), 18).encode_to_vec());
    let path = folder.path("piece.onnx");
    source.extract(&Cut { from: names(&["a"]), to: Vec::new() }).expect("a piece").write(&path).expect("written");
    let graph = read(&path).graph.expect("a graph");
    assert_eq!((graph.input[0].r#type.as_ref(), graph.output[0].r#type.as_ref()), (Some(&ty), Some(&ty)));
}

/// A model whose weight is in another file, from byte 3 on.
fn with_data_elsewhere(folder: &Folder) -> Source {
    std::fs::write(folder.path("w.bin"), [&[9u8; 3][..], &1.5f32.to_le_bytes(), &2.5f32.to_le_bytes()].concat())
        .expect("written");
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) };
    let tensor = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![2],
        data_type: number(DType::F32),
        data_location: Some(1),
        external_data: vec![entry("location", "w.bin"), entry("offset", "3"), entry("length", "8")],
        ..TensorProto::default()
    };
    let nodes = vec![node("Mul", &["x", "w"], &["m"]), node("Abs", &["m"], &["y"])];
    let mut graph = graph(nodes, vec![value("x", DType::F32, &[2])], vec![untyped("y")]);
    graph.initializer = vec![tensor];
    folder.source(model(graph, 18).encode_to_vec())
}

#[test]
fn data_in_other_files_comes_along_to_another_folder() {
    let (folder, other) = (Folder::new(), Folder::new());
    let source = with_data_elsewhere(&folder);
    let cut = Cut { from: Vec::new(), to: names(&["m"]) };
    let piece = source.extract(&cut).expect("a piece");
    let here = piece.write(&folder.path("here.onnx")).expect("written");
    assert_eq!(here, [folder.path("here.onnx")], "the data is where it was");
    let there = piece.write(&other.path("there.onnx")).expect("written");
    assert_eq!(there, [other.path("there.onnx.data"), other.path("there.onnx")]);
    for path in [folder.path("here.onnx"), other.path("there.onnx")] {
        let model = load(&path).expect("it loads");
        let imported = import(&model, &ImportOptions::default()).expect("it is imported");
        assert_eq!(model.graph.initializers[0].1.to_vec::<f32>().expect("floats"), [1.5, 2.5]);
        assert_eq!(imported.outputs, ["m"]);
    }
    // A copy and a changed model likewise.
    source.copy().expect("a copy").write(&other.path("copy.onnx")).expect("written");
    source.set(&[change("y", "op", "Neg")], true).expect("changed").write(&other.path("neg.onnx")).expect("written");
    std::fs::remove_file(folder.path("w.bin")).expect("it is gone");
    assert!(load(&other.path("copy.onnx")).is_ok() && load(&other.path("neg.onnx")).is_ok());
}

fn change(node: &str, attribute: &str, value: &str) -> Change {
    Change { node: node.to_owned(), attribute: attribute.to_owned(), value: value.to_owned() }
}

/// Nodes of each kind of attribute; one inside a body, one in a function.
fn attributes() -> ModelProto {
    let inner = |bias: f32| {
        let leaky = node_with(
            "LeakyRelu",
            &["t"],
            &[&format!("inner{bias}")],
            vec![AttributeProto { f: Some(bias), ..int("alpha", 0) }],
        );
        let fix = AttributeProto { i: None, r#type: Some(attribute_type::FLOAT), ..leaky.attribute[0].clone() };
        let leaky = NodeProto { attribute: vec![fix], ..leaky };
        let out = leaky.output[0].clone();
        graph(vec![leaky], vec![], vec![untyped(&out)])
    };
    let constant = |name: &str, tensor: TensorProto| {
        let attribute =
            AttributeProto { t: Some(Box::new(tensor)), ..crate::protos::attribute("value", attribute_type::TENSOR) };
        node_with("Constant", &[], &[name], vec![attribute])
    };
    let nodes = vec![
        constant("axes", longs("", &[1], &[0])),
        constant("eps", floats("", &[], &[1e-5])),
        node_with("Transpose", &["x"], &["t"], vec![ints("perm", &[1, 0])]),
        NodeProto { name: Some("soft".to_owned()), ..node("Softmax", &["t"], &["s"]) },
        node_with("DepthToSpace", &["d"], &["e"], vec![int("blocksize", 1), string("mode", "DCR")]),
        node_with("If", &["c"], &["chosen"], vec![body("then_branch", inner(0.1)), body("else_branch", inner(0.2))]),
        NodeProto { domain: Some("own".to_owned()), ..node("F", &["s"], &["y"]) },
        node("Add", &["eps", "y"], &["z"]),
    ];
    let inputs =
        vec![value("x", DType::F32, &[2, 3]), value("d", DType::F32, &[1, 1, 2, 2]), value("c", DType::Bool, &[])];
    let outputs = ["z", "chosen", "e", "axes"].map(untyped).to_vec();
    let function = FunctionProto {
        name: Some("F".to_owned()),
        domain: Some("own".to_owned()),
        input: names(&["a"]),
        output: names(&["b"]),
        node: vec![NodeProto { name: Some("in_f".to_owned()), ..node("Softmax", &["a"], &["b"]) }],
        opset_import: vec![opset("", 18)],
        ..FunctionProto::default()
    };
    let opset_import = vec![opset("", 18), opset("own", 1)];
    ModelProto { functions: vec![function], opset_import, ..model(graph(nodes, inputs, outputs), 18) }
}

/// The nodes of the graph.
fn nodes(model: &mut ModelProto) -> &mut Vec<NodeProto> {
    &mut model.graph.as_mut().expect("a graph").node
}

#[test]
fn a_change_changes_what_it_names_and_nothing_else() {
    type Edit = fn(&mut ModelProto);
    fn axis(value: i64) -> AttributeProto {
        int("axis", value)
    }
    let cases: [(&[Change], Edit); 10] = [
        (&[change("t", "perm", "[0, 1]")], |model| nodes(model)[2].attribute = vec![ints("perm", &[0, 1])]),
        (&[change("t", "perm", "0,1")], |model| nodes(model)[2].attribute = vec![ints("perm", &[0, 1])]),
        (&[change("t", "perm", "")], |model| nodes(model)[2].attribute.clear()),
        (&[change("soft", "axis", "0")], |model| nodes(model)[3].attribute = vec![axis(0)]),
        (&[change("s", "op", "LogSoftmax"), change("s", "axis", "-1")], |model| {
            nodes(model)[3].op_type = Some("LogSoftmax".to_owned());
            nodes(model)[3].attribute = vec![axis(-1)];
        }),
        (&[change("e", "mode", "CRD")], |model| nodes(model)[4].attribute[1] = string("mode", "CRD")),
        (&[change("axes", "value", "[1]")], |model| {
            let tensor = TensorProto {
                dims: vec![1],
                data_type: Some(7),
                raw_data: Some(1i64.to_le_bytes().to_vec().into()),
                ..TensorProto::default()
            };
            nodes(model)[0].attribute[0].t = Some(Box::new(tensor));
        }),
        (&[change("eps", "value", "0.5")], |model| {
            let tensor = TensorProto {
                data_type: Some(1),
                raw_data: Some(0.5f32.to_le_bytes().to_vec().into()),
                ..TensorProto::default()
            };
            nodes(model)[1].attribute[0].t = Some(Box::new(tensor));
        }),
        (&[change("inner0.2", "alpha", "3")], |model| {
            let body = nodes(model)[5].attribute[1].g.as_mut().expect("a body");
            body.node[0].attribute[0].f = Some(3.0);
        }),
        (&[change("in_f", "axis", "0")], |model| model.functions[0].node[0].attribute = vec![axis(0)]),
    ];
    for (changes, edit) in cases {
        let (folder, mut wanted) = (Folder::new(), attributes());
        let source = folder.source(wanted.encode_to_vec());
        let path = folder.path("changed.onnx");
        source.set(changes, true).expect("it is changed").write(&path).expect("it is written");
        edit(&mut wanted);
        assert_eq!(read(&path), wanted, "{changes:?}");
    }
}

#[test]
fn changes_that_mean_nothing_are_refused_with_what_to_do() {
    let folder = Folder::new();
    let source = folder.source(attributes().encode_to_vec());
    for (change, want) in [
        (change("sof", "axis", "0"), "no node is named `sof`; is `soft` meant?"),
        (change("soft", "axes", "0"), "Softmax `soft` has no attribute `axes`; is `axis` meant?"),
        (change("soft", "axis", ""), "Softmax `soft` has no attribute `axis`"),
        (change("t", "perm", "[a]"), "`perm` of `t` holds a list of integers, which \"[a]\" is not"),
        (change("t", "perm", "[0, 0]"), "with these changes the model is refused, so it isn't written: "),
        (change("soft", "axis", "9"), "with these changes the model is refused, so it isn't written: "),
        (change("soft", "op", "Nothing"), "with these changes the model is refused, so it isn't written: "),
        (change("axes", "value", "[1, 2]"), "`value` of `axes` holds a tensor, which \"[1, 2]\" is not"),
        (change("chosen", "then_branch", "1"), "`then_branch` of `chosen` holds graph, which can't be given as text"),
    ] {
        let refused = source.set(std::slice::from_ref(&change), true).err().expect("it is refused");
        assert!(refused.to_string().starts_with(want), "{change:?}: {refused}");
    }
    assert!(source.set(&[change("soft", "axis", "9")], false).is_ok(), "without a check it is made all the same");
}

#[test]
fn a_number_becomes_a_float_where_the_op_wants_one() {
    let folder = Folder::new();
    // LeakyRelu is converted by its row, Elu has the attribute by its declaration; neither has a value here.
    let nodes =
        vec![node("Elu", &["x"], &["e"]), node("HardSigmoid", &["e"], &["h"]), node("LeakyRelu", &["h"], &["y"])];
    let source =
        folder.source(model(graph(nodes, vec![value("x", DType::F32, &[2])], vec![untyped("y")]), 18).encode_to_vec());
    let path = folder.path("changed.onnx");
    let changes = [change("e", "alpha", "2"), change("h", "beta", "1"), change("y", "alpha", "3")];
    source.set(&changes, true).expect("it is changed").write(&path).expect("it is written");
    let graph = read(&path).graph.expect("a graph");
    let given: Vec<Option<f32>> = graph.node.iter().map(|node| node.attribute[0].f).collect();
    assert_eq!(given, [Some(2.0), Some(1.0), Some(3.0)]);
}
