//! Initializers that are inputs too.

use glassbox_exec::{RunContext, Value};
use glassbox_onnx::proto::ModelProto;
use glassbox_onnx::{ImportOptions, import};
use glassbox_tensor::{DType, Tensor};

use crate::protos::{assert_says, f32s, floats, graph, model, node, read, run, untyped, value};

fn with_default(ir_version: i64) -> ModelProto {
    let mut graph = graph(
        vec![node("Add", &["x", "w"], &["y"])],
        vec![value("w", DType::F32, &[2]), value("x", DType::F32, &[2])],
        vec![untyped("y")],
    );
    graph.initializer = vec![floats("w", &[2], &[10.0, 20.0])];
    ModelProto { ir_version: Some(ir_version), ..model(graph, 13) }
}

#[test]
fn an_input_with_an_initializer_has_a_default_that_a_run_overrides() {
    let proto = with_default(10);
    assert_eq!(run(&proto, vec![f32s(&[2], &[1.0, 2.0])])[0].to_vec::<f32>(), Ok(vec![11.0, 22.0]));
    let model = read(&proto).expect("it is sound");
    let names: Vec<_> = import::overridable(&model).map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["w"]);
    let mut options = ImportOptions::default();
    options.overridden.insert("w".to_owned());
    let import = import(&model, &options).expect("it is imported");
    assert_eq!(import.inputs, ["w", "x"], "in the order of the file");
    let mut session =
        glassbox_backends::testing::session(import.graph, &glassbox_backends::options()).expect("it runs");
    let inputs: Vec<Value> = [[1.0, 1.0], [5.0, 6.0]].iter().map(|values| f32s(&[2], values).into()).collect();
    let outputs = session.run(&inputs, RunContext::new()).expect("it runs");
    assert_eq!(outputs[0].as_tensor().map(Tensor::to_vec::<f32>), Some(Ok(vec![6.0, 7.0])));
}

#[test]
fn before_version_4_of_the_format_an_initializer_is_a_constant() {
    let model = read(&with_default(3)).expect("it is sound");
    assert_eq!(import::overridable(&model).count(), 0);
    let mut options = ImportOptions::default();
    options.overridden.insert("w".to_owned());
    let error = import(&model, &options).expect_err("it has no default").to_string();
    assert_says(&error, &["`w`", "no default"]);
}
