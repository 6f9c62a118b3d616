//! A backend that computes nothing itself, to show what the seam asks of one: every node falls back to the
//! reference, and the report says which and why.

use std::sync::Arc;

use glassbox_exec::{Executable, Fallback, Options, Report, RunError, Runtime, Session};
use glassbox_ir::Graph;
use glassbox_reference::Reference;
use glassbox_tensor::ParamSource;

/// See the [module](self).
pub(crate) struct Toy;

impl Runtime for Toy {
    fn name(&self) -> &str {
        "toy"
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
    ) -> Result<Arc<dyn Executable>, RunError> {
        Ok(Arc::new(ToyExecutable(Reference.prepare(graph, params, options)?)))
    }
}

struct ToyExecutable(Arc<dyn Executable>);

impl Executable for ToyExecutable {
    fn graph(&self) -> &Arc<Graph> {
        self.0.graph()
    }

    fn session(&self) -> Result<Box<dyn Session>, RunError> {
        self.0.session()
    }

    fn report(&self) -> Report {
        let graph = self.graph();
        let fallback = |id| Fallback {
            node: graph.node_label(id),
            op: graph.node(id).op.name,
            why: "this backend has no kernels".to_owned(),
        };
        let fallbacks = graph.walk().into_iter().map(fallback).collect();
        Report { runtime: Toy.name().to_owned(), fallbacks, ..self.0.report() }
    }
}
