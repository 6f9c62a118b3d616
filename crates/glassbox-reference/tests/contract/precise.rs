//! Precise mode: floats are carried as f64, and the difference is the rounding error.

use glassbox_exec::{Options, Precision};
use glassbox_tensor::DType;

use super::{Session, elements, graph, vector};

#[test]
fn rounding_between_nodes_is_gone() {
    // (x + 1) - 1 loses x in f32, and keeps it in f64.
    let source = r#"graph "cancel" {
      input %x: f32[1]
      %one = constant() {value = f32[] 1} : f32[]
      %up = add(%x, %one) : f32[1]
      %down = sub(%up, %one) : f32[1]
      output %down
    }"#;
    let run = |precision| {
        let options = Options { precision, ..Options::default() };
        Session::new(graph(source), options).unwrap().run(&[vector(&[1e-9])]).unwrap().remove(0)
    };
    assert_eq!(elements(&run(Precision::Declared)), [0.0]);
    let precise = run(Precision::Precise);
    assert_eq!(precise.ty().dtype(), DType::F64);
    assert!((elements(&precise)[0] - 1e-9).abs() < 1e-15);
}

#[test]
fn composites_casts_states_and_bodies_are_precise_too() {
    let source = r#"graph "all" {
      state @s: f32[1] = f32[1] [1]
      input %x: f32[2]
      %h = cast(%x) {to = f16} : f16[2]
      %f = cast(%h) {to = f32} : f32[2]
      %y = softmax(%f) : f32[2]
      %old = state_read() {state = "s"} : f32[1]
      %n = constant() {value = i64[] 3} : i64[]
      %z = loop(%n, _, %old) (%i: i64[], %go: bool[], %c: f32[1]) {
        %k = constant() {value = f32[] 1.1} : f32[]
        %m = mul(%c, %k) : f32[1]
        yield %go, %m
      } : f32[1]
      %new = state_write(%z) {state = "s"} : f32[1]
      output %y, %new
    }"#;
    let options = Options { precision: Precision::Precise, ..Options::default() };
    let mut session = Session::new(graph(source), options).unwrap();
    let outputs = session.run(&[vector(&[0.1, 0.2])]).unwrap();
    let difference = f64::from(0.2f32) - f64::from(0.1f32);
    let want = 1.0 / (1.0 + difference.exp());
    assert!((elements(&outputs[0])[0] - want).abs() < 1e-15);
    assert!((elements(&outputs[1])[0] - f64::from(1.1f32).powi(3)).abs() < 1e-15);
    assert_eq!(session.state("s").unwrap().dtype(), DType::F64);
}
