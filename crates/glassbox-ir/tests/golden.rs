//! One graph that has everything, in both forms, as it shall look. `BLESS=1 cargo test` writes the files.

use std::path::Path;

use glassbox_ir::text::{ParseOptions, PrintOptions, parse, print};
use glassbox_ir::{
    Attrs, Dim, Graph, GraphBuilder, Origin, Provenance, State, TensorType, Type, attrs, json, ops, specialise,
};
use glassbox_tensor::{DType, Tensor, f16};

/// A small model: a layer, a branch, a loop, a state, and data of many kinds.
pub(crate) fn model() -> Graph {
    build().expect("the model keeps the rules")
}

fn build() -> Result<Graph, Box<dyn std::error::Error>> {
    let mut b = GraphBuilder::new("medium \"model\"");
    b.metadata("producer", "glassbox tests");
    b.metadata("labels", "cat\ndog");
    let cache = TensorType::new(DType::F16, [Dim::Unknown, Dim::Int(2)]);
    let initial = Tensor::from_vec(&[0, 2], Vec::<f16>::new())?;
    b.state(State { name: "kv/0".into(), ty: cache, capacity: Some(448), initial: Some(initial) })?;
    b.state(State { name: "steps".into(), ty: TensorType::new(DType::I64, [1i64]), capacity: None, initial: None })?;

    let x = b.input("x", Type::tensor(DType::F32, [Dim::symbol("B"), Dim::symbol("T") + Dim::Int(1), Dim::Int(20)]));
    let go = b.input("go:0", Type::scalar(DType::Bool));
    b.input("", Type::sequence(Type::optional(Type::unranked(DType::String))));

    b.set_provenance(Provenance::new(Origin::Layer("head/w".into())));
    let weights = (0..20).map(|n| n as f32 / 8.0).collect();
    let w = b.constant(Tensor::from_vec(&[20, 1], weights)?);
    b.set_name(w, "head w");
    let odd = vec![0.1f32, -0.0, f32::NAN, f32::from_bits(0xffc0_0001), f32::NEG_INFINITY];
    let odd = b.constant(Tensor::from_vec(&[5, 1, 1, 1], odd)?);
    let onnx = Provenance::new(Origin::Onnx { node: "MatMul_0".into(), op: "MatMul".into() });
    b.set_provenance(onnx.clone());
    let y = b.node(&ops::matmul::OP, &[Some(x), Some(w)], Attrs::new(), 1)?[0];
    b.set_name(y, "7");
    b.set_provenance(onnx.then(Origin::Decomposed("gemm".into())));
    let y = b.node(&ops::add::OP, &[Some(y), Some(odd)], Attrs::new(), 1)?[0];
    b.hint(y, "fuse", true)?;
    b.hint(y, "tile sizes", vec![8i64, 16])?;
    b.hint(y, "share", 1.0)?;
    let statement =
        |completes| Origin::Statement { file: "model.rs".into(), line: 12, block: "entry/layers".into(), completes };
    b.set_provenance(Provenance::new(statement(false)).then(Origin::Decomposed("add".into())));
    b.node(&ops::shape::OP, &[Some(y)], Attrs::new(), 1)?;
    let does_it = Provenance::new(statement(true));
    b.set_provenance(does_it.clone());
    let y = b.node(&ops::tanh::OP, &[Some(y)], Attrs::new(), 1)?[0];
    b.set_provenance(Provenance::merge([&onnx, &does_it]));
    let y = b.node(&ops::dropout::OP, &[Some(y)], Attrs::new(), 1)?[0];

    b.set_provenance(Provenance::default());
    let (yes, _) = b.begin_region(&[]);
    let positive = b.node(&ops::abs::OP, &[Some(y)], Attrs::new(), 1)?;
    b.set_name(positive[0], "positive");
    b.end_region(positive);
    let (no, _) = b.begin_region(&[]);
    b.end_region(vec![y]);
    let chosen = b.node_with_regions(&ops::if_::OP, &[Some(go)], Attrs::new(), vec![yes, no], 1)?[0];

    let count = b.constant(Tensor::scalar(3i64));
    let start = b.constant(Tensor::from_vec(&[1], vec![f16::from_f32(0.1)])?);
    let operands = [Some(count), None, Some(start)];
    let types = b.region_parameters(&ops::loop_::OP, &operands, &Attrs::new())?;
    let (body, parameters) = b.begin_region(&types[0]);
    let longer = b.node(&ops::concat::OP, &[Some(parameters[2]), Some(start)], attrs! { axis: -1 }, 1)?[0];
    b.end_region(vec![parameters[1], longer, parameters[0]]);
    let results = b.node_with_regions(&ops::loop_::OP, &operands, Attrs::new(), vec![body], 2)?;
    b.set_name(results[0], "grown");

    let read = b.node(&ops::state_read::OP, &[], attrs! { state: "kv/0" }, 1)?[0];
    let extent = b.node(&ops::shape::OP, &[Some(x)], Attrs::new(), 1)?[0];
    b.set_name(extent, "extent:");
    Ok(b.finish(vec![chosen, results[0], results[1], read, extent, chosen])?)
}

fn check(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "{file} is not as it was; if that is right, run with BLESS=1. It is now:\n{text}");
}

#[test]
fn the_text_is_as_it_was() {
    let text = print(&model(), &PrintOptions::with_data());
    check("medium.txt", &text);
    let parsed = parse(&text, &ParseOptions::default()).expect("the golden text parses");
    assert_eq!(model().same_as(&parsed), Ok(()));
}

#[test]
fn the_json_is_as_it_was() {
    let text = json::to_string(&model()).expect("JSON");
    check("medium.json", &format!("{text}\n"));
    let read = json::from_str(&text).expect("the golden JSON reads");
    assert_eq!(model().same_as(&read), Ok(()));
}

/// A specialised graph, whose types are narrower than those of the model, verifies and reads back too.
#[test]
fn a_specialised_graph_reads_back() {
    let model = model();
    let mut types: Vec<Type> = model.inputs().iter().map(|id| model.value(*id).ty.clone()).collect();
    types[0] = Type::tensor(DType::F32, [2i64, 5, 20]);
    let special = specialise(&model, &types).expect("the types fit");
    assert_eq!(glassbox_ir::verify(&special), Ok(()));
    let text = print(&special, &PrintOptions::with_data());
    let parsed = parse(&text, &ParseOptions::default()).expect("the text parses");
    assert_eq!(special.same_as(&parsed), Ok(()));
}
