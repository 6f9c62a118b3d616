//! What a session has around it: parameters, functions of the host, states that are set from outside.

use std::sync::Arc;

use glassbox_exec::{Options, Precision, RunError};
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_tensor::{DType, NoParams, ParamSource, Tensor};

use super::Session;
use super::examples::{Echo, One};

fn try_session(body: &str, params: impl ParamSource + 'static, options: Options) -> Result<Session, RunError> {
    let text = format!("graph \"g\" {{ {body} }}");
    let graph = parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    Session::with(graph, Arc::new(params), options)
}

fn session(body: &str) -> Session {
    try_session(body, NoParams, Options::default()).expect("a session")
}

const WEIGHT: &str = "%w = parameter() {name = \"p\", type = f32[2]} : f32[2] output %w";

#[test]
fn a_parameter_that_is_not_there_is_an_error_before_anything_runs() {
    let error = try_session(WEIGHT, NoParams, Options::default()).err().expect("an error").to_string();
    assert_eq!(error, "parameter `w`: there is no parameter named \"p\"");
}

#[test]
fn a_parameter_of_another_type_is_an_error() {
    for tensor in [Tensor::zeros(DType::F16, &[2]), Tensor::zeros(DType::F32, &[3])] {
        let tensor = tensor.expect("zeros");
        let error =
            try_session(WEIGHT, One::new(Some(tensor)), Options::default()).err().expect("an error").to_string();
        assert!(error.contains("parameter \"p\" is f") && error.contains("the graph says f32[2]"), "{error}");
    }
}

#[test]
fn precise_runs_carry_parameters_in_f64() {
    let options = Options { precision: Precision::Precise, ..Options::default() };
    let weight = Tensor::from_vec(&[2], vec![1.5f32, -2.0]).expect("a tensor");
    let results = try_session(WEIGHT, One::new(Some(weight)), options).expect("a session").run(&[]).expect("a run");
    let tensor = results[0].as_tensor().expect("a tensor");
    assert_eq!((tensor.dtype(), tensor.to_vec::<f64>().expect("f64")), (DType::F64, vec![1.5, -2.0]));
}

#[test]
fn a_function_that_the_host_lacks_or_that_gives_another_type_is_an_error() {
    let call = |function: &str, ty: &str| {
        format!("input %x: i64[2] %y = host(%x) {{function = \"{function}\", type = {ty}}} : {ty} output %y")
    };
    let x = Tensor::from_vec(&[2], vec![1i64, 2]).expect("a tensor");
    let error = session(&call("echo", "i64[2]")).run(&[x.clone().into()]).expect_err("an error").to_string();
    assert_eq!(error, "host `y`: the program that runs this graph has no function `echo`");
    let mut wrong = session(&call("echo", "i64[3]"));
    let error = wrong.run_hosted(&[x.clone().into()], &mut Echo).expect_err("an error").to_string();
    assert_eq!(error, "host `y`: `echo` gave i64[2], the graph says i64[3]");
    let mut right = session(&call("echo", "i64[2]"));
    let results = right.run_hosted(&[x.clone().into()], &mut Echo).expect("a run");
    assert!(results[0].as_tensor().expect("a tensor").bit_eq(&x));
}

#[test]
fn states_can_be_set_within_their_type_and_capacity() {
    let mut session = session("state @s: f32[?, 2] capacity 3 %y = state_read() {state = \"s\"} output %y");
    let rows = |count: usize| Tensor::zeros(DType::F32, &[count, 2]).expect("zeros");
    session.set_state("s", rows(3)).expect("it fits");
    assert_eq!(session.run(&[]).expect("a run")[0].as_tensor().expect("a tensor").shape(), [3, 2]);
    let error = session.set_state("s", rows(4)).expect_err("too many").to_string();
    assert!(error.contains("would hold 4, its capacity is 3"), "{error}");
    let error = session.set_state("s", Tensor::zeros(DType::F32, &[1, 3]).expect("zeros")).expect_err("other dims");
    assert!(error.to_string().contains("can't be f32[1, 3]"), "{error}");
    let error = session.set_state("t", rows(1)).expect_err("no such state").to_string();
    assert!(error.contains("no state is named `t`; there are [\"s\"]"), "{error}");
    assert_eq!(session.state("s").expect("it is there").shape(), [3, 2]);
}
