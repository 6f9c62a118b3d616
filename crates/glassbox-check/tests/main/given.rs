//! Constants and inputs that are outputs, or that the other side gives a value for, are compared as what nodes compute.

use glassbox_check::Other;
use glassbox_check::report::{Report, Verdict};
use glassbox_exec::{Nodes, Options, Value};
use glassbox_tensor::Tensor;

use crate::{against, against_precise, against_stored, graph, hunt, model};

const CONSTANT: &str = "graph \"g\" {
  input %x: f32[2]
  %k = constant() {value = f32[2] [1, 2]}
  %y = neg(%x)
  output %y, %k
}";

fn x() -> Vec<Value> {
    vec![Tensor::from_vec(&[2], vec![1.0f32, -2.0]).unwrap().into()]
}

fn pair(values: [f32; 2]) -> Tensor {
    Tensor::from_vec(&[2], values.to_vec()).unwrap()
}

fn named(report: &Report) -> Vec<(&str, &str)> {
    report.culprits.iter().map(|culprit| (culprit.node.as_str(), culprit.op.as_str())).collect()
}

#[test]
fn a_constant_output_is_held_against_what_is_stored() {
    let y = || ("y", pair([-1.0, 2.0]));
    let good = against_stored(CONSTANT, &x(), &[y(), ("k", pair([1.0, 2.0]))]);
    assert_eq!((good.verdict, good.rows.len()), (Verdict::Agrees, 2), "{}", good.summary);
    for wrong in [[1.0, 3.0], [f32::NAN, 2.0]] {
        let report = against_stored(CONSTANT, &x(), &[y(), ("k", pair(wrong))]);
        assert_eq!(report.verdict, Verdict::Differs, "{}", report.summary);
        assert_eq!(named(&report), [("k", "constant")], "{}", report.summary);
    }
    // Of other dims, too.
    let report = against_stored(CONSTANT, &x(), &[y(), ("k", Tensor::from_vec(&[1], vec![1.0f32]).unwrap())]);
    assert_eq!(report.verdict, Verdict::Differs, "{}", report.summary);
}

#[test]
fn texts_are_held_against_what_is_stored() {
    let text = CONSTANT.replace("f32[2] [1, 2]", "string[2] [\"a\", \"b\"]");
    let texts = |last: &str| Tensor::from_strings(&[2], vec!["a".to_owned(), last.to_owned()]).unwrap();
    assert_eq!(against_stored(&text, &x(), &[("k", texts("b"))]).verdict, Verdict::Agrees);
    let report = against_stored(&text, &x(), &[("k", texts("c"))]);
    assert_eq!((report.verdict, named(&report)), (Verdict::Differs, vec![("k", "constant")]), "{}", report.summary);
}

/// What is computed from a constant is judged by the constant that the other side has.
#[test]
fn a_constant_within_the_model_is_held_against_what_is_stored() {
    let text = CONSTANT.replace("neg(%x)", "add(%x, %k)").replace("output %y, %k", "output %y");
    let report = against_stored(&text, &x(), &[("k", pair([1.0, 5.0])), ("y", pair([2.0, 3.0]))]);
    assert_eq!(named(&report), [("k", "constant")], "{}", report.summary);
    let status: Vec<&str> = report.rows.iter().map(|row| row.status.name()).collect();
    assert_eq!(status, ["introduced", "inherited"], "{}", report.summary);
}

#[test]
fn an_output_that_is_an_input_is_held_against_what_is_stored() {
    let text = CONSTANT.replace("output %y, %k", "output %y, %x");
    assert_eq!(against_stored(&text, &x(), &[("x", pair([1.0, -2.0]))]).verdict, Verdict::Agrees);
    let report = against_stored(&text, &x(), &[("x", pair([1.0, 2.0]))]);
    assert_eq!((report.verdict, named(&report)), (Verdict::Differs, vec![("x", "input")]), "{}", report.summary);
}

#[test]
fn a_model_whose_output_is_a_constant_agrees_with_itself() {
    for text in [CONSTANT.to_owned(), CONSTANT.replace("output %y, %k", "output %x, %k, %y, %k")] {
        let precise = against_precise(&text, &x());
        assert_eq!(precise.verdict, Verdict::Agrees, "{}", precise.summary);
        assert_eq!(against(&text, &text, &x()).verdict, Verdict::Agrees);
        let options = Options::default();
        let (name, runtime) = ("cpu".to_owned(), glassbox_backends::find("cpu").unwrap());
        let side = Other::Itself { name, runtime, options, precise: false, nodes: Nodes::Surviving };
        let report = hunt(&model(graph(&text), &x()), side);
        assert_eq!(report.verdict, Verdict::Agrees, "{}", report.summary);
    }
}

#[test]
fn outputs_of_two_models_are_compared_whoever_computes_them() {
    let changed = CONSTANT.replace("[1, 2]", "[1, 3]");
    let renamed = changed.replace("%k", "%other");
    let computed = |second: &str| {
        let nodes = format!("%c = constant() {{value = f32[2] [-1, {second}]}}\n  %k = neg(%c)\n  %y =");
        CONSTANT.replace("  %k = constant() {value = f32[2] [1, 2]}\n", "").replace("%y =", &nodes)
    };
    let passed = CONSTANT.replace("output %y, %k", "output %y, %x");
    let (same, other) = (computed("-2"), computed("-3"));
    for (ours, theirs, agrees) in [
        (CONSTANT, changed.as_str(), false),
        (CONSTANT, renamed.as_str(), false),
        (CONSTANT, same.as_str(), true),
        (CONSTANT, other.as_str(), false),
        (same.as_str(), CONSTANT, true),
        (other.as_str(), CONSTANT, false),
        (CONSTANT, passed.as_str(), false),
        (passed.as_str(), CONSTANT, false),
    ] {
        let report = against(ours, theirs, &x());
        assert_eq!(report.verdict == Verdict::Agrees, agrees, "{}\n{ours}\n{theirs}", report.summary);
        assert_eq!(report.verdict == Verdict::Differs, !agrees, "{}\n{ours}\n{theirs}", report.summary);
    }
}
