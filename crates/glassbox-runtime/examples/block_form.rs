//! A program in block form, run step by step on a package: `cargo run --example block_form`.
//!
//! The package is made by scripts/language/packages.py.

use std::error::Error;
use std::path::Path;

use glassbox_runtime::dsl::Program;
use glassbox_runtime::{Device, Executor, ModelLoader, Simulator, fetch_executor, graph, insert_executor};
use glassbox_tensor::Tensor;

/// Two outcomes of one step: `ok` adds `alpha` to what the layers give, `bad` replaces what isn't finite.
pub(crate) fn program() -> Program {
    let g = graph! {
        dynamic { x: f32[B, D]; }
        volatile { W(l): f32[D, D] @pattern("W.{l}"); }
        constant { alpha: f32 @ref("alpha"); num_layers: u32; }
        persistent { step: i32 @init(0); K(l, t): f16[H, Dh] @table; }
        block entry {
            assign h: f32[B, D];
            assign cond: bool[];
            op matmul(x, W[0]) >> h;
            op relu(h, negative_slope=0.01, clamp_max=6.0) >> h;
            loop layers (l in 0..num_layers) { op matmul(h, W[l]) >> h; }
            op is_finite(h) >> cond;
            branch cond ok bad;
            cache.increment step;
            return;
        }
        block ok { op add(h, alpha) >> h; yield h; }
        block bad { op fill(h, value=0.0) >> h; return; }
    };
    g
}

/// An executor of the program, with the weights of a package.
pub(crate) fn open(package: &Path) -> Result<Executor, Box<dyn Error>> {
    let model = ModelLoader::open(package)?;
    let simulator = Simulator::new(&model, &program(), Device::Cpu)?;
    Ok(simulator.make_executor()?)
}

/// One step: `h`, and how many steps there were.
pub(crate) fn step(executor: &mut Executor, x: Vec<f32>) -> Result<(Tensor, i32), Box<dyn Error>> {
    // `D` is a size of the package, so a list says how many rows there are.
    insert_executor!(executor, { x: x });
    executor.run_step()?;
    fetch_executor!(executor, { h: Tensor, step: i32 });
    Ok((h, step))
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/packages");
    let mut executor = open(&folder.join("block_form.oinf"))?;
    for x in [vec![1.0, -2.0, 0.5, 3.0], vec![0.0; 8], vec![f32::INFINITY, 0.0, 0.0, 0.0]] {
        let (h, step) = step(&mut executor, x)?;
        println!("after step {step}: h is {:?} of dims {:?}", h.to_vec::<f32>()?, h.shape());
    }
    Ok(())
}
