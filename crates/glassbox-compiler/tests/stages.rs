//! Compiling, stage by stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use glassbox_compiler::{CompileError, CompileOptions, Outcome, compile};
use glassbox_ir::Graph;
use glassbox_ir::text::{ParseOptions, parse};

fn graph() -> Arc<Graph> {
    let text = r#"graph "g" {
        input %x: f32[2, 3]
        %s = shape(%x)
        %unused = neg(%x)
        %r = reshape(%x, %s)
        %a = exp(%r)
        %b = exp(%x)
        %y = add(%a, %b)
        output %y
    }"#;
    Arc::new(parse(text, &ParseOptions::default()).expect("the text is sound"))
}

#[test]
fn stages_can_be_stopped_after() {
    let source = graph();
    let run = |stop: &str| {
        let mut options = CompileOptions::default();
        options.stop_after = Some(stop.to_owned());
        compile(&source, &options)
    };
    let counts = |stop: &str| -> Vec<usize> {
        run(stop).expect("a pass").stages.iter().map(|stage| stage.graph.node_count()).collect()
    };
    assert_eq!(counts("0"), Vec::<usize>::new());
    assert_eq!(counts("drop_dead"), [5]);
    assert_eq!(counts("5"), [5, 5, 3, 3, 2]);
    let compiled = run("simplify").expect("a pass");
    assert!(compiled.stages.iter().all(|stage| stage.outcome == Outcome::Done));
    let applied = |stage: usize, rule: &str| {
        compiled.stages[stage].attempts.iter().find(|(name, _)| *name == rule).map(|(_, attempts)| attempts.applied)
    };
    assert_eq!(applied(1, "known-contents"), Some(1));
    assert_eq!(applied(2, "reshape-same-dims"), Some(1));
    let attempts = &compiled.stages[1].attempts.iter().find(|(name, _)| *name == "fold-constants").expect("a rule").1;
    assert_eq!(attempts.applied, 0, "{attempts:?}");
    let compiled = run("move_movers").expect("a pass");
    let binary = compiled.stages[3].attempts.iter().find(|(name, _)| *name == "move-below-binary").expect("a rule");
    assert_eq!(binary.1.refused, BTreeMap::from([("another op", 1)]));
    assert!(
        matches!(run("fold"), Err(CompileError::UnknownPass { name, passes }) if name == "fold" && passes.len() == 7)
    );
}

/// Compiling what was compiled changes nothing.
#[test]
fn compiling_again_changes_nothing() {
    let once = compile(&graph(), &CompileOptions::default()).expect("it can be compiled");
    let twice = compile(once.graph(), &CompileOptions::default()).expect("it can be compiled");
    assert_eq!(once.graph().same_as(twice.graph()), Ok(()));
}
