//! The values of a graph that are the same in every run: weights, constants, and what is computed from these alone.
//!
//! Each is computed when somebody asks for it, where that takes no more memory than what it is computed from, or where it
//! makes numbers of bytes (weights that each run would widen again): weights that no run ever needs are never read. What was computed is kept until it is [forgotten](Statics::forget).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use glassbox_exec::Value;
use glassbox_ir::{Attr, AttrView, Graph, NodeId, ValueId, ops};
use glassbox_reference::evaluate;
use glassbox_tensor::{ParamSource, Tensor};

/// What a value that is computed ahead may take, where its operands are smaller.
const SMALL: usize = 1 << 16;

/// See the [module](self).
pub(crate) struct Statics {
    graph: Arc<Graph>,
    params: Arc<dyn ParamSource>,
    /// For each value, by its index, the node that gives it, where it is computed from constants and weights alone.
    givers: Vec<Option<NodeId>>,
    /// For each node, by its index, its place in program order.
    places: Vec<usize>,
    /// Whether a weight is among what a value is computed from.
    weights: Vec<bool>,
    /// What was asked for; `None` where it can't be computed ahead.
    values: Mutex<HashMap<ValueId, Option<Value>>>,
}

impl Statics {
    /// Those of a graph, in its bodies too: what a weight is doesn't hang on where it is read.
    pub(crate) fn of(graph: &Arc<Graph>, params: Arc<dyn ParamSource>) -> Statics {
        let (givers, weights) = (vec![None; graph.value_count()], vec![false; graph.value_count()]);
        let (graph, places, values) = (graph.clone(), vec![0; graph.node_count()], Mutex::default());
        let mut statics = Statics { graph: graph.clone(), params, givers, places, weights, values };
        for (place, id) in graph.walk().into_iter().enumerate() {
            let node = graph.node(id);
            statics.places[id.index()] = place;
            let source = *node.op == ops::constant::OP || *node.op == ops::parameter::OP;
            let mut operands = node.operands.iter().flatten().peekable();
            let computed = node.op.effects.is_pure()
                && node.regions.is_empty()
                && operands.peek().is_some()
                && operands.all(|value| statics.givers[value.index()].is_some());
            if source || computed {
                let weights = *node.op == ops::parameter::OP
                    || node.operands.iter().flatten().any(|value| statics.weights[value.index()]);
                for value in &node.results {
                    (statics.givers[value.index()], statics.weights[value.index()]) = (Some(id), weights);
                }
            }
        }
        statics
    }

    /// A value that is always the same, if it is one and can be computed ahead.
    pub(crate) fn get(&self, value: ValueId) -> Option<Value> {
        self.giver(value)?;
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut needed, mut open) = (BTreeSet::new(), vec![value]);
        while let Some(value) = open.pop() {
            if let Some(id) = self.giver(value).filter(|_| !values.contains_key(&value))
                && needed.insert((self.places[id.index()], id))
            {
                open.extend(self.graph.node(id).operands.iter().flatten().copied());
            }
        }
        for (_, id) in needed {
            let made = self.compute(id, &values);
            let results = self.graph.node(id).results.iter().copied();
            match made {
                Some(made) => values.extend(results.zip(made.into_iter().map(Some))),
                None => values.extend(results.map(|value| (value, None))),
            }
        }
        values.get(&value).cloned().flatten()
    }

    /// A value that is always the same tensor.
    pub(crate) fn tensor(&self, value: ValueId) -> Option<Tensor> {
        self.get(value)?.as_tensor().cloned()
    }

    /// Whether a value is computed from weights alone, at least one.
    pub(crate) fn is_of_weights(&self, value: ValueId) -> bool {
        self.weights[value.index()]
    }

    /// Lets go of what was computed. It is computed again, where somebody asks again.
    pub(crate) fn forget(&self) {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn giver(&self, value: ValueId) -> Option<NodeId> {
        self.givers.get(value.index()).copied().flatten()
    }

    fn compute(&self, id: NodeId, values: &HashMap<ValueId, Option<Value>>) -> Option<Vec<Value>> {
        let node = self.graph.node(id);
        if *node.op == ops::constant::OP {
            let Some(Attr::Tensor(tensor)) = node.attrs.get("value") else { return None };
            return Some(vec![tensor.aligned().ok()?.into()]);
        }
        if *node.op == ops::parameter::OP {
            // What can't be read is told when the node runs. Kernels read in place, and data of files may lie anywhere.
            let tensor = self.params.load(AttrView::new(node.op, &node.attrs).str("name")).ok()?;
            return Some(vec![tensor.aligned().ok()?.into()]);
        }
        let operand = |id: &Option<ValueId>| match id {
            None => Some(None),
            Some(id) => values.get(id)?.clone().map(Some),
        };
        let operands = node.operands.iter().map(operand).collect::<Option<Vec<Option<Value>>>>()?;
        let bytes: usize = operands.iter().flatten().map(Value::byte_len).sum();
        let bytes = if *node.op == ops::dequantize_linear::OP { usize::MAX } else { bytes.max(SMALL) };
        evaluate(node.op, &node.attrs, &operands, node.results.len(), bytes).ok()
    }
}
