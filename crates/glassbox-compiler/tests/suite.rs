//! Every graph of the ONNX conformance data, compiled and held against the reference.
//!
//! `GLASSBOX_SUITE` names a folder of folders of cases, such as the one that `glassbox conformance` keeps in its cache:
//! `GLASSBOX_SUITE=~/.cache/glassbox/conformance cargo test -p glassbox-compiler --test main suite -- --nocapture`. The test is
//! skipped without it. Cases of `light`, which are whole networks, take minutes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use glassbox_compiler::{CompileOptions, Outcome, compile};
use glassbox_onnx::{Data, ImportOptions};
use glassbox_reference::Value;

use crate::held::{check_graph, check_runs};

#[test]
fn the_graphs_of_the_suite_give_the_same() {
    let Some(home) = std::env::var_os("GLASSBOX_SUITE") else {
        println!("skipped: GLASSBOX_SUITE doesn't name a folder of cases");
        return;
    };
    let (mut graphs, mut ran, mut kept) = (0, 0, 0);
    let mut wrong = Vec::new();
    let mut refused = Vec::new();
    let mut applied = BTreeMap::<&str, usize>::new();
    for kind in std::fs::read_dir(home).expect("a folder of folders of cases").flatten() {
        let Ok(cases) = std::fs::read_dir(kind.path()) else { continue };
        for case in cases.flatten() {
            let folder = case.path();
            let Ok(model) = glassbox_onnx::load(&folder.join("model.onnx")) else { continue };
            let Ok(import) = glassbox_onnx::import(&model, &ImportOptions::default()) else { continue };
            let source = Arc::new(import.graph);
            graphs += 1;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let compiled = compile(&source, &CompileOptions::default()).expect("it can be compiled");
                for stage in &compiled.stages {
                    if stage.outcome != Outcome::Done {
                        refused.push(format!("{}: {} {:?}", folder.display(), stage.name, stage.outcome));
                    }
                    for (name, attempts) in &stage.attempts {
                        *applied.entry(name).or_default() += attempts.applied;
                    }
                }
                let lineage = compiled.lineage();
                check_graph(&source, compiled.graph(), &lineage);
                let inputs = inputs(&folder, source.inputs().len());
                inputs.and_then(|inputs| check_runs(&source, compiled.graph(), &lineage, &inputs))
            }));
            match outcome {
                Ok(Some(values)) => (ran, kept) = (ran + 1, kept + values),
                Ok(None) => {}
                Err(_) => wrong.push(folder.display().to_string()),
            }
        }
    }
    println!(
        "{graphs} graphs, {ran} ran, {kept} values compared; refused: {refused:#?}; wrong: {wrong:#?}\n{applied:#?}"
    );
    assert!(wrong.is_empty() && graphs > 0);
}

fn inputs(folder: &Path, count: usize) -> Option<Vec<Value>> {
    let read = |place: usize| {
        let file = folder.join(format!("data_set_0/input_{place}.pb"));
        match glassbox_onnx::read_tensor_pb(&file).ok()? {
            Data::Tensor(tensor) => Some(Value::Tensor(tensor)),
            _ => None,
        }
    };
    (0..count).map(read).collect()
}
