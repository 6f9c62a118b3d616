//! Graphs with bodies, states and effects: what rules may rely on in them, and what stays.

use std::sync::Arc;

use glassbox_compiler::{CompileOptions, Rewriting, compile, rewrite, rules};
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_ir::{Fate, Graph};

use crate::held::{check_graph, check_runs, inputs};

fn graph(text: &str) -> Arc<Graph> {
    Arc::new(parse(text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// Compiles, checks everything, and gives the text.
fn compiled(text: &str) -> String {
    let source = graph(text);
    let compiled = compile(&source, &CompileOptions::default()).expect("it can be compiled");
    let mut before = &source;
    for stage in &compiled.stages {
        check_graph(before, &stage.graph, &stage.lineage);
        before = &stage.graph;
    }
    let inputs = inputs(&source, &|_| 2, 1).expect("inputs");
    let compared = check_runs(&source, compiled.graph(), &compiled.lineage(), &inputs);
    assert!(compared.is_some(), "it runs:\n{source}");
    compiled.graph().to_string()
}

fn count(text: &str, op: &str) -> usize {
    text.matches(&format!(" {op}(")).count()
}

/// A rule that looked at the types before they were widened would take the reshape away.
#[test]
fn carried_types_hold_for_every_turn() {
    let text = compiled(
        r#"graph "g" {
            input %x: f32[2]
            %n = constant() {value = i64[] 3}
            %two = constant() {value = i64[1] [2]}
            %r = loop(%n, _, %x) (%i: i64[], %go: bool[], %v: f32[?]) {
              %s = slice(%v, %zero, %two)
              %w = reshape(%s, %two)
              %u = concat(%w, %v) {axis = 0}
              yield %go, %u
            }
            output %r
        }"#
        .replace("%two = ", "%zero = constant() {value = i64[1] [0]} %two = ")
        .as_str(),
    );
    assert_eq!(count(&text, "concat"), 1, "{text}");
    assert!(text.contains("%v: f32[?]"), "{text}");
}

/// In a turn only what is there before the loop is shared, and never the other way round.
#[test]
fn nodes_are_shared_with_regions_around_only() {
    let text = compiled(
        r#"graph "g" {
            input %x: f32[2]
            input %c: bool[]
            %a = exp(%x)
            %r = if(%c) () { %b = exp(%x) %d = tanh(%x) %e = add(%b, %d) yield %e } () { %d2 = tanh(%x) yield %d2 }
            %f = tanh(%x)
            output %a, %r, %f
        }"#,
    );
    assert_eq!((count(&text, "exp"), count(&text, "tanh")), (1, 3), "{text}");
}

#[test]
fn effects_stay_in_their_order() {
    let text = compiled(
        r#"graph "g" {
            state @s: f32[2] = f32[2] [1, 2]
            input %x: f32[2]
            %a = state_read() {state = "s"}
            %w = state_write(%x) {state = "s"}
            %b = state_read() {state = "s"}
            %unused = state_read() {state = "s"}
            %c = add(%a, %b)
            %n = constant() {value = i64[] 2}
            loop(%n, _) (%i: i64[], %go: bool[]) {
              %t = state_read() {state = "s"}
              %t2 = add(%t, %t)
              %t3 = state_write(%t2) {state = "s"}
              yield %go
            }
            %d = state_read() {state = "s"}
            output %c, %d
        }"#,
    );
    assert_eq!((count(&text, "state_read"), count(&text, "state_write")), (4, 2), "{text}");
    let ops: Vec<&str> = text.lines().filter_map(|line| line.split(" = state_").nth(1)?.split('(').next()).collect();
    assert_eq!(ops, ["read", "write", "read", "read", "write", "read"], "{text}");
}

/// With what is known after folding, one of the bodies would be wrong; it never runs.
#[test]
fn a_body_that_would_be_wrong_is_copied_as_it_is() {
    let text = r#"graph "g" {
        input %x: f32[6]
        input %c: bool[]
        %one = constant() {value = i64[1] [1]}
        %three = constant() {value = i64[1] [3]}
        %wrong = mul(%three, %three)
        %right = add(%three, %three)
        %picked = where(%c, %right, %wrong)
        %y = if(%c) () { %t = transpose(%x) %r = reshape(%t, %right) yield %r } () { %r2 = reshape(%x, %picked) yield %r2 }
        output %y
    }"#;
    let source = graph(text);
    let made = compile(&source, &CompileOptions::default()).expect("it can be compiled");
    check_graph(&source, made.graph(), &made.lineage());
    for truth in [true, false] {
        let mut inputs = inputs(&source, &|_| 2, 1).expect("inputs");
        inputs[1] = glassbox_tensor::Tensor::scalar(truth).into();
        check_runs(&source, made.graph(), &made.lineage(), &inputs);
    }
}

#[test]
fn the_fate_of_every_value_is_told() {
    let source = graph(
        r#"graph "g" {
            input %x: f32[2, 3]
            %c = constant() {value = f32[2] [1, 2]}
            %d = exp(%c)
            %e = tanh(%d)
            %t = transpose(%x) {perm = [1, 0]}
            %s = transpose(%t) {perm = [0, 1]}
            %u = add(%s, %e)
            %unused = neg(%x)
            output %u
        }"#,
    );
    let all: Vec<_> = rules::all().collect();
    let made = rewrite(&source, &Rewriting { rules: &all, share: true, expand: None, into_calls: false })
        .expect("it can be rewritten");
    let fate = |name: &str| made.lineage.of(source.find_value(name).expect("a value"));
    let at = |name: &str| made.graph.find_value(name).expect("a value");
    assert_eq!(fate("x"), Fate::Kept(at("x")));
    assert_eq!((fate("c"), fate("d")), (Fate::Folded, Fate::Folded));
    assert_eq!(fate("e"), Fate::Kept(at("e")));
    assert_eq!((fate("t"), fate("s")), (Fate::Kept(at("t")), Fate::Kept(at("t"))));
    assert_eq!((fate("u"), fate("unused")), (Fate::Kept(at("u")), Fate::Dead));
}

#[test]
fn a_node_that_stands_for_several_has_all_their_origins() {
    let source = graph(
        r#"graph "g" {
            input %x: f32[2, 3, 4]
            %a = transpose(%x) {perm = [1, 2, 0]} @ layer("a")
            %b = transpose(%a) {perm = [1, 2, 0]} @ layer("b")
            %c = transpose(%b) {perm = [0, 2, 1]} @ layer("c")
            %d = exp(%x) @ layer("d")
            %e = exp(%x) @ layer("e")
            output %c, %d, %e
        }"#,
    );
    let rules: Vec<_> = rules::SIMPLIFY.to_vec();
    let made = rewrite(&source, &Rewriting { rules: &rules, share: true, expand: None, into_calls: false })
        .expect("it can be rewritten");
    let text = made.graph.to_string();
    assert!(text.contains(r#"@ layer("c") | layer("b") | layer("a")"#), "{text}");
    assert!(text.contains(r#"exp(%x) : f32[2, 3, 4]  @ layer("d") | layer("e")"#), "{text}");
    // Two outputs that are the same value are still called by their names.
    assert!(text.contains("%e = identity(%d)"), "{text}");
}
