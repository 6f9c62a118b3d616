//! What inference said of a node when it ran last, for operands that come again.
//!
//! What inference says of a primitive or a composite depends on the node, the sizes of its operands and the contents of
//! those that shape its results, and on nothing else. So where these are what they were, the types of the results, and
//! what a composite stands for, are too. One combination is kept for each node; sessions of a graph share them.

use std::sync::{Arc, Mutex, PoisonError};

use glassbox_exec::Value;
use glassbox_ir::{Node, NodeId, OpDef, Type};

use crate::kernels::Kernel;
use crate::program::PlannedGraph;

/// How a node is computed.
pub(crate) enum Means {
    Kernel(Kernel),
    Composite(Arc<PlannedGraph>),
}

/// What was found out about a node and operands like these.
pub(crate) struct Learned {
    /// The operands; `None`, where one is left out.
    given: Vec<Option<Given>>,
    /// The types of the results, as they are carried. They fit the memory limit.
    pub(crate) types: Vec<Type>,
    pub(crate) means: Means,
}

/// What inference is told of an operand.
struct Given {
    sizes: Vec<usize>,
    /// The contents of one that shapes results.
    contents: Option<Vec<u8>>,
}

impl Learned {
    /// For operands of which inference said this. Their sizes are remembered, where all are tensors; otherwise it is of no
    /// use a second time.
    pub(crate) fn new(node: &Node, inputs: &[Option<&Value>], types: Vec<Type>, means: Means) -> (Learned, bool) {
        let given = |(place, value): (usize, &Option<&Value>)| -> Option<Option<Given>> {
            let Some(value) = value else { return Some(None) };
            let tensor = value.as_tensor()?;
            let contents = match shapes(node.op, place) {
                true => Some(tensor.to_bytes().ok()?),
                false => None,
            };
            Some(Some(Given { sizes: tensor.shape().to_vec(), contents }))
        };
        let given: Option<Vec<Option<Given>>> = inputs.iter().enumerate().map(given).collect();
        let is_known = given.is_some();
        (Learned { given: given.unwrap_or_default(), types, means }, is_known)
    }

    fn fits(&self, inputs: &[Option<&Value>]) -> bool {
        let same = |(given, value): (&Option<Given>, &Option<&Value>)| match (given, value) {
            (None, None) => true,
            (Some(given), Some(Value::Tensor(tensor))) => {
                let holds = |contents: &Vec<u8>| match tensor.as_bytes() {
                    Some(bytes) => bytes == &contents[..],
                    None => tensor.to_bytes().is_ok_and(|bytes| bytes == *contents),
                };
                given.sizes == tensor.shape() && given.contents.as_ref().is_none_or(holds)
            }
            _ => false,
        };
        self.given.len() == inputs.len() && self.given.iter().zip(inputs).all(same)
    }
}

/// Whether inference reads the contents of an operand.
fn shapes(op: &OpDef, place: usize) -> bool {
    op.input(place).is_some_and(|input| input.shapes)
}

/// What is known of the nodes of a graph.
pub(crate) struct Memory(Vec<Mutex<Option<Arc<Learned>>>>);

impl Memory {
    pub(crate) fn new(nodes: usize) -> Memory {
        Memory((0..nodes).map(|_| Mutex::default()).collect())
    }

    /// What was found out, where the operands are as they were.
    pub(crate) fn recall(&self, id: NodeId, inputs: &[Option<&Value>]) -> Option<Arc<Learned>> {
        let held = self.0.get(id.index())?.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|learned| learned.fits(inputs)).cloned()
    }

    pub(crate) fn keep(&self, id: NodeId, learned: Arc<Learned>) {
        if let Some(place) = self.0.get(id.index()) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(learned);
        }
    }
}
