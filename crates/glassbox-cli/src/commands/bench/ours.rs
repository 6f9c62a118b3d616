//! Our side: a model on a backend, run again and again.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use glassbox_exec::{RunContext, Session, Value};
use glassbox_ir::{AttrView, Graph, ops};
use glassbox_runtime::Model;
use glassbox_tensor::Tensor;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::rounds::Side;
use crate::args::Bench;
use crate::{inputs, machine, model, tokens};

/// What is timed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Work {
    /// A run on inputs.
    Run,
    /// A language model reads these tokens.
    Prefill(Vec<i64>),
    /// A language model that has read `past` reads one token, `steps` times a round, each time after `past`.
    Decode { past: Vec<i64>, next: i64, steps: usize },
}

impl Work {
    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Work::Run => "run",
            Work::Prefill(_) => "prefill",
            Work::Decode { .. } => "decode",
        }
    }

    /// How many tokens a run reads; of what is no language model, none.
    pub(super) fn tokens(&self) -> Option<usize> {
        match self {
            Work::Run => None,
            Work::Prefill(tokens) => Some(tokens.len()),
            Work::Decode { .. } => Some(1),
        }
    }
}

/// A model that is ready to run.
pub(super) struct Ours {
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) work: Work,
    pub(super) inputs: Vec<Value>,
    /// Seconds from the file to a graph, and from there to what runs.
    pub(super) load: f64,
    pub(super) prepare: f64,
    /// The most bytes that were resident after the first run.
    pub(super) peak: Option<u64>,
    /// How many nodes the backend leaves to the reference.
    pub(super) fallbacks: usize,
    session: Box<dyn Session>,
    /// What the states hold before each run, where that isn't their start.
    past: Vec<Kept>,
}

/// A state as it is before a step.
enum Kept {
    /// It grows along this axis, and is cut to this extent.
    Cut { name: String, axis: usize, extent: usize },
    /// It is written anew.
    Written { name: String, contents: Tensor },
}

impl Ours {
    /// Loads the model, and has its states hold what they shall hold.
    pub(super) fn open(arguments: &Bench, name: &str, quiet: bool) -> Result<Ours> {
        let started = Instant::now();
        let model = model::open_given(name, &arguments.given)?;
        let graph = model.graph()?.clone();
        let load = started.elapsed().as_secs_f64();
        let work = work(arguments, &graph, model.name())?;
        let inputs = match &work {
            Work::Run => inputs::values_or_random(&model, &arguments.given, quiet)?,
            Work::Prefill(tokens) => tokens::inputs(&graph, &[tokens])?,
            Work::Decode { next, .. } => tokens::inputs(&graph, &[&[*next]])?,
        };
        let options = glassbox_exec::Options { seed: arguments.given.seed, ..glassbox_backends::options() };
        let runtime = arguments.runs.runtime()?;
        let started = Instant::now();
        let executable = model.prepare(runtime.as_ref(), &options)?;
        let mut session = executable.session()?;
        let prepare = started.elapsed().as_secs_f64();
        let mut past = Vec::new();
        if let Work::Decode { past: tokens, .. } = &work {
            session.run(&tokens::inputs(&graph, &[tokens])?, RunContext::new())?;
            past = kept(&graph, session.as_ref())?;
        }
        Ok(Ours {
            name: arguments.runs.device().to_string(),
            model,
            work,
            inputs,
            load,
            prepare,
            peak: None,
            fallbacks: executable.report().fallbacks.len(),
            session,
            past,
        })
    }

    /// Runs once: how many seconds that took, and the outputs.
    pub(super) fn once(&mut self) -> Result<(f64, Vec<Value>)> {
        self.rewind()?;
        let started = Instant::now();
        let outputs = self.session.run(&self.inputs, RunContext::new())?;
        let seconds = started.elapsed().as_secs_f64();
        self.peak = self.peak.or_else(machine::peak_memory);
        Ok((seconds, outputs))
    }

