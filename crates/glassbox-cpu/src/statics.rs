//! The values of a graph that are the same in every run: weights, constants, and what is computed from these alone.
//!
//! They are computed once, when a graph is prepared, where that takes no more memory than what they are computed from.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_exec::Value;
use glassbox_ir::{Attr, AttrView, Graph, NodeId, ValueId, ops};
use glassbox_reference::evaluate;
use glassbox_tensor::{ParamSource, Tensor};

/// What a value that is computed ahead may take, where its operands are smaller.
const SMALL: usize = 1 << 16;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Statics {
    values: HashMap<ValueId, Value>,
}

impl Statics {
    /// Those of a graph, in its bodies too: what a weight is doesn't hang on where it is read.
    pub(crate) fn of(graph: &Arc<Graph>, params: &dyn ParamSource) -> Statics {
        let mut statics = Statics::default();
        for id in graph.walk() {
            statics.add(graph, id, params);
        }
        statics
    }

    fn add(&mut self, graph: &Graph, id: NodeId, params: &dyn ParamSource) {
        let node = graph.node(id);
        if *node.op == ops::constant::OP {
            if let Some(Attr::Tensor(tensor)) = node.attrs.get("value") {
                self.values.extend(node.results.iter().map(|result| (*result, tensor.clone().into())));
            }
        } else if *node.op == ops::parameter::OP {
            let name = AttrView::new(node.op, &node.attrs).str("name").to_owned();
            // What can't be read is told when the node runs.
            if let Ok(tensor) = params.load(&name) {
                self.values.extend(node.results.iter().map(|result| (*result, tensor.clone().into())));
            }
        } else if node.op.effects.is_pure() && node.regions.is_empty() && node.operands.iter().any(Option::is_some) {
            let operands = node.operands.iter().map(|operand| match operand {
                None => Some(None),
                Some(id) => self.values.get(id).cloned().map(Some),
            });
            let Some(operands) = operands.collect::<Option<Vec<Option<Value>>>>() else { return };
            let bytes: usize = operands.iter().flatten().map(Value::byte_len).sum();
            let limit = bytes.max(SMALL);
            if let Ok(results) = evaluate(node.op, &node.attrs, &operands, node.results.len(), limit) {
                self.values.extend(node.results.iter().copied().zip(results));
            }
        }
    }

    /// A value that is always the same.
    pub(crate) fn get(&self, value: ValueId) -> Option<&Value> {
        self.values.get(&value)
    }

    /// A value that is always the same tensor.
    pub(crate) fn tensor(&self, value: ValueId) -> Option<&Tensor> {
        self.get(value)?.as_tensor()
    }
}
