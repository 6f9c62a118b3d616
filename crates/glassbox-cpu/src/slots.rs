//! Which nodes of a compiled graph this backend computes, each with its kernel.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use glassbox_exec::{KernelError, KernelReport, Options, Policy, RunError, Value};
use glassbox_ir::{AttrView, Graph, Node, NodeId, RegionId, ValueId, ops};
use glassbox_reference::{Compute, Outcome, Values, evaluate};
use glassbox_tensor::{DType, ParamSource, Recycler, Tensor};

use crate::fragment::{Fragment, Sizes};
use crate::kernels::output::Output;
use crate::kernels::{self, Kernel};
use crate::overrides::Chosen;
use crate::plan::{self, Needs};
use crate::statics::Statics;

/// The kernels of a graph, by its nodes.
///
/// They are made when a graph is prepared, but those that work on weights inside of a branch of an `if`, which are made when
/// they are needed for the first time: a model may choose few of many experts, and none of the others' weights is read.
pub(crate) struct Slots {
    graph: Arc<Graph>,
    statics: Statics,
    policy: Option<Arc<Policy>>,
    /// The calls that have one kernel for their whole body.
    calls: HashSet<NodeId>,
    /// Registered kernels that some of these may be.
    overrides: Vec<Chosen>,
    /// What each node is, by its index, as far as that was asked.
    slots: Vec<OnceLock<Slot>>,
    /// Whether all was made that need not wait.
    is_prepared: bool,
    /// Memory for results, used again from run to run.
    recycler: Arc<Recycler>,
}

enum Slot {
    /// Values that are the same in every run.
    Static(Vec<Value>),
    /// A kernel.
    Kernel { fragment: Box<Fragment>, kernel: Box<dyn Kernel> },
    /// The nodes in its bodies may have kernels; why it has none itself, where it was to have one.
    Bodies(String),
    /// It is the machine's own on every backend.
    Machine,
    /// It is computed by the reference, for this reason.
    Left(String),
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

impl Slots {
    /// The kernels of a graph. Those of `calls` have one kernel for their whole body, where there is one; any other call is
    /// only gone into, because what a kernel relies on was seen to by whoever grouped the nodes.
    pub(crate) fn of(
        graph: &Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
        calls: &[NodeId],
        overrides: Vec<Chosen>,
    ) -> Slots {
        let mut slots = Vec::new();
        slots.resize_with(graph.node_count(), OnceLock::new);
        let (statics, calls) = (Statics::of(graph, params), calls.iter().copied().collect());
        let mut slots = Slots {
            graph: graph.clone(),
            statics,
            policy: options.policy.clone(),
            calls,
            overrides,
            slots,
            is_prepared: false,
            recycler: Arc::default(),
        };
        slots.region(graph.body(), false);
        slots.statics.forget();
        slots.is_prepared = true;
        slots
    }

    /// Makes the kernels of a region that need not wait.
    fn region(&self, region: RegionId, in_branch: bool) {
        for id in self.graph.region(region).nodes.iter().copied() {
            let node = self.graph.node(id);
            if in_branch && self.works_on_weights(node) {
                continue;
            }
            if matches!(self.slot(id), Slot::Bodies(_)) {
                let in_branch = in_branch || *node.op == ops::if_::OP;
                node.regions.iter().for_each(|inner| self.region(*inner, in_branch));
            }
        }
    }

    /// Whether a node, or one in its bodies, reads weights or what is computed from them.
    fn works_on_weights(&self, node: &Node) -> bool {
        let of_weights = |value: &ValueId| self.statics.is_of_weights(*value);
        let mut nodes = node.regions.iter().flat_map(|region| &self.graph.region(*region).nodes);
        node.operands.iter().flatten().chain(&node.results).any(of_weights)
            || nodes.any(|inner| self.works_on_weights(self.graph.node(*inner)))
    }

    fn slot(&self, id: NodeId) -> &Slot {
        self.slots[id.index()].get_or_init(|| {
            let slot = self.make(id);
            if self.is_prepared {
                self.statics.forget();
            }
            slot
        })
    }

    fn make(&self, id: NodeId) -> Slot {
        let node = self.graph.node(id);
        let fixed: Option<Vec<Value>> = node.results.iter().map(|result| self.statics.get(*result)).collect();
        // A node without results is there for what it does.
        if let Some(values) = fixed.filter(|values| !values.is_empty()) {
            return Slot::Static(values);
        }
        let whole = node.regions.is_empty() || self.calls.contains(&id);
        let built = if whole {
            kernels::build(&self.graph, id, &self.statics, self.policy.as_deref(), &self.overrides)
        } else {
            Err(String::new())
        };
        match built {
            Ok((fragment, kernel)) => Slot::Kernel { fragment: Box::new(fragment), kernel },
            Err(why) if !node.regions.is_empty() => Slot::Bodies(why),
            Err(_) if is_of_the_machine(node.op.name) => Slot::Machine,
            Err(why) => Slot::Left(why),
        }
    }

