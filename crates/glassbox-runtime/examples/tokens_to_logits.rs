//! A program in expression form: tokens in, logits out. `cargo run --example tokens_to_logits`.
//!
//! The package is made by scripts/language/packages.py.

use std::error::Error;
use std::path::Path;

use glassbox_runtime::dsl::{Formula, Output};
use glassbox_runtime::{ModelLoader, ModelPackage, SimBackend, SimSession, graph, inputs};
use glassbox_tensor::Tensor;

/// The formulas, and what names the logits.
pub(crate) fn program(model: &ModelPackage) -> (Formula, Output) {
    let (g, logits) = graph! {
        model: model,

        inputs: {
            tok: i32[B],
        },

        let x = gather(model["tok_embeddings"], tok) |> cast(f16);
        let logits = matmul(x, model["lm_head"]);

        output logits;
    };
    (g, logits)
}

/// The logits of some tokens, one step each.
pub(crate) fn run(package: &Path, steps: &[Vec<i32>]) -> Result<Vec<Tensor>, Box<dyn Error>> {
    let model = ModelLoader::open(package)?;
    let (g, logits) = program(&model);
    let mut sim = SimSession::new(&model, SimBackend::Cpu)?;
    let mut results = Vec::new();
    for tok in steps {
        let out = sim.run_step(&g, inputs! { tok: tok.clone() })?;
        results.push(out.fetch(&logits)?);
    }
    Ok(results)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/packages");
    for logits in run(&folder.join("tokens_to_logits.oinf"), &[vec![3], vec![0, 10]])? {
        println!("{} rows of logits, of {} tokens each", logits.shape()[0], logits.shape()[1]);
    }
    Ok(())
}
