//! The examples of all ops, compiled: as they are, and with constants for their inputs, so that all that can be folded is.

use std::sync::Arc;

use glassbox_compiler::{CompileOptions, compile};
use glassbox_exec::Value;
use glassbox_ir::text::{Example, ExampleValue, parse_example};
use glassbox_ir::{Graph, GraphBuilder, Splice, ops};

use crate::held::{check_graph, check_runs};

/// The example with constants for those inputs that are tensors; the inputs that are left.
fn with_constants(example: &Example) -> Option<(Graph, Vec<Value>)> {
    let mut builder = GraphBuilder::new("constants");
    for state in example.graph.states() {
        builder.state(state.clone()).ok()?;
    }
    let mut inputs = Vec::new();
    let mut arguments = Vec::new();
    for (place, given) in example.inputs.iter().enumerate() {
        arguments.push(match given {
            ExampleValue::Tensor(tensor) => builder.constant(tensor.clone()),
            other => {
                inputs.push(Value::from(other));
                builder.input(&format!("input{place}"), other.ty())
            }
        });
    }
    let outputs = builder.splice(&example.graph, &arguments, Splice::default()).ok()?;
    Some((builder.finish(outputs).ok()?, inputs))
}

fn check(graph: Graph, inputs: &[Value]) -> (Arc<Graph>, bool) {
    let source = Arc::new(graph);
    let compiled = compile(&source, &CompileOptions::default()).expect("it can be compiled");
    let lineage = compiled.lineage();
    check_graph(&source, compiled.graph(), &lineage);
    let ran = check_runs(&source, compiled.graph(), &lineage, inputs).is_some();
    (compiled.graph().clone(), ran)
}

#[test]
fn examples_give_the_same() {
    let (mut ran, mut folded, mut unfolded) = (0, 0, Vec::new());
    for op in ops::TABLE {
        let example = parse_example(op.example).expect("the example is sound");
        let inputs: Vec<Value> = example.inputs.iter().map(Value::from).collect();
        ran += usize::from(check(example.graph.clone(), &inputs).1);
        let (graph, inputs) = with_constants(&example).unwrap_or_else(|| panic!("{}", op.name));
        let (made, _) = check(graph, &inputs);
        let constant = made.walk().iter().all(|id| *made.node(*id).op == ops::constant::OP);
        let pure = made.walk().into_iter().all(|id| made.effects(id).is_pure());
        match constant {
            true => folded += 1,
            false if pure && op.regions == 0 => unfolded.push(op.name),
            false => {}
        }
    }
    // `parameter` and `host` want more than a graph.
    assert!(ran + 2 >= ops::TABLE.len(), "{ran} of {} ran", ops::TABLE.len());
    assert!(folded >= 180, "{folded} were folded, not {unfolded:?}");
    // There are constants of tensors only, a parameter is no constant, and the compiler reads no pictures.
    let tensors =
        |name: &&&str| !["sequence", "optional", "parameter", "image_decoder"].iter().any(|word| name.contains(word));
    assert_eq!(unfolded.iter().find(tensors), None, "{unfolded:?}");
}
