//! Looking into a program while it runs: `cargo run --example simulator`.
//!
//! Steps, statements, breakpoints, watches, traces, and states that are saved and read again.

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

use glassbox_runtime::dsl::Program;
use glassbox_runtime::{Device, ModelLoader, Simulator, StepOutcome, fetch_executor, graph, insert_executor};

/// A few layers, and a sum over all steps.
fn program() -> Program {
    graph! {
        dynamic { x: f32[B, D]; }
        constant { W(l): f32[D, D] @pattern("W.{l}"); num_layers: u32; }
        persistent { steps: i64 @init(0); total: f32 @init(0.0); }
        block entry {
            assign h: f32[B, D];
            assign sum: f32;
            transfer x >> h;
            loop layers (l in 0..num_layers) {
                op matmul(h, W[l]) >> h;
                op tanh(h) >> h;
            }
            op reduce_sum(h, keepdims=false) >> sum;
            op add(sum, total) >> sum;
            cache.write sum >> total;
            cache.increment steps;
        }
    }
}

/// What was seen on the way.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The statements of the first step, as `block: op`.
    pub(crate) statements: Vec<String>,
    /// After which turn of the loop the breakpoint paused.
    pub(crate) paused_in_turn: Option<u64>,
    /// How often `h` was written in the step that was watched.
    pub(crate) writes_of_h: usize,
    /// `total` after each step.
    pub(crate) totals: Vec<f32>,
    /// `total` of another executor that went on from the saved states.
    pub(crate) went_on: f32,
}

/// Runs a few steps and looks at all of them. Files go to `folder`.
pub(crate) fn run(package: &Path, folder: &Path) -> Result<Seen, Box<dyn Error>> {
    let model = ModelLoader::open(package)?;
    let simulator = Simulator::new(&model, &program(), Device::Cpu)?.with_trace().with_timer();
    let mut executor = simulator.make_executor()?;
    let mut seen = Seen::default();

    // A step, statement by statement.
    insert_executor!(executor, { x: vec![0.5f32, -1.0, 2.0, 0.25] });
    for event in executor.iterate() {
        let event = event?;
        seen.statements.push(format!("{}: {}", event.block, event.op));
    }
    seen.totals.push(executor.fetch("total")?);

    // A step that pauses where the second turn of the loop ends, and then goes on.
    executor.break_at("layers", |view| view.turn() == Some(1) && &*view.event().op == "tanh")?;
    insert_executor!(executor, { x: vec![1.0f32; 8] });
    if let StepOutcome::Paused { at } = executor.run_step()? {
        seen.paused_in_turn = at.turns.last().copied();
        // What has a value so far can be fetched.
        fetch_executor!(executor, { h: Vec<f32> });
        println!("paused after `{}`: h is {h:?}", at.op);
        executor.resume()?;
    }
    executor.clear_breaks();
    seen.totals.push(executor.fetch("total")?);

    // A step whose writes of `h` are watched.
    let writes = Arc::new(Mutex::new(0));
    let counted = writes.clone();
    executor.watch("h", move |_, _| {
        if let Ok(mut count) = counted.lock() {
            *count += 1;
        }
    })?;
    insert_executor!(executor, { x: vec![0.0f32; 4] });
    executor.run_step()?;
    seen.totals.push(executor.fetch("total")?);
    seen.writes_of_h = writes.lock().map_or(0, |count| *count);

    // All that was seen, for jq and for a browser's chrome://tracing.
    executor.write_jsonl(folder.join("trace.jsonl"))?;
    executor.write_chrome(folder.join("trace.json"))?;

    // Another executor of the same program goes on where this one is.
    executor.save_states(folder.join("states.safetensors"))?;
    let mut other = simulator.make_executor()?;
    other.load_states(folder.join("states.safetensors"))?;
    fetch_executor!(other, { total: f32 });
    seen.went_on = total;
    Ok(seen)
}

fn main() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/packages/block_form.oinf");
    let folder = std::env::temp_dir().join(format!("glassbox-simulator-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    println!("{:#?}", run(&package, &folder)?);
    println!("traces and states are in {}", folder.display());
    Ok(())
}
