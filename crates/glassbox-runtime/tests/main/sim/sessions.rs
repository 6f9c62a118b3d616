//! The older surface.

use std::sync::Arc;

use glassbox_dsl::{Lower, Output};
use glassbox_runtime::{SimSession, inputs};

use super::{PROGRAM, graph, message, package};

const COUNT: &str = r#"graph "count" {
  state @n: i64[]
  input %tok: i64[1, T]
  input %step: i32[]
  %0 = state_read() {state = "n"} : i64[]
  %all = constant() {value = i64[2] [0, 1]} : i64[2]
  %1 = reduce_sum(%tok, %all) {keepdims = false} : i64[]
  %total = add(%0, %1) : i64[]
  %2 = state_write(%total) {state = "n"} : i64[]
  output %total
}"#;

#[test]
fn states_live_from_step_to_step_of_each_graph() {
    let mut session = SimSession::new(&package(), crate::device()).expect("a session");
    let (shared, total) = (Arc::new(graph(COUNT)), Output::new("total"));
    for (step, want) in [(0, 42), (1, 84)] {
        let out = session.run_step(&shared, inputs! { tok: vec![40, 2], step: step }).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(out.fetch(&total).expect("an output").item::<i64>().expect("a number"), want);
        assert_eq!(out.fetch_as::<i64>("n").expect("a state"), want);
    }
    // The same program written again has the same states; another program has its own.
    let again: &dyn Lower = &graph(COUNT);
    let out = session.run_step(again, inputs! { tok: vec![1], step: 2 }).expect("a step");
    assert_eq!(out.fetch_as::<i64>(total.clone()).expect("an output"), 85);
    let out = session.run_step(&graph(PROGRAM), inputs! { x: [1.0f32, 2.0] }).expect("a step");
    assert_eq!(out.fetch_as::<i64>("count").expect("a state"), 1);
    assert_eq!(out.fetch("h").expect("a version").to_vec::<f32>().expect("f32"), [7.0, 26.0]);
    let out = session.run_step(&shared, inputs! { tok: vec![1], step: 3 }).expect("a step");
    assert_eq!(out.fetch_as::<i64>(&total).expect("an output"), 86);
    assert_eq!(message(out.fetch("totals")), "there is no output named `totals`; did you mean `total`?");
    session.executor(&shared).expect("its executor").reset().expect("a reset");
    let out = session.run_step(&shared, inputs! { tok: vec![5], step: 0 }).expect("a step");
    assert_eq!(out.fetch_as::<i64>(total).expect("an output"), 5);
}

#[test]
fn inputs_are_those_of_the_call() {
    let mut session = SimSession::new(&package(), crate::device()).expect("a session");
    let program = graph(COUNT);
    assert!(message(session.run_step(&program, inputs! { tok: vec![1] })).contains("`step`: i32[]"));
    // The first call's `tok` isn't kept for the second.
    assert!(message(session.run_step(&program, inputs! { step: 1 })).contains("`tok`: i64[1, T]"));
    assert!(message(session.run_step(&program, inputs! { "token": 1 })).contains("there is no input named `token`"));
    session.executor(&program).expect("its executor").break_at("total", |_| true).expect("a variable");
    let error = message(session.run_step(&program, inputs! { tok: vec![1], step: 1 }));
    assert!(error.contains("the step pauses at a breakpoint, `total`"), "{error}");
}
