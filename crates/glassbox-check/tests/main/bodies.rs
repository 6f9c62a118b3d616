//! Faults inside loops, branches and functions are named inside, with the turn.

use glassbox_exec::Value;
use glassbox_tensor::Tensor;

use crate::{against, against_precise};

const LOOP: &str = "graph \"g\" {
  input %x: f32[2]
  %n = constant() {value = i64[] [4]}
  %go = constant() {value = bool[] [true]}
  %y = loop(%n, %go, %x) (%turn: i64[], %again: bool[], %h: f32[2]) {
    %k = constant() {value = f32[] [1.5]}
    %p = mul(%h, %k)
    %q = sub(%p, %x)
    yield %again, %q
  }
  output %y
}";

fn x(values: [f32; 2]) -> Vec<Value> {
    vec![Tensor::from_vec(&[2], values.to_vec()).unwrap().into()]
}

#[test]
fn a_fault_in_a_loop_is_named_in_its_first_turn() {
    let faulty = LOOP.replace("sub(%p, %x)", "sub(%x, %p)");
    let report = against(&faulty, LOOP, &x([1.0, -2.0]));
    let first = &report.culprits[0];
    assert_eq!(first.node, "q", "{}", report.summary);
    assert!(first.path.ends_with("[0]"), "{}", first.path);
}

#[test]
fn renamed_bodies_are_paired() {
    let good = LOOP.replace("%p", "%scaled").replace("%q", "%moved").replace("%h", "%held");
    let faulty = LOOP.replace("[1.5]", "[1.25]");
    let report = against(&faulty, &good, &x([1.0, -2.0]));
    assert_eq!(report.culprits[0].node, "p", "{}", report.summary);
    let rows = report.rows.iter().filter(|row| row.value == "p").count();
    assert_eq!(rows, 4, "one for each turn");
}

/// In the turn in which it happens, not before.
#[test]
fn an_overflow_in_a_later_turn_is_named_there() {
    let text = LOOP.replace("[1.5]", "[1e15]");
    let report = against_precise(&text, &x([1.0, 2.0]));
    let first = &report.culprits[0];
    assert_eq!((first.node.as_str(), first.kind.name()), ("p", "overflow"), "{}", report.summary);
    assert!(first.path.ends_with("[2]"), "{}", first.path);
}
