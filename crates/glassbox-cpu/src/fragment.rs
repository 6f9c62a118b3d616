//! What one kernel computes: nodes of one region, taken out of their graph.
//!
//! The values of a fragment are numbered: what comes from outside first, then the results of its nodes in order. Inference
//! of all its nodes on the true sizes says of which types they are, so that every constraint of every op holds when a
//! kernel begins; what it said is kept for sizes that come again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use glassbox_exec::{Convolutions, KernelError, Policy, Products, Value};
use glassbox_ir::{AttrView, Graph, Known, Node, NodeId, Operand, TensorType, Type, ValueId, infer_op, ops};
use glassbox_reference::Values;
use glassbox_tensor::{DType, Tensor};

use crate::fuse::same_dims;
use crate::statics::Statics;

/// How many combinations of sizes are remembered for a fragment.
const MAX_KEPT: usize = 16;

/// See the [module](self).
pub(crate) struct Fragment {
    graph: Arc<Graph>,
    nodes: Vec<NodeId>,
    /// The values from outside, by their numbers here.
    inputs: Vec<ValueId>,
    /// The values that something outside uses, by their numbers here.
    outputs: Vec<usize>,
    numbers: HashMap<ValueId, usize>,
    /// The dtype of each value.
    dtypes: Vec<DType>,
    /// The contents of the values that are the same in every run, where a node's inference or a kernel reads them.
    contents: Vec<Option<Tensor>>,
    /// The constants of the body.
    own: Vec<Option<Tensor>>,
    /// What the node is called, which may be a call.
    label: String,
    policy: Option<Policy>,
    known: Mutex<Vec<Arc<Sizes>>>,
}

/// The types of all values of a fragment, for one combination of sizes from outside.
pub(crate) struct Sizes {
    pub(crate) types: Vec<TensorType>,
    /// The sizes of each value.
    pub(crate) sizes: Vec<Vec<usize>>,
    /// Whether the kernel computes them.
    pub(crate) taken: OnceLock<bool>,
}

impl Fragment {
    /// The nodes of the body of a `call`, or a single node.
    pub(crate) fn of(graph: &Arc<Graph>, id: NodeId, statics: &Statics, policy: Option<&Policy>) -> Option<Fragment> {
        let node = graph.node(id);
        let (nodes, results) = match node.regions[..] {
            [] => (vec![id], node.results.clone()),
            [body] if *node.op == ops::call::OP && graph.region(body).parameters.is_empty() => {
                (graph.region(body).nodes.clone(), graph.region(body).results.clone())
            }
            _ => return None,
        };
        // Constants of the body are values that come from outside, and are the same in every run.
        let (constants, nodes): (Vec<NodeId>, Vec<NodeId>) =
            nodes.into_iter().partition(|node| *graph.node(*node).op == ops::constant::OP);
        let constant = |value: &ValueId| {
            let node = constants.iter().map(|node| graph.node(*node)).find(|node| node.results.contains(value))?;
            AttrView::new(node.op, &node.attrs).tensor("value").cloned()
        };
        let made: Vec<ValueId> = nodes.iter().flat_map(|node| graph.node(*node).results.iter().copied()).collect();
        let mut inputs = Vec::new();
        for operand in nodes.iter().flat_map(|node| graph.node(*node).operands.iter().flatten().copied()) {
            if !made.contains(&operand) && !inputs.contains(&operand) {
                inputs.push(operand);
            }
        }
        let numbers: HashMap<ValueId, usize> =
            inputs.iter().chain(&made).enumerate().map(|(number, value)| (*value, number)).collect();
        let outputs = results.iter().map(|value| numbers.get(value).copied()).collect::<Option<Vec<_>>>()?;
        let own: Vec<Option<Tensor>> = inputs.iter().map(constant).collect();
        let contents = inputs.iter().zip(&own).map(|(value, own)| own.clone().or_else(|| statics.tensor(*value)));
        let contents = contents.collect();
        let tensors = numbers.keys().all(|value| graph.value(*value).ty.as_tensor().is_some());
        let dtypes = inputs.iter().chain(&made).map(|value| graph.value(*value).ty.dtype()).collect();
        let simple = nodes.iter().all(|node| graph.node(*node).regions.is_empty());
        let contents: Vec<Option<Tensor>> = contents;
        // What inference says is remembered by sizes alone, so contents that it reads have to be the same in every run.
        let known = |id: &ValueId| numbers.get(id).and_then(|number| contents.get(*number)?.as_ref()).is_some();
        let settled = nodes.iter().map(|node| graph.node(*node)).all(|node| {
            let mut operands = node.operands.iter().enumerate();
            operands.all(|(place, id)| {
                !node.op.input(place).is_some_and(|input| input.shapes) || id.as_ref().is_none_or(known)
            })
        });
        (tensors && simple && settled).then(|| Fragment {
            graph: graph.clone(),
            nodes,
            inputs,
            outputs,
            numbers,
            dtypes,
            contents,
            own,
            label: graph.node_label(id),
            policy: policy.cloned(),
            known: Mutex::default(),
        })
    }

    /// In how many bits the products of a node are computed.
    pub(crate) fn products(&self, node: &Node) -> Products {
        self.asked(node, Policy::products_of)
    }

    /// How the convolutions of a node are computed.
    pub(crate) fn convolutions(&self, node: &Node) -> Convolutions {
        self.asked(node, Policy::convolutions_of)
    }

