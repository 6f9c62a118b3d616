//! Where a run stops with an error: memory, turns, contents that break a rule, wrong inputs.

use glassbox_exec::{Limits, Options, Value};
use glassbox_tensor::Tensor;

use super::{Session, graph, vector};

fn error(source: &str, inputs: &[Value], options: Options) -> String {
    Session::new(graph(source), options).expect("a session").run(inputs).expect_err("an error").to_string()
}

#[test]
fn a_loop_without_end_is_stopped() {
    let source = r#"graph "forever" {
      %r = loop(_, _) (%i: i64[], %go: bool[]) { yield %go, %i } : i64[?]
      output %r
    }"#;
    let limits = Limits { turns: 1000, ..Limits::default() };
    let message = error(source, &[], Options { limits, ..Options::default() });
    assert!(message.contains("1000 turns"), "{message}");
}

#[test]
fn a_result_beyond_the_memory_limit_is_refused_before_it_is_made() {
    let source = r#"graph "outer" {
      input %x: f32[N]
      %axes = constant() {value = i64[1] [1]} : i64[1]
      %column = unsqueeze(%x, %axes) : f32[N, 1]
      %outer = mul(%column, %x) : f32[N, N]
      output %outer
    }"#;
    let limits = Limits { bytes: 1000, ..Limits::default() };
    let message = error(source, &[vector(&[0.0; 100])], Options { limits, ..Options::default() });
    assert!(message.contains("f32[100, 100] is larger than the limit of 1000 bytes"), "{message}");
}

#[test]
fn inputs_are_checked() {
    let source = r#"graph "sum" {
      input %x: f32[N]
      input %y: f32[N]
      %z = add(%x, %y) : f32[N]
      output %z
    }"#;
    let message = error(source, &[vector(&[1.0])], Options::default());
    assert!(message.contains("takes 2, not 1"), "{message}");
    let message = error(source, &[vector(&[1.0]), vector(&[1.0, 2.0])], Options::default());
    assert!(message.contains("`N` is 1 by axis 0 of `x`, and 2 by axis 0 of `y`"), "{message}");
    let wrong = Tensor::scalar(1i64).into();
    let message = error(source, &[vector(&[1.0]), wrong], Options::default());
    assert!(message.contains("`y` is declared f32[N], not i64[]"), "{message}");
}

#[test]
fn an_integer_is_not_divided_by_zero() {
    let source = r#"graph "divide" {
      input %x: i32[]
      %y = div(%x, %x) : i32[]
      output %y
    }"#;
    let message = error(source, &[Tensor::scalar(0i32).into()], Options::default());
    assert!(message.contains("div `y`: zero: an element of operand 1 is 0"), "{message}");
}

#[test]
fn a_rule_that_only_the_true_sizes_break_is_named() {
    let source = r#"graph "product" {
      input %a: f32[N, K]
      input %b: f32[L, M]
      %c = matmul(%a, %b) : f32[N, M]
      output %c
    }"#;
    let matrix = |rows: usize, columns: usize| {
        Value::from(Tensor::zeros(glassbox_tensor::DType::F32, &[rows, columns]).expect("sizes fit"))
    };
    let message = error(source, &[matrix(2, 3), matrix(4, 5)], Options::default());
    assert!(message.contains("matmul `c`: C2: the inner dims are 3 and 4"), "{message}");
}
