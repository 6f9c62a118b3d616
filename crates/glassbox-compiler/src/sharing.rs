//! Finding a node that is there already: the table behind common subexpressions.
//!
//! A node is shared where it has no effects and no bodies, and op, operands, attributes (by bits), hints and the number of
//! results are the same. What a region adds leaves with it, so that a node is found only where its results are visible.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use glassbox_ir::{Attr, Attrs, Graph, Hints, NodeId, OpDef, ValueId};
use glassbox_tensor::Tensor;

/// The bytes of a tensor that its hash is made of; tensors whose hashes are equal are compared whole.
const HASHED_BYTES: usize = 1024;

/// The nodes that may be shared, by their hash.
#[derive(Default)]
pub(crate) struct Sharing {
    found: HashMap<u64, Vec<Shared>>,
    /// What was added, in order, so that it can be taken out again.
    added: Vec<u64>,
}

struct Shared {
    node: NodeId,
    results: Vec<ValueId>,
}

impl Sharing {
    /// The hash of a node; `None` where it isn't shared.
    pub(crate) fn key(op: &'static OpDef, operands: &[Option<ValueId>], attrs: &Attrs, outputs: usize) -> Option<u64> {
        if !op.effects.is_pure() || op.regions > 0 {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        (op.name, operands, outputs).hash(&mut hasher);
        for (name, attr) in attrs {
            name.hash(&mut hasher);
            hash_attr(attr, &mut hasher)?;
        }
        Some(hasher.finish())
    }

    /// The node that is there already, and what stands for its results.
    pub(crate) fn find(
        &self,
        key: u64,
        graph: &Graph,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: &Attrs,
        hints: &Hints,
    ) -> Option<(NodeId, Vec<ValueId>)> {
        let same = |shared: &&Shared| {
            let node = graph.node(shared.node);
            node.op == op && node.operands == operands && node.attrs == *attrs && node.hints == *hints
        };
        self.found.get(&key)?.iter().find(same).map(|shared| (shared.node, shared.results.clone()))
    }

    /// Notes a node, and what stands for its results.
    pub(crate) fn add(&mut self, key: u64, node: NodeId, results: Vec<ValueId>) {
        self.found.entry(key).or_default().push(Shared { node, results });
        self.added.push(key);
    }

    /// How far it is filled, for [`Sharing::leave`].
    pub(crate) fn mark(&self) -> usize {
        self.added.len()
    }

    /// Takes out what was added since `mark`.
    pub(crate) fn leave(&mut self, mark: usize) {
        for key in self.added.drain(mark..).rev() {
            if let Some(shared) = self.found.get_mut(&key) {
                shared.pop();
            }
        }
    }
}

/// Adds an attribute to a hash. `None` where the bytes of a tensor aren't at hand.
fn hash_attr(attr: &Attr, hasher: &mut DefaultHasher) -> Option<()> {
    attr.kind_name().hash(hasher);
    match attr {
        Attr::Bool(value) => value.hash(hasher),
        Attr::Int(value) => value.hash(hasher),
        Attr::Float(value) => value.to_bits().hash(hasher),
        Attr::Str(value) => value.hash(hasher),
        Attr::Ints(values) => values.hash(hasher),
        Attr::Floats(values) => values.iter().for_each(|value| value.to_bits().hash(hasher)),
        Attr::Strs(values) => values.hash(hasher),
        Attr::DType(value) => value.hash(hasher),
        Attr::Type(value) => value.hash(hasher),
        Attr::Tensor(value) => return hash_tensor(value, hasher),
    }
    Some(())
}

fn hash_tensor(tensor: &Tensor, hasher: &mut DefaultHasher) -> Option<()> {
    (tensor.dtype(), tensor.shape()).hash(hasher);
    if let Some(strings) = tensor.as_strings() {
        strings.iter().take(HASHED_BYTES / 8).for_each(|text| text.hash(hasher));
        return Some(());
    }
    let bytes = tensor.as_bytes()?;
    let (first, rest) = bytes.split_at(bytes.len().min(HASHED_BYTES / 2));
    first.hash(hasher);
    rest.get(rest.len().saturating_sub(HASHED_BYTES / 2)..)?.hash(hasher);
    Some(())
}
