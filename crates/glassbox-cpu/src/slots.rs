//! Which nodes of a compiled graph this backend computes, each with its kernel.

use std::collections::HashSet;
use std::sync::Arc;

use glassbox_exec::{KernelError, RunError, Value};
use glassbox_ir::{Graph, NodeId, RegionId, ValueId};
use glassbox_reference::{Compute, Outcome, Values, evaluate};
use glassbox_tensor::{DType, Recycler, Tensor};

use crate::fragment::{Fragment, Sizes};
use crate::kernels::output::Output;
use crate::kernels::{self, Kernel};
use crate::statics::Statics;

/// The kernels of a graph, by its nodes.
pub(crate) struct Slots {
    slots: Vec<Option<Slot>>,
    /// Memory for results, used again from run to run.
    recycler: Arc<Recycler>,
}

enum Slot {
    /// Values that are the same in every run.
    Static(Vec<Value>),
    /// A kernel.
    Kernel { fragment: Box<Fragment>, kernel: Box<dyn Kernel> },
}

/// What a kernel is given.
pub(crate) struct Call<'a> {
    pub(crate) fragment: &'a Fragment,
    /// The tensors from outside, by their numbers.
    pub(crate) inputs: &'a [&'a Tensor],
    pub(crate) sizes: &'a Sizes,
    recycler: &'a Arc<Recycler>,
}

impl Call<'_> {
    /// Memory for a tensor, holding anything.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(crate) fn output(&self, dtype: DType, sizes: &[usize]) -> Result<Output, KernelError> {
        Output::new(self.recycler, dtype, sizes)
    }
}

/// A node that is computed by the reference, or a call of grouped nodes that is computed node by node, and why.
pub(crate) struct Left {
    pub(crate) node: NodeId,
    pub(crate) why: String,
}

impl Slots {
    /// The kernels of `graph`, and the nodes that have none. Those of `calls` have one kernel for their whole body, where
    /// there is one; any other call is only gone into, because what a kernel relies on was seen to by whoever grouped the
    /// nodes.
    pub(crate) fn of(graph: &Arc<Graph>, statics: &Statics, calls: &[NodeId]) -> (Slots, Vec<Left>) {
        let mut slots = Slots { slots: Vec::new(), recycler: Arc::default() };
        slots.slots.resize_with(graph.node_count(), || None);
        let mut left = Vec::new();
        let calls: HashSet<NodeId> = calls.iter().copied().collect();
        slots.region(graph, graph.body(), statics, &calls, &mut left);
        (slots, left)
    }

    fn region(
        &mut self,
        graph: &Arc<Graph>,
        region: RegionId,
        statics: &Statics,
        calls: &HashSet<NodeId>,
        left: &mut Vec<Left>,
    ) {
        for id in graph.region(region).nodes.iter().copied() {
            let node = graph.node(id);
            let fixed: Option<Vec<Value>> = node.results.iter().map(|result| statics.get(*result).cloned()).collect();
            // A node without results is there for what it does.
            if let Some(values) = fixed.filter(|values| !values.is_empty()) {
                self.slots[id.index()] = Some(Slot::Static(values));
                continue;
            }
            let whole = node.regions.is_empty() || calls.contains(&id);
            let built = if whole { kernels::build(graph, id, statics) } else { Err(String::new()) };
            match built {
                Ok((fragment, kernel)) => {
                    self.slots[id.index()] = Some(Slot::Kernel { fragment: Box::new(fragment), kernel });
                }
                // The nodes in it may have kernels of their own.
                Err(why) if !node.regions.is_empty() => {
                    if whole {
                        left.push(Left { node: id, why: format!("no kernel computes its body at once: {why}") });
                    }
                    node.regions.iter().for_each(|inner| self.region(graph, *inner, statics, calls, left));
                }
                Err(_) if is_of_the_machine(node.op.name) => {}
                Err(why) => left.push(Left { node: id, why }),
            }
        }
    }
}

/// The ops that only say how elements that are there already are looked at: a view is all that they give.
const VIEWS: &[&str] = &[
    "constant",
    "expand",
    "flatten",
    "identity",
    "reshape",
    "shape",
    "size",
    "slice",
    "split",
    "squeeze",
    "transpose",
    "unsqueeze",
];

/// Whether a node is the machine's own on every backend: it reads a weight or a state, calls the host, or computes nothing.
fn is_of_the_machine(op: &str) -> bool {
    matches!(op, "parameter" | "host" | "barrier") || op.starts_with("state_") || VIEWS.contains(&op)
}

/// What the reference gives for a fragment, node by node.
fn by_reference(call: &Call, limit: usize) -> Outcome {
    let fragment = call.fragment;
    let mut values: Vec<Value> = call.inputs.iter().map(|tensor| Tensor::clone(tensor).into()).collect();
    for node in fragment.nodes() {
        let operand = |id: &Option<ValueId>| id.and_then(|id| values.get(fragment.number(id)).cloned());
        let operands: Vec<Option<Value>> = node.operands.iter().map(operand).collect();
        let results =
            evaluate(node.op, &node.attrs, &operands, node.results.len(), limit).map_err(|error| match error {
                RunError::Node { error, .. } => error,
                other => KernelError::Internal(other.to_string()),
            });
        values.extend(results?);
    }
    Ok(fragment.outputs().iter().map(|output| values[*output].clone()).collect())
}

impl Compute for Slots {
    fn takes(&self, node: NodeId) -> bool {
        matches!(self.slots.get(node.index()), Some(Some(_)))
    }

    fn compute(&self, node: NodeId, values: &Values, limit: usize) -> Outcome {
        match self.slots.get(node.index()) {
            Some(Some(Slot::Static(values))) => Ok(values.clone()),
            Some(Some(Slot::Kernel { fragment, kernel })) => {
                let inputs = fragment.tensors(values)?;
                let sizes = fragment.sizes(&inputs, limit)?;
                let call = Call { fragment, inputs: &inputs, sizes: &sizes, recycler: &self.recycler };
                if !sizes.taken.get_or_init(|| kernel.takes(fragment, &sizes)) {
                    return by_reference(&call, limit);
                }
                Ok(kernel.run(&call)?.into_iter().map(Value::from).collect())
            }
            _ => Err(KernelError::Internal("the node has no kernel".to_owned())),
        }
    }
}
