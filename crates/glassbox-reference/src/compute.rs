//! Other kernels on the reference's machine: how a backend computes nodes itself and leaves everything else (control
//! flow, states, what it has no kernel for, observers, pauses) to the reference.

use std::sync::Arc;

use glassbox_exec::checks::{check_images, check_params};
use glassbox_exec::{Executable, KernelError, Options, RunError, Value};
use glassbox_ir::{Graph, NodeId, ValueId};
use glassbox_tensor::ParamSource;

use crate::call::Outcome;
use crate::execution::{Execution, Surroundings};
use crate::operation::guarded;
use crate::program::PlannedGraph;
use crate::session::prepare;

/// What computes nodes of one graph in the reference's place.
pub trait Compute: Send + Sync {
    /// Whether it computes this node, those in its bodies included: these aren't shown to an observer then.
    fn takes(&self, node: NodeId) -> bool;

    /// The results of a node that it takes: of the types that inference gives for these operands. Every constraint of the
    /// node's op that depends on the values is the kernel's to check.
    ///
    /// # Errors
    ///
    /// What the reference would refuse, with the same rule; or results that would take more than `limit` bytes.
    fn compute(&self, node: NodeId, values: &Values, limit: usize) -> Outcome;
}

/// The values that are alive when a node is computed: its operands, and those that its bodies read.
pub struct Values<'a> {
    graph: &'a Graph,
    values: &'a [Option<Value>],
}

impl<'a> Values<'a> {
    /// A value that is alive.
    ///
    /// # Errors
    ///
    /// An internal error, where it isn't.
    pub fn get(&self, id: ValueId) -> Result<&'a Value, KernelError> {
        let value = self.values.get(id.index()).and_then(Option::as_ref);
        value.ok_or_else(|| KernelError::Internal(format!("`{}` has no value", self.graph.value_label(id))))
    }
}

/// A graph that the reference's machine runs, with `compute` in the place of the kernels of the nodes that it takes.
///
/// # Errors
///
/// Those of [`Runtime::prepare`](glassbox_exec::Runtime::prepare).
pub fn prepare_with(
    graph: Arc<Graph>,
    params: Arc<dyn ParamSource>,
    options: &Options,
    compute: Arc<dyn Compute>,
) -> Result<Arc<dyn Executable>, RunError> {
    check_params(&graph, params.as_ref())?;
    check_images(&graph, options)?;
    prepare(graph, params, options, Some(compute))
}

impl Execution {
    /// Computes a node outside of decompositions where the backend takes it.
    pub(crate) fn computed(
        &self,
        program: &PlannedGraph,
        id: NodeId,
        values: &[Option<Value>],
        around: &Surroundings,
    ) -> Option<Result<Vec<Value>, RunError>> {
        let compute = self.prepared.compute.as_ref()?;
        let graph = &program.graph;
        if !compute.takes(id) {
            return None;
        }
        let limit = self.prepared.options.limits.bytes;
        let values = Values { graph, values };
        Some(guarded(graph, id, around, &|| compute.compute(id, &values, limit)))
    }
}
