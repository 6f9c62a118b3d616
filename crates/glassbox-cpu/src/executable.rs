//! The backend as a runtime.

use std::sync::Arc;

use glassbox_compiler::{CompileOptions, compile_for};
use glassbox_exec::{Executable, Fallback, Options, Precision, Report, RunError, Runtime, Session, Stage};
use glassbox_ir::{Graph, Lineage};
use glassbox_reference::{Reference, prepare_with};
use glassbox_tensor::ParamSource;

use crate::fuse::Fusion;
use crate::slots::Slots;
use crate::statics::Statics;

/// The backend for the processor at hand.
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
        glassbox_exec::checks::check_params(&graph, params.as_ref())?;
        let compiled = compile_for(&graph, &Fusion, &CompileOptions::default());
        let compiled = compiled.map_err(|error| RunError::Inputs(error.to_string()))?;
        let made = compiled.graph().clone();
        let statics = Statics::of(&made, params.as_ref());
        let (slots, left) = Slots::of(&made, &statics);
        let fallback = |left: &crate::slots::Left| {
            let node = made.node(left.node);
            Fallback { node: made.node_label(left.node), op: node.op.name, why: left.why.clone() }
        };
        let stage = |stage: &glassbox_compiler::Stage| Stage {
            name: stage.name.to_owned(),
            nodes: stage.graph.node_count(),
            time: stage.time,
        };
        let report = Report {
            runtime: Cpu.name().to_owned(),
            stages: compiled.stages.iter().map(stage).collect(),
            lineage: Some(Arc::new(compiled.lineage())),
            fallbacks: left.iter().map(fallback).collect(),
            peak_bytes: None,
        };
        let inner = prepare_with(made, params, options, Arc::new(slots))?;
        Ok(Arc::new(CpuExecutable { source: graph, inner, report }))
    }
}

/// A compiled graph that is ready to run.
struct CpuExecutable {
    /// The graph, as it was given.
    source: Arc<Graph>,
    inner: Arc<dyn Executable>,
    report: Report,
}

impl Executable for CpuExecutable {
    fn graph(&self) -> &Arc<Graph> {
        &self.source
    }

    fn session(&self) -> Result<Box<dyn Session>, RunError> {
        self.inner.session()
    }

    fn report(&self) -> Report {
        self.report.clone()
    }
}
