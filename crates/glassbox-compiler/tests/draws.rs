//! What is drawn doesn't depend on what else a graph computes.

use std::sync::Arc;

use glassbox_compiler::{CompileOptions, compile};
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_ir::{EffectTable, Effects, Graph, verify};

use crate::held::{check_graph, check_runs, inputs};

/// The ops that draw, with the numbers of their draws, in program order.
fn draws(graph: &Graph) -> Vec<(&'static str, i64)> {
    let table = EffectTable::of(graph);
    let own = |id| {
        let node: &glassbox_ir::Node = graph.node(id);
        assert!(table.of_node(id).contains(node.op.effects));
        node.draw().map(|draw| (node.op.name, draw))
    };
    graph.walk().into_iter().filter_map(own).collect()
}

#[test]
fn draws_keep_their_numbers_and_are_never_merged() {
    let text = r#"graph "g" {
        input %x: f32[2]
        %one = constant() {value = f32[] 1}
        %two = add(%one, %one)
        %a = random_normal() {shape = [2]}
        %b = random_normal() {shape = [2]}
        %unused = random_uniform() {shape = [2]}
        %t = transpose(%x)
        %p = constant() {value = f32[2] [0.5, 0.5]}
        %n = constant() {value = i64[] 3}
        %r = loop(%n, _, %t) (%i: i64[], %go: bool[], %v: f32[2]) {
          %c = bernoulli(%p)
          %d = bernoulli(%p)
          %e = add(%c, %d)
          %f = add(%e, %v)
          yield %go, %f
        }
        %yes = constant() {value = bool[] true}
        %m = dropout(%x, _, %yes)
        %s = add(%a, %b)
        output %s, %r, %m, %two
    }"#;
    let source = Arc::new(parse(text, &ParseOptions::default()).expect("the text is sound"));
    let compiled = compile(&source, &CompileOptions::default()).expect("it can be compiled");
    check_graph(&source, compiled.graph(), &compiled.lineage());
    assert_eq!(verify(compiled.graph()), Ok(()));
    // The loop, the two normals and the dropout give the same values before and after.
    let given = inputs(&source, &|_| 2, 1).expect("the input can be made");
    assert!(check_runs(&source, compiled.graph(), &compiled.lineage(), &given).is_some(), "it runs");
    let want: Vec<_> = draws(&source).into_iter().filter(|(op, _)| *op != "random_uniform").collect();
    assert_eq!(draws(compiled.graph()), want);
    assert_eq!(want.iter().map(|(_, draw)| *draw).collect::<Vec<_>>(), [0, 1, 3, 4, 5]);
    assert!(compiled.graph().walk().iter().any(|id| compiled.graph().effects(*id).contains(Effects::DRAWS)));
}
