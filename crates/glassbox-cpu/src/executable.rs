//! The backend as a runtime.

use std::sync::{Arc, OnceLock};

use glassbox_compiler::{CompileError, CompileOptions, Compiled, compile_for};
use glassbox_exec::checks::{check_images, check_params};
use glassbox_exec::{Executable, Fallback, Options, Precision, Report, RuleReport, RunError, Runtime, Session, Stage};
use glassbox_ir::{Graph, Lineage, NodeId};
use glassbox_reference::{Reference, prepare_with};
use glassbox_tensor::ParamSource;

use crate::fuse::Fusion;
use crate::overrides::{Chosen, chosen};
use crate::session::{CpuSession, Way};
use crate::slots::Slots;
use crate::survivors::Survivors;

/// The backend for the processor at hand.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_cpu::Cpu;
/// use glassbox_exec::{Options, RunContext, Runtime};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::{NoParams, Tensor};
///
/// let text = "graph \"g\" { input %x: f32[N] %y = neg(%x) %z = abs(%y) output %z }";
/// let graph = Arc::new(parse(text, &ParseOptions::default())?);
/// let executable = Cpu.prepare(graph, Arc::new(NoParams), &Options::default())?;
/// assert!(executable.report().fallbacks.is_empty());
/// let x = Tensor::from_vec(&[2], vec![1.5f32, -2.0])?;
/// let outputs = executable.session()?.run(&[x.into()], RunContext::new())?;
/// assert_eq!(outputs[0].as_tensor().unwrap().to_vec::<f32>()?, [1.5, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Runtime for Cpu {
    fn name(&self) -> &str {
        "cpu"
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
    ) -> Result<Arc<dyn Executable>, RunError> {
        // What is carried as f64 is the reference's alone.
        if options.precision == Precision::Precise {
            return Reference.prepare(graph, params, options);
        }
        check_params(&graph, params.as_ref())?;
        check_images(&graph, options)?;
        let fusion = Fusion { overrides: chosen(options.policy.as_deref())? };
        let compiled = compile_for(&graph, &fusion, &CompileOptions::default());
        let compiled = compiled.map_err(|error| RunError::Inputs(error.to_string()))?;
        let (inner, slots) =
            with_kernels(compiled.graph(), params.clone(), options, (compiled.calls(), fusion.overrides))?;
        let report = report(&compiled);
        let (options, node_by_node, survivors) = (options.clone(), OnceLock::new(), OnceLock::new());
        let prepared =
            Prepared { source: graph, compiled: inner, slots, node_by_node, survivors, params, options, report };
        Ok(Arc::new(CpuExecutable(Arc::new(prepared))))
    }
}

/// A graph as this backend runs it, with the stages that led there.
///
/// # Errors
///
/// The graph breaks rules.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_ir::text::{ParseOptions, parse};
/// let text = "graph \"g\" { input %x: f32[N] %y = neg(%x) %z = exp(%y) output %z }";
/// let graph = Arc::new(parse(text, &ParseOptions::default())?);
/// // One tile program computes both nodes: they are the body of a call.
/// let compiled = glassbox_cpu::compiled(&graph)?;
/// assert_eq!(compiled.graph().node(compiled.graph().region(compiled.graph().body()).nodes[0]).op.name, "call");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compiled(graph: &Arc<Graph>) -> Result<Compiled, CompileError> {
    let fusion = Fusion { overrides: chosen(None).unwrap_or_default() };
    compile_for(graph, &fusion, &CompileOptions::default())
}

/// A graph on the reference's machine, with the kernels that there are for its nodes and for `calls` as wholes, of which some
/// are those of registered kernels.
pub(crate) fn with_kernels(
    graph: &Arc<Graph>,
    params: Arc<dyn ParamSource>,
    options: &Options,
    (calls, overrides): (&[NodeId], Vec<Chosen>),
) -> Result<(Arc<dyn Executable>, Arc<Slots>), RunError> {
    let slots = Arc::new(Slots::of(graph, params.clone(), options, calls, overrides));
    Ok((prepare_with(graph.clone(), params, options, slots.clone())?, slots))
}

fn rules(stage: &glassbox_compiler::Stage) -> Vec<RuleReport> {
    let rule = |(rule, attempts): &(&'static str, glassbox_compiler::Attempts)| RuleReport {
        stage: stage.name.to_owned(),
        rule: (*rule).to_owned(),
        applied: attempts.applied,
        refused: attempts.refused.iter().map(|(why, count)| ((*why).to_owned(), *count)).collect(),
    };
    stage.attempts.iter().map(rule).collect()
}

/// What is known of a compiled graph; kernels, fallbacks and memory are added by who is asked for it.
fn report(compiled: &Compiled) -> Report {
    let stage = |stage: &glassbox_compiler::Stage| Stage {
        name: stage.name.to_owned(),
        nodes: stage.graph.node_count(),
        time: stage.time,
    };
    Report {
        runtime: Cpu.name().to_owned(),
        stages: compiled.stages.iter().map(stage).collect(),
        lineage: Some(Arc::new(compiled.lineage())),
        rules: compiled.stages.iter().flat_map(rules).collect(),
        kernels: Vec::new(),
        fallbacks: Vec::new(),
        peak_bytes: None,
    }
}

/// A graph that is ready to run, both ways.
pub(crate) struct Prepared {
    /// The graph, as it was given.
    pub(crate) source: Arc<Graph>,
    compiled: Arc<dyn Executable>,
    /// The kernels of the compiled graph.
    slots: Arc<Slots>,
    /// The graph as it was given, with kernels for single nodes; made when somebody watches a run for the first time.
    node_by_node: OnceLock<Arc<dyn Executable>>,
    /// What of the graph still exists in the compiled one; made when somebody asks for it.
    survivors: OnceLock<Survivors>,
    params: Arc<dyn ParamSource>,
    options: Options,
    report: Report,
}

impl Prepared {
    /// What a run of the compiled graph shows of the source.
    pub(crate) fn survivors(&self) -> &Survivors {
        self.survivors.get_or_init(|| {
            let lineage = self.report.lineage.clone().unwrap_or_else(|| Arc::new(Lineage::unchanged(&self.source)));
            Survivors::of(&self.source, self.compiled.graph(), &lineage)
        })
    }

    /// What runs one way.
    pub(crate) fn executable(&self, way: Way) -> Result<Arc<dyn Executable>, RunError> {
        if way == Way::Compiled {
            return Ok(self.compiled.clone());
        }
        if let Some(made) = self.node_by_node.get() {
            return Ok(made.clone());
        }
        let (made, _) = with_kernels(&self.source, self.params.clone(), &self.options, (&[], Vec::new()))?;
        Ok(self.node_by_node.get_or_init(|| made).clone())
    }
}

struct CpuExecutable(Arc<Prepared>);

impl Executable for CpuExecutable {
    fn graph(&self) -> &Arc<Graph> {
        &self.0.source
    }

    fn session(&self) -> Result<Box<dyn Session>, RunError> {
        Ok(Box::new(CpuSession::new(self.0.clone())?))
    }

    fn report(&self) -> Report {
        let graph = self.0.compiled.graph();
        let fallback = |(id, why): (NodeId, String)| {
            let node = graph.node(id);
            Fallback { node: graph.node_label(id), op: node.op.name, why }
        };
        let fallbacks = self.0.slots.left().into_iter().map(fallback).collect();
        let (kernels, peak_bytes) = (self.0.slots.kernels(), self.0.slots.peak());
        Report { kernels, fallbacks, peak_bytes, ..self.0.report.clone() }
    }
}
