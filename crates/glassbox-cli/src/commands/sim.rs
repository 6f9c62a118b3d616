//! `glassbox sim`: a program, step by step.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use glassbox_ir::{Graph, json, text};
use glassbox_runtime::{
    ChromeWriter, Executor, ModelPackage, Precision, SimOptions, Simulator, TraceEvent, Value, read_program,
};

use crate::args::Sim;
use crate::files::{self, Whole};
use crate::inputs;
use crate::model;
use crate::progress;
use crate::steps::Steps;
use crate::view::{self, DIM, NAME};

/// Runs the steps, and prints or writes what they give.
pub(crate) fn main(arguments: &Sim, quiet: bool) -> Result<bool> {
    let program = read_program(&arguments.program)?;
    let package = arguments.model.as_deref().map_or_else(|| Ok(ModelPackage::empty()), model::open_package)?;
    let precision = if arguments.precise { Precision::Precise } else { Precision::Declared };
    let policy = arguments.runs.policy()?;
    let options = SimOptions { precision, seed: arguments.given.seed, policy, ..SimOptions::default() };
    let simulator = Simulator::new(&package, program.as_ref(), arguments.runs.device())?.with_options(options)?;
    if let Some(file) = &arguments.graph {
        write_graph(simulator.graph(), file)?;
        return Ok(true);
    }
    let (simulator, files) = traced(simulator, arguments)?;
    let mut executor = simulator.make_executor()?;
    if let Some(file) = &arguments.load_states {
        executor.load_states(file)?;
    }
    let ran = run(&simulator, &mut executor, &package, arguments, quiet);
    // Also of steps that fail, the trace goes as far as they did.
    files.finish()?;
    ran?;
    if let Some(file) = &arguments.save_states {
        executor.save_states(file)?;
        if !quiet {
            note!("wrote {}", file.display());
        }
    }
    Ok(true)
}

/// Writes a graph in the form that the ending of the file says.
fn write_graph(graph: &Graph, file: &Path) -> Result<()> {
    let text = match file.extension().and_then(|ending| ending.to_str()) {
        Some("gb") => text::print(graph, &text::PrintOptions::with_data()),
        Some("json") => json::to_string(graph)?,
        _ => bail!("{}: a graph is written to a file that ends in .gb or .json", file.display()),
    };
    files::write(file, text)
}

fn run(
    simulator: &Simulator,
    executor: &mut Executor,
    #[cfg_attr(not(feature = "text"), allow(unused_variables, reason = "only tokenizers ask the package"))]
    package: &ModelPackage,
    arguments: &Sim,
    quiet: bool,
) -> Result<()> {
    let graph = simulator.graph();
    #[cfg(feature = "text")]
    let encode = |text: &str| {
        let tokenizer = package.tokenizer()?;
        Ok(tokenizer.with_context(|| format!("{}: it has no tokenizer", package.name()))?.encode(text)?)
    };
    #[cfg(not(feature = "text"))]
    let encode = inputs::no_tokenizers;
    let given = inputs::given(graph, &arguments.given, &encode, quiet)?;
    let mut sets = arguments.input_steps.as_deref().map(Steps::open).transpose()?;
    let available = sets.as_ref().map(Steps::count);
    let steps = match (arguments.steps.map(u64::from), available) {
        (Some(steps), Some(available)) if steps > available => {
            bail!("--steps {steps}: --input-steps has inputs for {available} steps only")
        }
        (steps, available) => steps.or(available).unwrap_or(1),
    };
    let names: Vec<&str> = match arguments.fetch.as_slice() {
        [] => shown_unasked(simulator),
        names => names.iter().map(String::as_str).collect(),
    };
    let spinner = progress::spinner("running", quiet);
    for step in 0..steps {
        for (id, value) in graph.inputs().iter().zip(&given) {
            if let Some(value) = value {
                executor.insert(&graph.value_label(*id), value.clone())?;
            }
        }
        if let Some(set) = sets.as_mut().and_then(|sets| sets.next(graph).transpose()).transpose()? {
            for (name, value) in set.values {
                executor.insert(&name, value).with_context(|| set.place.clone())?;
            }
        }
        executor.run_step().with_context(|| format!("step {step}"))?;
        let mut values = Vec::new();
        for name in &names {
            values.push((*name, executor.fetch::<Value>(name)?));
        }
        spinner.suspend(|| show(step, steps, &values, arguments.json))?;
    }
    spinner.finish_and_clear();
    Ok(())
}

/// What is shown where nothing is asked for: all outputs, then the persistent variables.
fn shown_unasked(simulator: &Simulator) -> Vec<&str> {
    let mut names = simulator.outputs();
    for state in simulator.graph().states() {
        if !names.contains(&state.name.as_str()) {
            names.push(&state.name);
        }
    }
    names
}

fn show(step: u64, steps: u64, values: &[(&str, Value)], as_json: bool) -> Result<()> {
    if as_json {
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| serde_json::json!({ "name": name, "value": view::json(value) }))
            .collect();
        say!("{}", serde_json::json!({ "step": step, "values": values }))?;
        return Ok(());
    }
    if steps > 1 {
        say!("{DIM}step {step}{DIM:#}")?;
    }
    for (name, value) in values {
        let ty = value.ty();
        let taken = view::text_width(&format!("{name}: {ty} = "));
        say!("{NAME}{name}{NAME:#}: {ty} {DIM}={DIM:#} {}", view::short_after(value, taken))?;
    }
    Ok(())
}

/// The files that a trace goes to, and the first error of writing them.
#[derive(Default)]
struct Files {
    lines: Option<Whole>,
    chrome: Option<ChromeWriter<Whole>>,
    failed: Option<io::Error>,
}

/// The files, as the simulator and the command share them.
struct Shared(Arc<Mutex<Files>>);

impl Files {
    fn write(&mut self, event: &TraceEvent) -> io::Result<()> {
        if let Some(lines) = &mut self.lines {
            serde_json::to_writer(&mut *lines, event)?;
            lines.write_all(b"\n")?;
        }
        if let Some(chrome) = &mut self.chrome {
            chrome.event(event)?;
        }
        Ok(())
    }
}

impl Shared {
    fn finish(self) -> Result<()> {
        let Ok(mut files) = self.0.lock() else { bail!("the trace can't be written") };
        if let Some(error) = files.failed.take() {
            return Err(error).context("the trace can't be written");
        }
        files.lines.take().map_or(Ok(()), Whole::finish)?;
        let chrome = files.chrome.take().map(|chrome| chrome.finish(0)).transpose();
        chrome.context("the trace can't be written")?.map_or(Ok(()), Whole::finish)
    }
}

/// The simulator with the traces that are asked for.
fn traced(simulator: Simulator, arguments: &Sim) -> Result<(Simulator, Shared)> {
    let lines = arguments.trace.as_deref().map(Whole::create).transpose()?;
    let chrome = arguments.chrome.as_deref().map(Whole::create).transpose()?.map(ChromeWriter::new).transpose()?;
    let (statistics, timer) = (lines.is_some(), lines.is_some() || chrome.is_some());
    let files = Arc::new(Mutex::new(Files { lines, chrome, failed: None }));
    if !timer {
        return Ok((simulator, Shared(files)));
    }
    let sink = files.clone();
    let simulator = simulator.with_timer().keep_trace(1).trace_to(move |event| {
        if let Ok(mut files) = sink.lock()
            && files.failed.is_none()
        {
            files.failed = files.write(event).err();
        }
    });
    Ok((if statistics { simulator.with_trace() } else { simulator }, Shared(files)))
}
