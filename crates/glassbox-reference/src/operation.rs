//! Running a primitive or taking a composite apart: checks, computes, checks again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use glassbox_exec::checks::check_results;
use glassbox_exec::{Interruption, KernelError, RunError, Value, draw_seed};
use glassbox_ir::{AttrView, Dim, Graph, Known, Node, NodeId, Operand, TensorType, Tier, Type, infer_op};
use glassbox_tensor::interruptible;

use crate::call::{Call, Outcome};
use crate::execution::{Begun, Execution, Surroundings, fail};
use crate::kernels;
use crate::program::PlannedGraph;

impl Execution {
    /// Begins a primitive, which is done then, or a composite.
    pub(crate) fn operation(
        &mut self,
        program: &PlannedGraph,
        id: NodeId,
        node: &Node,
        inputs: Vec<Option<Value>>,
        tier: Tier,
        around: &Surroundings,
    ) -> Result<Begun, RunError> {
        let graph = &*program.graph;
        let operands = operands_of(graph, node, &inputs);
        let inferred = infer_op(node.op, &node.attrs, &operands, &[], graph.states(), node.results.len());
        let inferred = inferred.map_err(|violation| fail(graph, id, violation.into()))?;
        let options = &self.prepared.options;
        let types: Vec<Type> = inferred.into_iter().map(|(ty, _)| options.precision.carried_type(&ty)).collect();
        self.check_memory(graph, id, &types)?;
        if let Tier::Composite(_) = tier {
            let made = self.prepared.decompositions.of(program, id, node, &operands);
            let program = made.map_err(|error| fail(graph, id, error.into()))?;
            return Ok(Begun::Composite { program, types, arguments: inputs.into_iter().flatten().collect() });
        }
        let turns = self.path.iter().filter_map(|frame| frame.turn);
        let seed = node.draw().map_or(0, |draw| draw_seed(self.prepared.options.seed, draw, turns));
        let (attr, images) = (AttrView::new(node.op, &node.attrs), self.prepared.options.images.as_ref());
        let call = Call { op: node.op, attr, inputs: &inputs, types: &types, seed, images };
        let kernel = kernels::find(node.op.name).ok_or_else(|| {
            let message = format!("`{}` has no reference kernel", node.op.name);
            fail(graph, id, KernelError::Internal(message))
        })?;
        let results = guarded(graph, id, around, &|| kernel(&call))?;
        self.check_results(graph, id, &types, &results)?;
        Ok(Begun::Results(results))
    }

    pub(crate) fn check_results(
        &self,
        graph: &Graph,
        id: NodeId,
        types: &[Type],
        results: &[Value],
    ) -> Result<(), RunError> {
        check_results(types, results).map_err(|error| fail(graph, id, error))
    }
}

/// What inference is told of the operands: the dtypes that the graph declares, the true sizes, and
/// the contents of those that shape the results.
fn operands_of(graph: &Graph, node: &Node, inputs: &[Option<Value>]) -> Vec<Option<Operand>> {
    let operand = |(index, value): (usize, &Option<Value>)| {
        let value = value.as_ref()?;
        let declared = node.operands.get(index).copied().flatten().map(|id| graph.value(id).ty.clone());
        let ty = match (value, declared) {
            (Value::Tensor(tensor), Some(declared)) => {
                TensorType::new(declared.dtype(), tensor.shape().iter().map(|size| Dim::from(*size))).into()
            }
            (_, Some(declared)) => declared,
            (value, None) => value.ty(),
        };
        let shapes = node.op.input(index).is_some_and(|input| input.shapes);
        let known = value.as_tensor().filter(|_| shapes).map(|tensor| Known::Tensor(tensor.clone()));
        Some(Operand { ty, known })
    };
    inputs.iter().enumerate().map(operand).collect()
}

/// The results of the kernel of a node, or why there are none: it failed, or it was interrupted. A panic in it is a bug of
/// ours, and an error like any other.
pub(crate) fn guarded(
    graph: &Graph,
    id: NodeId,
    around: &Surroundings,
    kernel: &dyn Fn() -> Outcome,
) -> Result<Vec<Value>, RunError> {
    let run = || match around.interrupt.as_ref() {
        Some(interrupt) => interruptible(interrupt.clone(), kernel).ok(),
        None => Some(kernel()),
    };
    let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Some(Err(KernelError::Internal(format!("the kernel panicked: {}", text.unwrap_or("no message")))))
    });
    let Some(outcome) = outcome else {
        // What interrupted the kernel holds on: it is a wish that stays, or a time that has passed.
        let why = around.context.interruption().unwrap_or(Interruption::Cancelled);
        return Err(RunError::Interrupted { why, node: graph.node_label(id) });
    };
    outcome.map_err(|error| fail(graph, id, error))
}
