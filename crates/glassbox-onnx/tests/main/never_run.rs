//! Branches and bodies that don't fit their types: no error where they never run, and one that says why where they do.

use glassbox_exec::{RunContext, Value};
use glassbox_onnx::proto::*;
use glassbox_tensor::{DType, Tensor};

use crate::protos::{
    assert_says, body, f32s, graph, imported, int, longs, model, node, node_with, refusal, run, unranked, untyped,
    value,
};

/// A branch that reshapes `x` of six elements to eight.
fn misfit(output: &str) -> GraphProto {
    let mut graph = graph(vec![node("Reshape", &["x", "shape"], &[output])], vec![], vec![untyped(output)]);
    graph.initializer = vec![longs("shape", &[2], &[4, 2])];
    graph
}

fn sound(output: &str) -> GraphProto {
    graph(vec![node("Neg", &["x"], &[output])], vec![], vec![untyped(output)])
}

fn branches(yes: GraphProto, no: GraphProto) -> ModelProto {
    let branches = vec![body("then_branch", yes), body("else_branch", no)];
    let nodes = vec![node_with("If", &["c"], &["y"], branches)];
    let inputs = vec![value("x", DType::F32, &[2, 3]), value("c", DType::Bool, &[])];
    model(graph(nodes, inputs, vec![untyped("y")]), 16)
}

/// What the run says where it fails.
fn failure(model: &ModelProto, inputs: Vec<Tensor>) -> String {
    let import = imported(model).expect("it is imported");
    let session = glassbox_backends::testing::session(import.graph, &glassbox_backends::options());
    let mut session = session.expect("it is prepared");
    let inputs: Vec<Value> = inputs.into_iter().map(Value::Tensor).collect();
    session.run(&inputs, RunContext::new()).expect_err("it fails").to_string()
}

#[test]
fn a_branch_that_is_not_taken_is_not_judged() {
    let x = || f32s(&[2, 3], &[1.0; 6]);
    for (model, taken) in [(branches(sound("t"), misfit("e")), true), (branches(misfit("t"), sound("e")), false)] {
        let notes = imported(&model).expect("it is imported").notes;
        assert!(notes.iter().any(|note| note.contains("If `y`") && note.contains("can't run")), "{notes:?}");
        assert_eq!(run(&model, vec![x(), Tensor::scalar(taken)])[0].to_vec::<f32>(), Ok(vec![-1.0; 6]));
        assert_says(
            &failure(&model, vec![x(), Tensor::scalar(!taken)]),
            &["`y`", "ONNX op If", "Reshape", "can't run"],
        );
    }
}

#[test]
fn a_node_whose_branches_both_misfit_is_refused() {
    assert_says(&refusal(&branches(misfit("t"), misfit("e"))), &["Reshape"]);
}

#[test]
fn a_branch_in_a_branch_is_not_judged() {
    let inner = |output: &str| {
        let branches = vec![body("then_branch", misfit("it")), body("else_branch", misfit("ie"))];
        graph(vec![node_with("If", &["c"], &[output], branches)], vec![], vec![untyped(output)])
    };
    let model = branches(sound("t"), inner("e"));
    assert_eq!(run(&model, vec![f32s(&[2, 3], &[1.0; 6]), Tensor::scalar(true)])[0].shape(), [2, 3]);
}

#[test]
fn a_body_that_never_turns_is_not_judged() {
    let looped = |count: Option<i64>| {
        let mut turn = graph(
            vec![
                node("Identity", &["go"], &["again"]),
                node("Reshape", &["p", "shape"], &["q"]),
                node("Abs", &["q"], &["s"]),
            ],
            vec![value("i", DType::I64, &[]), value("go", DType::Bool, &[]), untyped("p")],
            vec![value("again", DType::Bool, &[]), untyped("q"), value("s", DType::F32, &[4, 2])],
        );
        turn.output[1] = value("q", DType::F32, &[2, 3]);
        turn.initializer = vec![longs("shape", &[2], &[4, 2])];
        let node = node_with("Loop", &["n", "", "x"], &["y", "z"], vec![body("body", turn)]);
        let mut inputs = vec![value("x", DType::F32, &[2, 3])];
        inputs.extend(count.is_none().then(|| value("n", DType::I64, &[])));
        let mut graph = graph(vec![node], inputs, vec![untyped("y"), untyped("z")]);
        graph.initializer.extend(count.map(|count| longs("n", &[], &[count])));
        model(graph, 16)
    };
    let x = || f32s(&[2, 3], &[1.0; 6]);
    let outputs = run(&looped(Some(0)), vec![x()]);
    assert_eq!((outputs[0].shape(), outputs[1].shape()), (&[2, 3][..], &[0, 4, 2][..]));
    assert_eq!(run(&looped(None), vec![x(), Tensor::scalar(0i64)])[0].shape(), [2, 3]);
    assert_says(&failure(&looped(None), vec![x(), Tensor::scalar(1i64)]), &["ONNX op Loop", "can't run", "Reshape"]);
    assert_says(&refusal(&looped(Some(1))), &["Reshape"]);
}

#[test]
fn a_scan_without_a_step_is_not_judged() {
    let scanned = |steps: &[i64]| {
        let turn = graph(
            vec![node("Reshape", &["p", "shape"], &["q"]), node("Add", &["q", "e"], &["s"])],
            vec![untyped("p"), untyped("e")],
            vec![value("q", DType::F32, &[2, 3]), value("s", DType::F32, &[2, 3])],
        );
        let turn = GraphProto { initializer: vec![longs("shape", &[2], &[4, 2])], ..turn };
        let attributes = vec![body("body", turn), int("num_scan_inputs", 1)];
        let node = node_with("Scan", &["x", "each"], &["y", "z"], attributes);
        let mut graph = graph(
            vec![node],
            vec![value("x", DType::F32, &[2, 3]), value("each", DType::F32, steps)],
            vec![untyped("y"), untyped("z")],
        );
        if steps.is_empty() {
            graph.input[1] = unranked("each", DType::F32);
        }
        model(graph, 16)
    };
    let (x, none) = (|| f32s(&[2, 3], &[1.0; 6]), || f32s(&[0], &[]));
    for model in [scanned(&[0]), scanned(&[])] {
        let outputs = run(&model, vec![x(), none()]);
        assert_eq!((outputs[0].shape(), outputs[1].shape()), (&[2, 3][..], &[0, 2, 3][..]));
    }
    assert_says(&failure(&scanned(&[]), vec![x(), f32s(&[1], &[1.0])]), &["ONNX op Scan", "can't run", "Reshape"]);
    assert_says(&refusal(&scanned(&[1])), &["Reshape"]);
}
