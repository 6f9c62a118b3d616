//! Running a primitive or taking a composite apart: checks, computes, checks again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use glassbox_exec::checks::check_results;
use glassbox_exec::{Interruption, KernelError, RunError, Value, draw_seed};
use glassbox_ir::{AttrView, Dim, Graph, Known, Node, NodeId, Operand, TensorType, Tier, Type, infer_op};
use glassbox_tensor::interruptible;

use crate::call::{Call, Outcome};
use crate::execution::{Begun, Execution, Surroundings, fail};
use crate::kernels;
use crate::learned::{Learned, Means};
use crate::program::PlannedGraph;

impl Execution {
    /// Begins a primitive, which is done then, or a composite.
    pub(crate) fn operation(
        &self,
        program: &PlannedGraph,
        id: NodeId,
        node: &Node,
        inputs: &[Option<&Value>],
        around: &Surroundings,
    ) -> Result<Begun, RunError> {
        let graph = &*program.graph;
        let learned = match program.learned.recall(id, inputs) {
            Some(learned) => learned,
            None => self.learn(program, id, node, inputs)?,
        };
        let kernel = match &learned.means {
            Means::Kernel(kernel) => *kernel,
            Means::Composite(program) => {
                let arguments = inputs.iter().copied().flatten().cloned().collect();
                return Ok(Begun::Composite { program: program.clone(), types: learned.types.clone(), arguments });
            }
        };
        let turns = self.path.iter().filter_map(|frame| frame.turn);
        let seed = node.draw().map_or(0, |draw| draw_seed(self.prepared.options.seed, draw, turns));
        let (attr, images) = (AttrView::new(node.op, &node.attrs), self.prepared.options.images.as_ref());
        let call = Call { op: node.op, attr, inputs, types: &learned.types, seed, images };
        let results = guarded(graph, id, around, &|| kernel(&call))?;
        self.check_results(graph, id, &learned.types, &results)?;
        Ok(Begun::Results(results))
    }

    /// Runs the inference of a node on the true sizes, and finds what computes it.
    fn learn(
        &self,
        program: &PlannedGraph,
        id: NodeId,
        node: &Node,
        inputs: &[Option<&Value>],
    ) -> Result<Arc<Learned>, RunError> {
        let graph = &*program.graph;
        let operands = operands_of(graph, node, inputs);
        let inferred = infer_op(node.op, &node.attrs, &operands, &[], graph.states(), node.results.len());
        let inferred = inferred.map_err(|violation| fail(graph, id, violation.into()))?;
        let options = &self.prepared.options;
        let types: Vec<Type> = inferred.into_iter().map(|(ty, _)| options.precision.carried_type(&ty)).collect();
        self.check_memory(graph, id, &types)?;
        let means = if let Tier::Composite(_) = node.op.tier {
            let made = self.prepared.decompositions.of(program, id, node, &operands);
            Means::Composite(made.map_err(|error| fail(graph, id, error.into()))?)
        } else {
            Means::Kernel(kernels::find(node.op.name).ok_or_else(|| {
                let message = format!("`{}` has no reference kernel", node.op.name);
                fail(graph, id, KernelError::Internal(message))
            })?)
        };
        let (learned, is_of_use) = Learned::new(node, inputs, types, means);
        let learned = Arc::new(learned);
        if is_of_use {
            program.learned.keep(id, learned.clone());
        }
        Ok(learned)
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
fn operands_of(graph: &Graph, node: &Node, inputs: &[Option<&Value>]) -> Vec<Option<Operand>> {
    let operand = |(index, value): (usize, &Option<&Value>)| {
        let value = (*value)?;
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
