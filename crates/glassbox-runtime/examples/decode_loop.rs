//! A program in expression form that remembers keys and values: `cargo run --example decode_loop`.
//!
//! The package is made by scripts/language/packages.py.

use std::error::Error;
use std::path::Path;

use glassbox_runtime::dsl::{Formula, Output};
use glassbox_runtime::{ModelLoader, ModelPackage, RuntimeError, SimBackend, SimSession, graph, inputs};
use glassbox_tensor::Tensor;

/// The formulas, and what names the logits. How many layers there are and how many steps are kept, the package says.
pub(crate) fn program(model: &ModelPackage) -> Result<(Formula, Output), RuntimeError> {
    let n_layers: usize = model.meta("n_layers")?;
    let ctx_len: usize = model.size_of("ctx_len")?;
    let (g, logits) = graph! {
        model: model,

        inputs: {
            tok:  i32[B],
            step: i32[],
            mask: u8[B, 1, 1, ctx_len],
        },

        state: {
            kv: kv_cache(f16, layers=n_layers, cap=ctx_len),
        },

        let x = gather(model["tok_embeddings"], tok) |> cast(f16);

        let x = for l in 0..n_layers {
            let q = matmul(x, model[format!("Wq.{l}")]);
            let k = matmul(x, model[format!("Wk.{l}")]);
            let v = matmul(x, model[format!("Wv.{l}")]);

            kv_write(kv, layer=l, step=step, k=k, v=v);
            let (k_all, v_all) = kv_read(kv, layer=l, step=step);

            let a = sdpa(q, k_all, v_all, mask) @ { fuse: true };
            let y = matmul(a, model[format!("Wo.{l}")]);

            x = x + y;
        };

        let logits = matmul(x, model["lm_head"]);
        output logits;
    };
    Ok((g, logits))
}

/// The tokens of one step, and what each sequence may see.
pub(crate) struct Step {
    /// A token of each sequence.
    pub(crate) tok: Vec<i32>,
    /// For each sequence, a one for each step that it may look at.
    pub(crate) mask: Vec<u8>,
}

/// The logits of every step, one after the other.
pub(crate) fn run(package: &Path, steps: &[Step]) -> Result<Vec<Tensor>, Box<dyn Error>> {
    let model = ModelLoader::open(package)?;
    let (g, logits) = program(&model)?;
    let mut sim = SimSession::new(&model, SimBackend::Cpu)?;
    let mut results = Vec::new();
    for (step, Step { tok, mask }) in steps.iter().enumerate() {
        let out = sim.run_step(&g, inputs! { tok: tok.clone(), step: step, mask: mask.clone() })?;
        results.push(out.fetch(&logits)?);
    }
    Ok(results)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/packages");
    let seen = |steps: usize| (0..6).map(|step| u8::from(step < steps)).collect();
    let steps: Vec<Step> =
        [3, 5, 3, 12].into_iter().enumerate().map(|(n, tok)| Step { tok: vec![tok], mask: seen(n + 1) }).collect();
    for (step, logits) in run(&folder.join("decode_loop.oinf"), &steps)?.into_iter().enumerate() {
        let values = logits.load::<f64>()?;
        let best = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]));
        println!("step {step}: token {} has the highest logit", best.unwrap_or(0));
    }
    Ok(())
}
