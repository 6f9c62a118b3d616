//! The graph: the one data structure of every stage.
//!
//! SSA in structured regions. A [`Graph`] owns three arenas (values, nodes, regions) and one body
//! region. A node reads operands, gives results, and may own regions: the bodies of `if`, `loop`,
//! `scan` and `call`. A region may read the values of the regions around it (a capture), so nesting
//! needs no argument lists. The order of the nodes in a region is the order of their effects.
//!
//! Invariants (checked by [`verify`](crate::verify())): every value is defined once, before its uses,
//! in the region of the use or one around it; names of values are unique; types are what inference
//! says. Nodes are only ever appended; a pass that changes a graph builds a new one.

use std::fmt;
use std::sync::Arc;

use glassbox_tensor::Tensor;

use crate::attr::{Attrs, Hints};
use crate::op::OpDef;
use crate::types::{TensorType, Type};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The place in the graph's arena, counted from zero.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A value of a graph.
    ValueId
);
id!(
    /// A node of a graph.
    NodeId
);
id!(
    /// A region of a graph.
    RegionId
);

/// A typed program. See the [module](self).
#[derive(Clone, Debug)]
pub struct Graph {
    /// The name, as the model gives it.
    pub name: String,
    /// Text about the model by key: producer, labels, task.
    pub metadata: Vec<(String, String)>,
    /// The states, in order of declaration.
    pub states: Vec<State>,
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) regions: Vec<Region>,
}

/// The empty graph: a body without inputs, nodes and outputs.
impl Default for Graph {
    fn default() -> Graph {
        Graph {
            name: String::new(),
            metadata: Vec::new(),
            states: Vec::new(),
            values: Vec::new(),
            nodes: Vec::new(),
            regions: vec![Region::default()],
        }
    }
}

/// A list of nodes with parameters and results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// What the region is given each time it runs. For the body of the graph: the inputs.
    pub parameters: Vec<ValueId>,
    /// The nodes, in program order.
    pub nodes: Vec<NodeId>,
    /// What the region gives back. For the body of the graph: the outputs.
    pub results: Vec<ValueId>,
}

/// One use of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// The op.
    pub op: &'static OpDef,
    /// The operands; `None` where an optional operand is left out.
    pub operands: Vec<Option<ValueId>>,
    /// The attributes that were given.
    pub attrs: Attrs,
    /// What the author advises the compiler: `fuse = true`. It never changes a value.
    pub hints: Hints,
    /// The bodies.
    pub regions: Vec<RegionId>,
    /// The results.
    pub results: Vec<ValueId>,
    /// Where the node comes from.
    pub provenance: Provenance,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The name, where it has one. Unique within the graph.
    pub name: Option<Arc<str>>,
    /// The type.
    pub ty: Type,
}

/// A tensor that lives from step to step, where the backend lives.
#[derive(Clone, Debug)]
pub struct State {
    /// The name. Unique within the graph.
    pub name: String,
    /// The type. The dims that are no number grow: those that are symbols are followed, see [`held`](crate::held).
    pub ty: TensorType,
    /// How far the growing dim may grow, where exactly one grows.
    pub capacity: Option<u64>,
    /// The contents at the start and after a reset; zeros (of extent zero along the dims that grow) if absent.
    pub initial: Option<Tensor>,
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        let same_initial = match (&self.initial, &other.initial) {
            (Some(a), Some(b)) => a.bit_eq(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_initial && self.name == other.name && self.ty == other.ty && self.capacity == other.capacity
    }
}

/// Where a node comes from: the first origin, then what it went through since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance(pub Vec<Origin>);

/// One place that a node can come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A node of an ONNX model: its name (or, if it has none, that of its first output) and op.
    Onnx {
        /// The name.
        node: String,
        /// The op, with its domain where that isn't the default.
        op: String,
    },
    /// A layer of a model: `decoder/layers.3/attn/q`.
    Layer(String),
    /// A statement of a program. The node that does what it says has it as its last origin; one that only
    /// helps (reads an index, checks a shape) has a [`Origin::Decomposed`] after it.
    Statement {
        /// The file.
        file: String,
        /// The line, from one.
        line: u32,
        /// The block and the loops in it: `entry/layers`. Empty in a program without blocks.
        block: String,
    },
    /// The decomposition of this op.
    Decomposed(String),
}

impl Provenance {
    /// A provenance with one origin.
    pub fn new(origin: Origin) -> Provenance {
        Provenance(vec![origin])
    }

    /// This provenance, then one step more.
    pub fn then(&self, origin: Origin) -> Provenance {
        Provenance(self.0.iter().cloned().chain([origin]).collect())
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, origin) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" > ")?;
            }
            match origin {
                Origin::Onnx { node, op } => write!(f, "onnx({node:?}, {op:?})")?,
                Origin::Layer(path) => write!(f, "layer({path:?})")?,
                Origin::Statement { file, line, block } => write!(f, "statement({file:?}, {line}, {block:?})")?,
                Origin::Decomposed(op) => write!(f, "decomposed({op:?})")?,
            }
        }
        Ok(())
    }
}

impl Graph {
    /// The body.
    pub fn body(&self) -> RegionId {
        RegionId(0)
    }

    /// The inputs.
    pub fn inputs(&self) -> &[ValueId] {
        &self.region(self.body()).parameters
    }

    /// The outputs.
    pub fn outputs(&self) -> &[ValueId] {
        &self.region(self.body()).results
    }

    /// A value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// A region.
    pub fn region(&self, id: RegionId) -> &Region {
        &self.regions[id.index()]
    }

    /// The number of values: one more than the largest index.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The number of nodes, those of nested regions included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Every node in program order, a node before those of its regions.
    pub fn walk(&self) -> Vec<NodeId> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = Vec::new();
        stack.extend(self.region(self.body()).nodes.iter().rev().copied());
        while let Some(id) = stack.pop() {
            order.push(id);
            for region in self.node(id).regions.iter().rev() {
                stack.extend(self.region(*region).nodes.iter().rev().copied());
            }
        }
        order
    }

    /// The value that is named `name`.
    pub fn find_value(&self, name: &str) -> Option<ValueId> {
        let found = self.values.iter().position(|value| value.name.as_deref() == Some(name))?;
        u32::try_from(found).ok().map(ValueId)
    }

    /// How a message calls a value: its name, or its number.
    pub fn value_label(&self, id: ValueId) -> String {
        match &self.value(id).name {
            Some(name) => name.to_string(),
            None => format!("#{}", id.index()),
        }
    }

    /// How a message calls a node: the name it came with, or that of its first result.
    pub fn node_label(&self, id: NodeId) -> String {
        let node = self.node(id);
        let origin = match node.provenance.0.first() {
            Some(Origin::Onnx { node, .. }) if !node.is_empty() => Some(node.clone()),
            Some(Origin::Layer(path)) => Some(path.clone()),
            Some(Origin::Statement { file, line, block }) if block.is_empty() => Some(format!("{file}:{line}")),
            Some(Origin::Statement { file, line, block }) => Some(format!("{file}:{line}, block {block}")),
            _ => None,
        };
        origin.unwrap_or_else(|| match node.results.first() {
            Some(result) => self.value_label(*result),
            None => format!("node {}", id.index()),
        })
    }
}