    /// The kernels, in order, and the groups that have none, as far as that is known.
    pub(crate) fn kernels(&self) -> Vec<KernelReport> {
        let mut found = Vec::new();
        self.kernels_of(self.graph.body(), &mut found);
        found
    }

    fn kernels_of(&self, region: RegionId, found: &mut Vec<KernelReport>) {
        for id in self.graph.region(region).nodes.iter().copied() {
            let (node, slot) = (self.graph.node(id), self.slots[id.index()].get());
            let (is_group, is_kernel) = (self.calls.contains(&id), matches!(slot, Some(Slot::Kernel { .. })));
            if is_group || is_kernel {
                let function = || AttrView::new(node.op, &node.attrs).opt_str("function");
                let name = if is_group { function() } else { None };
                let inside = |region: &RegionId| self.graph.region(*region).nodes.len();
                found.push(KernelReport {
                    node: self.graph.node_label(id),
                    name: name.unwrap_or(node.op.name).to_owned(),
                    provenance: node.provenance.clone(),
                    nodes: node.regions.iter().map(inside).sum::<usize>().max(1),
                    apart: match slot {
                        Some(Slot::Bodies(why)) => Some(why.clone()),
                        _ => None,
                    },
                });
            }
            if !is_kernel && !is_group {
                node.regions.iter().for_each(|inner| self.kernels_of(*inner, found));
            }
        }
    }

    /// The most bytes that the values of a run take together, where that is known.
    pub(crate) fn peak(&self) -> Option<u64> {
        plan::peak(&self.graph, |id| self.needs(id))
    }

    /// What a node does for memory.
    fn needs(&self, id: NodeId) -> Needs {
        let node = self.graph.node(id);
        match self.slot(id) {
            Slot::Static(_) => Needs::Nothing,
            Slot::Kernel { .. } => Needs::Results,
            Slot::Bodies(_) => Needs::Unknown,
            Slot::Left(_) => Needs::Apart,
            Slot::Machine => match node.op.name {
                "host" => Needs::Unknown,
                "shape" | "size" => Needs::Apart,
                "reshape" | "flatten" if self.is_scattered(node) => Needs::Apart,
                op if VIEWS.contains(&op) => Needs::View,
                _ => Needs::Nothing,
            },
        }
    }

    /// Whether the elements of what a node reads may not lie one after the other, so that another shape of them is a copy.
    fn is_scattered(&self, node: &Node) -> bool {
        let operand = node.operands.first().copied().flatten();
        let nodes = &self.graph.region(self.graph.body()).nodes;
        let giver = nodes.iter().map(|id| self.graph.node(*id)).find(|giver| giver.results.first() == operand.as_ref());
        giver.is_some_and(|giver| ["expand", "slice", "split", "transpose"].contains(&giver.op.name))
    }

    /// The bytes that results have taken so far.
    #[cfg(test)]
    pub(crate) fn recycled(&self) -> usize {
        self.recycler.allocated_bytes()
    }

    /// The nodes that are computed by the reference, and why, as far as that is known.
    pub(crate) fn left(&self) -> Vec<(NodeId, String)> {
        let nodes = self.graph.walk().into_iter();
        let left = nodes.filter_map(|id| match self.slots[id.index()].get() {
            Some(Slot::Left(why)) => Some((id, why.clone())),
            // A group whose nodes are computed one by one.
            Some(Slot::Bodies(why)) if self.calls.contains(&id) => {
                Some((id, format!("no kernel computes its body at once: {why}")))
            }
            _ => None,
        });
        left.collect()
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
                RunError::Node { error, .. } => *error,
                other => KernelError::Internal(other.to_string()),
            });
        values.extend(results?);
    }
    Ok(fragment.outputs().iter().map(|output| values[*output].clone()).collect())
}

impl Compute for Slots {
    fn takes(&self, node: NodeId) -> bool {
        matches!(self.slot(node), Slot::Static(_) | Slot::Kernel { .. })
    }

    fn compute(&self, node: NodeId, values: &Values, limit: usize) -> Outcome {
        match self.slot(node) {
            Slot::Static(values) => Ok(values.clone()),
            Slot::Kernel { fragment, kernel } => {
                let inputs = fragment.tensors(values)?;
                let sizes = fragment.sizes(&inputs, limit)?;
                let call = Call { fragment, inputs: &inputs, sizes: &sizes, recycler: &self.recycler };
                if !sizes.taken.get_or_init(|| kernel.takes(fragment, &sizes)) {
                    return by_reference(&call, limit);
                }
                Ok(kernel.run(&call)?.into_iter().map(Value::from).collect())
            }
            Slot::Bodies(_) | Slot::Machine | Slot::Left(_) => {
                Err(KernelError::Internal("the node has no kernel".to_owned()))
            }
        }
    }
}