    /// The outputs that others are held against, by name: of a language model the logits after the last token.
    pub(super) fn compared(&self, outputs: Vec<Value>) -> Result<Vec<(String, Tensor)>> {
        let mut named = Vec::new();
        for (name, value) in self.model.outputs().iter().zip(outputs) {
            match value {
                Value::Tensor(tensor) if self.work == Work::Run => named.push((name.clone(), tensor)),
                Value::Tensor(tensor) => {
                    named.push((name.clone(), last_row(&tensor)?));
                    break;
                }
                other => bail!("output `{name}` is {}, which can't be compared with what others give", other.ty()),
            }
        }
        Ok(named)
    }

    /// Has the states hold what they held before the first run.
    fn rewind(&mut self) -> Result<()> {
        if self.session.graph().states().is_empty() {
            return Ok(());
        }
        let states = self.session.states_mut();
        if self.past.is_empty() {
            return Ok(states.reset()?);
        }
        for kept in &self.past {
            match kept {
                Kept::Cut { name, axis, extent } => states.truncate(name, *axis, *extent)?,
                Kept::Written { name, contents } => states.write(name, contents.clone())?,
            }
        }
        Ok(())
    }
}

impl Side for Ours {
    fn run(&mut self, times: usize) -> Result<Vec<f64>> {
        (0..times).map(|_| Ok(self.once()?.0)).collect()
    }
}

/// What the arguments ask for.
fn work(arguments: &Bench, graph: &Graph, name: &str) -> Result<Work> {
    let Some(count) = arguments.prefill.or(arguments.decode.map(|_| arguments.past)) else { return Ok(Work::Run) };
    let option = if arguments.prefill.is_some() { "--prefill" } else { "--decode" };
    let labels: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    if !labels.iter().any(|label| label == tokens::TOKENS) {
        bail!("{option}: {name} is no language model: it takes {}", labels.join(", "));
    }
    let logits = graph.outputs().first().and_then(|id| graph.value(*id).ty.as_tensor()?.dims()?.last()?.as_int());
    let vocabulary = logits.filter(|size| *size > 0);
    let vocabulary = vocabulary.with_context(|| format!("{option}: {name} doesn't say how many tokens it knows"))?;
    let mut rng = StdRng::seed_from_u64(arguments.given.seed);
    let mut draw = || rng.random_range(0..vocabulary);
    let tokens: Vec<i64> = (0..count).map(|_| draw()).collect();
    Ok(match arguments.decode {
        Some(steps) => Work::Decode { past: tokens, next: draw(), steps: steps as usize },
        None => Work::Prefill(tokens),
    })
}

/// What the states of a session hold now.
fn kept(graph: &Graph, session: &dyn Session) -> Result<Vec<Kept>> {
    let mut all = Vec::new();
    let appended = append_axes(graph);
    for state in graph.states().iter() {
        let name = state.name.clone();
        // Where states are appended to, or grow along one axis from nothing. How many rows there are stays as it is.
        let alone =
            || state.growing().first().copied().filter(|_| state.growing().len() == 1 && state.initial.is_none());
        all.push(match appended.get(&name).copied().or_else(alone) {
            Some(axis) => {
                let extents = session.states().extents(&name)?;
                let extent = extents.get(axis).copied().context("a state has all of its axes")?;
                Kept::Cut { name, axis, extent }
            }
            None => Kept::Written { contents: session.states().read(&name)?, name },
        });
    }
    Ok(all)
}

/// The axes along which nodes append to states.
fn append_axes(graph: &Graph) -> HashMap<String, usize> {
    let axis = |id| {
        let node = graph.node(id);
        let axis = AttrView::new(node.op, &node.attrs);
        let state = graph.state(node.state()?).filter(|_| *node.op == ops::state_append::OP)?;
        let rank = state.ty.rank()? as i64;
        let axis = usize::try_from(axis.int("axis").rem_euclid(rank)).ok()?;
        Some((state.name.clone(), axis))
    };
    graph.walk().into_iter().filter_map(axis).collect()
}

/// The last of the rows `[.., T, V]` as `[V]`.
fn last_row(logits: &Tensor) -> Result<Tensor> {
    let mut row = logits.clone();
    while row.rank() > 1 {
        let rows = row.shape()[0];
        row = row.slice_axis(0, rows.checked_sub(1).context("there are no logits")?, 1, 1)?.squeeze_axis(0)?;
    }
    Ok(row.contiguous()?)
}
