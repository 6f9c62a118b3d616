//! Random graphs, rewritten by every pass and by all of them: the same outputs, the same values, a lineage that is total.

use std::collections::BTreeMap;
use std::sync::Arc;

use glassbox_compiler::{CompileOptions, Compiled, Outcome, compile, rules};
use glassbox_ir::Graph;
use proptest::prelude::*;

use crate::generated::generate;
use crate::held::{check_graph, check_runs, inputs};
use crate::random::recipe;

/// The sizes of a symbol, by its name, so that dims are often equal and sometimes not.
fn sizes(salt: u64) -> impl Fn(&str) -> i64 {
    move |symbol| 1 + (symbol.len() as i64 + salt as i64) % 3
}

/// Compiles, checks every stage, and compares the runs. How many values were compared in those that didn't fail.
fn check(source: Graph) -> (Compiled, Vec<usize>) {
    let source = Arc::new(source);
    let compiled = compile(&source, &CompileOptions::default()).expect("it can be compiled");
    let mut before = &source;
    for stage in &compiled.stages {
        check_graph(before, &stage.graph, &stage.lineage);
        before = &stage.graph;
    }
    check_graph(&source, compiled.graph(), &compiled.lineage());
    let lineage = compiled.lineage();
    let runs = (0..2).filter_map(|salt| {
        let inputs = inputs(&source, &sizes(salt), salt)?;
        check_runs(&source, compiled.graph(), &lineage, &inputs)
    });
    let runs = runs.collect();
    (compiled, runs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Graphs that are odd in every way.
    #[test]
    fn random_graphs_give_the_same(recipe in recipe()) {
        check(recipe.graph());
    }
}

/// Graphs of the nodes that rules are about.
#[test]
fn generated_graphs_give_the_same() {
    const GRAPHS: u64 = 1500;
    let (mut ran, mut kept, mut refused) = (0, 0, 0);
    let mut applied = BTreeMap::<&str, usize>::new();
    for seed in 0..GRAPHS {
        let (compiled, runs) = check(generate(seed));
        ran += runs.len();
        kept += runs.iter().sum::<usize>();
        refused += compiled.stages.iter().filter(|stage| stage.outcome != Outcome::Done).count();
        for (name, attempts) in compiled.stages.iter().flat_map(|stage| &stage.attempts) {
            *applied.entry(name).or_default() += attempts.applied;
        }
    }
    // The test compares something: most graphs run, and each rule is applied.
    assert!(
        ran >= 800 && kept >= 10_000 && refused <= 10,
        "{ran} runs, {kept} values, {refused} passes refused: {applied:?}"
    );
    let rare: Vec<_> = rules::all().filter(|rule| applied.get(rule.name).is_none_or(|times| *times < 5)).collect();
    let rare: Vec<_> = rare.iter().map(|rule| rule.name).collect();
    assert!(rare.is_empty(), "{rare:?} are hardly ever applied: {applied:?}");
}