    /// What the policy says of a node by its names.
    fn asked<T: Default>(&self, node: &Node, of: impl Fn(&Policy, &Node, &[&str]) -> T) -> T {
        let Some(policy) = &self.policy else { return T::default() };
        let own = node.results.first().map(|id| self.graph.value_label(*id)).unwrap_or_default();
        of(policy, node, &[&self.label, &own])
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.nodes.iter().map(|node| self.graph.node(*node))
    }

    /// The values from outside, in the order of their numbers.
    pub(crate) fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The tensors from outside, by their numbers.
    ///
    /// # Errors
    ///
    /// An internal error, where one isn't alive.
    pub(crate) fn tensors<'a>(&'a self, values: &Values<'a>) -> Result<Vec<&'a Tensor>, KernelError> {
        let given = self.inputs.iter().zip(&self.own);
        given.map(|(id, own)| own.as_ref().map_or_else(|| tensor(values.get(*id)?), Ok)).collect()
    }

    /// The numbers of what something outside uses.
    pub(crate) fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    pub(crate) fn number(&self, value: ValueId) -> usize {
        self.numbers.get(&value).copied().unwrap_or(usize::MAX)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The type that the graph declares.
    pub(crate) fn declared(&self, value: ValueId) -> Option<&TensorType> {
        self.graph.value(value).ty.as_tensor()
    }

    /// The dtype that the graph declares for a value.
    pub(crate) fn dtype(&self, number: usize) -> Option<DType> {
        self.dtypes.get(number).copied()
    }

    /// Whether two values surely have the same dims.
    pub(crate) fn has_same_dims(&self, a: usize, b: usize) -> bool {
        let value = |number: usize| self.numbers.iter().find(|(_, other)| **other == number).map(|(value, _)| *value);
        let ty = |number: usize| value(number).and_then(|value| self.declared(value));
        ty(a).zip(ty(b)).is_some_and(|(a, b)| same_dims(a, b))
    }

    /// The contents of a value from outside that is the same in every run.
    pub(crate) fn content(&self, number: usize) -> Option<&Tensor> {
        self.contents.get(number).and_then(Option::as_ref)
    }

    /// The one scalar that a value from outside always is.
    pub(crate) fn scalar(&self, number: usize) -> Option<f32> {
        let tensor = self.content(number).filter(|tensor| tensor.len() == 1 && tensor.dtype() == DType::F32)?;
        tensor.item::<f32>().ok()
    }

    /// The types of all values for these tensors from outside.
    ///
    /// # Errors
    ///
    /// What a node's inference refuses; results of one run that take more than `limit` bytes.
    pub(crate) fn sizes(&self, inputs: &[&Tensor], limit: usize) -> Result<Arc<Sizes>, KernelError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |sizes: &Arc<Sizes>| sizes.sizes.iter().zip(inputs).all(|(sizes, input)| sizes == input.shape());
        if let Some(place) = known.iter().position(same) {
            if place > 0 {
                known.swap(0, place);
            }
            return Ok(known[0].clone());
        }
        let made = Arc::new(self.infer(inputs)?);
        let bytes = |number: &usize| made.types[*number].dtype.byte_len(made.sizes[*number].iter().product());
        let total = self.outputs.iter().try_fold(0usize, |total, output| total.checked_add(bytes(output)?));
        if total.is_none_or(|total| total > limit) {
            let types: Vec<String> = self.outputs.iter().map(|output| made.types[*output].to_string()).collect();
            let message = format!("the result {} is larger than the limit of {limit} bytes", types.join(", "));
            return Err(KernelError::invalid("limit", message));
        }
        known.insert(0, made.clone());
        known.truncate(MAX_KEPT);
        Ok(made)
    }

    fn infer(&self, inputs: &[&Tensor]) -> Result<Sizes, KernelError> {
        let of = |tensor: &&Tensor| TensorType::new(tensor.dtype(), tensor.shape().iter().copied());
        let mut types: Vec<TensorType> = inputs.iter().map(of).collect();
        for node in self.nodes() {
            let operand = |(place, value): (usize, &Option<ValueId>)| {
                let number = self.number((*value)?);
                let shapes = node.op.input(place).is_some_and(|input| input.shapes);
                let tensor = inputs.get(number).map(|tensor| Tensor::clone(tensor));
                let known = tensor.filter(|_| shapes).map(Known::Tensor);
                Some(Operand { ty: Type::from(types.get(number)?.clone()), known })
            };
            let operands: Vec<Option<Operand>> = node.operands.iter().enumerate().map(operand).collect();
            let made = infer_op(node.op, &node.attrs, &operands, &[], self.graph.states(), node.results.len())?;
            for (ty, _) in made {
                match ty {
                    Type::Tensor(tensor) => types.push(tensor),
                    other => {
                        return Err(KernelError::Internal(format!("`{}` gives {other} in a kernel", node.op.name)));
                    }
                }
            }
        }
        let sizes = types.iter().map(|ty| ty.shape.sizes()).collect::<Option<Vec<_>>>();
        let sizes = sizes.ok_or_else(|| KernelError::Internal("the sizes in a kernel aren't known".to_owned()))?;
        Ok(Sizes { types, sizes, taken: OnceLock::new() })
    }
}

/// The tensor that a value is.
///
/// # Errors
///
/// An internal error, where it is none.
fn tensor(value: &Value) -> Result<&Tensor, KernelError> {
    value.as_tensor().ok_or_else(|| KernelError::Internal("a kernel was given what isn't a tensor".to_owned()))
}
